//! `min` and `max` of every type that has an order. Of doubles, NaN is the greatest; `-0.0` comes out as `0.0`.

use std::borrow::Cow;
use std::cmp::Ordering;

use arrow_array::{BooleanArray, Date32Array, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::Argument;
use super::sum::decimal_column;
use super::valid::Valid;
use crate::data::rowkey::{self, RowKeys, from_ordered_bits, ordered_bits};
use crate::data::{Column, ColumnBuilder, DataType};
use crate::error::Result;

#[derive(Debug, Clone)]
pub struct Extreme {
    pub(super) ty: DataType,
    max: bool,
    pub(super) values: Values,
    valid: Valid,
}

/// The best value of each group so far.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// Everything that can be mapped to 64 bits which compare alike.
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
    Text(Vec<Vec<u8>>),
    /// Row keys, of all other types.
    Keys(Vec<Vec<u8>>),
}

impl Extreme {
    pub fn new(ty: DataType, max: bool) -> Extreme {
        let values = match ty {
            DataType::Decimal { .. } => Values::Wide(Vec::new()),
            DataType::String => Values::Text(Vec::new()),
            _ if is_narrow(ty) => Values::Narrow(Vec::new()),
            _ => Values::Keys(Vec::new()),
        };
        Extreme { ty, max, values, valid: Valid::default() }
    }

    fn resize(&mut self, groups: usize) {
        match &mut self.values {
            Values::Narrow(best) => best.resize(groups, if self.max { i64::MIN } else { i64::MAX }),
            Values::Wide(best) => best.resize(groups, if self.max { i128::MIN } else { i128::MAX }),
            Values::Text(best) | Values::Keys(best) => best.resize(groups, Vec::new()),
        }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.resize(groups);
        let column = rows.column();
        let selected = rows.selected(true);
        // What is bytes looks at the flags of the groups before these rows.
        if matches!(self.values, Values::Text(_) | Values::Keys(_)) {
            match &selected {
                None => self.update_bytes(ids, groups, column, 0..ids.len()),
                Some(selected) => self.update_bytes(ids, groups, column, selected.set_indices()),
            }
            return;
        }
        match (&mut self.values, &selected) {
            (Values::Narrow(best), selected) => fold(best, self.max, ids, &narrow(column), selected.as_ref()),
            (Values::Wide(best), selected) => fold(best, self.max, ids, wide(column), selected.as_ref()),
            (Values::Text(_) | Values::Keys(_), _) => {}
        }
        match selected {
            None => self.valid.add_all(ids, groups),
            Some(selected) => {
                let flags = self.valid.flags(groups);
                selected.set_indices().for_each(|row| flags[ids[row] as usize] = true);
            }
        }
    }

    fn update_bytes(&mut self, ids: &[u32], groups: usize, column: &Column, rows: impl Iterator<Item = usize>) {
        let (Values::Text(best) | Values::Keys(best)) = &mut self.values else { unreachable!("values are bytes") };
        let flags = self.valid.flags(groups);
        let mut key = Vec::new();
        for row in rows {
            let id = ids[row] as usize;
            let bytes = match column {
                Column::String(texts) => texts.value(row).as_bytes(),
                _ => key_of(column, row, &mut key),
            };
            improve(&mut best[id], &mut flags[id], bytes, self.max);
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.resize(groups);
        self.valid.flags(groups);
    }

    pub fn merge(&mut self, other: &Extreme, from: &[u32], to: &[u32]) {
        let max = self.max;
        let pairs = from.iter().map(|&i| i as usize).zip(to.iter().map(|&i| i as usize));
        match (&mut self.values, &other.values) {
            // Groups without a value hold the worst one, so they need no check.
            (Values::Narrow(best), Values::Narrow(more)) => {
                pairs.for_each(|(from, to)| best[to] = pick(best[to], more[from], max));
            }
            (Values::Wide(best), Values::Wide(more)) => {
                pairs.for_each(|(from, to)| best[to] = pick(best[to], more[from], max));
            }
            (Values::Text(best), Values::Text(more)) | (Values::Keys(best), Values::Keys(more)) => {
                let flags = self.valid.flags(best.len());
                for (from, to) in pairs.filter(|&(from, _)| other.valid.get(from as u32)) {
                    improve(&mut best[to], &mut flags[to], &more[from], max);
                }
            }
            _ => unreachable!("values of one call"),
        }
        self.valid.merge(&other.valid, from, to);
    }

    pub fn column(&self, ids: &[u32]) -> Column {
        let nulls = self.valid.nulls(ids);
        let best = match &self.values {
            Values::Narrow(best) => ids.iter().map(|&id| best[id as usize]),
            Values::Wide(best) => {
                return decimal_column(ids.iter().map(|&id| best[id as usize]).collect(), nulls, self.ty);
            }
            Values::Text(best) => return self.texts(best, ids),
            Values::Keys(best) => {
                let key = |&id: &u32| if self.valid.get(id) { best[id as usize].as_slice() } else { &[0] };
                return rowkey::decode(ids.iter().map(key), &[self.ty], ids.len()).remove(0);
            }
        };
        narrow_column(self.ty, best.collect(), nulls)
    }

    fn texts(&self, best: &[Vec<u8>], ids: &[u32]) -> Column {
        let mut column = ColumnBuilder::new(DataType::String, ids.len());
        if let ColumnBuilder::String(texts) = &mut column {
            for &id in ids {
                let text = std::str::from_utf8(&best[id as usize]).expect("taken from a string column");
                texts.append_option(self.valid.get(id).then_some(text));
            }
        }
        column.finish()
    }

    /// Makes room for [`Extreme::set`].
    pub(super) fn prepare(&mut self, groups: usize) {
        self.resize(groups);
        self.valid.flags(groups);
    }

    /// How a value compares with the best one of a group: greater if it is better, or the first.
    pub(super) fn compare(&self, id: usize, ranks: &Ranks, row: usize) -> Ordering {
        if !self.valid.get(id as u32) {
            return Ordering::Greater;
        }
        let order = match (&self.values, ranks) {
            (Values::Narrow(best), Ranks::Narrow(values)) => values[row].cmp(&best[id]),
            (Values::Wide(best), Ranks::Wide(values)) => values[row].cmp(&best[id]),
            (Values::Text(best), Ranks::Text(values)) => values.value(row).as_bytes().cmp(&best[id]),
            (Values::Keys(best), Ranks::Keys(keys)) => keys.get(row).cmp(&best[id]),
            _ => unreachable!("values of one call"),
        };
        if self.max { order } else { order.reverse() }
    }

    /// The best value of a group.
    pub(super) fn set(&mut self, id: usize, ranks: &Ranks, row: usize) {
        match (&mut self.values, ranks) {
            (Values::Narrow(best), Ranks::Narrow(values)) => best[id] = values[row],
            (Values::Wide(best), Ranks::Wide(values)) => best[id] = values[row],
            (Values::Text(best), Ranks::Text(values)) => {
                best[id].clear();
                best[id].extend_from_slice(values.value(row).as_bytes());
            }
            (Values::Keys(best), Ranks::Keys(keys)) => {
                best[id].clear();
                best[id].extend_from_slice(keys.get(row));
            }
            _ => unreachable!("values of one call"),
        }
        if let Some(flags) = &mut self.valid.bits {
            flags[id] = true;
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(self.column(ids))
    }

    pub fn clear(&mut self) {
        match &mut self.values {
            Values::Narrow(best) => best.clear(),
            Values::Wide(best) => best.clear(),
            Values::Text(best) | Values::Keys(best) => best.clear(),
        }
        self.valid.clear();
    }
}

/// The values of a column as they compare.
pub(super) enum Ranks<'a> {
    Narrow(Cow<'a, [i64]>),
    Wide(&'a [i128]),
    Text(&'a StringViewArray),
    Keys(RowKeys),
}

impl Ranks<'_> {
    pub fn of(column: &Column) -> Ranks<'_> {
        match column {
            Column::Decimal(_) => Ranks::Wide(wide(column)),
            Column::String(texts) => Ranks::Text(texts),
            _ if is_narrow(column.data_type()) => Ranks::Narrow(narrow(column)),
            _ => Ranks::Keys(RowKeys::encode(&[column], column.len())),
        }
    }
}

#[inline(always)]
fn pick<T: Ord>(a: T, b: T, max: bool) -> T {
    if max { a.max(b) } else { a.min(b) }
}

fn fold<T: Ord + Copy>(best: &mut [T], max: bool, ids: &[u32], values: &[T], selected: Option<&BooleanBuffer>) {
    fn each<T: Copy>(best: &mut [T], pairs: impl Iterator<Item = (u32, T)>, better: impl Fn(T, T) -> T) {
        for (id, value) in pairs {
            let best = &mut best[id as usize];
            *best = better(*best, value);
        }
    }
    let every = || ids.iter().copied().zip(values.iter().copied());
    match (selected, max) {
        (None, false) => each(best, every(), T::min),
        (None, true) => each(best, every(), T::max),
        (Some(s), _) => each(best, s.set_indices().map(|row| (ids[row], values[row])), |a, b| pick(a, b, max)),
    }
}

fn improve(best: &mut Vec<u8>, valid: &mut bool, text: &[u8], max: bool) {
    if !*valid || (if max { text > best.as_slice() } else { text < best.as_slice() }) {
        best.clear();
        best.extend_from_slice(text);
        *valid = true;
    }
}

/// Whether 64 bits compare like the values of a type.
fn is_narrow(ty: DataType) -> bool {
    use DataType::{Boolean, Date, Double, Int, Timestamp};
    matches!(ty, Boolean | Int | Double | Timestamp | Date)
}

/// The row key of a value.
fn key_of<'a>(column: &Column, row: usize, key: &'a mut Vec<u8>) -> &'a [u8] {
    key.clear();
    rowkey::append_value(key, column, row);
    key
}

/// The reverse of [`narrow`].
pub(super) fn narrow_column(ty: DataType, values: Vec<i64>, nulls: Option<NullBuffer>) -> Column {
    match ty {
        DataType::Int => Column::Int(Int64Array::new(values.into(), nulls)),
        DataType::Timestamp => Column::Timestamp(TimestampMicrosecondArray::new(values.into(), nulls)),
        DataType::Boolean => Column::Boolean(BooleanArray::new(values.iter().map(|&b| b == 1).collect(), nulls)),
        DataType::Date => Column::Date(Date32Array::new(values.iter().map(|&day| day as i32).collect(), nulls)),
        _ => Column::Double(Float64Array::new(values.into_iter().map(double_of).collect(), nulls)),
    }
}

/// The double that [`narrow`] gave these bits for.
pub(super) fn double_of(bits: i64) -> f64 {
    from_ordered_bits(bits as u64 ^ 1 << 63)
}

/// The values as 64 bits that compare like them. Those of null rows are arbitrary.
pub(super) fn narrow(column: &Column) -> Cow<'_, [i64]> {
    match column {
        Column::Int(a) => Cow::Borrowed(a.values()),
        Column::Timestamp(a) => Cow::Borrowed(a.values()),
        Column::Boolean(a) => Cow::Owned(a.values().iter().map(i64::from).collect()),
        Column::Date(a) => Cow::Owned(a.values().iter().map(|&day| i64::from(day)).collect()),
        Column::Double(a) => Cow::Owned(a.values().iter().map(|&v| (ordered_bits(v) ^ 1 << 63) as i64).collect()),
        other => unreachable!("{} is wider than 64 bits", other.data_type()),
    }
}

pub(super) fn wide(column: &Column) -> &[i128] {
    match column {
        Column::Decimal(a) => a.values(),
        other => unreachable!("a decimal, not {}", other.data_type()),
    }
}
