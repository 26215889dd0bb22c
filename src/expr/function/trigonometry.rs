//! Functions of doubles: angles, further logarithms and roots, and what kind of number a double is.

use std::f64::consts;

use super::super::typed::Typed;
use super::{Arg, BindError, Bound, Function, rows_to_boolean, rows_to_double, rows_to_int};

const D: Arg = Arg::Double;

const fn one(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: (&'static str, &'static str),
    bind: fn(&[Typed]) -> Result<Bound, BindError>,
) -> Function {
    Function::new(name, signature, doc, example, &[D], bind)
}

pub const FUNCTIONS: &[Function] = &[
    one("sin", "sin(x)", "the sine of an angle in radians", ("sin(0)", "0.0"), |_| of(f64::sin)),
    one("cos", "cos(x)", "the cosine", ("cos(0)", "1.0"), |_| of(f64::cos)),
    one("tan", "tan(x)", "the tangent", ("tan(0)", "0.0"), |_| of(f64::tan)),
    one("cot", "cot(x)", "the cotangent", ("round(cot(1), 3)", "0.642"), |_| {
        checked(|x| if x == 0.0 { Err("cot of 0".to_owned()) } else { Ok(1.0 / x.tan()) })
    }),
    one("asin", "asin(x)", "the angle whose sine is x", ("asin(0)", "0.0"), |_| {
        checked(|x| unit("asin", x, f64::asin))
    }),
    one("acos", "acos(x)", "the angle whose cosine is x", ("acos(1)", "0.0"), |_| {
        checked(|x| unit("acos", x, f64::acos))
    }),
    one("atan", "atan(x)", "the angle whose tangent is x", ("atan(0)", "0.0"), |_| of(f64::atan)),
    Function::new("atan2", "atan2(y, x)", "the angle of the point x, y", ("atan2(0, 1)", "0.0"), &[D, D], |_| {
        rows_to_double(|args, row| Ok(args[0].double(row).zip(args[1].double(row)).map(|(y, x)| y.atan2(x))))
    }),
    one("sinh", "sinh(x)", "the hyperbolic sine", ("sinh(0)", "0.0"), |_| of(f64::sinh)),
    one("cosh", "cosh(x)", "the hyperbolic cosine", ("cosh(0)", "1.0"), |_| of(f64::cosh)),
    one("tanh", "tanh(x)", "the hyperbolic tangent", ("tanh(0)", "0.0"), |_| of(f64::tanh)),
    one("degrees", "degrees(x)", "radians as degrees", ("degrees(pi())", "180.0"), |_| of(f64::to_degrees)),
    one("radians", "radians(x)", "degrees as radians", ("radians(0)", "0.0"), |_| of(f64::to_radians)),
    Function::new("pi", "pi()", "3.14159…", ("round(pi(), 5)", "3.14159"), &[], |_| constant(consts::PI)),
    Function::new("e", "e()", "2.71828…", ("round(e(), 5)", "2.71828"), &[], |_| constant(consts::E)),
    one("cbrt", "cbrt(x)", "the cube root", ("cbrt(27)", "3.0"), |_| of(f64::cbrt)),
    one("log2", "log2(x)", "the logarithm to base 2", ("log2(8)", "3.0"), |_| {
        checked(|x| if x <= 0.0 { Err(format!("log2 of {x}")) } else { Ok(x.log2()) })
    }),
    Function::new("hypot", "hypot(x, y)", "the root of x² + y²", ("hypot(3, 4)", "5.0"), &[D, D], |_| {
        rows_to_double(|args, row| Ok(args[0].double(row).zip(args[1].double(row)).map(|(x, y)| x.hypot(y))))
    }),
    one("isnan", "isnan(x)", "whether x is not a number", ("isnan(CAST('NaN' AS double))", "true"), |_| {
        is(f64::is_nan)
    })
    .also(&["is_nan"]),
    one("isinf", "isinf(x)", "whether x is infinite", ("isinf(1)", "false"), |_| is(f64::is_infinite))
        .also(&["is_infinite"]),
    one("isfinite", "isfinite(x)", "whether x is neither infinite nor NaN", ("isfinite(1)", "true"), |_| {
        is(f64::is_finite)
    })
    .also(&["is_finite"]),
    Function::new(
        "width_bucket",
        "width_bucket(x, low, high, n)",
        "which of n equal parts of low to high x falls into, from 1; 0 below and n + 1 above",
        ("width_bucket(35, 0, 100, 10)", "4"),
        &[D, D, D, Arg::Int],
        |_| {
            rows_to_int(|args, row| {
                let bounds = args[1].double(row).zip(args[2].double(row));
                let all = args[0].double(row).zip(bounds).zip(args[3].int(row));
                all.map(|((x, (low, high)), n)| width_bucket(x, low, high, n)).transpose()
            })
        },
    ),
];

fn of(f: fn(f64) -> f64) -> Result<Bound, BindError> {
    rows_to_double(move |args, row| Ok(args[0].double(row).map(f)))
}

fn is(f: fn(f64) -> bool) -> Result<Bound, BindError> {
    rows_to_boolean(move |args, row| Ok(args[0].double(row).map(f)))
}

fn constant(value: f64) -> Result<Bound, BindError> {
    rows_to_double(move |_, _| Ok(Some(value)))
}

fn checked(f: fn(f64) -> Result<f64, String>) -> Result<Bound, BindError> {
    rows_to_double(move |args, row| args[0].double(row).map(f).transpose())
}

fn unit(name: &str, x: f64, f: fn(f64) -> f64) -> Result<f64, String> {
    if x.abs() > 1.0 { Err(format!("{name} of {x}, which is not between -1 and 1")) } else { Ok(f(x)) }
}

/// As PostgreSQL has it; `high` below `low` counts downwards.
fn width_bucket(x: f64, low: f64, high: f64, n: i64) -> Result<i64, String> {
    if n < 1 {
        return Err("width_bucket with less than one part".to_owned());
    }
    if x.is_nan() || !low.is_finite() || !high.is_finite() || low == high {
        return Err(format!("width_bucket of {x} between {low} and {high}"));
    }
    let part = (x - low) / (high - low);
    Ok(if part < 0.0 {
        0
    } else if part >= 1.0 {
        n.saturating_add(1)
    } else {
        ((part * n as f64) as i64 + 1).min(n)
    })
}
