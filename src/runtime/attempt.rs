//! One life of a deployment: its threads, what they report, and what is asked of it. `attempt/checkpoints.rs` has what
//! becomes of its checkpoints.

mod checkpoints;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select, unbounded};

use super::barrier::{Ack, Acks};
use super::deploy::Deployment;
use super::driver::{Clock, Driver};
use super::gather::Gathering;
use super::orders::{Ask, Order, Reply, Request};
use super::reader::ReaderControl;
use super::task::Task;
use super::waker::Waker;
use crate::checkpoint::machine::Token;
use crate::error::{Error, Result};
use crate::observe::JobStats;
use crate::plan::physical::PhysicalPlan;

pub use checkpoints::Keeper;
use checkpoints::Waiting;

/// How often figures are shown, and deadlines looked at.
const BEAT: Duration = Duration::from_millis(100);

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
    }
}

/// Who asked may have gone.
pub fn answer(ask: Ask, reply: Result<Reply>) {
    let _ = ask.reply.send(reply);
}
