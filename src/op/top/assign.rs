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
    /// The delay that was missing to keep them, µs.
    pub late_by: i64,
}

pub(super) fn assign(window: Option<Window>, batch: &Batch, context: &RowContext) -> Result<Assigned> {
    // Rows mostly come in time order: the usual batch lies in one window, and its rows are judged alike.
    let judged_alike = batch.seen.is_none() || window.is_none();
    match common_window(window, batch) {
        Some(common) if judged_alike => Ok(if window.is_some() && is_late(common, context.watermark) {
            Assigned { late: batch.rows as u64, late_by: shortfall(common, context.watermark), ..Assigned::default() }
        } else {
            Assigned { windows: vec![(common, (0..batch.rows as u32).collect())], ..Assigned::default() }
        }),
        _ => assign_each(window, batch, context),
    }
}

fn assign_each(window: Option<Window>, batch: &Batch, context: &RowContext) -> Result<Assigned> {
    let times =
        || batch.time.as_deref().ok_or_else(|| Error::internal("rows without event time reached an event-time window"));
    match window {
        Some(Window::Tumbling { size, offset }) => {
            let times = times()?;
            Ok(each_row(batch, context, |row| {
                let start = window_start(times[row], offset, size);
                (start.saturating_add(size), start)
            }))
        }
        Some(Window::Sliding { size, slide, offset }) => Ok(sliding(size, slide, offset, times()?, batch, context)),
        Some(Window::Attached { start, end }) => {
            let columns = timestamps(&batch.columns[start]).zip(timestamps(&batch.columns[end]));
            let (starts, ends) =
                columns.ok_or_else(|| Error::internal("the columns of attached windows are not timestamps"))?;
            Ok(each_row(batch, context, |row| window_of(starts, ends, row)))
        }
        Some(Window::Count { .. }) => Err(Error::internal("a top has no windows of rows")),
        None => Err(Error::internal("rows of the whole input lie in one window")),
    }
}

/// The one window that all rows lie in, if that is so and quick to see; no judgement of lateness.
pub(super) fn common_window(window: Option<Window>, batch: &Batch) -> Option<WindowKey> {
    match window {
        None => Some(WHOLE_INPUT),
        Some(Window::Attached { start, end }) => {
            let (starts, ends) = (timestamps(&batch.columns[start])?, timestamps(&batch.columns[end])?);
            let same = |a: &TimestampMicrosecondArray| {
                let first = *a.values().first()?;
                // Without early exit the comparison is vectorised.
                let differ = a.values().iter().fold(0, |bits, v| bits | (v ^ first));
                (a.null_count() == 0 && differ == 0).then_some(first)
            };
            Some((same(ends)?, same(starts)?))
        }
        Some(Window::Tumbling { size, offset }) => {
            let times = batch.time.as_deref()?;
            let (least, greatest) = (times.iter().min()?, times.iter().max()?);
            let start = window_start(*least, offset, size);
            (window_start(*greatest, offset, size) == start).then(|| (start.saturating_add(size), start))
        }
        Some(Window::Sliding { .. } | Window::Count { .. }) => None,
    }
}

/// The window of a row that brings it along. One without an end closes with the input.
pub(super) fn window_of(starts: &TimestampMicrosecondArray, ends: &TimestampMicrosecondArray, row: usize) -> WindowKey {
    let cell = |a: &TimestampMicrosecondArray, null| if a.is_null(row) { null } else { a.value(row) };
    (cell(ends, i64::MAX), cell(starts, i64::MIN))
}

pub(super) fn timestamps(column: &Column) -> Option<&TimestampMicrosecondArray> {
    match column {
        Column::Timestamp(a) => Some(a),
        _ => None,
    }
}

/// How much more delay would have kept a late row.
fn shortfall((end, _): WindowKey, watermark: i64) -> i64 {
    watermark.saturating_sub(end.saturating_sub(1)).saturating_add(1)
}

fn is_late((end, _): WindowKey, watermark: i64) -> bool {
    end.saturating_sub(1) <= watermark
}

fn sliding(size: i64, slide: i64, offset: i64, times: &[i64], batch: &Batch, context: &RowContext) -> Assigned {
    let mut collector = Collector::default();
    for (row, &time) in times.iter().enumerate() {
        let watermark = watermark_of(row, batch, context);
        let mut start = window_start(time, offset, slide);
        let newest = (start.saturating_add(size), start);
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
            collector.late(newest, watermark);
        }
    }
    collector.assigned
}

fn each_row(batch: &Batch, context: &RowContext, window_of: impl Fn(usize) -> WindowKey) -> Assigned {
    let mut collector = Collector::default();
    for row in 0..batch.rows {
        let window = window_of(row);
        let watermark = watermark_of(row, batch, context);
        if is_late(window, watermark) {
            collector.late(window, watermark);
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
    fn late(&mut self, window: WindowKey, watermark: i64) {
        self.assigned.late += 1;
        self.assigned.late_by = self.assigned.late_by.max(shortfall(window, watermark));
    }

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
