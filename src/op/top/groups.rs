//! The groups of one window: their best rows, and the rows themselves in columns of their own.

use std::collections::HashMap;
use std::hash::BuildHasher;

use arrow_array::UInt32Array;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::data::{Batch, Column, DataType, rowkey};
use crate::op::sort::Heads;

use super::TopSpec;
use super::best::Best;

/// Garbage is tolerated up to this many rows, and up to as many rows as are alive.
const GARBAGE_ROWS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Groups {
    pub index: GroupIndex,
    /// By group id.
    pub best: Vec<Best>,
    chunks: Vec<Chunk>,
    /// Rows seen by this window: the next row's `seq`.
    seen: u64,
}

/// The best rows of a window, among others.
#[derive(Debug)]
pub(super) struct FrozenRows {
    wanted: Vec<u64>,
    chunks: Vec<Chunk>,
}

/// Stored rows, in input order. Their text is their own, so no block of input is kept alive.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    /// Place of each row in the input, ascending.
    pub seqs: Vec<u64>,
    pub columns: Vec<Column>,
    pub time: Option<Vec<i64>>,
}

impl Groups {
    pub fn new(input: &[DataType], group_columns: &[usize]) -> Groups {
        Groups { index: GroupIndex::new(input, group_columns), best: Vec::new(), chunks: Vec::new(), seen: 0 }
    }

    /// Adds `rows` of `batch`, which lie in this window. Whether any of them was kept.
    pub fn add(&mut self, batch: &Batch, rows: &[u32], heads: &Heads, spec: &TopSpec, group_columns: &[usize]) -> bool {
        let mut ids = Vec::new();
        self.index.ids(&batch.columns, group_columns, rows, &mut ids);
        self.best.resize_with(self.index.len(), Best::default);
        let first_seq = self.seen;
        let mut touched = Vec::new();
        for (&row, &id) in rows.iter().zip(&ids) {
            let row = row as usize;
            if self.best[id as usize].offer(batch, row, heads, first_seq + row as u64, spec) {
                touched.push(id);
            }
        }
        self.seen += batch.rows as u64;
        if touched.is_empty() {
            return false;
        }
        touched.sort_unstable();
        touched.dedup();
        self.store(batch, &touched, first_seq, spec);
        true
    }

    /// Stores the rows of `batch` that the touched groups still want.
    fn store(&mut self, batch: &Batch, touched: &[u32], first_seq: u64, spec: &TopSpec) {
        let entries = touched.iter().flat_map(|&id| self.best[id as usize].entries());
        let mut wanted: Vec<u32> = entries.filter(|e| e.seq >= first_seq).map(|e| (e.seq - first_seq) as u32).collect();
        wanted.sort_unstable();
        let indices = UInt32Array::from(wanted);
        let chunk = Chunk {
            seqs: indices.values().iter().map(|&i| first_seq + u64::from(i)).collect(),
            columns: batch.columns.iter().map(|c| owned(&c.take(&indices))).collect(),
            // Only results without window keep the time of their rows.
            time: match (&batch.time, spec.window) {
                (Some(time), None) => Some(indices.values().iter().map(|&i| time[i as usize]).collect()),
                _ => None,
            },
        };
        self.chunks.push(chunk);
        // Neighbours are joined when they are about equally large: few chunks, and every row is copied rarely.
        while let [.., a, b] = self.chunks.as_slice()
            && a.seqs.len() <= 2 * b.seqs.len()
        {
            let joined = Chunk::concat(&self.chunks[self.chunks.len() - 2..]);
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(joined);
            if self.chunks.len() == 1 {
                self.drop_garbage();
            }
        }
    }

    /// Rewrites the stored rows when fewer than half of them are still wanted. Called when all chunks became one,
    /// so after a growth by half: looking through all groups is paid for by the rows added since.
    fn drop_garbage(&mut self) {
        let stored: usize = self.chunks.iter().map(|c| c.seqs.len()).sum();
        if stored <= GARBAGE_ROWS {
            return;
        }
        let alive: usize = self.best.iter().map(Best::len).sum();
        if stored <= GARBAGE_ROWS + 2 * alive {
            return;
        }
        let seqs: Vec<u64> = self.best.iter().flat_map(|b| b.entries().iter().map(|e| e.seq)).collect();
        self.chunks = vec![FrozenRows { wanted: seqs, chunks: std::mem::take(&mut self.chunks) }.into_rows()];
    }

    /// All groups in the order of their keys, each cut to its best rows, and the stored rows.
    pub fn into_sorted(mut self, spec: &TopSpec) -> (Vec<Best>, Chunk) {
        let order = self.index.sorted();
        let mut best: Vec<Best> = order.into_iter().map(|id| std::mem::take(&mut self.best[id as usize])).collect();
        best.iter_mut().for_each(|b| b.cut(spec));
        (best, Chunk::concat(&self.chunks))
    }

    /// Copies the best rows of all groups.
    pub fn freeze(&mut self, spec: &TopSpec) -> FrozenRows {
        self.best.iter_mut().for_each(|best| best.settle(spec));
        let wanted = self.best.iter().flat_map(|best| best.entries().iter().map(|entry| entry.seq)).collect();
        FrozenRows { wanted, chunks: self.chunks.clone() }
    }

    #[cfg(test)]
    pub fn stored_rows(&self) -> usize {
        self.chunks.iter().map(|c| c.seqs.len()).sum()
    }
}

impl FrozenRows {
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The best rows in input order.
    pub fn into_rows(mut self) -> Chunk {
        self.wanted.sort_unstable();
        let all = Chunk::concat(&self.chunks);
        let places: Vec<u32> = self.wanted.iter().map(|&seq| all.place_of(seq)).collect();
        all.take(&places)
    }
}

impl Chunk {
    fn concat(parts: &[Chunk]) -> Chunk {
        let columns = parts.first().map_or(0, |p| p.columns.len());
        Chunk {
            seqs: parts.iter().flat_map(|p| p.seqs.iter().copied()).collect(),
            columns: (0..columns)
                .map(|c| match parts {
                    [one] => one.columns[c].clone(),
                    _ => owned(&Column::concat(&parts.iter().map(|p| &p.columns[c]).collect::<Vec<_>>())),
                })
                .collect(),
            time: parts.iter().map(|p| p.time.as_deref()).collect::<Option<Vec<_>>>().map(|t| t.concat()),
        }
    }

    fn take(&self, places: &[u32]) -> Chunk {
        let indices = UInt32Array::from(places.to_vec());
        Chunk {
            seqs: places.iter().map(|&p| self.seqs[p as usize]).collect(),
            columns: self.columns.iter().map(|c| owned(&c.take(&indices))).collect(),
            time: self.time.as_ref().map(|t| places.iter().map(|&p| t[p as usize]).collect()),
        }
    }

    /// Index of the row with `seq`, which is stored.
    pub fn place_of(&self, seq: u64) -> u32 {
        self.seqs.partition_point(|&s| s < seq) as u32
    }
}

fn owned(column: &Column) -> Column {
    column.compact()
}

/// Group keys to dense ids, in order of first arrival.
#[derive(Debug)]
pub(super) enum GroupIndex {
    /// No group columns: one group.
    One { used: bool },
    /// One column of 64 bits.
    Int { ids: HashMap<Option<i64>, u32, FixedState>, keys: Vec<Option<i64>> },
    /// Anything else, by row keys.
    Bytes { ids: HashTable<u32>, bytes: Vec<u8>, ends: Vec<usize> },
}

impl GroupIndex {
    pub fn new(input: &[DataType], columns: &[usize]) -> GroupIndex {
        match columns {
            [] => GroupIndex::One { used: false },
            [c] if matches!(input[*c], DataType::Int | DataType::Timestamp) => {
                GroupIndex::Int { ids: HashMap::default(), keys: Vec::new() }
            }
            _ => GroupIndex::Bytes { ids: HashTable::new(), bytes: Vec::new(), ends: Vec::new() },
        }
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        match self {
            GroupIndex::One { used } => usize::from(*used),
            GroupIndex::Int { keys, .. } => keys.len(),
            GroupIndex::Bytes { ends, .. } => ends.len(),
        }
    }

    pub fn clear(&mut self) {
        match self {
            GroupIndex::One { used } => *used = false,
            GroupIndex::Int { ids, keys } => {
                ids.clear();
                keys.clear();
            }
            GroupIndex::Bytes { ids, bytes, ends } => {
                ids.clear();
                bytes.clear();
                ends.clear();
            }
        }
    }

    /// Writes the group id of each of `rows` to `out`; `columns` are the group columns.
    pub fn ids(&mut self, all: &[Column], columns: &[usize], rows: &[u32], out: &mut Vec<u32>) {
        out.clear();
        match self {
            GroupIndex::One { used } => {
                *used |= !rows.is_empty();
                out.resize(rows.len(), 0);
            }
            GroupIndex::Int { ids, keys } => {
                let column = &all[columns[0]];
                let values: &[i64] = match column {
                    Column::Int(a) => a.values(),
                    Column::Timestamp(a) => a.values(),
                    other => unreachable!("the index was made for a column of 64 bits, not {}", other.data_type()),
                };
                let nulls = column.nulls();
                out.extend(rows.iter().map(|&row| {
                    let row = row as usize;
                    let key = nulls.is_none_or(|n| n.is_valid(row)).then_some(values[row]);
                    *ids.entry(key).or_insert_with(|| {
                        keys.push(key);
                        keys.len() as u32 - 1
                    })
                }));
            }
            GroupIndex::Bytes { ids, bytes, ends } => {
                let hasher = FixedState::default();
                out.extend(rows.iter().map(|&row| {
                    let start = bytes.len();
                    columns.iter().for_each(|&c| rowkey::append_value(bytes, &all[c], row as usize));
                    let key = &bytes[start..];
                    let found = ids.find(hasher.hash_one(key), |&id| key_of(bytes, ends, id) == key).copied();
                    match found {
                        Some(id) => {
                            bytes.truncate(start);
                            id
                        }
                        None => {
                            let (hash, id) = (hasher.hash_one(key), ends.len() as u32);
                            ends.push(bytes.len());
                            ids.insert_unique(hash, id, |&id| hasher.hash_one(key_of(bytes, ends, id)));
                            id
                        }
                    }
                }));
            }
        }
    }

    /// Ids in the order of their keys, nulls first.
    fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        match self {
            GroupIndex::One { .. } => {}
            GroupIndex::Int { keys, .. } => order.sort_unstable_by_key(|&id| keys[id as usize]),
            GroupIndex::Bytes { bytes, ends, .. } => {
                order.sort_unstable_by(|&a, &b| key_of(bytes, ends, a).cmp(key_of(bytes, ends, b)));
            }
        }
        order
    }
}

fn key_of<'a>(bytes: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &bytes[start..ends[id]]
}
