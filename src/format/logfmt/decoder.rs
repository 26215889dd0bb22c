//! Lines of logfmt to columns.

use memchr::memchr2;

use crate::error::Result;
use crate::format::SourceField;
use crate::format::json::Rows;
use crate::format::lined::{Broken, Grammar, LinedDecoder};
use crate::format::values::{Converter, Kind, Span};

/// Errors: a timestamp pattern or zone is wrong.
pub fn decoder(fields: &[SourceField], used: &[usize], max_record: usize) -> Result<LinedDecoder<Logfmt>> {
    let used: Vec<&SourceField> = used.iter().map(|&field| &fields[field]).collect();
    let converters = used.iter().map(|field| Converter::csv(field, &[])).collect::<Result<_>>()?;
    let mut keys: Vec<Vec<u8>> = used.iter().map(|field| field.source_name().as_bytes().to_vec()).collect();
    let found = vec![false; used.len()];
    let again = pairs(&keys);
    // No key has a blank in it: only the first of several columns is found by its key.
    again.iter().for_each(|&(_, other)| keys[other] = b" ".to_vec());
    Ok(LinedDecoder::new(Logfmt { keys, again, found, next: 0 }, &used, converters, max_record))
}

/// The first column of a key and another one of it, for all others.
fn pairs(keys: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let first = |column: usize| keys[..column].iter().position(|key| *key == keys[column]);
    (0..keys.len()).filter_map(|column| Some((first(column)?, column))).collect()
}

pub struct Logfmt {
    /// Key of each column asked for.
    keys: Vec<Vec<u8>>,
    again: Vec<(usize, usize)>,
    /// Which columns the line has had so far.
    found: Vec<bool>,
    /// The column that is expected next: lines mostly have their keys in one order.
    next: usize,
}

/// What a key without a value stands for; it lies at the start of each side buffer.
const TRUE: &[u8] = b"true";

impl Grammar for Logfmt {
    const CUTS_AT_ASCII: bool = true;
    const SPARSE: bool = true;

    fn begin(&mut self, _header: Option<&crate::format::Header>, side: &mut Vec<u8>) {
        side.extend_from_slice(TRUE);
    }

    fn line(&mut self, data: &[u8], start: usize, end: usize, row: &mut Rows) -> Result<(), Broken> {
        self.found.fill(false);
        self.next = 0;
        let line = &data[..end];
        let mut at = start;
        loop {
            at += line[at..].iter().take_while(|&&byte| byte <= b' ').count();
            if at == end {
                return Ok(());
            }
            let key_end = at + line[at..].iter().take_while(|&&byte| byte > b' ' && !b"=\"".contains(&byte)).count();
            let key = at..key_end;
            match line.get(key_end) {
                Some(b'=') if key.is_empty() => return Err("a value without a key".into()),
                Some(b'"') => return Err("a quote that does not follow `=`".into()),
                Some(b'=') => {}
                _ => {
                    self.set(&line[key], || Span { start: 0, end: TRUE.len() as u32, kind: Kind::Side }, row);
                    at = key_end;
                    continue;
                }
            }
            let from = key_end + 1;
            if line.get(from) != Some(&b'"') {
                let to = from + line[from..].iter().take_while(|&&byte| byte > b' ').count();
                let span = Span { start: from as u32, end: to as u32, kind: Kind::Plain };
                self.set(&line[key], || span, row);
                at = to;
                continue;
            }
            let (close, escaped) = close(line, from + 1).ok_or("a quote is not closed")?;
            if let Some(column) = self.column(&line[key]) {
                let text = &line[from + 1..close];
                let span = if escaped { unescape(text, &mut row.side) } else { Span::quoted(from + 1, close) };
                self.put(column, span, row);
            }
            at = close + 1;
            if line.get(at).is_some_and(|&byte| byte > b' ') {
                return Err("text after a closing quote".into());
            }
        }
    }
}

/// The keys of a line, as far as it is logfmt.
pub fn keys(line: &[u8]) -> Vec<&[u8]> {
    let (mut keys, mut at) = (Vec::new(), 0);
    loop {
        at += line[at..].iter().take_while(|&&byte| byte <= b' ').count();
        let end = at + line[at..].iter().take_while(|&&byte| byte > b' ' && !b"=\"".contains(&byte)).count();
        if end == at {
            return keys;
        }
        keys.push(&line[at..end]);
        at = match (line.get(end), line.get(end + 1)) {
            (Some(b'='), Some(b'"')) => match close(line, end + 2) {
                Some((quote, _)) => quote + 1,
                None => return keys,
            },
            (Some(b'='), _) => end + 1 + line[end + 1..].iter().take_while(|&&byte| byte > b' ').count(),
            _ => end,
        };
    }
}

impl Logfmt {
    #[inline(always)]
    fn set(&mut self, key: &[u8], span: impl FnOnce() -> Span, row: &mut Rows) {
        if let Some(column) = self.column(key) {
            self.put(column, span(), row);
        }
    }

    /// The first column of this key, if the line had none before.
    #[inline(always)]
    fn column(&mut self, key: &[u8]) -> Option<usize> {
        let column = match self.keys.get(self.next) {
            Some(next) if next == key => self.next,
            _ => self.keys.iter().position(|known| known == key)?,
        };
        (!self.found[column]).then_some(column)
    }

    #[inline(always)]
    fn put(&mut self, column: usize, span: Span, row: &mut Rows) {
        self.found[column] = true;
        self.next = column + 1;
        row.set(column, span);
        // The key may be asked for again, as another column.
        for &(first, other) in &self.again {
            if first == column {
                self.found[other] = true;
                row.set(other, span);
            }
        }
    }
}

/// The quote that closes the text at `at`, and whether there are escapes before it.
#[inline(always)]
fn close(line: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at += memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// Resolves the escapes that JSON has; others stay as they are.
#[cold]
fn unescape(text: &[u8], side: &mut Vec<u8>) -> Span {
    let start = side.len() as u32;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let (plain, len) = match (byte, text.get(at + 1)) {
            (b'\\', Some(&next @ (b'"' | b'\\' | b'/'))) => (next, 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'b')) => (8, 2),
            (b'\\', Some(b'f')) => (12, 2),
            (b'\\', Some(b'u')) => match unicode(&text[at..]) {
                Some((char, len)) => {
                    side.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                    at += len;
                    continue;
                }
                None => (byte, 1),
            },
            _ => (byte, 1),
        };
        side.push(plain);
        at += len;
    }
    Span { start, end: side.len() as u32, kind: Kind::Side }
}

/// The character that `\uXXXX`, or two of them, stand for, and their length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    if let Some(char) = char::from_u32(first) {
        return Some((char, 6));
    }
    let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second) && first < 0xDC00)?;
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).map(|char| (char, 12))
}
