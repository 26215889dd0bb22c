//! Rows of a column by their numbers.
//!
//! Arrow's own `take` knows many more types, and with them brings a megabyte of code.

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, BooleanArray, ListArray, PrimitiveArray, StructArray,
    UInt32Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as Arrow;

use super::{Column, fields_of, items_of, raw};

/// The rows at `indices`, in that order; null where an index is null. The indices lie inside the column.
pub fn take(column: &Column, indices: &UInt32Array) -> Column {
    match column {
        Column::Boolean(array) => {
            let bit = |at: usize| indices.is_valid(at) && array.values().value(indices.value(at) as usize);
            let values = BooleanBuffer::collect_bool(indices.len(), bit);
            Column::Boolean(BooleanArray::new(values, nulls(array, indices)))
        }
        Column::Int(array) => Column::Int(primitive(array, indices)),
        Column::Double(array) => Column::Double(primitive(array, indices)),
        Column::Decimal(array) => Column::Decimal(primitive(array, indices)),
        Column::Timestamp(array) => Column::Timestamp(primitive(array, indices)),
        Column::Date(array) => Column::Date(primitive(array, indices)),
        Column::Interval(array) => Column::Interval(primitive(array, indices)),
        Column::String(array) => {
            Column::String(raw::taken_views(array, values(array.views(), indices), nulls(array, indices)))
        }
        Column::Json(array) => {
            Column::Json(raw::taken_views(array, values(array.views(), indices), nulls(array, indices)))
        }
        Column::Bytes(array) => {
            let (views, nulls) = (values(array.views(), indices), nulls(array, indices));
            let taken = BinaryViewArray::try_new(views, array.data_buffers().to_vec(), nulls);
            Column::Bytes(taken.expect("views of an array lie inside its buffers"))
        }
        Column::List(array) => Column::List(lists(array, indices)),
        Column::Struct(array) => {
            let Arrow::Struct(fields) = array.data_type() else { unreachable!("a struct has the type of a struct") };
            let parts: Vec<ArrayRef> = fields_of(array).iter().map(|part| take(part, indices).into()).collect();
            let taken = StructArray::try_new_with_length(fields.clone(), parts, nulls(array, indices), indices.len());
            Column::Struct(taken.expect("fields keep their types"))
        }
    }
}

/// Zero where an index is null.
fn values<T: Copy + Default + arrow_buffer::ArrowNativeType>(values: &[T], indices: &UInt32Array) -> ScalarBuffer<T> {
    let taken: Vec<T> = match indices.null_count() {
        0 => indices.values().iter().map(|&index| values[index as usize]).collect(),
        _ => indices.iter().map(|index| index.map_or_else(T::default, |index| values[index as usize])).collect(),
    };
    taken.into()
}

fn nulls(array: &dyn Array, indices: &UInt32Array) -> Option<NullBuffer> {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else { return indices.nulls().cloned() };
    let valid = |at: usize| indices.is_valid(at) && nulls.is_valid(indices.value(at) as usize);
    Some(NullBuffer::new(BooleanBuffer::collect_bool(indices.len(), valid))).filter(|nulls| nulls.null_count() > 0)
}

fn primitive<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, indices: &UInt32Array) -> PrimitiveArray<T> {
    let taken = PrimitiveArray::new(values(array.values(), indices), nulls(array, indices));
    taken.with_data_type(array.data_type().clone())
}

fn lists(array: &ListArray, indices: &UInt32Array) -> ListArray {
    let Arrow::List(field) = array.data_type() else { unreachable!("a list has the type of a list") };
    let (ends, nulls) = (array.value_offsets(), nulls(array, indices));
    let mut items: Vec<u32> = Vec::new();
    let mut lengths = Vec::with_capacity(indices.len());
    for (at, index) in indices.iter().enumerate() {
        // What a null list holds is left behind.
        let index = index.filter(|_| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at)));
        let range = index.map_or(0..0, |index| ends[index as usize] as u32..ends[index as usize + 1] as u32);
        lengths.push(range.len());
        items.extend(range);
    }
    let items: ArrayRef = take(&items_of(array), &UInt32Array::from(items)).into();
    ListArray::new(field.clone(), OffsetBuffer::from_lengths(lengths), items, nulls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnBuilder, DataType, Field};

    #[test]
    fn rows_of_every_type_in_any_order() {
        let parts = vec![
            Field { name: "a".into(), ty: DataType::Int },
            Field { name: "b".into(), ty: DataType::list(DataType::String) },
        ];
        let structure = DataType::structure(parts);
        let types = [
            (DataType::Boolean, ["true", "false", "true"]),
            (DataType::Int, ["-1", "2", "9223372036854775807"]),
            (DataType::Double, ["0.5", "-2.25", "1e300"]),
            (DataType::Decimal { precision: 20, scale: 3 }, ["1.5", "-2", "12345678901234567.891"]),
            (DataType::String, ["", "short", "a text of more than twelve bytes"]),
            (DataType::Timestamp, ["2024-05-01T12:00:00Z", "1970-01-01T00:00:00Z", "1969-01-01T00:00:00.5Z"]),
            (DataType::Bytes, ["AAEC", "", "AAECAwQFBgcICQoLDA0ODw=="]),
            (DataType::Date, ["2024-05-01", "1970-01-01", "1900-01-01"]),
            (DataType::Interval, ["1 day", "2 months", "3 seconds"]),
            (DataType::Json, ["{}", "[1, 2]", "\"a text of more than twelve bytes\""]),
            (DataType::list(DataType::Int), ["[1,2]", "[]", "[3,null]"]),
            (DataType::list(structure), ["[{\"a\":1,\"b\":[\"x\"]}]", "[]", "[null,{\"a\":null,\"b\":null}]"]),
            (structure, ["{\"a\":1,\"b\":[\"x\",\"y\"]}", "{\"a\":null,\"b\":[]}", "{\"a\":7,\"b\":null}"]),
        ];
        for (ty, texts) in types {
            let mut builder = ColumnBuilder::new(ty, 5);
            builder.append_null();
            for text in texts {
                builder.append_text(text).unwrap();
            }
            let whole = builder.finish();
            // A slice, so that rows and what lies in buffers have other numbers; with nulls and without.
            for column in [whole.clone(), whole.slice(1, 3), whole.slice(0, 3)] {
                let rows = column.len() as u32;
                let picks = [
                    vec![],
                    vec![Some(rows - 1), Some(0), Some(0), Some(1)],
                    vec![None, Some(2), None, Some(1), Some(0)],
                ];
                for picks in picks {
                    let taken = take(&column, &UInt32Array::from(picks.clone()));
                    assert_eq!((taken.len(), taken.data_type()), (picks.len(), ty));
                    for (row, pick) in picks.iter().enumerate() {
                        let expected = pick.map_or("NULL".into(), |pick| column.display(pick as usize));
                        assert_eq!(taken.display(row), expected, "{ty} {picks:?}");
                    }
                }
            }
        }
    }
}
