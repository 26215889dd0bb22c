//! Where the fields of a block with quotes end: one pass, 64 bytes at a time.
//!
//! Between each odd and even quote is inside. That is right if every quote that opens stands at the start of a field and
//! every quote that closes at its end, or before the one that opens again (`""`). A block in which a quote stands
//! elsewhere is not *sound* and goes another way.

use super::scanner::Dialect;
use crate::data::raw::{self, Kernel, Simd};
use crate::format::bits::{append, prefix_xor};

/// What the pass over a block found beside the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// All quotes are as they should be, none is open at the end, no line is a comment.
    pub sound: bool,
    /// Some field has quotes in it.
    pub escaped: bool,
    /// There was a quote at all.
    pub any: bool,
    pub ascii: bool,
    /// LF outside quotes, and all.
    pub ends: usize,
    pub newlines: usize,
}

/// As [`super::positions`], of delimiters and LF outside quotes.
pub fn positions(data: &[u8], dialect: Dialect, out: &mut Vec<u32>) -> Found {
    let likely = data.len() / 8 + 128;
    if out.len() < likely {
        out.resize(likely, 0);
    }
    out[0] = u32::MAX;
    let (found, len) = raw::run(Positions { data, dialect, out });
    out.truncate(len);
    found
}

/// Where the last record that ends in `data` does, if `data` is sound as far as that can be told; `data` starts at the
/// start of a record.
pub fn last_end(data: &[u8], dialect: Dialect) -> Option<usize> {
    raw::run(LastEnd { data, dialect })
}

/// What one chunk hands on to the next.
struct State {
    /// All bits set: inside quotes.
    inside: u64,
    /// In bit 0: the byte before was a delimiter, line end or closing quote; a closing quote; a CR behind one; an LF
    /// outside quotes.
    field: u64,
    closed: u64,
    returned: u64,
    line: u64,
    /// What is not as it should be, and escaped quotes.
    odd: u64,
    escaped: u64,
}

/// Bits of one chunk.
struct Marks {
    /// Delimiters and LF outside quotes.
    fields: u64,
    /// LF, all.
    newlines: u64,
    quotes: u64,
}

impl State {
    fn new() -> State {
        State { inside: 0, field: 1, closed: 0, returned: 0, line: 1, odd: 0, escaped: 0 }
    }

    /// `valid`: bits of the bytes that are there.
    #[inline(always)]
    fn chunk<S: Simd>(&mut self, simd: S, chunk: S::Chunk, dialect: Dialect, valid: u64) -> Marks {
        let quotes = simd.eq(chunk, dialect.quote) & valid;
        let newlines = simd.eq(chunk, b'\n') & valid;
        let inside = prefix_xor(quotes) ^ self.inside;
        let (open, close) = (quotes & inside, quotes & !inside);
        let fields = simd.either(chunk, dialect.delimiter, b'\n') & valid & !inside;
        let behind = close << 1 | self.closed;
        let returned = behind & simd.eq(chunk, b'\r') & valid;
        self.odd |= open & !((fields | close) << 1 | self.field);
        self.odd |= behind & valid & !(fields | open | returned);
        self.odd |= (returned << 1 | self.returned) & valid & !newlines;
        self.escaped |= open & behind;
        let lines = fields & newlines;
        if let Some(comment) = dialect.comment {
            self.odd |= (lines << 1 | self.line) & simd.eq(chunk, comment) & valid;
        }
        self.inside = ((inside as i64) >> 63) as u64;
        self.field = (fields | close) >> 63;
        self.closed = close >> 63;
        self.returned = returned >> 63;
        self.line = lines >> 63;
        Marks { fields, newlines, quotes }
    }
}

struct Positions<'a> {
    data: &'a [u8],
    dialect: Dialect,
    out: &'a mut Vec<u32>,
}

impl Kernel for Positions<'_> {
    type Out = (Found, usize);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (Found, usize) {
        let Positions { data, dialect, out } = self;
        let mut state = State::new();
        let (mut len, mut base, mut seen) = (1, 0u32, simd.zero());
        let (mut ends, mut newlines, mut any) = (0, 0, 0);
        let (chunks, rest) = data.as_chunks::<64>();
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        for bytes in chunks {
            let chunk = simd.load(bytes);
            simd.prefetch(bytes, raw::AHEAD);
            let marks = state.chunk(simd, chunk, dialect, u64::MAX);
            seen = simd.gather(seen, chunk);
            ends += (marks.fields & marks.newlines).count_ones() as usize;
            newlines += marks.newlines.count_ones() as usize;
            any |= marks.quotes;
            len = append(out, len, base, marks.fields);
            base += 64;
        }
        let chunk = simd.load(&last);
        let marks = state.chunk(simd, chunk, dialect, (1u64 << rest.len()) - 1);
        seen = simd.gather(seen, chunk);
        ends += (marks.fields & marks.newlines).count_ones() as usize;
        newlines += marks.newlines.count_ones() as usize;
        any |= marks.quotes;
        len = append(out, len, base, marks.fields);
        let found = Found {
            // There are no quotes behind the end, so the last bit is that of the last byte.
            sound: state.odd == 0 && state.inside == 0,
            escaped: state.escaped != 0,
            any: any != 0,
            ascii: !simd.any(seen),
            ends,
            newlines,
        };
        (found, len)
    }
}

struct LastEnd<'a> {
    data: &'a [u8],
    dialect: Dialect,
}

impl Kernel for LastEnd<'_> {
    type Out = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<usize> {
        let LastEnd { data, dialect } = self;
        let mut state = State::new();
        let (mut base, mut end) = (0, 0);
        let (chunks, rest) = data.as_chunks::<64>();
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        for bytes in chunks {
            let chunk = simd.load(bytes);
            simd.prefetch(bytes, raw::AHEAD);
            let marks = state.chunk(simd, chunk, dialect, u64::MAX);
            let ends = marks.fields & marks.newlines;
            if ends != 0 {
                end = base + 64 - ends.leading_zeros() as usize;
            }
            base += 64;
        }
        let marks = state.chunk(simd, simd.load(&last), dialect, (1u64 << rest.len()) - 1);
        let ends = marks.fields & marks.newlines;
        if ends != 0 {
            end = base + 64 - ends.leading_zeros() as usize;
        }
        (state.odd == 0 && end > 0).then_some(end)
    }
}
