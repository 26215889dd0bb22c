//! The best n rows of one group.

use std::cmp::Ordering;

use crate::data::Batch;
use crate::op::sort::{Heads, append_rest};

use super::TopSpec;

/// A row that may be among the best n. Compares as rows rank: by sort keys, then by input order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub head: u128,
    /// Empty where heads are exact.
    pub rest: Box<[u8]>,
    /// Place of the row in the input.
    pub seq: u64,
}

impl Entry {
    /// Whether both rows are equal by the sort keys.
    pub fn ties(&self, other: &Entry) -> bool {
        self.by_keys(other.head, &other.rest).is_eq()
    }

    #[inline]
    fn by_keys(&self, head: u128, rest: &[u8]) -> Ordering {
        match self.head.cmp(&head) {
            // Where there is no rest, the call to compare nothing would be most of the work.
            Ordering::Equal if !rest.is_empty() => (*self.rest).cmp(rest),
            order => order,
        }
    }
}

/// Rows are collected until there are about twice as many as needed, then cut: constant work per row for any n.
#[derive(Debug, Default)]
pub(super) struct Best {
    entries: Vec<Entry>,
    /// The first so many are in order and have been cut; once they are n, the n-th is what a row must beat.
    sorted: usize,
}

impl Best {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.sorted = 0;
    }

    /// Greatest head that can still get in.
    #[inline]
    pub fn limit(&self, spec: &TopSpec) -> u128 {
        self.nth(spec).map_or(u128::MAX, |entry| entry.head)
    }

    /// The n-th best row, as of the last cut.
    fn nth(&self, spec: &TopSpec) -> Option<&Entry> {
        let n = n_rows(spec);
        if self.sorted >= n { self.entries.get(n - 1) } else { None }
    }

    /// Takes row `row` of `batch` if it can be among the best n. Rows are offered in input order.
    pub fn offer(&mut self, batch: &Batch, row: usize, heads: &Heads, seq: u64, spec: &TopSpec) -> bool {
        let head = heads.values[row];
        let mut rest = Vec::new();
        if head > self.limit(spec) {
            return false;
        }
        if !heads.exact {
            append_rest(&mut rest, &spec.order, &batch.columns, row);
        }
        if let Some(nth) = self.nth(spec) {
            let order = nth.by_keys(head, &rest);
            // Worse than the n-th, or equal to it and behind it in the input.
            if order.is_lt() || order.is_eq() && !spec.ties {
                return false;
            }
        }
        self.entries.push(Entry { head, rest: rest.into_boxed_slice(), seq });
        if self.entries.len() >= self.next_cut(spec) {
            self.cut(spec);
        }
        true
    }

    /// Drops what is not among the best n.
    pub fn settle(&mut self, spec: &TopSpec) {
        if self.sorted < self.entries.len() {
            self.cut(spec);
        }
    }

    fn next_cut(&self, spec: &TopSpec) -> usize {
        if self.sorted < n_rows(spec) {
            return n_rows(spec);
        }
        // Few entries are cut at once, which keeps the limit sharp; many when they have doubled.
        self.sorted + 1 + if self.sorted <= 8 { 0 } else { self.sorted }
    }

    /// Brings the entries in order and drops those that are not among the best n.
    pub fn cut(&mut self, spec: &TopSpec) {
        self.entries.sort_unstable_by(|a, b| a.by_keys(b.head, &b.rest).then(a.seq.cmp(&b.seq)));
        let n = n_rows(spec);
        if self.entries.len() > n {
            let mut keep = n;
            if spec.ties {
                keep += self.entries[n..].iter().take_while(|e| e.ties(&self.entries[n - 1])).count();
            }
            self.entries.truncate(keep);
        }
        self.sorted = self.entries.len();
    }
}

/// n as a count of rows in memory; at least 1 (nobody is asked for the best 0 rows).
fn n_rows(spec: &TopSpec) -> usize {
    usize::try_from(spec.n).unwrap_or(usize::MAX).max(1)
}
