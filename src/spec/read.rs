//! Reading options out of tables: unknown ones, missing ones, wrong types and wrong words become diagnostics here,
//! in one wording for all nodes.
//!
//! A function that answers `None` has pushed a diagnostic, unless the option was simply not there.

use super::diagnostic::{Diagnostic, Diagnostics, JobText};
use super::options::{NODES, Options, Words};
use super::schema::NamedSchema;
use super::suggest::{did_you_mean, list, suggest};
use super::units::{UnitError, parse_duration, parse_size};
use super::value::{Entry, Kind, Str, Table, Value};
use super::{Span, Spanned, Text};

/// Where findings go, and the text they speak of.
pub(super) struct Cx<'a> {
    pub text: &'a JobText,
    pub out: &'a mut Diagnostics,
    /// `[schemas.NAME]`.
    pub schemas: Vec<NamedSchema>,
    /// Something that others build on could not be read: see [`Cx::doubt`].
    pub doubtful: bool,
    /// The type of the node was guessed from a word of another tool: what it lacks is not said.
    pub guessed: bool,
}

impl Cx<'_> {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.out.push(Diagnostic {
            message: self.text.redact(&diagnostic.message),
            label: self.text.redact(&diagnostic.label),
            help: diagnostic.help.map(|help| self.text.redact(&help)),
            ..diagnostic
        });
    }

    /// `expected …, found …`.
    pub fn wrong_type(&mut self, name: &str, value: &Value, expected: &str) {
        self.doubt(name);
        if matches!(value.kind, Kind::Failed) {
            return;
        }
        let message = format!("expected {expected}, found {}", found(value));
        let mut error = Diagnostic::error(message).at(&value.span).label(format!("wrong type for `{name}`"));
        error.help = rewritten(value, expected).filter(|_| !is_secret(value));
        self.push(error);
    }

    /// An option could not be read, which has been said. If others build on it, what they would say of its lack is no
    /// mistake of theirs: the node counts as broken then.
    pub fn doubt(&mut self, name: &str) {
        self.doubtful |= ["event_time", "by", "emit", "rows", "once", "follow", "metadata", "rank"].contains(&name);
    }

    /// The value as a string; of an override, a number or boolean is taken as it was typed.
    pub fn string<'v>(&mut self, name: &str, value: &'v Value, expected: &str) -> Option<&'v Text> {
        match (&value.kind, &value.raw) {
            (Kind::String(string), _) => Some(&string.text),
            (Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Datetime(_), Some(raw)) => Some(raw),
            _ => {
                self.wrong_type(name, value, expected);
                None
            }
        }
    }

    /// A word for messages: as it is, but a secret as it was written.
    pub fn shown(&self, value: &Value, text: &Text) -> String {
        if is_secret(value) {
            return self.text.written(&value.span).to_string();
        }
        format!("`{}`", text.value.escape_debug())
    }

    /// One of a table of words.
    pub fn word<T: Copy>(&mut self, name: &str, value: &Value, words: &Words<T>) -> Option<Spanned<T>> {
        let names = words.names();
        let example = names.first().copied().unwrap_or("");
        let text = self.string(name, value, &format!("a string such as \"{example}\""))?;
        if let Some((_, found)) = words.has.iter().find(|(n, _)| *n == text.value) {
            return Some(Spanned { value: *found, span: value.span.clone() });
        }
        let shown = self.shown(value, text);
        let all = format!("there {} {}", if names.len() == 1 { "is" } else { "are" }, list(&names));
        let diagnostic = if words.later.contains(&text.value.as_str()) {
            Diagnostic::error(format!("{} {shown} is not there yet", words.what)).label("not there yet").help(all)
        } else {
            let near = [&names[..], words.later].concat();
            let help = did_you_mean(&text.value, &near, &all);
            Diagnostic::error(format!("unknown {} {shown}", words.what))
                .label(format!("no such {}", words.what))
                .help(help)
        };
        self.push(diagnostic.at(&text.locate(0..text.value.len())));
        None
    }

    /// As [`Cx::word`], but of an unknown word that is near to one, the near one is taken: the rest is read by it.
    pub fn word_or_near<T: Copy>(&mut self, name: &str, value: &Value, words: &Words<T>) -> Option<Spanned<T>> {
        let found = self.word(name, value, words);
        match &value.kind {
            Kind::String(string) if found.is_none() && !words.later.contains(&string.text.value.as_str()) => {
                let near = words.near(&string.text.value)?;
                Some(Spanned { value: near, span: value.span.clone() })
            }
            _ => found,
        }
    }

    /// Runs a unit parser over a string; a fault is shown inside it.
    fn unit<T>(
        &mut self,
        text: &Text,
        value: &Value,
        what: &str,
        parse: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Option<Spanned<T>> {
        match parse(&text.value) {
            Ok(parsed) => Some(Spanned { value: parsed, span: value.span.clone() }),
            Err(error) => {
                let secret = is_secret(value);
                let label = if secret { format!("not a {what}") } else { error.message };
                let diagnostic = Diagnostic::error(format!("this is not a {what}")).at(&text.locate(error.range));
                let help = error.help.filter(|_| !secret);
                self.push(Diagnostic { help, ..diagnostic.label(label) });
                None
            }
        }
    }

    pub fn duration(&mut self, name: &str, value: &Value, range: Range) -> Option<Spanned<i64>> {
        let text = self.string(name, value, "a duration such as \"5s\"")?;
        let parsed = self.unit(text, value, "duration", parse_duration)?;
        let help = match range {
            Range::Positive if parsed.value <= 0 => "it must be greater than zero",
            Range::ZeroUp if parsed.value < 0 => "it must not be negative",
            _ => return Some(parsed),
        };
        let message = format!("`{name}` is out of range");
        self.push(Diagnostic::error(message).at(&value.span).label(help));
        None
    }
}

/// What a duration may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    Positive,
    ZeroUp,
    Any,
}

/// Whether the value must not be shown.
pub(super) fn is_secret(value: &Value) -> bool {
    matches!(value.kind, Kind::String(Str { secret: true, .. }))
}

/// How a value of the wrong type was probably meant.
fn rewritten(value: &Value, expected: &str) -> Option<String> {
    let takes = |what: &str| expected.starts_with(what);
    match &value.kind {
        Kind::Integer(n) if takes("a duration") => Some(format!("write a unit, in quotes: \"{n}s\"")),
        Kind::Integer(n) if takes("a string") => Some(format!("write it in quotes: \"{n}\"")),
        Kind::Float(x) if takes("a whole number") && x.fract() == 0.0 && x.abs() < 1e15 => Some(format!("write {x}")),
        Kind::String(Str { text, variable: false, .. }) if takes("a whole number") || takes("a number") => {
            let number = text.value.trim();
            number.parse::<f64>().ok().map(|_| format!("leave the quotes out: {number}"))
        }
        Kind::String(Str { text, variable: false, .. }) if takes("true or false") => {
            match text.value.trim().to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some("write true".into()),
                "false" | "no" | "off" | "0" => Some("write false".into()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The type of a value with its text, where that is short: `integer 5`.
fn found(value: &Value) -> String {
    match &value.kind {
        Kind::Integer(n) => format!("integer {n}"),
        Kind::Float(x) => format!("number {x}"),
        Kind::Boolean(b) => format!("boolean {b}"),
        Kind::Array(_) => "an array".into(),
        Kind::Table(_) => "a table".into(),
        Kind::Datetime(_) => "a date-time".into(),
        Kind::String(_) | Kind::Failed => "a string".into(),
    }
}

/// A table of options that is being read.
pub(super) struct Fields<'a> {
    table: &'a Table,
    options: &'static Options,
    /// For messages, such as "filter `large`".
    owner: String,
    /// Underlined where an option is missing.
    place: Span,
    /// Options under other words, so that one wrong word is one error.
    meant: Vec<(&'static str, &'a Value)>,
}

/// Options of other tools whose text is in a language of theirs.
const LANGUAGES: [&str; 8] = ["mapping", "source", "expression", "query", "statement", "script", "code", "watermark"];

/// Stands for an option that was written under another word with a value that does not fit.
static FAILED: Value = Value { kind: Kind::Failed, span: Span::File(0..0), raw: None };

/// An option in the file, of a node that has been given another type by `-D`: so a job is quickly tried with another
/// input or output.
fn is_left_over(table: &Table, entry: &Entry) -> bool {
    let of_override = |value: &Value| matches!(value.span, Span::Override { .. });
    let retyped = table.get("type").is_some_and(of_override);
    let word = entry.key.value.as_str();
    retyped && !of_override(&entry.value) && NODES.iter().any(|options| options.names().contains(&word))
}

impl<'a> Fields<'a> {
    /// Starts reading, and reports the options that are not in the table of options.
    pub fn new(cx: &mut Cx, table: &'a Table, options: &'static Options, owner: String, place: &Span) -> Fields<'a> {
        let names = options.names();
        let all = format!("{} has {}", options.what, list(&names));
        let mut meant: Vec<(&'static str, &Value)> = Vec::new();
        for entry in &table.entries {
            let key = &entry.key;
            let word = key.value.as_str();
            if names.contains(&word) {
                continue;
            }
            if is_left_over(table, entry) {
                let note = Diagnostic::note(format!("`{word}` is left out of {owner}: {} has none", options.what));
                cx.push(note.at(&key.span).label("of the type in the file, which -D has changed"));
                continue;
            }
            let diagnostic = if options.later.contains(&word) {
                Diagnostic::error(format!("`{word}` in {owner} is not there yet"))
                    .label("not there yet")
                    .help(all.clone())
            } else {
                // What will be there is near enough to be named, and gets its own answer then.
                let near = [&names[..], options.later].concat();
                if let Some(name) = suggest(word, &names).filter(|name| table.get(name).is_none()) {
                    let fits = fits(options.example(name), &entry.value) && !LANGUAGES.contains(&word);
                    let value = if fits { &entry.value } else { &FAILED };
                    meant.push((name, value));
                }
                Diagnostic::error(format!("unknown option `{word}` in {owner}"))
                    .label("unknown option")
                    .help(did_you_mean(word, &near, &all))
            };
            cx.push(diagnostic.at(&key.span));
        }
        Fields { table, options, owner, place: place.clone(), meant }
    }

    pub fn get(&self, name: &str) -> Option<&'a Value> {
        debug_assert!(self.options.names().contains(&name), "{name} is in no table of {}", self.options.what);
        let meant = || self.meant.iter().find(|(option, _)| *option == name).map(|(_, value)| *value);
        self.table.get(name).or_else(meant)
    }

    /// The option's value; a missing one is reported with an example.
    pub fn need(&self, cx: &mut Cx, name: &str) -> Option<&'a Value> {
        let value = self.get(name);
        if value.is_none() && !cx.guessed {
            let help = format!("add {name} = {}", self.options.example(name));
            let message = format!("`{name}` is missing in {}", self.owner);
            let label = format!("{} needs `{name}`", self.options.what);
            cx.push(Diagnostic::error(message).at(&self.place).label(label).help(help));
        }
        value
    }

    pub fn example(&self, name: &str) -> &'static str {
        self.options.example(name)
    }

    fn expected(&self, name: &str, what: &str) -> String {
        format!("{what} such as {}", self.options.example(name))
    }

    pub fn text(&self, cx: &mut Cx, name: &str) -> Option<Text> {
        let value = self.get(name)?;
        self.filled(cx, name, value, &self.expected(name, "a string"))
    }

    /// A string that may be empty or blank.
    pub fn text_as_is(&self, cx: &mut Cx, name: &str) -> Option<Text> {
        cx.string(name, self.get(name)?, &self.expected(name, "a string")).cloned()
    }

    /// A string or a list of strings that may be empty or blank.
    pub fn texts_as_is(&self, cx: &mut Cx, name: &str) -> Option<Vec<Text>> {
        let value = self.get(name)?;
        let expected = self.expected(name, "a string or list of strings");
        let items = match &value.kind {
            Kind::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        items.iter().map(|item| cx.string(name, item, &expected).cloned()).collect()
    }

    pub fn need_text(&self, cx: &mut Cx, name: &str) -> Option<Text> {
        self.need(cx, name)?;
        self.text(cx, name)
    }

    /// A string that is not empty.
    fn filled(&self, cx: &mut Cx, name: &str, value: &Value, expected: &str) -> Option<Text> {
        let text = cx.string(name, value, expected)?;
        if text.value.trim().is_empty() {
            let help = format!("write it such as {name} = {}", self.options.example(name));
            cx.push(Diagnostic::error(format!("`{name}` is empty")).at(&value.span).label("empty").help(help));
            return None;
        }
        Some(text.clone())
    }

    /// A string or a list of strings, none of them empty. `None` if it is not there or wrong.
    pub fn texts(&self, cx: &mut Cx, name: &str) -> Option<Vec<Text>> {
        let value = self.get(name)?;
        let Kind::Array(items) = &value.kind else {
            return Some(vec![self.filled(cx, name, value, &self.expected(name, "a string or list of strings"))?]);
        };
        if items.is_empty() {
            let help = format!("write it such as {name} = {}", self.options.example(name));
            cx.push(Diagnostic::error(format!("`{name}` is empty")).at(&value.span).label("empty").help(help));
            return None;
        }
        let expected = self.expected(name, "strings");
        // The good ones are looked at further, in the same run.
        let texts: Vec<_> = items.iter().filter_map(|item| self.filled(cx, name, item, &expected)).collect();
        (!texts.is_empty()).then_some(texts)
    }

    pub fn need_texts(&self, cx: &mut Cx, name: &str) -> Option<Vec<Text>> {
        self.need(cx, name)?;
        self.texts(cx, name)
    }

    pub fn duration(&self, cx: &mut Cx, name: &str, range: Range) -> Option<Spanned<i64>> {
        cx.duration(name, self.get(name)?, range)
    }

    /// A number of bytes greater than zero.
    pub fn size(&self, cx: &mut Cx, name: &str) -> Option<Spanned<u64>> {
        let value = self.get(name)?;
        let parsed = match &value.kind {
            Kind::Integer(n) => Spanned { value: u64::try_from(*n).unwrap_or(0), span: value.span.clone() },
            _ => {
                let text = cx.string(name, value, &self.expected(name, "a size"))?;
                cx.unit(text, value, "size", parse_size)?
            }
        };
        if parsed.value == 0 {
            let label = "it must be greater than zero";
            cx.push(Diagnostic::error(format!("`{name}` is out of range")).at(&value.span).label(label));
            return None;
        }
        Some(parsed)
    }

    /// A whole number within `least..=most`.
    pub fn count(&self, cx: &mut Cx, name: &str, least: u64, most: u64) -> Option<Spanned<u64>> {
        let value = self.get(name)?;
        let n = match &value.kind {
            Kind::Integer(n) => Some(*n),
            Kind::String(string) if string.variable => string.text.value.trim().parse().ok(),
            _ => None,
        };
        let Some(n) = n else {
            cx.wrong_type(name, value, &self.expected(name, "a whole number"));
            return None;
        };
        let inside = u64::try_from(n).ok().filter(|n| (least..=most).contains(n));
        if inside.is_none() {
            let label = match most {
                u64::MAX => format!("it must be at least {least}"),
                _ => format!("it must be between {least} and {most}"),
            };
            cx.push(Diagnostic::error(format!("`{name}` is out of range")).at(&value.span).label(label));
        }
        Some(Spanned { value: inside?, span: value.span.clone() })
    }

    /// A number of at least 0 and less than 1.
    pub fn share(&self, cx: &mut Cx, name: &str) -> Option<f64> {
        let value = self.get(name)?;
        if matches!(value.kind, Kind::Integer(0)) {
            return Some(0.0);
        }
        let number = self.positive(cx, name)?.value;
        if number >= 1.0 {
            let label = "it must be less than one";
            cx.push(Diagnostic::error(format!("`{name}` is out of range")).at(&value.span).label(label));
            return None;
        }
        Some(number)
    }

    /// A number greater than zero.
    pub fn positive(&self, cx: &mut Cx, name: &str) -> Option<Spanned<f64>> {
        let value = self.get(name)?;
        let number = match &value.kind {
            Kind::Integer(n) => Some(*n as f64),
            Kind::Float(x) => Some(*x),
            Kind::String(string) if string.variable => string.text.value.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            cx.wrong_type(name, value, &self.expected(name, "a number"));
            return None;
        };
        if !(number > 0.0 && number.is_finite()) {
            let label = "it must be greater than zero";
            cx.push(Diagnostic::error(format!("`{name}` is out of range")).at(&value.span).label(label));
            return None;
        }
        Some(Spanned { value: number, span: value.span.clone() })
    }

    pub fn boolean(&self, cx: &mut Cx, name: &str) -> Option<Spanned<bool>> {
        let value = self.get(name)?;
        let found = match &value.kind {
            Kind::Boolean(b) => Some(*b),
            Kind::String(string) if string.variable => string.text.value.trim().parse().ok(),
            _ => None,
        };
        if found.is_none() {
            cx.wrong_type(name, value, "true or false");
        }
        Some(Spanned { value: found?, span: value.span.clone() })
    }

    pub fn word<T: Copy>(&self, cx: &mut Cx, name: &str, words: &Words<T>) -> Option<Spanned<T>> {
        cx.word(name, self.get(name)?, words)
    }

    /// A table; `expected` says what it should hold.
    pub fn table(&self, cx: &mut Cx, name: &str) -> Option<(&'a Table, &'a Span)> {
        let value = self.get(name)?;
        match &value.kind {
            Kind::Table(table) => Some((table, &value.span)),
            _ => {
                cx.wrong_type(name, value, &self.expected(name, "a table"));
                None
            }
        }
    }
}

/// Whether a value may be one of an option with this example.
fn fits(example: &str, value: &Value) -> bool {
    match (&value.kind, example.chars().next()) {
        (Kind::String(_), Some('"' | '\'' | '[')) => true,
        (Kind::Array(items), Some('"' | '\'' | '[')) => items.iter().all(|item| matches!(item.kind, Kind::String(_))),
        (Kind::Table(_), Some('{')) => true,
        (Kind::Integer(_) | Kind::Float(_), Some(c)) => c.is_ascii_digit(),
        (Kind::Boolean(_), Some('t' | 'f')) => true,
        _ => false,
    }
}
