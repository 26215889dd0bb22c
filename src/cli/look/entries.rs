//! The checkpoints and savepoints in a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MANIFEST;
use crate::checkpoint::look;
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::restore::Checkpoint;
use crate::checkpoint::store::Store;
use crate::error::{Error, Result};
use crate::storage::RealStorage;

/// A checkpoint or savepoint, of use or not.
pub struct Entry {
    pub path: PathBuf,
    /// `None`: it was never completed. `Err`: its manifest is of no use, or a file is not there or has another size;
    /// bytes are not compared.
    pub manifest: Option<Result<Manifest>>,
    /// Files in its folder belong to other checkpoints: it was one itself once, and was taken away.
    pub serves: bool,
}

impl Entry {
    pub fn new(path: PathBuf, manifest: Option<Result<Manifest>>) -> Entry {
        let sized = manifest.map(|manifest| {
            let manifest = manifest?;
            look::check_sizes(&RealStorage, &path, &manifest)?;
            Ok(manifest)
        });
        Entry { path, manifest: sized, serves: false }
    }
}

/// The checkpoints in a state folder, oldest first. One that was taken away meanwhile, as a job does that runs, is
/// left out.
pub fn checkpoints(folder: &Path) -> Result<Vec<Entry>> {
    let listed = Store::open(Arc::new(RealStorage), folder.to_owned(), 1, false).list()?;
    let mut entries: Vec<Entry> = listed.into_iter().map(|l| Entry::new(l.path, l.manifest)).collect();
    entries.retain(|entry| !has_gone(entry));
    let manifests = entries.iter().filter_map(|entry| entry.manifest.as_ref()?.as_ref().ok());
    let names = manifests.flat_map(|manifest| manifest.files.keys());
    let named = names.filter_map(|name| name.strip_prefix("../")?.split_once('/'));
    let named: BTreeSet<String> = named.map(|(folder, _)| folder.to_owned()).collect();
    for entry in entries.iter_mut().filter(|entry| entry.manifest.is_none()) {
        let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
        entry.serves = named.contains(&*name);
    }
    Ok(entries)
}

/// It was there, and is not any more.
fn has_gone(entry: &Entry) -> bool {
    matches!(entry.manifest, Some(Err(_))) && !entry.path.join(MANIFEST).exists()
}

/// The savepoints in a folder, by name. A folder that does not exist holds none.
pub fn savepoints(folder: &Path) -> Result<Vec<Entry>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |e: std::io::Error| Error::external(format!("cannot read {}: {e}", folder.display()));
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.join(MANIFEST).is_file());
    paths.sort();
    Ok(paths.into_iter().map(saved).collect())
}

/// A single one.
pub fn saved(path: PathBuf) -> Entry {
    let opened = Checkpoint::open(Arc::new(RealStorage), &path).map(|checkpoint| checkpoint.manifest().clone());
    Entry::new(path, Some(opened))
}

/// Whether there are checkpoints or savepoints in a folder.
pub fn is_folder_of_state(folder: &Path) -> bool {
    let some = |entries: Result<Vec<Entry>>| entries.is_ok_and(|entries| !entries.is_empty());
    folder.join("job.json").is_file() || some(checkpoints(folder)) || some(savepoints(folder))
}
