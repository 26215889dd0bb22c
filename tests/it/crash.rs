//! Jobs that are killed at every place where it could matter, and go on: their output is that of a run that nobody
//! disturbed, byte for byte.
//!
//! **Jobs** (`crash/job.rs`). One with everything: a union of two files by event time into tumbling and sliding
//! windows, running results at the end and with every row, with what each is to the one before, the best rows of
//! windows, dead letters and late rows; into files that are replaced, appended to and new (gzip), a folder with
//! partitions, one that is replaced, a table that rows are inserted into and one with a key. Then stdin and TCP (lines
//! and frames) with a journal, and a job that restarts itself because its peer goes away. Others hold what these do not
//! (`crash/more.rs`). Sources are paced, so that a run takes half a second and some ten checkpoints.
//!
//! **Points.** Each of `storage::crash::POINTS` kills the first process, and one that goes on from a checkpoint with
//! rows behind it; then the job goes on alone. Parallelism is another each time, 1 or 3. Savepoints are asked for
//! meanwhile where they are what the point is about. Every point must be reached. By default each job is killed at the
//! points it is about, at their first passage; with `FLOTT_CRASH_FULL=1` all are at all, three passages each, with
//! `durability = "power"` at the second. `FLOTT_CRASH_ONLY=TEXT` runs the scenarios whose name has it.
//!
//! The same without any checkpoint before the end.
//!
//! **Any time.** Processes get SIGKILL, SIGTERM or SIGINT at random times, up to six in a row, also while they resume
//! or take savepoints, until `FLOTT_SOAK_KILLS` (20) have been ended by it. `FLOTT_SOAK_SEED` repeats a run, as far as
//! the clock lets it.
//!
//! **What is compared** (`crash/output.rs`): all files by name and bytes, hidden ones too, rows of tables, rows of a
//! folder's parts in their order, and the names of what stays in the state folder. Left out are journals, which stay
//! until the next run, savepoints, and names of parts. What a live input gives again behind a kill is what the journal
//! does not hold (`crash/life.rs`). A process that is killed when its last manifest is gone has finished: nobody can
//! tell, so its output is looked at and it is not run again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flott::storage::crash::POINTS;

#[path = "crash/job.rs"]
mod job;
#[path = "crash/life.rs"]
mod life;
#[path = "crash/output.rs"]
mod output;

use job::{Feed, Job, jobs};
use life::{End, Fate, World};
use output::{Output, collect, difference};

/// Scenarios that run at a time: they mostly wait for the clock.
const THREADS: usize = 3;
/// A job that is left alone finishes with as many processes, or something is wrong.
const LIVES_MAX: usize = 3;
/// Between checkpoints.
const OFTEN: &str = "25ms";
/// A kill that leaves something behind the last checkpoint.
const MIDWAY: &str = "checkpoint-after-files:3";

/// The fates of a job's processes, one after the other; it then goes on until it has finished.
struct Scenario<'a> {
    job: &'a Job,
    /// Number of the fate that the scenario is about.
    about: usize,
    fates: Vec<Fate>,
    /// Parallelism of those who are left alone.
    at_last: usize,
    durability: &'static str,
    /// Of checkpoints.
    interval: &'static str,
}

/// What came of a scenario.
#[derive(Debug, Default)]
struct Lived {
    /// The process that it is about died where it was to.
    reached: bool,
    /// Processes that were ended before they had finished.
    ended: usize,
}

impl Scenario<'_> {
    fn name(&self) -> String {
        let fates = self.fates.iter().map(|fate| {
            let Fate { begin, parallelism, crash, signal, .. } = fate;
            format!("-p {parallelism} {begin} {}{signal:?}", crash.as_deref().unwrap_or(""))
        });
        let fates: Vec<String> = fates.collect();
        format!("{}, {}: {}", self.job.name, self.durability, fates.join(", then "))
    }

    /// Errors: what is wrong.
    fn run(&self, expected: &Output) -> Result<Lived, String> {
        // Seldom, what is to come on stdin is not known after a kill.
        (0..5).find_map(|_| self.attempt(expected)).unwrap_or_else(|| Err("its input is never known".into()))
    }

    fn attempt(&self, expected: &Output) -> Option<Result<Lived, String>> {
        let world = World::new(self.job, self.durability, self.interval);
        let mut lived = Lived::default();
        let last = Fate { begin: "--resume", parallelism: self.at_last, ..Fate::default() };
        for (number, fate) in self.fates.iter().chain(std::iter::repeat_n(&last, LIVES_MAX)).enumerate() {
            let end = world.live(fate).ok()?;
            lived.reached |= number == self.about && matches!(end, End::Killed);
            match end {
                End::Exited { code: Some(0), .. } => {
                    let wrong = difference(&collect(&world.folder), expected);
                    return Some(wrong.map_or(Ok(lived), Err));
                }
                // Everything is done, though nobody could say so.
                End::Killed if self.is_over(&world, fate, expected) => return Some(Ok(lived)),
                End::Exited { code: Some(3 | 130), .. } if fate.signal.is_some() || fate.stops => lived.ended += 1,
                End::Killed if fate.crash.is_some() || fate.signal.is_some() => lived.ended += 1,
                End::Exited { code, said } => return Some(Err(format!("process {number} ends with {code:?}: {said}"))),
                End::Killed => return Some(Err(format!("somebody else has killed process {number}"))),
            }
        }
        Some(Err(format!("not finished by {LIVES_MAX} processes")))
    }

    /// The last manifest is gone, so the job has finished.
    fn is_over(&self, world: &World, fate: &Fate, expected: &Output) -> bool {
        let removed = fate.crash.as_deref().is_none_or(|crash| {
            ["checkpoint-clear-before-files", "clear-before-journal"].iter().any(|point| crash.starts_with(point))
        });
        let outside = |output: &Output| {
            let outside = output.iter().filter(|(name, _)| !name.starts_with("state: "));
            outside.map(|(name, lines)| (name.clone(), lines.clone())).collect::<Output>()
        };
        removed && world.checkpoints(false) == 0 && outside(&collect(&world.folder)) == outside(expected)
    }
}

/// What the job leaves that nobody disturbs.
fn undisturbed(job: &Job) -> Output {
    let world = World::new(job, "process", OFTEN);
    let end = world.live(&Fate { parallelism: 2, ..Fate::default() }).unwrap();
    assert!(matches!(end, End::Exited { code: Some(0), .. }), "{}: {end:?}", job.name);
    let output = collect(&world.folder);
    // Where nothing comes out, nothing can be lost.
    let is_of_rows = |name: &str| !name.starts_with("state: ") && !name.ends_with("_SUCCESS");
    let empty = output
        .iter()
        .find(|(name, lines)| is_of_rows(name) && lines.len() < if name.ends_with(".csv") { 2 } else { 1 });
    assert!(empty.is_none(), "{}: {empty:?}", job.name);
    output
}

/// Runs all scenarios, several at a time. Gives back what came of each.
fn run_all(scenarios: &[Scenario]) -> Vec<Lived> {
    let mut expected = std::collections::BTreeMap::new();
    for scenario in scenarios {
        expected.entry(scenario.job.name).or_insert_with(|| undisturbed(scenario.job));
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(scenario) = scenarios.get(number) else { return done };
            done.push((number, scenario.run(&expected[scenario.job.name])));
        }
    };
    let mut done: Vec<(usize, Result<Lived, String>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    done.sort_by_key(|(number, _)| *number);
    let wrong = done.iter().filter_map(|(number, done)| {
        let why = done.as_ref().err()?;
        Some(format!("{}\n  {why}\n", scenarios[*number].name()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), scenarios.len(), wrong.concat());
    done.into_iter().filter_map(|(_, done)| done.ok()).collect()
}

/// Kills a job at a point, in its first life and in its second.
fn at_point<'a>(job: &'a Job, point: &str, passage: usize, parallelism: usize) -> [Scenario<'a>; 2] {
    let durability = if passage == 2 { "power" } else { "process" };
    let fate = |begin| {
        let crash = Some(format!("{point}:{passage}"));
        Fate { begin, parallelism, crash, savepoints: point.starts_with("savepoint-"), ..Fate::default() }
    };
    let midway = Fate { parallelism: 4 - parallelism, crash: Some(MIDWAY.into()), ..Fate::default() };
    let at_last = 4 - parallelism;
    [
        Scenario { job, about: 0, fates: vec![fate("--resume")], at_last, durability, interval: OFTEN },
        Scenario { job, about: 1, fates: vec![midway, fate("--resume")], at_last, durability, interval: OFTEN },
    ]
}

/// Killed, started anew, and killed before that has begun: it can still go on.
fn given_up(job: &Job) -> Scenario<'_> {
    let fate = |begin, crash: &str| Fate { begin, parallelism: 1, crash: Some(crash.into()), ..Fate::default() };
    let fates = vec![fate("", MIDWAY), fate("--fresh", "fresh-before-clear:1")];
    Scenario { job, about: 1, fates, at_last: 2, durability: "process", interval: OFTEN }
}

/// Stopped with a savepoint, and killed at a point of the resume from there: it can still go on.
fn gone_back<'a>(job: &'a Job, point: &str) -> Scenario<'a> {
    let stopped = Fate { begin: "", parallelism: 1, stops: true, ..Fate::default() };
    let crash = Some(format!("{point}:1"));
    let resumed = Fate { begin: "resume ../saved", parallelism: 3, crash, ..Fate::default() };
    Scenario { job, about: 1, fates: vec![stopped, resumed], at_last: 2, durability: "power", interval: OFTEN }
}

/// Killed at a point of its end, without any checkpoint before it.
fn at_the_end<'a>(job: &'a Job, point: &str) -> Scenario<'a> {
    let fate = Fate { begin: "", parallelism: 1, crash: Some(format!("{point}:1")), ..Fate::default() };
    Scenario { job, about: 0, fates: vec![fate], at_last: 3, durability: "power", interval: "1h" }
}

/// Whether a job other than the one with everything is what a point is about.
fn concerns(job: &Job, point: &str) -> bool {
    match job.feed {
        Feed::Frames => point == "journal-after-append",
        Feed::Stdin | Feed::Tcp => point.starts_with("journal-"),
        Feed::Files if job.peer => point.starts_with("restart-"),
        Feed::Files if job.name == "everything" => true,
        Feed::Files => job::more::POINTS.contains(&point),
    }
}

#[test]
fn a_job_that_is_killed_anywhere_goes_on_as_if_nothing_had_been() {
    let full = std::env::var_os("FLOTT_CRASH_FULL").is_some();
    let jobs = jobs();
    let mut scenarios = Vec::new();
    for job in &jobs {
        for (number, point) in POINTS.iter().enumerate().filter(|(_, point)| full || concerns(job, point)) {
            for passage in 1..=if full { 3 } else { 1 } {
                scenarios.extend(at_point(job, point, passage, 1 + (number + passage) % 2 * 2));
            }
        }
    }
    scenarios.push(given_up(&jobs[0]));
    let resuming = POINTS.iter().filter(|point| point.starts_with("adopt-") || point.starts_with("resume-"));
    scenarios.extend(resuming.map(|point| gone_back(&jobs[0], point)));
    let ending = POINTS.iter().filter(|point| !point.starts_with("savepoint-"));
    scenarios.extend(ending.map(|point| at_the_end(&jobs[0], point)));
    let only = std::env::var("FLOTT_CRASH_ONLY").unwrap_or_default();
    scenarios.retain(|scenario| scenario.name().contains(&only));
    let started = Instant::now();
    let lived = run_all(&scenarios);
    let reached = scenarios.iter().zip(&lived).filter(|(_, lived)| lived.reached);
    let reached: BTreeSet<&String> = reached.flat_map(|(scenario, _)| &scenario.fates[scenario.about].crash).collect();
    println!("{} scenarios in {:?}, {} places reached", scenarios.len(), started.elapsed(), reached.len());
    let missed = POINTS.iter().filter(|point| !reached.contains(&format!("{point}:1")));
    let missed: Vec<_> = missed.filter(|_| only.is_empty()).collect();
    assert!(missed.is_empty(), "no job comes to {missed:?}");
}

/// What sinks have prepared for a checkpoint that fails goes with the next.
#[test]
fn checkpoints_that_fail_lose_nothing() {
    let jobs = jobs();
    let begins = [
        "-D checkpoint.timeout=1ms -D checkpoint.tolerate=1000000",
        "-D checkpoint.timeout=4ms -D checkpoint.tolerate=1000000",
        "-D checkpoint.timeout=8ms -D checkpoint.tolerate=1000000",
    ];
    let fate = |begin, parallelism| Fate { begin, parallelism, ..Fate::default() };
    let scenarios = begins.iter().flat_map(|begin| [1, 3].map(|parallelism| fate(begin, parallelism)));
    let scenario = |fate| Scenario {
        job: &jobs[0],
        about: 0,
        fates: vec![fate],
        at_last: 1,
        durability: "power",
        interval: OFTEN,
    };
    run_all(&scenarios.map(scenario).collect::<Vec<_>>());
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn fate(&mut self, job: &Job, begin: &'static str) -> Fate {
        // Without a checkpoint, an orderly end forgets what stdin gave.
        let signals = if job.feed == Feed::Files { &["-KILL", "-KILL", "-TERM", "-INT"][..] } else { &["-KILL"] };
        let signal = signals[self.below(signals.len() as u64) as usize];
        let at = Duration::from_millis(self.below(600));
        let parallelism = 1 + self.below(3) as usize;
        Fate { begin, parallelism, signal: Some((at, signal)), savepoints: self.below(8) == 0, ..Fate::default() }
    }

    fn scenario<'a>(&mut self, jobs: &'a [Job]) -> Scenario<'a> {
        // Every other one has all sinks.
        let job = &jobs[(self.below(2) * self.below(jobs.len() as u64)) as usize];
        let fates = (0..1 + self.below(6)).map(|_| self.fate(job, "--resume")).collect();
        let durability = ["process", "power"][self.below(2) as usize];
        Scenario { job, about: 0, fates, at_last: 1 + self.below(3) as usize, durability, interval: OFTEN }
    }
}

#[test]
fn a_job_that_is_killed_at_any_time_goes_on_as_if_nothing_had_been() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("FLOTT_SOAK_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_nanos() as u64 | 1
    });
    let kills = number("FLOTT_SOAK_KILLS").unwrap_or(20) as usize;
    println!("FLOTT_SOAK_SEED={seed}");
    let (started, jobs, mut chance, mut ended) = (Instant::now(), jobs(), Chance(seed), 0);
    while ended < kills {
        let scenarios: Vec<Scenario> = (0..4 * THREADS).map(|_| chance.scenario(&jobs)).collect();
        ended += run_all(&scenarios).iter().map(|lived| lived.ended).sum::<usize>();
    }
    println!("{ended} processes were ended in {:?}", started.elapsed());
}
