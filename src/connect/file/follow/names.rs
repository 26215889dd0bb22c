//! The names there are: files that come under one, and those that have lost theirs.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::tail::{FileId, Tail, is_packed_name};
use super::{Follow, file_of};
use crate::error::Result;

/// A file without its name is forgotten when it has not grown for so long, µs.
const LEFT_US: i64 = 10_000_000;

impl Follow {
    /// Lists the names there are: takes in new files, and forgets those that nobody will write to any more.
    pub(super) fn list(&mut self, now: i64, first: bool) -> Result<()> {
        let mut listed = HashSet::new();
        for path in self.options.patterns.present()? {
            if let Some(&number) = self.by_path.get(&path) {
                listed.insert(number);
                continue;
            }
            // What goes away meanwhile was not there.
            let Ok(meta) = fs::metadata(&path) else { continue };
            listed.extend(self.welcome(path, &meta, first)?);
        }
        let over = |(number, tail): (&u32, &Tail)| {
            let since = tail.left.as_ref()?.since?;
            let read = tail.rest.is_none() && !self.keys.contains_key(number);
            let silent = tail.gone || now.saturating_sub(since) >= LEFT_US;
            (read && silent && !listed.contains(number)).then_some(*number)
        };
        let over: Vec<u32> = self.tails.iter().filter_map(over).collect();
        for number in over {
            match self.tails.get_mut(&number) {
                // What no line end follows is its last record.
                Some(tail) if !tail.closing && tail.seen > tail.mark.offset => tail.closing = true,
                _ => {
                    self.forget(number);
                    self.go_on_behind(number)?;
                }
            }
        }
        Ok(())
    }

    /// A file that is listed under `path`: its number, if it is followed.
    pub(super) fn welcome(&mut self, path: PathBuf, meta: &fs::Metadata, first: bool) -> Result<Option<u32>> {
        let id = FileId::of(meta);
        if self.passed_over.contains(&id) {
            return Ok(None);
        }
        if let Some(&number) = self.by_id.get(&id) {
            let Some(tail) = self.tails.get_mut(&number) else { return Ok(None) };
            // A second name of a file that has one is nothing new.
            if tail.left.is_some() || fs::metadata(&tail.path).map_or(true, |meta| FileId::of(&meta) != id) {
                let before = std::mem::replace(&mut tail.path, path.clone());
                tail.gone = false;
                if self.by_path.get(&before) == Some(&number) {
                    self.by_path.remove(&before);
                }
                self.by_path.insert(path, number);
            }
            return Ok(Some(number));
        }
        let why = match meta.is_file() {
            true if is_packed_name(&path) => Some("compressed files are not followed"),
            true => None,
            false => Some("only regular files are followed"),
        };
        if let Some(why) = why {
            self.passed_over.insert(id);
            self.warnings.push(format!("{} is not read: {why}", path.display()));
            return Ok(None);
        }
        let before = self.tails.iter().rev().find(|(_, t)| t.left.as_ref().is_some_and(|left| left.name == path));
        let before = before.map(|(number, tail)| (*number, tail.slot));
        let slot = before.map_or_else(|| self.new_slot(), |(_, slot)| slot);
        let behind = before.map(|(number, _)| number);
        self.unsaved |= behind.is_some();
        let number = self.add(Tail { seen: meta.len(), behind, ..Tail::new(path, id, slot) });
        if first && self.options.from_end && meta.len() > 0 {
            let Some(at) = self.file(number)? else { return Ok(Some(number)) };
            if let Some(tail) = self.tails.get_mut(&number) {
                let file = file_of(&self.open, at);
                tail.go_to_end(file, &self.options.records, self.options.exact_lines)?;
            }
        }
        Ok(Some(number))
    }
}
