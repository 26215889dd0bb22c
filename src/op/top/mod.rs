//! `top`: the best n rows of each group, over the whole input or per event-time window.
//!
//! [`Top`] runs behind the exchange on `by` and keeps, per window and group, little more than the n best rows so
//! far. [`TopLocal`] may run before the exchange and drops what cannot be among the best n of its batch. Sharing
//! rows between overlapping windows is not done: a row is stored once for each window it may win in.

mod assign;
mod best;
mod groups;
mod local;
mod results;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::data::{Batch, DataType};
use crate::error::Result;
use crate::state::table::{Frozen, Restored, TableShape};

use super::aggregate::Window;
use super::sort::{Heads, SortKey};
use super::{EMIT_ROWS, Flow, Operator, Out, RowContext};
use assign::WindowKey;
use groups::Groups;
pub use local::TopLocal;
use results::Results;

/// What a `top` does. Its results have the input's columns, then (with windows of its own, not with attached ones)
/// `window_start` and `window_end`, then the rank if asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TopSpec {
    /// Types of the input's columns.
    pub input: Vec<DataType>,
    /// What they are called in its state.
    pub names: Vec<String>,
    /// Columns of the group; the columns of attached windows may be among them.
    pub by: Vec<usize>,
    /// Best first; ties go by input order.
    pub order: Vec<SortKey>,
    pub n: u64,
    pub window: Option<Window>,
    /// The windows go by the wall clock: a row has the time of the tick before it.
    pub processing: bool,
    /// Rows equal to the n-th are kept too, and ranks are those of SQL's `RANK()`; else of `ROW_NUMBER()`.
    pub ties: bool,
    /// Append a column with the rank, from 1.
    pub rank: bool,
    /// The results are merged with those of other subtasks: batches carry [`crate::data::Order::Key`] of (window
    /// end, window start, `by` without the window's own columns, rank).
    pub ordered: bool,
}

impl TopSpec {
    /// `by` without the columns of attached windows.
    fn group_columns(&self) -> Vec<usize> {
        match self.window {
            Some(Window::Attached { start, end }) => {
                self.by.iter().copied().filter(|&c| c != start && c != end).collect()
            }
            _ => self.by.clone(),
        }
    }

    fn has_own_windows(&self) -> bool {
        matches!(self.window, Some(Window::Tumbling { .. } | Window::Sliding { .. }))
    }
}

/// The transform behind the exchange. Rows of one group arrive in sequence order.
#[derive(Debug)]
pub struct Top {
    spec: TopSpec,
    group_columns: Vec<usize>,
    /// Open windows by (end, start).
    windows: BTreeMap<WindowKey, Groups>,
    emitting: Option<Results>,
    /// The last tick, where windows go by the wall clock.
    now: i64,
    late_dropped: u64,
    /// The delay that was missing to keep them, µs.
    late_by: i64,
    /// The rows kept are not what they were when last frozen.
    is_changed: bool,
}

impl Top {
    pub fn new(spec: TopSpec) -> Top {
        let group_columns = spec.group_columns();
        Top {
            spec,
            group_columns,
            windows: BTreeMap::new(),
            emitting: None,
            now: i64::MIN,
            late_dropped: 0,
            late_by: 0,
            is_changed: true,
        }
    }

    /// Emits results of windows that are due, about [`EMIT_ROWS`] rows a call.
    fn fire(&mut self, due: impl Fn(WindowKey) -> bool, out: &mut Out) -> Flow {
        let mut emitted = 0;
        loop {
            if self.emitting.is_none() {
                let Some(entry) = self.windows.first_entry().filter(|entry| due(*entry.key())) else {
                    return Flow::Done;
                };
                let (window, groups) = entry.remove_entry();
                self.is_changed = true;
                self.emitting = Some(Results::new(window, groups, &self.spec));
            }
            if emitted >= EMIT_ROWS {
                return Flow::More;
            }
            if let Some(results) = &mut self.emitting {
                emitted += results.emit(&self.spec, &self.group_columns, out);
                if results.is_done() {
                    self.emitting = None;
                }
            }
        }
    }
}

impl Operator for Top {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, _out: &mut Out) -> Result<()> {
        let (batch, context) = match self.spec.processing {
            true => (batch.at(self.now), &RowContext { watermark: i64::MIN, ..*context }),
            false => (batch, context),
        };
        let assigned = assign::assign(self.spec.window, &batch, context)?;
        self.late_dropped += assigned.late;
        self.late_by = self.late_by.max(assigned.late_by);
        if assigned.windows.is_empty() || self.spec.n == 0 {
            return Ok(());
        }
        let heads = Heads::new(&self.spec.order, &batch.columns, batch.rows);
        for (window, rows) in assigned.windows {
            let groups =
                self.windows.entry(window).or_insert_with(|| Groups::new(&self.spec.input, &self.group_columns));
            self.is_changed |= groups.add(&batch, &rows, &heads, &self.spec, &self.group_columns);
        }
        Ok(())
    }

    fn on_block_end(&mut self, watermark: i64, out: &mut Out) -> Result<Flow> {
        Ok(match self.spec.window {
            // A window of the whole input ends in `finish`.
            None => Flow::Done,
            Some(_) if self.spec.processing && watermark < i64::MAX => Flow::Done,
            Some(_) => self.fire(|(end, _)| end.saturating_sub(1) <= watermark, out),
        })
    }

    fn on_tick(&mut self, now: i64, out: &mut Out) -> Result<Flow> {
        if !self.spec.processing {
            return Ok(Flow::Done);
        }
        self.now = self.now.max(now);
        Ok(self.fire(|(end, _)| end <= now, out))
    }

    fn watermark(&self, watermark: i64) -> i64 {
        if self.spec.processing { self.now.saturating_sub(1) } else { watermark }
    }

    fn finish(&mut self, out: &mut Out) -> Result<Flow> {
        Ok(self.fire(|_| true, out))
    }

    fn tables(&self) -> Vec<TableShape> {
        vec![self.shape()]
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        self.frozen(full)
    }

    fn restore(&mut self, state: Restored) -> Result<()> {
        self.load(state)
    }

    fn late_dropped(&self) -> u64 {
        self.late_dropped
    }

    fn late_by(&self) -> i64 {
        self.late_by
    }
}
