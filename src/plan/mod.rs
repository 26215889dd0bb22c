//! From what was written to what will run. Pure: every stage returns a value and a list of diagnostics, and prints.
//!
//! What stands outside of the job file comes in as a value, [`Resolved`]. [`logical`] finds names, schemas and types; [`physical`] holds the plan of chains and exchanges that
//! [`place`] lays out; [`show`] draws both for `flott plan`. [`checkpoints()`] decides whether the job saves itself.

mod checkpoints;
pub mod logical;
pub mod physical;
pub mod place;
mod resolved;
pub mod show;

pub use checkpoints::{Saving, checkpoints, is_filter, saving};
pub use resolved::{FoundSchema, Inferred, Resolved, grouped};
