//! Comma- and tab-separated values.
//!
//! A block without quotes is split by position alone ([`index`]), one whose quotes stand as they should, too
//! ([`quoted`]), everything else record by record ([`records`]); all fill the same columns through [`super::values`]. The rules are RFC 4180 with these decisions: a record
//! ends at LF or CRLF outside quotes and a lone CR is data; a quote opens only at the start of a field; blank
//! lines are skipped; an empty field is null and `""` the empty string.

mod cutter;
mod decoder;
mod encoder;
mod header;
mod index;
mod quoted;
mod records;
mod scanner;

#[cfg(test)]
mod tests;

pub use cutter::CsvCutter;
pub use decoder::CsvDecoder;
pub use encoder::CsvEncoder;
pub use header::read_header;
pub use index::positions;
