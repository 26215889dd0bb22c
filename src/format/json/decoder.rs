//! Blocks of JSON lines to columns.

use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;

use super::fast::Layouts;
use super::layout::Layout;
use super::rows::Rows;
use super::walk::{Structure, Walker};
use super::{index, path};
use crate::data::DataType;
use crate::error::Result;
use crate::format::assemble::assemble;
use crate::format::values::{Converter, Kind, Span, Text, quote};
use crate::format::{Decoded, Decoder, Header, SourceField, too_long};

pub struct JsonDecoder {
    /// See [`Decoder::keep_places`].
    keep_places: bool,
    max_record: usize,
    /// Name of each column asked for.
    names: Vec<String>,
    types: Vec<DataType>,
    /// Whether each takes whole numbers that are already converted.
    ints: Vec<bool>,
    converters: Vec<Converter>,
    layouts: Layouts,
    walker: Walker,
    positions: Vec<u32>,
    /// Columns and places of the values of the line walked last.
    values: Vec<(usize, usize, usize)>,
    rows: Rows,
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
        let converters: Vec<Converter> = used.iter().map(|field| Converter::json(field)).collect::<Result<_>>()?;
        Ok(JsonDecoder {
            keep_places: false,
            max_record,
            names: used.iter().map(|field| field.name.clone()).collect(),
            types: used.iter().map(|field| field.ty).collect(),
            ints: converters.iter().map(Converter::takes_ints).collect(),
            converters,
            layouts: Layouts::default(),
            walker: Walker::new(path::tree(&paths)),
            positions: Vec::new(),
            values: Vec::new(),
            rows: Rows::default(),
        })
    }

    /// Finds the values of all lines of the block.
    fn find(&mut self, data: &[u8]) {
        self.rows.clear(self.types.len());
        self.layouts.begin_block();
        let mut start = 0;
        while start < data.len() {
            start = self.layouts.follow(data, start, &self.types, self.max_record, &mut self.rows);
            if start < data.len() {
                start = self.line(data, start);
            }
        }
        self.rows.see();
    }

    /// Takes the line at `start` apart by its structure. Returns where the next one starts.
    fn line(&mut self, data: &[u8], start: usize) -> usize {
        let JsonDecoder { layouts, walker, rows, positions, values, types, ints, names, max_record, .. } = self;
        let end = memchr(b'\n', &data[start..]).map_or(data.len(), |lf| start + lf);
        // The LF is one of the positions.
        let text = &data[start..data.len().min(end + 1)];
        let mut found = index::positions(text, positions);
        let closed = !found.odd || index::positions_slowly(text, positions);
        found.control |= found.odd;
        rows.ascii &= !found.watched;
        rows.reserve();
        (0..types.len()).for_each(|column| rows.set(column, Span::MISSING));
        values.clear();
        let (side, mut bad) = (rows.side.len(), None);
        let mut value = |column: usize, from: usize, to: usize| {
            let (from, to) = (start + from, start + to);
            values.push((column, from, to));
            rows.seen[column] = true;
            match span(data, from, to, types[column], found.control, &mut rows.side) {
                Ok(span) => rows.set(column, span),
                Err(reason) => drop(bad.get_or_insert((column, reason))),
            }
        };
        let walked = match closed {
            true => walker.line(Structure { data: text, positions }, &mut value),
            false => Err("the line is not a JSON object: a string is not closed"),
        };
        let outcome = if end - start > *max_record {
            Err((None, too_long(*max_record)))
        } else {
            match (walked, bad) {
                (Ok(()), None) => Ok(()),
                (Ok(()), Some((column, reason))) => Err((Some(names[column].clone()), reason)),
                (Err(reason), _) => Err((None, reason.to_string())),
            }
        };
        if let Err((column, reason)) = outcome {
            rows.drop_line(&data[start..end], start, side, *max_record, column, reason);
        } else {
            rows.push(start);
            positions.truncate(positions.len() - usize::from(end < data.len()));
            layouts.missed(|| {
                Layout::of(text, positions, values.iter().map(|&(c, f, t)| (c, f - start, t - start)).collect(), ints)
            });
        }
        end + 1
    }
}

/// What kind of value `data[from..to]` is, for a column of type `ty`. Errors: why it is not JSON.
#[inline(always)]
pub fn span(
    data: &[u8],
    from: usize,
    to: usize,
    ty: DataType,
    control: bool,
    side: &mut Vec<u8>,
) -> Result<Span, String> {
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
        self.find(block);
        let rows = &mut self.rows;
        let is_text = self.converters.iter().any(Converter::is_text);
        let utf8 = rows.ascii || (is_text && std::str::from_utf8(block).is_ok());
        let text = Text { block, side: &rows.side, utf8 };
        let (mut cells, mut columns) = (Vec::new(), Vec::with_capacity(self.names.len()));
        for (column, converter) in self.converters.iter_mut().enumerate() {
            columns.push(converter.convert(rows.column(column), text, column, &mut cells));
        }
        let decoded = Decoded {
            columns,
            rows: rows.len(),
            lines: rows.lines(),
            seen: std::mem::take(&mut rows.seen),
            others: std::mem::take(&mut self.walker.others),
            places: self.keep_places.then(Vec::new),
            ..Decoded::default()
        };
        let broken = std::mem::take(&mut rows.broken);
        assemble(decoded, broken, cells, |column| self.names[column].clone(), |row| rows.place(block, row))
    }

    fn keep_places(&mut self) {
        self.keep_places = true;
    }
}
