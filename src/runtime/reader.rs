//! The task of a source: takes blocks, deals them to decode workers, and injects what travels between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use rustix::event::PollFd;
use serde_json::Value;

use super::barrier::{Acks, Part};
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
    /// Barriers to inject, in order; every reader injects all of them.
    barriers: std::sync::Mutex<Vec<u64>>,
    /// How many they are.
    asked: AtomicUsize,
    /// Nothing is read behind this barrier; 0 for none.
    pub hold: AtomicU64,
    /// By name of the source, what nobody goes back before; and how often it was told.
    confirmed: std::sync::Mutex<BTreeMap<String, Value>>,
    confirmations: AtomicUsize,
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
    /// Nothing happens once all readers have reached their end: the final barrier is on its way then. True if it was
    /// asked for.
    pub fn request_barrier(&self, id: u64) -> bool {
        let wakers = self.lock();
        let reading = self.reading.load(Ordering::Acquire) > 0;
        if reading {
            let mut barriers = self.barriers.lock().unwrap_or_else(PoisonError::into_inner);
            barriers.push(id);
            self.asked.store(barriers.len(), Ordering::Release);
            wakers.iter().for_each(Waker::wake);
        }
        reading
    }

    /// As [`ReaderControl::request_barrier`]; nothing is read behind it, until [`ReaderControl::go_on`].
    pub fn request_last_barrier(&self, id: u64) -> bool {
        self.hold.store(id, Ordering::Release);
        let asked = self.request_barrier(id);
        if !asked {
            self.go_on();
        }
        asked
    }

    /// Nobody goes back before these positions any more, by name of the source.
    pub fn confirm(&self, positions: BTreeMap<String, Value>) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = positions;
        self.confirmations.fetch_add(1, Ordering::AcqRel);
    }

    /// Reading goes on behind a barrier that was to be the last.
    pub fn go_on(&self) {
        self.hold.store(0, Ordering::Release);
        self.wake();
    }

    /// The barrier behind the first `injected` ones.
    fn barrier(&self, injected: usize) -> Option<u64> {
        if self.asked.load(Ordering::Acquire) == injected {
            return None;
        }
        self.barriers.lock().unwrap_or_else(PoisonError::into_inner).get(injected).copied()
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
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Barriers injected so far, and the last of them.
    injected: usize,
    barrier: u64,
    /// Number of the source, and where its positions go.
    number: usize,
    acks: Acks,
    /// µs between ticks, if an operator downstream asks for them.
    tick: Option<i64>,
    next_tick: i64,
    phase: Phase,
    /// A checkpoint says that nothing is left to read.
    ended: bool,
    /// Number and name of the input that the last block came from.
    input: Option<(u32, Arc<str>)>,
    /// A block without rows that says of watermarks what the last block said; before it there is nothing to tick.
    empty: Option<Block>,
    stats: SourceStats,
}

impl Reader {
    pub fn new(
        name: String,
        number: usize,
        acks: Acks,
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
            injected: 0,
            barrier: 0,
            number,
            acks,
            tick,
            next_tick: i64::MIN,
            phase: Phase::Reading,
            ended: false,
            input: None,
            empty: None,
            stats,
        }
    }

    /// Goes on behind its end: the end is told again.
    pub fn resume_ended(&mut self) {
        self.ended = true;
    }

    fn broadcast(&mut self, signal: Signal) -> Result<()> {
        self.workers.iter_mut().try_for_each(|port| port.signal(signal))
    }

    fn inject(&mut self, now: i64) -> Result<()> {
        while let Some(id) = self.control.barrier(self.injected) {
            self.injected += 1;
            self.barrier = id;
            let part = Part::Source {
                source: self.number,
                position: self.source.position().map_err(|e| e.at(self.name.clone()))?,
                ended: self.phase != Phase::Reading,
                durable: None,
            };
            self.acks.send(id, part, Vec::new());
            self.broadcast(Signal::Barrier(id))?;
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

    /// The last barrier was to be the last of all, until further notice.
    fn is_held(&self) -> bool {
        let hold = self.control.hold.load(Ordering::Acquire);
        hold != 0 && self.barrier >= hold
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
        if self.ended || self.workers.iter().all(Port::satisfied) {
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
        if self.is_held() {
            return Ok(Step::Blocked { until: None });
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

    fn into_source(self: Box<Self>) -> Option<(usize, Box<dyn Source>)> {
        Some((self.number, self.source))
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.phase == Phase::Reading && !self.is_held() {
            self.source.poll_fds(fds);
        }
    }
}
