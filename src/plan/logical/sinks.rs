//! Sinks: format by name, conflicts between them.

use std::path::{Component, Path, PathBuf};

use super::sources::{format, format_of_name};
use super::{Builder, Inputs, Kind, Node, Sink};
use crate::connect::sqlite;
use crate::data::{DataType, OP, Schema};
use crate::error::nearest;
use crate::format::columnar::is_columnar;
use crate::format::{Format, is_logfmt_key};
use crate::spec::{
    Compression, Diagnostic, Diagnostics, DirectorySpec, FileMode, JobSpec, NodeKind, NodeSpec, SinkConnector,
    SinkSpec, SourceConnector, Span, Text,
};

impl Builder<'_> {
    pub(super) fn sink(&mut self, node: &NodeSpec, sink: &SinkSpec, inputs: Inputs) -> Option<Node> {
        let format = self.sink_format(node, sink)?;
        let schema = match &sink.op {
            Some(op) => self.with_op(sink, op, &inputs.schema)?,
            None => inputs.schema.clone(),
        };
        if format == Format::Lines && (schema.len() != 1 || schema.fields[0].ty != DataType::String) {
            let span = sink.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
            let diagnostic = Diagnostic::error("format `lines` writes one string column").at(span);
            let columns = format!("the input has: {}", schema);
            self.found.push(diagnostic.label("does not fit the input").help(columns));
            return None;
        }
        if is_columnar(&format) {
            self.columns_sink(node, sink, &format, inputs.endless)?;
        }
        if let (Format::Logfmt(_), Some(name)) = (&format, schema.names().find(|name| !is_logfmt_key(name))) {
            let span = sink.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
            let diagnostic = Diagnostic::error(format!("`{name}` cannot be a key of logfmt")).at(span);
            let help = "a key has no blanks, quotes or `=`: give the column another name in a select: \"`a b` AS a_b\"";
            self.found.push(diagnostic.label("does not fit the input").help(help));
            return None;
        }
        if let SinkConnector::Directory(spec) = &sink.connector {
            self.partition_columns(spec, &schema)?;
        }
        let (mode, what) = match &sink.connector {
            SinkConnector::File { mode, .. } => (Some(mode), "file"),
            SinkConnector::Directory(spec) => (Some(&spec.mode), "folder"),
            _ => (None, ""),
        };
        if let Some(mode) = mode
            && mode.value == FileMode::Replace
            && inputs.endless
        {
            let message = format!("sink `{}` would never show its {what}: the input has no end", node.name.value);
            self.found.push(
                Diagnostic::error(message)
                    .at(&mode.span)
                    .label(format!("mode = \"replace\" renames the {what} into place at the end"))
                    .help("mode = \"append\" writes rows as they come; a source with `rows` or `once` ends"),
            );
            return None;
        }
        if let SinkConnector::Sqlite { table, key, .. } = &sink.connector {
            self.database(table, key, &schema)?;
            if inputs.endless && self.spec.checkpoint.interval.is_none() {
                let message = format!("sink `{}` would never show a row: the input has no end", node.name.value);
                let diagnostic = Diagnostic::error(message).at(&node.name.span);
                let diagnostic = diagnostic.label("rows come with checkpoints, or all at the end");
                self.found.push(diagnostic.help("give [checkpoint] an interval; a source with `rows` or `once` ends"));
                return None;
            }
        }
        let kind = Kind::Sink(Box::new(Sink { connector: sink.connector.clone(), format, op: sink.op.is_some() }));
        let mut built = Node::new(node, "sinks", kind, inputs.refs);
        built.endless = inputs.endless;
        Some(built)
    }

    /// The columns of a sink with `op`, which stands at `span`.
    fn with_op(&mut self, sink: &SinkSpec, span: &Span, schema: &Schema) -> Option<Schema> {
        if schema.index_of(OP).is_some() {
            let diagnostic = Diagnostic::error(format!("the input has a column `{OP}`")).at(span);
            let diagnostic = diagnostic.label("makes another one");
            self.found.push(diagnostic.help(format!("give the column another name in a select: \"{OP} AS kind\"")));
            return None;
        }
        if let SinkConnector::Sqlite { key, .. } = &sink.connector
            && !key.is_empty()
        {
            let diagnostic = Diagnostic::error("a table with a `key` has the last row of each, so `op` says nothing");
            let diagnostic = diagnostic.at(span).label("with `key`");
            self.found.push(diagnostic.help("leave `op` out, or leave `key` out: then each change is a row"));
            return None;
        }
        Some(schema.with_op())
    }

    /// Files of columns are whole only with what stands at their end, so they can be neither appended to nor streamed.
    fn columns_sink(&mut self, node: &NodeSpec, sink: &SinkSpec, format: &Format, endless: bool) -> Option<()> {
        let kind = format.name();
        let span = sink.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
        let wrong = match &sink.connector {
            SinkConnector::File { mode, .. } if mode.value == FileMode::Append => {
                let diagnostic = Diagnostic::error(format!("format `{kind}` cannot be appended to")).at(&mode.span);
                diagnostic.label("what a file holds is described at its end").help(
                    "use mode = \"replace\", or a sink of type \"directory\" with mode = \"append\", which adds files",
                )
            }
            SinkConnector::File { compression: Some(compression), .. } if compression.value != Compression::None => {
                let diagnostic = Diagnostic::error(format!("a file of format `{kind}` is not compressed as a whole"));
                let help = "its columns are compressed: format = { type = \"parquet\", compression = \"zstd\" }";
                diagnostic.at(&compression.span).label("leave it out").help(help)
            }
            SinkConnector::File { path, .. } if path.value.ends_with(".gz") => {
                let diagnostic = Diagnostic::error(format!("a file of format `{kind}` is not compressed as a whole"));
                diagnostic.at(&path.span).label("ends in .gz").help("leave `.gz` out: its columns are compressed")
            }
            SinkConnector::File { .. } if endless => {
                let message = format!("sink `{}` would never have a whole file: the input has no end", node.name.value);
                let diagnostic = Diagnostic::error(message).at(span);
                diagnostic
                    .label("what a file holds is described at its end")
                    .help("use a sink of type \"directory\": each checkpoint completes its files")
            }
            SinkConnector::File { .. } | SinkConnector::Directory(_) => return Some(()),
            _ => {
                let diagnostic = Diagnostic::error(format!("format `{kind}` needs a file")).at(span);
                diagnostic.label("not a stream").help("use a sink of type \"file\" or \"directory\"")
            }
        };
        self.found.push(wrong);
        None
    }

    /// Whether a table of a database can have these columns and this key.
    fn database(&mut self, table: &Text, key: &[Text], schema: &Schema) -> Option<()> {
        let mut wrong = Vec::new();
        if sqlite::reserved(&table.value) {
            let diagnostic = Diagnostic::error(format!("`{}` cannot be the name of a table", table.value));
            wrong.push(diagnostic.at(&table.span).label("taken").help("names of this kind are taken: choose another"));
        }
        for (i, column) in key.iter().enumerate() {
            if schema.index_of(&column.value).is_none() {
                let help = match nearest(&column.value, schema.names()) {
                    Some(near) => format!("did you mean `{near}`? The input has: {schema}"),
                    None => format!("the input has: {schema}"),
                };
                let diagnostic = Diagnostic::error(format!("there is no column `{}`", column.value)).at(&column.span);
                wrong.push(diagnostic.label("not in the input").help(help));
            } else if key[..i].iter().any(|other| other.value == column.value) {
                let diagnostic = Diagnostic::error(format!("`{}` is twice in the key", column.value)).at(&column.span);
                wrong.push(diagnostic.label("again").help("leave it out"));
            }
        }
        let lower = |name: &str| name.to_ascii_lowercase();
        let names: Vec<String> = schema.names().map(lower).collect();
        if let Some((i, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            let message =
                format!("the input has column `{}` twice but for upper and lower case", schema.fields[i].name);
            let diagnostic =
                Diagnostic::error(message).at(&table.span).label(format!("`{name}` is one name to SQLite"));
            wrong.push(diagnostic.help("give one of them another name in a select: \"a AS b\""));
        }
        let good = wrong.is_empty();
        wrong.into_iter().for_each(|diagnostic| self.found.push(diagnostic));
        good.then_some(())
    }

    fn partition_columns(&mut self, spec: &DirectorySpec, schema: &Schema) -> Option<()> {
        for (number, column) in spec.partition_by.iter().enumerate() {
            let name = &column.value;
            if spec.partition_by[..number].iter().any(|c| c.value == *name) {
                let diagnostic = Diagnostic::error(format!("`partition_by` names `{name}` twice")).at(&column.span);
                self.found.push(diagnostic.label("again"));
                return None;
            }
            if schema.index_of(name).is_none() {
                let help = match nearest(name, schema.names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the input has: {}", schema.names().collect::<Vec<_>>().join(", ")),
                };
                let diagnostic = Diagnostic::error(format!("there is no column `{name}`")).at(&column.span);
                self.found.push(diagnostic.label("not in the input").help(help));
                return None;
            }
        }
        Some(())
    }

    fn sink_format(&mut self, node: &NodeSpec, sink: &SinkSpec) -> Option<Format> {
        let file = match &sink.connector {
            SinkConnector::File { path, .. } => Some(path),
            SinkConnector::Sqlite { .. } => return Some(Format::Rows),
            _ => None,
        };
        let by_name = file.and_then(|f| format_of_name(&f.value));
        let kind = match (&sink.format, by_name, &sink.connector) {
            (Some(spec), _, _) => spec.kind.value.clone(),
            (None, Some(kind), _) => kind.to_string(),
            // Decided when it runs: a table on a terminal, csv otherwise.
            (None, None, SinkConnector::Stdout) => "table".into(),
            (None, None, SinkConnector::Blackhole) => "csv".into(),
            (None, None, _) => {
                let (span, what) = match file {
                    Some(file) => (&file.span, "the file name does not tell the format"),
                    None => (&node.name.span, "the sink needs a format"),
                };
                let diagnostic = Diagnostic::error(what).at(span).label("csv, json or lines?");
                self.found.push(diagnostic.help("add format = \"csv\", \"tsv\", \"json\", \"lines\" or \"logfmt\""));
                return None;
            }
        };
        let tcp = matches!(sink.connector, SinkConnector::Tcp { .. });
        let format = format(&kind, sink.format.as_deref(), !tcp)?;
        match sink.connector {
            SinkConnector::Tcp { framed: true, .. } => Some(Format::Framed(Box::new(format))),
            _ => Some(format),
        }
    }
}

/// What a sink writes to.
struct Place<'a> {
    path: PathBuf,
    /// All of the folder is meant.
    folder: bool,
    /// Several sinks may write one database.
    table: Option<String>,
    name: &'a str,
}

impl Place<'_> {
    fn clashes(&self, other: &Place) -> bool {
        let tables = self.table.is_some() && other.table.is_some() && self.table != other.table;
        self.path == other.path && !tables
            || other.folder && self.path.starts_with(&other.path)
            || self.folder && other.path.starts_with(&self.path)
    }
}

/// One sink a file, and no file both read and written.
pub fn conflicts(spec: &JobSpec, runs: &[bool], found: &mut Diagnostics) {
    // With them, whether all of a folder is meant, and the table of a database.
    let mut written: Vec<Place> = Vec::new();
    let mut stdout: Option<&str> = None;
    for (node, _) in spec.nodes.iter().zip(runs).filter(|(_, runs)| **runs) {
        let NodeKind::Sink(sink) = &node.kind else { continue };
        let name = node.name.value.as_str();
        match &sink.connector {
            SinkConnector::File { .. } | SinkConnector::Directory(_) | SinkConnector::Sqlite { .. } => {
                let (path, folder) = match &sink.connector {
                    SinkConnector::Directory(spec) => (&spec.path, true),
                    SinkConnector::File { path, .. } | SinkConnector::Sqlite { path, .. } => (path, false),
                    _ => continue,
                };
                let place = Place { path: normal(&path.value), folder, table: table_of(&sink.connector), name };
                if let Some(first) = written.iter().find(|other| other.clashes(&place)) {
                    let what = match (folder || first.folder, &place.table) {
                        (true, _) => "into one folder",
                        (_, Some(_)) if first.table == place.table => "one table",
                        _ => "one file",
                    };
                    let first = first.name;
                    let message = format!("sinks `{first}` and `{name}` write {what}");
                    let diagnostic = Diagnostic::error(message).at(&path.span).label("written twice");
                    let help = format!("one sink can read both: input = [\"…\", \"…\"] in [sinks.{first}]");
                    found.push(diagnostic.help(help));
                }
                if let Some(reader) = reader_of(spec, runs, &place.path, folder) {
                    let message = match folder {
                        true => format!("`{name}` writes into a folder that `{reader}` reads from"),
                        false => format!("`{name}` writes a file that `{reader}` reads"),
                    };
                    found.push(Diagnostic::error(message).at(&path.span).label("also an input"));
                }
                written.push(place);
            }
            SinkConnector::Stdout => {
                if let Some(first) = stdout.replace(name) {
                    let message = format!("sinks `{first}` and `{name}` both write to stdout");
                    let diagnostic = Diagnostic::error(message).at(&node.name.span).label("written twice");
                    found.push(diagnostic.help("give one of them a file"));
                }
            }
            _ => {}
        }
    }
}

/// The table of a database that a sink writes, as SQLite tells tables apart: several sinks may write one database.
pub fn table_of(sink: &SinkConnector) -> Option<String> {
    match sink {
        SinkConnector::Sqlite { table, .. } => Some(table.value.to_ascii_lowercase()),
        _ => None,
    }
}

/// A source that reads the file `place`, or one in the folder `place`.
fn reader_of<'a>(spec: &'a JobSpec, runs: &[bool], place: &Path, folder: bool) -> Option<&'a str> {
    let reads = |paths: &[Text]| {
        paths.iter().any(|p| {
            normal(&p.value) == place
                || (folder && normal(&p.value).starts_with(place))
                || glob::Pattern::new(&normal(&p.value).to_string_lossy()).is_ok_and(|g| g.matches_path(place))
        })
    };
    spec.nodes.iter().zip(runs).find_map(|(node, runs)| match &node.kind {
        NodeKind::Source(source) if *runs => match &source.connector {
            SourceConnector::File { paths, .. } if reads(paths) => Some(node.name.value.as_str()),
            _ => None,
        },
        _ => None,
    })
}

/// The path without `.` and `..`, as far as that can be said without looking.
fn normal(path: &str) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.components().next_back(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts
}
