//! flott: Flink's model in one small binary.

pub mod cli;
pub mod connect;
pub mod data;
pub mod error;
pub mod expr;
pub mod format;
pub mod observe;
pub mod op;
pub mod plan;
pub mod runtime;
pub mod spec;
pub mod state;
pub mod storage;
