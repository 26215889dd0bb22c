//! The task of a sink: brings encoded rows into order and hands them to the writer. One that makes files of columns has
//! them as they are.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use rustix::event::PollFd;
use serde_json::Value;

use super::barrier::{Acks, Part, is_checkpoint};
use super::gate::{Event, Gate};
use super::message::Stretch;
use super::task::{Step, Task};
use crate::connect::directory::Partitioner;
use crate::connect::{Prepared, Writer, Wrote};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::observe::NodeStats;

pub struct Sink {
    name: String,
    gate: Gate,
    writer: Box<dyn Writer>,
    header: Option<Bytes>,
    /// What the writer has not taken yet.
    rest: Bytes,
    /// What comes behind that, by partition.
    pieces: VecDeque<(Arc<str>, Bytes)>,
    /// Something was written since the last flush.
    dirty: bool,
    blocked: bool,
    /// The reader is gone: rows are dropped.
    closed_by_peer: bool,
    ended: bool,
    closed: bool,
    /// Rows go out as they come: flush whenever input pauses.
    eager: bool,
    /// The checkpoint that is waited with until all is flushed.
    preparing: Option<u64>,
    /// Number of the sink, and where its parts of checkpoints go.
    number: usize,
    acks: Acks,
    /// Tells the partitions of rows that come as they are.
    pub partitioner: Option<Partitioner>,
    /// Where a checkpoint says that it goes on.
    resume: Option<Value>,
    stats: NodeStats,
}

impl Sink {
    /// `number`: in the plan; `acks`: where its parts of checkpoints go.
    pub fn new(
        name: String,
        (number, acks): (usize, Acks),
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
            pieces: VecDeque::new(),
            dirty: false,
            blocked: false,
            closed_by_peer: false,
            ended: false,
            closed: false,
            eager,
            preparing: None,
            number,
            acks,
            partitioner: None,
            resume: None,
            stats,
        }
    }

    /// Goes on from what was prepared for a checkpoint.
    pub fn resume(&mut self, state: Value) {
        self.resume = Some(state);
    }

    fn open(&mut self, header: Bytes) -> Result<()> {
        let opened = match self.resume.take() {
            Some(state) => self.writer.restore(&state, header),
            None => self.writer.open(header),
        };
        self.dirty = true;
        opened.map_err(self.at())
    }

    /// Cuts the output for a checkpoint, once all of it is flushed. True if nothing is left to do.
    fn prepare(&mut self) -> Result<bool> {
        let Some(checkpoint) = self.preparing else { return Ok(true) };
        if !self.flush()? {
            return Ok(false);
        }
        self.preparing = None;
        let prepared = match self.closed_by_peer {
            true => Prepared::default(),
            false => self.writer.prepare(checkpoint, false).map_err(self.at())?,
        };
        self.acks.send(checkpoint, Part::Sink { sink: self.number, prepared }, self.gate.progress());
        Ok(true)
    }

    fn at(&self) -> impl Fn(Error) -> Error + use<> {
        let name = self.name.clone();
        move |error| error.at(name.clone())
    }

    /// Offers what there is to the writer. True if it took all.
    fn write(&mut self) -> Result<bool> {
        while self.write_rest()? {
            let Some((partition, data)) = self.pieces.pop_front() else { return Ok(true) };
            self.writer.partition(&partition).map_err(self.at())?;
            self.rest = data;
        }
        Ok(false)
    }

    /// Takes encoded rows, cut where their partition changes.
    fn take(&mut self, data: Bytes, stretches: Vec<Stretch>) {
        if stretches.is_empty() {
            self.rest = data;
            return;
        }
        let mut at = 0;
        for Stretch { byte, partition, .. } in stretches {
            self.pieces.push_back((partition, data.slice(at..byte)));
            at = byte;
        }
    }

    /// Takes rows that were not encoded.
    fn take_rows(&mut self, batch: &Batch) -> Result<()> {
        self.dirty = true;
        let Some(partitioner) = &mut self.partitioner else { return self.writer.rows(batch) };
        let mut at = 0;
        for stretch in partitioner.stretches(batch) {
            self.writer.partition(&stretch.partition)?;
            self.writer.rows(&batch.slice(at, stretch.end - at))?;
            at = stretch.end;
        }
        Ok(())
    }

    /// Offers `rest` to the writer. True if it took all.
    fn write_rest(&mut self) -> Result<bool> {
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
    fn step(&mut self, now: i64) -> Result<Step> {
        self.writer.tick(now);
        if let Some(header) = self.header.take() {
            self.open(header)?;
        }
        if !self.write()? || !self.prepare()? {
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
                self.take(chunk.data, chunk.stretches);
                self.write()?;
            }
            Event::Failed(bad) if !self.closed_by_peer => return Err(bad.error),
            Event::Failed(_) | Event::Passed(_) => {}
            Event::Rows(batch, _) => {
                self.stats.rows_in(batch.rows);
                self.take_rows(&batch).map_err(self.at())?;
            }
            Event::BlockEnd(watermark) => self.stats.watermark(watermark),
            Event::Tick(_) => {}
            Event::Barrier(id) => {
                self.stats.barrier(id);
                self.preparing = Some(id).filter(|&id| is_checkpoint(id));
            }
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

    fn release(&mut self) {
        self.writer.release();
    }

    fn prepare_start(&mut self) -> Result<Option<(usize, Value)>> {
        let Some(header) = self.header.take() else { return Ok(None) };
        self.open(header)?;
        let prepared = self.writer.prepare(0, false).map_err(self.at())?;
        Ok(Some((self.number, prepared.state)))
    }

    fn prepare_end(&mut self, checkpoint: u64) -> Result<Option<(usize, Prepared)>> {
        let prepared = match self.closed_by_peer {
            true => Prepared::default(),
            false => self.writer.prepare(checkpoint, true).map_err(self.at())?,
        };
        Ok(Some((self.number, prepared)))
    }
}
