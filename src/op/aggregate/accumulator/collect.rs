//! `string_agg` and `array_agg`: all values of each group in the order of the input.
//!
//! Values lie in a few columns, which grow by being put together when they are of like size; a chain leads through
//! the rows of each group. Panes of a window may have come in any order: values keep their places in the input.

use std::sync::Arc;

use arrow_array::ListArray;
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};

use super::rows::FrozenRows;
use super::{Argument, ints};
use crate::data::{Column, ColumnBuilder, DataType, arrow};
use crate::error::{Error, Result};
use crate::state::keys::MISSING;

/// What becomes of the values.
#[derive(Debug, Clone)]
pub enum Finish {
    /// One text, with this between them; nulls are left out.
    Text(Arc<str>),
    /// A list of all of them.
    List,
}

/// Bytes of a text at most: what a cell of a column can hold, with much to spare.
const TEXT_BYTES_MAX: usize = 1 << 30;

#[derive(Debug)]
pub struct Collect {
    pub(super) ty: DataType,
    finish: Finish,
    log: Log,
    /// Place in the input of each row of the log.
    places: Vec<u64>,
    /// The next row of the same group, or [`MISSING`].
    next: Vec<u32>,
    /// First and last row of each group, [`MISSING`] without one.
    ends: Vec<(u32, u32)>,
}

impl Collect {
    pub fn new(ty: DataType, finish: Finish) -> Collect {
        let log = Log::default();
        Collect { ty, finish, log, places: Vec::new(), next: Vec::new(), ends: Vec::new() }
    }

    pub fn skips_nulls(&self) -> bool {
        matches!(self.finish, Finish::Text(_))
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.ends.resize(groups, (MISSING, MISSING));
        let selected: Vec<u32> = match rows.selected(self.skips_nulls()) {
            None => (0..ids.len() as u32).collect(),
            Some(selected) => selected.set_indices().map(|row| row as u32).collect(),
        };
        if selected.is_empty() {
            return;
        }
        self.log.push(super::distinct::take(rows.column(), &selected));
        for row in selected {
            self.append(ids[row as usize], rows.places.get(row as usize).copied().unwrap_or(0));
        }
    }

    /// The next row of the log belongs to a group.
    fn append(&mut self, group: u32, place: u64) {
        let row = self.next.len() as u32;
        self.next.push(MISSING);
        self.places.push(place);
        let (first, last) = &mut self.ends[group as usize];
        match *last {
            MISSING => *first = row,
            last => self.next[last as usize] = row,
        }
        *last = row;
    }

    /// The value of a row came at this place too. Rows that are yet to be added stand for the first of their batch.
    pub fn came_at(&mut self, row: u32, place: u64) {
        if let Some(first) = self.places.get_mut(row as usize) {
            *first = place.min(*first);
        }
    }

    pub fn places(&self) -> &[u64] {
        &self.places
    }

    /// Appends the rows of a group to `rows`, as they were added.
    fn chain(&self, group: u32, rows: &mut Vec<u32>) {
        let mut row = self.ends[group as usize].0;
        while row != MISSING {
            rows.push(row);
            row = self.next[row as usize];
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.ends.resize(groups, (MISSING, MISSING));
    }

    pub fn merge(&mut self, other: &Collect, from: &[u32], to: &[u32]) {
        let mut rows = Vec::new();
        for (&from, &to) in from.iter().zip(to) {
            let start = rows.len();
            other.chain(from, &mut rows);
            rows[start..].iter().for_each(|&row| self.append(to, other.places[row as usize]));
        }
        if !rows.is_empty() {
            self.log.push(other.log.take(&rows));
        }
    }

    /// The rows of these groups, each group's in the order of the input, and where those of each group end.
    fn ordered(&self, ids: &[u32]) -> (Vec<u32>, Vec<usize>) {
        let (mut rows, mut ends) = (Vec::new(), Vec::with_capacity(ids.len()));
        for &id in ids {
            let start = rows.len();
            self.chain(id, &mut rows);
            let place = |row: &u32| self.places[*row as usize];
            if !rows[start..].is_sorted_by_key(place) {
                rows[start..].sort_by_key(place);
            }
            ends.push(rows.len());
        }
        (rows, ends)
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let (rows, ends) = self.ordered(ids);
        let values = if rows.is_empty() { Column::new_null(self.ty, 0) } else { self.log.take(&rows) };
        match &self.finish {
            Finish::Text(separator) => texts(&values, &ends, separator),
            Finish::List => lists(values, &ends),
        }
    }

    pub fn clear(&mut self) {
        self.log = Log::default();
        self.places.clear();
        self.next.clear();
        self.ends.clear();
    }

    /// How many values each group has.
    pub fn counts(&self) -> Vec<i64> {
        let mut rows = Vec::new();
        let count = |group| {
            rows.clear();
            self.chain(group, &mut rows);
            rows.len() as i64
        };
        (0..self.ends.len() as u32).map(count).collect()
    }

    pub fn row_columns(&self) -> Vec<(String, DataType)> {
        vec![("value".to_owned(), self.ty), ("place".to_owned(), DataType::Int)]
    }

    pub fn freeze_rows(&self) -> FrozenRows {
        let (mut rows, mut groups) = (Vec::with_capacity(self.next.len()), Vec::with_capacity(self.next.len()));
        for group in 0..self.ends.len() as u32 {
            self.chain(group, &mut rows);
            groups.resize(rows.len(), group);
        }
        let (log, ty) = (self.log.clone(), self.ty);
        let places: Vec<i64> = rows.iter().map(|&row| self.places[row as usize] as i64).collect();
        let columns = move || {
            let values = if rows.is_empty() { Column::new_null(ty, 0) } else { log.take(&rows) };
            vec![values, Column::Int(places.into())]
        };
        FrozenRows { groups, columns: Box::new(columns) }
    }

    pub fn load_rows(&mut self, ids: &[u32], columns: &[Column]) {
        let places: Vec<u64> = ints(&columns[1], 0).into_iter().map(|place| place as u64).collect();
        self.update(ids, self.ends.len(), &Argument { places: &places, ..Argument::of(&[&columns[0]]) });
    }
}

/// The texts up to each end as one; null where there is none.
fn texts(values: &Column, ends: &[usize], separator: &str) -> Result<Column> {
    let Column::String(values) = values else { unreachable!("texts are collected") };
    let mut column = ColumnBuilder::new(DataType::String, ends.len());
    let ColumnBuilder::String(builder) = &mut column else { unreachable!("a builder of its type") };
    let (mut start, mut text) = (0, String::new());
    for &end in ends {
        if start == end {
            builder.append_null();
            continue;
        }
        text.clear();
        for row in start..end {
            if row > start {
                text.push_str(separator);
            }
            text.push_str(values.value(row));
            if text.len() > TEXT_BYTES_MAX {
                return Err(Error::data("the text of a group is longer than 1 GiB"));
            }
        }
        builder.append_value(&text);
        start = end;
    }
    Ok(column.finish())
}

/// The values up to each end as a list; null where there is none.
fn lists(values: Column, ends: &[usize]) -> Result<Column> {
    let too_many = |_| Error::data("the lists of some groups hold more than 2 billion values together");
    let mut offsets = vec![0];
    for &end in ends {
        offsets.push(i32::try_from(end).map_err(too_many)?);
    }
    let nulls: NullBuffer = offsets.windows(2).map(|pair| pair[0] < pair[1]).collect();
    let item = arrow::item_field(values.data_type());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Column::List(ListArray::new(item, offsets, values.into(), Some(nulls).filter(|nulls| nulls.null_count() > 0))))
}

/// Rows of one column, appended bit by bit.
#[derive(Debug, Clone, Default)]
struct Log {
    /// None is larger than the one before it.
    parts: Vec<Column>,
    /// Number of the first row of each part.
    starts: Vec<usize>,
    rows: usize,
}

impl Log {
    fn push(&mut self, column: Column) {
        self.starts.push(self.rows);
        self.rows += column.len();
        self.parts.push(column.compact());
        while let [.., before, last] = &self.parts[..]
            && before.len() <= last.len()
        {
            let both = Column::concat(&[before, last]).compact();
            self.parts.truncate(self.parts.len() - 2);
            self.parts.push(both);
            self.starts.pop();
        }
    }

    /// Some rows, at least one.
    fn take(&self, rows: &[u32]) -> Column {
        if let [part] = &self.parts[..] {
            return super::distinct::take(part, rows);
        }
        let place = |&row: &u32| {
            let part = self.starts.partition_point(|&start| start <= row as usize) - 1;
            (part, row as usize - self.starts[part])
        };
        Column::interleave(&self.parts.iter().collect::<Vec<_>>(), &rows.iter().map(place).collect::<Vec<_>>())
    }
}
