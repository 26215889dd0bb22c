//! Type names, and which types go together.

use crate::data::DataType;

/// The greatest precision of a decimal.
pub const PRECISION_MAX: u8 = 38;
/// A division of decimals has at least so many digits behind the point.
pub const DIVISION_SCALE_MIN: u8 = 6;

/// What a type name stands for.
pub enum TypeName {
    Plain(DataType),
    /// Takes `(precision, scale)`.
    Decimal,
    /// Takes `<item>`.
    List,
    /// Takes `<name type, …>`.
    Struct,
    /// Known to the language, but not there yet.
    Later,
}

/// The type of a name as written, in any case.
pub fn type_name(name: &str) -> Option<TypeName> {
    Some(match name.to_ascii_lowercase().as_str() {
        "boolean" | "bool" => TypeName::Plain(DataType::Boolean),
        "int" | "bigint" | "integer" | "smallint" | "tinyint" | "long" | "int64" | "int8" | "int4" => {
            TypeName::Plain(DataType::Int)
        }
        "double" | "float" | "real" | "float64" | "float8" => TypeName::Plain(DataType::Double),
        "string" | "varchar" | "text" | "char" => TypeName::Plain(DataType::String),
        "timestamp" | "timestamptz" | "timestamp_ltz" | "datetime" => TypeName::Plain(DataType::Timestamp),
        "decimal" | "numeric" => TypeName::Decimal,
        "bytes" | "binary" | "varbinary" | "bytea" | "blob" => TypeName::Plain(DataType::Bytes),
        "date" => TypeName::Plain(DataType::Date),
        "interval" => TypeName::Plain(DataType::Interval),
        "json" | "jsonb" => TypeName::Plain(DataType::Json),
        "list" | "array" => TypeName::List,
        "struct" | "row" => TypeName::Struct,
        "map" | "time" => TypeName::Later,
        _ => return None,
    })
}

pub const TYPE_NAMES: [&str; 12] = [
    "boolean",
    "int",
    "double",
    "decimal",
    "string",
    "timestamp",
    "bytes",
    "date",
    "interval",
    "json",
    "list",
    "struct",
];

/// Precision and scale of a number as a decimal.
pub fn as_decimal(ty: DataType) -> Option<(u8, u8)> {
    match ty {
        DataType::Int => Some((19, 0)),
        DataType::Decimal { precision, scale } => Some((precision, scale)),
        _ => None,
    }
}

/// The type that values of both types convert to without being asked.
pub fn common(a: DataType, b: DataType) -> Option<DataType> {
    if a == b {
        return Some(a);
    }
    match (a, b) {
        (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => {
            return Some(DataType::Timestamp);
        }
        (DataType::List(a), DataType::List(b)) => return common(*a, *b).map(DataType::list),
        _ => {}
    }
    if !a.is_numeric() || !b.is_numeric() {
        return None;
    }
    let (Some((p, s)), Some((q, t))) = (as_decimal(a), as_decimal(b)) else { return Some(DataType::Double) };
    let scale = s.max(t);
    let precision = ((p - s).max(q - t) + scale).min(PRECISION_MAX);
    Some(DataType::Decimal { precision, scale })
}

/// Whether `CAST` goes from one type to the other.
pub fn can_cast(from: DataType, to: DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (a, b) if a == b => true,
        (String | Json, _) | (_, String | Json) => true,
        (Timestamp, Date) | (Date, Timestamp) => true,
        (List(a), List(b)) => can_cast(*a, *b),
        // Fields are found by their names.
        (Struct(_), Struct(_)) => true,
        (Timestamp | Date | Interval | Bytes | List(_) | Struct(_), _) => false,
        (_, Timestamp | Date | Interval | Bytes | List(_) | Struct(_)) => false,
        (Boolean, Int) | (Int, Boolean) => true,
        (Boolean, _) | (_, Boolean) => false,
        _ => true,
    }
}

/// How many decimal digits a number has; 0 for zero.
pub fn digits(value: i128) -> u8 {
    value.unsigned_abs().checked_ilog10().map_or(0, |log| log as u8 + 1)
}
