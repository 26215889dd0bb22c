//! Sorts the rows of a batch by pane and by whether they are behind, without touching the rows one by one where
//! it can be helped: most batches lie in one pane.

use std::ops::Range;

use arrow_array::Array;

use super::Window;
use super::grid::{Grid, Pane, Span};
use crate::data::{Batch, Column};
use crate::error::{Error, Result};

/// Neighbouring rows of one pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub pane: Pane,
    /// The watermark had passed the end of one of their windows when they came.
    pub behind: bool,
    pub rows: Range<u32>,
}

/// Rows of one pane: a stretch of the batch, or picked from all over it.
#[derive(Debug)]
pub enum Picked {
    Range(Range<usize>),
    Rows(Vec<u32>),
}

/// What rows are judged by: `max(watermark, seen[i] - delay - 1)`.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    pub watermark: i64,
    pub delay: i64,
    pub seen: Option<&'a [i64]>,
}

impl Judge<'_> {
    /// The watermark that row `row` is judged by.
    #[inline]
    pub fn watermark(&self, row: usize) -> i64 {
        match self.seen {
            Some(seen) => self.watermark.max(seen[row].saturating_sub(self.delay).saturating_sub(1)),
            None => self.watermark,
        }
    }
}

/// The rows of a batch by pane; rows in no window are left out. Each part keeps the order of its rows.
pub fn split(batch: &Batch, window: Window, grid: Option<&Grid>, judge: &Judge) -> Result<Vec<(Run, Picked)>> {
    let mut runs = Vec::new();
    match (grid, window) {
        (Some(grid), _) => {
            let times = batch.time.as_deref().ok_or_else(|| Error::internal("windowed rows have no event time"))?;
            runs_by_time(times, grid, judge, &mut runs)?;
        }
        (None, Window::Attached { start, end }) => {
            runs_by_columns(&batch.columns[start], &batch.columns[end], judge, &mut runs)?;
        }
        (None, _) => return Err(Error::internal("a window without a grid")),
    }
    Ok(pick(runs, batch.rows))
}

fn runs_by_time(times: &[i64], grid: &Grid, judge: &Judge, runs: &mut Vec<Run>) -> Result<()> {
    let holds = |pane: &Pane, time: i64| pane.span.start <= time && time < pane.span.end;
    let (mut pane, mut other): (Option<Pane>, Option<Pane>) = (None, None);
    let mut row = 0;
    while row < times.len() {
        // Rows out of order often go back and forth between two panes.
        let next = match other.filter(|other| holds(other, times[row])) {
            Some(other) => other,
            None => grid.pane_of(times[row])?,
        };
        (pane, other) = (Some(next), pane);
        let len = times[row..].iter().position(|&time| !holds(&next, time)).unwrap_or(times.len() - row);
        judge_run(next, row..row + len, judge, runs);
        row += len;
    }
    Ok(())
}

fn runs_by_columns(starts: &Column, ends: &Column, judge: &Judge, runs: &mut Vec<Run>) -> Result<()> {
    let (Column::Timestamp(starts), Column::Timestamp(ends)) = (starts, ends) else {
        return Err(Error::internal("window columns are timestamps"));
    };
    if starts.nulls().is_some_and(|n| n.null_count() > 0) || ends.nulls().is_some_and(|n| n.null_count() > 0) {
        return Err(Error::data("a row's window_start or window_end is null").note("filter such rows out before"));
    }
    let (starts, ends) = (starts.values(), ends.values());
    let mut row = 0;
    while row < starts.len() {
        let span = Span { start: starts[row], end: ends[row] };
        if span.end == i64::MIN {
            return Err(Error::data("a row's window_end is before all time"));
        }
        let same = |i: &usize| starts[*i] == span.start && ends[*i] == span.end;
        let len = (row..starts.len()).take_while(same).count();
        judge_run(Pane { span, windows: Some((span, span)) }, row..row + len, judge, runs);
        row += len;
    }
    Ok(())
}

/// Appends neighbouring rows of one pane, cut where rows that are behind begin and end.
fn judge_run(pane: Pane, rows: Range<usize>, judge: &Judge, runs: &mut Vec<Run>) {
    let Some((first, _)) = pane.windows else { return };
    let is_behind = |row: usize| first.is_complete(judge.watermark(row));
    let mut push = |behind, rows: Range<usize>| {
        runs.push(Run { pane, behind, rows: rows.start as u32..rows.end as u32 });
    };
    // Without `seen` the first row stands for all; with it, whatever the block's watermark has passed is behind.
    if judge.seen.is_none() || first.is_complete(judge.watermark) {
        return push(is_behind(rows.start), rows);
    }
    let mut start = rows.start;
    while start < rows.end {
        let behind = is_behind(start);
        let len = (start..rows.end).take_while(|&row| is_behind(row) == behind).count();
        push(behind, start..start + len);
        start += len;
    }
}

/// Runs as they are while they are long; many short ones are gathered by pane.
fn pick(mut runs: Vec<Run>, rows: usize) -> Vec<(Run, Picked)> {
    let range = |run: &Run| run.rows.start as usize..run.rows.end as usize;
    if runs.len() <= 4 || runs.len() * 64 <= rows {
        return runs.into_iter().map(|run| (run.clone(), Picked::Range(range(&run)))).collect();
    }
    runs.sort_by_key(|run| (run.pane.span, run.behind));
    let same = |a: &Run, b: &Run| (a.pane, a.behind) == (b.pane, b.behind);
    let parts = runs.chunk_by(same);
    parts.map(|part| (part[0].clone(), Picked::Rows(part.iter().flat_map(|run| run.rows.clone()).collect()))).collect()
}
