//! The folder as it is on disk: finding parts in it by their names, renaming and removing them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{Named, Names, SUCCESS, is_partition};
use super::state::{Beside, OpenPart, Pending, Place, Rename, State};
use crate::connect::output::{Extent, open_existing, parent};
use crate::error::{Error, Result};
use crate::storage::{Kind, Storage, crash};

/// Folders of partitions are nested this deep at most.
const DEPTH_MAX: usize = 32;

#[derive(Clone)]
pub struct Tree {
    pub storage: Arc<dyn Storage>,
    pub names: Names,
    pub success_file: bool,
}

/// What was found in a folder.
#[derive(Default)]
pub struct Found {
    pub parts: Vec<FoundPart>,
    /// Folders of partitions, inner ones behind those they are in.
    pub partitions: Vec<PathBuf>,
    /// What no such sink makes.
    pub others: Vec<PathBuf>,
    pub successes: Vec<PathBuf>,
}

/// What `lineages` may have done since a checkpoint.
pub struct Since<'a> {
    pub found: &'a Found,
    pub checkpoint: u64,
    pub lineages: &'a [String],
}

impl<'a> Since<'a> {
    /// Where a part is that was being written then and has been finished since.
    pub fn closed(&self, part: &OpenPart) -> Option<&'a Path> {
        let folder = Path::new(&part.partition);
        let same = self.found.parts.iter().find(|found| {
            let Named { lineage, checkpoint, number } = &found.named;
            let later = *checkpoint > Some(self.checkpoint) && self.lineages.contains(lineage);
            later && *number == part.number && parent(&found.path).ends_with(folder)
        });
        same.map(|found| found.path.as_path())
    }
}

pub struct FoundPart {
    pub path: PathBuf,
    pub named: Named,
}

impl Tree {
    /// Everything below `root`; nothing if it is not there.
    pub fn walk(&self, root: &Path) -> io::Result<Found> {
        let mut found = Found::default();
        if self.storage.kind(root)? == Some(Kind::Folder) {
            self.walk_into(root, 0, &mut found)?;
        }
        Ok(found)
    }

    fn walk_into(&self, folder: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
        for name in self.storage.list(folder)? {
            let path = folder.join(&name);
            let is_folder = self.storage.kind(&path)? == Some(Kind::Folder);
            if is_folder && is_partition(&name) && depth < DEPTH_MAX {
                found.partitions.push(path.clone());
                self.walk_into(&path, depth + 1, found)?;
                continue;
            }
            match self.names.parse(&name) {
                Some(named) if !is_folder => found.parts.push(FoundPart { path, named }),
                _ if !is_folder && name == Path::new(SUCCESS) => found.successes.push(path),
                _ => found.others.push(path),
            }
        }
        Ok(())
    }

    /// Makes parts visible. What was done already is left as it is.
    pub fn rename(&self, pending: &Pending) -> Result<()> {
        let Pending { place, renames, .. } = pending;
        let mut folders: Vec<PathBuf> = Vec::new();
        for rename in renames {
            let folder = place.root().join(&rename.partition);
            if self.rename_part(place, &folder, rename)? && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let synced = folders.iter().try_for_each(|folder| self.storage.sync_folder(folder));
        synced.map_err(|e| failed(place.root(), &e))
    }

    /// True if it is done; false if the whole folder has been moved into place since.
    fn rename_part(&self, place: &Place, folder: &Path, rename: &Rename) -> Result<bool> {
        let (from, to) = (folder.join(&rename.from), folder.join(&rename.to));
        let length = |path: &Path| -> Result<Option<u64>> {
            match self.storage.kind(path).map_err(|e| failed(path, &e))? {
                Some(Kind::File(length)) => Ok(Some(length)),
                _ => Ok(None),
            }
        };
        match length(&from)? {
            Some(found) if found == rename.length => {
                crash::point("directory-before-rename");
                self.storage.rename(&from, &to).map_err(|e| failed(&to, &e))?;
                crash::point("directory-after-rename");
                return Ok(true);
            }
            Some(found) => {
                let (from, wanted) = (from.display(), rename.length);
                return Err(Error::external(format!("{from} has {found} bytes, the job had written {wanted}")));
            }
            None => {}
        }
        if length(&to)? == Some(rename.length) {
            return Ok(true);
        }
        if place.beside.is_some() && length(&place.path.join(&rename.partition).join(&rename.to))?.is_some() {
            return Ok(false);
        }
        let (from, to) = (from.display(), to.display());
        Err(Error::external(format!("{from}, which was to become {to}, is gone, and {to} is not it"))
            .note("put it back, or start over with --fresh"))
    }

    /// Marks every folder in which one of `lineages` has written as complete.
    pub fn mark_success(&self, root: &Path, lineages: &[String]) -> io::Result<()> {
        let found = self.walk(root)?;
        let ours = found.parts.iter().filter(|part| lineages.contains(&part.named.lineage));
        let mut folders: Vec<&Path> = ours.map(|part| parent(&part.path)).collect();
        folders.push(root);
        folders.sort();
        folders.dedup();
        for folder in folders {
            let path = folder.join(SUCCESS);
            if self.storage.kind(&path)?.is_none() {
                self.storage.create_new(&path)?.sync()?;
                self.storage.sync_folder(folder)?;
            }
        }
        Ok(())
    }

    /// Puts the new folder in the place of the old one, in two renames: in between, neither has the name.
    pub fn swap(&self, place: &Place, beside: &Beside) -> io::Result<()> {
        let Beside { new, old } = beside;
        if self.storage.kind(new)?.is_some() {
            if self.storage.kind(&place.path)?.is_some() {
                self.remove_tree(old)?;
                crash::point("directory-before-swap");
                self.storage.rename(&place.path, old)?;
            }
            crash::point("directory-between-swap");
            self.storage.rename(new, &place.path)?;
            crash::point("directory-after-swap");
            self.storage.sync_folder(parent(&place.path))?;
        }
        self.remove_tree(old)
    }

    /// Removes what such a sink makes, and folders that are empty then.
    pub fn remove_tree(&self, root: &Path) -> io::Result<()> {
        if self.storage.kind(root)?.is_none() {
            return Ok(());
        }
        let found = self.walk(root)?;
        for path in found.parts.iter().map(|part| &part.path).chain(&found.successes) {
            self.storage.remove(path)?;
        }
        found.partitions.iter().rev().try_for_each(|folder| self.remove_empty(folder))?;
        self.remove_empty(root)
    }

    /// Removes a folder, if nothing is in it, for good: behind a power cut nobody would know that it was ours.
    pub fn remove_empty(&self, folder: &Path) -> io::Result<()> {
        if self.storage.kind(folder)? == Some(Kind::Folder) && self.storage.list(folder)?.is_empty() {
            self.storage.remove_folder(folder)?;
            self.storage.sync_folder(parent(folder))?;
        }
        Ok(())
    }

    /// Why a part that is being written cannot go on, in words; `None` if it can. Nothing is changed.
    pub fn complaint(&self, root: &Path, part: &OpenPart, since: &Since) -> io::Result<Option<String>> {
        let path = root.join(&part.partition).join(&part.name);
        let at = if self.storage.kind(&path)?.is_some() { Some(path.as_path()) } else { since.closed(part) };
        let gone = || format!("{} is gone; the job had written {} bytes to it", path.display(), part.extent.length);
        let Some(at) = at else { return Ok(Some(gone())) };
        match open_existing(&*self.storage, at)? {
            Some(file) => part.extent.complaint(at, &*file),
            None => Ok(Some(gone())),
        }
    }

    /// Takes back what `lineages` wrote behind a checkpoint, or everything; marks of jobs among them stand for hidden
    /// parts. The checkpoint's open parts are as long as they were
    /// then, and hidden.
    pub fn take_back(&self, root: &Path, to: Option<&State>, lineages: &[String]) -> io::Result<()> {
        let found = self.walk(root)?;
        let mut kept: Vec<PathBuf> = Vec::new();
        // What is taken back must not come again with a power cut, when no checkpoint knows of it any more.
        let mut changed: BTreeSet<&Path> = BTreeSet::new();
        if let Some(state) = to {
            let since = Since { found: &found, checkpoint: state.checkpoint, lineages };
            for part in &state.parts {
                kept.push(self.reopen(root, part, &since)?);
                changed.extend(since.closed(part).map(parent));
            }
        }
        let checkpoint = to.map(|state| state.checkpoint);
        for part in &found.parts {
            let ours = lineages.contains(&part.named.lineage);
            let later = part.named.checkpoint.is_none() || part.named.checkpoint > checkpoint;
            if ours && later && !kept.contains(&part.path) && self.storage.kind(&part.path)?.is_some() {
                crash::point("directory-before-remove");
                self.storage.remove(&part.path)?;
                changed.insert(parent(&part.path));
            }
        }
        changed.into_iter().try_for_each(|folder| self.storage.sync_folder(folder))?;
        found.partitions.iter().rev().try_for_each(|folder| self.remove_empty(folder))
    }

    /// Hides the part if it is visible, and cuts it to its length then. Gives back its path.
    fn reopen(&self, root: &Path, part: &OpenPart, since: &Since) -> io::Result<PathBuf> {
        let path = root.join(&part.partition).join(&part.name);
        if self.storage.kind(&path)?.is_none()
            && let Some(visible) = since.closed(part)
        {
            self.storage.rename(visible, &path)?;
        }
        self.cut(&path, &part.extent)?;
        Ok(path)
    }

    fn cut(&self, path: &Path, extent: &Extent) -> io::Result<()> {
        if let Some(mut file) = open_existing(&*self.storage, path)?
            && file.len()? > extent.length
        {
            crash::point("directory-before-truncate");
            file.truncate(extent.length)?;
            file.sync()?;
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    crate::connect::output::write_error(path, error)
}
