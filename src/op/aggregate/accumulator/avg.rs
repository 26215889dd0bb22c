//! `avg`: the sum divided by the number of values. Of ints it is a double, of decimals a decimal with at least six
//! digits behind the point, rounded half away from zero.

use arrow_array::Float64Array;

use super::sum::{DECIMAL_MAX, Sum, SumDouble, decimal_column};
use super::{Accumulator, Argument, count::Count};
use crate::data::{Column, DataType};
use crate::error::{Error, Result};

#[derive(Debug)]
pub struct Avg {
    ty: DataType,
    pub(super) sum: Box<Accumulator>,
    pub(super) count: Count,
}

impl Avg {
    pub fn new(ty: DataType) -> Avg {
        Avg { ty, sum: Box::new(Accumulator::sum(ty)), count: Count::default() }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        self.sum.update(ids, groups, rows);
        self.count.update(ids, groups, rows);
    }

    pub fn update_partial(&mut self, ids: &[u32], groups: usize, sums: &Column, counts: &Column) {
        self.sum.update_partial(ids, groups, std::slice::from_ref(sums));
        self.count.add(ids, groups, counts);
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.sum.start_merge(groups);
        self.count.start_merge(groups);
    }

    pub fn merge(&mut self, other: &Avg, from: &[u32], to: &[u32]) {
        self.sum.merge(&other.sum, from, to);
        self.count.merge(&other.count, from, to);
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        match &*self.sum {
            Accumulator::SumInt(sum) => Ok(self.doubles(ids, |id| int_avg(sum, id, self.count.get(id)))),
            Accumulator::SumDouble(sum) => Ok(self.doubles(ids, |id| double_avg(sum, id, self.count.get(id)))),
            Accumulator::SumDecimal(sum) => self.decimals(ids, sum),
            other => unreachable!("the sum of an average: {other:?}"),
        }
    }

    fn doubles(&self, ids: &[u32], avg: impl Fn(u32) -> f64) -> Column {
        let averages = ids.iter().map(|&id| (self.count.get(id) > 0).then(|| avg(id)));
        Column::Double(averages.collect::<Float64Array>())
    }

    fn decimals(&self, ids: &[u32], sum: &Sum<i128>) -> Result<Column> {
        let DataType::Decimal { scale, .. } = self.ty else { unreachable!("an average of decimals") };
        let result_scale = scale.max(6);
        let one = 10i128.pow(u32::from(result_scale - scale));
        let averages = ids.iter().map(|&id| match self.count.get(id) {
            0 => Ok(0),
            count => decimal_avg(sum.total(id)?, count, one),
        });
        let averages = averages.collect::<Result<Vec<i128>>>()?;
        let nulls = ids.iter().map(|&id| self.count.get(id) > 0).collect();
        Ok(decimal_column(averages.into(), Some(nulls), DataType::Decimal { precision: 38, scale: result_scale }))
    }

    pub fn emit_partial(&self, ids: &[u32], columns: &mut Vec<Column>) -> bool {
        let fits = self.sum.emit_partial(ids, columns);
        columns.push(self.count.column(ids));
        fits
    }

    pub fn clear(&mut self) {
        self.sum.clear();
        self.count.clear();
    }
}

fn int_avg(sum: &Sum<i64>, id: u32, count: i64) -> f64 {
    sum.total(id) as f64 / count as f64
}

fn double_avg(sum: &SumDouble, id: u32, count: i64) -> f64 {
    sum.get(id) / count as f64
}

/// `sum / count` in units of `1 / one` of the sum's last digit, rounded half away from zero.
pub(super) fn decimal_avg(sum: i128, count: i64, one: i128) -> Result<i128> {
    let count = i128::from(count);
    // The remainder is below 2^63 and `one` at most 10^6, so the second product fits.
    let rest = sum % count * one;
    let mut digits = rest / count;
    if (rest % count).abs() * 2 >= count {
        digits += rest.signum();
    }
    (sum / count)
        .checked_mul(one)
        .and_then(|whole| whole.checked_add(digits))
        .filter(|avg| (-DECIMAL_MAX..=DECIMAL_MAX).contains(avg))
        .ok_or_else(|| Error::data("the average has more than 38 digits").note("cast the argument to double"))
}
