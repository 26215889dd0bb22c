//! Keys of a single int or timestamp column.

use std::hash::BuildHasher;

use arrow_buffer::NullBuffer;
use hashbrown::HashTable;

use super::MISSING;

#[derive(Debug, Default)]
pub(super) struct IntKeys {
    table: HashTable<(i64, u32)>,
    keys: Vec<i64>,
    null: Option<u32>,
    hasher: foldhash::fast::RandomState,
}

impl IntKeys {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn clear(&mut self) {
        self.table.clear();
        self.keys.clear();
        self.null = None;
    }

    pub fn ids(&mut self, values: &[i64], nulls: Option<&NullBuffer>, out: &mut Vec<u32>) {
        match nulls {
            None => out.extend(values.iter().map(|&value| self.id(value))),
            Some(nulls) => {
                out.extend(
                    values.iter().zip(nulls).map(|(&value, valid)| if valid { self.id(value) } else { self.null_id() }),
                );
            }
        }
    }

    #[inline(always)]
    fn id(&mut self, value: i64) -> u32 {
        let hash = self.hasher.hash_one(value);
        match self.table.find(hash, |entry| entry.0 == value) {
            Some(entry) => entry.1,
            None => self.insert(hash, value),
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&mut self, hash: u64, value: i64) -> u32 {
        let id = self.keys.len() as u32;
        self.keys.push(value);
        self.table.insert_unique(hash, (value, id), |entry| self.hasher.hash_one(entry.0));
        id
    }

    fn null_id(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| {
            self.keys.push(i64::MIN);
            self.keys.len() as u32 - 1
        })
    }

    pub fn find(&self, values: &[i64], nulls: Option<&NullBuffer>, out: &mut Vec<u32>) {
        out.extend(values.iter().enumerate().map(|(row, &value)| {
            if nulls.is_some_and(|n| n.is_null(row)) {
                return self.null.unwrap_or(MISSING);
            }
            self.table.find(self.hasher.hash_one(value), |entry| entry.0 == value).map_or(MISSING, |entry| entry.1)
        }));
    }

    pub fn key(&self, id: u32) -> i64 {
        self.keys[id as usize]
    }

    /// Keys by id; `i64::MIN` stands for null.
    pub fn keys(&self) -> &[i64] {
        &self.keys
    }

    pub fn null(&self) -> Option<u32> {
        self.null
    }

    /// Compares like the key.
    pub fn sort_key(&self, id: u32) -> (bool, i64) {
        (Some(id) != self.null, self.key(id))
    }

    pub fn nulls(&self, ids: &[u32]) -> Option<NullBuffer> {
        let null = self.null?;
        ids.contains(&null).then(|| ids.iter().map(|&id| id != null).collect())
    }
}
