//! `first` and `last`: the value of the row with the least or greatest event time, ties and streams without event
//! time by input order. Null values count as values.

use super::Argument;
use crate::data::{Column, ColumnBuilder, DataType};
use crate::error::Result;

#[derive(Debug)]
pub struct Pick {
    pub(super) ty: DataType,
    last: bool,
    /// Event time and place in the input of the row whose value is held; `None` before the first.
    pub(super) ranks: Vec<Option<(i64, u64)>>,
    pub(super) values: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// Bits of everything of 64 bits or fewer.
    Bits(i64),
    Wide(i128),
    Text(Box<str>),
    /// The one row of a column, of every other type.
    Held(Box<Column>),
}

impl Pick {
    pub fn new(ty: DataType, last: bool) -> Pick {
        Pick { ty, last, ranks: Vec::new(), values: Vec::new() }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.resize(groups);
        let column = rows.column();
        let selected = rows.selected(false);
        for (row, &id) in ids.iter().enumerate() {
            if selected.as_ref().is_some_and(|s| !s.value(row)) {
                continue;
            }
            let rank = (rows.times.get(row).copied().unwrap_or(0), rows.places.get(row).copied().unwrap_or(0));
            if self.wins(rank, id as usize) {
                self.ranks[id as usize] = Some(rank);
                self.values[id as usize] = value(column, row);
            }
        }
    }

    fn resize(&mut self, groups: usize) {
        self.ranks.resize(groups, None);
        self.values.resize(groups, Value::Null);
    }

    fn wins(&self, rank: (i64, u64), id: usize) -> bool {
        self.ranks[id].is_none_or(|held| if self.last { rank >= held } else { rank < held })
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.resize(groups);
    }

    pub fn merge(&mut self, other: &Pick, from: &[u32], to: &[u32]) {
        for (&from, &to) in from.iter().zip(to) {
            let (from, to) = (from as usize, to as usize);
            if let Some(rank) = other.ranks[from].filter(|&rank| self.wins(rank, to)) {
                self.ranks[to] = Some(rank);
                self.values[to] = other.values[from].clone();
            }
        }
    }

    pub fn column(&self, ids: &[u32]) -> Column {
        value_column(self.ty, ids.iter().map(|&id| &self.values[id as usize]))
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(self.column(ids))
    }

    pub fn clear(&mut self) {
        self.ranks.clear();
        self.values.clear();
    }
}

pub(super) fn value(column: &Column, row: usize) -> Value {
    match column {
        column if column.is_null(row) => Value::Null,
        Column::Boolean(a) => Value::Bits(i64::from(a.value(row))),
        Column::Int(a) => Value::Bits(a.value(row)),
        Column::Timestamp(a) => Value::Bits(a.value(row)),
        Column::Double(a) => Value::Bits(a.value(row).to_bits() as i64),
        Column::Decimal(a) => Value::Wide(a.value(row)),
        Column::String(a) => Value::Text(a.value(row).into()),
        other => Value::Held(Box::new(other.slice(row, 1).compact())),
    }
}

pub(super) fn value_column<'a>(ty: DataType, values: impl ExactSizeIterator<Item = &'a Value>) -> Column {
    let mut column = ColumnBuilder::new(ty, values.len());
    values.for_each(|value| append(&mut column, value));
    column.finish()
}

fn append(column: &mut ColumnBuilder, value: &Value) {
    match (column, value) {
        (column, Value::Null) => column.append_null(),
        (ColumnBuilder::Boolean(b), Value::Bits(v)) => b.append_value(*v == 1),
        (ColumnBuilder::Int(b), Value::Bits(v)) => b.append_value(*v),
        (ColumnBuilder::Timestamp(b), Value::Bits(v)) => b.append_value(*v),
        (ColumnBuilder::Double(b), Value::Bits(v)) => b.append_value(f64::from_bits(*v as u64)),
        (ColumnBuilder::Decimal(b, ..), Value::Wide(v)) => b.append_value(*v),
        (ColumnBuilder::String(b), Value::Text(v)) => b.append_value(v),
        (column, Value::Held(value)) => column.append_from(value, 0),
        (column, value) => unreachable!("{value:?} for {column:?}"),
    }
}
