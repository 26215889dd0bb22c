//! People: 1 of 50 events.

use super::super::random::{Draws, Seed};
use super::super::text::TextColumn;
use super::super::{Clock, MakeColumn};
use super::*;

const FIRST_NAMES: [&str; 11] =
    ["peter", "paul", "luke", "john", "saul", "vicky", "kate", "julie", "sarah", "deiter", "walter"];
const LAST_NAMES: [&str; 9] = ["shultz", "abrams", "spencer", "white", "bartels", "walton", "smith", "jones", "noris"];
const CITIES: [&str; 10] =
    ["phoenix", "los angeles", "san francisco", "boise", "portland", "bend", "redmond", "seattle", "kent", "cheyenne"];
const STATES: [&str; 6] = ["az", "ca", "id", "or", "wa", "wy"];

/// Numbers of the draws of a person.
mod draw {
    pub const NAME: u64 = 0;
    pub const EMAIL_USER: u64 = 1;
    pub const EMAIL_HOST: u64 = 2;
    pub const CARD: u64 = 3;
    pub const CITY: u64 = 4;
    pub const STATE: u64 = 5;
    pub const EXTRA_LEN: u64 = 6;
    pub const EXTRA: u64 = 8;
}

pub struct Person {
    seed: Seed,
    clock: Clock,
}

impl Person {
    pub fn new(seed: u64, clock: Clock) -> Person {
        Person { seed: Seed::new(seed), clock }
    }

    fn texts(&self, first: u64, rows: u64, bytes: usize, write: fn(Draws, &mut Vec<u8>)) -> Column {
        let mut column = TextColumn::new(rows, bytes);
        (first..first + rows).for_each(|row| column.push(|out| write(self.seed.event(event(row)), out)));
        column.finish()
    }
}

/// Event number of person `row`: one opens each epoch.
fn event(row: u64) -> u64 {
    row * EPOCH_EVENTS
}

fn names(draws: Draws) -> (&'static str, &'static str) {
    let (first, last) = draws.pair(draw::NAME, FIRST_NAMES.len() as u64, LAST_NAMES.len() as u64);
    (FIRST_NAMES[first as usize], LAST_NAMES[last as usize])
}

fn write_name(draws: Draws, out: &mut Vec<u8>) {
    let (first, last) = names(draws);
    out.extend_from_slice(first.as_bytes());
    out.push(b' ');
    out.extend_from_slice(last.as_bytes());
}

fn write_email(draws: Draws, out: &mut Vec<u8>) {
    draws.letters(draw::EMAIL_USER, 7, out);
    out.push(b'@');
    draws.letters(draw::EMAIL_HOST, 5, out);
    out.extend_from_slice(b".com");
}

/// `0123 4567 8901 2345`.
fn write_card(draws: Draws, out: &mut Vec<u8>) {
    let mut digits = draws.below(draw::CARD, 10_000_000_000_000_000);
    let mut text = *b"0000 0000 0000 0000";
    for byte in text.iter_mut().rev().filter(|b| **b != b' ') {
        *byte = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    out.extend_from_slice(&text);
}

fn city(draws: Draws) -> &'static str {
    CITIES[draws.below(draw::CITY, CITIES.len() as u64) as usize]
}

fn write_city(draws: Draws, out: &mut Vec<u8>) {
    out.extend_from_slice(city(draws).as_bytes());
}

fn write_state(draws: Draws, out: &mut Vec<u8>) {
    out.extend_from_slice(STATES[draws.below(draw::STATE, STATES.len() as u64) as usize].as_bytes());
}

fn write_extra(draws: Draws, out: &mut Vec<u8>) {
    // The id, the e-mail address, the card and the state have fixed lengths.
    let (first, last) = names(draws);
    let size = 8 + (first.len() + 1 + last.len()) + 17 + 19 + city(draws).len() + 2;
    let (least, range) = extra_len(size as u64, AVERAGE_PERSON_BYTES);
    draws.letters(draw::EXTRA, (least + draws.below(draw::EXTRA_LEN, range)) as usize, out);
}

impl MakeColumn for Person {
    fn column(&self, column: usize, first: u64, rows: u64) -> Column {
        match column {
            0 => ints(first..first + rows, |row| (FIRST_PERSON_ID + row) as i64),
            1 => self.texts(first, rows, 16, write_name),
            2 => self.texts(first, rows, 24, write_email),
            3 => self.texts(first, rows, 20, write_card),
            4 => self.texts(first, rows, 16, write_city),
            5 => self.texts(first, rows, 2, write_state),
            6 => times(first..first + rows, self.clock, event),
            _ => self.texts(first, rows, 176, write_extra),
        }
    }
}
