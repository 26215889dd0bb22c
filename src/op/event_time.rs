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
    /// Without rows for so long (µs) it holds nobody up.
    idle: Option<i64>,
    /// The last tick, and the last one before a row.
    now: i64,
    active: i64,
}

impl EventTime {
    /// `column` holds timestamps without nulls. Durations in µs.
    pub fn new(column: usize, delay: i64, idle: Option<i64>) -> EventTime {
        let start = i64::MIN;
        EventTime { column, delay, greatest: start, before: start, idle, now: start, active: start }
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
        self.active = self.now;
        let seen = behind.then(|| seen.into());
        out.emit(MAIN, Batch { time: Some(times), seen, ..batch });
        Ok(())
    }

    fn on_block_end(&mut self, _watermark: i64, _out: &mut Out) -> Result<Flow> {
        self.before = self.greatest;
        Ok(Flow::Done)
    }

    fn on_tick(&mut self, now: i64, _out: &mut Out) -> Result<Flow> {
        self.now = now;
        // Before the first row, silence counts from the first tick.
        self.active = if self.active == i64::MIN { now } else { self.active };
        Ok(Flow::Done)
    }

    fn is_idle(&self) -> bool {
        self.idle.is_some_and(|idle| self.now.saturating_sub(self.active) >= idle)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_in_ticks() {
        let mut operator = EventTime::new(0, 0, Some(10));
        let mut out = Out::default();
        let mut at = |operator: &mut EventTime, now: i64, has_row: bool| {
            operator.on_tick(now, &mut out).unwrap();
            if has_row {
                let row = Batch::new(vec![Column::Timestamp(vec![1].into())], 1);
                operator.on_batch(row, &RowContext { input: 0, watermark: 0, delay: 0 }, &mut out).unwrap();
            }
            operator.is_idle()
        };
        let steps = [(100, false), (109, false), (110, false), (115, true), (124, false), (125, false), (126, true)];
        let idle: Vec<bool> = steps.iter().map(|&(now, has_row)| at(&mut operator, now, has_row)).collect();
        assert_eq!(idle, [false, false, true, false, false, true, false]);
    }
}
