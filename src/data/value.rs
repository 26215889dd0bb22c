//! Single values as text, for all types: what CSV, casts, messages and SQLite have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::text::{self, DecimalError};
use super::{Column, ColumnBuilder, Interval, calendar};

impl Column {
    /// Appends the value of a row as text; nothing for null. Strings are copied as they are; lists, structs and JSON are
    /// JSON.
    pub fn write_text(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match self {
            Column::Boolean(a) => text::write_bool(a.value(row), out),
            Column::Int(a) => text::write_int(a.value(row), out),
            Column::Double(a) => text::write_double(a.value(row), out),
            Column::Decimal(a) => text::write_decimal(a.value(row), a.scale() as u8, out),
            Column::Timestamp(a) => text::write_timestamp(a.value(row), out),
            Column::String(a) | Column::Json(a) => out.extend_from_slice(a.value(row).as_bytes()),
            Column::Bytes(a) => write_base64(a.value(row), out),
            Column::Date(a) => calendar::write_date(a.value(row), out),
            Column::Interval(a) => Interval::from_arrow(a.value(row)).write(out),
            Column::List(_) | Column::Struct(_) => self.write_json(row, out),
        }
    }
}

/// Appends bytes in base64, with padding.
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
}

impl ColumnBuilder {
    /// Appends the value that `text` stands for, which is what [`Column::write_text`] writes.
    ///
    /// Errors: the end of a sentence that begins with the text, such as `is not a date`. Then, too, a value was appended: any.
    pub fn append_text(&mut self, text: &str) -> Result<(), String> {
        let bytes = text.as_bytes();
        let (done, expected) = match self {
            ColumnBuilder::Boolean(b) => {
                (text::parse_bool(bytes).map(|v| b.append_value(v)), "a boolean (true, false, 1, 0)")
            }
            ColumnBuilder::Int(b) => (text::parse_int(bytes).map(|v| b.append_value(v)), "an int"),
            ColumnBuilder::Double(b) => (text::parse_double(bytes).map(|v| b.append_value(v)), "a double"),
            ColumnBuilder::Decimal(b, precision, scale) => match text::parse_decimal(bytes, *precision, *scale) {
                Ok(value) => {
                    b.append_value(value);
                    (Some(()), "")
                }
                Err(DecimalError::Syntax) => (None, "a number"),
                Err(error) => {
                    let reason = format!("{} for decimal({precision},{scale})", error.reason());
                    b.append_null();
                    return Err(reason);
                }
            },
            ColumnBuilder::Timestamp(b) => {
                (text::parse_timestamp(bytes).map(|v| b.append_value(v)), "a timestamp such as 2015-05-17T10:05:00Z")
            }
            ColumnBuilder::String(b) => {
                b.append_value(text);
                (Some(()), "")
            }
            ColumnBuilder::Bytes(b) => (BASE64.decode(bytes).ok().map(|v| b.append_value(v)), "base64"),
            ColumnBuilder::Date(b) => {
                (calendar::parse_date(bytes).map(|v| b.append_value(v)), "a date such as 2015-05-17")
            }
            ColumnBuilder::Interval(b) => {
                (Interval::parse(text).map(|v| b.append_value(v.to_arrow())), "an interval such as 1h 30m")
            }
            ColumnBuilder::Json(_) | ColumnBuilder::List(_) | ColumnBuilder::Struct(_) => {
                return self.append_json(text);
            }
        };
        match done {
            Some(()) => Ok(()),
            None => {
                self.append_null();
                Err(format!("is not {expected}"))
            }
        }
    }
}
