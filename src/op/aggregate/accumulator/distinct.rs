//! `count(DISTINCT x)`: values become dense ids, a set holds the (group, value) pairs. Null is not counted; `-0.0`
//! equals `0.0` and every NaN equals every other.

use std::hash::BuildHasher;

use arrow_array::Int64Array;
use hashbrown::HashTable;

use super::Argument;
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::state::keys::{FrozenKeys, KeyIndex};

/// The values of each group, copied.
#[derive(Debug)]
pub struct FrozenSet {
    /// (Group, value) in the order they came.
    pub pairs: Vec<(u32, u32)>,
    pub values: FrozenKeys,
}

#[derive(Debug)]
pub struct Distinct {
    pub(super) ty: DataType,
    values: KeyIndex,
    pairs: HashTable<(u32, u32)>,
    /// The same pairs in the order they came: what is stored must not depend on hashes.
    listed: Vec<(u32, u32)>,
    pub(super) counts: Vec<i64>,
    hasher: foldhash::fast::RandomState,
    scratch: Vec<u32>,
}

impl Distinct {
    pub fn new(ty: DataType) -> Distinct {
        Distinct {
            ty,
            values: KeyIndex::new(&[ty]),
            pairs: HashTable::new(),
            listed: Vec::new(),
            counts: Vec::new(),
            hasher: Default::default(),
            scratch: Vec::new(),
        }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.counts.resize(groups, 0);
        let mut values = std::mem::take(&mut self.scratch);
        self.values.ids(&[rows.column.expect("count(DISTINCT x) has an argument")], ids.len(), &mut values);
        match rows.selected(true) {
            None => ids.iter().zip(&values).for_each(|(&id, &value)| self.insert(id, value)),
            Some(selected) => selected.set_indices().for_each(|row| self.insert(ids[row], values[row])),
        }
        self.scratch = values;
    }

    fn insert(&mut self, id: u32, value: u32) {
        let hash = |pair: &(u32, u32)| self.hasher.hash_one(u64::from(pair.0) << 32 | u64::from(pair.1));
        let pair = (id, value);
        if self.pairs.find(hash(&pair), |p| *p == pair).is_none() {
            self.pairs.insert_unique(hash(&pair), pair, hash);
            self.listed.push(pair);
            self.counts[id as usize] += 1;
        }
    }

    pub fn freeze_set(&self) -> FrozenSet {
        FrozenSet { pairs: self.listed.clone(), values: self.values.freeze() }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.counts.resize(groups, 0);
    }

    pub fn merge(&mut self, other: &Distinct, from: &[u32], to: &[u32]) {
        let all: Vec<u32> = (0..other.values.len() as u32).collect();
        let columns = other.values.key_columns(&all);
        let mut values = Vec::new();
        self.values.ids(&columns.iter().collect::<Vec<_>>(), all.len(), &mut values);
        let mut targets = vec![None; other.counts.len()];
        for (&from, &to) in from.iter().zip(to) {
            targets[from as usize] = Some(to);
        }
        for &(id, value) in &other.listed {
            if let Some(to) = targets[id as usize] {
                self.insert(to, values[value as usize]);
            }
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(Column::Int(Int64Array::new(ids.iter().map(|&id| self.counts[id as usize]).collect(), None)))
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.pairs.clear();
        self.listed.clear();
        self.counts.clear();
    }
}
