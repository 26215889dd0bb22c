//! `--report`: the figures of a run as JSON.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::run::Outcome;
use super::summary::{Totals, rate};
use crate::connect::file::reason;
use crate::data::text::timestamp_text;
use crate::error::{Error, Result};
use crate::observe::NodeFigures;
use crate::runtime::Ending;
use crate::storage::spill;

/// The file, made before the job starts: a run is not worth losing its figures for.
pub struct ReportFile {
    file: File,
    path: PathBuf,
}

impl ReportFile {
    /// Errors (class Usage): the file cannot be made.
    pub fn create(path: &Path) -> Result<ReportFile> {
        let failed = |e| Error::usage(format!("cannot write the report {}: {}", path.display(), reason(&e)));
        Ok(ReportFile { file: File::create(path).map_err(failed)?, path: path.to_owned() })
    }

    /// Errors (class External): whatever the system refuses.
    pub fn write(mut self, report: &Value) -> Result<()> {
        let written = self.file.write_all(format!("{report:#}\n").as_bytes());
        written.map_err(|e| Error::external(format!("cannot write {}: {}", self.path.display(), reason(&e))))
    }
}

/// The report of a job that did not start.
pub fn refused(path: &Path, error: &Error, exit_code: u8) -> Value {
    json!({
        "file": path.display().to_string(),
        "ending": "refused",
        "exit_code": exit_code,
        "error": error_value(error),
    })
}

pub fn finished(path: &Path, outcome: &Outcome) -> Value {
    let totals = Totals::of(&outcome.stats);
    let (ending, error) = match &outcome.ending {
        Ending::Finished => ("finished", None),
        Ending::Drained => ("drained", None),
        Ending::Stopped(_) => ("stopped", None),
        Ending::Suspended { .. } => ("suspended", None),
        Ending::Cancelled { .. } => ("cancelled", None),
        Ending::Failed { error, .. } => ("failed", Some(error_value(error))),
    };
    let stats = &outcome.stats;
    json!({
        "job": outcome.job,
        "file": path.display().to_string(),
        "parallelism": outcome.parallelism,
        "ending": ending,
        "exit_code": outcome.ending.exit_code(),
        "error": error,
        "summary": {
            "rows_in": totals.rows_in,
            "rows_out": totals.rows_out,
            "bytes_in": totals.bytes_in,
            "late": totals.late,
            "bad": totals.bad,
            "seconds": outcome.seconds,
            "rows_per_second": rate(totals.rows_in, outcome.seconds),
        },
        "checkpoints": stats.checkpoints.read().to_json(),
        "spilled_bytes": spill::spilled(),
        "restarts": stats.checkpoints.read().restarts,
        "sources": stats.sources.iter().map(|(name, s)| {
            let figures = s.read();
            json!({ "name": name, "rows": figures.rows, "bytes": figures.bytes, "bad": figures.bad })
        }).collect::<Vec<_>>(),
        "transforms": stats.by_node().into_iter().map(|(name, f)| node(name, f)).collect::<Vec<_>>(),
        "tasks": stats.nodes.iter().map(|(name, subtask, s)| task(name, *subtask, s.read())).collect::<Vec<_>>(),
        "sinks": stats.sinks.iter().map(|(name, s)| node(name, s.read())).collect::<Vec<_>>(),
    })
}

fn task(name: &str, subtask: usize, figures: NodeFigures) -> Value {
    let mut value = node(name, figures);
    value["subtask"] = subtask.into();
    value
}

fn node(name: &str, figures: NodeFigures) -> Value {
    json!({
        "name": name,
        "rows_in": figures.rows_in,
        "rows_out": figures.rows_out,
        "bytes": figures.bytes,
        "bad": figures.bad,
        "late": figures.late,
        "watermark": watermark(figures.watermark),
    })
}

/// RFC 3339; null before the first one, `end` behind the end of the input.
fn watermark(micros: i64) -> Value {
    match micros {
        i64::MIN => Value::Null,
        i64::MAX => "end".into(),
        micros => timestamp_text(micros).into(),
    }
}

fn error_value(error: &Error) -> Value {
    json!({ "node": error.node, "message": error.message, "notes": error.notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{JobStats, NodeStats, SourceStats};

    #[test]
    fn a_failed_run_has_its_error_and_figures() {
        let (source, node) = (SourceStats::default(), NodeStats::default());
        source.rows(10, 100);
        node.watermark(1_000_000);
        let stats = JobStats {
            sources: vec![("sources.a".into(), source)],
            nodes: vec![("transforms.t".into(), 1, node)],
            sinks: Vec::new(),
            ..JobStats::default()
        };
        let ending = Ending::Failed { error: Error::data("bad").at("sources.a").note("line 3"), kept: false };
        let outcome = Outcome { job: "j".into(), parallelism: 2, seconds: 2.0, ending, stats };
        let report = finished(Path::new("j.toml"), &outcome);
        assert_eq!(report["ending"], "failed");
        assert_eq!(report["exit_code"], 1);
        assert_eq!(report["error"]["node"], "sources.a");
        assert_eq!(report["error"]["notes"][0], "line 3");
        assert_eq!(report["summary"]["rows_per_second"], 5);
        assert_eq!(report["tasks"][0]["subtask"], 1);
        assert_eq!(report["tasks"][0]["watermark"], "1970-01-01T00:00:01Z");
    }

    #[test]
    fn watermarks_are_readable() {
        assert_eq!(watermark(i64::MIN), Value::Null);
        assert_eq!(watermark(i64::MAX), "end");
    }
}
