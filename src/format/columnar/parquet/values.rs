//! The values of a leaf on their way into pages: as places in a dictionary while that makes less, else plain.

use std::hash::Hash;

use arrow_buffer::NullBuffer;
use parquet::file::statistics::Statistics;

use super::bounds::{self, TextBounds};
use super::dictionary;
use super::header::Encoding;
use super::rle;

/// A dictionary that has become so large gets no more values. Readers hold it as long as they read the chunk.
const DICTIONARY_BYTES_MAX: usize = 1 << 20;
/// After so many values it is seen whether nearly all are distinct; else the end of the first page decides.
const FIRST_LOOK: usize = 4096;

fn nearly_all(distinct: usize) -> bool {
    distinct > FIRST_LOOK / 16 * 15
}

/// Whether `count` values are less as places in a dictionary of `size` bytes and `distinct` values than as `plain`
/// bytes. By a quarter at least: plain values are still compressed, and read without looking up.
fn pays(count: usize, distinct: usize, size: usize, plain: usize) -> bool {
    let places = count * usize::from(rle::bits_of(distinct as u32)) / 8;
    size + places < plain / 4 * 3
}

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

/// How the values of the page at hand are gathered.
#[derive(Debug)]
enum Page {
    Places(Vec<u32>),
    Plain(Vec<u8>),
}

impl Page {
    fn held(&self) -> usize {
        match self {
            Page::Places(places) => places.len() * 4,
            Page::Plain(bytes) => bytes.len(),
        }
    }

    /// Takes out what was gathered: the body of a page. `distinct`: values in the dictionary.
    fn write(&mut self, distinct: usize, out: &mut Vec<u8>) -> Encoding {
        match self {
            Page::Places(places) => {
                // A width of no bits is allowed, but not known to every reader.
                let bits = rle::bits_of(distinct.saturating_sub(1) as u32).max(1);
                out.push(bits);
                rle::encode(places, bits, out);
                places.clear();
                Encoding::Dictionary
            }
            Page::Plain(bytes) => {
                out.extend_from_slice(bytes);
                bytes.clear();
                Encoding::Plain
            }
        }
    }
}

/// Numbers of a chunk.
#[derive(Debug)]
pub struct Numbers<T: Number> {
    /// Bytes of a value.
    width: usize,
    dictionary: dictionary::Numbers<T::Key>,
    page: Page,
    /// Values so far.
    count: usize,
    bounds: Option<(T, T)>,
    nans: u64,
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

    fn keys(&self, out: &mut Vec<u8>) {
        plain(self.dictionary.keys.iter().map(|&key| T::of(key)), self.width, out);
    }

    /// Before the first page is written.
    fn look(&mut self) {
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

/// Texts of a chunk.
#[derive(Debug)]
pub struct Texts {
    dictionary: dictionary::Texts,
    page: Page,
    count: usize,
    /// Bytes of the values of the page at hand, had they been written plain.
    bytes: usize,
    bounds: TextBounds,
}

impl Texts {
    pub fn new() -> Texts {
        let (dictionary, page) = (dictionary::Texts::new(), Page::Places(Vec::new()));
        Texts { dictionary, page, count: 0, bytes: 0, bounds: TextBounds::default() }
    }

    pub fn take(&mut self, value: &[u8]) {
        self.count += 1;
        self.bytes += value.len() + 4;
        match &mut self.page {
            Page::Plain(bytes) => {
                self.bounds.take(value);
                dictionary::plain(value, bytes);
            }
            Page::Places(places) => {
                let (place, new) = self.dictionary.place(value);
                places.push(place);
                if new {
                    self.bounds.take(value);
                }
                if self.count == FIRST_LOOK && nearly_all(self.dictionary.len()) {
                    self.give_up();
                }
            }
        }
    }

    /// As of [`Numbers`].
    fn look(&mut self) {
        if !pays(self.count, self.dictionary.len(), self.dictionary.bytes.len(), self.bytes) {
            self.give_up();
        }
    }

    /// As of [`Numbers`].
    fn give_up(&mut self) {
        let Page::Places(places) = &self.page else { return };
        if places.len() < self.count {
            return;
        }
        let mut bytes = Vec::with_capacity(self.bytes);
        places.iter().for_each(|&place| bytes.extend_from_slice(self.dictionary.written(place)));
        self.dictionary = dictionary::Texts::new();
        self.page = Page::Plain(bytes);
    }
}

/// The values of a leaf.
#[derive(Debug)]
pub enum Values {
    Boolean {
        page: Vec<bool>,
        bounds: Option<(bool, bool)>,
    },
    Int32(Numbers<i32>),
    Int64(Numbers<i64>),
    Double(Numbers<f64>),
    /// Big-endian numbers of a width of their own.
    Fixed(Numbers<i128>),
    Text(Texts),
}

/// `$body` for the numbers of any type, else what stands in `$other`.
macro_rules! each {
    ($values:expr, $numbers:ident => $body:expr, $($other:tt)*) => {
        match $values {
            Values::Int32($numbers) => $body,
            Values::Int64($numbers) => $body,
            Values::Double($numbers) => $body,
            Values::Fixed($numbers) => $body,
            $($other)*
        }
    };
}

impl Values {
    /// Bytes in memory.
    pub fn held(&self) -> usize {
        each!(self, numbers => numbers.page.held() + numbers.dictionary.keys.len() * numbers.width,
            Values::Boolean { page, .. } => page.len(),
            Values::Text(texts) => texts.page.held() + texts.dictionary.bytes.len(),
        )
    }

    /// Bytes that the values of the page at hand would be if they were plain, at most.
    pub fn plain_size(&self, entries: usize) -> usize {
        each!(self, numbers => entries * numbers.width,
            Values::Boolean { .. } => entries.div_ceil(8),
            Values::Text(texts) => texts.bytes,
        )
    }

    /// The values of a page, which are taken out.
    pub fn write(&mut self, out: &mut Vec<u8>) -> Encoding {
        each!(self, numbers => {
                numbers.look();
                let distinct = numbers.dictionary.keys.len();
                let encoding = numbers.page.write(distinct, out);
                if distinct * numbers.width > DICTIONARY_BYTES_MAX {
                    numbers.page = Page::Plain(Vec::new());
                }
                encoding
            },
            Values::Boolean { page, .. } => {
                let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
                out.extend(page.chunks(8).map(byte));
                page.clear();
                Encoding::Plain
            }
            Values::Text(texts) => {
                texts.look();
                let encoding = texts.page.write(texts.dictionary.len(), out);
                texts.bytes = 0;
                if texts.dictionary.bytes.len() > DICTIONARY_BYTES_MAX {
                    texts.page = Page::Plain(Vec::new());
                }
                encoding
            }
        )
    }

    /// The dictionary, of which there are pages if it has values: how many.
    pub fn dictionary(&self, out: &mut Vec<u8>) -> usize {
        each!(self, numbers => {
                numbers.keys(out);
                numbers.dictionary.keys.len()
            },
            Values::Boolean { .. } => 0,
            Values::Text(texts) => {
                out.extend_from_slice(&texts.dictionary.bytes);
                texts.dictionary.len()
            }
        )
    }

    pub fn statistics(&self, nulls: u64) -> Statistics {
        macro_rules! bounded {
            ($make:ident, $bounds:expr) => {{
                let (low, high) = ($bounds.map(|(low, _)| low), $bounds.map(|(_, high)| high));
                Statistics::$make(low, high, None, Some(nulls), false)
            }};
        }
        match self {
            Values::Boolean { bounds, .. } => bounded!(boolean, bounds),
            Values::Int32(numbers) => bounded!(int32, numbers.bounds),
            Values::Int64(numbers) => bounded!(int64, numbers.bounds),
            Values::Double(numbers) => bounds::doubles(numbers.bounds, numbers.nans, nulls),
            Values::Fixed(numbers) => bounds::fixed(numbers.bounds, numbers.width, nulls),
            Values::Text(texts) => texts.bounds.statistics(nulls),
        }
    }

    /// Ready for the next chunk.
    pub fn reset(&mut self) {
        match self {
            Values::Boolean { page, bounds } => {
                page.clear();
                *bounds = None;
            }
            Values::Int32(numbers) => *numbers = Numbers::new(numbers.width),
            Values::Int64(numbers) => *numbers = Numbers::new(numbers.width),
            Values::Double(numbers) => *numbers = Numbers::new(numbers.width),
            Values::Fixed(numbers) => *numbers = Numbers::new(numbers.width),
            Values::Text(texts) => *texts = Texts::new(),
        }
    }
}
