//! Where each file is, and how they are found again under the names they have now.

use std::collections::HashSet;
use std::fs;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tail::{FileId, Left, Tail};
use super::{Follow, Slot};
use crate::connect::Block;
use crate::connect::file::identity::{Edges, Mark, verify};
use crate::connect::file::input::Input;
use crate::connect::file::position::{Name, unlike};
use crate::connect::file::raw::Raw;
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};
use crate::format::Years;

/// Files that are named one by one, in words.
const LISTED_MAX: usize = 20;

#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// Each name has a watermark.
    by_time: bool,
    /// Inputs so far.
    slots: u32,
    followed: Vec<At>,
}

#[derive(Debug, Serialize, Deserialize)]
struct At {
    path: Name,
    id: FileId,
    mark: Mark,
    lines: u64,
    slot: u32,
    /// Its input has had a block.
    opened: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    inside: bool,
    /// Where lines have no year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    years: Option<Years>,
    /// The name it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<Name>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A position in words, a line for each file. `None`: it is none of files that are followed.
pub fn in_words(position: &Value) -> Option<Vec<String>> {
    let position = Position::deserialize(position).ok()?;
    let followed = &position.followed;
    let word = |at: &At| format!("{}: followed, at byte {}", at.path.path().display(), at.mark.offset);
    let mut lines: Vec<String> = followed.iter().take(LISTED_MAX).map(word).collect();
    let more = followed.len().saturating_sub(LISTED_MAX);
    lines.extend((more > 0).then(|| format!("{more} more files")));
    Some(lines)
}

impl Follow {
    pub(super) fn saved(&self) -> Result<Value> {
        let at = |tail: &Tail| At {
            path: Name::of(&tail.path),
            id: tail.id,
            mark: tail.mark,
            lines: tail.lines,
            slot: tail.slot,
            opened: self.slots[tail.slot as usize].opened,
            inside: tail.inside,
            years: tail.years,
            left: tail.left.as_ref().map(|left| Name::of(&left.name)),
        };
        let followed = self.tails.values().map(at).collect();
        let position = Position { by_time: self.by_time(), slots: self.slots.len() as u32, followed };
        serde_json::to_value(position).map_err(|e| Error::internal(format!("a position cannot be written: {e}")))
    }

    pub(super) fn load(&mut self, position: &Value) -> Result<()> {
        let position = Position::deserialize(position).map_err(|e| unlike(&e.to_string()))?;
        if position.by_time != self.by_time() {
            return Err(unlike("its order of files is another"));
        }
        self.clear();
        self.slots = vec![Slot::default(); position.slots as usize];
        let fits = |at: &At| at.slot < position.slots;
        if !position.followed.iter().all(fits) {
            return Err(unlike("a file is of no input"));
        }
        // Those first that are where they were, so that nobody else takes them for its own.
        let (there, moved): (Vec<&At>, Vec<&At>) = position.followed.iter().partition(|at| is_there(at));
        for at in there.into_iter().chain(moved) {
            self.slots[at.slot as usize].opened = at.opened;
            self.find(at)?;
        }
        // What is gone holds nobody back.
        let live: HashSet<u32> = self.tails.values().map(|tail| tail.slot).collect();
        let dead: Vec<u32> = (0..position.slots).filter(|slot| position.by_time && !live.contains(slot)).collect();
        for slot in dead {
            self.slots[slot as usize].ended = true;
            let ends = Block { ends: true, ..self.mark(slot) };
            self.marks.push_back(ends);
        }
        Ok(())
    }

    /// Forgets what a source has been doing.
    fn clear(&mut self) {
        self.tails.clear();
        self.by_path.clear();
        self.by_id.clear();
        self.ready.clear();
        self.keys.clear();
        self.marks.clear();
        self.open.clear();
        self.slots.clear();
        (self.next_look, self.next_list, self.begun) = (i64::MIN, i64::MIN, true);
    }

    /// Goes on with a file: where it was; else beside it, under another name; else what has come under its name is read
    /// from its start.
    fn find(&mut self, at: &At) -> Result<()> {
        let path = at.path.path();
        let name = at.left.as_ref().map_or_else(|| path.clone(), Name::path);
        let left = || Some(Left { name: name.clone(), since: None });
        let here = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        let free = here.as_ref().is_some_and(|meta| !self.by_id.contains_key(&FileId::of(meta)));
        if let (Some(meta), true) = (&here, free)
            && (FileId::of(meta) == at.id || self.unclaimed_id(at).is_none())
            && let Ok((raw, edges)) = verify(&path, at.mark, Unpack::Default)
        {
            let left = at.left.as_ref().and_then(|_| left());
            return self.go_on(Tail { left, ..at.tail(path, FileId::of(meta)) }, (raw, edges));
        }
        let elsewhere = self.unclaimed_id(at).or_else(|| self.unclaimed(&path, at.mark));
        let Some((now, id)) = elsewhere else {
            self.lost(at, here.is_some());
            return Ok(());
        };
        match verify(&now, at.mark, Unpack::Default) {
            Ok(opened) => self.go_on(Tail { left: left(), ..at.tail(now, id) }, opened),
            Err(_) => Ok(()),
        }
    }

    /// One that was compressed meanwhile grows no more: its rest is read.
    fn go_on(&mut self, mut tail: Tail, opened: (Raw, Edges)) -> Result<()> {
        if !matches!(opened.0, Raw::Plain(_)) {
            let at = (tail.mark, Some(tail.lines));
            let mut rest = Input::reenter(&tail.path, &self.options.records, false, at, opened)?;
            rest.set_years(tail.years);
            tail.rest = Some(Box::new(rest));
        }
        self.add(tail);
        Ok(())
    }

    /// The file of the same inode in the folder, if it holds what was read.
    fn unclaimed_id(&self, at: &At) -> Option<(std::path::PathBuf, FileId)> {
        if self.by_id.contains_key(&at.id) {
            return None;
        }
        let path = super::look::Folders::default().find(&at.path.path(), at.id)?;
        verify(&path, at.mark, Unpack::Default).is_ok().then_some((path, at.id))
    }

    /// What was behind the place is not there any more, if anything was.
    fn lost(&mut self, at: &At, replaced: bool) {
        // Nothing of it had been read.
        if at.mark.offset == 0 {
            return;
        }
        let (path, offset) = (at.path.path(), at.mark.offset);
        let what = match replaced {
            true => "does not hold what was read of it, and no file beside it does: it is read from its start",
            false => "is gone, and no file beside it holds what was read of it",
        };
        let lost = format!("what was written to it behind byte {offset} is lost, if anything was");
        self.warnings.push(format!("{} {what}; {lost}", path.display()));
    }
}

impl At {
    fn tail(&self, path: std::path::PathBuf, id: FileId) -> Tail {
        let At { mark, lines, inside, slot, years, .. } = *self;
        Tail { mark, lines, inside, years, looked: mark.offset, ..Tail::new(path, id, slot) }
    }
}

/// It has the name that it had.
fn is_there(at: &At) -> bool {
    fs::metadata(at.path.path()).is_ok_and(|meta| FileId::of(&meta) == at.id)
}
