//! What the user wrote: TOML to typed tables that keep their places; durations, sizes, variables; diagnostics.
//!
//! No meaning and no I/O but reading `${file:PATH}`: names are not resolved here and nothing is opened.

mod job;

pub use job::*;
