//! SQL text to typed expression to column.
