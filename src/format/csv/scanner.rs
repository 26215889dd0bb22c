//! What the bytes of a dialect mean, and where its records end: for cutter, header and records, so that all agree.

use memchr::{memchr, memchr2};

use crate::format::CsvOptions;

/// The bytes that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    /// LF, which never is one, where nothing is quoted.
    pub quote: u8,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
    pub trim: bool,
}

impl Dialect {
    pub fn new(options: &CsvOptions) -> Dialect {
        let CsvOptions { delimiter, quote, escape, comment, trim, .. } = *options;
        Dialect { delimiter, quote: quote.unwrap_or(b'\n'), escape, comment, trim }
    }

    /// The first byte of `data` that may be a quote.
    #[inline(always)]
    pub fn find_quote(self, data: &[u8]) -> Option<usize> {
        if self.quote == b'\n' { None } else { memchr(self.quote, data) }
    }

    /// Whether `line` is a comment.
    #[inline(always)]
    pub fn is_comment(self, line: &[u8]) -> bool {
        self.comment.is_some_and(|comment| line.first() == Some(&comment))
    }

    /// Whether `byte` is a blank that trimming drops.
    #[inline(always)]
    pub fn is_blank(self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && byte != self.delimiter && byte != self.quote
    }

    /// `start..end` of `data` without the blanks around it, if they are to be dropped.
    #[inline(always)]
    pub fn trimmed(self, data: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
        if self.trim {
            while start < end && self.is_blank(data[start]) {
                start += 1;
            }
            while start < end && self.is_blank(data[end - 1]) {
                end -= 1;
            }
        }
        (start, end)
    }

    /// Whether a quote behind `before`, the text of its record, is at the start of a field.
    fn opens(self, before: &[u8]) -> bool {
        let blanks = before.iter().rev().take_while(|&&byte| self.trim && self.is_blank(byte)).count();
        before[..before.len() - blanks].last().is_none_or(|&byte| byte == self.delimiter)
    }
}

/// How the search for the end of a record came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The LF that ends the record.
    At(usize),
    /// The data ends outside quotes.
    Open,
    /// The data ends inside quotes.
    Quoted,
    /// The record is longer than allowed; whether that was noticed inside quotes.
    TooLong { quoted: bool },
}

/// Finds ends of records; can go on with more data where it stopped.
#[derive(Debug, Clone)]
pub struct Scanner {
    dialect: Dialect,
    max_record: usize,
    /// Next byte to look at, from the start of the record.
    at: usize,
    quoted: bool,
    /// First LF of the record.
    pub first_lf: Option<usize>,
}

impl Scanner {
    pub fn new(dialect: Dialect, max_record: usize) -> Scanner {
        Scanner { dialect, max_record, at: 0, quoted: false, first_lf: None }
    }

    pub fn restart(&mut self) {
        *self = Scanner::new(self.dialect, self.max_record);
    }

    /// Searches `record`, data that starts where the record does. After `Open` or `Quoted` the search goes on in
    /// the same data with more behind it; after anything else [`Scanner::restart`] comes first.
    ///
    /// A record may have `max_record` bytes before its LF.
    pub fn end(&mut self, record: &[u8]) -> End {
        let allowed = &record[..record.len().min(self.max_record.saturating_add(1))];
        let found = self.search(allowed);
        match found {
            End::Open | End::Quoted if allowed.len() > self.max_record => End::TooLong { quoted: found == End::Quoted },
            other => other,
        }
    }

    fn search(&mut self, data: &[u8]) -> End {
        if self.dialect.quote == b'\n' || self.dialect.is_comment(data) {
            return self.line(data);
        }
        loop {
            if self.quoted {
                match self.close(data) {
                    Some(end) => return end,
                    None => continue,
                }
            }
            let Some(found) = memchr2(self.dialect.quote, b'\n', &data[self.at..]) else {
                self.at = data.len();
                return End::Open;
            };
            let found = self.at + found;
            if data[found] == b'\n' {
                self.first_lf.get_or_insert(found);
                return End::At(found);
            }
            // A quote anywhere else than at the start of a field is data.
            self.quoted = self.dialect.opens(&data[..found]);
            self.at = found + 1;
        }
    }

    /// A record without quotes.
    fn line(&mut self, data: &[u8]) -> End {
        let Some(lf) = memchr(b'\n', &data[self.at..]) else {
            self.at = data.len();
            return End::Open;
        };
        self.first_lf.get_or_insert(self.at + lf);
        End::At(self.at + lf)
    }

    /// Goes behind the closing quote. If the data ends before it is known where that is, what the record is so far.
    fn close(&mut self, data: &[u8]) -> Option<End> {
        let Dialect { quote, escape, .. } = self.dialect;
        loop {
            let rest = &data[self.at..];
            let stop = find_stop(rest, quote, escape);
            if self.first_lf.is_none() {
                let inside = &rest[..stop.unwrap_or(rest.len())];
                self.first_lf = memchr(b'\n', inside).map(|lf| self.at + lf);
            }
            let Some(stop) = stop else {
                self.at = data.len();
                return Some(End::Quoted);
            };
            self.at += stop;
            let is_quote = data[self.at] == quote;
            match data.get(self.at + 1) {
                // The last byte may be the closing quote.
                None => return Some(if is_quote { End::Open } else { End::Quoted }),
                Some(&next) if is_quote && next != quote => {
                    self.at += 1;
                    self.quoted = false;
                    return None;
                }
                Some(next) => {
                    if *next == b'\n' {
                        self.first_lf.get_or_insert(self.at + 1);
                    }
                    self.at += 2;
                }
            }
        }
    }
}

/// The first quote or escape.
#[inline(always)]
pub fn find_stop(data: &[u8], quote: u8, escape: Option<u8>) -> Option<usize> {
    match escape {
        Some(escape) => memchr2(quote, escape, data),
        None => memchr(quote, data),
    }
}
