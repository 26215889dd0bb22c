//! SQL text to typed expression to column.
//!
//! [`parse`] makes an [`Ast`] whose every node knows its place in the text; [`resolve`] finds columns and
//! functions, settles types and folds constants into a [`Typed`]; [`Typed::eval`] turns a batch into a column.
//! Start with `parser.rs`, `resolve.rs` and `eval.rs`. Nothing here keeps state or does I/O.

pub mod aggregate;
pub mod ast;
mod error;
mod eval;
pub mod function;
pub mod grouping;
mod json;
mod kernel;
mod lexer;
mod parser;
mod resolve;
mod share;
#[cfg(test)]
mod tests;
mod typed;
mod types;
mod value;

pub use ast::{Ast, OrderItem, SelectItem};
pub use error::{EvalError, ExprError};
pub use grouping::{AggregateCall, AggregatePlan, Part, resolve_aggregate};
pub use parser::{parse, parse_item, parse_order};
pub use resolve::{resolve, resolve_noting};
pub use share::Expressions;
pub use typed::Typed;
pub use value::Scalar;
