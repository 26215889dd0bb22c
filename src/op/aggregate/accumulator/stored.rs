//! How accumulators are stored: each one's columns in the table of its groups, a row for each group.
//!
//! | call | columns |
//! |---|---|
//! | `count(x)` | the count |
//! | `f(DISTINCT x)` | how many values there are; they are a table of their own (`rows.rs`) |
//! | `sum(x)` | the sum, null without a value; `.carry`, not 0 if it left its type |
//! | `avg(x)` | `.sum`, as that of `sum(x)`, and `.count` |
//! | `sum(x)`, `avg(x)` of intervals | `.count`, `.months`, `.days`, `.micros` |
//! | `min(x)`, `max(x)` | the value, null without one |
//! | `first(x)`, `last(x)` | the value; `.time` (µs), null without a row, and `.place` of its row |
//! | `arg_min(x, y)`, `arg_max(x, y)` | x; `.by`, the best y, null without a row, and `.place` of its row |
//! | `variance(x)`, `stddev(x)` | `.count`; of ints and decimals `.sum` and `.squares`, whole numbers as text, in units of the last digit; of doubles `.mean` and `.squares`, the sum of the squared distances from it |
//! | `approx_distinct(x)` | `.registers` as text |
//! | `percentile(x, p)`, `mode(x)`, `string_agg(x, s)` | `.values`, how many there are; they are a table of their own |
//!
//! Vectors are copied at once and made columns later; only text is made a column at once.

use arrow_array::{Array, Float64Array, Int64Array};
use arrow_buffer::NullBuffer;

use super::avg::Avg;
use super::collect::Collect;
use super::count::Count;
use super::distinct::Distinct;
use super::extreme::{Extreme, Values};
use super::mode::Mode;
use super::percentile::Percentile;
use super::pick::{Pick, value};
use super::sum::{Addend, DECIMAL_MAX, Sum, SumDouble, decimal_column};
use super::valid::Valid;
use super::{Accumulator, each};
use crate::data::{Column, DataType};
use crate::state::table::MakeColumns;

impl Accumulator {
    /// Name and type of each column of the call `name`.
    pub fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        each!(self, a => a.stored_columns(name))
    }

    pub fn freeze(&self) -> MakeColumns {
        each!(self, a => a.freeze())
    }

    /// Takes the columns of `groups` groups, which have the types of [`Accumulator::stored_columns`], in place of
    /// what it held.
    pub fn load(&mut self, groups: usize, columns: &[Column]) {
        each!(self, a => a.load(groups, columns))
    }
}

impl Count {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), DataType::Int)]
    }

    fn freeze(&self) -> MakeColumns {
        let counts = self.counts.clone();
        Box::new(move || vec![Column::Int(counts.into())])
    }

    fn load(&mut self, _groups: usize, columns: &[Column]) {
        self.counts = ints(&columns[0], 0);
    }
}

impl Distinct {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), DataType::Int)]
    }

    fn freeze(&self) -> MakeColumns {
        let counts = self.counts.clone();
        Box::new(move || vec![Column::Int(counts.into())])
    }

    /// Counts follow from the values, which come with [`Distinct::load_rows`].
    fn load(&mut self, groups: usize, _columns: &[Column]) {
        self.start_merge(groups);
    }
}

/// Values that are a table of their own: how many there are is stored here, so that every group has a row, and follows
/// from them again.
macro_rules! counted {
    ($kind:ty) => {
        impl $kind {
            fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
                vec![(format!("{name}.values"), DataType::Int)]
            }

            fn freeze(&self) -> MakeColumns {
                let counts = self.counts();
                Box::new(move || vec![Column::Int(counts.into())])
            }

            fn load(&mut self, groups: usize, _columns: &[Column]) {
                self.start_merge(groups);
            }
        }
    };
}

counted!(Percentile);
counted!(Mode);
counted!(Collect);

/// Numbers of a [`Sum`] as they are stored.
pub trait StoredSum: Addend {
    /// The part of the sum that its type can show, and what is left.
    fn split(low: Self, carry: i64) -> (Self, i64);
    /// The reverse of [`StoredSum::split`].
    fn join(shown: Self, rest: i64) -> (Self, i64);
    fn column(values: Vec<Self>, nulls: Option<NullBuffer>, ty: DataType) -> Column;
}

impl StoredSum for i64 {
    fn split(low: i64, carry: i64) -> (i64, i64) {
        (low, carry)
    }

    fn join(shown: i64, rest: i64) -> (i64, i64) {
        (shown, rest)
    }

    fn column(values: Vec<i64>, nulls: Option<NullBuffer>, _ty: DataType) -> Column {
        Column::Int(Int64Array::new(values.into(), nulls))
    }
}

/// 128 bits hold more than 38 digits: the column holds the last 38 of them, and what is before, -1, 0 or 1, is added
/// to three times the carry.
impl StoredSum for i128 {
    fn split(low: i128, carry: i64) -> (i128, i64) {
        let before = (low / (DECIMAL_MAX + 1)) as i64;
        (low % (DECIMAL_MAX + 1), carry.wrapping_mul(3).wrapping_add(before))
    }

    fn join(shown: i128, rest: i64) -> (i128, i64) {
        let before = rest.wrapping_add(1).rem_euclid(3) - 1;
        (shown.wrapping_add(i128::from(before) * (DECIMAL_MAX + 1)), rest.wrapping_sub(before) / 3)
    }

    fn column(values: Vec<i128>, nulls: Option<NullBuffer>, ty: DataType) -> Column {
        decimal_column(values.into(), nulls, ty)
    }
}

impl<T: StoredSum + Send + 'static> Sum<T> {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), self.sum_type()), (format!("{name}.carry"), DataType::Int)]
    }

    fn freeze(&self) -> MakeColumns {
        let (low, mut carries, valid) = (self.low.clone(), self.carries.clone(), self.valid.clone());
        let ty = self.sum_type();
        Box::new(move || {
            carries.resize(low.len(), 0);
            let (shown, rest) = low.into_iter().zip(carries).map(|(low, carry)| T::split(low, carry)).unzip();
            let rest: Vec<i64> = rest;
            vec![T::column(shown, valid.all(), ty), Column::Int(rest.into())]
        })
    }

    fn load(&mut self, groups: usize, columns: &[Column]) {
        let shown = filled(T::values(&columns[0]), columns[0].nulls(), T::default());
        let rest = ints(&columns[1], 0);
        (self.low, self.carries) = shown.into_iter().zip(rest).map(|(shown, rest)| T::join(shown, rest)).unzip();
        self.valid = Valid::load(groups, columns[0].nulls());
    }
}

impl SumDouble {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), DataType::Double)]
    }

    fn freeze(&self) -> MakeColumns {
        let (sums, valid) = (self.sums.clone(), self.valid.clone());
        Box::new(move || vec![Column::Double(Float64Array::new(sums.into(), valid.all()))])
    }

    fn load(&mut self, groups: usize, columns: &[Column]) {
        let Column::Double(sums) = &columns[0] else { unreachable!("types were checked") };
        self.sums = filled(sums.values(), sums.nulls(), 0.0);
        self.valid = Valid::load(groups, sums.nulls());
    }
}

impl Avg {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        let mut columns = self.sum.stored_columns(&format!("{name}.sum"));
        columns.extend(self.count.stored_columns(&format!("{name}.count")));
        columns
    }

    fn freeze(&self) -> MakeColumns {
        let (sum, count) = (self.sum.freeze(), self.count.freeze());
        Box::new(move || [sum(), count()].concat())
    }

    fn load(&mut self, groups: usize, columns: &[Column]) {
        let (sum, count) = columns.split_at(columns.len() - 1);
        self.sum.load(groups, sum);
        self.count.load(groups, count);
    }
}

impl Extreme {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        vec![(name.to_owned(), self.ty)]
    }

    fn freeze(&self) -> MakeColumns {
        let all = |groups: usize| -> Vec<u32> { (0..groups as u32).collect() };
        let groups = match &self.values {
            Values::Narrow(best) => best.len(),
            Values::Wide(best) => best.len(),
            Values::Text(best) | Values::Keys(best) => {
                let column = self.column(&all(best.len()));
                return Box::new(move || vec![column]);
            }
        };
        let copy = self.clone();
        Box::new(move || vec![copy.column(&all(groups))])
    }

    fn load(&mut self, groups: usize, columns: &[Column]) {
        // As rows of which each is a group of its own; groups without a row come into being with the last one.
        let ids: Vec<u32> = (0..groups as u32).collect();
        self.clear();
        self.update(&ids, groups, &super::Argument::of(&[&columns[0]]));
    }
}

impl Pick {
    fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        let part = |suffix: &str| (format!("{name}.{suffix}"), DataType::Int);
        vec![(name.to_owned(), self.ty), part("time"), part("place")]
    }

    fn freeze(&self) -> MakeColumns {
        let values = self.column(&(0..self.ranks.len() as u32).collect::<Vec<_>>());
        let ranks = self.ranks.clone();
        Box::new(move || {
            let times: Int64Array = ranks.iter().map(|rank| rank.map(|(time, _)| time)).collect();
            let places: Int64Array = ranks.iter().map(|rank| rank.map(|(_, place)| place as i64)).collect();
            vec![values, Column::Int(times), Column::Int(places)]
        })
    }

    fn load(&mut self, groups: usize, columns: &[Column]) {
        let (Column::Int(times), Column::Int(places)) = (&columns[1], &columns[2]) else {
            unreachable!("types were checked")
        };
        let ranks = times.iter().zip(places).map(|(time, place)| time.zip(place.map(|place| place as u64)));
        self.ranks = ranks.collect();
        self.values = (0..groups).map(|row| value(&columns[0], row)).collect();
    }
}

impl Valid {
    /// Null buffer of all groups.
    fn all(&self) -> Option<NullBuffer> {
        self.bits.as_ref().map(|bits| bits.iter().copied().collect::<NullBuffer>()).filter(|n| n.null_count() > 0)
    }

    fn load(groups: usize, nulls: Option<&NullBuffer>) -> Valid {
        Valid { known: groups, bits: nulls.map(|nulls| nulls.iter().collect()) }
    }
}

pub(super) fn ints(column: &Column, missing: i64) -> Vec<i64> {
    let Column::Int(values) = column else { unreachable!("types were checked") };
    filled(values.values(), values.nulls(), missing)
}

/// The values with `missing` in place of nulls.
fn filled<T: Copy>(values: &[T], nulls: Option<&NullBuffer>, missing: T) -> Vec<T> {
    match nulls {
        None => values.to_vec(),
        Some(nulls) => values.iter().zip(nulls).map(|(&value, valid)| if valid { value } else { missing }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_sums_are_stored_without_loss(low: i128, carry in -1_000_000i64..1_000_000) {
            let (shown, rest) = i128::split(low, carry);
            prop_assert!((-DECIMAL_MAX..=DECIMAL_MAX).contains(&shown));
            prop_assert_eq!(i128::join(shown, rest), (low, carry));
        }
    }

    #[test]
    fn the_ends_of_128_bits_are_stored_without_loss() {
        for low in [i128::MIN, -DECIMAL_MAX - 1, -DECIMAL_MAX, 0, DECIMAL_MAX, DECIMAL_MAX + 1, i128::MAX] {
            for carry in [-2, -1, 0, 1, 2] {
                let (shown, rest) = i128::split(low, carry);
                assert_eq!(i128::join(shown, rest), (low, carry));
            }
        }
    }
}
