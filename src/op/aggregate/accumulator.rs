//! Accumulators: what an aggregate call holds per group, as vectors indexed by the group's dense id.
//!
//! One family per file below. An accumulator knows nothing of keys, windows or time other than what `first` and
//! `last` compare. Columns are matched once per call, never per value.

mod avg;
mod best;
mod collect;
mod count;
mod distinct;
mod extreme;
mod interval;
mod mode;
mod pairs;
mod percentile;
mod pick;
mod rows;
mod sketch;
mod stored;
mod sum;
mod valid;
mod variance;
mod wide;

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;

use super::Call;
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::expr::aggregate::AggregateFunction;
pub use rows::FrozenRows;
use stored::ints;

/// The arguments of one call for some rows.
#[derive(Clone, Copy)]
pub struct Argument<'a> {
    /// None for `count(*)`.
    pub columns: &'a [&'a Column],
    /// Only rows where it is true count.
    pub filter: Option<&'a BooleanArray>,
    /// Event time (µs) of the rows, for `first` and `last`; empty for streams without.
    pub times: &'a [i64],
    /// Places of the rows in the input, for those that go by it; empty if nobody asks.
    pub places: &'a [u64],
}

impl<'a> Argument<'a> {
    /// Nothing but columns.
    pub fn of(columns: &'a [&'a Column]) -> Argument<'a> {
        Argument { columns, filter: None, times: &[], places: &[] }
    }

    /// The first column.
    fn column(&self) -> &'a Column {
        self.columns.first().expect("every function but count(*) has an argument")
    }

    /// The rows that pass the filter and, with `skip_nulls`, where no argument is null; `None` for all of them.
    fn selected(&self, skip_nulls: bool) -> Option<BooleanBuffer> {
        self.selected_by(if skip_nulls { self.columns } else { &[] })
    }

    /// The rows that pass the filter and where none of these columns is null; `None` for all of them.
    fn selected_by(&self, columns: &[&Column]) -> Option<BooleanBuffer> {
        let valid = columns.iter().filter_map(|column| column.nulls()).filter(|nulls| nulls.null_count() > 0);
        let passed = self.filter.map(|f| match f.nulls() {
            Some(nulls) => f.values() & nulls.inner(),
            None => f.values().clone(),
        });
        valid.map(|nulls| nulls.inner().clone()).chain(passed).reduce(|a, b| &a & &b)
    }
}

/// Calls `each` with the selected ones of `rows` rows, which are all of them for `None`.
#[inline]
fn for_rows(selected: Option<BooleanBuffer>, rows: usize, each: impl FnMut(usize)) {
    match selected {
        None => (0..rows).for_each(each),
        Some(selected) => selected.set_indices().for_each(each),
    }
}

/// State of one call.
#[derive(Debug)]
pub enum Accumulator {
    Count(count::Count),
    Distinct(distinct::Distinct),
    SumInt(sum::Sum<i64>),
    SumDecimal(sum::Sum<i128>),
    SumDouble(sum::SumDouble),
    Avg(avg::Avg),
    Interval(interval::IntervalSum),
    Extreme(extreme::Extreme),
    Pick(pick::Pick),
    Best(best::Best),
    Variance(variance::Variance),
    Percentile(percentile::Percentile),
    Mode(mode::Mode),
    Sketch(sketch::Sketch),
    Collect(collect::Collect),
}

/// Calls `$body` with `$inner` bound to the accumulator of the family.
macro_rules! each {
    ($accumulator:expr, $inner:ident => $body:expr) => {
        match $accumulator {
            Accumulator::Count($inner) => $body,
            Accumulator::Distinct($inner) => $body,
            Accumulator::SumInt($inner) => $body,
            Accumulator::SumDecimal($inner) => $body,
            Accumulator::SumDouble($inner) => $body,
            Accumulator::Avg($inner) => $body,
            Accumulator::Interval($inner) => $body,
            Accumulator::Extreme($inner) => $body,
            Accumulator::Pick($inner) => $body,
            Accumulator::Best($inner) => $body,
            Accumulator::Variance($inner) => $body,
            Accumulator::Percentile($inner) => $body,
            Accumulator::Mode($inner) => $body,
            Accumulator::Sketch($inner) => $body,
            Accumulator::Collect($inner) => $body,
        }
    };
}
use each;

impl Accumulator {
    /// The accumulator of `call` over input columns of the types `input`. Types were checked with
    /// [`AggregateFunction::result_type`] when the job was planned.
    pub fn new(call: &Call, input: &[DataType]) -> Accumulator {
        let types = call.types(input);
        let each = Accumulator::of(&call.function, &types);
        if call.distinct { Accumulator::Distinct(distinct::Distinct::new(types, each)) } else { each }
    }

    fn of(function: &AggregateFunction, types: &[DataType]) -> Accumulator {
        use AggregateFunction::*;
        match (function, types) {
            (CountRows | Count, _) => Accumulator::Count(count::Count::default()),
            (Sum, [DataType::Interval]) => Accumulator::Interval(interval::IntervalSum::new(false)),
            (Avg, [DataType::Interval]) => Accumulator::Interval(interval::IntervalSum::new(true)),
            (Avg, &[ty]) => Accumulator::Avg(avg::Avg::new(ty)),
            (Sum, &[ty]) => Accumulator::sum(ty),
            (Min, &[ty]) => Accumulator::Extreme(extreme::Extreme::new(ty, false)),
            (Max, &[ty]) => Accumulator::Extreme(extreme::Extreme::new(ty, true)),
            (First, &[ty]) => Accumulator::Pick(pick::Pick::new(ty, false)),
            (Last, &[ty]) => Accumulator::Pick(pick::Pick::new(ty, true)),
            (ArgMin, &[ty, by]) => Accumulator::Best(best::Best::new(ty, by, false)),
            (ArgMax, &[ty, by]) => Accumulator::Best(best::Best::new(ty, by, true)),
            (&Variance(divisor), &[ty]) => Accumulator::Variance(variance::Variance::new(ty, divisor, false)),
            (&Stddev(divisor), &[ty]) => Accumulator::Variance(variance::Variance::new(ty, divisor, true)),
            (&Percentile(fraction), &[ty]) => Accumulator::Percentile(percentile::Percentile::new(ty, fraction)),
            (Mode, &[ty]) => Accumulator::Mode(mode::Mode::new(ty)),
            (ApproxDistinct, [_]) => Accumulator::Sketch(sketch::Sketch::default()),
            (StringAgg(separator), &[ty]) => {
                let finish = collect::Finish::Text(separator.clone());
                Accumulator::Collect(collect::Collect::new(ty, finish))
            }
            (ArrayAgg, &[ty]) => Accumulator::Collect(collect::Collect::new(ty, collect::Finish::List)),
            (function, types) => unreachable!("{function:?} of {types:?}"),
        }
    }

    /// Prepares an empty accumulator for results after every row.
    pub fn for_updates(&mut self) {
        match self {
            Accumulator::Percentile(a) => a.for_updates(),
            Accumulator::Distinct(a) => a.for_updates(),
            _ => {}
        }
    }

    /// Whether rows whose argument is null are left out.
    fn skips_nulls(&self) -> bool {
        match self {
            Accumulator::Collect(a) => a.skips_nulls(),
            _ => true,
        }
    }

    /// Place of a row that was added, where order counts.
    fn place_of(&self, row: usize) -> Option<u64> {
        match self {
            Accumulator::Collect(a) => a.places().get(row).copied(),
            _ => None,
        }
    }

    fn sum(ty: DataType) -> Accumulator {
        match ty {
            DataType::Int => Accumulator::SumInt(sum::Sum::new(ty)),
            DataType::Decimal { .. } => Accumulator::SumDecimal(sum::Sum::new(ty)),
            DataType::Double => Accumulator::SumDouble(sum::SumDouble::default()),
            other => unreachable!("a sum of {other}"),
        }
    }

    /// Adds rows: row `i` belongs to group `ids[i]`; there are `groups` groups now.
    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        each!(self, a => a.update(ids, groups, rows))
    }

    /// Prepares an empty accumulator for [`Accumulator::merge`] into some of `groups` groups.
    pub fn start_merge(&mut self, groups: usize) {
        each!(self, a => a.start_merge(groups))
    }

    /// Adds group `from[i]` of `other`, the accumulator of the same call elsewhere, to group `to[i]`.
    pub fn merge(&mut self, other: &Accumulator, from: &[u32], to: &[u32]) {
        match (self, other) {
            (Accumulator::Count(a), Accumulator::Count(b)) => a.merge(b, from, to),
            (Accumulator::Distinct(a), Accumulator::Distinct(b)) => a.merge(b, from, to),
            (Accumulator::SumInt(a), Accumulator::SumInt(b)) => a.merge(b, from, to),
            (Accumulator::SumDecimal(a), Accumulator::SumDecimal(b)) => a.merge(b, from, to),
            (Accumulator::SumDouble(a), Accumulator::SumDouble(b)) => a.merge(b, from, to),
            (Accumulator::Avg(a), Accumulator::Avg(b)) => a.merge(b, from, to),
            (Accumulator::Interval(a), Accumulator::Interval(b)) => a.merge(b, from, to),
            (Accumulator::Extreme(a), Accumulator::Extreme(b)) => a.merge(b, from, to),
            (Accumulator::Pick(a), Accumulator::Pick(b)) => a.merge(b, from, to),
            (Accumulator::Best(a), Accumulator::Best(b)) => a.merge(b, from, to),
            (Accumulator::Variance(a), Accumulator::Variance(b)) => a.merge(b, from, to),
            (Accumulator::Percentile(a), Accumulator::Percentile(b)) => a.merge(b, from, to),
            (Accumulator::Mode(a), Accumulator::Mode(b)) => a.merge(b, from, to),
            (Accumulator::Sketch(a), Accumulator::Sketch(b)) => a.merge(b, from, to),
            (Accumulator::Collect(a), Accumulator::Collect(b)) => a.merge(b, from, to),
            (a, b) => unreachable!("accumulators of one call: {a:?} and {b:?}"),
        }
    }

    /// Results of these groups. Fails if a sum does not fit its type.
    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        each!(self, a => a.emit(ids))
    }

    /// Forgets all groups and keeps the memory.
    pub fn clear(&mut self) {
        each!(self, a => a.clear())
    }

    /// Appends to `columns` what [`Accumulator::update_partial`] takes for these groups. False, with nothing of
    /// use appended, if a sum left its type already. Only for functions that are order-free.
    pub fn emit_partial(&self, ids: &[u32], columns: &mut Vec<Column>) -> bool {
        match self {
            Accumulator::Count(a) => columns.push(a.column(ids)),
            Accumulator::SumInt(a) => return a.emit_partial(ids, columns),
            Accumulator::SumDecimal(a) => return a.emit_partial(ids, columns),
            Accumulator::Avg(a) => return a.emit_partial(ids, columns),
            Accumulator::Extreme(a) => columns.push(a.column(ids)),
            Accumulator::Interval(a) => columns.extend(a.columns(ids)),
            Accumulator::Variance(a) => columns.extend(a.columns(ids)),
            Accumulator::Sketch(a) => columns.push(a.column(ids)),
            other => unreachable!("no partial results of {other:?}"),
        }
        true
    }

    /// How many columns a partial result has.
    pub fn partial_width(&self) -> usize {
        match self {
            Accumulator::Avg(_) => 2,
            Accumulator::Variance(_) => 3,
            Accumulator::Interval(_) => 4,
            _ => 1,
        }
    }

    /// Adds partial results: row `i` of `columns` belongs to group `ids[i]`.
    pub fn update_partial(&mut self, ids: &[u32], groups: usize, columns: &[Column]) {
        match self {
            Accumulator::Count(a) => a.add(ids, groups, &columns[0]),
            Accumulator::Avg(a) => a.update_partial(ids, groups, &columns[0], &columns[1]),
            Accumulator::Interval(a) => a.add(ids, groups, columns),
            Accumulator::Variance(a) => a.add(ids, groups, columns),
            Accumulator::Sketch(a) => a.add(ids, groups, &columns[0]),
            other => other.update(ids, groups, &Argument::of(&[&columns[0]])),
        }
    }
}
