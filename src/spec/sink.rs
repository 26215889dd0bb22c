//! Sinks: one function per type.

use super::format::{Side, format};
use super::options::{BLACKHOLE_SINK, FILE_SINK, SQLITE_SINK, STDOUT_SINK, TCP_SINK, Words};
use super::read::{Cx, Fields};
use super::source::{address, compression, framing, node_type};
use super::value::Table;
use super::{FileMode, SinkConnector, SinkSpec, Spanned, Text};

#[derive(Debug, Clone, Copy)]
enum Type {
    File,
    Stdout,
    Tcp,
    Sqlite,
    Blackhole,
}

const TYPES: Words<Type> = Words {
    what: "sink type",
    has: &[
        ("file", Type::File),
        ("stdout", Type::Stdout),
        ("tcp", Type::Tcp),
        ("sqlite", Type::Sqlite),
        ("blackhole", Type::Blackhole),
    ],
    later: &["directory", "http", "exec"],
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
        Type::Stdout => &STDOUT_SINK,
        Type::Tcp => &TCP_SINK,
        Type::Sqlite => &SQLITE_SINK,
        Type::Blackhole => &BLACKHOLE_SINK,
    };
    let fields = Fields::new(cx, table, options, format!("sink `{}`", name.value), &name.span);
    let inputs = fields.need_texts(cx, "input");
    let connector = match ty {
        Type::File => file(cx, &fields, name),
        Type::Stdout => Some(SinkConnector::Stdout),
        Type::Tcp => {
            framing(cx, &fields);
            fields
                .need(cx, "connect")
                .and_then(|_| address(cx, &fields, "connect"))
                .map(|address| SinkConnector::Tcp { address })
        }
        Type::Sqlite => sqlite(cx, &fields),
        Type::Blackhole => Some(SinkConnector::Blackhole),
    };
    // A database takes values, so there is no format to choose.
    let format = if let Type::Sqlite = ty { None } else { format(cx, &fields, Side::Sink) };
    Some((SinkSpec { connector: connector?, format }, inputs?))
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
