//! `kind = "nexmark"`: the events of an auction house, as the Nexmark benchmark (Tucker, Tufte, Papadimos, Maier,
//! "NEXMark: a benchmark for queries over data streams", 2008) and its Rust crate `nexmark` 0.2 make them by default.
//!
//! Proportions, ids, hot ratios, sizes and word lists are that crate's; the random numbers are our own, so values
//! differ while their distributions agree. Two things are finer than there: event times are µs, not ms, and computed
//! in doubles. Each table's file numbers its draws; a new column takes new numbers, so that old columns keep their
//! values.

mod auction;
mod bid;
mod channel;
mod person;

pub use auction::Auction;
pub use bid::Bid;
pub use person::Person;

use arrow_array::{Int64Array, TimestampMicrosecondArray};

use super::{Clock, Table};
use crate::data::Column;

/// Events of an epoch: 1 person, 3 auctions, 46 bids, in this order.
const EPOCH_EVENTS: u64 = 50;
const EPOCH_PERSONS: u64 = 1;
const EPOCH_AUCTIONS: u64 = 3;
const EPOCH_BIDS: u64 = 46;

const FIRST_PERSON_ID: u64 = 1000;
const FIRST_AUCTION_ID: u64 = 1000;
const FIRST_CATEGORY_ID: u64 = 10;
const CATEGORIES: u64 = 5;

/// Bids and sellers come from so many of the latest people …
const ACTIVE_PERSONS: u64 = 1000;
/// … or go to one of so many of the latest auctions …
const IN_FLIGHT_AUCTIONS: u64 = 100;
/// … or name one that is yet to come, this far ahead.
const PERSON_LEAD: u64 = 10;
const AUCTION_LEAD: u64 = 10;

/// One in so many is *not* about the hot auction, bidder, seller or channel.
const HOT_AUCTION_RATIO: u64 = 2;
const HOT_BIDDER_RATIO: u64 = 4;
const HOT_SELLER_RATIO: u64 = 4;
const HOT_CHANNEL_RATIO: u64 = 2;
/// The hot auction or person is the same for so many auctions or people in a row.
const HOT_SPAN: u64 = 100;

const AVERAGE_PERSON_BYTES: u64 = 200;
const AVERAGE_AUCTION_BYTES: u64 = 500;
const AVERAGE_BID_BYTES: u64 = 100;

/// Rows of `table` in 50 events.
pub fn per_epoch(table: Table) -> u64 {
    match table {
        Table::Sequence | Table::Random => 0,
        Table::Person => EPOCH_PERSONS,
        Table::Auction => EPOCH_AUCTIONS,
        Table::Bid => EPOCH_BIDS,
    }
}

/// The latest person (from 0) as of an event of `epoch`; the person is the first event of it.
fn last_person(epoch: u64) -> u64 {
    epoch * EPOCH_PERSONS
}

/// A person (from 0) that is active in `epoch` or will be soon, evenly chosen by `pick(limit)`, a number below it.
#[inline]
fn any_person(epoch: u64, pick: impl FnOnce(u64) -> u64) -> u64 {
    let persons = last_person(epoch) + 1;
    let active = persons.min(ACTIVE_PERSONS);
    persons - active + pick(active + PERSON_LEAD)
}

/// Least and range of the length of an `extra` that brings an event of `size` bytes to `average` bytes, give or take
/// a fifth of what is added.
const fn extra_len(size: u64, average: u64) -> (u64, u64) {
    let wanted = average.saturating_sub(size);
    let delta = (wanted + 2) / 5;
    (wanted - delta, if delta == 0 { 1 } else { 2 * delta })
}

fn ints(rows: std::ops::Range<u64>, value: impl Fn(u64) -> i64) -> Column {
    Column::Int(Int64Array::from_iter_values(rows.map(value)))
}

/// Event times of `rows`, whose event numbers `event` gives.
fn times(rows: std::ops::Range<u64>, clock: Clock, event: impl Fn(u64) -> u64) -> Column {
    Column::Timestamp(TimestampMicrosecondArray::from_iter_values(rows.map(|row| clock.at(event(row)))))
}
