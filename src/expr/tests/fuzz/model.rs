//! Arithmetic, comparison and casts of numbers beside a model of a few lines: each pair of values, exactly.

use std::cmp::Ordering;

use arrow_buffer::i256;

use super::super::super::{parse, resolve};
use super::values::{DOUBLES, INTS, texts};
use crate::data::{Batch, Column, ColumnBuilder, DataType, Schema};

#[derive(Debug, Clone, Copy)]
enum Number {
    /// Unscaled, and how many of its digits stand behind the point.
    Exact(i256, u32),
    Double(f64),
}
use Number::{Double, Exact};

fn power(exponent: u32) -> i256 {
    (0..exponent).fold(i256::ONE, |power, _| power * i256::from_i128(10))
}

fn read(text: &str, ty: DataType) -> Number {
    match ty {
        DataType::Int => Exact(i256::from_i128(text.parse().unwrap()), 0),
        DataType::Double => Double(text.parse().unwrap()),
        DataType::Decimal { scale, .. } => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let zeros = "0".repeat(usize::from(scale) - fraction.len());
            Exact(i256::from_string(&format!("{whole}{fraction}{zeros}")).unwrap(), u32::from(scale))
        }
        other => panic!("{other}"),
    }
}

fn double(number: Number) -> f64 {
    match number {
        Double(v) => v,
        Exact(v, scale) => v.to_i128().unwrap() as f64 / 10f64.powi(scale as i32),
    }
}

/// Rounded half away from zero.
fn divided(a: i256, b: i256) -> i256 {
    let (quotient, rest) = (a.wrapping_div(b), a.wrapping_rem(b));
    let up = rest.wrapping_abs() * i256::from_i128(2) >= b.wrapping_abs();
    let away = if (a < i256::ZERO) == (b < i256::ZERO) { i256::ONE } else { i256::MINUS_ONE };
    if up { quotient + away } else { quotient }
}

/// `None`: it fails.
fn calculated(op: &str, a: Number, b: Number, ints: bool) -> Option<Number> {
    let (Exact(a, s), Exact(b, t)) = (a, b) else {
        let (a, b) = (double(a), double(b));
        return Some(Double(match op {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            _ if b == 0.0 => return None,
            "/" => a / b,
            _ => a % b,
        }));
    };
    let scale = s.max(t);
    let (x, y) = (a * power(scale - s), b * power(scale - t));
    let (value, scale) = match op {
        "+" => (x + y, scale),
        "-" => (x - y, scale),
        "*" => (a * b, s + t),
        _ if b == i256::ZERO => return None,
        "%" => (x.wrapping_rem(y), scale),
        _ if ints => (a.wrapping_div(b), 0),
        _ => (divided(x * power(scale.max(6)), y), scale.max(6)),
    };
    let most = if ints { i256::from_i128(i64::MAX.into()) } else { power(38) - i256::ONE };
    let least = if ints { i256::from_i128(i64::MIN.into()) } else { -most };
    (least <= value && value <= most).then_some(Exact(value, scale))
}

fn compared(a: Number, b: Number) -> Ordering {
    match (a, b) {
        (Exact(a, s), Exact(b, t)) => (a * power(t.max(s) - s)).cmp(&(b * power(t.max(s) - t))),
        // NaN is greater than anything and equals itself; -0.0 is 0.0.
        _ => match (double(a), double(b)) {
            (a, b) if a.is_nan() || b.is_nan() => a.is_nan().cmp(&b.is_nan()),
            (a, b) => a.partial_cmp(&b).unwrap(),
        },
    }
}

/// The value of a row, or `None` if the expression fails on it.
fn evaluated(text: &str, columns: &[(&str, DataType, &[&str])]) -> Vec<Option<String>> {
    let schema = Schema::new(columns.iter().map(|(name, ty, _)| (*name, *ty)));
    let rows = columns[0].2.len();
    let column = |(_, ty, texts): &(&str, DataType, &[&str])| {
        let mut builder = ColumnBuilder::new(*ty, rows);
        texts.iter().for_each(|text| builder.append_text(text).unwrap());
        builder.finish()
    };
    let batch = Batch::new(columns.iter().map(column).collect(), rows);
    let tried = resolve(&parse(&format!("TRY({text})")).unwrap(), &schema).unwrap().eval(&batch).unwrap();
    let failed = resolve(&parse(text).unwrap(), &schema).unwrap().faults(&batch);
    let nulls: Vec<usize> = (0..rows).filter(|row| tried.is_null(*row)).collect();
    assert_eq!(failed.iter().map(|(row, _)| *row).collect::<Vec<_>>(), nulls, "{text}");
    (0..rows).map(|row| (!tried.is_null(row)).then(|| shown(&tried, row))).collect()
}

fn shown(column: &Column, row: usize) -> String {
    let mut text = Vec::new();
    column.write_text(row, &mut text);
    String::from_utf8(text).unwrap()
}

fn types() -> [(DataType, &'static [&'static str]); 4] {
    let short = DataType::Decimal { precision: 12, scale: 2 };
    let long = DataType::Decimal { precision: 38, scale: 10 };
    [(DataType::Int, &INTS), (DataType::Double, &DOUBLES), (short, texts(short)), (long, texts(long))]
}

/// All pairs of values of two types.
fn pairs(mut see: impl FnMut(DataType, &[&str], DataType, &[&str])) {
    for (left, xs) in types() {
        for (right, ys) in types() {
            let all = xs.iter().flat_map(|x| ys.iter().map(move |y| (*x, *y)));
            let (a, b): (Vec<&str>, Vec<&str>) = all.unzip();
            see(left, &a, right, &b);
        }
    }
}

#[test]
fn arithmetic() {
    pairs(|left, a, right, b| {
        let ints = left == DataType::Int && right == DataType::Int;
        for op in ["+", "-", "*", "/", "%"] {
            let text = format!("x {op} y");
            let found = evaluated(&text, &[("x", left, a), ("y", right, b)]);
            for ((found, x), y) in found.iter().zip(a).zip(b) {
                let expected = calculated(op, read(x, left), read(y, right), ints);
                let same = match (found, expected) {
                    (None, None) => true,
                    (Some(found), Some(Double(expected))) => {
                        let found: f64 = found.parse().unwrap();
                        found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
                    }
                    (Some(found), Some(Exact(expected, scale))) => {
                        let ty = DataType::Decimal { precision: 38, scale: scale as u8 };
                        let Exact(found, _) = read(found, ty) else { unreachable!() };
                        found == expected
                    }
                    _ => false,
                };
                assert!(same, "{left} {x} {op} {right} {y} is {found:?}, not {expected:?}");
            }
        }
    });
}

#[test]
fn comparison() {
    pairs(|left, a, right, b| {
        for (op, holds) in [
            ("=", Ordering::is_eq as fn(Ordering) -> bool),
            ("<>", Ordering::is_ne),
            ("<", Ordering::is_lt),
            ("<=", Ordering::is_le),
            (">", Ordering::is_gt),
            (">=", Ordering::is_ge),
            ("IS DISTINCT FROM", Ordering::is_ne),
        ] {
            let found = evaluated(&format!("x {op} y"), &[("x", left, a), ("y", right, b)]);
            for ((found, x), y) in found.iter().zip(a).zip(b) {
                let expected = holds(compared(read(x, left), read(y, right)));
                assert_eq!(
                    found.as_deref(),
                    Some(if expected { "true" } else { "false" }),
                    "{left} {x} {op} {right} {y}"
                );
            }
        }
    });
}

#[test]
fn casts() {
    let targets = [(38, 0), (38, 10), (12, 2), (5, 2), (3, 3), (1, 0)]
        .map(|(precision, scale)| DataType::Decimal { precision, scale });
    for (from, values) in types() {
        for to in [DataType::Int, DataType::Double].into_iter().chain(targets) {
            let found = evaluated(&format!("CAST(x AS {to})"), &[("x", from, values)]);
            for (found, text) in found.iter().zip(values) {
                let expected = match (read(text, from), to) {
                    (number, DataType::Double) => Some(format!("{:?}", double(number))),
                    // Cut, not rounded.
                    (Exact(v, s), DataType::Int) => {
                        v.wrapping_div(power(s)).to_i128().and_then(|v| i64::try_from(v).ok()).map(|v| v.to_string())
                    }
                    (Double(v), DataType::Int) => {
                        (v >= -(2f64.powi(63)) && v < 2f64.powi(63)).then(|| (v.trunc() as i64).to_string())
                    }
                    (Exact(v, s), DataType::Decimal { precision, scale }) => {
                        let scaled = divided(v * power(u32::from(scale)), power(s));
                        (scaled.wrapping_abs() < power(u32::from(precision))).then(|| scaled.to_string())
                    }
                    (Double(v), DataType::Decimal { precision, scale }) => {
                        let scaled = (v * 10f64.powi(i32::from(scale))).round();
                        let fits = scaled.is_finite() && scaled.abs() < 10f64.powi(i32::from(precision));
                        fits.then(|| (scaled as i128).to_string())
                    }
                    _ => unreachable!("{to} is none of them"),
                };
                let found = found.as_ref().map(|found| match to {
                    DataType::Decimal { .. } => match read(found, to) {
                        Exact(v, _) => v.to_string(),
                        Double(_) => unreachable!("it is exact"),
                    },
                    DataType::Double => format!("{:?}", found.parse::<f64>().unwrap()),
                    _ => found.clone(),
                });
                assert_eq!(found, expected, "{from} {text} as {to}");
            }
        }
    }
}

/// What is written is read back, for every type that columns of the tests have.
#[test]
fn texts_are_read_back() {
    for field in &super::schema().fields {
        let values = texts(field.ty);
        let back = evaluated(&format!("CAST(CAST(x AS string) AS {})", field.ty), &[("x", field.ty, values)]);
        let plain = evaluated("x", &[("x", field.ty, values)]);
        assert_eq!(back, plain, "{}", field.ty);
    }
}
