//! Values in memory: the type set, schemas, columns and batches, row keys.
//!
//! Nothing here knows about jobs. Columns are Arrow arrays behind a closed enum, so that kernels match on a
//! type once per column instead of downcasting; a [`Batch`] is the rows of one block (or a part of a keyed
//! result) with the hidden event time that travels beside the columns.

pub mod arrow;
mod batch;
pub mod calendar;
mod change;
mod column;
mod interval;
mod json;
mod nested;
pub mod raw;
pub mod rowkey;
mod select;
pub mod text;
mod types;
mod value;

pub use batch::{Batch, Order};
pub use change::{Change, OP};
pub use column::{Column, ColumnBuilder};
pub use interval::Interval;
pub use json::write_string as write_json_string;
pub use nested::{ListBuilder, StructBuilder, fields_of, items_of, map_times};
pub use types::{DataType, Field, Schema};
