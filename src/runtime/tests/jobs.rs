//! Random jobs as job files, against the model: the same bytes at every parallelism and under every schedule.

mod expect;
mod make;
mod toml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;

use super::build::{Run, bounded, plan, setting, start};
use super::memory::{Input, Memory};
use super::model::*;
use super::restore::interrupted;
use super::sim::{End, Rng};
use expect::*;
use toml::*;

/// Every stream has the columns at, k, v, n, so that transforms go together in any order.
#[derive(Clone, Copy)]
enum Op {
    Filter(usize),
    Select(usize),
    Window {
        size: i64,
        slide: i64,
        lateness: i64,
        by: By,
        having: bool,
        order: Order,
        fourth: Fourth,
        on_error: usize,
    },
    Total {
        by: By,
        update: bool,
        having: bool,
        order: Order,
        fourth: Fourth,
        on_error: usize,
    },
    /// An aggregation, a `top` by its windows and a select.
    WindowTop {
        size: i64,
        slide: i64,
        keyed: bool,
        n: usize,
        ties: bool,
    },
    /// A `top` with windows of its own and a select.
    TopOwn {
        size: i64,
        keyed: bool,
        n: usize,
        ties: bool,
    },
    Top {
        keyed: bool,
        n: usize,
        ties: bool,
    },
    Limit(usize),
    /// A filter whose condition fails on some rows.
    Fallible(usize),
    /// The first case, and the rows of none; those of the second go nowhere.
    Route,
    Sample {
        percent: u64,
        seed: u64,
    },
    LimitBy {
        n: usize,
        by: By,
        on_error: usize,
    },
    Throttle,
    /// A row for each element of a list, in place of `v`.
    Explode {
        list: usize,
        keep_empty: bool,
        on_error: usize,
    },
    EventTime {
        delay: i64,
        letters: bool,
    },
    Count {
        size: usize,
        slide: usize,
        partial: bool,
        by: By,
        fourth: Fourth,
        on_error: usize,
    },
}

/// How the results of an aggregation are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Default,
    /// `v DESC`
    Value,
    /// Nobody but sinks reads them.
    Any,
}

/// Lists to explode, and their elements; the last fails where `v` is 3.
type Elements = fn(Option<i64>) -> Vec<Option<i64>>;
const LISTS: [(&str, Elements); 3] = [
    ("[v, NULL, v + 1]", |v| vec![v, None, v.map(|v| v + 1)]),
    ("CASE WHEN v > 2 THEN [v, v % 2] WHEN v < 2 THEN array_remove([v], v) END", |v| match v {
        Some(v @ 3..) => vec![Some(v), Some(v % 2)],
        _ => Vec::new(),
    }),
    ("[100 / (v - 3), v]", |v| vec![v.map(|v| 100 / (v - 3)), v]),
];

/// A node and its output.
type Ref = (usize, usize);

struct Node {
    inputs: Vec<Ref>,
    op: Op,
    /// Subtasks at most.
    cap: Option<usize>,
}

/// What becomes of rows that fail.
const ON_ERRORS: [&str; 3] = ["skip", "dead-letter", "fail"];

struct Source {
    json: bool,
    /// Event time with this delay in µs.
    delay: Option<i64>,
    on_error: &'static str,
    /// `Err`: a bad record.
    blocks: Vec<Vec<Result<Row, ()>>>,
}

/// Nodes are numbered sources first.
struct Job {
    sources: Vec<Source>,
    nodes: Vec<Node>,
    sinks: Vec<Vec<Ref>>,
    /// Which sinks have the column `op`.
    ops: Vec<bool>,
}
const CONDITIONS: [&str; 4] = ["v > 2", "k = 'a' OR v IS NULL", "n % 3 <> 0", "n < 0"];
const SELECTS: [&str; 3] = [
    r#"["at", "k", "v * 2 AS v", "n"]"#,
    r#"["n", "CASE WHEN v > 3 THEN NULL ELSE v END AS v", "k", "at"]"#,
    r#"["v", "n", "k", "at"]"#,
];

impl Op {
    fn keeps_time(&self, before: bool) -> bool {
        match self {
            Op::Filter(_) | Op::Select(_) | Op::Limit(_) | Op::Total { update: true, .. } => before,
            Op::Fallible(_) | Op::Route | Op::Sample { .. } | Op::LimitBy { .. } | Op::Count { .. } => before,
            Op::Throttle | Op::Explode { .. } => before,
            Op::EventTime { .. } => true,
            Op::Window { .. } | Op::WindowTop { .. } | Op::TopOwn { .. } => true,
            Op::Top { .. } | Op::Total { .. } => false,
        }
    }

    /// What it does with rows that fail, if some may.
    fn on_error(&self) -> &'static str {
        match self {
            Op::Fallible(on_error) => ON_ERRORS[*on_error],
            Op::Window { on_error, .. } | Op::Total { on_error, .. } | Op::Count { on_error, .. } => {
                ON_ERRORS[*on_error]
            }
            Op::LimitBy { on_error, .. } | Op::Explode { on_error, .. } => ON_ERRORS[*on_error],
            Op::EventTime { letters: true, .. } => "dead-letter",
            Op::EventTime { .. } => "skip",
            _ => "fail",
        }
    }

    /// Whether it fails on a row: what aggregates and limits are given, and lists.
    fn fails(&self, row: &Row) -> bool {
        let by_fails = |by: &By| matches!(by, By::Values(values) if values.iter().any(|value| value.fails(row)));
        let call_fails = |f: &Fourth| matches!(f, Fourth::Calls(calls) if calls.iter().any(|call| call.fails(row)));
        match self {
            Op::Window { by, fourth, .. } | Op::Total { by, fourth, .. } | Op::Count { by, fourth, .. } => {
                by_fails(by) || call_fails(fourth)
            }
            Op::LimitBy { by, .. } => by_fails(by),
            Op::Explode { list, .. } => *list == LISTS.len() - 1 && row.v == Some(3),
            _ => false,
        }
    }

    /// Its results come in no order.
    fn is_unordered(&self) -> bool {
        matches!(self, Op::Window { order: Order::Any, .. } | Op::Total { order: Order::Any, .. })
    }
}
/// Whether a message is of a failure at `place`. Which line a row stood in is not known behind a gate, and how many
/// of those there are depends on the parallelism.
fn is_of(place: &str, message: &str) -> bool {
    message.starts_with(place) || place.ends_with(SAYS) && message.starts_with(SAYS)
}

/// Compares a run with what is expected. True if it finished, false if it failed as it had to.
fn verdict(end: End, expected: &Expected, memory: &Memory, context: &dyn Fn() -> String) -> bool {
    match end {
        End::Finished => {
            assert!(expected.failures.is_empty(), "no failure at {:?}\n{}", expected.failures, context());
            for (sink, text) in &expected.texts {
                let got = memory.text(sink);
                let lines = |text: &str| {
                    let mut lines: Vec<String> = text.lines().map(String::from).collect();
                    if expected.unordered.contains(sink) {
                        lines.sort_unstable();
                    }
                    lines
                };
                let (got, wanted) = (lines(&got), lines(text));
                let place = got.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
                let line = |lines: &[String]| lines.get(place).cloned().unwrap_or("(end)".into());
                assert!(
                    got == wanted,
                    "{sink}, line {}\nexpected: {}\ngot:      {}\nexpected:\n{text}\ngot:\n{}\n{}",
                    place + 1,
                    line(&wanted),
                    line(&got),
                    memory.text(sink),
                    context()
                );
            }
            true
        }
        End::Failed(error) => {
            let is_expected = expected.failures.iter().any(|place| is_of(place, &error.message));
            assert!(is_expected, "{error}\nexpected {:?}\n{}", expected.failures, context());
            false
        }
        End::Deadlock(tasks) => panic!("deadlock of {tasks:#?}\n{}", context()),
        End::Killed => unreachable!(),
    }
}

/// Runs a job a few times, with barriers and without, and compares.
fn check(seed: u64, runs: u64) {
    let mut rng = Rng(seed);
    let job = Job::random(&mut rng);
    let toml = job.toml();
    let expected = expected(&job);
    for number in 0..runs {
        let run = Run::random(seed.wrapping_mul(1000).wrapping_add(number));
        let plan = plan(&toml, run.parallelism).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{toml}"));
        let mut memory = job.memory(run.seed);
        let often = rng.pick(&[0, 10, 50, 200]);
        let mut barriers = 0;
        let end = start(&plan, &mut memory, run).run(|sim| {
            if often > 0 && barriers < 50 && sim.rng.once_in(often) {
                barriers += 1;
                sim.control.request_barrier(barriers);
            }
        });
        let context = || {
            let inputs: Vec<Input> = job.sources.iter().map(Source::input).collect();
            format!("seed {seed}, {run:?}\n{toml}\n{inputs:?}")
        };
        let finished = verdict(end, &expected, &memory, &context);
        let written = memory.written.lock().unwrap();
        assert!(written.values().all(|w| w.committed == finished && !(finished && w.aborted)), "{}", context());
    }
}

#[test]
fn the_model_has_all_aggregates() {
    for aggregate in crate::expr::aggregate::all() {
        assert!(names().contains(aggregate.name), "{}", aggregate.name);
    }
}

#[test]
fn random_jobs_give_what_the_model_gives() {
    let (first, jobs) = (setting("FLOTT_SEED", 1), setting("FLOTT_JOBS", 500));
    (first..first + jobs).for_each(|seed| check(seed, 4));
}

/// As [`check`], with the job killed and restored on its way. Returns how often it went on from a checkpoint.
fn check_killed(seed: u64) -> usize {
    let job = Job::random(&mut Rng(seed));
    let toml = job.toml();
    if plan(&toml, 1).is_err() {
        return 0;
    }
    let expected = expected(&job);
    let run = Run::random(seed.wrapping_mul(77));
    let mut memory = job.memory(run.seed);
    let plan = |parallelism| plan(&toml, parallelism).unwrap();
    let (end, killed, resumed) = interrupted(&plan, &mut memory, run, 4);
    let context = || {
        let inputs: Vec<Input> = job.sources.iter().map(Source::input).collect();
        format!("seed {seed}, {run:?}, killed {killed} times\n{toml}\n{inputs:?}")
    };
    verdict(end, &expected, &memory, &context);
    resumed
}

#[test]
fn random_jobs_that_are_killed_give_what_the_model_gives() {
    let (first, jobs) = (setting("FLOTT_SEED", 1), setting("FLOTT_JOBS", 700));
    let resumed: usize = (first..first + jobs).map(check_killed).sum();
    assert!(resumed > jobs as usize / 4, "most jobs go on from a checkpoint: {resumed}");
}
