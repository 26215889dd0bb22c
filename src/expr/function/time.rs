//! Functions of timestamps. All is UTC; weeks start on Monday.

use jiff::Timestamp;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use super::super::typed::Typed;
use super::super::value::Scalar;
use super::calendar::{constant_zone, from_local, to_local};
use super::unit::{DAY, SECOND, Step, civil, constant_step, floor, interval_part, part_of};
use super::{Arg, BindError, Bound, Function, constant_text, rows_to_int, rows_to_string, rows_to_timestamp};
use crate::data::text::{days_from_civil, parse_timestamp};
use crate::data::{DataType, Interval};

pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "date_trunc",
        aliases: &[],
        signature: "date_trunc(unit, timestamp [, zone])",
        doc: "the start of the second, minute, hour, day, week, month, quarter, year, decade or century, of a time \
              zone if one is given",
        example: ("date_trunc('hour', TIMESTAMP '2015-05-17 10:05:03')", "2015-05-17T10:00:00Z"),
        args: &[Arg::String, Arg::Timestamp, Arg::String],
        required: 2,
        variadic: false,
        bind: date_trunc,
    },
    Function {
        name: "date_bin",
        aliases: &["time_bucket"],
        signature: "date_bin(duration, timestamp [, origin])",
        doc: "the start of the bin of a duration such as '15 minutes', counted from 1970 or a constant origin",
        example: ("date_bin('15 minutes', TIMESTAMP '2015-05-17 10:20:03')", "2015-05-17T10:15:00Z"),
        args: &[Arg::Any, Arg::Timestamp, Arg::Timestamp],
        required: 2,
        variadic: false,
        bind: |args| {
            let size = bin_micros(args)?;
            let origin = match args.get(2).map(Typed::as_constant) {
                None => 0,
                Some(Some(Scalar::Timestamp(origin))) => origin.rem_euclid(size),
                Some(_) => return Err(BindError::new(2, "the origin must be a constant timestamp")),
            };
            rows_to_timestamp(move |args, row| {
                Ok(args[1].timestamp(row).map(|t| floor(t.saturating_sub(origin), size).saturating_add(origin)))
            })
        },
    },
    Function {
        name: "date_part",
        aliases: &["datepart"],
        signature: "date_part(unit, timestamp)",
        doc: "a part of a timestamp as an int; also EXTRACT(unit FROM timestamp). Units: century, decade, year, \
              isoyear, quarter, month, week, day, doy, dow (Sunday is 0), isodow (Monday is 1), hour, minute, second, millisecond, microsecond \
              (both of the second), epoch",
        example: ("extract(hour FROM TIMESTAMP '2015-05-17 10:05:03')", "10"),
        args: &[Arg::String, Arg::Moment],
        required: 2,
        variadic: false,
        bind: date_part,
    },
    Function {
        name: "to_timestamp",
        aliases: &[],
        signature: "to_timestamp(text [, format [, zone]])",
        doc: "reads a timestamp, with a strftime format if one is given; without an offset it is of the zone, or UTC",
        example: ("to_timestamp('17/May/2015:10:05:03 +0200', '%d/%b/%Y:%H:%M:%S %z')", "2015-05-17T08:05:03Z"),
        args: &[Arg::String, Arg::String, Arg::String],
        required: 1,
        variadic: false,
        bind: to_timestamp,
    },
    Function {
        name: "to_timestamp_s",
        aliases: &["from_unixtime"],
        signature: "to_timestamp_s(int)",
        doc: "the timestamp so many seconds after 1970",
        example: ("to_timestamp_s(1)", "1970-01-01T00:00:01Z"),
        args: &[Arg::Int],
        required: 1,
        variadic: false,
        bind: |_| from_unit(SECOND),
    },
    Function {
        name: "to_timestamp_ms",
        aliases: &["to_timestamp_millis"],
        signature: "to_timestamp_ms(int)",
        doc: "the timestamp so many milliseconds after 1970",
        example: ("to_timestamp_ms(1500)", "1970-01-01T00:00:01.500Z"),
        args: &[Arg::Int],
        required: 1,
        variadic: false,
        bind: |_| from_unit(1000),
    },
    Function {
        name: "to_timestamp_us",
        aliases: &["to_timestamp_micros"],
        signature: "to_timestamp_us(int)",
        doc: "the timestamp so many microseconds after 1970",
        example: ("to_timestamp_us(1)", "1970-01-01T00:00:00.000001Z"),
        args: &[Arg::Int],
        required: 1,
        variadic: false,
        bind: |_| from_unit(1),
    },
    Function {
        name: "epoch",
        aliases: &["unix_timestamp", "epoch_s", "unix_seconds"],
        signature: "epoch(timestamp)",
        doc: "whole seconds since 1970",
        example: ("epoch(TIMESTAMP '1970-01-01 00:00:01.5')", "1"),
        args: &[Arg::Timestamp],
        required: 1,
        variadic: false,
        bind: |_| part_of(0, "epoch"),
    },
    Function {
        name: "epoch_ms",
        aliases: &["unix_millis"],
        signature: "epoch_ms(timestamp)",
        doc: "milliseconds since 1970",
        example: ("epoch_ms(TIMESTAMP '1970-01-01 00:00:01.5')", "1500"),
        args: &[Arg::Timestamp],
        required: 1,
        variadic: false,
        bind: |_| rows_to_int(|args, row| Ok(args[0].timestamp(row).map(|t| t.div_euclid(1000)))),
    },
    Function {
        name: "epoch_us",
        aliases: &["unix_micros"],
        signature: "epoch_us(timestamp)",
        doc: "microseconds since 1970",
        example: ("epoch_us(TIMESTAMP '1970-01-01 00:00:01.5')", "1500000"),
        args: &[Arg::Timestamp],
        required: 1,
        variadic: false,
        bind: |_| rows_to_int(|args, row| Ok(args[0].timestamp(row))),
    },
    Function {
        name: "strftime",
        aliases: &["date_format"],
        signature: "strftime(timestamp, format [, zone])",
        doc: "a timestamp as text, in a strftime format, as clocks in a time zone show it",
        example: ("strftime(TIMESTAMP '2015-05-17 10:05:03', '%Y/%m/%d %H:%M')", "2015/05/17 10:05"),
        args: &[Arg::Timestamp, Arg::String, Arg::String],
        required: 2,
        variadic: false,
        bind: format,
    },
];

/// The duration of argument 0: an interval, or a text that is one.
fn bin_micros(args: &[Typed]) -> Result<i64, BindError> {
    let size = match args[0].as_constant() {
        Some(Scalar::Interval(size)) => *size,
        Some(Scalar::String(text)) => Interval::parse(text).ok_or_else(|| {
            BindError::new(0, format!("'{text}' is not an interval")).help("write it as in '5 minutes' or '1h 30m'")
        })?,
        _ => return Err(BindError::new(0, "the duration must be a constant").help("write it as in '5 minutes'")),
    };
    if size.months != 0 {
        return Err(BindError::new(0, "months and years vary in length").help("date_trunc has their starts"));
    }
    match i64::try_from(size.length()) {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(BindError::new(0, "the duration must be greater than 0")),
    }
}

fn date_trunc(args: &[Typed]) -> Result<Bound, BindError> {
    let step = constant_step(args)?;
    let start = move |t: i64| match step {
        Step::Micros(size, offset) => floor(t.saturating_add(offset), size).saturating_sub(offset),
        Step::Months(months) => {
            let (year, month, _) = civil(t);
            let number = (year * 12 + i64::from(month) - 1).div_euclid(months) * months;
            days_from_civil(number.div_euclid(12), number.rem_euclid(12) as u32 + 1, 1).saturating_mul(DAY)
        }
    };
    if args.len() < 3 {
        return rows_to_timestamp(move |args, row| Ok(args[1].timestamp(row).map(start)));
    }
    let zone = constant_zone(args, 2)?;
    rows_to_timestamp(move |args, row| {
        let Some(t) = args[1].timestamp(row) else { return Ok(None) };
        from_local(start(to_local(t, &zone)?), &zone).map(Some)
    })
}

fn date_part(args: &[Typed]) -> Result<Bound, BindError> {
    let text = constant_text(args, 0, "the unit")?.to_ascii_lowercase();
    if args[1].ty == DataType::Interval { interval_part(&text) } else { part_of(1, &text) }
}

fn from_unit(micros: i64) -> Result<Bound, BindError> {
    rows_to_timestamp(move |args, row| {
        let value = args[0].int(row);
        value.map(|v| v.checked_mul(micros).ok_or_else(|| format!("{v} is too large for a timestamp"))).transpose()
    })
}

fn to_timestamp(args: &[Typed]) -> Result<Bound, BindError> {
    if args.len() == 1 {
        return rows_to_timestamp(|args, row| {
            let read = |text: &str| {
                parse_timestamp(text.trim_ascii().as_bytes())
                    .ok_or_else(|| format!("'{text}' is not a timestamp such as 2015-05-17T10:05:00Z"))
            };
            args[0].str(row).map(read).transpose()
        });
    }
    let format = checked_format(args, 1)?;
    let zone = if args.len() > 2 { constant_zone(args, 2)? } else { TimeZone::UTC };
    rows_to_timestamp(move |args, row| {
        let Some(text) = args[0].str(row) else { return Ok(None) };
        parse_pattern(&format, text, &zone).map(Some)
    })
}

/// Reads `text` in the strftime format `format`, of `zone` unless it has an offset.
pub(super) fn parse_pattern(format: &str, text: &str, zone: &TimeZone) -> Result<i64, String> {
    let bad = |error: jiff::Error| format!("'{text}' is not a timestamp of the format '{format}': {error}");
    let mut parts = BrokenDownTime::parse(format, text).map_err(bad)?;
    if parts.offset().is_some() || parts.timestamp().is_some() {
        return parts.to_timestamp().map(|t| t.as_microsecond()).map_err(bad);
    }
    if parts.hour().is_none() {
        // A format of a date alone means its midnight.
        parts.set_hour(Some(0)).map_err(bad)?;
    }
    let zoned = parts.to_datetime().and_then(|d| d.to_zoned(zone.clone())).map_err(bad)?;
    Ok(zoned.timestamp().as_microsecond())
}

/// A constant format that jiff can write.
pub(super) fn checked_format(args: &[Typed], arg: usize) -> Result<String, BindError> {
    let format = constant_text(args, arg, "the format")?;
    let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match strtime::format(format, &sample) {
        Ok(_) => Ok(format.to_owned()),
        Err(error) => Err(BindError::new(arg, format!("'{format}' is not a strftime format: {error}"))),
    }
}

/// What a clock shows, as jiff has it.
fn late_shown(t: i64) -> Option<jiff::civil::DateTime> {
    let (year, month, day) = civil(t);
    let (date, clock) = (i16::try_from(year).ok()?, t.rem_euclid(DAY));
    let (seconds, micros) = (clock / SECOND, clock % SECOND);
    let time = [seconds / 3600, seconds / 60 % 60, seconds % 60].map(|v| v as i8);
    let [hour, minute, second] = time;
    jiff::civil::DateTime::new(date, month as i8, day as i8, hour, minute, second, micros as i32 * 1000).ok()
}

fn format(args: &[Typed]) -> Result<Bound, BindError> {
    use std::fmt::Write;
    let format = checked_format(args, 1)?;
    let zone = if args.len() > 2 { constant_zone(args, 2)? } else { TimeZone::UTC };
    rows_to_string(move |args, row, out| {
        let Some(t) = args[0].timestamp(row) else { return Ok(None) };
        let bad = |error: &dyn std::fmt::Display| format!("a timestamp cannot be written as '{format}': {error}");
        let zoned = match Timestamp::from_microsecond(t) {
            Ok(moment) => moment.to_zoned(zone.clone()),
            // The last hours of the year 9999 are dates, but no timestamps to jiff: they can be shown in UTC.
            Err(error) => {
                let shown = late_shown(to_local(t, &zone)?).ok_or_else(|| bad(&error))?;
                write!(out, "{}", shown.strftime(&format)).map_err(|e| bad(&e))?;
                return Ok(Some(()));
            }
        };
        write!(out, "{}", zoned.strftime(&format)).map_err(|e| bad(&e))?;
        Ok(Some(()))
    })
}
