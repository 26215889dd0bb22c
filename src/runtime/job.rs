//! A job from its start to its end: its attempts, and what becomes of its output.
//!
//! Without a state folder a job is a command: output is in place when it succeeds and undone when it does not. With
//! one it is that too, until its first checkpoint is complete. From then on output belongs to checkpoints: a failure
//! leaves it as it is, and who goes on takes back what came behind the last one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, after, never, select};

use super::attempt::{Attempt, Cause, End, Ended, Keeper, Watch, answer};
use super::channel::CAPACITY;
use super::deploy::{Connectors, Deployment, Kept, deploy_from};
use super::driver::Clock;
use super::orders::{Ask, Order, Reply, Request, RunOptions};
use super::restarts::Restarts;
use super::snapshots::{self, Failed, Snapshots};
use super::start::{Life, Start};
use super::task::Task;
use super::unconfirmed::Unconfirmed;
use crate::checkpoint::machine::Machine;
use crate::checkpoint::manifest::{Kind, SinkState, Snapshot, SourceState};
use crate::error::{Class, Error, Result};
use crate::observe::JobStats;
use crate::plan::physical::{PhysicalPlan, SourcePlan};
use crate::spec::SinkConnector;
use crate::storage::{Storage, crash};

/// How a job ended.
#[derive(Debug)]
pub enum Ending {
    /// The input ended and all output is in place.
    Finished,
    /// A job without an end was stopped: what it had read is processed and in place.
    Drained,
    /// Stopped before the end of a bounded input; output is undone.
    Stopped(Cause),
    /// Stopped behind a last checkpoint, to go on from it; where it or the savepoint lies.
    Suspended { cause: Cause, path: PathBuf, endless: bool },
    /// Ended at once. `kept`: the last checkpoint stays; else output is undone.
    Cancelled { kept: bool },
    /// `kept`: the last checkpoint stays; else output is undone.
    Failed { error: Error, kept: bool },
}

impl Ending {
    /// Exit code of the process, as the job file's contract says.
    pub fn exit_code(&self) -> i32 {
        match self {
            Ending::Finished | Ending::Drained | Ending::Suspended { endless: true, .. } => 0,
            Ending::Stopped(Cause::Interrupt)
            | Ending::Suspended { cause: Cause::Interrupt, .. }
            | Ending::Cancelled { .. } => 130,
            Ending::Stopped(_) | Ending::Suspended { .. } => 3,
            Ending::Failed { error, .. } => i32::from(error.class.exit_code()),
        }
    }
}

/// What was heard between two attempts.
enum Told {
    Stop(Cause),
    Cancel,
}

/// A job and how it is to run.
pub struct Job<'a> {
    pub plan: &'a PhysicalPlan,
    pub connectors: &'a mut dyn Connectors,
    /// For state; output goes through the connectors' own.
    pub storage: Arc<dyn Storage>,
    pub options: RunOptions,
}

/// Runs a job to its end; the figures are those of its last attempt.
pub fn run(job: Job, orders: Option<Receiver<Order>>, watch: &mut dyn Watch) -> (Ending, JobStats) {
    let mut run = Run {
        job,
        orders: orders.unwrap_or_else(never),
        watch,
        clock: Clock::start(),
        stats: JobStats::default(),
        sources: Kept::default(),
        asked: Vec::new(),
    };
    let ending = run.attempts().unwrap_or_else(|error| Ending::Failed { error, kept: false });
    for ask in run.asked.drain(..) {
        let reply = match (&ask.what, &ending) {
            (Request::Stop { .. }, Ending::Suspended { path, .. }) => Reply::Stopped { path: Some(path.clone()) },
            (Request::Stop { .. }, Ending::Finished | Ending::Drained) => Reply::Stopped { path: None },
            (_, Ending::Failed { error, .. }) => {
                answer(ask, Err(error.clone()));
                continue;
            }
            _ => Reply::Cancelled,
        };
        answer(ask, Ok(reply));
    }
    (ending, run.stats)
}

struct Run<'a, 'w> {
    job: Job<'a>,
    orders: Receiver<Order>,
    watch: &'w mut dyn Watch,
    clock: Clock,
    stats: JobStats,
    sources: Kept,
    /// Answers that are due when the job has let go of everything.
    asked: Vec<Ask>,
}

impl Run<'_, '_> {
    fn attempts(&mut self) -> Result<Ending> {
        let mut restarts = Restarts::new(self.job.options.restart);
        let mut start = Start::open(&mut self.job, self.watch)?;
        for attempt in 0.. {
            if start.is_over() {
                start.clear()?;
                return Ok(Ending::Finished);
            }
            let next = start.life.as_ref().map(|life| life.next);
            let Failure { error, mut tasks } = match self.attempt(&mut start, attempt)? {
                Ok(ending) => return Ok(ending),
                Err(failure) => failure,
            };
            let (noted, kept) = start.life.as_ref().map_or((false, false), |life| (life.noted, life.kept));
            let progressed = kept && start.life.as_ref().map(|life| life.next) > next;
            let delay = restarts.next(&error, self.clock.now(), progressed, kept);
            let goes_on = kept || noted && delay.is_some();
            leave(&mut tasks, goes_on);
            self.sources.take_back(self.job.plan, tasks.into_iter());
            let Some(delay) = delay else {
                if !kept && let Err(left) = start.clear() {
                    self.watch.warn(&left);
                }
                return Ok(Ending::Failed { error, kept });
            };
            self.watch.warn(&restarting(error, delay));
            if let Some(told) = self.pause(delay) {
                if !goes_on {
                    start.clear()?;
                }
                return Ok(self.stopped(told, &mut start));
            }
            crash::point("restart-before-restore");
            start = start.again(&mut self.job, self.watch)?;
        }
        Err(Error::internal("attempts do not end"))
    }

    /// One attempt; the inner error is that of an attempt that failed at work.
    fn attempt(&mut self, start: &mut Start, number: u64) -> Result<Result<Ending, Failure>> {
        let resume = start.resume.as_ref().map(|checkpoint| checkpoint as &dyn super::deploy::Resume);
        let deployed = deploy_from(self.job.plan, self.job.connectors, CAPACITY, resume, &mut self.sources);
        let mut deployment = match deployed {
            Ok(deployment) => deployment,
            // What is asked of the job file or its first inputs is said at once.
            Err(error) if number == 0 => return Err(error),
            Err(error) => return Ok(Err(Failure { error, tasks: Vec::new() })),
        };
        for (node, address) in self.job.connectors.listening() {
            self.watch.say(&format!("{node}: listening on {address}"));
        }
        deployment.warnings.drain(..).for_each(|warning| self.watch.warn(&warning));
        deployment.stats.checkpoints.restarts(number);
        self.stats = deployment.stats.clone();
        let endless = deployment.endless;
        let fresh = start.resume.is_none();
        let (ended, life) = match start.life.take() {
            None => (Attempt::run(self.job.plan, deployment, None, &self.orders, self.watch), None),
            Some(mut life) => {
                if fresh && let Err(error) = self.note_start(&mut life, &mut deployment) {
                    let tasks = deployment.drivers.into_iter().flat_map(|driver| driver.tasks).collect();
                    start.life = Some(life);
                    return Ok(Err(Failure { error, tasks }));
                }
                let (ended, life) = self.kept_attempt(life, deployment, fresh)?;
                (ended, Some(life))
            }
        };
        start.life = life;
        Ok(self.finish(ended, &mut start.life, endless))
    }

    /// Writes down how to undo the run, where a sink touches what exists.
    fn note_start(&self, life: &mut Life, deployment: &mut Deployment) -> Result<()> {
        if !self.job.plan.sinks.iter().any(|sink| sink.connector.touches_existing()) {
            return Ok(());
        }
        let mut sinks = BTreeMap::new();
        for task in deployment.drivers.iter_mut().flat_map(|driver| &mut driver.tasks) {
            if let Some((sink, state)) = task.prepare_start()? {
                let sink = &self.job.plan.sinks[sink];
                let kind = sink.connector.kind().to_owned();
                sinks.insert(sink.name.clone(), SinkState { kind, state, pending: Vec::new() });
            }
        }
        crash::point("start-before-write");
        let snapshot = self.snapshot(life, Kind::Start, sinks);
        life.store.write(snapshot)?;
        crash::point("start-after-write");
        life.next += 1;
        Ok(())
    }

    fn kept_attempt(&mut self, life: Life, deployment: Deployment, fresh: bool) -> Result<(Ended, Life)> {
        let Life { lineage, store, committers, next, noted, kept, power, options, .. } = life;
        let store_folder = store.folder().to_owned();
        let mut keeper = Keeper {
            machine: Machine::new(options, next, self.clock.now()),
            snapshots: Snapshots::start(store, committers)?,
            lineage: lineage.clone(),
            job: self.job.options.job.clone(),
            first: fresh && self.job.plan.sources.iter().any(SourcePlan::begins_once),
            noted,
            kept,
            savepoints: store_folder.join("savepoints"),
            unconfirmed: Unconfirmed::default(),
        };
        let ended = Attempt::run(self.job.plan, deployment, Some(&mut keeper), &self.orders, self.watch);
        let Keeper { machine, snapshots, noted, kept, unconfirmed, .. } = keeper;
        let (store, committers) = snapshots.finish()?;
        let next = machine.next_number();
        Ok((ended, Life { lineage, store, committers, next, noted, kept, power, options, unconfirmed }))
    }

    /// Puts output in place, undoes it, or leaves it to who goes on.
    fn finish(&mut self, ended: Ended, life: &mut Option<Life>, endless: bool) -> Result<Ending, Failure> {
        let Ended { end, mut tasks, waiting } = ended;
        self.asked.extend(waiting);
        let kept = life.as_ref().is_some_and(|life| life.kept);
        let ending = match end {
            End::Finished { drained } => {
                let finished = match life {
                    Some(life) if life.noted || !life.unconfirmed.is_empty() || self.is_final() => {
                        self.commit_last(life, &mut tasks)
                    }
                    _ => commit(&mut tasks),
                };
                if let Err(error) = finished {
                    return Err(Failure { error, tasks });
                }
                if drained { Ending::Drained } else { Ending::Finished }
            }
            End::Suspended(cause, path) => {
                tasks.iter_mut().for_each(|task| task.release());
                return Ok(Ending::Suspended { cause, path, endless });
            }
            // A checkpoint that was being written then is complete by now.
            End::Stopped(cause) if let Some(path) = kept.then(|| newest(life)).flatten() => {
                leave(&mut tasks, true);
                return Ok(Ending::Suspended { cause, path, endless });
            }
            End::Stopped(cause) => {
                leave(&mut tasks, kept);
                Ending::Stopped(cause)
            }
            End::Cancelled => {
                leave(&mut tasks, kept);
                Ending::Cancelled { kept }
            }
            End::Failed(error) => return Err(Failure { error, tasks }),
        };
        crash::point("end-before-clear");
        if let Some(life) = life.as_mut().filter(|_| !matches!(ending, Ending::Cancelled { kept: true })) {
            life.clear().map_err(|error| Failure { error, tasks: Vec::new() })?;
        }
        Ok(ending)
    }

    /// What a sink commits at the end cannot be undone, should the process die before it can say that it has ended.
    fn is_final(&self) -> bool {
        self.job.plan.sinks.iter().any(|sink| matches!(sink.connector, SinkConnector::Sqlite { .. }))
    }

    /// The last checkpoint: it holds nothing but what sinks have to commit.
    fn commit_last(&self, life: &mut Life, tasks: &mut [Box<dyn Task>]) -> Result<()> {
        // From here on, who finds the state goes on committing.
        let before = (life.noted, life.kept);
        (life.noted, life.kept) = (true, true);
        let mut sinks = BTreeMap::new();
        let mut durable = life.unconfirmed.take_durable();
        for task in tasks {
            if let Some((number, mut prepared)) = task.prepare_end(life.next)? {
                life.unconfirmed.add(number, life.next, &mut prepared);
                let pending = life.unconfirmed.of(number);
                let sink = &self.job.plan.sinks[number];
                let kind = sink.connector.kind().to_owned();
                sinks.insert(sink.name.clone(), SinkState { kind, state: prepared.state, pending });
                durable.extend(prepared.durable);
            }
        }
        crash::point("end-before-write");
        let mut snapshot = self.snapshot(life, Kind::Checkpoint, sinks);
        snapshot.ended = true;
        let order = snapshots::Order { snapshot, durable, savepoint: None };
        life.next += 1;
        match snapshots::take(&mut life.store, &mut life.committers, order) {
            Ok(_) => Ok(()),
            Err(Failed::Write(error) | Failed::Commit(error)) => {
                // Trying again would not help, and without an earlier checkpoint all can be undone.
                if !before.1 && matches!(error.class, Class::Data | Class::Job) {
                    (life.noted, life.kept) = before;
                }
                Err(error)
            }
        }
    }

    /// A checkpoint without operators.
    fn snapshot(&self, life: &Life, kind: Kind, sinks: BTreeMap<String, SinkState>) -> Snapshot {
        let sources = self.job.plan.sources.iter().map(|source| {
            let kind = source.connector.kind().to_owned();
            (source.name.clone(), SourceState { kind, ended: true, ..SourceState::default() })
        });
        Snapshot {
            kind,
            checkpoint: life.next,
            lineage: life.lineage.clone(),
            created: self.clock.now(),
            job: self.job.options.job.clone(),
            ended: false,
            operators: BTreeMap::new(),
            sources: if kind == Kind::Start { BTreeMap::new() } else { sources.collect() },
            sinks,
        }
    }

    /// The end of a job that was told to end between two attempts.
    fn stopped(&self, told: Told, start: &mut Start) -> Ending {
        let life = start.life.as_mut().filter(|life| life.noted);
        let newest = life.and_then(|life| life.store.newest().ok().flatten());
        let endless = self.job.plan.sources.iter().any(|source| source.endless);
        match (told, newest) {
            (Told::Stop(cause), Some(newest)) => Ending::Suspended { cause, path: newest.path, endless },
            (Told::Stop(cause), None) => Ending::Stopped(cause),
            (Told::Cancel, newest) => Ending::Cancelled { kept: newest.is_some() },
        }
    }

    /// Waits before the next attempt; an order to end is heard.
    fn pause(&mut self, delay: i64) -> Option<Told> {
        let over = after(Duration::from_micros(delay.max(0) as u64));
        loop {
            select! {
                recv(over) -> _ => return None,
                recv(self.orders) -> order => match order {
                    Ok(Order::Ask(ask)) => match ask.what {
                        Request::Stop { savepoint: None, drain: false } => {
                            self.asked.push(ask);
                            return Some(Told::Stop(Cause::Request));
                        }
                        Request::Cancel => {
                            self.asked.push(ask);
                            return Some(Told::Cancel);
                        }
                        Request::Status => {
                            let status = self.stats.status();
                            answer(ask, Ok(Reply::Status(status)));
                        }
                        _ => answer(
                            ask,
                            Err(Error::external("the job has failed and is about to start again: ask once more later")
                                .note("flott stop without a savepoint, or flott cancel, ends it now")),
                        ),
                    },
                    Ok(Order::Interrupt) => return Some(Told::Stop(Cause::Interrupt)),
                    Ok(Order::Terminate) => return Some(Told::Stop(Cause::Terminate)),
                    Err(_) => return None,
                },
            }
        }
    }
}

/// An attempt that failed, and its tasks, which hold their output.
struct Failure {
    error: Error,
    tasks: Vec<Box<dyn Task>>,
}

/// Leaves output to who goes on from a checkpoint, or undoes it.
fn leave(tasks: &mut [Box<dyn Task>], goes_on: bool) {
    match goes_on {
        true => tasks.iter_mut().for_each(|task| task.release()),
        false => tasks.iter_mut().for_each(|task| task.abort()),
    }
}

/// Folder of the newest checkpoint.
fn newest(life: &mut Option<Life>) -> Option<PathBuf> {
    life.as_mut()?.store.newest().ok()?.map(|found| found.path)
}

/// Makes all output visible; what comes behind a failing commit is undone.
fn commit(tasks: &mut [Box<dyn Task>]) -> Result<()> {
    tasks.iter_mut().try_for_each(|task| task.commit())
}

fn restarting(error: Error, delay: i64) -> Error {
    let seconds = delay as f64 / 1e6;
    error.note(format!("starting again from the last checkpoint in {seconds} s"))
}
