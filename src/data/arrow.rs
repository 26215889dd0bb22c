//! Types as Arrow has them: what the arrays behind columns are typed with, also inside of lists and structs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType as Arrow, Field as ArrowField, FieldRef, Fields, IntervalUnit, TimeUnit};

use super::{DataType, Field};

/// Arrow's name for text that is JSON, in the metadata of a field: the canonical extension type `arrow.json`.
pub const EXTENSION: &str = "ARROW:extension:name";
pub const JSON: &str = "arrow.json";

/// The type of the arrays of a column.
pub fn arrow_type(ty: DataType) -> Arrow {
    match ty {
        DataType::Boolean => Arrow::Boolean,
        DataType::Int => Arrow::Int64,
        DataType::Double => Arrow::Float64,
        DataType::Decimal { precision, scale } => Arrow::Decimal128(precision, scale as i8),
        DataType::String | DataType::Json => Arrow::Utf8View,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, None),
        DataType::Bytes => Arrow::BinaryView,
        DataType::Date => Arrow::Date32,
        DataType::Interval => Arrow::Interval(IntervalUnit::MonthDayNano),
        DataType::List(item) => Arrow::List(item_field(*item)),
        DataType::Struct(fields) => Arrow::Struct(struct_fields(fields)),
    }
}

/// The field of the items of a list.
pub fn item_field(item: DataType) -> FieldRef {
    Arc::new(arrow_field("item", item))
}

pub fn struct_fields(fields: &[Field]) -> Fields {
    fields.iter().map(|field| arrow_field(&field.name, field.ty)).collect()
}

pub fn arrow_field(name: &str, ty: DataType) -> ArrowField {
    marked(ArrowField::new(name, arrow_type(ty), true), ty)
}

/// The field, with a mark if its text is JSON.
pub fn marked(field: ArrowField, ty: DataType) -> ArrowField {
    match ty {
        DataType::Json => field.with_metadata(HashMap::from([(EXTENSION.to_owned(), JSON.to_owned())])),
        _ => field,
    }
}

/// Whether the text of a field is JSON.
pub fn is_json(field: &ArrowField) -> bool {
    field.metadata().get(EXTENSION).is_some_and(|name| name == JSON)
}

/// The type of a column whose arrays are those of `field`: the reverse of [`arrow_field`].
pub fn type_of(field: &ArrowField) -> DataType {
    match field.data_type() {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int64 => DataType::Int,
        Arrow::Float64 => DataType::Double,
        Arrow::Decimal128(precision, scale) => DataType::Decimal { precision: *precision, scale: *scale as u8 },
        Arrow::Utf8View if is_json(field) => DataType::Json,
        Arrow::Utf8View => DataType::String,
        Arrow::Timestamp(..) => DataType::Timestamp,
        Arrow::BinaryView => DataType::Bytes,
        Arrow::Date32 => DataType::Date,
        Arrow::Interval(_) => DataType::Interval,
        Arrow::List(item) => DataType::list(type_of(item)),
        Arrow::Struct(fields) => {
            let field = |field: &FieldRef| Field { name: field.name().clone(), ty: type_of(field) };
            DataType::structure(fields.iter().map(field).collect())
        }
        other => panic!("no column has the Arrow type {other}"),
    }
}
