//! A checkpoint or savepoint, read: rows of any range of key groups, state for any subtask at any parallelism.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{self, MANIFEST};
use super::manifest::Manifest;
use super::rows::{Files, Opened};
use super::savepoint;
use super::store::Store;
use crate::data::{Column, rowkey};
use crate::error::{Error, Result};
use crate::state::table::Restored;
use crate::storage::{Kind, Storage};

/// A checkpoint whose manifest is good. Its state files are read when they are needed, each once: its checksum is
/// compared then.
pub struct Checkpoint {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    manifest: Manifest,
    opened: Opened,
}

impl Checkpoint {
    /// Opens a folder with a manifest, the manifest itself, or a state folder, of which the newest complete checkpoint
    /// is taken.
    ///
    /// Errors (class External): there is none, or it is torn, damaged or of another version.
    pub fn open(storage: Arc<dyn Storage>, path: &Path) -> Result<Checkpoint> {
        let folder = match path.file_name().is_some_and(|name| name == MANIFEST) {
            true => path.parent().unwrap_or(Path::new("")),
            false => path,
        };
        let manifest = storage.kind(&folder.join(MANIFEST));
        if let Ok(Some(Kind::File(_))) = manifest {
            let manifest = folder::read(&*storage, folder)?;
            return Ok(Checkpoint::new(storage, folder.to_owned(), manifest));
        }
        let found = Store::open(storage.clone(), folder.to_owned(), 1, false).newest()?;
        match found {
            Some(found) => Ok(Checkpoint::new(storage, found.path, found.manifest)),
            None => Err(Error::external(format!("there is no checkpoint in {}", folder.display()))
                .note("expected is a savepoint, a checkpoint or the state folder of a job")),
        }
    }

    /// A checkpoint that was found: [`super::store::Found`].
    pub fn new(storage: Arc<dyn Storage>, path: PathBuf, mut manifest: Manifest) -> Checkpoint {
        savepoint::resolve_spools(&mut manifest, &path);
        Checkpoint { storage, path, manifest, opened: Opened::default() }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of a savepoint, `spool` files of sinks are absolute paths here.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The rows of a table whose key group is in `groups`, in the order they were frozen in within each group; all
    /// rows of a table without key. `None` if there are no such rows, table or operator.
    pub fn rows(&self, operator: &str, table: &str, groups: Range<u32>) -> Result<Option<Vec<Column>>> {
        let Some(table) = self.manifest.table(operator, table) else { return Ok(None) };
        let files = Files::new(&*self.storage, &self.path, &self.manifest.files, &self.opened);
        files.rows(table, groups).map_err(|e| e.at(operator))
    }

    /// What a subtask goes on from. Empty for an operator that the checkpoint does not know.
    pub fn restored(&self, operator: &str, subtask: usize, parallelism: usize) -> Result<Restored> {
        let mut restored = Restored { subtask, ..Restored::default() };
        let Some(state) = self.manifest.operators.get(operator) else { return Ok(restored) };
        let groups = rowkey::groups_of(subtask, parallelism, self.manifest.job.max_parallelism);
        for table in &state.tables {
            if let Some(rows) = self.rows(operator, &table.name, groups.clone())? {
                restored.tables.insert(table.name.clone(), rows);
            }
        }
        restored.scalars = state.scalars.clone();
        Ok(restored)
    }
}
