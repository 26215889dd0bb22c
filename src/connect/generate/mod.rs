//! The `generate` source: rows made from a seed, the same bytes each time.
//!
//! Every value is a pure function of (seed, row number, column), so the reader only hands out ranges of row numbers
//! ([`Body::Range`]), workers make the rows, and the cuts between ranges cannot be seen in the output. Nothing here
//! looks at the clock: event times are computed, and `rate` paces a source from outside.
//!
//! Start with [`Table`], what rows there are; [`Options`], what a job asks for; [`source`] and [`decoder`].

mod any;
mod nexmark;
mod random;
mod sequence;
#[cfg(test)]
mod tests;
mod text;

use serde_json::Value;

pub use any::Shape;

use crate::connect::{Block, BlockDecoder, Body, Next, Source, first_time};
use crate::data::{Column, DataType, Schema};
use crate::error::{Error, Result};
use crate::format::Decoded;

/// Rows of one block; the last block of a bounded source has what is left.
pub const BLOCK_ROWS: u64 = 4096;

/// 2023-11-14T22:13:20Z in µs: the event time of the first event, unless `start` says otherwise.
pub const DEFAULT_START_MICROS: i64 = 1_700_000_000_000_000;

/// Events in a second of event time, unless `events_per_second` says otherwise.
pub const DEFAULT_EVENTS_PER_SECOND: f64 = 10_000.0;

/// What rows a generator makes. Nexmark's three tables come from one sequence of events: in every 50 events
/// 1 person, then 3 auctions, then 46 bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Sequence,
    Person,
    Auction,
    Bid,
    /// Of the columns of [`Options::shape`].
    Random,
}

impl Table {
    /// The outputs of `kind = "nexmark"`, in the order of events.
    pub const NEXMARK: [Table; 3] = [Table::Person, Table::Auction, Table::Bid];

    /// The name of the output, as in `NAME.bid`.
    pub fn name(self) -> &'static str {
        match self {
            Table::Sequence => "sequence",
            Table::Person => "person",
            Table::Auction => "auction",
            Table::Bid => "bid",
            Table::Random => "random",
        }
    }

    /// The Nexmark output called `name`.
    pub fn nexmark(name: &str) -> Option<Table> {
        Table::NEXMARK.into_iter().find(|t| t.name() == name)
    }

    /// Name of the column that holds event times; empty where a job has named its columns itself.
    pub fn time_column(self) -> &'static str {
        match self {
            Table::Sequence => "at",
            Table::Person | Table::Auction | Table::Bid => "date_time",
            Table::Random => "",
        }
    }
}

/// A generator as a job asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub table: Table,
    /// Rows of `table`; `None` for no end. See [`rows_of`] where a job counts the rows of several tables together.
    pub rows: Option<u64>,
    pub seed: u64,
    /// Event time of the first event, µs.
    pub start: i64,
    /// Events of all tables together in a second of event time. Positive and finite.
    pub events_per_second: f64,
    /// Of [`Table::Random`].
    pub shape: Shape,
}

impl Options {
    /// `table` without an end, with the defaults of everything else.
    pub fn new(table: Table) -> Options {
        Options {
            table,
            rows: None,
            seed: 0,
            start: DEFAULT_START_MICROS,
            events_per_second: DEFAULT_EVENTS_PER_SECOND,
            shape: Shape::default(),
        }
    }
}

/// The columns of `table`; those of [`Table::Random`] are for the job to say.
pub fn schema(table: Table) -> Schema {
    use DataType::{Int, String, Timestamp};
    match table {
        Table::Random => Schema::default(),
        Table::Sequence => Schema::new([("n", Int), ("at", Timestamp)]),
        Table::Person => Schema::new([
            ("id", Int),
            ("name", String),
            ("email_address", String),
            ("credit_card", String),
            ("city", String),
            ("state", String),
            ("date_time", Timestamp),
            ("extra", String),
        ]),
        Table::Auction => Schema::new([
            ("id", Int),
            ("item_name", String),
            ("description", String),
            ("initial_bid", Int),
            ("reserve", Int),
            ("date_time", Timestamp),
            ("expires", Timestamp),
            ("seller", Int),
            ("category", Int),
            ("extra", String),
        ]),
        Table::Bid => Schema::new([
            ("auction", Int),
            ("bidder", Int),
            ("price", Int),
            ("channel", String),
            ("url", String),
            ("date_time", Timestamp),
            ("extra", String),
        ]),
    }
}

/// How many rows of `table` are among the first `rows` rows of the Nexmark tables `read` taken together, in the order
/// of events. With `read` only `table` itself that is `rows`.
pub fn rows_of(table: Table, read: &[Table], rows: u64) -> u64 {
    let share = |t: &Table| nexmark::per_epoch(*t);
    let in_epoch: u64 = Table::NEXMARK.iter().filter(|t| read.contains(t)).map(share).sum();
    if in_epoch == 0 || !read.contains(&table) {
        return if read == [table] { rows } else { 0 };
    }
    let before: u64 = Table::NEXMARK.iter().take_while(|t| **t != table).filter(|t| read.contains(t)).map(share).sum();
    let own = share(&table);
    rows / in_epoch * own + (rows % in_epoch).saturating_sub(before).min(own)
}

/// The reader's half: ranges of row numbers.
///
/// # Errors
/// `events_per_second` that is not a positive number.
pub fn source(options: &Options) -> Result<Box<dyn Source>> {
    check(options)?;
    Ok(Box::new(Ranges { next: 0, end: options.rows, stopped: false, times: None }))
}

/// As [`source`]; it can say the next row's event time, which is in column `column` (an index into [`schema`]).
pub fn timed_source(options: &Options, column: usize) -> Result<Box<dyn Source>> {
    let times = Some(decoder(options, &[column])?);
    Ok(Box::new(Ranges { next: 0, end: options.rows, stopped: false, times }))
}

/// A worker's half: makes the columns `used` (indices into [`schema`], in the order of the result).
///
/// # Errors
/// `events_per_second` that is not a positive number.
pub fn decoder(options: &Options, used: &[usize]) -> Result<Box<dyn BlockDecoder>> {
    check(options)?;
    let clock = Clock { start: options.start, events_per_second: options.events_per_second };
    let used = used.to_vec();
    Ok(match options.table {
        Table::Sequence => Box::new(Maker { used, make: sequence::Sequence { clock } }),
        Table::Person => Box::new(Maker { used, make: nexmark::Person::new(options.seed, clock) }),
        Table::Auction => Box::new(Maker { used, make: nexmark::Auction::new(options.seed, clock) }),
        Table::Bid => Box::new(Maker { used, make: nexmark::Bid::new(options.seed, clock) }),
        Table::Random => {
            Box::new(Maker { used, make: any::Any { shape: options.shape.clone(), seed: options.seed, clock } })
        }
    })
}

fn check(options: &Options) -> Result<()> {
    let rate = options.events_per_second;
    if rate.is_finite() && rate > 0.0 {
        return Ok(());
    }
    Err(Error::job(format!("events_per_second is {rate}: expected a positive number, such as 10000")))
}

/// Event number to event time.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// µs.
    start: i64,
    events_per_second: f64,
}

impl Clock {
    /// µs; never falls as `event` rises. Exact for the first 9 × 10⁹ events, then as good as a double is.
    fn at(self, event: u64) -> i64 {
        self.start.saturating_add((event as f64 * 1e6 / self.events_per_second) as i64)
    }
}

/// Makes one column of a range of rows.
trait MakeColumn: Send {
    /// Rows `first .. first + rows` of column `column`, an index into the table's schema.
    fn column(&self, column: usize, first: u64, rows: u64) -> Column;
}

struct Maker<M> {
    used: Vec<usize>,
    make: M,
}

impl<M: MakeColumn> BlockDecoder for Maker<M> {
    fn decode(&mut self, body: &Body, _stop_at_bad: bool) -> Decoded {
        let Body::Range { first, rows } = *body else {
            return Decoded::default();
        };
        let columns = self.used.iter().map(|&c| self.make.column(c, first, rows)).collect();
        Decoded { columns, rows: rows as usize, ..Decoded::default() }
    }
}

/// Hands out row numbers in blocks of [`BLOCK_ROWS`].
struct Ranges {
    next: u64,
    end: Option<u64>,
    stopped: bool,
    /// Makes the event time of a row.
    times: Option<Box<dyn BlockDecoder>>,
}

impl Source for Ranges {
    fn next(&mut self, _now: i64) -> Result<Next> {
        let rows = self.end.map_or(BLOCK_ROWS, |end| BLOCK_ROWS.min(end - self.next));
        if rows == 0 || self.stopped {
            return Ok(Next::End);
        }
        let first = self.next;
        self.next += rows;
        Ok(Next::Block(Block::single(Body::Range { first, rows })))
    }

    fn next_time(&mut self) -> Result<i64> {
        let first = self.next;
        let Some(times) = self.times.as_mut().filter(|_| self.end != Some(first)) else { return Ok(i64::MIN) };
        let made = times.decode(&Body::Range { first, rows: 1 }, true);
        Ok(first_time(&made).unwrap_or(i64::MIN))
    }

    fn input_name(&self, _file: u32) -> String {
        "generate".to_string()
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    /// In rows: a generator has no bytes.
    fn progress(&self) -> (u64, Option<u64>) {
        (self.next, self.end)
    }

    fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// The number of the next row.
    fn position(&mut self) -> Result<Value> {
        Ok(self.next.into())
    }

    fn restore(&mut self, position: &Value) -> Result<()> {
        let next = position.as_u64().filter(|next| self.end.is_none_or(|end| *next <= end));
        self.next = next.ok_or_else(|| {
            Error::external(format!("the checkpoint is at row {position}, but there are fewer rows now"))
                .note("set `rows` as it was, or higher, or start anew with --fresh")
        })?;
        Ok(())
    }
}
