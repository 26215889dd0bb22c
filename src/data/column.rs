//! One column of a batch.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::NullBuffer;

use super::DataType;

/// A column: an Arrow array of one of the types in [`DataType`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Boolean(BooleanArray),
    Int(Int64Array),
    Double(Float64Array),
    /// Unscaled values; precision and scale are in the array's Arrow type.
    Decimal(Decimal128Array),
    String(StringViewArray),
    /// Microseconds, UTC, without an Arrow time zone.
    Timestamp(TimestampMicrosecondArray),
}

/// Calls `$body` with `$array` bound to the concrete array.
macro_rules! each {
    ($column:expr, $array:ident => $body:expr) => {
        match $column {
            Column::Boolean($array) => $body,
            Column::Int($array) => $body,
            Column::Double($array) => $body,
            Column::Decimal($array) => $body,
            Column::String($array) => $body,
            Column::Timestamp($array) => $body,
        }
    };
}

impl Column {
    pub fn data_type(&self) -> DataType {
        match self {
            Column::Boolean(_) => DataType::Boolean,
            Column::Int(_) => DataType::Int,
            Column::Double(_) => DataType::Double,
            Column::Decimal(a) => DataType::Decimal { precision: a.precision(), scale: a.scale() as u8 },
            Column::String(_) => DataType::String,
            Column::Timestamp(_) => DataType::Timestamp,
        }
    }

    pub fn len(&self) -> usize {
        each!(self, a => a.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_null(&self, row: usize) -> bool {
        each!(self, a => a.is_null(row))
    }

    pub fn nulls(&self) -> Option<&NullBuffer> {
        each!(self, a => a.nulls())
    }

    pub fn as_array(&self) -> &dyn Array {
        each!(self, a => a as &dyn Array)
    }

    /// The column of an Arrow array made by one of our own kernels.
    fn from_array(array: ArrayRef) -> Column {
        use arrow_schema::DataType as Arrow;
        match array.data_type() {
            Arrow::Boolean => Column::Boolean(array.as_boolean().clone()),
            Arrow::Int64 => Column::Int(array.as_primitive::<Int64Type>().clone()),
            Arrow::Float64 => Column::Double(array.as_primitive::<Float64Type>().clone()),
            Arrow::Decimal128(_, _) => Column::Decimal(array.as_primitive::<Decimal128Type>().clone()),
            Arrow::Utf8View => Column::String(array.as_string_view().clone()),
            Arrow::Timestamp(_, _) => Column::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone()),
            other => panic!("no column has the Arrow type {other}"),
        }
    }

    /// The rows for which `mask` is true.
    pub fn filter(&self, mask: &arrow_select::filter::FilterPredicate) -> Column {
        Column::from_array(mask.filter(self.as_array()).expect("mask and column have the same length"))
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Column {
        Column::from_array(
            arrow_select::take::take(self.as_array(), indices, None).expect("indices lie inside the column"),
        )
    }

    /// Rows `offset .. offset + len`, without copying.
    pub fn slice(&self, offset: usize, len: usize) -> Column {
        match self {
            Column::Boolean(a) => Column::Boolean(a.slice(offset, len)),
            Column::Int(a) => Column::Int(a.slice(offset, len)),
            Column::Double(a) => Column::Double(a.slice(offset, len)),
            Column::Decimal(a) => Column::Decimal(a.slice(offset, len)),
            Column::String(a) => Column::String(a.slice(offset, len)),
            Column::Timestamp(a) => Column::Timestamp(a.slice(offset, len)),
        }
    }

    /// All rows of `parts` (of one type, at least one part) behind each other.
    pub fn concat(parts: &[&Column]) -> Column {
        let arrays: Vec<&dyn Array> = parts.iter().map(|c| c.as_array()).collect();
        Column::from_array(arrow_select::concat::concat(&arrays).expect("parts have one type"))
    }

    /// Rows of `parts` (of one type, at least one part): for each row its part and its number there.
    pub fn interleave(parts: &[&Column], places: &[(usize, usize)]) -> Column {
        let arrays: Vec<&dyn Array> = parts.iter().map(|c| c.as_array()).collect();
        Column::from_array(arrow_select::interleave::interleave(&arrays, places).expect("parts have one type"))
    }

    /// A string column that owns only its own text, instead of pinning whole blocks of input.
    pub fn compact(&self) -> Column {
        match self {
            Column::String(a) => Column::String(a.gc()),
            other => other.clone(),
        }
    }

    /// Bytes kept alive by this column.
    pub fn pinned_bytes(&self) -> usize {
        each!(self, a => a.get_buffer_memory_size())
    }

    /// The value as text, for messages.
    pub fn display(&self, row: usize) -> String {
        if self.is_null(row) {
            return "NULL".into();
        }
        let mut text = Vec::new();
        match self {
            Column::Boolean(a) => super::text::write_bool(a.value(row), &mut text),
            Column::Int(a) => super::text::write_int(a.value(row), &mut text),
            Column::Double(a) => super::text::write_double(a.value(row), &mut text),
            Column::Decimal(a) => super::text::write_decimal(a.value(row), a.scale() as u8, &mut text),
            Column::Timestamp(a) => super::text::write_timestamp(a.value(row), &mut text),
            Column::String(a) => return format!("'{}'", a.value(row)),
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    pub fn new_null(ty: DataType, rows: usize) -> Column {
        let mut builder = ColumnBuilder::new(ty, rows);
        for _ in 0..rows {
            builder.append_null();
        }
        builder.finish()
    }
}

/// Builds a column value by value. Appending a value of another type than the builder's is a bug and panics.
#[derive(Debug)]
pub enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Int(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    String(StringViewBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl ColumnBuilder {
    pub fn new(ty: DataType, capacity: usize) -> ColumnBuilder {
        match ty {
            DataType::Boolean => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(capacity)),
            DataType::Int => ColumnBuilder::Int(Int64Builder::with_capacity(capacity)),
            DataType::Double => ColumnBuilder::Double(Float64Builder::with_capacity(capacity)),
            DataType::Decimal { precision, scale } => {
                ColumnBuilder::Decimal(Decimal128Builder::with_capacity(capacity), precision, scale)
            }
            DataType::String => ColumnBuilder::String(StringViewBuilder::with_capacity(capacity)),
            DataType::Timestamp => ColumnBuilder::Timestamp(TimestampMicrosecondBuilder::with_capacity(capacity)),
        }
    }

    pub fn append_null(&mut self) {
        match self {
            ColumnBuilder::Boolean(b) => b.append_null(),
            ColumnBuilder::Int(b) => b.append_null(),
            ColumnBuilder::Double(b) => b.append_null(),
            ColumnBuilder::Decimal(b, ..) => b.append_null(),
            ColumnBuilder::String(b) => b.append_null(),
            ColumnBuilder::Timestamp(b) => b.append_null(),
        }
    }

    /// Appends row `row` of `column`, which has this builder's type.
    pub fn append_from(&mut self, column: &Column, row: usize) {
        if column.is_null(row) {
            return self.append_null();
        }
        match (self, column) {
            (ColumnBuilder::Boolean(b), Column::Boolean(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Int(b), Column::Int(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Double(b), Column::Double(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Decimal(b, ..), Column::Decimal(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::String(b), Column::String(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Timestamp(b), Column::Timestamp(a)) => b.append_value(a.value(row)),
            (builder, column) => panic!("a {} value for {builder:?}", column.data_type()),
        }
    }

    pub fn finish(&mut self) -> Column {
        match self {
            ColumnBuilder::Boolean(b) => Column::Boolean(b.finish()),
            ColumnBuilder::Int(b) => Column::Int(b.finish()),
            ColumnBuilder::Double(b) => Column::Double(b.finish()),
            ColumnBuilder::Decimal(b, precision, scale) => Column::Decimal(
                b.finish()
                    .with_precision_and_scale(*precision, *scale as i8)
                    .expect("the schema holds a valid precision and scale"),
            ),
            ColumnBuilder::String(b) => Column::String(b.finish()),
            ColumnBuilder::Timestamp(b) => Column::Timestamp(b.finish()),
        }
    }
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> ArrayRef {
        each!(column, a => Arc::new(a))
    }
}
