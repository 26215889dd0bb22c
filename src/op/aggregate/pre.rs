//! Partial results of a block, made before an exchange so that fewer rows go through it.
//!
//! A partial batch has the columns: keys, the number of rows (int), then those of each call; its event time is the
//! start of the pane. Nothing outlives the block. Rows that the block itself made late go on as they are, for only
//! the operator behind knows what becomes of them.

use std::collections::BTreeMap;

use arrow_array::{Int64Array, UInt32Array};

use super::grid::{Grid, Span};
use super::split::{Judge, Picked, split};
use super::table::{Rows, Shape, Table};
use super::{AggregateSpec, Emit, Window};
use crate::data::{Batch, Column};
use crate::error::Result;
use crate::op::{Flow, MAIN, Operator, Out, RowContext};

/// Rows after which the groups are counted.
const PROBE_ROWS: usize = 32_768;
/// Rows that go on as they are before the next try.
const REST_ROWS: usize = 4 << 20;

/// The operator that runs in the workers before a hash exchange.
pub struct PreAggregate {
    shape: Shape,
    grid: Option<Grid>,
    /// Tables by pane; under [`NO_WINDOW`] without windows.
    panes: BTreeMap<Span, Partial>,
    /// Emptied tables.
    spare: Vec<Partial>,
    /// Rows and groups since the last decision.
    rows: usize,
    groups: usize,
    /// Rows still to go on as they are.
    resting: usize,
}

const NO_WINDOW: Span = Span { end: 0, start: 0 };

struct Partial {
    table: Table,
    counts: Vec<i64>,
    /// What the table holds, in case a sum does not fit.
    sources: Vec<Batch>,
}

impl PreAggregate {
    /// Whether partial results change nothing: they do not for functions that are exact and free of order.
    pub fn is_possible(spec: &AggregateSpec) -> bool {
        !spec.late_output
            && spec.emit != Emit::Update
            && !spec.processing
            && !matches!(spec.window, Some(Window::Attached { .. } | Window::Count { .. }))
            && spec.calls.iter().all(|call| !call.distinct && call.function.is_order_free(&call.types(&spec.input)))
    }

    /// The columns of a batch, partial or not, that the exchange places it by.
    pub fn key_columns(spec: &AggregateSpec, partial: bool) -> Vec<usize> {
        if partial { (0..spec.keys.len()).collect() } else { spec.keys.clone() }
    }

    /// The operator for a spec of which [`PreAggregate::is_possible`] is true.
    pub fn new(spec: AggregateSpec) -> PreAggregate {
        PreAggregate {
            grid: spec.window.and_then(Grid::new),
            shape: Shape::new(spec),
            panes: BTreeMap::new(),
            spare: Vec::new(),
            rows: 0,
            groups: 0,
            resting: 0,
        }
    }

    fn add(&mut self, pane: Span, rows: Rows) {
        let spare = self.spare.pop();
        let partial = self.panes.entry(pane).or_insert_with(|| {
            spare.unwrap_or_else(|| Partial { table: Table::new(&self.shape), counts: Vec::new(), sources: Vec::new() })
        });
        partial.table.add(&self.shape, &rows);
        partial.counts.resize(partial.table.index.len(), 0);
        for &id in partial.table.ids() {
            partial.counts[id as usize] += 1;
        }
        partial.sources.push(rows.batch);
    }
}

impl Partial {
    fn emit(&mut self, pane: Option<Span>, out: &mut Out) {
        let groups = self.counts.len();
        let ids: Vec<u32> = (0..groups as u32).collect();
        let mut columns = self.table.index.key_columns(&ids);
        columns.push(Column::Int(Int64Array::from(std::mem::take(&mut self.counts))));
        let sources = std::mem::take(&mut self.sources);
        if !self.table.accumulators.iter().all(|a| a.emit_partial(&ids, &mut columns)) {
            sources.into_iter().for_each(|batch| out.emit(MAIN, batch));
        } else {
            let time = pane.map(|pane| vec![pane.start; groups].into());
            out.emit(MAIN, Batch { time, partial: true, ..Batch::new(columns, groups) });
        }
        self.table.clear();
    }
}

impl Operator for PreAggregate {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        if self.resting > 0 {
            self.resting = self.resting.saturating_sub(batch.rows);
            out.emit(MAIN, batch);
            return Ok(());
        }
        self.rows += batch.rows;
        let rows = Rows::new(&self.shape, batch.clone(), 0);
        let Some(window) = self.shape.spec.window else {
            self.add(NO_WINDOW, rows);
            return Ok(());
        };
        // The watermark is judged behind the exchange: it is the same for all rows of a pane.
        let judge = Judge { watermark: i64::MIN, delay: context.delay, seen: batch.seen.as_deref() };
        for (run, picked) in split(&batch, window, self.grid.as_ref(), &judge)? {
            match picked {
                Picked::Range(range) if run.behind => out.emit(MAIN, batch.slice(range.start, range.len())),
                Picked::Rows(rows) if run.behind => out.emit(MAIN, batch.take(&UInt32Array::from(rows))),
                Picked::Range(range) => self.add(run.pane.span, rows.slice(range)),
                Picked::Rows(picked) => self.add(run.pane.span, rows.take(&picked)),
            }
        }
        Ok(())
    }

    fn on_block_end(&mut self, _watermark: i64, out: &mut Out) -> Result<Flow> {
        while let Some((pane, mut partial)) = self.panes.pop_first() {
            self.groups += partial.counts.len();
            partial.emit(self.grid.is_some().then_some(pane), out);
            self.spare.push(partial);
        }
        self.spare.truncate(4);
        if self.rows >= PROBE_ROWS {
            if self.groups > self.rows / 2 {
                self.resting = REST_ROWS;
            }
            (self.rows, self.groups) = (0, 0);
        }
        Ok(Flow::Done)
    }
}
