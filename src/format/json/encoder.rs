//! Batches to JSON, one object a line, columns in order.
//!
//! Ints and decimals are numbers, NaN and infinity null, timestamps text unless a unit is asked for.

use crate::data::raw::{self, Kernel, Simd};
use crate::data::{Batch, Column, Field};
use crate::format::local::Local;
use crate::format::writer::{Class, Values, printed, write_text, write_value};
use crate::format::{Encoder, JsonOptions, TimestampStyle};

pub struct JsonEncoder {
    style: TimestampStyle,
    local: Option<Local>,
    /// What stands before each column's value: `{"name":` or `,"name":`.
    before: Vec<Vec<u8>>,
    /// Some string of the batch before needed escapes.
    escaping: bool,
}

impl JsonEncoder {
    pub fn new(options: &JsonOptions, schema: &[Field]) -> JsonEncoder {
        let before = |(i, field): (usize, &Field)| {
            let mut text = vec![if i == 0 { b'{' } else { b',' }, b'"'];
            escape(field.name.as_bytes(), &mut text);
            text.extend_from_slice(b"\":");
            text
        };
        JsonEncoder {
            style: options.timestamp.clone(),
            local: Local::of(&options.timestamp),
            before: schema.iter().enumerate().map(before).collect(),
            escaping: false,
        }
    }

    /// Appends the rows and returns what the output must hold if no string had anything to escape, and whether
    /// one had, if `ESCAPING` looks for it.
    fn rows<const ESCAPING: bool>(
        &self,
        batch: &Batch,
        out: &mut Vec<u8>,
        mut ends: Option<&mut Vec<u32>>,
    ) -> (Marks, bool) {
        let mut columns: Vec<(Values, Class, &[u8])> = batch
            .columns
            .iter()
            .zip(&self.before)
            .map(|(column, before)| {
                let values = Values::new(column, &self.style);
                let class = values.class();
                (values, class, &before[..])
            })
            .collect();
        let (mut strings, mut escaped) = (0, false);
        for row in 0..batch.rows {
            for (values, class, before) in &mut columns {
                write_text(before, out);
                if values.is_null(row) || (*class == Class::Double && values.is_not_finite(row)) {
                    out.extend_from_slice(b"null");
                } else if *class == Class::Json {
                    // Line ends in JSON text are space between its parts.
                    let text = values.string(row).unwrap_or_default().iter();
                    out.extend(text.map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
                } else if let Some(text) = values.string(row) {
                    out.push(b'"');
                    if ESCAPING && text.iter().any(|&b| needs_escape(b)) {
                        escape(text, out);
                        escaped = true;
                    } else {
                        write_text(text, out);
                    }
                    out.push(b'"');
                    strings += 1;
                } else if *class == Class::Instant {
                    out.push(b'"');
                    write_value(values, row, out);
                    out.push(b'"');
                    strings += 1;
                } else {
                    write_value(values, row, out);
                }
            }
            out.extend_from_slice(if columns.is_empty() { b"{}\n" } else { b"}\n" });
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
        let names = self.before.iter().flatten();
        let quotes = names.filter(|&&b| b == b'"' || b == b'\\').count();
        (Marks { quotes: 2 * strings + batch.rows * quotes, control: batch.rows }, escaped)
    }
}

pub fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends `text` with JSON's escapes.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
}

impl Encoder for JsonEncoder {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    /// As in CSV: rows are written as if nothing needed an escape, and again if the output then has more quotes,
    /// backslashes or control characters than were put there.
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let batch = &*Local::written(&self.local, batch);
        let batch = &*printed(batch, &self.style);
        let is_json = batch.columns.iter().any(|column| matches!(column, Column::Json(_)));
        if !self.escaping && !is_json {
            let (start, ends_start) = (out.len(), ends.as_ref().map_or(0, |ends| ends.len()));
            let (expected, _) = self.rows::<false>(batch, out, ends.as_deref_mut());
            if raw::run(Count { data: &out[start..] }) == expected {
                return;
            }
            out.truncate(start);
            if let Some(ends) = &mut ends {
                ends.truncate(ends_start);
            }
        }
        self.escaping = self.rows::<true>(batch, out, ends).1;
    }
}

/// Bytes of the output that mean something to a reader.
#[derive(Debug, PartialEq, Eq)]
struct Marks {
    /// Quotes and backslashes.
    quotes: usize,
    /// Bytes below 0x20: the line ends.
    control: usize,
}

struct Count<'a> {
    data: &'a [u8],
}

impl Kernel for Count<'_> {
    type Out = Marks;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Marks {
        let mut marks = Marks { quotes: 0, control: 0 };
        let (chunks, rest) = self.data.as_chunks::<64>();
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        for bytes in chunks.iter().chain(std::iter::once(&last)) {
            let chunk = simd.load(bytes);
            marks.quotes += simd.either(chunk, b'"', b'\\').count_ones() as usize;
            marks.control += simd.control(chunk).count_ones() as usize;
        }
        marks
    }
}
