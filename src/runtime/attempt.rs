//! One life of a deployment: its threads, what they report, what is asked of it, and its checkpoints.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select, unbounded};

use super::barrier::{Ack, Acks, Part};
use super::deploy::Deployment;
use super::driver::{Clock, Driver};
use super::gather::Gathering;
use super::orders::{Ask, Order, Reply, Request};
use super::reader::ReaderControl;
use super::snapshots::{self, Failed, Outcome, Snapshots, Taken};
use super::task::Task;
use super::unconfirmed::Unconfirmed;
use super::waker::Waker;
use crate::checkpoint::machine::{Action, Machine, Token};
use crate::checkpoint::manifest::{Job, Kind, Snapshot};
use crate::error::{Error, Result};
use crate::observe::JobStats;
use crate::plan::physical::PhysicalPlan;

/// How often figures are shown, and deadlines looked at.
const BEAT: Duration = Duration::from_millis(100);

/// What an attempt has to do with checkpoints.
pub struct Keeper {
    pub machine: Machine,
    pub snapshots: Snapshots,
    pub lineage: String,
    pub job: Job,
    /// A checkpoint is wanted before anything is read: what a live input gives is never there again.
    pub first: bool,
    /// Checkpoints of this lineage exist.
    pub noted: bool,
    /// One of them is not the first, so the job goes on from there rather than being undone.
    pub kept: bool,
    /// Folder of savepoints that nobody named another place for.
    pub savepoints: PathBuf,
    pub unconfirmed: Unconfirmed,
}

impl Keeper {
    fn note_pending(&mut self, ack: &mut Ack) {
        if let Part::Sink { sink, prepared } = &mut ack.part {
            self.unconfirmed.add(*sink, ack.checkpoint, prepared);
        }
    }

    /// Keeps what an ack has for the next checkpoint, as its own was given up.
    fn give_up(&mut self, ack: &mut Ack) {
        self.note_pending(ack);
        let durable = match &mut ack.part {
            Part::Sink { prepared, .. } => prepared.durable.take(),
            Part::Source { durable, .. } => durable.take(),
            _ => None,
        };
        self.unconfirmed.postpone(durable);
    }
}

/// Who looks on.
pub trait Watch {
    /// Some ten times a second.
    fn figures(&mut self, stats: &JobStats);
    /// Something the user should know, while the job goes on.
    fn warn(&mut self, warning: &Error);
    /// A line of news.
    fn say(&mut self, line: &str);
}

/// How an attempt ended.
pub enum End {
    /// All tasks passed on their last messages. `drained`: because somebody asked for it.
    Finished {
        drained: bool,
    },
    /// Stopped without a checkpoint to go on from.
    Stopped(Cause),
    /// Stopped behind a last checkpoint or savepoint, which lies there.
    Suspended(Cause, PathBuf),
    /// What the last checkpoint holds stays.
    Cancelled,
    Failed(Error),
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Interrupt,
    Terminate,
    Request,
}

/// What is left of an attempt.
pub struct Ended {
    pub end: End,
    pub tasks: Vec<Box<dyn Task>>,
    /// Answers that are due when the job has let go of everything.
    pub waiting: Vec<Ask>,
}

/// Who waits for a checkpoint.
enum Waiting {
    Ask(Ask),
    Stop(Cause, Option<Ask>),
    /// All reading.
    First,
}

pub struct Attempt<'a> {
    plan: &'a PhysicalPlan,
    keeper: Option<&'a mut Keeper>,
    watch: &'a mut dyn Watch,
    control: Arc<ReaderControl>,
    acks: Receiver<Ack>,
    acks_in: Acks,
    stats: JobStats,
    endless: bool,
    clock: Clock,
    cancel: Arc<AtomicBool>,
    wakers: Vec<Waker>,
    gathering: Option<Gathering>,
    /// Longest freeze of a task for the checkpoint that is being written, µs.
    pause: i64,
    waiting: BTreeMap<Token, Waiting>,
    tokens: Token,
    /// Answers for the end.
    answers: Vec<Ask>,
    draining: bool,
    stopping: bool,
    end: Option<End>,
}

impl<'a> Attempt<'a> {
    /// Runs `deployment` to its end.
    pub fn run(
        plan: &'a PhysicalPlan,
        deployment: Deployment,
        keeper: Option<&'a mut Keeper>,
        orders: &Receiver<Order>,
        watch: &'a mut dyn Watch,
    ) -> Ended {
        let Deployment { drivers, control, acks, acks_in, stats, endless, .. } = deployment;
        let mut attempt = Attempt {
            plan,
            keeper,
            watch,
            control,
            acks,
            acks_in,
            stats,
            endless,
            clock: Clock::start(),
            cancel: Arc::default(),
            wakers: drivers.iter().map(|d| d.waker.clone()).collect(),
            gathering: None,
            pause: 0,
            waiting: BTreeMap::new(),
            tokens: 0,
            answers: Vec::new(),
            draining: false,
            stopping: false,
            end: None,
        };
        attempt.want_first();
        let (reports, handles) = attempt.spawn(drivers);
        attempt.supervise(handles.len(), &reports, orders);
        let tasks = handles.into_iter().filter_map(|h| h.join().ok()).flatten().collect();
        let drained = attempt.draining;
        attempt.unanswered();
        Ended { end: attempt.end.unwrap_or(End::Finished { drained }), tasks, waiting: attempt.answers }
    }

    /// Holds the readers until there is a checkpoint, if one is wanted first.
    fn want_first(&mut self) {
        if let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.first) {
            self.tokens += 1;
            keeper.machine.ask(self.tokens, true);
            self.waiting.insert(self.tokens, Waiting::First);
            self.turn();
        }
    }

    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    fn spawn(&mut self, drivers: Vec<Driver>) -> (Receiver<Option<Error>>, Vec<JoinHandle<Vec<Box<dyn Task>>>>) {
        let (report, reports) = unbounded::<Option<Error>>();
        let mut handles = Vec::new();
        for driver in drivers {
            let report = report.clone();
            // The receiver outlives all threads.
            match driver.spawn(self.clock, self.cancel.clone(), move |error| drop(report.send(error))) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    self.stop_all(End::Failed(Error::external(format!("cannot start a thread: {error}"))));
                    break;
                }
            }
        }
        (reports, handles)
    }

    /// Waits until all threads have ended.
    fn supervise(&mut self, mut running: usize, reports: &Receiver<Option<Error>>, orders: &Receiver<Order>) {
        let mut outcomes = self.keeper.as_ref().map_or_else(never, |keeper| keeper.snapshots.outcomes.clone());
        let mut orders = orders.clone();
        let acks = self.acks.clone();
        while running > 0 {
            select! {
                recv(reports) -> reported => {
                    running -= 1;
                    if let Ok(Some(error)) = reported {
                        self.stop_all(End::Failed(error));
                    }
                }
                recv(orders) -> order => match order {
                    Ok(order) => self.order(order),
                    Err(_) => orders = never(),
                },
                recv(acks) -> ack => if let Ok(ack) = ack { self.ack(ack) },
                recv(outcomes) -> outcome => match outcome {
                    Ok(outcome) => self.outcome(outcome),
                    Err(_) => {
                        outcomes = never();
                        self.stop_all(End::Failed(Error::internal("the snapshot thread is gone")));
                    }
                },
                default(self.patience()) => self.watch.figures(&self.stats),
            }
            self.turn();
        }
        while let Ok(ack) = acks.try_recv() {
            self.ack(ack);
        }
        // A checkpoint that is being written is complete, or not, before anything else is decided.
        while self.keeper.as_ref().is_some_and(|keeper| keeper.machine.is_writing()) {
            match outcomes.recv() {
                Ok(outcome) => self.outcome(outcome),
                Err(_) => return self.stop_all(End::Failed(Error::internal("the snapshot thread is gone"))),
            }
        }
        // A checkpoint that the end has overtaken is given up.
        if let Some(keeper) = &mut self.keeper {
            keeper.unconfirmed.postpone(self.gathering.take().into_iter().flat_map(Gathering::give_up));
            acks.try_iter().for_each(|mut ack| keeper.give_up(&mut ack));
        }
    }

    /// Ends the attempt, for the first reason that comes.
    fn stop_all(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.cancel.store(true, Ordering::Release);
        self.wakers.iter().for_each(Waker::wake);
    }

    fn patience(&self) -> Duration {
        let due = self.keeper.as_ref().and_then(|keeper| keeper.machine.due());
        let wait = due.map(|due| Duration::from_micros(due.saturating_sub(self.clock.now()).max(0) as u64));
        wait.map_or(BEAT, |wait| wait.min(BEAT))
    }

    /// Does what the checkpoint machine wants by now.
    fn turn(&mut self) {
        let now = self.clock.now();
        while self.end.is_none()
            && let Some(keeper) = &mut self.keeper
            && let Some(action) = keeper.machine.poll(now)
        {
            match action {
                Action::Inject { checkpoint, last } => {
                    let asked = match last {
                        true => self.control.request_last_barrier(checkpoint),
                        false => self.control.request_barrier(checkpoint),
                    };
                    if asked {
                        self.gathering = Some(Gathering::new(self.plan, checkpoint));
                        continue;
                    }
                    // All inputs have ended: the end is on its way.
                    if let Some(waiting) = keeper.machine.refused(now).and_then(|token| self.waiting.remove(&token)) {
                        self.too_late(waiting);
                    }
                    return;
                }
                failed => {
                    self.checkpoint_failed(failed, Error::external("the checkpoint took longer than its timeout"))
                }
            }
        }
    }

    fn ack(&mut self, mut ack: Ack) {
        if let Part::Warned(warnings) = &ack.part {
            return warnings.iter().for_each(|warning| self.watch.warn(warning));
        }
        let Some(keeper) = &mut self.keeper else { return };
        match &ack.part {
            Part::Wanted => return keeper.machine.hurry(),
            Part::Declined => {
                let error = Error::external("a record that ends the job came before the checkpoint");
                if let Some(failed) = keeper.machine.failed(ack.checkpoint, self.clock.now()) {
                    self.checkpoint_failed(failed, error);
                }
                return;
            }
            _ => {}
        }
        let Some(gathering) = self.gathering.as_mut().filter(|g| g.checkpoint == ack.checkpoint) else {
            return keeper.give_up(&mut ack);
        };
        keeper.note_pending(&mut ack);
        gathering.add(ack);
        if !gathering.is_complete() {
            return;
        }
        let Some(gathering) = self.gathering.take() else { return };
        let checkpoint = gathering.checkpoint;
        if !keeper.machine.gathered(checkpoint) {
            return keeper.unconfirmed.postpone(gathering.give_up());
        }
        let parts = gathering.finish(self.plan, &mut keeper.unconfirmed);
        self.pause = parts.pause;
        let snapshot = Snapshot {
            kind: Kind::Checkpoint,
            checkpoint,
            lineage: keeper.lineage.clone(),
            created: self.clock.now(),
            job: keeper.job.clone(),
            ended: false,
            operators: parts.operators,
            sources: parts.sources,
            sinks: parts.sinks,
        };
        let asked = keeper.machine.token().and_then(|token| self.waiting.get(&token));
        let savepoint = match asked {
            Some(Waiting::Ask(ask) | Waiting::Stop(_, Some(ask))) => ask.what.savepoint(),
            _ => None,
        };
        let savepoint =
            savepoint.map(|to| to.unwrap_or_else(|| keeper.savepoints.join(format!("savepoint-{checkpoint}"))));
        keeper.snapshots.order(snapshots::Order { snapshot, durable: parts.durable, savepoint });
    }

    fn outcome(&mut self, outcome: Outcome) {
        let Some(keeper) = &mut self.keeper else { return };
        let now = self.clock.now();
        match outcome.result {
            Ok(taken) => {
                let duration = now - keeper.machine.started();
                let token = keeper.machine.written(now);
                let waiting = token.and_then(|token| self.waiting.remove(&token));
                keeper.noted = true;
                // What is said to a live input without an end is never said again: a failure does not undo it.
                let endless = self.plan.sources.iter().any(|source| source.endless && source.journal.is_some());
                keeper.kept |= endless || !matches!(waiting, Some(Waiting::First));
                keeper.unconfirmed.confirm(outcome.checkpoint);
                self.stats.checkpoints.completed(outcome.checkpoint, now, duration, taken.bytes);
                self.stats.checkpoints.paused(std::mem::take(&mut self.pause));
                self.acks_in.set_base(outcome.checkpoint);
                let positions = taken.oldest.sources.iter().map(|(name, s)| (name.clone(), s.position.clone()));
                self.control.confirm(positions.collect());
                if let Some(waiting) = waiting {
                    self.taken(waiting, outcome.checkpoint, taken);
                }
            }
            Err(Failed::Write(error)) => {
                if let Some(failed) = keeper.machine.failed(outcome.checkpoint, now) {
                    self.checkpoint_failed(failed, error);
                }
            }
            Err(Failed::Commit(error)) => {
                keeper.machine.written(now);
                (keeper.noted, keeper.kept) = (true, true);
                self.stop_all(End::Failed(error));
            }
        }
    }

    fn checkpoint_failed(&mut self, failed: Action, error: Error) {
        let Action::Failed { checkpoint, token, fatal } = failed else { return };
        if let (Some(keeper), Some(gathering)) = (&mut self.keeper, self.gathering.take()) {
            keeper.unconfirmed.postpone(gathering.give_up());
        }
        self.stats.checkpoints.failed();
        self.control.go_on();
        let error = Error { message: format!("checkpoint {checkpoint} failed: {}", error.message), ..error };
        match token.and_then(|token| self.waiting.remove(&token)) {
            Some(Waiting::Ask(ask) | Waiting::Stop(_, Some(ask))) => {
                self.stopping = false;
                answer(ask, Err(error.note("the job goes on")));
            }
            Some(Waiting::First) => self.stop_all(End::Failed(error)),
            Some(Waiting::Stop(..)) => {
                self.stopping = false;
                self.watch.warn(&error.note("the job goes on; stop it again to try again, twice to give up"));
            }
            None if fatal => self.stop_all(End::Failed(error)),
            None => self.watch.warn(&error.note("the job goes on from the checkpoint before, if it has to")),
        }
    }

    /// A checkpoint that somebody asked for is complete.
    fn taken(&mut self, waiting: Waiting, number: u64, mut taken: Taken) {
        let savepoint = taken.savepoint.take();
        match (waiting, savepoint) {
            (Waiting::First, _) => self.control.go_on(),
            (Waiting::Ask(ask), None) => answer(ask, Ok(Reply::Checkpoint { number, path: taken.path })),
            (Waiting::Ask(ask), Some(Ok(path))) => answer(ask, Ok(Reply::Savepoint { path })),
            (Waiting::Stop(_, Some(ask)) | Waiting::Ask(ask), Some(Err(error))) => {
                self.stopping = false;
                self.control.go_on();
                answer(ask, Err(error.note("the job goes on")));
            }
            (Waiting::Stop(cause, ask), savepoint) => {
                self.answers.extend(ask);
                let path = savepoint.and_then(Result::ok).unwrap_or(taken.path);
                self.stop_all(End::Suspended(cause, path));
            }
        }
    }

    /// Somebody asked for a checkpoint and the inputs have ended.
    fn too_late(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::First => {}
            Waiting::Stop(_, ask) => self.answers.extend(ask),
            Waiting::Ask(ask) => answer(ask, Err(Error::external("the job has read all its input and is finishing"))),
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Interrupt => self.stop(Cause::Interrupt, None),
            Order::Terminate => self.stop(Cause::Terminate, None),
            Order::Ask(ask) => match &ask.what {
                Request::Status => {
                    let status = self.stats.status();
                    answer(ask, Ok(Reply::Status(status)));
                }
                Request::Cancel => {
                    self.answers.push(ask);
                    self.stop_all(End::Cancelled);
                }
                Request::Stop { drain: true, .. } => {
                    self.drain();
                    self.answers.push(ask);
                }
                Request::Stop { .. } if self.keeper.is_none() && self.endless => {
                    self.drain();
                    self.answers.push(ask);
                }
                Request::Stop { .. } => self.stop(Cause::Request, Some(ask)),
                Request::Checkpoint | Request::Savepoint { .. } => self.ask(ask),
            },
        }
    }

    fn ask(&mut self, ask: Ask) {
        let Some(keeper) = &mut self.keeper else {
            let error = Error::external("this job keeps no checkpoints");
            return answer(ask, Err(error.note("add [checkpoint] to the job file to make it keep some")));
        };
        self.tokens += 1;
        keeper.machine.ask(self.tokens, false);
        self.waiting.insert(self.tokens, Waiting::Ask(ask));
    }

    fn drain(&mut self) {
        self.draining = true;
        self.control.request_drain();
    }

    /// A wish to stop; the second one does not wait.
    fn stop(&mut self, cause: Cause, ask: Option<Ask>) {
        if std::mem::replace(&mut self.stopping, true) {
            self.answers.extend(ask);
            return self.stop_all(End::Cancelled);
        }
        match &mut self.keeper {
            // Input that ends is there again for the next run; of the other kind nothing is to be lost.
            Some(keeper) if keeper.kept || self.endless || ask.is_some() => {
                self.tokens += 1;
                keeper.machine.ask(self.tokens, true);
                self.waiting.insert(self.tokens, Waiting::Stop(cause, ask));
            }
            _ if self.endless && !self.draining => self.drain(),
            _ => {
                self.answers.extend(ask);
                self.stop_all(End::Stopped(cause));
            }
        }
    }

    /// The job ends, and with it what waits for a checkpoint.
    fn unanswered(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            self.too_late(waiting);
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.machine.drain();
        }
    }
}

/// Who asked may have gone.
pub fn answer(ask: Ask, reply: Result<Reply>) {
    let _ = ask.reply.send(reply);
}
