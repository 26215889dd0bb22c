//! `flott state dump`: the rows of an operator's state on stdout.

use std::io::{ErrorKind, Write};

use super::checkpoint;
use crate::checkpoint::manifest::{Manifest, OperatorState, TableState};
use crate::cli::args::{DumpArgs, Rows};
use crate::cli::screen::Screen;
use crate::data::{Batch, Column, Field};
use crate::error::{Error, Result};
use crate::format::{self, CsvOptions, Format, JsonOptions};
use crate::spec::{parse_type, suggest};

pub fn dump(args: &DumpArgs) -> Result<u8> {
    let checkpoint = checkpoint(&args.target, &args.state)?;
    let (id, operator) = operator(checkpoint.manifest(), &args.operator)?;
    let table = table(id, operator, args.table.as_deref())?;
    let format = match args.format {
        Rows::Json => Format::Json(JsonOptions::default()),
        Rows::Csv => Format::Csv(CsvOptions::default()),
    };
    let mut encoder = format::encoder(&format, &fields(table)?);
    let mut bytes = encoder.header();
    if write(&bytes)? {
        checkpoint.each_segment(table, |columns| {
            let rows = columns.first().map_or(0, Column::len);
            bytes.clear();
            encoder.encode(&Batch::new(columns, rows), &mut bytes, None);
            write(&bytes)
        })?;
    }
    if args.table.is_none() && operator.tables.len() > 1 {
        let others: Vec<&str> = operator.tables.iter().skip(1).map(|table| table.name.as_str()).collect();
        Screen::plain().line(&format!("flott: this is table {}; --table has {} too", table.name, others.join(", ")));
    }
    Ok(0)
}

/// Writes to stdout. False: whoever reads it has enough.
fn write(bytes: &[u8]) -> Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::external(format!("cannot write to stdout: {e}"))),
    }
}

/// The operator that is meant: by its id, or by its node where that has one alone.
///
/// Errors (class Usage): there is none of that name, with those that there are.
fn operator<'a>(manifest: &'a Manifest, typed: &str) -> Result<(&'a str, &'a OperatorState)> {
    let all = || manifest.operators.iter().map(|(id, operator)| (id.as_str(), operator));
    let long = format!("transforms.{typed}");
    if let Some(found) = all().find(|(id, _)| *id == typed || *id == long) {
        return Ok(found);
    }
    // A node that is laid out as several operators, none of which has its plain name.
    let of_node = |id: &str| id.rsplit_once('/').is_some_and(|(node, _)| node == typed || node == long);
    let parts: Vec<_> = all().filter(|(id, _)| of_node(id)).collect();
    if let [found] = parts[..] {
        return Ok(found);
    }
    let ids: Vec<&str> = all().map(|(id, _)| id).collect();
    let short: Vec<&str> = ids.iter().map(|id| id.strip_prefix("transforms.").unwrap_or(id)).collect();
    let error = Error::usage(format!("checkpoint {} has no operator `{typed}`", manifest.checkpoint));
    let error = match suggest(typed, &short).or_else(|| suggest(typed, &ids)) {
        Some(near) => error.note(format!("did you mean `{near}`?")),
        None => error,
    };
    Err(match ids.is_empty() {
        true if manifest.ended => error.note("it holds none: the job had read all its input"),
        true => error.note("it holds none: no transform of the job remembers anything"),
        false => error.note(format!("there are {}", short.join(", "))),
    })
}

/// Errors (class Usage): there is no such table, or none at all.
fn table<'a>(id: &str, operator: &'a OperatorState, wanted: Option<&str>) -> Result<&'a TableState> {
    let Some(first) = operator.tables.first() else {
        let numbers: Vec<String> = operator.scalars.iter().filter(|s| !s.is_null()).map(|s| s.to_string()).collect();
        let error = Error::usage(format!("{id} keeps no rows"));
        return Err(match numbers.is_empty() {
            true => error.note("it remembers nothing between rows"),
            false => error.note(format!("all it remembers is {}", numbers.join(", "))),
        });
    };
    let Some(wanted) = wanted else { return Ok(first) };
    operator.tables.iter().find(|table| table.name == wanted).ok_or_else(|| {
        let names: Vec<&str> = operator.tables.iter().map(|table| table.name.as_str()).collect();
        Error::usage(format!("{id} has no table `{wanted}`")).note(format!("it has {}", names.join(", ")))
    })
}

/// The columns of a table, as encoders want them.
fn fields(table: &TableState) -> Result<Vec<Field>> {
    let field = |(name, ty): &(String, String)| {
        let wrong = |_| Error::external(format!("the manifest has a column of the unknown type {ty}"));
        Ok(Field { name: name.clone(), ty: parse_type(ty).map_err(wrong)? })
    };
    table.columns.iter().map(field).collect()
}
