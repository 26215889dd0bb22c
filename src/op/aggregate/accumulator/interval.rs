//! `sum` and `avg` of intervals: months, days and microseconds are summed beside each other, exactly. What a mean has left
//! of its months goes on as days, 30 to a month, and what is left of the days as microseconds.

use arrow_array::IntervalMonthDayNanoArray;

use super::sum::decimal_column;
use super::{Argument, count::Count, for_rows, ints};
use crate::data::{Column, DataType, Interval};
use crate::error::{Error, Result};
use crate::state::table::MakeColumns;

const DAY_US: i128 = 86_400_000_000;
const MICROS: DataType = DataType::Decimal { precision: 38, scale: 0 };

#[derive(Debug, Clone)]
pub struct IntervalSum {
    is_mean: bool,
    counts: Count,
    totals: Vec<Total>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    months: i64,
    days: i64,
    micros: i128,
}

impl IntervalSum {
    pub fn new(is_mean: bool) -> IntervalSum {
        IntervalSum { is_mean, counts: Count::default(), totals: Vec::new() }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        let Column::Interval(values) = rows.column() else { unreachable!("a sum of intervals") };
        self.counts.update(ids, groups, rows);
        self.totals.resize(groups, Total::default());
        let add = |row: usize| {
            let Interval { months, days, micros } = Interval::from_arrow(values.value(row));
            self.totals[ids[row] as usize].add(months.into(), days.into(), micros.into());
        };
        for_rows(rows.selected(true), ids.len(), add);
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.counts.start_merge(groups);
        self.totals.clear();
        self.totals.resize(groups, Total::default());
    }

    pub fn merge(&mut self, other: &IntervalSum, from: &[u32], to: &[u32]) {
        self.counts.merge(&other.counts, from, to);
        for (&from, &to) in from.iter().zip(to) {
            let Total { months, days, micros } = other.totals[from as usize];
            self.totals[to as usize].add(months, days, micros);
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let result = |&id: &u32| {
            let (count, total) = (self.counts.get(id), self.totals[id as usize]);
            let total = if self.is_mean && count > 0 { total.divided(count.into()) } else { total };
            Ok(if count > 0 { Some(total.interval()?.to_arrow()) } else { None })
        };
        let intervals = ids.iter().map(result).collect::<Result<Vec<_>>>()?;
        Ok(Column::Interval(IntervalMonthDayNanoArray::from(intervals)))
    }

    pub fn clear(&mut self) {
        self.counts.clear();
        self.totals.clear();
    }

    pub fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        let column = |(suffix, ty)| (format!("{name}.{suffix}"), ty);
        let int = DataType::Int;
        [("count", int), ("months", int), ("days", int), ("micros", MICROS)].map(column).to_vec()
    }

    /// What [`IntervalSum::add`] takes.
    pub fn columns(&self, ids: &[u32]) -> Vec<Column> {
        let totals = || ids.iter().map(|&id| self.totals[id as usize]);
        let months = Column::Int(totals().map(|total| Some(total.months)).collect());
        let days = Column::Int(totals().map(|total| Some(total.days)).collect());
        let micros: Vec<i128> = totals().map(|total| total.micros).collect();
        vec![self.counts.column(ids), months, days, decimal_column(micros.into(), None, MICROS)]
    }

    pub fn freeze(&self) -> MakeColumns {
        let copy = self.clone();
        Box::new(move || copy.columns(&(0..copy.totals.len() as u32).collect::<Vec<_>>()))
    }

    /// Adds what was kept elsewhere.
    pub fn add(&mut self, ids: &[u32], groups: usize, columns: &[Column]) {
        let [counts, months, days, Column::Decimal(micros)] = columns else { unreachable!("types were checked") };
        self.counts.add(ids, groups, counts);
        self.totals.resize(groups, Total::default());
        let (months, days) = (ints(months, 0), ints(days, 0));
        for (row, &id) in ids.iter().enumerate() {
            self.totals[id as usize].add(months[row], days[row], micros.value(row));
        }
    }

    pub fn load(&mut self, groups: usize, columns: &[Column]) {
        self.clear();
        self.add(&(0..groups as u32).collect::<Vec<_>>(), groups, columns);
    }
}

impl Total {
    /// Parts of 2^32 intervals and more fit: nobody has so many that they would not.
    fn add(&mut self, months: i64, days: i64, micros: i128) {
        self.months = self.months.wrapping_add(months);
        self.days = self.days.wrapping_add(days);
        self.micros = self.micros.wrapping_add(micros);
    }

    fn divided(self, count: i128) -> Total {
        let months = i128::from(self.months);
        let days = i128::from(self.days) + months % count * 30;
        let micros = self.micros + days % count * DAY_US;
        let rest = micros % count;
        let up = if rest.abs() * 2 >= count { rest.signum() } else { 0 };
        Total { months: (months / count) as i64, days: (days / count) as i64, micros: micros / count + up }
    }

    fn interval(self) -> Result<Interval> {
        let parts = (i32::try_from(self.months), i32::try_from(self.days), i64::try_from(self.micros));
        match parts {
            // What an interval's nanoseconds do not hold becomes days, which may be too many then.
            (Ok(months), Ok(days), Ok(micros)) if (self.micros / DAY_US + i128::from(days)).abs() < 1 << 31 => {
                Ok(Interval { months, days, micros })
            }
            _ => Err(Error::data("the sum does not fit an interval")),
        }
    }
}
