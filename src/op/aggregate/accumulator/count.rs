//! `count(*)` and `count(x)`.

use arrow_array::Int64Array;

use super::Argument;
use crate::data::Column;
use crate::error::Result;

#[derive(Debug, Clone, Default)]
pub struct Count {
    pub(super) counts: Vec<i64>,
}

impl Count {
    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.counts.resize(groups, 0);
        let counts = &mut self.counts[..];
        match rows.selected(true) {
            None => {
                for &id in ids {
                    counts[id as usize] += 1;
                }
            }
            Some(selected) => {
                for row in selected.set_indices() {
                    counts[ids[row] as usize] += 1;
                }
            }
        }
    }

    /// Adds counts made elsewhere.
    pub fn add(&mut self, ids: &[u32], groups: usize, counts: &Column) {
        self.counts.resize(groups, 0);
        let Column::Int(more) = counts else { unreachable!("a count is an int: {counts:?}") };
        for (&id, &more) in ids.iter().zip(more.values()) {
            self.counts[id as usize] += more;
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.counts.resize(groups, 0);
    }

    pub fn merge(&mut self, other: &Count, from: &[u32], to: &[u32]) {
        for (&from, &to) in from.iter().zip(to) {
            self.counts[to as usize] += other.counts[from as usize];
        }
    }

    pub fn get(&self, id: u32) -> i64 {
        self.counts[id as usize]
    }

    pub fn column(&self, ids: &[u32]) -> Column {
        Column::Int(Int64Array::new(ids.iter().map(|&id| self.counts[id as usize]).collect(), None))
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(self.column(ids))
    }

    pub fn clear(&mut self) {
        self.counts.clear();
    }
}
