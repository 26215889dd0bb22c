//! Dates as text.

use super::text::{civil_from_days, days_from_civil, days_in_month};

/// Days since 1970-01-01 of `2015-05-17`. Years are four digits, or a sign and six.
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = if rest.len() == text.len() { 4 } else { 6 };
    if rest.len() != digits + 6 || rest[digits] != b'-' || rest[digits + 3] != b'-' {
        return None;
    }
    let number = |part: &[u8]| part.iter().all(u8::is_ascii_digit).then(|| super::text::parse_int(part)).flatten();
    let year = number(&rest[..digits])?;
    let (month, day) = (number(&rest[digits + 1..digits + 3])? as u32, number(&rest[digits + 4..])? as u32);
    let year = if negative { -year } else { year };
    let inside = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    inside.then(|| days_from_civil(year, month, day) as i32)
}

/// Writes what [`parse_date`] reads.
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(i64::from(days));
    let text = match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+07}-{month:02}-{day:02}"),
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_and_what_is_none() {
        assert_eq!(parse_date(b"1970-01-02"), Some(1));
        assert_eq!(parse_date(b"2016-02-29"), Some(16_860));
        for text in ["2015-02-29", "2015-13-01", "2015-1-1", "15-01-01", "2015-01-01x", "2015/01/01", "", "+2015-01-01"]
        {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(days in -300_000_000i32..300_000_000) {
            let mut out = Vec::new();
            write_date(days, &mut out);
            prop_assert_eq!(parse_date(&out), Some(days));
        }
    }
}
