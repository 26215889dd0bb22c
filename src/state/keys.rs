//! Key → dense id: group-by as an index of keys plus vectors that are indexed by id.
//!
//! The index owns its keys (strings are copied out of input blocks). There is one layout for a single int or
//! timestamp column, one for a single string column and one over row-key bytes for everything else. Null is a key
//! like any other. What is stored per key lives in the accumulators, never here.

mod bytes;
mod frozen;
mod int;
mod sort;

use arrow_array::{Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::ScalarBuffer;

use crate::data::{Column, ColumnBuilder, DataType, rowkey};
use bytes::BytesKeys;
pub use frozen::FrozenKeys;
use int::IntKeys;

/// What [`KeyIndex::find`] gives for a key that is not there.
pub const MISSING: u32 = u32::MAX;

/// Distinct keys, numbered 0, 1, 2 … in the order in which they were first seen. At most 2³² − 1 of them; their
/// bytes would fill the memory of any machine this runs on long before.
#[derive(Debug)]
pub struct KeyIndex {
    types: Vec<DataType>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    /// No key columns: one group, once a row was seen.
    One(bool),
    Int(IntKeys),
    /// One string column: its bytes; null apart.
    Text {
        keys: BytesKeys,
        null: Option<u32>,
    },
    /// Row keys.
    Rows {
        keys: BytesKeys,
        encoded: Vec<u8>,
        ends: Vec<u32>,
    },
}

impl KeyIndex {
    /// An index for key columns of these types.
    pub fn new(types: &[DataType]) -> KeyIndex {
        let keys = match types {
            [] => Keys::One(false),
            [DataType::Int | DataType::Timestamp] => Keys::Int(IntKeys::default()),
            [DataType::String] => Keys::Text { keys: BytesKeys::default(), null: None },
            _ => Keys::Rows { keys: BytesKeys::default(), encoded: Vec::new(), ends: Vec::new() },
        };
        KeyIndex { types: types.to_vec(), keys }
    }

    /// How many key columns there are.
    pub fn width(&self) -> usize {
        self.types.len()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::One(seen) => usize::from(*seen),
            Keys::Int(keys) => keys.len(),
            Keys::Text { keys, .. } | Keys::Rows { keys, .. } => keys.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all keys and keeps the memory.
    pub fn clear(&mut self) {
        match &mut self.keys {
            Keys::One(seen) => *seen = false,
            Keys::Int(keys) => keys.clear(),
            Keys::Text { keys, null } => {
                keys.clear();
                *null = None;
            }
            Keys::Rows { keys, .. } => keys.clear(),
        }
    }

    /// The ids of `rows` rows with the key `columns`, into `out` (which is cleared first); new keys are added.
    pub fn ids(&mut self, columns: &[&Column], rows: usize, out: &mut Vec<u32>) {
        out.clear();
        match (&mut self.keys, columns) {
            (Keys::One(seen), _) => {
                *seen |= rows > 0;
                out.resize(rows, 0);
            }
            (Keys::Int(keys), [Column::Int(a)]) => keys.ids(a.values(), a.nulls(), out),
            (Keys::Int(keys), [Column::Timestamp(a)]) => keys.ids(a.values(), a.nulls(), out),
            (Keys::Text { keys, null }, [Column::String(a)]) => match a.nulls() {
                None => out.extend((0..rows).map(|row| keys.id(a.value(row).as_bytes()))),
                Some(nulls) => out.extend((0..rows).map(|row| {
                    if nulls.is_valid(row) {
                        keys.id(a.value(row).as_bytes())
                    } else {
                        *null.get_or_insert_with(|| keys.push_unfindable())
                    }
                })),
            },
            (Keys::Rows { keys, encoded, ends }, columns) => {
                rowkey::encode_into(columns, rows, encoded, ends);
                let mut start = 0;
                out.extend(ends.iter().map(|&end| {
                    let id = keys.id(&encoded[start..end as usize]);
                    start = end as usize;
                    id
                }));
            }
            (keys, columns) => unreachable!("key columns have the types of the index: {columns:?} for {keys:?}"),
        }
    }

    /// As [`KeyIndex::ids`], adding nothing: [`MISSING`] for a key that is not there.
    pub fn find(&self, columns: &[&Column], rows: usize, out: &mut Vec<u32>) {
        out.clear();
        match (&self.keys, columns) {
            (Keys::One(seen), _) => out.resize(rows, if *seen { 0 } else { MISSING }),
            (Keys::Int(keys), [Column::Int(a)]) => keys.find(a.values(), a.nulls(), out),
            (Keys::Int(keys), [Column::Timestamp(a)]) => keys.find(a.values(), a.nulls(), out),
            (Keys::Text { keys, null }, [Column::String(a)]) => {
                out.extend((0..rows).map(|row| {
                    if a.is_valid(row) { keys.find(a.value(row).as_bytes()) } else { null.unwrap_or(MISSING) }
                }))
            }
            (Keys::Rows { keys, .. }, columns) => {
                let (mut encoded, mut ends) = (Vec::new(), Vec::new());
                rowkey::encode_into(columns, rows, &mut encoded, &mut ends);
                let mut start = 0;
                out.extend(ends.iter().map(|&end| {
                    let id = keys.find(&encoded[start..end as usize]);
                    start = end as usize;
                    id
                }));
            }
            (keys, columns) => unreachable!("key columns have the types of the index: {columns:?} for {keys:?}"),
        }
    }

    /// The key columns of these ids.
    pub fn key_columns(&self, ids: &[u32]) -> Vec<Column> {
        match &self.keys {
            Keys::One(_) => Vec::new(),
            Keys::Int(keys) => {
                let values: ScalarBuffer<i64> = ids.iter().map(|&id| keys.key(id)).collect();
                let nulls = keys.nulls(ids);
                vec![match self.types[0] {
                    DataType::Timestamp => Column::Timestamp(TimestampMicrosecondArray::new(values, nulls)),
                    _ => Column::Int(Int64Array::new(values, nulls)),
                }]
            }
            Keys::Text { keys, null } => {
                let mut column = ColumnBuilder::new(DataType::String, ids.len());
                if let ColumnBuilder::String(texts) = &mut column {
                    for &id in ids {
                        // The index holds only what came out of string columns.
                        let text = std::str::from_utf8(keys.get(id)).expect("a key is the text of a string column");
                        texts.append_option((Some(id) != *null).then_some(text));
                    }
                }
                vec![column.finish()]
            }
            Keys::Rows { keys, .. } => rowkey::decode(ids.iter().map(|&id| keys.get(id)), &self.types, ids.len()),
        }
    }

    /// `columns`, the keys of rows with these ids, as the index holds them: of values that are equal but look different,
    /// `-0.0` and `0.0`, all rows have the same.
    pub fn shown(&self, columns: Vec<&Column>, ids: &[u32]) -> Vec<Column> {
        match self.types.iter().any(|ty| *ty == DataType::Double || ty.is_nested()) {
            true => self.key_columns(ids),
            false => columns.into_iter().cloned().collect(),
        }
    }

    /// Sorts ids by their keys, column after column, nulls first.
    pub fn sort(&self, ids: &mut Vec<u32>) {
        match &self.keys {
            Keys::One(_) => {}
            Keys::Int(keys) => sort::by_int(ids, keys.keys(), keys.null()),
            Keys::Text { keys, null } => sort::by_bytes(ids, |id| keys.get(id), *null),
            Keys::Rows { keys, .. } => sort::by_bytes(ids, |id| keys.get(id), None),
        }
    }

    /// The ids of two sorted lists as one sorted list.
    pub fn merge_sorted(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        match &self.keys {
            Keys::One(_) => sort::merge(a, b, |_, _| true),
            Keys::Int(keys) => sort::merge(a, b, |a, b| keys.sort_key(a) <= keys.sort_key(b)),
            Keys::Text { keys, null } => {
                let key = |id| (Some(id) != *null, keys.get(id));
                sort::merge(a, b, |a, b| key(a) <= key(b))
            }
            Keys::Rows { keys, .. } => sort::merge(a, b, |a, b| keys.get(a) <= keys.get(b)),
        }
    }
}

#[cfg(test)]
mod tests;
