//! Sources: one function per type, and what all of them have.

use super::diagnostic::Diagnostic;
use super::format::{Side, format};
use super::options::{EVENT_TIME_TABLE, FILE_SOURCE, GENERATE_SOURCE, STDIN_SOURCE, TCP_SOURCE, Words};
use super::read::{Cx, Fields, Range};
use super::schema::schema;
use super::value::{Kind, Table};
use super::{
    Compression, EventTimeSpec, FileOrder, GenerateKind, OnError, ReadMode, SourceConnector, SourceSpec, Spanned, Text,
};

#[derive(Debug, Clone, Copy)]
enum Type {
    File,
    Stdin,
    Tcp,
    Generate,
}

const TYPES: Words<Type> = Words {
    what: "source type",
    has: &[("file", Type::File), ("stdin", Type::Stdin), ("tcp", Type::Tcp), ("generate", Type::Generate)],
    later: &["replay"],
};

const ORDERS: Words<FileOrder> =
    Words { what: "order of files", has: &[("time", FileOrder::Time), ("name", FileOrder::Name)], later: &[] };

const READS: Words<ReadMode> = Words {
    what: "way to read",
    has: &[("auto", ReadMode::Auto), ("mmap", ReadMode::Mmap), ("stream", ReadMode::Stream)],
    later: &[],
};

const KINDS: Words<GenerateKind> = Words {
    what: "kind of generator",
    has: &[("sequence", GenerateKind::Sequence), ("nexmark", GenerateKind::Nexmark)],
    later: &["random"],
};

const OUTPUTS: Words<&str> = Words {
    what: "output of nexmark",
    has: &[("person", "person"), ("auction", "auction"), ("bid", "bid")],
    later: &[],
};

pub(super) const ON_ERRORS: Words<OnError> = Words {
    what: "on_error",
    has: &[("fail", OnError::Fail), ("skip", OnError::Skip), ("dead-letter", OnError::DeadLetter)],
    later: &[],
};

const FRAMINGS: Words<()> = Words { what: "framing", has: &[("lines", ())], later: &["length"] };

const COMPRESSIONS: Words<Compression> = Words {
    what: "compression",
    has: &[("none", Compression::None), ("gzip", Compression::Gzip)],
    later: &["zstd", "zst"],
};

/// `None` after a diagnostic, if the source cannot be made sense of.
pub(super) fn source(cx: &mut Cx, name: &Spanned<String>, table: &Table) -> Option<SourceSpec> {
    let ty = node_type(cx, name, table, "source", &TYPES)?;
    let options = match ty {
        Type::File => &FILE_SOURCE,
        Type::Stdin => &STDIN_SOURCE,
        Type::Tcp => &TCP_SOURCE,
        Type::Generate => &GENERATE_SOURCE,
    };
    let fields = Fields::new(cx, table, options, format!("source `{}`", name.value), &name.span);
    let has = |option: &str| options.names().contains(&option);
    let connector = match ty {
        Type::File => file(cx, &fields),
        Type::Stdin => Some(SourceConnector::Stdin),
        Type::Tcp => tcp(cx, &fields, name),
        Type::Generate => generate(cx, &fields),
    };
    let format = if has("format") { format(cx, &fields, Side::Source) } else { None };
    let schema = if has("schema") { schema(cx, &fields) } else { None };
    let on_error = if has("on_error") { fields.word(cx, "on_error", &ON_ERRORS) } else { None };
    // Where it is wrong, only its place is left.
    let schema_span = if has("schema") { fields.get("schema").map(|value| value.span.clone()) } else { None };
    let schema = schema.map(|(schema, _)| schema);
    Some(SourceSpec {
        format,
        schema,
        schema_span,
        event_time: event_time(cx, &fields),
        on_error: on_error.unwrap_or(Spanned { value: OnError::Fail, span: name.span.clone() }),
        max_record: if has("max_record") { fields.size(cx, "max_record") } else { None },
        compression: if has("compression") { compression(cx, &fields) } else { None },
        rate: fields.positive(cx, "rate"),
        journal: !has("journal") || fields.boolean(cx, "journal").is_none_or(|journal| journal.value),
        journal_max: if has("journal_max") { fields.size(cx, "journal_max") } else { None },
        connector: connector?,
    })
}

/// The word behind `type` of a node.
pub(super) fn node_type<T: Copy>(
    cx: &mut Cx,
    name: &Spanned<String>,
    table: &Table,
    what: &str,
    types: &Words<T>,
) -> Option<T> {
    let Some(value) = table.get("type") else {
        let names = types.names();
        let message = format!("`type` is missing in {what} `{}`", name.value);
        let help = format!("add type = \"{}\"; there are {}", names[0], super::suggest::list(&names));
        cx.push(Diagnostic::error(message).at(&name.span).label(format!("a {what} needs `type`")).help(help));
        return None;
    };
    cx.word("type", value, types).map(|found| found.value)
}

pub(super) fn compression(cx: &mut Cx, fields: &Fields) -> Option<Spanned<Compression>> {
    fields.word(cx, "compression", &COMPRESSIONS)
}

/// Lines are the only framing there is; the option is checked and needs no place in the spec.
pub(super) fn framing(cx: &mut Cx, fields: &Fields) {
    fields.word(cx, "framing", &FRAMINGS);
}

fn file(cx: &mut Cx, fields: &Fields) -> Option<SourceConnector> {
    let paths = fields.need_texts(cx, "path");
    let order = fields.word(cx, "order", &ORDERS);
    let read = fields.word(cx, "read", &READS);
    Some(SourceConnector::File { paths: paths?, order, read })
}

fn tcp(cx: &mut Cx, fields: &Fields, name: &Spanned<String>) -> Option<SourceConnector> {
    framing(cx, fields);
    let max_connections = fields.count(cx, "max_connections", 1, u32::MAX.into());
    let once = fields.boolean(cx, "once").is_some_and(|once| once.value);
    let listen = address(cx, fields, "listen");
    let connect = address(cx, fields, "connect");
    match (fields.get("listen"), fields.get("connect")) {
        (Some(_), Some(value)) => {
            let error = Diagnostic::error("`listen` and `connect` exclude each other").at(&value.span);
            cx.push(
                error.label("one of them is too many").help("`listen` waits for clients, `connect` goes to a server"),
            );
            return None;
        }
        (None, None) => {
            let error = Diagnostic::error(format!("`listen` or `connect` is missing in source `{}`", name.value));
            let label = "a tcp source needs one of them";
            cx.push(error.at(&name.span).label(label).help("add listen = \":9000\" or connect = \"example.org:9000\""));
            return None;
        }
        _ => {}
    }
    if let (None, Some(max)) = (fields.get("listen"), fields.get("max_connections")) {
        let error = Diagnostic::error("`max_connections` needs `listen`").at(&max.span);
        cx.push(error.label("there is one connection only").help("leave it out"));
    }
    let is_listening = fields.get("listen").is_some();
    Some(SourceConnector::Tcp { address: listen.or(connect)?, listen: is_listening, max_connections, once })
}

/// `HOST:PORT` or `:PORT`; whether the host exists is found out when it is opened.
pub(super) fn address(cx: &mut Cx, fields: &Fields, name: &str) -> Option<Text> {
    let text = fields.text(cx, name)?;
    let (host, port) = text.value.rsplit_once(':').unwrap_or(("", ""));
    let least = if name == "listen" { 0 } else { 1 };
    let port_is_good = port.parse::<u16>().is_ok_and(|p| p >= least) && !port.starts_with('+');
    if port_is_good && !host.contains(char::is_whitespace) && !host.contains('/') {
        return Some(text);
    }
    let error = Diagnostic::error("this is not an address").at(&text.locate(0..text.value.len()));
    cx.push(error.label("expected HOST:PORT").help("such as \"127.0.0.1:9000\", or \":9000\" for this machine"));
    None
}

fn generate(cx: &mut Cx, fields: &Fields) -> Option<SourceConnector> {
    let kind = fields.need(cx, "kind").and_then(|value| cx.word("kind", value, &KINDS));
    let rows = fields.count(cx, "rows", 0, u64::MAX);
    let seed = fields.count(cx, "seed", 0, u64::MAX);
    let start = start(cx, fields);
    let events_per_second = fields.positive(cx, "events_per_second");
    let only = fields.word(cx, "only", &OUTPUTS).map(|o| Spanned { value: o.value.to_string(), span: o.span });
    let kind = kind?;
    if let (GenerateKind::Sequence, Some(value)) = (kind.value, fields.get("only")) {
        let error = Diagnostic::error("`only` is for nexmark").at(&value.span).label("a sequence has one output");
        cx.push(error.help("leave it out, or write kind = \"nexmark\""));
    }
    Some(SourceConnector::Generate { kind, rows, seed: seed.map_or(0, |s| s.value), start, events_per_second, only })
}

/// The first event time in µs, from RFC 3339 as a string or a TOML date-time.
fn start(cx: &mut Cx, fields: &Fields) -> Option<Spanned<i64>> {
    let value = fields.get("start")?;
    let expected = "a timestamp such as \"2023-11-14T22:13:20Z\"";
    let parsed = match &value.kind {
        Kind::Datetime(text) => text.parse::<jiff::Timestamp>(),
        _ => cx.string("start", value, expected)?.value.trim().parse::<jiff::Timestamp>(),
    };
    match parsed {
        Ok(at) => Some(Spanned { value: at.as_microsecond(), span: value.span.clone() }),
        Err(_) => {
            let error = Diagnostic::error(format!("expected {expected}")).at(&value.span);
            cx.push(
                error.label("not a timestamp").help("RFC 3339: date, `T`, time, and `Z` or an offset such as `+09:00`"),
            );
            None
        }
    }
}

fn event_time(cx: &mut Cx, fields: &Fields) -> Option<EventTimeSpec> {
    let (table, span) = fields.table(cx, "event_time")?;
    let inner = Fields::new(cx, table, &EVENT_TIME_TABLE, "event_time".into(), span);
    event_time_of(cx, &inner)
}

/// `column`, `delay` and `idle`.
pub(super) fn event_time_of(cx: &mut Cx, inner: &Fields) -> Option<EventTimeSpec> {
    let column = inner.need_text(cx, "column");
    let delay = inner.duration(cx, "delay", Range::ZeroUp);
    let off = matches!(inner.get("idle").map(|v| &v.kind), Some(Kind::String(s)) if s.text.value == "off");
    let idle = if off { None } else { inner.duration(cx, "idle", Range::Positive) };
    Some(EventTimeSpec { column: column?, delay: delay.map_or(0, |d| d.value), idle: idle.map(|i| i.value) })
}
