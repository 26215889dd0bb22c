//! `min` and `max` of every type. Of doubles, NaN is the greatest; `-0.0` comes out as `0.0`.

use std::borrow::Cow;

use arrow_array::{BooleanArray, Float64Array, Int64Array, TimestampMicrosecondArray};

use arrow_buffer::BooleanBuffer;

use super::Argument;
use super::sum::decimal_column;
use super::valid::Valid;
use crate::data::rowkey::{from_ordered_bits, ordered_bits};
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
}

impl Extreme {
    pub fn new(ty: DataType, max: bool) -> Extreme {
        let values = match ty {
            DataType::Decimal { .. } => Values::Wide(Vec::new()),
            DataType::String => Values::Text(Vec::new()),
            _ => Values::Narrow(Vec::new()),
        };
        Extreme { ty, max, values, valid: Valid::default() }
    }

    fn resize(&mut self, groups: usize) {
        match &mut self.values {
            Values::Narrow(best) => best.resize(groups, if self.max { i64::MIN } else { i64::MAX }),
            Values::Wide(best) => best.resize(groups, if self.max { i128::MIN } else { i128::MAX }),
            Values::Text(best) => best.resize(groups, Vec::new()),
        }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.resize(groups);
        let column = rows.column.expect("min and max have an argument");
        let selected = rows.selected(true);
        // Strings look at the flags of the groups before these rows.
        if matches!(self.values, Values::Text(_)) {
            match &selected {
                None => self.update_text(ids, groups, column, 0..ids.len()),
                Some(selected) => self.update_text(ids, groups, column, selected.set_indices()),
            }
            return;
        }
        match (&mut self.values, &selected) {
            (Values::Narrow(best), selected) => fold(best, self.max, ids, &narrow(column), selected.as_ref()),
            (Values::Wide(best), selected) => fold(best, self.max, ids, wide(column), selected.as_ref()),
            (Values::Text(_), _) => {}
        }
        match selected {
            None => self.valid.add_all(ids, groups),
            Some(selected) => {
                let flags = self.valid.flags(groups);
                selected.set_indices().for_each(|row| flags[ids[row] as usize] = true);
            }
        }
    }

    fn update_text(&mut self, ids: &[u32], groups: usize, column: &Column, rows: impl Iterator<Item = usize>) {
        let (Values::Text(best), Column::String(texts)) = (&mut self.values, column) else {
            unreachable!("min or max of strings")
        };
        let flags = self.valid.flags(groups);
        for row in rows {
            let id = ids[row] as usize;
            improve(&mut best[id], &mut flags[id], texts.value(row).as_bytes(), self.max);
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
            (Values::Text(best), Values::Text(more)) => {
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
        };
        match self.ty {
            DataType::Int => Column::Int(Int64Array::new(best.collect(), nulls)),
            DataType::Timestamp => Column::Timestamp(TimestampMicrosecondArray::new(best.collect(), nulls)),
            DataType::Boolean => Column::Boolean(BooleanArray::new(best.map(|b| b == 1).collect(), nulls)),
            _ => {
                let doubles = best.map(|b| from_ordered_bits(b as u64 ^ 1 << 63)).collect();
                Column::Double(Float64Array::new(doubles, nulls))
            }
        }
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

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        Ok(self.column(ids))
    }

    pub fn clear(&mut self) {
        match &mut self.values {
            Values::Narrow(best) => best.clear(),
            Values::Wide(best) => best.clear(),
            Values::Text(best) => best.clear(),
        }
        self.valid.clear();
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

/// The values as 64 bits that compare like them. Those of null rows are arbitrary.
fn narrow(column: &Column) -> Cow<'_, [i64]> {
    match column {
        Column::Int(a) => Cow::Borrowed(a.values()),
        Column::Timestamp(a) => Cow::Borrowed(a.values()),
        Column::Boolean(a) => Cow::Owned(a.values().iter().map(i64::from).collect()),
        Column::Double(a) => Cow::Owned(a.values().iter().map(|&v| (ordered_bits(v) ^ 1 << 63) as i64).collect()),
        other => unreachable!("{} is wider than 64 bits", other.data_type()),
    }
}

fn wide(column: &Column) -> &[i128] {
    match column {
        Column::Decimal(a) => a.values(),
        other => unreachable!("a decimal, not {}", other.data_type()),
    }
}
