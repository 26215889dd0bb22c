//! What is not TOML: the parser's findings in words for people, one for each mistake.
//!
//! The parser goes on behind a fault, which may confuse it for the rest of a line, of a list or of a table. What only
//! follows from an earlier fault is not told.

use std::ops::Range;

use super::Span;
use super::diagnostic::{Diagnostic, Diagnostics, JobText};

/// Reports `faults`, the places and words of the parser.
pub(super) fn report(text: &JobText, faults: &[(Range<usize>, &str)], out: &mut Diagnostics) {
    let file = &*text.text;
    let mut faults = faults.to_vec();
    faults.sort_by_key(|(range, _)| range.start);
    let mut told: Vec<Range<usize>> = Vec::new();
    for (range, words) in faults {
        let line = line_of(file, range.start);
        if told.iter().any(|other| other.start == line.start) {
            continue;
        }
        told.push(line.clone());
        let header = told.iter().rev().find(|line| file[(*line).clone()].trim_start().starts_with('['));
        if words.starts_with("duplicate") && header.is_some_and(|header| inside(file, header, &line)) {
            continue;
        }
        let (fault, is_last) = fault(text, range, words);
        out.push(fault);
        if is_last {
            return;
        }
    }
}

/// The line around `at`, without its end.
fn line_of(file: &str, at: usize) -> Range<usize> {
    let at = (0..=at.min(file.len())).rev().find(|at| file.is_char_boundary(*at)).unwrap_or(0);
    let start = file[..at].rfind('\n').map_or(0, |end| end + 1);
    start..file[at..].find('\n').map_or(file.len(), |len| at + len)
}

/// Whether a line stands below a header, in its table.
fn inside(file: &str, header: &Range<usize>, line: &Range<usize>) -> bool {
    header.end < line.start && !file[header.end..line.start].lines().any(|line| line.trim_start().starts_with('['))
}

/// A fault in words, and whether those behind it only follow from it.
fn fault(text: &JobText, range: Range<usize>, words: &str) -> (Diagnostic, bool) {
    let file = &*text.text;
    let line = line_of(file, range.start);
    let before = file.get(line.start..range.start).unwrap_or("");
    let written = &file[line.clone()];
    let at = |range: Range<usize>, label: &str| {
        Diagnostic::error("this is not TOML").at(&Span::File(range)).label(label.to_string())
    };
    let is_new_line = before.trim().is_empty();
    if file.trim_start().starts_with('{') || (is_new_line && written.trim_start().starts_with('{')) {
        let help = "a job file has tables: [sources.NAME], and below it type = \"file\"";
        return (at(range, "a table begins with its name in brackets").help(help), true);
    }
    if words.contains("multi-line") {
        let quotes = if words.contains("literal") { "\'\'\'" } else { "\"\"\"" };
        let start = file[..range.start.min(file.len())].rfind(quotes).unwrap_or(range.start);
        let label = format!("this string has no end: {quotes} is missing");
        return (at(start..start + quotes.len(), &label), true);
    }
    if words.starts_with("invalid basic string") || words.starts_with("invalid literal string") {
        let quote = if words.contains("basic") { '"' } else { '\'' };
        let start = before.rfind(quote).map_or(range.start, |at| line.start + at);
        return (at(start..line.end, &format!("this string has no end: `{quote}` is missing")), false);
    }
    if words.starts_with("missing comma between array elements") && is_new_line {
        let start = file[..line.start].rfind('[').unwrap_or(range.start);
        return (
            at(start..start + 1, "this list has no end: `]` is missing").help("close it in front of the next line"),
            true,
        );
    }
    if words.contains("escape") {
        let help = "a backslash in double quotes begins an escape: write the text in single quotes, or `\\\\`";
        return (at(range, "no such escape").help(help), false);
    }
    if let Some(colon) = colon(before, &written[before.len()..]) {
        let at_colon = line.start + colon..line.start + colon + 1;
        let fault = at(at_colon, "a key and its value are joined by `=`");
        return (fault.help("write it such as type = \"file\", below a table such as [sources.NAME]"), false);
    }
    if words.starts_with("unexpected key or value") && before.contains('"') {
        let help = "a double quote inside of the text ends it: write the text in single quotes, or the quote as `\\\"`";
        return (at(range, "the value has ended before this").help(help), false);
    }
    if words.starts_with("string values must be quoted") {
        let word = text.written(&Span::File(range.clone())).to_string();
        return (at(range, "text goes in quotes").help(format!("write \"{word}\"")), false);
    }
    if words.starts_with("duplicate key") {
        return (again(text, at(range, "a second time"), written), false);
    }
    if words.starts_with("cannot extend value") {
        let help = "a key has a value, or keys below it: write all of it as one table, such as format = { type = \"csv\", delimiter = \";\" }";
        return (at(range, "this key has a value already").help(help), false);
    }
    (at(range, words), false)
}

/// Where on a line a `:` stands in the place of `=`; `before` and `behind` the fault.
fn colon(before: &str, behind: &str) -> Option<usize> {
    let start = before.rfind(['{', ',', '[']).map_or(0, |at| at + 1);
    let key = &before[start..];
    if let Some(at) = key.find(':') {
        let is_key =
            key[..at].trim().trim_matches(['"', '\'']).chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
        return (is_key && !key[..at].trim().is_empty()).then_some(start + at);
    }
    (behind.starts_with(':') && !key.contains('=')).then_some(before.len())
}

/// Says in which line the same header or key is, if it is written in the same way.
fn again(text: &JobText, error: Diagnostic, written: &str) -> Diagnostic {
    let is_header = written.trim_start().starts_with('[');
    let first = text.text.lines().position(|line| line.trim() == written.trim());
    match first {
        Some(line) if is_header => error.help(format!("line {} has begun it: put what is here there", line + 1)),
        _ => error.help("leave one of them out"),
    }
}
