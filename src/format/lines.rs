//! One record a line: the cutter of `lines` and `json`, and the decoder and encoder of `lines`.

use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memrchr};

use super::assemble::{Place, assemble};
use super::csv::positions;
use super::values::{Converter, Kind, Span, Text};
use super::writer::{Values, write_value};
use super::{
    BadRecord, Cut, Cutter, Decoded, Decoder, Encoder, Header, SourceField, TimestampStyle, record_len, too_long,
};
use crate::data::{Batch, DataType};
use crate::error::{Error, Result};

/// Cuts behind LF.
pub struct LineCutter {
    max_record: usize,
    /// So many bytes at the start of the data hold no LF.
    plain: usize,
    /// The rest of a record that is too long is being dropped.
    skipping: bool,
}

impl LineCutter {
    pub fn new(max_record: usize) -> LineCutter {
        LineCutter { max_record, plain: 0, skipping: false }
    }
}

impl Cutter for LineCutter {
    fn cut(&mut self, data: &[u8], last: bool) -> Cut {
        if data.is_empty() {
            return Cut::More;
        }
        if self.skipping {
            let lf = memchr(b'\n', data);
            self.skipping = lf.is_none();
            return Cut::Skip(lf.map_or(data.len(), |lf| lf + 1));
        }
        let plain = std::mem::take(&mut self.plain).min(data.len());
        match memrchr(b'\n', &data[plain..]) {
            Some(lf) => {
                self.plain = data.len() - (plain + lf + 1);
                Cut::Records(plain + lf + 1)
            }
            None if data.len() > self.max_record => {
                self.skipping = true;
                Cut::Records(self.max_record + 1)
            }
            None if last => Cut::Records(data.len()),
            None => {
                self.plain = data.len();
                Cut::More
            }
        }
    }
}

/// Decodes the one column `line`; blank lines are rows.
pub struct LineDecoder {
    /// See [`Decoder::keep_places`].
    keep_places: bool,
    max_record: usize,
    name: String,
    /// The column is used: how often it was asked for.
    converters: Vec<Converter>,
    index: Vec<u32>,
    spans: Vec<Span>,
    places: Vec<Place>,
}

impl LineDecoder {
    /// Errors: the declared columns are not one string.
    pub fn new(fields: &[SourceField], used: &[usize], max_record: usize) -> Result<LineDecoder> {
        let [field @ SourceField { ty: DataType::String, .. }] = fields else {
            return Err(Error::job("the format 'lines' has one column of type string, `line`"));
        };
        Ok(LineDecoder {
            keep_places: false,
            max_record,
            name: field.name.clone(),
            converters: used.iter().map(|_| Converter::json(field)).collect::<Result<_>>()?,
            index: Vec::new(),
            spans: Vec::new(),
            places: Vec::new(),
        })
    }
}

impl Decoder for LineDecoder {
    fn decode(&mut self, block: &Bytes, _header: Option<&Arc<Header>>, _stop_at_bad: bool) -> Decoded {
        positions(block, b'\n', b'\n', &mut self.index);
        if !block.is_empty() && !block.ends_with(b"\n") {
            self.index.push(block.len() as u32);
        }
        let lines = self.index.len() as u64 - 1;
        self.spans.clear();
        self.places.clear();
        let mut broken = Vec::new();
        for (line, ends) in self.index.windows(2).enumerate() {
            let (start, lf) = (ends[0].wrapping_add(1), ends[1]);
            let cr = lf > start && block[lf as usize - 1] == b'\r';
            let end = lf - u32::from(cr);
            let (offset, len, line) = (start as usize, (end - start) as usize, line as u64);
            if (lf - start) as usize > self.max_record {
                let (row, reason) = (self.spans.len(), too_long(self.max_record));
                let len = record_len(&block[start as usize..lf as usize], self.max_record);
                broken.push(BadRecord { row, offset, len, line, column: None, reason });
            } else {
                self.spans.push(Span { start, end, kind: Kind::Plain });
                self.places.push(Place { offset, len, line });
            }
        }
        // The LF are watched for, too, so this says nothing about ASCII.
        let utf8 = !self.converters.is_empty() && std::str::from_utf8(block).is_ok();
        let text = Text { block, side: &[], utf8 };
        let mut cells = Vec::new();
        let converters = self.converters.iter_mut().enumerate();
        let columns = converters.map(|(i, c)| c.convert(&self.spans[..], text, i, &mut cells)).collect();
        let decoded = Decoded { columns, rows: self.spans.len(), lines, ..Decoded::default() };
        let decoded = Decoded { places: self.keep_places.then(Vec::new), ..decoded };
        assemble(decoded, broken, cells, |_| self.name.clone(), |row| self.places[row])
    }

    fn keep_places(&mut self) {
        self.keep_places = true;
    }
}

/// Writes a string column as it is, one value a line, and other columns as in CSV; several columns are separated
/// by tabs. A null is a blank line.
pub struct LineEncoder;

impl Encoder for LineEncoder {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let mut columns: Vec<Values> = batch.columns.iter().map(|c| Values::new(c, &TimestampStyle::Iso)).collect();
        for row in 0..batch.rows {
            for (i, column) in columns.iter_mut().enumerate() {
                if i > 0 {
                    out.push(b'\t');
                }
                write_value(column, row, out);
            }
            out.push(b'\n');
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
    }
}
