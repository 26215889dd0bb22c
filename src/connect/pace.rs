//! `rate` of files that grow. Which of them is read next depends on what comes, so a block that waited in parts, as under
//! [`super::throttle`], would not be found again behind a checkpoint. These blocks are cut small instead, and paid for
//! before the next one is asked for: a position is that of the source inside.

use rustix::event::PollFd;
use serde_json::Value;

use crate::connect::records::Records;
use crate::connect::throttle::{Meter, first_records};
use crate::connect::{Block, Body, Next, Source};
use crate::error::Result;

/// Asks a source for no more than so many rows a second.
pub struct Pace {
    inner: Box<dyn Source>,
    records: Records,
    /// When the next block may be asked for.
    meter: Meter,
    stopped: bool,
}

impl Pace {
    /// `inner` cuts blocks of at most [`super::throttle::rows_at_once`] rows.
    pub fn new(inner: Box<dyn Source>, records: Records, rate: f64) -> Pace {
        Pace { inner, records, meter: Meter::new(rate), stopped: false }
    }

    fn rows(&self, body: &Body) -> u64 {
        let Body::Bytes { data, .. } = body else { return 0 };
        first_records(&self.records, data, u64::MAX).1
    }
}

impl Source for Pace {
    fn next(&mut self, now: i64) -> Result<Next> {
        if let Some(due) = self.meter.wait(now).filter(|_| !self.stopped) {
            return Ok(Next::Pending { until: Some(due) });
        }
        let next = self.inner.next(now)?;
        if let Next::Block(Block { body, .. }) = &next {
            match self.rows(body) {
                0 => {}
                rows => self.meter.pay(rows, now),
            }
        }
        Ok(next)
    }

    fn next_time(&mut self) -> Result<i64> {
        self.inner.next_time()
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        self.inner.poll_fds(fds);
    }

    fn input_name(&self, file: u32) -> String {
        self.inner.input_name(file)
    }

    fn stop(&mut self) {
        self.inner.stop();
        self.stopped = true;
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.inner.progress()
    }

    fn is_live(&self) -> bool {
        self.inner.is_live()
    }

    fn position(&mut self) -> Result<Value> {
        self.inner.position()
    }

    fn restore(&mut self, position: &Value) -> Result<()> {
        self.inner.restore(position)
    }

    fn warnings(&mut self) -> Vec<String> {
        self.inner.warnings()
    }

    fn wants_checkpoint(&self) -> bool {
        self.inner.wants_checkpoint()
    }
}
