//! Rows on their way.

use std::sync::Arc;

use arrow_array::{BooleanArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_select::filter::FilterBuilder;

use super::rowkey::RowKeys;
use super::{Change, Column};

/// What an ordered gate merges several inputs by, within one block.
#[derive(Debug, Clone, Default)]
pub enum Order {
    /// One producer: as it comes.
    #[default]
    Arrival,
    /// Number of the row in its block, for results that come out one per input row.
    Row(ScalarBuffer<u32>),
    /// Row keys of (window end, window start, `by` columns), for results of windows.
    Key(RowKeys),
}

/// Rows of one block with their hidden columns. Every column has `rows` rows.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub columns: Vec<Column>,
    pub rows: usize,
    /// Event time of each row in µs; travels with the row whether or not its column is selected.
    pub time: Option<ScalarBuffer<i64>>,
    /// Greatest event time among the rows *before* this one in its block, before any filter (`i64::MIN` for none).
    /// Present only where some row of the block lies further behind than the allowed delay.
    pub seen: Option<ScalarBuffer<i64>>,
    pub order: Order,
    /// Wall time (µs) of the tick that the block follows, for `now()`; 0 where nobody asked for ticks.
    pub now: i64,
    /// What each row is to those before it, where a sink asks for that; `None`: no row takes another's place.
    pub changes: Option<Arc<[Change]>>,
    /// The rows are partial aggregates of a block, not rows of the input's schema.
    pub partial: bool,
}

impl Batch {
    pub fn new(columns: Vec<Column>, rows: usize) -> Batch {
        debug_assert!(columns.iter().all(|c| c.len() == rows));
        Batch { columns, rows, ..Batch::default() }
    }

    /// The same rows with other columns.
    pub fn with_columns(&self, columns: Vec<Column>) -> Batch {
        debug_assert!(columns.iter().all(|c| c.len() == self.rows));
        Batch { columns, ..self.clone() }
    }

    /// The same rows, all at the event time `time` (µs), none of them late.
    pub fn at(self, time: i64) -> Batch {
        Batch { time: Some(vec![time; self.rows].into()), seen: None, ..self }
    }

    /// The rows for which `mask` is true (null counts as false).
    pub fn filter(&self, mask: &BooleanArray) -> Batch {
        let kept = mask.true_count();
        if kept == self.rows {
            return self.clone();
        }
        let predicate = FilterBuilder::new(mask).optimize().build();
        let columns = self.columns.iter().map(|c| c.filter(&predicate)).collect();
        let pick = |values: &ScalarBuffer<i64>| -> ScalarBuffer<i64> {
            let column = Column::Int(arrow_array::Int64Array::new(values.clone(), None));
            match column.filter(&predicate) {
                Column::Int(a) => a.values().clone(),
                _ => unreachable!("filter keeps the type"),
            }
        };
        let indices = || -> Vec<u32> {
            (0..self.rows as u32).filter(|&i| mask.value(i as usize) && !is_null(mask, i as usize)).collect()
        };
        Batch {
            columns,
            rows: kept,
            time: self.time.as_ref().map(pick),
            seen: self.seen.as_ref().map(pick),
            order: match &self.order {
                Order::Arrival => Order::Arrival,
                other => other.take(&indices()),
            },
            now: self.now,
            changes: self.changes.as_ref().map(|all| indices().iter().map(|&row| all[row as usize]).collect()),
            partial: self.partial,
        }
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Batch {
        let pick = |values: &ScalarBuffer<i64>| -> ScalarBuffer<i64> {
            indices.values().iter().map(|&i| values[i as usize]).collect()
        };
        Batch {
            columns: self.columns.iter().map(|c| c.take(indices)).collect(),
            rows: indices.values().len(),
            time: self.time.as_ref().map(pick),
            seen: self.seen.as_ref().map(pick),
            order: self.order.take(indices.values()),
            now: self.now,
            changes: self.changes.as_ref().map(|all| indices.values().iter().map(|&row| all[row as usize]).collect()),
            partial: self.partial,
        }
    }

    pub fn slice(&self, offset: usize, len: usize) -> Batch {
        Batch {
            columns: self.columns.iter().map(|c| c.slice(offset, len)).collect(),
            rows: len,
            time: self.time.as_ref().map(|t| t.slice(offset, len)),
            seen: self.seen.as_ref().map(|t| t.slice(offset, len)),
            order: match &self.order {
                Order::Arrival => Order::Arrival,
                Order::Row(rows) => Order::Row(rows.slice(offset, len)),
                Order::Key(keys) => Order::Key(keys.take(offset as u32..(offset + len) as u32)),
            },
            now: self.now,
            changes: self.changes.as_ref().map(|all| all[offset..offset + len].into()),
            partial: self.partial,
        }
    }

    /// Bytes kept alive by the columns; a block of text behind several columns counts once for each.
    pub fn pinned_bytes(&self) -> usize {
        self.columns.iter().map(Column::pinned_bytes).sum()
    }
}

fn is_null(mask: &BooleanArray, row: usize) -> bool {
    use arrow_array::Array;
    mask.is_null(row)
}

impl Order {
    /// The number of the last row, where rows are numbered.
    pub fn last_row(&self) -> Option<u32> {
        match self {
            Order::Row(rows) => rows.last().copied(),
            _ => None,
        }
    }

    pub fn take(&self, indices: &[u32]) -> Order {
        match self {
            Order::Arrival => Order::Arrival,
            Order::Row(rows) => Order::Row(indices.iter().map(|&i| rows[i as usize]).collect()),
            Order::Key(keys) => Order::Key(keys.take(indices.iter().copied())),
        }
    }
}
