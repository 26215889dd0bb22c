//! What travels between tasks: data and signals in one ordered channel.

use std::sync::Arc;

use bytes::Bytes;

use crate::connect::Block;
use crate::data::{Batch, Order};
use crate::error::Error;

/// One entry of a channel.
#[derive(Debug)]
pub enum Message {
    /// A block to decode, which source of the group it is of, and the name of the input it comes from: reader to worker.
    Block { source: usize, block: Block, input: Arc<str> },
    /// Stands for a last block of a source, without rows: its mark carries the watermark's end. Reader to worker.
    Last { source: usize },
    /// Stands for a block of no source: its marks end what operators emit at a tick. Reader to worker.
    Pause,
    /// Rows of the block that the next [`Message::Mark`] ends.
    Rows { origin: Origin, batch: Batch },
    /// All rows up to this one, in the order that parts of a block are merged by, went over other channels or were
    /// filtered away: a merge need not wait for them here.
    Passed(Order),
    /// Encoded rows of the block that the next mark ends: to a writer.
    Chunk(Chunk),
    /// The block has ended. Exactly one per block on every channel, rows or none.
    Mark(Mark),
    /// A record that ends the job, at its place in the sequence: the first ordered gate completes its line, a
    /// satisfied limit drops it, the sink's task raises it. Marks follow it as ever, rows do not.
    Failed(Box<BadRow>),
    /// The baton is passed: the next block comes over the next channel of the group.
    Turn,
    /// Sent to every channel of a group at the same place of the sequence.
    Signal(Signal),
}

/// Which input of a source a block's rows come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file or connection, for line numbers.
    pub file: u32,
    /// The input that the watermark is kept for.
    pub slot: u32,
}

impl Origin {
    /// Stands for a file whose lines are counted already.
    pub const COUNTED: u32 = u32::MAX;
}

/// The end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub time: MarkTime,
    pub origin: Origin,
    /// Line ends of the block: the gate adds them up to exact line numbers.
    pub lines: u64,
}

/// What a mark says of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkTime {
    /// From a decode worker, which saw this block only.
    Observed {
        /// Number of slots that exist.
        slots: u32,
        /// Greatest event time (µs) in the block before any filter; `i64::MIN` for none.
        max: i64,
        /// Least event time of inputs not opened yet; `i64::MAX` if there are none.
        hold: i64,
        /// The slot ends here.
        ends: bool,
        /// The slot is idle until its next block.
        idle: bool,
    },
    /// From an operator: its watermark (µs) behind the block.
    Watermark(i64),
    /// As [`MarkTime::Watermark`], of an operator that nobody need wait for until its next mark.
    Idle(i64),
    /// The block was of another source of the group: nothing is known that was not known before.
    Unchanged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Wall time in µs.
    Tick(i64),
    /// A checkpoint's cut through the stream; [`FINAL_BARRIER`] closes the job.
    Barrier(u64),
    /// No more rows from this source: operators finish.
    End,
    /// Last message of a channel. One that disconnects without it has lost its upstream.
    Close,
}

/// The barrier behind the end of all inputs.
pub const FINAL_BARRIER: u64 = u64::MAX;

/// Encoded rows.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    pub data: Bytes,
    pub rows: usize,
    /// End of each row in `data`, where the chunk is to be merged with others.
    pub ends: Vec<u32>,
    pub order: Order,
    /// Which partitions the rows belong to, where the sink has any.
    pub stretches: Vec<Stretch>,
}

/// Rows of a chunk that follow each other and share a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The row behind the last.
    pub row: usize,
    /// The byte behind the last.
    pub byte: usize,
    pub partition: Arc<str>,
}

/// A record that could not be processed, under `on_error = "fail"`.
#[derive(Debug, Clone)]
pub struct BadRow {
    pub origin: Origin,
    /// Lines of the block before it.
    pub line: u64,
    /// Class, node and message; the gate that raises it adds file and line.
    pub error: Error,
    /// Name of the input, such as a path.
    pub input: Arc<str>,
    /// Start of the record's text.
    pub text: String,
    /// Its place among the rows of a block that several subtasks make: that of one row.
    pub order: Order,
}

impl BadRow {
    /// With its place in the message, given the lines of the file before the block.
    pub fn complete(self, lines_before: u64) -> BadRow {
        let mut error = self.error;
        // An expression that failed has no place in a file.
        if !self.input.is_empty() {
            error.message = format!("{}:{}: {}", self.input, lines_before + self.line + 1, error.message);
        }
        if !self.text.is_empty() {
            error.notes.insert(0, format!("the record: {}", self.text));
        }
        BadRow::placeless(error)
    }

    /// An error without a place in a file.
    pub fn placeless(error: Error) -> BadRow {
        BadRow {
            origin: Origin::default(),
            line: 0,
            error,
            input: "".into(),
            text: String::new(),
            order: Order::Arrival,
        }
    }
}
