//! Keys that are bytes: strings and row keys, copied into one arena.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::MISSING;

#[derive(Debug, Default)]
pub(super) struct BytesKeys {
    /// Hash and id; the hash saves most comparisons and all hashing when the table grows.
    table: HashTable<(u64, u32)>,
    bytes: Vec<u8>,
    /// End of each key in `bytes`; a key starts where the one before it ends.
    ends: Vec<usize>,
    hasher: foldhash::fast::RandomState,
}

impl BytesKeys {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn clear(&mut self) {
        self.table.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    #[inline]
    pub fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[start..self.ends[id]]
    }

    #[inline]
    pub fn id(&mut self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        match self.table.find(hash, |&(h, id)| h == hash && self.get(id) == key) {
            Some(entry) => entry.1,
            None => self.insert(hash, key),
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let id = self.push(key);
        self.table.insert_unique(hash, (hash, id), |entry| entry.0);
        id
    }

    pub fn find(&self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |&(h, id)| h == hash && self.get(id) == key).map_or(MISSING, |entry| entry.1)
    }

    /// An id that no bytes lead to: the null key.
    pub fn push_unfindable(&mut self) -> u32 {
        self.push(&[])
    }

    /// All keys one behind the other, and where each one ends.
    pub fn copied(&self) -> (Vec<u8>, Vec<usize>) {
        (self.bytes.clone(), self.ends.clone())
    }

    fn push(&mut self, key: &[u8]) -> u32 {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.ends.len() as u32 - 1
    }
}
