//! Operators: one transform per file. Synchronous, never block, never see a channel, have no clock.

pub mod aggregate;
pub mod event_time;
pub mod explode;
pub mod fault;
pub mod filter;
pub mod limit;
pub mod limit_by;
pub mod order;
pub mod pass;
pub mod project;
pub mod require;
pub mod route;
pub mod sample;
pub mod sort;
#[cfg(test)]
mod tests;
pub mod top;
pub mod window;

use crate::data::Batch;
use crate::error::Result;
use crate::state::table::{Frozen, Restored, TableShape};

/// Rows that an operator puts into one batch at most when it emits results in bulk.
pub const EMIT_ROWS: usize = 8_192;

/// Whether an operator has more to emit. `More`: call again when what it emitted has been passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Done,
    More,
}

/// What an operator emits: batches for its outputs, in order.
#[derive(Debug, Default)]
pub struct Out {
    pub emitted: std::collections::VecDeque<(usize, Batch)>,
    /// Rows on which an expression failed, and which were skipped or sent elsewhere.
    pub bad: usize,
}

/// Output 0: the results.
pub const MAIN: usize = 0;
/// Output 1 of operators that have expressions and no other outputs: rows on which one failed.
pub const ERRORS: usize = 1;
/// Output 1: late rows of an aggregate (`NAME.late`), with the input's columns.
pub const LATE: usize = 1;

impl Out {
    /// Batches without rows are dropped.
    pub fn emit(&mut self, output: usize, batch: Batch) {
        if batch.rows > 0 {
            self.emitted.push_back((output, batch));
        }
    }
}

/// What an operator is told beside the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub struct RowContext {
    /// Input the batch came in by: 0, or its place among the inputs of a join.
    pub input: usize,
    /// Watermark (µs) of the row's own input as of the start of its block; `i64::MIN` before the first.
    /// A row is judged late by this and by [`Batch::seen`].
    pub watermark: i64,
    /// `delay` of the row's own input in µs: row i is judged by `max(watermark, seen[i] - delay - 1)`.
    pub delay: i64,
}

/// A transform at work: one instance per subtask.
pub trait Operator: Send {
    /// Takes the rows of a block, or a part of them. An operator of a chain that fails on a row of them (class Data)
    /// has taken none: it is asked again for those before it.
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()>;

    /// The block has ended and the operator's watermark (the least over its unfinished inputs, µs) is now
    /// `watermark`: fire what is due. Called at the end of every block, also when the watermark did not move, and
    /// again, with the same watermark, while it returns `More`. `i64::MAX` at the end of the input.
    fn on_block_end(&mut self, _watermark: i64, _out: &mut Out) -> Result<Flow> {
        Ok(Flow::Done)
    }

    /// Wall time reached `now` (µs), in sequence with the rows.
    fn on_tick(&mut self, _now: i64, _out: &mut Out) -> Result<Flow> {
        Ok(Flow::Done)
    }

    /// The input has ended (after the last `on_block_end`).
    fn finish(&mut self, _out: &mut Out) -> Result<Flow> {
        Ok(Flow::Done)
    }

    /// The tables of its state; none for operators that remember nothing.
    fn tables(&self) -> Vec<TableShape> {
        Vec::new()
    }

    /// Its state as of now. Called between blocks, when nothing is left to emit; the task waits for it, so it copies
    /// and leaves the rest to [`crate::state::table::MakeColumns`]. With `full`, nothing is
    /// [`crate::state::table::FrozenTable::Unchanged`]: what the freeze before gave came to nothing.
    fn freeze(&mut self, _full: bool) -> Frozen {
        Frozen::default()
    }

    /// Goes on from `state`: called at most once, before the first batch.
    ///
    /// Errors (class External): the state does not fit this operator.
    fn restore(&mut self, _state: Restored) -> Result<()> {
        Ok(())
    }

    /// The watermark behind it, when that of its input is `watermark`, before the end.
    fn watermark(&self, watermark: i64) -> i64 {
        watermark
    }

    /// No row has come for so long that it holds up nobody who has other inputs.
    fn is_idle(&self) -> bool {
        false
    }

    /// True when no further row can change the output: rows may be dropped upstream.
    fn satisfied(&self) -> bool {
        false
    }

    /// By how much (µs) a larger delay of event time would have kept all of them.
    fn late_by(&self) -> i64 {
        0
    }

    /// Late rows that were dropped so far, because nobody reads them.
    fn late_dropped(&self) -> u64 {
        0
    }
}
