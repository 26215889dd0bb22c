//! Results that go by the clock, of jobs that are killed: what must be so whenever they come.

use std::collections::BTreeMap;

use super::build::{Run, blocks, bounded, memory, plan};
use super::cases::{TIMED, sink};
use super::restore::interrupted;
use super::sim::End;

const ROWS: i64 = 700;

/// What the sink `out` holds at the end of many runs, each killed a few times and gone on at another parallelism.
fn killed(transforms: &str, mut check: impl FnMut(&str, &str)) {
    let job = format!("{TIMED}{transforms}{}", sink("out", "\"t\""));
    let rows: Vec<String> =
        (0..ROWS).map(|i| format!("{i},{},{}", ["a", "b", "", "ä"][i as usize * 7 % 4], i - 7)).collect();
    let mut resumed = 0;
    for seed in 0..15 {
        let run = Run::random(seed);
        let mut memory = memory(&[("a", bounded(blocks(&rows, &[3, 1, 2])))], seed);
        let (end, killed, from) = interrupted(&|p| plan(&job, p).unwrap(), &mut memory, run, 4);
        let context = format!("{run:?}, killed {killed} times\n{job}");
        assert!(matches!(end, End::Finished), "{end:?}, {context}");
        check(&memory.text("sinks.out"), &context);
        resumed += from;
    }
    assert!(resumed > 15, "most go on from a checkpoint: {resumed}");
}

fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

fn number(cell: &str) -> i64 {
    cell.parse().unwrap()
}

/// Of each key how many rows, and the sum of their values.
fn totals() -> BTreeMap<&'static str, (i64, i64)> {
    let mut totals = BTreeMap::new();
    for i in 0..ROWS {
        let (rows, sum) = totals.entry(["a", "b", "", "ä"][i as usize * 7 % 4]).or_insert((0, 0));
        *rows += 1;
        *sum += i - 7;
    }
    totals
}

#[test]
fn windows_of_the_wall_clock_hold_each_row_once() {
    for (window, times) in
        [("type = \"tumbling\", size = \"1ms\"", 1), ("type = \"sliding\", size = \"3ms\", slide = \"1ms\"", 3)]
    {
        let transform = format!(
            "[transforms.t]\ntype = \"aggregate\"\ninput = \"a\"\nby = \"k\"\n\
             window = {{ {window}, time = \"processing\" }}\n\
             select = [\"window_start\", \"window_end\", \"k\", \"count(*) AS n\", \"sum(v) AS s\", \"max(v) AS m\"]\n"
        );
        killed(&transform, |text, context| {
            let rows = cells(text);
            let windows: Vec<(i64, i64, &str)> = rows.iter().map(|r| (number(r[1]), number(r[0]), r[2])).collect();
            assert!(windows.is_sorted_by_key(|w| (w.0, w.1)), "{text}\n{context}");
            let mut different = windows.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), windows.len(), "a window comes twice:\n{text}\n{context}");
            for (key, (count, sum)) in totals() {
                let of = |column: usize| rows.iter().filter(|r| r[2] == key).map(|r| number(r[column])).sum::<i64>();
                assert_eq!((of(3), of(4)), (times * count, times * sum), "{key}\n{text}\n{context}");
            }
        });
    }
}

#[test]
fn the_best_of_windows_of_the_wall_clock_come_once() {
    let transform = "[transforms.t]\ntype = \"top\"\ninput = \"a\"\norder = \"v DESC\"\nn = 10000\n\
                     window = { type = \"tumbling\", size = \"1ms\", time = \"processing\" }\n";
    killed(transform, |text, context| {
        let mut values: Vec<i64> = cells(text).iter().map(|row| number(row[2])).collect();
        values.sort_unstable();
        assert_eq!(values, (0..ROWS).map(|i| i - 7).collect::<Vec<_>>(), "{context}");
    });
}

#[test]
fn results_of_a_period_lead_to_those_at_the_end() {
    let transform = "[transforms.t]\ntype = \"aggregate\"\ninput = \"a\"\nby = \"k\"\nemit = { every = \"1ms\" }\n\
                     select = [\"k\", \"count(*) AS n\", \"sum(v) AS s\", \"median(v) AS m\"]\n";
    let mut periods = 0;
    killed(transform, |text, context| {
        let rows = cells(text);
        for (key, (count, sum)) in totals() {
            let of: Vec<i64> = rows.iter().filter(|r| r[0] == key).map(|r| number(r[1])).collect();
            assert!(of.is_sorted(), "{key}: {of:?}\n{context}");
            // At the end all come once more; before, those that have changed.
            let before = &of[..of.len() - 1];
            assert!(before.windows(2).all(|pair| pair[0] < pair[1]), "{key}: {of:?}\n{context}");
            let last = rows.iter().rfind(|r| r[0] == key).unwrap();
            assert_eq!((number(last[1]), number(last[2])), (count, sum), "{key}\n{context}");
            periods += before.len();
        }
    });
    assert!(periods > 100, "results come in between: {periods}");
}
