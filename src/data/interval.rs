//! Lengths of time: months, days and microseconds beside each other, as a month has no fixed length.

use arrow_buffer::IntervalMonthDayNano;

const DAY_US: i64 = 86_400_000_000;

/// A length of time. The parts may have different signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// Names of a unit, and how many months, days and microseconds one is.
type Unit = (&'static [&'static str], (i64, i64, i64));

const UNITS: [Unit; 11] = [
    (&["y", "year", "years", "yr", "yrs"], (12, 0, 0)),
    (&["mo", "month", "months", "mon", "mons"], (1, 0, 0)),
    (&["w", "week", "weeks"], (0, 7, 0)),
    (&["d", "day", "days"], (0, 1, 0)),
    (&["h", "hour", "hours", "hr", "hrs"], (0, 0, 3_600_000_000)),
    (&["m", "minute", "minutes", "min", "mins"], (0, 0, 60_000_000)),
    (&["s", "second", "seconds", "sec", "secs"], (0, 0, 1_000_000)),
    (&["ms", "millisecond", "milliseconds"], (0, 0, 1_000)),
    (&["us", "µs", "microsecond", "microseconds"], (0, 0, 1)),
    (&["quarter", "quarters"], (3, 0, 0)),
    (&["decade", "decades"], (120, 0, 0)),
];

impl Interval {
    /// Microseconds if a month has 30 days and a day 24 hours: how intervals compare.
    pub fn length(self) -> i128 {
        i128::from(self.months) * 30 * i128::from(DAY_US)
            + i128::from(self.days) * i128::from(DAY_US)
            + i128::from(self.micros)
    }

    /// Microseconds beyond what Arrow's nanoseconds hold become days.
    pub fn to_arrow(self) -> IntervalMonthDayNano {
        match self.micros.checked_mul(1000) {
            Some(nanos) => IntervalMonthDayNano::new(self.months, self.days, nanos),
            None => {
                let days = self.days.saturating_add((self.micros / DAY_US) as i32);
                IntervalMonthDayNano::new(self.months, days, self.micros % DAY_US * 1000)
            }
        }
    }

    pub fn from_arrow(value: IntervalMonthDayNano) -> Interval {
        Interval { months: value.months, days: value.days, micros: value.nanoseconds / 1000 }
    }

    /// `1y 2mo 3d 4h 5m 6.5s`, as durations in a job file, also with the units of SQL in words (`1 year 2 months`), with a
    /// clock at its end (`3 days 04:05:06.5`), or as ISO 8601 (`P1Y2M3DT4H5M6.5S`). `None`: it is not that, or does not
    /// fit.
    pub fn parse(text: &str) -> Option<Interval> {
        let text = text.trim();
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) if body.starts_with(['P', 'p']) => (true, body),
            _ => (false, text),
        };
        let parsed = match body.strip_prefix(['P', 'p']) {
            Some(iso) => parse_iso(iso)?,
            None => parse_words(body)?,
        };
        if negative { parsed.checked_neg()?.carried() } else { parsed.carried() }
    }

    /// Writes it so that [`Interval::parse`] reads it back: `1y 2mo -3d 4h 5m 6.5s`, nothing that is zero but `0s`.
    pub fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut part = |value: i64, unit: &str| {
            if value != 0 {
                let space = if out.len() > start { " " } else { "" };
                out.extend_from_slice(format!("{space}{value}{unit}").as_bytes());
            }
        };
        part(i64::from(self.months / 12), "y");
        part(i64::from(self.months % 12), "mo");
        part(i64::from(self.days), "d");
        part(self.micros / 3_600_000_000, "h");
        part(self.micros / 60_000_000 % 60, "m");
        let rest = self.micros % 60_000_000;
        if rest != 0 || out.len() == start {
            if out.len() > start {
                out.push(b' ');
            }
            let (sign, rest) = (if rest < 0 { "-" } else { "" }, rest.unsigned_abs());
            let text = format!("{sign}{}.{:06}", rest / 1_000_000, rest % 1_000_000);
            out.extend_from_slice(text.trim_end_matches('0').trim_end_matches('.').as_bytes());
            out.push(b's');
        }
    }

    /// As a column has it: see [`Interval::to_arrow`].
    pub fn carried(self) -> Option<Interval> {
        match self.micros.checked_mul(1000) {
            Some(_) => Some(self),
            None => Some(Interval {
                days: self.days.checked_add((self.micros / DAY_US) as i32)?,
                micros: self.micros % DAY_US,
                ..self
            }),
        }
    }

    pub fn checked_neg(self) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }

    pub fn checked_add(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// `number`, whole or with a fraction, of a unit. A fraction of a month or of a day goes on in the smaller parts.
    pub fn of_unit(number: &str, unit: &str) -> Option<Interval> {
        let unit = unit.to_lowercase();
        let (_, (months, days, micros)) = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
        let millionths = super::text::parse_decimal(number.as_bytes(), 24, 6).ok()?;
        let whole = |count: i128| i64::try_from(count).ok();
        let months_in = millionths.checked_mul(i128::from(*months))?;
        let days_in = millionths.checked_mul(i128::from(*days))?.checked_add(months_in % 1_000_000 * 30)?;
        let micros_in = millionths * i128::from(*micros) + days_in % 1_000_000 * i128::from(DAY_US);
        Some(Interval {
            months: i32::try_from(whole(months_in / 1_000_000)?).ok()?,
            days: i32::try_from(whole(days_in / 1_000_000)?).ok()?,
            micros: whole(micros_in / 1_000_000)?,
        })
    }
}

/// Numbers with units behind them, perhaps a clock at the end.
fn parse_words(text: &str) -> Option<Interval> {
    let mut sum = Interval::default();
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-' | ':'))?;
        let (number, behind) = rest.split_at(number_end);
        if number.is_empty() {
            return None;
        }
        let behind = behind.trim_start();
        let unit_end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        sum = sum.checked_add(Interval::of_unit(number, &behind[..unit_end])?)?;
        rest = behind[unit_end..].trim_start().trim_start_matches(',').trim_start();
        // In this order, which ends at the next unit: looking for a clock as far as the end each time takes too long.
        if !rest.contains(char::is_alphabetic) && rest.contains(':') {
            return sum.checked_add(parse_clock(rest)?);
        }
    }
    Some(sum)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f`, perhaps with a sign.
fn parse_clock(text: &str) -> Option<Interval> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.trim_end().splitn(3, ':');
    let mut sum = Interval::of_unit(parts.next()?, "h")?.checked_add(Interval::of_unit(parts.next()?, "m")?)?;
    if let Some(seconds) = parts.next() {
        sum = sum.checked_add(Interval::of_unit(seconds, "s")?)?;
    }
    if negative { sum.checked_neg() } else { Some(sum) }
}

/// What follows the `P` of ISO 8601.
fn parse_iso(text: &str) -> Option<Interval> {
    let (date, time) = text.split_once(['T', 't']).unwrap_or((text, ""));
    let mut sum = Interval::default();
    for (part, units) in [
        (date, &[('Y', "y"), ('M', "mo"), ('W', "w"), ('D', "d")][..]),
        (time, &[('H', "h"), ('M', "m"), ('S', "s")][..]),
    ] {
        let mut rest = part;
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_alphabetic())?;
            let letter = rest[end..].chars().next()?;
            let (_, unit) = units.iter().find(|(name, _)| *name == letter.to_ascii_uppercase())?;
            sum = sum.checked_add(Interval::of_unit(&rest[..end], unit)?)?;
            rest = &rest[end + letter.len_utf8()..];
        }
    }
    (text.len() > usize::from(text.starts_with(['T', 't']))).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        Interval::parse(text).map(|value| {
            let mut out = Vec::new();
            value.write(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn every_way_to_write_one() {
        for (text, expected) in [
            ("1h 30m", "1h 30m"),
            ("250ms", "0.25s"),
            ("1 year 2 months 3 days", "1y 2mo 3d"),
            ("3 days 04:05:06.5", "3d 4h 5m 6.5s"),
            ("1.5 days", "1d 12h"),
            ("1.5 months", "1mo 15d"),
            ("2 weeks", "14d"),
            ("P1Y2M3DT4H5M6.5S", "1y 2mo 3d 4h 5m 6.5s"),
            ("PT90M", "1h 30m"),
            ("-P1D", "-1d"),
            ("-1 day 02:00", "-1d 2h"),
            ("0s", "0s"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "1", "1 parsec", "h", "P", "PT", "1h30", "99999999999999 years", "1:2:3:4", "1 day x"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(months: i32, days: i32, micros: i64) {
            let value = Interval { months, days, micros };
            let mut out = Vec::new();
            value.write(&mut out);
            prop_assert_eq!(Interval::parse(std::str::from_utf8(&out).unwrap()), value.carried());
        }
    }
}
