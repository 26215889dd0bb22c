//! Keyed state: key → dense id indexes. No threads, no operators.

pub mod keys;
pub mod restored;
pub mod table;
