//! The outside world: sources that hand out blocks, writers that take bytes.
//!
//! Nothing here knows about operators. A [`Source`] never blocks on a socket or pipe: it hands out a block, says
//! that none is there yet, or that the input has ended. A [`Writer`] never blocks on a socket.

use std::sync::Arc;

use arrow_array::Array;
use bytes::Bytes;
use rustix::event::PollFd;
use serde_json::Value;

use crate::data::{Batch, Column};
use crate::error::{Error, Result};
use crate::format::columnar::Group;
use crate::format::{Decoded, Header};

pub mod blackhole;
pub mod directory;
pub mod feed;
pub mod file;
pub mod file_sink;
pub mod generate;
pub mod given;
pub mod idle;
pub mod journal;
pub mod output;
pub mod pace;
pub mod pool;
pub mod position;
pub mod records;
pub mod sqlite;
pub mod stdin;
pub mod stdout;
pub mod tcp;
pub mod throttle;
pub mod unpack;

/// Bytes or a recipe for rows, decoded by a worker.
#[derive(Debug, Clone)]
pub enum Body {
    /// Whole records. `offset` is that of the first byte in the (decompressed) file or connection.
    Bytes { data: Bytes, offset: u64, header: Option<Arc<Header>> },
    /// A part of a file of columns.
    Group(Group),
    /// Rows `first .. first + rows` of a generator.
    Range { first: u64, rows: u64 },
    /// No rows: the block is there for its mark alone.
    Empty,
}

/// A unit of input in sequence: what a reader hands to one worker.
#[derive(Debug, Clone)]
pub struct Block {
    pub body: Body,
    /// The file or connection it comes from, an index into [`Source::inputs`]; bad rows are reported under it.
    pub file: u32,
    /// The input whose watermark it moves: the file under `order = "time"`, else 0 for the whole source.
    pub slot: u32,
    /// Number of slots that exist as of this block.
    pub slots: u32,
    /// Under `order = "time"`: least event time (µs) of the next record among files not opened yet;
    /// `i64::MAX` if all have been.
    pub hold: i64,
    /// The slot ends with this block.
    pub ends: bool,
    /// The slot has been silent for its `idle` time-out; ended by its next block.
    pub idle: bool,
    /// Lines of the file behind its header and in front of the block, where the source counts them.
    pub line: Option<u64>,
    /// Wall time (µs) at which it was read. A source that does not say leaves it to its reader.
    pub received: Option<i64>,
}

impl Block {
    /// A block of a source with one slot.
    pub fn single(body: Body) -> Block {
        let (hold, line, received) = (i64::MAX, None, None);
        Block { body, file: 0, slot: 0, slots: 1, hold, ends: false, idle: false, line, received }
    }
}

pub enum Next {
    Block(Block),
    /// Nothing to read now. Wait on [`Source::poll_fds`] and not longer than `until` (µs on the clock of `now`).
    Pending {
        until: Option<i64>,
    },
    /// A tick of this wall time (µs) was sent here when the input was first read: it is sent again.
    Tick(i64),
    End,
}

pub trait Source: Send {
    /// The next block. `now` is wall time in µs, never going back. Cuts of files depend on position only.
    fn next(&mut self, now: i64) -> Result<Next>;

    /// Event time (µs) of the record that the next block starts with, which depends on its position alone. `i64::MIN`
    /// where that is not known (no event time, a bad record, the end): it is read at once then. Asked only of sources
    /// that are read together with others.
    fn next_time(&mut self) -> Result<i64> {
        Ok(i64::MIN)
    }

    /// Descriptors to wait on after `Pending`. None for files and generators.
    fn poll_fds<'a>(&'a self, _fds: &mut Vec<PollFd<'a>>) {}

    /// Name of input `file` for messages: a path, `stdin`, a peer address.
    fn input_name(&self, file: u32) -> String;

    /// Stop reading at the end of the records at hand: `next` hands out what is complete, then `End`.
    fn stop(&mut self);

    /// Bytes handed out and, if known, in all: for progress.
    fn progress(&self) -> (u64, Option<u64>);

    /// True for input that does not end by itself or cannot be asked for again (stdin, TCP).
    fn is_live(&self) -> bool;

    /// Where to go on behind the last block handed out: what [`Source::restore`] takes. Called between blocks, at
    /// every barrier, also behind the end.
    fn position(&mut self) -> Result<Value>;

    /// Goes on from a position: called at most once, before the first `next`. The blocks that follow are those that
    /// followed then.
    ///
    /// Errors (class External): the input is not the one that was read, which names what has changed.
    fn restore(&mut self, position: &Value) -> Result<()>;

    /// What the user should know since it was last asked, such as files that are not read. Not an error.
    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The reader is about to send a tick, of wall time `now` (µs), behind the last block. False: not now, as ticks
    /// of an earlier run come from [`Source::next`].
    fn tick(&mut self, _now: i64) -> Result<bool> {
        Ok(true)
    }

    /// Makes what the last [`Source::position`] needs last through a power cut: run elsewhere, before the checkpoint
    /// is complete. Its failure fails the checkpoint.
    fn durable(&mut self) -> Option<Box<dyn FnOnce() -> Result<()> + Send>> {
        None
    }

    /// No checkpoint before the one with `position` will be asked for again: what only they need can go.
    fn confirm(&mut self, _position: &Value) -> Result<()> {
        Ok(())
    }

    /// A checkpoint is needed before more can be read.
    fn wants_checkpoint(&self) -> bool {
        false
    }
}

/// [`Source::restore`] of a live input that keeps nothing: it starts with what comes now.
///
/// Errors (class External): the position is that of a journal, which the job has switched off since.
pub(crate) fn restore_live(position: &Value) -> Result<()> {
    if position.is_null() {
        return Ok(());
    }
    Err(Error::external("the checkpoint needs the journal of this source, and `journal` is off now")
        .note("switch it on again, or start anew with --fresh"))
}

/// Turns block bodies into columns; one per worker.
pub trait BlockDecoder: Send {
    fn decode(&mut self, body: &Body, stop_at_bad: bool) -> Decoded;

    /// The next rows of the block, as long as [`Decoded::more`] was set.
    fn go_on(&mut self) -> Decoded {
        Decoded::default()
    }
}

/// The event time of the first row, of which nothing else was decoded; `None` if it is bad.
pub fn first_time(decoded: &Decoded) -> Option<i64> {
    match decoded.columns.first() {
        Some(Column::Timestamp(times)) if decoded.rows > 0 && times.is_valid(0) => Some(times.value(0)),
        _ => None,
    }
}

/// Outcome of [`Writer::write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// All of it was taken.
    Done,
    /// `data` was advanced over what was taken; wait on [`Writer::poll_fds`] (or, if it has none, call again soon).
    Blocked,
    /// The reader is gone and does not want more (a closed pipe): not an error.
    Closed,
}

/// What a writer hands over at a barrier. By default: nothing, as of a sink that keeps no promise.
#[derive(Default)]
pub struct Prepared {
    /// Where [`Writer::restore`] goes on.
    pub state: Value,
    /// For [`Committer::commit`], once the checkpoint is complete; `None` if nothing is to be done then.
    pub pending: Option<Value>,
    /// Makes what was written last through a power cut: run elsewhere, before the checkpoint is complete. Its failure
    /// fails the checkpoint.
    pub durable: Option<Box<dyn FnOnce() -> Result<()> + Send>>,
}

/// Where the rows of a sink go. Nothing is visible under its final name before it is committed, if the sink can do
/// that at all.
pub trait Writer: Send {
    /// Opens the target. `header` is written first where the target wants one (a file that is empty, stdout, …).
    fn open(&mut self, header: Bytes) -> Result<()>;

    /// Goes on behind what a checkpoint holds, instead of `open`: what was written later is taken back. `state` is
    /// that of [`Prepared`]; `header` is for targets that start new files.
    ///
    /// Errors (class External): the target is not as this job left it.
    fn restore(&mut self, _state: &Value, header: Bytes) -> Result<()> {
        self.open(header)
    }

    /// Cuts the output at a barrier: all that was written so far belongs to checkpoint `checkpoint`. Called when
    /// [`Writer::flush`] is done. With `end`, nothing follows: what the sink makes visible at the end is pending.
    fn prepare(&mut self, _checkpoint: u64, _end: bool) -> Result<Prepared> {
        Ok(Prepared::default())
    }

    /// Wall time in µs, never going back: told whenever the sink's task is stepped, for targets that time closes.
    fn tick(&mut self, _now: i64) {}

    /// The rows that follow belong to this partition. Asked only of sinks whose rows are partitioned.
    fn partition(&mut self, _partition: &str) -> Result<()> {
        Ok(())
    }

    /// Takes whole rows.
    fn write(&mut self, data: &mut Bytes) -> Result<Wrote>;

    /// Takes rows that were not encoded: a writer that makes files of columns has them instead of `write`.
    fn rows(&mut self, _batch: &Batch) -> Result<()> {
        Err(Error::internal("rows came to a writer of bytes"))
    }

    fn poll_fds<'a>(&'a self, _fds: &mut Vec<PollFd<'a>>) {}
    /// Pushes out what is buffered, at the end and when input pauses. Same outcomes as `write`.
    fn flush(&mut self) -> Result<Wrote>;
    /// The job succeeded without a checkpoint: make the output visible under its name.
    fn commit(&mut self) -> Result<()>;
    /// The job failed or was stopped without a checkpoint: undo what was written, where that is possible.
    fn abort(&mut self);
    /// Lets go of the target as it is: a checkpoint holds how far it is good.
    fn release(&mut self) {}
}

/// Nothing to commit, nothing to take back: sinks that deliver at least once.
pub struct NoCommitter;

impl Committer for NoCommitter {
    fn commit(&mut self, _pending: &Value) -> Result<()> {
        Ok(())
    }

    fn rewind(&mut self, _rewind: &Rewind) -> Result<Rewound> {
        Ok(Rewound::Done)
    }
}

/// The half of a sink that acts on what manifests say. It holds nothing open and knows no [`Writer`].
pub trait Committer: Send {
    /// Makes visible what is pending. Doing it again changes nothing: after a crash it is not known whether it was done.
    fn commit(&mut self, pending: &Value) -> Result<()>;

    /// Undoes output, in full or back to a checkpoint. Called with no writer open.
    fn rewind(&mut self, rewind: &Rewind) -> Result<Rewound>;
}

/// How far output is to be taken back.
#[derive(Debug)]
pub struct Rewind<'a> {
    /// State of the checkpoint to go back to; `None`: to before the run, which wrote checkpoint 0.
    pub to: Option<&'a Value>,
    /// What this lineage may have written since: the states of its later checkpoints that can be read, oldest first.
    pub later: &'a [Value],
    /// What the run began with: the state in checkpoint 0.
    pub base: Option<&'a Value>,
    /// The user asked to cut output even where others may have written since.
    pub force: bool,
    /// Only to say whether it would be refused: nothing is changed.
    pub ask: bool,
}

/// Outcome of [`Committer::rewind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewound {
    Done,
    /// What is written cannot be taken back, and why: the job would write it again.
    Refused(String),
}

/// What a run tells its writers beside their options.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The lineage: new at every fresh start and at every resume from a savepoint or an older checkpoint.
    pub lineage: String,
    /// The job's state folder; `None` without checkpoints.
    pub folder: Option<std::path::PathBuf>,
    /// What is complete is to survive a power cut: it is synced.
    pub power: bool,
}

/// For sources and writers that cannot go on: a bug, as the plan lets nobody ask.
pub fn cannot_restore(what: &str) -> Error {
    Error::internal(format!("{what} cannot go on from a checkpoint"))
}
