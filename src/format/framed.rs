//! Rows in frames instead of lines: four bytes of a row's length, big-endian, and the row without its line end.

use super::Encoder;
use crate::data::Batch;

pub struct FramedEncoder(pub Box<dyn Encoder>);

impl Encoder for FramedEncoder {
    fn header(&self) -> Vec<u8> {
        let header = self.0.header();
        let mut out = Vec::new();
        if !header.is_empty() {
            frame(&header, &mut out);
        }
        out
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let (mut rows, mut row_ends) = (Vec::new(), Vec::new());
        self.0.encode(batch, &mut rows, Some(&mut row_ends));
        let mut start = 0;
        for end in row_ends {
            frame(&rows[start..end as usize], out);
            start = end as usize;
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
    }
}

fn frame(row: &[u8], out: &mut Vec<u8>) {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    out.extend_from_slice(&(row.len() as u32).to_be_bytes());
    out.extend_from_slice(row);
}
