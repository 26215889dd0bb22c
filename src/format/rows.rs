//! Rows for our own use on their way through a file: nothing is lost, and reading them back takes no parsing.
//!
//! A row is its cells behind each other, in the order of the columns. A cell is a byte that says what follows:
//! [`NULL`] nothing, [`INT`] and [`DOUBLE`] eight bytes, [`TEXT`] a length of eight bytes and so many bytes of UTF-8.
//! Numbers are little-endian. Booleans are ints, 0 or 1; all others are text, as CSV has them.

use crate::data::{Batch, Column};
use crate::format::Encoder;

const NULL: u8 = 0;
const INT: u8 = 1;
const DOUBLE: u8 = 2;
const TEXT: u8 = 3;

/// A value read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Double(f64),
    Text(&'a str),
}

/// The bytes are no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Writes rows.
#[derive(Debug, Default)]
pub struct RowsEncoder {
    text: Vec<u8>,
}

impl Encoder for RowsEncoder {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        for row in 0..batch.rows {
            batch.columns.iter().for_each(|column| self.cell(column, row, out));
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
    }
}

impl RowsEncoder {
    fn cell(&mut self, column: &Column, row: usize, out: &mut Vec<u8>) {
        if column.is_null(row) {
            return out.push(NULL);
        }
        self.text.clear();
        match column {
            Column::Boolean(a) => fixed(INT, i64::from(a.value(row)).to_le_bytes(), out),
            Column::Int(a) => fixed(INT, a.value(row).to_le_bytes(), out),
            Column::Double(a) => fixed(DOUBLE, a.value(row).to_le_bytes(), out),
            Column::String(a) => written(a.value(row).as_bytes(), out),
            other => {
                other.write_text(row, &mut self.text);
                written(&self.text, out);
            }
        }
    }
}

fn fixed(kind: u8, bytes: [u8; 8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&bytes);
}

fn written(text: &[u8], out: &mut Vec<u8>) {
    fixed(TEXT, (text.len() as u64).to_le_bytes(), out);
    out.extend_from_slice(text);
}

/// Reads the row of `columns` cells at the start of `data` into `cells`, and says how many bytes it has; `None` if
/// `data` ends inside it.
pub fn read_row<'a>(data: &'a [u8], columns: usize, cells: &mut Vec<Cell<'a>>) -> Result<Option<usize>, Broken> {
    cells.clear();
    let mut rest = data;
    for _ in 0..columns {
        match read_cell(rest)? {
            Some((cell, behind)) => {
                cells.push(cell);
                rest = behind;
            }
            None => return Ok(None),
        }
    }
    Ok(Some(data.len() - rest.len()))
}

fn read_cell(data: &[u8]) -> Result<Option<(Cell<'_>, &[u8])>, Broken> {
    let Some((&kind, rest)) = data.split_first() else { return Ok(None) };
    if kind == NULL {
        return Ok(Some((Cell::Null, rest)));
    }
    if !matches!(kind, INT | DOUBLE | TEXT) {
        return Err(Broken);
    }
    let Some((&bytes, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
    match kind {
        INT => Ok(Some((Cell::Int(i64::from_le_bytes(bytes)), rest))),
        DOUBLE => Ok(Some((Cell::Double(f64::from_le_bytes(bytes)), rest))),
        _ => {
            let len = usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| Broken)?;
            let Some((text, rest)) = rest.split_at_checked(len) else { return Ok(None) };
            Ok(Some((Cell::Text(std::str::from_utf8(text).map_err(|_| Broken)?), rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnBuilder, DataType};

    #[test]
    fn rows_are_read_back_and_cut_ones_are_not() {
        let mut ints = ColumnBuilder::new(DataType::Int, 2);
        let ColumnBuilder::Int(b) = &mut ints else { panic!() };
        b.append_value(i64::MIN);
        b.append_null();
        let mut texts = ColumnBuilder::new(DataType::String, 2);
        let ColumnBuilder::String(b) = &mut texts else { panic!() };
        b.append_value("");
        b.append_value("ä\n\0");
        let mut out = Vec::new();
        let mut ends = Vec::new();
        let batch = Batch::new(vec![ints.finish(), texts.finish()], 2);
        RowsEncoder::default().encode(&batch, &mut out, Some(&mut ends));
        let mut cells = Vec::new();
        let first = read_row(&out, 2, &mut cells).unwrap().unwrap();
        assert_eq!(cells, [Cell::Int(i64::MIN), Cell::Text("")]);
        assert_eq!(first, ends[0] as usize);
        for end in first..out.len() {
            assert_eq!(read_row(&out[first..end], 2, &mut Vec::new()), Ok(None));
        }
        read_row(&out[first..], 2, &mut cells).unwrap().unwrap();
        assert_eq!(cells, [Cell::Null, Cell::Text("ä\n\0")]);
        assert_eq!(read_row(&[9], 1, &mut cells), Err(Broken));
    }
}
