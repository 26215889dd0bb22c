//! Which groups have a value at all: those without have a null result.

use arrow_buffer::NullBuffer;

/// While every row of every group had a value nothing is written down; most columns never hold a null.
#[derive(Debug, Clone, Default)]
pub struct Valid {
    /// Groups that have a value, while `bits` is not kept.
    pub(super) known: usize,
    pub(super) bits: Option<Vec<bool>>,
}

impl Valid {
    /// All rows have a value: those of the groups `ids`. Every group that is new among `groups` is one of them.
    pub fn add_all(&mut self, ids: &[u32], groups: usize) {
        match &mut self.bits {
            None => self.known = groups,
            Some(bits) => {
                bits.resize(groups, false);
                for &id in ids {
                    bits[id as usize] = true;
                }
            }
        }
    }

    /// From here on some rows have no value: the caller sets the flag of each group that gets one.
    pub fn flags(&mut self, groups: usize) -> &mut Vec<bool> {
        let known = self.known;
        let bits = self.bits.get_or_insert_with(|| vec![true; known]);
        bits.resize(groups, false);
        bits
    }

    pub fn merge(&mut self, other: &Valid, from: &[u32], to: &[u32]) {
        let groups = self.bits.as_ref().map_or(self.known, Vec::len);
        let bits = self.flags(groups);
        for (&from, &to) in from.iter().zip(to) {
            bits[to as usize] |= other.get(from);
        }
    }

    pub fn get(&self, id: u32) -> bool {
        self.bits.as_ref().is_none_or(|bits| bits[id as usize])
    }

    /// Null buffer of the results of these groups.
    pub fn nulls(&self, ids: &[u32]) -> Option<NullBuffer> {
        let bits = self.bits.as_ref()?;
        Some(ids.iter().map(|&id| bits[id as usize]).collect::<NullBuffer>()).filter(|n| n.null_count() > 0)
    }

    pub fn clear(&mut self) {
        *self = Valid::default();
    }
}
