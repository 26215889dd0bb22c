//! `sum`: ints and decimals exactly, however large on the way; doubles folded row by row.

use arrow_array::{Decimal128Array, Float64Array, Int64Array};
use arrow_buffer::ScalarBuffer;

use super::Argument;
use super::valid::Valid;
use crate::data::{Column, DataType, text};
use crate::error::{Error, Result};

/// Greatest unscaled decimal of 38 digits.
pub const DECIMAL_MAX: i128 = 10i128.pow(38) - 1;

/// An integer that sums are made of.
pub trait Addend: Copy + Default + std::fmt::Debug {
    fn overflowing(self, other: Self) -> (Self, bool);
    fn is_below_zero(self) -> bool;
    fn values(column: &Column) -> &[Self];
}

impl Addend for i64 {
    #[inline(always)]
    fn overflowing(self, other: i64) -> (i64, bool) {
        self.overflowing_add(other)
    }

    fn is_below_zero(self) -> bool {
        self < 0
    }

    fn values(column: &Column) -> &[i64] {
        match column {
            Column::Int(a) => a.values(),
            other => unreachable!("a sum of ints, not of {}", other.data_type()),
        }
    }
}

impl Addend for i128 {
    #[inline(always)]
    fn overflowing(self, other: i128) -> (i128, bool) {
        self.overflowing_add(other)
    }

    fn is_below_zero(self) -> bool {
        self < 0
    }

    fn values(column: &Column) -> &[i128] {
        match column {
            Column::Decimal(a) => a.values(),
            other => unreachable!("a sum of decimals, not of {}", other.data_type()),
        }
    }
}

/// Sums whose overflow is judged at emission only, so that it does not depend on grouping.
#[derive(Debug)]
pub struct Sum<T> {
    ty: DataType,
    /// The sums modulo the range of `T`.
    pub(super) low: Vec<T>,
    /// How often, net, each sum left that range upwards. Empty until one does.
    pub(super) carries: Vec<i64>,
    pub(super) valid: Valid,
}

impl<T: Addend> Sum<T> {
    pub fn new(ty: DataType) -> Sum<T> {
        Sum { ty, low: Vec::new(), carries: Vec::new(), valid: Valid::default() }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.low.resize(groups, T::default());
        let values = T::values(rows.column());
        match rows.selected(true) {
            None => {
                self.valid.add_all(ids, groups);
                self.add(ids.iter().copied().zip(values.iter().copied()));
            }
            Some(selected) => {
                let flags = self.valid.flags(groups);
                selected.set_indices().for_each(|row| flags[ids[row] as usize] = true);
                self.add(selected.set_indices().map(|row| (ids[row], values[row])));
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, pairs: impl Iterator<Item = (u32, T)>) {
        let mut carries = Vec::new();
        let low = &mut self.low[..];
        for (id, value) in pairs {
            let (sum, overflowed) = low[id as usize].overflowing(value);
            low[id as usize] = sum;
            if overflowed {
                carries.push((id, if value.is_below_zero() { -1 } else { 1 }));
            }
        }
        carries.into_iter().for_each(|(id, carry)| self.carry(id, carry));
    }

    #[cold]
    fn carry(&mut self, id: u32, carry: i64) {
        if self.carries.len() < self.low.len() {
            self.carries.resize(self.low.len(), 0);
        }
        self.carries[id as usize] += carry;
    }

    pub(super) fn sum_type(&self) -> DataType {
        match self.ty {
            DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale },
            other => other,
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.low.resize(groups, T::default());
        self.valid.flags(groups);
    }

    pub fn merge(&mut self, other: &Sum<T>, from: &[u32], to: &[u32]) {
        self.valid.merge(&other.valid, from, to);
        self.add(to.iter().zip(from).map(|(&to, &from)| (to, other.low[from as usize])));
        if !other.carries.is_empty() {
            from.iter().zip(to).for_each(|(&from, &to)| self.carry(to, other.carried(from)));
        }
    }

    fn carried(&self, id: u32) -> i64 {
        self.carries.get(id as usize).copied().unwrap_or(0)
    }

    fn gather(&self, ids: &[u32]) -> Vec<T> {
        ids.iter().map(|&id| self.low[id as usize]).collect()
    }

    fn fits(&self, ids: &[u32]) -> bool {
        self.carries.is_empty() || ids.iter().all(|&id| self.carried(id) == 0)
    }

    pub fn clear(&mut self) {
        self.low.clear();
        self.carries.clear();
        self.valid.clear();
    }
}

impl Sum<i64> {
    /// The exact sum.
    pub fn total(&self, id: u32) -> i128 {
        (i128::from(self.carried(id)) << 64) + i128::from(self.low[id as usize])
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        if !self.fits(ids) {
            let wrong = ids.iter().find(|&&id| self.carried(id) != 0).map_or(0, |&id| self.total(id));
            return Err(Error::data(format!("the sum, {wrong}, does not fit an int (64 bits)"))
                .note("cast the argument to decimal(38,0) or double"));
        }
        Ok(Column::Int(Int64Array::new(self.gather(ids).into(), self.valid.nulls(ids))))
    }

    pub fn emit_partial(&self, ids: &[u32], columns: &mut Vec<Column>) -> bool {
        if self.fits(ids) {
            columns.push(Column::Int(Int64Array::new(self.gather(ids).into(), self.valid.nulls(ids))));
        }
        self.fits(ids)
    }
}

impl Sum<i128> {
    /// The sum, unless it has more than 38 digits.
    pub fn total(&self, id: u32) -> Result<i128> {
        let sum = self.low[id as usize];
        if self.carried(id) == 0 && (-DECIMAL_MAX..=DECIMAL_MAX).contains(&sum) {
            return Ok(sum);
        }
        let mut shown = Vec::new();
        if self.carried(id) == 0
            && let DataType::Decimal { scale, .. } = self.sum_type()
        {
            text::write_decimal(sum, scale, &mut shown);
        }
        let value = if shown.is_empty() { String::new() } else { format!(", {},", String::from_utf8_lossy(&shown)) };
        let message = format!("the sum{value} does not fit {}", self.sum_type());
        Err(Error::data(message).note("cast the argument to double"))
    }

    fn column(&self, values: Vec<i128>, ids: &[u32]) -> Column {
        decimal_column(values.into(), self.valid.nulls(ids), self.sum_type())
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let sums = ids.iter().map(|&id| self.total(id)).collect::<Result<_>>()?;
        Ok(self.column(sums, ids))
    }

    pub fn emit_partial(&self, ids: &[u32], columns: &mut Vec<Column>) -> bool {
        if self.fits(ids) {
            columns.push(self.column(self.gather(ids), ids));
        }
        self.fits(ids)
    }
}

/// A decimal column of type `ty`, which is a decimal.
pub fn decimal_column(values: ScalarBuffer<i128>, nulls: Option<arrow_buffer::NullBuffer>, ty: DataType) -> Column {
    let DataType::Decimal { precision, scale } = ty else { unreachable!("{ty} is no decimal") };
    let array = Decimal128Array::new(values, nulls).with_precision_and_scale(precision, scale as i8);
    Column::Decimal(array.expect("the schema holds a valid precision and scale"))
}

/// Sums of doubles, folded in the order of the rows.
#[derive(Debug, Default)]
pub struct SumDouble {
    pub(super) sums: Vec<f64>,
    pub(super) valid: Valid,
}

impl SumDouble {
    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.sums.resize(groups, 0.0);
        let Column::Double(values) = rows.column() else { unreachable!("a sum of doubles") };
        let values = values.values();
        match rows.selected(true) {
            None => {
                self.valid.add_all(ids, groups);
                for (&id, &value) in ids.iter().zip(values) {
                    self.sums[id as usize] += value;
                }
            }
            Some(selected) => {
                let flags = self.valid.flags(groups);
                for row in selected.set_indices() {
                    flags[ids[row] as usize] = true;
                    self.sums[ids[row] as usize] += values[row];
                }
            }
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        self.sums.resize(groups, 0.0);
        self.valid.flags(groups);
    }

    pub fn merge(&mut self, other: &SumDouble, from: &[u32], to: &[u32]) {
        self.valid.merge(&other.valid, from, to);
        for (&from, &to) in from.iter().zip(to) {
            self.sums[to as usize] += other.sums[from as usize];
        }
    }

    pub fn get(&self, id: u32) -> f64 {
        self.sums[id as usize]
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let sums = ids.iter().map(|&id| self.sums[id as usize]).collect();
        Ok(Column::Double(Float64Array::new(sums, self.valid.nulls(ids))))
    }

    pub fn clear(&mut self) {
        self.sums.clear();
        self.valid.clear();
    }
}
