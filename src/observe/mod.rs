//! Counters: tasks push, reports and progress bars read.

mod checkpoints;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

pub use checkpoints::{CheckpointFigures, CheckpointStats};
use serde_json::json;

/// Counters of one node in one subtask. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct NodeStats(Arc<NodeCounters>);

#[derive(Debug)]
struct NodeCounters {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    bytes: AtomicU64,
    bad: AtomicU64,
    late: AtomicU64,
    late_by: AtomicI64,
    watermark: AtomicI64,
    barrier: AtomicU64,
}

impl Default for NodeCounters {
    fn default() -> NodeCounters {
        NodeCounters {
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            late: AtomicU64::new(0),
            late_by: AtomicI64::new(0),
            watermark: AtomicI64::new(i64::MIN),
            barrier: AtomicU64::new(0),
        }
    }
}

impl NodeStats {
    pub fn rows_in(&self, rows: usize) {
        self.0.rows_in.fetch_add(rows as u64, Relaxed);
    }

    pub fn rows_out(&self, rows: usize) {
        self.0.rows_out.fetch_add(rows as u64, Relaxed);
    }

    pub fn bytes(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Rows on which an expression failed, skipped or sent to `.errors`.
    pub fn bad(&self, rows: usize) {
        self.0.bad.fetch_add(rows as u64, Relaxed);
    }

    /// Late rows dropped so far.
    /// `by`: the delay (µs) that was missing to keep them.
    pub fn late(&self, rows: u64, by: i64) {
        self.0.late.store(rows, Relaxed);
        self.0.late_by.store(by, Relaxed);
    }

    pub fn watermark(&self, watermark: i64) {
        self.0.watermark.store(watermark, Relaxed);
    }

    /// The last barrier that all inputs have delivered.
    pub fn barrier(&self, id: u64) {
        self.0.barrier.store(id, Relaxed);
    }

    pub fn read(&self) -> NodeFigures {
        NodeFigures {
            rows_in: self.0.rows_in.load(Relaxed),
            rows_out: self.0.rows_out.load(Relaxed),
            bytes: self.0.bytes.load(Relaxed),
            bad: self.0.bad.load(Relaxed),
            late: self.0.late.load(Relaxed),
            late_by: self.0.late_by.load(Relaxed),
            watermark: self.0.watermark.load(Relaxed),
            barrier: self.0.barrier.load(Relaxed),
        }
    }
}

/// What [`NodeStats`] held at one moment. Times in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeFigures {
    pub rows_in: u64,
    pub rows_out: u64,
    pub bytes: u64,
    pub bad: u64,
    pub late: u64,
    pub late_by: i64,
    pub watermark: i64,
    /// 0 before the first.
    pub barrier: u64,
}

/// Counters of one source. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SourceStats(Arc<SourceCounters>);

#[derive(Debug, Default)]
struct SourceCounters {
    rows: AtomicU64,
    bytes: AtomicU64,
    bad: AtomicU64,
    done: AtomicU64,
    /// 0: not known.
    total: AtomicU64,
    /// JSON: columns asked for, and whether some record had them.
    fields: Vec<(String, AtomicBool)>,
}

impl SourceStats {
    /// `fields`: columns that records may lack, in the order of [`SourceStats::seen`].
    pub fn new(fields: Vec<String>) -> SourceStats {
        let fields = fields.into_iter().map(|name| (name, AtomicBool::new(false))).collect();
        SourceStats(Arc::new(SourceCounters { fields, ..SourceCounters::default() }))
    }

    /// Notes which fields some record of a block had.
    pub fn seen(&self, seen: &[bool]) {
        for ((_, flag), _) in self.0.fields.iter().zip(seen).filter(|(_, seen)| **seen) {
            if !flag.load(Relaxed) {
                flag.store(true, Relaxed);
            }
        }
    }

    /// Columns that no record had.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.0.fields.iter().filter(|(_, seen)| !seen.load(Relaxed));
        missing.map(|(name, _)| name.clone()).collect()
    }

    pub fn rows(&self, rows: usize, bytes: usize) {
        self.0.rows.fetch_add(rows as u64, Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Bad records skipped or sent to `.errors`.
    pub fn bad(&self, rows: usize) {
        self.0.bad.fetch_add(rows as u64, Relaxed);
    }

    /// Bytes (or rows of a generator) handed out, and in all.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.0.done.store(done, Relaxed);
        self.0.total.store(total.unwrap_or(0), Relaxed);
    }

    pub fn read(&self) -> SourceFigures {
        let total = self.0.total.load(Relaxed);
        SourceFigures {
            rows: self.0.rows.load(Relaxed),
            bytes: self.0.bytes.load(Relaxed),
            bad: self.0.bad.load(Relaxed),
            done: self.0.done.load(Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}

/// What [`SourceStats`] held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFigures {
    pub rows: u64,
    pub bytes: u64,
    pub bad: u64,
    pub done: u64,
    pub total: Option<u64>,
}

/// The counters of a job, by node.
#[derive(Debug, Clone, Default)]
pub struct JobStats {
    pub sources: Vec<(String, SourceStats)>,
    /// Operators: name, subtask, counters. A node of several operators comes several times.
    pub nodes: Vec<(String, usize, NodeStats)>,
    pub sinks: Vec<(String, NodeStats)>,
    pub checkpoints: CheckpointStats,
}

impl JobStats {
    /// Everything as JSON, for whoever asks a running job.
    pub fn status(&self) -> serde_json::Value {
        let watermark = |watermark: i64| (watermark > i64::MIN && watermark < i64::MAX).then_some(watermark);
        let sources = self.sources.iter().map(|(name, stats)| {
            let f = stats.read();
            json!({ "name": name, "rows": f.rows, "bad": f.bad, "bytes": f.bytes, "done": f.done, "total": f.total })
        });
        let node = |name: &str, subtask: Option<usize>, stats: &NodeStats| {
            let f = stats.read();
            json!({
                "name": name, "subtask": subtask, "rows-in": f.rows_in, "rows-out": f.rows_out, "bytes": f.bytes,
                "bad": f.bad, "late": f.late, "watermark": watermark(f.watermark),
            })
        };
        json!({
            "sources": sources.collect::<Vec<_>>(),
            "operators": self.nodes.iter().map(|(name, subtask, s)| node(name, Some(*subtask), s)).collect::<Vec<_>>(),
            "sinks": self.sinks.iter().map(|(name, s)| node(name, None, s)).collect::<Vec<_>>(),
            "checkpoints": self.checkpoints.read().to_json(),
            "restarts": self.checkpoints.read().restarts,
        })
    }
}
