//! Random jobs as job files, against the model: the same bytes at every parallelism and under every schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;

use super::build::{Run, bounded, plan, setting, start};
use super::memory::{Input, Memory};
use super::model::*;
use super::restore::interrupted;
use super::sim::{End, Rng};

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

fn source(rng: &mut Rng, first: i64) -> Source {
    let delay = if rng.once_in(5) { None } else { Some(rng.pick(&[0, 3, 10])) };
    let on_error = rng.pick(&["skip", "skip", "dead-letter", "fail"]);
    let json = rng.once_in(2);
    let bad = if on_error == "fail" { 120 } else { 9 };
    let mut at = rng.below(20) as i64;
    let mut n = first;
    let mut blocks = Vec::new();
    for _ in 0..rng.below(14) {
        let mut block = Vec::new();
        for _ in 0..1 + rng.below(6) {
            at += rng.pick(&[0, 0, 1, 1, 2, 5]) + if rng.once_in(25) { 40 } else { 0 };
            n += 1;
            let back = if rng.once_in(4) { rng.below(25) as i64 } else { 0 };
            let row = Row {
                at: Some(at - back),
                k: rng
                    .pick(&[
                        Some("a"),
                        Some("b"),
                        Some("c"),
                        Some("ä\"x"),
                        Some("more than twelve, of bytes"),
                        Some(""),
                        None,
                    ])
                    .map(String::from),
                v: rng.pick(&[Some(0), Some(1), Some(2), Some(3), Some(4), Some(-7), None]),
                n: Some(n),
                within: i64::MIN,
                ..Row::default()
            };
            block.push(if rng.once_in(bad) { Err(()) } else { Ok(row) });
        }
        blocks.push(block);
    }
    Source { json, delay, on_error, blocks }
}

/// What rows are put together by: `k`, nothing, or values of any type.
fn by(rng: &mut Rng, may_fail: bool) -> By {
    match rng.below(8) {
        0 | 1 => By::All,
        2..5 => By::K,
        _ => {
            let count = EXPRS.len() - usize::from(!may_fail);
            let values = (0..1 + rng.below(2)).map(|_| &EXPRS[if may_fail { count - 1 } else { rng.below(count) }]);
            By::Values(values.collect::<Vec<_>>().leak())
        }
    }
}

/// The last column, or a text of the results of any calls.
fn fourth(rng: &mut Rng, timed: bool, may_fail: bool) -> Fourth {
    if rng.once_in(2) {
        let calls: Vec<Call> = (0..1 + rng.below(4)).map(|_| Call::random(rng, timed, may_fail)).collect();
        return Fourth::Calls(calls.leak());
    }
    let untimed = rng.pick(&Fourth::UNTIMED);
    if timed { rng.pick(&[Fourth::Count, Fourth::First, Fourth::Last, untimed, untimed, untimed]) } else { untimed }
}

fn op(rng: &mut Rng, has_time: bool) -> Op {
    let keyed = !rng.once_in(4);
    let n = 1 + rng.below(3);
    let size = rng.pick(&[4, 10, 16]);
    let slide = rng.pick(&[size, size, 4, 6]);
    let (having, ties) = (rng.once_in(4), rng.once_in(3));
    let order = rng.pick(&[Order::Default, Order::Default, Order::Default, Order::Value, Order::Any]);
    // What an aggregation adds up fails on some rows, which go or are kept.
    let on_error = if rng.once_in(8) { rng.below(2) } else { 2 };
    let may_fail = on_error < 2;
    let key_fails = may_fail && rng.once_in(2);
    let by = by(rng, key_fails);
    match rng.below(if has_time { 17 } else { 14 }) {
        9 => {
            let size = 1 + rng.below(5);
            let slide = rng.pick(&[size, size, 1, 2, 3, 6]);
            // Where some rows have an event time and others have none, it is open which are the first.
            let fourth = fourth(rng, has_time, may_fail);
            Op::Count { size, slide, partial: rng.once_in(2), by, fourth, on_error }
        }
        // Few of them, as most would end the job.
        6 if !has_time || rng.once_in(2) => Op::Fallible(rng.pick(&[0, 0, 1, 1, 2])),
        7 if !has_time || rng.once_in(2) => Op::Route,
        8 if !has_time || rng.once_in(4) => Op::Sample { percent: rng.pick(&[10, 50, 90]), seed: rng.below(9) as u64 },
        10 => Op::LimitBy { n: rng.below(6), by: if let By::All = by { By::K } else { by }, on_error },
        11 => Op::EventTime { delay: rng.pick(&[0, 4, 12]), letters: rng.once_in(2) },
        12 => {
            let list = rng.below(if may_fail { LISTS.len() } else { LISTS.len() - 1 });
            Op::Explode { list, keep_empty: rng.once_in(2), on_error }
        }
        13 if rng.once_in(2) => Op::Throttle,
        0 => Op::Filter(rng.below(CONDITIONS.len())),
        1 => Op::Select(rng.below(SELECTS.len())),
        2 => Op::Limit(rng.below(30)),
        3 => Op::Top { keyed, n, ties },
        4 => Op::Total { by, update: false, having, order, fourth: fourth(rng, false, may_fail), on_error },
        5 | 13 => {
            let fourth = fourth(rng, false, may_fail);
            Op::Total { by, update: true, having, order: Order::Default, fourth, on_error }
        }
        6 => Op::WindowTop { size, slide, keyed, n, ties },
        7 => Op::TopOwn { size, keyed, n, ties },
        _ => {
            let lateness = if order == Order::Value { 0 } else { rng.pick(&[0, 0, 5, 12]) };
            Op::Window { size, slide, lateness, by, having, order, fourth: fourth(rng, true, may_fail), on_error }
        }
    }
}

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

impl Job {
    fn random(rng: &mut Rng) -> Job {
        let sources: Vec<Source> = (0..1 + rng.below(3)).map(|s| source(rng, 1000 * s as i64)).collect();
        let mut nodes: Vec<Node> = Vec::new();
        // Of each output, whether it has event time.
        let mut has_time: BTreeMap<Ref, bool> =
            sources.iter().enumerate().map(|(i, s)| ((i, 0), s.delay.is_some())).collect();
        let mut read = BTreeSet::new();
        let mut unordered = BTreeSet::new();
        for _ in 0..1 + rng.below(5) {
            let known: Vec<Ref> = has_time.keys().copied().filter(|r| !unordered.contains(r)).collect();
            let mut inputs = Vec::new();
            for _ in 0..if rng.once_in(3) { 2 } else { 1 } {
                let input = if rng.once_in(3) {
                    rng.pick(&known)
                } else {
                    known[known.len() - 1 - rng.below(known.len().min(3))]
                };
                if !inputs.contains(&input) {
                    inputs.push(input);
                }
            }
            let timed = inputs.iter().all(|i| has_time[i]);
            let op = op(rng, timed);
            let number = sources.len() + nodes.len();
            has_time.insert((number, 0), op.keeps_time(timed));
            if op.is_unordered() {
                unordered.insert((number, 0));
            }
            let second = match op {
                _ if op.on_error() == "dead-letter" => true,
                Op::Window { .. } => rng.once_in(3),
                Op::Route => rng.once_in(2),
                _ => false,
            };
            if second {
                has_time.insert((number, 1), timed);
            }
            read.extend(inputs.iter().copied());
            let cap = rng.once_in(5).then(|| 1 + rng.below(3));
            nodes.push(Node { inputs, op, cap });
        }
        let mut sinks: Vec<Vec<Ref>> = Vec::new();
        for output in has_time.keys().filter(|o| !read.contains(o)) {
            match sinks.last_mut() {
                Some(sink) if rng.once_in(4) => sink.push(*output),
                _ => sinks.push(vec![*output]),
            }
        }
        if rng.once_in(3) {
            sinks.push(vec![rng.pick(&has_time.keys().copied().collect::<Vec<_>>())]);
        }
        let ops = sinks.iter().map(|_| rng.once_in(2)).collect();
        Job { sources, nodes, sinks, ops }
    }

    fn name(&self, (node, output): Ref) -> String {
        match (node.checked_sub(self.sources.len()), output) {
            (None, _) => format!("s{node}"),
            (Some(node), output) => match (&self.nodes[node].op, output) {
                (Op::Route, 0) => format!("t{node}.big"),
                (Op::Route, _) => format!("t{node}.default"),
                (_, 0) => format!("t{node}"),
                (op, _) if op.on_error() == "dead-letter" => format!("r{node}"),
                (_, _) => format!("t{node}.late"),
            },
        }
    }

    fn inputs(&self, refs: &[Ref]) -> String {
        format!("{:?}", refs.iter().map(|&r| self.name(r)).collect::<Vec<_>>())
    }

    fn toml(&self) -> String {
        let mut text = String::from("[job]\nname = \"random\"\n");
        for (i, source) in self.sources.iter().enumerate() {
            let format = if source.json { r#""json""# } else { r#"{ type = "csv", header = false }"# };
            let _ = writeln!(text, "[sources.s{i}]\ntype = \"file\"\npath = \"s{i}.txt\"\nformat = {format}");
            text +=
                "schema = { at = { type = \"timestamp\", unit = \"us\" }, k = \"string\", v = \"int\", n = \"int\" }\n";
            if let Some(delay) = source.delay {
                let _ = writeln!(text, "event_time = {{ column = \"at\", delay = \"{delay}us\" }}");
            }
            let _ = writeln!(text, "on_error = \"{}\"", source.on_error);
            if source.on_error == "dead-letter" {
                let _ = writeln!(
                    text,
                    "[transforms.e{i}]\ntype = \"select\"\ninput = \"s{i}.errors\"\nselect = [\"line\", \"raw\"]\n\
                     [sinks.e{i}_out]\ntype = \"file\"\ninput = \"e{i}\"\npath = \"e{i}.csv\""
                );
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            self.node(&mut text, i, node);
        }
        for (i, inputs) in self.sinks.iter().enumerate() {
            let inputs = self.inputs(inputs);
            let _ = writeln!(text, "[sinks.o{i}]\ntype = \"file\"\ninput = {inputs}\npath = \"o{i}.csv\"");
            text += "format = { type = \"csv\", timestamp = \"us\" }\n";
            text += if self.ops[i] { "op = true\n" } else { "" };
        }
        text
    }

    fn node(&self, text: &mut String, i: usize, node: &Node) {
        let inputs = self.inputs(&node.inputs);
        let by_k = |keyed: bool| if keyed { "by = [\"k\"]\n" } else { "" };
        let by = |by: &By| match by {
            By::All => String::new(),
            By::K => by_k(true).into(),
            By::Values(values) => {
                let named = |(number, value): (usize, &&Expr)| format!("{} AS key{number}", value.sql);
                format!("by = {:?}\n", values.iter().enumerate().map(named).collect::<Vec<_>>())
            }
        };
        let k = |by: &By, fourth: &Fourth| match (by, fourth) {
            (by, Fourth::Calls(calls)) => {
                let keys: Vec<String> = match by {
                    By::All => Vec::new(),
                    By::K => vec!["k".into()],
                    By::Values(values) => (0..values.len()).map(|number| format!("key{number}")).collect(),
                };
                let all = keys.into_iter().chain(calls.iter().map(Call::sql));
                let texts: Vec<String> = all.map(|sql| format!("coalesce(CAST({sql} AS string), '~')")).collect();
                format!("concat_ws('|', {}) AS k", texts.join(", "))
            }
            (By::K, _) => "k".into(),
            _ => "min(k) AS k".into(),
        };
        let window = |size: i64, slide: i64| match size == slide {
            true => format!("window = {{ type = \"tumbling\", size = \"{size}us\" }}\n"),
            false => format!("window = {{ type = \"sliding\", size = \"{size}us\", slide = \"{slide}us\" }}\n"),
        };
        let fourth = |f: &Fourth| match f {
            Fourth::Count | Fourth::Calls(_) => "count(*) AS n",
            Fourth::Max => "max(n) AS n",
            Fourth::First => "first(n) AS n",
            Fourth::Last => "last(n) AS n",
            Fourth::Best => "arg_max(n, v) AS n",
            Fourth::Distinct => "count(DISTINCT v) AS n",
            Fourth::About => "approx_distinct(v) AS n",
            Fourth::Spread => "CAST(round(1000 * stddev_pop(v)) AS int) AS n",
            Fourth::P90 => "CAST(round(10 * percentile(n, 0.9)) AS int) AS n",
            Fourth::Text => "length(string_agg(k, ', ')) AS n",
        };
        let more = |having: bool, order: Order| {
            let order = match order {
                Order::Default => "",
                Order::Value => "order = [\"v DESC\"]\n",
                Order::Any => "order = \"any\"\n",
            };
            format!("{}{order}", if having { "having = \"n >= 2\"\n" } else { "" })
        };
        // The windows' end becomes `at` behind those whose results still have their windows.
        let (head, finish) = match node.op {
            Op::WindowTop { .. } | Op::TopOwn { .. } | Op::Explode { .. } => (format!("x{i}"), true),
            _ => (format!("t{i}"), false),
        };
        let _ = match &node.op {
            Op::Filter(c) => {
                writeln!(
                    text,
                    "[transforms.{head}]\ntype = \"filter\"\ninput = {inputs}\nwhere = \"{}\"",
                    CONDITIONS[*c]
                )
            }
            Op::Select(s) => {
                writeln!(text, "[transforms.{head}]\ntype = \"select\"\ninput = {inputs}\nselect = {}", SELECTS[*s])
            }
            Op::Fallible(_) => {
                writeln!(text, "[transforms.{head}]\ntype = \"filter\"\ninput = {inputs}\nwhere = \"{FAILS}\"")
            }
            Op::Route => writeln!(
                text,
                "[transforms.{head}]\ntype = \"route\"\ninput = {inputs}\ncases = {{ big = \"v > 2\", a = \"k = 'a'\" }}"
            ),
            Op::Sample { percent, seed } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"sample\"\ninput = {inputs}\nfraction = {}\nseed = {seed}",
                *percent as f64 / 100.0
            ),
            Op::LimitBy { n, by: b, .. } => {
                let by = if let By::K = b { "by = [\"k AS c\"]\n".into() } else { by(b) };
                writeln!(text, "[transforms.{head}]\ntype = \"limit\"\ninput = {inputs}\nn = {n}\n{by}")
            }
            Op::Throttle => {
                writeln!(text, "[transforms.{head}]\ntype = \"throttle\"\ninput = {inputs}\nrate = 100000")
            }
            Op::Explode { list, keep_empty, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"explode\"\ninput = {inputs}\nlist = \"{} AS e\"\nkeep_empty = {keep_empty}",
                LISTS[*list].0
            ),
            Op::EventTime { delay, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"event_time\"\ninput = {inputs}\ncolumn = \"at\"\ndelay = \"{delay}us\""
            ),
            Op::Count { size, slide, partial, by: b, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"max(at) AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n\
                 window = {{ type = \"count\", size = {size}, slide = {slide}, partial = {partial} }}",
                by(b),
                k(b, f),
                fourth(f)
            ),
            Op::Limit(n) => writeln!(text, "[transforms.{head}]\ntype = \"limit\"\ninput = {inputs}\nn = {n}"),
            Op::Window { size, slide, lateness, by: b, having, order, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"window_end AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n{}lateness = \"{lateness}us\"\n{}",
                by(b),
                k(b, f),
                fourth(f),
                window(*size, *slide),
                more(*having, *order)
            ),
            Op::Total { by: b, update, having, order, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"max(at) AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n{}{}",
                by(b),
                k(b, f),
                fourth(f),
                if *update { "emit = \"update\"\n" } else { "" },
                more(*having, *order)
            ),
            Op::WindowTop { size, slide, keyed, n, ties } => writeln!(
                text,
                "[transforms.w{i}]\ntype = \"aggregate\"\ninput = {inputs}\nby = [\"k\"]\n{}\
                 select = [\"window_start\", \"window_end\", \"k\", \"sum(v) AS v\", \"count(*) AS n\"]\n\
                 [transforms.{head}]\ntype = \"top\"\ninput = \"w{i}\"\n\
                 by = [\"window_start\", \"window_end\"{}]\norder = [\"v DESC\"]\nn = {n}\nties = {ties}",
                window(*size, *slide),
                if *keyed { ", \"k\"" } else { "" }
            ),
            Op::TopOwn { size, keyed, n, ties } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"top\"\ninput = {inputs}\n{}order = [\"v DESC\"]\nn = {n}\nties = {ties}\n{}",
                by_k(*keyed),
                window(*size, *size)
            ),
            Op::Top { keyed, n, ties } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"top\"\ninput = {inputs}\n{}order = [\"v DESC\"]\nn = {n}\nties = {ties}",
                by_k(*keyed)
            ),
        };
        if let Some(cap) = node.cap {
            let _ = writeln!(text, "parallelism = {cap}");
        }
        if node.op.on_error() != "fail" {
            let _ = writeln!(text, "on_error = \"{}\"", node.op.on_error());
        }
        if node.op.on_error() == "dead-letter" {
            let _ = writeln!(
                text,
                "[transforms.r{i}]\ntype = \"select\"\ninput = \"{head}.errors\"\nselect = \"* EXCEPT (reason)\""
            );
        }
        if finish {
            let select = match node.op {
                Op::Explode { .. } => r#"["at", "k", "e AS v", "n"]"#,
                _ => r#"["window_end AS at", "k", "v", "n"]"#,
            };
            let _ = writeln!(text, "[transforms.t{i}]\ntype = \"select\"\ninput = \"{head}\"\nselect = {select}");
        }
    }

    /// Sources that come to one node are read together.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut behind: Vec<BTreeSet<usize>> = (0..self.sources.len()).map(|s| BTreeSet::from([s])).collect();
        let of = |behind: &[BTreeSet<usize>], refs: &[Ref]| refs.iter().flat_map(|r| behind[r.0].clone()).collect();
        for node in &self.nodes {
            behind.push(of(&behind, &node.inputs));
        }
        for sink in &self.sinks {
            behind.push(of(&behind, sink));
        }
        let mut groups: Vec<BTreeSet<usize>> = Vec::new();
        for set in behind {
            let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| !g.is_disjoint(&set));
            groups = apart;
            groups.push(joined.into_iter().flatten().chain(set).collect());
        }
        groups.into_iter().map(|group| group.into_iter().collect()).collect()
    }

    fn is_unordered(&self, &(node, output): &Ref) -> bool {
        node >= self.sources.len() && output == 0 && self.nodes[node - self.sources.len()].op.is_unordered()
    }

    fn memory(&self, seed: u64) -> Memory {
        let inputs = self.sources.iter().enumerate().map(|(i, s)| (format!("sources.s{i}"), s.input())).collect();
        Memory { inputs, seed, ..Memory::default() }
    }
}

impl Source {
    fn input(&self) -> Input {
        let line = |row: &Result<Row, ()>| match row {
            Err(()) => "bad\n".into(),
            Ok(row) if self.json => json(row),
            Ok(row) => csv(row, [0, 1, 2, 3]),
        };
        let blocks = self.blocks.iter().map(|b| Bytes::from(b.iter().map(line).collect::<String>())).collect();
        Input { times: self.times(), ..bounded(blocks) }
    }

    /// Event times that its blocks start with; bad records are read at once.
    fn times(&self) -> Vec<i64> {
        let first = |block: &Vec<Result<Row, ()>>| block[0].as_ref().ok().and_then(|row| row.at);
        let times = self.blocks.iter().map(|block| first(block).unwrap_or(i64::MIN));
        times.filter(|_| self.delay.is_some()).collect()
    }

    /// Its rows, and its bad records as lines of the dead letters.
    fn stream(&self, number: usize) -> (Stream, String) {
        let (mut events, mut letters) = (Vec::new(), String::new());
        let (mut line, mut greatest, mut failed) = (0, i64::MIN, false);
        let behind = |max: i64| if max == i64::MIN { max } else { max - self.delay.unwrap_or(0) - 1 };
        let from = |line: usize| Some(format!("s{number}.txt:{line}: "));
        for block in &self.blocks {
            let before = greatest;
            let mut within = i64::MIN;
            for row in block {
                line += 1;
                match row {
                    _ if failed => {}
                    Err(()) if self.on_error == "fail" => {
                        events.push(Ev::Fail(format!("s{number}.txt:{line}: ")));
                        failed = true;
                        // The mark of the block that fails says nothing of time.
                        greatest = before;
                    }
                    Err(()) => {
                        let _ = writeln!(letters, "{line},bad");
                    }
                    Ok(row) if self.delay.is_some() => {
                        let (time, from) = (row.at, from(line));
                        events.push(Ev::Row(Row { time, within: behind(within), from, ..row.clone() }));
                        within = within.max(row.at.unwrap());
                        greatest = greatest.max(row.at.unwrap());
                    }
                    Ok(row) => events.push(Ev::Row(Row { from: from(line), ..row.clone() })),
                }
            }
            events.push(Ev::End(behind(greatest)));
        }
        events.push(Ev::End(i64::MAX));
        (Stream { events }, letters)
    }
}

fn json(row: &Row) -> String {
    let k = row.k.as_ref().map_or("null".into(), |k| format!("\"{}\"", k.replace('"', "\\\"")));
    let v = row.v.map_or("null".into(), |v| v.to_string());
    format!("{{\"n\":{},\"at\":{},\"k\":{k},\"v\":{v}}}\n", row.n.unwrap(), row.at.unwrap())
}

fn csv(row: &Row, columns: [usize; 4]) -> String {
    let number = |v: Option<i64>| v.map_or(String::new(), |v| v.to_string());
    let k = match row.k.as_deref() {
        None => String::new(),
        Some(k) if k.is_empty() || k.contains(['"', ',']) => format!("\"{}\"", k.replace('"', "\"\"")),
        Some(k) => k.into(),
    };
    let cells = [number(row.at), k, number(row.v), number(row.n)];
    columns.map(|c| cells[c].as_str()).join(",") + "\n"
}

/// The column `op`.
fn op_of(row: &Row) -> String {
    match row.change {
        Change::Insert => "+I,".into(),
        Change::Update => "+U,".into(),
        Change::Delete => "-D,".into(),
    }
}

/// What each sink holds at the end, or where the job may fail.
struct Expected {
    texts: BTreeMap<String, String>,
    /// Those whose rows come in no order.
    unordered: BTreeSet<String>,
    failures: BTreeSet<String>,
}

/// An output: its streams and the order of its columns.
type Value = (Vec<Stream>, [usize; 4]);

fn stateless(op: &Op, row: Row) -> Option<Row> {
    match op {
        Op::Filter(0) => (row.v > Some(2)).then_some(row),
        Op::Filter(1) => (row.k.as_deref() == Some("a") || row.v.is_none()).then_some(row),
        Op::Filter(2) => row.n.is_some_and(|n| n % 3 != 0).then_some(row),
        Op::Filter(_) => row.n.is_some_and(|n| n < 0).then_some(row),
        Op::Fallible(_) => row.v.is_some_and(|v| 100 / (v - 3) > 20).then_some(row),
        Op::Select(0) => Some(Row { v: row.v.map(|v| v * 2), ..row }),
        Op::Select(1) => Some(Row { v: row.v.filter(|&v| v <= 3), ..row }),
        _ => Some(row),
    }
}

fn expected(job: &Job) -> Expected {
    let mut texts = BTreeMap::new();
    let mut values: BTreeMap<Ref, Value> = BTreeMap::new();
    let mut streams = Vec::new();
    for (i, source) in job.sources.iter().enumerate() {
        let (stream, letters) = source.stream(i);
        if source.on_error == "dead-letter" {
            texts.insert(format!("sinks.e{i}_out"), letters);
        }
        streams.push(stream);
    }
    for group in job.groups() {
        let times: Vec<Vec<i64>> = group.iter().map(|&s| job.sources[s].times()).collect();
        let merged = together(group.iter().map(|&s| streams[s].clone()).collect(), &times);
        for (&source, stream) in group.iter().zip(merged) {
            values.insert((source, 0), (vec![stream], [0, 1, 2, 3]));
        }
    }
    let (mut failures, mut unordered) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..job.nodes.len() + job.sinks.len() {
        match n.checked_sub(job.nodes.len()) {
            Some(sink) => {
                let (streams, columns) = union(&values, &job.sinks[sink]);
                let read = gate(&streams);
                let mut text = String::new();
                for event in &read.events {
                    match event {
                        Ev::Row(row) if job.ops[sink] => text += &(op_of(row) + &csv(row, columns)),
                        Ev::Row(row) if row.change == Change::Delete => {}
                        Ev::Row(row) => text += &csv(row, columns),
                        Ev::Fail(place) => drop(failures.insert(place.clone())),
                        Ev::End(_) => {}
                    }
                }
                if job.sinks[sink].iter().any(|input| job.is_unordered(input)) {
                    unordered.insert(format!("sinks.o{sink}"));
                }
                texts.insert(format!("sinks.o{sink}"), text);
            }
            None => {
                let (streams, columns) = union(&values, &job.nodes[n].inputs);
                let number = job.sources.len() + n;
                let [main, late] = evaluate(&job.nodes[n].op, streams, columns);
                values.insert((number, 0), main);
                values.insert((number, 1), late);
            }
        }
    }
    Expected { texts, unordered, failures }
}

fn union(values: &BTreeMap<Ref, Value>, refs: &[Ref]) -> Value {
    let streams = refs.iter().flat_map(|r| values[r].0.clone()).collect();
    (streams, values[&refs[0]].1)
}

/// What fails where `v` is 3.
const FAILS: &str = "100 / (v - 3) > 20";
const SAYS: &str = "(100 / (v - 3)) > 20: division by zero";

/// Both outputs of a filter whose condition fails on some rows.
fn fallible(on_error: &str, streams: Vec<Stream>) -> [Vec<Stream>; 2] {
    let mut outputs = [Vec::new(), Vec::new()];
    for stream in streams {
        let mut both = [Vec::new(), Vec::new()];
        let mut failed = false;
        for event in stream.events {
            match event {
                Ev::Row(_) if failed => {}
                Ev::Row(row) if row.v != Some(3) => both[0].extend(stateless(&Op::Fallible(0), row).map(Ev::Row)),
                Ev::Row(row) if on_error == "fail" => {
                    both[0].push(Ev::Fail(row.from.unwrap_or_default() + SAYS));
                    failed = true;
                }
                Ev::Row(row) => both[1].push(Ev::Row(row)),
                other => both.iter_mut().for_each(|events| events.push(other.clone())),
            }
        }
        outputs.iter_mut().zip(both).for_each(|(output, events)| output.push(Stream { events }));
    }
    outputs
}

/// The streams with those of their rows that are kept.
fn part(streams: &[Stream], keeps: impl Fn(&Row) -> bool) -> Vec<Stream> {
    let kept = |event: &Ev| if let Ev::Row(row) = event { keeps(row) } else { true };
    let one = |s: &Stream| Stream { events: s.events.iter().filter(|e| kept(e)).cloned().collect() };
    streams.iter().map(one).collect()
}

/// The rows of the first case and those of none.
fn routed(streams: &[Stream]) -> [Vec<Stream>; 2] {
    let default = |row: &Row| row.v <= Some(2) && row.k.as_deref() != Some("a");
    [part(streams, |row| row.v > Some(2)), part(streams, default)]
}

fn evaluate(op: &Op, streams: Vec<Stream>, columns: [usize; 4]) -> [Value; 2] {
    const PLAIN: [usize; 4] = [0, 1, 2, 3];
    // All but selects take no notice of keys that have no result any more.
    let streams = match op {
        Op::Select(_) => streams,
        _ => part(&streams, |row| row.change != Change::Delete),
    };
    let both = match op {
        Op::Fallible(on_error) => Some(fallible(ON_ERRORS[*on_error], streams.clone())),
        Op::Route => Some(routed(&streams)),
        _ => None,
    };
    if let Some(both) = both {
        return both.map(|streams| (streams, columns));
    }
    if let Op::Filter(_) | Op::Select(_) = op {
        let each = |event: Ev| match event {
            Ev::Row(row) => stateless(op, row).map(Ev::Row),
            other => Some(other),
        };
        let streams = streams.into_iter().map(|s| Stream { events: s.events.into_iter().filter_map(each).collect() });
        let columns = match op {
            Op::Select(0) => PLAIN,
            Op::Select(1) => [3, 2, 1, 0],
            Op::Select(_) => [2, 3, 1, 0],
            _ => columns,
        };
        return [(streams.collect(), columns), (Vec::new(), columns)];
    }
    if let Op::Explode { list, keep_empty, .. } = *op {
        let failed = part(&streams, |row| op.fails(row));
        let each = |event: Ev| match event {
            Ev::Row(row) => exploded(row, LISTS[list].1, keep_empty).into_iter().map(Ev::Row).collect(),
            other => vec![other],
        };
        let sound = part(&streams, |row| !op.fails(row)).into_iter();
        let all = sound.map(|s| Stream { events: s.events.into_iter().flat_map(each).collect() });
        return [(all.collect(), PLAIN), (failed, columns)];
    }
    let failed = part(&streams, |row| op.fails(row));
    let input = gate(&part(&streams, |row| !op.fails(row)));
    let groups = BTreeMap::new;
    let mut step: Box<dyn Step> = match *op {
        Op::Limit(n) => Box::new(Limit(n)),
        Op::Sample { percent, seed } => Box::new(Sample { percent, seed, place: 0 }),
        Op::Throttle => Box::new(Throttle),
        Op::LimitBy { n, by, .. } => Box::new(LimitBy { n, by, passed: BTreeMap::new() }),
        Op::EventTime { delay, .. } => Box::new(EventTime { delay, greatest: i64::MIN, within: i64::MIN }),
        Op::Count { size, slide, partial, by, fourth, .. } => {
            Box::new(Count { size, slide, partial, by, fourth, rows: BTreeMap::new() })
        }
        Op::Window { size, slide, lateness, by, having, order, fourth, .. } => {
            let mut window = Window::new(size, slide, lateness, by, fourth);
            (window.having, window.sorted) = (having, order == Order::Value);
            Box::new(window)
        }
        Op::Total { by, update, having, order, fourth, .. } => {
            let sorted = order == Order::Value;
            Box::new(Total { by, update, having, sorted, fourth, groups: BTreeMap::new(), given: BTreeSet::new() })
        }
        Op::WindowTop { size, slide, .. } => Box::new(Window::new(size, slide, 0, By::K, Fourth::Count)),
        Op::TopOwn { size, keyed, n, ties } => {
            Box::new(Top { window: TopWindow::Own(size), by: k_if(keyed), n, ties, groups: groups() })
        }
        Op::Top { keyed, n, ties } => {
            Box::new(Top { window: TopWindow::None, by: k_if(keyed), n, ties, groups: groups() })
        }
        Op::Filter(_) | Op::Select(_) | Op::Fallible(_) | Op::Route | Op::Explode { .. } => unreachable!(),
    };
    let [mut main, late] = run(&mut *step, &input);
    if let Op::EventTime { .. } = op {
        // Rows without a time never came to where the watermark is made.
        return [(vec![main], columns), (part(&streams, |row| row.at.is_none()), columns)];
    }
    if let Op::WindowTop { keyed, n, ties, .. } = *op {
        let mut top = Top { window: TopWindow::Attached, by: k_if(keyed), n, ties, groups: groups() };
        [main, _] = run(&mut top, &gate(&part(&[main], |row| row.change != Change::Delete)));
    }
    let plain = matches!(
        op,
        Op::Window { .. } | Op::Total { .. } | Op::WindowTop { .. } | Op::TopOwn { .. } | Op::Count { .. }
    );
    let second = if op.on_error() == "dead-letter" { failed } else { vec![late] };
    [(vec![main], if plain { PLAIN } else { columns }), (second, columns)]
}

fn k_if(keyed: bool) -> By {
    if keyed { By::K } else { By::All }
}

fn exploded(row: Row, elements: Elements, keep_empty: bool) -> Vec<Row> {
    let mut elements = elements(row.v);
    if elements.is_empty() && keep_empty {
        elements.push(None);
    }
    elements.into_iter().map(|v| Row { v, ..row.clone() }).collect()
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
