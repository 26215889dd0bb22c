//! The values of a leaf on their way into pages: as places in a dictionary while that makes less, else plain.

use parquet::file::statistics::Statistics;

use super::bounds;
use super::header::Encoding;
use super::numbers::Numbers;
use super::page::{DICTIONARY_BYTES_MAX, Page};
use super::texts::Texts;

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
