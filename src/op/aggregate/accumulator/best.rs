//! `arg_min(x, y)` and `arg_max(x, y)`: x of the row with the least or greatest y, be it null; of several the first in
//! the input. Rows where y is null are left out.

use std::cmp::Ordering;

use super::extreme::{Extreme, Ranks};
use super::pick::{Value, value, value_column};
use super::{Argument, for_rows, ints};
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::state::table::MakeColumns;

#[derive(Debug)]
pub struct Best {
    pub(super) ty: DataType,
    /// The best y of each group.
    by: Extreme,
    places: Vec<u64>,
    values: Vec<Value>,
}

impl Best {
    /// Values of type `ty` by those of type `by`.
    pub fn new(ty: DataType, by: DataType, max: bool) -> Best {
        Best { ty, by: Extreme::new(by, max), places: Vec::new(), values: Vec::new() }
    }

    fn resize(&mut self, groups: usize) {
        self.places.resize(groups, 0);
        self.values.resize(groups, Value::Null);
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        let [column, by] = rows.columns else { unreachable!("a value and what it is chosen by") };
        self.resize(groups);
        self.by.prepare(groups);
        let ranks = Ranks::of(by);
        let offer = |row: usize| {
            let (id, place) = (ids[row] as usize, rows.places.get(row).copied().unwrap_or(0));
            match self.by.compare(id, &ranks, row) {
                Ordering::Less => return,
                // The same row may be offered again, by a restore.
                Ordering::Equal if place >= self.places[id] => return,
                _ => {}
            }
            self.by.set(id, &ranks, row);
            self.places[id] = place;
            self.values[id] = value(column, row);
        };
        for_rows(rows.selected_by(&[by]), ids.len(), offer);
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.resize(groups);
        self.by.prepare(groups);
    }

    pub fn merge(&mut self, other: &Best, from: &[u32], to: &[u32]) {
        let by = other.by.column(from);
        let ranks = Ranks::of(&by);
        for (row, (&from, &to)) in from.iter().zip(to).enumerate().filter(|&(row, _)| !by.is_null(row)) {
            let (from, to) = (from as usize, to as usize);
            match self.by.compare(to, &ranks, row) {
                Ordering::Less => continue,
                Ordering::Equal if other.places[from] >= self.places[to] => continue,
                _ => {}
            }
            self.by.set(to, &ranks, row);
            self.places[to] = other.places[from];
            self.values[to] = other.values[from].clone();
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(value_column(self.ty, ids.iter().map(|&id| &self.values[id as usize])))
    }

    pub fn clear(&mut self) {
        self.by.clear();
        self.places.clear();
        self.values.clear();
    }

    pub fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), self.ty), (format!("{name}.by"), self.by.ty), (format!("{name}.place"), DataType::Int)]
    }

    pub fn freeze(&self) -> MakeColumns {
        let all: Vec<u32> = (0..self.values.len() as u32).collect();
        let columns = [value_column(self.ty, self.values.iter()), self.by.column(&all)];
        let places = self.places.clone();
        Box::new(move || {
            let [values, by] = columns;
            // Without a value there is no place.
            let places = (0..).zip(places).map(|(row, place)| (!by.is_null(row)).then_some(place as i64));
            let places = Column::Int(places.collect());
            vec![values, by, places]
        })
    }

    pub fn load(&mut self, groups: usize, columns: &[Column]) {
        self.clear();
        let places: Vec<u64> = ints(&columns[2], 0).into_iter().map(|place| place as u64).collect();
        let ids: Vec<u32> = (0..groups as u32).collect();
        self.update(&ids, groups, &Argument { places: &places, ..Argument::of(&[&columns[0], &columns[1]]) });
    }
}
