//! Files as a source: one after the other, or merged by the event times at the starts of their blocks.
//!
//! Bounded files only; cutting is in `file/input.rs`, bytes in `file/raw.rs`, names in `file/paths.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use serde_json::Value;

use crate::connect::feed::Fed;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::{Block, Body, Next, Source};
use crate::error::{Error, Result};
use crate::format::columnar;
use crate::format::infer::columnar::{Described, describe};
use crate::format::{Format, SourceField, Year, Years};

mod ahead;
mod by_time;
mod follow;
mod groups;
mod identity;
mod input;
mod paths;
mod pipe;
mod position;
mod raw;
mod reading;
mod rotated;
mod sample;
mod zstd;

#[cfg(test)]
mod resume_tests;
#[cfg(test)]
mod tests;

pub use by_time::FirstTime;
pub use follow::{Follow, FollowOptions};
pub use raw::Packing;
pub use zstd::ZstdReader;

pub use paths::{Patterns, not_found, reason};
pub use position::in_words;
pub use sample::{sample, sample_of};

use by_time::ByTime;
use pipe::Pipe;
use position::{FileAt, Finder, Name, Position, State, unlike};
use reading::{Reading, Step};

/// The columns of a file of columns, as a source has them that gives no schema.
///
/// Errors: it cannot be opened, or is not of this format, which names it.
pub fn columns_of(path: &Path, format: &Format) -> Result<Vec<SourceField>> {
    let file = columnar::open(format, Arc::new(groups::Opened::open(path)?));
    let file = file.map_err(|e| Error { message: format!("{}: {}", path.display(), e.message), ..e })?;
    Ok(columnar::fields(file.schema()))
}

/// What a file of columns holds, with its first `rows` rows.
///
/// Errors: it cannot be opened, is not of this format, or is corrupt, which names it.
pub fn described(path: &Path, format: &Format, rows: usize) -> Result<Described> {
    let file = columnar::open(format, Arc::new(groups::Opened::open(path)?));
    let found = file.and_then(|file| describe(&file, rows));
    found.map_err(|e| Error { message: format!("{}: {}", path.display(), e.message), ..e })
}

/// How the bytes of a file come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadMode {
    /// Reads, until maps are measured to be clearly cheaper.
    #[default]
    Auto,
    Stream,
    /// Maps of regular files that are not compressed; others are read.
    Mmap,
}

/// What a file source is made of.
pub struct FileOptions {
    /// The files in the order they were given, as [`Patterns::resolve`] lists them.
    pub paths: Vec<PathBuf>,
    pub records: Records,
    pub read: ReadMode,
    /// Bounds the blocks alive; its waker is called when `next` said `Pending` and a block came back.
    pub pool: Arc<Pool>,
    /// Under `order = "time"`: decodes the event time of the first record. `None`: by name.
    pub first_time: Option<FirstTime>,
    /// Of logs whose lines have no year: that of the first one.
    pub year: Option<Year>,
}

/// Reads bounded files.
pub struct FileSource {
    shared: Shared,
    order: Order,
    stopped: bool,
    warnings: Vec<String>,
}

/// What both orders work with.
struct Shared {
    paths: Vec<PathBuf>,
    records: Records,
    map: bool,
    pool: Arc<Pool>,
    /// Of logs without years: what is known of the first line of a file. It goes by the day on which the job began, not by
    /// that on which the file is opened.
    years: HashMap<PathBuf, Years>,
    /// Bytes on disk: of files that are done, and in all where that is known.
    done_bytes: u64,
    total_bytes: Option<u64>,
}

impl Shared {
    /// Opens a file of which nothing has been read.
    fn open(&self, path: &Path) -> Result<Reading> {
        self.begun(path, Reading::open(path, &self.records, self.map)?)
    }

    /// As [`Shared::open`], but who writes to a named pipe is not waited for.
    fn open_or_pipe(&self, path: &Path) -> Result<Reading> {
        self.begun(path, Reading::open_or_pipe(path, &self.records, self.map)?)
    }

    fn begun(&self, path: &Path, mut reading: Reading) -> Result<Reading> {
        reading.set_years(self.years.get(path).copied());
        Ok(reading)
    }
}

/// The year of the first line of each file.
fn first_years(paths: &[PathBuf], year: Year) -> HashMap<PathBuf, Years> {
    let mut years = rotated::first_years(paths, year);
    if year == Year::Now {
        let now = Years::begin(year);
        paths.iter().for_each(|path| _ = years.entry(path.clone()).or_insert(now));
    }
    years
}

enum Order {
    Name(Box<ByName>),
    Time(Box<ByTime>),
}

impl FileSource {
    /// By time, the first record of every file is looked at here. Errors: a file that cannot be read, a header
    /// without a declared column.
    pub fn open(options: FileOptions) -> Result<FileSource> {
        let sizes = options.paths.iter().map(|path| fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len()));
        let shared = Shared {
            years: options.year.map(|year| first_years(&options.paths, year)).unwrap_or_default(),
            total_bytes: sizes.sum(),
            paths: options.paths,
            records: options.records,
            map: options.read == ReadMode::Mmap,
            pool: options.pool,
            done_bytes: 0,
        };
        let order = match options.first_time {
            Some(first_time) => Order::Time(Box::new(ByTime::probe(&shared, first_time)?)),
            None => Order::Name(Box::default()),
        };
        Ok(FileSource { shared, order, stopped: false, warnings: Vec::new() })
    }

    /// Puts the files that are not done under the names they have now.
    fn reenter(&mut self, position: Position) -> Result<()> {
        let listed = std::mem::take(&mut self.shared.paths);
        let mut finder = Finder::new(&listed, &position.files, self.shared.records.unpack);
        let mut left_bytes = Some(0);
        let mut opened = Vec::new();
        for FileAt { path, state } in &position.files {
            let path = match *state {
                State::Done => finder.done(path.path()),
                State::Waiting { years, .. } => {
                    let path = finder.waiting(path.path())?;
                    // Those before it may be gone by now.
                    self.shared.years.extend(years.map(|years| (path.clone(), years)));
                    path
                }
                State::Open { mark, lines, years, .. } => {
                    let (path, raw, edges) = finder.started(path.path(), mark)?;
                    let shared = &self.shared;
                    let mut input = Reading::reenter(&path, &shared.records, shared.map, (mark, lines), (raw, edges))?;
                    input.set_years(years);
                    if opened.len() >= by_time::OPEN_FILES_MAX {
                        input.park(opened.len() >= by_time::OPEN_PACKED_MAX);
                    }
                    opened.push(input);
                    path
                }
            };
            if *state != State::Done {
                let len = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
                left_bytes = left_bytes.zip(len).map(|(sum, len)| sum + len);
            }
            self.shared.paths.push(path);
        }
        let what = match finder.new_files() {
            0 => None,
            1 => Some("1 file is".to_owned()),
            count => Some(format!("{count} files are")),
        };
        let new = what.map(|what| format!("{what} new since the job was first started, and not read: a new run would"));
        self.warnings.extend(new);
        self.shared.done_bytes = position.done_bytes;
        self.shared.total_bytes = left_bytes.map(|left| left + position.done_bytes);
        match &mut self.order {
            Order::Name(order) => order.reenter(&position, opened),
            Order::Time(order) => order.reenter(&self.shared, &listed, &position, opened),
        }
    }

    /// Lets [`Source::next_time`] decode event times where files are read by name.
    pub fn timed(mut self, first_time: Option<FirstTime>) -> FileSource {
        if let Order::Name(order) = &mut self.order {
            order.first_time = first_time;
        }
        self
    }
}

impl Source for FileSource {
    fn next(&mut self, _now: i64) -> Result<Next> {
        if self.stopped {
            return Ok(Next::End);
        }
        match &mut self.order {
            Order::Name(order) => order.next(&mut self.shared),
            Order::Time(order) => order.next(&mut self.shared),
        }
    }

    fn next_time(&mut self) -> Result<i64> {
        if self.stopped {
            return Ok(i64::MIN);
        }
        match &mut self.order {
            Order::Name(order) => order.next_time(&mut self.shared),
            Order::Time(order) => Ok(order.next_time()),
        }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        match &self.order {
            Order::Name(order) => fds.extend(order.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN))),
            Order::Time(order) => fds.extend(order.awaited().map(|pipe| PollFd::new(pipe, PollFlags::IN))),
        }
    }

    fn input_name(&self, file: u32) -> String {
        self.shared.paths.get(file as usize).map_or_else(|| format!("file {file}"), |path| path.display().to_string())
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn progress(&self) -> (u64, Option<u64>) {
        let open = match &self.order {
            Order::Name(order) => {
                let pipe = order.pipe.as_ref().map_or(0, Pipe::bytes_read);
                order.current.as_ref().map_or(pipe, Reading::bytes_read)
            }
            Order::Time(order) => order.open_bytes(),
        };
        (self.shared.done_bytes + open, self.shared.total_bytes)
    }

    fn is_live(&self) -> bool {
        false
    }

    fn position(&mut self) -> Result<Value> {
        let (by_time, ended, slots) = match &self.order {
            Order::Name(order) => (false, order.ended, 0),
            Order::Time(order) => (true, order.ended(), order.slots()),
        };
        let mut states = match &mut self.order {
            Order::Name(order) => order.states(self.shared.paths.len()),
            Order::Time(order) => order.states(self.shared.paths.len()),
        };
        for (state, path) in states.iter_mut().zip(&self.shared.paths) {
            if let State::Waiting { years, .. } = state {
                *years = self.shared.years.get(path).copied();
            }
        }
        let files = self.shared.paths.iter().zip(states).map(|(path, state)| FileAt { path: Name::of(path), state });
        let position = Position { by_time, ended, done_bytes: self.shared.done_bytes, slots, files: files.collect() };
        serde_json::to_value(position).map_err(|e| Error::internal(format!("a position cannot be written: {e}")))
    }

    fn restore(&mut self, position: &Value) -> Result<()> {
        let position = Position::deserialize(position).map_err(|e| unlike(&e.to_string()))?;
        if position.by_time != matches!(self.order, Order::Time(_)) {
            return Err(unlike("its order of files is another"));
        }
        self.reenter(position)
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }
}

/// Files of columns are no pipes: opening one says so.
fn is_pipe(shared: &Shared, file: usize) -> bool {
    !shared.records.is_columnar() && Pipe::is_at(&shared.paths[file])
}

/// One file after the other, all of them one input.
#[derive(Default)]
struct ByName {
    /// Index of the current file, or of the next one.
    file: usize,
    current: Option<Reading>,
    /// The current file, if it is a named pipe.
    pipe: Option<Pipe>,
    ended: bool,
    /// To tell the event time of the next record.
    first_time: Option<FirstTime>,
}

impl ByName {
    fn next(&mut self, shared: &mut Shared) -> Result<Next> {
        while self.file < shared.paths.len() {
            let file = self.file as u32;
            if self.pipe.is_some() || (self.current.is_none() && is_pipe(shared, self.file)) {
                match self.read_pipe(shared)? {
                    Some(next) => return Ok(next),
                    None => continue,
                }
            }
            let input = self.input(shared)?;
            match input.next_block(&shared.pool)? {
                Step::Starved => return Ok(Next::Pending { until: None }),
                Step::End => self.close(shared),
                Step::Block { body, line, last } => {
                    if last {
                        self.close(shared);
                    }
                    self.ended = self.file == shared.paths.len();
                    return Ok(Next::Block(Block { file, ends: self.ended, line, ..Block::single(body) }));
                }
            }
        }
        if self.ended {
            return Ok(Next::End);
        }
        self.ended = true;
        Ok(Next::Block(Block { ends: true, ..Block::single(Body::Empty) }))
    }

    /// Reads of a named pipe, which may have nothing now; `None` at its end.
    fn read_pipe(&mut self, shared: &mut Shared) -> Result<Option<Next>> {
        let pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => Pipe::open(&shared.paths[self.file], &shared.records, shared.records.unpack)?,
        };
        Ok(match self.pipe.insert(pipe).read(&shared.pool)? {
            Fed::Records(body, line) => {
                let file = self.file as u32;
                Some(Next::Block(Block { file, line, ..Block::single(body) }))
            }
            Fed::Nothing | Fed::Starved => Some(Next::Pending { until: None }),
            Fed::End => {
                shared.done_bytes += self.pipe.take().map_or(0, |pipe| pipe.bytes_read());
                self.file += 1;
                None
            }
        })
    }

    /// Event time of the next record, also where it is in a later file.
    fn next_time(&mut self, shared: &mut Shared) -> Result<i64> {
        let Some(mut first_time) = self.first_time.take() else { return Ok(i64::MIN) };
        let time = self.look(shared, &mut first_time);
        self.first_time = Some(first_time);
        time
    }

    fn look(&mut self, shared: &mut Shared, first_time: &mut FirstTime) -> Result<i64> {
        while self.file < shared.paths.len() {
            // It is not waited for.
            if self.pipe.is_some() || (self.current.is_none() && is_pipe(shared, self.file)) {
                return Ok(i64::MIN);
            }
            let input = self.input(shared)?;
            let time = input.next_time(first_time)?;
            if !input.is_at_end() {
                return Ok(time.unwrap_or(i64::MIN));
            }
            self.close(shared);
        }
        Ok(i64::MIN)
    }

    /// The current file, opened on first use.
    fn input(&mut self, shared: &Shared) -> Result<&mut Reading> {
        let input = match self.current.take() {
            Some(input) => input,
            None => shared.open(&shared.paths[self.file])?,
        };
        Ok(self.current.insert(input))
    }

    fn close(&mut self, shared: &mut Shared) {
        shared.done_bytes += self.current.take().map_or(0, |input| input.bytes_read());
        self.file += 1;
    }

    fn states(&mut self, files: usize) -> Vec<State> {
        let lines = self.current.as_ref().and_then(Reading::lines);
        let years = self.current.as_ref().and_then(Reading::years);
        let mark = self.current.as_mut().map(Reading::mark).or_else(|| self.pipe.as_mut().map(Pipe::mark));
        let current = self.file;
        let state = |file: usize| match mark {
            _ if file < current => State::Done,
            Some(mark) if file == current => State::Open { mark, slot: 0, time: 0, lines, years },
            _ => State::Waiting { time: None, years: None },
        };
        (0..files).map(state).collect()
    }

    fn reenter(&mut self, position: &Position, mut opened: Vec<Reading>) -> Result<()> {
        self.file = position.files.iter().take_while(|file| file.state == State::Done).count();
        let rest = position.files.iter().skip(self.file + opened.len());
        if opened.len() > 1 || rest.clone().any(|file| !matches!(file.state, State::Waiting { .. })) {
            return Err(unlike("several files are open at once"));
        }
        self.current = opened.pop();
        self.ended = position.ended;
        Ok(())
    }
}
