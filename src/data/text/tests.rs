//! Text forms against tables, jiff and std.

use super::*;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn timestamps_read() {
    let cases: &[(&str, Option<&str>)] = &[
        ("2015-05-17T10:05:00Z", Some("2015-05-17T10:05:00Z")),
        ("2015-05-17t10:05:00z", Some("2015-05-17T10:05:00Z")),
        ("2015-05-17T10:05:00+01:00", Some("2015-05-17T09:05:00Z")),
        ("2015-05-17T10:05:00-0130", Some("2015-05-17T11:35:00Z")),
        ("2015-05-17 10:05:00+02", Some("2015-05-17T08:05:00Z")),
        ("2015-05-17 10:05:00.5", Some("2015-05-17T10:05:00.500Z")),
        ("2015-05-17 10:05:00.123456789Z", Some("2015-05-17T10:05:00.123456Z")),
        ("2015-05-17 10:05", Some("2015-05-17T10:05:00Z")),
        ("2015-05-17T10:05Z", Some("2015-05-17T10:05:00Z")),
        ("2015-05-17", Some("2015-05-17T00:00:00Z")),
        ("2016-02-29", Some("2016-02-29T00:00:00Z")),
        ("2000-02-29", Some("2000-02-29T00:00:00Z")),
        ("1969-12-31T23:59:59.999999Z", Some("1969-12-31T23:59:59.999999Z")),
        ("0000-01-01", Some("0000-01-01T00:00:00Z")),
        ("-000001-01-01", Some("-000001-01-01T00:00:00Z")),
        ("+012345-01-01T00:00:00Z", Some("+012345-01-01T00:00:00Z")),
        ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
        ("2015-02-29", None),
        ("1900-02-29", None),
        ("2015-13-01", None),
        ("2015-00-01", None),
        ("2015-01-32", None),
        ("2015-05-17T24:00:00Z", None),
        ("2015-05-17T10:60:00Z", None),
        ("2015-05-17T10:05:61Z", None),
        ("2015-05-17T10:05:00.Z", None),
        ("2015-05-17T10:05:00.1234567890Z", None),
        ("2015-05-17T10:05:00+24:00", None),
        ("2015-05-17T10:05:00 Z", None),
        ("2015-05-17T10:05:00Zx", None),
        ("2015-05-17x10:05:00", None),
        ("2015-05-17T", None),
        ("2015-5-17", None),
        ("", None),
        ("+", None),
        ("now", None),
    ];
    for (text, expected) in cases {
        let got = parse_timestamp(text.as_bytes()).map(|t| written(|o| write_timestamp(t, o)));
        assert_eq!(got.as_deref(), *expected, "{text}");
    }
}

#[test]
fn decimals_read() {
    use DecimalError::*;
    let cases: &[(&str, u8, u8, Result<i128, DecimalError>)] = &[
        ("1.5", 12, 2, Ok(150)),
        ("-0.05", 12, 2, Ok(-5)),
        ("+7", 12, 2, Ok(700)),
        ("7.", 12, 2, Ok(700)),
        (".5", 12, 2, Ok(50)),
        ("1.500000000000000000000000000000000000000000", 12, 2, Ok(150)),
        ("000000000000000000000000000000000000000000001", 12, 2, Ok(100)),
        ("1.5e3", 12, 2, Ok(150_000)),
        ("12300e-4", 12, 2, Ok(123)),
        ("0e99999999999999999999", 12, 2, Ok(0)),
        ("1.234", 12, 2, Err(TooPrecise)),
        ("1e-3", 12, 2, Err(TooPrecise)),
        ("99999999999", 12, 2, Err(TooLarge)),
        ("1e99999999999999999999", 12, 2, Err(TooLarge)),
        ("99999999999999999999999999999999999999", 38, 0, Ok(POWERS_OF_TEN[38] - 1)),
        ("100000000000000000000000000000000000000", 38, 0, Err(TooLarge)),
        ("9999999999999999999999999999999999999999999", 38, 0, Err(TooLarge)),
        ("999999999999999999", 38, 38, Err(TooLarge)),
        ("", 12, 2, Err(Syntax)),
        (".", 12, 2, Err(Syntax)),
        ("-", 12, 2, Err(Syntax)),
        ("1.2.3", 12, 2, Err(Syntax)),
        ("1e", 12, 2, Err(Syntax)),
        ("1,5", 12, 2, Err(Syntax)),
        (" 1", 12, 2, Err(Syntax)),
    ];
    for (text, precision, scale, expected) in cases {
        assert_eq!(parse_decimal(text.as_bytes(), *precision, *scale), *expected, "{text}");
    }
}

#[test]
fn values_written() {
    assert_eq!(written(|o| write_decimal(-5, 2, o)), "-0.05");
    assert_eq!(written(|o| write_decimal(12345, 2, o)), "123.45");
    assert_eq!(written(|o| write_decimal(0, 3, o)), "0.000");
    assert_eq!(written(|o| write_decimal(-7, 0, o)), "-7");
    assert_eq!(written(|o| write_decimal(10i128.pow(30), 2, o)), "10000000000000000000000000000.00");
    assert_eq!(written(|o| write_double(1.0, o)), "1.0");
    assert_eq!(written(|o| write_double(0.1, o)), "0.1");
    assert_eq!(written(|o| write_double(f64::NAN, o)), "NaN");
    assert_eq!(written(|o| write_double(f64::NEG_INFINITY, o)), "-inf");
    assert_eq!(written(|o| write_int(i64::MIN, o)), "-9223372036854775808");
    assert_eq!(written(|o| write_bool(true, o)), "true");
}

#[test]
fn scalars_read() {
    assert_eq!(parse_int(b"-9223372036854775808"), Some(i64::MIN));
    assert_eq!(parse_int(b"9223372036854775808"), None);
    assert_eq!(parse_int(b"+12"), Some(12));
    for bad in ["", "-", "1.0", "1a", "0x1", " 1", "12345678901234567890123"] {
        assert_eq!(parse_int(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(parse_bool(b"TRUE"), Some(true));
    assert_eq!(parse_bool(b"0"), Some(false));
    assert_eq!(parse_bool(b"t"), None);
    assert_eq!(parse_double(b"1e3"), Some(1000.0));
    assert_eq!(parse_double(b"\xff"), None);
}

proptest! {
    #[test]
    fn timestamps_agree_with_jiff(micros in -62_135_596_800_000_000i64..253_402_207_200_000_000) {
        let text = written(|o| write_timestamp(micros, o));
        prop_assert_eq!(parse_timestamp(text.as_bytes()), Some(micros));
        let theirs: jiff::Timestamp = text.parse().unwrap();
        prop_assert_eq!(theirs.as_microsecond(), micros);
    }

    #[test]
    fn every_timestamp_round_trips(micros: i64) {
        let text = written(|o| write_timestamp(micros, o));
        prop_assert_eq!(parse_timestamp(text.as_bytes()), Some(micros), "{}", text);
    }

    #[test]
    fn dates_agree_with_jiff(text in "(19|20|00)[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,6})?)?") {
        let theirs = text.parse::<jiff::civil::DateTime>().ok()
            .map(|d| d.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond());
        prop_assert_eq!(parse_timestamp(text.as_bytes()), theirs);
    }

    #[test]
    fn any_bytes_are_only_refused(bytes in proptest::collection::vec(proptest::sample::select(b"0123456789+-.:eTZ ".to_vec()), 0..32)) {
        parse_timestamp(&bytes);
        parse_int(&bytes);
        let _ = parse_decimal(&bytes, 12, 2);
    }

    #[test]
    fn decimals_round_trip(value in -POWERS_OF_TEN[38] + 1..POWERS_OF_TEN[38], scale in 0u8..=38) {
        let text = written(|o| write_decimal(value, scale, o));
        prop_assert_eq!(parse_decimal(text.as_bytes(), 38, scale), Ok(value));
    }

    #[test]
    fn ints_agree_with_std(text in "[+-]?[0-9]{1,20}") {
        prop_assert_eq!(parse_int(text.as_bytes()), text.parse().ok());
    }

    #[test]
    fn doubles_round_trip(value: f64) {
        let text = written(|o| write_double(value, o));
        prop_assert_eq!(parse_double(text.as_bytes()), Some(value));
    }
}
