//! Which types of files become which of ours: what a schema is when none is given, and what a given one may ask for.

use arrow_schema::{DataType as Arrow, Field as ArrowField, FieldRef, SchemaRef, TimeUnit};

use super::super::{SourceField, TimestampSource};
use super::column_named;
use crate::data::{DataType, Field, arrow};
use crate::error::nearest;
use crate::error::{Error, Result};

/// The columns of a file as a source has them if its job gives no schema. Columns of types that we have not are left
/// out.
pub fn fields(schema: &SchemaRef) -> Vec<SourceField> {
    let field = |field: &arrow_schema::FieldRef| {
        let ty = type_of(field)?;
        Some(SourceField::new(field.name(), ty, None))
    };
    schema.fields().iter().filter_map(field).collect()
}

/// The type that holds all values of a field.
pub fn type_of(field: &ArrowField) -> Option<DataType> {
    Some(match field.data_type() {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 | Arrow::Int16 | Arrow::Int32 | Arrow::Int64 => DataType::Int,
        Arrow::UInt8 | Arrow::UInt16 | Arrow::UInt32 => DataType::Int,
        Arrow::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
        Arrow::Float16 | Arrow::Float32 | Arrow::Float64 => DataType::Double,
        Arrow::Decimal32(precision, scale)
        | Arrow::Decimal64(precision, scale)
        | Arrow::Decimal128(precision, scale) => {
            let scale = u8::try_from(*scale).ok()?;
            DataType::Decimal { precision: *precision, scale }
        }
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View if arrow::is_json(field) => DataType::Json,
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::String,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => DataType::Bytes,
        Arrow::Timestamp(_, _) => DataType::Timestamp,
        Arrow::Date32 | Arrow::Date64 => DataType::Date,
        Arrow::Interval(_) => DataType::Interval,
        Arrow::Dictionary(_, values) => type_of(&ArrowField::new("", (**values).clone(), true))?,
        Arrow::List(item) | Arrow::LargeList(item) | Arrow::Map(item, _) => DataType::list(type_of(item)?),
        Arrow::Struct(parts) if !parts.is_empty() => {
            let part = |part: &FieldRef| Some(Field { name: part.name().clone(), ty: type_of(part)? });
            DataType::structure(parts.iter().map(part).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Whether a file has the columns that are declared, in types that can be read as the declared ones.
///
/// Errors (class Job): which one it has not, and what there is.
pub fn check(schema: &SchemaRef, fields: &[SourceField]) -> Result<()> {
    for field in fields {
        let name = field.source_name();
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let Some(index) = column_named(schema, name) else {
            let all = names().collect::<Vec<_>>().join(", ");
            let near = nearest(name, names()).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
            return Err(Error::job(format!("there is no column {name}")).note(format!("{near}the file has: {all}")));
        };
        let native = schema.field(index);
        if !casts(native.data_type(), field.ty, &field.timestamp) {
            let (is, ty) = (shown(native.data_type()), field.ty);
            let error = Error::job(format!("column {name} is {is} in the file, which cannot be read as {ty}"));
            return Err(match type_of(native) {
                Some(ty) => error.note(format!("declare it as {ty}, and convert it with CAST")),
                None => error.note("leave it out of the schema"),
            });
        }
    }
    Ok(())
}

/// Whether values of `native` can be read as `ty`; some may be out of range.
fn casts(native: &Arrow, ty: DataType, source: &TimestampSource) -> bool {
    use Arrow::*;
    if let Dictionary(_, values) = native {
        return casts(values, ty, source);
    }
    let is_int = native.is_integer();
    let is_text = matches!(native, Utf8 | LargeUtf8 | Utf8View);
    match ty {
        DataType::Boolean => matches!(native, Boolean),
        DataType::Int => is_int,
        DataType::Double => native.is_floating() || matches!(native, Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32),
        DataType::Decimal { .. } => is_int || matches!(native, Decimal32(..) | Decimal64(..) | Decimal128(..)),
        DataType::Json => is_text,
        DataType::String => is_text || matches!(native, Binary | LargeBinary | BinaryView),
        DataType::Bytes => is_text || matches!(native, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)),
        DataType::Date => matches!(native, Date32 | Date64),
        // Text is how Parquet has those that its own intervals do not hold.
        DataType::Interval => is_text || matches!(native, Interval(_)),
        DataType::Timestamp => match source {
            TimestampSource::Unit(_) => is_int && !matches!(native, UInt64) || matches!(native, Timestamp(..)),
            _ => matches!(native, Timestamp(..) | Date32 | Date64),
        },
        DataType::List(item) => match native {
            List(found) | LargeList(found) | Map(found, _) => casts(found.data_type(), *item, source),
            _ => false,
        },
        DataType::Struct(parts) => match native {
            Struct(found) => parts.iter().all(|part| {
                let found = found.find(&part.name);
                found.is_some_and(|(_, found)| casts(found.data_type(), part.ty, source))
            }),
            _ => false,
        },
    }
}

/// A type in a few words.
pub fn shown(native: &Arrow) -> String {
    match native {
        Arrow::Timestamp(unit, zone) => {
            let unit = match unit {
                TimeUnit::Second => "s",
                TimeUnit::Millisecond => "ms",
                TimeUnit::Microsecond => "us",
                TimeUnit::Nanosecond => "ns",
            };
            let zone = if zone.is_some() { "with zone" } else { "without zone" };
            format!("timestamp ({unit}, {zone})")
        }
        Arrow::Dictionary(_, values) => format!("dictionary of {}", shown(values)),
        Arrow::List(item) | Arrow::LargeList(item) => format!("list of {}", shown(item.data_type())),
        Arrow::Struct(parts) => {
            let parts = parts.iter().map(|part| format!("{} {}", part.name(), shown(part.data_type())));
            format!("struct of {}", parts.collect::<Vec<_>>().join(", "))
        }
        Arrow::Map(_, _) => "map".into(),
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => "text".into(),
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView => "bytes".into(),
        other => other.to_string().to_lowercase(),
    }
}
