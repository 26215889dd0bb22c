//! Values as JSON: how lists and structs are written and read everywhere, and what a column of type json holds.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Column, ColumnBuilder, fields_of, items_of, text};

impl Column {
    /// Appends the value of a row as JSON, null for null. Doubles that JSON does not have are null.
    pub fn write_json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return out.extend_from_slice(b"null");
        }
        match self {
            Column::Double(a) if !a.value(row).is_finite() => out.extend_from_slice(b"null"),
            Column::Boolean(_) | Column::Int(_) | Column::Double(_) | Column::Decimal(_) | Column::Json(_) => {
                self.write_text(row, out);
            }
            Column::String(a) => write_string(a.value(row), out),
            Column::Timestamp(_) | Column::Bytes(_) | Column::Date(_) | Column::Interval(_) => {
                out.push(b'"');
                self.write_text(row, out);
                out.push(b'"');
            }
            Column::List(a) => {
                let items = items_of(a);
                let ends = a.value_offsets();
                out.push(b'[');
                for item in ends[row]..ends[row + 1] {
                    if item > ends[row] {
                        out.push(b',');
                    }
                    items.write_json(item as usize, out);
                }
                out.push(b']');
            }
            Column::Struct(a) => {
                let fields = fields_of(a);
                out.push(b'{');
                for (i, (field, name)) in fields.iter().zip(a.column_names()).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    field.write_json(row, out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends text in quotes, with escapes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing text to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// How a moment inside of JSON is read: from its text, and whether that stands in quotes, to µs since 1970.
///
/// Errors: the end of a sentence that begins with the text.
pub type ReadMoment<'a> = dyn FnMut(&str, bool) -> Result<i64, String> + 'a;

fn iso(text: &str, quoted: bool) -> Result<i64, String> {
    if !quoted {
        return Err("is not a timestamp".into());
    }
    let moment = text::parse_timestamp(text.as_bytes());
    moment.ok_or_else(|| "is not a timestamp such as 2015-05-17T10:05:00Z".to_owned())
}

impl ColumnBuilder {
    /// Appends the value of a JSON text, as [`ColumnBuilder::append_json_with`] does; moments are read as everywhere.
    pub fn append_json(&mut self, json: &str) -> Result<(), String> {
        self.append_json_with(json, &mut iso)
    }

    /// Appends the value of a JSON text. Fields of an object that a struct does not have are left out; those that are
    /// missing are null; of a repeated one the first counts.
    ///
    /// Errors: the end of a sentence that begins with the text. Then, too, a value was appended: any.
    pub fn append_json_with(&mut self, json: &str, moment: &mut ReadMoment) -> Result<(), String> {
        let rows = self.len();
        let mut input = serde_json::Deserializer::from_str(json);
        let result = Seed(self, moment).deserialize(&mut input).and_then(|()| input.end());
        result.map_err(|error| {
            if self.len() == rows {
                self.append_null();
            }
            let text = error.to_string();
            match text.split_once(" at line ") {
                Some((reason, _)) if error.is_data() => reason.to_owned(),
                Some((reason, _)) => format!("is not JSON: {reason}"),
                None => text,
            }
        })
    }
}

/// Reads a value into a builder. On errors, too, lists and structs that were begun are ended.
struct Seed<'a, 'm>(&'a mut ColumnBuilder, &'a mut ReadMoment<'m>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        if matches!(self.0, ColumnBuilder::List(_) | ColumnBuilder::Struct(_)) {
            return input.deserialize_any(self);
        }
        let raw = <&RawValue as serde::Deserialize>::deserialize(input)?.get();
        if let ColumnBuilder::Json(b) = self.0 {
            b.append_value(raw);
            return Ok(());
        }
        scalar(self.0, raw, self.1).map_err(D::Error::custom)
    }
}

/// Numbers and booleans stand without quotes, decimals and strings with or without, all others in quotes.
fn scalar(column: &mut ColumnBuilder, raw: &str, moment: &mut ReadMoment) -> Result<(), String> {
    use ColumnBuilder::{Boolean, Decimal, Double, Int, String as Text, Timestamp};
    if raw == "null" {
        column.append_null();
        return Ok(());
    }
    let quoted = raw.starts_with('"');
    let fits = match column {
        Boolean(_) => raw == "true" || raw == "false",
        Int(_) | Double(_) => !quoted && !raw.starts_with(['t', 'f', '[', '{']),
        Decimal(..) | Text(_) | Timestamp(_) => true,
        _ => quoted,
    };
    let unquoted: String;
    let value = match quoted {
        true => {
            unquoted = serde_json::from_str(raw).map_err(|error| error.to_string())?;
            &unquoted
        }
        false => raw,
    };
    let result = match fits {
        true if matches!(column, Timestamp(_)) => match (moment(value, quoted), column) {
            (Ok(micros), Timestamp(b)) => {
                b.append_value(micros);
                Ok(())
            }
            (found, column) => {
                column.append_null();
                found.map(|_| ())
            }
        },
        true => column.append_text(value),
        false => Err(format!("is not {}", column.type_name())),
    };
    result.map_err(|reason| format!("'{}' {reason}", value.chars().take(64).collect::<String>()))
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.type_name())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.append_null();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<(), A::Error> {
        let ColumnBuilder::List(lists) = self.0 else {
            return Err(A::Error::custom(format!("a list is not {}", self.0.type_name())));
        };
        let moment = self.1;
        let result = loop {
            let rows = lists.items().len();
            match input.next_element_seed(Seed(lists.items(), moment)) {
                Ok(Some(())) => {}
                Ok(None) => break Ok(()),
                Err(error) => {
                    if lists.items().len() == rows {
                        lists.items().append_null();
                    }
                    break Err(error);
                }
            }
        };
        lists.end();
        result
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<(), A::Error> {
        let ColumnBuilder::Struct(structs) = self.0 else {
            return Err(A::Error::custom(format!("an object is not {}", self.0.type_name())));
        };
        let (of, rows, moment) = (structs.of(), structs.len(), self.1);
        let result = loop {
            let name = match input.next_key::<std::borrow::Cow<'_, str>>() {
                Ok(Some(name)) => name,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let place = of.iter().position(|field| field.name == name);
            let result = match place.map(|place| &mut structs.fields()[place]) {
                Some(field) if field.len() == rows => input.next_value_seed(Seed(field, moment)),
                _ => input.next_value::<IgnoredAny>().map(|_| ()),
            };
            if let Err(error) = result {
                break Err(error);
            }
        };
        structs.fields().iter_mut().filter(|field| field.len() == rows).for_each(ColumnBuilder::append_null);
        structs.end();
        result
    }
}

impl ColumnBuilder {
    /// With its article.
    fn type_name(&self) -> &'static str {
        match self {
            ColumnBuilder::Boolean(_) => "a boolean",
            ColumnBuilder::Int(_) => "an int",
            ColumnBuilder::Double(_) => "a double",
            ColumnBuilder::Decimal(..) => "a decimal",
            ColumnBuilder::String(_) => "a string",
            ColumnBuilder::Timestamp(_) => "a timestamp",
            ColumnBuilder::Bytes(_) => "base64",
            ColumnBuilder::Date(_) => "a date",
            ColumnBuilder::Interval(_) => "an interval",
            ColumnBuilder::Json(_) => "JSON",
            ColumnBuilder::List(_) => "a list",
            ColumnBuilder::Struct(_) => "a struct",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataType, Field};

    fn read(ty: DataType, json: &str) -> Result<String, String> {
        let mut builder = ColumnBuilder::new(ty, 1);
        let result = builder.append_json(json);
        assert_eq!(builder.len(), 1, "{json}");
        let column = builder.finish();
        let mut out = Vec::new();
        column.write_json(0, &mut out);
        result.map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn nested_values_are_read_and_written() {
        let field = |name: &str, ty| Field { name: name.into(), ty };
        let money = DataType::Decimal { precision: 38, scale: 2 };
        let ty = DataType::list(DataType::structure(vec![field("a", DataType::Int), field("b c", money)]));
        assert_eq!(ty.to_string(), "list<struct<a int, \"b c\" decimal(38,2)>>");
        let same = |json: &str, expected: &str| assert_eq!(read(ty, json).as_deref(), Ok(expected), "{json}");
        same("[]", "[]");
        same("null", "null");
        same(
            r#"[{"b c":"123456789012345678901234567890123456.7","a":1,"x":[1]},null, {}]"#,
            r#"[{"a":1,"b c":123456789012345678901234567890123456.70},null,{"a":null,"b c":null}]"#,
        );
        same(r#"[{"a":1,"a":2}]"#, r#"[{"a":1,"b c":null}]"#);
        for (json, reason) in [
            ("{}", "an object is not a list"),
            ("1", "invalid type: integer `1`, expected a list"),
            ("[1]", "invalid type: integer `1`, expected a struct"),
            (r#"[{"a":"1"}]"#, "'1' is not an int"),
            (r#"[{"a":1},{"a":1.5}]"#, "'1.5' is not an int"),
            (r#"[{"a":1}"#, "is not JSON"),
            (r#"[] x"#, "is not JSON"),
        ] {
            let error = read(ty, json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn json_is_checked_and_kept() {
        assert_eq!(read(DataType::Json, r#" {"a": [1, 2]} "#).as_deref(), Ok(r#"{"a": [1, 2]}"#));
        assert!(read(DataType::Json, r#"{"a": [1, 2}"#).is_err());
        assert_eq!(read(DataType::list(DataType::Json), r#"[1,{"a" : null}]"#).as_deref(), Ok(r#"[1,{"a" : null}]"#));
        assert_eq!(read(DataType::list(DataType::Bytes), r#"["AQI="]"#).as_deref(), Ok(r#"["AQI="]"#));
        assert_eq!(read(DataType::list(DataType::String), r#"["ä\n",2]"#).as_deref(), Ok(r#"["ä\n","2"]"#));
    }
}
