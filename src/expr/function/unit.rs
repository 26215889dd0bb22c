//! Units of the calendar: parts of a timestamp or interval, steps, names.

use super::super::typed::Typed;
use super::{BindError, Bound, constant_text, rows_to_int};
use crate::data::Interval;
use crate::data::text::{civil_from_days, days_from_civil};

pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;

/// 1970-01-01 was a Thursday: weeks start 3 days before a multiple of 7.
const WEEK_OFFSET: i64 = 3 * DAY;

/// The multiple of `size` at or below `t`; saturates at the far end of time.
pub fn floor(t: i64, size: i64) -> i64 {
    t.saturating_sub(t.rem_euclid(size))
}

/// A part of an interval, as PostgreSQL has them: each of months, days and the rest for itself.
pub(super) fn interval_part(unit: &str) -> Result<Bound, BindError> {
    const UNITS: [&str; 10] =
        ["year", "quarter", "month", "day", "hour", "minute", "second", "millisecond", "microsecond", "epoch"];
    let part: fn(Interval) -> i64 = match unit.strip_suffix('s').unwrap_or(unit) {
        "year" => |v| i64::from(v.months / 12),
        "quarter" => |v| i64::from(v.months % 12 / 3 + 1),
        "month" => |v| i64::from(v.months % 12),
        "day" => |v| i64::from(v.days),
        "hour" => |v| v.micros / (3600 * SECOND),
        "minute" => |v| v.micros / (60 * SECOND) % 60,
        "second" => |v| v.micros / SECOND % 60,
        "millisecond" => |v| v.micros % SECOND / 1000,
        "microsecond" => |v| v.micros % SECOND,
        // A year has 365.25 days here, as in PostgreSQL and DuckDB, and a month 30.
        "epoch" => |v| {
            let (years, months) = (i64::from(v.months / 12), i64::from(v.months % 12));
            years * 31_557_600 + (months * 30 + i64::from(v.days)) * 86_400 + v.micros.div_euclid(SECOND)
        },
        _ => return Err(unknown_unit(unit, &UNITS)),
    };
    rows_to_int(move |args, row| Ok(args[1].interval(row).map(part)))
}

/// The part `unit` of argument `arg`.
pub(super) fn part_of(arg: usize, unit: &str) -> Result<Bound, BindError> {
    const UNITS: [&str; 17] = [
        "century",
        "decade",
        "year",
        "isoyear",
        "quarter",
        "month",
        "week",
        "day",
        "doy",
        "dow",
        "isodow",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
        "epoch",
    ];
    let part: fn(i64) -> i64 = match unit.strip_suffix('s').unwrap_or(unit) {
        // The first century began with year 1; there is no century 0.
        "century" => |t| match civil(t).0 {
            year @ 1.. => (year - 1) / 100 + 1,
            year => year / 100 - 1,
        },
        "decade" => |t| civil(t).0.div_euclid(10),
        "year" => |t| civil(t).0,
        "isoyear" => |t| civil_from_days(thursday(t)).0,
        "quarter" => |t| i64::from(civil(t).1.div_ceil(3)),
        "month" => |t| i64::from(civil(t).1),
        "week" => |t| (thursday(t) - days_from_civil(civil_from_days(thursday(t)).0, 1, 1)) / 7 + 1,
        "day" => |t| i64::from(civil(t).2),
        "doy" => |t| t.div_euclid(DAY) - days_from_civil(civil(t).0, 1, 1) + 1,
        "dow" => |t| (t.div_euclid(DAY) + 4).rem_euclid(7),
        "isodow" => |t| (t.div_euclid(DAY) + 3).rem_euclid(7) + 1,
        "hour" => |t| t.rem_euclid(DAY) / (3600 * SECOND),
        "minute" => |t| t.rem_euclid(3600 * SECOND) / (60 * SECOND),
        "second" => |t| t.rem_euclid(60 * SECOND) / SECOND,
        "millisecond" => |t| t.rem_euclid(SECOND) / 1000,
        "microsecond" => |t| t.rem_euclid(SECOND),
        "epoch" => |t| t.div_euclid(SECOND),
        _ => return Err(unknown_unit(unit, &UNITS)),
    };
    rows_to_int(move |args, row| Ok(args[arg].timestamp(row).map(part)))
}

/// A unit of the calendar, for differences and steps.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Its length in µs, and by how much its starts lie before multiples of it.
    Micros(i64, i64),
    Months(i64),
}

/// The unit of argument 0, which may be in the plural.
pub(super) fn constant_step(args: &[Typed]) -> Result<Step, BindError> {
    const UNITS: [&str; 12] = [
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
        "decade",
        "century",
    ];
    let unit = constant_text(args, 0, "the unit")?.to_ascii_lowercase();
    Ok(match unit.strip_suffix('s').unwrap_or(&unit) {
        "week" => Step::Micros(7 * DAY, WEEK_OFFSET),
        "month" => Step::Months(1),
        "quarter" => Step::Months(3),
        "year" => Step::Months(12),
        "decade" => Step::Months(120),
        "century" | "centurie" => Step::Months(1200),
        fixed if UNITS.contains(&fixed) => Step::Micros(unit_micros(fixed), 0),
        _ => return Err(unknown_unit(&unit, &UNITS)),
    })
}

pub fn civil(t: i64) -> (i64, u32, u32) {
    civil_from_days(t.div_euclid(DAY))
}

/// The Thursday of the week; by ISO 8601 the week belongs to its year.
fn thursday(t: i64) -> i64 {
    let day = t.div_euclid(DAY);
    day - (day + 3).rem_euclid(7) + 3
}

/// Microseconds of a unit of fixed length.
fn unit_micros(unit: &str) -> i64 {
    match unit {
        "millisecond" => 1000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3600 * SECOND,
        "day" => DAY,
        _ => 1,
    }
}

fn unknown_unit(unit: &str, units: &[&str]) -> BindError {
    let help = match super::super::error::nearest(unit, units.iter().copied()) {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("units are {}", units.join(", ")),
    };
    BindError::new(0, format!("there is no unit '{unit}'")).help(help)
}
