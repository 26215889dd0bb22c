//! Lines by a regular expression, in the syntax of the crate `regex`: one column per named group.
//!
//! The pattern may match anywhere in a line; `^` and `$` bind it. A line in which it does not is bad. A group that took
//! no part is null.

use ::regex::bytes::{CaptureLocations, Regex};

use super::json::Rows;
use super::lined::{Broken, Grammar, LinedDecoder};
use super::values::{Converter, Kind, Span};
use super::{RegexOptions, SourceField};
use crate::data::DataType;
use crate::error::{Error, Result};

/// The named groups, as strings. Errors: what is wrong with the pattern.
pub fn fields(options: &RegexOptions) -> Result<Vec<SourceField>, String> {
    let pattern = compile(options)?;
    let fields: Vec<_> =
        pattern.capture_names().flatten().map(|name| SourceField::new(name, DataType::String, None)).collect();
    if fields.is_empty() { Err("it has no named group, such as (?<name>…)".into()) } else { Ok(fields) }
}

fn compile(options: &RegexOptions) -> Result<Regex, String> {
    // The last line of the message says what is wrong; those before draw the pattern.
    let reason = |error: ::regex::Error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or(last).to_string()
    };
    Regex::new(&options.pattern).map_err(reason)
}

/// Errors: the pattern is none, or has no group of a column's name; a timestamp pattern or zone is wrong.
pub fn decoder(
    options: &RegexOptions,
    fields: &[SourceField],
    used: &[usize],
    max_record: usize,
) -> Result<LinedDecoder<Groups>> {
    let pattern = compile(options).map_err(|reason| Error::job(format!("the pattern is wrong: {reason}")))?;
    let used: Vec<&SourceField> = used.iter().map(|&field| &fields[field]).collect();
    let group = |field: &&SourceField| {
        let name = field.source_name();
        let found = pattern.capture_names().position(|group| group == Some(name));
        found.ok_or_else(|| Error::job(format!("the pattern has no group '{name}'")))
    };
    let groups = used.iter().map(group).collect::<Result<Vec<_>>>()?;
    let texts = used.iter().map(|field| field.ty == DataType::String);
    let groups = groups.into_iter().zip(texts).collect();
    let converters = used.iter().map(|field| Converter::csv(field, &[])).collect::<Result<_>>()?;
    let grammar = Groups { found: pattern.capture_locations(), pattern, groups };
    Ok(LinedDecoder::new(grammar, &used, converters, max_record))
}

pub struct Groups {
    pattern: Regex,
    /// Group of each column asked for, and whether that is a string: then an empty text is no null.
    groups: Vec<(usize, bool)>,
    found: CaptureLocations,
}

impl Grammar for Groups {
    const CUTS_AT_ASCII: bool = false;

    fn line(&mut self, data: &[u8], start: usize, end: usize, row: &mut Rows) -> Result<(), Broken> {
        let line = &data[start..end];
        let matched = match self.groups.is_empty() {
            // Whether there is a match is told faster than where.
            true => self.pattern.is_match(line),
            false => self.pattern.captures_read(&mut self.found, line).is_some(),
        };
        if !matched {
            return Err("the line does not match the pattern".into());
        }
        for (column, &(group, text)) in self.groups.iter().enumerate() {
            if let Some((from, to)) = self.found.get(group) {
                let kind = if text { Kind::Quoted } else { Kind::Plain };
                row.set(column, Span { start: (start + from) as u32, end: (start + to) as u32, kind });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
