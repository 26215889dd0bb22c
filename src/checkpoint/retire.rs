//! What nobody needs any more goes: checkpoints beyond those that are retained, and what was left unfinished.
//!
//! A file goes only when no manifest that stays names it, and a manifest goes, and is known to be gone, before the
//! files it names. Oldest first: whatever is left halfway is a folder in which the newest checkpoint is still right.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::file::failed;
use super::folder::{self, Entry, MANIFEST, STATE_FILE, TEMPORARY};
use super::manifest::{Kind, Manifest};
use super::store::Store;
use crate::error::{Error, Result};
use crate::storage::crash;

impl Store {
    /// Removes what no complete checkpoint needs: left-overs of processes that died, checkpoints beyond `retain`.
    pub fn clean(&mut self) -> Result<()> {
        // The highest number stays known, as its folder does not go.
        self.retire()
    }

    /// Removes all checkpoints: the job has finished and everything is committed. The newest goes last, so that a job
    /// whose process dies meanwhile is still known to have finished.
    pub fn clear(&mut self) -> Result<()> {
        self.forget_last();
        let entries = folder::scan(&*self.storage, &self.folder)?;
        for entry in &entries {
            self.remove_manifest(entry)?;
        }
        crash::point("checkpoint-clear-before-files");
        for entry in &entries {
            self.remove_files(entry, &BTreeSet::new())?;
            self.remove_if_empty(entry)?;
        }
        Ok(())
    }

    /// Removes one checkpoint that no other builds upon.
    pub fn remove(&mut self, number: u64) -> Result<()> {
        self.forget_last();
        for entry in folder::scan(&*self.storage, &self.folder)?.iter().filter(|entry| entry.checkpoint == number) {
            self.remove_manifest(entry)?;
            self.remove_files(entry, &BTreeSet::new())?;
        }
        Ok(())
    }

    /// Removes all checkpoints but `number`: those of runs that nobody goes on from any more.
    pub fn keep_only(&mut self, number: u64) -> Result<()> {
        let entries = folder::scan(&*self.storage, &self.folder)?;
        let (kept, gone): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|e| e.checkpoint == number);
        let manifests: Vec<&Manifest> =
            kept.iter().filter_map(|entry| entry.manifest.as_ref()?.as_ref().ok()).collect();
        let needed = self.needed(&manifests);
        for entry in &gone {
            self.remove_manifest(entry)?;
        }
        for entry in &gone {
            self.remove_files(entry, &needed)?;
            self.remove_if_empty(entry)?;
        }
        Ok(())
    }

    /// Applies retention.
    pub(super) fn retire(&self) -> Result<()> {
        let entries = folder::scan(&*self.storage, &self.folder)?;
        if let Some(entry) = entries.iter().find(|entry| entry.unread) {
            // It may be as good as ever, and nobody knows what it needs.
            return Err(Error::external(format!("the manifest in {} cannot be read", entry.path.display())));
        }
        let kept = self.kept(&entries);
        let oldest = kept.iter().filter(|m| m.kind != Kind::Start).map(|m| m.checkpoint).min();
        let newest = entries.last().map_or(0, |entry| entry.checkpoint);
        let numbers: BTreeSet<u64> = kept.iter().map(|m| m.checkpoint).collect();
        let needed = self.needed(&kept);
        // A manifest that cannot be read may be of use to whoever can, as long as it is not outdated.
        let stays = |entry: &&Entry| match &entry.manifest {
            Some(Ok(_)) => numbers.contains(&entry.checkpoint),
            Some(Err(_)) => oldest.is_none_or(|oldest| entry.checkpoint >= oldest),
            None => false,
        };
        let goes: Vec<&Entry> = entries.iter().filter(|entry| !stays(entry)).collect();
        for entry in &goes {
            self.remove_manifest(entry)?;
            crash::point("checkpoint-retire-before-files");
        }
        for entry in goes {
            self.remove_files(entry, &needed)?;
            if entry.checkpoint < newest {
                self.remove_if_empty(entry)?;
            }
        }
        Ok(())
    }

    /// The manifests that stay: the newest complete ones, and how their runs started.
    fn kept<'a>(&'a self, entries: &'a [Entry]) -> Vec<&'a Manifest> {
        let good = entries.iter().rev().filter_map(|entry| entry.manifest.as_ref()?.as_ref().ok());
        let good: Vec<&Manifest> = good.filter(|m| !self.damaged.contains(&m.checkpoint)).collect();
        let last = self.last.as_ref().map(|last| last.checkpoint);
        let mut kept: Vec<&Manifest> = Vec::new();
        for manifest in good.iter().filter(|m| m.kind != Kind::Start) {
            if kept.len() < self.retain || Some(manifest.checkpoint) == last {
                kept.push(manifest);
            }
        }
        let lineages: BTreeSet<&str> = kept.iter().map(|m| m.lineage.as_str()).collect();
        for (age, manifest) in good.iter().enumerate().filter(|(_, m)| m.kind == Kind::Start) {
            if age == 0 || lineages.contains(manifest.lineage.as_str()) {
                kept.push(manifest);
            }
        }
        kept
    }

    fn needed(&self, kept: &[&Manifest]) -> BTreeSet<PathBuf> {
        let mut needed = BTreeSet::new();
        for manifest in kept {
            let folder = self.folder.join(folder::name_of(manifest.checkpoint));
            needed.extend(manifest.files.keys().map(|name| folder::path_of(&folder, name)));
        }
        needed
    }

    /// With `power`, it is known to be gone afterwards: also one that a failed checkpoint has removed.
    fn remove_manifest(&self, entry: &Entry) -> Result<()> {
        if entry.manifest.is_some() {
            let path = entry.path.join(MANIFEST);
            self.storage.remove(&path).map_err(|e| failed("remove", &path, &e))?;
        }
        if self.power && !entry.names.is_empty() {
            self.storage.sync_folder(&entry.path).map_err(|e| failed("sync", &entry.path, &e))?;
        }
        Ok(())
    }

    fn remove_files(&self, entry: &Entry, needed: &BTreeSet<PathBuf>) -> Result<()> {
        for name in entry.names.iter().filter(|name| name.ends_with(STATE_FILE) || *name == TEMPORARY) {
            let path = entry.path.join(name);
            if !needed.contains(&path) {
                self.storage.remove(&path).map_err(|e| failed("remove", &path, &e))?;
            }
        }
        Ok(())
    }

    fn remove_if_empty(&self, entry: &Entry) -> Result<()> {
        let path = &entry.path;
        if self.storage.list(path).map_err(|e| failed("list", path, &e))?.is_empty() {
            self.storage.remove_folder(path).map_err(|e| failed("remove", path, &e))?;
        }
        Ok(())
    }
}
