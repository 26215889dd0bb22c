//! `mode(x)`: how often each value of each group is there.

use arrow_array::UInt32Array;

use super::pairs::{Pairs, targets, value_columns};
use super::rows::FrozenRows;
use super::{Argument, for_rows, ints};
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::state::keys::MISSING;

#[derive(Debug)]
pub struct Mode {
    pub(super) ty: DataType,
    pairs: Pairs,
    /// Of each pair how often it came, and the place in the input where it came first.
    counts: Vec<i64>,
    places: Vec<u64>,
    /// The pair of each group that is its mode; [`MISSING`] before its first value.
    best: Vec<u32>,
    scratch: Vec<u32>,
}

impl Mode {
    pub fn new(ty: DataType) -> Mode {
        let pairs = Pairs::new(&[ty]);
        Mode { ty, pairs, counts: Vec::new(), places: Vec::new(), best: Vec::new(), scratch: Vec::new() }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.best.resize(groups, MISSING);
        let mut values = std::mem::take(&mut self.scratch);
        self.pairs.values.ids(rows.columns, ids.len(), &mut values);
        let add = |row: usize| self.add(ids[row], values[row], 1, rows.places.get(row).copied().unwrap_or(0));
        for_rows(rows.selected(true), ids.len(), add);
        self.scratch = values;
    }

    /// A value that came so often in a group, first at `place`.
    fn add(&mut self, group: u32, value: u32, count: i64, place: u64) {
        let inserted = self.pairs.insert(group, value);
        let number = inserted.number as usize;
        if inserted.is_new {
            self.counts.push(count);
            self.places.push(place);
        } else {
            self.counts[number] += count;
            self.places[number] = self.places[number].min(place);
        }
        let best = &mut self.best[group as usize];
        let rank = |pair: u32| (self.counts[pair as usize], std::cmp::Reverse(self.places[pair as usize]));
        if *best == MISSING || rank(inserted.number) > rank(*best) {
            *best = inserted.number;
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.best.resize(groups, MISSING);
    }

    pub fn merge(&mut self, other: &Mode, from: &[u32], to: &[u32]) {
        let values = self.pairs.translate(&other.pairs);
        let targets = targets(other.best.len(), from, to);
        for (number, &(group, value)) in other.pairs.listed.iter().enumerate() {
            if let Some(to) = targets[group as usize] {
                self.add(to, values[value as usize], other.counts[number], other.places[number]);
            }
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let best = ids.iter().map(|&id| self.best[id as usize]);
        // Groups without a value take any, and lose it.
        let value = |pair: u32| if pair == MISSING { 0 } else { self.pairs.listed[pair as usize].1 };
        let values: Vec<u32> = best.clone().map(value).collect();
        if self.pairs.listed.is_empty() {
            return Ok(Column::new_null(self.ty, ids.len()));
        }
        let column = self.pairs.values.key_columns(&values).remove(0);
        let rows = best.enumerate().map(|(row, pair)| (pair != MISSING).then_some(row as u32));
        Ok(column.take(&rows.collect::<UInt32Array>()))
    }

    pub fn clear(&mut self) {
        self.pairs.clear();
        self.counts.clear();
        self.places.clear();
        self.best.clear();
    }

    /// How many different values each group has.
    pub fn counts(&self) -> Vec<i64> {
        let mut counts = vec![0; self.best.len()];
        self.pairs.listed.iter().for_each(|&(group, _)| counts[group as usize] += 1);
        counts
    }

    pub fn row_columns(&self) -> Vec<(String, DataType)> {
        [("value", self.ty), ("count", DataType::Int), ("place", DataType::Int)]
            .map(|(name, ty)| (name.to_owned(), ty))
            .to_vec()
    }

    pub fn freeze_rows(&self) -> FrozenRows {
        let (values, groups, ids) = self.pairs.freeze();
        let (counts, places) = (self.counts.clone(), self.places.clone());
        let columns = move || {
            let mut columns = value_columns(&values, ids);
            columns.push(Column::Int(counts.into()));
            columns.push(Column::Int(places.into_iter().map(|place| Some(place as i64)).collect()));
            columns
        };
        FrozenRows { groups, columns: Box::new(columns) }
    }

    pub fn load_rows(&mut self, ids: &[u32], columns: &[Column]) {
        let mut values = Vec::new();
        self.pairs.values.ids(&[&columns[0]], ids.len(), &mut values);
        let (counts, places) = (ints(&columns[1], 0), ints(&columns[2], 0));
        for (row, &id) in ids.iter().enumerate() {
            self.add(id, values[row], counts[row], places[row] as u64);
        }
    }
}
