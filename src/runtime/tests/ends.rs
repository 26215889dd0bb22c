//! The end, from upstream and from downstream.

use super::build::{Run, blocks, bounded, memory, plan, simulate, start};
use super::memory::Input;
use super::sim::End;

const COUNT: &str = r#"
[sources.a]
type = "file"
path = "a.txt"
format = { type = "csv", header = false }
schema = { n = "int" }
"#;

fn sink(input: &str) -> String {
    format!("[sinks.out]\ntype = \"file\"\ninput = \"{input}\"\npath = \"out.csv\"\n")
}

fn lines(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Every parallelism and capacity under some schedules.
fn runs(schedules: u64) -> impl Iterator<Item = Run> {
    (1..=4).flat_map(move |parallelism| {
        [1, 2, 32]
            .into_iter()
            .flat_map(move |capacity| (0..schedules).map(move |seed| Run { parallelism, capacity, seed }))
    })
}

#[test]
fn a_satisfied_limit_ends_a_source_without_end() {
    let limit = "[transforms.first]\ntype = \"limit\"\ninput = \"a\"\nn = 25\n";
    // A file in mode `replace` needs an input that ends: here only the limit does that.
    let job = format!("{COUNT}{limit}{}", sink("first"));
    let input = Input { blocks: blocks(&lines(0..10), &[3]), endless: true, ..Input::default() };
    let expected: String = (0..25).map(|n| format!("{}\n", n % 10)).collect();
    for run in runs(20) {
        let (end, memory) = simulate(&job, &[("a", input.clone())], run);
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert_eq!(memory.text("sinks.out"), expected, "{run:?}");
    }
}

/// Sources that are read together do not end together.
#[test]
fn a_satisfied_source_is_read_no_more_while_others_go_on() {
    let b = COUNT.replace("[sources.a]", "[sources.b]").replace("a.txt", "b.txt");
    let limit = "[transforms.first]\ntype = \"limit\"\ninput = \"a\"\nn = 25\n";
    let job = format!("{COUNT}{b}{limit}{}", sink("first").replace("\"first\"", "[\"b\", \"first\"]"));
    let a = Input { blocks: blocks(&lines(0..10), &[3]), endless: true, ..Input::default() };
    let expected: String = (0..25).map(|n| n % 10).chain(50..90).map(|n| format!("{n}\n")).collect();
    for run in runs(10) {
        let inputs = [("a", a.clone()), ("b", bounded(blocks(&lines(50..90), &[4])))];
        let (end, memory) = simulate(&job, &inputs, run);
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert_eq!(memory.text("sinks.out"), expected, "{run:?}");
    }
}

/// How far the source behind a limit is read on is chance. It must not show in the watermark.
#[test]
fn a_full_limit_has_ended() {
    let mut job = String::new();
    for name in ["a", "b"] {
        job += &format!(
            "[sources.{name}]\ntype = \"file\"\npath = \"{name}.txt\"\n\
             format = {{ type = \"csv\", header = false }}\nevent_time = {{ column = \"at\" }}\n\
             schema = {{ at = {{ type = \"timestamp\", unit = \"us\" }}, k = \"string\", v = \"int\" }}\n"
        );
    }
    job += r#"
[transforms.first]
type = "limit"
input = "a"
n = 3
[transforms.sums]
type = "aggregate"
input = ["first", "b"]
window = { type = "tumbling", size = "20us" }
select = ["window_end AS at", "min(k) AS k", "sum(v) AS v"]
[sinks.out]
type = "file"
input = ["b", "sums"]
path = "out.csv"
format = { type = "csv", timestamp = "us" }
"#;
    let times = |times: &[i64], k: &str| {
        let rows: Vec<String> = times.iter().map(|at| format!("{at},{k},1")).collect();
        Input { times: times.to_vec(), ..bounded(blocks(&rows, &[1])) }
    };
    let b: Vec<i64> = (0..=20).map(|i| i * 10).collect();
    let mut expected = String::new();
    for at in &b {
        expected += &format!("{at},b,1\n");
        match at {
            20 => expected += "20,a,5\n",
            at if *at > 0 && at % 20 == 0 => expected += &format!("{at},b,2\n"),
            _ => {}
        }
    }
    expected += "220,b,1\n";
    for run in runs(10) {
        let inputs = [("a", times(&[0, 1, 2, 50, 100, 150, 200], "a")), ("b", times(&b, "b"))];
        let (end, memory) = simulate(&job, &inputs, run);
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        assert_eq!(memory.text("sinks.out"), expected, "{run:?}");
    }
}

#[test]
fn a_drained_source_gives_whole_blocks_and_all_of_them() {
    let job = format!("{COUNT}{}", sink("a"));
    let input = Input { blocks: blocks(&lines(0..10), &[3]), endless: true, ..Input::default() };
    for run in runs(20) {
        let plan = plan(&job, run.parallelism).unwrap();
        let mut memory = memory(&[("a", input.clone())], run.seed);
        let handed = memory.handed.entry("sources.a".into()).or_default().clone();
        let mut left = 100 + run.seed * 10;
        let end = start(&plan, &mut memory, run).run(|sim| {
            left = left.saturating_sub(1);
            if left == 0 {
                sim.control.request_drain();
            }
        });
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
        // Blocks of 3, 3, 3 and 1 rows.
        let count = handed.load(std::sync::atomic::Ordering::SeqCst);
        let rows = count / 4 * 10 + [0, 3, 6, 9][count % 4];
        let expected: String = (0..rows).map(|n| format!("{}\n", n % 10)).collect();
        assert_eq!(memory.text("sinks.out"), expected, "{run:?}");
    }
}

#[test]
fn a_bad_row_behind_a_satisfied_limit_is_not_reported() {
    let limit = "[transforms.first]\ntype = \"limit\"\ninput = \"a\"\nn = 5\n";
    let job = format!("{COUNT}{limit}{}", sink("first"));
    let mut rows = lines(0..12);
    rows[5] = "bad".into();
    for lengths in [&[12][..], &[5, 1], &[2], &[1]] {
        for run in runs(20) {
            let (end, memory) = simulate(&job, &[("a", bounded(blocks(&rows, lengths)))], run);
            assert!(matches!(end, End::Finished), "{lengths:?} {run:?} {end:?}");
            assert_eq!(memory.text("sinks.out"), "0\n1\n2\n3\n4\n", "{run:?}");
        }
    }
}

#[test]
fn a_bad_row_behind_a_limit_that_an_aggregation_feeds_is_not_reported() {
    let update = "[transforms.sum]\ntype = \"aggregate\"\ninput = \"a\"\nby = [\"n % 3 AS r\"]\nselect = [\"r\", \"sum(n) AS s\"]\nemit = \"update\"\n";
    let limit = "[transforms.first]\ntype = \"limit\"\ninput = \"sum\"\nn = 4\n";
    let job = format!("{COUNT}{update}{limit}{}", sink("first"));
    let mut rows = lines(0..12);
    rows[4] = "bad".into();
    for lengths in [&[12][..], &[3], &[1]] {
        for run in runs(20) {
            let (end, memory) = simulate(&job, &[("a", bounded(blocks(&rows, lengths)))], run);
            assert!(matches!(end, End::Finished), "{lengths:?} {run:?} {end:?}");
            assert_eq!(memory.text("sinks.out"), "0,0\n1,1\n2,2\n0,3\n", "{run:?}");
        }
    }
}

#[test]
fn the_first_bad_row_is_reported_with_its_place() {
    let totals =
        "[transforms.total]\ntype = \"aggregate\"\ninput = \"a\"\nby = [\"n\"]\nselect = [\"n\", \"count(*) AS c\"]\n";
    let mut rows = lines(0..30);
    for bad in [17, 18, 23, 29] {
        rows[bad] = format!("bad{bad}");
    }
    for job in [format!("{COUNT}{}", sink("a")), format!("{COUNT}{totals}{}", sink("total"))] {
        for lengths in [&[30][..], &[4], &[1]] {
            for run in runs(20) {
                let (end, memory) = simulate(&job, &[("a", bounded(blocks(&rows, lengths)))], run);
                let End::Failed(error) = end else { panic!("{run:?} {end:?}") };
                assert!(error.message.starts_with("a.txt:18: column n"), "{run:?} {error}");
                assert_eq!(error.node.as_deref(), Some("sources.a"));
                assert!(error.notes.iter().any(|n| n == "the record: bad17"), "{error}");
                assert!(memory.written.lock().unwrap()["sinks.out"].aborted);
            }
        }
    }
}

#[test]
fn a_writer_whose_reader_is_gone_ends_the_job() {
    let job = format!("{COUNT}{}", sink("a"));
    let input = Input { blocks: blocks(&lines(0..10), &[3]), endless: true, ..Input::default() };
    for run in runs(10) {
        let plan = plan(&job, run.parallelism).unwrap();
        let mut memory = memory(&[("a", input.clone())], run.seed);
        memory.closes_after = Some(40);
        let end = start(&plan, &mut memory, run).run(|_| {});
        assert!(matches!(end, End::Finished), "{run:?} {end:?}");
    }
}
