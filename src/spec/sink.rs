//! Sinks: one function per type.

use super::diagnostic::Diagnostic;
use super::format::{Side, format};
use super::options::{BLACKHOLE_SINK, DIRECTORY_SINK, FILE_SINK, ROLL, SQLITE_SINK, STDOUT_SINK, TCP_SINK, Words};
use super::read::{Cx, Fields, Range};
use super::source::{compression, framing, node_type, one_address};
use super::value::Table;
use super::{Compression, DirectorySpec, FileMode, RollSpec, SinkConnector, SinkSpec, Spanned, Text};

#[derive(Debug, Clone, Copy)]
enum Type {
    File,
    Directory,
    Stdout,
    Tcp,
    Sqlite,
    Blackhole,
}

const TYPES: Words<Type> = Words {
    what: "sink type",
    has: &[
        ("file", Type::File),
        ("directory", Type::Directory),
        ("stdout", Type::Stdout),
        ("tcp", Type::Tcp),
        ("sqlite", Type::Sqlite),
        ("blackhole", Type::Blackhole),
    ],
    later: &["http", "exec"],
};

const MODES: Words<FileMode> = Words {
    what: "mode",
    has: &[("replace", FileMode::Replace), ("append", FileMode::Append), ("new", FileMode::New)],
    later: &[],
};

/// The sink and its inputs; `None` after a diagnostic.
pub(super) fn sink(cx: &mut Cx, name: &Spanned<String>, table: &Table) -> Option<(SinkSpec, Vec<Text>)> {
    let ty = node_type(cx, name, table, "sink", &TYPES)?;
    let options = match ty {
        Type::File => &FILE_SINK,
        Type::Directory => &DIRECTORY_SINK,
        Type::Stdout => &STDOUT_SINK,
        Type::Tcp => &TCP_SINK,
        Type::Sqlite => &SQLITE_SINK,
        Type::Blackhole => &BLACKHOLE_SINK,
    };
    let fields = Fields::new(cx, table, options, format!("sink `{}`", name.value), &name.span);
    let inputs = fields.need_texts(cx, "input");
    let connector = match ty {
        Type::File => file(cx, &fields, name),
        Type::Directory => directory(cx, &fields, name),
        Type::Stdout => Some(SinkConnector::Stdout),
        Type::Tcp => {
            let framed = framing(cx, &fields);
            let address = one_address(cx, &fields, name, "sink");
            address.map(|(address, listen)| SinkConnector::Tcp { address, listen, framed })
        }
        Type::Sqlite => sqlite(cx, &fields),
        Type::Blackhole => Some(SinkConnector::Blackhole),
    };
    // A database takes values, so there is no format to choose.
    let format = if let Type::Sqlite = ty { None } else { format(cx, &fields, Side::Sink).map(Box::new) };
    let op = fields.boolean(cx, "op").filter(|op| op.value).map(|op| op.span);
    Some((SinkSpec { connector: connector?, format, op }, inputs?))
}

fn file(cx: &mut Cx, fields: &Fields, name: &Spanned<String>) -> Option<SinkConnector> {
    let path = fields.need_text(cx, "path");
    let mode = fields.word(cx, "mode", &MODES);
    let compression = compression(cx, fields);
    let mode = mode.unwrap_or(Spanned { value: FileMode::Replace, span: name.span.clone() });
    Some(SinkConnector::File { path: path?, mode, compression })
}

fn sqlite(cx: &mut Cx, fields: &Fields) -> Option<SinkConnector> {
    let path = fields.need_text(cx, "path");
    let table = fields.need_text(cx, "table");
    let key = fields.texts(cx, "key").unwrap_or_default();
    let mode = fields.word(cx, "mode", &MODES).map_or(FileMode::Append, |mode| mode.value);
    Some(SinkConnector::Sqlite { path: path?, table: table?, key, mode })
}

/// Folders of partitions that are nested at most.
const PARTITION_COLUMNS_MAX: usize = 16;

fn directory(cx: &mut Cx, fields: &Fields, name: &Spanned<String>) -> Option<SinkConnector> {
    let path = fields.need_text(cx, "path");
    let mode = fields.word(cx, "mode", &MODES);
    let mode = mode.unwrap_or(Spanned { value: FileMode::New, span: name.span.clone() });
    let roll = roll(cx, fields);
    let partition_by = fields.texts(cx, "partition_by").unwrap_or_default();
    if let Some(surplus) = partition_by.get(PARTITION_COLUMNS_MAX) {
        let error = Diagnostic::error(format!("`partition_by` has more than {PARTITION_COLUMNS_MAX} columns"));
        cx.push(error.at(&surplus.span).label("one too many"));
    }
    let prefix = fields.text(cx, "prefix");
    if let Some(text) = &prefix
        && (text.value.starts_with(['.', '_']) || text.value.contains(['/', '=']))
    {
        let error = Diagnostic::error("this cannot begin the name of a part file").at(&text.span);
        cx.push(error.label("not a prefix").help("it must not start with `.` or `_` nor have `/` or `=` in it"));
        return None;
    }
    let prefix = prefix.map_or_else(|| "part".into(), |text| text.value);
    let success_file = fields.boolean(cx, "success_file").is_some_and(|b| b.value);
    let gzip = compression(cx, fields).is_some_and(|c| c.value == Compression::Gzip);
    let spec = DirectorySpec { path: path?, mode, roll, partition_by, prefix, success_file, gzip };
    Some(SinkConnector::Directory(Box::new(spec)))
}

fn roll(cx: &mut Cx, fields: &Fields) -> RollSpec {
    let default = RollSpec::default();
    let Some((table, span)) = fields.get("roll").and_then(|_| fields.table(cx, "roll")) else { return default };
    let inner = Fields::new(cx, table, &ROLL, "roll".into(), span);
    RollSpec {
        size: inner.size(cx, "size").map_or(default.size, |s| s.value),
        time: inner.duration(cx, "time", Range::Positive).map_or(default.time, |d| d.value),
        idle: inner.duration(cx, "idle", Range::Positive).map_or(default.idle, |d| d.value),
    }
}
