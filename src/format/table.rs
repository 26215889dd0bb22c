//! Batches as aligned columns for people. Widths are those of the batch, or of the batches before if wider.

use crate::data::{Batch, DataType, Field};
use crate::format::writer::{Values, printed, write_value};
use crate::format::{Encoder, TimestampStyle};

/// A cell is cut behind so many characters.
const WIDTH_MAX: usize = 60;

pub struct TableEncoder {
    names: Vec<String>,
    /// Numbers stand to the right.
    right: Vec<bool>,
    widths: Vec<usize>,
    /// The names were written.
    begun: bool,
}

impl TableEncoder {
    pub fn new(schema: &[Field]) -> TableEncoder {
        let names: Vec<String> = schema.iter().map(|field| field.name.clone()).collect();
        TableEncoder {
            widths: names.iter().map(|name| name.chars().count()).collect(),
            names,
            right: schema.iter().map(|field| field.ty.is_numeric() && field.ty != DataType::Boolean).collect(),
            begun: false,
        }
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        let start = out.len();
        for (column, cell) in cells.enumerate() {
            if column > 0 {
                out.extend_from_slice(b"  ");
            }
            let fill = self.widths[column].saturating_sub(cell.chars().count());
            if self.right[column] {
                out.resize(out.len() + fill, b' ');
            }
            out.extend_from_slice(cell.as_bytes());
            if !self.right[column] {
                out.resize(out.len() + fill, b' ');
            }
        }
        while out.len() > start && out.ends_with(b" ") {
            out.pop();
        }
        out.push(b'\n');
    }
}

impl Encoder for TableEncoder {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The names stand before the first rows, because their widths depend on them.
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let batch = &*printed(batch);
        let mut cells: Vec<Vec<String>> = Vec::with_capacity(batch.columns.len());
        for (i, column) in batch.columns.iter().enumerate() {
            let mut values = Values::new(column, &TimestampStyle::Iso);
            let texts: Vec<String> = (0..batch.rows).map(|row| cell(&mut values, row)).collect();
            let widest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
            self.widths[i] = self.widths[i].max(widest);
            cells.push(texts);
        }
        if !self.begun && batch.rows > 0 {
            self.begun = true;
            self.line(self.names.iter().map(String::as_str), out);
            let rules: Vec<String> = self.widths.iter().map(|&width| "─".repeat(width)).collect();
            self.line(rules.iter().map(String::as_str), out);
        }
        for row in 0..batch.rows {
            self.line(cells.iter().map(|texts| texts[row].as_str()), out);
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
    }
}

/// A value on one line, cut where it is long; nothing for null.
fn cell(values: &mut Values, row: usize) -> String {
    let mut bytes = Vec::new();
    write_value(values, row, &mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let shown = |c: char| if c.is_control() { '�' } else { c };
    let mut cell: String = text.chars().take(WIDTH_MAX).map(shown).collect();
    if text.chars().nth(WIDTH_MAX).is_some() {
        cell.pop();
        cell.push('…');
    }
    cell
}
