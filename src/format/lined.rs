//! Formats in which a record is a line: what they share. A [`Grammar`] says where the values of a line lie.
//!
//! Blank lines are skipped. Values are views into the block, or into the side buffer where they had escapes.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr;

use super::assemble::assemble;
use super::json::{Rows, is_blank};
use super::values::{Converter, Span, Text};
use super::{Decoded, Decoder, Header, SourceField, too_long};

pub trait Grammar: Send {
    /// Values are cut beside ASCII characters only, so a block that is UTF-8 has values that are.
    const CUTS_AT_ASCII: bool;
    /// The fields of a record depend on the record.
    const SPARSE: bool = false;

    /// A block begins. `side` is empty.
    fn begin(&mut self, _header: Option<&Header>, _side: &mut Vec<u8>) {}

    /// Sets in `row` the values of the line `data[start..end]`, which is without its line end; those not set are
    /// missing.
    fn line(&mut self, data: &[u8], start: usize, end: usize, row: &mut Rows) -> Result<(), Broken>;

    /// A line that is too long is passed over; `line` is its start.
    fn pass(&mut self, _line: &[u8]) {}
}

/// Why a line is no record.
#[derive(Debug)]
pub struct Broken {
    /// The column asked for at which that was noticed.
    pub column: Option<usize>,
    pub reason: String,
}

impl From<&str> for Broken {
    fn from(reason: &str) -> Broken {
        Broken { column: None, reason: reason.to_string() }
    }
}

pub struct LinedDecoder<G> {
    grammar: G,
    max_record: usize,
    /// See [`Decoder::keep_places`].
    keep_places: bool,
    /// Name of each column asked for.
    names: Vec<String>,
    converters: Vec<Converter>,
    rows: Rows,
}

impl<G: Grammar> LinedDecoder<G> {
    /// `converters` of the columns asked for.
    pub fn new(grammar: G, fields: &[&SourceField], converters: Vec<Converter>, max_record: usize) -> LinedDecoder<G> {
        let names = fields.iter().map(|field| field.name.clone()).collect();
        LinedDecoder { grammar, max_record, keep_places: false, names, converters, rows: Rows::default() }
    }

    fn find(&mut self, data: &[u8], header: Option<&Header>) {
        let LinedDecoder { grammar, max_record, names, rows, .. } = self;
        rows.clear(names.len());
        grammar.begin(header, &mut rows.side);
        let mut start = 0;
        while start < data.len() {
            let lf = memchr(b'\n', &data[start..]).map_or(data.len(), |lf| start + lf);
            let line = &data[start..lf];
            let end = lf - usize::from(line.ends_with(b"\r"));
            rows.reserve();
            let side = rows.side.len();
            let outcome = if line.len() > *max_record {
                // As much as a cutter hands out of it.
                grammar.pass(&line[..*max_record + 1]);
                Err(Broken { column: None, reason: too_long(*max_record) })
            } else if is_blank(line) {
                // Dropped without a word.
                Err(Broken::from(""))
            } else {
                (0..names.len()).for_each(|column| rows.set(column, Span::MISSING));
                grammar.line(data, start, end, rows)
            };
            match outcome {
                Ok(()) => rows.push(start),
                Err(Broken { column, reason }) => {
                    let column = column.map(|column| names[column].clone());
                    rows.drop_line(line, start, side, *max_record, column, reason);
                }
            }
            start = lf + 1;
        }
        if G::SPARSE {
            rows.see();
        }
    }
}

impl<G: Grammar> Decoder for LinedDecoder<G> {
    fn decode(&mut self, block: &Bytes, header: Option<&Arc<Header>>, _stop_at_bad: bool) -> Decoded {
        self.find(block, header.map(|header| &**header));
        let rows = &mut self.rows;
        let is_text = self.converters.iter().any(Converter::is_text);
        let utf8 = G::CUTS_AT_ASCII && is_text && std::str::from_utf8(block).is_ok();
        let text = Text { block, side: &rows.side, utf8 };
        let mut cells = Vec::new();
        let converters = self.converters.iter_mut().enumerate();
        let columns = converters.map(|(i, c)| c.convert(rows.column(i), text, i, &mut cells)).collect();
        let seen = if G::SPARSE { std::mem::take(&mut rows.seen) } else { Vec::new() };
        let places = self.keep_places.then(Vec::new);
        let decoded = Decoded { columns, rows: rows.len(), lines: rows.lines(), seen, places, ..Decoded::default() };
        let broken = std::mem::take(&mut rows.broken);
        assemble(decoded, broken, cells, |column| self.names[column].clone(), |row| rows.place(block, row))
    }

    fn keep_places(&mut self) {
        self.keep_places = true;
    }
}

/// Which columns asked for hold which of a format's fields.
#[derive(Debug)]
pub struct Places {
    /// For each field, the columns that hold it: nearly always none or one.
    columns: Vec<Vec<usize>>,
}

impl Places {
    /// `fields` are the numbers of the columns' fields, of `count`.
    pub fn new(count: usize, fields: impl Iterator<Item = usize>) -> Places {
        let mut columns = vec![Vec::new(); count];
        fields.enumerate().for_each(|(column, field)| columns[field].push(column));
        Places { columns }
    }

    #[inline(always)]
    pub fn wants(&self, field: usize) -> bool {
        !self.columns[field].is_empty()
    }

    /// The first column of a field.
    pub fn column(&self, field: usize) -> Option<usize> {
        self.columns[field].first().copied()
    }

    #[inline(always)]
    pub fn set(&self, row: &mut Rows, field: usize, span: Span) {
        for &column in &self.columns[field] {
            row.set(column, span);
        }
    }
}
