//! Numbers of a chunk: of 4 and 8 bytes, and decimals of more.

use std::hash::Hash;

use arrow_buffer::NullBuffer;

use super::dictionary;
use super::page::{FIRST_LOOK, Page, nearly_all, pays};

/// Values of a fixed width.
pub trait Number: Copy + std::fmt::Debug {
    /// What tells two values apart.
    type Key: Copy + Eq + Hash + std::fmt::Debug;
    fn key(self) -> Self::Key;
    fn of(key: Self::Key) -> Self;
    /// Into all of `out`, which is as wide as a value is.
    fn write(self, out: &mut [u8]);
    fn least(self, other: Self) -> Self;
    fn greatest(self, other: Self) -> Self;
    /// Whether it is not a number.
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! integer {
    ($ty:ty, $self:ident, $out:ident => $write:expr) => {
        impl Number for $ty {
            type Key = $ty;
            fn key(self) -> $ty {
                self
            }
            fn of(key: $ty) -> $ty {
                key
            }
            fn write($self, $out: &mut [u8]) {
                $write
            }
            fn least(self, other: $ty) -> $ty {
                self.min(other)
            }
            fn greatest(self, other: $ty) -> $ty {
                self.max(other)
            }
        }
    };
}

integer!(i32, self, out => out.copy_from_slice(&self.to_le_bytes()));
integer!(i64, self, out => out.copy_from_slice(&self.to_le_bytes()));
// As many of the low bytes as are wanted, the highest first.
integer!(i128, self, out => out.copy_from_slice(&self.to_be_bytes()[16 - out.len()..]));

impl Number for f64 {
    type Key = u64;
    fn key(self) -> u64 {
        self.to_bits()
    }
    fn of(key: u64) -> f64 {
        f64::from_bits(key)
    }
    fn write(self, out: &mut [u8]) {
        out.copy_from_slice(&self.to_le_bytes());
    }
    fn least(self, other: f64) -> f64 {
        if other.total_cmp(&self).is_lt() { other } else { self }
    }
    fn greatest(self, other: f64) -> f64 {
        if other.total_cmp(&self).is_gt() { other } else { self }
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

/// Numbers of a chunk.
#[derive(Debug)]
pub struct Numbers<T: Number> {
    /// Bytes of a value.
    pub width: usize,
    pub dictionary: dictionary::Numbers<T::Key>,
    pub page: Page,
    /// Values so far.
    count: usize,
    pub bounds: Option<(T, T)>,
    pub nans: u64,
}

impl<T: Number> Numbers<T> {
    pub fn new(width: usize) -> Numbers<T> {
        let (dictionary, page) = (dictionary::Numbers::new(), Page::Places(Vec::new()));
        Numbers { width, dictionary, page, count: 0, bounds: None, nans: 0 }
    }

    /// Those that are not null.
    pub fn take(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => self.dense(values),
            Some(nulls) => self.dense(&nulls.valid_indices().map(|row| values[row]).collect::<Vec<T>>()),
        }
    }

    pub fn dense(&mut self, values: &[T]) {
        self.widen(values);
        let mut rest = values;
        while !rest.is_empty() {
            let Page::Places(places) = &mut self.page else { break };
            // Up to the look.
            let most = FIRST_LOOK.checked_sub(self.count).filter(|&left| left > 0).unwrap_or(usize::MAX);
            let (some, behind) = rest.split_at(most.min(rest.len()));
            let mut last: Option<(T::Key, u32)> = None;
            for value in some {
                let key = value.key();
                let place = match last {
                    Some((same, place)) if same == key => place,
                    _ => self.dictionary.place(key),
                };
                last = Some((key, place));
                places.push(place);
            }
            (self.count, rest) = (self.count + some.len(), behind);
            if self.count == FIRST_LOOK && nearly_all(self.dictionary.keys.len()) {
                self.give_up();
            }
        }
        self.count += rest.len();
        if let Page::Plain(bytes) = &mut self.page {
            plain(rest.iter().copied(), self.width, bytes);
        }
    }

    fn widen(&mut self, values: &[T]) {
        for &value in values {
            if value.is_nan() {
                self.nans += 1;
            }
            self.bounds =
                Some(self.bounds.map_or((value, value), |(low, high)| (low.least(value), high.greatest(value))));
        }
    }

    /// The values of the dictionary, plain.
    pub fn keys(&self, out: &mut Vec<u8>) {
        plain(self.dictionary.keys.iter().map(|&key| T::of(key)), self.width, out);
    }

    /// Gives the dictionary up where it does not pay, before the first page is written.
    pub fn look(&mut self) {
        let (count, distinct) = (self.count, self.dictionary.keys.len());
        if !pays(count, distinct, distinct * self.width, count * self.width) {
            self.give_up();
        }
    }

    /// Goes over to plain values, if no page was written yet: pages with places need the dictionary.
    fn give_up(&mut self) {
        let Page::Places(places) = &self.page else { return };
        if places.len() < self.count {
            return;
        }
        let mut bytes = Vec::new();
        plain(places.iter().map(|&place| T::of(self.dictionary.keys[place as usize])), self.width, &mut bytes);
        self.dictionary = dictionary::Numbers::new();
        self.page = Page::Plain(bytes);
    }
}

fn plain<T: Number>(values: impl ExactSizeIterator<Item = T>, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len() * width, 0);
    for (bytes, value) in out[start..].chunks_exact_mut(width).zip(values) {
        value.write(bytes);
    }
}
