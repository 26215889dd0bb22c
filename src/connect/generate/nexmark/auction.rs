//! Auctions: 3 of 50 events.

use super::super::random::Seed;
use super::super::text::TextColumn;
use super::super::{Clock, MakeColumn};
use super::*;

/// Numbers of the draws of an auction. Texts take their draws from the numbers behind theirs.
mod draw {
    pub const INITIAL_BID: u64 = 0;
    pub const RESERVE: u64 = 1;
    pub const EXPIRES: u64 = 2;
    pub const SELLER: u64 = 3;
    pub const CATEGORY: u64 = 4;
    pub const EXTRA_LEN: u64 = 5;
    pub const ITEM_NAME: u64 = 8;
    pub const DESCRIPTION: u64 = 16;
    pub const EXTRA: u64 = 32;
}

const ITEM_NAME_BYTES: usize = 20;
const DESCRIPTION_BYTES: usize = 100;

pub struct Auction {
    seed: Seed,
    clock: Clock,
}

impl Auction {
    pub fn new(seed: u64, clock: Clock) -> Auction {
        Auction { seed: Seed::new(seed), clock }
    }

    fn initial_bid(&self, row: u64) -> i64 {
        self.seed.event(event(row)).price(draw::INITIAL_BID)
    }

    /// µs. An auction lasts up to twice as long as the house takes for as many new ones as are in flight.
    fn expires(&self, row: u64) -> i64 {
        const AHEAD_EVENTS: u64 = IN_FLIGHT_AUCTIONS * EPOCH_EVENTS / EPOCH_AUCTIONS;
        let event = event(row);
        let now = self.clock.at(event);
        let horizon = self.clock.at(event + AHEAD_EVENTS).saturating_sub(now).unsigned_abs();
        let length = self.seed.event(event).below(draw::EXPIRES, (horizon.saturating_mul(2)).max(1));
        now.saturating_add(1).saturating_add_unsigned(length)
    }

    fn seller(&self, row: u64) -> u64 {
        let epoch = row / EPOCH_AUCTIONS;
        let draws = self.seed.event(event(row));
        let any = any_person(epoch, |limit| draws.pair(draw::SELLER, HOT_SELLER_RATIO, limit).1);
        let (hot, _) = draws.pair(draw::SELLER, HOT_SELLER_RATIO, 1);
        FIRST_PERSON_ID + if hot > 0 { last_person(epoch) / HOT_SPAN * HOT_SPAN } else { any }
    }

    fn letters(&self, first: u64, rows: u64, draw: u64, len: usize) -> Column {
        let mut column = TextColumn::new(rows, len.next_multiple_of(8));
        (first..first + rows).for_each(|row| column.push(|out| self.seed.event(event(row)).letters(draw, len, out)));
        column.finish()
    }

    fn extra(&self, row: u64, out: &mut Vec<u8>) {
        // Six numbers of eight bytes and the two texts.
        const SIZE: u64 = 48 + (ITEM_NAME_BYTES + DESCRIPTION_BYTES) as u64;
        const LEN: (u64, u64) = extra_len(SIZE, AVERAGE_AUCTION_BYTES);
        let draws = self.seed.event(event(row));
        draws.letters(draw::EXTRA, (LEN.0 + draws.below(draw::EXTRA_LEN, LEN.1)) as usize, out);
    }
}

/// Event number of auction `row`.
fn event(row: u64) -> u64 {
    row / EPOCH_AUCTIONS * EPOCH_EVENTS + EPOCH_PERSONS + row % EPOCH_AUCTIONS
}

impl MakeColumn for Auction {
    fn column(&self, column: usize, first: u64, rows: u64) -> Column {
        let range = first..first + rows;
        match column {
            0 => ints(range, |row| (FIRST_AUCTION_ID + row) as i64),
            1 => self.letters(first, rows, draw::ITEM_NAME, ITEM_NAME_BYTES),
            2 => self.letters(first, rows, draw::DESCRIPTION, DESCRIPTION_BYTES),
            3 => ints(range, |row| self.initial_bid(row)),
            4 => ints(range, |row| self.initial_bid(row) + self.seed.event(event(row)).price(draw::RESERVE)),
            5 => times(range, self.clock, event),
            6 => Column::Timestamp(TimestampMicrosecondArray::from_iter_values(range.map(|row| self.expires(row)))),
            7 => ints(range, |row| self.seller(row) as i64),
            8 => ints(range, |row| {
                (FIRST_CATEGORY_ID + self.seed.event(event(row)).below(draw::CATEGORY, CATEGORIES)) as i64
            }),
            _ => {
                let mut column = TextColumn::new(rows, 404);
                range.for_each(|row| column.push(|out| self.extra(row, out)));
                column.finish()
            }
        }
    }
}
