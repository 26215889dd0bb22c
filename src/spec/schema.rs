//! Schemas of sources: column by column, in the order written.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::data::DataType;
use crate::format::TimestampSource;

use super::diagnostic::Diagnostic;
use super::options::{COLUMN, Words};
use super::read::{Cx, Fields, is_secret};
use super::types::parse_type;
use super::value::{Entry, Kind, Value};
use super::{FieldSpec, Span, Spanned};

const UNITS: Words<u32> = Words {
    what: "timestamp unit",
    has: &[("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)],
    later: &[],
};

/// The declared columns and the place of the schema. `None`: there is none, or it is wrong.
pub(super) fn schema(cx: &mut Cx, fields: &Fields) -> Option<(Vec<FieldSpec>, Span)> {
    let value = fields.get("schema")?;
    let table = match &value.kind {
        Kind::Table(table) => table,
        Kind::String(_) => {
            let error = Diagnostic::error("named schemas are not there yet").at(&value.span).label("not there yet");
            cx.push(error.help("write the columns out: schema = { at = \"timestamp\", amount = \"decimal(12,2)\" }"));
            return None;
        }
        _ => return fields.table(cx, "schema").map(|_| (Vec::new(), value.span.clone())),
    };
    if table.entries.is_empty() {
        let help = "write the columns: schema = { at = \"timestamp\", amount = \"decimal(12,2)\" }";
        cx.push(Diagnostic::error("the schema has no columns").at(&value.span).label("empty").help(help));
        return None;
    }
    let columns: Vec<_> = table.entries.iter().map(|entry| column(cx, entry)).collect();
    let columns: Option<Vec<FieldSpec>> = columns.into_iter().collect();
    Some((columns?, value.span.clone()))
}

fn column(cx: &mut Cx, entry: &Entry) -> Option<FieldSpec> {
    let name = entry.key.clone();
    if name.value.is_empty() {
        cx.push(Diagnostic::error("a column needs a name").at(&name.span).label("empty"));
    }
    let Kind::Table(table) = &entry.value.kind else {
        let ty = column_type(cx, &name.value, &entry.value)?;
        return Some(FieldSpec { name, ty, from: None, timestamp: TimestampSource::Text });
    };
    let fields = Fields::new(cx, table, &COLUMN, format!("column `{}`", name.value), &name.span);
    let ty = fields.need(cx, "type").and_then(|value| column_type(cx, "type", value));
    let from = fields.text(cx, "from");
    let timestamp = timestamp(cx, &fields);
    let ty = ty?;
    if ty.value != DataType::Timestamp {
        for option in ["unit", "format", "zone"] {
            if let Some(value) = fields.get(option) {
                let message = format!("`{option}` is for timestamps, this column is of type {}", ty.value);
                cx.push(Diagnostic::error(message).at(&value.span).label("not for this type"));
            }
        }
    }
    Some(FieldSpec { name, ty, from, timestamp })
}

fn column_type(cx: &mut Cx, name: &str, value: &Value) -> Option<Spanned<DataType>> {
    let text = cx.string(name, value, "a type such as \"string\", or a table such as { type = \"timestamp\" }")?;
    match parse_type(&text.value) {
        Ok(ty) => Some(Spanned { value: ty, span: value.span.clone() }),
        Err(error) => {
            let span = text.locate(0..text.value.len());
            let message = if is_secret(value) { "unknown type".to_string() } else { error.message };
            cx.push(Diagnostic::error(message).at(&span).label("not a type that is there").help(error.help));
            None
        }
    }
}

/// How the column's timestamps are written.
fn timestamp(cx: &mut Cx, fields: &Fields) -> TimestampSource {
    let unit = fields.word(cx, "unit", &UNITS);
    let pattern = fields.text(cx, "format");
    let zone = fields.text(cx, "zone");
    if let (Some(_), Some(format)) = (fields.get("unit"), fields.get("format")) {
        let error = Diagnostic::error("`unit` and `format` exclude each other").at(&format.span);
        cx.push(error.label("one of them is too many").help("`unit` is for numbers, `format` for text"));
    }
    if let (Some(zone), None) = (fields.get("zone"), fields.get("format")) {
        let error = Diagnostic::error("`zone` needs `format`").at(&zone.span).label("no `format` beside it");
        cx.push(error.help("write format = \"%Y-%m-%d %H:%M:%S\" beside it; without a zone, text is read as UTC"));
    }
    if let Some(text) = &zone
        && TimeZone::get(&text.value).is_err()
    {
        let error = Diagnostic::error("this time zone is not known").at(&text.locate(0..text.value.len()));
        cx.push(error.label("no such zone").help("zones are named as in the IANA database, such as \"Asia/Seoul\""));
    }
    if let Some(text) = &pattern
        && let Err(error) = check_pattern(&text.value)
    {
        let diagnostic = Diagnostic::error("this is not a timestamp pattern").at(&text.locate(0..text.value.len()));
        let label = if fields.get("format").is_some_and(is_secret) { "not a pattern".to_string() } else { error };
        cx.push(diagnostic.label(label).help("write it as for strftime, such as \"%d/%b/%Y:%H:%M:%S %z\""));
    }
    match (pattern, unit) {
        (Some(pattern), _) => TimestampSource::Pattern { pattern: pattern.value, zone: zone.map(|z| z.value) },
        (None, Some(unit)) => TimestampSource::Unit(unit.value),
        (None, None) => TimestampSource::Text,
    }
}

/// Writes some moment by the pattern and reads it again: what fails at that is no pattern to read by.
fn check_pattern(pattern: &str) -> Result<(), String> {
    if !pattern.contains('%') {
        return Err("there is no `%` in it".into());
    }
    let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let written = strtime::format(pattern, &moment).map_err(|error| error.to_string())?;
    strtime::parse(pattern, &written).map(|_| ()).map_err(|error| error.to_string())
}
