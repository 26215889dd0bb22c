//! The position of a file source, and how its files are found again under the names they have now.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connect::file::identity::{Edges, Mark, Mismatch, verify};
use crate::connect::file::raw::Raw;
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};
use crate::format::Years;

/// Files of a folder that are looked at to find a renamed one.
const RENAMED_MAX: usize = 10_000;
/// Files that are done are named one by one, if they are so few.
const LISTED_MAX: usize = 10;

#[derive(Debug, Serialize, Deserialize)]
pub struct Position {
    pub by_time: bool,
    /// The end of the whole source has been handed out.
    pub ended: bool,
    /// Bytes on disk of the files that are done.
    pub done_bytes: u64,
    /// Slots given away under `order = "time"`.
    pub slots: u32,
    /// In the order of the job when it was first started.
    pub files: Vec<FileAt>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FileAt {
    pub path: Name,
    pub state: State,
}

/// A path; one that is not UTF-8 as its bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Name {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not opened; by time, with the event time (µs) of its first record.
    Waiting {
        time: Option<i64>,
        /// Where lines have no year and other files tell it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        years: Option<Years>,
    },
    /// By time, with its slot and the event time (µs) of its next record; else both are 0.
    Open {
        mark: Mark,
        slot: u32,
        time: i64,
        /// Where lines have no year.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        years: Option<Years>,
        /// Lines before the mark and behind the header, where they are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<u64>,
    },
    Done,
}

impl Name {
    pub fn of(path: &Path) -> Name {
        match path.to_str() {
            Some(text) => Name::Text(text.to_owned()),
            None => Name::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }

    pub fn path(&self) -> PathBuf {
        match self {
            Name::Text(text) => PathBuf::from(text),
            Name::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes.clone())),
        }
    }
}

/// A position in words, a line for each file; files that are done are counted where there are many. `None`: it is none
/// of files.
pub fn in_words(position: &Value) -> Option<Vec<String>> {
    if let Some(followed) = crate::connect::file::follow::in_words(position) {
        return Some(followed);
    }
    let position = Position::deserialize(position).ok()?;
    let is_done = |file: &&FileAt| matches!(file.state, State::Done);
    let done = position.files.iter().filter(is_done).count();
    let counted = done > LISTED_MAX;
    let mut lines = Vec::new();
    if counted {
        lines.push(format!("{done} files: read to their ends"));
    }
    for file in position.files.iter().filter(|file| !counted || !is_done(file)) {
        let state = match file.state {
            State::Waiting { .. } => "not opened yet".to_owned(),
            State::Open { mark, .. } => format!("at byte {}", mark.offset),
            State::Done => "read to its end".to_owned(),
        };
        lines.push(format!("{}: {state}", file.path.path().display()));
    }
    Some(lines)
}

/// Finds files among those the job lists now.
pub struct Finder<'a> {
    listed: &'a [PathBuf],
    /// Those of `listed` that are taken.
    claimed: HashSet<PathBuf>,
    /// The job had a single file, and has one now.
    single: bool,
    unpack: Unpack,
}

impl<'a> Finder<'a> {
    pub fn new(listed: &'a [PathBuf], files: &[FileAt], unpack: Unpack) -> Finder<'a> {
        let stored: HashSet<PathBuf> = files.iter().map(|file| file.path.path()).collect();
        let single = listed.len() == 1 && files.len() == 1;
        Finder {
            listed,
            single,
            unpack,
            claimed: listed.iter().filter(|path| stored.contains(*path)).cloned().collect(),
        }
    }

    /// Listed files that were not there when the job was first started.
    pub fn new_files(&self) -> usize {
        self.listed.len() - self.claimed.len()
    }

    /// Listed files of the name of `stored` that nobody has, those with the most folders in common first.
    fn namesakes(&self, stored: &Path) -> Vec<PathBuf> {
        let free = self.listed.iter().filter(|p| !self.claimed.contains(*p) && p.file_name() == stored.file_name());
        let mut found: Vec<PathBuf> = free.cloned().collect();
        let common = |path: &Path| path.iter().rev().zip(stored.iter().rev()).take_while(|(a, b)| a == b).count();
        found.sort_by_key(|path| std::cmp::Reverse(common(path)));
        found
    }

    /// A file that is read no more: it need not exist.
    pub fn done(&mut self, stored: PathBuf) -> PathBuf {
        if !self.claimed.contains(&stored)
            && let Some(path) = self.namesakes(&stored).into_iter().next()
        {
            self.claimed.insert(path);
        }
        stored
    }

    /// A file that was not opened yet.
    pub fn waiting(&mut self, stored: PathBuf) -> Result<PathBuf> {
        if self.claimed.contains(&stored) {
            return Ok(stored);
        }
        if let Some(path) = self.namesakes(&stored).into_iter().next() {
            self.claimed.insert(path.clone());
            return Ok(path);
        }
        if stored.exists() {
            return Ok(stored);
        }
        if let ([path], true) = (self.listed, self.single) {
            self.claimed.insert(path.clone());
            return Ok(path.clone());
        }
        Err(Mismatch::Missing.error(&stored, 0))
    }

    /// A file of which a part was read, opened behind that.
    ///
    /// Errors: it is not the file that was read; which names where it went, if that can be seen.
    pub fn started(&mut self, stored: PathBuf, mark: Mark) -> Result<(PathBuf, Raw, Edges)> {
        let namesakes = if self.claimed.contains(&stored) { Vec::new() } else { self.namesakes(&stored) };
        let mut wrong = None;
        let tried = if namesakes.is_empty() { vec![stored.clone()] } else { namesakes };
        for path in tried {
            match verify(&path, mark, self.unpack) {
                Ok((raw, edges)) => return Ok(self.take(path, raw, edges)),
                Err(mismatch) => _ = wrong.get_or_insert((path, mismatch)),
            }
        }
        let (path, mismatch) = wrong.unwrap_or((stored.clone(), Mismatch::Missing));
        if matches!(mismatch, Mismatch::Missing) {
            let free: Vec<PathBuf> = self.listed.iter().filter(|p| !self.claimed.contains(*p)).cloned().collect();
            let mut alike = free.into_iter().filter_map(|path| Some((verify(&path, mark, self.unpack).ok()?, path)));
            if let (Some(((raw, edges), path)), None) = (alike.next(), alike.next()) {
                return Ok(self.take(path, raw, edges));
            }
        }
        let readable = !matches!(mismatch, Mismatch::Unreadable(_));
        let error = mismatch.error(&path, mark.offset);
        Err(match renamed(&stored, mark, self.unpack).filter(|_| readable) {
            Some(now) => error.note(format!("it looks renamed to {}: name it back", now.display())),
            None => error,
        })
    }

    fn take(&mut self, path: PathBuf, raw: Raw, edges: Edges) -> (PathBuf, Raw, Edges) {
        if self.listed.contains(&path) {
            self.claimed.insert(path.clone());
        }
        (path, raw, edges)
    }
}

/// Another file in the folder of `path` that has what was read of it.
fn renamed(path: &Path, mark: Mark, unpack: Unpack) -> Option<PathBuf> {
    beside(path, mark, unpack, &|_| false)
}

/// As [`renamed`], but for files that are `taken`.
pub fn beside(path: &Path, mark: Mark, unpack: Unpack, taken: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    // Every short file begins like every other of which nothing was read.
    if mark.offset == 0 {
        return None;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(listed).ok()?.take(RENAMED_MAX);
    let entries = entries.filter_map(|entry| Some(folder.join(entry.ok()?.file_name())));
    let mut others: Vec<PathBuf> = entries.filter(|p| p.file_name() != path.file_name() && p.is_file()).collect();
    others.sort();
    others.into_iter().filter(|other| !taken(other)).find(|other| verify(other, mark, unpack).is_ok())
}

/// The position is not of this source as the job has it now.
pub fn unlike(what: &str) -> Error {
    Error::external(format!("the checkpoint does not fit this source: {what}"))
        .note("undo the change of the job file, or start anew with --fresh")
}
