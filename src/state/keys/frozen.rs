//! The keys of an index as of some moment, copied without the tables that find them.

use arrow_array::{Int64Array, TimestampMicrosecondArray};
use arrow_buffer::NullBuffer;

use super::{KeyIndex, Keys};
use crate::data::{Column, ColumnBuilder, DataType, rowkey};

/// Keys in the order of their ids.
#[derive(Debug, Clone)]
pub struct FrozenKeys {
    types: Vec<DataType>,
    stored: Stored,
}

#[derive(Debug, Clone)]
enum Stored {
    /// No key columns: this many groups.
    None(usize),
    Ints {
        keys: Vec<i64>,
        null: Option<u32>,
    },
    /// `rows`: row keys, else the text of one string column. Ends of the keys in `bytes`.
    Bytes {
        bytes: Vec<u8>,
        ends: Vec<usize>,
        null: Option<u32>,
        rows: bool,
    },
}

impl KeyIndex {
    /// Copies the keys.
    pub fn freeze(&self) -> FrozenKeys {
        let stored = match &self.keys {
            Keys::One(seen) => Stored::None(usize::from(*seen)),
            Keys::Int(keys) => Stored::Ints { keys: keys.keys().to_vec(), null: keys.null() },
            Keys::Text { keys, null } => {
                let (bytes, ends) = keys.copied();
                Stored::Bytes { bytes, ends, null: *null, rows: false }
            }
            Keys::Rows { keys, .. } => {
                let (bytes, ends) = keys.copied();
                Stored::Bytes { bytes, ends, null: None, rows: true }
            }
        };
        FrozenKeys { types: self.types.clone(), stored }
    }
}

impl FrozenKeys {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        match &self.stored {
            Stored::None(groups) => *groups,
            Stored::Ints { keys, .. } => keys.len(),
            Stored::Bytes { ends, .. } => ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key columns, a row for each id.
    pub fn columns(&self) -> Vec<Column> {
        match &self.stored {
            Stored::None(_) => Vec::new(),
            Stored::Ints { keys, null } => {
                let nulls = null.map(|null| (0..keys.len()).map(|id| id != null as usize).collect::<NullBuffer>());
                vec![match self.types[0] {
                    DataType::Timestamp => {
                        Column::Timestamp(TimestampMicrosecondArray::new(keys.clone().into(), nulls))
                    }
                    _ => Column::Int(Int64Array::new(keys.clone().into(), nulls)),
                }]
            }
            Stored::Bytes { bytes, ends, rows: true, .. } => rowkey::decode(keys(bytes, ends), &self.types, ends.len()),
            Stored::Bytes { bytes, ends, null, .. } => {
                let mut column = ColumnBuilder::new(DataType::String, ends.len());
                if let ColumnBuilder::String(texts) = &mut column {
                    for (id, key) in keys(bytes, ends).enumerate() {
                        let text = std::str::from_utf8(key).expect("a key is the text of a string column");
                        texts.append_option((*null != Some(id as u32)).then_some(text));
                    }
                }
                vec![column.finish()]
            }
        }
    }
}

fn keys<'a>(bytes: &'a [u8], ends: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| &bytes[std::mem::replace(&mut start, end)..end])
}
