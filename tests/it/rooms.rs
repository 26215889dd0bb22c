//! Who may use whom: the rooms of `src/` and what each may name of the crate. `src/lib.rs` says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// A room and the rooms it may use, besides itself.
const ROOMS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("observe", &[]),
    ("data", &["error"]),
    ("storage", &["error"]),
    ("expr", &["data", "error"]),
    ("format", &["data", "error"]),
    ("state", &["data", "error"]),
    ("checkpoint", &["data", "error", "state", "storage"]),
    ("op", &["data", "error", "expr", "state"]),
    ("connect", &["data", "error", "format", "storage"]),
    ("spec", &["data", "error", "format"]),
    ("plan", &["connect", "data", "error", "expr", "format", "op", "spec"]),
    (
        "runtime",
        &["checkpoint", "connect", "data", "error", "format", "observe", "op", "plan", "spec", "state", "storage"],
    ),
    ("control", &["checkpoint", "error", "runtime"]),
    (
        "cli",
        &[
            "checkpoint",
            "connect",
            "control",
            "data",
            "error",
            "expr",
            "format",
            "observe",
            "plan",
            "runtime",
            "spec",
            "storage",
        ],
    ),
];

/// Single names that a room may use though it may not use their room.
const NAMES: [(&str, &str); 0] = [];

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, out),
            false => out.push(path),
        }
    }
}

/// The source without tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let name = Regex::new(r"crate::(?:\{[^}]*\}|[a-z_]+(?:::\w+)?)").unwrap();
    let room_of = Regex::new(r"[a-z_]+").unwrap();
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    let mut wrong = BTreeSet::new();
    for path in &all {
        let inside = path.strip_prefix("src").unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        let is_test = inside.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
        if ["lib", "main"].contains(&room) || is_test {
            continue;
        }
        let (_, may) = ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is a new room"));
        for found in name.find_iter(&code(path)) {
            let used = room_of.find(found.as_str().trim_start_matches("crate::").trim_start_matches('{'));
            let used = used.map_or("", |m| m.as_str());
            let named = NAMES.iter().any(|(by, name)| *by == room && found.as_str() == *name);
            if used != room && !may.contains(&used) && !named {
                wrong.insert(format!("{} uses {}", path.display(), found.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn unsafe_stands_in_two_files() {
    let word = Regex::new(r"\bunsafe\b").unwrap();
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    let mut with: Vec<&PathBuf> = all.iter().filter(|path| word.is_match(&code(path))).collect();
    with.sort();
    assert_eq!(with, [Path::new("src/data/raw.rs"), Path::new("src/storage/spill.rs")]);
}
