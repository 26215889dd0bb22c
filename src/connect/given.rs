//! Input that is at hand: the rows of a test.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::connect::file::FirstTime;
use crate::connect::records::{Records, first_record, lines_of};
use crate::connect::{Block, Body, Next, Source, cannot_restore};
use crate::error::{Error, Result};
use crate::format::{Cut, Cutter, Header, HeaderRead};

/// How the input is cut into blocks. What a job gives does not depend on it, which is worth testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// One for everything.
    Whole,
    /// One for each record.
    Records,
}

pub struct Given {
    /// For messages.
    name: String,
    data: Bytes,
    records: Records,
    cutter: Box<dyn Cutter>,
    blocks: Blocks,
    first_time: Option<FirstTime>,
    /// Of the next block.
    header: Option<Arc<Header>>,
    /// Lines in front of the next block, without those of the header.
    lines: u64,
    /// Behind the last block; `None` before the header has been read.
    at: Option<usize>,
}

impl Given {
    pub fn new(name: &str, data: Bytes, records: Records, blocks: Blocks, first_time: Option<FirstTime>) -> Given {
        let cutter = records.cutter();
        Given { name: name.to_owned(), data, records, cutter, blocks, first_time, header: None, lines: 0, at: None }
    }

    /// Where the next block starts.
    ///
    /// Errors: a header without a declared column.
    fn start(&mut self) -> Result<usize> {
        if let Some(at) = self.at {
            return Ok(at);
        }
        let read = self.records.read_header(&self.data, true);
        let consumed = match read.map_err(|e| Error { message: format!("{}: {}", self.name, e.message), ..e })? {
            HeaderRead::Done { consumed, header } => {
                self.header = header;
                consumed
            }
            HeaderRead::More => return Err(Error::data(format!("{}: its header does not end", self.name))),
        };
        Ok(*self.at.insert(consumed))
    }
}

impl Source for Given {
    fn next(&mut self, _now: i64) -> Result<Next> {
        loop {
            let at = self.start()?;
            let rest = &self.data[at..];
            let one = if self.blocks == Blocks::Records { first_record(&self.records, rest, true) } else { None };
            let len = match one {
                Some(len) => len,
                None => match self.cutter.cut(rest, true) {
                    Cut::Records(len) => len,
                    Cut::Skip(len) => {
                        self.lines += lines_of(&rest[..len]);
                        self.at = Some(at + len);
                        continue;
                    }
                    Cut::More => return Ok(Next::End),
                },
            };
            self.at = Some(at + len);
            let data = self.data.slice(at..at + len);
            let behind = self.records.header_behind(&self.header, &data);
            let header = std::mem::replace(&mut self.header, behind);
            let line = Some(self.lines);
            self.lines += lines_of(&data);
            let body = Body::Bytes { data, offset: at as u64, header };
            return Ok(Next::Block(Block { line, ..Block::single(body) }));
        }
    }

    fn next_time(&mut self) -> Result<i64> {
        let start = self.start()?;
        let rest = self.data.slice(start..);
        let Some(len) = first_record(&self.records, &rest, true) else { return Ok(i64::MIN) };
        let record = Body::Bytes { data: rest.slice(..len), offset: start as u64, header: self.header.clone() };
        let time = self.first_time.as_mut().and_then(|first_time| first_time(&record));
        Ok(time.unwrap_or(i64::MIN))
    }

    fn input_name(&self, _file: u32) -> String {
        self.name.clone()
    }

    fn stop(&mut self) {
        self.at = Some(self.data.len());
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.at.unwrap_or(0) as u64, Some(self.data.len() as u64))
    }

    fn is_live(&self) -> bool {
        false
    }

    fn position(&mut self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn restore(&mut self, _position: &Value) -> Result<()> {
        Err(cannot_restore("input that is given"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::records::double;

    fn blocks(data: &'static str, blocks: Blocks) -> Vec<(u64, String)> {
        let mut given = Given::new("g", Bytes::from(data), double::lines(true, true), blocks, None);
        let mut out = Vec::new();
        while let Next::Block(Block { body: Body::Bytes { data, offset, .. }, .. }) = given.next(0).unwrap() {
            out.push((offset, String::from_utf8(data.to_vec()).unwrap()));
        }
        out
    }

    #[test]
    fn it_is_cut_as_it_is_told() {
        let text = "h\na\n\"b\nb\"\nc";
        assert_eq!(blocks(text, Blocks::Whole), [(2, "a\n\"b\nb\"\nc".to_owned())]);
        let each = [(2, "a\n".to_owned()), (4, "\"b\nb\"\n".to_owned()), (10, "c".to_owned())];
        assert_eq!(blocks(text, Blocks::Records), each);
        assert_eq!(blocks("h\n", Blocks::Records), []);
        assert_eq!(blocks("", Blocks::Whole), []);
    }
}
