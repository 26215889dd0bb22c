//! `percentile` and `median`: all values of each group are kept, as numbers that compare like them.
//!
//! Where results come out now and then, values lie as they came and one is selected. Where each row asks for a result
//! (`emit = "update"`), they lie in two heaps, those up to the place asked for and those above it, so that a row costs
//! little however many there are. Both give the same.

mod groups;

use arrow_array::{Float64Array, TimestampMicrosecondArray};

use super::Argument;
use super::extreme::{double_of, narrow, narrow_column, wide};
use super::rows::FrozenRows;
use super::sum::{DECIMAL_MAX, decimal_column};
use super::wide::Wide;
use crate::data::{Column, DataType};
use crate::error::{Error, Result};
use crate::expr::aggregate::Fraction;
use groups::Groups;

#[derive(Debug)]
pub struct Percentile {
    pub(super) ty: DataType,
    fraction: Fraction,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Narrow(Groups<i64>),
    Wide(Groups<i128>),
}

macro_rules! each {
    ($values:expr, $inner:ident => $body:expr) => {
        match $values {
            Values::Narrow($inner) => $body,
            Values::Wide($inner) => $body,
        }
    };
}

impl Percentile {
    pub fn new(ty: DataType, fraction: Fraction) -> Percentile {
        let values = match ty {
            DataType::Decimal { .. } => Values::Wide(Groups::Lists(Vec::new())),
            _ => Values::Narrow(Groups::Lists(Vec::new())),
        };
        Percentile { ty, fraction, values }
    }

    /// Prepares an empty one for results after every row.
    pub fn for_updates(&mut self) {
        match &mut self.values {
            Values::Narrow(groups) => *groups = Groups::Halves(Vec::new()),
            Values::Wide(groups) => *groups = Groups::Halves(Vec::new()),
        }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        let (column, selected, fraction) = (rows.column(), rows.selected(true), self.fraction);
        match &mut self.values {
            Values::Narrow(values) => values.update(ids, groups, &narrow(column), selected, fraction),
            Values::Wide(values) => values.update(ids, groups, wide(column), selected, fraction),
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        each!(&mut self.values, values => values.resize(groups));
    }

    pub fn merge(&mut self, other: &Percentile, from: &[u32], to: &[u32]) {
        let fraction = self.fraction;
        match (&mut self.values, &other.values) {
            (Values::Narrow(own), Values::Narrow(more)) => own.merge(more, from, to, fraction),
            (Values::Wide(own), Values::Wide(more)) => own.merge(more, from, to, fraction),
            _ => unreachable!("values of one call"),
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let divisor = self.fraction.divisor();
        match &self.values {
            Values::Narrow(values) => {
                let places = ids.iter().map(|&id| values.around(id, self.fraction));
                Ok(match self.ty {
                    DataType::Timestamp => {
                        let between = |(low, high, part): (i64, i64, u64)| {
                            let above = (i128::from(high) - i128::from(low)) * i128::from(part);
                            let divisor = i128::from(divisor);
                            (i128::from(low) + (above + divisor / 2) / divisor) as i64
                        };
                        let times = places.map(|place| place.map(between));
                        Column::Timestamp(times.collect::<TimestampMicrosecondArray>())
                    }
                    ty => {
                        let value = |bits: i64| if ty == DataType::Int { bits as f64 } else { double_of(bits) };
                        let between = |(low, high, part)| interpolate(value(low), value(high), part, divisor);
                        Column::Double(places.map(|place| place.map(between)).collect::<Float64Array>())
                    }
                })
            }
            Values::Wide(values) => {
                let DataType::Decimal { scale, .. } = self.ty else { unreachable!("a percentile of decimals") };
                let result_scale = scale.max(6);
                let one = 10u64.pow(u32::from(result_scale - scale));
                let mut digits = Vec::with_capacity(ids.len());
                let mut valid = Vec::with_capacity(ids.len());
                for &id in ids {
                    let place = values.around(id, self.fraction);
                    valid.push(place.is_some());
                    digits.push(place.map_or(Ok(0), |place| between_decimals(place, divisor, one))?);
                }
                let ty = DataType::Decimal { precision: 38, scale: result_scale };
                Ok(decimal_column(digits.into(), Some(valid.into()), ty))
            }
        }
    }

    pub fn clear(&mut self) {
        each!(&mut self.values, values => values.clear());
    }

    /// How many values each group has.
    pub fn counts(&self) -> Vec<i64> {
        each!(&self.values, values => (0..values.len()).map(|id| values.count(id) as i64).collect())
    }

    pub fn freeze_rows(&self) -> FrozenRows {
        let (ty, groups) = (self.ty, each!(&self.values, values => values.owners()));
        FrozenRows {
            groups,
            columns: match &self.values {
                Values::Narrow(values) => {
                    let values = values.flat();
                    Box::new(move || vec![narrow_column(ty, values, None)])
                }
                Values::Wide(values) => {
                    let values = values.flat();
                    Box::new(move || vec![decimal_column(values.into(), None, ty)])
                }
            },
        }
    }
}

fn interpolate(low: f64, high: f64, part: u64, divisor: u64) -> f64 {
    if part == 0 || low == high {
        return low;
    }
    let above = part as f64 / divisor as f64;
    match high - low {
        distance if distance.is_finite() => low + distance * above,
        _ => low * (1.0 - above) + high * above,
    }
}

/// Exact, in units of 1 / one of the last digit, rounded half away from zero.
fn between_decimals((low, high, part): (i128, i128, u64), divisor: u64, one: u64) -> Result<i128> {
    // low + (high - low) * part / divisor = (low * divisor + (high - low) * part) / divisor
    let factor = |value: u64| Wide::<6>::from_u128(value.into());
    let mut above = Wide::<6>::from_i128(high);
    above.add(&Wide::from_i128(low).negated());
    let mut sum = Wide::<6>::from_i128(low).times(&factor(divisor));
    sum.add(&above.times(&factor(part)));
    let sum = sum.times(&factor(one));
    let mut size = sum.magnitude();
    let rest = size.divide(divisor);
    if u128::from(rest) * 2 >= u128::from(divisor) {
        size.add(&factor(1));
    }
    let digits = if sum.is_negative() { size.negated() } else { size }.to_i128();
    digits
        .filter(|digits| (-DECIMAL_MAX..=DECIMAL_MAX).contains(digits))
        .ok_or_else(|| Error::data("the percentile has more than 38 digits").note("cast the argument to double"))
}
