//! Functions of JSON: a text that holds JSON, or a value of the type json.
//!
//! A text that is not JSON gives null, as a row of a log should not end a job; `is_json` tells, and a CAST to json
//! is an error. Paths are constants, so that they are read once.

use super::super::json::{Kind, Path, elements, is_json, kind, members, unescape, whole};
use super::super::typed::Typed;
use super::super::value::{Scalar, Value};
use super::{
    Arg, BindError, Function, bound, constant_text, rows_to_boolean, rows_to_int, rows_to_json, rows_to_string,
};
use crate::data::{ColumnBuilder, DataType};

const J: Arg = Arg::Json;
const S: Arg = Arg::String;

pub const FUNCTIONS: &[Function] = &[
    Function::new(
        "json_value",
        "json_value(json, path)",
        "the text, number or boolean at a path, as text; null if there is none, or an object or array",
        (r#"json_value('{"a": {"b": [1, "x"]}}', '$.a.b[1]')"#, "x"),
        &[J, S],
        |args| {
            let path = path(args, 1)?;
            rows_to_string(move |args, row, out| {
                let found = at(&args[0], row, &path).filter(|v| !matches!(kind(v), Kind::Object | Kind::Array));
                Ok(found.and_then(|value| push_text(value, out)))
            })
        },
    ),
    Function::new(
        "json_extract",
        "json_extract(json, path)",
        "what is at a path, as JSON; null if there is nothing",
        (r#"json_extract('{"a": {"b": [1, "x"]}}', '$.a')"#, r#"{"b": [1, "x"]}"#),
        &[J, S],
        |args| {
            let path = path(args, 1)?;
            rows_to_json(move |args, row, out| Ok(at(&args[0], row, &path).map(|value| out.push_str(value))))
        },
    )
    .also(&["json_query"]),
    Function::new(
        "json_extract_string",
        "json_extract_string(json, path)",
        "what is at a path, as text: texts without quotes, objects and arrays as JSON",
        (r#"json_extract_string('{"a": {"b": [1, "x"]}}', '$.a.b')"#, r#"[1, "x"]"#),
        &[J, S],
        |args| {
            let path = path(args, 1)?;
            rows_to_string(move |args, row, out| Ok(at(&args[0], row, &path).and_then(|v| push_text(v, out))))
        },
    ),
    Function::new(
        "json_get",
        "json_get(json, key)",
        "a member by its key, an element by its number from 0 (from the end if negative), or what is at a path that \
         starts with $, as JSON; also json -> key",
        (r#"'{"a": [1, "x"]}' -> 'a' -> 1"#, r#""x""#),
        &[J, Arg::Any],
        |args| {
            let step = Get::new(args)?;
            rows_to_json(move |args, row, out| Ok(step.find(args, row).map(|value| out.push_str(value))))
        },
    ),
    Function::new(
        "json_get_text",
        "json_get_text(json, key)",
        "as json_get, as text; also json ->> key",
        (r#"'{"a": [1, "x"]}' -> 'a' ->> 1"#, "x"),
        &[J, Arg::Any],
        |args| {
            let step = Get::new(args)?;
            rows_to_string(move |args, row, out| Ok(step.find(args, row).and_then(|value| push_text(value, out))))
        },
    ),
    Function::new(
        "json_exists",
        "json_exists(json, path)",
        "whether there is something at a path, be it null",
        (r#"json_exists('{"a": null}', '$.a')"#, "true"),
        &[J, S],
        |args| {
            let path = path(args, 1)?;
            rows_to_boolean(move |args, row| Ok(args[0].json(row).map(|_| at(&args[0], row, &path).is_some())))
        },
    ),
    Function::new(
        "json_array_length",
        "json_array_length(json [, path])",
        "the number of elements; null if it is no array",
        (r#"json_array_length('[1, 2, 3]')"#, "3"),
        &[J, S],
        |args| {
            let path = optional_path(args)?;
            rows_to_int(move |args, row| {
                let array = at(&args[0], row, &path).filter(|value| kind(value) == Kind::Array);
                Ok(array.map(|array| elements(array).count() as i64))
            })
        },
    )
    .least(1),
    Function::new(
        "json_type",
        "json_type(json [, path])",
        "object, array, string, number, boolean or null",
        (r#"json_type('{"a": [1]}', '$.a')"#, "array"),
        &[J, S],
        |args| {
            let path = optional_path(args)?;
            rows_to_string(move |args, row, out| {
                Ok(at(&args[0], row, &path).map(|value| out.push_str(name(kind(value)))))
            })
        },
    )
    .least(1),
    Function::new(
        "json_keys",
        "json_keys(json [, path])",
        "the names in an object, as a list; null if it is no object",
        (r#"array_join(json_keys('{"a": 1, "b": 2}'), ',')"#, "a,b"),
        &[J, S],
        |args| {
            let path = optional_path(args)?;
            bound(DataType::list(DataType::String), move |args, rows, _| {
                let mut builder = ColumnBuilder::new(DataType::list(DataType::String), rows);
                if let ColumnBuilder::List(out) = &mut builder {
                    for row in 0..rows {
                        match at(&args[0], row, &path).filter(|value| kind(value) == Kind::Object) {
                            Some(object) => {
                                members(object).for_each(|item| push_key(item.key, out.items()));
                                out.end();
                            }
                            None => out.append_null(),
                        }
                    }
                }
                builder.finish()
            })
        },
    )
    .least(1),
    Function::new("is_json", "is_json(text)", "whether the text is JSON", ("is_json('{')", "false"), &[J], |_| {
        rows_to_boolean(|args, row| Ok(args[0].json(row).map(|(text, known)| known || is_json(text))))
    }),
];

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Null => "null",
    }
}

fn path(args: &[Typed], arg: usize) -> Result<Path, BindError> {
    let text = constant_text(args, arg, "the path")?;
    Path::parse(text).map_err(|message| BindError::new(arg, message).help("write it as in '$.user.items[0].price'"))
}

fn optional_path(args: &[Typed]) -> Result<Path, BindError> {
    if args.len() > 1 { path(args, 1) } else { Ok(Path::default()) }
}

/// What a path leads to in a row; null where the text is no JSON.
fn at<'a>(value: &'a Value, row: usize, path: &Path) -> Option<&'a str> {
    let (text, known) = value.json(row)?;
    path.find(if known { text.trim_ascii() } else { whole(text)? })
}

/// Appends a value as text; nothing of a JSON null.
fn push_text(value: &str, out: &mut String) -> Option<()> {
    match kind(value) {
        Kind::Null => return None,
        Kind::String => unescape(&value[1..value.len() - 1], out),
        _ => out.push_str(value),
    }
    Some(())
}

/// The right side of `->`: the same for all rows, or another in each.
enum Get {
    Path(Path),
    Key,
    Index,
}

impl Get {
    fn new(args: &[Typed]) -> Result<Get, BindError> {
        Ok(match (args[1].as_constant(), args[1].ty) {
            (Some(Scalar::String(text)), _) if text.starts_with('$') => Get::Path(path(args, 1)?),
            (Some(Scalar::String(key)), _) => Get::Path(Path::key(key)),
            (Some(Scalar::Int(index)), _) => Get::Path(Path::index(*index)),
            (_, DataType::String) => Get::Key,
            (_, DataType::Int) => Get::Index,
            (_, ty) => return Err(BindError::new(1, format!("a key is a string or an int, not {ty}"))),
        })
    }

    fn find<'a>(&self, args: &'a [Value], row: usize) -> Option<&'a str> {
        match self {
            Get::Path(path) => at(&args[0], row, path),
            Get::Key => {
                let key = args[1].str(row)?;
                // As a constant, but for keys such as `$ref`, which data may have.
                let path = if key.starts_with('$') { Path::parse(key).ok() } else { None };
                at(&args[0], row, &path.unwrap_or_else(|| Path::key(key)))
            }
            Get::Index => at(&args[0], row, &Path::index(args[1].int(row)?)),
        }
    }
}

fn push_key(key: &str, out: &mut ColumnBuilder) {
    let mut text = String::new();
    unescape(key, &mut text);
    if let ColumnBuilder::String(out) = out {
        out.append_value(text);
    }
}
