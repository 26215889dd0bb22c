//! What accumulators keep beside one value a group: rows of a table of their own, each of which belongs to a group.
//!
//! | call | table | columns |
//! |---|---|---|
//! | `f(DISTINCT x)` | `distinct` | `value`, or `value_1`, `value_2` …; `.place` where order counts |
//! | `percentile(x, p)` | `values` | `value` |
//! | `mode(x)` | `values` | `value`, its `count`, and the `place` where it came first |
//! | `string_agg(x, s)`, `array_agg(x)` | `values` | `value` and its `place` in the input |

use super::{Accumulator, Argument};
use crate::data::{Column, DataType};
use crate::state::table::MakeColumns;

/// Rows as of a freeze.
pub struct FrozenRows {
    /// The group of each row.
    pub groups: Vec<u32>,
    pub columns: MakeColumns,
}

impl Accumulator {
    /// What the table of its own is called, and its columns behind those of the group.
    pub fn row_table(&self) -> Option<(&'static str, Vec<(String, DataType)>)> {
        match self {
            Accumulator::Distinct(a) => Some(("distinct", a.row_columns())),
            Accumulator::Percentile(a) => Some(("values", vec![("value".to_owned(), a.ty)])),
            Accumulator::Mode(a) => Some(("values", a.row_columns())),
            Accumulator::Collect(a) => Some(("values", a.row_columns())),
            _ => None,
        }
    }

    pub fn freeze_rows(&self) -> Option<FrozenRows> {
        match self {
            Accumulator::Distinct(a) => Some(a.freeze_rows()),
            Accumulator::Percentile(a) => Some(a.freeze_rows()),
            Accumulator::Mode(a) => Some(a.freeze_rows()),
            Accumulator::Collect(a) => Some(a.freeze_rows()),
            _ => None,
        }
    }

    /// Takes rows of its table for groups that [`Accumulator::load`] has made; row `i` belongs to group `ids[i]`.
    pub fn load_rows(&mut self, ids: &[u32], groups: usize, columns: &[Column]) {
        match self {
            Accumulator::Distinct(a) => a.load_rows(ids, columns),
            Accumulator::Percentile(a) => a.update(ids, groups, &Argument::of(&[&columns[0]])),
            Accumulator::Mode(a) => a.load_rows(ids, columns),
            Accumulator::Collect(a) => a.load_rows(ids, columns),
            other => unreachable!("no table of its own: {other:?}"),
        }
    }
}
