//! The task of a stateful operator: gate, operator, stateless chain.

use std::collections::VecDeque;
use std::time::Instant;

use super::barrier::{Acks, Part, is_checkpoint};
use super::chain::Chain;
use super::gate::{Event, Gate};
use super::message::{Mark, MarkTime, Origin, Signal};
use super::task::{Step, Task};
use crate::connect::throttle::Meter;
use crate::data::{Batch, Order};
use crate::error::Result;
use crate::observe::NodeStats;
use crate::op::{Flow, Operator, Out, RowContext};
use crate::plan::physical::Target;

/// What the operator has been asked for and has not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    BlockEnd(i64),
    Tick(i64),
    Finish,
}

/// Which subtask it is, and where it gives its part of a checkpoint.
pub struct StagePlace {
    pub stage: usize,
    pub subtask: usize,
    pub acks: Acks,
}

/// A stateful operator at the head of a chain.
pub struct Stage {
    name: String,
    place: StagePlace,
    gate: Gate,
    operator: Box<dyn Operator>,
    /// Targets of each output of the operator.
    outputs: Vec<Vec<Target>>,
    chain: Chain,
    out: Out,
    work: Option<Work>,
    watermark: i64,
    /// Wall time of the last tick, for `now()` in the chain behind the operator.
    now: i64,
    closed: bool,
    satisfied: bool,
    /// The checkpoint that the state was frozen for last.
    frozen: u64,
    /// A record has ended the job, unless nobody wants more: nothing but marks and signals follows.
    failed: bool,
    /// The operator has given its last row: blocks that still come have nothing for it.
    finished: bool,
    /// What it sends is merged with what other subtasks send.
    is_merged: bool,
    /// Rows go on at a limited rate.
    pace: Option<Pace>,
    stats: NodeStats,
}

/// What slows a throttle down.
struct Pace {
    meter: Meter,
    /// Rows that wait for their time.
    held: VecDeque<(Batch, RowContext)>,
}

impl Pace {
    /// The rows that go on now; `Err`: not before that time (µs).
    fn next(&mut self, now: i64) -> std::result::Result<Option<(Batch, RowContext)>, i64> {
        let Some((batch, context)) = self.held.pop_front() else { return Ok(None) };
        if let Some(due) = self.meter.wait(now) {
            self.held.push_front((batch, context));
            return Err(due);
        }
        let rows = batch.rows.min(usize::try_from(self.meter.rows_at_once()).unwrap_or(usize::MAX));
        if rows < batch.rows {
            self.held.push_front((batch.slice(rows, batch.rows - rows), context));
        }
        self.meter.pay(rows as u64, now);
        Ok(Some((batch.slice(0, rows), context)))
    }
}

impl Stage {
    pub fn new(
        name: String,
        place: StagePlace,
        gate: Gate,
        operator: Box<dyn Operator>,
        outputs: Vec<Vec<Target>>,
        chain: Chain,
        stats: NodeStats,
    ) -> Stage {
        let is_merged = chain.ports.iter().any(|port| port.merged);
        Stage {
            name,
            place,
            gate,
            operator,
            outputs,
            chain,
            out: Out::default(),
            work: None,
            watermark: i64::MIN,
            now: 0,
            closed: false,
            satisfied: false,
            frozen: 0,
            failed: false,
            finished: false,
            is_merged,
            pace: None,
            stats,
        }
    }

    /// Lets so many rows go on a second.
    pub fn slow_down(&mut self, rate: f64) {
        self.pace = Some(Pace { meter: Meter::new(rate), held: VecDeque::new() });
    }

    /// Goes on from a checkpoint: the operator and the gate have theirs already.
    pub fn resume(&mut self, watermark: i64, finished: bool) {
        self.watermark = watermark;
        self.finished = finished;
    }

    /// Gives this subtask's part of a checkpoint, between blocks.
    fn freeze(&mut self, checkpoint: u64) {
        let progress = self.gate.progress();
        if self.failed {
            return self.place.acks.send(checkpoint, Part::Declined, progress);
        }
        // What the last freeze gave was not written: it is asked for in full.
        let full = self.frozen == 0 || self.frozen != self.place.acks.base();
        self.frozen = checkpoint;
        let start = Instant::now();
        let frozen = self.operator.freeze(full);
        let pause = start.elapsed().as_micros() as i64;
        let StagePlace { stage, subtask, .. } = self.place;
        let (watermark, finished) = (self.watermark, self.finished);
        let part = Part::Stage { stage, subtask, watermark, finished, frozen, pause };
        self.place.acks.send(checkpoint, part, progress);
    }

    /// Passes on what the operator emitted.
    fn pass(&mut self) -> Result<()> {
        while let Some((output, mut batch)) = self.out.emitted.pop_front() {
            batch.now = self.now;
            self.stats.rows_out(batch.rows);
            let context = RowContext { input: 0, watermark: self.watermark, delay: 0 };
            let targets = self.outputs.get(output).map_or(&[][..], Vec::as_slice);
            let tells = self.is_merged && batch.rows > 0 && !matches!(batch.order, Order::Arrival);
            let last = tells.then(|| batch.order.take(&[batch.rows as u32 - 1]));
            self.chain.push(targets, batch, &context, Origin::default())?;
            if self.chain.has_failed() {
                self.chain.tell(|_, _| None)?;
            }
            if let Some(last) = last {
                self.chain.each_port(|port| port.passed(&last))?;
            }
        }
        Ok(())
    }

    /// Lets the operator go on with what it was asked for; signals and marks follow when it is done.
    fn work(&mut self, work: Work) -> Result<()> {
        let flow = match work {
            Work::BlockEnd(watermark) => self.operator.on_block_end(watermark, &mut self.out),
            Work::Tick(now) => self.operator.on_tick(now, &mut self.out),
            Work::Finish => self.operator.finish(&mut self.out),
        };
        let flow = flow.map_err(|e| e.at(self.name.clone()))?;
        self.pass()?;
        if flow == Flow::More {
            self.work = Some(work);
            return Ok(());
        }
        self.work = match work {
            Work::BlockEnd(i64::MAX) => Some(Work::Finish),
            _ => None,
        };
        match work {
            // The mark of the end follows what `finish` emits.
            Work::BlockEnd(i64::MAX) => Ok(()),
            Work::BlockEnd(watermark) => self.mark(watermark),
            Work::Tick(_) => Ok(()),
            Work::Finish => {
                self.finished = true;
                self.stats.late(self.operator.late_dropped(), self.operator.late_by());
                self.mark(i64::MAX)
            }
        }
    }

    fn mark(&mut self, watermark: i64) -> Result<()> {
        let watermark = if watermark == i64::MAX { watermark } else { self.operator.watermark(watermark) };
        self.watermark = watermark;
        self.stats.watermark(watermark);
        let time = match self.operator.is_idle() && watermark < i64::MAX {
            true => MarkTime::Idle(watermark),
            false => MarkTime::Watermark(watermark),
        };
        let mark = Mark { time, origin: Origin::default(), lines: 0 };
        self.chain.each_port(|port| port.mark(mark))
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        self.chain.each_port(|port| port.signal(signal))
    }

    fn event(&mut self, event: Event) -> Result<Step> {
        match event {
            Event::Pending => return Ok(Step::Blocked { until: None }),
            Event::Rows(batch, context) => {
                self.stats.rows_in(batch.rows);
                if let Some(pace) = &mut self.pace {
                    pace.held.push_back((batch, context));
                } else if !self.satisfied && !self.failed {
                    let last = if self.is_merged { batch.order.last_row() } else { None };
                    self.operator.on_batch(batch, &context, &mut self.out).map_err(|e| e.at(self.name.clone()))?;
                    let given = self.out.emitted.iter().filter_map(|(_, batch)| batch.order.last_row()).max();
                    self.pass()?;
                    // Rows that were dropped are waited for, too.
                    if let Some(last) = last.filter(|_| last != given) {
                        let last = Order::Row(vec![last].into());
                        self.chain.each_port(|port| port.passed(&last))?;
                    }
                }
            }
            Event::Chunk(_) => return Err(crate::error::Error::internal("encoded rows came to an operator")),
            Event::Passed(order) => {
                if self.is_merged && !self.failed {
                    self.chain.each_port(|port| port.passed(&order))?;
                }
            }
            // What a limit has passed stands: the record lies behind it.
            Event::Failed(_) if self.failed || self.operator.satisfied() => {}
            Event::Failed(bad) => {
                self.failed = true;
                self.chain.each_port(|port| port.failed(&bad))?;
            }
            Event::BlockEnd(watermark) if self.failed => self.mark(watermark)?,
            // Behind a checkpoint, too, where the end is told again.
            Event::BlockEnd(_) if self.finished => self.mark(i64::MAX)?,
            // Nothing more comes from a full limit. Its sources are read on for a while, how long is chance, which must
            // not show in the watermark behind it.
            Event::BlockEnd(_) if self.operator.satisfied() => self.work(Work::BlockEnd(i64::MAX))?,
            Event::BlockEnd(watermark) => self.work(Work::BlockEnd(watermark))?,
            Event::Tick(now) => {
                self.now = now;
                // What the operator emits belongs to the next block, which the reader sends at once.
                self.signal(Signal::Tick(now))?;
                if !self.failed && !self.finished {
                    self.work(Work::Tick(now))?;
                }
            }
            Event::Barrier(id) => {
                self.stats.barrier(id);
                self.signal(Signal::Barrier(id))?;
                if is_checkpoint(id) {
                    self.freeze(id);
                }
            }
            Event::End => self.signal(Signal::End)?,
            Event::Close => {
                self.closed = true;
                self.signal(Signal::Close)?;
            }
        }
        Ok(Step::Ready)
    }
}

impl Task for Stage {
    fn step(&mut self, now: i64) -> Result<Step> {
        if !self.chain.flush()? {
            return Ok(Step::Blocked { until: None });
        }
        if let Some(work) = self.work.take() {
            self.work(work)?;
            return Ok(Step::Ready);
        }
        match self.pace.as_mut().map_or(Ok(None), |pace| pace.next(now)) {
            Err(due) if !self.chain.satisfied() => return Ok(Step::Blocked { until: Some(due) }),
            Err(_) => self.pace.iter_mut().for_each(|pace| pace.held.clear()),
            Ok(Some((batch, context))) => {
                self.operator.on_batch(batch, &context, &mut self.out).map_err(|e| e.at(self.name.clone()))?;
                self.pass()?;
                return Ok(Step::Ready);
            }
            Ok(None) => {}
        }
        if self.closed {
            return Ok(Step::Done);
        }
        if !self.satisfied && (self.operator.satisfied() || self.chain.satisfied()) {
            self.satisfied = true;
            self.gate.satisfy();
        }
        let event = self.gate.poll()?;
        self.event(event)
    }

    fn name(&self) -> &str {
        &self.name
    }
}
