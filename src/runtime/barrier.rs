//! What tasks hand over when a barrier passes them.
//!
//! A reader gives its position before it injects the barrier, a stage freezes its state when all its inputs have
//! delivered it, a sink flushes and prepares its output. Each sends one [`Ack`]; `gather.rs` puts them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde_json::Value;

use super::message::FINAL_BARRIER;
use crate::checkpoint::manifest::Progress;
use crate::connect::Prepared;
use crate::error::{Error, Result};
use crate::state::table::Frozen;

/// Runs away from the tasks, before the checkpoint is complete.
pub type Durable = Box<dyn FnOnce() -> Result<()> + Send>;

/// One task's part of a checkpoint.
pub struct Ack {
    pub checkpoint: u64,
    pub part: Part,
    /// Event time and lines of the sources that the task reads, by their number.
    pub progress: Vec<(usize, Progress)>,
}

pub enum Part {
    Source {
        source: usize,
        position: Value,
        ended: bool,
        durable: Option<Durable>,
    },
    Stage {
        stage: usize,
        subtask: usize,
        watermark: i64,
        finished: bool,
        frozen: Frozen,
        /// How long the freeze took, µs.
        pause: i64,
    },
    Sink {
        sink: usize,
        prepared: Prepared,
    },
    /// The task cannot take part: a record that ends the job has passed it.
    Declined,
    /// A source wants a checkpoint soon: its journal is full.
    Wanted,
    /// What sources want the user to know.
    Warned(Vec<Error>),
}

/// The way of acks to whoever gathers them. Clones share it.
#[derive(Clone)]
pub struct Acks {
    sender: Sender<Ack>,
    /// The last checkpoint that was written, or that the job was restored from: what "unchanged" refers to.
    base: Arc<AtomicU64>,
}

impl Acks {
    pub fn new() -> (Acks, Receiver<Ack>) {
        let (sender, receiver) = unbounded();
        (Acks { sender, base: Arc::default() }, receiver)
    }

    pub fn send(&self, checkpoint: u64, part: Part, progress: Vec<(usize, Progress)>) {
        // Nobody listens any more when the job is being torn down.
        let _ = self.sender.send(Ack { checkpoint, part, progress });
    }

    pub fn base(&self) -> u64 {
        self.base.load(Ordering::Acquire)
    }

    /// Checkpoint `checkpoint` is complete.
    pub fn set_base(&self, checkpoint: u64) {
        self.base.store(checkpoint, Ordering::Release);
    }
}

/// Whether this barrier is a checkpoint's, and not the one behind the end of all inputs.
pub fn is_checkpoint(barrier: u64) -> bool {
    barrier != FINAL_BARRIER
}
