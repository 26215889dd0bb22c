//! The `format` of sources and sinks, short (`"csv"`) and long (`{ type = "csv", delimiter = ";" }`).

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::format::columnar::Compression;
use crate::format::{TimestampStyle, Year, check_pattern};

use super::diagnostic::Diagnostic;
use super::options::{FORMAT_TABLE, Words};
use super::read::{Cx, Fields, is_secret};
use super::suggest::list;
use super::value::Kind;
use super::{FormatSpec, Span, Spanned, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Sink,
}

/// A format and the options it has beside `type`; `None` on the side that it is not for.
#[derive(Debug, Clone, Copy)]
struct Kept {
    name: &'static str,
    reading: Option<&'static [&'static str]>,
    writing: Option<&'static [&'static str]>,
}

const NO_OPTIONS: Option<&[&str]> = Some(&[]);
const TIMES: Option<&[&str]> = Some(&["timestamp", "zone"]);

const CSV: Kept = Kept {
    name: "csv",
    reading: Some(&["delimiter", "header", "quote", "escape", "comment", "null", "trim"]),
    writing: Some(&["delimiter", "header", "quote", "timestamp", "zone"]),
};
const TSV: Kept = Kept {
    name: "tsv",
    reading: Some(&["header", "quote", "escape", "comment", "null", "trim"]),
    writing: Some(&["header", "quote", "timestamp", "zone"]),
};
const JSON: Kept = Kept { name: "json", reading: NO_OPTIONS, writing: TIMES };
const LINES: Kept = Kept { name: "lines", reading: NO_OPTIONS, writing: NO_OPTIONS };
const LOGFMT: Kept = Kept { name: "logfmt", reading: NO_OPTIONS, writing: TIMES };
const ACCESS_LOG: Kept = Kept { name: "access-log", reading: NO_OPTIONS, writing: None };
const SYSLOG: Kept = Kept { name: "syslog", reading: Some(&["year", "zone"]), writing: None };
const REGEX: Kept = Kept { name: "regex", reading: Some(&["pattern"]), writing: None };
const PARQUET: Kept = Kept { name: "parquet", reading: NO_OPTIONS, writing: Some(&["compression", "row_group"]) };
const ARROW: Kept = Kept { name: "arrow", reading: NO_OPTIONS, writing: NO_OPTIONS };
const TABLE: Kept = Kept { name: "table", reading: None, writing: NO_OPTIONS };

const FORMATS: Words<Kept> = Words {
    what: "format",
    has: &[
        ("csv", CSV),
        ("tsv", TSV),
        ("json", JSON),
        ("lines", LINES),
        ("parquet", PARQUET),
        ("arrow", ARROW),
        ("feather", ARROW),
        ("logfmt", LOGFMT),
        ("access-log", ACCESS_LOG),
        ("syslog", SYSLOG),
        ("regex", REGEX),
        ("table", TABLE),
    ],
    later: &[],
};

const STYLES: Words<fn() -> TimestampStyle> = Words {
    what: "timestamp style",
    has: &[
        ("s", || TimestampStyle::Seconds),
        ("ms", || TimestampStyle::Millis),
        ("us", || TimestampStyle::Micros),
        ("ns", || TimestampStyle::Nanos),
    ],
    later: &[],
};

const COMPRESSIONS: Words<Compression> = Words {
    what: "compression of Parquet",
    has: &[
        ("snappy", Compression::Snappy),
        ("zstd", Compression::Zstd),
        ("gzip", Compression::Gzip),
        ("lz4", Compression::Lz4),
        ("none", Compression::None),
    ],
    later: &[],
};

/// Rows in a row group of Parquet.
const ROW_GROUP_MAX: u64 = 16 << 20;

/// `None`: there is none, or it is wrong.
pub(super) fn format(cx: &mut Cx, fields: &Fields, side: Side) -> Option<FormatSpec> {
    let value = fields.get("format")?;
    let Kind::Table(table) = &value.kind else {
        if !matches!(value.kind, Kind::String(_)) {
            cx.wrong_type("format", value, "a format such as \"csv\" or { type = \"csv\", delimiter = \";\" }");
            return None;
        }
        let found = cx.word("format", value, &FORMATS)?;
        let kind = Spanned { value: found.value.name.to_string(), span: found.span };
        options(cx, found.value, side, &kind.span)?;
        if found.value.name == REGEX.name {
            need_pattern(cx, &kind.span);
            return None;
        }
        return Some(FormatSpec::of(kind));
    };
    let inner = Fields::new(cx, table, &FORMAT_TABLE, "a format".into(), &value.span);
    let found = inner.need(cx, "type").and_then(|value| cx.word("type", value, &FORMATS));
    let delimiter = character(cx, &inner, "delimiter", false).flatten();
    let quote = character(cx, &inner, "quote", side == Side::Source);
    let escape = character(cx, &inner, "escape", false).flatten();
    let comment = character(cx, &inner, "comment", false).flatten();
    let header = inner.boolean(cx, "header");
    let trim = inner.boolean(cx, "trim");
    let null = inner.texts_as_is(cx, "null").unwrap_or_default();
    let zone = zone(cx, &inner);
    let timestamp = timestamp_style(cx, &inner, if side == Side::Sink { zone.clone() } else { None });
    let year = year(cx, &inner);
    let pattern = inner.text(cx, "pattern").filter(|pattern| is_pattern(cx, &inner, pattern));
    let compression = inner.word(cx, "compression", &COMPRESSIONS);
    let row_group = inner.count(cx, "row_group", 1, ROW_GROUP_MAX);
    let found = found?;
    let kept = found.value;
    let kind = Spanned { value: kept.name.to_string(), span: found.span };
    let taken = options(cx, kept, side, &kind.span)?;
    for entry in &table.entries {
        let option = entry.key.value.as_str();
        let known = FORMAT_TABLE.names().contains(&option) && option != "type";
        if known && !taken.contains(&option) {
            refuse(cx, option, kept, side, &entry.key.span);
        }
    }
    if kept.name == REGEX.name && pattern.is_none() {
        if inner.get("pattern").is_none() {
            need_pattern(cx, &kind.span);
        }
        return None;
    }
    let spec = FormatSpec {
        kind,
        delimiter,
        header,
        quote,
        escape,
        comment,
        trim,
        null: null.into_iter().map(|t| t.value).collect(),
        timestamp,
        zone: zone.map(|zone| zone.value),
        year,
        pattern,
        compression,
        row_group,
    };
    differ(cx, &spec);
    Some(spec)
}

/// The options that a format has on this side. `None`: it is not for it.
fn options(cx: &mut Cx, kept: Kept, side: Side, span: &Span) -> Option<&'static [&'static str]> {
    let (taken, other, verb) = match side {
        Side::Source => (kept.reading, "written", "read"),
        Side::Sink => (kept.writing, "read", "written"),
    };
    if taken.is_none() {
        let can = |kept: &Kept| if side == Side::Source { kept.reading.is_some() } else { kept.writing.is_some() };
        let names: Vec<&str> = FORMATS.has.iter().filter(|(_, kept)| can(kept)).map(|(name, _)| *name).collect();
        let message = format!("format `{}` is only {other}, not {verb}", kept.name);
        let label = if side == Side::Source { "not for sources" } else { "not for sinks" };
        cx.push(Diagnostic::error(message).at(span).label(label).help(format!("there are {}", list(&names))));
    }
    taken
}

fn need_pattern(cx: &mut Cx, span: &Span) {
    let error = Diagnostic::error("format `regex` needs a `pattern`").at(span).label("no `pattern`");
    cx.push(error.help("format = { type = \"regex\", pattern = '^(?<user>\\S+) (?<ms>\\d+)$' }"));
}

/// Whether the pattern can be used; a pattern of another format's is not looked at.
fn is_pattern(cx: &mut Cx, inner: &Fields, pattern: &Text) -> bool {
    let Err(reason) = check_pattern(&pattern.value) else { return true };
    let error = Diagnostic::error("this pattern cannot be used").at(&pattern.locate(0..pattern.value.len()));
    let label = if inner.get("pattern").is_some_and(is_secret) { "not a pattern".to_string() } else { reason };
    cx.push(error.label(label).help("each column is a named group: '^(?<user>\\S+) (?<ms>\\d+)$'"));
    false
}

/// An option that this format has not, at least not on this side.
fn refuse(cx: &mut Cx, option: &str, kept: Kept, side: Side, span: &Span) {
    let (here, other) = match side {
        Side::Source => (kept.reading, kept.writing),
        Side::Sink => (kept.writing, kept.reading),
    };
    let (here, other) = (here.unwrap_or_default(), other.unwrap_or_default());
    let (message, help) = match (side, other.contains(&option)) {
        (Side::Source, true) => (
            format!("`{option}` is for writing"),
            "how timestamps are read is said in the schema: { type = \"timestamp\", unit = \"ms\" }".to_string(),
        ),
        (Side::Sink, true) => {
            let help =
                if option == "null" { "leave it out; null is written as an empty field" } else { "leave it out" };
            (format!("`{option}` is for reading"), help.into())
        }
        (_, false) => {
            let help = if here.is_empty() { "it has no options".into() } else { format!("it has {}", list(here)) };
            (format!("the format {} has no `{option}`", kept.name), help)
        }
    };
    cx.push(Diagnostic::error(message).at(span).label("not an option here").help(help));
}

fn timestamp_style(cx: &mut Cx, inner: &Fields, zone: Option<Spanned<String>>) -> Option<Spanned<TimestampStyle>> {
    let local = |pattern, zone: Option<&Spanned<String>>| TimestampStyle::Local {
        pattern,
        zone: zone.map(|zone| zone.value.clone()),
    };
    let Some(value) = inner.get("timestamp") else {
        let zone = zone?;
        return Some(Spanned { value: local(None, Some(&zone)), span: zone.span });
    };
    if let Kind::String(string) = &value.kind
        && string.text.value.contains('%')
    {
        let text = &string.text;
        let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        if let Err(error) = strtime::format(&text.value, &moment) {
            let diagnostic = Diagnostic::error("this is not a timestamp pattern").at(&text.locate(0..text.value.len()));
            let label = if is_secret(value) { "not a pattern".to_string() } else { error.to_string() };
            cx.push(diagnostic.label(label).help("write it as for strftime, such as \"%d/%b/%Y:%H:%M:%S %z\""));
            return None;
        }
        let value = local(Some(text.value.clone()), zone.as_ref());
        return Some(Spanned { value, span: text.span.clone() });
    }
    let found = cx.word("timestamp", value, &STYLES)?;
    if let Some(zone) = zone {
        let error = Diagnostic::error("a number since 1970 has no time zone").at(&zone.span).label("not beside a unit");
        cx.push(error.help("leave it out, or write timestamps by a pattern: timestamp = \"%F %T\""));
    }
    Some(Spanned { value: (found.value)(), span: found.span })
}

fn zone(cx: &mut Cx, inner: &Fields) -> Option<Spanned<String>> {
    let text = inner.text(cx, "zone")?;
    if TimeZone::get(&text.value).is_err() {
        let error = Diagnostic::error("this time zone is not known").at(&text.locate(0..text.value.len()));
        cx.push(error.label("no such zone").help("zones are named as in the IANA database, such as \"Asia/Seoul\""));
        return None;
    }
    Some(Spanned { value: text.value, span: text.span })
}

fn year(cx: &mut Cx, inner: &Fields) -> Option<Year> {
    match &inner.get("year")?.kind {
        Kind::String(string) if string.text.value == "now" => Some(Year::Now),
        Kind::Integer(_) => inner.count(cx, "year", 1, 9999).map(|year| Year::Of(year.value as i16)),
        Kind::String(string) if string.variable => {
            inner.count(cx, "year", 1, 9999).map(|year| Year::Of(year.value as i16))
        }
        _ => {
            cx.wrong_type("year", inner.get("year")?, "a year such as 2015, or \"now\"");
            None
        }
    }
}

/// An option that is one ASCII character; with `none`, the empty text is none. `None` if it is not there or wrong.
fn character(cx: &mut Cx, inner: &Fields, option: &'static str, none: bool) -> Option<Option<Spanned<u8>>> {
    let text = inner.text_as_is(cx, option)?;
    match text.value.as_bytes() {
        [] if none => Some(None),
        // A quote as a delimiter is a slip.
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) && (option, *byte) != ("delimiter", b'"') => {
            Some(Some(Spanned { value: *byte, span: text.span.clone() }))
        }
        _ => {
            let (label, example) = match option {
                "delimiter" => ("not a delimiter", "such as \";\" or \"\\t\"; not a quote or line end"),
                "quote" => ("not a quote", "such as \"'\"; in reading, \"\" says that nothing is quoted"),
                "escape" => ("not an escape", "such as '\\'"),
                _ => ("not one character", "such as \"#\""),
            };
            let message = format!("the {option} must be one ASCII character");
            cx.push(Diagnostic::error(message).at(&text.span).label(label).help(example));
            None
        }
    }
}

/// No two characters of CSV may be the same.
fn differ(cx: &mut Cx, spec: &FormatSpec) {
    let FormatSpec { delimiter, quote, escape, comment, .. } = spec;
    let plain = if spec.kind.value == TSV.name { b'\t' } else { b',' };
    let mut before = vec![("delimiter", delimiter.as_ref().map_or(plain, |d| d.value))];
    if quote.is_none() {
        before.push(("quote", b'"'));
    }
    let given = [
        ("quote", quote.as_ref().and_then(Option::as_ref)),
        ("escape", escape.as_ref()),
        ("comment", comment.as_ref()),
    ];
    for (option, found) in given {
        let Some(found) = found else { continue };
        if let Some((other, _)) = before.iter().find(|(_, byte)| *byte == found.value) {
            let error = Diagnostic::error(format!("the {option} is the {other}")).at(&found.span).label("taken");
            let help = match (option, *other) {
                ("escape", "quote") => "leave it out: a quote that stands twice is one of the text anyway",
                _ => "choose another character",
            };
            cx.push(error.help(help));
        }
        before.push((option, found.value));
    }
}
