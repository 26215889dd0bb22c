//! The task of a source: takes blocks, deals them to decode workers, and injects what travels between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use rustix::event::PollFd;

use super::message::{FINAL_BARRIER, Message, Signal};
use super::port::Port;
use super::task::{Step, Task};
use super::waker::Waker;
use crate::connect::{Block, Body, Next, Source};
use crate::error::Result;
use crate::observe::SourceStats;

/// A block of at least so many bytes passes the baton on.
const BATON_BYTES: usize = 64 << 10;

/// Orders from outside and the meeting of all readers at their ends.
#[derive(Debug, Default)]
pub struct ReaderControl {
    /// Stop reading; what is complete is still handed out, then the input ends.
    pub drain: AtomicBool,
    /// Number of the barrier to inject next; 0 for none yet. Only ever raised.
    pub barrier: AtomicU64,
    /// Readers that have not reached their end.
    pub reading: AtomicUsize,
    wakers: std::sync::Mutex<Vec<Waker>>,
}

impl ReaderControl {
    pub fn register(&self, waker: &Waker) {
        self.reading.fetch_add(1, Ordering::AcqRel);
        self.lock().push(waker.clone());
    }

    pub fn request_drain(&self) {
        self.drain.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks every reader to inject barrier `id` before its next block.
    /// Nothing happens once all readers have reached their end: the final barrier is on its way then.
    pub fn request_barrier(&self, id: u64) {
        let wakers = self.lock();
        if self.reading.load(Ordering::Acquire) > 0 {
            self.barrier.fetch_max(id, Ordering::AcqRel);
            wakers.iter().for_each(Waker::wake);
        }
    }

    fn arrive(&self) {
        // Under the lock, so that no barrier is asked for that only some readers would still see.
        let wakers = self.lock();
        if self.reading.fetch_sub(1, Ordering::AcqRel) == 1 {
            wakers.iter().for_each(Waker::wake);
        }
    }

    fn wake(&self) {
        self.lock().iter().for_each(Waker::wake);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// `End` is sent; barriers still pass until all readers are here.
    Parked,
    Closed,
}

pub struct Reader {
    name: String,
    source: Box<dyn Source>,
    /// One lane per worker.
    workers: Vec<Port>,
    /// Who has the baton.
    active: usize,
    /// The last block was large enough to pass the baton.
    pass: bool,
    control: Arc<ReaderControl>,
    draining: bool,
    barrier: u64,
    /// µs between ticks, if an operator downstream asks for them.
    tick: Option<i64>,
    next_tick: i64,
    phase: Phase,
    /// Number and name of the input that the last block came from.
    input: Option<(u32, Arc<str>)>,
    /// A block without rows that says of watermarks what the last block said; before it there is nothing to tick.
    empty: Option<Block>,
    stats: SourceStats,
}

impl Reader {
    pub fn new(
        name: String,
        source: Box<dyn Source>,
        workers: Vec<Port>,
        tick: Option<i64>,
        control: Arc<ReaderControl>,
        stats: SourceStats,
    ) -> Reader {
        Reader {
            name,
            source,
            workers,
            active: 0,
            pass: false,
            control,
            draining: false,
            barrier: 0,
            tick,
            next_tick: i64::MIN,
            phase: Phase::Reading,
            input: None,
            empty: None,
            stats,
        }
    }

    fn broadcast(&mut self, signal: Signal) -> Result<()> {
        self.workers.iter_mut().try_for_each(|port| port.signal(signal))
    }

    fn inject(&mut self, now: i64) -> Result<()> {
        let wanted = self.control.barrier.load(Ordering::Acquire);
        while self.barrier < wanted {
            self.barrier += 1;
            self.broadcast(Signal::Barrier(self.barrier))?;
        }
        if let (Some(period), Some(block)) = (self.tick, &self.empty)
            && now >= self.next_tick
            && self.phase == Phase::Reading
        {
            let block = block.clone();
            self.next_tick = now - now.rem_euclid(period) + period;
            self.broadcast(Signal::Tick(now))?;
            // Ends what operators emit at the tick.
            self.workers[self.active].send_block(Message::Block(block, "".into()))?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.phase = Phase::Parked;
        self.control.arrive();
        self.workers[self.active].send_block(Message::Last)?;
        self.broadcast(Signal::End)
    }

    fn read(&mut self, now: i64) -> Result<Step> {
        if !self.draining && self.control.drain.load(Ordering::Acquire) {
            self.draining = true;
            self.source.stop();
        }
        if self.workers.iter().all(Port::satisfied) {
            self.end()?;
            return Ok(Step::Ready);
        }
        match self.source.next(now).map_err(|e| e.at(self.name.clone()))? {
            Next::Block(block) => {
                if self.workers.len() > 1 && (self.pass || self.workers[self.active].queued() > 0) {
                    self.workers[self.active].turn()?;
                    self.active = (self.active + 1) % self.workers.len();
                }
                self.pass = match &block.body {
                    Body::Bytes { data, .. } => data.len() >= BATON_BYTES,
                    Body::Range { .. } => true,
                    Body::Empty => false,
                };
                if self.tick.is_some() {
                    self.empty = Some(Block { body: Body::Empty, ends: false, ..block.clone() });
                }
                let (done, total) = self.source.progress();
                self.stats.progress(done, total);
                if self.input.as_ref().is_none_or(|(file, _)| *file != block.file) {
                    self.input = Some((block.file, self.source.input_name(block.file).into()));
                }
                let input = self.input.as_ref().map_or_else(|| "".into(), |(_, name)| name.clone());
                self.workers[self.active].send_block(Message::Block(block, input))?;
                Ok(Step::Ready)
            }
            Next::Pending { until } => {
                let tick = self.empty.as_ref().and(self.tick).map(|_| self.next_tick);
                Ok(Step::Blocked { until: until.into_iter().chain(tick).min() })
            }
            Next::End => {
                let (done, total) = self.source.progress();
                self.stats.progress(done, total);
                self.end()?;
                Ok(Step::Ready)
            }
        }
    }
}

impl Task for Reader {
    fn step(&mut self, now: i64) -> Result<Step> {
        let mut clear = true;
        for port in &mut self.workers {
            clear &= port.flush()?;
        }
        if !clear {
            return Ok(Step::Blocked { until: None });
        }
        // Asked first: when nobody reads any more, no barrier is added to those that are injected now.
        let reading = self.control.reading.load(Ordering::Acquire);
        match self.phase {
            Phase::Closed => return Ok(Step::Done),
            Phase::Reading | Phase::Parked => self.inject(now)?,
        }
        if self.phase == Phase::Reading {
            return self.read(now);
        }
        if reading > 0 {
            return Ok(Step::Blocked { until: None });
        }
        self.broadcast(Signal::Barrier(FINAL_BARRIER))?;
        self.broadcast(Signal::Close)?;
        self.phase = Phase::Closed;
        Ok(Step::Ready)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.phase == Phase::Reading {
            self.source.poll_fds(fds);
        }
    }
}
