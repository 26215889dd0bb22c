//! One input of a gate: its channels, the block at hand, its watermark and line numbers.

use std::collections::BTreeMap;

use super::{Feed, GateInput};
use crate::checkpoint::manifest::{Progress, Slot as SavedSlot};
use crate::data::{Batch, Order};
use crate::error::{Error, Result};
use crate::op::RowContext;
use crate::runtime::channel::Rx;
use crate::runtime::merge::{Merged, Merger};
use crate::runtime::message::{BadRow, Chunk, Mark, MarkTime, Message, Origin, Signal};

pub(super) struct Input {
    port: usize,
    /// Number of the source whose workers feed it, if it is one.
    source: Option<usize>,
    delay: i64,
    line_column: Option<usize>,
    pub(super) feed: Feed,
    pub(super) channels: Vec<Rx>,
    /// The channel that has the baton.
    pub(super) active: usize,
    merger: Merger,
    /// Split: which channels have delivered the mark of the block.
    marked: Vec<Option<Mark>>,
    slots: Vec<Slot>,
    hold: i64,
    /// Watermark of the last mark of an operator.
    given: i64,
    /// That operator is idle.
    idle: bool,
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

/// Outcome of reading an input once.
pub(super) enum InputRead {
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
    pub(super) fn new(input: GateInput) -> Input {
        let channels = input.channels.len();
        Input {
            port: input.port,
            source: input.source,
            delay: input.delay,
            line_column: input.line_column,
            feed: input.feed,
            channels: input.channels,
            active: 0,
            merger: Merger::new(channels),
            marked: vec![None; channels],
            slots: Vec::new(),
            hold: i64::MAX,
            given: i64::MIN,
            idle: false,
            lines: BTreeMap::new(),
        }
    }

    /// What is known of the source behind it, for a checkpoint; `None` behind an operator.
    pub(super) fn progress(&self) -> Option<(usize, Progress)> {
        let saved = |s: &Slot| SavedSlot { max: s.max, opened: s.opened, ended: s.ended, idle: s.idle };
        let slots = self.slots.iter().map(saved).collect();
        let hold = (self.hold < i64::MAX).then_some(self.hold);
        Some((self.source?, Progress { slots, hold, lines: self.lines.clone() }))
    }

    /// Goes on from a checkpoint's progress of its source.
    pub(super) fn resume(&mut self, progress: &Progress) {
        let slot = |s: &SavedSlot| Slot { max: s.max, opened: s.opened, ended: s.ended, idle: s.idle };
        self.slots = progress.slots.iter().map(slot).collect();
        self.hold = progress.hold.unwrap_or(i64::MAX);
        self.lines = progress.lines.clone();
    }

    /// Goes on behind an operator that had reached `watermark`.
    pub(super) fn resume_behind(&mut self, watermark: i64) {
        self.given = watermark;
        if watermark == i64::MAX {
            self.finish();
        }
    }

    pub(super) fn source(&self) -> Option<usize> {
        self.source
    }

    pub(super) fn pass_baton(&mut self) {
        self.active = (self.active + 1) % self.channels.len();
    }

    /// Channels with the one that has the baton first.
    pub(super) fn reading_order(&self) -> impl Iterator<Item = usize> + use<> {
        let (start, count) = (self.active, self.channels.len());
        (0..count).map(move |step| (start + step) % count)
    }

    pub(super) fn read_dealt(&mut self) -> Result<InputRead> {
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
            Some(Message::Block { .. } | Message::Last { .. } | Message::Pause) => {
                return Err(Error::internal("an undecoded block came to a gate"));
            }
        })
    }

    /// Reads the parts of a block from all channels until their merge can go on.
    pub(super) fn read_split(&mut self) -> Result<InputRead> {
        for channel in 0..self.channels.len() {
            while self.marked[channel].is_none() && self.merger.wants(channel) {
                match self.channels[channel].try_recv()? {
                    None => break,
                    Some(Message::Rows { batch, .. }) => self.merger.push_rows(channel, batch),
                    Some(Message::Chunk(chunk)) => self.merger.push_chunk(channel, chunk),
                    Some(Message::Passed(order)) => self.merger.pass(channel, order),
                    Some(Message::Failed(bad)) => self.merger.push_failed(channel, bad),
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
            Merged::Failed(bad) => InputRead::Failed(bad),
            Merged::Wait => InputRead::Empty,
            Merged::End => {
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
            MarkTime::Watermark(watermark) => (self.given, self.idle) = (watermark, false),
            MarkTime::Idle(watermark) => (self.given, self.idle) = (watermark, true),
            MarkTime::Unchanged => {}
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
    pub(super) fn finish(&mut self) {
        self.given = i64::MAX;
        self.hold = i64::MAX;
        self.slots.iter_mut().for_each(|s| s.ended = true);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.given == i64::MAX
    }

    /// Watermark over the slots that are neither ended nor idle nor unopened.
    pub(super) fn watermark(&self) -> i64 {
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

    pub(super) fn is_idle(&self) -> bool {
        if self.idle {
            return true;
        }
        let mut open = self.slots.iter().filter(|s| s.opened && !s.ended).peekable();
        open.peek().is_some() && open.all(|s| s.idle)
    }

    pub(super) fn context(&self, origin: Origin) -> RowContext {
        let watermark = match self.slots.get(origin.slot as usize) {
            Some(slot) if slot.max > i64::MIN => slot.max.saturating_sub(self.delay).saturating_sub(1),
            _ => self.given,
        };
        RowContext { input: self.port, watermark, delay: 0 }
    }

    /// Rows that are passed on are judged alike behind every stage: `seen` holds what is left when the delay of
    /// this input is taken off.
    pub(super) fn settle_delay(&self, batch: &mut Batch) {
        if let Some(seen) = &batch.seen
            && self.delay > 0
        {
            batch.seen = Some(seen.iter().map(|s| s.saturating_sub(self.delay)).collect());
        }
    }

    pub(super) fn complete(&self, bad: BadRow) -> BadRow {
        let before = self.lines.get(&bad.origin.file).copied().unwrap_or(0);
        bad.complete(before)
    }

    pub(super) fn complete_lines(&self, batch: &mut Batch, origin: Origin) {
        let (Some(column), Some(&before)) = (self.line_column, self.lines.get(&origin.file)) else { return };
        if let Some(crate::data::Column::Int(lines)) = batch.columns.get_mut(column) {
            *lines = lines.unary(|line| line + before as i64);
        }
    }
}
