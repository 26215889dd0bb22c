//! `event_time` in mid-stream: rows get another time, and the watermark starts over from it.

use arrow_array::Array;
use serde_json::json;

use super::{Flow, MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Column};
use crate::error::{Error, Result};
use crate::state::table::{Frozen, Restored};

/// Runs at parallelism 1, behind an ordered gate: the watermark depends on the rows in their order.
#[derive(Debug)]
pub struct EventTime {
    column: usize,
    delay: i64,
    /// Greatest event time so far, and of the blocks before.
    greatest: i64,
    before: i64,
}

impl EventTime {
    /// `column` holds timestamps without nulls. `delay` in µs.
    pub fn new(column: usize, delay: i64) -> EventTime {
        EventTime { column, delay, greatest: i64::MIN, before: i64::MIN }
    }
}

impl Operator for EventTime {
    fn on_batch(&mut self, batch: Batch, _context: &RowContext, out: &mut Out) -> Result<()> {
        let times = match batch.columns.get(self.column) {
            Some(Column::Timestamp(times)) if times.null_count() == 0 => times.values().clone(),
            _ => return Err(Error::internal("the new event time is not a timestamp column without nulls")),
        };
        // Behind this task nothing knows of the delay: it is taken off what a row is judged by.
        let mut seen = Vec::with_capacity(batch.rows);
        let mut behind = false;
        for &time in times.iter() {
            // What the blocks before have shown is in the watermark.
            let within = if self.greatest > self.before { self.greatest } else { i64::MIN };
            behind |= time < within.saturating_sub(self.delay);
            seen.push(within.saturating_sub(self.delay));
            self.greatest = self.greatest.max(time);
        }
        let seen = behind.then(|| seen.into());
        out.emit(MAIN, Batch { time: Some(times), seen, ..batch });
        Ok(())
    }

    fn on_block_end(&mut self, _watermark: i64, _out: &mut Out) -> Result<Flow> {
        self.before = self.greatest;
        Ok(Flow::Done)
    }

    fn watermark(&self, _watermark: i64) -> i64 {
        match self.greatest {
            i64::MIN => i64::MIN,
            greatest => greatest.saturating_sub(self.delay).saturating_sub(1),
        }
    }

    fn freeze(&mut self, _full: bool) -> Frozen {
        Frozen { tables: Vec::new(), scalars: json!({ "greatest": self.greatest }) }
    }

    fn restore(&mut self, state: Restored) -> Result<()> {
        self.greatest = state.greatest("greatest")?.unwrap_or(i64::MIN);
        self.before = self.greatest;
        Ok(())
    }
}
