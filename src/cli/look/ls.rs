//! `flott state ls`: which checkpoints and savepoints there are.

use std::path::Path;

use serde_json::{Value, json};

use super::entries::{self, Entry};
use super::{SAVEPOINTS, Target, kind, target};
use crate::cli::args::{LsArgs, Shown};
use crate::cli::list::{age, table};
use crate::cli::summary::grouped;
use crate::cli::{now, print, state};
use crate::error::Result;

pub fn ls(args: &LsArgs) -> Result<u8> {
    let folders = match &args.target {
        None => state::place(&args.state)?.folders()?,
        Some(typed) => match target(typed, &args.state)? {
            Target::One(path) => {
                show(args.format, None, &[entries::saved(path)]);
                return Ok(0);
            }
            Target::Folder(folder) => vec![folder],
        },
    };
    let mut all = Vec::new();
    for folder in &folders {
        let found = of(folder)?;
        if args.format == Shown::Text && args.target.is_none() {
            print(&format!("{}\n", folder.display()));
        }
        match args.format {
            Shown::Text => show(args.format, Some(folder), &found),
            Shown::Json => all.extend(found),
        }
    }
    if args.format == Shown::Json {
        show(args.format, None, &all);
    }
    Ok(0)
}

/// Checkpoints, then savepoints.
fn of(folder: &Path) -> Result<Vec<Entry>> {
    let mut found = entries::checkpoints(folder)?;
    found.extend(entries::savepoints(&folder.join(SAVEPOINTS))?);
    found.extend(entries::savepoints(folder)?.into_iter().filter(|e| !is_checkpoint(&e.path)));
    Ok(found)
}

fn is_checkpoint(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("chk-"))
}

/// `folder`: what the shown paths are relative to.
fn show(format: Shown, folder: Option<&Path>, found: &[Entry]) {
    match format {
        Shown::Json => print(&format!("{:#}\n", Value::Array(found.iter().map(value).collect()))),
        Shown::Text if found.is_empty() => print("no checkpoints and no savepoints\n"),
        Shown::Text => {
            let now = now();
            print(&table(HEADS, found.iter().map(|entry| row(entry, folder, now))));
        }
    }
}

const HEADS: [&str; 7] = ["FOLDER", "NUMBER", "KIND", "LINEAGE", "AGE", "BYTES", "STATE"];

fn row(entry: &Entry, folder: Option<&Path>, now: i64) -> [String; 7] {
    let path = folder.and_then(|folder| entry.path.strip_prefix(folder).ok()).unwrap_or(&entry.path);
    let path = path.display().to_string();
    match &entry.manifest {
        Some(Ok(manifest)) => [
            path,
            manifest.checkpoint.to_string(),
            kind(manifest.kind).into(),
            manifest.lineage.clone(),
            age(now - manifest.created),
            grouped(manifest.files.values().map(|file| file.bytes).sum()),
            "complete".into(),
        ],
        _ => {
            let none = || "-".to_owned();
            [path, none(), none(), none(), none(), none(), why_not(entry)]
        }
    }
}

/// Why it is of no use.
pub fn why_not(entry: &Entry) -> String {
    match &entry.manifest {
        Some(Err(error)) => format!("not usable: {}", error.message),
        None if entry.serves => "taken away; files of others lie here".into(),
        _ => "not complete: it has no manifest (yet)".into(),
    }
}

fn value(entry: &Entry) -> Value {
    let path = entry.path.display().to_string();
    match &entry.manifest {
        Some(Ok(manifest)) => json!({
            "path": path,
            "job": manifest.job.name,
            "checkpoint": manifest.checkpoint,
            "kind": kind(manifest.kind),
            "lineage": manifest.lineage,
            "created": manifest.created,
            "bytes": manifest.files.values().map(|file| file.bytes).sum::<u64>(),
            "complete": true,
        }),
        _ => json!({ "path": path, "complete": false, "why": why_not(entry) }),
    }
}
