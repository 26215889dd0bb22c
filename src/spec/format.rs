//! The `format` of sources and sinks, short (`"csv"`) and long (`{ type = "csv", delimiter = ";" }`).

use crate::format::TimestampStyle;
use crate::format::columnar::Compression;

use super::diagnostic::Diagnostic;
use super::options::{FORMAT_TABLE, Words};
use super::read::{Cx, Fields};
use super::suggest::list;
use super::value::Kind;
use super::{FormatSpec, Span, Spanned, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Sink,
}

/// A format and the options it has beside `type`.
#[derive(Debug, Clone, Copy)]
struct Kept {
    name: &'static str,
    reading: &'static [&'static str],
    writing: &'static [&'static str],
}

const CSV: Kept =
    Kept { name: "csv", reading: &["delimiter", "header", "null"], writing: &["delimiter", "header", "timestamp"] };
const TSV: Kept = Kept { name: "tsv", reading: &["header", "null"], writing: &["header", "timestamp"] };
const JSON: Kept = Kept { name: "json", reading: &[], writing: &["timestamp"] };
const LINES: Kept = Kept { name: "lines", reading: &[], writing: &[] };
const PARQUET: Kept = Kept { name: "parquet", reading: &[], writing: &["compression", "row_group"] };
const ARROW: Kept = Kept { name: "arrow", reading: &[], writing: &[] };
const TABLE: Kept = Kept { name: "table", reading: &[], writing: &[] };

const SOURCE_FORMATS: Words<Kept> = Words {
    what: "format",
    has: &[
        ("csv", CSV),
        ("tsv", TSV),
        ("json", JSON),
        ("lines", LINES),
        ("parquet", PARQUET),
        ("arrow", ARROW),
        ("feather", ARROW),
    ],
    later: LATER,
};

const SINK_FORMATS: Words<Kept> = Words {
    what: "format",
    has: &[
        ("csv", CSV),
        ("tsv", TSV),
        ("json", JSON),
        ("lines", LINES),
        ("parquet", PARQUET),
        ("arrow", ARROW),
        ("feather", ARROW),
        ("table", TABLE),
    ],
    later: LATER,
};

const LATER: &[&str] = &["regex", "logfmt", "access-log", "syslog"];

const STYLES: Words<TimestampStyle> = Words {
    what: "timestamp style",
    has: &[
        ("s", TimestampStyle::Seconds),
        ("ms", TimestampStyle::Millis),
        ("us", TimestampStyle::Micros),
        ("ns", TimestampStyle::Nanos),
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
    let words = if side == Side::Source { &SOURCE_FORMATS } else { &SINK_FORMATS };
    let Kind::Table(table) = &value.kind else {
        if !matches!(value.kind, Kind::String(_)) {
            cx.wrong_type("format", value, "a format such as \"csv\" or { type = \"csv\", delimiter = \";\" }");
            return None;
        }
        let found = cx.word("format", value, words)?;
        let kind = Spanned { value: found.value.name.to_string(), span: found.span };
        return Some(FormatSpec::plain(kind));
    };
    let inner = Fields::new(cx, table, &FORMAT_TABLE, "a format".into(), &value.span);
    let found = inner.need(cx, "type").and_then(|value| cx.word("type", value, words));
    let delimiter = inner.text_as_is(cx, "delimiter").and_then(|text| delimiter(cx, &text));
    let header = inner.boolean(cx, "header");
    let null = inner.texts_as_is(cx, "null").unwrap_or_default();
    let timestamp = timestamp_style(cx, &inner);
    let compression = inner.word(cx, "compression", &COMPRESSIONS);
    let row_group = inner.count(cx, "row_group", 1, ROW_GROUP_MAX);
    let found = found?;
    let kept = found.value;
    let taken = if side == Side::Source { kept.reading } else { kept.writing };
    let kind = Spanned { value: kept.name.to_string(), span: found.span };
    for entry in &table.entries {
        let option = entry.key.value.as_str();
        let known = FORMAT_TABLE.names().contains(&option) && option != "type";
        if known && !taken.contains(&option) {
            refuse(cx, option, kept, side, &entry.key.span);
        }
    }
    let null = null.into_iter().map(|t| t.value).collect();
    Some(FormatSpec { kind, delimiter, header, null, timestamp, compression, row_group })
}

/// An option that this format has not, at least not on this side.
fn refuse(cx: &mut Cx, option: &str, kept: Kept, side: Side, span: &Span) {
    let other = if side == Side::Source { kept.writing } else { kept.reading };
    let (message, help) = match (side, other.contains(&option)) {
        (Side::Source, true) => (
            format!("`{option}` is for writing"),
            "how timestamps are read is said in the schema: { type = \"timestamp\", unit = \"ms\" }".to_string(),
        ),
        (Side::Sink, true) => {
            (format!("`{option}` is for reading"), "leave it out; null is written as an empty field".into())
        }
        (_, false) => {
            let taken = if side == Side::Source { kept.reading } else { kept.writing };
            let help = if taken.is_empty() { "it has no options".into() } else { format!("it has {}", list(taken)) };
            (format!("the format {} has no `{option}`", kept.name), help)
        }
    };
    cx.push(Diagnostic::error(message).at(span).label("not an option here").help(help));
}

fn timestamp_style(cx: &mut Cx, inner: &Fields) -> Option<Spanned<TimestampStyle>> {
    let value = inner.get("timestamp")?;
    if let Kind::String(string) = &value.kind
        && string.text.value.contains('%')
    {
        let error = Diagnostic::error("writing timestamps by a pattern is not there yet").at(&value.span);
        cx.push(error.label("not there yet").help("there are `s`, `ms`, `us`, `ns`; left out, RFC 3339 is written"));
        return None;
    }
    cx.word("timestamp", value, &STYLES)
}

fn delimiter(cx: &mut Cx, text: &Text) -> Option<Spanned<u8>> {
    match text.value.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => {
            Some(Spanned { value: *byte, span: text.span.clone() })
        }
        _ => {
            let error = Diagnostic::error("the delimiter must be one ASCII character").at(&text.span);
            cx.push(error.label("not a delimiter").help("such as \";\" or \"\\t\"; not a quote or line end"));
            None
        }
    }
}
