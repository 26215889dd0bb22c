//! The schema of a source without one, where its files describe themselves.

use std::path::Path;

use super::prepare::diagnostic;
use crate::connect::file;
use crate::error::Result;
use crate::format::columnar::is_columnar;
use crate::format::{Format, SourceField};
use crate::plan::logical::sources::{format, format_of_name};
use crate::spec::{Diagnostics, FieldSpec, JobSpec, NodeKind, Severity, SourceConnector, SourceSpec, Spanned, Text};

/// Gives such sources the columns of their first file. False: a file cannot be read, which was said.
pub fn schemas(job: &mut JobSpec, found: &mut Diagnostics) -> bool {
    let mut fine = true;
    for node in &mut job.nodes {
        let name = node.name.span.clone();
        let NodeKind::Source(source) = &mut node.kind else { continue };
        let Some((paths, format)) = to_look_at(source) else { continue };
        match first(&paths, &format) {
            Ok(fields) => {
                let column = |field: SourceField| FieldSpec {
                    name: Spanned { value: field.name, span: name.clone() },
                    ty: Spanned { value: field.ty, span: name.clone() },
                    from: None,
                    timestamp: field.timestamp,
                };
                source.schema = Some(fields.into_iter().map(column).collect());
            }
            Err(error) => {
                fine = false;
                paths.first().into_iter().for_each(|path| found.push(diagnostic(&error, path, Severity::Error)));
            }
        }
    }
    fine
}

/// Paths and format of a source that has files of columns and no schema.
fn to_look_at(source: &SourceSpec) -> Option<(Vec<Text>, Format)> {
    let SourceConnector::File { paths, .. } = &source.connector else { return None };
    let kind = match &source.format {
        Some(spec) => spec.kind.value.as_str(),
        None => format_of_name(&paths.first()?.value)?,
    };
    let format = format(kind, source.format.as_ref(), true).filter(is_columnar)?;
    source.schema_span.is_none().then(|| (paths.clone(), format))
}

fn first(paths: &[Text], format: &Format) -> Result<Vec<SourceField>> {
    let patterns: Vec<String> = paths.iter().map(|path| path.value.clone()).collect();
    let files = file::resolve_paths(&patterns)?;
    file::columns_of(files.first().map_or(Path::new(""), |path| path), format)
}
