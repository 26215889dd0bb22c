//! Unions of bounded sources: one order of rows, wherever they meet and whenever a checkpoint is made.

use super::build::{Run, blocks, bounded, memory, plan, setting, start};
use super::memory::Input;
use super::sim::{End, Rng};

/// Rows meet at once, behind chains, behind stages with exchanges, in contradictory order.
const UNIONS: &str = r#"
[transforms.some]
type = "filter"
input = "b"
where = "n % 5 <> 0"
[transforms.sums]
type = "aggregate"
input = ["a", "some"]
by = ["k"]
select = ["max(at) AS at", "k", "sum(n) AS n"]
emit = "update"
[transforms.first]
type = "limit"
input = "b"
n = 7
[transforms.best]
type = "top"
input = ["first", "a"]
by = ["k"]
order = ["n"]
n = 2
[sinks.plain]
type = "file"
input = ["c", "a", "b"]
path = "plain.csv"
format = { type = "csv", timestamp = "us" }
[sinks.two]
type = "file"
input = ["some", "a"]
path = "two.csv"
[sinks.staged]
type = "file"
input = ["first", "sums", "c", "best"]
path = "staged.csv"
"#;

/// For sources that all have event time.
const WINDOWS: &str = r#"
[transforms.windows]
type = "aggregate"
input = ["first", "c", "a"]
by = ["k"]
window = { type = "tumbling", size = "10us" }
select = ["window_end AS at", "k", "sum(n) AS n"]
[sinks.windows_out]
type = "file"
input = ["a", "windows", "windows.late"]
path = "windows.csv"
"#;

struct Source {
    timed: bool,
    /// The rows of each block: time, key, number.
    blocks: Vec<Vec<(i64, usize, usize)>>,
}

impl Source {
    fn random(rng: &mut Rng, timed: bool) -> Source {
        let mut at = rng.below(30) as i64;
        let mut row = |rng: &mut Rng| {
            at += rng.below(4) as i64;
            let back = if rng.once_in(4) { rng.below(8) as i64 } else { 0 };
            (at - back, rng.below(3), rng.below(100))
        };
        let blocks = (0..rng.below(12)).map(|_| (0..1 + rng.below(3)).map(|_| row(rng)).collect());
        Source { timed, blocks: blocks.collect() }
    }

    /// Event time of the row that block `index` starts with.
    fn due(&self, index: usize) -> i64 {
        if self.timed { self.blocks[index][0].0 } else { i64::MIN }
    }

    fn text(&self, block: usize) -> String {
        self.blocks[block].iter().map(|(at, k, n)| format!("{at},{k},{n}\n")).collect()
    }

    fn input(&self) -> Input {
        let texts = (0..self.blocks.len()).map(|block| self.text(block));
        let data = texts.flat_map(|text| blocks(&text.lines().collect::<Vec<_>>(), &[usize::MAX])).collect();
        Input { times: (0..self.blocks.len()).map(|block| self.due(block)).collect(), ..bounded(data) }
    }
}

fn job(sources: &[Source]) -> String {
    let mut job = String::new();
    for (name, source) in ["a", "b", "c"].iter().zip(sources) {
        job += &format!("[sources.{name}]\ntype = \"file\"\npath = \"{name}.txt\"\n");
        job += "format = { type = \"csv\", header = false }\n";
        job += "schema = { at = { type = \"timestamp\", unit = \"us\" }, k = \"int\", n = \"int\" }\n";
        if source.timed {
            job += "event_time = { column = \"at\", delay = \"3us\" }\n";
        }
    }
    job += UNIONS;
    if sources.iter().all(|source| source.timed) {
        job += WINDOWS;
    }
    job
}

/// Always the block that starts earliest.
fn merged(sources: &[Source]) -> String {
    let mut at = vec![0; sources.len()];
    let mut text = String::new();
    loop {
        let open = (0..sources.len()).filter(|&s| at[s] < sources[s].blocks.len());
        let Some(next) = open.min_by_key(|&s| sources[s].due(at[s])) else { return text };
        text += &sources[next].text(at[next]);
        at[next] += 1;
    }
}

/// What the sinks hold, and how many barriers went through with rows to come.
fn run(job: &str, sources: &[Source], run: Run, barriers: u64) -> (Vec<String>, u64) {
    let plan = plan(job, run.parallelism).unwrap();
    let inputs: Vec<(&str, Input)> = ["a", "b", "c"].into_iter().zip(sources.iter().map(Source::input)).collect();
    let mut memory = memory(&inputs, run.seed);
    let (mut asked, mut cuts) = (0, 0);
    let end = start(&plan, &mut memory, run).run(|sim| {
        if asked < barriers && sim.rng.once_in(20) {
            asked += 1;
            sim.control.request_barrier(asked);
        }
        let passed = sim.stats.sinks.iter().map(|(_, stats)| stats.read().barrier).max().unwrap();
        if passed < u64::MAX {
            cuts = passed;
        }
    });
    assert!(matches!(end, End::Finished), "{run:?} {end:?}\n{job}");
    (plan.sinks.iter().map(|sink| memory.text(&sink.name)).collect(), cuts)
}

#[test]
fn barriers_do_not_show_in_the_order_of_a_union() {
    let (first, jobs) = (setting("FLOTT_SEED", 1), setting("FLOTT_JOBS", 100));
    let mut cuts = 0;
    for seed in first..first + jobs {
        let mut rng = Rng(seed);
        let untimed = rng.below(5);
        let sources: Vec<Source> = (0..3).map(|s| Source::random(&mut rng, s != untimed && untimed < 4)).collect();
        let job = job(&sources);
        let (expected, _) = run(&job, &sources, Run { parallelism: 1, capacity: 32, seed }, 0);
        assert_eq!(expected[0], merged(&sources), "seed {seed}");
        for parallelism in 1..=4 {
            let capacity = rng.pick(&[1, 2, 3, 8, 32]);
            let of = Run { parallelism, capacity, seed: rng.next() };
            let (got, passed) = run(&job, &sources, of, 30);
            for (got, expected) in got.iter().zip(&expected) {
                assert!(got == expected, "seed {seed}, {of:?}\nexpected:\n{expected}\ngot:\n{got}\n{job}");
            }
            cuts += passed;
        }
    }
    assert!(cuts > 40 * jobs, "barriers cut the streams: {cuts}");
}
