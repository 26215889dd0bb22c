//! Headers of pages, in Thrift's compact protocol.

use super::rle::varint;

/// How values are encoded, as it stands in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Plain = 0,
    /// Places in the dictionary.
    Dictionary = 8,
}

/// How levels are encoded: in runs.
const LEVELS: i32 = 3;
/// A field of type `i32`, its number one more than the last one's.
const NEXT_INT: u8 = 0x15;
const STRUCT: u8 = 0x0c;
const STOP: u8 = 0;

/// Sizes of a page without its header.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub plain: i32,
    pub packed: i32,
}

/// The header of a page with so many levels.
pub fn data_page(sizes: Sizes, entries: i32, encoding: Encoding, out: &mut Vec<u8>) {
    start(0, sizes, out);
    // Field 5, behind 3.
    out.push(2 << 4 | STRUCT);
    [entries, encoding as i32, LEVELS, LEVELS].into_iter().for_each(|value| int(value, out));
    out.extend_from_slice(&[STOP, STOP]);
}

/// The header of a dictionary's page.
pub fn dictionary_page(sizes: Sizes, values: i32, out: &mut Vec<u8>) {
    start(2, sizes, out);
    // Field 7, behind 3.
    out.push(4 << 4 | STRUCT);
    [values, Encoding::Plain as i32].into_iter().for_each(|value| int(value, out));
    out.extend_from_slice(&[STOP, STOP]);
}

fn start(kind: i32, sizes: Sizes, out: &mut Vec<u8>) {
    [kind, sizes.plain, sizes.packed].into_iter().for_each(|value| int(value, out));
}

fn int(value: i32, out: &mut Vec<u8>) {
    out.push(NEXT_INT);
    varint(((value << 1) ^ (value >> 31)) as u32 as u64, out);
}
