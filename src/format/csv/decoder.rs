//! Blocks of CSV to columns.
//!
//! A block in which every line has the right number of delimiters and all quotes are where they should be is decoded by
//! the positions of its delimiters alone: field f of row r is entry r × width + f. Any other block goes through
//! [`Records`].

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr_iter;

use super::records::{Records, Shape, trim_cr};
use super::scanner::Dialect;
use super::{index, quoted};
use crate::error::Result;
use crate::format::assemble::{Place, assemble};
use crate::format::values::{BadCell, Cells, Converter, Kind, Span, Text};
use crate::format::{CsvOptions, Decoded, Decoder, Header, SourceField};

pub struct CsvDecoder {
    dialect: Dialect,
    /// See [`Decoder::keep_places`].
    keep_places: bool,
    max_record: usize,
    /// Name in the header of every declared field.
    declared: Vec<String>,
    names: Vec<String>,
    /// Declared field of each column asked for.
    used: Vec<usize>,
    converters: Vec<Converter>,
    layout: Layout,
    index: Vec<u32>,
    /// Of one column, where its values are not just between delimiters.
    spans: Vec<Span>,
    /// The block before had quotes.
    quoting: bool,
    records: Records,
}

/// Which fields of a file the columns are.
struct Layout {
    header: Option<Arc<Header>>,
    width: usize,
    /// Field of each column asked for.
    fields: Vec<usize>,
}

/// How a block can be decoded, as its delimiters, line ends and quotes tell.
struct Structure {
    /// Fields and lines are those of the index; otherwise the block goes record by record.
    sound: bool,
    quoted: bool,
    /// Some quotes stand twice.
    escaped: bool,
    /// Line ends outside quotes, with that of a last line that lacks it.
    rows: usize,
    /// All line ends, counted likewise.
    lines: u64,
    utf8: bool,
}

impl CsvDecoder {
    /// Errors: a timestamp pattern or zone is wrong.
    pub fn new(options: &CsvOptions, fields: &[SourceField], used: &[usize], max_record: usize) -> Result<CsvDecoder> {
        let converters =
            used.iter().map(|&field| Converter::csv(&fields[field], &options.null)).collect::<Result<_>>()?;
        let dialect = Dialect::new(options);
        Ok(CsvDecoder {
            dialect,
            keep_places: false,
            max_record,
            declared: fields.iter().map(|field| field.source_name().to_string()).collect(),
            names: fields.iter().map(|field| field.name.clone()).collect(),
            used: used.to_vec(),
            converters,
            layout: Layout { header: None, width: fields.len(), fields: used.to_vec() },
            index: Vec::new(),
            spans: Vec::new(),
            quoting: false,
            records: Records::new(dialect),
        })
    }

    fn lay_out(&mut self, header: Option<&Arc<Header>>) {
        if self.layout.header.as_ref().map(Arc::as_ptr) == header.map(Arc::as_ptr) {
            return;
        }
        self.layout = match header {
            None => Layout { header: None, width: self.declared.len(), fields: self.used.clone() },
            Some(header) => {
                let place = |&field: &usize| {
                    let name = &self.declared[field];
                    let place = header.names.iter().position(|found| found == name);
                    place.expect("read_header has found every declared column")
                };
                let fields = self.used.iter().map(place).collect();
                Layout { header: Some(header.clone()), width: header.names.len(), fields }
            }
        };
    }

    /// One or two passes over the block: one that knows of quotes, if there are any to be expected.
    fn look(&mut self, block: &[u8]) -> Structure {
        let is_text = self.converters.iter().any(Converter::is_text);
        let is_utf8 = |ascii: bool| ascii || (is_text && std::str::from_utf8(block).is_ok());
        let mut structure = None;
        if !self.quoting {
            let found = index::positions(block, self.dialect.delimiter, self.dialect.quote, &mut self.index);
            let watched = found.watched || self.dialect.quote == b'\n';
            self.quoting = watched && self.dialect.find_quote(block).is_some();
            if !self.quoting {
                let (rows, lines) = (found.newlines, found.newlines as u64);
                structure = Some(Structure {
                    sound: true,
                    quoted: false,
                    escaped: false,
                    rows,
                    lines,
                    utf8: is_utf8(!watched),
                });
            }
        }
        let mut structure = structure.unwrap_or_else(|| {
            let found = quoted::positions(block, self.dialect, &mut self.index);
            self.quoting = found.any;
            Structure {
                sound: found.sound && self.dialect.escape.is_none(),
                quoted: found.any,
                escaped: found.escaped,
                rows: found.ends,
                lines: found.newlines as u64,
                utf8: is_utf8(found.ascii),
            }
        });
        if !block.is_empty() && !block.ends_with(b"\n") {
            self.index.push(block.len() as u32);
            structure.rows += 1;
            structure.lines += 1;
        }
        structure
    }

    /// Whether `index` is a table: each record has `width` fields, none is blank, a comment or too long.
    fn is_regular(&self, data: &[u8], rows: usize) -> bool {
        let width = self.layout.width;
        if width == 0 || self.index.len() - 1 != rows * width {
            return false;
        }
        let is_record = |ends: &[u32], before: u32| {
            let (start, end) = (before.wrapping_add(1) as usize, ends[width - 1] as usize);
            let record = &data[start..end];
            let blank = width == 1 && trim_cr(record).is_empty();
            let skipped = blank || self.dialect.is_comment(record);
            end - start <= self.max_record && !skipped && data.get(end).is_none_or(|&b| b == b'\n')
        };
        let ends = self.index[1..].chunks_exact(width);
        let before = self.index.iter().step_by(width);
        ends.zip(before).all(|(ends, &before)| is_record(ends, before))
    }

    fn decode_regular(&mut self, block: &Bytes, structure: &Structure) -> Decoded {
        let (width, rows) = (self.layout.width, structure.rows);
        let plain = !structure.quoted && !self.dialect.trim;
        if !plain {
            self.records.side.clear();
        }
        let mut cells = Vec::new();
        let mut columns = Vec::with_capacity(self.used.len());
        for column in 0..self.used.len() {
            let places = Strided { index: &self.index, width, field: self.layout.fields[column], rows };
            let converter = &mut self.converters[column];
            let text = |side| Text { block, side, utf8: structure.utf8 };
            columns.push(match (plain, places.field + 1 < width) {
                (true, true) => converter.convert(places, text(&[]), column, &mut cells),
                (true, false) => converter.convert(LastField { places, block }, text(&[]), column, &mut cells),
                (false, _) => {
                    // Each column has a side buffer of its own.
                    self.records.side.clear();
                    match structure.escaped {
                        true => unquote(block, places, self.dialect, &mut self.spans, |start, end| {
                            self.records.quoted(block, start, end)
                        }),
                        false => unquote(block, places, self.dialect, &mut self.spans, |start, end| {
                            Span::quoted(start + 1, end - 1)
                        }),
                    }
                    converter.convert(&self.spans[..], text(&self.records.side), column, &mut cells)
                }
            });
        }
        // Rows come in order, so line ends are counted once.
        let counted = Cell::new((0, 0));
        let places = self.keep_places.then(Vec::new);
        let decoded = Decoded { columns, rows, lines: structure.lines, places, ..Decoded::default() };
        let place = |row: usize| {
            let index = &self.index;
            let (start, end) = (index[row * width].wrapping_add(1) as usize, index[(row + 1) * width] as usize);
            let (from, lines) = counted.get();
            let line = lines + memchr_iter(b'\n', &block[from..start]).count() as u64;
            counted.set((start, line));
            Place { offset: start, len: trim_cr(&block[start..end]).len(), line }
        };
        assemble(decoded, Vec::new(), cells, |column| self.names[self.used[column]].clone(), place)
    }

    fn decode_records(&mut self, block: &Bytes, utf8: bool) -> Decoded {
        let Layout { width, fields, .. } = &self.layout;
        let shape = Shape { width: *width, used: fields, max_record: self.max_record };
        let records = &mut self.records;
        records.split(block, shape);
        let text = Text { block, side: &records.side, utf8 };
        let mut cells: Vec<BadCell> = Vec::new();
        let mut columns = Vec::with_capacity(fields.len());
        for (column, converter) in self.converters.iter_mut().enumerate() {
            columns.push(converter.convert(&records.columns[column][..], text, column, &mut cells));
        }
        let (rows, lines, places) = (records.places.len(), records.lines, self.keep_places.then(Vec::new));
        let decoded = Decoded { columns, rows, lines, places, ..Decoded::default() };
        let broken = std::mem::take(&mut records.broken);
        assemble(decoded, broken, cells, |column| self.names[self.used[column]].clone(), |row| records.places[row])
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, block: &Bytes, header: Option<&Arc<Header>>, _stop_at_bad: bool) -> Decoded {
        self.lay_out(header);
        let structure = self.look(block);
        if structure.sound && self.is_regular(block, structure.rows) {
            self.decode_regular(block, &structure)
        } else {
            self.decode_records(block, structure.utf8)
        }
    }

    fn keep_places(&mut self) {
        self.keep_places = true;
    }
}

/// The values of one column of a regular block, without the blanks around them; `quoted` says what those in quotes are.
#[inline(always)]
fn unquote(
    block: &[u8],
    places: Strided,
    dialect: Dialect,
    spans: &mut Vec<Span>,
    mut quoted: impl FnMut(usize, usize) -> Span,
) {
    spans.clear();
    spans.reserve(places.rows);
    let last = places.field + 1 == places.width;
    for row in 0..places.rows {
        let Span { start, end, .. } = places.span(row);
        let (start, mut end) = (start as usize, end as usize);
        if last {
            end = start + trim_cr(&block[start..end]).len();
        }
        spans.push(if start < end && block[start] == dialect.quote {
            quoted(start, end)
        } else {
            let (start, end) = dialect.trimmed(block, start, end);
            Span { start: start as u32, end: end as u32, kind: Kind::Plain }
        });
    }
}

/// A field of a regular block, anywhere but at the end of the line.
#[derive(Clone, Copy)]
struct Strided<'a> {
    index: &'a [u32],
    width: usize,
    field: usize,
    rows: usize,
}

impl Cells for Strided<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    fn span(&self, row: usize) -> Span {
        let ends = &self.index[row * self.width + self.field..][..2];
        Span { start: ends[0].wrapping_add(1), end: ends[1], kind: Kind::Plain }
    }
}

/// The last field of the line, which a CR may follow.
#[derive(Clone, Copy)]
struct LastField<'a> {
    places: Strided<'a>,
    block: &'a [u8],
}

impl Cells for LastField<'_> {
    fn rows(&self) -> usize {
        self.places.rows
    }

    #[inline(always)]
    fn span(&self, row: usize) -> Span {
        let span = self.places.span(row);
        let cr = span.end > span.start && self.block[span.end as usize - 1] == b'\r';
        Span { end: span.end - u32::from(cr), ..span }
    }
}

#[cfg(test)]
impl CsvDecoder {
    /// The reference: record by record, whatever the block.
    pub fn by_records(&mut self, block: &Bytes) -> Decoded {
        self.decode_records(block, std::str::from_utf8(block).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::DataType;

    proptest! {
        #![proptest_config(crate::format::fuzz::cases(2000))]

        /// A block that the fast path takes is decoded as record by record.
        #[test]
        fn positions_and_records_agree(
            lines in proptest::collection::vec(prop_oneof![
                8 => "-?[0-9]{1,20},[a-zé]{0,20},(20[0-9]{2}-01-0[1-9]T10:00:0[0-9]Z)?\r?",
                1 => "[0-9x]{0,3},[a-z]{0,15},[0-9]?",
            ], 1..20),
            ends: bool, bad_byte in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
            max_record in prop_oneof![4 => Just(1000usize), 1 => 20usize..60],
        ) {
            let mut data = (lines.join("\n") + if ends { "\n" } else { "" }).into_bytes();
            if let Some(at) = bad_byte {
                let at = at.index(data.len());
                if data[at].is_ascii_lowercase() {
                    data[at] = 0xFF;
                }
            }
            let field = |name, ty| SourceField::new(name, ty, None);
            let fields = [field("a", DataType::Int), field("b", DataType::String), field("c", DataType::Timestamp)];
            let mut decoder = CsvDecoder::new(&CsvOptions::default(), &fields, &[2, 1, 0], max_record).unwrap();
            let block = Bytes::from(data);
            let any = decoder.decode(&block, None, false);
            let slow = decoder.decode_records(&block, std::str::from_utf8(&block).is_ok());
            prop_assert_eq!(any.columns, slow.columns);
            prop_assert_eq!(any.bad, slow.bad);
            prop_assert_eq!((any.rows, any.lines), (slow.rows, slow.lines));
        }
    }
}
