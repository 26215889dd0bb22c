//! Rows in the order of their key groups, and where that order is cut into segments.

use crate::data::{Column, rowkey};

/// Rows of a segment, about: enough for a record batch to be worth its header, few enough to be worth keeping.
/// Tests make do with small tables.
const SEGMENT_ROWS: u32 = if cfg!(test) { 32 } else { 4096 };

/// Rows of a segment of a table without key.
pub const PLAIN_SEGMENT_ROWS: usize = if cfg!(test) { 100 } else { 65_536 };

/// The rows of a table, sorted by key group; the order within a group is kept.
pub struct Sorted {
    /// Numbers of rows.
    pub order: Vec<u32>,
    /// Where each group starts in `order`; one more entry than groups.
    pub starts: Vec<u32>,
}

impl Sorted {
    /// Sorts `rows` rows with these key columns by counting.
    pub fn new(key: &[&Column], rows: usize, max_parallelism: u32) -> Sorted {
        let mut groups = vec![0u32; rows];
        let mut starts = vec![0u32; max_parallelism as usize + 1];
        rowkey::each_group(key, rows, max_parallelism, |row, group| {
            groups[row as usize] = group;
            starts[group as usize + 1] += 1;
        });
        for group in 0..max_parallelism as usize {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; rows];
        for (row, &group) in groups.iter().enumerate() {
            let place = &mut next[group as usize];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        Sorted { order, starts }
    }

    /// The rows of key groups `first ..= last`.
    pub fn rows(&self, (first, last): (u32, u32)) -> &[u32] {
        &self.order[self.starts[first as usize] as usize..self.starts[last as usize + 1] as usize]
    }

    /// The key groups of these rows, in the same order.
    pub fn groups(&self, (first, last): (u32, u32)) -> Vec<i32> {
        let mut groups = Vec::with_capacity(self.rows((first, last)).len());
        for group in first..=last {
            let rows = self.starts[group as usize + 1] - self.starts[group as usize];
            groups.extend(std::iter::repeat_n(group as i32, rows as usize));
        }
        groups
    }
}

/// First and last key group of each segment. `before` are those of the checkpoint before, ascending: they stay where
/// they still fit, as a segment that starts elsewhere has to be written again. Groups without rows may be in none.
///
/// Nothing here depends on parallelism.
pub fn cut(starts: &[u32], before: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let groups = starts.len() as u32 - 1;
    let mut segments = Vec::new();
    let mut open = 0;
    for &(first, last) in before {
        if first < open || last < first || last >= groups || !fits(starts, first, last) {
            continue;
        }
        cut_anew(starts, open, first, &mut segments);
        segments.push((first, last));
        open = last + 1;
    }
    cut_anew(starts, open, groups, &mut segments);
    segments
}

fn fits(starts: &[u32], first: u32, last: u32) -> bool {
    let rows = starts[last as usize + 1] - starts[first as usize];
    rows >= SEGMENT_ROWS / 2 && (rows <= SEGMENT_ROWS * 4 || first == last)
}

/// Cuts groups `from .. to` where enough rows are together; what is left at the end joins the segment before it.
fn cut_anew(starts: &[u32], from: u32, to: u32, segments: &mut Vec<(u32, u32)>) {
    let had = segments.len();
    let mut first = from;
    for group in from..to {
        if starts[group as usize + 1] - starts[first as usize] >= SEGMENT_ROWS {
            segments.push((first, group));
            first = group + 1;
        }
    }
    if first == to || starts[to as usize] == starts[first as usize] {
        return;
    }
    let rest = starts[to as usize] - starts[first as usize];
    match segments[had..].last_mut() {
        Some(last) if rest < SEGMENT_ROWS / 2 => last.1 = to - 1,
        _ => segments.push((first, to - 1)),
    }
}
