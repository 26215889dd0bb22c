//! Names of types: ours and the synonyms other systems use.

use crate::data::{DataType, Field};

use super::suggest::did_you_mean;

/// Every accepted name but the decimals.
const TYPES: [(&str, DataType); 29] = [
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
    ("bytes", DataType::Bytes),
    ("binary", DataType::Bytes),
    ("varbinary", DataType::Bytes),
    ("bytea", DataType::Bytes),
    ("date", DataType::Date),
    ("interval", DataType::Interval),
    ("json", DataType::Json),
    ("jsonb", DataType::Json),
];

/// Words of other systems that are not accepted but understood.
const OTHERS: [(&str, &str); 49] = [
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
    ("object", "json"),
    ("variant", "json"),
    ("map", "json"),
    ("blob", "bytes"),
    ("date32", "date"),
    ("instant", "timestamp"),
    ("datetime64", "timestamp"),
    ("int16", "int"),
    ("int8", "int"),
    ("uint8", "int"),
    ("uint16", "int"),
    ("uint32", "int"),
    ("u64", "int"),
    ("usize", "int"),
    ("byte", "int"),
    ("short", "int"),
    ("money", "decimal(12,2)"),
    ("uuid", "string"),
    ("any", "json"),
    ("dict", "json"),
    ("hash", "json"),
    ("clob", "string"),
    ("enum", "string"),
    ("inet", "string"),
    ("ip", "string"),
    ("decimal128", "decimal(38,2)"),
    ("bigdecimal", "decimal(38,2)"),
    ("epoch", "timestamp"),
    ("duration", "interval"),
    ("bit", "boolean"),
    ("ntext", "string"),
    ("nvarchar", "string"),
    ("datetime2", "timestamp"),
    ("time", "string"),
    ("timestamp_ntz", "timestamp"),
    ("unsigned", "int"),
    ("serial", "int"),
    ("bignum", "int"),
];

const ALL: &str = "there are `boolean`, `int`, `double`, `decimal(p,s)`, `string`, `bytes`, `timestamp`, `date`, `interval`, \
                   `json`, `list<T>`, `struct<name T, …>`";
/// How deep lists and structs may lie in each other.
const DEPTH_MAX: usize = 16;
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

/// The type of that name, in upper or lower case, such as `bigint`, `decimal(12,2)` or `list<struct<a int, b string>>`.
pub fn parse_type(text: &str) -> Result<DataType, TypeError> {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> Result<DataType, TypeError> {
    if depth > DEPTH_MAX {
        return Err(TypeError::new(format!("types lie in each other more than {DEPTH_MAX} deep"), "write `json`"));
    }
    let text = text.trim();
    if let Some(item) = text.strip_suffix("[]") {
        return Ok(DataType::list(nested(item, depth + 1)?));
    }
    let Some(open) = text.find(['<', '(']) else { return plain(text) };
    let (name, inner) = (text[..open].trim_end().to_lowercase(), &text[open + 1..]);
    let is_list = matches!(name.as_str(), "list" | "array");
    let is_struct = matches!(name.as_str(), "struct" | "row");
    if !is_list && !is_struct {
        return plain(text);
    }
    let close = if text[open..].starts_with('<') { '>' } else { ')' };
    let Some(inner) = inner.strip_suffix(close) else {
        return Err(TypeError::new(format!("`{close}` is missing at the end of `{text}`"), "close what was opened"));
    };
    if is_list {
        return Ok(DataType::list(nested(inner, depth + 1)?));
    }
    let mut fields: Vec<Field> = Vec::new();
    for part in split(inner) {
        let field = field(part, depth)?;
        if fields.iter().any(|other| other.name == field.name) {
            return Err(TypeError::new(format!("the field `{}` comes twice", field.name), "give it another name"));
        }
        fields.push(field);
    }
    match fields.is_empty() {
        true => Err(TypeError::new("a struct needs fields", "such as `struct<name string, age int>`")),
        false => Ok(DataType::structure(fields)),
    }
}

/// `name type`, `name: type` or `"odd name" type`.
fn field(text: &str, depth: usize) -> Result<Field, TypeError> {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '`'));
    let split = match quote {
        Some(quote) => text[1..].find(quote).map(|end| (&text[1..1 + end], &text[end + 2..])),
        None => text.find(|c: char| c.is_whitespace() || c == ':').map(|end| text.split_at(end)),
    };
    match split.map(|(name, ty)| (name, ty.trim_start().trim_start_matches(':').trim_start())) {
        Some((name, ty)) if !name.is_empty() && !ty.is_empty() => {
            Ok(Field { name: name.to_owned(), ty: nested(ty, depth + 1)? })
        }
        _ => Err(TypeError::new(
            format!("`{text}` is not a field"),
            "write a name and a type, such as `struct<name string, age int>`",
        )),
    }
}

/// At the commas that lie in no brackets and no quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0usize, None, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '<' | '(') => depth += 1,
            (None, '>' | ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A type that holds no other.
fn plain(text: &str) -> Result<DataType, TypeError> {
    let lower = text.to_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        Some((name, rest)) => (name.trim_end(), Some(rest)),
        None => (lower.as_str(), None),
    };
    if name == "decimal" || name == "numeric" {
        return decimal(arguments);
    }
    match name {
        "list" | "array" => {
            return Err(TypeError::new("a list needs the type of its items", "such as `list<string>`"));
        }
        "struct" | "row" => {
            return Err(TypeError::new("a struct needs fields", "such as `struct<name string, age int>`"));
        }
        _ => {}
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
            let names: Vec<&str> =
                TYPES.iter().map(|(n, _)| *n).chain(["decimal(p,s)", "list<T>", "struct<name T>"]).collect();
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
            ("list<int>", "list<int>"),
            ("Array<BIGINT>[]", "list<list<int>>"),
            ("int[]", "list<int>"),
            (
                "struct<a int, B: list<decimal(4, 2)>, \"x y\" row(c date)>",
                "struct<a int, B list<decimal(4,2)>, \"x y\" struct<c date>>",
            ),
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
            ("list", "type of its items", "list<string>"),
            ("list<strng>", "unknown type `strng`", "`string`?"),
            ("list<int", "`>` is missing", ""),
            ("struct<a>", "`a` is not a field", ""),
            ("struct<a int, a int>", "comes twice", ""),
            ("struct<>", "not a field", ""),
            ("map<string, int>", "unknown type", "`json`"),
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
