//! Strings that know where each of their bytes stands in the job file: built from TOML strings here, and from
//! variables next door.
//!
//! A byte that was written as itself maps one to one; an *atom* (an escape such as `\n`, a variable) is a piece that
//! stands for other bytes and is underlined as a whole. In the map each byte of an atom has an entry of its own with
//! the place where the atom begins.

use std::ops::Range;

use super::{Span, Text};

impl Span {
    /// The same file or override, another range.
    pub fn with_range(&self, range: Range<usize>) -> Span {
        match self {
            Span::File(_) => Span::File(range),
            Span::Override { index, .. } => Span::Override { index: *index, range },
        }
    }

    pub fn range(&self) -> Range<usize> {
        match self {
            Span::File(range) | Span::Override { range, .. } => range.clone(),
        }
    }
}

impl Text {
    /// Where the bytes `range` of the value were written. Of an escape or a variable always the whole. An empty
    /// range is a place between two bytes; a range beyond the end is cut.
    pub fn locate(&self, range: Range<usize>) -> Span {
        let end = range.end.min(self.value.len());
        let start = range.start.min(end);
        let from = self.place(start);
        let to = if end > start { self.place_behind(end - 1) } else { from };
        self.span.with_range(from..to.max(from))
    }

    /// Index of the map's entry for the byte at `at`.
    fn entry(&self, at: usize) -> Option<usize> {
        self.map.partition_point(|(offset, _)| *offset <= at).checked_sub(1)
    }

    fn place(&self, at: usize) -> usize {
        match self.entry(at) {
            Some(entry) => self.map[entry].1 + (at - self.map[entry].0),
            None => self.span.range().start,
        }
    }

    /// Where the byte at `at` ends: the next byte's place, or for an atom the end of the atom.
    fn place_behind(&self, at: usize) -> usize {
        let Some(entry) = self.entry(at) else { return self.span.range().end };
        let place = self.place(at);
        match self.map.get(entry + 1) {
            Some((offset, _)) if *offset == at + 1 => {
                let behind = self.map[entry + 1..].iter().find(|(_, p)| *p > place);
                behind.map_or(self.span.range().end, |(_, p)| *p)
            }
            _ => place + 1,
        }
    }
}

/// Builds a [`Text`] piece by piece.
#[derive(Default)]
pub(super) struct TextBuilder {
    value: String,
    map: Vec<(usize, usize)>,
}

impl TextBuilder {
    /// Bytes that were written as they are, at `place`.
    pub fn plain(&mut self, piece: &str, place: usize) {
        let follows = self.map.last().is_some_and(|(offset, p)| p + (self.value.len() - offset) == place);
        if !follows {
            self.map.push((self.value.len(), place));
        }
        self.value.push_str(piece);
    }

    /// What the text at `place` stands for; may be empty. The end of an atom is where the next piece begins.
    pub fn atom(&mut self, piece: &str, place: usize) {
        let start = self.value.len();
        self.map.extend((start..start + piece.len().max(1)).map(|offset| (offset, place)));
        self.value.push_str(piece);
    }

    /// `end` is where the last piece ends; `span` that of the whole string with its quotes.
    pub fn finish(mut self, end: usize, span: Span) -> Text {
        self.map.push((self.value.len(), end));
        Text { value: self.value, span, map: self.map }
    }
}

/// The Text of a TOML string. `raw` is the string with its quotes, `span` its place, `value` what the TOML parser
/// made of it: if the two readings differ, errors point at the string as a whole.
pub(super) fn from_toml(raw: &str, span: Span, value: &str) -> Text {
    match decode(raw, span.clone()) {
        Some(text) if text.value == value => text,
        _ => opaque(value, span),
    }
}

/// A Text whose every byte stands for the whole of `span`.
pub(super) fn opaque(value: &str, span: Span) -> Text {
    let mut builder = TextBuilder::default();
    let range = span.range();
    builder.atom(value, range.start);
    builder.finish(range.end, span)
}

/// A Text that was written without quotes.
pub(super) fn bare(value: &str, span: Span) -> Text {
    let mut builder = TextBuilder::default();
    let range = span.range();
    builder.plain(value, range.start);
    builder.finish(range.end, span)
}

/// Reads a string as TOML 1.1 does, <https://toml.io/en/v1.1.0#string>, only more leniently: the parser has already
/// refused what is wrong.
fn decode(raw: &str, span: Span) -> Option<Text> {
    let base = span.range().start;
    let (quotes, literal) = match raw {
        _ if raw.starts_with("\"\"\"") => ("\"\"\"", false),
        _ if raw.starts_with("'''") => ("'''", true),
        _ if raw.starts_with('"') => ("\"", false),
        _ if raw.starts_with('\'') => ("'", true),
        _ => return None,
    };
    let end = raw.len().checked_sub(quotes.len()).filter(|end| *end >= quotes.len())?;
    let mut at = quotes.len();
    if quotes.len() == 3 {
        let first = raw.get(at..end)?;
        at += if first.starts_with("\r\n") { 2 } else { usize::from(first.starts_with('\n')) };
    }
    let mut builder = TextBuilder::default();
    while at < end {
        let rest = raw.get(at..end)?;
        let run = if literal { rest.len() } else { rest.find('\\').unwrap_or(rest.len()) };
        if run > 0 {
            builder.plain(&rest[..run], base + at);
            at += run;
            continue;
        }
        let (len, what) = escape(rest)?;
        match what {
            Some(c) => builder.atom(c.encode_utf8(&mut [0; 4]), base + at),
            None => builder.atom("", base + at),
        }
        at += len;
    }
    Some(builder.finish(base + end, span))
}

/// The escape at the start of `rest`: its length and what it stands for (nothing, for an escaped line end).
fn escape(rest: &str) -> Option<(usize, Option<char>)> {
    let c = rest[1..].chars().next()?;
    let simple = |c| Some((2, Some(c)));
    match c {
        'b' => simple('\u{8}'),
        'e' => simple('\u{1b}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        '"' | '\\' => simple(c),
        'x' => hex(rest, 2),
        'u' => hex(rest, 4),
        'U' => hex(rest, 8),
        ' ' | '\t' | '\r' | '\n' => {
            Some((1 + rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len(), None))
        }
        _ => None,
    }
}

fn hex(rest: &str, digits: usize) -> Option<(usize, Option<char>)> {
    let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, Some(char::from_u32(code)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the first `needle` of the decoded string was written.
    fn written<'a>(raw: &'a str, needle: &str) -> &'a str {
        let text = decode(raw, Span::File(0..raw.len())).unwrap();
        let at = text.value.find(needle).unwrap();
        &raw[text.locate(at..at + needle.len()).range()]
    }

    #[test]
    fn bytes_are_found_through_escapes() {
        for (raw, needle, expect) in [
            (r#""abc""#, "b", "b"),
            (r#""abc""#, "abc", "abc"),
            (r#""a\tb c""#, "b", "b"),
            (r#""a\tb c""#, "\t", r"\t"),
            (r#""a\tb c""#, "\tb", r"\tb"),
            (r#""a\u00e9b""#, "é", r"\u00e9"),
            (r#""a\u00e9b""#, "b", "b"),
            (r#""\"x\" = 1""#, "x", "x"),
            (r#""\"x\" = 1""#, "\"x\"", r#"\"x\""#),
            ("'a\\b'", "\\b", "\\b"),
            ("\"\"\"\none\ntwo\"\"\"", "two", "two"),
            ("\"\"\"\r\none\r\ntwo\"\"\"", "two", "two"),
            ("\"\"\"one \\\n   two\"\"\"", "two", "two"),
            ("\"\"\"one \\\n   two\"\"\"", "one ", "one "),
            ("'''\nit's'''", "'s", "'s"),
            ("\"é=ü\"", "ü", "ü"),
        ] {
            assert_eq!(written(raw, needle), expect, "{needle:?} in {raw:?}");
        }
    }

    #[test]
    fn empty_ranges_and_ranges_beyond_the_end() {
        let text = decode("\"ab\"", Span::File(10..14)).map(|t| Text { map: vec![(0, 11), (2, 13)], ..t }).unwrap();
        assert_eq!(text.locate(2..2), Span::File(13..13));
        assert_eq!(text.locate(1..1), Span::File(12..12));
        assert_eq!(text.locate(1..99), Span::File(12..13));
        let empty = decode("\"\"", Span::File(10..12)).unwrap();
        assert_eq!(empty.locate(0..0), Span::File(11..11));
    }
}
