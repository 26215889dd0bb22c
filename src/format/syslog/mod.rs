//! syslog: RFC 3164 and RFC 5424, with and without a priority, and what is really in `/var/log`.
//!
//! ```text
//! <PRI>Jun 14 15:16:01 host app[pid]: message
//! <PRI>2015-06-14T15:16:01.5+02:00 host app[pid]: message
//! <PRI>1 2015-06-14T15:16:01.5Z host app pid message-id [data] message
//! ```
//!
//! The first form has no year. Which year it is depends on the lines before, so a reader follows that in sequence
//! ([`years`]) and hands it on in the header of each block.

mod decoder;
mod parts;
mod stamp;
mod years;

#[cfg(test)]
mod tests;

pub use decoder::{STRUCTURED_DATA, decoder, fields};
pub use years::{Year, Years, first_day, header_behind, read_header};
