//! Jobs that went wrong once, each the smallest of its kind.

use super::build::{Run, blocks, bounded, memory, plan, simulate, start};
use super::sim::End;

pub const TIMED: &str = r#"
[sources.a]
type = "file"
path = "a.txt"
format = { type = "csv", header = false }
schema = { at = { type = "timestamp", unit = "us" }, k = "string", v = "int" }
event_time = { column = "at", delay = "10us" }
"#;

/// `input` is one in quotes, or a list.
pub fn sink(name: &str, input: &str) -> String {
    let format = "format = { type = \"csv\", timestamp = \"us\" }\n";
    format!("[sinks.{name}]\ntype = \"file\"\ninput = {input}\npath = \"{name}.csv\"\n{format}")
}

/// The same bytes at every parallelism, with small and large channels.
fn same_everywhere(job: &str, rows: &[String], lengths: &[usize], expected: Option<&str>) {
    let mut first: Option<String> = expected.map(String::from);
    for parallelism in 1..=4 {
        for capacity in [1, 2, 32] {
            for seed in 0..10 {
                let run = Run { parallelism, capacity, seed };
                let (end, memory) = simulate(job, &[("a", bounded(blocks(rows, lengths)))], run);
                assert!(matches!(end, End::Finished), "{run:?} {end:?}");
                let text = memory.text("sinks.out");
                assert_eq!(&text, first.get_or_insert_with(|| text.clone()), "{run:?}");
            }
        }
    }
}

/// Each subtask of the first stage feeds one subtask of the second with many windows, and says nothing to the others.
#[test]
fn stages_keyed_alike_do_not_wait_for_each_other() {
    let job = format!(
        "{TIMED}
[transforms.small]
type = \"aggregate\"
input = \"a\"
by = [\"k\"]
window = {{ type = \"tumbling\", size = \"1us\" }}
select = [\"window_start\", \"window_end\", \"k\", \"sum(v) AS v\"]
[transforms.again]
type = \"aggregate\"
input = \"small\"
by = [\"k\"]
select = [\"k\", \"sum(v) AS v\", \"count(*) AS n\"]
having = \"n > 0\"
{}",
        sink("out", "\"again\"")
    );
    let rows: Vec<String> = (0..400).map(|i| format!("{},{},{i}", i / 4, ["a", "b", "c", "d"][i % 4])).collect();
    same_everywhere(&job, &rows, &[400], None);
}

#[test]
fn a_branch_that_filters_all_away_does_not_hold_the_others() {
    let job = format!(
        "{TIMED}
[transforms.small]
type = \"aggregate\"
input = \"a\"
by = [\"k\"]
window = {{ type = \"tumbling\", size = \"1us\" }}
select = [\"window_start\", \"window_end\", \"k\", \"sum(v) AS v\"]
[transforms.some]
type = \"filter\"
input = \"small\"
where = \"k = 'a'\"
[transforms.others]
type = \"filter\"
input = \"small\"
where = \"k <> 'a'\"
{}{}{}",
        sink("out", "\"some\""),
        sink("more", "\"others\""),
        sink("rest", "[\"some\", \"others\"]"),
    );
    let rows: Vec<String> = (0..400).map(|i| format!("{},{},{i}", i / 4, ["a", "b", "c", "d"][i % 4])).collect();
    same_everywhere(&job, &rows, &[400], None);
}

#[test]
fn unions_in_opposite_order_do_not_wait_for_each_other() {
    let job = r#"
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
[sinks.ba]
type = "file"
input = ["b", "a"]
path = "ba.csv"
[sinks.ab]
type = "file"
input = ["a", "b"]
path = "ab.csv"
"#;
    let rows = |from: i64| (from..from + 50).map(|n| n.to_string()).collect::<Vec<_>>();
    for parallelism in 1..=3 {
        for capacity in [1, 4, 32] {
            let run = Run { parallelism, capacity, seed: 1 };
            let inputs = [("a", bounded(blocks(&rows(0), &[1]))), ("b", bounded(blocks(&rows(100), &[1])))];
            let (end, memory) = simulate(job, &inputs, run);
            assert!(matches!(end, End::Finished), "{run:?} {end:?}");
            // The order of the sources decides.
            let expected: String = rows(0).iter().chain(&rows(100)).map(|r| format!("{r}\n")).collect();
            assert_eq!(memory.text("sinks.ba"), expected);
            assert_eq!(memory.text("sinks.ab"), expected);
        }
    }
}

const LATE: &str = r#"
[transforms.sums]
type = "aggregate"
input = "a"
by = ["k"]
window = { type = "tumbling", size = "10us" }
select = ["window_end AS at", "k", "sum(v) AS v"]
[sinks.other]
type = "file"
input = "sums"
path = "other.csv"
"#;

#[test]
fn late_rows_come_in_the_order_of_the_input() {
    let job = format!("{TIMED}{LATE}{}", sink("out", "\"sums.late\""));
    let mut rows = vec!["1000,a,0".to_string()];
    rows.extend((0..12).map(|i| format!("{},{},{i}", 100 + i, ["d", "b", "c", "a"][i % 4])));
    let expected: String = rows[1..].iter().map(|r| format!("{r}\n")).collect();
    same_everywhere(&job, &rows, &[13], Some(&expected));
    same_everywhere(&job, &rows, &[1, 5], Some(&expected));
}

#[test]
fn updates_of_a_diamond_come_in_the_order_of_its_branches() {
    let job = format!(
        "{TIMED}
[transforms.low]
type = \"filter\"
input = \"a\"
where = \"v < 6\"
[transforms.high]
type = \"filter\"
input = \"a\"
where = \"v > 3\"
[transforms.sums]
type = \"aggregate\"
input = [\"high\", \"low\"]
by = [\"k\"]
select = [\"k\", \"max(v) AS v\", \"count(*) AS n\"]
emit = \"update\"
{}",
        sink("out", "\"sums\"")
    );
    let rows: Vec<String> = (0..10).map(|i| format!("{i},{},{i}", ["a", "b", "c"][i % 3])).collect();
    let expected = "b,4,1\nc,5,1\na,6,1\nb,7,2\nc,8,2\na,9,2\na,9,3\nb,7,3\nc,8,3\na,9,4\nb,7,4\nc,8,4\n";
    same_everywhere(&job, &rows, &[10], Some(expected));
}

#[test]
fn updates_of_results_come_in_the_order_of_the_results() {
    let job = format!(
        "{TIMED}{LATE}
[transforms.running]
type = \"aggregate\"
input = \"sums\"
by = [\"k\"]
select = [\"k\", \"sum(v) AS v\", \"count(*) AS n\"]
emit = \"update\"
{}",
        sink("out", "\"running\"")
    );
    let rows: Vec<String> = (0..60).map(|i| format!("{i},{},{i}", ["a", "b", "c", "d", "e"][i % 5])).collect();
    same_everywhere(&job, &rows, &[60], None);
    same_everywhere(&job, &rows, &[7], None);
}

/// Behind a stage the delay of the source still counts.
#[test]
fn a_limit_before_a_window_makes_no_row_late() {
    let job = format!(
        "{TIMED}
[transforms.first]
type = \"limit\"
input = \"a\"
n = 100
[transforms.sums]
type = \"aggregate\"
input = \"first\"
window = {{ type = \"tumbling\", size = \"5us\" }}
select = [\"window_end AS at\", \"sum(v) AS v\"]
{}",
        sink("out", "\"sums\"")
    );
    // 12 lies within the delay of 20, 1 does not.
    let rows: Vec<String> = ["20,a,1", "12,a,2", "1,a,4"].map(String::from).to_vec();
    same_everywhere(&job, &rows, &[3], Some("15,2\n25,1\n"));
    same_everywhere(&job, &rows, &[1], Some("15,2\n25,1\n"));
}

/// The rows of a period come out when it is over, also where a union joins them with others of the same source.
#[test]
fn periodic_results_come_between_blocks() {
    let job = format!(
        "{TIMED}
[transforms.sums]
type = \"aggregate\"
input = \"a\"
by = [\"k\"]
select = [\"k\", \"count(*) AS v\"]
emit = {{ every = \"20us\" }}
[transforms.plain]
type = \"select\"
input = \"a\"
select = [\"k\", \"v\"]
{}{}",
        sink("out", "[\"plain\", \"sums\"]"),
        sink("sums_only", "\"sums\"")
    );
    let rows: Vec<String> = (0..200).map(|i| format!("{i},{},-1", ["a", "b", "c"][i % 3])).collect();
    let mut periods = 0;
    for parallelism in 1..=4 {
        for seed in 0..20 {
            let run = Run { parallelism, capacity: 1 + seed as usize % 4, seed };
            let plan = plan(&job, parallelism).unwrap();
            let mut memory = memory(&[("a", bounded(blocks(&rows, &[5])))], seed);
            let end = start(&plan, &mut memory, run).run(|_| {});
            assert!(matches!(end, End::Finished), "{run:?} {end:?}");
            let text = memory.text("sinks.sums_only");
            let last: Vec<&str> = text.lines().rev().take(3).collect();
            assert_eq!(last, ["c,66", "b,67", "a,67"], "{run:?}");
            assert_eq!(memory.text("sinks.out").lines().count(), 200 + text.lines().count());
            periods += text.lines().count() - 3;
        }
    }
    assert!(periods > 100, "results came in between: {periods}");
}

/// The updates of one batch are made in stretches; a key of a later stretch has no values in the first.
#[test]
fn a_key_without_values_has_no_sum() {
    let job = format!(
        "{TIMED}
[transforms.sums]
type = \"aggregate\"
input = \"a\"
by = [\"k\"]
select = [\"k\", \"sum(v) AS v\", \"min(v) AS least\"]
emit = \"update\"
{}",
        sink("out", "\"sums\"")
    );
    let rows: Vec<String> = ["1,a,1", "2,a,2", "3,b,"].map(String::from).to_vec();
    same_everywhere(&job, &rows, &[3], Some("a,1,1\na,3,1\nb,,\n"));
}

/// A key that has had its rows drops the others: its subtask gives nothing, and those that wait for it must be told
/// before the block ends.
#[test]
fn a_subtask_that_drops_its_rows_holds_nobody_up() {
    // The first two drop none: behind them one block comes in many batches, each with rows for every subtask.
    let job = format!(
        "{TIMED}
[transforms.some]
type = \"limit\"
input = \"a\"
n = 50000
by = \"v\"
[transforms.all]
type = \"limit\"
input = \"some\"
n = 50000
by = \"v % 7 AS seventh\"
[transforms.few]
type = \"limit\"
input = \"all\"
n = 20000
by = \"k AS c\"
{}",
        sink("out", "\"few\"")
    );
    const ROWS: usize = 60_000;
    let k = |i: usize| if i.is_multiple_of(3) { "a" } else { "x" };
    let rows: Vec<String> = (0..ROWS).map(|i| format!("{i},{},{}", k(i), i % 500)).collect();
    let mut of = std::collections::BTreeMap::new();
    // Of x there are 40,000.
    let passes = |i: &usize| {
        let seen = of.entry(k(*i)).or_insert(0);
        *seen += 1;
        *seen <= 20000
    };
    let expected: String = (0..ROWS).filter(passes).map(|i| format!("{}\n", rows[i])).collect();
    for (parallelism, seed) in [(2, 0), (2, 1), (3, 2), (3, 3), (4, 4)] {
        let run = Run { parallelism, capacity: 1, seed };
        let (end, memory) = simulate(&job, &[("a", bounded(blocks(&rows, &[ROWS])))], run);
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert!(memory.text("sinks.out") == expected, "{run:?}");
    }
}

/// `-0.0` and `0.0` are one key, which looks the same in every result.
#[test]
fn keys_that_are_equal_look_the_same() {
    for more in ["emit = \"update\"", "window = { type = \"count\", size = 1 }"] {
        let job = format!(
            "{TIMED}
[transforms.sums]
type = \"aggregate\"
input = \"a\"
by = [\"CAST(k AS double) AS d\", \"[CAST(k AS double)] AS l\"]
select = [\"d\", \"l\", \"sum(v) AS s\"]
{more}
{}",
            sink("out", "\"sums\"")
        );
        let rows: Vec<String> = ["1,-0.0,1", "2,0.0,2", "3,NaN,4"].map(String::from).to_vec();
        let sum = if more.starts_with("emit") { 3 } else { 2 };
        same_everywhere(&job, &rows, &[3], Some(&format!("0.0,[0.0],1\n0.0,[0.0],{sum}\nNaN,[null],4\n")));
    }
}

/// Windows of rows that overlap are made of the same panes.
#[test]
fn windows_of_rows_share_their_panes() {
    let job = format!(
        "{TIMED}
[transforms.last]
type = \"aggregate\"
input = \"a\"
by = [\"k\"]
window = {{ type = \"count\", size = 3, slide = 1 }}
select = [\"k\", \"sum(v) AS s\", \"count(DISTINCT v) AS n\"]
{}",
        sink("out", "\"last\"")
    );
    let values = |i: usize| [1, 1, 2, 2, 2, 3][i % 6];
    let rows: Vec<String> = (0..60).map(|i| format!("{i},a,{}", values(i))).collect();
    let row = |i: usize| {
        let last: Vec<i32> = (i.saturating_sub(2)..=i).map(values).collect();
        let distinct: std::collections::BTreeSet<&i32> = last.iter().collect();
        format!("a,{},{}\n", last.iter().sum::<i32>(), distinct.len())
    };
    let expected: String = (0..60).map(row).collect();
    same_everywhere(&job, &rows, &[60], Some(&expected));
}

/// Of two inputs, one is ahead of the other by its event time.
const APART: &str = r#"
[transforms.slow]
type = "event_time"
input = "a"
column = "at"
delay = "50us"
"#;

fn rows_apart() -> Vec<String> {
    // Some lie far behind.
    (0..120)
        .map(|i| format!("{},{},{i}", if i % 5 == 4 { i - 13 - i % 9 } else { i }, ["a", "b", "c"][i as usize % 3]))
        .collect()
}

/// What a row of one of several inputs is judged by goes with it, whatever the parallelism.
fn judged_alike(transform: &str, input: &str) {
    let job = format!(
        "{}{APART}{transform}
[transforms.sums]
type = \"aggregate\"
input = \"{input}\"
window = {{ type = \"tumbling\", size = \"5us\" }}
select = [\"window_end AS at\", \"sum(v) AS v\", \"count(*) AS n\"]
{}",
        TIMED.replace("10us", "0us"),
        sink("out", "\"sums\"")
    );
    // What a row has seen in its own block goes with it in any case.
    let mut first = None;
    for (parallelism, capacity) in [(1, 1), (2, 3), (4, 1), (3, 32)] {
        let run = Run { parallelism, capacity, seed: 1 };
        let (end, memory) = simulate(&job, &[("a", bounded(blocks(&rows_apart(), &[1])))], run);
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        let text = memory.text("sinks.out");
        assert_eq!(&text, first.get_or_insert_with(|| text.clone()), "{run:?}\n{job}");
    }
}

#[test]
fn results_with_every_row_are_judged_as_their_rows() {
    judged_alike(
        "[transforms.t]\ntype = \"aggregate\"\ninput = [\"a\", \"slow\"]\nby = [\"k\"]\nemit = \"update\"\n\
         select = [\"k\", \"max(v) AS v\"]\n",
        "t",
    );
}

#[test]
fn late_rows_are_judged_as_before() {
    judged_alike(
        "[transforms.t]\ntype = \"aggregate\"\ninput = [\"a\", \"slow\"]\nby = [\"k\"]\n\
         window = { type = \"tumbling\", size = \"2us\" }\nselect = [\"k\", \"max(v) AS v\"]\n",
        "t.late",
    );
}

#[test]
fn rows_of_fewer_subtasks_are_judged_alike() {
    let capped = "[transforms.c]\ntype = \"filter\"\ninput = [\"a\", \"slow\"]\nwhere = \"v >= 0\"\nparallelism = 1\n";
    for next in [
        "type = \"limit\"\nn = 1000",
        "type = \"sample\"\nfraction = 0.9",
        "type = \"throttle\"\nrate = 1000000",
        "type = \"limit\"\nn = 1000\nby = \"k\"",
        "type = \"aggregate\"\nby = \"k\"\nselect = [\"k\", \"max(v) AS v\"]\nemit = \"update\"",
        "type = \"aggregate\"\nby = \"k\"\nselect = [\"k\", \"max(v) AS v\"]\nwindow = { type = \"count\", size = 2 }",
    ] {
        judged_alike(&format!("{capped}[transforms.t]\ninput = \"c\"\n{next}\n"), "t");
    }
    let late = "type = \"aggregate\"\nby = [\"k\"]\nwindow = { type = \"tumbling\", size = \"2us\" }\nselect = [\"k\", \"max(v) AS v\"]\n";
    judged_alike(&format!("{capped}[transforms.t]\ninput = \"c\"\n{late}\n"), "t.late");
}
