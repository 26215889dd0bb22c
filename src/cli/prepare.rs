//! What commands do before anything runs: read the job file, find what it names outside, lay it out.
//!
//! Files are looked for and looked at; only where a schema is to be found in them are they opened, in `resolve`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::args::JobArgs;
use super::resolve;
use crate::checkpoint::manifest;
use crate::connect::{directory, file, file_sink, sqlite};
use crate::error::{Error, Result};
use crate::format::{CsvOptions, Format};
use crate::plan::logical::{Kind, LogicalPlan, build_with, table_of};
use crate::runtime::directory_options;
use crate::spec::{
    self, Diagnostic, Diagnostics, DirectorySpec, FileMode, JobSpec, JobText, NodeKind, Severity, SinkConnector,
    SourceConnector, Span, Text,
};
use crate::storage::RealStorage;

/// A job file, read.
pub struct Prepared {
    pub text: JobText,
    pub found: Diagnostics,
    /// There are no errors.
    pub job: Option<(JobSpec, LogicalPlan)>,
}

/// The files of each `file` source, by node name.
pub type Files = BTreeMap<String, Vec<PathBuf>>;

/// Reads the job file and resolves names and types.
pub fn load(args: &JobArgs) -> Prepared {
    resolve(spec::load(&args.path, &args.overrides), None)
}

/// Resolves names and types. `stored`: the job as the run to go on from had it.
pub fn resolve(loaded: spec::Loaded, stored: Option<&manifest::Job>) -> Prepared {
    let spec::Loaded { text, job, diagnostics: mut found } = loaded;
    let Some(job) = job else { return Prepared { text, found, job: None } };
    let resolved = resolve::resolve(&job, stored, &mut found);
    let (plan, mut others) = build_with(&job, &resolved);
    if found.has_errors() {
        // What could not be read is missing from the graph: what looks unused may not be.
        others.0.retain(|d| d.severity == Severity::Error);
    }
    found.append(others);
    let job = if found.has_errors() { None } else { plan.map(|plan| (job, plan)) };
    Prepared { text, found, job }
}

/// Finds the input files and looks at the places of the outputs. Files that are missing or in the way are reported
/// with `severity`. `ours`: what an earlier run of the job left may lie in the place of an output, so the engine, which
/// knows that run's state, looks at those.
pub fn files(job: &JobSpec, plan: &LogicalPlan, severity: Severity, ours: bool, found: &mut Diagnostics) -> Files {
    let mut files = Files::new();
    // Sources that will read files that are not there yet.
    let mut growing: Vec<(&str, file::Patterns)> = Vec::new();
    let runs = || job.nodes.iter().filter(|node| plan.nodes.iter().any(|n| n.name == node.name.value));
    for node in runs() {
        if let NodeKind::Source(source) = &node.kind
            && let SourceConnector::File { paths, exclude, follow, .. } = &source.connector
        {
            let patterns = |paths: &[Text]| patterns(paths, exclude);
            let listed = match follow {
                Some(_) => followed(paths, patterns, severity, found),
                None => inputs(paths, patterns, severity, found),
            };
            files.insert(node.name.value.clone(), listed);
            if follow.is_some() {
                growing.push((&node.name.value, patterns(paths)));
            }
        }
    }
    let mut written: Vec<(FileId, Option<String>, &str)> = Vec::new();
    for node in runs() {
        let NodeKind::Sink(sink) = &node.kind else { continue };
        if let SinkConnector::Directory(spec) = &sink.connector {
            folder(spec, &node.name.value, &files, severity, ours, found);
        }
        let (path, looked) = match &sink.connector {
            SinkConnector::File { path, mode, .. } => (path, output(Path::new(&path.value), mode.value)),
            SinkConnector::Sqlite { path, .. } => (path, sqlite::check_target(&RealStorage, Path::new(&path.value))),
            _ => continue,
        };
        if let (Err(error), false) = (looked, ours) {
            found.push(diagnostic(&error, path, severity));
        }
        if let Some((source, _)) = growing.iter().find(|(_, patterns)| patterns.takes(Path::new(&path.value))) {
            let message = format!("`{}` writes a file that `{source}` follows", node.name.value);
            found.push(Diagnostic::error(message).at(&path.span).label("also an input"));
            continue;
        }
        // Names have been compared; links are found out only here.
        let Some(id) = file_id(Path::new(&path.value)) else { continue };
        let read = files.iter().find(|(_, paths)| paths.iter().any(|p| file_id(p) == Some(id)));
        if let Some((source, _)) = read {
            let message = format!("`{}` writes a file that `{source}` reads", node.name.value);
            found.push(Diagnostic::error(message).at(&path.span).label("also an input"));
        }
        let table = table_of(&sink.connector);
        let same =
            |(i, t, _): &&(FileId, Option<String>, &str)| *i == id && (t.is_none() || table.is_none() || *t == table);
        if let Some((_, _, other)) = written.iter().find(same) {
            let message = format!("sinks `{other}` and `{}` write one file", node.name.value);
            found.push(Diagnostic::error(message).at(&path.span).label("written twice"));
        }
        written.push((id, table, &node.name.value));
    }
    files
}

/// Looks at the folder of a directory sink.
fn folder(spec: &DirectorySpec, name: &str, files: &Files, severity: Severity, ours: bool, found: &mut Diagnostics) {
    let options = directory_options(spec, &Format::Lines);
    if let (Err(error), false) = (directory::check_target(&options), ours) {
        found.push(diagnostic(&error, &spec.path, severity));
    }
    let Ok(place) = std::fs::canonicalize(&options.path) else { return };
    let inside = |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|path| path.starts_with(&place));
    if let Some((source, _)) = files.iter().find(|(_, paths)| paths.iter().any(inside)) {
        let message = format!("`{name}` writes into a folder that `{source}` reads from");
        found.push(Diagnostic::error(message).at(&spec.path.span).label("also an input"));
    }
}

/// Device and inode.
type FileId = (u64, u64);

/// What tells a regular file from all others, whatever it is called; `None` if it is not there or not a file.
fn file_id(path: &Path) -> Option<FileId> {
    let data = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((data.dev(), data.ino()))
}

/// What a file source reads.
pub fn patterns(paths: &[Text], exclude: &[Text]) -> file::Patterns {
    let texts = |texts: &[Text]| texts.iter().map(|text| text.value.clone()).collect();
    file::Patterns { paths: texts(paths), exclude: texts(exclude) }
}

pub fn inputs(
    paths: &[Text],
    patterns: impl Fn(&[Text]) -> file::Patterns,
    severity: Severity,
    found: &mut Diagnostics,
) -> Vec<PathBuf> {
    patterns(paths).resolve().unwrap_or_else(|_| {
        // One by one, to say of each what is wrong with it.
        for path in paths {
            if let Err(error) = patterns(std::slice::from_ref(path)).resolve() {
                found.push(diagnostic(&error, path, severity));
            }
        }
        Vec::new()
    })
}

/// As [`inputs`], of a source that waits for what is not there yet: that is worth a word, no more.
fn followed(
    paths: &[Text],
    patterns: impl Fn(&[Text]) -> file::Patterns,
    severity: Severity,
    found: &mut Diagnostics,
) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match patterns(std::slice::from_ref(path)).present() {
            Ok(listed) if listed.is_empty() => {
                let error = file::not_found(&path.value);
                let error = Error { message: format!("{}: it is waited for", error.message), ..error };
                found.push(diagnostic(&error, path, Severity::Warning));
            }
            Ok(listed) => files.extend(listed),
            Err(error) => found.push(diagnostic(&error, path, severity)),
        }
    }
    files
}

fn output(path: &Path, mode: FileMode) -> Result<()> {
    let mode = match mode {
        FileMode::Replace => file_sink::Mode::Replace,
        FileMode::Append => file_sink::Mode::Append,
        FileMode::New => file_sink::Mode::New,
    };
    file_sink::check_target(&RealStorage, path, mode)
}

/// An error without the secrets of the job file, which it may quote.
pub fn redact(text: &JobText, error: Error) -> Error {
    error.redacted(text.secrets())
}

fn diagnostic(error: &Error, path: &Text, severity: Severity) -> Diagnostic {
    let span: Span = path.locate(0..path.value.len());
    let mut diagnostic = Diagnostic::new(severity, error.message.clone()).at(&span);
    if !error.notes.is_empty() {
        diagnostic.help = Some(error.notes.join("\n"));
    }
    diagnostic
}

/// Subtasks to use: those asked for, else the job's, else as many as there are cores.
///
/// Errors (class Usage): more than there are key groups.
pub fn parallelism(asked: Option<usize>, job: &JobSpec) -> Result<usize> {
    let groups = job.max_parallelism.value as usize;
    match asked.or(job.parallelism.as_ref().map(|p| p.value)) {
        Some(asked) if asked > groups => {
            Err(Error::usage(format!("-p {asked} is more than max_parallelism, which is {groups}"))
                .note("each subtask needs a key group of its own: raise max_parallelism in [job], or lower -p"))
        }
        Some(asked) => Ok(asked),
        None => Ok(std::thread::available_parallelism().map_or(1, |cores| cores.get()).min(groups)),
    }
}

/// Places of a line of the terminal that stdout is, if it is one.
fn terminal_line() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// The format of stdout sinks that the job leaves open: a table on a terminal, CSV otherwise. Tables fit the terminal.
pub fn stdout_format(job: &JobSpec, plan: &mut LogicalPlan, terminal: bool) {
    let open = |name: &str| {
        job.nodes.iter().any(|node| match &node.kind {
            NodeKind::Sink(sink) => {
                node.name.value == name && matches!(sink.connector, SinkConnector::Stdout) && sink.format.is_none()
            }
            _ => false,
        })
    };
    for node in &mut plan.nodes {
        let Kind::Sink(sink) = &mut node.kind else { continue };
        if open(&node.name) {
            sink.format = if terminal { Format::Table { line: None } } else { Format::Csv(CsvOptions::default()) };
        }
        if let (SinkConnector::Stdout, Format::Table { line }) = (&sink.connector, &mut sink.format) {
            *line = terminal_line();
        }
    }
}
