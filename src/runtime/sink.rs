//! The task of a sink: brings encoded rows into order and hands them to the writer.

use bytes::{Buf, Bytes};
use rustix::event::PollFd;

use super::gate::{Event, Gate};
use super::task::{Step, Task};
use crate::connect::{Writer, Wrote};
use crate::error::{Error, Result};
use crate::observe::NodeStats;

pub struct Sink {
    name: String,
    gate: Gate,
    writer: Box<dyn Writer>,
    header: Option<Bytes>,
    /// What the writer has not taken yet.
    rest: Bytes,
    /// Something was written since the last flush.
    dirty: bool,
    blocked: bool,
    /// The reader is gone: rows are dropped.
    closed_by_peer: bool,
    ended: bool,
    closed: bool,
    /// Rows go out as they come: flush whenever input pauses.
    eager: bool,
    stats: NodeStats,
}

impl Sink {
    pub fn new(
        name: String,
        gate: Gate,
        writer: Box<dyn Writer>,
        header: Vec<u8>,
        eager: bool,
        stats: NodeStats,
    ) -> Sink {
        Sink {
            name,
            gate,
            writer,
            header: Some(Bytes::from(header)),
            rest: Bytes::new(),
            dirty: false,
            blocked: false,
            closed_by_peer: false,
            ended: false,
            closed: false,
            eager,
            stats,
        }
    }

    fn at(&self) -> impl Fn(Error) -> Error + use<> {
        let name = self.name.clone();
        move |error| error.at(name.clone())
    }

    /// Offers `rest` to the writer. True if it took all.
    fn write(&mut self) -> Result<bool> {
        self.blocked = false;
        if self.rest.has_remaining() && !self.closed_by_peer {
            self.dirty = true;
            let outcome = self.writer.write(&mut self.rest).map_err(self.at())?;
            return self.outcome(outcome);
        }
        self.rest = Bytes::new();
        Ok(true)
    }

    fn flush(&mut self) -> Result<bool> {
        if !self.dirty || self.closed_by_peer {
            return Ok(true);
        }
        let outcome = self.writer.flush().map_err(self.at())?;
        let done = self.outcome(outcome)?;
        self.dirty = !done;
        Ok(done)
    }

    fn outcome(&mut self, outcome: Wrote) -> Result<bool> {
        match outcome {
            Wrote::Done => Ok(true),
            Wrote::Blocked => {
                self.blocked = true;
                Ok(false)
            }
            Wrote::Closed => {
                self.closed_by_peer = true;
                self.rest = Bytes::new();
                self.gate.satisfy();
                Ok(true)
            }
        }
    }
}

impl Task for Sink {
    fn step(&mut self, _now: i64) -> Result<Step> {
        if let Some(header) = self.header.take() {
            self.writer.open(header).map_err(self.at())?;
            self.dirty = true;
        }
        if !self.write()? {
            return Ok(Step::Blocked { until: None });
        }
        if self.closed {
            return Ok(if self.flush()? { Step::Done } else { Step::Blocked { until: None } });
        }
        match self.gate.poll()? {
            Event::Pending => {
                if self.eager || self.ended {
                    self.flush()?;
                }
                return Ok(Step::Blocked { until: None });
            }
            Event::Chunk(chunk) => {
                self.stats.rows_in(chunk.rows);
                self.stats.bytes(chunk.data.len());
                self.rest = chunk.data;
                self.write()?;
            }
            Event::Failed(bad) if !self.closed_by_peer => return Err(bad.error),
            Event::Failed(_) | Event::Passed(_) => {}
            Event::Rows(..) => return Err(Error::internal("rows that were not encoded came to a sink")),
            Event::BlockEnd(watermark) => self.stats.watermark(watermark),
            Event::Tick(_) => {}
            Event::Barrier(id) => self.stats.barrier(id),
            Event::End => self.ended = true,
            Event::Close => self.closed = true,
        }
        Ok(Step::Ready)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.blocked {
            self.writer.poll_fds(fds);
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.writer.commit().map_err(self.at())
    }

    fn abort(&mut self) {
        self.writer.abort();
    }
}
