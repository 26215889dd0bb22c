//! Which windows the rows of a batch belong to, and which rows come too late for them.

use std::collections::HashMap;

use arrow_array::{Array, TimestampMicrosecondArray};

use crate::data::{Batch, Column};
use crate::error::{Error, Result};
use crate::op::RowContext;
use crate::op::aggregate::Window;
use crate::op::window::window_start;

/// (end, start) in µs: windows fire in this order.
pub(super) type WindowKey = (i64, i64);

/// The window of a `top` without windows.
pub(super) const WHOLE_INPUT: WindowKey = (i64::MAX, i64::MIN);

#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// Rows of each window, ascending.
    pub windows: Vec<(WindowKey, Vec<u32>)>,
    /// Rows that are late for all their windows.
    pub late: u64,
}

pub(super) fn assign(window: Option<Window>, batch: &Batch, context: &RowContext) -> Result<Assigned> {
    let times =
        || batch.time.as_deref().ok_or_else(|| Error::internal("rows without event time reached an event-time window"));
    match window {
        None => Ok(one_window(WHOLE_INPUT, batch.rows)),
        Some(Window::Attached { start, end }) => Ok(attached(start, end, batch, context)),
        Some(Window::Tumbling { size, offset }) => Ok(tumbling(size, offset, times()?, batch, context)),
        Some(Window::Sliding { size, slide, offset }) => Ok(sliding(size, slide, offset, times()?, batch, context)),
    }
}

fn one_window(window: WindowKey, rows: usize) -> Assigned {
    Assigned { windows: vec![(window, (0..rows as u32).collect())], late: 0 }
}

/// All rows in `window`, or all late, judged alike.
fn one_window_or_late(window: WindowKey, rows: usize, watermark: i64) -> Assigned {
    if is_late(window, watermark) {
        return Assigned { windows: Vec::new(), late: rows as u64 };
    }
    one_window(window, rows)
}

fn is_late((end, _): WindowKey, watermark: i64) -> bool {
    end.saturating_sub(1) <= watermark
}

fn tumbling(size: i64, offset: i64, times: &[i64], batch: &Batch, context: &RowContext) -> Assigned {
    let window_of = |time| {
        let start = window_start(time, offset, size);
        (start.saturating_add(size), start)
    };
    // Rows mostly come in time order: the usual batch lies in one window.
    if batch.seen.is_none() {
        let least = times.iter().copied().min().unwrap_or(0);
        let greatest = times.iter().copied().max().unwrap_or(0);
        if window_of(least) == window_of(greatest) {
            return one_window_or_late(window_of(least), batch.rows, context.watermark);
        }
    }
    each_row(batch, context, |row| window_of(times[row]))
}

fn sliding(size: i64, slide: i64, offset: i64, times: &[i64], batch: &Batch, context: &RowContext) -> Assigned {
    let mut collector = Collector::default();
    for (row, &time) in times.iter().enumerate() {
        let watermark = watermark_of(row, batch, context);
        let mut start = window_start(time, offset, slide);
        let (mut windows, mut taken) = (0, 0);
        while start > time.saturating_sub(size) {
            let window = (start.saturating_add(size), start);
            windows += 1;
            if !is_late(window, watermark) {
                taken += 1;
                collector.push(window, row);
            }
            start = start.saturating_sub(slide);
        }
        if windows > 0 && taken == 0 {
            collector.assigned.late += 1;
        }
    }
    collector.assigned
}

fn attached(start: usize, end: usize, batch: &Batch, context: &RowContext) -> Assigned {
    let (Column::Timestamp(starts), Column::Timestamp(ends)) = (&batch.columns[start], &batch.columns[end]) else {
        return one_window(WHOLE_INPUT, batch.rows);
    };
    let same = |a: &TimestampMicrosecondArray| {
        let values = a.values();
        a.nulls().is_none_or(|n| n.null_count() == 0) && values.iter().all(|v| *v == values[0])
    };
    if batch.seen.is_none() && batch.rows > 0 && same(starts) && same(ends) {
        return one_window_or_late((ends.value(0), starts.value(0)), batch.rows, context.watermark);
    }
    // A window without an end closes with the input.
    let cell = |a: &TimestampMicrosecondArray, row, null| {
        if a.is_null(row) { null } else { a.value(row) }
    };
    each_row(batch, context, |row| (cell(ends, row, i64::MAX), cell(starts, row, i64::MIN)))
}

fn each_row(batch: &Batch, context: &RowContext, window_of: impl Fn(usize) -> WindowKey) -> Assigned {
    let mut collector = Collector::default();
    for row in 0..batch.rows {
        let window = window_of(row);
        if is_late(window, watermark_of(row, batch, context)) {
            collector.assigned.late += 1;
        } else {
            collector.push(window, row);
        }
    }
    collector.assigned
}

/// The watermark a row is judged by: see [`RowContext::watermark`].
fn watermark_of(row: usize, batch: &Batch, context: &RowContext) -> i64 {
    match &batch.seen {
        None => context.watermark,
        Some(seen) => context.watermark.max(seen[row].saturating_sub(context.delay).saturating_sub(1)),
    }
}

/// Collects rows by window. Neighbours mostly share theirs.
#[derive(Default)]
struct Collector {
    assigned: Assigned,
    places: HashMap<WindowKey, usize, foldhash::fast::FixedState>,
    last: Option<(WindowKey, usize)>,
}

impl Collector {
    fn push(&mut self, window: WindowKey, row: usize) {
        let place = match self.last {
            Some((last, place)) if last == window => place,
            _ => *self.places.entry(window).or_insert_with(|| {
                self.assigned.windows.push((window, Vec::new()));
                self.assigned.windows.len() - 1
            }),
        };
        self.last = Some((window, place));
        self.assigned.windows[place].1.push(row as u32);
    }
}
