//! What is said at the end of a run about data that is probably not what somebody meant, with what to change.

use super::prepare;
use super::run::Outcome;
use crate::error::Error;
use crate::format::Format;
use crate::observe::{JobStats, SourceStats};
use crate::plan::grouped;
use crate::plan::logical::{Kind, LogicalPlan, Node, Source};
use crate::runtime::Ending;
use crate::spec::{SourceConnector, suggest};

/// So many names are listed.
const NAMES_MAX: usize = 10;

/// All there is to say. `resumed`: the run began behind other rows.
pub fn all(plan: &LogicalPlan, outcome: &Outcome, resumed: bool) -> Vec<Error> {
    let stats = &outcome.stats;
    let mut warnings = Vec::new();
    for (name, source) in &stats.sources {
        let Some((node, kind)) = source_of(plan, name) else { continue };
        let ended = matches!(outcome.ending, Ending::Finished | Ending::Drained);
        if ended && !resumed && source.read().rows == 0 {
            warnings.extend(empty(node, kind));
        }
        warnings.extend(bad(name, source));
        warnings.extend(missing(name, source));
    }
    if matches!(outcome.ending, Ending::Stopped(_) | Ending::Suspended { .. }) {
        warnings.extend(still(plan, stats));
    }
    warnings
}

fn source_of<'a>(plan: &'a LogicalPlan, path: &str) -> Option<(&'a Node, &'a Source)> {
    let node = plan.nodes.iter().find(|node| node.path() == path)?;
    match &node.kind {
        Kind::Source(source) => Some((node, source)),
        _ => None,
    }
}

/// A source that gave no rows.
fn empty(node: &Node, source: &Source) -> Option<Error> {
    let message = match &source.connector {
        SourceConnector::Stdin => "stdin was empty".to_owned(),
        SourceConnector::File { paths, exclude, .. } => {
            let files = prepare::patterns(paths, exclude).resolve().unwrap_or_default();
            match &files[..] {
                [] => "its files have no records".to_owned(),
                [file] => {
                    let is_empty = std::fs::metadata(file).is_ok_and(|meta| meta.len() == 0);
                    let header = matches!(&source.format, Format::Csv(options) if options.header);
                    let what = match (is_empty, header) {
                        (true, _) => "is empty",
                        (false, true) => "has a header and no records",
                        (false, false) => "has no records",
                    };
                    format!("{} {what}", file.display())
                }
                files => format!("none of its {} files has a record", files.len()),
            }
        }
        SourceConnector::Tcp { .. } | SourceConnector::Generate { .. } | SourceConnector::Given => return None,
    };
    Some(Error::data(message).at(node.path()).note("results are those of an empty input"))
}

/// A source of which half the records or more were bad.
fn bad(name: &str, source: &SourceStats) -> Option<Error> {
    let figures = source.read();
    if figures.bad == 0 || figures.bad * 2 < figures.rows {
        return None;
    }
    let message = match figures.bad >= figures.rows {
        true => format!("none of {} records could be read", grouped(figures.rows)),
        false => format!("{} of {} records could not be read", grouped(figures.bad), grouped(figures.rows)),
    };
    let why = source.bad_reason().map(|why| format!("for example: {why}"));
    let looks = source.looks().filter(|_| figures.bad >= figures.rows);
    let why = why.into_iter().chain(looks);
    let error = Error::data(message).at(name);
    Some(why.fold(error, Error::note).note("on_error = \"fail\" shows the first one with its place"))
}

/// Columns that no record had: probably misspelt.
pub fn missing(name: &str, source: &SourceStats) -> Option<Error> {
    let missing = source.missing();
    if missing.is_empty() || source.read().rows == 0 {
        return None;
    }
    let others = source.read_others();
    let columns: Vec<&str> = missing.iter().map(|(column, _)| column.as_str()).collect();
    let word = if columns.len() == 1 { "column" } else { "columns" };
    let mut error = Error::data(format!("no record had {word} {}", columns.join(", "))).at(name);
    let mut none_near = false;
    for (column, path) in &missing {
        match nearest(path, &others) {
            Some(near) if column == path && !near.contains('.') => {
                error = error.note(format!(
                    "did you mean `{near}`? Rename the column, or {column} = {{ type = …, from = \"{near}\" }}"
                ));
            }
            Some(near) => error = error.note(format!("did you mean from = \"{near}\" for {column}?")),
            None => none_near = true,
        }
    }
    if none_near && !others.is_empty() {
        let more = if others.len() > NAMES_MAX { ", …" } else { "" };
        let names = others.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        error = error.note(format!("other fields that were seen: {names}{more}"));
    }
    Some(error.note("names are case-sensitive; `from = \"outer.inner\"` in the schema finds a nested or renamed field"))
}

/// The path that was probably meant: one of which a part has another name, or the same name elsewhere.
fn nearest(path: &str, others: &[String]) -> Option<String> {
    let steps: Vec<&str> = path.split('.').collect();
    // What is below a field that nobody asks for is not known: the rest of the path is kept.
    for length in (1..=steps.len()).rev() {
        let (head, rest) = (steps[..length].join("."), &steps[length..]);
        let same: Vec<&str> = others.iter().map(String::as_str).filter(|o| o.split('.').count() == length).collect();
        if let Some(near) = suggest(&head, &same) {
            return Some(std::iter::once(near).chain(rest.iter().copied()).collect::<Vec<_>>().join("."));
        }
    }
    None
}

/// Windows that wait for a source which gave nothing.
fn still(plan: &LogicalPlan, stats: &JobStats) -> Option<Error> {
    let waits = |path: &str| {
        let node = plan.nodes.iter().find(|node| node.path() == path);
        node.is_some_and(|node| match &node.kind {
            Kind::Aggregate(aggregate) => aggregate.window.is_some(),
            Kind::Top(top) => top.window.is_some(),
            _ => false,
        })
    };
    let silent = || stats.sources.iter().filter(|(_, figures)| figures.read().rows == 0);
    silent().next()?;
    // A node of several operators comes several times, and not all of them have a watermark.
    let of = |path: &str| {
        let path = path.to_owned();
        stats.nodes.iter().filter(move |(name, ..)| *name == path).map(|(.., figures)| figures.read())
    };
    let (name, ..) = stats.nodes.iter().find(|(name, ..)| {
        waits(name) && of(name).any(|f| f.rows_in > 0) && of(name).all(|f| f.watermark == i64::MIN)
    })?;
    let error = Error::data("its watermark never moved, so no window was closed").at(name.as_str());
    let advice =
        |source: &str| format!("{source} gave no rows; idle = \"30s\" in its event_time lets others go on without it");
    Some(silent().fold(error, |error, (source, _)| error.note(advice(source))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_that_was_meant() {
        let others: Vec<String> = ["city", "user.address", "user.name", "n"].into_iter().map(str::to_owned).collect();
        for (path, expect) in [
            ("citty", Some("city")),
            ("City", Some("city")),
            ("user.nam", Some("user.name")),
            ("user.adress.city", Some("user.address.city")),
            ("nothing.of.it", None),
        ] {
            assert_eq!(nearest(path, &others).as_deref(), expect, "{path}");
        }
    }
}
