//! What web servers write, a line for each request: the common log format, and the combined one, which has the referer
//! and the agent, too.
//!
//! ```text
//! host ident user [time] "request" status size
//! host ident user [time] "request" status size "referer" "agent" …
//! ```
//!
//! A `-` is null, but for the request. What stands behind the last field that is known is not looked at.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::json::Rows;
use super::lined::{Broken, Grammar, LinedDecoder, Places};
use super::values::{Converter, Kind, Span};
use super::{SourceField, TimestampSource};
use crate::data::DataType::{self, Int, String as Text, Timestamp};
use crate::error::{Error, Result};

/// The times of access logs.
pub const PATTERN: &str = "%d/%b/%Y:%H:%M:%S %z";

const FIELDS: [(&str, DataType); 12] = [
    ("host", Text),
    ("ident", Text),
    ("remote_user", Text),
    ("time", Timestamp),
    ("request", Text),
    ("method", Text),
    ("path", Text),
    ("protocol", Text),
    ("status", Int),
    ("size", Int),
    ("referer", Text),
    ("agent", Text),
];

const HOST: usize = 0;
const IDENT: usize = 1;
const USER: usize = 2;
const TIME: usize = 3;
const REQUEST: usize = 4;
const METHOD: usize = 5;
const PATH: usize = 6;
const PROTOCOL: usize = 7;
const STATUS: usize = 8;
const SIZE: usize = 9;
const REFERER: usize = 10;
const AGENT: usize = 11;

pub fn fields() -> Vec<SourceField> {
    FIELDS.iter().map(|&(name, ty)| SourceField::new(name, ty, None)).collect()
}

/// Errors: a column is none of the fields; a timestamp pattern or zone is wrong.
pub fn decoder(fields: &[SourceField], used: &[usize], max_record: usize) -> Result<LinedDecoder<AccessLog>> {
    let used: Vec<&SourceField> = used.iter().map(|&field| &fields[field]).collect();
    let number = |field: &&SourceField| {
        let name = field.source_name();
        let found = FIELDS.iter().position(|(known, _)| *known == name);
        found.ok_or_else(|| Error::job(format!("an access log has no field '{name}'")))
    };
    let numbers = used.iter().map(number).collect::<Result<Vec<_>>>()?;
    let converter = |(field, &number): (&&SourceField, &usize)| {
        let mut field = SourceField::clone(field);
        if number == TIME && field.timestamp == TimestampSource::Text {
            field.timestamp = TimestampSource::Pattern { pattern: PATTERN.to_string(), zone: None };
        }
        Converter::csv(&field, &[])
    };
    let converters = used.iter().zip(&numbers).map(converter).collect::<Result<_>>()?;
    let places = Places::new(FIELDS.len(), numbers.iter().copied());
    let request = (REQUEST..=PROTOCOL).any(|field| places.wants(field));
    let grammar = AccessLog { parts: (METHOD..=PROTOCOL).any(|field| places.wants(field)), request, places };
    Ok(LinedDecoder::new(grammar, &used, converters, max_record))
}

pub struct AccessLog {
    places: Places,
    /// The request or a part of it is used.
    request: bool,
    parts: bool,
}

impl Grammar for AccessLog {
    const CUTS_AT_ASCII: bool = true;

    fn line(&mut self, data: &[u8], start: usize, end: usize, row: &mut Rows) -> Result<(), Broken> {
        let line = &data[..end];
        let host = word(line, start).ok_or("not an access log line: nothing but a host")?;
        let ident = word(line, host + 1).ok_or("not an access log line: no user")?;
        let open = bracket(line, ident + 1).ok_or("not an access log line: no [time]")?;
        let close = memchr(b']', &line[open..]).map(|at| open + at).ok_or("not an access log line: no [time]")?;
        self.word(line, row, HOST, start, host);
        self.word(line, row, IDENT, host + 1, ident);
        self.word(line, row, USER, ident + 1, open - 2);
        self.word(line, row, TIME, open, close);
        if !line[close + 1..].starts_with(b" \"") {
            return Err("not an access log line: no \"request\" behind the time".into());
        }
        let request = quoted(line, close + 3).ok_or("the quote of the request is not closed")?;
        if self.request {
            self.request(line, row, &request);
        }
        let behind = request.end + 1;
        if line.get(behind) != Some(&b' ') {
            return Err("not an access log line: no status behind the request".into());
        }
        let status = word(line, behind + 1).ok_or("not an access log line: no size behind the status")?;
        let size = memchr(b' ', &line[status + 1..]).map_or(end, |len| status + 1 + len);
        self.word(line, row, STATUS, behind + 1, status);
        self.word(line, row, SIZE, status + 1, size);
        self.rest(line, row, size)
    }
}

impl AccessLog {
    /// The referer and the agent, if they are there.
    fn rest(&self, line: &[u8], row: &mut Rows, mut at: usize) -> Result<(), Broken> {
        for (field, open) in
            [(REFERER, "the quote of the referer is not closed"), (AGENT, "the quote of the agent is not closed")]
        {
            if !line[at..].starts_with(b" \"") {
                return Ok(());
            }
            let text = quoted(line, at + 2).ok_or(open)?;
            at = text.end + 1;
            if line.get(at).is_some_and(|&byte| byte != b' ') {
                return Err("text after a closing quote".into());
            }
            if self.places.wants(field) {
                let is_null = line[text.start..text.end] == *b"-";
                let span = if is_null { Span::NULL } else { text.span(line, row) };
                self.places.set(row, field, span);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn word(&self, line: &[u8], row: &mut Rows, field: usize, start: usize, end: usize) {
        if self.places.wants(field) {
            let null = end - start == 1 && line[start] == b'-';
            let span = Span { start: start as u32, end: end as u32, kind: Kind::Plain };
            self.places.set(row, field, if null { Span::NULL } else { span });
        }
    }

    fn request(&self, line: &[u8], row: &mut Rows, request: &Quoted) {
        let span = request.span(line, row);
        self.places.set(row, REQUEST, span);
        if !self.parts {
            return;
        }
        let base = if span.kind == Kind::Side { &row.side } else { line };
        let Some(parts) = split(&base[span.start as usize..span.end as usize]) else { return };
        for (field, part) in [METHOD, PATH, PROTOCOL].into_iter().zip(parts) {
            if let Some(part) = part {
                let (start, end) = (span.start + part.start as u32, span.start + part.end as u32);
                self.places.set(row, field, Span { start, end, kind: span.kind });
            }
        }
    }
}

/// Method, path and protocol of a request such as `GET /a b HTTP/1.1`; `None` if it is none.
fn split(request: &[u8]) -> Option<[Option<Range<usize>>; 3]> {
    let method = memchr(b' ', request)?;
    let is_token = request[..method].iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'-' | b'_'));
    if method == 0 || !is_token {
        return None;
    }
    // A path should have no blanks, but some have: the last word is the protocol.
    let last = memchr::memrchr(b' ', request)?;
    if last > method + 1 && request[last + 1..].starts_with(b"HTTP/") {
        return Some([Some(0..method), Some(method + 1..last), Some(last + 1..request.len())]);
    }
    let path = method + 1..request.len();
    (request.get(path.start) == Some(&b'/')).then_some([Some(0..method), Some(path), None])
}

/// Where the word at `start` ends: at a blank, with at least one byte before it.
#[inline(always)]
fn word(line: &[u8], start: usize) -> Option<usize> {
    memchr(b' ', &line[start..]).filter(|&len| len > 0).map(|len| start + len)
}

/// Behind the first ` [`, with at least one byte between it and `start`: names of users may have blanks.
#[inline(always)]
fn bracket(line: &[u8], start: usize) -> Option<usize> {
    let mut found = memchr_iter(b'[', &line[start..]).map(|at| start + at);
    found.find(|&at| at > start + 1 && line[at - 1] == b' ').map(|at| at + 1)
}

/// Text between quotes, which `start..end` leaves out.
struct Quoted {
    start: usize,
    end: usize,
    escaped: bool,
}

/// The text that starts at `start`, behind its quote. `None`: it is not closed.
#[inline(always)]
fn quoted(line: &[u8], start: usize) -> Option<Quoted> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[at] == b'"' {
            return Some(Quoted { start, end: at, escaped });
        }
        escaped = true;
        at += 2;
    }
}

impl Quoted {
    #[inline(always)]
    fn span(&self, line: &[u8], row: &mut Rows) -> Span {
        if !self.escaped { Span::quoted(self.start, self.end) } else { unescape(&line[self.start..self.end], row) }
    }
}

/// Of the escapes, those of the quote and the backslash are resolved. Others (`\x16`) stand for what is often not text.
#[cold]
fn unescape(text: &[u8], row: &mut Rows) -> Span {
    let start = row.side.len();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                row.side.push(next);
                bytes.next();
            }
            _ => row.side.push(byte),
        }
    }
    Span { start: start as u32, end: row.side.len() as u32, kind: Kind::Side }
}

#[cfg(test)]
mod tests;
