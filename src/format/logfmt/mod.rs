//! logfmt: `at=2015-05-17T10:05:00Z level=info msg="user logged in" cached`.
//!
//! Pairs in any order, blanks between them. A key without `=` is true; `key=` is null, `key=""` the empty string. If a
//! key comes twice, the first counts.

mod decoder;
mod encoder;

#[cfg(test)]
mod tests;

pub use decoder::{decoder, keys};
pub use encoder::{LogfmtEncoder, is_key};
