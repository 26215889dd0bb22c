//! The table of aggregates. To add one: an entry with an example, and what it accumulates.

use std::sync::Arc;

use super::{Aggregate, AggregateFunction, Bound, Distinct, Divisor, Example, Fraction};
use crate::data::DataType;
use crate::expr::Scalar;
use crate::expr::ast::Negated;
use crate::expr::function::BindError;
use crate::expr::typed::{Node, Typed};

type Binding = Result<Bound, BindError>;

/// An entry of one argument.
const fn one(
    names: (&'static str, &'static [&'static str]),
    signature: &'static str,
    doc: &'static str,
    example: Example,
    distinct: Distinct,
    bind: fn(&[Typed]) -> Binding,
) -> Aggregate {
    Aggregate { name: names.0, aliases: names.1, signature, doc, example, required: 1, most: 1, distinct, bind }
}

const fn example(call: &'static str, rows: &'static [&'static [&'static str]], result: &'static str) -> Example {
    Example { call, rows, result }
}

const ONE_TWO_NULL: &[&[&str]] = &[&["1"], &["2"], &["NULL"]];
const ONE_ONE_FOUR: &[&[&str]] = &[&["1"], &["1"], &["4"]];
const TRUE_FALSE_NULL: &[&[&str]] = &[&["TRUE"], &["FALSE"], &["NULL"]];
const TEXTS: &[&[&str]] = &[&["'b'"], &["NULL"], &["'a'"], &["'b'"]];
const NAMED: &[&[&str]] = &[&["'a'", "3"], &["'b'", "1"], &["'c'", "3"]];

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "count",
        aliases: &[],
        signature: "count(*), count(x)",
        doc: "the number of rows, or of those where x is not null; `count(DISTINCT x, …)`: different values, or \
              combinations of values none of which is null",
        example: example("count(x)", ONE_TWO_NULL, "2"),
        required: 0,
        most: usize::MAX,
        distinct: Distinct::Applies,
        bind: |args| match args.len() {
            0 => Ok(Bound { function: AggregateFunction::CountRows, columns: 0, filter: None }),
            _ => first_of(AggregateFunction::Count, args.len()),
        },
    },
    one(
        ("count_if", &["countif"]),
        "count_if(condition)",
        "the number of rows for which the condition is true",
        example("count_if(x > 1)", ONE_TWO_NULL, "1"),
        Distinct::Refused,
        |args| {
            let filter = Some(boolean(&args[0], "count_if")?);
            Ok(Bound { function: AggregateFunction::CountRows, columns: 0, filter })
        },
    ),
    one(
        ("sum", &[]),
        "sum(x)",
        "int of ints, double of doubles, decimal(38,s) of decimals, interval of intervals; a sum that does not fit ends the job",
        example("sum(x)", ONE_TWO_NULL, "3"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Sum, 1),
    ),
    one(
        ("avg", &["mean"]),
        "avg(x)",
        "the mean: double of ints and doubles; of decimals a decimal with at least 6 digits behind the point; of intervals an \
         interval",
        example("avg(x)", ONE_TWO_NULL, "1.5"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Avg, 1),
    ),
    one(
        ("min", &[]),
        "min(x)",
        "the least value, of every type but json; false is less than true, NaN the greatest double, and a month has 30 days \
         where intervals compare",
        example("min(x)", TEXTS, "a"),
        Distinct::Ignored,
        |_| first_of(AggregateFunction::Min, 1),
    ),
    one(("max", &[]), "max(x)", "the greatest value", example("max(x)", ONE_TWO_NULL, "2"), Distinct::Ignored, |_| {
        first_of(AggregateFunction::Max, 1)
    }),
    one(
        ("bool_and", &["every"]),
        "bool_and(x)",
        "whether x is always true",
        example("bool_and(x)", TRUE_FALSE_NULL, "false"),
        Distinct::Ignored,
        |args| boolean(&args[0], "bool_and").and_then(|_| first_of(AggregateFunction::Min, 1)),
    ),
    one(
        ("bool_or", &["any"]),
        "bool_or(x)",
        "whether x is ever true",
        example("bool_or(x)", TRUE_FALSE_NULL, "true"),
        Distinct::Ignored,
        |args| boolean(&args[0], "bool_or").and_then(|_| first_of(AggregateFunction::Max, 1)),
    ),
    one(
        ("first", &["first_value"]),
        "first(x)",
        "x of the earliest row by event time, be it null; of rows of one time, and without event time, of the first \
         in the input",
        example("first(x)", TEXTS, "b"),
        Distinct::Ignored,
        |_| first_of(AggregateFunction::First, 1),
    ),
    one(
        ("last", &["last_value"]),
        "last(x)",
        "x of the latest row, in the same way",
        example("last(x)", ONE_TWO_NULL, "NULL"),
        Distinct::Ignored,
        |_| first_of(AggregateFunction::Last, 1),
    ),
    one(
        ("any_value", &[]),
        "any_value(x)",
        "the first x that is not null",
        example("any_value(x)", &[&["NULL"], &["7"], &["8"]], "7"),
        Distinct::Ignored,
        |args| {
            let there = Node::IsNull(Box::new(args[0].clone()), Negated::Yes);
            let filter = Some(Typed::new(DataType::Boolean, there));
            Ok(Bound { function: AggregateFunction::First, columns: 1, filter })
        },
    ),
    Aggregate {
        required: 2,
        most: 2,
        ..one(
            ("arg_min", &["min_by", "argmin"]),
            "arg_min(x, y)",
            "x of the row with the least y, be it null; of several the first in the input",
            example("arg_min(x, y)", NAMED, "b"),
            Distinct::Refused,
            |_| first_of(AggregateFunction::ArgMin, 2),
        )
    },
    Aggregate {
        required: 2,
        most: 2,
        ..one(
            ("arg_max", &["max_by", "argmax"]),
            "arg_max(x, y)",
            "x of the row with the greatest y, be it null; of several the first in the input",
            example("arg_max(x, y)", NAMED, "a"),
            Distinct::Refused,
            |_| first_of(AggregateFunction::ArgMax, 2),
        )
    },
    one(
        ("variance", &["var_samp", "var_sample"]),
        "variance(x)",
        "the variance of a sample, as a double; null of a single value. Exact sums for ints and decimals",
        example("variance(x)", ONE_ONE_FOUR, "3.0"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Variance(Divisor::Sample), 1),
    ),
    one(
        ("var_pop", &["variance_pop"]),
        "var_pop(x)",
        "the variance of all values there are",
        example("var_pop(x)", ONE_ONE_FOUR, "2.0"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Variance(Divisor::Population), 1),
    ),
    one(
        ("stddev", &["stddev_samp", "stddev_sample"]),
        "stddev(x)",
        "the standard deviation of a sample: the square root of `variance(x)`",
        example("stddev(x)", &[&["2"], &["4"], &["6"]], "2.0"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Stddev(Divisor::Sample), 1),
    ),
    one(
        ("stddev_pop", &[]),
        "stddev_pop(x)",
        "the standard deviation of all values there are",
        example("stddev_pop(x)", &[&["2"], &["4"]], "1.0"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Stddev(Divisor::Population), 1),
    ),
    one(
        ("median", &[]),
        "median(x)",
        "the value in the middle, or the mean of the two there: `percentile(x, 0.5)`",
        example("median(x)", ONE_TWO_NULL, "1.5"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::Percentile(Fraction::HALF), 1),
    ),
    Aggregate {
        required: 2,
        most: 2,
        ..one(
            ("percentile", &["percentile_cont", "quantile", "quantile_cont"]),
            "percentile(x, p)",
            "the value below which a constant part p, from 0 to 1, of all values lies, exact, interpolated between \
             two values; of ints and doubles a double, of decimals a decimal with at least 6 digits behind the point, \
             of timestamps a timestamp",
            example("percentile(x, 0.9)", &[&["1"], &["2"], &["3"]], "2.8"),
            Distinct::Applies,
            |args| first_of(AggregateFunction::Percentile(fraction(&args[1])?), 1),
        )
    },
    one(
        ("mode", &[]),
        "mode(x)",
        "the value that is there most often; of several the first in the input",
        example("mode(x)", TEXTS, "b"),
        Distinct::Refused,
        |_| first_of(AggregateFunction::Mode, 1),
    ),
    one(
        ("approx_distinct", &["approx_count_distinct"]),
        "approx_distinct(x)",
        "about how many different values, in at most 4 KiB a group: a HyperLogLog of 4,096 registers, whose standard \
         error is 1.6 %",
        example("approx_distinct(x)", &[&["'a'"], &["'b'"], &["'a'"]], "2"),
        Distinct::Ignored,
        |_| first_of(AggregateFunction::ApproxDistinct, 1),
    ),
    Aggregate {
        most: 2,
        ..one(
            ("string_agg", &["listagg", "group_concat"]),
            "string_agg(text [, separator])",
            "all texts in the order of the input, with a constant separator, else a comma, between",
            example("string_agg(x, '-')", TEXTS, "b-a-b"),
            Distinct::Applies,
            |args| first_of(AggregateFunction::StringAgg(separator(args.get(1))?), 1),
        )
    },
    one(
        ("array_agg", &[]),
        "array_agg(x)",
        "all values in the order of the input as a list, null ones too; null without a row",
        example("array_agg(x)", ONE_TWO_NULL, "[1,2,null]"),
        Distinct::Applies,
        |_| first_of(AggregateFunction::ArrayAgg, 1),
    ),
];

fn first_of(function: AggregateFunction, columns: usize) -> Binding {
    Ok(Bound { function, columns, filter: None })
}

/// The argument as a condition.
fn boolean(arg: &Typed, name: &str) -> Result<Typed, BindError> {
    match arg.ty {
        DataType::Boolean => Ok(arg.clone()),
        _ if arg.is_null_literal() => Ok(Typed::literal(Scalar::Null, DataType::Boolean)),
        ty => Err(BindError::new(0, format!("`{name}` takes a boolean, not {ty}"))
            .help("compare it with something, such as `x <> 0`")),
    }
}

fn fraction(arg: &Typed) -> Result<Fraction, BindError> {
    let text = match arg.as_constant() {
        Some(Scalar::Double(p)) => p.to_string(),
        Some(value) if arg.ty.is_numeric() && !value.is_null() => value.display(arg.ty),
        _ => {
            return Err(BindError::new(1, "the part p of percentile(x, p) must be a constant number")
                .help("write percentile(x, 0.95)"));
        }
    };
    Fraction::parse(&text).ok_or_else(|| {
        let error = BindError::new(1, format!("the part p of percentile(x, p) lies between 0 and 1, {text} does not"));
        match text.parse() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => error.help(format!("write {}", percent / 100.0)),
            _ => error,
        }
    })
}

fn separator(arg: Option<&Typed>) -> Result<Arc<str>, BindError> {
    match arg.map(|arg| arg.as_constant()) {
        None => Ok(",".into()),
        Some(Some(Scalar::String(text))) => Ok(text.clone()),
        Some(_) => {
            Err(BindError::new(1, "the separator of string_agg must be a constant text")
                .help("write it in single quotes"))
        }
    }
}
