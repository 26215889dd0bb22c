//! What an attempt has to do with checkpoints: when barriers go out, what comes back, who waits for it.

use std::path::PathBuf;

use super::{Attempt, Cause, End, answer};
use crate::checkpoint::machine::{Action, Machine};
use crate::checkpoint::manifest::{Job, Kind, Snapshot};
use crate::error::Error;
use crate::runtime::barrier::{Ack, Part};
use crate::runtime::gather::Gathering;
use crate::runtime::orders::{Ask, Reply};
use crate::runtime::snapshots::{self, Failed, Outcome, Snapshots, Taken};
use crate::runtime::unconfirmed::Unconfirmed;

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

/// Who waits for a checkpoint.
pub(super) enum Waiting {
    Ask(Ask),
    Stop(Cause, Option<Ask>),
    /// All reading.
    First,
}

impl Attempt<'_> {
    /// Holds the readers until there is a checkpoint, if one is wanted first.
    pub(super) fn want_first(&mut self) {
        if let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.first) {
            self.tokens += 1;
            keeper.machine.ask(self.tokens, true);
            self.waiting.insert(self.tokens, Waiting::First);
            self.turn();
        }
    }

    /// Does what the checkpoint machine wants by now.
    pub(super) fn turn(&mut self) {
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

    pub(super) fn ack(&mut self, mut ack: Ack) {
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

    pub(super) fn outcome(&mut self, outcome: Outcome) {
        let Some(keeper) = &mut self.keeper else { return };
        let now = self.clock.now();
        match outcome.result {
            Ok(taken) => {
                let duration = now - keeper.machine.started();
                let token = keeper.machine.written(now);
                let waiting = token.and_then(|token| self.waiting.remove(&token));
                keeper.noted = true;
                // What is said to a live input without an end is never said again: a failure does not undo it.
                let endless = self.plan.sources.iter().any(|source| source.endless && source.begins_once());
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
            Some(Waiting::Ask(ask)) => answer(ask, Err(error.note("the job goes on"))),
            Some(Waiting::First) => self.stop_all(End::Failed(error)),
            Some(Waiting::Stop(_, Some(ask))) => {
                self.stopping = false;
                answer(ask, Err(error.note("the job goes on")));
            }
            Some(Waiting::Stop(_, None)) => {
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
            (Waiting::Ask(ask), Some(Err(error))) => answer(ask, Err(error.note("the job goes on"))),
            (Waiting::Stop(_, Some(ask)), Some(Err(error))) => {
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
    pub(super) fn too_late(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::First => {}
            Waiting::Stop(_, ask) => self.answers.extend(ask),
            Waiting::Ask(ask) => answer(ask, Err(Error::external("the job has read all its input and is finishing"))),
        }
    }
}
