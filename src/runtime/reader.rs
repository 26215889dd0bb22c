//! The task of a group of sources: takes blocks, deals them to decode workers, and injects what travels between them.
//!
//! The next block is that of the source whose next record is the earliest, so all blocks of a group are in one
//! sequence that depends on the input alone. A source without event time counts as the earliest: it is read to its end
//! first. Equal ones are read in the order of the job.

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
use super::worker::Wanted;
use crate::connect::{Block, Body, Next, Source};
use crate::error::{Error, Result};
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

/// A source of the group.
pub struct ReaderSource {
    name: String,
    /// In the plan.
    number: usize,
    source: Box<dyn Source>,
    /// Has event time to be read by.
    timed: bool,
    /// Event time of its next record, once it was asked for.
    next_time: Option<i64>,
    ended: bool,
    /// A checkpoint says that nothing is left to read: the end is told again.
    over: bool,
    /// Number and name of the input that the last block came from.
    input: Option<(u32, Arc<str>)>,
    wanted: Wanted,
    stats: SourceStats,
}

impl ReaderSource {
    /// `wanted`: by how many workers it still is.
    pub fn new(
        name: String,
        number: usize,
        source: Box<dyn Source>,
        timed: bool,
        wanted: Wanted,
        stats: SourceStats,
    ) -> ReaderSource {
        ReaderSource {
            name,
            number,
            source,
            timed,
            next_time: None,
            ended: false,
            over: false,
            input: None,
            wanted,
            stats,
        }
    }

    /// Goes on behind its end.
    pub fn resume_ended(&mut self) {
        self.over = true;
    }

    /// Its part of a checkpoint.
    fn part(&mut self) -> Result<Part> {
        let position = self.source.position().map_err(|e| e.at(self.name.clone()))?;
        let durable = self.source.durable();
        Ok(Part::Source { source: self.number, position, ended: self.ended || self.over, durable })
    }

    fn warnings(&mut self) -> Vec<Error> {
        let warnings = self.source.warnings().into_iter();
        warnings.map(|text| Error::external(text).at(self.name.clone())).collect()
    }

    /// When its next record is due among those of other sources.
    fn due(&mut self) -> Result<i64> {
        if !self.timed {
            return Ok(i64::MIN);
        }
        match self.next_time {
            Some(time) => Ok(time),
            None => {
                let time = self.source.next_time().map_err(|e| e.at(self.name.clone()))?;
                Ok(*self.next_time.insert(time))
            }
        }
    }

    fn next(&mut self, now: i64) -> Result<Next> {
        let next = self.source.next(now).map_err(|e| e.at(self.name.clone()))?;
        if !matches!(next, Next::Pending { .. }) {
            self.next_time = None;
            let (done, total) = self.source.progress();
            self.stats.progress(done, total);
        }
        Ok(next)
    }

    fn input_name(&mut self, file: u32) -> Arc<str> {
        match &self.input {
            Some((number, name)) if *number == file => name.clone(),
            _ => self.input.insert((file, self.source.input_name(file).into())).1.clone(),
        }
    }
}

pub struct Reader {
    /// In the order of the job.
    sources: Vec<ReaderSource>,
    /// The one that the last block came from.
    at: usize,
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
    acks: Acks,
    /// µs between ticks, if an operator downstream asks for them.
    tick: Option<i64>,
    /// The same, of those that are waited for.
    waits: Option<i64>,
    next_tick: i64,
    phase: Phase,
    /// Confirmations that the sources know of.
    confirmed: usize,
}

/// What is asked of wall time downstream.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    /// µs between ticks that are due also when nothing is read.
    pub period: Option<i64>,
    /// µs between ticks at least that are due before blocks, also before the first, for `now()`.
    pub clock: Option<i64>,
}

impl Reader {
    pub fn new(
        sources: Vec<ReaderSource>,
        acks: Acks,
        workers: Vec<Port>,
        ticks: Ticks,
        control: Arc<ReaderControl>,
    ) -> Reader {
        Reader {
            sources,
            at: 0,
            workers,
            active: 0,
            pass: false,
            control,
            draining: false,
            injected: 0,
            barrier: 0,
            acks,
            tick: ticks.period.into_iter().chain(ticks.clock).min(),
            waits: ticks.period,
            next_tick: i64::MIN,
            phase: Phase::Reading,
            confirmed: 0,
        }
    }

    fn broadcast(&mut self, signal: Signal) -> Result<()> {
        self.workers.iter_mut().try_for_each(|port| port.signal(signal))
    }

    /// Tells the sources which positions nobody goes back before.
    fn confirm(&mut self) -> Result<()> {
        let confirmations = self.control.confirmations.load(Ordering::Acquire);
        if confirmations == self.confirmed {
            return Ok(());
        }
        self.confirmed = confirmations;
        let positions = self.control.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        for source in &mut self.sources {
            if let Some(position) = positions.get(&source.name) {
                source.source.confirm(position).map_err(|e| e.at(source.name.clone()))?;
            }
        }
        Ok(())
    }

    fn inject(&mut self, now: i64) -> Result<()> {
        self.confirm()?;
        while let Some(id) = self.control.barrier(self.injected) {
            self.injected += 1;
            self.barrier = id;
            for source in &mut self.sources {
                self.acks.send(id, source.part()?, Vec::new());
            }
            self.warn();
            self.broadcast(Signal::Barrier(id))?;
        }
        if let Some(period) = self.tick
            && now >= self.next_tick
            && self.phase == Phase::Reading
        {
            let mut send = true;
            for source in self.sources.iter_mut().filter(|source| !source.ended) {
                send &= source.source.tick(now).map_err(|e| e.at(source.name.clone()))?;
            }
            if send {
                self.next_tick = now - now.rem_euclid(period) + period;
                self.tick(now)?;
            }
        }
        Ok(())
    }

    fn tick(&mut self, now: i64) -> Result<()> {
        self.broadcast(Signal::Tick(now))?;
        // Ends what operators emit at the tick.
        self.workers[self.active].send_block(Message::Pause)
    }

    /// The last barrier was to be the last of all, until further notice.
    fn is_held(&self) -> bool {
        let hold = self.control.hold.load(Ordering::Acquire);
        hold != 0 && self.barrier >= hold
    }

    /// Passes on what the sources want the user to know.
    fn warn(&mut self) {
        let warnings: Vec<Error> = self.sources.iter_mut().flat_map(ReaderSource::warnings).collect();
        if !warnings.is_empty() {
            self.acks.send(0, Part::Warned(warnings), Vec::new());
        }
    }

    /// Source `index` is read no more; with the last one, all ends.
    fn end(&mut self, index: usize) -> Result<()> {
        self.warn();
        self.sources[index].ended = true;
        let all = self.sources.iter().all(|source| source.ended);
        if all {
            self.phase = Phase::Parked;
            self.control.arrive();
        }
        self.workers[self.active].send_block(Message::Last { source: index })?;
        if all { self.broadcast(Signal::End) } else { Ok(()) }
    }

    fn drain(&mut self) {
        if !self.draining && self.control.drain.load(Ordering::Acquire) {
            self.draining = true;
            self.sources.iter_mut().for_each(|source| source.source.stop());
        }
    }

    /// The source that the next block is to come from.
    fn choose(&mut self) -> Result<usize> {
        let mut open = self.sources.iter_mut().enumerate().filter(|(_, source)| !source.ended).peekable();
        let mut least: Option<(i64, usize)> = None;
        while let Some((index, source)) = open.next() {
            // The only one that is left is not asked.
            if least.is_none() && open.peek().is_none() {
                return Ok(index);
            }
            let due = source.due()?;
            if least.is_none_or(|(time, _)| due < time) {
                least = Some((due, index));
            }
        }
        Ok(least.map_or(self.at, |(_, index)| index))
    }

    fn read(&mut self, now: i64) -> Result<Step> {
        self.drain();
        let unwanted = |source: &ReaderSource| !source.ended && (source.over || source.wanted.by_nobody());
        if let Some(index) = self.sources.iter().position(unwanted) {
            self.end(index)?;
            return Ok(Step::Ready);
        }
        self.at = self.choose()?;
        match self.sources[self.at].next(now)? {
            Next::Block(block) => {
                self.deal(Block { received: block.received.or(Some(now)), ..block })?;
                Ok(Step::Ready)
            }
            Next::Pending { until } => {
                self.warn();
                if self.sources[self.at].source.wants_checkpoint() {
                    self.acks.send(0, Part::Wanted, Vec::new());
                }
                let next = |period: i64| now - now.rem_euclid(period) + period;
                let tick = self.waits.map(next);
                Ok(Step::Blocked { until: until.into_iter().chain(tick).min() })
            }
            Next::Tick(then) => {
                if self.tick.is_some() {
                    self.tick(then)?;
                }
                Ok(Step::Ready)
            }
            Next::End => {
                self.end(self.at)?;
                Ok(Step::Ready)
            }
        }
    }

    /// Sends a block to the worker that has the baton, after passing it on if that one has enough to do.
    fn deal(&mut self, block: Block) -> Result<()> {
        if self.workers.len() > 1 && (self.pass || self.workers[self.active].queued() > 0) {
            self.workers[self.active].turn()?;
            self.active = (self.active + 1) % self.workers.len();
        }
        self.pass = match &block.body {
            Body::Bytes { data, .. } => data.len() >= BATON_BYTES,
            Body::Range { .. } | Body::Group(_) => true,
            Body::Empty => false,
        };
        let source = self.at;
        let input = self.sources[source].input_name(block.file);
        self.workers[self.active].send_block(Message::Block { source, block, input })
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
        self.sources.get(self.at).map_or("", |source| &source.name)
    }

    fn into_sources(self: Box<Self>) -> Vec<(usize, Box<dyn Source>)> {
        self.sources.into_iter().map(|source| (source.number, source.source)).collect()
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.phase == Phase::Reading && !self.is_held() {
            self.sources[self.at].source.poll_fds(fds);
        }
    }
}
