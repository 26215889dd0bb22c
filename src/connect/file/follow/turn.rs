//! Whose turn it is: files with a whole record in order, what they say of their inputs' time, and inputs that are silent.

use std::collections::HashSet;

use super::tail::Tail;
use super::{Follow, Slot, file_of};
use crate::connect::{Block, Body};
use crate::error::Result;

impl Follow {
    pub(super) fn by_time(&self) -> bool {
        self.options.first_time.is_some()
    }

    /// The input of a new name.
    pub(super) fn new_slot(&mut self) -> u32 {
        if self.by_time() || self.slots.is_empty() {
            self.slots.push(Slot::default());
        }
        self.slots.len() as u32 - 1
    }

    /// A block without rows.
    pub(super) fn mark(&self, slot: u32) -> Block {
        Block { slot, slots: self.slots.len() as u32, hold: self.hold(), ..Block::single(Body::Empty) }
    }

    /// Least event time of a record to be read whose input has had none yet.
    pub(super) fn hold(&self) -> i64 {
        if !self.by_time() {
            return i64::MAX;
        }
        let opened = |number: &u32| self.tails.get(number).is_none_or(|tail| self.slots[tail.slot as usize].opened);
        self.ready.iter().find(|(_, number)| !opened(number)).map_or(i64::MAX, |(time, _)| *time)
    }

    pub(super) fn not_ready(&mut self, number: u32) {
        if let Some(key) = self.keys.remove(&number) {
            self.ready.remove(&(key, number));
        }
    }

    /// Puts file `number` in its place among those that are to be read, if it has a whole record.
    pub(super) fn make_ready(&mut self, number: u32) -> Result<()> {
        let Some(tail) = self.tails.get(&number) else { return Ok(()) };
        let waits = tail.behind.and_then(|before| self.tails.get(&before)).is_some_and(Tail::has_more);
        if waits || !tail.has_more() {
            self.not_ready(number);
            return Ok(());
        }
        let key = match self.options.first_time.is_some() {
            true => self.next_time(number)?,
            false => self.keys.get(&number).copied().or_else(|| {
                self.turn += 1;
                Some(self.turn)
            }),
        };
        self.not_ready(number);
        if let Some(key) = key {
            self.keys.insert(number, key);
            self.ready.insert((key, number));
        }
        Ok(())
    }

    /// Event time of the next record; `None` if there is none yet.
    pub(super) fn next_time(&mut self, number: u32) -> Result<Option<i64>> {
        let file = self.file(number)?;
        let (Some(tail), Some(first_time)) = (self.tails.get_mut(&number), &mut self.options.first_time) else {
            return Ok(None);
        };
        match file {
            Some(file) => tail.next_time(file_of(&self.open, file), &self.options.records, first_time),
            None => Ok(tail.rest.is_some().then_some(i64::MIN)),
        }
    }

    /// Files that waited for `number` to be read may go on.
    pub(super) fn go_on_behind(&mut self, number: u32) -> Result<()> {
        if self.tails.get(&number).is_some_and(Tail::has_more) {
            return Ok(());
        }
        let waiting: Vec<u32> = self.tails.iter().filter(|(_, t)| t.behind == Some(number)).map(|(n, _)| *n).collect();
        waiting.into_iter().try_for_each(|waiting| self.make_ready(waiting))
    }

    /// Inputs that have been silent for long.
    pub(super) fn note_idle(&mut self, now: i64) {
        let Some(idle) = self.options.idle else { return };
        let busy: HashSet<u32> =
            self.ready.iter().filter_map(|(_, number)| Some(self.tails.get(number)?.slot)).collect();
        for slot in 0..self.slots.len() {
            let state = &mut self.slots[slot];
            if busy.contains(&(slot as u32)) || state.since == 0 {
                state.since = now;
            } else if state.opened && !state.idle && !state.ended && now - state.since >= idle {
                state.idle = true;
                let block = Block { idle: true, ..self.mark(slot as u32) };
                self.marks.push_back(block);
            }
        }
    }
}
