//! `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${file:PATH}`, `${JOB_DIR}` and `$$` in string values.
//!
//! They are replaced after TOML is parsed and never in keys, so a value cannot change the structure of the file.
//! Reading `${file:PATH}` is the only I/O of the room.

use std::io::Read;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::text::TextBuilder;
use super::value::{Kind, Str, Table, Value};
use super::{Span, Text};

/// A secret is a password, not a data set.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// Variables within defaults within defaults.
const DEPTH_MAX: usize = 8;

/// What variables stand for, and what was found on the way.
pub(super) struct Variables<'a> {
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub job_dir: String,
    pub secrets: Vec<String>,
    pub out: &'a mut Diagnostics,
}

impl Variables<'_> {
    pub fn table(&mut self, table: &mut Table) {
        for entry in &mut table.entries {
            self.value(&mut entry.value);
        }
    }

    pub fn value(&mut self, value: &mut Value) {
        match &mut value.kind {
            Kind::String(string) => {
                if !self.string(string) {
                    value.kind = Kind::Failed;
                }
            }
            Kind::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Kind::Table(table) => self.table(table),
            Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Datetime(_) | Kind::Failed => {}
        }
    }

    /// False after a diagnostic.
    fn string(&mut self, string: &mut Str) -> bool {
        if !string.text.value.contains('$') {
            return true;
        }
        let mut good = true;
        let text = &string.text;
        let secrets = self.secrets.len();
        let mut builder = TextBuilder::default();
        let mut pieces = 0;
        let mut variables = 0;
        for piece in split(&text.value) {
            pieces += 1;
            match piece {
                Piece::Plain(range) => copy(text, range, &mut builder),
                Piece::Dollar(range) => builder.atom("$", text.locate(range).range().start),
                Piece::Variable(range) => {
                    variables += 1;
                    let span = text.locate(range.clone());
                    let inner = &text.value[range.start + 2..range.end - 1];
                    let value = self.resolve(inner, &span, 0);
                    good &= value.is_some();
                    builder.atom(&value.unwrap_or_default(), span.range().start);
                }
                Piece::Open(range) => {
                    let help = "close it with `}`, or write `$$` for a dollar sign";
                    let error = Diagnostic::error("`${` without `}`").at(&text.locate(range.clone()));
                    self.out.push(error.label("not closed").help(help));
                    good = false;
                }
            }
        }
        let end = text.locate(text.value.len()..text.value.len()).range().end;
        string.variable = pieces == 1 && variables == 1;
        string.secret = self.secrets.len() > secrets;
        string.text = builder.finish(end, text.span.clone());
        good
    }

    /// The value of what stands between `${` and `}`; `None` after a diagnostic.
    fn resolve(&mut self, inner: &str, span: &Span, depth: usize) -> Option<String> {
        if let Some(path) = inner.strip_prefix("file:") {
            let path = self.nested(path, span, depth)?;
            return self.secret(path.trim(), span);
        }
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, rest) = inner.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let help =
                "there are ${VAR}, ${VAR:-default}, ${VAR:?message}, ${file:PATH}, ${JOB_DIR}; `$$` is a dollar sign";
            self.out.push(Diagnostic::error("this is not a variable").at(span).label("no name").help(help));
            return None;
        }
        let value = if name == "JOB_DIR" { Some(self.job_dir.clone()) } else { (self.env)(name) };
        if rest.is_empty() {
            if value.is_none() {
                let help = format!("set {name}, or give a default: ${{{name}:-default}}");
                let error = Diagnostic::error(format!("the variable {name} is not set"));
                self.out.push(error.at(span).label("not set").help(help));
            }
            return value;
        }
        let value = value.filter(|v| !v.is_empty());
        if let Some(default) = rest.strip_prefix(":-") {
            return value.or_else(|| self.nested(default, span, depth));
        }
        if let Some(message) = rest.strip_prefix(":?") {
            if value.is_none() {
                let message = if message.is_empty() { "not set or empty" } else { message };
                self.out.push(Diagnostic::error(format!("{name}: {message}")).at(span).label("not set or empty"));
            }
            return value;
        }
        let help = format!("write ${{{name}:-default}} or ${{{name}:?message}}");
        let error = Diagnostic::error(format!("unknown text behind the variable {name}"));
        self.out.push(error.at(span).label("not understood").help(help));
        None
    }

    /// A default or a path may hold variables itself.
    fn nested(&mut self, text: &str, span: &Span, depth: usize) -> Option<String> {
        if depth == DEPTH_MAX {
            self.out.push(Diagnostic::error("variables are nested too deeply").at(span).label("here"));
            return None;
        }
        let mut value = String::new();
        for piece in split(text) {
            match piece {
                Piece::Plain(range) | Piece::Open(range) => value.push_str(&text[range]),
                Piece::Dollar(_) => value.push('$'),
                Piece::Variable(range) => {
                    value.push_str(&self.resolve(&text[range.start + 2..range.end - 1], span, depth + 1)?);
                }
            }
        }
        Some(value)
    }

    fn secret(&mut self, path: &str, span: &Span) -> Option<String> {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes));
        let problem = match read {
            Err(error) => format!("cannot read {path}: {error}"),
            Ok(len) if len as u64 > SECRET_BYTES_MAX => format!("{path} is longer than 64 KiB"),
            Ok(_) => match String::from_utf8(bytes) {
                Ok(text) => {
                    let value = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
                    self.secrets.push(value.to_string());
                    return Some(value.to_string());
                }
                Err(_) => format!("{path} is not UTF-8"),
            },
        };
        self.out.push(Diagnostic::error(problem).at(span).label("this file holds the value"));
        None
    }
}

enum Piece {
    Plain(std::ops::Range<usize>),
    /// `$$`.
    Dollar(std::ops::Range<usize>),
    /// `${…}`.
    Variable(std::ops::Range<usize>),
    /// `${` that is never closed.
    Open(std::ops::Range<usize>),
}

/// Cuts a string into what stands for itself and what does not. A `$` before anything else is a `$`.
fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$').map(|i| at + i) {
        let rest = &text[dollar..];
        let piece = if rest.starts_with("$$") {
            Piece::Dollar(dollar..dollar + 2)
        } else if rest.starts_with("${") {
            match closing(rest) {
                Some(end) => Piece::Variable(dollar..dollar + end),
                None => Piece::Open(dollar..text.len()),
            }
        } else {
            at = dollar + 1;
            continue;
        };
        if plain < dollar {
            pieces.push(Piece::Plain(plain..dollar));
        }
        let (Piece::Plain(r) | Piece::Dollar(r) | Piece::Variable(r) | Piece::Open(r)) = &piece;
        (at, plain) = (r.end, r.end);
        pieces.push(piece);
    }
    if plain < text.len() {
        pieces.push(Piece::Plain(plain..text.len()));
    }
    pieces
}

/// Length of the variable at the start of `text`, with its `}`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '$' if chars.next_if(|(_, next)| *next == '{').is_some() => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Copies bytes with their places.
fn copy(text: &Text, range: std::ops::Range<usize>, builder: &mut TextBuilder) {
    for (at, c) in text.value[range.clone()].char_indices() {
        let from = range.start + at;
        let place = text.locate(from..from + c.len_utf8()).range();
        let piece = &text.value[from..from + c.len_utf8()];
        if place.len() == piece.len() {
            builder.plain(piece, place.start);
        } else {
            builder.atom(piece, place.start);
        }
    }
}
