//! Lines of a known [`Layout`], one after the other, without looking at their structure.
//!
//! Strings are bounded 64 bytes at a time, whole numbers 16. The first line that is laid out otherwise, is too long or
//! lies within a few bytes of the end of the block is left to the caller, who takes it apart by its structure; that
//! way is the reference.

use super::decoder::span;
use super::layout::{Layout, Slot};
use super::rows::Rows;
use crate::data::DataType;
use crate::data::raw::{self, Kernel, Simd};
use crate::format::number;
use crate::format::values::Span;

/// How many layouts are remembered.
const LAYOUTS_MAX: usize = 4;
/// A block in which more lines than this follow no layout, and more than follow one, is not worth trying.
const MISSES_MAX: usize = 100;

/// The layouts of the lines before.
#[derive(Default)]
pub struct Layouts {
    layouts: Vec<Layout>,
    /// The one that fitted last.
    latest: usize,
    /// The next one to be given up for another.
    oldest: usize,
    /// Lines that followed none since one was learnt, and how many that takes.
    waited: usize,
    patience: usize,
    /// Lines of this block that followed none.
    misses: usize,
}

impl Layouts {
    pub fn begin_block(&mut self) {
        self.misses = 0;
    }

    /// Decodes lines from `start` of `data` on, as long as they follow a layout. Returns where the first line starts
    /// that does not.
    pub fn follow(
        &mut self,
        data: &[u8],
        mut start: usize,
        types: &[DataType],
        max_record: usize,
        rows: &mut Rows,
    ) -> usize {
        let count = self.layouts.len();
        let (mut which, mut tried) = (self.latest, 0);
        if self.misses > MISSES_MAX && self.misses > rows.len() / 2 {
            return start;
        }
        while tried < count && start < data.len() {
            let layout = &self.layouts[which];
            let next = raw::run(Lines { data, start, layout, types, max_record, rows });
            if next > start {
                (start, tried, self.latest) = (next, 0, which);
            }
            tried += 1;
            which = (which + 1) % count;
        }
        start
    }

    /// Says that a sound line followed no layout; `layout` is its own, if it has one.
    pub fn missed(&mut self, layout: impl FnOnce() -> Option<Layout>) {
        self.misses += 1;
        self.waited += 1;
        let full = self.layouts.len() == LAYOUTS_MAX;
        if full && self.waited < self.patience {
            return;
        }
        self.waited = 0;
        // Lines that have nothing in common are soon no longer learnt from.
        self.patience = (2 * self.patience).clamp(16, 1024);
        let Some(layout) = layout() else { return };
        if full {
            self.layouts[self.oldest] = layout;
            self.oldest = (self.oldest + 1) % LAYOUTS_MAX;
        } else {
            self.layouts.push(layout);
        }
    }
}

/// Decodes lines of `layout` from `start` of `data` on, as long as they follow it.
struct Lines<'a> {
    data: &'a [u8],
    start: usize,
    layout: &'a Layout,
    types: &'a [DataType],
    max_record: usize,
    rows: &'a mut Rows,
}

/// How a line came out.
enum Outcome {
    /// It is in; the next one starts here.
    Next(usize),
    /// It is not of the layout.
    Other,
}

impl Kernel for Lines<'_> {
    /// Where the first line starts that did not follow.
    type Out = usize;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> usize {
        let mut seen = simd.zero();
        let mut start = self.start;
        while start < self.data.len() {
            self.rows.reserve();
            let side = self.rows.side.len();
            match self.line(simd, start, &mut seen) {
                Outcome::Next(next) => {
                    self.rows.push(start);
                    start = next;
                }
                Outcome::Other => {
                    self.rows.side.truncate(side);
                    break;
                }
            }
        }
        self.rows.ascii &= !simd.any(seen);
        start
    }
}

impl Lines<'_> {
    #[inline(always)]
    fn line<S: Simd>(&mut self, simd: S, start: usize, seen: &mut S::Chunk) -> Outcome {
        let (data, layout) = (self.data, self.layout);
        for &column in &layout.absent {
            self.rows.set(column, Span::MISSING);
        }
        let (mut at, mut number) = (start, 0);
        while let Some(slot) = layout.slots.get(number) {
            if !slot.before.is_at(data, at) {
                let Some(found) = self.leave_out(number, at) else { return Outcome::Other };
                number = found;
                continue;
            }
            at += slot.before.len();
            let end =
                if data.get(at) == Some(&b'"') { self.string(simd, slot, at, seen) } else { self.scalar(slot, at) };
            let Some(end) = end else { return Outcome::Other };
            at = end;
            number += 1;
        }
        if !layout.close.is_at(data, at) {
            return Outcome::Other;
        }
        let mut end = at + layout.close.len();
        if data[end..].starts_with(b"\r\n") {
            end += 1;
        }
        if data.get(end) != Some(&b'\n') || end - start > self.max_record {
            return Outcome::Other;
        }
        Outcome::Next(end + 1)
    }

    /// The string whose opening quote is at `open`, and where it ends.
    #[inline(always)]
    fn string<S: Simd>(&mut self, simd: S, slot: &Slot, open: usize, seen: &mut S::Chunk) -> Option<usize> {
        let data = self.data;
        let mut at = open + 1;
        loop {
            let chunk = simd.load(data.get(at..)?.first_chunk::<64>()?);
            simd.prefetch(data, at + raw::AHEAD);
            *seen = simd.gather(*seen, chunk);
            let stops = simd.stops(chunk);
            if stops != 0 {
                at += stops.trailing_zeros() as usize;
                break;
            }
            at += 64;
        }
        if data[at] != b'"' {
            return self.odd(slot, open, odd_string_end(data, at)?);
        }
        if let Some(column) = slot.column {
            self.rows.set(column, Span::quoted(open + 1, at));
        }
        Some(at + 1)
    }

    /// The scalar that starts at `at` without a quote, and where it ends.
    #[inline(always)]
    fn scalar(&mut self, slot: &Slot, at: usize) -> Option<usize> {
        let word = self.data.get(at..)?.first_chunk::<16>()?;
        let (len, value) = number::leading_digits(word);
        let end = at + len;
        // Without a digit in front it is no plain number, and with 16 its end is not known.
        if len == 0 || len == 16 || is_scalar(self.data[end]) {
            return self.odd(slot, at, scalar_end(self.data, at)?);
        }
        if let Some(column) = slot.column {
            // JSON has no zeros in front.
            if !slot.int || (word[0] == b'0' && len > 1) {
                return self.odd(slot, at, end);
            }
            self.rows.set(column, Span::int(value));
        }
        Some(end)
    }

    /// A value that is not in the simplest form.
    #[inline(never)]
    fn odd(&mut self, slot: &Slot, from: usize, to: usize) -> Option<usize> {
        self.rows.ascii &= self.data[from..to].is_ascii();
        if let Some(column) = slot.column {
            let found = span(self.data, from, to, self.types[column], true, &mut self.rows.side).ok()?;
            self.rows.set(column, found);
        }
        Some(to)
    }

    /// Goes from slot `number`, which does not stand at `at`, to the one that does.
    #[cold]
    #[inline(never)]
    fn leave_out(&mut self, number: usize, at: usize) -> Option<usize> {
        let found = self.layout.find(self.data, number, at)?;
        for slot in &self.layout.slots[number..found] {
            if let Some(column) = slot.column {
                self.rows.set(column, Span::MISSING);
            }
        }
        Some(found)
    }
}

/// Where the string ends whose first odd byte, such as a backslash, is at `at`: behind its closing quote. `None` if
/// it does not close on its line.
#[cold]
#[inline(never)]
fn odd_string_end(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match data.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' => return None,
            b'\\' if data.get(at + 1) == Some(&b'\n') => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where the word or number at `at` ends; `None` if there is none.
#[inline(never)]
fn scalar_end(data: &[u8], at: usize) -> Option<usize> {
    let len = data[at..].iter().position(|&byte| !is_scalar(byte))?;
    (len > 0).then_some(at + len)
}

/// Whether words and numbers have such a byte.
#[inline(always)]
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
