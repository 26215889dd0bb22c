//! Files that grow: read on and on, through renames and truncation, with new ones that come.
//!
//! Nothing tells when a file has grown, everywhere: so sizes are looked at again and again (`look.rs`), as seldom as
//! that stays cheap. What has grown is read (`tail.rs`), by event time the file whose next record is the earliest.
//! Where each file is goes into a checkpoint (`position.rs`), and files are found again by their content.
//!
//! An input is a **name**: the file that comes under the name of one that was renamed goes on with its watermark.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::connect::file::FirstTime;
use crate::connect::file::paths::Patterns;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::{Block, Body, Next, Source};
use crate::error::Result;

mod look;
mod names;
mod position;
mod tail;
#[cfg(test)]
mod tests;
mod turn;

pub use position::in_words;

use tail::{FileId, Got, Tail};

/// Files held open; others are opened for each read.
const OPEN_FILES_MAX: usize = 64;
/// Names of files that are forgotten, for messages about rows that are still on their way.
const NAMES_MAX: usize = 1024;

/// What a source of growing files is made of.
pub struct FollowOptions {
    pub patterns: Patterns,
    pub records: Records,
    pub pool: Arc<Pool>,
    /// Files that are there at first are read from their end.
    pub from_end: bool,
    /// Under `order = "time"`: decodes the event time of the first record, and each name has a watermark. `None`: all
    /// files are one input.
    pub first_time: Option<FirstTime>,
    /// Silence of an input for so many µs counts as idle.
    pub idle: Option<i64>,
    /// Lines that are not read are counted, too.
    pub exact_lines: bool,
    /// Blocks have no more rows than this.
    pub rows_max: Option<u64>,
}

/// Follows files.
pub struct Follow {
    options: FollowOptions,
    /// By number, which no two files share.
    tails: BTreeMap<u32, Tail>,
    by_path: HashMap<PathBuf, u32>,
    by_id: HashMap<FileId, u32>,
    /// Files that are not read, such as compressed ones.
    passed_over: HashSet<FileId>,
    numbers: u32,
    slots: Vec<Slot>,
    /// Files with a whole record, the one to read next first: by event time, or by when they were seen to have it.
    ready: BTreeSet<(i64, u32)>,
    keys: HashMap<u32, i64>,
    /// Counts up, for the order of `ready` without event time.
    turn: i64,
    /// Idle inputs and ended ones, to be told.
    marks: VecDeque<Block>,
    /// Descriptors, that of the file read last at the end.
    open: VecDeque<(u32, File)>,
    forgotten: BTreeMap<u32, String>,
    next_look: i64,
    next_list: i64,
    /// The files there are at first are known.
    begun: bool,
    stopped: bool,
    bytes: u64,
    /// A name went from one file to another, which the next position says first: should the new file lose it, too,
    /// before there is one, nobody would know that file.
    unsaved: bool,
    warnings: Vec<String>,
}

/// An input with a watermark.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// A block of it was handed out.
    opened: bool,
    idle: bool,
    ended: bool,
    /// When it last had something; 0: not known.
    since: i64,
}

impl Follow {
    /// Nothing is looked at before the first call of [`Source::next`], [`Source::position`] or [`Source::restore`].
    pub fn new(options: FollowOptions) -> Follow {
        Follow {
            options,
            tails: BTreeMap::new(),
            by_path: HashMap::new(),
            by_id: HashMap::new(),
            passed_over: HashSet::new(),
            numbers: 0,
            slots: Vec::new(),
            ready: BTreeSet::new(),
            keys: HashMap::new(),
            turn: 0,
            marks: VecDeque::new(),
            open: VecDeque::new(),
            forgotten: BTreeMap::new(),
            next_look: i64::MIN,
            next_list: i64::MIN,
            begun: false,
            stopped: false,
            bytes: 0,
            unsaved: false,
            warnings: Vec::new(),
        }
    }

    fn add(&mut self, tail: Tail) -> u32 {
        let number = self.numbers;
        self.numbers += 1;
        self.by_id.insert(tail.id, number);
        if tail.left.is_none() {
            self.by_path.insert(tail.path.clone(), number);
        }
        self.tails.insert(number, tail);
        number
    }

    /// No more is read of file `number`. Its input ends, if no other file goes on with it.
    fn forget(&mut self, number: u32) {
        self.not_ready(number);
        self.open.retain(|(open, _)| *open != number);
        let Some(tail) = self.tails.remove(&number) else { return };
        if self.by_id.get(&tail.id) == Some(&number) {
            self.by_id.remove(&tail.id);
        }
        if self.by_path.get(&tail.path) == Some(&number) {
            self.by_path.remove(&tail.path);
        }
        self.forgotten.insert(number, tail.path.display().to_string());
        if self.forgotten.len() > NAMES_MAX {
            self.forgotten.pop_first();
        }
        let others = self.tails.values().any(|other| other.slot == tail.slot);
        if self.by_time() && !others {
            let slot = &mut self.slots[tail.slot as usize];
            slot.ended = true;
            if slot.opened {
                let ends = Block { ends: true, ..self.mark(tail.slot) };
                self.marks.push_back(ends);
            }
        }
    }

    /// Reads of the file that is next; `None` if it has nothing after all.
    fn read(&mut self, number: u32, now: i64) -> Result<Option<Next>> {
        let file = self.file(number)?;
        let Some(tail) = self.tails.get_mut(&number) else { return Ok(None) };
        let file = file.map(|at| file_of(&self.open, at));
        let before = tail.mark.offset;
        match tail.read(file, &self.options.records, &self.options.pool, self.options.rows_max)? {
            Got::Block { body, line } => {
                self.bytes += tail.mark.offset - before;
                let block = self.block(number, body, line, now);
                self.make_ready(number)?;
                self.go_on_behind(number)?;
                Ok(Some(Next::Block(Block { hold: self.hold(), ..block })))
            }
            Got::Starved => Ok(Some(Next::Pending { until: None })),
            Got::Nothing => {
                self.not_ready(number);
                self.go_on_behind(number)?;
                Ok(None)
            }
            Got::Changed => {
                self.start_over(number, look::OTHER_DATA)?;
                self.make_ready(number)?;
                Ok(None)
            }
            Got::Packed => {
                self.pass_over(number);
                Ok(None)
            }
            Got::End => {
                self.forget(number);
                self.go_on_behind(number)?;
                Ok(None)
            }
        }
    }

    fn block(&mut self, number: u32, body: Body, line: u64, now: i64) -> Block {
        let slot = self.tails.get(&number).map_or(0, |tail| tail.slot);
        let state = &mut self.slots[slot as usize];
        (state.opened, state.idle, state.since) = (true, false, now);
        let slots = self.slots.len() as u32;
        Block { file: number, slot, slots, line: Some(line), ..Block::single(body) }
    }
}

/// The descriptor at a place of [`Follow::open`].
fn file_of(open: &VecDeque<(u32, File)>, at: usize) -> &File {
    &open[at].1
}

impl Source for Follow {
    fn next(&mut self, now: i64) -> Result<Next> {
        if self.stopped {
            return Ok(Next::End);
        }
        self.begin(now)?;
        if now >= self.next_look {
            self.look(now)?;
            self.note_idle(now);
        }
        loop {
            if let Some(mark) = self.marks.pop_front() {
                return Ok(Next::Block(mark));
            }
            let Some(&(_, number)) = self.ready.first() else { break };
            if let Some(next) = self.read(number, now)? {
                return Ok(next);
            }
        }
        Ok(Next::Pending { until: Some(self.next_look) })
    }

    fn input_name(&self, file: u32) -> String {
        let known = self.tails.get(&file).map(|tail| tail.path.display().to_string());
        known.or_else(|| self.forgotten.get(&file).cloned()).unwrap_or_else(|| format!("file {file}"))
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes, None)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn position(&mut self) -> Result<Value> {
        self.begin(i64::MIN)?;
        self.unsaved = false;
        self.saved()
    }

    fn restore(&mut self, position: &Value) -> Result<()> {
        self.load(position)
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn wants_checkpoint(&self) -> bool {
        self.unsaved
    }
}
