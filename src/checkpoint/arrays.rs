//! Columns as the Arrow arrays of state files, and back: layouts that every reader of Arrow opens, with one byte form
//! for one content, so that equal rows have equal hashes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, BooleanArray, LargeBinaryArray, LargeStringArray, ListArray,
    PrimitiveArray, StringViewArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType as Arrow, Field, Fields, IntervalUnit, Schema as ArrowSchema, TimeUnit};
use xxhash_rust::xxh3::Xxh3;

use crate::data::arrow::{arrow_field, is_json, item_field, marked};
use crate::data::{Column, DataType, Schema, fields_of, items_of};
use crate::error::{Error, Result};

/// Name of the first column of every state file: the key group of the row, an Arrow `Int32`.
pub const KEY_GROUP: &str = "key_group";

/// The schema of a state file of a table.
pub fn file_schema(schema: &Schema) -> ArrowSchema {
    let mut fields = vec![Field::new(KEY_GROUP, Arrow::Int32, false)];
    fields.extend(schema.fields.iter().map(|field| stored_field(&field.name, field.ty)));
    ArrowSchema::new(fields)
}

fn stored_field(name: &str, ty: DataType) -> Field {
    marked(Field::new(name, arrow_type(ty), true), ty)
}

fn arrow_type(ty: DataType) -> Arrow {
    match ty {
        DataType::Boolean => Arrow::Boolean,
        DataType::Int => Arrow::Int64,
        DataType::Double => Arrow::Float64,
        DataType::Decimal { precision, scale } => Arrow::Decimal128(precision, scale as i8),
        DataType::String | DataType::Json => Arrow::LargeUtf8,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Bytes => Arrow::LargeBinary,
        DataType::Date => Arrow::Date32,
        DataType::Interval => Arrow::Interval(IntervalUnit::MonthDayNano),
        DataType::List(item) => Arrow::List(Arc::new(stored_field("item", *item))),
        DataType::Struct(fields) => Arrow::Struct(stored_fields(fields)),
    }
}

fn stored_fields(fields: &[crate::data::Field]) -> Fields {
    fields.iter().map(|field| stored_field(&field.name, field.ty)).collect()
}

/// The array that a state file holds for a column: slots of nulls are zero or empty.
pub fn to_array(column: &Column) -> ArrayRef {
    match column {
        Column::Boolean(a) => {
            let nulls = some_nulls(a.nulls());
            let values = match &nulls {
                Some(nulls) => a.values() & nulls.inner(),
                None => a.values().clone(),
            };
            Arc::new(BooleanArray::new(values, nulls))
        }
        Column::Int(a) => Arc::new(zero_nulls(a)),
        Column::Double(a) => Arc::new(zero_nulls(a)),
        Column::Decimal(a) => Arc::new(zero_nulls(a)),
        Column::Timestamp(a) => Arc::new(zero_nulls(a).with_timezone("UTC")),
        Column::String(a) | Column::Json(a) => {
            let texts: LargeStringArray = a.iter().collect();
            let (offsets, values, nulls) = texts.into_parts();
            Arc::new(LargeStringArray::new(offsets, values, some_nulls(nulls.as_ref())))
        }
        Column::Bytes(a) => {
            let bytes: LargeBinaryArray = a.iter().collect();
            let (offsets, values, nulls) = bytes.into_parts();
            Arc::new(LargeBinaryArray::new(offsets, values, some_nulls(nulls.as_ref())))
        }
        Column::Date(a) => Arc::new(zero_nulls(a)),
        Column::Interval(a) => Arc::new(zero_nulls(a)),
        Column::List(_) | Column::Struct(_) => nested(&column.compact()),
    }
}

/// Of a column that was just built: what is null has no items, and null fields.
fn nested(column: &Column) -> ArrayRef {
    let nulls = some_nulls(column.nulls());
    match (column, column.data_type()) {
        (Column::List(a), DataType::List(item)) => {
            let items = to_array(&items_of(a));
            Arc::new(ListArray::new(Arc::new(stored_field("item", *item)), a.offsets().clone(), items, nulls))
        }
        (Column::Struct(a), DataType::Struct(fields)) => {
            let columns = fields_of(a);
            let arrays = columns.iter().map(to_array).collect();
            let made = StructArray::try_new_with_length(stored_fields(fields), arrays, nulls, a.len());
            Arc::new(made.expect("fields have the types of the struct"))
        }
        _ => unreachable!("a list or a struct"),
    }
}

fn some_nulls(nulls: Option<&NullBuffer>) -> Option<NullBuffer> {
    nulls.filter(|nulls| nulls.null_count() > 0).cloned()
}

fn zero_nulls<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> PrimitiveArray<T> {
    let nulls = some_nulls(array.nulls());
    let values = match &nulls {
        None => array.values().clone(),
        Some(nulls) => {
            let valid = nulls.iter().zip(array.values().iter());
            valid.map(|(valid, &value)| if valid { value } else { T::Native::default() }).collect()
        }
    };
    PrimitiveArray::<T>::new(values, nulls).with_data_type(array.data_type().clone())
}

/// The column that an array of a state file stands for. `json`: its text is JSON.
///
/// Errors: no column is stored as this type.
pub fn to_column(array: &ArrayRef, json: bool) -> Result<Column> {
    Ok(match array.data_type() {
        Arrow::Boolean => Column::Boolean(array.as_boolean().clone()),
        Arrow::Int64 => Column::Int(array.as_primitive::<Int64Type>().clone()),
        Arrow::Float64 => Column::Double(array.as_primitive::<Float64Type>().clone()),
        Arrow::Decimal128(..) => Column::Decimal(array.as_primitive::<Decimal128Type>().clone()),
        Arrow::Timestamp(TimeUnit::Microsecond, _) => {
            let array = array.as_primitive::<TimestampMicrosecondType>().clone();
            Column::Timestamp(array.with_timezone_opt(None::<Arc<str>>))
        }
        Arrow::LargeUtf8 if json => Column::Json(StringViewArray::from(array.as_string::<i64>())),
        Arrow::LargeUtf8 => Column::String(StringViewArray::from(array.as_string::<i64>())),
        Arrow::LargeBinary => Column::Bytes(BinaryViewArray::from(array.as_binary::<i64>())),
        Arrow::Date32 => Column::Date(array.as_primitive::<Date32Type>().clone()),
        Arrow::Interval(IntervalUnit::MonthDayNano) => {
            Column::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
        }
        Arrow::List(field) => {
            let lists = array.as_list::<i32>();
            let items = to_column(lists.values(), is_json(field))?;
            let field = item_field(items.data_type());
            Column::List(ListArray::new(field, lists.offsets().clone(), items.into(), lists.nulls().cloned()))
        }
        Arrow::Struct(fields) => {
            let structs = array.as_struct();
            let columns = structs.columns().iter().zip(fields).map(|(array, field)| to_column(array, is_json(field)));
            let columns = columns.collect::<Result<Vec<Column>>>()?;
            let field = |(column, field): (&Column, &Arc<Field>)| arrow_field(field.name(), column.data_type());
            let fields: Fields = columns.iter().zip(fields).map(field).collect();
            let arrays = columns.into_iter().map(ArrayRef::from).collect();
            let made = StructArray::try_new_with_length(fields, arrays, structs.nulls().cloned(), structs.len());
            Column::Struct(made.map_err(|error| Error::external(format!("a struct of state is broken: {error}")))?)
        }
        other => return Err(Error::external(format!("a column of state has the Arrow type {other}"))),
    })
}

/// xxh3-128 of the rows of some arrays made by [`to_array`] (behind their key groups), in hexadecimal.
/// `docs/state-format.md` says of which bytes.
pub fn hash(arrays: &[ArrayRef]) -> String {
    let mut hash = Xxh3::new();
    hash.update(&(arrays.first().map_or(0, |a| a.len()) as u64).to_le_bytes());
    for array in arrays {
        hash_array(&mut hash, array);
    }
    format!("{:032x}", hash.digest128())
}

fn hash_array(hash: &mut Xxh3, array: &ArrayRef) {
    let name = name_of(array.data_type());
    hash.update(&(name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => hash.update(&[0]),
        Some(nulls) => {
            hash.update(&[1]);
            hash_bits(hash, nulls.inner());
        }
    }
    match array.data_type() {
        Arrow::Boolean => hash_bits(hash, array.as_boolean().values()),
        Arrow::LargeUtf8 => {
            let texts = array.as_string::<i64>();
            hash.update(texts.offsets().inner().inner().as_slice());
            hash.update(texts.values().as_slice());
        }
        Arrow::LargeBinary => {
            let bytes = array.as_binary::<i64>();
            hash.update(bytes.offsets().inner().inner().as_slice());
            hash.update(bytes.values().as_slice());
        }
        Arrow::List(_) => {
            let lists = array.as_list::<i32>();
            hash.update(lists.offsets().inner().inner().as_slice());
            hash_array(hash, lists.values());
        }
        Arrow::Struct(fields) => {
            for (column, field) in array.as_struct().columns().iter().zip(fields) {
                hash.update(&(field.name().len() as u64).to_le_bytes());
                hash.update(field.name().as_bytes());
                hash_array(hash, column);
            }
        }
        _ => {
            let data = array.to_data();
            hash.update(data.buffers()[0].as_slice());
        }
    }
}

/// Of an array made by [`to_array`]: names that no version of a library changes.
fn name_of(ty: &Arrow) -> String {
    match ty {
        Arrow::Int32 => KEY_GROUP.into(),
        Arrow::Boolean => DataType::Boolean.to_string(),
        Arrow::Int64 => DataType::Int.to_string(),
        Arrow::Float64 => DataType::Double.to_string(),
        Arrow::LargeUtf8 => DataType::String.to_string(),
        Arrow::Timestamp(..) => DataType::Timestamp.to_string(),
        Arrow::Decimal128(precision, scale) => {
            DataType::Decimal { precision: *precision, scale: *scale as u8 }.to_string()
        }
        Arrow::LargeBinary => DataType::Bytes.to_string(),
        Arrow::Date32 => DataType::Date.to_string(),
        Arrow::Interval(_) => DataType::Interval.to_string(),
        Arrow::List(_) => "list".into(),
        Arrow::Struct(_) => "struct".into(),
        other => other.to_string(),
    }
}

/// 64 bits at a time, the last ones filled up with zeros.
fn hash_bits(hash: &mut Xxh3, bits: &BooleanBuffer) {
    for chunk in bits.bit_chunks().iter_padded().take(bits.len().div_ceil(64)) {
        hash.update(&chunk.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringViewArray};

    use super::*;

    fn hash_of(column: &Column) -> String {
        hash(&[to_array(column)])
    }

    #[test]
    fn equal_rows_have_equal_hashes_however_they_lie_in_memory() {
        let valid = || Some(NullBuffer::from(vec![true, false, true]));
        let clean = Column::Int(Int64Array::new(vec![1, 0, 3].into(), valid()));
        let dirty = Column::Int(Int64Array::new(vec![1, 77, 3].into(), valid()));
        assert_eq!(hash_of(&clean), hash_of(&dirty), "what lies below a null does not count");
        let whole = Column::Int(Int64Array::new(vec![9, 1, 77, 3, 9].into(), None));
        let part = Column::Int(Int64Array::new(vec![1, 77, 3].into(), Some(NullBuffer::new_valid(3))));
        assert_eq!(hash_of(&whole.slice(1, 3)), hash_of(&part));
        assert_ne!(hash_of(&clean), hash_of(&part));

        let texts = StringViewArray::from(vec![Some("x"), Some("a text that is not inline"), None, Some("")]);
        let texts = Column::String(texts);
        let same = Column::String(StringViewArray::from(vec![Some("a text that is not inline"), None]));
        assert_eq!(hash_of(&texts.slice(1, 2)), hash_of(&same));
        let empty = Column::String(StringViewArray::from(vec![Some("a text that is not inline"), Some("")]));
        assert_ne!(hash_of(&empty), hash_of(&same));
        let bits = |values: &[Option<bool>]| Column::Boolean(values.iter().copied().collect());
        let long = bits(&[Some(true), Some(true), None, Some(false), Some(true)]);
        assert_eq!(hash_of(&long.slice(1, 3)), hash_of(&bits(&[Some(true), None, Some(false)])));
        // Split elsewhere between two rows, or of another type.
        let texts = |a: &str, b: &str| Column::String(StringViewArray::from(vec![a, b]));
        assert_ne!(hash_of(&texts("ab", "c")), hash_of(&texts("a", "bc")));
        let time = Column::Timestamp(vec![1, 77, 3].into());
        assert_ne!(hash_of(&time), hash_of(&part));
    }
    #[test]
    fn nested_columns_are_read_back_and_hash_alike() {
        let field = |name: &str, ty| crate::data::Field { name: name.into(), ty };
        let inner = DataType::structure(vec![field("a", DataType::Json), field("b", DataType::Bytes)]);
        let ty = DataType::list(inner);
        let texts = [Some(r#"[{"a":{"x":1},"b":"AQI="},null]"#), None, Some("[]"), Some(r#"[{"a":null,"b":null}]"#)];
        let mut builder = crate::data::ColumnBuilder::new(ty, 4);
        for text in texts {
            match text {
                Some(text) => builder.append_json(text).unwrap(),
                None => builder.append_null(),
            }
        }
        let column = builder.finish();
        let back = to_column(&to_array(&column), false).unwrap();
        assert_eq!(back, column);
        assert_eq!(back.data_type(), ty);
        let mut twice = crate::data::ColumnBuilder::new(ty, 8);
        (0..4).chain(0..4).for_each(|row| twice.append_from(&column, row));
        assert_eq!(hash_of(&twice.finish().slice(4, 4)), hash_of(&column));
        assert_ne!(hash_of(&column.slice(0, 3)), hash_of(&column.slice(1, 3)));
    }
}
