//! Values in memory: the type set, schemas, columns and batches, row keys.
//!
//! Nothing here knows about jobs. Columns are Arrow arrays behind a closed enum, so that kernels match on a
//! type once per column instead of downcasting; a [`Batch`] is the rows of one block (or a part of a keyed
//! result) with the hidden event time that travels beside the columns.

mod batch;
mod column;
pub mod raw;
pub mod rowkey;
pub mod text;
mod types;

pub use batch::{Batch, Order};
pub use column::{Column, ColumnBuilder};
pub use types::{DataType, Field, Schema};
