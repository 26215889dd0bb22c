//! What commands do before anything runs: read the job file, find what it names outside, lay it out.
//!
//! Files are looked for and looked at, never opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::JobArgs;
use crate::connect::{file, file_sink};
use crate::error::{Error, Result};
use crate::format::{CsvOptions, Format};
use crate::plan::logical::{Kind, LogicalPlan, build};
use crate::spec::{
    self, Diagnostic, Diagnostics, FileMode, JobSpec, JobText, NodeKind, Severity, SinkConnector, SourceConnector,
    Span, Text,
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
    let spec::Loaded { text, job, diagnostics: mut found } = spec::load(&args.path, &args.overrides);
    let Some(job) = job else { return Prepared { text, found, job: None } };
    let (plan, mut others) = build(&job);
    if found.has_errors() {
        // What could not be read is missing from the graph: what looks unused may not be.
        others.0.retain(|d| d.severity == Severity::Error);
    }
    found.append(others);
    let job = if found.has_errors() { None } else { plan.map(|plan| (job, plan)) };
    Prepared { text, found, job }
}

/// Finds the input files and looks at the places of the outputs. Files that are missing or in the way are reported
/// with `severity`.
pub fn files(job: &JobSpec, plan: &LogicalPlan, severity: Severity, found: &mut Diagnostics) -> Files {
    let mut files = Files::new();
    for node in job.nodes.iter().filter(|node| plan.nodes.iter().any(|n| n.name == node.name.value)) {
        match &node.kind {
            NodeKind::Source(source) => {
                if let SourceConnector::File { paths, .. } = &source.connector {
                    files.insert(node.name.value.clone(), inputs(paths, severity, found));
                }
            }
            NodeKind::Sink(sink) => {
                if let SinkConnector::File { path, mode, .. } = &sink.connector
                    && let Err(error) = output(Path::new(&path.value), mode.value)
                {
                    found.push(diagnostic(&error, path, severity));
                }
            }
            _ => {}
        }
    }
    files
}

fn inputs(paths: &[Text], severity: Severity, found: &mut Diagnostics) -> Vec<PathBuf> {
    let patterns: Vec<String> = paths.iter().map(|p| p.value.clone()).collect();
    file::resolve_paths(&patterns).unwrap_or_else(|_| {
        // One by one, to say of each what is wrong with it.
        for (path, pattern) in paths.iter().zip(patterns) {
            if let Err(error) = file::resolve_paths(&[pattern]) {
                found.push(diagnostic(&error, path, severity));
            }
        }
        Vec::new()
    })
}

fn output(path: &Path, mode: FileMode) -> Result<()> {
    let mode = match mode {
        FileMode::Replace => file_sink::Mode::Replace,
        FileMode::Append => file_sink::Mode::Append,
        FileMode::New => file_sink::Mode::New,
    };
    file_sink::check_target(&RealStorage, path, mode)
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
pub fn parallelism(args: &JobArgs, job: &JobSpec) -> Result<usize> {
    let groups = job.max_parallelism.value as usize;
    match args.parallelism.or(job.parallelism.as_ref().map(|p| p.value)) {
        Some(asked) if asked > groups => {
            Err(Error::usage(format!("-p {asked} is more than max_parallelism, which is {groups}"))
                .note("each subtask needs a key group of its own: raise max_parallelism in [job], or lower -p"))
        }
        Some(asked) => Ok(asked),
        None => Ok(std::thread::available_parallelism().map_or(1, |cores| cores.get()).min(groups)),
    }
}

/// The format of stdout sinks that the job leaves open: a table on a terminal, CSV otherwise.
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
        if let Kind::Sink(sink) = &mut node.kind
            && open(&node.name)
        {
            sink.format = if terminal { Format::Table } else { Format::Csv(CsvOptions::default()) };
        }
    }
}
