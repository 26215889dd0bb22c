//! JSON, one object a line.
//!
//! A line is sound if it is one object whose members are `"key": value`, whose strings close, whose brackets match
//! outside strings (at most 128 deep) and which only white space follows. The values of columns in use must be
//! JSON; the syntax of scalars and escapes that nobody uses is not judged. Members are found by the positions of
//! brackets, colons and commas ([`index`]); keys are expected as the line before had them ([`walk`]).

mod decoder;
mod encoder;
mod fast;
mod index;
mod layout;
mod path;
mod rows;
mod walk;

#[cfg(test)]
mod tests;

pub use decoder::JsonDecoder;
pub use encoder::{JsonEncoder, escape, needs_escape};
pub use rows::Rows;
pub use walk::is_blank;
