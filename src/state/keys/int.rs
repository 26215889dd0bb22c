//! Keys of a single int or timestamp column.
//!
//! A table of its own: one multiplication and, mostly, one cache line per look-up, and emptied in no time, which
//! matters for tables that live for a block or a window. General tables take half as long again here.

use std::hash::BuildHasher;

use arrow_buffer::NullBuffer;

use super::MISSING;

/// Linear probing over a power of two of slots, at most half full.
#[derive(Debug)]
pub(super) struct IntKeys {
    slots: Vec<Slot>,
    /// What the slots in use are marked with; never 0.
    stamp: u32,
    /// Keys by id.
    keys: Vec<i64>,
    null: Option<u32>,
    seed: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: i64,
    id: u32,
    stamp: u32,
}

const SLOTS_LEAST: usize = 16;

impl Default for IntKeys {
    fn default() -> IntKeys {
        IntKeys {
            slots: vec![Slot::default(); SLOTS_LEAST],
            stamp: 1,
            keys: Vec::new(),
            null: None,
            // Nobody who writes the input knows which keys collide.
            seed: foldhash::fast::RandomState::default().hash_one(0u64),
        }
    }
}

impl IntKeys {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn clear(&mut self) {
        self.keys.clear();
        self.null = None;
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.slots.fill(Slot::default());
            self.stamp = 1;
        }
    }

    pub fn ids(&mut self, values: &[i64], nulls: Option<&NullBuffer>, out: &mut Vec<u32>) {
        out.reserve(values.len());
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
        let mask = self.slots.len() - 1;
        let mut at = hash(self.seed, value) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.key == value && slot.stamp == self.stamp {
                return slot.id;
            }
            if slot.stamp != self.stamp {
                return self.insert(at, value);
            }
            at = (at + 1) & mask;
        }
    }

    /// The slot that holds `value`, or the free one where it belongs.
    fn slot_of(&self, value: i64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(self.seed, value) as usize & mask;
        while self.slots[at].stamp == self.stamp && self.slots[at].key != value {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline(never)]
    fn insert(&mut self, at: usize, value: i64) -> u32 {
        let id = self.keys.len() as u32;
        self.slots[at] = Slot { key: value, id, stamp: self.stamp };
        self.keys.push(value);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    #[cold]
    fn grow(&mut self) {
        // Small tables grow faster, for most of them do not stay small.
        let factor = if self.slots.len() < 4096 { 4 } else { 2 };
        let slots = vec![Slot::default(); self.slots.len() * factor];
        for slot in std::mem::replace(&mut self.slots, slots).into_iter().filter(|slot| slot.stamp == self.stamp) {
            let at = self.slot_of(slot.key);
            self.slots[at] = slot;
        }
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
            let slot = self.slots[self.slot_of(value)];
            if slot.stamp == self.stamp { slot.id } else { MISSING }
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

/// Both halves of a 128-bit product, as in foldhash.
#[inline(always)]
fn hash(seed: u64, value: i64) -> u64 {
    let product = u128::from(value as u64 ^ seed) * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}
