//! The outside world: sources that hand out blocks, writers that take bytes.
//!
//! Nothing here knows about operators. A [`Source`] never blocks on a socket or pipe: it hands out a block, says
//! that none is there yet, or that the input has ended. A [`Writer`] never blocks on a socket.

use std::sync::Arc;

use bytes::Bytes;
use rustix::event::PollFd;

use crate::error::Result;
use crate::format::{Decoded, Header};

pub mod blackhole;
pub mod feed;
pub mod file;
pub mod file_sink;
pub mod generate;
pub mod idle;
pub mod pool;
pub mod records;
pub mod stdin;
pub mod stdout;
pub mod tcp;
pub mod throttle;

/// Bytes or a recipe for rows, decoded by a worker.
#[derive(Debug, Clone)]
pub enum Body {
    /// Whole records. `offset` is that of the first byte in the (decompressed) file or connection.
    Bytes { data: Bytes, offset: u64, header: Option<Arc<Header>> },
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
}

impl Block {
    /// A block of a source with one slot.
    pub fn single(body: Body) -> Block {
        Block { body, file: 0, slot: 0, slots: 1, hold: i64::MAX, ends: false, idle: false }
    }
}

pub enum Next {
    Block(Block),
    /// Nothing to read now. Wait on [`Source::poll_fds`] and not longer than `until` (µs on the clock of `now`).
    Pending {
        until: Option<i64>,
    },
    End,
}

pub trait Source: Send {
    /// The next block. `now` is wall time in µs, never going back. Cuts of files depend on position only.
    fn next(&mut self, now: i64) -> Result<Next>;

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
}

/// Turns block bodies into columns; one per worker.
pub trait BlockDecoder: Send {
    fn decode(&mut self, body: &Body, stop_at_bad: bool) -> Decoded;
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

/// Where the rows of a sink go. Nothing is visible under its final name before [`Writer::commit`], if the sink
/// can do that at all.
pub trait Writer: Send {
    /// Opens the target. `header` is written first where the target wants one (a file that is empty, stdout, …).
    fn open(&mut self, header: Bytes) -> Result<()>;
    /// Takes whole rows.
    fn write(&mut self, data: &mut Bytes) -> Result<Wrote>;
    fn poll_fds<'a>(&'a self, _fds: &mut Vec<PollFd<'a>>) {}
    /// Pushes out what is buffered, at the end and when input pauses. Same outcomes as `write`.
    fn flush(&mut self) -> Result<Wrote>;
    /// The job succeeded: make the output visible under its name.
    fn commit(&mut self) -> Result<()>;
    /// The job failed or was stopped: undo what was written, where that is possible.
    fn abort(&mut self);
}
