//! The distinct values of a column chunk, in the order in which they came first.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Numbers, by what tells them apart.
#[derive(Debug)]
pub struct Numbers<K> {
    table: HashTable<(K, u32)>,
    pub keys: Vec<K>,
    state: RandomState,
}

impl<K: Copy + Eq + Hash> Numbers<K> {
    pub fn new() -> Numbers<K> {
        Numbers { table: HashTable::new(), keys: Vec::new(), state: RandomState::default() }
    }

    /// The place of a value, which is new if there was none.
    pub fn place(&mut self, key: K) -> u32 {
        let Numbers { table, keys, state } = self;
        let found = table.entry(state.hash_one(key), |(other, _)| *other == key, |(other, _)| state.hash_one(other));
        let new = || {
            keys.push(key);
            (key, keys.len() as u32 - 1)
        };
        found.or_insert_with(new).get().1
    }
}

/// Texts, in the form in which they are written: each behind its length.
#[derive(Debug)]
pub struct Texts {
    table: HashTable<(u64, u32)>,
    pub bytes: Vec<u8>,
    ends: Vec<usize>,
    state: RandomState,
}

impl Texts {
    pub fn new() -> Texts {
        Texts { table: HashTable::new(), bytes: Vec::new(), ends: Vec::new(), state: RandomState::default() }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The place of a value, and whether it is new.
    pub fn place(&mut self, value: &[u8]) -> (u32, bool) {
        let hash = self.state.hash_one(value);
        let Texts { table, bytes, ends, .. } = self;
        let same = |(other, place): &(u64, u32)| *other == hash && &written(bytes, ends, *place)[4..] == value;
        if let Some((_, place)) = table.find(hash, same) {
            return (*place, false);
        }
        let place = ends.len() as u32;
        plain(value, bytes);
        ends.push(bytes.len());
        table.insert_unique(hash, (hash, place), |(hash, _)| *hash);
        (place, true)
    }

    /// A value behind its length.
    pub fn written(&self, place: u32) -> &[u8] {
        written(&self.bytes, &self.ends, place)
    }
}

fn written<'a>(bytes: &'a [u8], ends: &[usize], place: u32) -> &'a [u8] {
    let place = place as usize;
    let start = if place == 0 { 0 } else { ends[place - 1] };
    &bytes[start..ends[place]]
}

/// A text as it is written.
pub fn plain(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}
