//! Jobs that are killed at every place where it could matter, and go on: their output is that of a run that nobody
//! disturbed, byte for byte.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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
/// A job goes on so often, or something is wrong.
const LIVES_MAX: usize = 20;
/// A kill that leaves something behind the last checkpoint.
const MIDWAY: &str = "checkpoint-after-files:3";

/// The fates of a job's processes, one after the other; it then goes on until it has finished.
struct Scenario<'a> {
    job: &'a Job,
    /// Number of the fate that the scenario is about.
    about: usize,
    fates: Vec<Fate>,
    durability: &'static str,
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

    /// Whether the process it is about died where it was to. Errors: what is wrong.
    fn run(&self, expected: &Output) -> Result<bool, String> {
        // Seldom, what is to come on stdin is not known after a kill.
        (0..5).find_map(|_| self.attempt(expected)).unwrap_or_else(|| Err("its input is never known".into()))
    }

    fn attempt(&self, expected: &Output) -> Option<Result<bool, String>> {
        let world = World::new(self.job, self.durability);
        let mut reached = false;
        let mut fates = self.fates.clone();
        let parallelism = fates.last().map_or(1, |fate| 4 - fate.parallelism);
        fates.resize(LIVES_MAX, Fate { begin: "--resume", parallelism, ..Fate::default() });
        for (number, fate) in fates.iter().enumerate() {
            let end = world.live(fate).ok()?;
            reached |= number == self.about && matches!(end, End::Killed);
            match end {
                End::Exited { code: Some(0), .. } => {
                    let wrong = difference(&collect(&world.folder), expected);
                    return Some(wrong.map_or(Ok(reached), Err));
                }
                // Everything is done, though nobody could say so.
                End::Killed if self.is_over(&world, fate, expected) => return Some(Ok(reached)),
                End::Exited { code: Some(3 | 130), .. } if fate.signal.is_some() => {}
                End::Killed if fate.crash.is_some() || fate.signal.is_some() => {}
                End::Exited { code, said } => return Some(Err(format!("process {number} ends with {code:?}: {said}"))),
                End::Killed => return Some(Err(format!("somebody else has killed process {number}"))),
            }
        }
        Some(Err(format!("not finished by {LIVES_MAX} processes")))
    }

    /// The last manifest is gone, so the job has finished.
    fn is_over(&self, world: &World, fate: &Fate, expected: &Output) -> bool {
        let removed = fate.crash.as_deref().is_none_or(|crash| crash.starts_with("checkpoint-clear-before-files"));
        let outside = |output: &Output| {
            let outside = output.iter().filter(|(name, _)| !name.starts_with("state: "));
            outside.map(|(name, lines)| (name.clone(), lines.clone())).collect::<Output>()
        };
        removed && !world.has_checkpoint(false) && outside(&collect(&world.folder)) == outside(expected)
    }
}

/// What the job leaves that nobody disturbs.
fn undisturbed(job: &Job) -> Output {
    let world = World::new(job, "process");
    let end = world.live(&Fate { parallelism: 2, ..Fate::default() }).unwrap();
    assert!(matches!(end, End::Exited { code: Some(0), .. }), "{}: {end:?}", job.name);
    collect(&world.folder)
}

/// Runs all scenarios, several at a time. Gives back the points that were reached.
fn run_all(scenarios: &[Scenario]) -> BTreeSet<String> {
    let mut expected = std::collections::BTreeMap::new();
    for scenario in scenarios {
        expected.entry(scenario.job.name).or_insert_with(|| undisturbed(scenario.job));
    }
    let (next, reached, wrong) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match scenario.run(&expected[scenario.job.name]) {
                        Ok(true) => drop(reached.lock().unwrap().extend(scenario.fates[scenario.about].crash.clone())),
                        Ok(false) => {}
                        Err(why) => {
                            eprintln!("{}\n  {why}", scenario.name());
                            wrong.lock().unwrap().push(format!("{}\n  {why}", scenario.name()));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), scenarios.len(), wrong.join("\n"));
    reached.into_inner().unwrap()
}

/// Kills a job at a point, in its first life and in its second.
fn at_point<'a>(job: &'a Job, point: &str, passage: usize, parallelism: usize) -> [Scenario<'a>; 2] {
    let durability = if passage == 2 { "power" } else { "process" };
    let fate = |begin| {
        let crash = Some(format!("{point}:{passage}"));
        Fate { begin, parallelism, crash, savepoints: point.starts_with("savepoint-"), ..Fate::default() }
    };
    let midway = Fate { parallelism: 4 - parallelism, crash: Some(MIDWAY.into()), ..Fate::default() };
    [
        Scenario { job, about: 0, fates: vec![fate("--resume")], durability },
        Scenario { job, about: 1, fates: vec![midway, fate("--resume")], durability },
    ]
}

/// Whether a job other than the one with everything is what a point is about.
fn concerns(job: &Job, point: &str) -> bool {
    match job.feed {
        Feed::Stdin | Feed::Tcp => point.starts_with("journal-"),
        Feed::Files if job.peer => point.starts_with("restart-"),
        Feed::Files => true,
    }
}

#[test]
fn a_job_that_is_killed_anywhere_goes_on_as_if_nothing_had_been() {
    let full = std::env::var_os("FLOTT_CRASH_FULL").is_some();
    let only = std::env::var("FLOTT_CRASH_ONLY").unwrap_or_default();
    let jobs: Vec<Job> = jobs().into_iter().filter(|job| only.is_empty() || only.starts_with(job.name)).collect();
    let mut scenarios = Vec::new();
    for job in &jobs {
        for (number, point) in POINTS.iter().enumerate().filter(|(_, point)| full || concerns(job, point)) {
            for passage in 1..=if full { 3 } else { 1 } {
                for parallelism in if full { vec![1, 3] } else { vec![1 + number % 2 * 2] } {
                    scenarios.extend(at_point(job, point, passage, parallelism));
                }
            }
        }
    }
    if let Some((_, point)) = only.split_once(' ') {
        scenarios.retain(|s| s.fates.iter().any(|f| f.crash.as_ref().is_some_and(|c| c.starts_with(point))));
    }
    let started = std::time::Instant::now();
    let reached = run_all(&scenarios);
    println!("{} scenarios in {:?}, {} places reached", scenarios.len(), started.elapsed(), reached.len());
    let missed: Vec<_> = POINTS.iter().filter(|point| !reached.contains(&format!("{point}:1"))).collect();
    assert!(missed.is_empty(), "no job comes to {missed:?}");
}
