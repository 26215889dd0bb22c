//! What a row of results is to those before it: the column `op` of a sink.

use std::sync::Arc;

use arrow_array::StringViewArray;

use super::{Batch, Column, DataType, Field, Schema};

/// What a row says of its key. Rows of streams that only grow are all [`Change::Insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The key has a row now.
    Insert,
    /// This row takes the place of the key's row before.
    Update,
    /// The key has no row any more.
    Delete,
}

/// The name of the column.
pub const OP: &str = "op";

impl Change {
    pub fn name(self) -> &'static str {
        match self {
            Change::Insert => "+I",
            Change::Update => "+U",
            Change::Delete => "-D",
        }
    }
}

impl Schema {
    /// With the column `op` in front.
    pub fn with_op(&self) -> Schema {
        let op = Field { name: OP.to_owned(), ty: DataType::String };
        Schema { fields: std::iter::once(op).chain(self.fields.iter().cloned()).collect() }
    }
}

impl Batch {
    /// With what each row is to those before it as a column in front.
    pub fn with_op(mut self) -> Batch {
        let ops = match &self.changes {
            Some(changes) => StringViewArray::from_iter_values(changes.iter().map(|change| change.name())),
            None => StringViewArray::from_iter_values(std::iter::repeat_n(Change::Insert.name(), self.rows)),
        };
        self.columns.insert(0, Column::String(ops));
        self
    }

    /// The changes of `batches` behind each other, if one of them has any.
    pub fn joined_changes(batches: &[Batch]) -> Option<Arc<[Change]>> {
        batches.iter().find(|batch| batch.changes.is_some())?;
        let each = batches.iter().flat_map(|batch| {
            let own = batch.changes.as_deref();
            (0..batch.rows).map(move |row| own.map_or(Change::Insert, |changes| changes[row]))
        });
        Some(each.collect())
    }
}
