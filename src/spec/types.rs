//! Names of types: ours and the synonyms other systems use.

use crate::data::DataType;

use super::suggest::did_you_mean;

/// Every accepted name but the decimals.
const TYPES: [(&str, DataType); 21] = [
    ("boolean", DataType::Boolean),
    ("bool", DataType::Boolean),
    ("int", DataType::Int),
    ("bigint", DataType::Int),
    ("integer", DataType::Int),
    ("smallint", DataType::Int),
    ("tinyint", DataType::Int),
    ("long", DataType::Int),
    ("double", DataType::Double),
    ("float", DataType::Double),
    ("real", DataType::Double),
    ("float64", DataType::Double),
    ("string", DataType::String),
    ("varchar", DataType::String),
    ("text", DataType::String),
    ("char", DataType::String),
    ("timestamp", DataType::Timestamp),
    ("timestamptz", DataType::Timestamp),
    ("timestamp_ltz", DataType::Timestamp),
    ("datetime", DataType::Timestamp),
    ("double precision", DataType::Double),
];

/// Types that are not there yet, under all their names.
const LATER: [&str; 12] =
    ["bytes", "binary", "varbinary", "date", "interval", "list", "array", "struct", "row", "json", "time", "map"];

/// Words of other systems that are not accepted but understood.
const OTHERS: [(&str, &str); 14] = [
    ("int64", "int"),
    ("int32", "int"),
    ("i64", "int"),
    ("i32", "int"),
    ("uint64", "int"),
    ("number", "double"),
    ("float32", "double"),
    ("f64", "double"),
    ("f32", "double"),
    ("str", "string"),
    ("utf8", "string"),
    ("object", "string"),
    ("instant", "timestamp"),
    ("datetime64", "timestamp"),
];

const ALL: &str = "there are `boolean`, `int`, `double`, `decimal(p,s)`, `string`, `timestamp`";
const DECIMAL_DIGITS_MAX: u8 = 38;

/// What is wrong with the name of a type: label and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeError {
    pub message: String,
    pub help: String,
}

impl TypeError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> TypeError {
        TypeError { message: message.into(), help: help.into() }
    }
}

/// The type of that name, in upper or lower case, such as `bigint` or `decimal(12,2)`.
pub fn parse_type(text: &str) -> Result<DataType, TypeError> {
    let lower = text.trim().to_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        Some((name, rest)) => (name.trim_end(), Some(rest)),
        None => (lower.as_str(), None),
    };
    if name == "decimal" || name == "numeric" {
        return decimal(arguments);
    }
    let bare = name.split(['<', '[']).next().unwrap_or("").trim_end();
    if LATER.contains(&bare) || name.ends_with("[]") {
        return Err(TypeError::new(format!("the type `{text}` is not there yet"), ALL));
    }
    match TYPES.iter().find(|(n, _)| *n == name) {
        Some((_, ty)) if arguments.is_none() => Ok(*ty),
        Some((_, DataType::String)) => Err(TypeError::new(
            format!("`{text}`: lengths are not checked"),
            "write `string`; it has no greatest length",
        )),
        Some((_, DataType::Timestamp)) => Err(TypeError::new(
            format!("`{text}`: a timestamp has no precision"),
            "write `timestamp`; it holds microseconds",
        )),
        Some((_, ty)) => Err(TypeError::new(format!("`{text}`: {ty} has no arguments"), format!("write `{ty}`"))),
        None => {
            let names: Vec<&str> = TYPES.iter().map(|(n, _)| *n).chain(["decimal(p,s)"]).collect();
            let other = OTHERS.iter().find(|(n, _)| *n == name).map(|(_, ours)| *ours);
            let help = match other {
                Some(near) => did_you_mean(near, &names, ALL),
                None => did_you_mean(name, &names, ALL),
            };
            Err(TypeError::new(format!("unknown type `{text}`"), help))
        }
    }
}

fn decimal(arguments: Option<&str>) -> Result<DataType, TypeError> {
    let help = "write the digits in all and those behind the point, such as `decimal(12,2)`";
    let wrong = |message: &str| TypeError::new(message, help);
    let arguments = arguments.ok_or_else(|| wrong("a decimal needs its digits"))?;
    let inner = arguments.trim_end().strip_suffix(')').ok_or_else(|| wrong("`)` is missing"))?;
    let numbers: Option<Vec<u8>> = inner.split(',').map(|n| n.trim().parse().ok()).collect();
    let (precision, scale) = match numbers.as_deref() {
        Some([precision]) => (*precision, 0),
        Some([precision, scale]) => (*precision, *scale),
        _ => return Err(wrong("these are not the digits of a decimal")),
    };
    if !(1..=DECIMAL_DIGITS_MAX).contains(&precision) {
        return Err(wrong("a decimal has 1 to 38 digits"));
    }
    if scale > precision {
        return Err(wrong("more digits behind the point than in all"));
    }
    Ok(DataType::Decimal { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_synonyms() {
        for (text, shown) in [
            ("bigint", "int"),
            ("BIGINT", "int"),
            ("smallint", "int"),
            ("Double Precision", "double"),
            ("real", "double"),
            ("varchar", "string"),
            (" text ", "string"),
            ("bool", "boolean"),
            ("timestamptz", "timestamp"),
            ("datetime", "timestamp"),
            ("numeric(5)", "decimal(5,0)"),
            ("DECIMAL(12, 2)", "decimal(12,2)"),
            ("decimal ( 38 , 38 )", "decimal(38,38)"),
        ] {
            assert_eq!(parse_type(text).map(|t| t.to_string()), Ok(shown.to_string()), "{text}");
        }
    }

    #[test]
    fn what_is_no_type() {
        for (text, message, help) in [
            ("", "unknown type", "`boolean`"),
            ("strng", "unknown type `strng`", "`string`?"),
            ("int64", "unknown type", "`int`?"),
            ("list<int>", "not there yet", "`int`"),
            ("int[]", "not there yet", "`int`"),
            ("date", "not there yet", "`timestamp`"),
            ("struct<a int, b string>", "not there yet", ""),
            ("decimal", "needs its digits", "decimal(12,2)"),
            ("decimal(39,2)", "1 to 38", ""),
            ("decimal(2,3)", "more digits behind", ""),
            ("decimal(2,3", "`)`", ""),
            ("decimal(a)", "not the digits", ""),
            ("varchar(20)", "lengths are not checked", "`string`"),
            ("timestamp(3)", "no precision", ""),
            ("int(3)", "no arguments", ""),
        ] {
            let error = parse_type(text).unwrap_err();
            assert!(error.message.contains(message) && error.help.contains(help), "{text}: {error:?}");
        }
    }
}
