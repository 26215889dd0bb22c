//! All the `unsafe` code of the crate: string columns over text that was checked as a whole, and file maps.

use std::fs::File;
use std::io;

use arrow_array::StringViewArray;
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};

/// Builds a string column from views without checking every string again.
///
/// The caller has checked that `text` (buffer 0) is UTF-8 **as a whole** and cut the strings at ASCII bytes,
/// so every string is UTF-8 too. In debug builds everything is validated.
pub fn string_views(views: ScalarBuffer<u128>, text: Vec<Buffer>, nulls: Option<NullBuffer>) -> StringViewArray {
    if cfg!(debug_assertions) {
        return StringViewArray::try_new(views, text, nulls).expect("views lie inside checked text");
    }
    // SAFETY: views were made by `raw::view` from ranges inside `text`, which is UTF-8 as a whole, and both
    // ends of every range lie beside an ASCII byte, so no range splits a character.
    unsafe { StringViewArray::new_unchecked(views, text.into(), nulls) }
}

/// The Arrow view of `bytes`, which lie at `offset` of buffer `buffer`: 12 bytes or fewer are inlined.
#[inline]
pub fn view(bytes: &[u8], buffer: u32, offset: u32) -> u128 {
    let len = bytes.len();
    let mut raw = [0u8; 16];
    raw[..4].copy_from_slice(&(len as u32).to_le_bytes());
    if len <= 12 {
        raw[4..4 + len].copy_from_slice(bytes);
    } else {
        raw[4..8].copy_from_slice(&bytes[..4]);
        raw[8..12].copy_from_slice(&buffer.to_le_bytes());
        raw[12..].copy_from_slice(&offset.to_le_bytes());
    }
    u128::from_le_bytes(raw)
}

/// Maps `len` bytes of `file` from `offset` (a multiple of the page size) for reading.
///
/// The file must not be changed or cut while it is mapped; the documentation of `read = "mmap"` says so.
pub fn map(file: &File, offset: u64, len: usize) -> io::Result<memmap2::Mmap> {
    // SAFETY: a file that shrinks while mapped raises SIGBUS, which `read = "mmap"` warns of; strings are copied
    // out of blocks before they enter state, so nothing outlives the map that it belongs to.
    unsafe { memmap2::MmapOptions::new().offset(offset).len(len).map(file) }
}
