//! Blocks of JSON lines to columns.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr2;
use serde::de::IgnoredAny;

use super::index::{self, Found};
use super::path;
use super::walk::{self, Structure, Walker};
use crate::data::DataType;
use crate::error::Result;
use crate::format::assemble::{Place, assemble};
use crate::format::values::{Converter, Kind, Span, Text, quote};
use crate::format::{BadRecord, Decoded, Decoder, Header, SourceField, record_len, too_long};

pub struct JsonDecoder {
    max_record: usize,
    /// Name of each column asked for.
    names: Vec<String>,
    types: Vec<DataType>,
    converters: Vec<Converter>,
    walker: Walker,
    positions: Vec<u32>,
    unclosed: Vec<u32>,
    rows: Rows,
}

/// The values found in the lines of a block.
#[derive(Default)]
struct Rows {
    columns: Vec<Vec<Span>>,
    seen: Vec<bool>,
    places: Vec<Place>,
    side: Vec<u8>,
    broken: Vec<BadRecord>,
    lines: u64,
}

impl JsonDecoder {
    /// Errors: a path, timestamp pattern or zone is wrong.
    pub fn new(fields: &[SourceField], used: &[usize], max_record: usize) -> Result<JsonDecoder> {
        let used: Vec<&SourceField> = used.iter().map(|&field| &fields[field]).collect();
        let path = |field: &&SourceField| match &field.from {
            Some(from) => path::parse(from),
            None => Ok(vec![path::Step::Key(field.name.clone())]),
        };
        let paths = used.iter().map(path).collect::<Result<Vec<_>>>()?;
        Ok(JsonDecoder {
            max_record,
            names: used.iter().map(|field| field.name.clone()).collect(),
            types: used.iter().map(|field| field.ty).collect(),
            converters: used.iter().map(|field| Converter::json(field)).collect::<Result<_>>()?,
            walker: Walker::new(path::tree(&paths)),
            positions: Vec::new(),
            unclosed: Vec::new(),
            rows: Rows::default(),
        })
    }

    /// Walks all lines of the block.
    fn walk(&mut self, data: &[u8], found: Found) {
        let JsonDecoder { walker, rows, positions, unclosed, types, names, max_record, .. } = self;
        rows.clear(types.len());
        let mut unclosed = unclosed.iter().copied().peekable();
        let (mut start, mut at) = (0, 0);
        while start < data.len() {
            let row = rows.places.len();
            rows.columns.iter_mut().for_each(|column| column.push(Span::NULL));
            let side = rows.side.len();
            let structure = Structure { data, positions: &positions[at..] };
            let Rows { columns, seen, side: text, .. } = &mut *rows;
            let mut bad = None;
            let mut value = |column: usize, from: usize, to: usize| {
                seen[column] = true;
                match span(data, from, to, types[column], found.control, text) {
                    Ok(span) => columns[column][row] = span,
                    Err(reason) => drop(bad.get_or_insert((column, reason))),
                }
            };
            let walked = match unclosed.next_if_eq(&(start as u32)) {
                Some(_) => Err("the line is not a JSON object: a string is not closed"),
                None => walker.line(structure, start, &mut value),
            };
            let behind = |at: usize| structure.positions.get(at).map_or(data.len(), |&p| p as usize);
            let lf = walked.unwrap_or_else(|_| {
                let is_lf = |&p: &u32| data[p as usize] == b'\n';
                structure.positions.iter().position(is_lf).unwrap_or(structure.positions.len())
            });
            let end = behind(lf);
            let outcome = if end - start > *max_record {
                Err((None, too_long(*max_record)))
            } else {
                match (walked, bad) {
                    (Ok(_), None) => Ok(()),
                    (Ok(_), Some((column, reason))) => Err((Some(names[column].clone()), reason)),
                    (Err(reason), _) => Err((None, reason.to_string())),
                }
            };
            rows.end_line(&data[start..end], start, side, *max_record, outcome);
            at += lf + 1;
            start = end + 1;
        }
    }
}

impl Rows {
    fn clear(&mut self, columns: usize) {
        self.columns.resize_with(columns, Vec::new);
        self.columns.iter_mut().for_each(Vec::clear);
        self.seen.clear();
        self.seen.resize(columns, false);
        self.places.clear();
        self.side.clear();
        self.lines = 0;
    }

    /// Keeps the row, or takes it back where its line is bad or blank.
    #[inline(always)]
    fn end_line(
        &mut self,
        line: &[u8],
        start: usize,
        side: usize,
        max_record: usize,
        outcome: Result<(), (Option<String>, String)>,
    ) {
        let place = Place { offset: start, len: record_len(line, max_record), line: self.lines };
        self.lines += 1;
        let Err((column, reason)) = outcome else { return self.places.push(place) };
        self.columns.iter_mut().for_each(|spans| spans.truncate(self.places.len()));
        self.side.truncate(side);
        if line.len() > max_record || !walk::is_blank(line) {
            let Place { offset, len, line } = place;
            self.broken.push(BadRecord { row: self.places.len(), offset, len, line, column, reason });
        }
    }
}

/// What kind of value `data[from..to]` is, for a column of type `ty`. Errors: why it is not JSON.
#[inline(always)]
fn span(data: &[u8], from: usize, to: usize, ty: DataType, control: bool, side: &mut Vec<u8>) -> Result<Span, String> {
    let text = &data[from..to];
    let place = |from: usize, to: usize, kind| Ok(Span { start: from as u32, end: to as u32, kind });
    match text {
        [b'"', inner @ .., b'"'] => match memchr2(b'"', b'\\', inner) {
            None if !control || !inner.iter().any(|&b| b < 0x20) => place(from + 1, to - 1, Kind::Quoted),
            _ => {
                let value = serde_json::from_slice::<String>(text).map_err(|_| not_json(text))?;
                side.extend_from_slice(value.as_bytes());
                place(side.len() - value.len(), side.len(), Kind::Side)
            }
        },
        b"null" => Ok(Span::NULL),
        // Numbers and booleans are looked at when they are converted.
        [b'-' | b'0'..=b'9' | b't' | b'f', ..] if ty != DataType::String => place(from, to, Kind::Plain),
        _ => {
            serde_json::from_slice::<IgnoredAny>(text).map_err(|_| not_json(text))?;
            place(from, to, Kind::Plain)
        }
    }
}

#[cold]
fn not_json(text: &[u8]) -> String {
    if std::str::from_utf8(text).is_err() {
        return "not valid UTF-8".to_string();
    }
    format!("{} is not a JSON value", quote(text))
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, block: &Bytes, _header: Option<&Arc<Header>>, _stop_at_bad: bool) -> Decoded {
        let found = index::positions(block, &mut self.positions);
        self.unclosed.clear();
        if found.odd {
            index::positions_slowly(block, &mut self.positions, &mut self.unclosed);
        }
        self.walk(block, found);
        let rows = &mut self.rows;
        let is_text = self.converters.iter().any(Converter::is_text);
        let utf8 = !found.watched || (is_text && std::str::from_utf8(block).is_ok());
        let text = Text { block, side: &rows.side, utf8 };
        let mut cells = Vec::new();
        let columns = self.converters.iter_mut().zip(&rows.columns).enumerate();
        let columns = columns.map(|(i, (converter, spans))| converter.convert(&spans[..], text, i, &mut cells));
        let decoded = Decoded {
            columns: columns.collect(),
            rows: rows.places.len(),
            lines: rows.lines,
            seen: rows.seen.clone(),
            ..Decoded::default()
        };
        let broken = std::mem::take(&mut rows.broken);
        assemble(decoded, broken, cells, |column| self.names[column].clone(), |row| rows.places[row])
    }
}
