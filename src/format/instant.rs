//! Timestamps of a source in the form its field declares: ISO text, a number in a unit, or a pattern.
//!
//! Neighbouring rows mostly share their minute, or the whole text, so the last one parsed is remembered.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::{TimestampSource, number};
use crate::data::text;
use crate::error::{Error, Result};

/// Reads the timestamps of one column.
#[derive(Debug)]
pub enum Instants {
    Text {
        memo: Minute,
    },
    Unit {
        per_second: u32,
    },
    Pattern {
        pattern: String,
        zone: TimeZone,
        last: (Vec<u8>, i64),
    },
    /// The pattern of access logs.
    Log {
        last: LogMinute,
    },
}

impl Default for Instants {
    fn default() -> Instants {
        Instants::Text { memo: Minute::default() }
    }
}

/// The last `yyyy-MM-ddTHH:mm` seen and its start in µs.
#[derive(Debug)]
pub struct Minute {
    text: [u8; 16],
    start: i64,
}

impl Default for Minute {
    fn default() -> Minute {
        Minute { text: *b"1970-01-01T00:00", start: 0 }
    }
}

impl Instants {
    /// Errors: a pattern that cannot be read with, an unknown zone.
    pub fn new(source: &TimestampSource) -> Result<Instants> {
        Ok(match source {
            TimestampSource::Text => Instants::default(),
            TimestampSource::Unit(per_second) => Instants::Unit { per_second: *per_second },
            TimestampSource::Pattern { pattern, .. } if pattern == super::access::PATTERN => {
                Instants::Log { last: LogMinute::default() }
            }
            TimestampSource::Pattern { pattern, zone } => {
                let zone = match zone {
                    None => TimeZone::UTC,
                    Some(name) => TimeZone::get(name).map_err(|e| {
                        Error::job(format!("'{name}' is not a time zone: {e}"))
                            .note("zones have names such as \"UTC\" or \"Asia/Seoul\"")
                    })?,
                };
                Instants::Pattern { pattern: pattern.clone(), zone, last: (Vec::new(), 0) }
            }
        })
    }

    /// Microseconds since 1970 UTC, `None` if `base[start..end]` is no such timestamp.
    #[inline(always)]
    pub fn parse(&mut self, base: &[u8], start: usize, end: usize) -> Option<i64> {
        match self {
            Instants::Text { memo } => memo.parse(&base[start..end]),
            Instants::Unit { per_second } => match number::int(base, start, end) {
                Some(value) => of_int(value, *per_second),
                None => from_decimal(&base[start..end], *per_second),
            },
            Instants::Log { last } => last.parse(&base[start..end]),
            Instants::Pattern { pattern, zone, last } => {
                let bytes = &base[start..end];
                if !bytes.is_empty() && last.0 == bytes {
                    return Some(last.1);
                }
                let micros = from_pattern(bytes, pattern, zone)?;
                last.0.clear();
                last.0.extend_from_slice(bytes);
                last.1 = micros;
                Some(micros)
            }
        }
    }

    /// As [`Instants::parse`], for a number; `None` also if numbers are no such timestamps.
    #[inline(always)]
    pub fn of_int(&self, value: i64) -> Option<i64> {
        match self {
            Instants::Unit { per_second } => of_int(value, *per_second),
            _ => None,
        }
    }

    /// The end of "… is not a timestamp".
    pub fn expected(&self) -> String {
        match self {
            Instants::Text { .. } => " such as 2015-05-17T10:05:00Z".to_string(),
            Instants::Unit { per_second } => {
                let unit = match per_second {
                    1 => "s",
                    1_000 => "ms",
                    1_000_000 => "us",
                    _ => "ns",
                };
                format!(" in {unit}")
            }
            Instants::Log { .. } => format!(" of the form \"{}\"", super::access::PATTERN),
            Instants::Pattern { pattern, .. } => format!(" of the form \"{pattern}\""),
        }
    }
}

/// The last `17/May/2015:10:05` and ` +0000` of an access log, and the start of that minute in µs.
#[derive(Debug)]
pub struct LogMinute {
    minute: [u8; 17],
    offset: [u8; 6],
    start: i64,
}

impl Default for LogMinute {
    fn default() -> LogMinute {
        LogMinute { minute: *b"01/Jan/1970:00:00", offset: *b" +0000", start: 0 }
    }
}

impl LogMinute {
    #[inline(always)]
    fn parse(&mut self, bytes: &[u8]) -> Option<i64> {
        if let Ok(text) = <&[u8; 26]>::try_from(bytes)
            && text[..17] == self.minute
            && text[20..] == self.offset
            && let Some(second) = seconds(&text[17..20])
        {
            return Some(self.start + second);
        }
        self.remember(bytes)
    }

    #[inline(never)]
    fn remember(&mut self, bytes: &[u8]) -> Option<i64> {
        let micros = from_pattern(bytes, super::access::PATTERN, &TimeZone::UTC)?;
        if let Some((minute, rest)) = bytes.split_first_chunk::<17>()
            && let Some((second, offset)) = rest.split_first_chunk::<3>()
            && let Ok(offset) = <[u8; 6]>::try_from(offset)
            && let Some(second) = seconds(second)
            && offset[0] == b' '
        {
            *self = LogMinute { minute: *minute, offset, start: micros - second };
        }
        Some(micros)
    }
}

impl Minute {
    /// As [`text::parse_timestamp`], faster where the minute is that of the row before.
    #[inline(always)]
    fn parse(&mut self, bytes: &[u8]) -> Option<i64> {
        if let Some((minute, rest)) = bytes.split_first_chunk::<16>()
            && u128::from_le_bytes(*minute) == u128::from_le_bytes(self.text)
            && let Some(micros) = seconds(rest)
        {
            return Some(self.start + micros);
        }
        self.remember(bytes)
    }

    #[inline(never)]
    fn remember(&mut self, bytes: &[u8]) -> Option<i64> {
        let micros = text::parse_timestamp(bytes)?;
        if let Some((minute, rest)) = bytes.split_first_chunk::<16>()
            && minute[13] == b':'
            && matches!(minute[10], b'T' | b't' | b' ')
            && let Some(offset) = seconds(rest)
        {
            *self = Minute { text: *minute, start: micros - offset };
        }
        Some(micros)
    }
}

/// Microseconds of `:SS`, `:SSZ`, `:SS.mmm`, `:SS.mmmZ`, `:SS.uuuuuu` or `:SS.uuuuuuZ`; `None` for anything else.
#[inline(always)]
fn seconds(rest: &[u8]) -> Option<i64> {
    // By far the most frequent forms are taken as one word; what they do not fit is looked at byte by byte.
    if let Ok(rest) = <[u8; 8]>::try_from(rest) {
        let word = u64::from_le_bytes(rest) ^ u64::from_le_bytes(*b":00.000Z");
        if word & u64::from_le_bytes([255, 0, 0, 255, 0, 0, 0, 255]) | number::ends(word) == 0 {
            let digit = |place: u32| (word >> (8 * place) & 0xFF) as i64;
            let second = digit(1) * 10 + digit(2);
            let milli = digit(4) * 100 + digit(5) * 10 + digit(6);
            return (second < 60).then_some(second * 1_000_000 + milli * 1000);
        }
    }
    let digits = match rest {
        [digits @ .., b'Z'] => digits,
        other => other,
    };
    let value = |bytes: &[u8]| {
        let (mut value, mut bad) = (0u32, false);
        for byte in bytes {
            let digit = byte.wrapping_sub(b'0');
            bad |= digit > 9;
            value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
        }
        (!bad).then_some(i64::from(value))
    };
    let second = |a: u8, b: u8| value(&[a, b]).filter(|&s| s < 60).map(|s| s * 1_000_000);
    match *digits {
        [b':', a, b] => second(a, b),
        [b':', a, b, b'.', c, d, e] => Some(second(a, b)? + value(&[c, d, e])? * 1000),
        [b':', a, b, b'.', c, d, e, f, g, h] => Some(second(a, b)? + value(&[c, d, e, f, g, h])?),
        _ => None,
    }
}

/// A whole number of so many per second, cut below a microsecond.
#[inline(always)]
fn of_int(value: i64, per_second: u32) -> Option<i64> {
    match per_second {
        ..=1_000_000 => value.checked_mul(i64::from(1_000_000 / per_second)),
        _ => Some(value.div_euclid(i64::from(per_second / 1_000_000))),
    }
}

/// As [`from_int`], with decimals (`1431857100.25`).
#[inline(never)]
fn from_decimal(bytes: &[u8], per_second: u32) -> Option<i64> {
    let unscaled = text::parse_decimal(bytes, 38, 9).ok()?;
    let micros = unscaled.checked_mul(1_000_000)?.div_euclid(i128::from(per_second) * 1_000_000_000);
    i64::try_from(micros).ok()
}

fn from_pattern(bytes: &[u8], pattern: &str, zone: &TimeZone) -> Option<i64> {
    let parsed = strtime::parse(pattern, bytes).ok()?;
    if let Ok(instant) = parsed.to_timestamp() {
        return Some(instant.as_microsecond());
    }
    let local = match parsed.to_datetime() {
        Ok(local) => local,
        // A pattern may have a day only: midnight.
        Err(_) => parsed.to_date().ok()?.at(0, 0, 0, 0),
    };
    Some(zone.to_timestamp(local).ok()?.as_microsecond())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(instants: &mut Instants, text: &[u8]) -> Option<i64> {
        instants.parse(text, 0, text.len())
    }

    fn pattern(pattern: &str, zone: Option<&str>) -> Instants {
        Instants::new(&TimestampSource::Pattern { pattern: pattern.into(), zone: zone.map(str::to_string) }).unwrap()
    }

    #[test]
    fn units() {
        let read = |text: &str, unit| parse(&mut Instants::Unit { per_second: unit }, text.as_bytes());
        assert_eq!(read("1431857100", 1), Some(1_431_857_100_000_000));
        assert_eq!(read("1431857100123", 1000), Some(1_431_857_100_123_000));
        assert_eq!(read("-5", 1_000_000), Some(-5));
        assert_eq!(read("-1", 1_000_000_000), Some(-1));
        assert_eq!(read("1999", 1_000_000_000), Some(1));
        assert_eq!(read("1.25", 1), Some(1_250_000));
        assert_eq!(read("x", 1), None);
        assert_eq!(read("9223372036854775807", 1), None);
    }

    #[test]
    fn patterns() {
        let mut log = pattern("%d/%b/%Y:%H:%M:%S %z", None);
        for _ in 0..2 {
            assert_eq!(parse(&mut log, b"17/May/2015:10:05:00 +0900"), Some(1_431_824_700_000_000));
        }
        assert_eq!(parse(&mut log, b"17/Mai/2015:10:05:00 +0900"), None);
        assert_eq!(parse(&mut pattern("%Y%m%d %H:%M", None), b"20150517 10:05"), Some(1_431_857_100_000_000));
        assert_eq!(parse(&mut pattern("%Y%m%d", None), b"20150517"), Some(1_431_820_800_000_000));
        assert_eq!(
            parse(&mut pattern("%Y-%m-%d %H:%M", Some("Asia/Seoul")), b"2015-05-17 19:05"),
            Some(1_431_857_100_000_000)
        );
        let zone = TimestampSource::Pattern { pattern: "%Y".into(), zone: Some("Mars/Olympus".into()) };
        assert!(Instants::new(&zone).unwrap_err().message.contains("Mars/Olympus"));
    }

    proptest! {
        /// As the pattern says, whatever the text before.
        #[test]
        fn the_remembered_minute_of_a_log_changes_nothing(
            rows in proptest::collection::vec("[01]?[0-9]/(Jan|Feb|May|may|Foo)/20(15|24):(10|25):0[56](:[056][0-9]){1,2} [+-]0[09][0-6]0x?", 1..20)
        ) {
            let mut instants = pattern(crate::format::access::PATTERN, None);
            for row in rows {
                let expect = from_pattern(row.as_bytes(), crate::format::access::PATTERN, &TimeZone::UTC);
                prop_assert_eq!(parse(&mut instants, row.as_bytes()), expect, "{}", row);
            }
        }

        /// Texts that differ in few places from each other, one after the other through one memory.
        #[test]
        fn the_remembered_minute_changes_nothing(
            rows in proptest::collection::vec("20(15|24)-0[12]-(28|29|30)[T ]10:0[56](:[056][0-9])?([.][0-9]{0,9})?(Z|[+]01:00)?x?", 1..20)
        ) {
            let mut instants = Instants::default();
            for row in rows {
                prop_assert_eq!(parse(&mut instants, row.as_bytes()), text::parse_timestamp(row.as_bytes()), "{}", row);
            }
        }
    }
}
