//! The rows found in a block of JSON lines: where their values lie.

use memchr::memchr;

use super::walk;
use crate::format::assemble::Place;
use crate::format::values::{Span, Strided};
use crate::format::{BadRecord, record_len};

/// The rows of a block, and the row that is being put together behind them.
#[derive(Default)]
pub struct Rows {
    /// Columns asked for.
    width: usize,
    /// Row by row. Behind the rows there is room for more, of any content.
    spans: Vec<Span>,
    /// First span of the row being put together.
    base: usize,
    /// Where each row's line starts, and the lines before it.
    starts: Vec<(u32, u32)>,
    lines: u32,
    /// Values whose escapes were resolved.
    pub side: Vec<u8>,
    pub broken: Vec<BadRecord>,
    /// For each column, whether some line had it.
    pub seen: Vec<bool>,
    /// No value found has a byte that is not ASCII.
    pub ascii: bool,
}

impl Rows {
    /// Forgets the block before.
    pub fn clear(&mut self, width: usize) {
        self.width = width;
        self.base = 0;
        self.starts.clear();
        self.lines = 0;
        self.side.clear();
        self.broken.clear();
        self.seen.clear();
        self.seen.resize(width, false);
        self.ascii = true;
    }

    /// Makes room for one more row.
    #[inline(always)]
    pub fn reserve(&mut self) {
        if self.spans.len() < self.base + self.width {
            self.grow();
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        self.spans.resize(2 * self.base + 64 * self.width, Span::MISSING);
    }

    /// Sets a value of the row being put together.
    #[inline(always)]
    pub fn set(&mut self, column: usize, span: Span) {
        self.spans[self.base + column] = span;
    }

    /// Keeps the row; its line started at `start`.
    #[inline(always)]
    pub fn push(&mut self, start: usize) {
        self.starts.push((start as u32, self.lines));
        self.lines += 1;
        self.base += self.width;
    }

    /// Drops the row, because its line is bad or blank. `side`: length of the side buffer before it.
    pub fn drop_line(
        &mut self,
        line: &[u8],
        start: usize,
        side: usize,
        max_record: usize,
        column: Option<String>,
        reason: String,
    ) {
        self.side.truncate(side);
        if line.len() > max_record || !walk::is_blank(line) {
            let (row, len) = (self.len(), record_len(line, max_record));
            self.broken.push(BadRecord { row, offset: start, len, line: self.lines(), column, reason });
        }
        self.lines += 1;
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Lines so far, with blank and bad ones.
    pub fn lines(&self) -> u64 {
        u64::from(self.lines)
    }

    pub fn column(&self, column: usize) -> Strided<'_> {
        Strided { spans: &self.spans, width: self.width, column, rows: self.len() }
    }

    /// Where the record of row `row` lies in `data`, the block.
    pub fn place(&self, data: &[u8], row: usize) -> Place {
        let (start, line) = self.starts[row];
        let rest = &data[start as usize..];
        let len = memchr(b'\n', rest).unwrap_or(rest.len());
        Place { offset: start as usize, len: record_len(&rest[..len], usize::MAX), line: u64::from(line) }
    }

    /// Completes `seen` by the rows.
    pub fn see(&mut self) {
        for column in 0..self.width {
            let mut spans = self.spans[..self.base].iter().skip(column).step_by(self.width);
            self.seen[column] |= spans.any(|span| *span != Span::MISSING);
        }
    }
}
