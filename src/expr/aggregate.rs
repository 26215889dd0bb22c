//! The aggregate functions: names and types. How they accumulate is in `op/aggregate`.

use crate::data::DataType;

/// An aggregate function of an `aggregate` transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `count(*)`
    CountRows,
    /// `count(x)`: rows where x is not null.
    Count,
    /// `count(DISTINCT x)`
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
    /// Value of the row with the least event time, ties and streams without event time by input order; null values
    /// count as values.
    First,
    Last,
}

impl AggregateFunction {
    /// Type of the result for an argument of type `arg` (`None` for `count(*)`), or what the function takes.
    pub fn result_type(self, arg: Option<DataType>) -> Result<DataType, &'static str> {
        use AggregateFunction::*;
        match (self, arg) {
            (CountRows, None) | (Count | CountDistinct, Some(_)) => Ok(DataType::Int),
            (Sum, Some(DataType::Int)) => Ok(DataType::Int),
            (Sum, Some(DataType::Double)) | (Avg, Some(DataType::Int | DataType::Double)) => Ok(DataType::Double),
            (Sum, Some(DataType::Decimal { scale, .. })) => Ok(DataType::Decimal { precision: 38, scale }),
            // As in division: at least 6 digits behind the point.
            (Avg, Some(DataType::Decimal { scale, .. })) => {
                Ok(DataType::Decimal { precision: 38, scale: scale.max(6) })
            }
            (Min | Max, Some(ty)) if ty.is_nested() => Err("a value with an order"),
            (Min | Max, Some(DataType::Bytes | DataType::Date | DataType::Interval | DataType::Json)) => {
                Err("a number, text or timestamp")
            }
            (Min | Max | First | Last, Some(ty)) => Ok(ty),
            (Sum | Avg, _) => Err("a number"),
            (CountRows, Some(_)) => Err("no argument"),
            (_, None) => Err("one argument"),
        }
    }

    /// Whether partial results of a block may be made before the exchange: the result does not depend on the
    /// order in which rows or partial results arrive.
    pub fn is_order_free(self, arg: Option<DataType>) -> bool {
        use AggregateFunction::*;
        match self {
            CountRows | Count | Min | Max => true,
            CountDistinct | First | Last => false,
            Sum | Avg => arg != Some(DataType::Double),
        }
    }
}
