//! `flott list`: all jobs that run or ran.

use serde_json::{Value, json};

use super::args::{ListArgs, Shown};
use super::screen::Screen;
use super::{print, state};
use crate::checkpoint::home::{self, Condition, Seen};
use crate::error::Result;

pub fn list(args: &ListArgs) -> u8 {
    let screen = Screen::plain();
    let folders = match state::place(&args.state).and_then(|place| place.folders()) {
        Ok(folders) => folders,
        Err(error) => return screen.refuse(&error),
    };
    let looked: Vec<Result<Option<Seen>>> = folders.iter().map(|folder| home::look(folder)).collect();
    let now = super::now();
    let jobs = looked.iter().filter_map(|seen| seen.as_ref().ok()?.as_ref());
    match args.format {
        Shown::Json => print(&format!("{:#}\n", Value::Array(jobs.map(value).collect()))),
        Shown::Text if folders.is_empty() => screen.line("flott: no job has run yet"),
        Shown::Text => print(&table(HEADS, jobs.map(|seen| row(seen, now)))),
    }
    let unread: Vec<_> = looked.iter().filter_map(|seen| seen.as_ref().err()).collect();
    unread.iter().for_each(|error| screen.error(error));
    u8::from(!unread.is_empty())
}

const HEADS: [&str; 5] = ["JOB", "STATE", "CHECKPOINT", "LAST RUN", "JOB FILE"];

fn row(seen: &Seen, now: i64) -> [String; 5] {
    let run = seen.record.as_ref().and_then(|record| record.run.as_ref());
    let checkpoint = seen.checkpoint.as_ref().map(|c| match c.created {
        0 => format!("{}, damaged", c.number),
        created => format!("{}, {} ago", c.number, age(now - created)),
    });
    let last = run.map(|run| match (seen.condition.is_running(), run.ended) {
        (true, _) => format!("for {}", age(now - run.started)),
        (false, Some(ended)) => format!("{} ago", age(now - ended)),
        (false, None) => format!("began {} ago", age(now - run.started)),
    });
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        name(seen),
        state_of(seen),
        or_none(checkpoint),
        or_none(last),
        or_none(seen.record.as_ref().map(|record| record.path.clone())),
    ]
}

pub fn name(seen: &Seen) -> String {
    seen.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `running, process 42`, `unfinished (killed)`, `finished`.
pub fn state_of(seen: &Seen) -> String {
    let ending = seen.record.as_ref().and_then(|record| record.run.as_ref()).map(|run| run.ending.word());
    match (&seen.condition, ending) {
        (Condition::Running(Some(pid)), _) => format!("running, process {pid}"),
        (Condition::Running(None), _) => "running".into(),
        (Condition::Unfinished, Some(ending)) => format!("unfinished ({ending})"),
        (Condition::Unfinished, None) => "unfinished".into(),
        (Condition::Over, ending) => ending.unwrap_or("never ran").into(),
    }
}

/// A job as JSON. Times are wall time in µs.
pub fn value(seen: &Seen) -> Value {
    let (state, pid) = match seen.condition {
        Condition::Running(pid) => ("running", pid),
        Condition::Unfinished => ("unfinished", None),
        Condition::Over => ("over", None),
    };
    json!({
        "job": name(seen),
        "state": state,
        "pid": pid,
        "folder": seen.folder.display().to_string(),
        "file": seen.record.as_ref().map(|record| &record.path),
        "directory": seen.record.as_ref().map(|record| &record.directory),
        "run": seen.record.as_ref().and_then(|record| record.run.as_ref()),
        "checkpoint": seen.checkpoint,
    })
}

/// Columns are as wide as their widest cell; the last one ends its line.
pub fn table<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(heads.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A span of µs in its greatest unit: `3 s`, `5 m`, `2 h`, `4 d`.
pub fn age(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        for (seconds, expect) in [(-5, "0 s"), (59, "59 s"), (61, "1 m"), (7_300, "2 h"), (90_000, "1 d")] {
            assert_eq!(age(seconds * 1_000_000), expect);
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["long name".to_owned(), "x".to_owned()], ["é".to_owned(), String::new()]];
        assert_eq!(table(["A", "B"], rows.into_iter()), "A          B\nlong name  x\né\n");
    }
}
