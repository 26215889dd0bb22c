//! Barriers at random places: every sink and stage sees each once, at the place where the readers let it in.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::build::{Run, blocks, bounded, memory, plan, start};
use super::sim::End;

/// A source with a diamond that is joined again by a stage with an exchange, two stages in a row, two sinks.
const ONE: &str = r#"
[sources.a]
type = "file"
path = "a.txt"
format = { type = "csv", header = false }
schema = { n = "int" }
[transforms.odd]
type = "filter"
input = "a"
where = "n % 2 = 1"
[transforms.sums]
type = "aggregate"
input = ["a", "odd"]
by = ["n % 7 AS k"]
select = ["k", "sum(n) AS s"]
emit = "update"
[transforms.again]
type = "aggregate"
input = "sums"
by = ["s % 5 AS k"]
select = ["k", "count(*) AS c"]
emit = "update"
[sinks.plain]
type = "file"
input = "a"
path = "plain.csv"
[sinks.again_out]
type = "file"
input = "again"
path = "again.csv"
"#;

const TWO: &str = r#"
[sources.a]
type = "file"
path = "a.txt"
format = { type = "csv", header = false }
schema = { n = "int" }
[sources.b]
type = "file"
path = "b.txt"
format = { type = "csv", header = false }
schema = { n = "int" }
[sinks.both]
type = "file"
input = ["a", "b"]
path = "both.csv"
"#;

#[test]
fn barriers_cut_every_stream_at_one_place() {
    let rows: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    let lengths = [3, 1, 4];
    let mut seen = 0;
    for seed in 0..150 {
        let run = Run::random(seed);
        let plan = plan(ONE, run.parallelism).unwrap();
        let mut memory = memory(&[("a", bounded(blocks(&rows, &lengths)))], seed);
        let handed = memory.handed.entry("sources.a".into()).or_default().clone();
        // For each barrier, the rows before it.
        let mut cuts: Vec<u64> = Vec::new();
        let mut before: BTreeMap<String, u64> = BTreeMap::new();
        let mut sim = start(&plan, &mut memory, run);
        // Figures are read at the step that reaches a barrier.
        sim.burst = 1;
        let end = sim.run(|sim| {
            for (name, stats) in &sim.stats.sinks {
                let (last, now) = (before.entry(name.clone()).or_default(), stats.read());
                if now.barrier != *last && now.barrier < u64::MAX {
                    assert_eq!(now.barrier, *last + 1, "{run:?}: {name} misses a barrier");
                    *last += 1;
                    let rows = cuts[now.barrier as usize - 1];
                    let expected = if name == "sinks.plain" { rows } else { rows + rows / 2 };
                    assert_eq!(now.rows_in, expected, "{run:?}: {name} at barrier {last}");
                    seen += 1;
                }
            }
            if sim.rng.once_in(30) {
                let blocks = handed.load(Ordering::SeqCst);
                let rows: usize = (0..blocks).map(|b| lengths.get(b).copied().unwrap_or(4)).sum();
                cuts.push(rows.min(60) as u64);
                sim.control.request_barrier(cuts.len() as u64);
            }
        });
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
    }
    assert!(seen > 1000, "barriers reached the sinks: {seen}");
}

#[test]
fn barriers_of_several_sources_meet() {
    let rows: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for seed in 0..300 {
        let run = Run::random(seed);
        let plan = plan(TWO, run.parallelism).unwrap();
        let inputs = [("a", bounded(blocks(&rows, &[2]))), ("b", bounded(blocks(&rows[..10], &[1])))];
        let mut memory = memory(&inputs, seed);
        let handed = ["sources.a", "sources.b"].map(|s| memory.handed.entry(s.into()).or_default().clone());
        let mut cuts: Vec<u64> = Vec::new();
        let mut last = 0;
        let mut sim = start(&plan, &mut memory, run);
        // Figures are read at the step that reaches a barrier.
        sim.burst = 1;
        let end = sim.run(|sim| {
            let now = sim.stats.sinks[0].1.read();
            if now.barrier != last && now.barrier < u64::MAX {
                assert_eq!(now.barrier, last + 1, "{run:?}");
                last += 1;
                assert_eq!(now.rows_in, cuts[last as usize - 1], "{run:?}: at barrier {last}");
            }
            let [a, b] = [0, 1].map(|s| handed[s].load(Ordering::SeqCst) as u64);
            // Most while the readers close, which is when they could disagree.
            if sim.rng.once_in(if a + b == 20 { 5 } else { 60 }) && cuts.len() < 60 {
                cuts.push(2 * a + b);
                sim.control.request_barrier(cuts.len() as u64);
            }
        });
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
    }
}
