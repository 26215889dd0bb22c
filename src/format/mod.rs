//! Bytes to columns and back: one file per format.
//!
//! A [`Cutter`] finds record boundaries in the reader thread; a [`Decoder`] turns a block of whole records into
//! columns in a worker; an [`Encoder`] turns batches into bytes in a worker. Nothing here opens files or sockets.

mod access;
mod assemble;
mod bits;
pub mod columnar;
mod csv;
mod framed;
pub mod infer;
mod instant;
mod json;
mod lined;
mod lines;
mod local;
mod logfmt;
mod number;
mod regex;
pub mod rows;
mod syslog;
mod table;
mod values;
mod writer;

#[cfg(test)]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

pub use assemble::Place;

use crate::data::{Batch, Column, DataType, Field};
use crate::error::{Error, Result};

pub use logfmt::is_key as is_logfmt_key;
pub use syslog::{Year, Years, first_day};

/// The longest record that is accepted, unless `max_record` says otherwise: 16 MiB.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// A format with its options, as a job file gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    Csv(CsvOptions),
    Json(JsonOptions),
    /// One column, `line`.
    Lines,
    /// `key=value` pairs.
    Logfmt(LogfmtOptions),
    /// What web servers write: the common and the combined log format.
    AccessLog,
    /// RFC 3164 and 5424.
    Syslog(SyslogOptions),
    /// One column per named group.
    Regex(RegexOptions),
    /// Aligned columns for people, and how many places a line of their terminal has; only for sinks.
    Table {
        line: Option<usize>,
    },
    /// Files of columns, see [`columnar`].
    Parquet(columnar::ParquetOptions),
    Arrow(columnar::ArrowOptions),
    /// Rows for our own use: what a sink keeps until it hands them on as values.
    Rows,
    /// The rows of another format, each in a frame with its length; only for sinks.
    Framed(Box<Format>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct CsvOptions {
    pub delimiter: u8,
    pub header: bool,
    /// `None`: nothing is quoted.
    pub quote: Option<u8>,
    /// Makes a quote behind it, within quotes, a quote of the text; beside the quote that stands twice.
    pub escape: Option<u8>,
    /// Lines that begin with it are skipped.
    pub comment: Option<u8>,
    /// Blanks around fields and quotes are dropped.
    pub trim: bool,
    /// Further texts that stand for null, beside the empty field.
    pub null: Vec<String>,
    pub timestamp: TimestampStyle,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            delimiter: b',',
            header: true,
            quote: Some(b'"'),
            escape: None,
            comment: None,
            trim: false,
            null: Vec::new(),
            timestamp: TimestampStyle::Iso,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JsonOptions {
    pub timestamp: TimestampStyle,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogfmtOptions {
    pub timestamp: TimestampStyle,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyslogOptions {
    /// Of the first line of an input, where lines have no year.
    pub year: Year,
    /// Of times without an offset; UTC if there is none.
    pub zone: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RegexOptions {
    pub pattern: String,
}

/// How an encoder writes timestamps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimestampStyle {
    /// `2015-05-17T10:05:00Z`, with 0, 3 or 6 decimals as needed.
    #[default]
    Iso,
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// By a strftime pattern, or as RFC 3339 with the offset of the zone.
    Local {
        pattern: Option<String>,
        zone: Option<String>,
    },
}

/// How a decoder reads timestamps.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum TimestampSource {
    /// RFC 3339 / ISO 8601 and `yyyy-MM-dd HH:mm:ss[.f]`; without an offset it is UTC.
    #[default]
    Text,
    /// A number of this many per second: 1 (s), 1_000 (ms), 1_000_000 (us) or 1_000_000_000 (ns).
    Unit(u32),
    /// A strftime pattern, read in `zone` where the text has no offset.
    Pattern { pattern: String, zone: Option<String> },
}

/// A declared column of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceField {
    pub name: String,
    pub ty: DataType,
    /// Where the value is found: a CSV header name, or a JSON path such as `user.address.city` or
    /// `items[0].price`. `None`: under the column's own name.
    pub from: Option<String>,
    pub timestamp: TimestampSource,
    /// A record without a value is bad: the event time.
    pub required: bool,
}

/// What a reader learned at the start of a file and its blocks are decoded with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Names of the fields in the file's own order.
    pub names: Vec<String>,
    /// Lines of the file up to the end of the header.
    pub lines: u64,
    /// The year behind the lines read so far, where lines have none.
    pub years: Option<Years>,
}

/// What [`Cutter::cut`] found at the start of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// So many bytes (at least 1) are whole records: a block for a decoder.
    Records(usize),
    /// So many bytes (at least 1) are the rest of a record that is too long, up to and with its line end: drop them.
    Skip(usize),
    /// No record ends here yet: call again with the same data and more behind it. At the end of the input
    /// (`last`), only for empty data.
    More,
}

/// Finds record boundaries. One per input (file or connection), fed in order.
///
/// A record may have `max_record` bytes before its LF. Of a longer one, `cut` hands out the first `max_record + 1`
/// bytes as a block that ends inside the record, which is how the decoder knows it as bad, and then says `Skip` up
/// to its line end. So a reader never needs to hold more than `max_record + 1` bytes of a record, and offsets and
/// line numbers behind it are right (a block's last line counts also without its LF). A CSV record that is too long
/// inside quotes, or whose quote is still open at the end of the input, is handed out up to its first LF, and what
/// follows is cut as records of its own. Records do not depend on how much data `cut` is given at a time.
pub trait Cutter: Send {
    /// `data` starts where the last `Records` or `Skip` ended. `last`: nothing comes behind `data`; then `cut` is
    /// called until everything is handed out, and what is left counts as a record.
    fn cut(&mut self, data: &[u8], last: bool) -> Cut;
}

/// A record that does not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// How many good rows of the block stand before it.
    pub row: usize,
    /// First byte of the record in the block.
    pub offset: usize,
    /// Length of the record in bytes, without its line end; at most `max_record + 1`.
    pub len: usize,
    /// Line ends of the block before the record: 0 for the first line.
    pub line: u64,
    /// The declared column that did not convert, if it was one.
    pub column: Option<String>,
    /// What was wrong, such as `'abc' is not an int`.
    pub reason: String,
}

/// A decoded block.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The columns asked for, in the order asked for, all of `rows` rows.
    pub columns: Vec<Column>,
    pub rows: usize,
    /// Line ends in the block; a last line without one counts too.
    pub lines: u64,
    /// In order.
    pub bad: Vec<BadRecord>,
    /// JSON and logfmt: for each column asked for, whether some record of the block had its field, be it null. Empty for
    /// other formats, where every record has every field.
    pub seen: Vec<bool>,
    /// Files of columns: the block has more rows, which are asked for next.
    pub more: bool,
    /// The file cannot be read behind these rows: it is corrupt, or gone.
    pub failed: Option<Error>,
    /// JSON: keys that the first records of a decoder had beside those asked for, as paths; for "did you mean".
    pub others: Vec<String>,
    /// Where the record of each row is, if the decoder was told to [keep places](Decoder::keep_places).
    pub places: Option<Vec<Place>>,
}

/// Decodes blocks of whole records. Blocks of one source are dealt to several decoders, so a decoder keeps
/// nothing between blocks but buffers and expectations.
pub trait Decoder: Send {
    /// `header` is what [`read_header`] found at the start of the block's file. With `stop_at_bad`, decoding may
    /// end behind the first bad record.
    fn decode(&mut self, block: &Bytes, header: Option<&Arc<Header>>, stop_at_bad: bool) -> Decoded;

    /// From now on [`Decoded::places`] is filled.
    fn keep_places(&mut self);
}

/// Encodes batches of one schema.
pub trait Encoder: Send {
    /// Bytes before the first row, such as a CSV header; empty for none.
    fn header(&self) -> Vec<u8>;
    /// Appends the rows to `out`, and to `ends`, if given, the length of `out` behind each row.
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, ends: Option<&mut Vec<u32>>);
}

/// What the start of a file holds.
pub enum HeaderRead {
    /// So many bytes belong to the BOM and header.
    Done { consumed: usize, header: Option<Arc<Header>> },
    /// `data` ends inside the header: more is needed.
    More,
}

impl Format {
    pub fn name(&self) -> &'static str {
        match self {
            Format::Csv(_) => "csv",
            Format::Json(_) => "json",
            Format::Lines => "lines",
            Format::Logfmt(_) => "logfmt",
            Format::AccessLog => "access-log",
            Format::Syslog(_) => "syslog",
            Format::Regex(_) => "regex",
            Format::Table { .. } => "table",
            Format::Parquet(_) => "parquet",
            Format::Arrow(_) => "arrow",
            Format::Rows => "rows",
            Format::Framed(inner) => inner.name(),
        }
    }

    /// The fields of a format that knows them by itself, in their order: what is read without a schema, and of what a
    /// schema may choose. `None` for a format whose fields depend on the data, and for patterns that are none.
    pub fn fields(&self) -> Option<Vec<SourceField>> {
        match self {
            Format::Lines => Some(vec![SourceField::new("line", DataType::String, None)]),
            Format::AccessLog => Some(access::fields()),
            Format::Syslog(_) => Some(syslog::fields()),
            Format::Regex(options) => regex::fields(options).ok(),
            _ => None,
        }
    }

    /// A field that a schema may name beside [`Format::fields`].
    pub fn has_hidden(&self, name: &str) -> bool {
        matches!(self, Format::Syslog(_)) && name == syslog::STRUCTURED_DATA
    }
}

impl SourceField {
    pub fn new(name: &str, ty: DataType, from: Option<&str>) -> SourceField {
        let (name, from) = (name.to_string(), from.map(str::to_string));
        SourceField { name, ty, from, timestamp: TimestampSource::Text, required: false }
    }

    /// Where the value is found: `from`, or the column's own name.
    pub fn source_name(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.name)
    }
}

/// Reads BOM and header at the start of an input and checks that every declared column of `fields` is there.
/// Errors name both headers.
pub fn read_header(format: &Format, fields: &[SourceField], data: &[u8], last: bool) -> Result<HeaderRead> {
    match format {
        Format::Csv(options) => csv::read_header(options, fields, data, last),
        Format::Syslog(options) => syslog::read_header(options, data, last),
        _ => csv::read_header(&CsvOptions { header: false, ..CsvOptions::default() }, fields, data, last),
    }
}

/// What a block behind `data` is decoded with, if `header` is what `data` is decoded with. `data` is whole records, or
/// the start of one that is too long.
pub fn header_behind(format: &Format, header: &Option<Arc<Header>>, data: &[u8]) -> Option<Arc<Header>> {
    match (format, header) {
        (Format::Syslog(_), Some(header)) => Some(syslog::header_behind(header, data)),
        _ => header.clone(),
    }
}

/// The groups of a pattern. Errors: it is no pattern, or names no group.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    regex::fields(&RegexOptions { pattern: pattern.to_string() }).map(|_| ())
}

/// Blocks, and so `max_record`, are kept well below 4 GiB: places in them are 32 bits.
const MAX_RECORD_LIMIT: usize = 1 << 30;

/// A cutter for one input; `max_record` counts up to 1 GiB.
pub fn cutter(format: &Format, max_record: usize) -> Box<dyn Cutter> {
    let max_record = max_record.min(MAX_RECORD_LIMIT);
    match format {
        Format::Csv(options) => Box::new(csv::CsvCutter::new(options, max_record)),
        _ => Box::new(lines::LineCutter::new(max_record)),
    }
}

/// A decoder that produces the columns `used` (indices into `fields`, in the order of the result).
/// `max_record` is that of the cutter.
///
/// Errors: a timestamp pattern or zone, or a JSON path, is wrong; the format cannot be read.
pub fn decoder(format: &Format, fields: &[SourceField], used: &[usize], max_record: usize) -> Result<Box<dyn Decoder>> {
    let max_record = max_record.min(MAX_RECORD_LIMIT);
    Ok(match format {
        Format::Csv(options) => Box::new(csv::CsvDecoder::new(options, fields, used, max_record)?),
        Format::Json(_) => Box::new(json::JsonDecoder::new(fields, used, max_record)?),
        Format::Lines => Box::new(lines::LineDecoder::new(fields, used, max_record)?),
        Format::Logfmt(_) => Box::new(logfmt::decoder(fields, used, max_record)?),
        Format::AccessLog => Box::new(access::decoder(fields, used, max_record)?),
        Format::Syslog(options) => Box::new(syslog::decoder(options, fields, used, max_record)?),
        Format::Regex(options) => Box::new(regex::decoder(options, fields, used, max_record)?),
        Format::Table { .. } | Format::Rows | Format::Framed(_) => {
            return Err(Error::job(format!("the format '{}' is for sinks and cannot be read", format.name())));
        }
        Format::Parquet(_) | Format::Arrow(_) => {
            return Err(Error::internal(format!("the format '{}' has no records", format.name())));
        }
    })
}

/// An encoder for batches of `schema`. Files of columns have another: [`columnar::file_encoder`].
pub fn encoder(format: &Format, schema: &[Field]) -> Box<dyn Encoder> {
    match format {
        Format::Csv(options) => Box::new(csv::CsvEncoder::new(options, schema)),
        Format::Json(options) => Box::new(json::JsonEncoder::new(options, schema)),
        // Formats that cannot be written are refused when a job is planned.
        Format::Lines | Format::AccessLog | Format::Syslog(_) | Format::Regex(_) => Box::new(lines::LineEncoder),
        Format::Logfmt(options) => Box::new(logfmt::LogfmtEncoder::new(options, schema)),
        Format::Table { line } => Box::new(table::TableEncoder::new(schema, *line)),
        Format::Rows | Format::Parquet(_) | Format::Arrow(_) => Box::new(rows::RowsEncoder::default()),
        Format::Framed(inner) => Box::new(framed::FramedEncoder(encoder(inner, schema))),
    }
}

/// The reason of a record that is too long.
fn too_long(max_record: usize) -> String {
    format!("the record is longer than {} (max_record)", size_text(max_record))
}

/// The length that is reported of a record without its LF: also without its CR, or, if it is too long, of the part
/// that a cutter hands out.
fn record_len(record: &[u8], max_record: usize) -> usize {
    if record.len() > max_record { max_record + 1 } else { record.strip_suffix(b"\r").unwrap_or(record).len() }
}

/// A size as a job file has it: `16 MiB`, `1000 bytes`.
fn size_text(bytes: usize) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift)) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}
