//! From the start of an input to the columns and types that it has: what a source without a schema reads.
//!
//! Names come from the header of a CSV file or the keys of JSON objects, types from the values ([`types`]). What is
//! found reads the whole sample: of its records none is bad that another schema would have read.

pub mod columnar;
mod guess;
mod hints;
mod json;
mod remarks;
#[cfg(test)]
mod tests;
pub mod types;

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{Array, StringViewArray};
use bytes::Bytes;

use self::json::Shape;
use self::types::Fits;
use super::{
    CsvOptions, Cut, Format, Header, HeaderRead, MAX_RECORD_BYTES, SourceField, cutter, decoder, logfmt, read_header,
};
use crate::data::{Column, DataType};
use crate::error::{Error, Result};

pub use guess::{Guess, delimiter, guess, instead, instead_of};
pub use hints::{disorder, hint};
pub use remarks::{DELIMITERS, Remark};

/// So many records are looked at, unless somebody says otherwise.
pub const RECORDS: usize = 1000;

/// So many bytes of an input are looked at, at most.
pub const SAMPLE_BYTES: usize = 1 << 20;

/// More columns than this are not found but written down.
const COLUMNS_MAX: usize = 4096;

/// The start of an input.
#[derive(Debug, Clone)]
pub struct Sample {
    pub data: Bytes,
    /// Nothing comes behind it.
    pub whole: bool,
}

/// What a sample holds.
#[derive(Debug, Clone)]
pub struct Found {
    pub fields: Vec<SourceField>,
    /// The values of each field as text.
    pub values: Vec<StringViewArray>,
    /// Records looked at, good ones and bad ones.
    pub records: usize,
    /// There are no others.
    pub all: bool,
    /// What is odd.
    pub remarks: Vec<Remark>,
}

/// Where the records of a sample begin, and what they are decoded with.
struct Start {
    names: Vec<String>,
    header: Option<Arc<Header>>,
    consumed: usize,
    remarks: Vec<Remark>,
}

/// Finds columns and types in at most so many `records` of a sample.
///
/// Errors (class Job): there is nothing to find them in; no record ends within the sample; the header is bad.
pub fn infer(format: &Format, sample: &Sample, records: usize) -> Result<Found> {
    let mut start = match format {
        Format::Csv(options) => csv_start(options, sample)?,
        _ => Start { consumed: bom(&sample.data), names: Vec::new(), header: None, remarks: Vec::new() },
    };
    let data = whole_records(format, sample, start.consumed)?;
    if matches!(format, Format::Logfmt(_)) {
        start.names = keys(&data, records);
    }
    let mut objects = 0;
    let shape = matches!(format, Format::Json(_)).then(|| shape(&data, records, &mut objects));
    if let Some(shape) = &shape {
        start.names = shape.fields().map(|(name, _)| name.to_owned()).collect();
    }
    if start.names.is_empty() {
        return Err(nothing(format, &data, objects > 0));
    }
    if start.names.len() > COLUMNS_MAX {
        let message = format!("there are {} columns, more than {COLUMNS_MAX}", start.names.len());
        return Err(Error::job(message).note("write a schema of those that the job needs"));
    }
    let texts: Vec<SourceField> =
        start.names.iter().map(|name| SourceField::new(name, DataType::String, None)).collect();
    let Read { columns, rows, records, all, .. } = read(format, &texts, &start, &data, records)?;
    let values: Vec<StringViewArray> = columns.into_iter().filter_map(|column| strings(column, rows)).collect();
    let types: Vec<DataType> = match &shape {
        Some(shape) => shape.fields().map(|(_, ty)| ty).collect(),
        None => values.iter().map(type_of).collect(),
    };
    let fields = texts.into_iter().zip(types).map(|(field, ty)| SourceField { ty, ..field }).collect();
    let fields = proven(format, fields, &start, &data, records)?;
    let mut remarks = std::mem::take(&mut start.remarks);
    remarks.extend(remarks::header_is_data(start.header.as_deref(), &fields));
    remarks.extend(remarks::other_delimiter(format, &fields));
    if records == 0 {
        remarks.push(Remark::NoRecords);
    }
    Ok(Found { fields, values, records, all: all && sample.whole, remarks })
}

/// Length of the byte order mark at the start.
fn bom(data: &[u8]) -> usize {
    if data.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 }
}

fn csv_start(options: &CsvOptions, sample: &Sample) -> Result<Start> {
    // The first record is a header, or tells how many fields there are.
    let first = Format::Csv(CsvOptions { header: true, ..options.clone() });
    let (behind, header) = match read_header(&first, &[], &sample.data, sample.whole)? {
        HeaderRead::Done { consumed, header } => (consumed, header),
        HeaderRead::More => return Err(too_long(sample)),
    };
    let Some(header) = header else {
        return Ok(Start { names: Vec::new(), header: None, consumed: behind, remarks: Vec::new() });
    };
    if !options.header {
        let names = (1..=header.names.len()).map(|number| format!("column{number}")).collect();
        return Ok(Start { names, header: None, consumed: bom(&sample.data), remarks: Vec::new() });
    }
    let (names, remarks) = remarks::names(&header.names);
    Ok(Start { names, header: Some(header), consumed: behind, remarks })
}

/// The records of the sample, without the start of one that goes on behind it.
fn whole_records(format: &Format, sample: &Sample, from: usize) -> Result<Bytes> {
    let rest = sample.data.slice(from.min(sample.data.len())..);
    if sample.whole || rest.is_empty() {
        return Ok(rest);
    }
    match cutter(format, MAX_RECORD_BYTES).cut(&rest, false) {
        Cut::Records(end) => Ok(rest.slice(..end)),
        Cut::Skip(_) | Cut::More => Err(too_long(sample)),
    }
}

fn too_long(sample: &Sample) -> Error {
    Error::job(format!("no record ends within the first {} bytes", sample.data.len()))
        .note("is a quote left open, or is it another kind of file? If not, write a schema")
}

/// There is no field in `data`, though perhaps there are JSON objects.
fn nothing(format: &Format, data: &[u8], objects: bool) -> Error {
    let start = data.trim_ascii_start();
    match (format, start.first()) {
        (_, None) => Error::job("there are no records to find the columns in").note("write a schema"),
        _ if objects => Error::job("no record has a field").note("write a schema"),
        (Format::Json(_), Some(b'[' | b'{')) => Error::job("this is JSON, but not one object a line")
            .note("jq -c '.[]' FILE makes lines of a list, jq -c . FILE of objects that go over several lines"),
        (Format::Json(_), _) => Error::job("no line is a JSON object"),
        (Format::Logfmt(_), _) => Error::job("no line has a key"),
        _ => Error::job("there are no columns with a name that stands for one of them alone")
            .note("header = false in the format reads columns by their order"),
    }
}

/// The keys of the first `records` lines of logfmt, in the order in which they first come.
fn keys(data: &[u8], records: usize) -> Vec<String> {
    let (mut names, mut known) = (Vec::new(), HashSet::new());
    let lines = data.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for key in lines.take(records).flat_map(logfmt::keys) {
        let Ok(name) = std::str::from_utf8(key) else { continue };
        if known.insert(name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The fields of the first `records` lines, and how many of these are `objects`.
fn shape(data: &[u8], records: usize, objects: &mut usize) -> Shape {
    let mut shape = Shape::default();
    let lines = data.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for line in lines.take(records) {
        *objects += usize::from(shape.line(line));
        if shape.len() > COLUMNS_MAX {
            break;
        }
    }
    shape
}

/// What a decoder makes of the first records.
struct Read {
    columns: Vec<Column>,
    /// Good ones among them, and all of them.
    rows: usize,
    records: usize,
    /// There are no others in the data.
    all: bool,
    /// Columns with a value that did not convert.
    misfits: HashSet<String>,
}

fn read(format: &Format, fields: &[SourceField], start: &Start, data: &Bytes, records: usize) -> Result<Read> {
    let used: Vec<usize> = (0..fields.len()).collect();
    let mut decoder = decoder(format, fields, &used, MAX_RECORD_BYTES)?;
    let decoded = decoder.decode(data, start.header.as_ref(), false);
    // Bad records are records.
    let bad = decoded.bad.iter().enumerate().take_while(|(index, bad)| bad.row + index < records).count();
    let misfits = decoded.bad[..bad].iter().filter_map(|bad| bad.column.clone()).collect();
    let rows = decoded.rows.min(records - bad);
    let all = rows + bad == decoded.rows + decoded.bad.len();
    Ok(Read { columns: decoded.columns, rows, records: rows + bad, all, misfits })
}

fn strings(column: Column, rows: usize) -> Option<StringViewArray> {
    match column {
        Column::String(values) => Some(values.slice(0, rows.min(values.len()))),
        _ => None,
    }
}

fn type_of(values: &StringViewArray) -> DataType {
    let mut fits = Fits::default();
    values.iter().flatten().for_each(|value| fits.text(value.as_bytes()));
    fits.ty()
}

/// Reads the sample with the fields. Those that do not read it are made JSON if they are nested, else strings: what is
/// inferred is what the decoder reads, whatever the rules say.
fn proven(
    format: &Format,
    mut fields: Vec<SourceField>,
    start: &Start,
    data: &Bytes,
    records: usize,
) -> Result<Vec<SourceField>> {
    loop {
        let misfits = read(format, &fields, start, data, records)?.misfits;
        let mut changed = false;
        for field in fields.iter_mut().filter(|field| field.ty != DataType::String && misfits.contains(&field.name)) {
            field.ty = if field.ty.is_nested() { DataType::Json } else { DataType::String };
            changed = true;
        }
        if !changed {
            return Ok(fields);
        }
    }
}
