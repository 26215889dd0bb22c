//! Sources: format, schema, event time.

use super::{Builder, EventTime, Kind, Node, Output, Source, graph::parts};
use crate::connect::generate;
use crate::connect::journal::JOURNAL_MAX;
use crate::data::{DataType, Field, Schema};
use crate::error::nearest;
use crate::format::columnar::{ArrowOptions, ParquetOptions, is_columnar};
use crate::format::{
    CsvOptions, Format, JsonOptions, LogfmtOptions, MAX_RECORD_BYTES, RegexOptions, SourceField, SyslogOptions,
    TimestampSource,
};
use crate::spec::{
    Compression, Diagnostic, Diagnostics, FieldSpec, FormatSpec, GenerateKind, JobSpec, NodeKind, NodeSpec,
    SinkConnector, SourceConnector, SourceSpec, Spanned, Text,
};

/// Columns of `NAME.errors`.
pub fn errors_schema() -> Schema {
    Schema::new([
        ("source", DataType::String),
        ("file", DataType::String),
        ("offset", DataType::Int),
        ("line", DataType::Int),
        ("reason", DataType::String),
        ("raw", DataType::String),
    ])
}

/// Column of [`errors_schema`] that a gate completes.
pub const ERRORS_LINE: usize = 3;

impl Builder<'_> {
    /// `runs`: somebody reads it; else it does not matter what is in its files.
    pub(super) fn source(&mut self, node: &NodeSpec, source: &SourceSpec, runs: bool) -> Option<Node> {
        let (format, fields) = match &source.connector {
            SourceConnector::Generate { kind, only, .. } => {
                let fields = match kind.value {
                    GenerateKind::Random => self.random_fields(node, source)?,
                    kind => generated_fields(&generate::schema(self.table(node, kind, only.as_ref())?)),
                };
                (Format::Lines, fields)
            }
            _ => {
                let format = source_format(node, source).map_err(|wrong| self.found.push(wrong)).ok()?;
                if is_columnar(&format) {
                    self.columns_of_files(node, source, &source.connector, format.name())?;
                }
                let is_broken = source.schema_span.is_some() && source.schema.is_none();
                if is_broken || source.schema.is_none() && !runs && is_inferred(&format) {
                    return None;
                }
                let fields = self.fields(node, source, &format)?;
                (format, fields)
            }
        };
        let schema = Schema { fields: fields.iter().map(|f| Field { name: f.name.clone(), ty: f.ty }).collect() };
        let event_time = match &source.event_time {
            // Where it is wrong, nodes behind are still looked at as if it were right.
            Some(spec) => self.event_time(spec, &schema),
            None => match &source.connector {
                SourceConnector::Generate { kind, .. } => generated_time(kind.value, &schema),
                _ => None,
            },
        };
        let mut fields = fields;
        if let Some(time) = &event_time {
            fields[time.column].required = true;
        }
        let schema = self.with_metadata(schema, source)?;
        let journaled = matches!(source.connector, SourceConnector::Stdin | SourceConnector::Tcp { .. });
        let live = journaled || source.connector.follows();
        let endless = match &source.connector {
            SourceConnector::Tcp { once, .. } => !once,
            SourceConnector::Generate { rows, .. } => rows.is_none(),
            connector => connector.follows(),
        };
        let has_time = source.event_time.is_some() || event_time.is_some();
        let (connector, share) = self.shared(node, source);
        let kind = Kind::Source(Box::new(Source {
            connector,
            format,
            fields,
            event_time,
            on_error: source.on_error.value,
            max_record: source.max_record.as_ref().map_or(MAX_RECORD_BYTES, |m| m.value as usize),
            compression: source.compression.as_ref().map(|c| c.value),
            metadata: source.metadata.iter().map(|m| m.value).collect(),
            journal: (journaled && source.journal)
                .then(|| source.journal_max.as_ref().map_or(JOURNAL_MAX, |max| max.value)),
            rate: source.rate.as_ref().map(|r| r.value * share),
            live,
            inferred: source
                .schema
                .is_none()
                .then(|| self.resolved.schemas.get(&node.name.value)?.inferred.clone())
                .flatten(),
        }));
        let mut built = Node::new(node, "sources", kind, Vec::new());
        let errors = Output::named("errors", errors_schema(), false);
        built.outputs = vec![Output::main(schema, has_time), errors];
        built.endless = endless;
        Some(built)
    }

    /// The schema with the columns of `metadata` behind it.
    fn with_metadata(&mut self, mut schema: Schema, source: &SourceSpec) -> Option<Schema> {
        let mut fine = true;
        for metadata in &source.metadata {
            let (name, ty) = metadata.value.column();
            if schema.index_of(name).is_some() {
                let diagnostic = Diagnostic::error(format!("the schema has a column `{name}`")).at(&metadata.span);
                self.found
                    .push(diagnostic.label("makes another one").help("give the column of the schema another name"));
                fine = false;
            }
            schema.fields.push(Field { name: name.to_owned(), ty });
        }
        fine.then_some(schema)
    }

    fn table(
        &mut self,
        node: &NodeSpec,
        kind: GenerateKind,
        only: Option<&crate::spec::Spanned<String>>,
    ) -> Option<generate::Table> {
        match (kind, only) {
            (GenerateKind::Sequence, _) => Some(generate::Table::Sequence),
            (GenerateKind::Random, _) => Some(generate::Table::Random),
            (GenerateKind::Nexmark, Some(only)) => generate::Table::nexmark(&only.value),
            (GenerateKind::Nexmark, None) => {
                let diagnostic = Diagnostic::error(format!("`{}` needs `only`", node.name.value));
                self.found.push(diagnostic.at(&node.name.span).label("which rows?"));
                None
            }
        }
    }

    /// One of several outputs has its part of the rows that the job asks for, and its share of the rate.
    fn shared(&self, node: &NodeSpec, source: &SourceSpec) -> (SourceConnector, f64) {
        let mut connector = source.connector.clone();
        let whole = node.name.value.split_once('.').map(|(whole, _)| whole);
        let (Some(whole), SourceConnector::Generate { only: Some(only), rows, .. }) = (whole, &mut connector) else {
            return (connector, 1.0);
        };
        let read = parts(self.spec, whole).filter(|(index, _)| self.graph.runs[*index]);
        let names = read.filter_map(|(_, part)| part.name.value.split_once('.'));
        let read: Vec<generate::Table> = names.filter_map(|(_, output)| generate::Table::nexmark(output)).collect();
        let Some(table) = generate::Table::nexmark(&only.value) else { return (connector, 1.0) };
        if let Some(rows) = rows {
            rows.value = generate::rows_of(table, &read, rows.value);
        }
        // The shares of a large number of rows are those of all.
        let many = 50_000;
        (connector, generate::rows_of(table, &read, many) as f64 / many as f64)
    }

    /// The columns of random rows.
    fn random_fields(&mut self, node: &NodeSpec, source: &SourceSpec) -> Option<Vec<SourceField>> {
        match (&source.schema, &source.schema_span) {
            (Some(fields), _) if !fields.is_empty() => Some(fields.iter().map(field).collect()),
            // What is wrong with it has been said.
            (None, Some(_)) => None,
            (_, span) => {
                let message = format!("`{}` needs a schema: which columns are to be made?", node.name.value);
                let diagnostic = Diagnostic::error(message).at(span.as_ref().unwrap_or(&node.name.span));
                let help = "such as schema = { at = \"timestamp\", user = \"string\", n = \"int\" }";
                self.found.push(diagnostic.label("random rows").help(help));
                None
            }
        }
    }

    /// Files of columns are read by place: from files alone, and as they are.
    fn columns_of_files(
        &mut self,
        node: &NodeSpec,
        source: &SourceSpec,
        connector: &SourceConnector,
        kind: &str,
    ) -> Option<()> {
        let span = source.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
        let SourceConnector::File { paths, .. } = connector else {
            let diagnostic = Diagnostic::error(format!("format `{kind}` needs a file")).at(span).label("not a stream");
            self.found.push(diagnostic.help("what it holds is described at its end: write it to a file first"));
            return None;
        };
        if matches!(&source.connector, SourceConnector::File { follow: Some(_), .. }) {
            let diagnostic = Diagnostic::error(format!("files of format `{kind}` cannot be followed")).at(span);
            self.found.push(
                diagnostic.label("not a stream").help("what they hold is described at their ends: read whole files"),
            );
            return None;
        }
        let packed = |path: &&Text| [".gz", ".zst"].iter().any(|ending| path.value.ends_with(ending));
        let span = source.compression.as_ref().filter(|c| c.value != Compression::None).map(|c| &c.span);
        if let Some(span) = span.or_else(|| paths.iter().find(packed).map(|path| &path.span)) {
            let diagnostic = Diagnostic::error(format!("format `{kind}` is not read from compressed files")).at(span);
            self.found.push(diagnostic.label("compressed").help("its columns are compressed already: unpack the file"));
            return None;
        }
        Some(())
    }

    fn fields(&mut self, node: &NodeSpec, source: &SourceSpec, format: &Format) -> Option<Vec<SourceField>> {
        match (&source.schema, format) {
            (None, format) if format.fields().is_some() => format.fields(),
            (Some(fields), Format::Lines) => {
                if fields.len() == 1 && fields[0].ty.value == DataType::String {
                    return Some(fields.iter().map(field).collect());
                }
                let span = source.schema_span.as_ref().unwrap_or(&node.name.span);
                let diagnostic = Diagnostic::error("format `lines` has one column, a string").at(span);
                self.found.push(diagnostic.label("too much").help("leave the schema out: the column is `line`"));
                None
            }
            (Some(fields), _) if fields.is_empty() => {
                let span = source.schema_span.as_ref().unwrap_or(&node.name.span);
                self.found.push(Diagnostic::error("the schema has no columns").at(span).label("empty"));
                None
            }
            (Some(fields), format) => {
                let known = format.fields();
                let good = known.is_none_or(|known| fields.iter().all(|f| self.is_field(f, format, &known)));
                good.then(|| fields.iter().map(field).collect())
            }
            (None, _) => {
                let name = &node.name.value;
                if let Some(found) = self.resolved.schemas.get(name) {
                    return Some(found.fields.clone());
                }
                if !self.resolved.failed.contains(name) {
                    self.found.push(no_schema(node, source, format));
                }
                None
            }
        }
    }

    /// Whether a column of the schema is one of the fields that the format has by itself.
    fn is_field(&mut self, column: &FieldSpec, format: &Format, known: &[SourceField]) -> bool {
        let (name, span) = match &column.from {
            Some(from) => (&from.value, &from.span),
            None => (&column.name.value, &column.name.span),
        };
        let names: Vec<&str> = known.iter().map(SourceField::source_name).collect();
        if !names.contains(&name.as_str()) && !format.has_hidden(name) {
            let all = format!("it has {}", names.join(", "));
            let near = nearest(name, names).map(|near| format!("did you mean `{near}`? "));
            let diagnostic = Diagnostic::error(format!("format `{}` has no field `{name}`", format.name())).at(span);
            let help = format!("{}{all}", near.unwrap_or_default());
            self.found.push(diagnostic.label("no such field").help(help));
            return false;
        }
        let own_time = matches!(format, Format::Syslog(_)) && name == "time";
        if own_time && column.ty.value == DataType::Timestamp && column.timestamp != TimestampSource::Text {
            let diagnostic = Diagnostic::error("how the time of syslog is written is known").at(&column.name.span);
            let help =
                "leave out `unit` and `format`; format = { type = \"syslog\", zone = \"Asia/Seoul\" } says the zone";
            self.found.push(diagnostic.label("not to be said here").help(help));
            return false;
        }
        true
    }

    fn event_time(&mut self, spec: &crate::spec::EventTimeSpec, schema: &Schema) -> Option<EventTime> {
        let name = &spec.column.value;
        let Some(column) = schema.index_of(name) else {
            let help = match nearest(name, schema.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the schema has: {}", schema.names().collect::<Vec<_>>().join(", ")),
            };
            let diagnostic = Diagnostic::error(format!("event time: there is no column `{name}`"));
            self.found.push(diagnostic.at(&spec.column.span).label("not in the schema").help(help));
            return None;
        };
        let ty = schema.fields[column].ty;
        if ty != DataType::Timestamp {
            let diagnostic = Diagnostic::error(format!("event time must be a timestamp, `{name}` is {ty}"));
            let help =
                format!("declare it so: {name} = \"timestamp\", or {name} = {{ type = \"timestamp\", unit = \"ms\" }}");
            self.found.push(diagnostic.at(&spec.column.span).label(format!("is {ty}")).help(help));
            return None;
        }
        Some(EventTime { column, delay: spec.delay, idle: spec.idle })
    }
}

/// The format of a source that is no generator: as written, or as the name of its file tells.
pub fn source_format(node: &NodeSpec, source: &SourceSpec) -> Result<Format, Diagnostic> {
    let file = match &source.connector {
        SourceConnector::File { paths, .. } => paths.first(),
        _ => None,
    };
    let kind = match (&source.format, file.and_then(|f| format_of_name(unpacked(&f.value)))) {
        (Some(spec), _) => spec.kind.value.clone(),
        (None, Some(kind)) => kind.to_string(),
        (None, None) => {
            let (span, what) = match file {
                Some(file) => (&file.span, "the file name does not tell the format"),
                None => (&node.name.span, "the source needs a format"),
            };
            let diagnostic = Diagnostic::error(what).at(span).label("csv, json or lines?");
            let formats = "\"csv\", \"tsv\", \"json\", \"lines\", \"logfmt\", \"access-log\" or \"syslog\"";
            return Err(diagnostic.help(format!("add format = {formats}")));
        }
    };
    let tcp = matches!(source.connector, SourceConnector::Tcp { .. });
    match format(&kind, source.format.as_ref(), !tcp) {
        Some(Format::Table { .. }) | None => {
            let span = source.format.as_ref().map_or(&node.name.span, |f| &f.kind.span);
            let diagnostic = Diagnostic::error(format!("a source cannot read format `{kind}`")).at(span);
            Err(diagnostic
                .label("not for reading")
                .help("there are csv, tsv, json, lines, logfmt, access-log, syslog, regex, parquet and arrow"))
        }
        Some(found) => Ok(found),
    }
}

/// Only files can be looked at before they are read.
fn no_schema(node: &NodeSpec, source: &SourceSpec, format: &Format) -> Diagnostic {
    let message = format!("source `{}` needs a schema", node.name.value);
    let ending = if matches!(format, Format::Json(_)) { "jsonl" } else { "csv" };
    let why = match &source.connector {
        SourceConnector::Stdin => "stdin cannot be looked at before it is read",
        SourceConnector::Tcp { .. } => "a socket cannot be looked at before it is read",
        _ => "no `schema`",
    };
    Diagnostic::error(message).at(&node.name.span).label(why).help(format!(
        "such as schema = {{ at = \"timestamp\", user = \"string\", n = \"int\" }}; for a file with such records, \
         `flott infer FILE.{ending}` prints one"
    ))
}

/// Whether columns and types are found in the data where the job has no schema.
pub fn is_inferred(format: &Format) -> bool {
    matches!(format, Format::Csv(_) | Format::Json(_) | Format::Logfmt(_)) || is_columnar(format)
}

/// One reader a stdin, one listener a port.
pub fn conflicts(spec: &JobSpec, runs: &[bool], found: &mut Diagnostics) {
    let mut stdin: Option<&str> = None;
    let mut listeners: Vec<(&str, &str)> = Vec::new();
    for (node, _) in spec.nodes.iter().zip(runs).filter(|(_, runs)| **runs) {
        let name = &node.name.value;
        let address = match &node.kind {
            NodeKind::Source(source) => match &source.connector {
                SourceConnector::Stdin => {
                    if let Some(first) = stdin.replace(name) {
                        let message = format!("`{first}` and `{name}` both read stdin");
                        let diagnostic = Diagnostic::error(message).at(&node.name.span).label("reads it a second time");
                        found.push(diagnostic.help(format!("let both readers take `{first}` as their input")));
                    }
                    continue;
                }
                SourceConnector::Tcp { address, listen: true, .. } => address,
                _ => continue,
            },
            NodeKind::Sink(sink) => match &sink.connector {
                SinkConnector::Tcp { address, listen: true, .. } => address,
                _ => continue,
            },
            _ => continue,
        };
        if address.value.ends_with(":0") {
            continue;
        }
        let port = address.value.rsplit(':').next().unwrap_or_default();
        if let Some((_, first)) = listeners.iter().find(|(p, _)| *p == port) {
            let message = format!("`{first}` and `{name}` both listen on port {port}");
            found.push(Diagnostic::error(message).at(&address.span).label("taken"));
        }
        listeners.push((port, name));
    }
}

fn field(spec: &FieldSpec) -> SourceField {
    SourceField {
        name: spec.name.value.clone(),
        ty: spec.ty.value,
        from: spec.from.as_ref().map(|t| t.value.clone()),
        timestamp: spec.timestamp.clone(),
        required: false,
    }
}

fn generated_fields(schema: &Schema) -> Vec<SourceField> {
    schema.fields.iter().map(|f| SourceField::new(&f.name, f.ty, None)).collect()
}

/// Generated rows come in the order of their time column; of random ones that is the first timestamp.
fn generated_time(kind: GenerateKind, schema: &Schema) -> Option<EventTime> {
    let column = match kind {
        GenerateKind::Random => schema.fields.iter().position(|field| field.ty == DataType::Timestamp)?,
        _ => schema.index_of("date_time").or_else(|| schema.index_of("at"))?,
    };
    Some(EventTime { column, delay: 0, idle: None })
}

/// `name` without the ending of a compression that is only read.
fn unpacked(name: &str) -> &str {
    let plain = name.len().saturating_sub(4);
    match name.get(plain..) {
        Some(ending) if ending.eq_ignore_ascii_case(".zst") => &name[..plain],
        _ => name,
    }
}

/// The format that a file name tells, a compression's ending left out.
pub fn format_of_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" => Some("csv"),
        "tsv" => Some("tsv"),
        "json" | "jsonl" | "ndjson" => Some("json"),
        "txt" | "log" => Some("lines"),
        "parquet" => Some("parquet"),
        "arrow" | "feather" => Some("arrow"),
        _ => None,
    }
}

/// The format `kind` with its options. `header`: what holds where the job does not say.
pub fn format(kind: &str, spec: Option<&FormatSpec>, header: bool) -> Option<Format> {
    let timestamp = spec.and_then(|s| s.timestamp.as_ref()).map(|t| t.value.clone()).unwrap_or_default();
    match kind {
        "csv" | "tsv" => {
            let byte = |option: fn(&FormatSpec) -> Option<&Spanned<u8>>| spec.and_then(option).map(|b| b.value);
            let quote = spec.and_then(|s| s.quote.as_ref()).map(|quote| quote.as_ref().map(|q| q.value));
            Some(Format::Csv(CsvOptions {
                delimiter: byte(|s| s.delimiter.as_ref()).unwrap_or(if kind == "tsv" { b'\t' } else { b',' }),
                header: spec.and_then(|s| s.header.as_ref()).map_or(header, |h| h.value),
                quote: quote.unwrap_or(Some(b'"')),
                escape: byte(|s| s.escape.as_ref()),
                comment: byte(|s| s.comment.as_ref()),
                trim: spec.and_then(|s| s.trim.as_ref()).is_some_and(|t| t.value),
                null: spec.map(|s| s.null.clone()).unwrap_or_default(),
                timestamp,
            }))
        }
        "json" => Some(Format::Json(JsonOptions { timestamp })),
        "lines" => Some(Format::Lines),
        "logfmt" => Some(Format::Logfmt(LogfmtOptions { timestamp })),
        "access-log" => Some(Format::AccessLog),
        "syslog" => Some(Format::Syslog(SyslogOptions {
            year: spec.and_then(|s| s.year).unwrap_or_default(),
            zone: spec.and_then(|s| s.zone.clone()),
        })),
        "regex" => {
            let pattern = spec.and_then(|s| s.pattern.as_ref())?.value.clone();
            Some(Format::Regex(RegexOptions { pattern }))
        }
        "table" => Some(Format::Table { line: None }),
        "parquet" => {
            let defaults = ParquetOptions::default();
            let row_group = spec.and_then(|s| s.row_group.as_ref()).map_or(defaults.row_group, |n| n.value as usize);
            let compression = spec.and_then(|s| s.compression.as_ref()).map_or(defaults.compression, |c| c.value);
            Some(Format::Parquet(ParquetOptions { compression, row_group }))
        }
        "arrow" => Some(Format::Arrow(ArrowOptions)),
        _ => None,
    }
}
