//! Rows that fail, routes, throttles, windows of the wall clock: what random jobs do not show.

use super::build::{Run, blocks, bounded, memory, plan, simulate, start};
use super::cases::{self, TIMED as SOURCE};
use super::sim::End;

fn sink(name: &str, input: &str) -> String {
    cases::sink(name, &format!("\"{input}\""))
}

fn rows(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{i},{},{}", ["a", "b", "c"][i % 3], i as i64 - 7)).collect()
}

/// How the job ends, and what its sink `out` holds then, of many runs. Stops at the first that is not as expected.
fn each_run(job: &str, rows: &[String], lengths: &[usize], mut check: impl FnMut(End, String, Run)) {
    for parallelism in 1..=4 {
        for seed in 0..15 {
            let run = Run { parallelism, capacity: 1 + seed as usize % 5, seed };
            let (end, memory) = simulate(job, &[("a", bounded(blocks(rows, lengths)))], run);
            check(end, memory.text("sinks.out"), run);
        }
    }
}

/// The message, and the rows before the failure.
fn fails(transform: &str, input: &str, message: &str, before: &str) {
    let job = format!("{SOURCE}{transform}{}", sink("out", input));
    for lengths in [[20], [1], [7]] {
        each_run(&job, &rows(20), &lengths, |end, text, run| {
            let End::Failed(error) = end else { panic!("{run:?} {end:?}") };
            assert_eq!(error.to_string().lines().next(), Some(message), "{run:?}");
            assert_eq!(text, before, "{run:?}");
        });
    }
}

#[test]
fn the_first_row_that_fails_ends_the_job_behind_the_rows_before_it() {
    let before: String = (5..7).map(|i| format!("{i},{}\n", 10 / (i - 7))).collect();
    let select = |options: &str| format!("[transforms.t]\ntype = \"select\"\ninput = \"a\"\n{options}\n");
    fails(
        &select("where = \"v > -3\"\nselect = [\"at\", \"10 / v AS x\"]"),
        "t",
        "transforms.t: a.txt:8: 10 / v: division by zero",
        &before,
    );
    // Of several items, the one that fails first.
    fails(
        &select("where = \"v > -3\"\nselect = [\"at\", \"10 / v AS x\", \"10 / (v - 3) AS y\"]"),
        "t",
        "transforms.t: a.txt:8: 10 / v: division by zero",
        "5,-5,-2\n6,-10,-2\n",
    );
    // Of several transforms behind each other.
    let chain = "[transforms.s]\ntype = \"filter\"\ninput = \"a\"\nwhere = \"10 / (v - 3) < 100\"\n\
                 [transforms.t]\ntype = \"select\"\ninput = \"s\"\nwhere = \"v > -3\"\nselect = [\"at\", \"10 / v AS x\"]\n";
    fails(chain, "t", "transforms.t: a.txt:8: 10 / v: division by zero", &before);
}

#[test]
fn behind_a_keyed_operator_the_first_result_that_fails_counts() {
    let transform = "[transforms.t]\ntype = \"aggregate\"\ninput = \"a\"\nby = [\"k\"]\nemit = \"update\"\n\
                     select = [\"k\", \"10 / sum(v) AS x\"]\n";
    // Sums of a: -7, -11, -12, -10, -5, 3, 14; of b: -6, -9, -9, -6, 0.
    let mut sums = std::collections::BTreeMap::new();
    let mut before = String::new();
    for i in 0..13usize {
        let k = ["a", "b", "c"][i % 3];
        let sum = sums.entry(k).or_insert(0i64);
        *sum += i as i64 - 7;
        before += &format!("{k},{}\n", 10 / *sum);
    }
    fails(transform, "t", "transforms.t: 10 / \"sum(v)\": division by zero", &before);
}

#[test]
fn what_fails_on_one_way_leaves_the_others_alone() {
    // The limit wants no row that fails; the other sink gets all.
    let job = format!(
        "{SOURCE}[transforms.t]\ntype = \"select\"\ninput = \"a\"\nselect = [\"10 / v AS x\"]\n\
         [transforms.l]\ntype = \"limit\"\ninput = \"t\"\nn = 3\n[sinks.few]\ntype = \"file\"\ninput = \"l\"\n\
         path = \"few.csv\"\n{}",
        sink("out", "a")
    );
    let all: String = rows(20).iter().map(|row| format!("{row}\n")).collect();
    each_run(&job, &rows(20), &[4], |end, text, run| {
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert_eq!(text, all, "{run:?}");
    });
}

#[test]
fn rows_that_fail_are_kept_with_the_reason() {
    let job = format!(
        "{SOURCE}[transforms.t]\ntype = \"select\"\ninput = \"a\"\nselect = [\"10 / v AS x\"]\non_error = \"dead-letter\"\n\
         [sinks.few]\ntype = \"file\"\ninput = \"t\"\npath = \"few.csv\"\n{}",
        sink("out", "t.errors")
    );
    each_run(&job, &rows(20), &[6], |end, text, run| {
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert_eq!(text, "7,b,0,10 / v: division by zero\n", "{run:?}");
    });
}

#[test]
fn rows_that_fail_are_counted() {
    let job = format!(
        "{SOURCE}[transforms.t]\ntype = \"filter\"\ninput = \"a\"\nwhere = \"10 / (v % 3) < 20\"\non_error = \"skip\"\n{}",
        sink("out", "t")
    );
    let plan = plan(&job, 2).unwrap();
    let mut memory = memory(&[("a", bounded(blocks(&rows(20), &[6])))], 1);
    let sim = start(&plan, &mut memory, Run { parallelism: 2, capacity: 3, seed: 1 });
    let stats = sim.stats.clone();
    assert!(matches!(sim.run(|_| {}), End::Finished));
    let bad: u64 = stats.nodes.iter().map(|(.., node)| node.read().bad).sum();
    assert_eq!(bad, (0..20).filter(|i| (i - 7) % 3 == 0).count() as u64);
}

#[test]
fn windows_of_the_wall_clock_hold_each_row_once() {
    let job = |more: &str| {
        format!(
            "{SOURCE}[transforms.w]\ntype = \"aggregate\"\ninput = \"a\"\nby = [\"k\"]\n\
             window = {{ type = \"tumbling\", size = \"1ms\", time = \"processing\" }}\n\
             select = [\"window_start\", \"window_end\", \"k\", \"count(*) AS n\", \"sum(v) AS v\"]\n{more}"
        )
    };
    let best = "[transforms.t]\ntype = \"top\"\ninput = \"w\"\nby = [\"window_start\", \"window_end\"]\n\
                order = [\"n DESC\"]\nn = 1\n";
    let mut windows = 0;
    for (more, input) in [("", "w"), (best, "t")] {
        each_run(&job(&format!("{more}{}", sink("out", input))), &rows(600), &[2], |end, text, run| {
            assert!(matches!(end, End::Finished), "{run:?} {end:?}");
            let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
            let keys: Vec<(&str, &str)> = lines.iter().map(|l| (l[1], if input == "w" { l[2] } else { "" })).collect();
            assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]), "{run:?}\n{text}");
            if input == "w" {
                let sum = |column: usize| lines.iter().map(|l| l[column].parse::<i64>().unwrap()).sum::<i64>();
                assert_eq!((sum(3), sum(4)), (600, (0..600).map(|i| i - 7).sum()), "{run:?}");
                windows += keys.chunk_by(|a, b| a.0 == b.0).count();
            }
        });
    }
    assert!(windows > 100, "time passes between the rows: {windows}");
}

#[test]
fn results_in_any_order_are_all_there() {
    let job = |order: &str| {
        format!(
            "{SOURCE}[transforms.w]\ntype = \"aggregate\"\ninput = \"a\"\nby = [\"k\", \"v % 5 AS r\"]\norder = {order}\n\
             window = {{ type = \"tumbling\", size = \"40us\" }}\n\
             select = [\"window_end AS at\", \"k\", \"r\", \"count(*) AS n\"]\n{}",
            sink("out", "w")
        )
    };
    let mut sorted = String::new();
    each_run(&job("[\"k\", \"r\"]"), &rows(300), &[30], |_, text, _| sorted = text);
    let mut differ = 0;
    each_run(&job("\"any\""), &rows(300), &[30], |end, text, run| {
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        differ += usize::from(text != sorted);
        let in_order = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(String::from).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(in_order(&text), in_order(&sorted), "{run:?}");
    });
    assert!(differ > 0, "nothing is sorted");
}

#[test]
fn a_throttle_takes_its_time_and_loses_nothing() {
    let job = format!("{SOURCE}[transforms.t]\ntype = \"throttle\"\ninput = \"a\"\nrate = 1000\n{}", sink("out", "t"));
    let all: String = rows(200).iter().map(|row| format!("{row}\n")).collect();
    for parallelism in 1..=3 {
        let plan = plan(&job, parallelism).unwrap();
        let mut memory = memory(&[("a", bounded(blocks(&rows(200), &[40])))], 1);
        let sim = start(&plan, &mut memory, Run { parallelism, capacity: 3, seed: 1 });
        let begun = sim.now;
        let mut ended = begun;
        let end = sim.run(|sim| ended = sim.now);
        assert!(matches!(end, End::Finished), "{end:?}");
        assert_eq!(memory.text("sinks.out"), all);
        // The last rows go at once.
        assert!((100_000..300_000).contains(&(ended - begun)), "{} µs", ended - begun);
    }
}

#[test]
fn a_row_for_each_element_of_a_list() {
    let job = |keep: bool| {
        let source = SOURCE
            .replace("{ type = \"csv\", header = false }", "\"json\"")
            .replace("v = \"int\"", "tags = \"list<string>\"");
        format!(
            "{source}[transforms.t]\ntype = \"explode\"\ninput = \"a\"\nlist = \"tags AS tag\"\nkeep_empty = {keep}\n\
             [transforms.n]\ntype = \"aggregate\"\ninput = \"t\"\nby = [\"tag\"]\n\
             select = [\"tag\", \"last(k) AS k\", \"count(*) AS n\"]\nemit = \"update\"\n{}",
            sink("out", "n")
        )
    };
    let rows: Vec<String> = [
        r#"{"at":1,"k":"a","tags":["x","y"]}"#,
        r#"{"at":2,"k":"b","tags":[]}"#,
        r#"{"at":3,"k":"c"}"#,
        r#"{"at":4,"k":"d","tags":["y","z","y"]}"#,
    ]
    .map(String::from)
    .to_vec();
    for (keep, expect) in
        [(false, "x,a,1\ny,a,1\ny,d,2\nz,d,1\ny,d,3\n"), (true, "x,a,1\ny,a,1\n,b,1\n,c,2\ny,d,2\nz,d,1\ny,d,3\n")]
    {
        for lengths in [[4], [1]] {
            each_run(&job(keep), &rows, &lengths, |end, text, run| {
                assert!(matches!(end, End::Finished), "{run:?} {end:?}");
                assert_eq!(text, expect, "{run:?}");
            });
        }
    }
}
