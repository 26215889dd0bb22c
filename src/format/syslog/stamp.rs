//! Times at the start of lines.

use jiff::tz::TimeZone;

use crate::data::text;

/// `Jun 14 15:16:01`, with or without a year and parts of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub year: Option<i16>,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    /// Seconds, as µs.
    pub micros: i64,
    /// Bytes of the text.
    pub len: usize,
}

/// The line behind `<PRI>`; `None` if it has none.
#[inline(always)]
pub fn without_priority(line: &[u8]) -> Option<&[u8]> {
    priority(line).map(|(_, len)| &line[len..])
}

/// The number of `<PRI>`, and its bytes.
#[inline(always)]
pub fn priority(line: &[u8]) -> Option<(u8, usize)> {
    let rest = line.strip_prefix(b"<")?;
    let digits = rest.iter().take(4).position(|&byte| byte == b'>')?;
    let value = number(&rest[..digits])?;
    (1..=3).contains(&digits).then_some(())?;
    u8::try_from(value).ok().filter(|&value| value < 192).map(|value| (value, digits + 2))
}

/// The stamp of a line of RFC 3164, which may end in CR.
pub fn of_line(line: &[u8]) -> Option<Stamp> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    stamp(without_priority(line).unwrap_or(line))
}

/// The stamp that `text` begins with; behind it is a blank, a colon or nothing.
pub fn stamp(text: &[u8]) -> Option<Stamp> {
    let month = month(text.first_chunk::<4>()?)?;
    let mut at = 4 + usize::from(text.get(4) == Some(&b' '));
    let day = two_or_one(text, &mut at).filter(|day| (1..=31).contains(day))?;
    blank(text, &mut at)?;
    let year = match text.get(at..at + 5) {
        Some([digits @ .., b' ']) if digits.iter().all(u8::is_ascii_digit) => {
            at += 5;
            number(digits).map(|year| year as i16)
        }
        _ => None,
    };
    let clock = text.get(at..at + 8)?;
    let [a, b, b':', c, d, b':', e, f] = *clock else { return None };
    let (hour, minute, second) = (number(&[a, b])?, number(&[c, d])?, number(&[e, f])?);
    at += 8;
    let mut micros = i64::from(second) * 1_000_000;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..].iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
        (1..=9).contains(&digits).then_some(())?;
        let fraction = number(&text[at + 1..=at + digits])?;
        micros += i64::from(fraction) * 10i64.pow(9 - digits as u32) / 1000;
        at += 1 + digits;
    }
    let ends = text.get(at).is_none_or(|byte| matches!(byte, b' ' | b':'));
    let (hour, minute) = (hour as u8, minute as u8);
    (ends && hour < 24 && minute < 60 && second < 61).then_some(Stamp {
        year,
        month,
        day: day as u8,
        hour,
        minute,
        micros,
        len: at,
    })
}

fn month(text: &[u8; 4]) -> Option<u8> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (names, _) = NAMES.as_chunks::<3>();
    let [a, b, c, b' '] = *text else { return None };
    names.iter().position(|name| *name == [a, b, c]).map(|month| month as u8 + 1)
}

/// The value of digits and nothing else.
fn number(digits: &[u8]) -> Option<u32> {
    let add = |sum: u32, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'));
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

fn two_or_one(text: &[u8], at: &mut usize) -> Option<u32> {
    let digits = text.get(*at..)?.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let value = number(&text[*at..*at + digits])?;
    *at += digits;
    Some(value)
}

fn blank(text: &[u8], at: &mut usize) -> Option<()> {
    (text.get(*at) == Some(&b' ')).then(|| *at += 1)
}

/// From local times to µs since 1970.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    /// The minute converted last.
    minute: (i16, u8, u8, u8, u8),
    start: Option<i64>,
    iso: crate::format::instant::Instants,
}

impl Clock {
    pub fn new(zone: TimeZone) -> Clock {
        Clock { zone, minute: (0, 0, 0, 0, 0), start: None, iso: Default::default() }
    }

    /// `None`: there is no such day.
    #[inline(always)]
    pub fn of(&mut self, stamp: &Stamp, year: i16) -> Option<i64> {
        let minute = (year, stamp.month, stamp.day, stamp.hour, stamp.minute);
        if self.minute != minute {
            self.start = self.convert(minute);
            self.minute = minute;
        }
        self.start.map(|start| start + stamp.micros)
    }

    #[inline(never)]
    fn convert(&self, (year, month, day, hour, minute): (i16, u8, u8, u8, u8)) -> Option<i64> {
        let (month, day) = (month as i8, day as i8);
        let local = jiff::civil::DateTime::new(year, month, day, hour as i8, minute as i8, 0, 0).ok()?;
        self.zone.to_timestamp(local).ok().map(jiff::Timestamp::as_microsecond)
    }

    /// As RFC 5424 and many programs have it: `2015-06-14T15:16:01.5+02:00`. Without an offset it is local time.
    #[inline(always)]
    pub fn iso(&mut self, base: &[u8], start: usize, end: usize) -> Option<i64> {
        let micros = self.iso.parse(base, start, end)?;
        let clock = &base[start + 11..end];
        if self.zone == TimeZone::UTC || clock.iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')) {
            return Some(micros);
        }
        let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
        let (year, month, day) = text::civil_from_days(days);
        let midnight = jiff::civil::DateTime::new(i16::try_from(year).ok()?, month as i8, day as i8, 0, 0, 0, 0);
        let local = midnight.ok()?.checked_add(jiff::SignedDuration::from_micros(rest)).ok()?;
        self.zone.to_timestamp(local).ok().map(jiff::Timestamp::as_microsecond)
    }
}

/// Whether `text` begins as a date and time of ISO 8601; the length of the word then.
#[inline(always)]
pub fn iso(text: &[u8]) -> Option<usize> {
    let start = text.first_chunk::<11>()?;
    let digits = [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|&at| start[at].is_ascii_digit());
    let marks = start[4] == b'-' && start[7] == b'-' && start[10] == b'T';
    (digits && marks).then(|| memchr::memchr(b' ', text).unwrap_or(text.len()))
}
