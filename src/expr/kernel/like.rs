//! `LIKE` and regular expressions over strings.

use std::fmt;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::StringViewArray;
use arrow_buffer::BooleanBuffer;
use memchr::memmem::Finder;
use regex::Regex;

/// A `LIKE` pattern, compiled to the cheapest test that decides it.
#[derive(Debug, Clone)]
pub struct LikePattern {
    text: Arc<str>,
    escape: char,
    ignore_case: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Contains(Box<Finder<'static>>),
    Regex(Regex),
}

enum Piece {
    Char(char),
    AnyChar,
    AnyText,
}

impl LikePattern {
    /// `%` stands for any text, `_` for one character; behind `escape` both stand for themselves.
    pub fn new(text: &str, escape: Option<char>, ignore_case: bool) -> Result<LikePattern, String> {
        let escape = escape.unwrap_or('\\');
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                c if c == escape => Piece::Char(chars.next().ok_or("the pattern ends with its escape character")?),
                '%' => Piece::AnyText,
                '_' => Piece::AnyChar,
                c => Piece::Char(c),
            });
        }
        let test = if ignore_case { Test::Regex(regex(&pieces, true)?) } else { test(&pieces)? };
        Ok(LikePattern { text: text.into(), escape, ignore_case, test })
    }

    /// Which strings match; nulls give anything.
    pub fn matches(&self, array: &StringViewArray) -> BooleanBuffer {
        let rows = array.len();
        match &self.test {
            Test::Equal(text) => super::compare::equal_to(array, text),
            Test::Prefix(text) => BooleanBuffer::collect_bool(rows, |i| array.value(i).as_bytes().starts_with(text)),
            Test::Suffix(text) => BooleanBuffer::collect_bool(rows, |i| array.value(i).as_bytes().ends_with(text)),
            Test::Contains(finder) => {
                BooleanBuffer::collect_bool(rows, |i| finder.find(array.value(i).as_bytes()).is_some())
            }
            Test::Regex(regex) => matches(regex, array),
        }
    }
}

/// Which strings `regex` is found in; nulls give anything.
pub fn matches(regex: &Regex, array: &StringViewArray) -> BooleanBuffer {
    BooleanBuffer::collect_bool(array.len(), |i| regex.is_match(array.value(i)))
}

fn test(pieces: &[Piece]) -> Result<Test, String> {
    let plain = |pieces: &[Piece]| -> Option<Vec<u8>> {
        let chars = pieces.iter().map(|p| if let Piece::Char(c) = p { Some(*c) } else { None });
        chars.collect::<Option<String>>().map(String::into_bytes)
    };
    let test = match pieces {
        [Piece::AnyText, inner @ .., Piece::AnyText] => {
            plain(inner).map(|t| Test::Contains(Box::new(Finder::new(&t).into_owned())))
        }
        [start @ .., Piece::AnyText] => plain(start).map(Test::Prefix),
        [Piece::AnyText, end @ ..] => plain(end).map(Test::Suffix),
        all => plain(all).map(Test::Equal),
    };
    test.map_or_else(|| regex(pieces, false).map(Test::Regex), Ok)
}

fn regex(pieces: &[Piece], ignore_case: bool) -> Result<Regex, String> {
    let mut pattern = String::from(if ignore_case { "(?si)^" } else { "(?s)^" });
    for piece in pieces {
        match piece {
            Piece::Char(c) => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            Piece::AnyChar => pattern.push('.'),
            Piece::AnyText => pattern.push_str(".*"),
        }
    }
    pattern.push('$');
    Regex::new(&pattern).map_err(|_| "the pattern is too large".to_owned())
}

impl fmt::Display for LikePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", if self.ignore_case { "ILIKE" } else { "LIKE" }, self.text.replace('\'', "''"))?;
        match self.escape {
            '\\' => Ok(()),
            escape => write!(f, " ESCAPE '{}'", escape.to_string().replace('\'', "''")),
        }
    }
}
