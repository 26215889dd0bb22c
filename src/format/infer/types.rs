//! Which type a column of a sample has: the one that all of its values fit.
//!
//! The rules, of which the first that holds for every value counts:
//!
//! * `true`, `false`: boolean. `1` and `0` are ints.
//! * Whole numbers: int; if one is too long for 64 bits, decimal(38,0).
//! * Numbers with a point or exponent, also among whole ones: double. Measurements are doubles; who counts money
//!   writes `decimal(12,2)` into the schema.
//! * Days as `2015-05-17`: date. Every text form of a timestamp that is read without being told how, also among days:
//!   timestamp. Numbers since 1970 stay ints.
//! * Everything else, mixed columns and columns without values: string.
//!
//! A number with zeros or a plus sign in front (`007`, `+491`) is a name made of digits: string.

use crate::data::{DataType, calendar, text};

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u8);

const BOOLEAN: u8 = 1;
const INT: u8 = 2;
/// Whole, up to 38 digits.
const WIDE: u8 = 4;
const DOUBLE: u8 = 8;
const DATE: u8 = 16;
const TIMESTAMP: u8 = 32;

/// Most digits of a decimal.
const DIGITS_MAX: usize = 38;

/// The types that all values so far fit.
#[derive(Debug, Clone)]
pub struct Fits {
    set: Set,
    /// Values that are not null.
    pub values: usize,
    /// Some value is a number and no word such as `nan`.
    numbers: bool,
}

impl Default for Fits {
    fn default() -> Fits {
        Fits { set: Set(u8::MAX), values: 0, numbers: false }
    }
}

impl Fits {
    /// A value as text says no more than its letters do: a field of a CSV file.
    pub fn text(&mut self, value: &[u8]) {
        self.numbers |= is_number(value);
        self.add(of_text(value));
    }

    /// A JSON string: it may be a moment, but no number.
    pub fn string(&mut self, value: &str) {
        self.add(of_text(value.as_bytes()) & (DATE | TIMESTAMP));
    }

    pub fn boolean(&mut self) {
        self.add(BOOLEAN);
    }

    pub fn int(&mut self) {
        self.numbers = true;
        self.add(INT | WIDE | DOUBLE);
    }

    /// A whole number of more than 64 bits.
    pub fn wide(&mut self) {
        self.numbers = true;
        self.add(WIDE | DOUBLE);
    }

    pub fn double(&mut self) {
        self.numbers = true;
        self.add(DOUBLE);
    }

    /// A value that fits none of these types.
    pub fn other(&mut self) {
        self.add(0);
    }

    fn add(&mut self, types: u8) {
        self.values += 1;
        self.set = Set(self.set.0 & types);
    }

    pub fn ty(&self) -> DataType {
        let fits = |ty: u8| self.values > 0 && self.set.0 & ty != 0;
        match () {
            () if fits(BOOLEAN) => DataType::Boolean,
            () if fits(INT) => DataType::Int,
            () if fits(WIDE) => DataType::Decimal { precision: DIGITS_MAX as u8, scale: 0 },
            () if fits(DOUBLE) && self.numbers => DataType::Double,
            () if fits(DATE) => DataType::Date,
            () if fits(TIMESTAMP) => DataType::Timestamp,
            () => DataType::String,
        }
    }
}

/// The type that `value` alone would have.
pub fn of_value(value: &str) -> DataType {
    let mut fits = Fits::default();
    fits.text(value.as_bytes());
    fits.ty()
}

fn of_text(value: &[u8]) -> u8 {
    // Long texts are none of these, and need not be looked at.
    if value.is_empty() || value.len() > 64 {
        return 0;
    }
    if value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false") {
        return BOOLEAN;
    }
    if is_number(value) {
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        return match digits.iter().all(u8::is_ascii_digit) {
            true if text::parse_int(value).is_some() => INT | WIDE | DOUBLE,
            true if digits.len() <= DIGITS_MAX => WIDE | DOUBLE,
            _ => DOUBLE,
        };
    }
    if value.iter().all(u8::is_ascii_alphabetic) && text::parse_double(value).is_some()
        || value.strip_prefix(b"-").is_some_and(|word| word.eq_ignore_ascii_case(b"inf"))
    {
        return DOUBLE;
    }
    let date = if calendar::parse_date(value).is_some() { DATE } else { 0 };
    let timestamp = if text::parse_timestamp(value).is_some() { TIMESTAMP } else { 0 };
    date | timestamp
}

/// Digits with perhaps a minus sign, a point, an exponent; no zeros in front but one before the point.
pub fn is_number(value: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = value.strip_prefix(b"-").unwrap_or(value);
    let whole = digits(rest);
    if whole > 1 && rest[0] == b'0' {
        return false;
    }
    let mut rest = &rest[whole..];
    let mut fraction = 0;
    if let Some(behind) = rest.strip_prefix(b".") {
        fraction = digits(behind);
        rest = &behind[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            !power.is_empty() && digits(power) == power.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let mut fits = Fits::default();
        values.iter().for_each(|value| fits.text(value.as_bytes()));
        fits.ty().to_string()
    }

    #[test]
    fn columns_of_texts() {
        for (values, expect) in [
            (&[][..], "string"),
            (&["true", "FALSE"], "boolean"),
            (&["true", "1"], "string"),
            (&["1", "0"], "int"),
            (&["-12", "9223372036854775807"], "int"),
            (&["1", "9223372036854775808"], "decimal(38,0)"),
            (&["1.5", "9223372036854775808"], "double"),
            (&["1", "2.5"], "double"),
            (&["1e3", ".5", "5.", "-1.5E-7"], "double"),
            (&["1.5", "NaN", "inf", "-inf"], "double"),
            (&["nan", "nan"], "string"),
            (&["nan", "1"], "double"),
            (&["007", "12"], "string"),
            (&["0", "0.5", "-0.5"], "double"),
            (&["00.5"], "string"),
            (&["+491"], "string"),
            (&["1,5"], "string"),
            (&["0x1f"], "string"),
            (&["1e"], "string"),
            (&["."], "string"),
            (&["-"], "string"),
            (&["2015-05-17T10:05:00Z", "2015-05-17 10:05"], "timestamp"),
            (&["2015-05-17T10:05:00Z", "2015-05-17T25:05:00Z"], "string"),
            (&["2015-05-17", "2015-05-18"], "date"),
            (&["2015-05-17", "2015-05-18T10:05:00Z"], "timestamp"),
            (&["1431857100"], "int"),
            (&["a", "b"], "string"),
            (&["1", "a"], "string"),
            (&[" 1"], "string"),
        ] {
            assert_eq!(of(values), expect, "{values:?}");
        }
        assert_eq!(of(&[&"9".repeat(38)]), "decimal(38,0)");
        assert_eq!(of(&[&"9".repeat(39)]), "double");
    }
}
