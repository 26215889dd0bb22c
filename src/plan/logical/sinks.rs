//! Sinks: format by name, conflicts between them.

use std::path::{Component, Path, PathBuf};

use super::sources::{format, format_of_name};
use super::{Builder, Inputs, Kind, Node, Sink};
use crate::connect::sqlite;
use crate::data::{DataType, Schema};
use crate::format::Format;
use crate::spec::{
    Diagnostic, Diagnostics, FileMode, JobSpec, NodeKind, NodeSpec, SinkConnector, SinkSpec, SourceConnector, Text,
    suggest,
};

impl Builder<'_> {
    pub(super) fn sink(&mut self, node: &NodeSpec, sink: &SinkSpec, inputs: Inputs) -> Option<Node> {
        let format = self.sink_format(node, sink)?;
        if format == Format::Lines && (inputs.schema.len() != 1 || inputs.schema.fields[0].ty != DataType::String) {
            let span = sink.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
            let diagnostic = Diagnostic::error("format `lines` writes one string column").at(span);
            let columns = format!("the input has: {}", inputs.schema);
            self.found.push(diagnostic.label("does not fit the input").help(columns));
            return None;
        }
        if let SinkConnector::File { mode, .. } = &sink.connector
            && mode.value == FileMode::Replace
            && inputs.endless
        {
            let message = format!("sink `{}` would never show its file: the input has no end", node.name.value);
            self.found.push(
                Diagnostic::error(message)
                    .at(&mode.span)
                    .label("mode = \"replace\" renames the file into place at the end")
                    .help("mode = \"append\" writes rows as they come; a source with `rows` or `once` ends"),
            );
            return None;
        }
        if let SinkConnector::Sqlite { table, key, .. } = &sink.connector {
            self.database(table, key, &inputs.schema)?;
            if inputs.endless && self.spec.checkpoint.interval.is_none() {
                let message = format!("sink `{}` would never show a row: the input has no end", node.name.value);
                let diagnostic = Diagnostic::error(message).at(&node.name.span);
                let diagnostic = diagnostic.label("rows come with checkpoints, or all at the end");
                self.found.push(diagnostic.help("give [checkpoint] an interval; a source with `rows` or `once` ends"));
                return None;
            }
        }
        let kind = Kind::Sink(Box::new(Sink { connector: sink.connector.clone(), format }));
        let mut built = Node::new(node, "sinks", kind, inputs.refs);
        built.endless = inputs.endless;
        Some(built)
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
                let names: Vec<&str> = schema.names().collect();
                let question =
                    suggest(&column.value, &names).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
                let diagnostic = Diagnostic::error(format!("no column `{}`", column.value)).at(&column.span);
                wrong.push(diagnostic.label("not in the input").help(format!("{question}the input has: {schema}")));
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
                self.found.push(diagnostic.help("add format = \"csv\", \"tsv\", \"json\" or \"lines\""));
                return None;
            }
        };
        let tcp = matches!(sink.connector, SinkConnector::Tcp { .. });
        format(&kind, sink.format.as_ref(), !tcp)
    }
}

/// One sink a file, and no file both read and written.
pub fn conflicts(spec: &JobSpec, runs: &[bool], found: &mut Diagnostics) {
    let mut written: Vec<(PathBuf, Option<String>, &str)> = Vec::new();
    let mut stdout: Option<&str> = None;
    for (node, _) in spec.nodes.iter().zip(runs).filter(|(_, runs)| **runs) {
        let NodeKind::Sink(sink) = &node.kind else { continue };
        let name = node.name.value.as_str();
        match &sink.connector {
            SinkConnector::File { path, .. } | SinkConnector::Sqlite { path, .. } => {
                let place = normal(&path.value);
                let table = table_of(&sink.connector);
                let same = |(p, t, _): &&(PathBuf, Option<String>, &str)| {
                    *p == place && (t.is_none() || table.is_none() || *t == table)
                };
                if let Some((_, other, first)) = written.iter().find(same) {
                    let what = if table.is_some() && *other == table { "table" } else { "file" };
                    let message = format!("sinks `{first}` and `{name}` write one {what}");
                    let diagnostic = Diagnostic::error(message).at(&path.span).label("written twice");
                    let help = format!("one sink can read both: input = [\"…\", \"…\"] in [sinks.{first}]");
                    found.push(diagnostic.help(help));
                }
                if let Some(reader) = reader_of(spec, runs, &place) {
                    let message = format!("`{name}` writes a file that `{reader}` reads");
                    found.push(Diagnostic::error(message).at(&path.span).label("also an input"));
                }
                written.push((place, table, name));
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

fn reader_of<'a>(spec: &'a JobSpec, runs: &[bool], place: &Path) -> Option<&'a str> {
    let reads = |paths: &[Text]| {
        paths.iter().any(|p| {
            normal(&p.value) == place
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
