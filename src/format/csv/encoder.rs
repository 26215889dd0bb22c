//! Batches to CSV: quotes only where needed, lines end in LF.
//!
//! A null is an empty field and the empty string is `""`. A row of one null column is a blank line, which a
//! reader skips: write such a column beside another one.

use crate::data::raw::{self, Kernel, Simd};
use crate::data::{Batch, Field};
use crate::format::local::Local;
use crate::format::writer::{Values, printed, write_text, write_value};
use crate::format::{CsvOptions, Encoder, TimestampStyle};

pub struct CsvEncoder {
    delimiter: u8,
    quote: u8,
    with_header: bool,
    style: TimestampStyle,
    local: Option<Local>,
    names: Vec<String>,
    /// Some value of the batch before needed quotes.
    quoting: bool,
}

impl CsvEncoder {
    pub fn new(options: &CsvOptions, schema: &[Field]) -> CsvEncoder {
        CsvEncoder {
            delimiter: options.delimiter,
            quote: options.quote.unwrap_or(b'"'),
            with_header: options.header,
            style: options.timestamp.clone(),
            local: Local::of(&options.timestamp),
            names: schema.iter().map(|field| field.name.clone()).collect(),
            quoting: false,
        }
    }

    /// Appends the rows; with `QUOTING`, strings are looked through one by one and quoted where needed.
    fn rows<const QUOTING: bool>(&self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) -> Written {
        let mut written = Written::default();
        let mut columns: Vec<Values> = batch.columns.iter().map(|c| Values::new(c, &self.style)).collect();
        for row in 0..batch.rows {
            for column in &mut columns {
                match column.string(row) {
                    Some(b"") => {
                        out.extend_from_slice(&[self.quote; 2]);
                        written.empty += 1;
                    }
                    Some(text) if QUOTING && self.needs_quotes(text) => {
                        quote(text, self.quote, out);
                        written.quoted = true;
                    }
                    Some(text) => write_text(text, out),
                    None => write_value(column, row, out),
                }
                out.push(self.delimiter);
            }
            match out.last_mut() {
                Some(last) if !columns.is_empty() => *last = b'\n',
                _ => out.push(b'\n'),
            }
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
        written
    }

    fn needs_quotes(&self, text: &[u8]) -> bool {
        text.iter().any(|&b| b == self.delimiter || b == self.quote || matches!(b, b'\n' | b'\r'))
    }
}

fn quote(text: &[u8], quote: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for &byte in text {
        if byte == quote {
            out.push(quote);
        }
        out.push(byte);
    }
    out.push(quote);
}

impl Encoder for CsvEncoder {
    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.with_header {
            return out;
        }
        for (i, name) in self.names.iter().enumerate() {
            if i > 0 {
                out.push(self.delimiter);
            }
            if name.is_empty() || self.needs_quotes(name.as_bytes()) {
                quote(name.as_bytes(), self.quote, &mut out);
            } else {
                out.extend_from_slice(name.as_bytes());
            }
        }
        out.push(b'\n');
        out
    }

    /// Rows are first written as if no string needed quotes. If there are then more delimiters, line ends and quotes
    /// in the output than were put there, some string has them, and the batch is written again.
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let batch = &*Local::written(&self.local, batch);
        let batch = &*printed(batch, &self.style);
        if !self.quoting {
            let (start, ends_start) = (out.len(), ends.as_ref().map_or(0, |ends| ends.len()));
            let Written { empty, .. } = self.rows::<false>(batch, out, ends.as_deref_mut());
            let expected = Marks { fields: batch.rows * batch.columns.len().max(1), quotes: 2 * empty };
            if raw::run(Count { data: &out[start..], delimiter: self.delimiter, quote: self.quote }) == expected {
                return;
            }
            out.truncate(start);
            if let Some(ends) = &mut ends {
                ends.truncate(ends_start);
            }
        }
        self.quoting = self.rows::<true>(batch, out, ends).quoted;
    }
}

/// What encoding put into the output.
#[derive(Default)]
struct Written {
    /// Empty strings, written as `""`.
    empty: usize,
    /// Some string was quoted.
    quoted: bool,
}

/// Bytes of the output that mean something to a reader.
#[derive(Debug, PartialEq, Eq)]
struct Marks {
    /// Delimiters and LF.
    fields: usize,
    /// Quotes and CR.
    quotes: usize,
}

struct Count<'a> {
    data: &'a [u8],
    delimiter: u8,
    quote: u8,
}

impl Kernel for Count<'_> {
    type Out = Marks;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Marks {
        let mut marks = Marks { fields: 0, quotes: 0 };
        // No closure here: it would be compiled by itself, without the wide instructions.
        let (chunks, rest) = self.data.as_chunks::<64>();
        let mut last = [0; 64];
        // The rest is filled up with NUL, which is neither a delimiter nor any of the others.
        last[..rest.len()].copy_from_slice(rest);
        for bytes in chunks.iter().chain(std::iter::once(&last)) {
            let chunk = simd.load(bytes);
            marks.fields += simd.either(chunk, self.delimiter, b'\n').count_ones() as usize;
            marks.quotes += simd.either(chunk, self.quote, b'\r').count_ones() as usize;
        }
        marks
    }
}
