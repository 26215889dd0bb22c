//! Savepoints: a checkpoint copied to a folder that needs no other and may be moved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::{self, failed};
use super::folder::{self, STATE_FILE};
use super::manifest::{FileInfo, Kind, Manifest, Origin};
use super::restore::Checkpoint;
use super::store::Store;
use crate::error::{Error, Result};
use crate::storage::{self, Storage, crash};

/// The key under which what a sink has pending names a file: relative to the state folder in a checkpoint, to its own
/// folder in a savepoint.
const SPOOL: &str = "spool";

impl Store {
    /// Makes a savepoint of a checkpoint in this folder: all files it needs, hard-linked where that is possible,
    /// beside a manifest that names them there. It has its name only once it is whole, and survives a power cut
    /// from then on.
    ///
    /// Errors: `to` exists and is not an empty folder, or the disk fails. Nothing is left under that name then.
    pub fn savepoint(&self, checkpoint: &Manifest, to: &Path) -> Result<PathBuf> {
        let storage = &*self.storage;
        check_free(storage, to)?;
        let (parent, name) = match (to.parent(), to.file_name()) {
            (Some(parent), Some(name)) => (parent, name.to_string_lossy()),
            _ => return Err(Error::external(format!("{} cannot be the folder of a savepoint", to.display()))),
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let partial = parent.join(format!(".{name}.partial"));
        remove_partial(storage, &partial)?;
        storage.create_folders(&partial).map_err(|e| failed("create", &partial, &e))?;
        let done = self.fill(checkpoint, &partial).and_then(|()| {
            crash::point("savepoint-before-rename");
            storage.rename(&partial, to).map_err(|e| failed("create", to, &e))?;
            crash::point("savepoint-after-rename");
            storage.sync_folder(parent).map_err(|e| failed("sync", parent, &e))
        });
        if done.is_err() {
            let _ = remove_partial(storage, &partial);
        }
        done.map(|()| to.to_owned())
    }

    /// Takes a checkpoint or savepoint from elsewhere, or from further back, into this folder: as checkpoint `number`
    /// of a lineage of its own, from which the next ones follow. What sinks have pending stays where it is.
    pub fn adopt(&mut self, from: &Checkpoint, number: u64, lineage: &str, created: i64) -> Result<PathBuf> {
        let to = self.folder.join(folder::name_of(number));
        self.make_folder(&to)?;
        let origin = Origin { lineage: from.manifest().lineage.clone(), checkpoint: from.manifest().checkpoint };
        let (mut manifest, _) = self.copy_files(from.manifest(), from.path(), &to)?;
        manifest.kind = Kind::Checkpoint;
        manifest.checkpoint = number;
        manifest.lineage = lineage.to_owned();
        manifest.origin = Some(origin);
        manifest.created = created;
        if self.power {
            self.storage.sync_folder(&to).map_err(|e| failed("sync", &to, &e))?;
            self.storage.sync_folder(&self.folder).map_err(|e| failed("sync", &self.folder, &e))?;
        }
        crash::point("adopt-before-manifest");
        folder::commit(&*self.storage, &to, &manifest, self.power)?;
        crash::point("adopt-after-manifest");
        self.forget_last();
        Ok(to)
    }

    /// Copies the state files of a checkpoint in folder `from`; the manifest names them where they are now, and what
    /// names are taken.
    fn copy_files(&self, checkpoint: &Manifest, from: &Path, to: &Path) -> Result<(Manifest, BTreeSet<String>)> {
        let mut manifest = Manifest { files: BTreeMap::new(), ..checkpoint.clone() };
        let mut names = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (old, info) in checkpoint.files.iter().filter(|(name, _)| name.ends_with(STATE_FILE)) {
            let new = free_name(&old.trim_start_matches("../").replace('/', "-"), &mut taken);
            copy(&*self.storage, &folder::path_of(from, old), &to.join(&new))?;
            manifest.files.insert(new.clone(), info.clone());
            names.insert(old.clone(), new);
        }
        let tables = manifest.operators.values_mut().flat_map(|operator| &mut operator.tables);
        for segment in tables.flat_map(|table| &mut table.segments) {
            if let Some(new) = names.get(&segment.file) {
                segment.file.clone_from(new);
            }
        }
        Ok((manifest, taken))
    }

    fn fill(&self, checkpoint: &Manifest, to: &Path) -> Result<()> {
        let from = self.folder.join(folder::name_of(checkpoint.checkpoint));
        let (mut manifest, mut taken) = self.copy_files(checkpoint, &from, to)?;
        manifest.kind = Kind::Savepoint;
        self.copy_spools(&mut manifest, to, &mut taken)?;
        folder::check(&*self.storage, to, &manifest.files)?;
        self.storage.sync_folder(to).map_err(|e| failed("sync", to, &e))?;
        folder::commit(&*self.storage, to, &manifest, true)?;
        Ok(())
    }

    /// Copies the files that sinks have pending. One that is gone was committed: its sink removes it only then.
    fn copy_spools(&self, manifest: &mut Manifest, to: &Path, taken: &mut BTreeSet<String>) -> Result<()> {
        let storage = &*self.storage;
        let mut infos = Vec::new();
        each_spool(manifest, &mut |spool: &mut String| -> Result<()> {
            let from = self.folder.join(&*spool);
            let there = storage.kind(&from).map_err(|e| failed("read", &from, &e))?;
            if let Some(storage::Kind::File(bytes)) = there {
                let name = from.file_name().map_or_else(|| SPOOL.into(), |name| name.to_string_lossy());
                let new = free_name(&name, taken);
                copy(storage, &from, &to.join(&new))?;
                let xxh3 = file::checksum(storage, &to.join(&new))?.1;
                infos.push((new.clone(), FileInfo { bytes, rows: 0, xxh3 }));
                *spool = new;
            }
            Ok(())
        })?;
        manifest.files.extend(infos);
        Ok(())
    }
}

/// Makes the files that sinks of a savepoint have pending absolute paths; of a checkpoint, they stay relative to the
/// state folder.
pub fn resolve_spools(manifest: &mut Manifest, folder: &Path) {
    if manifest.kind != Kind::Savepoint {
        return;
    }
    let names: BTreeSet<String> = manifest.files.keys().cloned().collect();
    let _ = each_spool(manifest, &mut |spool: &mut String| -> Result<()> {
        if names.contains(spool) {
            *spool = folder.join(&*spool).display().to_string();
        }
        Ok(())
    });
}

/// Calls `with` with every name of a file in what sinks have pending.
fn each_spool(manifest: &mut Manifest, with: &mut dyn FnMut(&mut String) -> Result<()>) -> Result<()> {
    let pending = manifest.sinks.values_mut().flat_map(|sink| &mut sink.pending);
    pending.into_iter().try_for_each(|(_, value)| each_spool_in(value, with))
}

fn each_spool_in(value: &mut Value, with: &mut dyn FnMut(&mut String) -> Result<()>) -> Result<()> {
    match value {
        Value::Array(values) => values.iter_mut().try_for_each(|value| each_spool_in(value, with)),
        Value::Object(entries) => entries.iter_mut().try_for_each(|(key, value)| match value {
            Value::String(path) if key == SPOOL => with(path),
            other => each_spool_in(other, with),
        }),
        _ => Ok(()),
    }
}

fn check_free(storage: &dyn Storage, to: &Path) -> Result<()> {
    let free = match storage.kind(to).map_err(|e| failed("read", to, &e))? {
        None => true,
        Some(storage::Kind::Folder) => storage.list(to).map_err(|e| failed("list", to, &e))?.is_empty(),
        Some(_) => false,
    };
    match free {
        true => Ok(()),
        false => Err(Error::external(format!("{} exists", to.display())).note("name a folder that does not")),
    }
}

/// Removes the folder of a savepoint that did not become one.
fn remove_partial(storage: &dyn Storage, partial: &Path) -> Result<()> {
    if storage.kind(partial).map_err(|e| failed("read", partial, &e))?.is_none() {
        return Ok(());
    }
    for name in storage.list(partial).map_err(|e| failed("list", partial, &e))? {
        let path = partial.join(name);
        storage.remove(&path).map_err(|e| failed("remove", &path, &e))?;
    }
    storage.remove_folder(partial).map_err(|e| failed("remove", partial, &e))
}

/// `name`, or that with a number where it is taken.
fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let (stem, end) = match name.strip_suffix(STATE_FILE) {
        Some(stem) => (stem, STATE_FILE),
        None => (name, ""),
    };
    let mut free = name.to_owned();
    let mut number = 2;
    while !taken.insert(free.to_ascii_lowercase()) {
        free = format!("{stem}-{number}{end}");
        number += 1;
    }
    free
}

/// A second name for a file that never changes, or a copy where that cannot be; synced.
fn copy(storage: &dyn Storage, from: &Path, to: &Path) -> Result<()> {
    if storage.hard_link(from, to).is_ok() {
        let mut file = storage.open_append(to).map_err(|e| failed("open", to, &e))?;
        return file.sync().map_err(|e| failed("sync", to, &e));
    }
    let source = storage.open_read(from).map_err(|e| failed("read", from, &e))?;
    let mut target = storage.create_new(to).map_err(|e| failed("create", to, &e))?;
    file::each_piece(&*source, from, |piece| target.write_all(piece).map_err(|e| failed("write", to, &e)))?;
    target.sync().map_err(|e| failed("sync", to, &e))
}
