//! How random jobs are made up.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::*;
use super::super::sim::Rng;
use super::*;

pub(super) fn source(rng: &mut Rng, first: i64) -> Source {
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
pub(super) fn by(rng: &mut Rng, may_fail: bool) -> By {
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
pub(super) fn fourth(rng: &mut Rng, timed: bool, may_fail: bool) -> Fourth {
    if rng.once_in(2) {
        let calls: Vec<Call> = (0..1 + rng.below(4)).map(|_| Call::random(rng, timed, may_fail)).collect();
        return Fourth::Calls(calls.leak());
    }
    let untimed = rng.pick(&Fourth::UNTIMED);
    if timed { rng.pick(&[Fourth::Count, Fourth::First, Fourth::Last, untimed, untimed, untimed]) } else { untimed }
}

pub(super) fn op(rng: &mut Rng, has_time: bool) -> Op {
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
impl Job {
    pub(super) fn random(rng: &mut Rng) -> Job {
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
}
