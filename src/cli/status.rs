//! `flott status`: one job, running or not.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::Value;

use super::args::{Shown, StatusArgs};
use super::list::{age, name, state_of, table, value};
use super::screen::Screen;
use super::state::{self, Known};
use super::summary::{grouped, rate};
use super::{print, report};
use crate::checkpoint::home::{self, Seen};
use crate::control::client;
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

fn show(args: &StatusArgs, job: &Known) -> Result<()> {
    let clear = args.watch && args.format == Shown::Text && std::io::stdout().is_terminal();
    loop {
        let (status, running) = ask(job)?;
        let text = match args.format {
            Shown::Text => text(&status, super::now()),
            // One line each, for programs that read along.
            Shown::Json if args.watch => format!("{status}\n"),
            Shown::Json => format!("{status:#}\n"),
        };
        print(&format!("{}{text}", if clear { CLEAR } else { "" }));
        if !args.watch || !running {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

/// What the running process says, else what it left; and whether it runs.
fn ask(job: &Known) -> Result<(Value, bool)> {
    let look = || home::look(&job.folder);
    let gone = || Error::external(format!("the state folder of {} has gone", job.name));
    let seen = look()?.ok_or_else(gone)?;
    if seen.condition.is_running() {
        match client::ask(&job.folder, "GET", "/v1/status", None) {
            Ok(status) => return Ok((status, true)),
            // It may just have ended.
            Err(error) if look()?.is_some_and(|seen| seen.condition.is_running()) => return Err(error),
            Err(_) => {}
        }
    }
    let seen = look()?.ok_or_else(gone)?;
    Ok((over(&seen), false))
}

/// A job that does not run, in the form of one that does.
fn over(seen: &Seen) -> Value {
    let mut status = value(seen);
    status["words"] = Value::from(format!("{} {}", name(seen), state_of(seen)));
    status
}

fn text(status: &Value, now: i64) -> String {
    match status["words"].as_str() {
        Some(words) => format!("{words}\n{}", ended(status, now)),
        None => running(status, now),
    }
}

fn line(label: &str, text: &str) -> String {
    format!("  {label:<11} {text}\n")
}

fn ended(status: &Value, now: i64) -> String {
    let mut text = String::new();
    let run = &status["run"];
    if let Some(at) = run["ended"].as_i64() {
        text.push_str(&line("ended", &format!("{} ago", age(now - at))));
        let figures = &run["figures"];
        let (rows_in, rows_out) = (grouped(count(&figures["rows_in"])), grouped(count(&figures["rows_out"])));
        let seconds = figures["seconds"].as_f64().unwrap_or(0.0);
        text.push_str(&line("rows", &format!("{rows_in} in, {rows_out} out, in {seconds:.2} s")));
    } else if let Some(at) = run["started"].as_i64() {
        text.push_str(&line("began", &format!("{} ago", age(now - at))));
    }
    if let Some(error) = run["error"].as_str() {
        text.push_str(&line("error", error));
    }
    let checkpoint = &status["checkpoint"];
    if let (Some(number), Some(path)) = (checkpoint["number"].as_u64(), checkpoint["path"].as_str()) {
        let made = checkpoint["created"].as_i64().filter(|at| *at > 0);
        let made = made.map_or_else(|| "damaged".into(), |at| format!("{} ago", age(now - at)));
        text.push_str(&line("checkpoint", &format!("{number}, {made}, {path}")));
    }
    text + &files(status)
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
    let aside = if node["bad"].is_u64() { &node["bad"] } else { &node["late"] };
    [
        format!("{}{subtask}", node["name"].as_str().unwrap_or("?")),
        grouped(rows),
        grouped(rate(rows, seconds)),
        number(&node["rows-out"]),
        number(aside),
        node["watermark"].as_i64().map(report::time).unwrap_or_default(),
    ]
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert_eq!(text(&status, 10_000_000), expect);
    }

    #[test]
    fn a_job_that_failed_says_why_and_where_it_left_off() {
        let status = json!({
            "words": "j unfinished (failed)", "file": "/a/j.toml", "folder": "/s/j",
            "run": {
                "started": 0, "ended": 1_000_000, "error": "lost",
                "figures": { "rows_in": 1234, "rows_out": 5, "seconds": 1.5 }
            },
            "checkpoint": { "number": 7, "created": 500_000, "path": "/s/j/chk-7" },
        });
        let expect = "\
j unfinished (failed)
  ended       2 s ago
  rows        1,234 in, 5 out, in 1.50 s
  error       lost
  checkpoint  7, 2 s ago, /s/j/chk-7
  job file    /a/j.toml
  state       /s/j
";
        assert_eq!(text(&status, 3_000_000), expect);
    }
}
