//! Stores against models: what is found afterwards is what was written.

mod build;
mod faults;
mod kept;
mod plain;
