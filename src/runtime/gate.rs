//! The entrance of a task: reads many channels in one exact order, aligns signals, folds watermarks.
//!
//! An input is one edge of the job graph, delivered by one or more channels of one producer:
//! * [`Feed::Dealt`]: blocks come whole over one channel at a time; `Turn` passes the baton to the next.
//! * [`Feed::Split`]: every channel delivers its part of every block; parts are merged by their [`Order`].
//!
//! Inputs that stem from the same sources form a **domain**: the gate reads a domain block by block and, within a
//! block, input by input. Several bounded domains are merged by (least watermark, place), which every subtask
//! decides alike from the same marks; if one of them is live, blocks come by arrival.
//! Barriers, `End` and `Close` are passed on once every channel has delivered them. While an input waits, those
//! behind it in the domain put the block at hand aside, as the task that is waited for may feed them as well.

use std::collections::BTreeMap;

use super::channel::Rx;
use super::merge::{Merged, Merger};
use super::message::{BadRow, Chunk, Mark, MarkTime, Message, Origin, Signal};
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
    /// Inputs with the same number stem from the same sources.
    pub domain: usize,
    /// Domains at the same watermark are read in this order, which is the same at every gate of the job.
    pub rank: usize,
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
    /// Read by arrival instead of by watermark.
    live: bool,
    /// The domain whose block is being read.
    current: Option<usize>,
    /// Where a search by arrival starts, so that no domain starves another.
    next: usize,
    tick: i64,
    watermark: i64,
}

struct Input {
    port: usize,
    delay: i64,
    line_column: Option<usize>,
    feed: Feed,
    channels: Vec<Rx>,
    /// The channel that has the baton.
    active: usize,
    merger: Merger,
    /// Split: which channels have delivered the mark of the block.
    marked: Vec<Option<Mark>>,
    /// Split: what has failed in the block, of the first channel that said so.
    failed: Option<(usize, Box<BadRow>)>,
    slots: Vec<Slot>,
    hold: i64,
    /// Watermark of the last mark of an operator.
    given: i64,
    /// Lines of each file up to the block that is being read.
    lines: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    max: i64,
    opened: bool,
    ended: bool,
    idle: bool,
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
    /// Its last block has been read: it has left the watermark's minimum.
    ended: bool,
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
    /// `live`: one of several domains is live, so blocks are read by arrival.
    pub fn new(inputs: Vec<GateInput>, live: bool) -> Gate {
        let mut domains: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (index, input) in inputs.iter().enumerate() {
            domains.entry((input.rank, input.domain)).or_default().push(index);
        }
        let domains: Vec<Vec<usize>> = domains.into_values().collect();
        Gate {
            inputs: inputs.into_iter().map(Input::new).collect(),
            live: live && domains.len() > 1,
            domains: domains.into_iter().map(Domain::new).collect(),
            current: None,
            next: 0,
            tick: i64::MIN,
            watermark: i64::MIN,
        }
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
                Read::Empty if self.live && self.current.is_none() => {
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

    /// The domain to read next: the one within a block, else by watermark or arrival. `None`: all wait.
    fn choose(&mut self) -> Option<usize> {
        if self.current.is_some() {
            return self.current;
        }
        let open = (0..self.domains.len()).filter(|&d| !self.domains[d].is_waiting());
        if self.live {
            let count = self.domains.len();
            let next = self.next;
            open.min_by_key(|&d| (d + count - next) % count)
        } else {
            // Ended domains last: only barriers and Close are left to read there.
            open.min_by_key(|&d| (self.domains[d].ended, self.domain_watermark(d), d))
        }
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
            // By arrival every subtask would see another mixture of the domains' ticks; those of one are enough, as
            // readers tick until all have ended.
            Signal::Tick(now) if now > self.tick && (!self.live || domain == 0) => {
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

    fn fold(&mut self) -> i64 {
        let open = || (0..self.domains.len()).filter(|&d| !self.domains[d].ended);
        let active = open().filter(|&d| !self.is_idle(d)).map(|d| self.domain_watermark(d)).min();
        // Where all are idle, what they reached stands.
        let least = active.or_else(|| open().map(|d| self.domain_watermark(d)).min()).unwrap_or(i64::MAX);
        // A slot may appear late (a new connection, a new file): time never goes back.
        self.watermark = self.watermark.max(least);
        self.watermark
    }

    /// All that is open of this domain is idle: it holds nobody back.
    fn is_idle(&self, domain: usize) -> bool {
        self.domains[domain].inputs.iter().all(|&i| self.inputs[i].is_idle())
    }

    fn domain_watermark(&self, domain: usize) -> i64 {
        self.domains[domain].inputs.iter().map(|&i| self.inputs[i].watermark()).min().unwrap_or(i64::MAX)
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
                domain.ended = domain.inputs.iter().all(|&i| self.inputs[i].is_finished());
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

enum InputRead {
    Empty,
    Progress,
    Rows(Batch, Origin),
    Chunk(Chunk),
    Passed(Order),
    Failed(Box<BadRow>),
    /// The block's mark has come over all channels that carry it.
    Marked,
    Signal(Signal, usize),
}

impl Input {
    fn new(input: GateInput) -> Input {
        let channels = input.channels.len();
        Input {
            port: input.port,
            delay: input.delay,
            line_column: input.line_column,
            feed: input.feed,
            channels: input.channels,
            active: 0,
            merger: Merger::new(channels),
            marked: vec![None; channels],
            failed: None,
            slots: Vec::new(),
            hold: i64::MAX,
            given: i64::MIN,
            lines: BTreeMap::new(),
        }
    }

    fn pass_baton(&mut self) {
        self.active = (self.active + 1) % self.channels.len();
    }

    /// Channels with the one that has the baton first.
    fn reading_order(&self) -> impl Iterator<Item = usize> + use<> {
        let (start, count) = (self.active, self.channels.len());
        (0..count).map(move |step| (start + step) % count)
    }

    fn read_dealt(&mut self) -> Result<InputRead> {
        Ok(match self.channels[self.active].try_recv()? {
            None => InputRead::Empty,
            Some(Message::Turn) => {
                self.pass_baton();
                InputRead::Progress
            }
            Some(Message::Rows { origin, batch }) => InputRead::Rows(batch, origin),
            Some(Message::Chunk(chunk)) => InputRead::Chunk(chunk),
            Some(Message::Failed(bad)) => InputRead::Failed(bad),
            Some(Message::Signal(signal)) => InputRead::Signal(signal, self.active),
            Some(Message::Mark(mark)) => {
                self.observe(&mark);
                InputRead::Marked
            }
            Some(Message::Passed(order)) => InputRead::Passed(order),
            Some(Message::Block(..) | Message::Last) => {
                return Err(Error::internal("an undecoded block came to a gate"));
            }
        })
    }

    /// Reads the parts of a block from all channels until their merge can go on.
    fn read_split(&mut self) -> Result<InputRead> {
        for channel in 0..self.channels.len() {
            while self.marked[channel].is_none() && self.merger.wants(channel) {
                match self.channels[channel].try_recv()? {
                    None => break,
                    Some(Message::Rows { batch, .. }) => self.merger.push_rows(channel, batch),
                    Some(Message::Chunk(chunk)) => self.merger.push_chunk(channel, chunk),
                    Some(Message::Passed(order)) => self.merger.pass(channel, order),
                    // Its place is behind the rows that came before it in any channel.
                    Some(Message::Failed(bad)) => {
                        if self.failed.as_ref().is_none_or(|(first, _)| channel < *first) {
                            self.failed = Some((channel, bad));
                        }
                    }
                    Some(Message::Mark(mark)) => {
                        self.marked[channel] = Some(mark);
                        self.merger.end(channel);
                    }
                    Some(Message::Signal(signal)) if self.merger.is_fresh() => {
                        return Ok(InputRead::Signal(signal, channel));
                    }
                    Some(other) => return Err(Error::internal(format!("{other:?} came within a split block"))),
                }
            }
        }
        Ok(self.merged())
    }

    fn merged(&mut self) -> InputRead {
        match self.merger.next() {
            Merged::Rows(batch) => InputRead::Rows(batch, Origin::default()),
            Merged::Chunk(chunk) => InputRead::Chunk(chunk),
            Merged::Wait => InputRead::Empty,
            Merged::End => {
                if let Some((_, bad)) = self.failed.take() {
                    return InputRead::Failed(bad);
                }
                self.merger.restart();
                // All parts of a block carry the same watermark.
                let mark = self.marked.iter_mut().filter_map(Option::take).last();
                if let Some(mark) = mark {
                    self.observe(&mark);
                }
                InputRead::Marked
            }
        }
    }

    fn observe(&mut self, mark: &Mark) {
        if mark.lines > 0 {
            *self.lines.entry(mark.origin.file).or_default() += mark.lines;
        }
        match mark.time {
            MarkTime::Watermark(i64::MAX) => self.finish(),
            MarkTime::Watermark(watermark) => self.given = watermark,
            MarkTime::Observed { slots, max, hold, ends, idle } => {
                let fresh = Slot { max: i64::MIN, opened: false, ended: false, idle: false };
                self.slots.resize(self.slots.len().max(slots as usize), fresh);
                self.hold = hold;
                if let Some(slot) = self.slots.get_mut(mark.origin.slot as usize) {
                    slot.max = slot.max.max(max);
                    slot.opened = true;
                    slot.ended |= ends;
                    slot.idle = idle;
                }
                if ends {
                    self.lines.remove(&mark.origin.file);
                }
            }
        }
    }

    /// The source has ended: its inputs leave the minimum.
    fn finish(&mut self) {
        self.given = i64::MAX;
        self.hold = i64::MAX;
        self.slots.iter_mut().for_each(|s| s.ended = true);
    }

    fn is_finished(&self) -> bool {
        self.given == i64::MAX
    }

    /// Watermark over the slots that are neither ended nor idle nor unopened.
    fn watermark(&self) -> i64 {
        if self.slots.is_empty() || self.is_finished() {
            return self.given;
        }
        let behind = |max: i64| if max == i64::MIN { max } else { max.saturating_sub(self.delay).saturating_sub(1) };
        let held = if self.hold == i64::MAX { i64::MAX } else { behind(self.hold) };
        let open = self.slots.iter().filter(|s| s.opened && !s.ended && !s.idle);
        let least = open.map(|s| behind(s.max)).min();
        match least {
            Some(least) => least.min(held),
            None if held < i64::MAX => held,
            // All slots that exist have ended or are idle: what they reached stands.
            None => self.slots.iter().map(|s| behind(s.max)).max().unwrap_or(i64::MIN),
        }
    }

    fn is_idle(&self) -> bool {
        let mut open = self.slots.iter().filter(|s| s.opened && !s.ended).peekable();
        open.peek().is_some() && open.all(|s| s.idle)
    }

    fn context(&self, origin: Origin) -> RowContext {
        let watermark = match self.slots.get(origin.slot as usize) {
            Some(slot) if slot.max > i64::MIN => slot.max.saturating_sub(self.delay).saturating_sub(1),
            _ => self.given,
        };
        RowContext { input: self.port, watermark, delay: 0 }
    }

    /// Rows that are passed on are judged alike behind every stage: `seen` holds what is left when the delay of
    /// this input is taken off.
    fn settle_delay(&self, batch: &mut Batch) {
        if let Some(seen) = &batch.seen
            && self.delay > 0
        {
            batch.seen = Some(seen.iter().map(|s| s.saturating_sub(self.delay)).collect());
        }
    }

    fn complete(&self, bad: BadRow) -> BadRow {
        let before = self.lines.get(&bad.origin.file).copied().unwrap_or(0);
        bad.complete(before)
    }

    fn complete_lines(&self, batch: &mut Batch, origin: Origin) {
        let (Some(column), Some(&before)) = (self.line_column, self.lines.get(&origin.file)) else { return };
        if let Some(crate::data::Column::Int(lines)) = batch.columns.get_mut(column) {
            *lines = lines.unary(|line| line + before as i64);
        }
    }
}

impl Domain {
    fn new(inputs: Vec<usize>) -> Domain {
        Domain {
            inputs,
            at: 0,
            within: false,
            aligning: None,
            barrier: None,
            ended: false,
            end_seen: false,
            closed: false,
        }
    }

    /// Not to be read now: closed, or its barrier waits for the other domains.
    fn is_waiting(&self) -> bool {
        self.closed || self.barrier.is_some()
    }
}

#[cfg(test)]
mod tests;
