//! The job file as a tree of values that keep their places, in the order written, with the overrides put in.
//!
//! What the keys mean is not known here. Variables are replaced next door, in `variables`.

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, JobText};
use super::syntax;
use super::text::{bare, from_toml};
use super::{Span, Spanned, Text};

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub kind: Kind,
    pub span: Span,
    /// The text of a number or boolean of an override, where it may have been meant as a string.
    pub raw: Option<Text>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    String(Str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// As text: only a few options take it, and they parse it again.
    Datetime(String),
    Array(Vec<Value>),
    Table(Table),
    /// A string with a variable that has no value: reported already, so whoever reads it keeps silent.
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Str {
    pub text: Text,
    /// The value was only `${…}`: it may stand for a number or boolean.
    pub variable: bool,
    /// A part came from `${file:…}`.
    pub secret: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Spanned<String>,
    pub value: Value,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|e| e.key.value == key).map(|e| &e.value)
    }

    /// Takes an entry out.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.entries.iter().position(|e| e.key.value == key)?;
        Some(self.entries.remove(at).value)
    }
}

impl Value {
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::String(_) => "string",
            Kind::Integer(_) => "integer",
            Kind::Float(_) => "number",
            Kind::Boolean(_) => "boolean",
            Kind::Datetime(_) => "date-time",
            Kind::Array(_) => "array",
            Kind::Table(_) => "table",
            Kind::Failed => "unknown",
        }
    }
}

/// The file's tree, or the syntax errors.
pub(super) fn parse_file(text: &JobText, out: &mut Diagnostics) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(&text.text);
    let faults = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message()));
    syntax::report(text, &faults.collect::<Vec<_>>(), out);
    let mut tree = Tree { text: &text.text, shift: 0, span: |range| Span::File(range), out };
    errors.is_empty().then(|| tree.table(table.get_ref()))
}

/// Turns parsed TOML into values; `shift` is where `text` begins in the file or override.
struct Tree<'a, F: Fn(std::ops::Range<usize>) -> Span> {
    text: &'a str,
    shift: usize,
    span: F,
    out: &'a mut Diagnostics,
}

impl<F: Fn(std::ops::Range<usize>) -> Span> Tree<'_, F> {
    fn at(&self, range: std::ops::Range<usize>) -> Span {
        (self.span)(range.start + self.shift..range.end + self.shift)
    }

    /// The parser hands entries out sorted by key; here they stand as written.
    fn table(&mut self, table: &DeTable) -> Table {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            let key = Spanned { value: key.get_ref().to_string(), span: self.at(key.span()) };
            let mut value = self.value(value.get_ref(), value.span());
            if value.span.range().is_empty() {
                // Tables that exist only as a prefix of others.
                value.span = key.span.clone();
            }
            Entry { key, value }
        });
        Table { entries: entries.collect() }
    }

    fn value(&mut self, value: &DeValue, range: std::ops::Range<usize>) -> Value {
        let span = self.at(range.clone());
        let kind = match value {
            DeValue::String(value) => {
                let text = from_toml(self.text.get(range).unwrap_or(""), span.clone(), value);
                Kind::String(Str { text, variable: false, secret: false })
            }
            DeValue::Integer(n) => match i64::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) => Kind::Integer(n),
                Err(_) => {
                    let message = "this number does not fit 64 bits";
                    self.out.push(Diagnostic::error(message).at(&span).label("too large"));
                    Kind::Integer(1)
                }
            },
            DeValue::Float(x) => Kind::Float(x.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(b) => Kind::Boolean(*b),
            DeValue::Datetime(at) => Kind::Datetime(at.to_string()),
            DeValue::Array(items) => {
                Kind::Array(items.iter().map(|item| self.value(item.get_ref(), item.span())).collect())
            }
            DeValue::Table(table) => Kind::Table(self.table(table)),
        };
        Value { kind, span, raw: None }
    }
}

/// Puts the overrides `-D a.b=v` into the tree, in the order given.
pub(super) fn apply_overrides(root: &mut Table, text: &JobText, out: &mut Diagnostics) {
    for (index, written) in text.overrides.iter().enumerate() {
        let span = |range| Span::Override { index, range };
        let Some((path, value)) = parse_override(written, &span, out) else { continue };
        if let Err(diagnostic) = check_node(root, &path) {
            out.push(diagnostic);
            continue;
        }
        set(root, &path, value, out);
    }
}

const OVERRIDE_FORM: &str = "write it such as `-D job.parallelism=4` or `-D sinks.out.path=/tmp/out.csv`";

fn parse_override(
    written: &str,
    span: &dyn Fn(std::ops::Range<usize>) -> Span,
    out: &mut Diagnostics,
) -> Option<(Vec<Spanned<String>>, Value)> {
    let whole = span(0..written.len());
    let Some(equals) = find_equals(written) else {
        out.push(Diagnostic::error("an override has no `=`").at(&whole).label("no value").help(OVERRIDE_FORM));
        return None;
    };
    let mut path = Vec::new();
    let key_text = format!("{}=0", &written[..equals]);
    match DeTable::parse(&key_text) {
        Ok(table) if !key_text.trim_start().starts_with(['[', '#']) => flatten(table.get_ref(), span, &mut path),
        _ => {}
    }
    if path.is_empty() {
        let key = span(0..equals);
        out.push(Diagnostic::error("this is not a path of names").at(&key).label("wrong path").help(OVERRIDE_FORM));
        return None;
    }
    let rest = &written[equals + 1..];
    let start = equals + 1 + (rest.len() - rest.trim_start().len());
    let value_text = rest.trim();
    let range = start..start + value_text.len();
    let raw = bare(value_text, span(range.clone()));
    let value = match DeValue::parse(value_text) {
        Ok(value) => {
            let mut tree = Tree { text: value_text, shift: start, span, out };
            let value = tree.value(value.get_ref(), value.span());
            Value { raw: Some(raw), ..value }
        }
        // What is no TOML value is meant as a string.
        Err(_) => Value {
            kind: Kind::String(Str { text: raw, variable: false, secret: false }),
            span: span(range),
            raw: None,
        },
    };
    Some((path, value))
}

/// The first `=` outside quotes.
fn find_equals(written: &str) -> Option<usize> {
    let mut quote = None;
    written.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '=') => Some(at),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(open), _) if open == c => {
            quote = None;
            None
        }
        _ => None,
    })
}

/// The path of the only leaf.
fn flatten(table: &DeTable, span: &dyn Fn(std::ops::Range<usize>) -> Span, path: &mut Vec<Spanned<String>>) {
    if let Some((key, value)) = table.iter().next() {
        path.push(Spanned { value: key.get_ref().to_string(), span: span(key.span()) });
        if let DeValue::Table(inner) = value.get_ref() {
            flatten(inner, span, path);
        }
    }
}

/// An override may add options to a node, but a node of another name is a slip.
fn check_node(root: &Table, path: &[Spanned<String>]) -> Result<(), Diagnostic> {
    let [room, node, _, ..] = path else { return Ok(()) };
    if !["sources", "transforms", "sinks"].contains(&room.value.as_str()) {
        return Ok(());
    }
    let names: Vec<&str> = match root.get(&room.value).map(|v| &v.kind) {
        Some(Kind::Table(table)) => table.entries.iter().map(|e| e.key.value.as_str()).collect(),
        _ => Vec::new(),
    };
    if names.contains(&node.value.as_str()) {
        return Ok(());
    }
    let all = match names.len() {
        0 => "there are none".into(),
        1 => format!("there is {}", super::suggest::list(&names)),
        _ => format!("there are {}", super::suggest::list(&names)),
    };
    let help = super::suggest::did_you_mean(&node.value, &names, &all);
    let message = format!("the job has no `{}.{}` to override", room.value, node.value);
    Err(Diagnostic::error(message).at(&node.span).label("no such node").help(help))
}

fn set(table: &mut Table, path: &[Spanned<String>], value: Value, out: &mut Diagnostics) {
    let Some((key, rest)) = path.split_first() else { return };
    let found = table.entries.iter().position(|e| e.key.value == key.value);
    if rest.is_empty() {
        match found {
            // The type that stands there is no other one.
            Some(at) if key.value == "type" && same_text(&table.entries[at].value, &value) => {}
            Some(at) => table.entries[at].value = value,
            None => table.entries.push(Entry { key: key.clone(), value }),
        }
        return;
    }
    let at = found.unwrap_or_else(|| {
        let inner = Value { kind: Kind::Table(Table::default()), span: key.span.clone(), raw: None };
        table.entries.push(Entry { key: key.clone(), value: inner });
        table.entries.len() - 1
    });
    let inner = &mut table.entries[at].value;
    lengthen(&key.value, inner);
    match &mut inner.kind {
        Kind::Table(inner) => set(inner, rest, value, out),
        _ => {
            let message = format!("`{}` is not a table here but of type {}", key.value, inner.type_name());
            let help = "override the whole value instead";
            out.push(Diagnostic::error(message).at(&key.span).label("not a table").help(help));
        }
    }
}

fn same_text(one: &Value, other: &Value) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::String(one), Kind::String(other)) => one.text.value == other.text.value,
        _ => false,
    }
}

/// `format = "csv"` is short for `{ type = "csv" }`, so `-D sources.s.format.header=false` means the same for both;
/// likewise `restart = "exponential"`.
fn lengthen(key: &str, value: &mut Value) {
    let inner = match key {
        "format" => "type",
        "restart" => "strategy",
        _ => return,
    };
    if matches!(value.kind, Kind::String(_)) {
        let key = Spanned { value: inner.to_string(), span: value.span.clone() };
        let table = Value { kind: Kind::Table(Table::default()), span: value.span.clone(), raw: None };
        let short = std::mem::replace(value, table);
        value.kind = Kind::Table(Table { entries: vec![Entry { key, value: short }] });
    }
}
