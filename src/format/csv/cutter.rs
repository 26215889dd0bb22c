//! Where CSV records end, for the reader thread.
//!
//! Data without a quote is cut at its last LF. Quotes that stand as they should are followed 64 bytes at a time; where
//! they do not, records are followed one by one from the first quote on.

use memchr::{memchr, memrchr};

use super::quoted;
use super::scanner::{Dialect, End, Scanner};
use crate::format::{CsvOptions, Cut, Cutter};

pub struct CsvCutter {
    dialect: Dialect,
    max_record: usize,
    /// Follows the record at the start of the data, if there was a quote in it.
    scanner: Scanner,
    followed: bool,
    /// So many bytes at the start of the data hold neither quote nor LF.
    plain: usize,
    /// The rest of a record that is too long is being dropped.
    skipping: bool,
}

impl CsvCutter {
    pub fn new(options: &CsvOptions, max_record: usize) -> CsvCutter {
        let dialect = Dialect::new(options);
        let scanner = Scanner::new(dialect, max_record);
        CsvCutter { dialect, max_record, scanner, followed: false, plain: 0, skipping: false }
    }

    fn records(&mut self, len: usize) -> Cut {
        self.scanner.restart();
        self.followed = false;
        self.plain = 0;
        Cut::Records(len)
    }

    /// The record at the start of the data is too long: its beginning is handed out, the rest dropped.
    fn oversized(&mut self) -> Cut {
        self.skipping = true;
        self.records(self.max_record + 1)
    }

    /// No quote in the data.
    fn cut_plain(&mut self, data: &[u8], last: bool) -> Cut {
        match memrchr(b'\n', &data[self.plain..]) {
            Some(lf) => {
                let end = self.plain + lf + 1;
                self.records(end);
                self.plain = data.len() - end;
                Cut::Records(end)
            }
            None if data.len() > self.max_record => self.oversized(),
            None if last => self.records(data.len()),
            None => {
                self.plain = data.len();
                Cut::More
            }
        }
    }

    /// Where the last record of the data ends, if all quotes are as they should be and no record can be too long.
    fn cut_regular(&self, data: &[u8]) -> Option<usize> {
        if data.len() > self.max_record || self.dialect.escape.is_some() {
            return None;
        }
        quoted::last_end(data, self.dialect)
    }

    /// `quote` is the first quote of the data, or one in its first record.
    fn cut_quoted(&mut self, data: &[u8], last: bool, mut quote: usize) -> Cut {
        // Everything before `start` is whole records.
        let mut start = 0;
        loop {
            if !self.followed
                && let Some(lf) = memrchr(b'\n', &data[start..quote])
            {
                start += lf + 1;
            }
            match self.scanner.end(&data[start..]) {
                End::At(lf) => start += lf + 1,
                _ if start > 0 => return self.records(start),
                End::TooLong { quoted: false } => return self.oversized(),
                End::TooLong { quoted: true } => match self.scanner.first_lf {
                    Some(lf) => return self.records(lf + 1),
                    None => return self.oversized(),
                },
                End::Open if last => return self.records(data.len()),
                End::Quoted if last => return self.records(self.scanner.first_lf.map_or(data.len(), |lf| lf + 1)),
                End::Open | End::Quoted => {
                    self.followed = true;
                    return Cut::More;
                }
            }
            self.scanner.restart();
            self.followed = false;
            if quote < start {
                quote = match self.dialect.find_quote(&data[start..]) {
                    Some(found) => start + found,
                    None => return self.records(memrchr(b'\n', &data[start..]).map_or(start, |lf| start + lf + 1)),
                };
            }
        }
    }
}

impl Cutter for CsvCutter {
    fn cut(&mut self, data: &[u8], last: bool) -> Cut {
        if data.is_empty() {
            return Cut::More;
        }
        if self.skipping {
            let lf = memchr(b'\n', data);
            self.skipping = lf.is_none();
            return Cut::Skip(lf.map_or(data.len(), |lf| lf + 1));
        }
        if self.followed {
            return self.cut_quoted(data, last, 0);
        }
        self.plain = self.plain.min(data.len());
        match self.dialect.find_quote(&data[self.plain..]) {
            Some(quote) => match self.cut_regular(data) {
                Some(end) => self.records(end),
                None => self.cut_quoted(data, last, self.plain + quote),
            },
            None => self.cut_plain(data, last),
        }
    }
}
