//! Numbers in the short forms that nearly all input has; everything else goes to [`crate::data::text`].
//!
//! Digits are read and written eight at a time, without a loop whose end has to be guessed.

use crate::data::text;

/// An integer at `start..end` of `base`: `None` if it is not one or does not fit 64 bits.
#[inline(always)]
pub fn int(base: &[u8], start: usize, end: usize) -> Option<i64> {
    let len = end.wrapping_sub(start);
    if len.wrapping_sub(1) < 8 {
        if let Some(word) = word_at(base, start) {
            let value = digits(word, len);
            if value.is_some() {
                return value;
            }
        }
    } else if len.wrapping_sub(1) < 16
        && let (Some(head), Some(tail)) = (word_at(base, start), word_at(base, end - 8))
        && let (Some(head), Some(tail)) = (digits(head, len - 8), digits(tail, 8))
    {
        return Some(head * 100_000_000 + tail);
    }
    text::parse_int(&base[start..end])
}

#[inline(always)]
fn word_at(base: &[u8], at: usize) -> Option<u64> {
    let bytes = base.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().expect("a slice of eight bytes")))
}

/// The value of the first `len` (1 to 8) bytes of `word`, if they are digits.
#[inline(always)]
fn digits(word: u64, len: usize) -> Option<i64> {
    // Shifting fills up with zeros in front: in a little-endian word the first byte is the lowest.
    let values = (word ^ 0x3030_3030_3030_3030) << (64 - 8 * len as u32);
    (ends(values) == 0).then(|| eight(values))
}

/// The number that eight bytes of 0 to 9 spell.
///
/// Digits are added up in pairs, then fours, then eights, all lanes at once. Source: Daniel Lemire, "Quickly
/// parsing eight digits".
#[inline(always)]
fn eight(values: u64) -> i64 {
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32) as i64
}

/// How many digits `bytes` begins with, and their value, if they are 1 to 16.
#[inline(always)]
pub fn leading_digits(bytes: &[u8; 16]) -> (usize, i64) {
    let word = u128::from_le_bytes(*bytes) ^ u128::from_le_bytes([b'0'; 16]);
    let low = ends(word as u64);
    let high = ends((word >> 64) as u64);
    let len = if low != 0 { low.trailing_zeros() / 8 } else { 8 + high.trailing_zeros() / 8 };
    // Shifted so that the last digit is the highest byte; zeros fill up in front.
    let digits = word << ((128 - 8 * len) & 127);
    (len as usize, eight(digits as u64) * 100_000_000 + eight((digits >> 64) as u64))
}

/// The top bit of the first byte above 9 is set, those of bytes before it are not. Bytes behind it may be wrong.
#[inline(always)]
pub fn ends(word: u64) -> u64 {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}

/// Appends an integer.
#[inline(always)]
pub fn write_int(value: i64, out: &mut Vec<u8>) {
    const EIGHT: u64 = 100_000_000;
    let mut rest = value.unsigned_abs();
    if rest >= EIGHT * EIGHT {
        return text::write_int(value, out);
    }
    if value < 0 {
        out.push(b'-');
    }
    let long = rest >= EIGHT;
    let tail = rest % EIGHT;
    if long {
        rest /= EIGHT;
    }
    // All eight digits are written, those that count in front, and then the others are cut off.
    let digits = spelled(rest);
    let zeros = (digits.trailing_zeros() / 8).min(7);
    let len = out.len() + 8 - zeros as usize;
    out.extend_from_slice(&((digits | ASCII) >> (8 * zeros)).to_le_bytes());
    out.truncate(len);
    if long {
        out.extend_from_slice(&(spelled(tail) | ASCII).to_le_bytes());
    }
}

const ASCII: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, one a byte, the first one lowest: [`eight`] backwards.
#[inline(always)]
fn spelled(value: u64) -> u64 {
    // In lanes of 32, 16 and 8 bits; the divisions by 100 and 10 are exact for what a lane holds.
    let fours = value / 10_000 | (value % 10_000) << 32;
    let hundreds = fours.wrapping_mul(10_486) >> 20 & 0x0000_007F_0000_007F;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = twos.wrapping_mul(103) >> 10 & 0x000F_000F_000F_000F;
    tens | (twos - 10 * tens) << 8
}

/// A double. `1234.5` needs one exact division; anything longer is left to the library.
#[inline]
pub fn double(bytes: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if rest.len() > 16 || rest.is_empty() {
        return text::parse_double(bytes);
    }
    let (mut value, mut point) = (0u64, rest.len());
    for (i, &byte) in rest.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
        } else if byte == b'.' && point == rest.len() {
            point = i;
        } else {
            return text::parse_double(bytes);
        }
    }
    let places = rest.len() - point;
    let digits = rest.len() - usize::from(places > 0);
    if digits == 0 || digits > 15 {
        return text::parse_double(bytes);
    }
    // Both sides of the division are exact doubles, so the result is the nearest one (Clinger's fast path).
    let value = value as f64 / TENS[places.saturating_sub(1)];
    Some(if negative { -value } else { value })
}

/// Digits with an optional sign, at least one.
pub fn is_digits(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").or(bytes.strip_prefix(b"+")).unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Whether text that is known to be a number is written as JSON allows it: no plus sign, no zeros in front, digits
/// on both sides of the point, no words such as `inf`.
#[inline]
pub fn is_json(number: &[u8]) -> bool {
    let rest = number.strip_prefix(b"-").unwrap_or(number);
    match rest {
        [b'1'..=b'9', ..] => {}
        [b'0'] | [b'0', b'.' | b'e' | b'E', ..] => {}
        _ => return false,
    }
    match rest.iter().position(|&b| b == b'.') {
        None => true,
        Some(point) => rest.get(point + 1).is_some_and(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_are_those_of_the_library() {
        for text in ["0", "-0", "1.5", ".5", "5.", "-1.25", "123456789012345", "1234567890.12345", "1e3", "inf", "."] {
            assert_eq!(double(text.as_bytes()).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
        }
        for text in ["", "-", "1.2.3", "abc", "+", "1,5"] {
            assert_eq!(double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn json_numbers() {
        for text in ["0", "-0", "10", "0.5", "1e3", "0e1", "-1.5E-3"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for text in ["", "+1", "01", ".5", "5.", "-", "inf", "1.e3", "NaN"] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ints_are_those_of_the_plain_loop(text in "[-+]?[0-9]{0,21}[a-z/:.,]?[0-9]{0,3}", pad in "[0-9a-z]{0,20}", at in 0usize..20) {
            let base = format!("{}{text}{pad}", "9".repeat(at));
            prop_assert_eq!(int(base.as_bytes(), at, at + text.len()), text::parse_int(text.as_bytes()));
        }

        #[test]
        fn ints_are_written_as_the_library_does(value in any::<i64>(), shift in 0u32..64) {
            for value in [value >> shift, i64::MIN, 0, 9_999, 10_000, 99_999_999, 100_000_000, -(10i64.pow(16)), 10i64.pow(16) - 1] {
                let mut out = b"x".to_vec();
                write_int(value, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), format!("x{value}"));
            }
        }

        #[test]
        fn doubles_as_the_library(text in "-?[0-9]{0,12}[.]?[0-9]{0,12}") {
            prop_assert_eq!(double(text.as_bytes()).map(f64::to_bits), text.parse().ok().map(f64::to_bits));
        }
    }
}
