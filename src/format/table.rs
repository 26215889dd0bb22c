//! Batches as aligned columns for people. Widths are those of the batch, or of the batches before if wider; where a
//! terminal is narrower, texts are cut.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::data::{Batch, DataType, Field};
use crate::format::writer::{Values, printed, write_value};
use crate::format::{Encoder, TimestampStyle};

/// A cell is cut behind so many places.
const WIDTH_MAX: usize = 60;
/// Texts are not cut shorter to fit a terminal.
const WIDTH_MIN: usize = 8;
/// Between columns.
const GAP: usize = 2;

pub struct TableEncoder {
    names: Vec<String>,
    /// Numbers stand to the right.
    right: Vec<bool>,
    widths: Vec<usize>,
    /// Places of a line of the terminal.
    line: Option<usize>,
    /// The names were written.
    begun: bool,
}

impl TableEncoder {
    /// `line`: how many places a line of the terminal has, if it is one.
    pub fn new(schema: &[Field], line: Option<usize>) -> TableEncoder {
        let names: Vec<String> = schema.iter().map(|field| field.name.clone()).collect();
        TableEncoder {
            widths: names.iter().map(|name| name.width()).collect(),
            line,
            names,
            right: schema.iter().map(|field| field.ty.is_numeric() && field.ty != DataType::Boolean).collect(),
            begun: false,
        }
    }

    /// Makes the widest columns of text narrower until a line fits, as far as that goes.
    fn fit(&mut self) {
        let Some(line) = self.line else { return };
        loop {
            let whole = self.widths.iter().sum::<usize>() + GAP * self.widths.len().saturating_sub(1);
            let texts = (0..self.widths.len()).filter(|&column| !self.right[column]);
            match texts.max_by_key(|&column| self.widths[column]) {
                Some(widest) if whole > line && self.widths[widest] > WIDTH_MIN => {
                    self.widths[widest] -= (whole - line).min(self.widths[widest] - WIDTH_MIN).min(4);
                }
                _ => return,
            }
        }
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        let start = out.len();
        for (column, cell) in cells.enumerate() {
            if column > 0 {
                out.extend_from_slice(b"  ");
            }
            let cell = cut(cell, if self.right[column] { usize::MAX } else { self.widths[column] });
            let fill = self.widths[column].saturating_sub(cell.width());
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
        let batch = &*printed(batch, &TimestampStyle::Iso);
        let mut cells: Vec<Vec<String>> = Vec::with_capacity(batch.columns.len());
        for (i, column) in batch.columns.iter().enumerate() {
            let mut values = Values::new(column, &TimestampStyle::Iso);
            let texts: Vec<String> = (0..batch.rows).map(|row| cell(&mut values, row)).collect();
            let widest = texts.iter().map(|text| text.width()).max().unwrap_or(0);
            self.widths[i] = self.widths[i].max(widest);
            cells.push(texts);
        }
        self.fit();
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
    // A place holds a character at most, but for those that have no width: what lies far behind is not looked at.
    let shown = text.chars().take(4 * WIDTH_MAX).map(|c| if c.is_control() { '�' } else { c });
    cut(&shown.collect::<String>(), WIDTH_MAX).into_owned()
}

/// The text in so many places, with `…` for what does not fit.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let fits = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    Cow::Owned(fits.chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Column, DataType};

    #[test]
    fn texts_are_cut_to_fit_and_numbers_are_not() {
        let field = |name: &str, ty| Field { name: name.into(), ty };
        let schema = [field("번호", DataType::Int), field("도시", DataType::String), field("path", DataType::String)];
        let texts = |values: [&str; 2]| Column::String(values.map(Some).into_iter().collect());
        let columns = vec![
            Column::Int(vec![1_234_567_890, 2].into()),
            texts(["서울특별시", "x"]),
            texts(["/a/long/path/to/somewhere", "/"]),
        ];
        let shown = |line| {
            let mut out = Vec::new();
            TableEncoder::new(&schema, line).encode(&Batch::new(columns.clone(), 2), &mut out, None);
            String::from_utf8(out).unwrap()
        };
        let wide = "      번호  도시        path
──────────  ──────────  ─────────────────────────
1234567890  서울특별시  /a/long/path/to/somewhere
         2  x           /
";
        assert_eq!(shown(None), wide);
        assert_eq!(shown(Some(80)), wide);
        let narrow = "      번호  도시      path
──────────  ────────  ────────
1234567890  서울특…   /a/long…
         2  x         /
";
        assert_eq!(shown(Some(30)), narrow);
    }
}
