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
    Function::new(name, signature, doc, example, args, bind).also(aliases)
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
            "x rounded to n digits behind the point, half away from zero; a negative n counts before the point",
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
    entry("log10", &[], "log10(x)", "the logarithm to base 10", ("log10(1000)", "3.0"), &[Arg::Double], |_| {
        checked(|x| if x <= 0.0 { Err(format!("log10 of {x}")) } else { Ok(x.log10()) })
    }),
    entry(
        "log",
        &[],
        "log([base,] x)",
        "the logarithm to a base, or to 10 as in PostgreSQL and DuckDB",
        ("log(2, 1024)", "10.0"),
        &[Arg::Double, Arg::Double],
        log,
    )
    .least(1),
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
    entry(
        "div",
        &[],
        "div(a, b)",
        "a divided by b without the rest, as a / b of ints",
        ("div(-7, 2)", "-3"),
        &[Arg::Int, Arg::Int],
        |_| {
            ints(|a, b| {
                if b == 0 {
                    return Err("division by zero".to_owned());
                }
                a.checked_div(b).ok_or_else(|| format!("the result is too large for int: {a} / {b}"))
            })
        },
    ),
    entry("gcd", &[], "gcd(a, b)", "the greatest common divisor", ("gcd(12, 18)", "6"), &[Arg::Int, Arg::Int], |_| {
        ints(|a, b| i64::try_from(gcd(a, b)).map_err(|_| "the result is too large for int".to_owned()))
    }),
    entry("lcm", &[], "lcm(a, b)", "the least common multiple", ("lcm(4, 6)", "12"), &[Arg::Int, Arg::Int], |_| {
        ints(|a, b| {
            let multiple = u128::from(a.unsigned_abs()) * u128::from(b.unsigned_abs()) / u128::from(gcd(a, b).max(1));
            i64::try_from(multiple).map_err(|_| "the result is too large for int".to_owned())
        })
    }),
    entry("factorial", &[], "factorial(n)", "1 · 2 · … · n", ("factorial(5)", "120"), &[Arg::Int], |_| {
        rows_to_int(|args, row| {
            let Some(n) = args[0].int(row) else { return Ok(None) };
            let fits = (0..=20).contains(&n);
            if fits { Ok(Some((1..=n).product())) } else { Err(format!("factorial of {n}: 0 to 20 are possible")) }
        })
    }),
];

fn ints(f: fn(i64, i64) -> Result<i64, String>) -> Result<Bound, BindError> {
    rows_to_int(move |args, row| args[0].int(row).zip(args[1].int(row)).map(|(a, b)| f(a, b)).transpose())
}

fn gcd(a: i64, b: i64) -> u64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn log(args: &[Typed]) -> Result<Bound, BindError> {
    let has_base = args.len() == 2;
    rows_to_double(move |args, row| {
        let base = if has_base { args[0].double(row) } else { Some(10.0) };
        let Some((base, x)) = base.zip(args[usize::from(has_base)].double(row)) else { return Ok(None) };
        match () {
            () if x <= 0.0 => Err(format!("log of {x}")),
            () if base <= 0.0 || base == 1.0 => Err(format!("log to base {base}")),
            () if base == 10.0 => Ok(Some(x.log10())),
            () if base == 2.0 => Ok(Some(x.log2())),
            () => Ok(Some(x.ln() / base.ln())),
        }
    })
}

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

/// round and trunc: a decimal of n digits behind the point, an int or a double. A negative n counts before the point.
fn digits(args: &[Typed], double: fn(f64, f64) -> f64, decimal: fn(i128, i128) -> i128) -> Result<Bound, BindError> {
    let n = match args.get(1).map(Typed::as_constant) {
        None => 0,
        Some(Some(Scalar::Int(n))) if (-38..=38).contains(n) => *n as i32,
        Some(_) => return Err(BindError::new(1, "the number of digits must be a constant from -38 to 38")),
    };
    match args[0].ty {
        DataType::Int if n < 0 => {
            let unit = POWERS_OF_TEN[n.unsigned_abs() as usize];
            rows_to_int(move |args, row| {
                let Some(v) = args[0].int(row) else { return Ok(None) };
                let rounded = decimal(i128::from(v), unit).checked_mul(unit).and_then(|v| i64::try_from(v).ok());
                rounded.map(Some).ok_or_else(|| format!("{v} is too large for int when rounded"))
            })
        }
        DataType::Int => rows_to_int(|args, row| Ok(args[0].int(row))),
        DataType::Decimal { precision, scale } if n < i32::from(scale) => {
            // Below the point nothing is left of a scale; before it, zeros are put back.
            let cut = (i32::from(scale) - n) as usize;
            let zeros = POWERS_OF_TEN[n.min(0).unsigned_abs() as usize];
            let (cut, kept) = (POWERS_OF_TEN.get(cut).copied(), n.max(0) as u8);
            let precision = (precision - (scale - kept) + 1).min(38);
            bound(DataType::Decimal { precision, scale: kept }, move |args, rows, faults| {
                let mut values = match cut {
                    Some(unit) => map2(args[0].decimals(), Operand::Scalar(unit), rows, decimal),
                    None => vec![0; rows],
                };
                if zeros > 1 {
                    for (row, value) in values.iter_mut().enumerate() {
                        let whole = value.checked_mul(zeros).filter(|v| v.unsigned_abs() < POWERS_OF_TEN[38] as u128);
                        *value = whole.unwrap_or_else(|| {
                            if !args[0].is_null(row) {
                                faults.push(row, "the result of rounding has more than 38 digits");
                            }
                            0
                        });
                    }
                }
                decimal_column(values, validity(&args[0], rows), precision, kept)
            })
        }
        DataType::Decimal { precision, scale } => bound(args[0].ty, move |args, rows, _| {
            let values = map2(args[0].decimals(), Operand::Scalar(()), rows, |v, ()| v);
            decimal_column(values, validity(&args[0], rows), precision, scale)
        }),
        _ => {
            let power = 10f64.powi(n);
            bound(DataType::Double, move |args, rows, _| {
                let values = map2(args[0].doubles(), Operand::Scalar(power), rows, |v, power| {
                    // Beyond the 53 bits that a double has there is nothing to round.
                    if (v * power).abs() < 9_007_199_254_740_992.0 { double(v, power) } else { v }
                });
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
