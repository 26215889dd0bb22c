//! The least and the greatest value of a column chunk, as its statistics say them.

use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Longer bounds of text are cut.
const TEXT_BYTES_MAX: usize = 64;

/// Bounds of text: of bytes, which for UTF-8 is that of characters.
#[derive(Debug, Default)]
pub struct TextBounds(Option<(Vec<u8>, Vec<u8>)>);

impl TextBounds {
    pub fn take(&mut self, value: &[u8]) {
        match &mut self.0 {
            None => self.0 = Some((value.to_vec(), value.to_vec())),
            Some((least, greatest)) => {
                if value < &least[..] {
                    replace(least, value);
                } else if value > &greatest[..] {
                    replace(greatest, value);
                }
            }
        }
    }

    pub fn statistics(&self, nulls: u64) -> Statistics {
        let Some((least, greatest)) = &self.0 else {
            return Statistics::byte_array(None, None, None, Some(nulls), false);
        };
        let (low, high) = (below(least), above(greatest).unwrap_or_else(|| greatest.clone()));
        let exact = (low.len() == least.len(), &high == greatest);
        let bound = |bytes: Vec<u8>| Some(ByteArray::from(bytes));
        let statistics = ValueStatistics::new(bound(low.to_vec()), bound(high), None, Some(nulls), false);
        Statistics::ByteArray(statistics.with_min_is_exact(exact.0).with_max_is_exact(exact.1))
    }
}

fn replace(bound: &mut Vec<u8>, value: &[u8]) {
    bound.clear();
    bound.extend_from_slice(value);
}

/// Whether text may be cut in front of this byte.
fn starts(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// The start of what is too long: no greater than the whole, and still UTF-8 if that is.
fn below(value: &[u8]) -> &[u8] {
    if value.len() <= TEXT_BYTES_MAX {
        return value;
    }
    let cut = (0..=TEXT_BYTES_MAX).rev().find(|&at| starts(value[at]));
    &value[..cut.filter(|&cut| cut > 0).unwrap_or(TEXT_BYTES_MAX)]
}

/// Something short that is not less than what is too long; `None` if there is none at hand.
fn above(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() <= TEXT_BYTES_MAX {
        return None;
    }
    // A letter of ASCII that has a next one, which is a whole character.
    let last = (0..TEXT_BYTES_MAX).rev().find(|&at| value[at] < 0x7f)?;
    let mut bound = value[..=last].to_vec();
    bound[last] += 1;
    Some(bound)
}

pub fn fixed(bounds: Option<(i128, i128)>, width: usize, nulls: u64) -> Statistics {
    let bytes = |value: i128| FixedLenByteArray::from(value.to_be_bytes()[16 - width..].to_vec());
    let (low, high) = (bounds.map(|(low, _)| bytes(low)), bounds.map(|(_, high)| bytes(high)));
    Statistics::fixed_len_byte_array(low, high, None, Some(nulls), false)
}

/// With NaN among the values there are no bounds: readers do not agree on its place.
pub fn doubles(bounds: Option<(f64, f64)>, nans: u64, nulls: u64) -> Statistics {
    let bounds = bounds.filter(|_| nans == 0);
    let (low, high) = (bounds.map(|(low, _)| low), bounds.map(|(_, high)| high));
    Statistics::Double(ValueStatistics::new(low, high, None, Some(nulls), false).with_nan_count(Some(nans)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_bounds_are_on_the_right_sides(value in "[a-zäöü\u{7f}]{0,120}|\u{7f}{80}|[ü€]{40,60}") {
            let (low, high) = (below(value.as_bytes()), above(value.as_bytes()));
            prop_assert!(low <= value.as_bytes());
            prop_assert!(low.len() <= TEXT_BYTES_MAX && std::str::from_utf8(low).is_ok());
            if let Some(high) = high {
                prop_assert!(&high[..] > value.as_bytes() && high.len() <= TEXT_BYTES_MAX);
                prop_assert!(String::from_utf8(high).is_ok());
            } else {
                prop_assert!(value.len() <= TEXT_BYTES_MAX || !value.as_bytes()[..TEXT_BYTES_MAX].iter().any(|b| *b < 0x7f));
            }
        }

        #[test]
        fn bytes_need_not_be_text(value in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(below(&value) <= &value[..] && below(&value).len() <= TEXT_BYTES_MAX);
            prop_assert!(above(&value).is_none_or(|high| high > value));
        }
    }
}
