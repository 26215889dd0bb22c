//! `DISTINCT`: each value of a group goes once into the accumulator of the call. A combination of several arguments, as
//! in `count(DISTINCT a, b)`, is a value.

use arrow_array::{BooleanArray, UInt32Array};
use arrow_buffer::BooleanBufferBuilder;

use super::pairs::{Pairs, targets, value_columns};
use super::rows::FrozenRows;
use super::{Accumulator, Argument, for_rows, ints};
use crate::data::{Column, DataType};
use crate::error::Result;

#[derive(Debug)]
pub struct Distinct {
    pub(super) types: Vec<DataType>,
    pairs: Pairs,
    /// Takes one row for each pair, in the order of their numbers.
    inner: Box<Accumulator>,
    /// How many pairs each group has.
    pub(super) counts: Vec<i64>,
    scratch: Vec<u32>,
}

impl Distinct {
    pub fn new(types: Vec<DataType>, inner: Accumulator) -> Distinct {
        Distinct { pairs: Pairs::new(&types), types, inner: Box::new(inner), counts: Vec::new(), scratch: Vec::new() }
    }

    pub fn for_updates(&mut self) {
        self.inner.for_updates();
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.counts.resize(groups, 0);
        let mut values = std::mem::take(&mut self.scratch);
        self.pairs.values.ids(rows.columns, ids.len(), &mut values);
        let mut new = BooleanBufferBuilder::new(ids.len());
        new.append_n(ids.len(), false);
        let selected = rows.selected(self.inner.skips_nulls());
        let insert = |row: usize| {
            let inserted = self.pairs.insert(ids[row], values[row]);
            new.set_bit(row, inserted.is_new);
            self.counts[ids[row] as usize] += i64::from(inserted.is_new);
            if let (false, Accumulator::Collect(collect)) = (inserted.is_new, &mut *self.inner) {
                collect.came_at(inserted.number, rows.places[row]);
            }
        };
        for_rows(selected, ids.len(), insert);
        let new = BooleanArray::new(new.finish(), None);
        // As they are stored, so that the one zero that is shown does not depend on a restore.
        let shown = if self.shows_zeros() { self.pairs.values.key_columns(&values) } else { Vec::new() };
        let shown: Vec<&Column> = shown.iter().collect();
        let columns = if shown.is_empty() { rows.columns } else { &shown };
        self.inner.update(ids, groups, &Argument { columns, filter: Some(&new), ..*rows });
        self.scratch = values;
    }

    /// Values come out as they are, and may be one of several that are equal: `-0.0` and `0.0`.
    fn shows_zeros(&self) -> bool {
        let is_double = |ty: &DataType| *ty == DataType::Double || ty.is_nested();
        matches!(*self.inner, Accumulator::Collect(_)) && self.types.iter().any(is_double)
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.counts.resize(groups, 0);
        self.inner.start_merge(groups);
    }

    pub fn merge(&mut self, other: &Distinct, from: &[u32], to: &[u32]) {
        let values = self.pairs.translate(&other.pairs);
        let targets = targets(other.counts.len(), from, to);
        let (mut groups, mut taken, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (number, &(group, value)) in other.pairs.listed.iter().enumerate() {
            let Some(to) = targets[group as usize] else { continue };
            let inserted = self.pairs.insert(to, values[value as usize]);
            let place = other.inner.place_of(number);
            if inserted.is_new {
                self.counts[to as usize] += 1;
                groups.push(to);
                taken.push(value);
                places.extend(place);
            } else if let (Some(place), Accumulator::Collect(collect)) = (place, &mut *self.inner) {
                collect.came_at(inserted.number, place);
            }
        }
        let columns = other.pairs.values.key_columns(&taken);
        let columns: Vec<&Column> = columns.iter().collect();
        self.inner.update(&groups, self.counts.len(), &Argument { places: &places, ..Argument::of(&columns) });
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        self.inner.emit(ids)
    }

    pub fn clear(&mut self) {
        self.pairs.clear();
        self.inner.clear();
        self.counts.clear();
    }

    /// The values of each group, and their places where the call asks for order.
    pub fn row_columns(&self) -> Vec<(String, DataType)> {
        let name = |i: usize| if self.types.len() == 1 { "value".to_owned() } else { format!("value_{}", i + 1) };
        let mut columns: Vec<_> = self.types.iter().enumerate().map(|(i, &ty)| (name(i), ty)).collect();
        if matches!(*self.inner, Accumulator::Collect(_)) {
            columns.push(("place".to_owned(), DataType::Int));
        }
        columns
    }

    pub fn freeze_rows(&self) -> FrozenRows {
        let (values, groups, ids) = self.pairs.freeze();
        let places = match &*self.inner {
            Accumulator::Collect(collect) => Some(collect.places().to_vec()),
            _ => None,
        };
        let columns = move || {
            let mut columns = value_columns(&values, ids);
            columns.extend(places.map(|places| Column::Int(places.into_iter().map(|p| Some(p as i64)).collect())));
            columns
        };
        FrozenRows { groups, columns: Box::new(columns) }
    }

    pub fn load_rows(&mut self, ids: &[u32], columns: &[Column]) {
        let (values, places) = columns.split_at(self.types.len());
        let places: Vec<u64> = places.iter().flat_map(|places| ints(places, 0)).map(|place| place as u64).collect();
        let values: Vec<&Column> = values.iter().collect();
        self.update(ids, self.counts.len(), &Argument { places: &places, ..Argument::of(&values) });
    }
}

/// Rows of a column, such as those that are new.
pub(super) fn take(column: &Column, rows: &[u32]) -> Column {
    column.take(&UInt32Array::from(rows.to_vec()))
}
