//! Durations (`"1h 30m"`) and sizes (`"64KiB"`) as numbers: µs and bytes.
//!
//! Nothing here knows what they are for; ranges are the caller's.

use std::ops::Range;

/// What is wrong, and which bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    pub message: String,
    pub help: Option<String>,
    pub range: Range<usize>,
}

impl UnitError {
    fn new(range: Range<usize>, message: impl Into<String>) -> UnitError {
        UnitError { message: message.into(), help: None, range }
    }

    fn help(mut self, help: impl Into<String>) -> UnitError {
        self.help = Some(help.into());
        self
    }
}

/// µs of each unit.
const DURATION_UNITS: [(&str, i64); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

/// What people write for them.
const DURATION_WORDS: [(&str, &str); 29] = [
    ("µs", "us"),
    ("μs", "us"),
    ("usec", "us"),
    ("micros", "us"),
    ("microseconds", "us"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("millisecond", "ms"),
    ("milliseconds", "ms"),
    ("S", "s"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("M", "m"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("H", "h"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("D", "d"),
    ("day", "d"),
    ("days", "d"),
    ("W", "w"),
    ("week", "w"),
    ("weeks", "w"),
];

const CALENDAR_UNITS: [&str; 6] = ["mo", "month", "months", "y", "year", "years"];

/// Bytes of each unit.
const SIZE_UNITS: [(&str, i64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A duration in µs: numbers with units, in any order, added up, such as `250ms`, `1h 30m`, `1.5s`; one `-` in front
/// makes it negative.
pub fn parse_duration(text: &str) -> Result<i64, UnitError> {
    let body = text.trim_start();
    let start = text.len() - body.len();
    let (negative, skip) = if body.starts_with('-') { (true, 1) } else { (false, 0) };
    let mut total = 0i64;
    let mut at = start + skip;
    let mut parts = 0;
    while let Some(part) = next_part(text, &mut at, "5s")? {
        let unit = duration_unit(&part)?;
        let value = part.scale(unit, "the smallest unit is us")?;
        total = total.checked_add(value).ok_or_else(|| too_large(0..text.len(), "290,000 years"))?;
        parts += 1;
    }
    if parts == 0 {
        return Err(UnitError::new(0..text.len(), "empty duration").help("write it such as \"5s\" or \"1h 30m\""));
    }
    Ok(if negative { -total } else { total })
}

/// A size in bytes: `64KiB`, `10MB`, `1.5GiB`, or a plain number of bytes.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit()) {
        return trimmed.parse::<i64>().map(|n| n.unsigned_abs()).map_err(|_| too_large(0..text.len(), "8 EiB"));
    }
    let mut at = text.len() - text.trim_start().len();
    let Some(part) = next_part(text, &mut at, "64KiB")? else {
        return Err(UnitError::new(0..text.len(), "empty size").help("write it such as \"64KiB\" or \"10MB\""));
    };
    let unit = size_unit(&part)?;
    let value = part.scale(unit, "a size is whole bytes")?;
    match text[at..].trim() {
        "" => Ok(value.unsigned_abs()),
        _ => Err(UnitError::new(at..text.len(), "a size is one number and one unit")),
    }
}

/// A number with its unit.
struct Part<'a> {
    /// Digits before and behind the point.
    whole: &'a str,
    fraction: &'a str,
    unit: &'a str,
    unit_at: usize,
    range: Range<usize>,
}

impl Part<'_> {
    /// The number times `unit`; what does not come out even is an error, with `reason` as help.
    fn scale(&self, unit: i64, reason: &str) -> Result<i64, UnitError> {
        let large = || too_large(self.range.clone(), "what 64 bits hold");
        let whole: i64 = self.whole.parse().map_err(|_| large())?;
        let value = whole.checked_mul(unit).ok_or_else(large)?;
        let fraction = self.fraction.trim_end_matches('0');
        if fraction.is_empty() {
            return Ok(value);
        }
        let uneven = || UnitError::new(self.range.clone(), "too many digits behind the point").help(reason);
        let power = 10i128.checked_pow(fraction.len().min(99) as u32).ok_or_else(uneven)?;
        let digits: i128 = fraction.parse().map_err(|_| uneven())?;
        let scaled = digits.checked_mul(i128::from(unit)).ok_or_else(uneven)?;
        if scaled % power != 0 {
            return Err(uneven());
        }
        let rest = i64::try_from(scaled / power).map_err(|_| large())?;
        value.checked_add(rest).ok_or_else(large)
    }
}

fn too_large(range: Range<usize>, most: &str) -> UnitError {
    UnitError::new(range, "too large").help(format!("at most {most}"))
}

/// The next number and unit of `text`; `None` at the end. `example` is what the message suggests.
fn next_part<'a>(text: &'a str, at: &mut usize, example: &str) -> Result<Option<Part<'a>>, UnitError> {
    let start = skip(text, *at, char::is_whitespace);
    if start == text.len() {
        *at = start;
        return Ok(None);
    }
    let digits = |from| skip(text, from, |c: char| c.is_ascii_digit());
    let whole_end = digits(start);
    if whole_end == start {
        let end = skip(text, start, |c: char| !c.is_whitespace());
        return Err(UnitError::new(start..end, "expected a number").help(format!("write it such as \"{example}\"")));
    }
    let mut number_end = whole_end;
    if text[whole_end..].starts_with('.') {
        number_end = digits(whole_end + 1);
    }
    let unit_at = skip(text, number_end, char::is_whitespace);
    let end = skip(text, unit_at, char::is_alphabetic);
    if end == unit_at {
        let unit_example = example.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &text[start..number_end];
        return Err(
            UnitError::new(start..number_end, "a unit is missing").help(format!("write \"{number}{unit_example}\""))
        );
    }
    *at = end;
    let fraction = text.get(whole_end + 1..number_end).unwrap_or("");
    Ok(Some(Part { whole: &text[start..whole_end], fraction, unit: &text[unit_at..end], unit_at, range: start..end }))
}

/// The first place from `from` on that is not `wanted`.
fn skip(text: &str, from: usize, wanted: impl Fn(char) -> bool) -> usize {
    text[from..].find(|c| !wanted(c)).map_or(text.len(), |i| from + i)
}

fn duration_unit(part: &Part) -> Result<i64, UnitError> {
    let word = part.unit;
    if let Some((_, us)) = DURATION_UNITS.iter().find(|(name, _)| *name == word) {
        return Ok(*us);
    }
    let range = part.unit_at..part.unit_at + word.len();
    if CALENDAR_UNITS.contains(&word) {
        let message = "months and years are for calendar windows, which are not there yet";
        return Err(UnitError::new(range, message).help("there are us, ms, s, m, h, d, w"));
    }
    let error = UnitError::new(range, format!("unknown unit `{word}`"));
    let lower = word.to_lowercase();
    match DURATION_WORDS.iter().find(|(other, _)| *other == word || *other == lower) {
        Some((_, name)) => Err(error.help(format!("did you mean `{name}`? There are us, ms, s, m, h, d, w"))),
        None => Err(error.help("there are us, ms, s, m, h, d, w")),
    }
}

fn size_unit(part: &Part) -> Result<i64, UnitError> {
    let word = part.unit;
    if let Some((_, bytes)) = SIZE_UNITS.iter().find(|(name, _)| *name == word) {
        return Ok(*bytes);
    }
    let error = UnitError::new(part.unit_at..part.unit_at + word.len(), format!("unknown unit `{word}`"));
    let all = "there are B, KB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024)";
    let lower = word.to_lowercase();
    let near = SIZE_UNITS.iter().find(|(name, _)| {
        let name = name.to_lowercase();
        name == lower || name == format!("{lower}ib") || name == format!("{lower}b") && lower.len() > 1
    });
    match near {
        Some((name, _)) => Err(error.help(format!("did you mean `{name}`? {all}"))),
        None => Err(error.help(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, us) in [
            ("250ms", 250_000),
            ("1h 30m", 5_400_000_000),
            ("1h30m", 5_400_000_000),
            ("0s", 0),
            ("1.5s", 1_500_000),
            ("7us", 7),
            (" 2 d ", 2 * 86_400_000_000),
            ("1w", 604_800_000_000),
            ("-5m", -300_000_000),
            ("0.000001s", 1),
            ("106751991d", 106_751_991 * 86_400_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(us), "{text:?}");
        }
    }

    #[test]
    fn wrong_durations() {
        for (text, range, message) in [
            ("", 0..0, "empty"),
            ("5", 0..1, "unit is missing"),
            ("s", 0..1, "expected a number"),
            ("5 parsecs", 2..9, "unknown unit `parsecs`"),
            ("1h 5min", 4..7, "unknown unit `min`"),
            ("1mo", 1..3, "not there yet"),
            ("0.0000001s", 0..10, "behind the point"),
            ("106751992d", 0..10, "too large"),
            ("99999999999999999999s", 0..21, "too large"),
            ("106751991d 23h", 0..14, "too large"),
            ("5s -1s", 3..6, "expected a number"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.message.contains(message), "{text:?}: {error:?}");
            assert_eq!(error.range, range, "{text:?}");
        }
        assert!(parse_duration("5 min").unwrap_err().help.unwrap().contains("did you mean `m`"));
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("64KiB", 65_536), ("1GiB", 1 << 30), ("10MB", 10_000_000), ("17", 17), ("1.5KiB", 1536), ("0B", 0)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text:?}");
        }
        for (text, message) in [
            ("", "empty"),
            ("10Mb", "unknown unit"),
            ("-1MB", "expected a number"),
            ("1MB 2KB", "one number"),
            ("1.5B", "behind the point"),
            ("9999999TiB", "too large"),
        ] {
            assert!(parse_size(text).unwrap_err().message.contains(message), "{text:?}");
        }
        assert!(parse_size("1g").unwrap_err().help.unwrap().contains("`GiB`"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,12}|[0-9]{1,20}[a-z.µ ]{0,4}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
