//! `flott status`: one job, running or not.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::Value;

use super::args::{Shown, StatusArgs};
use super::list::{age, name, state_of, table, value};
use super::print;
use super::screen::Screen;
use super::state::{self, Known};
use super::summary::{grouped, rate};
use crate::checkpoint::home::{self, Figures, Seen};
use crate::control::client;
use crate::data::text::timestamp_text;
use crate::error::{Error, Result};

const EVERY: Duration = Duration::from_secs(1);
/// Cursor to the top, screen empty.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub fn status(args: &StatusArgs) -> u8 {
    match state::known(&args.job).and_then(|job| show(args, &job)) {
        Ok(()) => 0,
        Err(error) => Screen::plain().refuse(&error),
    }
}

/// A job as it is now.
enum Status {
    /// What its process says.
    Running(Value),
    /// What it left.
    Over(Box<Seen>),
}

fn show(args: &StatusArgs, job: &Known) -> Result<()> {
    let clear = args.watch && args.format == Shown::Text && std::io::stdout().is_terminal();
    loop {
        let status = ask(job)?;
        let json = || match &status {
            Status::Running(value) => value.clone(),
            Status::Over(seen) => value(seen),
        };
        let text = match (args.format, &status) {
            (Shown::Text, Status::Running(value)) => running(value, super::now()),
            (Shown::Text, Status::Over(seen)) => over(seen, super::now()),
            // One line each, for programs that read along.
            (Shown::Json, _) if args.watch => format!("{}\n", json()),
            (Shown::Json, _) => format!("{:#}\n", json()),
        };
        print(&format!("{}{text}", if clear { CLEAR } else { "" }));
        if !args.watch || matches!(status, Status::Over(_)) {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

fn ask(job: &Known) -> Result<Status> {
    let look = || {
        let gone = || Error::external(format!("the state folder of {} has gone", job.name));
        home::look(&job.folder)?.ok_or_else(gone)
    };
    if look()?.condition.is_running() {
        match client::ask(&job.folder, "GET", "/v1/status", None) {
            Ok(status) => return Ok(Status::Running(status)),
            // It may just have ended.
            Err(error) if look()?.condition.is_running() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Status::Over(Box::new(look()?)))
}

fn line(label: &str, text: &str) -> String {
    format!("  {label:<11} {text}\n")
}

fn over(seen: &Seen, now: i64) -> String {
    let mut text = format!("{} {}\n", name(seen), state_of(seen));
    if let Some(run) = seen.record.as_ref().and_then(|record| record.run.as_ref()) {
        match run.ended {
            Some(at) => {
                let Figures { rows_in, rows_out, seconds } = run.figures;
                let rows = format!("{} in, {} out, in {seconds:.2} s", grouped(rows_in), grouped(rows_out));
                text.push_str(&(line("ended", &format!("{} ago", age(now - at))) + &line("rows", &rows)));
            }
            None => text.push_str(&line("began", &format!("{} ago", age(now - run.started)))),
        }
        if let Some(error) = &run.error {
            text.push_str(&line("error", error));
        }
    }
    if let Some(checkpoint) = &seen.checkpoint {
        let made = match checkpoint.created {
            0 => "damaged".into(),
            at => format!("{} ago", age(now - at)),
        };
        let (number, path) = (checkpoint.number, checkpoint.path.display());
        text.push_str(&line("checkpoint", &format!("{number}, {made}, {path}")));
    }
    if let Some(record) = &seen.record {
        text.push_str(&line("job file", &record.path));
    }
    text + &line("state", &seen.folder.display().to_string())
}

fn files(status: &Value) -> String {
    let file = status["file"].as_str().map(|path| line("job file", path)).unwrap_or_default();
    file + &status["folder"].as_str().map(|path| line("state", path)).unwrap_or_default()
}

fn running(status: &Value, now: i64) -> String {
    let word = |key: &str| status[key].as_str().unwrap_or("?");
    let started = status["started"].as_i64().unwrap_or(now);
    let mut text =
        format!("{} {}, process {}, for {}\n", word("job"), word("state"), status["pid"], age(now - started));
    let checkpoints = &status["checkpoints"];
    if let Some(completed) = checkpoints["completed"].as_u64() {
        text.push_str(&line("checkpoints", &checkpointed(checkpoints, completed, now)));
    }
    if let Some(restarts @ 1..) = status["restarts"].as_u64() {
        text.push_str(&line("restarts", &restarts.to_string()));
    }
    text.push_str(&files(status));
    let seconds = (now - started) as f64 / 1e6;
    let nodes = ["sources", "operators", "sinks"].into_iter();
    let rows = nodes.flat_map(|list| status[list].as_array().into_iter().flatten()).map(|node| row(node, seconds));
    let rows: Vec<[String; 6]> = rows.collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(["NODE", "ROWS IN", "ROWS/S", "ROWS OUT", "LATE OR BAD", "WATERMARK"], rows.into_iter()));
    }
    text
}

fn checkpointed(checkpoints: &Value, completed: u64, now: i64) -> String {
    let failed = count(&checkpoints["failed"]);
    let mut text = format!("{} complete, {} failed", grouped(completed), grouped(failed));
    if let (Some(last), Some(at)) = (checkpoints["last"].as_u64(), checkpoints["at"].as_i64()) {
        let took = checkpoints["duration"].as_i64().unwrap_or(0) / 1000;
        let bytes = grouped(count(&checkpoints["bytes"]));
        text.push_str(&format!("; the last is {last}, {} ago, {bytes} bytes in {took} ms", age(now - at)));
    }
    text
}

fn row(node: &Value, seconds: f64) -> [String; 6] {
    let subtask = node["subtask"].as_u64().map(|subtask| format!(" {subtask}")).unwrap_or_default();
    let rows = node["rows"].as_u64().or(node["rows-in"].as_u64()).unwrap_or(0);
    let number = |value: &Value| value.as_u64().map(grouped).unwrap_or_default();
    let aside: u64 = [&node["bad"], &node["late"]].into_iter().filter_map(Value::as_u64).sum();
    [
        format!("{}{subtask}", node["name"].as_str().unwrap_or("?")),
        grouped(rows),
        grouped(rate(rows, seconds)),
        number(&node["rows-out"]),
        grouped(aside),
        node["watermark"].as_i64().map(timestamp_text).unwrap_or_default(),
    ]
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::home::{Checkpoint, Condition, Ended, LastRun, Record};
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn a_running_job_has_its_nodes_and_checkpoints() {
        let status = json!({
            "job": "j", "state": "running", "pid": 42, "started": 0, "file": "/a/j.toml", "folder": "/s/j",
            "sources": [{ "name": "sources.a", "rows": 12000, "bad": 3, "bytes": 5, "done": 1, "total": null }],
            "operators": [{
                "name": "transforms.t", "subtask": 1, "rows-in": 9, "rows-out": 2, "late": 1, "watermark": 1_000_000
            }],
            "sinks": [],
            "checkpoints": {
                "completed": 2, "failed": 1, "last": 7, "at": 4_000_000, "bytes": 1000, "duration": 12_000
            },
            "restarts": 1,
        });
        let expect = "\
j running, process 42, for 10 s
  checkpoints 2 complete, 1 failed; the last is 7, 6 s ago, 1,000 bytes in 12 ms
  restarts    1
  job file    /a/j.toml
  state       /s/j

NODE            ROWS IN  ROWS/S  ROWS OUT  LATE OR BAD  WATERMARK
sources.a       12,000   1,200             3
transforms.t 1  9        1       2         1            1970-01-01T00:00:01Z
";
        assert_eq!(running(&status, 10_000_000), expect);
    }

    #[test]
    fn a_job_that_failed_says_why_and_where_it_left_off() {
        let figures = Figures { rows_in: 1234, rows_out: 5, seconds: 1.5 };
        let error = Some("lost".to_owned());
        let run = LastRun { pid: 1, started: 0, ended: Some(1_000_000), ending: Ended::Failed, figures, error };
        let record = Record { run: Some(run), ..Record::new("j", Path::new("/a/j.toml"), Path::new("/a")) };
        let checkpoint = Checkpoint { number: 7, created: 500_000, path: "/s/j/chk-7".into() };
        let seen = Seen {
            folder: "/s/j".into(),
            record: Some(record),
            condition: Condition::Unfinished,
            checkpoint: Some(checkpoint),
        };
        let expect = "\
j unfinished (failed)
  ended       2 s ago
  rows        1,234 in, 5 out, in 1.50 s
  error       lost
  checkpoint  7, 2 s ago, /s/j/chk-7
  job file    /a/j.toml
  state       /s/j
";
        assert_eq!(over(&seen, 3_000_000), expect);
    }
}
