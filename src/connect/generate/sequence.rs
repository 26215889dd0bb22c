//! `kind = "sequence"`: numbers from 0 with evenly spaced times.

use arrow_array::{Int64Array, TimestampMicrosecondArray};

use super::{Clock, MakeColumn};
use crate::data::Column;

pub struct Sequence {
    pub clock: Clock,
}

impl MakeColumn for Sequence {
    fn column(&self, column: usize, first: u64, rows: u64) -> Column {
        let range = first..first + rows;
        match column {
            0 => Column::Int(Int64Array::from_iter_values(range.map(|n| n as i64))),
            _ => Column::Timestamp(TimestampMicrosecondArray::from_iter_values(range.map(|n| self.clock.at(n)))),
        }
    }
}
