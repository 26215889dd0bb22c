//! What became of a job's checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CheckpointStats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    completed: AtomicU64,
    failed: AtomicU64,
    last: AtomicU64,
    at: AtomicI64,
    bytes: AtomicU64,
    duration: AtomicI64,
    pause: AtomicI64,
    restarts: AtomicU64,
}

/// What [`CheckpointStats`] held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointFigures {
    pub completed: u64,
    pub failed: u64,
    /// Number of the last complete one; 0 for none.
    pub last: u64,
    /// When it was complete, wall time in µs.
    pub at: i64,
    /// Bytes that were written for it.
    pub bytes: u64,
    /// From its barriers to its completion, µs.
    pub duration: i64,
    /// Longest that a task stood still to freeze its state for a checkpoint, µs.
    pub pause: i64,
    /// How often the job has started again in this process.
    pub restarts: u64,
}

impl CheckpointStats {
    /// Checkpoint `number` is complete as of `now` (wall time, µs); it took `duration` µs.
    pub fn completed(&self, number: u64, now: i64, duration: i64, bytes: u64) {
        self.0.completed.fetch_add(1, Relaxed);
        self.0.last.store(number, Relaxed);
        self.0.at.store(now, Relaxed);
        self.0.duration.store(duration, Relaxed);
        self.0.bytes.store(bytes, Relaxed);
    }

    /// A task stood still for `pause` µs to freeze its state.
    pub fn paused(&self, pause: i64) {
        self.0.pause.fetch_max(pause, Relaxed);
    }

    pub fn failed(&self) {
        self.0.failed.fetch_add(1, Relaxed);
    }

    pub fn restarts(&self, count: u64) {
        self.0.restarts.store(count, Relaxed);
    }

    pub fn read(&self) -> CheckpointFigures {
        CheckpointFigures {
            completed: self.0.completed.load(Relaxed),
            failed: self.0.failed.load(Relaxed),
            last: self.0.last.load(Relaxed),
            at: self.0.at.load(Relaxed),
            bytes: self.0.bytes.load(Relaxed),
            duration: self.0.duration.load(Relaxed),
            pause: self.0.pause.load(Relaxed),
            restarts: self.0.restarts.load(Relaxed),
        }
    }
}

impl CheckpointFigures {
    /// For reports and whoever asks a running job. Times in µs.
    pub fn to_json(&self) -> Value {
        let last = (self.last > 0).then_some(self.last);
        json!({
            "completed": self.completed, "failed": self.failed, "last": last, "at": last.map(|_| self.at),
            "bytes": self.bytes, "duration": self.duration, "pause": self.pause,
        })
    }
}
