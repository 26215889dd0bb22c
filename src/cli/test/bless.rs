//! `--bless`: what came out is written where it was expected: into the job file, of which everything else stays as it
//! is, or into the file that the test names.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::rows::{self, Cells, unquoted};
use crate::connect::file::reason;
use crate::data::{DataType, Schema};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::spec::{GivenRows, GivenSpec, Span};

/// A new text for an expectation.
pub struct Edit {
    place: Place,
    text: String,
}

enum Place {
    /// Bytes of the job file.
    Job(Range<usize>),
    File(PathBuf),
}

/// Errors: why it cannot be written, in words.
pub fn edit(given: &GivenSpec, came: &Cells, schema: &Schema) -> Result<Edit, String> {
    if let GivenRows::File(path) = &given.rows {
        let format = rows::format_of_file(&path.value)?;
        let text = rows::rewritten(came, schema, &format)?;
        return Ok(Edit { place: Place::File(PathBuf::from(&path.value)), text });
    }
    let Span::File(range) = &given.span else { return Err("it does not stand in the job file".into()) };
    // A line of CSV that is one null would be a blank one, which is no row; a table without values names no column.
    let blank = came.columns.len() == 1 && came.rows.iter().any(|row| row == &[""]);
    let nothing = !came.rows.is_empty() && came.rows.iter().flatten().all(String::is_empty);
    let text = match &given.rows {
        // Neither JSON nor values in it have such numbers.
        _ if has_infinite(came, schema) => multi_line(&rows::text(came)),
        // TOML has no null within a value.
        _ if blank || nothing || has_nested(came, schema) => multi_line(&rows::rewritten(came, schema, &rows::json())?),
        GivenRows::Text(old) => match rows::format_of_text(old) {
            Format::Json(_) => multi_line(&rows::rewritten(came, schema, &rows::json())?),
            _ => multi_line(&rows::text(came)),
        },
        GivenRows::Lists(_) if !came.rows.iter().flatten().any(String::is_empty) => {
            array(came, |values| format!("[{}]", values.join(", ")), schema, false)
        }
        _ => array(came, |values| format!("{{ {} }}", values.join(", ")), schema, true),
    };
    Ok(Edit { place: Place::Job(range.clone()), text })
}

fn has_infinite(came: &Cells, schema: &Schema) -> bool {
    let doubles = came
        .columns
        .iter()
        .map(|name| schema.index_of(name).is_some_and(|column| schema.fields[column].ty == DataType::Double));
    let doubles: Vec<bool> = doubles.collect();
    let is_finite = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok_and(f64::is_finite);
    came.rows.iter().any(|row| row.iter().zip(&doubles).any(|(cell, double)| *double && !is_finite(cell)))
}

fn has_nested(came: &Cells, schema: &Schema) -> bool {
    let types = came.columns.iter().filter_map(|name| Some(schema.fields[schema.index_of(name)?].ty));
    types.into_iter().any(|ty| ty.is_nested() || ty == DataType::Json)
}

/// Puts the edits into the job file and into files of their own.
///
/// Errors (class External): what the system refuses; (Usage) the job file could not be read any more.
pub fn write(path: &Path, text: &str, edits: Vec<Edit>) -> Result<()> {
    let mut in_job: Vec<(Range<usize>, String)> = Vec::new();
    for Edit { place, text } in edits {
        match place {
            Place::Job(range) => in_job.push((range, text)),
            Place::File(path) => put(&path, &text)?,
        }
    }
    if in_job.is_empty() {
        return Ok(());
    }
    let mut new = text.to_owned();
    in_job.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    for (range, text) in in_job {
        new.replace_range(range, &text);
    }
    if new.parse::<toml::Table>().is_err() {
        return Err(Error::usage(format!("the expectations of {} cannot be rewritten in their form", path.display()))
            .note("write them as expect.NODE = \"\" and run it again"));
    }
    // A byte order mark is no part of the text.
    let mark = std::fs::read(path).is_ok_and(|old| old.starts_with("\u{feff}".as_bytes()));
    put(path, &if mark { format!("\u{feff}{new}") } else { new })
}

/// A crash leaves the file as it was or as it is to be.
fn put(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::external(format!("cannot write {}: {}", path.display(), reason(&e)));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".blessed");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(failed)
}

/// A TOML string of several lines that reads as it is, where that is possible.
fn multi_line(text: &str) -> String {
    let strange = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains("\"\"\"") && !text.contains('\\') && !text.contains(strange) {
        return format!("\"\"\"\n{text}\"\"\"");
    }
    if !text.contains("'''") && !text.contains(strange) {
        return format!("'''\n{text}'''");
    }
    toml_string(text)
}

fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A row a line.
fn array(came: &Cells, row: impl Fn(Vec<String>) -> String, schema: &Schema, named: bool) -> String {
    if came.rows.is_empty() {
        return "[]".into();
    }
    let lines = came.rows.iter().map(|cells| {
        let present = came.columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let values = present.map(|(name, cell)| {
            let value = value(cell, name, schema);
            if named { format!("{} = {value}", key(name)) } else { value }
        });
        format!("    {},\n", row(values.collect()))
    });
    format!("[\n{}]", lines.collect::<String>())
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { toml_string(name) }
}

fn value(cell: &str, name: &str, schema: &Schema) -> String {
    let plain = schema.index_of(name).is_some_and(|column| rows::is_plain(schema.fields[column].ty));
    if !plain {
        return toml_string(&unquoted(cell));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests;
