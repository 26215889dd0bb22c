//! State as tables: what an operator hands over at a barrier and takes back when a job goes on.
//!
//! A table has named, typed columns. Where it has key columns, each row belongs to the key group of its key
//! ([`crate::data::rowkey::key_group`]), so that rows find their subtask at any parallelism. The order of the rows of
//! one key group is part of the state. Single numbers go as JSON beside the tables.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::data::{Column, Schema};

/// What a table looks like; the same for all subtasks, and for as long as the job's meaning is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Unique within its operator: `groups`, `panes`.
    pub name: String,
    pub schema: Schema,
    /// Columns of the key, in the order of the operator's own key. Empty: rows are not partitioned.
    pub key: Vec<usize>,
}

/// Columns that are made later, elsewhere: a freeze copies as little as it can and leaves the rest to this.
pub type MakeColumns = Box<dyn FnOnce() -> Vec<Column> + Send>;

/// The rows of one table in one subtask.
pub enum FrozenTable {
    /// As in the freeze before.
    Unchanged,
    Rows(MakeColumns),
}

impl std::fmt::Debug for FrozenTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FrozenTable::Unchanged => "Unchanged",
            FrozenTable::Rows(_) => "Rows",
        })
    }
}

/// The state of one subtask of an operator, frozen at a barrier.
#[derive(Debug, Default)]
pub struct Frozen {
    /// One per [`TableShape`] of the operator, in that order.
    pub tables: Vec<FrozenTable>,
    /// What is no table; null for nothing.
    pub scalars: Value,
}

/// State on its way back into one subtask.
#[derive(Debug, Default)]
pub struct Restored {
    /// The subtask that takes it: counters that are summed over subtasks go to the first one.
    pub subtask: usize,
    /// By table name: the rows of this subtask's key groups (all rows of tables without key), in stored order.
    /// Tables without rows are left out.
    pub tables: BTreeMap<String, Vec<Column>>,
    /// The scalars of all subtasks that the state was frozen in, in their order; their number may have changed.
    pub scalars: Vec<Value>,
}
