//! The values of a page in the making, and whether a dictionary pays.

use super::header::Encoding;
use super::rle;

/// A dictionary that has become so large gets no more values. Readers hold it as long as they read the chunk.
pub const DICTIONARY_BYTES_MAX: usize = 1 << 20;
/// After so many values it is seen whether nearly all are distinct; else the end of the first page decides.
pub const FIRST_LOOK: usize = 4096;

pub fn nearly_all(distinct: usize) -> bool {
    distinct > FIRST_LOOK / 16 * 15
}

/// Whether `count` values are less as places in a dictionary of `size` bytes and `distinct` values than as `plain`
/// bytes. By a quarter at least: plain values are still compressed, and read without looking up.
pub fn pays(count: usize, distinct: usize, size: usize, plain: usize) -> bool {
    let places = count * usize::from(rle::bits_of(distinct as u32)) / 8;
    size + places < plain / 4 * 3
}

/// How the values of the page at hand are gathered.
#[derive(Debug)]
pub enum Page {
    Places(Vec<u32>),
    Plain(Vec<u8>),
}

impl Page {
    /// Bytes in memory.
    pub fn held(&self) -> usize {
        match self {
            Page::Places(places) => places.capacity() * 4,
            Page::Plain(bytes) => bytes.capacity(),
        }
    }

    /// Takes out what was gathered: the body of a page. `distinct`: values in the dictionary.
    pub fn write(&mut self, distinct: usize, out: &mut Vec<u8>) -> Encoding {
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
