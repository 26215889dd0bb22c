//! Aggregates of any kind, over rows in a vector.

use std::collections::BTreeSet;

use super::Row;
use super::values::{EXPRS, Expr, Kind, Value, sound};
use crate::runtime::tests::sim::Rng;

use Value::*;

/// A call of an aggregate.
pub struct Call {
    name: &'static str,
    pub args: Vec<&'static Expr>,
    distinct: bool,
    filter: Option<usize>,
}

type Filter = (&'static str, fn(&Row) -> bool);

const FILTERS: [Filter; 3] = [
    ("v > 1", |r| r.v > Some(1)),
    ("k = 'a' OR v = 2", |r| r.k.as_deref() == Some("a") || r.v == Some(2)),
    ("n % 2 = 0", |r| r.n.is_some_and(|n| n % 2 == 0)),
];

/// Name, whether it goes with `DISTINCT` so that this matters.
const NAMES: [(&str, bool); 26] = [
    ("count(*)", false),
    ("count", true),
    ("count pairs", true),
    ("count_if", false),
    ("sum", true),
    ("avg", true),
    ("min", true),
    ("max", true),
    ("bool_and", false),
    ("bool_or", false),
    ("first", false),
    ("last", false),
    ("any_value", false),
    ("arg_min", false),
    ("arg_max", false),
    ("variance", true),
    ("var_pop", true),
    ("stddev", true),
    ("stddev_pop", true),
    ("median", true),
    ("percentile 0.9", true),
    ("percentile 0.25", true),
    ("mode", false),
    ("approx_distinct", true),
    ("string_agg", true),
    ("array_agg", true),
];

impl Call {
    /// `timed`: all rows have an event time. `may_fail`: one of its arguments may.
    pub fn random(rng: &mut Rng, timed: bool, may_fail: bool) -> Call {
        let (name, distinct) = loop {
            let found = rng.pick(&NAMES);
            // They go by the event time, where some rows have one and others none.
            if timed || !matches!(found.0, "first" | "last" | "any_value") {
                break found;
            }
        };
        let number = |e: &Expr| matches!(e.kind, Kind::Int | Kind::Decimal | Kind::Double);
        let ordered = |e: &Expr| e.kind != Kind::Json;
        let args = match name {
            "count(*)" => vec![],
            "count_if" | "bool_and" | "bool_or" => vec![sound(|e| e.kind == Kind::Bool)],
            "sum" | "avg" => vec![sound(|e| number(e) || e.kind == Kind::Interval)],
            "min" | "max" => vec![sound(ordered)],
            "arg_min" | "arg_max" => vec![sound(|_| true), sound(ordered)],
            "variance" | "var_pop" | "stddev" | "stddev_pop" => {
                vec![sound(|e| number(e) && (e.few || e.kind == Kind::Int) && !e.sql.contains("NaN"))]
            }
            "median" | "percentile 0.9" | "percentile 0.25" => vec![sound(|e| number(e) || e.kind == Kind::Time)],
            "approx_distinct" => vec![sound(|e| e.few)],
            "string_agg" => vec![sound(|e| e.kind == Kind::Text)],
            "count pairs" => vec![sound(|_| true), sound(|_| true)],
            _ => vec![sound(|_| true)],
        };
        let mut args: Vec<&'static Expr> = args.iter().map(|fitting| rng.pick(fitting)).collect();
        let mut filter = rng.once_in(4).then(|| rng.below(FILTERS.len()));
        if may_fail && args.first().is_some_and(|e| e.kind == Kind::Int) {
            args[0] = &EXPRS[EXPRS.len() - 1];
            filter = None;
        }
        let distinct = name == "count pairs" || distinct && rng.once_in(2);
        Call { name, args, distinct, filter }
    }

    pub fn fails(&self, row: &Row) -> bool {
        self.args.iter().any(|arg| arg.fails(row))
    }

    pub fn sql(&self) -> String {
        let args: Vec<&str> = self.args.iter().map(|arg| arg.sql).collect();
        let (name, more) = match self.name.split_once(' ') {
            Some((name, "pairs")) => (name, String::new()),
            Some((name, p)) => (name, format!(", {p}")),
            None if self.name == "string_agg" => (self.name, ", '; '".into()),
            None => (self.name, String::new()),
        };
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let filter = self.filter.map_or(String::new(), |f| format!(" FILTER (WHERE {})", FILTERS[f].0));
        match name {
            "count(*)" => format!("count(*){filter}"),
            // Results are not compared to the last digit, and none lies between two ints.
            "variance" | "var_pop" | "stddev" | "stddev_pop" => {
                format!("CAST(round(1000 * pi() * {name}({distinct}{}){filter}) AS int)", args.join(", "))
            }
            _ => format!("{name}({distinct}{}{more}){filter}", args.join(", ")),
        }
    }

    /// Of rows in the order of the input.
    pub fn of(&self, rows: &[Row]) -> Value {
        let passes = |row: &&Row| self.filter.is_none_or(|filter| FILTERS[filter].1(row));
        let rows: Vec<&Row> = rows.iter().filter(passes).collect();
        let arg = |number: usize| rows.iter().map(move |row| self.args[number].of(row)).collect::<Vec<_>>();
        if let ("count(*)", _) | ("count_if", _) = (self.name, 0) {
            let counts = |row: &&&Row| self.args.iter().all(|arg| arg.of(row) == Bool(true));
            return Int(rows.iter().filter(counts).count() as i64);
        }
        if self.name == "count pairs" {
            let pairs = arg(0).into_iter().zip(arg(1)).filter(|(a, b)| !a.is_null() && !b.is_null());
            let mut found: Vec<(Value, Value)> = Vec::new();
            for pair in pairs {
                if !found.contains(&pair) {
                    found.push(pair);
                }
            }
            return Int(found.len() as i64);
        }
        let all = arg(0);
        match self.name {
            "first" => by_time(&rows, &all, false),
            "last" => by_time(&rows, &all, true),
            "any_value" => {
                let there: Vec<usize> = (0..all.len()).filter(|&i| !all[i].is_null()).collect();
                let rows: Vec<&Row> = there.iter().map(|&i| rows[i]).collect();
                by_time(&rows, &there.iter().map(|&i| all[i].clone()).collect::<Vec<_>>(), false)
            }
            "arg_min" | "arg_max" => {
                let by = arg(1);
                let of = if self.name == "arg_min" { least } else { greatest };
                let best = of(by.iter().filter(|v| !v.is_null()));
                best.map_or(Null, |best| all[by.iter().position(|v| *v == best).unwrap()].clone())
            }
            "array_agg" => {
                let values = if self.distinct { different(all) } else { all };
                if values.is_empty() { Null } else { List(values) }
            }
            name => {
                let there: Vec<Value> = all.into_iter().filter(|v| !v.is_null()).collect();
                of_values(name, if self.distinct { different(there) } else { there })
            }
        }
    }
}

/// Each value once, at its first place.
fn different(values: Vec<Value>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value.shown());
        }
    }
    found
}

fn least<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Value> {
    values.min().cloned()
}

fn greatest<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Value> {
    values.max().cloned()
}

/// Of rows of one time the first or the last.
fn by_time(rows: &[&Row], values: &[Value], last: bool) -> Value {
    let place = match last {
        false => (0..rows.len()).min_by_key(|&i| rows[i].time),
        true => (0..rows.len()).max_by_key(|&i| rows[i].time),
    };
    place.map_or(Null, |place| values[place].clone())
}

/// Of values that are not null.
fn of_values(name: &str, values: Vec<Value>) -> Value {
    let count = values.len() as i128;
    match name {
        "count" => return Int(count as i64),
        "approx_distinct" => return Int(different(values).len() as i64),
        _ if values.is_empty() => return Null,
        _ => {}
    }
    match name {
        "min" | "bool_and" => values.iter().min().unwrap().shown(),
        "max" | "bool_or" => values.iter().max().unwrap().shown(),
        "sum" => sum(&values),
        "avg" => avg(&values),
        "variance" | "var_pop" | "stddev" | "stddev_pop" => spread(name, &values),
        "median" => percentile(&values, 5),
        "percentile 0.9" => percentile(&values, 9),
        "percentile 0.25" => percentile_of(&values, 25, 100),
        "mode" => {
            let often = |value: &Value| values.iter().filter(|v| *v == value).count();
            let most = values.iter().map(often).max().unwrap();
            values.iter().find(|v| often(v) == most).unwrap().shown()
        }
        "string_agg" => {
            let texts: Vec<String> = values.iter().map(Value::text).collect();
            Text(texts.join("; "))
        }
        other => panic!("{other}"),
    }
}

fn sum(values: &[Value]) -> Value {
    let mut sum = match values[0] {
        Int(_) => Int(0),
        Decimal(_, scale) => Decimal(0, scale),
        Double(_) => Double(0.0),
        _ => Interval(0, 0, 0),
    };
    for value in values {
        sum = match (sum, value) {
            (Int(a), Int(b)) => Int(a + b),
            (Decimal(a, scale), Decimal(b, _)) => Decimal(a + b, scale),
            (Double(a), Double(b)) => Double(a + b),
            (Interval(m, d, u), Interval(n, e, v)) => Interval(m + n, d + e, u + v),
            other => panic!("{other:?}"),
        };
    }
    sum
}

/// Half away from zero.
fn divided(a: i128, b: i128) -> i128 {
    a / b + if (a % b).abs() * 2 >= b { a.signum() } else { 0 }
}

fn avg(values: &[Value]) -> Value {
    let count = values.len() as i128;
    match sum(values) {
        Int(sum) => Double(sum as f64 / count as f64),
        Double(sum) => Double(sum / count as f64),
        Decimal(sum, scale) => Decimal(divided(sum * 10i128.pow(6u32.saturating_sub(scale)), count), scale.max(6)),
        Interval(months, days, micros) => {
            let days = i128::from(days) + i128::from(months) % count * 30;
            let micros = micros + days % count * 86_400_000_000;
            Interval((i128::from(months) / count) as i64, (days / count) as i64, divided(micros, count))
        }
        other => panic!("{other:?}"),
    }
}

/// A thousand π times, as an int: exact up to the last steps.
fn spread(name: &str, values: &[Value]) -> Value {
    const ONE: f64 = 10_000.0;
    let numbers: Vec<i128> = values.iter().map(ten_thousandths).collect();
    let count = numbers.len() as i128;
    let sum: i128 = numbers.iter().sum();
    let distances = count * numbers.iter().map(|x| x * x).sum::<i128>() - sum * sum;
    let divisor = if name.ends_with("pop") { count } else { count - 1 };
    if divisor == 0 {
        return Null;
    }
    let variance = distances as f64 / (count * divisor) as f64 / (ONE * ONE);
    let result = if name.starts_with("std") { variance.sqrt() } else { variance };
    Int((1000.0 * std::f64::consts::PI * result).round() as i64)
}

fn ten_thousandths(value: &Value) -> i128 {
    match *value {
        Int(v) => i128::from(v) * 10_000,
        Decimal(digits, 4) => digits,
        Double(v) => (v * 10_000.0) as i128,
        ref other => panic!("{other:?}"),
    }
}

fn percentile(values: &[Value], tenths: i128) -> Value {
    percentile_of(values, tenths, 10)
}

fn percentile_of(values: &[Value], digits: i128, divisor: i128) -> Value {
    let mut values = values.to_vec();
    values.sort();
    let at = digits * (values.len() as i128 - 1);
    let (place, part) = ((at / divisor) as usize, at % divisor);
    let high = values[(place + 1).min(values.len() - 1)].clone();
    match (values[place].clone(), high) {
        (Int(low), Int(high)) => Double(between(low as f64, high as f64, part, divisor)),
        (Double(low), Double(high)) => Double(between(low + 0.0, high + 0.0, part, divisor)),
        (Time(low), Time(high)) => {
            let above = i128::from(high - low) * part;
            Time((i128::from(low) + (above + divisor / 2) / divisor) as i64)
        }
        (Decimal(low, scale), Decimal(high, _)) => {
            let one = 10i128.pow(6u32.saturating_sub(scale));
            Decimal(divided((low * divisor + (high - low) * part) * one, divisor), scale.max(6))
        }
        other => panic!("{other:?}"),
    }
}

fn between(low: f64, high: f64, part: i128, divisor: i128) -> f64 {
    if part == 0 || low == high {
        return low;
    }
    low + (high - low) * (part as f64 / divisor as f64)
}

/// Names of all there are, for a test that none is missing.
pub fn names() -> BTreeSet<&'static str> {
    NAMES.iter().map(|(name, _)| name.split([' ', '(']).next().unwrap()).collect()
}
