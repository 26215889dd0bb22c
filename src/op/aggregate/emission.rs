//! Groups to sorted batches, a bounded number of rows at a time.

use arrow_array::{BooleanArray, TimestampMicrosecondArray};

use super::grid::Span;
use super::table::{Shape, Table};
use crate::data::rowkey::RowKeys;
use crate::data::text::timestamp_text;
use crate::data::{Batch, Column, Order};
use crate::error::Result;
use crate::op::{MAIN, Out};

/// Rows of a batch at most.
pub const BATCH_ROWS: usize = 8192;
/// Batches that one call of the operator emits at most.
pub const BATCHES_PER_CALL: usize = 4;

/// Groups whose results are coming out.
#[derive(Debug)]
pub struct Emission {
    pub window: Option<Span>,
    /// Results of a window that had come out before.
    update: bool,
    /// Sorted by key.
    ids: Vec<u32>,
    at: usize,
}

impl Emission {
    pub fn new(window: Option<Span>, ids: Vec<u32>) -> Emission {
        Emission { window, update: false, ids, at: 0 }
    }

    /// New full results of groups of a window that has fired.
    pub fn update(window: Span, ids: Vec<u32>) -> Emission {
        Emission { window: Some(window), update: true, ids, at: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.at == self.ids.len()
    }

    /// Emits the next batch out of `table`.
    pub fn step(&mut self, shape: &Shape, table: &Table, out: &mut Out) -> Result<()> {
        let end = self.ids.len().min(self.at + BATCH_ROWS);
        let ids = &self.ids[self.at..end];
        self.at = end;
        let rows = ids.len();
        let mut columns = table.index.key_columns(ids);
        let mut sort_columns = Vec::new();
        if let Some(window) = self.window {
            let constant = |value| Column::Timestamp(TimestampMicrosecondArray::from_value(value, rows));
            columns.extend([constant(window.start), constant(window.end)]);
            if shape.spec.lateness > 0 {
                // Updates follow what fires in the same block, at the gate behind as here.
                sort_columns.push(Column::Boolean(BooleanArray::from(vec![self.update; rows])));
            }
            sort_columns.extend([constant(window.end), constant(window.start)]);
        }
        let order = if shape.spec.ordered {
            let keys = columns[..shape.spec.keys.len()].iter();
            Order::Key(RowKeys::encode(&sort_columns.iter().chain(keys).collect::<Vec<_>>(), rows))
        } else {
            Order::Arrival
        };
        table.results(shape, ids, &mut columns).map_err(|error| match self.window {
            Some(window) => error.note(format!(
                "in the window from {} to {}",
                timestamp_text(window.start),
                timestamp_text(window.end)
            )),
            None => error,
        })?;
        let time = self.window.map(|window| vec![window.end - 1; rows].into());
        out.emit(MAIN, Batch { time, order, ..Batch::new(columns, rows) });
        Ok(())
    }
}
