//! Counters: tasks push, reports and progress bars read.

mod checkpoints;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

pub use checkpoints::{CheckpointFigures, CheckpointStats};
use serde_json::json;

/// Counters of one node in one subtask. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct NodeStats(Arc<NodeCounters>);

/// Of a part of a node: whether rows come into the node by it, and leave it by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    pub enters: bool,
    pub leaves: bool,
}

impl Role {
    /// Between other parts of its node.
    pub const INSIDE: Role = Role { enters: false, leaves: false };
}

impl Default for Role {
    /// All of its node.
    fn default() -> Role {
        Role { enters: true, leaves: true }
    }
}

#[derive(Debug)]
struct NodeCounters {
    role: Role,
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
            role: Role::default(),
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
    pub fn of(role: Role) -> NodeStats {
        NodeStats(Arc::new(NodeCounters { role, ..NodeCounters::default() }))
    }

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
    /// JSON: columns asked for, where they are found, and whether some record had them.
    fields: Vec<(String, String, AtomicBool)>,
    words: Mutex<Words>,
}

/// What is remembered in words, for the end of a run.
#[derive(Debug, Default)]
struct Words {
    /// JSON: fields that records had and nobody asks for, as paths.
    others: BTreeSet<String>,
    /// Why some bad record was bad.
    bad: Option<String>,
    /// What the input looks like.
    looks: Option<String>,
}

impl SourceStats {
    /// `fields`: columns that records may lack and where they are found, in the order of [`SourceStats::seen`].
    pub fn new(fields: Vec<(String, String)>) -> SourceStats {
        let fields = fields.into_iter().map(|(name, path)| (name, path, AtomicBool::new(false))).collect();
        SourceStats(Arc::new(SourceCounters { fields, ..SourceCounters::default() }))
    }

    /// Notes which fields some record of a block had.
    pub fn seen(&self, seen: &[bool]) {
        for ((.., flag), _) in self.0.fields.iter().zip(seen).filter(|(_, seen)| **seen) {
            if !flag.load(Relaxed) {
                flag.store(true, Relaxed);
            }
        }
    }

    /// Columns that no record had, and where they would be found.
    pub fn missing(&self) -> Vec<(String, String)> {
        let missing = self.0.fields.iter().filter(|(.., seen)| !seen.load(Relaxed));
        missing.map(|(name, path, _)| (name.clone(), path.clone())).collect()
    }

    /// Notes fields that nobody asks for.
    pub fn others(&self, paths: Vec<String>) {
        if !paths.is_empty() {
            self.words(|words| words.others.extend(paths));
        }
    }

    /// Fields that records had beside those asked for.
    pub fn read_others(&self) -> Vec<String> {
        self.words(|words| words.others.iter().cloned().collect())
    }

    fn words<T>(&self, act: impl FnOnce(&mut Words) -> T) -> T {
        // Whoever panicked while holding it has left whole words.
        act(&mut self.0.words.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn rows(&self, rows: usize, bytes: usize) {
        self.0.rows.fetch_add(rows as u64, Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Bad records skipped or sent to `.errors`, why one of them is bad, and what the input looks like if it is not of
    /// its format.
    pub fn bad(&self, rows: usize, why: impl FnOnce() -> (String, Option<String>)) {
        if self.0.bad.fetch_add(rows as u64, Relaxed) == 0 {
            let (why, looks) = why();
            self.words(|words| (words.bad, words.looks) = (Some(why), looks));
        }
    }

    /// What the input looks like, if a record was bad and it is not of its format.
    pub fn looks(&self) -> Option<String> {
        self.words(|words| words.looks.clone())
    }

    /// Why a record was bad.
    pub fn bad_reason(&self) -> Option<String> {
        self.words(|words| words.bad.clone())
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
    /// Parts of transforms: name, subtask, counters. See [`JobStats::by_node`].
    pub nodes: Vec<(String, usize, NodeStats)>,
    pub sinks: Vec<(String, NodeStats)>,
    pub checkpoints: CheckpointStats,
}

impl JobStats {
    /// The figures of each transform: rows that came into it and left it, over all of its parts and subtasks.
    /// Transforms that only choose and rename columns do nothing and are not here.
    pub fn by_node(&self) -> Vec<(&str, NodeFigures)> {
        let mut nodes: Vec<(&str, NodeFigures)> = Vec::new();
        // What is chained in front of a sink, and what brings bad records into order, is nothing a job names.
        let other = |name: &str| {
            self.sources.iter().any(|(source, _)| source == name) || self.sinks.iter().any(|(sink, _)| sink == name)
        };
        for (name, _, stats) in self.nodes.iter().filter(|(name, ..)| !other(name)) {
            let (part, role) = (stats.read(), stats.0.role);
            let at = nodes.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                nodes.push((name, NodeStats::default().read()));
                nodes.len() - 1
            });
            let sum = &mut nodes[at].1;
            sum.rows_in += if role.enters { part.rows_in } else { 0 };
            sum.rows_out += if role.leaves { part.rows_out } else { 0 };
            sum.bytes += part.bytes;
            sum.late += part.late;
            sum.late_by = sum.late_by.max(part.late_by);
            // Parts without time have none.
            sum.watermark = match (sum.watermark, part.watermark) {
                (i64::MIN, other) | (other, i64::MIN) => other,
                (one, other) => one.min(other),
            };
        }
        nodes
    }

    /// Everything as JSON, for whoever asks a running job.
    pub fn status(&self) -> serde_json::Value {
        let watermark = |watermark: i64| (watermark > i64::MIN && watermark < i64::MAX).then_some(watermark);
        let sources = self.sources.iter().map(|(name, stats)| {
            let f = stats.read();
            json!({ "name": name, "rows": f.rows, "bad": f.bad, "bytes": f.bytes, "done": f.done, "total": f.total })
        });
        let node = |name: &str, subtask: Option<usize>, f: NodeFigures| {
            json!({
                "name": name, "subtask": subtask, "rows-in": f.rows_in, "rows-out": f.rows_out, "bytes": f.bytes,
                "bad": f.bad, "late": f.late, "watermark": watermark(f.watermark),
            })
        };
        json!({
            "sources": sources.collect::<Vec<_>>(),
            "operators": self.by_node().into_iter().map(|(name, f)| node(name, None, f)).collect::<Vec<_>>(),
            "tasks": self.nodes.iter().map(|(name, subtask, s)| node(name, Some(*subtask), s.read())).collect::<Vec<_>>(),
            "sinks": self.sinks.iter().map(|(name, s)| node(name, None, s.read())).collect::<Vec<_>>(),
            "checkpoints": self.checkpoints.read().to_json(),
            "restarts": self.checkpoints.read().restarts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_several_parts_has_the_figures_of_its_ends() {
        let part = |name: &str, subtask: usize, role: Role, rows: [usize; 2], watermark: i64| {
            let stats = NodeStats::of(role);
            stats.rows_in(rows[0]);
            stats.rows_out(rows[1]);
            stats.watermark(watermark);
            (name.to_owned(), subtask, stats)
        };
        let enters = Role { enters: true, leaves: false };
        let leaves = Role { enters: false, leaves: true };
        let stats = JobStats {
            sinks: vec![("sinks.o".into(), NodeStats::default())],
            nodes: vec![
                part("t", 0, enters, [50, 50], i64::MIN),
                part("t", 1, enters, [30, 30], i64::MIN),
                part("t", 0, Role::INSIDE, [50, 4], i64::MIN),
                part("f", 0, Role::default(), [7, 5], i64::MIN),
                part("t", 0, leaves, [4, 3], 70),
                part("t", 1, leaves, [2, 1], 60),
                part("sinks.o", 0, Role::default(), [4, 4], i64::MIN),
            ],
            ..JobStats::default()
        };
        let seen: Vec<_> =
            stats.by_node().into_iter().map(|(name, f)| (name, f.rows_in, f.rows_out, f.watermark)).collect();
        assert_eq!(seen, [("t", 80, 4, 60), ("f", 7, 5, i64::MIN)]);
    }
}
