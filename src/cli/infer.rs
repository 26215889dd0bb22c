//! `flott infer`: the source of a job for a file, with the columns and types that are found in it.

mod toml;

use std::path::{Path, PathBuf};

use super::args::InferArgs;
use super::print;
use super::screen::Screen;
use crate::connect::file;
use crate::error::{Error, Result};
use crate::format::columnar::{ArrowOptions, ParquetOptions};
use crate::format::infer::{self, Guess, Sample, guess, infer};
use crate::format::{CsvOptions, Format, JsonOptions, LogfmtOptions};
use crate::plan::logical::sources::format_of_name;
use crate::spec::suggest;

pub use toml::{Column, Printed, quoted as toml_string};

use toml::Source;

/// More than this is not read for whatever number of records.
const SAMPLE_BYTES_MAX: usize = 256 << 20;

/// Formats that have columns of their own, and what they look like.
const FIXED: [(Guess, &str, &str); 5] = [
    (Guess::AccessLog, "access-log", "an access log"),
    (Guess::Syslog, "syslog", "a system log"),
    (Guess::Parquet, "parquet", "a Parquet file"),
    (Guess::Arrow, "arrow", "an Arrow file"),
    (Guess::Lines, "lines", "plain lines"),
];

/// The formats whose columns are found in the data.
const FOUND: [&str; 4] = ["csv", "tsv", "json", "logfmt"];

pub fn run(args: &InferArgs) -> u8 {
    let screen = Screen::new(args.color);
    match source(args, &screen) {
        Ok(printed) => {
            print(&printed.text);
            0
        }
        Err(error) => screen.refuse(&Error { class: crate::error::Class::Usage, ..error }),
    }
}

/// The source for a file; what is odd about it has been said.
///
/// Errors: it cannot be read, or there are no columns to be found.
pub fn source(args: &InferArgs, screen: &Screen) -> Result<Printed> {
    let bytes = args.records.div_ceil(infer::RECORDS).saturating_mul(infer::SAMPLE_BYTES).min(SAMPLE_BYTES_MAX);
    let stdin = args.file.as_os_str() == "-";
    let (path, sample) = match stdin {
        true => (None, file::sample_of(std::io::stdin().lock(), "stdin", bytes)?),
        false => {
            let files =
                file::Patterns { paths: vec![args.file.display().to_string()], exclude: Vec::new() }.resolve()?;
            let (path, sample) = first(&files, bytes)?;
            (Some(path), sample)
        }
    };
    let looks_like = guess(&sample);
    let name = path.as_deref().map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    let named = format_of_name(name.strip_suffix(".zst").unwrap_or(&name));
    let asked = args.format.as_deref().map(known).transpose()?;
    let typed = (!stdin).then_some(args.file.as_path());
    let shown = |kind| Source { path: typed, seen: &name, kind, named, written: asked.is_some() };
    let fixed = |kind: &'static str, what: &str| Ok(shown(kind).fixed(what));
    let kind = match (asked, named, looks_like) {
        (Some(kind), ..) => kind,
        (None, Some(kind @ ("csv" | "tsv" | "json" | "parquet" | "arrow")), _) => kind,
        (None, _, Guess::Csv { .. }) => "csv",
        (None, _, Guess::Json) => "json",
        (None, _, Guess::Logfmt) => "logfmt",
        (None, _, Guess::Binary) => {
            return Err(Error::usage(format!("{name} is no text")).note("--format FORMAT says what it is"));
        }
        (None, _, Guess::Parquet) => "parquet",
        (None, _, Guess::Arrow) => "arrow",
        (None, _, other) => {
            let (_, kind, what) = FIXED.iter().find(|(guess, ..)| *guess == other).unwrap_or(&FIXED[4]);
            return fixed(kind, what);
        }
    };
    if let Some(format) = columnar(kind) {
        let Some(path) = &path else { return Err(of_columns_at(&name)) };
        return Ok(shown(kind).described(&file::described(path, &format, args.records)?));
    }
    if let Some((_, kind, what)) = FIXED.iter().find(|(_, fixed, _)| *fixed == kind) {
        return fixed(kind, what);
    }
    let format = format(kind, &sample);
    let named = |error: Error| Error { message: format!("{name}: {}", error.message), ..error };
    let (format, found) = headed(format, &sample, args.records).map_err(named)?;
    for remark in &found.remarks {
        let (what, help) = remark.words();
        screen.warning(&Error::data(what).note(help));
    }
    Ok(shown(kind).with_columns(&format, &found))
}

/// The format of files of columns of this name.
fn columnar(kind: &str) -> Option<Format> {
    match kind {
        "parquet" => Some(Format::Parquet(ParquetOptions::default())),
        "arrow" => Some(Format::Arrow(ArrowOptions)),
        _ => None,
    }
}

/// A file of columns cannot be read from start to end, by us no more than by a job.
fn of_columns_at(name: &str) -> Error {
    let error = Error::usage(format!("{name} has a Parquet or Arrow file, which is read from its end"));
    error.note("write it to a file first: a job reads such from files, too")
}

/// The start of the first file that has anything in it, else of the first one.
fn first(files: &[PathBuf], bytes: usize) -> Result<(PathBuf, Sample)> {
    let has_data = |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0);
    let path = files.iter().find(has_data).or(files.first()).ok_or_else(|| Error::usage("there is no file"))?;
    Ok((path.clone(), file::sample(path, bytes)?))
}

/// A format that somebody typed.
fn known(word: &str) -> Result<&'static str> {
    let names: Vec<&'static str> = FOUND.into_iter().chain(FIXED.iter().map(|(_, name, _)| *name)).collect();
    if let Some(name) = names.iter().find(|name| **name == word) {
        return Ok(name);
    }
    let error = Error::usage(format!("there is no format `{word}`"));
    Err(match suggest(word, &names) {
        Some(near) => error.note(format!("did you mean `{near}`?")),
        None => error.note(format!("there are {}", names.join(", "))),
    })
}

fn format(kind: &str, sample: &Sample) -> Format {
    let csv = |delimiter| Format::Csv(CsvOptions { delimiter, ..CsvOptions::default() });
    match kind {
        "tsv" => csv(b'\t'),
        "json" => Format::Json(JsonOptions::default()),
        "logfmt" => Format::Logfmt(LogfmtOptions::default()),
        _ => csv(infer::delimiter(sample).unwrap_or(b',')),
    }
}

/// What is in the sample; if its first line is no header, read without one.
fn headed(format: Format, sample: &Sample, records: usize) -> Result<(Format, infer::Found)> {
    let found = infer(&format, sample, records)?;
    let is_data = found.remarks.iter().any(|remark| matches!(remark, infer::Remark::HeaderIsData(_)));
    match format {
        Format::Csv(options) if is_data => {
            let format = Format::Csv(CsvOptions { header: false, ..options });
            let found = infer(&format, sample, records)?;
            Ok((format, found))
        }
        format => Ok((format, found)),
    }
}

/// The name of a node for a file: its own without endings.
pub fn node_name(path: Option<&Path>) -> String {
    let stem = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = toml::plain_name(stem.split('.').next().unwrap_or_default());
    if name.is_empty() { "input".into() } else { name }
}
