//! Text forms of single values, shared by decoders, encoders and casts.
//!
//! Parsers take the whole text, without surrounding spaces, and never allocate; writers append to `out`. What
//! is written is read back to the same value. Columns and formats are not known here.

/// Text is not a value of the type, or the value does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a number at all.
    Syntax,
    /// More digits behind the point than `scale`, and they are not zeros.
    TooPrecise,
    /// More digits in all than `precision`.
    TooLarge,
}

impl DecimalError {
    /// The end of a sentence such as `'1.234' ... for decimal(4,2)`.
    pub fn reason(self) -> &'static str {
        match self {
            DecimalError::Syntax => "is not a number",
            DecimalError::TooPrecise => "has too many digits behind the point",
            DecimalError::TooLarge => "is too large",
        }
    }
}

/// 10^n for n up to 38.
pub const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut n = 1;
    while n < 39 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

const DAY_SECONDS: i64 = 86_400;
const SECOND_US: i64 = 1_000_000;

// ---- integers, doubles, booleans ----

/// Digits with an optional sign; `None` if it is not that or does not fit 64 bits.
#[inline]
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    if digits.len() <= 18 {
        // 18 digits always fit; a bad byte is noticed once at the end.
        let (mut value, mut bad) = (0i64, false);
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            bad |= digit > 9;
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        return (!bad).then_some(if negative { -value } else { value });
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        // Negative numbers reach one further, so they are built downwards.
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// A number as Rust reads it: `1`, `-1.5`, `.5`, `1e10`, `NaN`, `inf`, `infinity` (any case).
#[inline]
pub fn parse_double(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `true`, `false` (any case), `1` or `0`.
#[inline]
pub fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

#[inline]
pub fn write_int(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest text that is read back as the same number; whole numbers as `1.0`; `NaN`, `inf`, `-inf`.
#[inline]
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
}

#[inline]
pub fn write_bool(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

#[inline]
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

// ---- decimals ----

/// The unscaled value of a decimal, exactly: `1.5` with scale 2 is 150. Exponents are read (`1.5e3`).
#[inline]
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, DecimalError> {
    let (negative, digits) = split_sign(text);
    // The usual case: up to 18 digits, at most `scale` of them behind the point, no exponent.
    if digits.len() <= 18 && !digits.is_empty() {
        let (mut value, mut point, mut bad) = (0u64, usize::MAX, false);
        for (i, &byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                value = value * 10 + u64::from(digit);
            } else if byte == b'.' && point == usize::MAX {
                point = i;
            } else {
                bad = true;
                break;
            }
        }
        let fraction = if point == usize::MAX { 0 } else { digits.len() - 1 - point };
        let only_point = digits.len() == 1 && point == 0;
        if !bad && !only_point && fraction <= usize::from(scale) {
            let value = i128::from(value).checked_mul(POWERS_OF_TEN[usize::from(scale) - fraction]);
            return fit(value, negative, precision);
        }
    }
    parse_decimal_slow(negative, digits, precision, scale)
}

fn parse_decimal_slow(negative: bool, digits: &[u8], precision: u8, scale: u8) -> Result<i128, DecimalError> {
    let (mantissa, exponent) = match digits.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&digits[..at], parse_exponent(&digits[at + 1..])?),
        None => (digits, 0),
    };
    let mut value = 0i128;
    // Zeros are held back until another digit follows: trailing ones cost no precision.
    let mut zeros = 0usize;
    let (mut point, mut places, mut any) = (false, 0i64, false);
    for &byte in mantissa {
        let digit = byte.wrapping_sub(b'0');
        match byte {
            b'.' if !point => point = true,
            b'0' => {
                (any, zeros) = (true, zeros + 1);
                places += i64::from(point);
            }
            _ if digit <= 9 => {
                any = true;
                places += i64::from(point);
                value = if value == 0 { Some(0) } else { scale_up(value, zeros + 1) }
                    .and_then(|v| v.checked_add(i128::from(digit)))
                    .ok_or(if point { DecimalError::TooPrecise } else { DecimalError::TooLarge })?;
                zeros = 0;
            }
            _ => return Err(DecimalError::Syntax),
        }
    }
    if !any {
        return Err(DecimalError::Syntax);
    }
    if value == 0 {
        return Ok(0);
    }
    let shift = exponent + zeros as i64 - places + i64::from(scale);
    if shift >= 0 {
        return fit(scale_up(value, shift as usize), negative, precision);
    }
    Err(DecimalError::TooPrecise)
}

/// The exponent, bounded so that sums with it cannot overflow.
fn parse_exponent(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    let value = digits.iter().fold(0i64, |v, b| (v * 10 + i64::from(b - b'0')).min(1 << 40));
    Ok(if negative { -value } else { value })
}

fn scale_up(value: i128, digits: usize) -> Option<i128> {
    value.checked_mul(*POWERS_OF_TEN.get(digits)?)
}

#[inline]
fn fit(value: Option<i128>, negative: bool, precision: u8) -> Result<i128, DecimalError> {
    match value {
        Some(value) if value < POWERS_OF_TEN[usize::from(precision)] => Ok(if negative { -value } else { value }),
        _ => Err(DecimalError::TooLarge),
    }
}

/// Writes an unscaled value with all of its `scale` digits behind the point.
#[inline]
pub fn write_decimal(value: i128, scale: u8, out: &mut Vec<u8>) {
    let scale = usize::from(scale);
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    }
    .as_bytes();
    if scale == 0 {
        return out.extend_from_slice(digits);
    }
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

// ---- timestamps ----

/// Microseconds since 1970 UTC of an RFC 3339 or ISO 8601 date and time.
///
/// `2015-05-17`, then, behind `T` or a space, `10:05`, `10:05:00` or `10:05:00.123456789` (what is below a
/// microsecond is cut), then nothing (UTC), `Z`, `+01`, `+0100` or `+01:00`. Years are four digits, or a sign and
/// six. A leap second `:60` counts as `:59`, as jiff does.
#[inline]
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    // Byte for byte `yyyy-MM-dd?HH:mm:ss`, by far the most frequent beginning.
    if let Some(&head) = text.first_chunk::<19>()
        && head[4] == b'-'
        && head[13] == b':'
        && head[16] == b':'
    {
        let days = date(&head[..10])?;
        let time = clock(&head[11..])?;
        if !matches!(head[10], b'T' | b' ' | b't') {
            return None;
        }
        return fraction_and_offset(days, time, &text[19..]);
    }
    parse_timestamp_slow(text)
}

fn parse_timestamp_slow(text: &[u8]) -> Option<i64> {
    let date_len = if matches!(text.first()?, b'+' | b'-') { 13 } else { 10 };
    let days = date(text.get(..date_len)?)?;
    let rest = &text[date_len..];
    match rest.first() {
        None => return from_parts(days, 0, 0),
        Some(b'T' | b' ' | b't') => {}
        Some(_) => return None,
    }
    let rest = &rest[1..];
    match rest.get(5) {
        Some(b':') => fraction_and_offset(days, clock(rest.get(..8)?)?, &rest[8..]),
        _ => {
            let mut text = *b"00:00:00";
            text[..5].copy_from_slice(rest.get(..5)?);
            offset(&rest[5..]).and_then(|o| from_parts(days, clock(&text)? - o, 0))
        }
    }
}

/// Days since 1970 of `yyyy-MM-dd` or `+yyyyyy-MM-dd`.
#[inline]
fn date(text: &[u8]) -> Option<i64> {
    let (year, rest) = text.split_at(text.len() - 6);
    let year = match year {
        [sign @ (b'+' | b'-'), digits @ ..] => {
            let year = i64::from(number(digits)?);
            if *sign == b'-' { -year } else { year }
        }
        digits => i64::from(number(digits)?),
    };
    if rest[0] != b'-' || rest[3] != b'-' {
        return None;
    }
    let (month, day) = (number(&rest[1..3])?, number(&rest[4..6])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

/// Seconds of the day of `HH:mm:ss`.
#[inline]
fn clock(text: &[u8]) -> Option<i64> {
    let (hour, minute, second) = (number(&text[..2])?, number(&text[3..5])?, number(&text[6..8])?);
    if text[2] != b':' || text[5] != b':' || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(i64::from(hour * 3600 + minute * 60 + second.min(59)))
}

/// A few digits, each of them checked.
#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    let (mut value, mut bad) = (0u32, false);
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        bad |= digit > 9;
        value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
    }
    (!bad).then_some(value)
}

#[inline]
fn fraction_and_offset(days: i64, time: i64, rest: &[u8]) -> Option<i64> {
    match rest {
        [] | [b'Z'] => from_parts(days, time, 0),
        [b'.' | b',', fraction @ ..] => {
            let len = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if len == 0 || len > 9 {
                return None;
            }
            let mut micros = 0i64;
            for place in 0..6 {
                micros = micros * 10 + fraction[..len].get(place).map_or(0, |b| i64::from(b - b'0'));
            }
            from_parts(days, time - offset(&fraction[len..])?, micros)
        }
        other => from_parts(days, time - offset(other)?, 0),
    }
}

/// Seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match *text {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b] => (sign, [a, b], [b'0', b'0']),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, [a, b], [c, d]),
        _ => return None,
    };
    let (hour, minute) = (number(&hour)?, number(&minute)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60);
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[inline]
fn from_parts(days: i64, seconds: i64, micros: i64) -> Option<i64> {
    let seconds = days * DAY_SECONDS + seconds;
    match seconds.checked_mul(SECOND_US) {
        Some(start) => start.checked_add(micros),
        // The first second of all has a start that is too early, but moments that are not.
        None => (seconds + 1).checked_mul(SECOND_US)?.checked_add(micros - SECOND_US),
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, 1 to 12, of the proleptic Gregorian calendar.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
#[inline]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day since 1970-01-01. Source: as [`days_from_civil`].
#[inline]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// As [`write_timestamp`].
pub fn timestamp_text(micros: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(micros, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// `2015-05-17T10:05:00Z`, with 3 or 6 decimals if the value has them. Years outside 0 to 9999 have a sign and
/// six digits.
#[inline]
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(SECOND_US);
    let fraction = micros.rem_euclid(SECOND_US) as u32;
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
    let second_of_day = seconds.rem_euclid(DAY_SECONDS) as u32;

    let mut text = *b"0000-00-00T00:00:00";
    let mut put = |at: usize, value: u32| {
        text[at] = b'0' + (value / 10) as u8;
        text[at + 1] = b'0' + (value % 10) as u8;
    };
    let short_year = year.rem_euclid(10_000) as u32;
    put(0, short_year / 100);
    put(2, short_year % 100);
    put(5, month);
    put(8, day);
    put(11, second_of_day / 3600);
    put(14, second_of_day / 60 % 60);
    put(17, second_of_day % 60);
    if (0..=9999).contains(&year) {
        out.extend_from_slice(&text);
    } else {
        out.extend_from_slice(format!("{year:+07}").as_bytes());
        out.extend_from_slice(&text[4..]);
    }
    if fraction != 0 {
        let (value, digits) = if fraction.is_multiple_of(1000) { (fraction / 1000, 3) } else { (fraction, 6) };
        let mut text = *b".000000";
        let mut rest = value;
        for place in (1..=digits).rev() {
            text[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out.extend_from_slice(&text[..=digits]);
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests;
