//! Values to text, for all encoders: columns matched on their type once per batch.

use std::borrow::Cow;

use arrow_array::{BooleanArray, Decimal128Array, StringViewArray, TimestampMicrosecondArray};
use arrow_buffer::NullBuffer;

use super::{TimestampStyle, number};
use crate::data::{Batch, Column, map_times, text};

/// A column made ready for writing row by row.
pub struct Values<'a> {
    nulls: Option<&'a NullBuffer>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Int(&'a [i64]),
    /// Microseconds to be cut down to another unit.
    Epoch {
        values: &'a [i64],
        style: &'a TimestampStyle,
    },
    Iso {
        values: &'a [i64],
        minute: Minute,
    },
    Double(&'a [f64]),
    Decimal {
        values: &'a Decimal128Array,
        scale: u8,
    },
    Boolean(&'a BooleanArray),
    String(&'a StringViewArray),
    Json(&'a StringViewArray),
}

/// The batch with text in place of what has no loop of its own here: lists and structs as JSON, with the moments in them
/// in `style`, if that is a number.
pub fn printed<'a>(batch: &'a Batch, style: &TimestampStyle) -> Cow<'a, Batch> {
    let is_rare = |column: &Column| {
        matches!(column, Column::Bytes(_) | Column::Date(_) | Column::Interval(_)) || column.data_type().is_nested()
    };
    if !batch.columns.iter().any(is_rare) {
        return Cow::Borrowed(batch);
    }
    let print = |column: &Column| {
        if !is_rare(column) {
            return column.clone();
        }
        let counted = match style {
            TimestampStyle::Iso | TimestampStyle::Local { .. } => None,
            _ if !column.data_type().has_times() => None,
            style => Some(map_times(column, &mut |times| epochs(times, style))),
        };
        let column = counted.as_ref().unwrap_or(column);
        let mut text = Vec::new();
        let texts = (0..column.len()).map(|row| {
            text.clear();
            column.write_text(row, &mut text);
            (!column.is_null(row)).then(|| String::from_utf8_lossy(&text).into_owned())
        });
        let texts: StringViewArray = texts.collect();
        if column.data_type().is_nested() { Column::Json(texts) } else { Column::String(texts) }
    };
    Cow::Owned(batch.with_columns(batch.columns.iter().map(print).collect()))
}

/// Moments as numbers in a unit.
fn epochs(times: &TimestampMicrosecondArray, style: &TimestampStyle) -> Column {
    let number = |micros: i64| match style {
        TimestampStyle::Seconds => i128::from(micros.div_euclid(1_000_000)),
        TimestampStyle::Millis => i128::from(micros.div_euclid(1_000)),
        TimestampStyle::Nanos => i128::from(micros) * 1_000,
        _ => i128::from(micros),
    };
    // A whole number of as many digits as there may be.
    let numbers: Decimal128Array = times.iter().map(|micros| micros.map(number)).collect();
    Column::Decimal(numbers.with_precision_and_scale(38, 0).expect("38 digits are allowed"))
}

/// What a value is for a format that treats types differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Number,
    Double,
    Boolean,
    /// Text that never needs escapes.
    Instant,
    Text,
    /// Text that is JSON.
    Json,
}

impl<'a> Values<'a> {
    pub fn new(column: &'a Column, style: &'a TimestampStyle) -> Values<'a> {
        let kind = match column {
            Column::Int(a) => Kind::Int(a.values()),
            Column::Timestamp(a) if *style == TimestampStyle::Iso => {
                Kind::Iso { values: a.values(), minute: Minute::default() }
            }
            Column::Timestamp(a) => Kind::Epoch { values: a.values(), style },
            Column::Double(a) => Kind::Double(a.values()),
            Column::Decimal(a) => Kind::Decimal { values: a, scale: a.scale() as u8 },
            Column::Boolean(a) => Kind::Boolean(a),
            Column::String(a) => Kind::String(a),
            Column::Json(a) => Kind::Json(a),
            other => unreachable!("{} is printed before", other.data_type()),
        };
        Values { nulls: column.nulls().filter(|nulls| nulls.null_count() > 0), kind }
    }

    pub fn class(&self) -> Class {
        match self.kind {
            Kind::Int(_) | Kind::Epoch { .. } | Kind::Decimal { .. } => Class::Number,
            Kind::Double(_) => Class::Double,
            Kind::Boolean(_) => Class::Boolean,
            Kind::Iso { .. } => Class::Instant,
            Kind::String(_) => Class::Text,
            Kind::Json(_) => Class::Json,
        }
    }

    #[inline(always)]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// The text of row `row` if this is a column of strings or JSON and the value is not null.
    #[inline(always)]
    pub fn string(&self, row: usize) -> Option<&'a [u8]> {
        match self.kind {
            Kind::String(a) | Kind::Json(a) if !self.is_null(row) => Some(a.value(row).as_bytes()),
            _ => None,
        }
    }

    /// True where a double is NaN or infinite.
    pub fn is_not_finite(&self, row: usize) -> bool {
        matches!(self.kind, Kind::Double(values) if !values[row].is_finite())
    }
}

/// Appends the value of row `row` as text; nothing for null. Strings are copied as they are.
#[inline(always)]
pub fn write_value(column: &mut Values, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    match &mut column.kind {
        Kind::Int(values) => number::write_int(values[row], out),
        Kind::Iso { values, minute } => minute.write(values[row], out),
        Kind::Epoch { values, style } => write_epoch(values[row], style, out),
        Kind::Double(values) => text::write_double(values[row], out),
        Kind::Decimal { values, scale } => text::write_decimal(values.value(row), *scale, out),
        Kind::Boolean(a) => text::write_bool(a.value(row), out),
        Kind::String(a) | Kind::Json(a) => write_text(a.value(row).as_bytes(), out),
    }
}

/// Appends `text`, mostly without a loop or a call: its first and its last bytes in copies of a fixed size, which
/// overlap.
#[inline(always)]
pub fn write_text(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        ..4 => text.iter().for_each(|&byte| out.push(byte)),
        4..8 => overlapping::<4>(text, out),
        8..=16 => overlapping::<8>(text, out),
        17..=32 => overlapping::<16>(text, out),
        33..=64 => overlapping::<32>(text, out),
        65..=128 => overlapping::<64>(text, out),
        _ => out.extend_from_slice(text),
    }
}

/// Appends `text` of `N` to `2 N` bytes.
#[inline(always)]
fn overlapping<const N: usize>(text: &[u8], out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else {
        return out.extend_from_slice(text);
    };
    let len = out.len() + text.len() - N;
    out.reserve(2 * N);
    out.extend_from_slice(first);
    out.truncate(len);
    out.extend_from_slice(last);
}

/// Units coarser than a microsecond round towards the past.
fn write_epoch(micros: i64, style: &TimestampStyle, out: &mut Vec<u8>) {
    match style {
        TimestampStyle::Seconds => number::write_int(micros.div_euclid(1_000_000), out),
        TimestampStyle::Millis => number::write_int(micros.div_euclid(1_000), out),
        TimestampStyle::Micros | TimestampStyle::Iso | TimestampStyle::Local { .. } => number::write_int(micros, out),
        TimestampStyle::Nanos => {
            out.extend_from_slice(itoa::Buffer::new().format(i128::from(micros) * 1_000).as_bytes());
        }
    }
}

const MINUTE_US: i64 = 60_000_000;

/// The last minute written as text, because the next timestamp mostly lies in it, too.
#[derive(Default)]
struct Minute {
    start: i64,
    /// `yyyy-MM-ddTHH:mm:`; empty until the first one is written.
    text: Option<[u8; 17]>,
}

impl Minute {
    #[inline(always)]
    fn write(&mut self, micros: i64, out: &mut Vec<u8>) {
        match &self.text {
            Some(text) if (0..MINUTE_US).contains(&micros.wrapping_sub(self.start)) => {
                let within = (micros - self.start) as u32;
                let (second, fraction) = (within / 1_000_000, within % 1_000_000);
                // 17 bytes of minute, 2 of seconds, up to 7 of fraction, Z: the longest is 27.
                let mut line = [0u8; 27];
                line[..17].copy_from_slice(text);
                two_digits(&mut line, 17, second);
                let len = if fraction == 0 {
                    19
                } else {
                    line[19] = b'.';
                    two_digits(&mut line, 20, fraction / 10_000);
                    two_digits(&mut line, 22, fraction / 100 % 100);
                    two_digits(&mut line, 24, fraction % 100);
                    if fraction % 1000 == 0 { 23 } else { 26 }
                };
                line[len] = b'Z';
                out.extend_from_slice(&line[..len + 1]);
            }
            _ => self.remember(micros, out),
        }
    }

    #[inline(never)]
    fn remember(&mut self, micros: i64, out: &mut Vec<u8>) {
        let start = out.len();
        text::write_timestamp(micros, out);
        let written = &out[start..];
        // Years outside 0 to 9999 are longer, and have no `-` there.
        self.text = (written[4] == b'-').then(|| written[..17].try_into().expect("17 bytes"));
        // The first minute of all begins too early; its year is one of those.
        self.start = micros.saturating_sub(micros.rem_euclid(MINUTE_US));
    }
}

#[inline(always)]
fn two_digits(line: &mut [u8; 27], at: usize, value: u32) {
    line[at] = b'0' + (value / 10) as u8;
    line[at + 1] = b'0' + (value % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_of_far_years_are_not_taken_for_hours() {
        let far = 253_402_300_800_000_000;
        for first in [i64::MIN, far, 0, -1, far - 1, i64::MAX - 9, -62_167_219_200_000_001] {
            let mut minute = Minute::default();
            for micros in [first, first + 1, first.saturating_add(5_000_000)] {
                let (mut out, mut plain) = (Vec::new(), Vec::new());
                minute.write(micros, &mut out);
                text::write_timestamp(micros, &mut plain);
                assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&plain));
            }
        }
    }

    #[test]
    fn texts_of_any_length_are_copied() {
        let all: Vec<u8> = (0..=200).collect();
        for len in 0..200 {
            let mut out = b"x".to_vec();
            write_text(&all[..len], &mut out);
            assert_eq!(out, [b"x", &all[..len]].concat());
        }
    }
}
