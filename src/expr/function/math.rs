//! Functions of numbers.

use super::super::kernel::arith::{decimal_column, divide};
use super::super::kernel::{Operand, map2};
use super::super::typed::Typed;
use super::super::value::{Scalar, Value};
use super::{Arg, BindError, Bound, Function, bound, rows_to_double, rows_to_int};
use crate::data::text::POWERS_OF_TEN;
use crate::data::{Column, DataType};
use arrow_array::{Float64Array, Int64Array};

const fn entry(
    name: &'static str,
    aliases: &'static [&'static str],
    signature: &'static str,
    doc: &'static str,
    example: (&'static str, &'static str),
    args: &'static [Arg],
    bind: fn(&[Typed]) -> Result<Bound, BindError>,
) -> Function {
    Function { name, aliases, signature, doc, example, args, required: args.len(), variadic: false, bind }
}

pub const FUNCTIONS: &[Function] = &[
    entry("abs", &[], "abs(x)", "x without its sign", ("abs(-1.50)", "1.50"), &[Arg::Number], abs),
    entry(
        "ceil",
        &["ceiling"],
        "ceil(x)",
        "the least whole number that is not less",
        ("ceil(-1.5)", "-1"),
        &[Arg::Number],
        |a| whole(a, f64::ceil, |v, unit| v.div_euclid(unit) + i128::from(v.rem_euclid(unit) != 0)),
    ),
    entry(
        "floor",
        &[],
        "floor(x)",
        "the greatest whole number that is not greater",
        ("floor(-1.5)", "-2"),
        &[Arg::Number],
        |a| whole(a, f64::floor, i128::div_euclid),
    ),
    Function {
        required: 1,
        ..entry(
            "round",
            &[],
            "round(x [, n])",
            "x rounded to n digits behind the point, half away from zero",
            ("round(2.345, 2)", "2.35"),
            &[Arg::Number, Arg::Int],
            |a| digits(a, |v, power| (v * power).round() / power, |v, unit| divide(v, unit, 0).unwrap_or(v)),
        )
    },
    Function {
        required: 1,
        ..entry(
            "trunc",
            &["truncate"],
            "trunc(x [, n])",
            "x cut to n digits behind the point",
            ("trunc(-2.349, 2)", "-2.34"),
            &[Arg::Number, Arg::Int],
            |a| digits(a, |v, power| (v * power).trunc() / power, |v, unit| v / unit),
        )
    },
    entry("sqrt", &[], "sqrt(x)", "the square root", ("sqrt(16)", "4.0"), &[Arg::Double], |_| {
        checked(|x| if x < 0.0 { Err(format!("sqrt of {x}")) } else { Ok(x.sqrt()) })
    }),
    entry("exp", &[], "exp(x)", "e to the power of x", ("exp(0)", "1.0"), &[Arg::Double], |_| checked(|x| Ok(x.exp()))),
    entry("ln", &[], "ln(x)", "the natural logarithm", ("ln(1)", "0.0"), &[Arg::Double], |_| {
        checked(|x| if x <= 0.0 { Err(format!("ln of {x}")) } else { Ok(x.ln()) })
    }),
    entry("log10", &["log"], "log10(x)", "the logarithm to base 10", ("log10(1000)", "3.0"), &[Arg::Double], |_| {
        checked(|x| if x <= 0.0 { Err(format!("log10 of {x}")) } else { Ok(x.log10()) })
    }),
    entry(
        "power",
        &["pow"],
        "power(x, y)",
        "x to the power of y",
        ("power(2, 10)", "1024.0"),
        &[Arg::Double, Arg::Double],
        |_| rows_to_double(|args, row| Ok(args[0].double(row).zip(args[1].double(row)).map(|(x, y)| x.powf(y)))),
    ),
    entry("sign", &["signum"], "sign(x)", "-1, 0 or 1", ("sign(-3)", "-1"), &[Arg::Number], sign),
    entry(
        "mod",
        &[],
        "mod(a, b)",
        "the rest of a whole division, with the sign of a",
        ("mod(-7, 3)", "-1"),
        &[Arg::Int, Arg::Int],
        |_| {
            rows_to_int(|args, row| match args[0].int(row).zip(args[1].int(row)) {
                Some((_, 0)) => Err("division by zero".to_owned()),
                Some((a, b)) => Ok(Some(a.wrapping_rem(b))),
                None => Ok(None),
            })
        },
    ),
];

fn checked(f: impl Fn(f64) -> Result<f64, String> + Send + Sync + 'static) -> Result<Bound, BindError> {
    rows_to_double(move |args, row| args[0].double(row).map(&f).transpose())
}

fn abs(args: &[Typed]) -> Result<Bound, BindError> {
    let unit = Operand::Scalar(());
    match args[0].ty {
        DataType::Int => rows_to_int(|args, row| {
            args[0]
                .int(row)
                .map(|v| v.checked_abs().ok_or_else(|| format!("abs of {v} is too large for int")))
                .transpose()
        }),
        DataType::Decimal { precision, scale } => bound(args[0].ty, move |args, rows, _| {
            let values = map2(args[0].decimals(), unit, rows, |v: i128, ()| v.abs());
            decimal_column(values, validity(&args[0], rows), precision, scale)
        }),
        _ => rows_to_double(|args, row| Ok(args[0].double(row).map(f64::abs))),
    }
}

/// The nulls of an argument, also if it is a null constant.
fn validity(value: &Value, rows: usize) -> Option<arrow_buffer::NullBuffer> {
    if value.is_null_scalar() { Some(arrow_buffer::NullBuffer::new_null(rows)) } else { value.nulls().cloned() }
}

/// ceil and floor: int stays int, decimal loses its scale, double stays double.
fn whole(args: &[Typed], double: fn(f64) -> f64, decimal: fn(i128, i128) -> i128) -> Result<Bound, BindError> {
    match args[0].ty {
        DataType::Int => rows_to_int(|args, row| Ok(args[0].int(row))),
        DataType::Decimal { precision, scale } => {
            let unit = POWERS_OF_TEN[usize::from(scale)];
            // One digit more: 9.5 becomes 10.
            let precision = (precision - scale + 1).min(38);
            bound(DataType::Decimal { precision, scale: 0 }, move |args, rows, _| {
                let values = map2(args[0].decimals(), Operand::Scalar(unit), rows, decimal);
                decimal_column(values, validity(&args[0], rows), precision, 0)
            })
        }
        _ => rows_to_double(move |args, row| Ok(args[0].double(row).map(double))),
    }
}

/// round and trunc: a decimal of n digits behind the point, or a double.
fn digits(args: &[Typed], double: fn(f64, f64) -> f64, decimal: fn(i128, i128) -> i128) -> Result<Bound, BindError> {
    let n = match args.get(1).map(Typed::as_constant) {
        None => 0,
        Some(Some(Scalar::Int(n))) if (0..=38).contains(n) => *n as u8,
        Some(_) => return Err(BindError::new(1, "the number of digits must be a constant from 0 to 38")),
    };
    match args[0].ty {
        DataType::Int => rows_to_int(|args, row| Ok(args[0].int(row))),
        DataType::Decimal { precision, scale } if n < scale => {
            let unit = POWERS_OF_TEN[usize::from(scale - n)];
            let precision = (precision - (scale - n) + 1).min(38);
            bound(DataType::Decimal { precision, scale: n }, move |args, rows, _| {
                let values = map2(args[0].decimals(), Operand::Scalar(unit), rows, decimal);
                decimal_column(values, validity(&args[0], rows), precision, n)
            })
        }
        DataType::Decimal { precision, scale } => bound(args[0].ty, move |args, rows, _| {
            let values = map2(args[0].decimals(), Operand::Scalar(()), rows, |v, ()| v);
            decimal_column(values, validity(&args[0], rows), precision, scale)
        }),
        _ => {
            let power = 10f64.powi(i32::from(n));
            bound(DataType::Double, move |args, rows, _| {
                let values = map2(args[0].doubles(), Operand::Scalar(power), rows, double);
                Column::Double(Float64Array::new(values.into(), validity(&args[0], rows)))
            })
        }
    }
}

fn sign(args: &[Typed]) -> Result<Bound, BindError> {
    let ty = args[0].ty;
    bound(DataType::Int, move |args, rows, _| {
        let one = Operand::Scalar(());
        let values = match ty {
            DataType::Int => map2(args[0].ints(), one, rows, |v, ()| v.signum()),
            DataType::Decimal { .. } => map2(args[0].decimals(), one, rows, |v, ()| v.signum() as i64),
            _ => map2(args[0].doubles(), one, rows, |v, ()| i64::from(v > 0.0) - i64::from(v < 0.0)),
        };
        Column::Int(Int64Array::new(values.into(), validity(&args[0], rows)))
    })
}
