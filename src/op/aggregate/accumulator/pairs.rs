//! The different values of each group: values become dense ids, and each (group, value) pair is there once, numbered as
//! it came. Null is a value; `-0.0` equals `0.0` and every NaN equals every other.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::data::{Column, DataType};
use crate::state::keys::{FrozenKeys, KeyIndex};

#[derive(Debug)]
pub struct Pairs {
    pub values: KeyIndex,
    /// Numbers of pairs.
    table: HashTable<u32>,
    /// (Group, value) by number: what is stored must not depend on hashes.
    pub listed: Vec<(u32, u32)>,
    hasher: foldhash::fast::RandomState,
}

/// A pair's number, and whether it is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    pub number: u32,
    pub is_new: bool,
}

impl Pairs {
    /// Values are rows of columns of these types.
    pub fn new(types: &[DataType]) -> Pairs {
        let (values, hasher) = (KeyIndex::new(types), Default::default());
        Pairs { values, table: HashTable::new(), listed: Vec::new(), hasher }
    }

    pub fn insert(&mut self, group: u32, value: u32) -> Inserted {
        let hash = |pair: (u32, u32)| self.hasher.hash_one(u64::from(pair.0) << 32 | u64::from(pair.1));
        let (pair, listed) = ((group, value), &mut self.listed);
        if let Some(&number) = self.table.find(hash(pair), |&number| listed[number as usize] == pair) {
            return Inserted { number, is_new: false };
        }
        let number = listed.len() as u32;
        listed.push(pair);
        self.table.insert_unique(hash(pair), number, |&number| hash(listed[number as usize]));
        Inserted { number, is_new: true }
    }

    /// For each value of `other` its id here.
    pub fn translate(&mut self, other: &Pairs) -> Vec<u32> {
        let all: Vec<u32> = (0..other.values.len() as u32).collect();
        let columns = other.values.key_columns(&all);
        let mut ids = Vec::new();
        self.values.ids(&columns.iter().collect::<Vec<_>>(), all.len(), &mut ids);
        ids
    }

    /// The values copied, and of each pair its group and its value.
    pub fn freeze(&self) -> (FrozenKeys, Vec<u32>, Vec<u32>) {
        let (groups, values) = self.listed.iter().copied().unzip();
        (self.values.freeze(), groups, values)
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.table.clear();
        self.listed.clear();
    }
}

/// For each group of `groups` where it goes: `to[i]` for `from[i]`.
pub fn targets(groups: usize, from: &[u32], to: &[u32]) -> Vec<Option<u32>> {
    let mut targets = vec![None; groups];
    for (&from, &to) in from.iter().zip(to) {
        targets[from as usize] = Some(to);
    }
    targets
}

/// The rows of frozen pairs: the columns of their values.
pub fn value_columns(values: &FrozenKeys, ids: Vec<u32>) -> Vec<Column> {
    let ids = arrow_array::UInt32Array::from(ids);
    values.columns().iter().map(|column| column.take(&ids)).collect()
}
