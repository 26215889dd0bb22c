//! One column of a batch.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    IntervalMonthDayNanoBuilder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, StringViewArray, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::NullBuffer;

use super::nested::{fields_of, items_of};
use super::{DataType, ListBuilder, StructBuilder, arrow, select};

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
    Bytes(BinaryViewArray),
    /// Days since 1970-01-01.
    Date(Date32Array),
    /// Nanoseconds are whole microseconds.
    Interval(IntervalMonthDayNanoArray),
    Json(StringViewArray),
    /// The field of the items is that of [`arrow::item_field`].
    List(ListArray),
    Struct(StructArray),
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
            Column::Bytes($array) => $body,
            Column::Date($array) => $body,
            Column::Interval($array) => $body,
            Column::Json($array) => $body,
            Column::List($array) => $body,
            Column::Struct($array) => $body,
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
            Column::Bytes(_) => DataType::Bytes,
            Column::Date(_) => DataType::Date,
            Column::Interval(_) => DataType::Interval,
            Column::Json(_) => DataType::Json,
            Column::List(a) => type_of(a.data_type()),
            Column::Struct(a) => type_of(a.data_type()),
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

    /// An array of the layout that a column of type `ty` has.
    pub fn from_array(array: &dyn Array, ty: DataType) -> Column {
        match ty {
            DataType::Boolean => Column::Boolean(array.as_boolean().clone()),
            DataType::Int => Column::Int(array.as_primitive::<Int64Type>().clone()),
            DataType::Double => Column::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Decimal { .. } => Column::Decimal(array.as_primitive::<Decimal128Type>().clone()),
            DataType::String => Column::String(array.as_string_view().clone()),
            DataType::Timestamp => Column::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone()),
            DataType::Bytes => Column::Bytes(array.as_binary_view().clone()),
            DataType::Date => Column::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Interval => Column::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone()),
            DataType::Json => Column::Json(array.as_string_view().clone()),
            DataType::List(_) => Column::List(array.as_list::<i32>().clone()),
            DataType::Struct(_) => Column::Struct(array.as_struct().clone()),
        }
    }

    /// The rows for which `mask` is true.
    pub fn filter(&self, mask: &arrow_select::filter::FilterPredicate) -> Column {
        let array = mask.filter(self.as_array()).expect("mask and column have the same length");
        Column::from_array(&array, self.data_type())
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Column {
        select::take(self, indices)
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
            Column::Bytes(a) => Column::Bytes(a.slice(offset, len)),
            Column::Date(a) => Column::Date(a.slice(offset, len)),
            Column::Interval(a) => Column::Interval(a.slice(offset, len)),
            Column::Json(a) => Column::Json(a.slice(offset, len)),
            Column::List(a) => Column::List(a.slice(offset, len)),
            Column::Struct(a) => Column::Struct(a.slice(offset, len)),
        }
    }

    /// All rows of `parts` (of one type, at least one part) behind each other.
    pub fn concat(parts: &[&Column]) -> Column {
        let arrays: Vec<&dyn Array> = parts.iter().map(|c| c.as_array()).collect();
        let array = arrow_select::concat::concat(&arrays).expect("parts have one type");
        Column::from_array(&array, parts[0].data_type())
    }

    /// Rows of `parts` (of one type, at least one part): for each row its part and its number there.
    pub fn interleave(parts: &[&Column], places: &[(usize, usize)]) -> Column {
        let mut builder = ColumnBuilder::new(parts[0].data_type(), places.len());
        places.iter().for_each(|&(part, row)| builder.append_from(parts[part], row));
        builder.finish()
    }

    /// A column that owns only its own values, instead of pinning whole blocks of input.
    pub fn compact(&self) -> Column {
        match self {
            Column::String(a) => Column::String(a.gc()),
            Column::Json(a) => Column::Json(a.gc()),
            Column::Bytes(a) => Column::Bytes(a.gc()),
            Column::List(_) | Column::Struct(_) => {
                let mut builder = ColumnBuilder::new(self.data_type(), self.len());
                (0..self.len()).for_each(|row| builder.append_from(self, row));
                builder.finish()
            }
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
        self.write_text(row, &mut text);
        let text = String::from_utf8_lossy(&text);
        match self {
            Column::String(_) => format!("'{text}'"),
            _ => text.into_owned(),
        }
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
    Bytes(BinaryViewBuilder),
    Date(Date32Builder),
    Interval(IntervalMonthDayNanoBuilder),
    Json(StringViewBuilder),
    List(ListBuilder),
    Struct(StructBuilder),
}

/// Calls `$body` with `$builder` bound to the concrete builder.
macro_rules! each_builder {
    ($column:expr, $builder:ident => $body:expr) => {
        match $column {
            ColumnBuilder::Boolean($builder) => $body,
            ColumnBuilder::Int($builder) => $body,
            ColumnBuilder::Double($builder) => $body,
            ColumnBuilder::Decimal($builder, ..) => $body,
            ColumnBuilder::String($builder) => $body,
            ColumnBuilder::Timestamp($builder) => $body,
            ColumnBuilder::Bytes($builder) => $body,
            ColumnBuilder::Date($builder) => $body,
            ColumnBuilder::Interval($builder) => $body,
            ColumnBuilder::Json($builder) => $body,
            ColumnBuilder::List($builder) => $body,
            ColumnBuilder::Struct($builder) => $body,
        }
    };
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
            DataType::Bytes => ColumnBuilder::Bytes(BinaryViewBuilder::with_capacity(capacity)),
            DataType::Date => ColumnBuilder::Date(Date32Builder::with_capacity(capacity)),
            DataType::Interval => ColumnBuilder::Interval(IntervalMonthDayNanoBuilder::with_capacity(capacity)),
            DataType::Json => ColumnBuilder::Json(StringViewBuilder::with_capacity(capacity)),
            DataType::List(item) => ColumnBuilder::List(ListBuilder::new(*item, capacity)),
            DataType::Struct(fields) => ColumnBuilder::Struct(StructBuilder::new(fields, capacity)),
        }
    }

    pub fn len(&self) -> usize {
        each_builder!(self, b => b.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn append_null(&mut self) {
        each_builder!(self, b => b.append_null());
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
            (ColumnBuilder::Bytes(b), Column::Bytes(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Date(b), Column::Date(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Interval(b), Column::Interval(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::Json(b), Column::Json(a)) => b.append_value(a.value(row)),
            (ColumnBuilder::List(b), Column::List(a)) => {
                let items = items_of(a);
                let ends = a.value_offsets();
                (ends[row]..ends[row + 1]).for_each(|item| b.items().append_from(&items, item as usize));
                b.end();
            }
            (ColumnBuilder::Struct(b), Column::Struct(a)) => {
                let fields = fields_of(a);
                b.fields().iter_mut().zip(&fields).for_each(|(to, from)| to.append_from(from, row));
                b.end();
            }
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
            ColumnBuilder::Bytes(b) => Column::Bytes(b.finish()),
            ColumnBuilder::Date(b) => Column::Date(b.finish()),
            ColumnBuilder::Interval(b) => Column::Interval(b.finish()),
            ColumnBuilder::Json(b) => Column::Json(b.finish()),
            ColumnBuilder::List(b) => Column::List(b.finish()),
            ColumnBuilder::Struct(b) => Column::Struct(b.finish()),
        }
    }
}

fn type_of(ty: &arrow_schema::DataType) -> DataType {
    arrow::type_of(&arrow_schema::Field::new("", ty.clone(), true))
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> ArrayRef {
        each!(column, a => Arc::new(a))
    }
}
