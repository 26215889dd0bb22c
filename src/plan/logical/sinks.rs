//! Sinks: format by name, conflicts between them.

use std::path::{Component, Path, PathBuf};

use super::sources::{format, format_of_name};
use super::{Builder, Inputs, Kind, Node, Sink};
use crate::data::DataType;
use crate::format::Format;
use crate::spec::{
    Diagnostic, Diagnostics, FileMode, JobSpec, NodeKind, NodeSpec, SinkConnector, SinkSpec, SourceConnector, Text,
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
        let kind = Kind::Sink(Box::new(Sink { connector: sink.connector.clone(), format }));
        let mut built = Node::new(node, "sinks", kind, inputs.refs);
        built.endless = inputs.endless;
        Some(built)
    }

    fn sink_format(&mut self, node: &NodeSpec, sink: &SinkSpec) -> Option<Format> {
        let file = match &sink.connector {
            SinkConnector::File { path, .. } => Some(path),
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
    let mut written: Vec<(PathBuf, &str)> = Vec::new();
    let mut stdout: Option<&str> = None;
    for (node, _) in spec.nodes.iter().zip(runs).filter(|(_, runs)| **runs) {
        let NodeKind::Sink(sink) = &node.kind else { continue };
        let name = node.name.value.as_str();
        match &sink.connector {
            SinkConnector::File { path, .. } => {
                let place = normal(&path.value);
                if let Some((_, first)) = written.iter().find(|(p, _)| *p == place) {
                    let message = format!("sinks `{first}` and `{name}` write one file");
                    let diagnostic = Diagnostic::error(message).at(&path.span).label("written twice");
                    let help = format!("one sink can read both: input = [\"…\", \"…\"] in [sinks.{first}]");
                    found.push(diagnostic.help(help));
                }
                if let Some(reader) = reader_of(spec, runs, &place) {
                    let message = format!("`{name}` writes a file that `{reader}` reads");
                    found.push(Diagnostic::error(message).at(&path.span).label("also an input"));
                }
                written.push((place, name));
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
