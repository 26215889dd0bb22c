//! Memory for unpacked pages. A page lives for a few milliseconds and is a megabyte: a new one each time would be asked
//! of the system, filled with zeros, and given back.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::Compression as Codec;
use parquet::errors::Result;

use super::codec::{decompress, unsnap};

/// What a thread keeps: as much as the columns of a few sources have at once.
const KEPT: usize = 8;
const KEPT_BYTES_MAX: usize = 2 << 20;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A page's bytes at the start of a larger room, which goes back to the thread that drops it.
struct Room {
    bytes: Vec<u8>,
    len: usize,
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() <= KEPT_BYTES_MAX {
            // A thread that ends keeps nothing.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < KEPT {
                    spare.push(bytes);
                }
            });
        }
    }
}

/// As [`decompress`].
pub fn unpacked(codec: Codec, data: &[u8]) -> Result<Bytes> {
    match codec {
        Codec::SNAPPY => {
            let mut bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
            let len = unsnap(data, &mut bytes)?;
            Ok(Bytes::from_owner(Room { bytes, len }))
        }
        _ => decompress(codec, data).map(Bytes::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::columnar::parquet::codec::{Compression, Packer};

    #[test]
    fn a_page_in_a_room_that_was_larger_is_that_page() {
        let mut packer = Packer::new(Compression::Snappy);
        let pages: Vec<Vec<u8>> = [100_000, 3, 0, 60_000].iter().map(|&n| (0..n).map(|i| i as u8).collect()).collect();
        for page in &pages {
            let packed = packer.pack(page).unwrap();
            assert_eq!(unpacked(Codec::SNAPPY, packed).unwrap(), page);
        }
        assert_eq!(SPARE.with_borrow(Vec::len), 1, "one room served them all");
        assert!(unpacked(Codec::SNAPPY, &[5, 0, 1]).is_err());
    }
}
