//! Record by record: for what the fast path does not take, such as quotes, and the reference it is tested against.

use memchr::memchr;

use super::scanner::{Dialect, End, Scanner, find_stop};
use crate::format::assemble::Place;
use crate::format::values::{Kind, Span};
use crate::format::{BadRecord, record_len, too_long};

/// Splits blocks into the spans of the fields that are used.
#[derive(Debug)]
pub struct Records {
    /// For each column asked for, the spans of all rows.
    pub columns: Vec<Vec<Span>>,
    pub places: Vec<Place>,
    pub side: Vec<u8>,
    pub broken: Vec<BadRecord>,
    pub lines: u64,
    dialect: Dialect,
    fields: Vec<Span>,
    unescape: csv_core::Reader,
}

/// What a record must look like.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// Number of fields.
    pub width: usize,
    /// The field of each column asked for.
    pub used: &'a [usize],
    pub max_record: usize,
}

impl Records {
    pub fn new(dialect: Dialect) -> Records {
        // Only single quoted fields are given to this reader, so it never sees a delimiter.
        let unescape = csv_core::ReaderBuilder::new()
            .terminator(csv_core::Terminator::Any(b'\n'))
            .delimiter(dialect.delimiter)
            .quote(dialect.quote)
            .escape(dialect.escape)
            .build();
        Records {
            dialect,
            columns: Vec::new(),
            places: Vec::new(),
            side: Vec::new(),
            broken: Vec::new(),
            lines: 0,
            fields: Vec::new(),
            unescape,
        }
    }

    /// The fields of one record without its line end. Errors: the reason why it is bad.
    pub fn fields(&mut self, record: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        self.side.clear();
        self.split_fields(record, 0, record.len())?;
        let text = |span: &Span| {
            let base = if span.kind == Kind::Side { &self.side } else { record };
            base[span.start as usize..span.end as usize].to_vec()
        };
        Ok(self.fields.iter().map(text).collect())
    }

    /// Splits `data`, forgetting the block before.
    pub fn split(&mut self, data: &[u8], shape: Shape) {
        self.columns.resize_with(shape.used.len(), Vec::new);
        self.columns.iter_mut().for_each(Vec::clear);
        self.places.clear();
        self.side.clear();
        self.lines = 0;
        let mut scanner = Scanner::new(self.dialect, shape.max_record);
        let mut start = 0;
        while start < data.len() {
            scanner.restart();
            let rest = &data[start..];
            let lf_or_end = |from: usize| memchr(b'\n', &rest[from..]).map_or(rest.len(), |lf| from + lf);
            let (end, outcome) = match scanner.end(rest) {
                End::At(lf) => (lf, self.record(data, start, start + lf, shape)),
                End::Open => (rest.len(), self.record(data, start, data.len(), shape)),
                End::TooLong { quoted: false } => (lf_or_end(shape.max_record + 1), Err(too_long(shape.max_record))),
                // The quote is taken as a mistake: reading goes on behind the first line end.
                End::Quoted | End::TooLong { quoted: true } => {
                    (scanner.first_lf.unwrap_or_else(|| lf_or_end(0)), Err(open_quote(shape.max_record)))
                }
            };
            if let Err(reason) = outcome {
                let len = record_len(&rest[..end], shape.max_record);
                let row = self.places.len();
                self.broken.push(BadRecord { row, offset: start, len, line: self.lines, column: None, reason });
            }
            self.lines += 1 + memchr::memchr_iter(b'\n', &rest[..end]).count() as u64;
            start += end + 1;
        }
    }

    /// Takes the record at `start..end` of `data` in, if it is one; blank lines and comments are none.
    fn record(&mut self, data: &[u8], start: usize, end: usize, shape: Shape) -> Result<(), String> {
        let end = start + trim_cr(&data[start..end]).len();
        if start == end || self.dialect.is_comment(&data[start..end]) {
            return Ok(());
        }
        self.split_fields(data, start, end)?;
        if self.fields.len() != shape.width {
            return Err(wrong_width(shape.width, self.fields.len()));
        }
        self.places.push(Place { offset: start, len: end - start, line: self.lines });
        for (column, &field) in self.columns.iter_mut().zip(shape.used) {
            column.push(self.fields[field]);
        }
        Ok(())
    }

    fn split_fields(&mut self, data: &[u8], start: usize, end: usize) -> Result<(), String> {
        self.fields.clear();
        let Dialect { delimiter, quote, trim, .. } = self.dialect;
        let mut at = start;
        loop {
            let rest = &data[at..end];
            let blanks = rest.iter().take_while(|&&byte| trim && self.dialect.is_blank(byte)).count();
            let (span, next) = if rest.get(blanks) == Some(&quote) && quote != b'\n' {
                self.quoted_field(data, at + blanks, end)?
            } else {
                let field_end = memchr(delimiter, rest).map_or(end, |found| at + found);
                let (from, to) = self.dialect.trimmed(data, at, field_end);
                (Span { start: from as u32, end: to as u32, kind: Kind::Plain }, field_end)
            };
            self.fields.push(span);
            if next == end {
                return Ok(());
            }
            at = next + 1;
        }
    }

    /// The field whose opening quote is at `at`, and where it ends: at a delimiter or at `end`.
    fn quoted_field(&mut self, data: &[u8], at: usize, end: usize) -> Result<(Span, usize), String> {
        let Dialect { delimiter, quote, escape, trim, .. } = self.dialect;
        let (mut close, mut escaped) = (at + 1, false);
        loop {
            let Some(found) = data.get(close..end).and_then(|rest| find_stop(rest, quote, escape)) else {
                return Err("a quote is still open at the end of the record".to_string());
            };
            close += found;
            let is_quote = data[close] == quote;
            if is_quote && (close + 1 == end || data[close + 1] != quote) {
                break;
            }
            escaped = true;
            close += 2;
        }
        let behind = close + 1;
        let blanks = data[behind..end].iter().take_while(|&&byte| trim && self.dialect.is_blank(byte)).count();
        let next = behind + blanks;
        if next < end && data[next] != delimiter {
            return Err("text after a closing quote".to_string());
        }
        if !escaped {
            return Ok((Span::quoted(at + 1, close), next));
        }
        let start = self.side.len();
        self.unescape(&data[at..behind]);
        Ok((Span { start: start as u32, end: self.side.len() as u32, kind: Kind::Side }, next))
    }

    /// A field with quotes around it, of which the fast path knows no more: its value.
    #[inline(always)]
    pub fn quoted(&mut self, data: &[u8], start: usize, end: usize) -> Span {
        if memchr(self.dialect.quote, &data[start + 1..end - 1]).is_none() {
            return Span::quoted(start + 1, end - 1);
        }
        let from = self.side.len() as u32;
        self.unescape(&data[start..end]);
        Span { start: from, end: self.side.len() as u32, kind: Kind::Side }
    }

    /// Appends the value of one quoted field to the side buffer.
    fn unescape(&mut self, field: &[u8]) {
        self.unescape.reset();
        let (mut read, mut written) = (0, self.side.len());
        self.side.resize(written + field.len(), 0);
        while read < field.len() {
            let (_, taken, put) = self.unescape.read_field(&field[read..], &mut self.side[written..]);
            read += taken;
            written += put;
        }
        self.side.truncate(written);
    }
}

pub fn trim_cr(record: &[u8]) -> &[u8] {
    record.strip_suffix(b"\r").unwrap_or(record)
}

pub fn wrong_width(expected: usize, found: usize) -> String {
    format!("expected {expected} field{}, found {found}", if expected == 1 { "" } else { "s" })
}

fn open_quote(max_record: usize) -> String {
    let max = crate::format::size_text(max_record);
    format!("a quote is still open at the end of the input or after {max} (max_record)")
}
