//! `flott state show`: what is in a checkpoint.

use std::path::Path;

use serde_json::{Value, json};

use super::{checkpoint, kind};
use crate::checkpoint::look;
use crate::checkpoint::manifest::{Manifest, OperatorState, SinkState, SourceState, TableState};
use crate::cli::args::{ShowArgs, Shown};
use crate::cli::list::age;
use crate::cli::summary::grouped;
use crate::cli::{now, print};
use crate::connect::position;
use crate::data::text::timestamp_text;
use crate::error::Result;

pub fn show(args: &ShowArgs) -> Result<u8> {
    let checkpoint = checkpoint(&args.target.target, &args.target.state)?;
    let (path, manifest) = (checkpoint.path(), checkpoint.manifest());
    match args.format {
        Shown::Text => print(&text(path, manifest, now())),
        Shown::Json => print(&format!("{:#}\n", value(path, manifest))),
    }
    Ok(0)
}

fn line(label: &str, text: &str) -> String {
    format!("  {label:<11} {text}\n")
}

fn text(path: &Path, manifest: &Manifest, now: i64) -> String {
    let Manifest { job, checkpoint, created, files, .. } = manifest;
    let mut text = format!("{} {checkpoint} of {}\n", kind(manifest.kind), job.name);
    text += &line("folder", &path.display().to_string());
    text += &line(
        "made",
        &format!("{} ago, {}, by flott {}", age(now - created), timestamp_text(*created), manifest.flott),
    );
    text += &line("lineage", &manifest.lineage);
    text += &line("job file", &job.path);
    text += &line("directory", &job.directory);
    if !job.overrides.is_empty() {
        let overrides: Vec<String> = job.overrides.iter().map(|o| format!("-D {o}")).collect();
        text += &line("options", &overrides.join(" "));
    }
    text += &line("parallelism", &format!("{}, {} key groups", job.parallelism, job.max_parallelism));
    let bytes: u64 = files.values().map(|file| file.bytes).sum();
    text += &line("files", &format!("{}, {} bytes", files.len(), grouped(bytes)));
    if manifest.ended {
        text += &line("ended", "all input was read; nothing but output to be put in place is left");
    }
    section(&mut text, "sources", manifest.sources.iter().map(|(name, source)| source_text(name, source)));
    section(&mut text, "operators", manifest.operators.iter().map(|(id, o)| operator_text(manifest, id, o)));
    section(&mut text, "sinks", manifest.sinks.iter().map(|(name, sink)| sink_text(name, sink)));
    text
}

fn section(text: &mut String, name: &str, parts: impl Iterator<Item = String>) {
    let parts: String = parts.collect();
    if !parts.is_empty() {
        text.push_str(&format!("\n{name}\n{parts}"));
    }
}

/// Greatest event time of a source, if it has any.
fn event_time(source: &SourceState) -> Option<i64> {
    source.progress.slots.iter().map(|slot| slot.max).max().filter(|&max| max > i64::MIN && max < i64::MAX)
}

fn source_text(name: &str, source: &SourceState) -> String {
    let mut head = format!("{name}: {}", source.kind);
    head.extend(source.ended.then_some(", read to its end"));
    head.extend(event_time(source).map(|at| format!(", event time up to {}", timestamp_text(at))));
    let mut text = format!("  {head}\n");
    let lines: u64 = source.progress.lines.values().sum();
    let position = position::in_words(&source.kind, &source.position).into_iter();
    let lines = (lines > 0).then(|| format!("{} lines of the files at hand", grouped(lines)));
    for detail in position.chain(lines) {
        text.push_str(&format!("      {detail}\n"));
    }
    text
}

fn watermark(micros: i64) -> String {
    match micros {
        i64::MIN => "no watermark yet".into(),
        i64::MAX => "watermark at the end".into(),
        at => format!("watermark {}", timestamp_text(at)),
    }
}

fn operator_text(manifest: &Manifest, id: &str, operator: &OperatorState) -> String {
    let what = operator.identity.get("operator").map_or("operator", String::as_str);
    let mut text = format!("  {id}: {what}, {}", watermark(operator.watermark));
    text.push_str(if operator.finished { ", finished\n" } else { "\n" });
    for (word, value) in operator.identity.iter().filter(|(word, _)| *word != "operator") {
        text.push_str(&format!("      {word}: {value}\n"));
    }
    for table in &operator.tables {
        let columns: Vec<String> = table.columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
        let (rows, bytes) = (grouped(rows(table)), grouped(look::bytes(manifest, table)));
        text.push_str(&format!("      table {}: {rows} rows, {bytes} bytes\n", table.name));
        text.push_str(&format!("          {}\n", columns.join(", ")));
    }
    for (subtask, scalars) in operator.scalars.iter().enumerate().filter(|(_, scalars)| !scalars.is_null()) {
        text.push_str(&format!("      numbers of subtask {subtask}: {scalars}\n"));
    }
    text
}

fn rows(table: &TableState) -> u64 {
    table.segments.iter().map(|segment| segment.rows).sum()
}

fn sink_text(name: &str, sink: &SinkState) -> String {
    let mut text = format!("  {name}: {}\n", sink.kind);
    if !sink.state.is_null() {
        text.push_str(&format!("      {}\n", position::target_in_words(&sink.kind, &sink.state)));
    }
    for (checkpoint, pending) in &sink.pending {
        text.push_str(&format!("      to be put in place, since checkpoint {checkpoint}: {pending}\n"));
    }
    text
}

/// Times are in µs.
fn value(path: &Path, manifest: &Manifest) -> Value {
    let sources = manifest.sources.iter().map(|(name, source)| {
        json!({
            "name": name,
            "type": source.kind,
            "position": source.position,
            "in-words": position::in_words(&source.kind, &source.position),
            "ended": source.ended,
            "event-time": event_time(source),
        })
    });
    let operators = manifest.operators.iter().map(|(id, operator)| {
        let tables = operator.tables.iter().map(|table| {
            let columns = table.columns.iter().map(|(name, ty)| json!({ "name": name, "type": ty }));
            json!({
                "name": table.name,
                "columns": columns.collect::<Vec<_>>(),
                "rows": rows(table),
                "bytes": look::bytes(manifest, table),
            })
        });
        json!({
            "id": id,
            "identity": operator.identity,
            "watermark": Some(operator.watermark).filter(|&at| at > i64::MIN && at < i64::MAX),
            "finished": operator.finished,
            "tables": tables.collect::<Vec<_>>(),
            "numbers": operator.scalars,
        })
    });
    let sinks = manifest.sinks.iter().map(|(name, sink)| {
        let pending = sink.pending.iter().map(|(checkpoint, of)| json!({ "checkpoint": checkpoint, "pending": of }));
        json!({ "name": name, "type": sink.kind, "state": sink.state, "pending": pending.collect::<Vec<_>>() })
    });
    json!({
        "path": path.display().to_string(),
        "kind": kind(manifest.kind),
        "checkpoint": manifest.checkpoint,
        "lineage": manifest.lineage,
        "created": manifest.created,
        "flott": manifest.flott,
        "ended": manifest.ended,
        "bytes": manifest.files.values().map(|file| file.bytes).sum::<u64>(),
        "job": {
            "name": manifest.job.name,
            "file": manifest.job.path,
            "directory": manifest.job.directory,
            "options": manifest.job.overrides,
            "parallelism": manifest.job.parallelism,
            "max-parallelism": manifest.job.max_parallelism,
        },
        "sources": sources.collect::<Vec<_>>(),
        "operators": operators.collect::<Vec<_>>(),
        "sinks": sinks.collect::<Vec<_>>(),
    })
}
