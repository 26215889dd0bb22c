//! `order = "time"`: the next block comes from the file whose next record is earliest.
//!
//! Every file is an input of its own with its own watermark. A slot is given to a file when it is opened, so slots
//! are numbered in the order of first event times. Files not opened yet are covered by `hold`.
//!
//! Of a named pipe the next record has to come before anything else is read: until then nobody knows which is earliest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};

use crate::connect::file::Shared;
use crate::connect::file::identity::Mismatch;
use crate::connect::file::pipe::Pipe;
use crate::connect::file::position::{Position, State, unlike};
use crate::connect::file::reading::{Reading, Step};
use crate::connect::{Block, Body, Next};
use crate::error::Result;

/// Decodes the event time (µs) of the one record it is given, or of the first row of a group; `None` if that is bad or
/// blank.
pub type FirstTime = Box<dyn FnMut(&Body) -> Option<i64> + Send>;

/// Files that are held open at once; beyond, the plain one that waits longest is closed until its turn.
pub const OPEN_FILES_MAX: usize = 256;
/// Beyond so many, compressed ones are closed, too: fewer than the descriptors that a process has everywhere.
pub const OPEN_PACKED_MAX: usize = 768;

pub struct ByTime {
    first_time: FirstTime,
    /// (time of the next record, file) of every file that has one, least first.
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    /// (time of the first record, file) of the files not opened yet, the next one last.
    unopened: Vec<(i64, u32)>,
    started: HashMap<u32, Started>,
    /// Files that cannot be opened a second time (pipes) stay open from the first look on.
    probed: HashMap<u32, Reading>,
    /// Pipes whose next record has not come, each with the time of the record before.
    awaited: Vec<(i64, u32)>,
    slots: u32,
    /// Files of `started` with an open descriptor.
    open: usize,
    /// Counts blocks, to find the file that was not read for longest.
    clock: u64,
    ended: bool,
}

/// A file that has been opened and not ended.
struct Started {
    input: Reading,
    slot: u32,
    used: u64,
}

impl ByTime {
    /// Looks at the first record of every file; files without records take no part.
    pub fn probe(shared: &Shared, mut first_time: FirstTime) -> Result<ByTime> {
        let mut unopened = Vec::with_capacity(shared.paths.len());
        let (mut probed, mut awaited) = (HashMap::new(), Vec::new());
        for (file, path) in shared.paths.iter().enumerate() {
            let mut input = shared.open_or_pipe(path)?;
            if matches!(input, Reading::Pipe(_)) {
                awaited.push((i64::MIN, file as u32));
                probed.insert(file as u32, input);
                continue;
            }
            let time = next_time(&mut input, &mut first_time, i64::MIN)?;
            if input.is_at_end() {
                continue;
            }
            unopened.push((time, file as u32));
            if !path.is_file() {
                probed.insert(file as u32, input);
            }
        }
        let queue = unopened.iter().copied().map(Reverse).collect();
        unopened.sort_unstable_by_key(|&entry| Reverse(entry));
        let started = HashMap::new();
        let (slots, open, clock, ended) = (0, 0, 0, false);
        Ok(ByTime { first_time, queue, unopened, started, probed, awaited, slots, open, clock, ended })
    }

    pub fn next(&mut self, shared: &mut Shared) -> Result<Next> {
        self.look(shared)?;
        if !self.awaited.is_empty() {
            return Ok(Next::Pending { until: None });
        }
        let Some(&Reverse((time, file))) = self.queue.peek() else {
            return Ok(self.end());
        };
        self.start(shared, file)?;
        let Some(started) = self.started.get_mut(&file) else { return Ok(Next::End) };
        let was_open = started.input.is_open();
        let cut = started.input.next_block(&shared.pool)?;
        self.open += usize::from(started.input.is_open() && !was_open);
        let (body, slot, line) = match cut {
            Step::Starved => return Ok(Next::Pending { until: None }),
            Step::Block { body, line, .. } => (body, started.slot, line),
            // It became shorter since it was looked at.
            Step::End => (Body::Empty, started.slot, None),
        };
        self.queue.pop();
        self.clock += 1;
        started.used = self.clock;
        if matches!(started.input, Reading::Pipe(_)) && !matches!(body, Body::Empty) {
            // Whether it ends here is known when its writer is done.
            self.awaited.push((time, file));
            let hold = self.hold();
            return Ok(Next::Block(Block { file, slot, slots: self.slots, hold, line, ..Block::single(body) }));
        }
        let following = next_time(&mut started.input, &mut self.first_time, time)?;
        let ends = started.input.is_at_end() || matches!(body, Body::Empty);
        if ends {
            self.close(shared, file);
        } else {
            self.queue.push(Reverse((following, file)));
            self.limit_open(file);
        }
        let hold = self.hold();
        Ok(Next::Block(Block { file, slot, slots: self.slots, hold, ends, line, ..Block::single(body) }))
    }

    fn hold(&self) -> i64 {
        self.unopened.last().map_or(i64::MAX, |&(time, _)| time)
    }

    /// Puts the pipes whose next record has come in their place.
    fn look(&mut self, shared: &Shared) -> Result<()> {
        for (before, file) in std::mem::take(&mut self.awaited) {
            let started = self.started.get_mut(&file).map(|started| &mut started.input);
            let was_started = started.is_some();
            let Some(input) = started.or(self.probed.get_mut(&file)) else { continue };
            if !input.look(&shared.pool)? {
                self.awaited.push((before, file));
                continue;
            }
            // A pipe without records takes no part; the end of another one is told at once.
            if !was_started && input.is_at_end() {
                self.probed.remove(&file);
                continue;
            }
            let time = next_time(input, &mut self.first_time, before)?;
            self.queue.push(Reverse((time, file)));
            if !was_started {
                self.unopened.push((time, file));
                self.unopened.sort_unstable_by_key(|&entry| Reverse(entry));
            }
        }
        Ok(())
    }

    /// The pipes that are waited for.
    pub fn awaited(&self) -> impl Iterator<Item = &Pipe> {
        let input = |(_, file): &(i64, u32)| {
            self.started.get(file).map(|started| &started.input).or_else(|| self.probed.get(file))
        };
        self.awaited.iter().filter_map(input).filter_map(|input| match input {
            Reading::Pipe(ahead) => Some(&ahead.pipe),
            _ => None,
        })
    }

    /// Event time of the next record, as [`ByTime::next`] goes by it.
    pub fn next_time(&self) -> i64 {
        // They are asked for at once.
        if !self.awaited.is_empty() {
            return i64::MIN;
        }
        self.queue.peek().map_or(i64::MIN, |&Reverse((time, _))| time)
    }

    /// After the last file: nothing, or one empty block if there was no record at all.
    fn end(&mut self) -> Next {
        if self.ended || self.slots > 0 {
            return Next::End;
        }
        self.ended = true;
        Next::Block(Block { ends: true, ..Block::single(Body::Empty) })
    }

    /// Opens `file` if it is its first turn.
    fn start(&mut self, shared: &Shared, file: u32) -> Result<()> {
        if self.started.contains_key(&file) {
            return Ok(());
        }
        let input = match self.probed.remove(&file) {
            Some(input) => input,
            None => shared.open(&shared.paths[file as usize])?,
        };
        // Both orders are by (time, file), so the file at the head of the queue is the next unopened one.
        self.unopened.pop();
        self.started.insert(file, Started { input, slot: self.slots, used: self.clock });
        self.slots += 1;
        self.open += 1;
        Ok(())
    }

    fn close(&mut self, shared: &mut Shared, file: u32) {
        if let Some(started) = self.started.remove(&file) {
            shared.done_bytes += started.input.bytes_read();
            self.open -= usize::from(started.input.is_open());
        }
    }

    /// Closes the descriptor that was used least recently, if there are too many.
    fn limit_open(&mut self, keep: u32) {
        if self.open <= OPEN_FILES_MAX {
            return;
        }
        let others = self.started.iter_mut().filter(|(file, s)| **file != keep && s.input.is_open());
        let mut waiting: Vec<&mut Started> = others.map(|(_, started)| started).collect();
        waiting.sort_unstable_by_key(|started| started.used);
        let packed = self.open > OPEN_PACKED_MAX;
        if waiting.into_iter().any(|started| started.input.park(packed)) {
            self.open -= 1;
        }
    }

    /// Bytes read of the files that are open.
    pub fn open_bytes(&self) -> u64 {
        self.started.values().map(|started| started.input.bytes_read()).sum()
    }

    pub fn slots(&self) -> u32 {
        self.slots
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    /// What is to be known of each of `files` files to go on.
    pub fn states(&mut self, files: usize) -> Vec<State> {
        let mut states = vec![State::Done; files];
        let queued = self.queue.iter().map(|&Reverse(entry)| entry);
        for (time, file) in queued.chain(self.awaited.iter().copied()) {
            states[file as usize] = match self.started.get_mut(&file) {
                Some(started) => {
                    let (mark, lines, years) = (started.input.mark(), started.input.lines(), started.input.years());
                    State::Open { mark, slot: started.slot, time, lines, years }
                }
                None => State::Waiting { time: Some(time), years: None },
            };
        }
        states
    }

    /// Takes the place of a source that was at `position`. `listed` are the files that were probed, `opened` those
    /// that are open, in order.
    ///
    /// Errors: a file that was not opened yet begins with another event time than it did.
    pub fn reenter(
        &mut self,
        shared: &Shared,
        listed: &[PathBuf],
        position: &Position,
        opened: Vec<Reading>,
    ) -> Result<()> {
        let mut first_times: HashMap<&Path, (i64, u32)> =
            self.unopened.drain(..).map(|(time, file)| (listed[file as usize].as_path(), (time, file))).collect();
        let mut probed = std::mem::take(&mut self.probed);
        self.queue.clear();
        self.awaited.clear();
        let mut opened = opened.into_iter();
        for (file, (at, path)) in position.files.iter().zip(&shared.paths).enumerate() {
            let file = file as u32;
            match at.state {
                State::Done => {}
                State::Waiting { .. } if !shared.records.is_columnar() && Pipe::is_at(path) => {
                    let old = listed.iter().position(|listed| listed == path).map(|old| old as u32);
                    let input = match old.and_then(|old| probed.remove(&old)) {
                        Some(input) => input,
                        None => shared.open_or_pipe(path)?,
                    };
                    self.probed.insert(file, input);
                    self.awaited.push((i64::MIN, file));
                }
                State::Waiting { time, years } => {
                    let Some(time) = time else { return Err(unlike("a file has no first event time")) };
                    let found = match first_times.remove(path.as_path()) {
                        // With years, the first look went by those of today.
                        Some((found, old)) if years.is_none() => {
                            self.probed.extend(probed.remove(&old).map(|input| (file, input)));
                            found
                        }
                        _ => {
                            let mut input = shared.open(path)?;
                            next_time(&mut input, &mut self.first_time, i64::MIN)?
                        }
                    };
                    if found != time {
                        return Err(Mismatch::Replaced.error(path, 0));
                    }
                    self.queue.push(Reverse((time, file)));
                    self.unopened.push((time, file));
                }
                State::Open { slot, time, .. } => {
                    let Some(input) = opened.next() else { return Err(unlike("a file is not open")) };
                    self.open += usize::from(input.is_open());
                    self.queue.push(Reverse((time, file)));
                    self.started.insert(file, Started { input, slot, used: 0 });
                }
            }
        }
        self.unopened.sort_unstable_by_key(|&entry| Reverse(entry));
        self.slots = position.slots;
        self.ended = position.ended;
        Ok(())
    }

    #[cfg(test)]
    pub fn files_open(&self) -> usize {
        self.started.values().filter(|started| started.input.is_open()).count()
    }
}

/// Event time of the next record of `input`; `before` (that of the record before) if it does not decode, so that
/// it is read at once.
fn next_time(input: &mut Reading, first_time: &mut FirstTime, before: i64) -> Result<i64> {
    Ok(input.next_time(first_time)?.unwrap_or(before))
}
