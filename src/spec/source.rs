//! Sources: one function per type, and what all of them have.

use super::diagnostic::Diagnostic;
use super::format::{Side, format};
use super::options::{EVENT_TIME_TABLE, FILE_SOURCE, GENERATE_SOURCE, STDIN_SOURCE, TCP_SOURCE, Words};
use super::read::{Cx, Fields, Range};
use super::schema::schema;
use super::suggest::{list, suggest};
use super::value::{Kind, Table};
use super::{
    Compression, EventTimeSpec, FileOrder, GenerateKind, Metadata, NodeKind, NodeSpec, OnError, ReadMode,
    SourceConnector, SourceSpec, Spanned, StartAt, Text,
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
    has: &[("sequence", GenerateKind::Sequence), ("nexmark", GenerateKind::Nexmark), ("random", GenerateKind::Random)],
    later: &[],
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

const STARTS: Words<StartAt> =
    Words { what: "start", has: &[("beginning", StartAt::Beginning), ("end", StartAt::End)], later: &[] };

const METADATA: Words<Metadata> = Words {
    what: "metadata",
    has: &[
        ("file", Metadata::File),
        ("stem", Metadata::Stem),
        ("line", Metadata::Line),
        ("offset", Metadata::Offset),
        ("peer", Metadata::Peer),
        ("received", Metadata::Received),
    ],
    later: &[],
};

/// How long a file that is followed may be silent before the others no longer wait for it, in µs.
const FOLLOW_IDLE: i64 = 10_000_000;

const FRAMINGS: Words<bool> = Words { what: "framing", has: &[("lines", false), ("length", true)], later: &[] };

const COMPRESSIONS: Words<Compression> = Words {
    what: "compression",
    has: &[("none", Compression::None), ("gzip", Compression::Gzip)],
    later: &["zstd", "zst"],
};

const PACKINGS: Words<Compression> = Words {
    what: "compression",
    has: &[
        ("none", Compression::None),
        ("gzip", Compression::Gzip),
        ("zstd", Compression::Zstd),
        ("auto", Compression::Auto),
    ],
    later: &[],
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
    let follows = connector.as_ref().is_some_and(SourceConnector::follows);
    let metadata = if has("metadata") { metadata(cx, &fields, ty, follows) } else { Vec::new() };
    let compression = if has("compression") { fields.word(cx, "compression", &PACKINGS) } else { None };
    if let (Some(compression), true) = (&compression, follows)
        && matches!(compression.value, Compression::Gzip | Compression::Zstd)
    {
        let error = Diagnostic::error("a compressed file cannot be followed").at(&compression.span);
        cx.push(error.label("with `follow`").help("leave `follow` out: such a file does not grow line by line"));
    }
    let event_time = event_time(cx, &fields, follows.then_some(FOLLOW_IDLE));
    if event_time.is_none() && has("event_time") && fields.get("event_time").is_some() {
        cx.doubt("event_time");
    }
    Some(SourceSpec {
        metadata,
        format,
        schema,
        schema_span,
        event_time,
        on_error: on_error.unwrap_or(Spanned { value: OnError::Fail, span: name.span.clone() }),
        max_record: if has("max_record") { fields.size(cx, "max_record") } else { None },
        compression,
        rate: fields.positive(cx, "rate"),
        journal: !has("journal") || fields.boolean(cx, "journal").is_none_or(|journal| journal.value),
        journal_max: if has("journal_max") { fields.size(cx, "journal_max") } else { None },
        connector: connector?,
    })
}

/// Nexmark without `only` is a source for each of its outputs: `NAME.person`, `NAME.auction`, `NAME.bid`.
pub(super) fn outputs(node: NodeSpec) -> Vec<NodeSpec> {
    let all = match &node.kind {
        NodeKind::Source(source) => match &source.connector {
            SourceConnector::Generate { kind, only: None, .. } => kind.value == GenerateKind::Nexmark,
            _ => false,
        },
        _ => false,
    };
    if !all {
        return vec![node];
    }
    let one = |(output, _): &(&str, &str)| {
        let mut part = node.clone();
        part.name.value = format!("{}.{output}", node.name.value);
        if let NodeKind::Source(source) = &mut part.kind
            && let SourceConnector::Generate { only, .. } = &mut source.connector
        {
            *only = Some(Spanned { value: (*output).to_owned(), span: node.name.span.clone() });
        }
        part
    };
    OUTPUTS.has.iter().map(one).collect()
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
        // Under another word, whoever reads the options reports it.
        let meant = table.entries.iter().find(|e| suggest(&e.key.value, &["type"]).is_some());
        if let Some(Kind::String(word)) = meant.map(|entry| &entry.value.kind)
            && let Some(found) = types.near(&word.text.value)
        {
            cx.guessed = !names.contains(&word.text.value.as_str());
            return Some(found);
        }
        let message = format!("`type` is missing in {what} `{}`", name.value);
        let instead = meant.map(|entry| format!(", instead of `{}`", entry.key.value)).unwrap_or_default();
        let help = format!("add type = \"{}\"{instead}; there are {}", names[0], list(&names));
        cx.push(Diagnostic::error(message).at(&name.span).label(format!("a {what} needs `type`")).help(help));
        return None;
    };
    let found = cx.word_or_near("type", value, types).map(|found| found.value);
    cx.guessed = !matches!(&value.kind, Kind::String(word) if types.names().contains(&word.text.value.as_str()));
    found
}

pub(super) fn compression(cx: &mut Cx, fields: &Fields) -> Option<Spanned<Compression>> {
    fields.word(cx, "compression", &COMPRESSIONS)
}

/// Whether records come in frames with their length, instead of lines.
pub(super) fn framing(cx: &mut Cx, fields: &Fields) -> bool {
    fields.word(cx, "framing", &FRAMINGS).is_some_and(|framing| framing.value)
}

fn file(cx: &mut Cx, fields: &Fields) -> Option<SourceConnector> {
    let paths = fields.need_texts(cx, "path");
    let order = fields.word(cx, "order", &ORDERS);
    let read = fields.word(cx, "read", &READS);
    let exclude = fields.texts(cx, "exclude").unwrap_or_default();
    for pattern in &exclude {
        if let Err(wrong) = glob::Pattern::new(&pattern.value) {
            let error = Diagnostic::error("this is not a glob").at(&pattern.locate(0..pattern.value.len()));
            cx.push(error.label(wrong.msg).help("such as \"*.tmp\""));
        }
    }
    let follows = fields.boolean(cx, "follow").is_some_and(|follow| follow.value);
    let start = fields.word(cx, "start", &STARTS);
    if let (Some(start), false) = (&start, follows) {
        let error =
            Diagnostic::error("`start` needs `follow`").at(&start.span).label("the files are read from their start");
        cx.push(error.help("add follow = true, or leave it out"));
    }
    let paths = paths?;
    if follows {
        if let Some(read) = read.as_ref().filter(|read| read.value == ReadMode::Mmap) {
            let error = Diagnostic::error("a file that is followed cannot be mapped").at(&read.span);
            cx.push(error.label("with `follow`").help("leave `read` out"));
        }
        for path in paths.iter().filter(|path| [".gz", ".zst"].iter().any(|end| path.value.ends_with(end))) {
            let error = Diagnostic::error("a compressed file cannot be followed");
            let error = error.at(&path.locate(0..path.value.len())).label("with `follow`");
            cx.push(error.help("leave `follow` out: such a file does not grow line by line"));
        }
    }
    let follow = follows.then(|| start.map_or(StartAt::Beginning, |start| start.value));
    Some(SourceConnector::File { paths, exclude, order, read, follow })
}

/// The columns beside those of the schema, each of which makes sense for the source.
fn metadata(cx: &mut Cx, fields: &Fields, ty: Type, follows: bool) -> Vec<Spanned<Metadata>> {
    let (what, may): (_, &[&str]) = match ty {
        Type::File if follows => ("a file that is followed", &["file", "stem", "line", "offset", "received"]),
        Type::File => ("a file", &["file", "stem", "line", "offset"]),
        Type::Stdin => ("stdin", &["line", "offset", "received"]),
        Type::Tcp => ("a connection", &["line", "offset", "peer", "received"]),
        Type::Generate => ("a generator", &[]),
    };
    let Some(values) = fields.get("metadata").map(|value| match &value.kind {
        Kind::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    }) else {
        return Vec::new();
    };
    let mut found: Vec<Spanned<Metadata>> = Vec::new();
    for value in values {
        let Some(word) = cx.word("metadata", value, &METADATA) else { continue };
        let name = METADATA.has.iter().find(|(_, known)| *known == word.value).map_or("", |(name, _)| *name);
        if !may.contains(&name) {
            let error = Diagnostic::error(format!("{what} has no metadata `{name}`")).at(&word.span);
            cx.push(error.label("makes no sense here").help(format!("there are {}", list(may))));
        } else if found.iter().any(|other| other.value == word.value) {
            let error = Diagnostic::error(format!("metadata `{name}` is asked for twice")).at(&word.span);
            cx.push(error.label("a second time").help("leave it out"));
        } else {
            found.push(word);
        }
    }
    found
}

fn tcp(cx: &mut Cx, fields: &Fields, name: &Spanned<String>) -> Option<SourceConnector> {
    let framed = framing(cx, fields);
    let max_connections = fields.count(cx, "max_connections", 1, u32::MAX.into());
    let once = fields.boolean(cx, "once").is_some_and(|once| once.value);
    let (address, is_listening) = one_address(cx, fields, name, "source")?;
    if let (None, Some(max)) = (fields.get("listen"), fields.get("max_connections")) {
        let error = Diagnostic::error("`max_connections` needs `listen`").at(&max.span);
        cx.push(error.label("there is one connection only").help("leave it out"));
    }
    Some(SourceConnector::Tcp { address, listen: is_listening, max_connections, once, framed })
}

/// The address to listen on or to connect to, and whether it is the former.
pub(super) fn one_address(cx: &mut Cx, fields: &Fields, name: &Spanned<String>, what: &str) -> Option<(Text, bool)> {
    let listen = address(cx, fields, "listen");
    let connect = address(cx, fields, "connect");
    match (fields.get("listen"), fields.get("connect")) {
        (Some(_), Some(value)) => {
            let error = Diagnostic::error("`listen` and `connect` exclude each other").at(&value.span);
            cx.push(
                error.label("one of them is too many").help("`listen` waits for clients, `connect` goes to a server"),
            );
            None
        }
        (None, None) if cx.guessed => None,
        (None, None) => {
            let error = Diagnostic::error(format!("`listen` or `connect` is missing in {what} `{}`", name.value));
            let label = format!("a tcp {what} needs one of them");
            cx.push(error.at(&name.span).label(label).help("add listen = \":9000\" or connect = \"example.org:9000\""));
            None
        }
        (listens, _) => Some((listen.or(connect)?, listens.is_some())),
    }
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
    if let (true, Some(value)) = (kind.value != GenerateKind::Nexmark, fields.get("only")) {
        let error = Diagnostic::error("`only` is for nexmark").at(&value.span).label("there is one output");
        cx.push(error.help("leave it out, or write kind = \"nexmark\""));
    }
    for option in ["schema", "nulls"] {
        if let (true, Some(value)) = (kind.value != GenerateKind::Random, fields.get(option)) {
            let error = Diagnostic::error(format!("`{option}` is for random rows")).at(&value.span);
            cx.push(error.label("the columns are known").help("leave it out, or write kind = \"random\""));
        }
    }
    let nulls = fields.get("nulls").and_then(|_| fields.share(cx, "nulls"));
    let (seed, nulls) = (seed.map_or(0, |s| s.value), nulls.unwrap_or(0.0));
    Some(SourceConnector::Generate { kind, rows, seed, start, events_per_second, only, nulls })
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

/// `idle`: what holds where the job does not say.
fn event_time(cx: &mut Cx, fields: &Fields, idle: Option<i64>) -> Option<EventTimeSpec> {
    let (table, span) = fields.table(cx, "event_time")?;
    let inner = Fields::new(cx, table, &EVENT_TIME_TABLE, "event_time".into(), span);
    event_time_of(cx, &inner, idle)
}

/// `column`, `delay` and `idle`; `idle`: what holds where that is not said.
pub(super) fn event_time_of(cx: &mut Cx, inner: &Fields, idle: Option<i64>) -> Option<EventTimeSpec> {
    let column = inner.need_text(cx, "column");
    let delay = inner.duration(cx, "delay", Range::ZeroUp);
    let off = matches!(inner.get("idle").map(|v| &v.kind), Some(Kind::String(s)) if s.text.value == "off");
    let idle = match inner.get("idle") {
        None => idle,
        Some(_) if off => None,
        Some(_) => inner.duration(cx, "idle", Range::Positive).map(|idle| idle.value),
    };
    Some(EventTimeSpec { column: column?, delay: delay.map_or(0, |d| d.value), idle })
}
