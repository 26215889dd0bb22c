//! A source as it stands in a job file, with comments on what was seen.

use std::collections::HashSet;
use std::path::Path;

use arrow_array::{Array, StringViewArray};

use super::node_name;
use crate::data::DataType;
use crate::format::infer::columnar::Described;
use crate::format::infer::{Found, disorder, hint};
use crate::format::{Format, SourceField};
use crate::plan::grouped;
use crate::plan::show::duration;

/// So many values of a column are shown, and so many characters of each.
const EXAMPLES: usize = 3;
const EXAMPLE_CHARS: usize = 30;
/// Comments begin here at the latest.
const WIDTH_MAX: usize = 60;

/// What is known of a source before its columns.
pub struct Source<'a> {
    /// As it was typed; `None`: stdin.
    pub path: Option<&'a Path>,
    /// The file among those of the path that was looked at.
    pub seen: &'a str,
    pub kind: &'static str,
    /// The format that the name of the file tells.
    pub named: Option<&'static str>,
    /// The format was asked for.
    pub written: bool,
}

impl Source<'_> {
    /// A format that has columns of its own.
    pub fn fixed(&self, what: &str) -> Printed {
        let said = if self.written { "has columns of its own" } else { "needs no schema" };
        let format = format!("format = \"{}\"", self.kind);
        let mut text = match self.written {
            true => format!("# {format} {said}\n"),
            false => format!("# this looks like {what}: {format} {said}\n"),
        };
        text.push_str(&self.head());
        text.push_str(&format);
        text.push('\n');
        Printed { text, kind: self.kind, columns: Vec::new(), time: None }
    }

    /// A file that says itself what is in it: a source needs no schema, but one may leave columns out or convert them.
    pub fn described(&self, described: &Described) -> Printed {
        let counted = |n: u64, one: &str, many: &str| match n {
            1 => format!("1 {one}"),
            n => format!("{} {many}", grouped(n)),
        };
        let rows = counted(described.rows, "row", "rows");
        let group = if self.kind == "parquet" { "row group" } else { "record batch" };
        let many = if self.kind == "parquet" { "row groups" } else { "record batches" };
        let groups = counted(described.groups as u64, group, many);
        let mut text = format!("# {} says what is in it: {rows} in {groups}\n{}", self.seen, self.head());
        if self.named != Some(self.kind) {
            text.push_str(&format!("format = \"{}\"\n", self.kind));
        }
        let found = &described.found;
        let names = names(&found.fields, false);
        let time = event_time(found, &names);
        if let Some((line, comment)) = &time {
            text.push_str(&commented(&[(line.clone(), comment.clone())]));
        }
        for name in &described.unread {
            text.push_str(&format!("# column {} has a type that is not read\n", one_line(name)));
        }
        text.push_str(
            "\n# These are all columns: without a schema they are read as well, under the names of the file.\n",
        );
        self.schema(text, found, &names)
    }

    pub fn with_columns(&self, format: &Format, found: &Found) -> Printed {
        let name = self.seen;
        let records = match found.records {
            0 => "the header alone".into(),
            1 if found.all => "the only record".to_owned(),
            records if found.all => format!("all {} records", grouped(records as u64)),
            1 => "the first record".into(),
            records => format!("the first {} records", grouped(records as u64)),
        };
        let mut text = format!("# inferred from {records} of {name}\n{}", self.head());
        if let Some(format) = self.format(format) {
            text.push_str(&format!("format = {format}\n"));
        }
        let names = names(&found.fields, matches!(format, Format::Json(_)));
        if let Some((line, comment)) = event_time(found, &names) {
            text.push_str(&commented(&[(line, comment)]));
        }
        text.push('\n');
        self.schema(text, found, &names)
    }

    /// `text`, with the table of columns behind it.
    fn schema(&self, text: String, found: &Found, names: &[Name]) -> Printed {
        let lines: Vec<(String, String)> = names
            .iter()
            .zip(&found.fields)
            .zip(&found.values)
            .map(|((name, field), values)| (name.entry(field), comment(field, values)))
            .collect();
        let text = format!("{text}[sources.{}.schema]\n{}", node_name(self.path), commented(&lines));
        let column = |((name, field), values): ((&Name, &SourceField), &StringViewArray)| {
            plain(&name.key).then(|| Column { name: name.key.clone(), ty: field.ty, values: values.clone() })
        };
        let columns = names.iter().zip(&found.fields).zip(&found.values).filter_map(column).collect();
        let time = time_of(found, names).map(|(name, _)| name.key.clone()).filter(|key| plain(key));
        Printed { text, kind: self.kind, columns, time }
    }

    fn head(&self) -> String {
        let head = format!("[sources.{}]\n", node_name(self.path));
        match self.path {
            Some(path) => format!("{head}type = \"file\"\npath = {}\n", value(&path.display().to_string())),
            None => format!("{head}type = \"stdin\"\n"),
        }
    }

    /// The format as the job has to say it; nothing where the name of the file does.
    fn format(&self, format: &Format) -> Option<String> {
        let mut options = Vec::new();
        if let Format::Csv(csv) = format {
            let usual = if self.kind == "tsv" { b'\t' } else { b',' };
            if csv.delimiter != usual {
                options.push(format!("delimiter = {}", quoted(&(csv.delimiter as char).to_string())));
            }
            if !csv.header {
                options.push("header = false".into());
            }
        }
        match options.is_empty() {
            true if self.named == Some(self.kind) => None,
            true => Some(format!("\"{}\"", self.kind)),
            false => Some(format!("{{ type = \"{}\", {} }}", self.kind, options.join(", "))),
        }
    }
}

/// A source as text, and what a job over it may begin with.
pub struct Printed {
    pub text: String,
    /// Its format.
    pub kind: &'static str,
    /// Those whose name is plain; none if the format has columns of its own.
    pub columns: Vec<Column>,
    /// The one that has the event time.
    pub time: Option<String>,
}

pub struct Column {
    pub name: String,
    pub ty: DataType,
    /// What was seen of it, as text.
    pub values: StringViewArray,
}

/// The name of a column, and where it is found if not under it.
struct Name {
    key: String,
    from: Option<String>,
}

impl Name {
    fn entry(&self, field: &SourceField) -> String {
        match &self.from {
            None => format!("{} = {}", self.key, value(&field.ty.to_string())),
            Some(from) => {
                format!("{} = {{ type = {}, from = {} }}", self.key, value(&field.ty.to_string()), value(from))
            }
        }
    }
}

/// Names that need no quotes in expressions, as far as there are: those of JSON that look like paths keep theirs.
fn names(fields: &[SourceField], json: bool) -> Vec<Name> {
    let mut taken: HashSet<String> = fields.iter().map(|field| field.name.clone()).collect();
    let mut name = |field: &SourceField| {
        let plain = plain_name(&field.name);
        if plain == field.name {
            return Name { key: plain, from: None };
        }
        if plain.is_empty() || json && field.name.contains(['.', '[']) {
            return Name { key: quoted(&field.name), from: None };
        }
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let key = std::iter::once(plain.clone()).chain(numbered).find(|key| taken.insert(key.clone()));
        Name { key: key.unwrap_or(plain), from: Some(field.name.clone()) }
    };
    fields.iter().map(&mut name).collect()
}

fn plain(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Letters, digits and `_` of a text; nothing if there are none, or no name that begins as names do.
pub fn plain_name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !is_plain(c)).filter(|word| !word.is_empty()).collect();
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The line for the event time, and what is to be said about it.
fn event_time(found: &Found, names: &[Name]) -> Option<(String, String)> {
    let (name, behind) = time_of(found, names)?;
    let column = match name.key.starts_with(['"', '\'']) {
        true => name.key.clone(),
        false => format!("\"{}\"", name.key),
    };
    Some(match behind {
        0 => (format!("event_time = {{ column = {column} }}"), "rows are in order".into()),
        micros => {
            let delay = duration(whole_seconds(micros));
            let line = format!("event_time = {{ column = {column}, delay = \"{delay}\" }}");
            (line, "so far are rows behind others".into())
        }
    })
}

/// The first column that always has a moment, and how far its rows are behind others: µs.
fn time_of<'a>(found: &Found, names: &'a [Name]) -> Option<(&'a Name, i64)> {
    let columns = names.iter().zip(&found.fields).zip(&found.values);
    let mut times = columns.filter(|((_, field), values)| field.ty == DataType::Timestamp && values.null_count() == 0);
    times.find_map(|((name, _), values)| Some((name, disorder(values)?)))
}

/// Rounded up to whole seconds. Both in µs.
fn whole_seconds(micros: i64) -> i64 {
    micros.saturating_add(999_999) / 1_000_000 * 1_000_000
}

/// What a column holds.
fn comment(field: &SourceField, values: &StringViewArray) -> String {
    let mut examples: Vec<&str> = Vec::new();
    let mut more = false;
    for value in values.iter().flatten() {
        if examples.len() == EXAMPLES {
            more = true;
            break;
        }
        if !examples.contains(&value) {
            examples.push(value);
        }
    }
    let mut shown: Vec<String> = examples.iter().map(|value| example(value, field.ty)).collect();
    if more {
        shown.push("…".into());
    }
    let mut parts = vec![shown.join(", ")];
    match values.null_count() {
        nulls if nulls == values.len() => parts = vec!["no values".into()],
        0 => {}
        nulls => parts.push(format!("{} of {} are null", grouped(nulls as u64), grouped(values.len() as u64))),
    }
    parts.extend(hint(field, values));
    parts.join("; ")
}

fn example(value: &str, ty: DataType) -> String {
    let mut short = String::new();
    for c in value.chars().take(EXAMPLE_CHARS) {
        match c.is_control() {
            true => short.extend(c.escape_default()),
            false => short.push(c),
        }
    }
    if value.chars().nth(EXAMPLE_CHARS).is_some() {
        short.push('…');
    }
    if ty == DataType::String { format!("'{short}'") } else { short }
}

/// Lines with their comments below each other.
fn commented(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= WIDTH_MAX).max();
    let width = width.unwrap_or(0);
    lines.iter().map(|(line, comment)| format!("{line:width$}  # {comment}\n")).collect()
}

/// A TOML string that is a value, where `$` begins a variable.
fn value(text: &str) -> String {
    quoted(&text.replace('$', "$$"))
}

/// A TOML string.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::format::infer::{RECORDS, Sample, infer};
    use crate::format::{CsvOptions, JsonOptions};
    use crate::spec::{self, NodeKind};

    /// What is printed for a file is read as a source with the columns that were found.
    fn check(format: Format, data: String) -> Result<(), TestCaseError> {
        let sample = Sample { data: Bytes::from(data), whole: true };
        let Ok(found) = infer(&format, &sample, RECORDS) else { return Ok(()) };
        let path = Path::new("some ${file}.x");
        let source = Source { path: Some(path), seen: "x", kind: format.name(), named: None, written: false };
        let text = source.with_columns(&format, &found).text;
        let sink = format!("[sinks.o]\ntype = 'blackhole'\ninput = '{}'\n", node_name(Some(path)));
        let (job, faults) = spec::parse(Path::new("j.toml"), &format!("{text}{sink}"), &[], &|_| None);
        prop_assert!(faults.is_empty(), "{}\n{}", text, faults.render(&job.unwrap().text, false));
        let job = job.unwrap();
        let NodeKind::Source(source) = &job.nodes[0].kind else { panic!() };
        let read = source.schema.iter().flatten();
        let read = read.map(|f| (f.from.as_ref().map_or(&f.name.value, |from| &from.value).clone(), f.ty.value));
        let expect = found.fields.iter().map(|field| (field.name.clone(), field.ty));
        prop_assert_eq!(read.collect::<Vec<_>>(), expect.collect::<Vec<_>>(), "{}", text);
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_printed_for_tables_is_read_back(
            names in proptest::collection::vec("[a-zA-Z0-9_ .$\\[\\]'\\\\{}é\u{7f}-]{1,6}", 1..5),
            values in proptest::collection::vec("[a-z\u{1}#'0-9.]{0,4}", 4),
        ) {
            let row = values[..names.len()].join(",");
            check(Format::Csv(CsvOptions::default()), format!("{}\n{row}\n", names.join(",")))?;
        }

        #[test]
        fn what_is_printed_for_objects_is_read_back(
            names in proptest::collection::vec("[a-zA-Z0-9_ .$\\[\\]'{}\"é-]{1,6}", 1..5),
            value in "1|true|\"x\"|\\[1\\]|\\{\"a b\":[\\{\"$\":1\\}],\"c\":\"2024-05-01\"\\}",
        ) {
            let members: Vec<String> = names.iter().map(|name| format!("{}:{value}", serde_json::json!(name))).collect();
            check(Format::Json(JsonOptions::default()), format!("{{{}}}\n", members.join(",")))?;
        }
    }
}
