//! The best rows so far as a table: the columns of the group, the input's other columns, the window. The rows of a
//! window come in input order, which decides between equal ones; their numbers begin anew when they come back.

use std::collections::BTreeMap;

use arrow_array::{Array, TimestampMicrosecondArray, UInt32Array};
use serde_json::json;

use super::Top;
use super::assign::{WHOLE_INPUT, WindowKey, timestamps, window_of};
use super::groups::{Chunk, Groups};
use crate::data::{Batch, Column, DataType};
use crate::error::Result;
use crate::op::aggregate::Window;
use crate::op::sort::Heads;
use crate::state::restored::misfit;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

/// What follows the columns of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// The event time of the rows, if they have one: results without window keep it.
    Time,
    Window,
    /// The windows are columns of the input.
    Nothing,
}

impl Top {
    fn behind(&self) -> Behind {
        match self.spec.window {
            None => Behind::Time,
            Some(Window::Attached { .. }) => Behind::Nothing,
            Some(_) => Behind::Window,
        }
    }

    /// The input's columns in the order of the table: those of the group first.
    fn stored_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::new();
        for column in self.group_columns.iter().copied().chain(0..self.spec.input.len()) {
            if !order.contains(&column) {
                order.push(column);
            }
        }
        order
    }

    pub(super) fn shape(&self) -> TableShape {
        let order = self.stored_order();
        let name = |column: usize| self.spec.names.get(column).cloned().unwrap_or_else(|| format!("column_{column}"));
        let mut columns: Vec<_> = order.iter().map(|&column| (name(column), self.spec.input[column])).collect();
        let more: &[&str] = match self.behind() {
            Behind::Time => &["event_time"],
            Behind::Window => &["window_start", "window_end"],
            Behind::Nothing => &[],
        };
        columns.extend(more.iter().map(|&name| (name.to_owned(), DataType::Timestamp)));
        let place = |column: &usize| order.iter().position(|c| c == column).unwrap_or(0);
        TableShape { key: self.group_columns.iter().map(place).collect(), ..TableShape::new("rows", columns, 0) }
    }

    pub(super) fn frozen(&mut self, full: bool) -> Frozen {
        debug_assert!(self.emitting.is_none());
        let table =
            if std::mem::replace(&mut self.is_changed, false) || full { self.rows() } else { FrozenTable::Unchanged };
        let mut scalars = json!({ "late_dropped": self.late_dropped, "late_by": self.late_by });
        if self.spec.processing {
            scalars["now"] = self.now.into();
        }
        Frozen { tables: vec![table], scalars }
    }

    fn rows(&mut self) -> FrozenTable {
        let (shape, order, behind) = (self.shape(), self.stored_order(), self.behind());
        let windows: Vec<_> = self.windows.iter_mut().map(|(&key, groups)| (key, groups.freeze(&self.spec))).collect();
        FrozenTable::Rows(Box::new(move || {
            let parts: Vec<Vec<Column>> = windows
                .into_iter()
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(key, rows)| columns(rows.into_rows(), &order, behind, key))
                .collect();
            match parts.as_slice() {
                [] => shape.no_rows(),
                parts => (0..shape.schema.len())
                    .map(|c| Column::concat(&parts.iter().map(|part| &part[c]).collect::<Vec<_>>()))
                    .collect(),
            }
        }))
    }

    pub(super) fn load(&mut self, mut state: Restored) -> Result<()> {
        let mut stored = state.take(&self.shape())?;
        let rows = stored.first().map_or(0, Column::len);
        let order = self.stored_order();
        let more = stored.split_off(order.len());
        let mut columns: Vec<Column> = self.spec.input.iter().map(|&ty| Column::new_null(ty, 0)).collect();
        order.iter().zip(stored).for_each(|(&column, values)| columns[column] = values);
        let mut batch = Batch::new(columns, rows);
        if let (Behind::Time, [Column::Timestamp(times)]) = (self.behind(), more.as_slice()) {
            batch.time = (times.null_count() == 0).then(|| times.values().clone());
        }
        for (window, rows) in self.by_window(&batch, &more)?.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            let rows = batch.take(&UInt32Array::from(rows));
            let heads = Heads::new(&self.spec.order, &rows.columns, rows.rows);
            let mut groups = Groups::new(&self.spec.input, &self.group_columns);
            groups.add(&rows, &(0..rows.rows as u32).collect::<Vec<_>>(), &heads, &self.spec, &self.group_columns);
            self.windows.insert(window, groups);
        }
        if self.spec.processing {
            self.now = state.greatest("now")?.unwrap_or(i64::MIN);
        }
        self.late_dropped = state.counter("late_dropped")?;
        self.late_by = if state.subtask == 0 { state.greatest("late_by")?.unwrap_or(0) } else { 0 };
        Ok(())
    }

    /// The rows of each window.
    fn by_window(&self, batch: &Batch, more: &[Column]) -> Result<BTreeMap<WindowKey, Vec<u32>>> {
        let bounds = match (self.spec.window, more) {
            (None, _) => return Ok([(WHOLE_INPUT, (0..batch.rows as u32).collect())].into()),
            (Some(Window::Attached { start, end }), _) => [&batch.columns[start], &batch.columns[end]],
            (_, [start, end]) if [start, end].iter().all(|c| c.nulls().is_none_or(|n| n.null_count() == 0)) => {
                [start, end]
            }
            _ => return Err(misfit("a row of its state has no window")),
        };
        let [Some(starts), Some(ends)] = bounds.map(timestamps) else {
            return Err(misfit("the windows of its state are not timestamps"));
        };
        let mut windows: BTreeMap<WindowKey, Vec<u32>> = BTreeMap::new();
        for row in 0..batch.rows {
            windows.entry(window_of(starts, ends, row)).or_default().push(row as u32);
        }
        Ok(windows)
    }
}

/// The rows of a window as columns of the table.
fn columns(rows: Chunk, order: &[usize], behind: Behind, (end, start): WindowKey) -> Vec<Column> {
    let count = rows.seqs.len();
    let mut columns: Vec<Column> = order.iter().map(|&column| rows.columns[column].clone()).collect();
    let time = |value| Column::Timestamp(TimestampMicrosecondArray::from_value(value, count));
    match behind {
        Behind::Time => columns.push(match rows.time {
            Some(times) => Column::Timestamp(times.into()),
            None => Column::new_null(DataType::Timestamp, count),
        }),
        Behind::Window => columns.extend([time(start), time(end)]),
        Behind::Nothing => {}
    }
    columns
}
