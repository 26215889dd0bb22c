//! What the user wrote: TOML to typed tables that keep their places; durations, sizes, variables; diagnostics.
//!
//! No meaning and no I/O but reading the job file and `${file:PATH}`: names are not resolved here and nothing is
//! opened. Start with [`load`]; `options` has the tables of what may stand where.

mod checkpoint;
mod diagnostic;
mod flow;
mod format;
mod job;
mod load;
mod options;
mod read;
mod schema;
mod sink;
mod source;
mod suggest;
mod syntax;
mod test;
mod text;
mod transform;
mod types;
mod units;
mod value;
mod variables;
mod window;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Diagnostics, JobText, Severity};
pub use job::*;
pub use load::{Loaded, load, load_text, parse};
pub use suggest::suggest;
pub use types::{TypeError, parse_type};
pub use units::{UnitError, parse_duration, parse_size};
