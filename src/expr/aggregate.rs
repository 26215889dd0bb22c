//! The aggregate functions: what they are called, what they take and give. How they accumulate is in `op/aggregate`.
//!
//! [`all`] is the table of what can be written, which the resolver, suggestions, documentation and tests read; its
//! entries are in `aggregate/entries.rs`. Several names may stand for one [`AggregateFunction`], which is what
//! accumulates: `bool_and(x)` is the least of booleans, `count_if(x)` counts the rows that pass a filter.

mod entries;
mod fraction;

use std::sync::Arc;

use super::function::BindError;
use super::typed::Typed;
use crate::data::DataType;
pub use fraction::Fraction;

/// An aggregate as it is written.
pub struct Aggregate {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// As documentation shows it: `sum(x)`.
    pub signature: &'static str,
    pub doc: &'static str,
    pub example: Example,
    /// Number of arguments that must be there, and how many there may be.
    pub(crate) required: usize,
    pub(crate) most: usize,
    pub(crate) distinct: Distinct,
    pub(crate) bind: fn(&[Typed]) -> Result<Bound, BindError>,
}

/// A call, over rows that have the columns `x` and `y`, and its result as text.
pub struct Example {
    pub call: &'static str,
    /// The values of each row as SQL.
    pub rows: &'static [&'static [&'static str]],
    pub result: &'static str,
}

/// What `DISTINCT` in front of the arguments does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distinct {
    /// Each value counts once.
    Applies,
    /// Nothing: values that come again do not change the result.
    Ignored,
    Refused,
}

/// An aggregate with its arguments known.
pub(crate) struct Bound {
    pub function: AggregateFunction,
    /// How many of the arguments are columns; those behind them are constants, which the function has in it.
    pub columns: usize,
    /// Only rows where it is true count.
    pub filter: Option<Typed>,
}

/// What is accumulated. Null values are left out where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AggregateFunction {
    /// `count(*)`
    CountRows,
    /// `count(x)`: rows where x is not null; of several arguments, where none is.
    Count,
    Sum,
    Min,
    Max,
    Avg,
    /// Value of the row with the least event time, ties and streams without event time by input order; null values
    /// count as values.
    First,
    Last,
    /// First argument of the row with the least second one, be it null; ties by input order.
    ArgMin,
    ArgMax,
    Variance(Divisor),
    /// The square root of the variance.
    Stddev(Divisor),
    /// The value at a fraction of the way from the least to the greatest, between two values where none is there.
    Percentile(Fraction),
    /// The value that is there most often, ties by input order.
    Mode,
    /// About how many different values, by a sketch.
    ApproxDistinct,
    /// All values in input order, null ones too.
    ArrayAgg,
    /// All texts in input order with this between them.
    StringAgg(Arc<str>),
}

/// What a sum of squared deviations is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divisor {
    /// The number of values less one: the values are a sample.
    Sample,
    /// The number of values: they are all there are.
    Population,
}

/// All aggregates.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    entries::AGGREGATES.iter()
}

/// The aggregate of a name or alias in lower case.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    all().find(|a| a.name == name || a.aliases.contains(&name))
}

impl AggregateFunction {
    /// Type of the result for columns of these types (none for `count(*)`), or which of them does not do and what
    /// the function takes there.
    pub fn result_type(&self, args: &[DataType]) -> Result<DataType, (usize, &'static str)> {
        use AggregateFunction::*;
        match (self, args) {
            (CountRows, []) | (ApproxDistinct, [_]) => Ok(DataType::Int),
            (Count, [_, ..]) => Ok(DataType::Int),
            (Sum, [DataType::Int]) => Ok(DataType::Int),
            (Sum, [DataType::Double]) | (Avg, [DataType::Int | DataType::Double]) => Ok(DataType::Double),
            (Sum, &[DataType::Decimal { scale, .. }]) => Ok(DataType::Decimal { precision: 38, scale }),
            // As in division: at least 6 digits behind the point.
            (Avg | Percentile(_), &[DataType::Decimal { scale, .. }]) => {
                Ok(DataType::Decimal { precision: 38, scale: scale.max(6) })
            }
            (Percentile(_), [DataType::Int | DataType::Double]) => Ok(DataType::Double),
            (Percentile(_), [DataType::Timestamp]) => Ok(DataType::Timestamp),
            (Sum | Avg, [DataType::Interval]) => Ok(DataType::Interval),
            (Variance(_) | Stddev(_), [ty]) if ty.is_numeric() => Ok(DataType::Double),
            (StringAgg(_), [DataType::String]) => Ok(DataType::String),
            (ArrayAgg, &[ty]) => Ok(DataType::list(ty)),
            (Min | Max, &[ty]) | (ArgMin | ArgMax, &[_, ty]) if !has_order(ty) => {
                Err((args.len() - 1, "a value with an order"))
            }
            (Min | Max | First | Last | Mode, &[ty]) | (ArgMin | ArgMax, &[ty, _]) => Ok(ty),
            (Sum | Avg, [_]) => Err((0, "a number or an interval")),
            (Variance(_) | Stddev(_), [_]) => Err((0, "a number")),
            (Percentile(_), [_]) => Err((0, "a number or a timestamp")),
            (StringAgg(_), [_]) => Err((0, "a string")),
            (CountRows, _) => Err((0, "no argument")),
            (ArgMin | ArgMax, _) => Err((0, "two arguments")),
            _ => Err((0, "one argument")),
        }
    }

    /// Whether partial results of a block may be made before the exchange: the result does not depend on the
    /// order in which rows or partial results arrive.
    pub fn is_order_free(&self, args: &[DataType]) -> bool {
        use AggregateFunction::*;
        match self {
            CountRows | Count | Min | Max | ApproxDistinct => true,
            Sum | Avg | Variance(_) | Stddev(_) => args.first() != Some(&DataType::Double),
            // The rest keeps values or asks for their order.
            First | Last | ArgMin | ArgMax | Percentile(_) | Mode | ArrayAgg | StringAgg(_) => false,
        }
    }

    /// Whether the result depends on where rows stand in the input.
    pub fn needs_places(&self) -> bool {
        use AggregateFunction::*;
        matches!(self, First | Last | ArgMin | ArgMax | Mode | ArrayAgg | StringAgg(_))
    }

    /// The call as SQL.
    pub fn text(&self, distinct: bool, args: &[String], filter: Option<String>) -> String {
        use AggregateFunction::*;
        let (name, more) = match self {
            CountRows => ("count", Some("*".to_owned())),
            Count => ("count", None),
            Sum => ("sum", None),
            Min => ("min", None),
            Max => ("max", None),
            Avg => ("avg", None),
            First => ("first", None),
            Last => ("last", None),
            ArgMin => ("arg_min", None),
            ArgMax => ("arg_max", None),
            Variance(Divisor::Sample) => ("variance", None),
            Variance(Divisor::Population) => ("var_pop", None),
            Stddev(Divisor::Sample) => ("stddev", None),
            Stddev(Divisor::Population) => ("stddev_pop", None),
            Percentile(p) => ("percentile", Some(p.to_string())),
            Mode => ("mode", None),
            ApproxDistinct => ("approx_distinct", None),
            ArrayAgg => ("array_agg", None),
            StringAgg(separator) => ("string_agg", Some(format!("'{}'", separator.replace('\'', "''")))),
        };
        let args: Vec<String> = args.iter().cloned().chain(more).collect();
        let distinct = if distinct { "DISTINCT " } else { "" };
        let filter = filter.map_or_else(String::new, |filter| format!(" FILTER (WHERE {filter})"));
        format!("{name}({distinct}{}){filter}", args.join(", "))
    }
}

/// Whether values compare: one JSON value is not less than another.
fn has_order(ty: DataType) -> bool {
    match ty {
        DataType::Json => false,
        DataType::List(item) => has_order(*item),
        DataType::Struct(fields) => fields.iter().all(|field| has_order(field.ty)),
        _ => true,
    }
}
