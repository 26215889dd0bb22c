//! Making output last through power cuts, away from the task that writes it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{open_existing, parent};
use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::storage::{Storage, StorageFile};

/// Work that runs elsewhere: [`crate::connect::Prepared::durable`].
pub type Work = Box<dyn FnOnce() -> Result<()> + Send>;

/// What a writer has made since it was last synced. What one checkpoint did not get to is left to the next.
#[derive(Clone, Default)]
pub struct Lasting {
    due: Arc<Mutex<Due>>,
}

#[derive(Default)]
struct Due {
    /// Files that are closed.
    files: BTreeSet<PathBuf>,
    /// Folders in which names were made.
    folders: BTreeSet<PathBuf>,
    /// A sync has failed. The system forgets that and says yes the next time, so nothing written by this writer
    /// counts as synced any more.
    failed: bool,
}

impl Lasting {
    /// A name was made.
    pub fn made(&self, path: &Path) {
        self.due(|due| due.folders.insert(parent(path).to_owned()));
    }

    /// A file was closed before it was synced.
    pub fn closed(&self, path: &Path) {
        self.due(|due| due.files.insert(path.to_owned()));
    }

    /// Syncs these open files and everything that is due.
    pub fn work(&self, storage: &Arc<dyn Storage>, open: Vec<(PathBuf, Box<dyn StorageFile>)>) -> Work {
        let (lasting, storage) = (self.clone(), storage.clone());
        Box::new(move || {
            let (files, folders) = lasting.due(|due| match due.failed {
                true => Err(Error::external("output cannot be made to last: an earlier attempt failed")),
                false => Ok((due.files.clone(), due.folders.clone())),
            })?;
            let result = sync_all(&*storage, open, &files, &folders);
            lasting.due(|due| match &result {
                Ok(()) => {
                    due.files.retain(|path| !files.contains(path));
                    due.folders.retain(|path| !folders.contains(path));
                }
                Err(_) => due.failed = true,
            });
            result
        })
    }

    fn due<T>(&self, use_it: impl FnOnce(&mut Due) -> T) -> T {
        use_it(&mut self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sync_all(
    storage: &dyn Storage,
    open: Vec<(PathBuf, Box<dyn StorageFile>)>,
    closed: &BTreeSet<PathBuf>,
    folders: &BTreeSet<PathBuf>,
) -> Result<()> {
    for (path, mut file) in open {
        file.sync().map_err(|e| sync_error(&path, &e))?;
    }
    for path in closed {
        if let Some(mut file) = open_existing(storage, path).map_err(|e| sync_error(path, &e))? {
            file.sync().map_err(|e| sync_error(path, &e))?;
        }
    }
    folders.iter().try_for_each(|folder| storage.sync_folder(folder).map_err(|e| sync_error(folder, &e)))
}

/// What to tell when `path` could not be synced.
fn sync_error(path: &Path, error: &io::Error) -> Error {
    Error::external(format!("cannot make {} last: {}", path.display(), reason(error)))
        .note("the disk may be full or failing")
}
