//! What is written of a checkpoint beside its state files, and what is gathered before it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::table::{Frozen, TableShape};

/// Version of the format on disk.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Written before a run touches what exists: how to undo it.
    Start,
    Checkpoint,
    Savepoint,
}

/// All that is known of a checkpoint, as `manifest.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the program that wrote it.
    pub flott: String,
    pub kind: Kind,
    /// Never used twice within a state folder.
    pub checkpoint: u64,
    /// New at every fresh start and at every resume from a savepoint or an older checkpoint.
    pub lineage: String,
    /// Of a checkpoint that a run began with and that came from elsewhere: what it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Wall time, µs.
    pub created: i64,
    pub job: Job,
    /// All input has been read and processed: nothing but commits is left.
    pub ended: bool,
    /// By id: the path of the node, and where it is laid out as several, what this one does: `transforms.best/sort`.
    pub operators: BTreeMap<String, OperatorState>,
    /// By path of the node.
    pub sources: BTreeMap<String, SourceState>,
    /// By path of the node.
    pub sinks: BTreeMap<String, SinkState>,
    /// State files by path relative to the manifest's folder.
    pub files: BTreeMap<String, FileInfo>,
}

impl Manifest {
    pub fn table(&self, operator: &str, table: &str) -> Option<&TableState> {
        self.operators.get(operator)?.tables.iter().find(|t| t.name == table)
    }
}

/// A checkpoint or savepoint that a run went back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub lineage: String,
    pub checkpoint: u64,
}

/// The job as it ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Job {
    pub name: String,
    /// Absolute path of the job file.
    pub path: String,
    /// Current directory of the run, which relative paths start at.
    pub directory: String,
    /// The job file as written: variables are not replaced, so no secret is in it.
    pub text: String,
    /// Values given with `-D`, as typed.
    pub overrides: Vec<String>,
    pub parallelism: usize,
    pub max_parallelism: u32,
    /// Columns and types of each source, as resolved: `[name, type]`.
    pub schemas: BTreeMap<String, Vec<(String, String)>>,
    /// Sources among them whose schema does not stand in the job file: whoever goes on takes what was inferred then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inferred: BTreeMap<String, Inferred>,
}

/// What the schema of a source was concluded from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inferred {
    pub file: String,
    pub records: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorState {
    /// What the state depends on, in words, such as `by` → `card`: an edit of it makes the state useless.
    pub identity: BTreeMap<String, String>,
    /// µs.
    pub watermark: i64,
    /// It has given its last results.
    pub finished: bool,
    /// Of each subtask.
    pub scalars: Vec<Value>,
    pub tables: Vec<TableState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    pub name: String,
    /// `[name, type]`.
    pub columns: Vec<(String, String)>,
    /// Columns of the key.
    pub key: Vec<usize>,
    /// In the order of key groups.
    pub segments: Vec<Segment>,
}

/// Rows of neighbouring key groups: one record batch of a state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// First and last key group; `[0, 0]` for tables without key.
    pub groups: (u32, u32),
    /// A key of [`Manifest::files`].
    pub file: String,
    /// Number of the record batch in the file.
    pub batch: usize,
    pub rows: u64,
    /// xxh3-128 of the rows, in hexadecimal: equal rows of equal groups are not written again.
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    pub bytes: u64,
    /// Rows in all of its record batches, whether a segment still names them or not.
    pub rows: u64,
    /// xxh3-64 of the whole file, in hexadecimal.
    pub xxh3: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// `type` of the node.
    pub kind: String,
    /// See `connect::Source::position`.
    pub position: Value,
    pub ended: bool,
    pub progress: Progress,
}

/// Event time and lines of a source, as gates behind it know them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    pub slots: Vec<Slot>,
    /// Least event time of inputs not opened yet, µs.
    pub hold: Option<i64>,
    /// Lines read of each open file.
    pub lines: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Greatest event time, µs.
    pub max: i64,
    pub opened: bool,
    pub ended: bool,
    pub idle: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SinkState {
    /// `type` of the node.
    pub kind: String,
    /// See `connect::Prepared::state`.
    pub state: Value,
    /// What is to be committed and is not known to have been, with the checkpoint that prepared it, oldest first.
    pub pending: Vec<(u64, Value)>,
}

/// A checkpoint as the tasks gave it, before it is written.
#[derive(Debug)]
pub struct Snapshot {
    pub kind: Kind,
    pub checkpoint: u64,
    pub lineage: String,
    /// Wall time, µs.
    pub created: i64,
    pub job: Job,
    pub ended: bool,
    pub operators: BTreeMap<String, OperatorSnapshot>,
    pub sources: BTreeMap<String, SourceState>,
    pub sinks: BTreeMap<String, SinkState>,
}

#[derive(Debug)]
pub struct OperatorSnapshot {
    pub identity: BTreeMap<String, String>,
    pub watermark: i64,
    pub finished: bool,
    pub tables: Vec<TableShape>,
    /// By subtask.
    pub parts: Vec<Frozen>,
}
