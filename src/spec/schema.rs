//! Schemas of sources: column by column, in the order written; and those of `[schemas.NAME]`, which have a name.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::data::DataType;
use crate::format::TimestampSource;

use super::diagnostic::Diagnostic;
use super::options::{COLUMN, Words};
use super::read::{Cx, Fields, is_secret};
use super::suggest::{did_you_mean, list};
use super::types::parse_type;
use super::value::{Entry, Kind, Table, Value};
use super::{FieldSpec, Span, Spanned};

const UNITS: Words<u32> = Words {
    what: "timestamp unit",
    has: &[("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)],
    later: &[],
};

/// A table `[schemas.NAME]`.
#[derive(Debug)]
pub(super) struct NamedSchema {
    name: Spanned<String>,
    /// `None`: it is wrong, which has been said.
    columns: Option<Vec<FieldSpec>>,
    used: bool,
}

/// The tables `[schemas.NAME]`.
pub(super) fn named(cx: &mut Cx, root: &Table) -> Vec<NamedSchema> {
    let Some(value) = root.get("schemas") else { return Vec::new() };
    let Kind::Table(table) = &value.kind else {
        cx.wrong_type("schemas", value, "tables [schemas.NAME]");
        return Vec::new();
    };
    let named = table.entries.iter().map(|entry| {
        let columns = match &entry.value.kind {
            Kind::Table(table) => columns(cx, table, &entry.value.span),
            _ => {
                cx.wrong_type(&entry.key.value, &entry.value, &format!("a table [schemas.{}]", entry.key.value));
                None
            }
        };
        NamedSchema { name: entry.key.clone(), columns, used: false }
    });
    named.collect()
}

/// A warning for each named schema that no node has.
pub(super) fn unused(cx: &mut Cx) {
    let is_unused = |schema: &&NamedSchema| !schema.used && schema.columns.is_some();
    let unused: Vec<_> = cx.schemas.iter().filter(is_unused).map(|schema| schema.name.clone()).collect();
    for name in unused {
        let warning = Diagnostic::warning(format!("no source has the schema `{}`", name.value)).at(&name.span);
        cx.push(warning.label("not used").help(format!("schema = \"{}\" in a source uses it", name.value)));
    }
}

/// The declared columns and the place of the schema. `None`: there is none, or it is wrong.
pub(super) fn schema(cx: &mut Cx, fields: &Fields) -> Option<(Vec<FieldSpec>, Span)> {
    let value = fields.get("schema")?;
    let found = match &value.kind {
        Kind::Table(table) => columns(cx, table, &value.span),
        Kind::String(_) => by_name(cx, value),
        _ => fields.table(cx, "schema").map(|_| Vec::new()),
    };
    Some((found?, value.span.clone()))
}

fn columns(cx: &mut Cx, table: &Table, span: &Span) -> Option<Vec<FieldSpec>> {
    if table.entries.is_empty() {
        let help = "write the columns: schema = { at = \"timestamp\", amount = \"decimal(12,2)\" }";
        cx.push(Diagnostic::error("the schema has no columns").at(span).label("empty").help(help));
        return None;
    }
    let columns: Vec<_> = table.entries.iter().map(|entry| column(cx, entry)).collect();
    columns.into_iter().collect()
}

/// The columns of the schema that `value` names.
fn by_name(cx: &mut Cx, value: &Value) -> Option<Vec<FieldSpec>> {
    let text = cx.string("schema", value, "the name of a schema")?.clone();
    if let Some(schema) = cx.schemas.iter_mut().find(|schema| schema.name.value == text.value) {
        schema.used = true;
        return schema.columns.clone();
    }
    // It may have been meant for any of them.
    cx.schemas.iter_mut().for_each(|schema| schema.used = true);
    let shown = cx.shown(value, &text);
    let names: Vec<&str> = cx.schemas.iter().map(|schema| schema.name.value.as_str()).collect();
    let all = match names.is_empty() {
        true => format!("define it: [schemas.{}], or write the columns here", text.value),
        false => format!("there {} {}", if names.len() == 1 { "is" } else { "are" }, list(&names)),
    };
    let help = did_you_mean(&text.value, &names, &all);
    let error = Diagnostic::error(format!("there is no schema {shown}")).at(&text.locate(0..text.value.len()));
    cx.push(error.label("not defined").help(help));
    None
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
    if !ty.value.has_times() {
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
