//! The reduction before the exchange.

use arrow_array::UInt32Array;

use crate::data::{Batch, Column};
use crate::error::Result;
use crate::op::aggregate::Window;
use crate::op::sort::Heads;
use crate::op::window::pane_size;
use crate::op::{MAIN, Operator, Out, RowContext};

use super::TopSpec;
use super::assign::{assign, common_window};
use super::best::Best;
use super::groups::GroupIndex;

/// Greatest n for which the best values are kept in order, by insertion.
const CANDIDATES_MAX: u64 = 64;

/// Batches passed unseen after one that hardly shrank.
const SKIP_BATCHES: u32 = 15;

/// Keeps of each batch the rows that can be among the best n of their group within the batch, in input order. Holds
/// no rows, so it may run in any worker before [`super::Top`], whose results it does not change. Late rows may be
/// dropped here before they are counted as late.
#[derive(Debug)]
pub struct TopLocal {
    spec: TopSpec,
    group_columns: Vec<usize>,
    /// Windows that rows of one batch compete in: panes, for windows that overlap.
    window: Option<Window>,
    index: GroupIndex,
    skip: u32,
}

impl TopLocal {
    /// `spec` is that of the [`super::Top`] behind the exchange.
    pub fn new(spec: TopSpec) -> TopLocal {
        let group_columns = spec.group_columns();
        let window = match spec.window {
            // A row that is not among the best of its pane is not among the best of any window around it.
            Some(Window::Sliding { size, slide, offset }) => {
                Some(Window::Tumbling { size: pane_size(size, slide), offset })
            }
            other => other,
        };
        let index = GroupIndex::new(&spec.input, &group_columns);
        TopLocal { spec, group_columns, window, index, skip: 0 }
    }

    fn reduce(&mut self, batch: &Batch) -> Result<Batch> {
        let one_group = self.group_columns.is_empty() && common_window(self.window, batch).is_some();
        let candidates = if one_group { candidates(batch, &self.spec) } else { None };
        let fewer = candidates.map(|rows| batch.take(&UInt32Array::from(rows)));
        match fewer {
            // With ties all rows up to the n-th by the only key are kept, which is what was looked for.
            Some(fewer) if self.spec.ties && self.spec.order.len() == 1 => Ok(fewer),
            Some(fewer) => self.take_best(&fewer),
            None => self.take_best(batch),
        }
    }

    fn take_best(&mut self, batch: &Batch) -> Result<Batch> {
        Ok(batch.take(&UInt32Array::from(self.keep(batch)?)))
    }

    /// Indices of the rows worth keeping, ascending.
    fn keep(&mut self, batch: &Batch) -> Result<Vec<u32>> {
        // Nothing is late here: that is for the transform itself to judge.
        let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
        let windows = assign(self.window, batch, &context)?.windows;
        let heads = Heads::new(&self.spec.order, &batch.columns, batch.rows);
        let mut best = Best::default();
        let mut ids = Vec::new();
        let mut kept = Vec::new();
        for (_, rows) in windows {
            if self.group_columns.is_empty() {
                keep_best(&mut best, batch, &rows, &heads, &self.spec, &mut kept);
                continue;
            }
            self.index.clear();
            self.index.ids(&batch.columns, &self.group_columns, &rows, &mut ids);
            let (sorted, ends) = by_group(&rows, &ids, self.index.len());
            let mut start = 0;
            for end in ends {
                let group = &sorted[start..end];
                if group.len() as u64 <= self.spec.n {
                    kept.extend_from_slice(group);
                } else {
                    keep_best(&mut best, batch, group, &heads, &self.spec, &mut kept);
                }
                start = end;
            }
        }
        kept.sort_unstable();
        Ok(kept)
    }
}

impl Operator for TopLocal {
    fn on_batch(&mut self, batch: Batch, _context: &RowContext, out: &mut Out) -> Result<()> {
        if self.spec.n == 0 {
            return Ok(());
        }
        // With `seen`, rows of one window may be judged differently: the best of them may be late.
        let judged_apart = self.spec.window.is_some() && batch.seen.is_some();
        if self.skip > 0 || judged_apart || batch.rows as u64 <= self.spec.n {
            self.skip = self.skip.saturating_sub(1);
            out.emit(MAIN, batch);
            return Ok(());
        }
        let reduced = self.reduce(&batch)?;
        if reduced.rows * 4 > batch.rows * 3 {
            self.skip = SKIP_BATCHES;
            out.emit(MAIN, batch);
        } else {
            out.emit(MAIN, reduced);
        }
        Ok(())
    }
}

/// The rows of one group that are among the best n by the first sort key, equal ones included; `None` where that is
/// not a matter of two passes over integers.
fn candidates(batch: &Batch, spec: &TopSpec) -> Option<Vec<u32>> {
    let key = spec.order.first()?;
    let column = &batch.columns[key.column];
    let values: &[i64] = match column {
        Column::Int(a) => a.values(),
        Column::Timestamp(a) => a.values(),
        _ => return None,
    };
    if spec.n > CANDIDATES_MAX || column.nulls().is_some_and(|nulls| nulls.null_count() > 0) {
        return None;
    }
    // `!v` turns the order of integers around.
    let flip = if key.descending { -1 } else { 0 };
    let n = spec.n as usize;
    let mut least: Vec<i64> = Vec::with_capacity(n + 1);
    let mut limit = i64::MAX;
    for &value in values {
        let value = value ^ flip;
        if value < limit || least.len() < n {
            least.insert(least.partition_point(|v| *v <= value), value);
            least.truncate(n);
            limit = if least.len() == n { least[n - 1] } else { i64::MAX };
        }
    }
    Some((0..).zip(values).filter(|(_, value)| *value ^ flip <= limit).map(|(row, _)| row).collect())
}

/// Appends to `kept` the best of `rows`, which are one group.
fn keep_best(best: &mut Best, batch: &Batch, rows: &[u32], heads: &Heads, spec: &TopSpec, kept: &mut Vec<u32>) {
    best.clear();
    let mut limit = u128::MAX;
    for &row in rows {
        if heads.values[row as usize] > limit {
            continue;
        }
        if best.offer(batch, row as usize, heads, u64::from(row), spec) {
            limit = best.limit(spec);
        }
    }
    best.cut(spec);
    kept.extend(best.entries().iter().map(|entry| entry.seq as u32));
}

/// The rows of each group, ascending and group after group, and where each group ends: a counting sort.
fn by_group(rows: &[u32], ids: &[u32], groups: usize) -> (Vec<u32>, Vec<usize>) {
    let mut next = vec![0; groups + 1];
    ids.iter().for_each(|&id| next[id as usize + 1] += 1);
    for id in 0..groups {
        next[id + 1] += next[id];
    }
    let mut sorted = vec![0; rows.len()];
    for (&row, &id) in rows.iter().zip(ids) {
        sorted[next[id as usize]] = row;
        next[id as usize] += 1;
    }
    // Having placed its rows, `next` of a group is its end.
    next.truncate(groups);
    (sorted, next)
}
