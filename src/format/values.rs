//! From the text of fields to typed columns: one loop per type.
//!
//! The loops are generic over [`Cells`], the places of a column's values, so that CSV and JSON share them. They
//! know nothing of records and delimiters. A value that does not convert is noted in `bad` and its row is
//! dropped later by [`super::assemble`].

use arrow_array::{BooleanArray, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, ScalarBuffer};
use bytes::Bytes;

use super::instant::Instants;
use super::number;
use super::{SourceField, TimestampSource};
use crate::data::{Column, ColumnBuilder, DataType, raw, text};
use crate::error::Result;

/// How a value stands in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it is: a CSV field without quotes, a JSON number or other value.
    Plain,
    /// Between quotes, which the span leaves out.
    Quoted,
    /// As `Quoted`, but it had escapes: the span lies in the side buffer.
    Side,
    /// A missing JSON field or a JSON null.
    Null,
    /// An int that was already converted; `start` and `end` are its lower and upper half.
    Int,
}

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
}

impl Span {
    /// A JSON null.
    pub const NULL: Span = Span { start: 1, end: 1, kind: Kind::Null };
    /// A JSON field that is not there.
    pub const MISSING: Span = Span { start: 0, end: 0, kind: Kind::Null };

    /// A string between quotes.
    #[inline(always)]
    pub fn quoted(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32, kind: Kind::Quoted }
    }

    #[inline(always)]
    pub fn int(value: i64) -> Span {
        Span { start: value as u32, end: (value >> 32) as u32, kind: Kind::Int }
    }
}

/// The places of a column's values, row by row.
pub trait Cells {
    fn rows(&self) -> usize;
    fn span(&self, row: usize) -> Span;
}

impl Cells for &[Span] {
    fn rows(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn span(&self, row: usize) -> Span {
        self[row]
    }
}

/// The number in a span of [`Kind::Int`].
#[inline(always)]
fn joined(start: usize, end: usize) -> i64 {
    start as i64 | (end as i64) << 32
}

/// One column of a table of spans.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a> {
    pub spans: &'a [Span],
    /// Columns of the table.
    pub width: usize,
    pub column: usize,
    pub rows: usize,
}

impl Cells for Strided<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    fn span(&self, row: usize) -> Span {
        self.spans[row * self.width + self.column]
    }
}

/// What spans point into.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub block: &'a Bytes,
    /// Values whose escapes were resolved.
    pub side: &'a [u8],
    /// The block is UTF-8 from end to end, so each value is, too.
    pub utf8: bool,
}

impl<'a> Text<'a> {
    #[inline(always)]
    fn base(&self, kind: Kind) -> &'a [u8] {
        if kind == Kind::Side { self.side } else { self.block }
    }

    #[inline(always)]
    pub fn get(&self, span: Span) -> &'a [u8] {
        &self.base(span.kind)[span.start as usize..span.end as usize]
    }
}

/// A value that did not convert.
#[derive(Debug)]
pub struct BadCell {
    pub row: usize,
    /// Index into the columns asked for.
    pub column: usize,
    pub reason: String,
}

/// Which values a column takes from JSON, where it matters whether a value stands in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    Any,
    Scalar,
    Quoted,
}

/// Converts the values of one column.
#[derive(Debug)]
pub struct Converter {
    ty: DataType,
    accept: Accept,
    /// JSON: numbers and booleans must be written as JSON has them, and an empty text is no null.
    json: bool,
    nulls: Vec<Vec<u8>>,
    /// Null is a bad value.
    required: bool,
    instants: Instants,
    /// What a timestamp should have looked like, for messages.
    expected: String,
}

/// Why null is a bad value.
const MISSING: &str = "the event time is missing";

impl Converter {
    /// `nulls`: further texts that stand for null, beside the empty field. Errors: a pattern or zone is wrong.
    pub fn csv(field: &SourceField, nulls: &[String]) -> Result<Converter> {
        let instants = Instants::new(&field.timestamp)?;
        Ok(Converter {
            expected: instants.expected(),
            ty: field.ty,
            accept: Accept::Any,
            json: false,
            nulls: nulls.iter().map(|n| n.as_bytes().to_vec()).collect(),
            required: field.required,
            instants,
        })
    }

    pub fn json(field: &SourceField) -> Result<Converter> {
        let accept = match (field.ty, &field.timestamp) {
            (DataType::Boolean | DataType::Int | DataType::Double, _) => Accept::Scalar,
            (DataType::Timestamp, TimestampSource::Unit(_)) => Accept::Scalar,
            (DataType::Timestamp | DataType::Bytes | DataType::Date | DataType::Interval, _) => Accept::Quoted,
            _ => Accept::Any,
        };
        Ok(Converter { accept, json: true, ..Converter::csv(field, &[])? })
    }

    /// Whether whole numbers may be handed in as [`Kind::Int`].
    pub fn takes_ints(&self) -> bool {
        self.ty == DataType::Int || (self.ty == DataType::Timestamp && matches!(self.instants, Instants::Unit { .. }))
    }

    pub fn is_text(&self) -> bool {
        self.ty == DataType::String
    }

    /// The column of all `cells`. Rows noted in `bad` hold an arbitrary value.
    pub fn convert<C: Cells>(&mut self, cells: C, text: Text, column: usize, bad: &mut Vec<BadCell>) -> Column {
        let json = self.json;
        match self.ty {
            DataType::String => self.strings(cells, text, column, bad),
            DataType::Int => {
                let parse = |base: &[u8], start: usize, end: usize, kind| match kind {
                    Kind::Int => Some(joined(start, end)),
                    _ => number::int(base, start, end).filter(|_| !json || number::is_json(&base[start..end])),
                };
                let (values, nulls) = self.values(cells, text, column, bad, parse);
                Column::Int(Int64Array::new(ScalarBuffer::from(values), nulls))
            }
            DataType::Double => {
                let parse = |base: &[u8], start, end, _| {
                    let bytes = &base[start..end];
                    number::double(bytes).filter(|_| !json || number::is_json(bytes))
                };
                let (values, nulls) = self.values(cells, text, column, bad, parse);
                Column::Double(Float64Array::new(ScalarBuffer::from(values), nulls))
            }
            DataType::Timestamp => {
                let mut instants = std::mem::take(&mut self.instants);
                let parse = |base: &[u8], start: usize, end: usize, kind| match kind {
                    Kind::Int => instants.of_int(joined(start, end)),
                    // No number of JSON begins so, but years of six digits in quotes do.
                    Kind::Plain if json && base.get(start) == Some(&b'+') => None,
                    _ => instants.parse(base, start, end),
                };
                let (values, nulls) = self.values(cells, text, column, bad, parse);
                self.instants = instants;
                Column::Timestamp(TimestampMicrosecondArray::new(ScalarBuffer::from(values), nulls))
            }
            DataType::Decimal { precision, scale } => {
                let parse = |base: &[u8], start, end, kind| {
                    let bytes = &base[start..end];
                    let syntax = !json || kind != Kind::Plain || number::is_json(bytes);
                    text::parse_decimal(bytes, precision, scale).ok().filter(|_| syntax)
                };
                let (values, nulls) = self.values(cells, text, column, bad, parse);
                let array = Decimal128Array::new(ScalarBuffer::from(values), nulls);
                Column::Decimal(
                    array
                        .with_precision_and_scale(precision, scale as i8)
                        .expect("the schema holds a valid precision and scale"),
                )
            }
            DataType::Boolean => {
                let parse = |base: &[u8], start, end, _| match &base[start..end] {
                    b"true" => Some(true),
                    b"false" => Some(false),
                    _ if json => None,
                    other => text::parse_bool(other),
                };
                let (values, nulls) = self.values(cells, text, column, bad, parse);
                Column::Boolean(BooleanArray::new(values.into(), nulls))
            }
            _ => self.rare(cells, text, column, bad),
        }
    }

    /// Types without a loop of their own.
    fn rare<C: Cells>(&self, cells: C, text: Text, column: usize, bad: &mut Vec<BadCell>) -> Column {
        let mut builder = ColumnBuilder::new(self.ty, cells.rows());
        for row in 0..cells.rows() {
            let span = cells.span(row);
            if self.is_null(span, text) {
                builder.append_null();
                continue;
            }
            let Ok(value) = std::str::from_utf8(text.get(span)) else {
                builder.append_null();
                bad.push(BadCell { row, column, reason: "not valid UTF-8".to_string() });
                continue;
            };
            if let Err(reason) = self.append(&mut builder, span.kind, value) {
                bad.push(BadCell { row, column, reason });
            }
        }
        builder.finish()
    }

    /// Appends a value; any one, if there is an error.
    fn append(&self, builder: &mut ColumnBuilder, kind: Kind, value: &str) -> std::result::Result<(), String> {
        let is_json = self.json && (self.ty.is_nested() || self.ty == DataType::Json);
        let result = match kind {
            Kind::Plain if self.json && !is_json => {
                builder.append_null();
                Err(format!("is not a {}: that stands in quotes", self.ty))
            }
            Kind::Quoted | Kind::Side if is_json => {
                let mut quoted = Vec::new();
                crate::data::write_json_string(value, &mut quoted);
                builder.append_json(&String::from_utf8_lossy(&quoted))
            }
            _ if is_json => builder.append_json(value),
            _ => builder.append_text(value),
        };
        result.map_err(|reason| format!("{} {reason}", quote(value.as_bytes())))
    }

    /// The loop of all types but strings. `parse` gets the text as a place in a longer one, so that it may load
    /// whole words.
    #[inline(always)]
    fn values<C: Cells, T: Default>(
        &self,
        cells: C,
        text: Text,
        column: usize,
        bad: &mut Vec<BadCell>,
        mut parse: impl FnMut(&[u8], usize, usize, Kind) -> Option<T>,
    ) -> (Vec<T>, Option<NullBuffer>) {
        let rows = cells.rows();
        let mut values = Vec::with_capacity(rows);
        let mut nulls = Vec::new();
        for row in 0..rows {
            let span = cells.span(row);
            let base = text.base(span.kind);
            let parsed = parse(base, span.start as usize, span.end as usize, span.kind);
            let value = match parsed {
                Some(value) if self.is_plain_value(span, text) => value,
                _ => {
                    if self.is_null(span, text) {
                        nulls.push(row);
                        if self.required {
                            bad.push(BadCell { row, column, reason: MISSING.into() });
                        }
                    } else {
                        bad.push(BadCell { row, column, reason: self.reason(span, text) });
                    }
                    T::default()
                }
            };
            values.push(value);
        }
        (values, null_buffer(rows, &nulls))
    }

    /// Whether a value that parses counts: not where it is a null text or stands in the wrong kind of quotes.
    #[inline(always)]
    fn is_plain_value(&self, span: Span, text: Text) -> bool {
        let accepted = match self.accept {
            Accept::Any => true,
            Accept::Scalar => matches!(span.kind, Kind::Plain | Kind::Int),
            Accept::Quoted => span.kind != Kind::Plain,
        };
        accepted && span.kind != Kind::Null && (self.nulls.is_empty() || !self.is_null(span, text))
    }

    #[inline(always)]
    fn is_null(&self, span: Span, text: Text) -> bool {
        match span.kind {
            Kind::Null => true,
            Kind::Plain if self.json => false,
            Kind::Plain => span.start == span.end || (!self.nulls.is_empty() && self.is_null_text(text.get(span))),
            Kind::Quoted | Kind::Side | Kind::Int => false,
        }
    }

    #[inline(never)]
    fn is_null_text(&self, bytes: &[u8]) -> bool {
        self.nulls.iter().any(|null| null == bytes)
    }

    fn strings<C: Cells>(&self, cells: C, text: Text, column: usize, bad: &mut Vec<BadCell>) -> Column {
        let rows = cells.rows();
        let mut views = Vec::with_capacity(rows);
        let mut nulls = Vec::new();
        let mut long = false;
        for row in 0..rows {
            let span = cells.span(row);
            if self.is_null(span, text) {
                nulls.push(row);
                views.push(0);
                continue;
            }
            if !text.utf8 && std::str::from_utf8(text.get(span)).is_err() {
                bad.push(BadCell { row, column, reason: "not valid UTF-8".to_string() });
                views.push(0);
                continue;
            }
            let len = span.end - span.start;
            long |= len > 12;
            views.push(view(text.base(span.kind), (span.kind == Kind::Side) as u32, span.start, len));
        }
        // Short strings lie in their views: then the column does not keep the block alive.
        let buffers = match (long, text.side.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => vec![Buffer::from(text.block.clone())],
            (true, false) => vec![Buffer::from(text.block.clone()), Buffer::from(text.side)],
        };
        Column::String(raw::string_views(ScalarBuffer::from(views), buffers, null_buffer(rows, &nulls)))
    }

    #[cold]
    fn reason(&self, span: Span, text: Text) -> String {
        let number;
        let bytes = match span.kind {
            Kind::Int => {
                number = joined(span.start as usize, span.end as usize).to_string();
                number.as_bytes()
            }
            _ => text.get(span),
        };
        let value = if self.json && matches!(span.kind, Kind::Quoted | Kind::Side) {
            quote(&[b"\"", bytes, b"\""].concat())
        } else {
            quote(bytes)
        };
        match self.ty {
            DataType::Int if number::is_digits(bytes) && text::parse_int(bytes).is_none() => {
                format!("{value} does not fit an int (64 bits)")
            }
            DataType::Decimal { precision, scale } => {
                let why = text::parse_decimal(bytes, precision, scale).err().unwrap_or(text::DecimalError::Syntax);
                match why {
                    text::DecimalError::Syntax => format!("{value} is not a {}", self.ty),
                    other => format!("{value} {} for {}", other.reason(), self.ty),
                }
            }
            DataType::Int => format!("{value} is not an int"),
            DataType::Timestamp => format!("{value} is not a timestamp{}", self.expected),
            ty => format!("{value} is not a {ty}"),
        }
    }
}

/// `'text'` for messages: long ones are cut, what is not UTF-8 is replaced.
pub fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    match text.char_indices().nth(64) {
        Some((cut, _)) => format!("'{}…'", &text[..cut]),
        None => format!("'{text}'"),
    }
}

/// The Arrow view of `len` bytes at `start` of `base`. Where 16 bytes can be read, it is made without a loop.
#[inline(always)]
fn view(base: &[u8], buffer: u32, start: u32, len: u32) -> u128 {
    let at = start as usize;
    match base.get(at..at + 16) {
        Some(bytes) => {
            let word = u128::from_le_bytes(bytes.try_into().expect("a slice of 16 bytes"));
            let inline = word & ((1u128 << (8 * len.min(12))) - 1);
            let outside = (word as u32) as u128 | u128::from(buffer) << 32 | u128::from(start) << 64;
            (if len <= 12 { inline } else { outside }) << 32 | u128::from(len)
        }
        None => raw::view(&base[at..at + len as usize], buffer, start),
    }
}

/// All rows valid but those in `nulls`.
fn null_buffer(rows: usize, nulls: &[usize]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    valid.append_n(rows, true);
    for &row in nulls {
        valid.set_bit(row, false);
    }
    Some(NullBuffer::new(valid.finish()))
}
