//! Arithmetic of timestamps, dates and intervals.
//!
//! An interval moves a timestamp by its months first, a day that the month does not have becoming its last, then by
//! its days and by the rest: as in PostgreSQL. Days have 24 hours, as all is UTC.

use super::super::ast::BinaryOp;
use super::super::value::Value;
use super::Faults;
use crate::data::text::{civil_from_days, days_from_civil, days_in_month};
use crate::data::{Column, ColumnBuilder, DataType, Interval};

const DAY: i64 = 86_400_000_000;

/// `a op b` of the types that [`super::super::resolve`] settles: the moment stands left of what it moves by.
pub fn binary(
    op: BinaryOp,
    ty: DataType,
    a: &Value,
    b: &Value,
    types: [DataType; 2],
    rows: usize,
    faults: &mut Faults,
) -> Column {
    let mut builder = ColumnBuilder::new(ty, rows);
    let minus = op == BinaryOp::Subtract;
    for row in 0..rows {
        let done = match (&mut builder, types) {
            (ColumnBuilder::Timestamp(out), _) => both(a.timestamp(row), b.interval(row))
                .map(|(t, by)| moved(t, by, minus).map(|v| out.append_value(v)).ok_or("timestamp")),
            (ColumnBuilder::Int(out), _) => both(a.date(row), b.date(row)).map(|(a, b)| {
                out.append_value(i64::from(a) - i64::from(b));
                Ok(())
            }),
            (ColumnBuilder::Date(out), _) => both(a.date(row), b.int(row)).map(|(day, by)| {
                let by = if minus { by.checked_neg() } else { Some(by) };
                let day = by.and_then(|by| i64::from(day).checked_add(by)).and_then(|day| i32::try_from(day).ok());
                day.map(|v| out.append_value(v)).ok_or("date")
            }),
            (ColumnBuilder::Interval(out), types) => {
                let result = match types {
                    [DataType::Timestamp, _] => both(a.timestamp(row), b.timestamp(row)).map(|(a, b)| difference(a, b)),
                    [_, DataType::Interval] => both(a.interval(row), b.interval(row)).map(|(a, b)| {
                        let b = if minus { b.checked_neg() } else { Some(b) };
                        b.and_then(|b| a.checked_add(b))
                    }),
                    [_, DataType::Int] if op == BinaryOp::Multiply => {
                        both(a.interval(row), b.int(row)).map(|(a, n)| times(a, n))
                    }
                    _ => both(a.interval(row), b.double(row))
                        .map(|(a, x)| if op == BinaryOp::Divide { scaled(a, 1.0 / x) } else { scaled(a, x) }),
                };
                result.map(|value| value.map(|v| out.append_value(v.to_arrow())).ok_or("interval"))
            }
            (other, _) => panic!("types were settled: {other:?} is no moment"),
        };
        match done {
            Some(Ok(())) => continue,
            None => {}
            Some(Err(_)) if op == BinaryOp::Divide => faults.push(row, "division by zero, or the result is too large"),
            Some(Err(what)) => faults.push(row, format!("the result is too large for {what}")),
        }
        builder.append_null();
    }
    builder.finish()
}

fn both<A, B>(a: Option<A>, b: Option<B>) -> Option<(A, B)> {
    a.zip(b)
}

/// `t` moved by an interval, or back.
pub fn moved(t: i64, by: Interval, back: bool) -> Option<i64> {
    let by = if back { by.checked_neg()? } else { by };
    let t = if by.months == 0 { t } else { add_months(t, i64::from(by.months))? };
    t.checked_add(i64::from(by.days).checked_mul(DAY)?)?.checked_add(by.micros)
}

/// `months` later at the same time of the day; a day that the month does not have becomes its last.
pub fn add_months(t: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil_from_days(t.div_euclid(DAY));
    let number = (year * 12 + i64::from(month) - 1).checked_add(months)?;
    let (year, month) = (number.div_euclid(12), number.rem_euclid(12) as u32 + 1);
    // Years with more digits are no timestamps in any case.
    if year.abs() >= 1_000_000 {
        return None;
    }
    let days = days_from_civil(year, month, day.min(days_in_month(year, month)));
    days.checked_mul(DAY)?.checked_add(t.rem_euclid(DAY))
}

/// Days and what is left of a day.
fn difference(a: i64, b: i64) -> Option<Interval> {
    let micros = a.checked_sub(b)?;
    Some(Interval { months: 0, days: i32::try_from(micros / DAY).ok()?, micros: micros % DAY })
}

fn times(a: Interval, n: i64) -> Option<Interval> {
    Some(Interval {
        months: i32::try_from(i64::from(a.months).checked_mul(n)?).ok()?,
        days: i32::try_from(i64::from(a.days).checked_mul(n)?).ok()?,
        micros: a.micros.checked_mul(n)?,
    })
}

/// A fraction of a month goes on in days, of 30 a month, and one of a day in the rest.
fn scaled(a: Interval, x: f64) -> Option<Interval> {
    let months = f64::from(a.months) * x;
    let days = f64::from(a.days) * x + months.fract() * 30.0;
    // What is left of a division is not to make 0.99999 of a day.
    let days = if (days - days.round()).abs() < 1e-9 { days.round() } else { days };
    let micros = (a.micros as f64 * x + days.fract() * DAY as f64).round();
    let whole = |v: f64| (v.abs() < 2_147_483_648.0).then(|| v.trunc() as i32);
    let micros = (micros.abs() < 9.2e18).then_some(micros as i64)?;
    Some(Interval { months: whole(months)?, days: whole(days)?, micros })
}
