//! Text to tokens with byte ranges.

use std::ops::Range;

use super::ExprError;

/// The longest expression text, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A keyword, function or column, as written.
    Word(String),
    /// `"x y"` or `` `x y` ``.
    Quoted(String),
    /// `'text'`
    Text(String),
    /// Digits with point or exponent, as written.
    Number(String),
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
}

impl Token {
    /// How messages name the token.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Quoted(name) => format!("`\"{name}\"`"),
            Kind::Text(text) => format!("text '{text}'"),
            Kind::Number(number) => format!("number {number}"),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end".to_owned(),
        }
    }
}

/// Longest first.
const SYMBOLS: [&str; 42] = [
    "!~*", "->>", "<=>", "<=", ">=", "<>", "!=", "==", "&&", "||", "::", "!~", "~*", "->", "<<", ">>", "=~", "**",
    "//", "=>", ":=", "??", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",", ".", "~", "&", "|", ";", "[", "]",
    ":", "?",
];

pub fn tokens(text: &str) -> Result<Vec<Token>, ExprError> {
    if text.len() > TEXT_BYTES_MAX {
        let start = text.floor_char_boundary(TEXT_BYTES_MAX);
        return Err(ExprError::new(
            start..text.len(),
            format!("the expression is longer than {TEXT_BYTES_MAX} bytes"),
            "too long",
        ));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_space(text, at)?;
        let Some(next) = text[at..].chars().next() else {
            tokens.push(Token { kind: Kind::End, span: text.len()..text.len() });
            return Ok(tokens);
        };
        let (kind, end) = match next {
            '\'' => {
                let (value, end) = quoted(text, at, '\'')?;
                (Kind::Text(value), end)
            }
            '"' | '`' => {
                let (value, end) = quoted(text, at, next)?;
                if value.is_empty() {
                    return Err(ExprError::new(at..end, "a column name is empty", "empty name"));
                }
                (Kind::Quoted(value), end)
            }
            c if c.is_ascii_digit() || (c == '.' && text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit)) => {
                let end = number(text, at)?;
                (Kind::Number(text[at..end].to_owned()), end)
            }
            c if is_word(c) => {
                let end = text[at..].find(|c: char| !is_word(c)).map_or(text.len(), |len| at + len);
                (Kind::Word(text[at..end].to_owned()), end)
            }
            _ => match SYMBOLS.iter().find(|s| text[at..].starts_with(**s)) {
                Some(symbol) => (Kind::Symbol(symbol), at + symbol.len()),
                None => return Err(unknown_character(next, at)),
            },
        };
        tokens.push(Token { kind, span: at..end });
        at = end;
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// Behind spaces and comments (`-- to the end of the line`, `/* … */`).
fn skip_space(text: &str, mut at: usize) -> Result<usize, ExprError> {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            at = trimmed.find('\n').map_or(text.len(), |len| at + len);
        } else if trimmed.starts_with("/*") {
            match trimmed.find("*/") {
                Some(len) => at += len + 2,
                None => return Err(ExprError::new(at..at + 2, "a comment has no end", "`*/` is missing")),
            }
        } else {
            return Ok(at);
        }
    }
}

/// Text between quotes; a doubled quote stands for itself.
fn quoted(text: &str, start: usize, quote: char) -> Result<(String, usize), ExprError> {
    let mut value = String::new();
    let mut at = start + 1;
    loop {
        match text[at..].find(quote) {
            None => {
                let what = if quote == '\'' { "a text" } else { "a name" };
                return Err(ExprError::new(
                    start..text.len(),
                    format!("{what} has no end"),
                    format!("`{quote}` is missing"),
                ));
            }
            Some(len) => {
                value.push_str(&text[at..at + len]);
                at += len + 1;
                if !text[at..].starts_with(quote) {
                    return Ok((value, at));
                }
                value.push(quote);
                at += 1;
            }
        }
    }
}

fn number(text: &str, start: usize) -> Result<usize, ExprError> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            at += 1;
        }
        at
    };
    let mut at = digits(start);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        if end > at + 1 + sign {
            at = end;
        }
    }
    match text[at..].chars().next() {
        Some(c) if is_word(c) => {
            let end = text[at..].find(|c: char| !is_word(c)).map_or(text.len(), |len| at + len);
            Err(ExprError::new(start..end, format!("`{}` is not a number", &text[start..end]), "not a number")
                .help("a name that starts with a digit is written in double quotes; an operator may be missing"))
        }
        _ => Ok(at),
    }
}

fn unknown_character(c: char, at: usize) -> ExprError {
    let error = ExprError::new(
        at..at + c.len_utf8(),
        format!("`{}` means nothing here", c.escape_debug()),
        "unexpected character",
    );
    match c {
        '‘' | '’' => error.help("text goes in plain single quotes: 'text'"),
        '“' | '”' => error.help("text goes in plain single quotes: 'text', odd names in plain double quotes"),
        '!' => error.help("write NOT x, or x <> y; no name ends with `!`"),
        '#' => error.help("a comment begins with `--`; an odd name goes in double quotes"),
        '@' => error.help("a column is written without `@`; an odd name goes in double quotes"),
        '^' => error.help("write power(x, y), or bitxor(a, b)"),
        '{' | '}' => error.help("a list is [a, b], a struct is struct(a AS name, b AS other)"),
        _ => error,
    }
}
