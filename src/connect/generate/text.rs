//! String columns of generated ASCII text.

use arrow_buffer::{Buffer, ScalarBuffer};

use crate::data::{Column, raw};

/// A string column in the making: all text behind each other, a view for each row.
pub struct TextColumn {
    text: Vec<u8>,
    views: Vec<u128>,
}

impl TextColumn {
    /// Room for `rows` rows of about `bytes_per_row`.
    pub fn new(rows: u64, bytes_per_row: usize) -> TextColumn {
        let rows = rows as usize;
        TextColumn { text: Vec::with_capacity(rows * bytes_per_row), views: Vec::with_capacity(rows) }
    }

    /// Appends a row: what `write` appends to the buffer, all of it ASCII. A column holds less than 4 GiB, far above
    /// a block's text.
    #[inline]
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        self.views.push(raw::view(&self.text[start..], 0, start as u32));
    }

    pub fn finish(self) -> Column {
        debug_assert!(self.text.is_ascii());
        let text = vec![Buffer::from_vec(self.text)];
        Column::String(raw::string_views(ScalarBuffer::from(self.views), text, None))
    }
}

/// A string column of views that were made before, over text that they share.
pub fn shared(views: Vec<u128>, text: Buffer) -> Column {
    Column::String(raw::string_views(ScalarBuffer::from(views), vec![text], None))
}
