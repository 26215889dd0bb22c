//! What the engine does with a writer and a committer, without the engine: rows are numbers in sequence, manifests
//! are kept in memory, a kill is a disk that says no from then on.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::dying::Dying;
use crate::connect::{Committer, Rewind, Rewound, Run, Writer, Wrote};
use crate::error::Result;
use crate::storage::failing::{FailingStorage, Fault};
use crate::storage::power::PowerStorage;
use crate::storage::{RealStorage, Storage};

pub const HEADER: &str = "number\n";

/// A sink under test.
pub trait Sink {
    fn disk(&self) -> Disk;
    fn writer(&self, storage: Arc<dyn Storage>, run: Run) -> Box<dyn Writer>;
    fn committer(&self, storage: Arc<dyn Storage>) -> Box<dyn Committer>;
    /// Where row `number` belongs; the rows of each partition keep their order.
    fn partition(&self, _number: usize) -> Option<String> {
        None
    }
    /// Checks what can be seen from outside: `committed` rows must be there, `known` may be.
    fn check(&self, committed: usize, known: usize, ended: bool);
}

/// Where a sink under test writes.
#[derive(Clone)]
pub enum Disk {
    Real,
    /// Power goes with the process; what is left is up to this seed.
    Power(PowerStorage, u64),
    /// In the first run, the operation of this number fails.
    Failing(PowerStorage, u64),
}

impl Disk {
    pub fn storage(&self) -> Arc<dyn Storage> {
        match self {
            Disk::Real => Arc::new(RealStorage),
            Disk::Power(power, _) | Disk::Failing(power, _) => Arc::new(power.clone()),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Step {
    Write(usize),
    /// Time passes, µs.
    Pause(i64),
    Checkpoint,
    /// The writer has prepared, the checkpoint is not completed.
    FailedCheckpoint,
    CommitAgain,
    /// Back by so many checkpoints, in a new lineage.
    Back(usize),
    /// The run ends as it is and goes on from its last checkpoint, in the same process.
    Restart,
}

/// What a run does whose disk fails at one operation after another.
pub fn long_run() -> Vec<(i64, Vec<Step>)> {
    let write = || Step::Write(40);
    let steps = vec![
        write(),
        Step::Checkpoint,
        write(),
        Step::FailedCheckpoint,
        write(),
        Step::Checkpoint,
        Step::Restart,
        write(),
        Step::Checkpoint,
        Step::Back(1),
        write(),
        Step::Checkpoint,
        Step::CommitAgain,
    ];
    vec![(i64::MAX, steps)]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..400usize).prop_map(Step::Write),
        1 => (0..200_000_000i64).prop_map(Step::Pause),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::FailedCheckpoint),
        1 => Just(Step::CommitAgain),
        1 => (1..3usize).prop_map(Step::Back),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..12)
}

/// Runs: what each does, and at which operation on the disk it is killed.
pub fn runs() -> impl Strategy<Value = Vec<(i64, Vec<Step>)>> {
    prop::collection::vec((0..80i64, steps()), 0..6)
}

#[derive(Clone)]
struct Manifest {
    checkpoint: u64,
    lineage: String,
    rows: usize,
    state: Value,
    pending: Vec<Value>,
    ended: bool,
}

pub struct Engine<'a> {
    sink: &'a dyn Sink,
    pub rows: usize,
    manifests: Vec<Manifest>,
    checkpoints: u64,
    lineages: u64,
    /// Rows that are committed for certain.
    committed: usize,
    /// Killed on the way back: more can be seen than is known, until the next run has started.
    between: bool,
    attempts: usize,
}

struct Live {
    writer: Box<dyn Writer>,
    committer: Box<dyn Committer>,
    storage: Arc<dyn Storage>,
    lineage: String,
    next: usize,
    now: i64,
    /// Of checkpoints that were not completed.
    carried: Vec<Value>,
}

impl Engine<'_> {
    pub fn new(sink: &dyn Sink, rows: usize) -> Engine<'_> {
        Engine {
            sink,
            rows,
            manifests: Vec::new(),
            checkpoints: 0,
            lineages: 0,
            committed: 0,
            between: false,
            attempts: 0,
        }
    }

    /// All runs, and a last one that is not killed: afterwards everything is there once.
    pub fn run(mut self, runs: &[(i64, Vec<Step>)]) {
        for (operations, steps) in runs {
            self.attempt(*operations, steps);
        }
        self.attempt(i64::MAX, &[]);
        assert!(self.manifests.last().unwrap().ended);
        self.sink.check(self.rows, self.rows, true);
    }

    fn attempt(&mut self, operations: i64, steps: &[Step]) {
        let under = self.sink.disk();
        let (storage, failing) = self.storage(&under);
        let disk = Dying::after(storage, operations, !matches!(under, Disk::Real));
        let result = self.live(&disk, steps);
        assert!(result.is_ok() || failing || disk.is_dead(), "{:?}", result.unwrap_err());
        if let Disk::Power(power, seed) = &under
            && disk.is_dead()
        {
            power.cut(seed.wrapping_add(self.checkpoints + self.lineages));
        }
        let known = self.manifests.last().map_or(0, |m| m.rows);
        let ended = result.is_ok() && self.manifests.last().is_some_and(|m| m.ended);
        if !self.between {
            self.sink.check(self.committed, known, ended);
        }
    }

    /// For the next run, and whether it may fail.
    fn storage(&mut self, disk: &Disk) -> (Arc<dyn Storage>, bool) {
        self.attempts += 1;
        match disk {
            Disk::Failing(power, at) if self.attempts == 1 => {
                let fault = Fault::Once(ErrorKind::StorageFull);
                (Arc::new(FailingStorage::new(Arc::new(power.clone()), *at, fault)), true)
            }
            _ => (disk.storage(), false),
        }
    }

    fn live(&mut self, disk: &Dying, steps: &[Step]) -> Result<()> {
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let mut live = self.start(&storage)?;
        if self.manifests.last().is_some_and(|m| m.ended) {
            return Ok(());
        }
        for step in steps {
            self.step(&mut live, step)?;
        }
        self.write(&mut live, self.rows)?;
        self.checkpoint(&mut live, true)?;
        self.commit(&mut live)
    }

    fn run_of(&mut self, lineage: Option<String>) -> Run {
        let lineage = lineage.unwrap_or_else(|| {
            self.lineages += 1;
            format!("line{:04}", self.lineages)
        });
        Run { lineage, folder: Some(PathBuf::from("/nowhere/states/job")), power: true }
    }

    fn start(&mut self, storage: &Arc<dyn Storage>) -> Result<Live> {
        let mut committer = self.sink.committer(storage.clone());
        if let Some(first) = self.manifests.last().filter(|m| m.checkpoint == 0).cloned() {
            let rewind = Rewind { to: None, later: &[], base: Some(&first.state), force: false, ask: true };
            assert_eq!(committer.rewind(&rewind)?, Rewound::Done);
            let rewind = Rewind { ask: false, ..rewind };
            assert_eq!(committer.rewind(&rewind)?, Rewound::Done);
            self.manifests.clear();
        }
        let last = self.manifests.last().cloned();
        let run = self.run_of(last.as_ref().map(|m| m.lineage.clone()));
        let lineage = run.lineage.clone();
        let mut writer = self.sink.writer(storage.clone(), run);
        if let Some(last) = &last {
            last.pending.iter().try_for_each(|pending| committer.commit(pending))?;
            self.committed = last.rows;
        }
        let header = Bytes::from_static(HEADER.as_bytes());
        match &last {
            Some(last) if last.ended => {}
            Some(last) => writer.restore(&last.state, header)?,
            None => writer.open(header)?,
        }
        self.between = false;
        let next = last.as_ref().map_or(0, |m| m.rows);
        let mut live = Live { writer, committer, storage: storage.clone(), lineage, next, now: 0, carried: Vec::new() };
        if last.is_none() {
            self.prepare(&mut live, 0, false)?;
            self.committed = 0;
        }
        Ok(live)
    }

    fn step(&mut self, live: &mut Live, step: &Step) -> Result<()> {
        match step {
            Step::Write(rows) => self.write(live, (live.next + rows).min(self.rows)),
            Step::Pause(time) => {
                live.now += time;
                live.writer.tick(live.now);
                Ok(())
            }
            Step::Checkpoint => {
                self.checkpoint(live, false)?;
                self.commit(live)
            }
            Step::FailedCheckpoint => {
                assert_eq!(live.writer.flush()?, Wrote::Done);
                self.checkpoints += 1;
                let prepared = live.writer.prepare(self.checkpoints, false)?;
                live.carried.extend(prepared.pending);
                Ok(())
            }
            Step::CommitAgain => self.commit(live),
            Step::Back(by) => self.back(live, *by),
            Step::Restart => {
                live.writer.release();
                if self.manifests.last().is_some_and(|m| m.checkpoint > 0) {
                    *live = self.start(&live.storage.clone())?;
                    return Ok(());
                }
                self.again(live)
            }
        }
    }

    /// Goes on from checkpoint 0.
    fn again(&mut self, live: &mut Live) -> Result<()> {
        let first = self.manifests.last().cloned().unwrap();
        live.writer = self.sink.writer(live.storage.clone(), self.run_of(Some(live.lineage.clone())));
        live.writer.restore(&first.state, Bytes::from_static(HEADER.as_bytes()))?;
        (live.next, live.carried) = (0, Vec::new());
        Ok(())
    }

    fn back(&mut self, live: &mut Live, by: usize) -> Result<()> {
        live.writer.release();
        let usable = self.manifests.iter().filter(|m| m.checkpoint > 0).count();
        if usable <= by {
            return if usable == 0 { self.again(live) } else { self.reopen(live) };
        }
        let at = self.manifests.len() - 1 - by;
        let later: Vec<Value> = self.manifests[at + 1..].iter().map(|m| m.state.clone()).collect();
        let goal = self.manifests[at].clone();
        let rewind = Rewind { to: Some(&goal.state), later: &later, base: None, force: false, ask: true };
        assert_eq!(live.committer.rewind(&rewind)?, Rewound::Done);
        let rewind = Rewind { ask: false, ..rewind };
        // A kill in the middle leaves what is newer in ruins: it is not gone back to.
        self.manifests.truncate(at + 1);
        (self.committed, self.between) = (0, true);
        assert_eq!(live.committer.rewind(&rewind)?, Rewound::Done);
        let run = self.run_of(None);
        self.manifests[at].lineage = run.lineage.clone();
        self.reopen(live)
    }

    fn reopen(&mut self, live: &mut Live) -> Result<()> {
        *live = self.start(&live.storage.clone())?;
        Ok(())
    }

    fn write(&mut self, live: &mut Live, end: usize) -> Result<()> {
        for number in live.next..end {
            if let Some(partition) = self.sink.partition(number) {
                live.writer.partition(&partition)?;
            }
            let mut data = Bytes::from(format!("{number}\n"));
            assert_eq!(live.writer.write(&mut data)?, Wrote::Done);
            live.next += 1;
        }
        Ok(())
    }

    fn checkpoint(&mut self, live: &mut Live, end: bool) -> Result<()> {
        self.checkpoints += 1;
        self.prepare(live, self.checkpoints, end)
    }

    fn prepare(&mut self, live: &mut Live, checkpoint: u64, end: bool) -> Result<()> {
        assert_eq!(live.writer.flush()?, Wrote::Done);
        let prepared = live.writer.prepare(checkpoint, end)?;
        live.carried.extend(prepared.pending);
        if let Some(durable) = prepared.durable {
            durable()?;
        }
        let (lineage, pending) = (live.lineage.clone(), std::mem::take(&mut live.carried));
        self.manifests.push(Manifest {
            checkpoint,
            lineage,
            rows: live.next,
            state: prepared.state,
            pending,
            ended: end,
        });
        Ok(())
    }

    /// What the last manifest says, twice.
    fn commit(&mut self, live: &mut Live) -> Result<()> {
        let Some(last) = self.manifests.last() else { return Ok(()) };
        for pending in last.pending.iter().chain(&last.pending) {
            live.committer.commit(pending)?;
        }
        self.committed = last.rows;
        Ok(())
    }
}
