//! Looking at what there is: files that have grown, were renamed, cut or removed, and new ones.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::tail::{FileId, Left, Tail};
use super::{Follow, OPEN_FILES_MAX, file_of};
use crate::connect::file::identity::Mark;
use crate::connect::file::paths::reason;
use crate::connect::file::position::beside;
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};

/// How often sizes are looked at, µs.
const LOOK_US: i64 = 100_000;
/// How often names are listed, µs.
const LIST_US: i64 = 500_000;
/// Looking takes at most this part of the time of a core.
const LOOK_SHARE: i64 = 50;

/// Said of a file that was filled again.
pub(super) const OTHER_DATA: &str = "it holds other data than what was read";

/// Names in folders by inode, listed when one is first asked for.
#[derive(Default)]
pub(super) struct Folders(HashMap<PathBuf, HashMap<u64, PathBuf>>);

impl Folders {
    /// Where the file `id` is in the folder of `path`.
    pub(super) fn find(&mut self, path: &Path, id: FileId) -> Option<PathBuf> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let names = self.0.entry(folder).or_insert_with_key(|folder| {
            let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let entries = fs::read_dir(listed).into_iter().flatten().filter_map(|entry| entry.ok());
            entries.map(|entry| (entry.ino(), folder.join(entry.file_name()))).collect()
        });
        let found = names.get(&id.inode)?;
        fs::metadata(found).is_ok_and(|meta| FileId::of(&meta) == id).then(|| found.clone())
    }
}

impl Follow {
    /// Takes in the files there are at first.
    pub(super) fn begin(&mut self, now: i64) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.list(now, true)
    }

    /// Looks at all files, and seldom for new ones.
    pub(super) fn look(&mut self, now: i64) -> Result<()> {
        let started = Instant::now();
        let pause = |started: Instant, least: i64| {
            // Unit tests have a clock of their own, which goes on while a busy machine lets them wait.
            let took = if cfg!(test) { 0 } else { started.elapsed().as_micros() };
            let cost = i64::try_from(took).unwrap_or(i64::MAX);
            now.saturating_add(cost.saturating_mul(LOOK_SHARE).max(least))
        };
        let mut folders = Folders::default();
        let numbers: Vec<u32> = self.tails.keys().copied().collect();
        for number in numbers {
            self.look_at(number, now, &mut folders)?;
        }
        self.next_look = pause(started, LOOK_US);
        if now >= self.next_list {
            let started = Instant::now();
            self.list(now, false)?;
            self.next_list = pause(started, LIST_US);
        }
        let numbers: Vec<u32> = self.tails.keys().filter(|number| !self.keys.contains_key(number)).copied().collect();
        numbers.into_iter().try_for_each(|number| self.make_ready(number))
    }

    fn look_at(&mut self, number: u32, now: i64, folders: &mut Folders) -> Result<()> {
        let Some(tail) = self.tails.get(&number).filter(|tail| tail.rest.is_none()) else { return Ok(()) };
        if tail.gone {
            return self.look_at_gone(number, now);
        }
        let (path, id) = (tail.path.clone(), tail.id);
        match fs::metadata(&path) {
            Ok(meta) if FileId::of(&meta) == id => self.grew(number, &meta, now),
            Ok(meta) => {
                self.leave(number, now, folders)?;
                if self.by_path.contains_key(&path) || !self.options.patterns.takes(&path) {
                    return Ok(());
                }
                self.welcome(path, &meta, false).map(drop)
            }
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                self.leave(number, now, folders)
            }
            Err(e) => Err(Error::external(format!("cannot look at {}: {}", path.display(), reason(&e)))),
        }
    }

    /// A file that has no name any more is read by the descriptor that is still there.
    fn look_at_gone(&mut self, number: u32, now: i64) -> Result<()> {
        let open = self.open.iter().find(|(open, _)| *open == number);
        match open.and_then(|(_, file)| file.metadata().ok()) {
            Some(meta) => self.grew(number, &meta, now),
            None => Ok(()),
        }
    }

    fn grew(&mut self, number: u32, meta: &fs::Metadata, now: i64) -> Result<()> {
        let Some(tail) = self.tails.get_mut(&number) else { return Ok(()) };
        let (size, written) = (meta.len(), Some((meta.mtime(), meta.mtime_nsec())));
        // Written to and not longer: it may have been cut and filled again, which reading would not come across.
        let odd = tail.written.is_some() && tail.written != written && size == tail.mark.offset;
        tail.written = written;
        if let Some(left) = tail.left.as_mut().filter(|left| size > tail.seen || left.since.is_none()) {
            left.since = Some(now);
        }
        let cut = size < tail.mark.offset;
        tail.seen = size;
        if cut {
            return self.start_over(number, &format!("it was truncated to {size} bytes"));
        }
        if odd && let Some(at) = self.file(number)? {
            let same = self.tails.get(&number).map(|tail| tail.is_as_read(file_of(&self.open, at))).transpose()?;
            if same == Some(false) {
                self.start_over(number, OTHER_DATA)?;
            }
        }
        Ok(())
    }

    /// File `number` is not what was read of it: it is read from its start. A copy of what it was is read on, if it lies
    /// beside it.
    pub(super) fn start_over(&mut self, number: u32, what: &str) -> Result<()> {
        self.not_ready(number);
        let Some(tail) = self.tails.get_mut(&number) else { return Ok(()) };
        let (path, mark, slot) = (tail.path.clone(), tail.mark, tail.slot);
        let (lines, inside, years) = (tail.lines, tail.inside, tail.years);
        tail.start_over();
        let copy = self.unclaimed(&path, mark);
        let rest = match &copy {
            Some((copy, _)) => format!("its copy {} is read on", copy.display()),
            None => "what was written in between is lost, if anything was".to_owned(),
        };
        let (name, at) = (path.display(), mark.offset);
        self.warnings.push(format!("{name}: {what}, behind byte {at}: it is read from its start; {rest}"));
        if let Some((copy, id)) = copy {
            let seen = fs::metadata(&copy).map_or(0, |meta| meta.len());
            let left = Some(Left { name: path, since: None });
            let looked = mark.offset;
            let number_of_copy =
                self.add(Tail { mark, lines, inside, years, left, seen, looked, ..Tail::new(copy, id, slot) });
            if let Some(tail) = self.tails.get_mut(&number) {
                tail.behind = Some(number_of_copy);
            }
        }
        Ok(())
    }

    /// A file beside `path`, followed by nobody, that begins with what was read of it.
    pub(super) fn unclaimed(&self, path: &Path, mark: Mark) -> Option<(PathBuf, FileId)> {
        let found = beside(path, mark, Unpack::Default, &|other| {
            fs::metadata(other).is_ok_and(|meta| self.by_id.contains_key(&FileId::of(&meta)))
        })?;
        let meta = fs::metadata(&found).ok()?;
        Some((found, FileId::of(&meta)))
    }

    /// The name of file `number` is another's now, or nobody's.
    fn leave(&mut self, number: u32, now: i64, folders: &mut Folders) -> Result<()> {
        let Some(tail) = self.tails.get_mut(&number) else { return Ok(()) };
        let name = tail.path.clone();
        // Another may have come under its name.
        self.next_list = now;
        if self.by_path.get(&name) == Some(&number) {
            self.by_path.remove(&name);
        }
        // The name it was first known by is the one that another goes on with.
        let left = tail.left.take().unwrap_or(Left { name, since: Some(now) });
        tail.left = Some(left);
        match folders.find(&tail.path, tail.id) {
            Some(path) => {
                tail.path = path;
                match fs::metadata(&tail.path) {
                    Ok(meta) if FileId::of(&meta) == tail.id => self.grew(number, &meta, now),
                    _ => Ok(()),
                }
            }
            None => {
                tail.gone = true;
                let open = self.open.iter().any(|(open, _)| *open == number);
                if !open && tail.has_more() {
                    let (name, at) = (tail.path.display(), tail.mark.offset);
                    self.warnings.push(format!("{name} is gone: what was in it behind byte {at} is lost"));
                }
                self.look_at_gone(number, now)
            }
        }
    }

    /// A compressed file is none that grows.
    pub(super) fn pass_over(&mut self, number: u32) {
        if let Some(tail) = self.tails.get(&number) {
            self.passed_over.insert(tail.id);
            self.warnings.push(format!("{} is not read: compressed files are not followed", tail.path.display()));
        }
        self.forget(number);
    }

    /// Where in [`Follow::open`] file `number` is, opened if need be; `None` if it is not where it was.
    pub(super) fn file(&mut self, number: u32) -> Result<Option<usize>> {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == number) {
            if at + 1 < self.open.len()
                && let Some(file) = self.open.remove(at)
            {
                self.open.push_back(file);
            }
            return Ok(Some(self.open.len() - 1));
        }
        let Some(tail) = self.tails.get(&number).filter(|tail| !tail.gone && tail.rest.is_none()) else {
            return Ok(None);
        };
        let opened = File::open(&tail.path).and_then(|file| file.metadata().map(|meta| (file, FileId::of(&meta))));
        match opened {
            Ok((file, id)) if id == tail.id => {
                if self.open.len() >= OPEN_FILES_MAX {
                    self.open.pop_front();
                }
                self.open.push_back((number, file));
                Ok(Some(self.open.len() - 1))
            }
            // It was renamed just now: the next look finds it.
            Ok(_) => Ok(None),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(cannot_open(&tail.path, &e)),
        }
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> Error {
    Error::external(format!("cannot open {}: {}", path.display(), reason(error)))
}
