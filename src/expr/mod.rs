//! SQL text to typed expression to column.

pub mod aggregate;
