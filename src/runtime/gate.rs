//! The entrance of a task: reads many channels in one exact order, aligns signals, folds watermarks.
//!
//! An input is one edge of the job graph, delivered by one or more channels of one producer:
//! * [`Feed::Dealt`]: blocks come whole over one channel at a time; `Turn` passes the baton to the next.
//! * [`Feed::Split`]: every channel delivers its part of every block; parts are merged by their [`Order`].
//!
//! Inputs that stem from one group of sources share one sequence of blocks, a **domain**: the gate reads it block by
//! block and, within a block, input by input. Blocks of several domains, of which one is live, come by arrival.
//! Barriers, `End` and `Close` are passed on once every channel has delivered them. While an input waits, those
//! behind it in the domain put the block at hand aside, as the task that is waited for may feed them as well.

mod input;

use std::collections::BTreeMap;

use input::{Input, InputRead};

use super::channel::Rx;
use super::message::{BadRow, Chunk, Message, Signal};
use crate::checkpoint::manifest::Progress;
use crate::data::{Batch, Order};
use crate::error::{Error, Result};
use crate::op::RowContext;

/// How the channels of an input share its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    Dealt,
    Split,
}

/// One input of a gate.
pub struct GateInput {
    /// The operator's input it belongs to.
    pub port: usize,
    /// Number of the source whose workers feed it, if it is one.
    pub source: Option<usize>,
    /// Inputs with the same number share one sequence of blocks.
    pub domain: usize,
    pub feed: Feed,
    /// Allowed delay of event time in µs, for marks of decode workers.
    pub delay: i64,
    /// Column that holds line numbers within the block, to be completed here.
    pub line_column: Option<usize>,
    pub channels: Vec<Rx>,
}

/// What a gate hands to its task.
#[derive(Debug)]
pub enum Event {
    Rows(Batch, RowContext),
    Chunk(Chunk),
    /// No row up to this one comes any more: what of [`Message::Passed`] is to be told behind this task.
    Passed(Order),
    /// A record ends the job here; its place is complete.
    Failed(Box<BadRow>),
    /// A block has ended; the watermark over all unfinished inputs, µs.
    BlockEnd(i64),
    Tick(i64),
    Barrier(u64),
    /// All inputs have ended.
    End,
    Close,
    /// Nothing to read now.
    Pending,
}

pub struct Gate {
    inputs: Vec<Input>,
    domains: Vec<Domain>,
    /// The domain whose block is being read.
    current: Option<usize>,
    /// Where a search by arrival starts, so that no domain starves another.
    next: usize,
    tick: i64,
    watermark: i64,
}

struct Domain {
    /// Indices into `Gate::inputs`, in order.
    inputs: Vec<usize>,
    /// Which of them is being read.
    at: usize,
    /// Within a block: rows or marks of it have been read.
    within: bool,
    /// A signal that some channels have delivered: which, per input and channel.
    aligning: Option<(Signal, Vec<Vec<bool>>)>,
    /// A barrier that all channels of this domain have delivered, waiting for the other domains.
    barrier: Option<u64>,
    /// Its `End` has been read.
    end_seen: bool,
    closed: bool,
}

/// Outcome of reading a domain once.
enum Read {
    Event(Event),
    /// Something was read that is nobody's business outside.
    Progress,
    Signal(Signal),
    Empty,
}

impl Gate {
    pub fn new(inputs: Vec<GateInput>) -> Gate {
        let mut domains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, input) in inputs.iter().enumerate() {
            domains.entry(input.domain).or_default().push(index);
        }
        Gate {
            inputs: inputs.into_iter().map(Input::new).collect(),
            domains: domains.into_values().map(Domain::new).collect(),
            current: None,
            next: 0,
            tick: i64::MIN,
            watermark: i64::MIN,
        }
    }

    /// What is known of the sources read here.
    pub fn progress(&self) -> Vec<(usize, Progress)> {
        self.inputs.iter().filter_map(Input::progress).collect()
    }

    /// Goes on from a checkpoint, before the first poll; returns the watermark. `source` gives the progress of a
    /// source, `watermarks` are those of the operators behind the inputs, `saved` is what the task had reached.
    pub fn resume<'a>(
        &mut self,
        source: impl Fn(usize) -> Option<&'a Progress>,
        watermarks: &[Option<i64>],
        saved: i64,
    ) -> i64 {
        for (input, watermark) in self.inputs.iter_mut().zip(watermarks) {
            match (input.source().and_then(&source), watermark) {
                (Some(progress), _) => input.resume(progress),
                (None, Some(watermark)) => input.resume_behind(*watermark),
                (None, None) => {}
            }
        }
        self.watermark = saved;
        self.fold()
    }

    /// Asks all senders to send no more rows.
    pub fn satisfy(&self) {
        self.inputs.iter().flat_map(|i| &i.channels).for_each(Rx::satisfy);
    }

    /// The next event; `Pending` if the channel that is due is empty.
    pub fn poll(&mut self) -> Result<Event> {
        loop {
            let Some(domain) = self.choose() else { return self.settle() };
            match self.read(domain)? {
                Read::Event(event) => return Ok(event),
                Read::Progress => {}
                Read::Empty if self.current.is_none() => {
                    // By arrival: look at the others before giving up.
                    match self.poll_others(domain)? {
                        Some(event) => return Ok(event),
                        None if self.current.is_some() => {}
                        None => return Ok(Event::Pending),
                    }
                }
                Read::Empty => return Ok(Event::Pending),
                Read::Signal(signal) => {
                    if let Some(event) = self.signal(domain, signal) {
                        return Ok(event);
                    }
                }
            }
        }
    }

    fn poll_others(&mut self, first: usize) -> Result<Option<Event>> {
        let count = self.domains.len();
        for step in 1..count {
            let domain = (first + step) % count;
            if self.domains[domain].is_waiting() {
                continue;
            }
            loop {
                match self.read(domain)? {
                    Read::Event(event) => return Ok(Some(event)),
                    Read::Progress if self.current.is_some() => return Ok(None),
                    Read::Progress => {}
                    Read::Empty => break,
                    Read::Signal(signal) => {
                        if let Some(event) = self.signal(domain, signal) {
                            return Ok(Some(event));
                        }
                        break;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The domain to read next: the one within a block, else the first from `next` on. `None`: all wait.
    fn choose(&mut self) -> Option<usize> {
        if self.current.is_some() {
            return self.current;
        }
        let count = self.domains.len();
        (0..count).map(|step| (self.next + step) % count).find(|&domain| !self.domains[domain].is_waiting())
    }

    /// All domains wait for each other: barriers are aligned, or everything is closed.
    fn settle(&mut self) -> Result<Event> {
        if self.domains.iter().all(|d| d.closed) {
            return Ok(Event::Close);
        }
        let mut barrier = None;
        for domain in &mut self.domains {
            if let Some(id) = domain.barrier.take()
                && *barrier.get_or_insert(id) != id
            {
                return Err(Error::internal("barriers of two checkpoints met at one gate"));
            }
        }
        barrier.map(Event::Barrier).ok_or_else(|| Error::internal("a gate waits for nothing"))
    }

    fn signal(&mut self, domain: usize, signal: Signal) -> Option<Event> {
        match signal {
            // The ticks of one domain are enough: those of the first that has not ended, as then it ticks no more.
            Signal::Tick(now) if now > self.tick && self.first_open() == Some(domain) => {
                self.tick = now;
                Some(Event::Tick(now))
            }
            Signal::Tick(_) => None,
            Signal::Barrier(id) => {
                self.domains[domain].barrier = Some(id);
                None
            }
            Signal::End => {
                self.domains[domain].end_seen = true;
                self.domains.iter().all(|d| d.end_seen).then_some(Event::End)
            }
            Signal::Close => {
                self.domains[domain].closed = true;
                None
            }
        }
    }

    fn first_open(&self) -> Option<usize> {
        self.domains.iter().position(|domain| !domain.end_seen)
    }

    fn fold(&mut self) -> i64 {
        let open = || self.inputs.iter().filter(|input| !input.is_finished());
        let active = open().filter(|input| !input.is_idle()).map(Input::watermark).min();
        // Where all are idle, what they reached stands.
        let least = active.or_else(|| open().map(Input::watermark).min()).unwrap_or(i64::MAX);
        // A slot may appear late (a new connection, a new file): time never goes back.
        self.watermark = self.watermark.max(least);
        self.watermark
    }

    /// Reads one message of a domain.
    fn read(&mut self, index: usize) -> Result<Read> {
        if self.domains[index].aligning.is_some() {
            return self.align(index);
        }
        let count = self.domains.len();
        let domain = &mut self.domains[index];
        let input = &mut self.inputs[domain.inputs[domain.at]];
        let outcome = match input.feed {
            Feed::Dealt => input.read_dealt()?,
            Feed::Split => input.read_split()?,
        };
        match outcome {
            InputRead::Empty => {
                // One task may send what is due here only when it is rid of what it sends to the inputs behind.
                for &later in &domain.inputs[domain.at + 1..] {
                    self.inputs[later].channels.iter_mut().try_for_each(Rx::put_block_aside)?;
                }
                Ok(Read::Empty)
            }
            InputRead::Progress => Ok(Read::Progress),
            InputRead::Rows(mut batch, origin) => {
                domain.within = true;
                self.current = Some(index);
                input.complete_lines(&mut batch, origin);
                input.settle_delay(&mut batch);
                Ok(Read::Event(Event::Rows(batch, input.context(origin))))
            }
            InputRead::Chunk(chunk) => {
                domain.within = true;
                self.current = Some(index);
                Ok(Read::Event(Event::Chunk(chunk)))
            }
            InputRead::Passed(order) => {
                domain.within = true;
                self.current = Some(index);
                Ok(Read::Event(Event::Passed(order)))
            }
            InputRead::Failed(bad) => {
                domain.within = true;
                self.current = Some(index);
                Ok(Read::Event(Event::Failed(Box::new(input.complete(*bad)))))
            }
            InputRead::Marked => {
                domain.at += 1;
                domain.within = true;
                self.current = Some(index);
                if domain.at < domain.inputs.len() {
                    return Ok(Read::Progress);
                }
                domain.at = 0;
                domain.within = false;
                self.current = None;
                self.next = (index + 1) % count;
                Ok(Read::Event(Event::BlockEnd(self.fold())))
            }
            InputRead::Signal(signal, channel) => {
                if domain.within || domain.at != 0 {
                    return Err(Error::internal("a signal came within a block"));
                }
                let mut seen: Vec<Vec<bool>> =
                    domain.inputs.iter().map(|&i| vec![false; self.inputs[i].channels.len()]).collect();
                seen[0][channel] = true;
                domain.aligning = Some((signal, seen));
                self.align(index)
            }
        }
    }

    /// Collects the signal being aligned from the channels that have not delivered it.
    fn align(&mut self, index: usize) -> Result<Read> {
        let domain = &mut self.domains[index];
        let Some((signal, seen)) = &mut domain.aligning else { return Ok(Read::Progress) };
        let mut complete = true;
        for (&input, seen) in domain.inputs.iter().zip(seen.iter_mut()) {
            let input = &mut self.inputs[input];
            let order: Vec<usize> = input.reading_order().collect();
            for channel in order {
                while !seen[channel] {
                    match input.channels[channel].try_recv()? {
                        None => break,
                        Some(Message::Signal(other)) if other == *signal => seen[channel] = true,
                        Some(Message::Turn) if channel == input.active => input.pass_baton(),
                        Some(other) => {
                            return Err(Error::internal(format!("{other:?} came where {signal:?} was due")));
                        }
                    }
                }
                complete &= seen[channel];
            }
        }
        if !complete {
            return Ok(Read::Empty);
        }
        let signal = *signal;
        domain.aligning = None;
        Ok(Read::Signal(signal))
    }
}

impl Domain {
    fn new(inputs: Vec<usize>) -> Domain {
        Domain { inputs, at: 0, within: false, aligning: None, barrier: None, end_seen: false, closed: false }
    }

    /// Not to be read now: closed, or its barrier waits for the other domains.
    fn is_waiting(&self) -> bool {
        self.closed || self.barrier.is_some()
    }
}

#[cfg(test)]
mod tests;
