//! Aggregation: running, over the whole input, and over event-time windows.
//!
//! Start at `operator.rs`, which chooses between `running.rs` (no window), `windowed.rs` and `counted.rs` (windows of
//! rows). All keep groups in
//! the tables of `table.rs`: an index of keys and one accumulator per call. `grid.rs` knows which windows there
//! are, `split.rs` sorts the rows of a batch by pane and by whether they are behind, `combine.rs` merges panes to
//! windows, `emission.rs` turns groups into sorted batches, `pre.rs` makes partial results of a block before an
//! exchange, `state.rs` turns groups into tables and back. Nothing here knows of expressions, clocks or channels.

mod accumulator;
mod combine;
mod counted;
mod emission;
mod grid;
mod operator;
mod pre;
mod running;
mod split;
mod state;
mod table;
mod windowed;

pub use operator::AggregateOperator;
pub use pre::PreAggregate;

use crate::data::DataType;
pub use crate::expr::aggregate::AggregateFunction;

/// Windows: of time, `[start, end)` in µs, or of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Tumbling {
        size: i64,
        offset: i64,
    },
    Sliding {
        size: i64,
        slide: i64,
        offset: i64,
    },
    /// The input's own windows: its columns `start` and `end` (timestamps). A group closes when the watermark
    /// passes end − 1 µs.
    Attached {
        start: usize,
        end: usize,
    },
    /// A result of each key every `slide` of its rows, of the last `size`. `partial`: at the end of the input also of
    /// the window that is not full.
    Count {
        size: u64,
        slide: u64,
        partial: bool,
    },
}

/// When results come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// When the window closes, or at the end of the input.
    Close,
    /// A row for every input row: the new full result of its key. Only without window.
    Update,
    /// Changed keys every so many µs of wall time, and all at the end. Only without window.
    Every(i64),
}

/// One aggregate call over columns of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub function: AggregateFunction,
    /// Each combination of arguments counts once.
    pub distinct: bool,
    /// Columns of the arguments; none for `count(*)`.
    pub args: Vec<usize>,
    /// Boolean column: only rows where it is true count.
    pub filter: Option<usize>,
}

impl Call {
    /// A call without DISTINCT and FILTER.
    pub fn new(function: AggregateFunction, args: &[usize]) -> Call {
        Call { function, distinct: false, args: args.to_vec(), filter: None }
    }

    /// Types of its arguments, of columns of the types `input`.
    pub fn types(&self, input: &[DataType]) -> Vec<DataType> {
        self.args.iter().map(|&column| input[column]).collect()
    }
}

/// What an aggregation does. Its results have the columns: keys, then (with a window of time) `window_start` and
/// `window_end`, then one column per call.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSpec {
    /// Types of the input's columns.
    pub input: Vec<DataType>,
    /// Key columns.
    pub keys: Vec<usize>,
    /// What the keys are called in its state.
    pub key_names: Vec<String>,
    pub calls: Vec<Call>,
    /// The calls as text, such as `sum(amount)`, for errors and its state.
    pub call_names: Vec<String>,
    pub window: Option<Window>,
    /// The windows go by the wall clock: a row has the time of the tick before it.
    pub processing: bool,
    /// Allowed lateness in µs.
    pub lateness: i64,
    pub emit: Emit,
    /// `NAME.late` is read: late rows go to output [`super::LATE`].
    pub late_output: bool,
    /// Results come sorted by window and key; else in any order.
    pub sorted: bool,
    /// The results are merged with those of other subtasks: batches carry [`crate::data::Order`].
    pub ordered: bool,
}

#[cfg(test)]
mod tests;
