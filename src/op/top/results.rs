//! The results of one window on their way out.

use arrow_array::{Int64Array, TimestampMicrosecondArray, UInt32Array};

use crate::data::rowkey::{RowKeysBuilder, append_value};
use crate::data::{Batch, Column, Order};
use crate::op::{EMIT_ROWS, MAIN, Out};

use super::TopSpec;
use super::assign::WindowKey;
use super::best::Best;
use super::groups::{Chunk, Groups};

#[derive(Debug)]
pub(super) struct Results {
    window: WindowKey,
    rows: Chunk,
    /// Index into `rows` and rank of each result, in order.
    picks: Vec<(u32, i64)>,
    next: usize,
}

impl Results {
    pub fn new(window: WindowKey, groups: Groups, spec: &TopSpec) -> Results {
        let (best, rows) = groups.into_sorted(spec);
        let mut picks = Vec::with_capacity(best.iter().map(Best::len).sum());
        for group in &best {
            let mut rank = 1;
            for (i, entry) in group.entries().iter().enumerate() {
                if !spec.ties || i > 0 && !entry.ties(&group.entries()[i - 1]) {
                    rank = i as i64 + 1;
                }
                picks.push((rows.place_of(entry.seq), rank));
            }
        }
        Results { window, rows, picks, next: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.next == self.picks.len()
    }

    /// Emits the next batch and returns its number of rows.
    pub fn emit(&mut self, spec: &TopSpec, group_columns: &[usize], out: &mut Out) -> usize {
        let picks = &self.picks[self.next..self.picks.len().min(self.next + EMIT_ROWS)];
        let rows = picks.len();
        let (end, start) = self.window;
        let indices: UInt32Array = picks.iter().map(|p| p.0).collect::<Vec<_>>().into();
        let mut columns: Vec<Column> = self.rows.columns.iter().map(|c| c.take(&indices)).collect();
        let rank = Column::Int(Int64Array::from_iter_values(picks.iter().map(|p| p.1)));
        let order = if spec.ordered {
            let by: Vec<&Column> = group_columns.iter().map(|&c| &columns[c]).chain([&rank]).collect();
            Order::Key(keys(spec.window.is_some().then_some(self.window), &by, rows))
        } else {
            Order::Arrival
        };
        if spec.has_own_windows() {
            columns.push(timestamps(start, rows));
            columns.push(timestamps(end, rows));
        }
        if spec.rank {
            columns.push(rank);
        }
        let mut batch = Batch::new(columns, rows);
        batch.order = order;
        batch.time = match (spec.window, &self.rows.time) {
            (Some(_), _) => Some(vec![end.saturating_sub(1); rows].into()),
            (None, Some(time)) => Some(picks.iter().map(|p| time[p.0 as usize]).collect()),
            (None, None) => None,
        };
        self.next += rows;
        out.emit(MAIN, batch);
        rows
    }
}

fn timestamps(value: i64, rows: usize) -> Column {
    Column::Timestamp(TimestampMicrosecondArray::from_value(value, rows))
}

/// Row keys of (window end, window start, `by`).
fn keys(window: Option<WindowKey>, by: &[&Column], rows: usize) -> crate::data::rowkey::RowKeys {
    let mut key = Vec::new();
    if let Some((end, start)) = window {
        append_value(&mut key, &timestamps(end, 1), 0);
        append_value(&mut key, &timestamps(start, 1), 0);
    }
    let prefix = key.len();
    let mut keys = RowKeysBuilder::default();
    for row in 0..rows {
        key.truncate(prefix);
        by.iter().for_each(|column| append_value(&mut key, column, row));
        keys.push(&key);
    }
    keys.finish()
}
