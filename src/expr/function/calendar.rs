//! Functions of the calendar: parts by their own names, differences, steps of months, time zones.
//!
//! A timestamp is a moment; what a clock in another zone shows is a timestamp that reads so in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::kernel::moment::add_months;
use super::super::typed::Typed;
use super::time::{checked_format, parse_pattern};
use super::unit::{DAY, Step, civil, constant_step, floor, part_of};
use super::{
    Arg, BindError, Bound, Function, constant_text, rows_to_date, rows_to_int, rows_to_string, rows_to_timestamp,
};
use crate::data::DataType;
use crate::data::calendar::parse_date;
use crate::data::text::{civil_from_days, days_from_civil, days_in_month};

const T: Arg = Arg::Timestamp;
const I: Arg = Arg::Int;

const fn part(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: (&'static str, &'static str),
    bind: fn(&[Typed]) -> Result<Bound, BindError>,
) -> Function {
    Function::new(name, signature, doc, example, &[T], bind)
}

pub const FUNCTIONS: &[Function] = &[
    part("year", "year(timestamp)", "the year", ("year('2015-05-17 10:05:03')", "2015"), |_| part_of(0, "year")),
    part("quarter", "quarter(timestamp)", "1 to 4", ("quarter('2015-05-17')", "2"), |_| part_of(0, "quarter")),
    part("month", "month(timestamp)", "1 to 12", ("month('2015-05-17')", "5"), |_| part_of(0, "month")),
    part("week", "week(timestamp)", "the week of the year by ISO 8601", ("week('2015-05-17')", "20"), |_| {
        part_of(0, "week")
    })
    .also(&["weekofyear"]),
    part("day", "day(timestamp)", "the day of the month", ("day('2015-05-17')", "17"), |_| part_of(0, "day"))
        .also(&["dayofmonth"]),
    part("dayofyear", "dayofyear(timestamp)", "1 to 366", ("dayofyear('2015-05-17')", "137"), |_| part_of(0, "doy")),
    part("hour", "hour(timestamp)", "0 to 23", ("hour('2015-05-17 10:05:03')", "10"), |_| part_of(0, "hour")),
    part("minute", "minute(timestamp)", "0 to 59", ("minute('2015-05-17 10:05:03')", "5"), |_| part_of(0, "minute")),
    part("second", "second(timestamp)", "0 to 59", ("second('2015-05-17 10:05:03')", "3"), |_| part_of(0, "second")),
    part("dayname", "dayname(timestamp)", "Monday to Sunday", ("dayname('2015-05-17')", "Sunday"), |_| {
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        // 1970-01-01 was a Thursday.
        name(|t| DAYS[(t.div_euclid(DAY) + 3).rem_euclid(7) as usize])
    }),
    part("monthname", "monthname(timestamp)", "January to December", ("monthname('2015-05-17')", "May"), |_| {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        name(|t| MONTHS[civil(t).1 as usize - 1])
    }),
    Function::new(
        "date_diff",
        "date_diff(unit, a, b)",
        "how many starts of a unit lie between a and b: days are midnights",
        ("date_diff('day', '2015-05-17 23:00:00', '2015-05-18 01:00:00')", "1"),
        &[Arg::String, T, T],
        |args| {
            let step = constant_step(args)?;
            between(move |a, b| step.number(b).checked_sub(step.number(a)))
        },
    )
    .also(&["datediff"]),
    Function::new(
        "timestampdiff",
        "timestampdiff(unit, a, b)",
        "how many whole units it is from a to b; the unit may be written without quotes",
        ("timestampdiff(DAY, '2015-05-17 23:00:00', '2015-05-18 01:00:00')", "0"),
        &[Arg::String, T, T],
        |args| {
            let step = constant_step(args)?;
            between(move |a, b| whole_units(step, a, b))
        },
    )
    .also(&["timestamp_diff"]),
    Function::new(
        "timestampadd",
        "timestampadd(unit, n, timestamp)",
        "n units later; a day that a month does not have becomes its last",
        ("timestampadd(MONTH, 1, '2015-01-31')", "2015-02-28T00:00:00Z"),
        &[Arg::String, I, T],
        |args| {
            let step = constant_step(args)?;
            rows_to_timestamp(move |args, row| {
                let Some((n, t)) = args[1].int(row).zip(args[2].timestamp(row)) else { return Ok(None) };
                let moved = match step {
                    Step::Micros(size, _) => n.checked_mul(size).and_then(|by| t.checked_add(by)),
                    Step::Months(months) => n.checked_mul(months).and_then(|by| add_months(t, by)),
                };
                moved.map(Some).ok_or_else(|| format!("{n} units later is too far away for a timestamp"))
            })
        },
    )
    .also(&["timestamp_add"]),
    Function::new(
        "make_timestamp",
        "make_timestamp(year, month, day, hour, minute, second)",
        "the timestamp of its parts; the second may have a fraction",
        ("make_timestamp(2015, 5, 17, 10, 5, 3.5)", "2015-05-17T10:05:03.500Z"),
        &[I, I, I, I, I, Arg::Double],
        |_| make_timestamp(),
    ),
    Function::new(
        "make_date",
        "make_date(year, month, day)",
        "the date of its parts",
        ("make_date(2015, 5, 17)", "2015-05-17"),
        &[I, I, I],
        |_| {
            rows_to_date(|args, row| {
                let (Some(year), Some(month), Some(day)) = (args[0].int(row), args[1].int(row), args[2].int(row))
                else {
                    return Ok(None);
                };
                let found = date(year, month, day).and_then(|days| i32::try_from(days).ok());
                found.map(Some).ok_or_else(|| format!("there is no date {year}-{month}-{day}"))
            })
        },
    ),
    Function::new(
        "last_day",
        "last_day(date)",
        "the last day of the month",
        ("last_day(DATE '2016-02-03')", "2016-02-29"),
        &[Arg::Date],
        |_| {
            rows_to_date(|args, row| {
                let Some(days) = args[0].date(row) else { return Ok(None) };
                let (year, month, day) = civil_from_days(i64::from(days));
                Ok(days.checked_add((days_in_month(year, month) - day) as i32))
            })
        },
    ),
    Function::new(
        "to_date",
        "to_date(text [, format])",
        "reads a date, with a strftime format if one is given; also the date of a timestamp",
        ("to_date('17.05.2015', '%d.%m.%Y')", "2015-05-17"),
        &[Arg::Any, Arg::String],
        to_date,
    )
    .also(&["date"])
    .least(1),
    Function::new(
        "at_timezone",
        "at_timezone(timestamp, zone)",
        "what clocks in a time zone show then, as a timestamp; also timestamp AT TIME ZONE zone",
        ("at_timezone('2015-05-17 10:05:00', 'Asia/Seoul')", "2015-05-17T19:05:00Z"),
        &[T, Arg::String],
        |args| {
            let zone = constant_zone(args, 1)?;
            rows_to_timestamp(move |args, row| args[0].timestamp(row).map(|t| to_local(t, &zone)).transpose())
        },
    )
    .also(&["from_utc_timestamp", "to_local"]),
    Function::new(
        "to_utc_timestamp",
        "to_utc_timestamp(timestamp, zone)",
        "when clocks in a time zone show that; of two moments when clocks are put back the first",
        ("to_utc_timestamp('2015-05-17 19:05:00', 'Asia/Seoul')", "2015-05-17T10:05:00Z"),
        &[T, Arg::String],
        |args| {
            let zone = constant_zone(args, 1)?;
            rows_to_timestamp(move |args, row| args[0].timestamp(row).map(|t| from_local(t, &zone)).transpose())
        },
    ),
];

fn name(f: fn(i64) -> &'static str) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| Ok(args[0].timestamp(row).map(|t| out.push_str(f(t)))))
}

fn between(f: impl Fn(i64, i64) -> Option<i64> + Send + Sync + 'static) -> Result<Bound, BindError> {
    rows_to_int(move |args, row| match args[1].timestamp(row).zip(args[2].timestamp(row)) {
        Some((a, b)) => f(a, b).map(Some).ok_or_else(|| "the difference is too large for int".to_owned()),
        None => Ok(None),
    })
}

impl Step {
    /// How many starts of the unit lie before `t`, from 1970.
    fn number(self, t: i64) -> i64 {
        match self {
            Step::Micros(size, offset) => floor(t.saturating_add(offset), size) / size,
            Step::Months(months) => month_number(t).div_euclid(months),
        }
    }
}

/// Months since January of year 0.
fn month_number(t: i64) -> i64 {
    let (year, month, _) = civil(t);
    year * 12 + i64::from(month) - 1
}

/// Whole units from `a` to `b`, cut toward zero.
fn whole_units(step: Step, a: i64, b: i64) -> Option<i64> {
    match step {
        Step::Micros(size, _) => i64::try_from((i128::from(b) - i128::from(a)) / i128::from(size)).ok(),
        Step::Months(months) => {
            let mut count = month_number(b) - month_number(a);
            let reached = add_months(a, count).unwrap_or(b);
            if count > 0 && reached > b {
                count -= 1;
            } else if count < 0 && reached < b {
                count += 1;
            }
            Some(count / months)
        }
    }
}

fn to_date(args: &[Typed]) -> Result<Bound, BindError> {
    let format = if args.len() > 1 { Some(checked_format(args, 1)?) } else { None };
    match args[0].ty {
        DataType::Date => rows_to_date(|args, row| Ok(args[0].date(row))),
        DataType::Timestamp => {
            rows_to_date(|args, row| Ok(args[0].timestamp(row).and_then(|t| i32::try_from(t.div_euclid(DAY)).ok())))
        }
        DataType::String => rows_to_date(move |args, row| {
            let Some(text) = args[0].str(row) else { return Ok(None) };
            match &format {
                Some(format) => {
                    let micros = parse_pattern(format, text, &TimeZone::UTC)?;
                    Ok(i32::try_from(micros.div_euclid(DAY)).ok())
                }
                None => parse_date(text.trim_ascii().as_bytes())
                    .map(Some)
                    .ok_or_else(|| format!("'{text}' is not a date such as 2015-05-17")),
            }
        }),
        other => Err(BindError::new(0, format!("to_date takes a string, date or timestamp, not {other}"))),
    }
}

fn make_timestamp() -> Result<Bound, BindError> {
    rows_to_timestamp(|args, row| {
        let mut parts = [0; 5];
        for (part, arg) in parts.iter_mut().zip(args) {
            match arg.int(row) {
                Some(value) => *part = value,
                None => return Ok(None),
            }
        }
        let Some(second) = args[5].double(row) else { return Ok(None) };
        let [year, month, day, hour, minute] = parts;
        let days = date(year, month, day);
        let clock = (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&second);
        let micros = || {
            let micros = (hour * 3600 + minute * 60) * 1_000_000 + (second * 1e6).round() as i64;
            days?.checked_mul(DAY)?.checked_add(micros)
        };
        let found = if clock { micros() } else { None };
        found.map(Some).ok_or_else(|| format!("there is no timestamp {year}-{month}-{day} {hour}:{minute}:{second}"))
    })
}

/// Days since 1970 of a date that exists.
pub fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let month = u32::try_from(month).ok().filter(|m| (1..=12).contains(m))?;
    let day = u32::try_from(day).ok()?;
    let fits = (-999_999..=999_999).contains(&year) && (1..=days_in_month(year, month)).contains(&day);
    fits.then(|| days_from_civil(year, month, day))
}

/// A zone by its name, which is a constant.
pub fn constant_zone(args: &[Typed], arg: usize) -> Result<TimeZone, BindError> {
    let name = constant_text(args, arg, "the time zone")?;
    let help = "zones have names such as 'UTC' or 'Asia/Seoul'";
    TimeZone::get(name).map_err(|_| BindError::new(arg, format!("'{name}' is not a time zone")).help(help))
}

/// What clocks in `zone` show at `t`.
pub fn to_local(t: i64, zone: &TimeZone) -> Result<i64, String> {
    let offset = i64::from(zone.to_offset(near(t)).seconds()) * 1_000_000;
    t.checked_add(offset).ok_or_else(|| "the timestamp is too far away for a time zone".to_owned())
}

/// The moment, or the nearest of those that jiff knows: zones do not change out there.
pub fn near(t: i64) -> Timestamp {
    Timestamp::from_microsecond(t).unwrap_or(if t < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// When clocks in `zone` show `t`; where they skip it, as if they had not yet.
pub fn from_local(t: i64, zone: &TimeZone) -> Result<i64, String> {
    let shown = near(t).to_zoned(TimeZone::UTC).datetime();
    match zone.to_timestamp(shown) {
        Ok(moment) if near(t).as_microsecond() == t => Ok(moment.as_microsecond()),
        _ => t
            .checked_sub(i64::from(zone.to_offset(near(t)).seconds()) * 1_000_000)
            .ok_or_else(|| "the timestamp is too far away for a time zone".to_owned()),
    }
}
