//! Columns as the Arrow arrays of state files, and back: layouts that every reader of Arrow opens, with one byte form
//! for one content, so that equal rows have equal hashes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, LargeStringArray, PrimitiveArray, StringViewArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType as Arrow, Field, Schema as ArrowSchema, TimeUnit};
use xxhash_rust::xxh3::Xxh3;

use crate::data::{Column, DataType, Schema};
use crate::error::{Error, Result};

/// Name of the first column of every state file: the key group of the row, an Arrow `Int32`.
pub const KEY_GROUP: &str = "key_group";

/// The schema of a state file of a table.
pub fn file_schema(schema: &Schema) -> ArrowSchema {
    let mut fields = vec![Field::new(KEY_GROUP, Arrow::Int32, false)];
    fields.extend(schema.fields.iter().map(|field| Field::new(&field.name, arrow_type(field.ty), true)));
    ArrowSchema::new(fields)
}

fn arrow_type(ty: DataType) -> Arrow {
    match ty {
        DataType::Boolean => Arrow::Boolean,
        DataType::Int => Arrow::Int64,
        DataType::Double => Arrow::Float64,
        DataType::Decimal { precision, scale } => Arrow::Decimal128(precision, scale as i8),
        DataType::String => Arrow::LargeUtf8,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
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
        Column::String(a) => {
            let texts: LargeStringArray = a.iter().collect();
            let (offsets, values, nulls) = texts.into_parts();
            Arc::new(LargeStringArray::new(offsets, values, some_nulls(nulls.as_ref())))
        }
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

/// The column that an array of a state file stands for.
///
/// Errors: no column is stored as this type.
pub fn to_column(array: &ArrayRef) -> Result<Column> {
    Ok(match array.data_type() {
        Arrow::Boolean => Column::Boolean(array.as_boolean().clone()),
        Arrow::Int64 => Column::Int(array.as_primitive::<Int64Type>().clone()),
        Arrow::Float64 => Column::Double(array.as_primitive::<Float64Type>().clone()),
        Arrow::Decimal128(..) => Column::Decimal(array.as_primitive::<Decimal128Type>().clone()),
        Arrow::Timestamp(TimeUnit::Microsecond, _) => {
            let array = array.as_primitive::<TimestampMicrosecondType>().clone();
            Column::Timestamp(array.with_timezone_opt(None::<Arc<str>>))
        }
        Arrow::LargeUtf8 => Column::String(StringViewArray::from(array.as_string::<i64>())),
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
        other => other.to_string(),
    }
}

/// 64 bits at a time, the last ones filled up with zeros.
fn hash_bits(hash: &mut Xxh3, bits: &BooleanBuffer) {
    for chunk in bits.bit_chunks().iter_padded().take(bits.len().div_ceil(64)) {
        hash.update(&chunk.to_le_bytes());
    }
}
