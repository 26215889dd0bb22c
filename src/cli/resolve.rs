//! The step between a job file and its plan: schemas that do not stand in the file are found in the data, or taken from
//! the checkpoint that the run goes on from.
//!
//! Files are opened here only if their source has no schema, and only their start is read.

use std::path::{Path, PathBuf};

use super::prepare;
use crate::checkpoint::manifest;
use crate::connect::file;
use crate::data::DataType;
use crate::error::{Error, Result};
use crate::format::columnar::is_columnar;
use crate::format::infer::{self, Found, infer};
use crate::format::{Format, SourceField};
use crate::plan::logical::sources::{is_inferred, source_format};
use crate::plan::{FoundSchema, Inferred, Resolved};
use crate::spec::{
    Diagnostic, Diagnostics, JobSpec, NodeKind, NodeSpec, SourceConnector, SourceSpec, Span, Text, parse_type,
};

/// Of so many files without a record the next one is looked at.
const FILES_MAX: usize = 100;

/// Finds the schemas that the job file leaves out. `stored`: the job as the run to go on from had it; what was inferred
/// then is never inferred again, as the state was made by it.
pub fn resolve(job: &JobSpec, stored: Option<&manifest::Job>, found: &mut Diagnostics) -> Resolved {
    let mut resolved = Resolved::default();
    for node in &job.nodes {
        let NodeKind::Source(source) = &node.kind else { continue };
        let SourceConnector::File { paths, exclude, .. } = &source.connector else { continue };
        let Ok(format) = source_format(node, source) else { continue };
        if source.schema.is_some() || source.schema_span.is_some() || !is_inferred(&format) || !is_read(job, node) {
            continue;
        }
        let name = &node.name.value;
        let schema = match stored.and_then(|stored| kept(stored, name)) {
            Some(kept) => Some(kept),
            None => look(node, source, (paths, exclude), &format, found),
        };
        match schema {
            Some(schema) => drop(resolved.schemas.insert(name.clone(), schema)),
            None => drop(resolved.failed.insert(name.clone())),
        }
    }
    resolved
}

/// Some node has it as its input.
fn is_read(job: &JobSpec, source: &NodeSpec) -> bool {
    let name = source.name.value.as_str();
    let reads = |input: &Text| input.value.split_once('.').map_or(input.value.as_str(), |(node, _)| node) == name;
    job.nodes.iter().any(|node| node.inputs.iter().any(reads))
}

/// What an earlier run inferred.
fn kept(stored: &manifest::Job, name: &str) -> Option<FoundSchema> {
    let path = format!("sources.{name}");
    let inferred = stored.inferred.get(&path)?;
    let columns = stored.schemas.get(&path)?;
    let field = |(name, ty): &(String, String)| Some(SourceField::new(name, parse_type(ty).ok()?, None));
    let fields: Option<Vec<SourceField>> = columns.iter().map(field).collect();
    let inferred = Some(Inferred { records: inferred.records, file: inferred.file.clone() });
    Some(FoundSchema { fields: fields?, inferred })
}

/// Looks into the files of a source. `None` after a diagnostic.
fn look(
    node: &NodeSpec,
    source: &SourceSpec,
    (paths, exclude): (&[Text], &[Text]),
    format: &Format,
    found: &mut Diagnostics,
) -> Option<FoundSchema> {
    let span = |path: &Text| path.locate(0..path.value.len());
    let place = paths.first().map_or_else(|| node.name.span.clone(), span);
    let files = prepare::patterns(paths, exclude).resolve();
    let missing = files.is_err();
    if let (Ok(files), true) = (&files, is_columnar(format)) {
        return described(files, format, &place, found);
    }
    match files.and_then(|files| in_files(&files, format)) {
        Ok((file, seen)) => {
            for remark in &seen.remarks {
                let (what, help) = remark.words();
                let warning = Diagnostic::warning(format!("{}: {what}", file.display())).at(&place);
                found.push(warning.label("the schema is inferred from it").help(help));
            }
            let inferred = Inferred { records: seen.records as u64, file: file.display().to_string() };
            let fields = seen.fields.into_iter().map(|field| timed(field, source)).collect();
            Some(FoundSchema { fields, inferred: Some(inferred) })
        }
        Err(error) => {
            let mut help = error.notes;
            let event_time = source.event_time.as_ref().map(|time| format!("{} = \"timestamp\", ", time.column.value));
            let columns = event_time.unwrap_or_default();
            help.push(format!("columns are found in the data, or written down: schema = {{ {columns}n = \"int\" }}"));
            let message = match missing {
                true => error.message,
                false => format!("source `{}` has no schema, and none is found: {}", node.name.value, error.message),
            };
            found.push(Diagnostic::error(message).at(&place).label("its columns are not known").help(help.join("\n")));
            None
        }
    }
}

/// The columns of the first of `files`, which say themselves what they hold. `None` after a diagnostic.
fn described(files: &[PathBuf], format: &Format, place: &Span, found: &mut Diagnostics) -> Option<FoundSchema> {
    let path = files.first()?;
    match file::columns_of(path, format) {
        Ok(fields) => Some(FoundSchema { fields, inferred: None }),
        Err(error) => {
            let diagnostic = Diagnostic::error(error.message).at(place).label("its columns are not known");
            let help = error.notes.join("\n");
            found.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
            None
        }
    }
}

/// An event time that has days only is the start of the day.
fn timed(field: SourceField, source: &SourceSpec) -> SourceField {
    match &source.event_time {
        Some(time) if time.column.value == field.name && field.ty == DataType::Date => {
            SourceField { ty: DataType::Timestamp, ..field }
        }
        _ => field,
    }
}

/// What is in the first of `files` that has records; of the first that has anything else, if none has.
fn in_files(files: &[PathBuf], format: &Format) -> Result<(PathBuf, Found)> {
    let mut first = None;
    for path in files.iter().take(FILES_MAX) {
        let sample = file::sample(path, infer::SAMPLE_BYTES)?;
        match infer(format, &sample, infer::RECORDS) {
            Ok(found) if found.records > 0 => return Ok((path.clone(), found)),
            Ok(found) if !matches!(first, Some(Ok(_))) => first = Some(Ok((path.clone(), found))),
            Err(error) if sample.data.trim_ascii().is_empty() => {
                first.get_or_insert(Err(within(path, error)));
            }
            Err(error) => return Err(within(path, error)),
            Ok(_) => {}
        }
    }
    first.unwrap_or_else(|| Err(Error::job("there is no file")))
}

fn within(path: &Path, error: Error) -> Error {
    Error { message: format!("{}: {}", path.display(), error.message), ..error }
}
