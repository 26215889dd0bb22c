//! Bids: 46 of 50 events.

use super::super::random::Seed;
use super::super::text::{self, TextColumn};
use super::super::{Clock, MakeColumn};
use super::channel::Channels;
use super::*;

/// Numbers of the draws of a bid. `EXTRA` and those behind it are its letters.
mod draw {
    pub const AUCTION: u64 = 0;
    pub const BIDDER: u64 = 1;
    pub const PRICE: u64 = 2;
    pub const CHANNEL: u64 = 3;
    pub const EXTRA_LEN: u64 = 4;
    pub const EXTRA: u64 = 8;
}

pub struct Bid {
    seed: Seed,
    clock: Clock,
    channels: &'static Channels,
}

impl Bid {
    pub fn new(seed: u64, clock: Clock) -> Bid {
        Bid { seed: Seed::new(seed), clock, channels: Channels::get() }
    }

    fn auction(&self, row: u64) -> u64 {
        let last = row / EPOCH_BIDS * EPOCH_AUCTIONS + EPOCH_AUCTIONS - 1;
        let earliest = last.saturating_sub(IN_FLIGHT_AUCTIONS);
        let range = last - earliest + 1 + AUCTION_LEAD;
        let (hot, pick) = self.seed.event(event(row)).pair(draw::AUCTION, HOT_AUCTION_RATIO, range);
        FIRST_AUCTION_ID + if hot > 0 { last / HOT_SPAN * HOT_SPAN } else { earliest + pick }
    }

    fn bidder(&self, row: u64) -> u64 {
        let epoch = row / EPOCH_BIDS;
        let draws = self.seed.event(event(row));
        let any = any_person(epoch, |limit| draws.pair(draw::BIDDER, HOT_BIDDER_RATIO, limit).1);
        let (hot, _) = draws.pair(draw::BIDDER, HOT_BIDDER_RATIO, 1);
        // The second person of the span, so that hot bidders are not hot sellers.
        FIRST_PERSON_ID + if hot > 0 { last_person(epoch) / HOT_SPAN * HOT_SPAN + 1 } else { any }
    }

    fn channel(&self, row: u64) -> usize {
        let bits = self.seed.event(event(row));
        let (hot, any) = bits.pair(draw::CHANNEL, HOT_CHANNEL_RATIO, self.channels.others());
        if hot > 0 {
            bits.pair(draw::CHANNEL, 1, self.channels.hot()).1 as usize
        } else {
            (self.channels.hot() + any) as usize
        }
    }

    fn extra(&self, row: u64, out: &mut Vec<u8>) {
        // Four numbers of eight bytes; the text columns do not count.
        const LEN: (u64, u64) = extra_len(32, AVERAGE_BID_BYTES);
        let draws = self.seed.event(event(row));
        draws.letters(draw::EXTRA, (LEN.0 + draws.below(draw::EXTRA_LEN, LEN.1)) as usize, out);
    }
}

/// Event number of bid `row`.
#[inline]
fn event(row: u64) -> u64 {
    row / EPOCH_BIDS * EPOCH_EVENTS + EPOCH_PERSONS + EPOCH_AUCTIONS + row % EPOCH_BIDS
}

impl MakeColumn for Bid {
    fn column(&self, column: usize, first: u64, rows: u64) -> Column {
        let range = first..first + rows;
        match column {
            0 => ints(range, |row| self.auction(row) as i64),
            1 => ints(range, |row| self.bidder(row) as i64),
            2 => ints(range, |row| self.seed.event(event(row)).price(draw::PRICE)),
            3 => text::shared(range.map(|row| self.channels.name(self.channel(row))).collect(), Channels::no_text()),
            4 => text::shared(range.map(|row| self.channels.url(self.channel(row))).collect(), self.channels.urls()),
            5 => times(range, self.clock, event),
            _ => {
                let mut column = TextColumn::new(rows, 88);
                range.for_each(|row| column.push(|out| self.extra(row, out)));
                column.finish()
            }
        }
    }
}
