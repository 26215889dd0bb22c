//! The exits of a task: where its batches go, and in which form.

use std::collections::VecDeque;

use arrow_array::UInt32Array;
use bytes::Bytes;

use super::channel::Tx;
use super::message::{BadRow, Chunk, Mark, Message, Origin, Signal, Stretch};
use crate::connect::directory::Partitioner;
use crate::data::{Batch, Column, Order, rowkey};
use crate::error::Result;
use crate::format::Encoder;

/// How a port spreads rows over its channels.
pub enum Exchange {
    /// One channel, or none that anybody reads.
    Single,
    /// By key group of these columns of the batch.
    Hash { keys: Vec<usize>, max_parallelism: u32 },
}

/// One edge of the job graph, on its producer's side.
pub struct Port {
    pub exchange: Exchange,
    /// Turns rows into bytes before a writer.
    pub encoder: Option<Box<dyn Encoder>>,
    /// Encoded rows have the column `op`.
    pub op: bool,
    /// Tells the partitions of encoded rows.
    pub partitioner: Option<Partitioner>,
    /// The chunks are merged behind: they need the end of every row.
    pub merged: bool,
    /// Rows get their number within the block, to be merged by.
    pub number_rows: bool,
    /// Receivers of no rows are told which rows went to others. Tasks that send a whole block at once need not.
    pub tells: bool,
    lanes: Vec<Lane>,
    /// Rows sent in this block.
    row: u32,
    /// Length of the last encoded batch.
    encoded_bytes: usize,
}

struct Lane {
    tx: Tx,
    /// What the channel had no room for.
    waiting: VecDeque<Message>,
    /// Rows have been sent since the last [`Port::passed`].
    told: bool,
}

impl Port {
    pub fn new(exchange: Exchange, channels: Vec<Tx>) -> Port {
        let lanes = channels.into_iter().map(|tx| Lane { tx, waiting: VecDeque::new(), told: false }).collect();
        Port {
            exchange,
            encoder: None,
            op: false,
            partitioner: None,
            merged: false,
            number_rows: false,
            tells: false,
            lanes,
            row: 0,
            encoded_bytes: 0,
        }
    }

    /// Nobody behind wants more rows.
    pub fn satisfied(&self) -> bool {
        self.lanes.iter().all(|lane| lane.tx.satisfied())
    }

    /// Sends what waited. True if nothing waits any more.
    pub fn flush(&mut self) -> Result<bool> {
        let mut clear = true;
        for lane in &mut self.lanes {
            while let Some(message) = lane.waiting.pop_front() {
                if let Some(message) = lane.tx.try_send(message)? {
                    lane.waiting.push_front(message);
                    clear = false;
                    break;
                }
            }
        }
        Ok(clear)
    }

    pub fn rows(&mut self, mut batch: Batch, origin: Origin) -> Result<()> {
        if self.satisfied() {
            return Ok(());
        }
        if self.number_rows {
            let rows = batch.rows as u32;
            batch.order = Order::Row((self.row..self.row + rows).collect());
            self.row += rows;
            if self.tells && rows > 0 {
                let last = batch.order.take(&[rows - 1]);
                self.spread(batch, origin)?;
                return self.passed(&last);
            }
        }
        self.spread(batch, origin)
    }

    fn spread(&mut self, batch: Batch, origin: Origin) -> Result<()> {
        if let Some(encoder) = &mut self.encoder {
            let batch = if self.op { batch.with_op() } else { batch };
            // Blocks are alike: room for the last one saves growing.
            let mut data = Vec::with_capacity(self.encoded_bytes + self.encoded_bytes / 8);
            let wants_ends = self.merged || self.partitioner.is_some();
            let mut ends = Vec::with_capacity(if wants_ends { batch.rows } else { 0 });
            encoder.encode(&batch, &mut data, wants_ends.then_some(&mut ends));
            self.encoded_bytes = data.len();
            let stretches = self.partitioner.as_mut().map_or_else(Vec::new, |by| stretches(by, &batch, &ends));
            let order = if self.merged { batch.order } else { Order::Arrival };
            let chunk = Chunk { data: Bytes::from(data), rows: batch.rows, ends, order, stretches };
            return self.send(0, Message::Chunk(chunk));
        }
        match &self.exchange {
            Exchange::Single => self.send(0, Message::Rows { origin, batch }),
            Exchange::Hash { .. } if self.lanes.len() == 1 => self.send(0, Message::Rows { origin, batch }),
            Exchange::Hash { .. } => self.scatter(batch, origin),
        }
    }

    /// Sends every row to the subtask that owns its key group.
    fn scatter(&mut self, batch: Batch, origin: Origin) -> Result<()> {
        let Exchange::Hash { keys, max_parallelism } = &self.exchange else { return Ok(()) };
        let columns: Vec<&Column> = keys.iter().map(|&k| &batch.columns[k]).collect();
        let parallelism = self.lanes.len();
        let mut rows: Vec<Vec<u32>> =
            (0..parallelism).map(|_| Vec::with_capacity(batch.rows / parallelism + 16)).collect();
        rowkey::each_group(&columns, batch.rows, *max_parallelism, |row, group| {
            rows[rowkey::subtask_of(group, parallelism, *max_parallelism)].push(row);
        });
        for (lane, rows) in rows.into_iter().enumerate() {
            if rows.len() == batch.rows {
                return self.send(lane, Message::Rows { origin, batch });
            }
            if !rows.is_empty() {
                let batch = batch.take(&UInt32Array::from(rows));
                self.send(lane, Message::Rows { origin, batch })?;
            }
        }
        Ok(())
    }

    /// Everything up to the row of `order` was sent or dropped. Receivers that got nothing are told, as they could wait for rows
    /// from here while others, who wait for them, hold this task back.
    pub fn passed(&mut self, order: &Order) -> Result<()> {
        for lane in 0..self.lanes.len() {
            if !std::mem::replace(&mut self.lanes[lane].told, false) {
                self.send(lane, Message::Passed(order.clone()))?;
            }
        }
        Ok(())
    }

    pub fn mark(&mut self, mark: Mark) -> Result<()> {
        self.row = 0;
        (0..self.lanes.len()).try_for_each(|lane| self.send(lane, Message::Mark(mark)))
    }

    pub fn turn(&mut self) -> Result<()> {
        (0..self.lanes.len()).try_for_each(|lane| self.send(lane, Message::Turn))
    }

    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        (0..self.lanes.len()).try_for_each(|lane| self.send(lane, Message::Signal(signal)))
    }

    pub fn failed(&mut self, bad: &BadRow) -> Result<()> {
        (0..self.lanes.len()).try_for_each(|lane| self.send(lane, Message::Failed(Box::new(bad.clone()))))
    }

    /// Sends a block to the one worker behind this port.
    pub fn send_block(&mut self, block: Message) -> Result<()> {
        self.send(0, block)
    }

    /// Messages that the channels hold.
    pub fn queued(&self) -> usize {
        self.lanes.iter().map(|lane| lane.tx.queued() + lane.waiting.len()).sum()
    }

    fn send(&mut self, lane: usize, message: Message) -> Result<()> {
        let lane = &mut self.lanes[lane];
        lane.told |= matches!(message, Message::Rows { .. } | Message::Chunk(_));
        if !lane.waiting.is_empty() {
            lane.waiting.push_back(message);
        } else if let Some(message) = lane.tx.try_send(message)? {
            lane.waiting.push_back(message);
        }
        Ok(())
    }
}

/// The partitions of encoded rows, which end at `ends`.
fn stretches(partitioner: &mut Partitioner, batch: &Batch, ends: &[u32]) -> Vec<Stretch> {
    let stretches = partitioner.stretches(batch).into_iter();
    stretches.map(|s| Stretch { row: s.end, byte: ends[s.end - 1] as usize, partition: s.partition }).collect()
}
