//! Accumulators: what an aggregate call holds per group, as vectors indexed by the group's dense id.
//!
//! One family per file below. An accumulator knows nothing of keys, windows or time other than what `first` and
//! `last` compare. Columns are matched once per call, never per value.

mod avg;
mod count;
mod distinct;
mod extreme;
mod pick;
mod stored;
mod sum;
mod valid;

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;

use super::Call;
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::expr::aggregate::AggregateFunction;
pub use distinct::FrozenSet;

/// The argument of one call for some rows.
#[derive(Clone, Copy)]
pub struct Argument<'a> {
    /// `None` for `count(*)`.
    pub column: Option<&'a Column>,
    /// Only rows where it is true count.
    pub filter: Option<&'a BooleanArray>,
    /// Event time (µs) of the rows, for `first` and `last`; empty for streams without.
    pub times: &'a [i64],
    /// Places of the rows in the input, for `first` and `last`; empty if nobody asks.
    pub places: &'a [u64],
}

impl Argument<'_> {
    /// The rows that pass the filter and, with `skip_nulls`, whose value is not null; `None` for all of them.
    fn selected(&self, skip_nulls: bool) -> Option<BooleanBuffer> {
        let valid = self.column.and_then(Column::nulls).filter(|n| skip_nulls && n.null_count() > 0);
        let passed = self.filter.map(|f| match f.nulls() {
            Some(nulls) => f.values() & nulls.inner(),
            None => f.values().clone(),
        });
        match (valid, passed) {
            (Some(valid), Some(passed)) => Some(valid.inner() & &passed),
            (Some(valid), None) => Some(valid.inner().clone()),
            (None, passed) => passed,
        }
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
    Extreme(extreme::Extreme),
    Pick(pick::Pick),
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
            Accumulator::Extreme($inner) => $body,
            Accumulator::Pick($inner) => $body,
        }
    };
}
use each;

impl Accumulator {
    /// The accumulator of `call` over input columns of the types `input`. Types were checked with
    /// [`AggregateFunction::result_type`] when the job was planned.
    pub fn new(call: &Call, input: &[DataType]) -> Accumulator {
        use AggregateFunction::*;
        let ty = call.arg.map(|column| input[column]);
        match (call.function, ty) {
            (CountRows | Count, _) => Accumulator::Count(count::Count::default()),
            (CountDistinct, Some(ty)) => Accumulator::Distinct(distinct::Distinct::new(ty)),
            (Avg, Some(ty)) => Accumulator::Avg(avg::Avg::new(ty)),
            (Sum, Some(ty)) => Accumulator::sum(ty),
            (Min, Some(ty)) => Accumulator::Extreme(extreme::Extreme::new(ty, false)),
            (Max, Some(ty)) => Accumulator::Extreme(extreme::Extreme::new(ty, true)),
            (First, Some(ty)) => Accumulator::Pick(pick::Pick::new(ty, false)),
            (Last, Some(ty)) => Accumulator::Pick(pick::Pick::new(ty, true)),
            (function, None) => unreachable!("{function:?} has an argument"),
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
            (Accumulator::Extreme(a), Accumulator::Extreme(b)) => a.merge(b, from, to),
            (Accumulator::Pick(a), Accumulator::Pick(b)) => a.merge(b, from, to),
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
            Accumulator::Distinct(_) | Accumulator::SumDouble(_) | Accumulator::Pick(_) => {
                unreachable!("no partial results of {self:?}")
            }
        }
        true
    }

    /// How many columns a partial result has.
    pub fn partial_width(&self) -> usize {
        if matches!(self, Accumulator::Avg(_)) { 2 } else { 1 }
    }

    /// Adds partial results: row `i` of `columns` belongs to group `ids[i]`.
    pub fn update_partial(&mut self, ids: &[u32], groups: usize, columns: &[Column]) {
        let rows = |column| Argument { column: Some(column), filter: None, times: &[], places: &[] };
        match self {
            Accumulator::Count(a) => a.add(ids, groups, &columns[0]),
            Accumulator::Avg(a) => a.update_partial(ids, groups, &columns[0], &columns[1]),
            other => other.update(ids, groups, &rows(&columns[0])),
        }
    }
}
