//! The half of a file sink that acts on what manifests say: the rename at the end, and going back.
//!
//! Going back never cuts bytes that another program wrote, where that can be known. Of all checkpoints whose length
//! the file still has, the longest must find its own last bytes before that length; if the job had ended there,
//! nothing may follow. What follows the newest checkpoint of a run that did not end is what that run wrote before it
//! was killed, or what others wrote since: nobody can tell, and it is cut, as it is when a run goes on from there.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::state::{Pending, Place, State};
use super::target::is_free;
use crate::connect::output::{Extent, Fit, from_json, open_existing, parent, write_error};
use crate::connect::{Committer, Rewind, Rewound};
use crate::error::{Error, Result};
use crate::storage::{Storage, StorageFile, crash};

/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 20;

pub struct FileCommitter {
    storage: Arc<dyn Storage>,
}

impl FileCommitter {
    pub fn new(storage: Arc<dyn Storage>) -> FileCommitter {
        FileCommitter { storage }
    }

    fn existing(&self, path: &Path) -> Result<Option<Box<dyn StorageFile>>> {
        open_existing(&*self.storage, path).map_err(|e| write_error(path, &e))
    }

    /// Whether the file at `path` begins with what was written.
    fn holds(&self, path: &Path, extent: &Extent) -> Result<bool> {
        let Some(file) = self.existing(path)? else { return Ok(false) };
        Ok(extent.fit(&*file).map_err(|e| write_error(path, &e))? == Fit::Same)
    }

    fn rename(&self, pending: &Pending) -> Result<()> {
        let Pending { temporary, target, .. } = pending;
        let failed = |e: io::Error| write_error(target, &e);
        crash::point("file-before-rename");
        self.storage.rename(temporary, target).map_err(failed)?;
        crash::point("file-after-rename");
        self.storage.sync_folder(parent(target)).map_err(failed)
    }
}

impl Committer for FileCommitter {
    /// Errors (class External): the rows are neither under the temporary name nor under their own.
    fn commit(&mut self, pending: &Value) -> Result<()> {
        let pending: Pending = from_json(pending)?;
        let Pending { temporary, target, extent } = &pending;
        if let Some(file) = self.existing(temporary)? {
            return match extent.complaint(temporary, &*file).map_err(|e| write_error(temporary, &e))? {
                None => self.rename(&pending),
                Some(complaint) => Err(Error::external(format!("{complaint}; it was to become {}", target.display()))),
            };
        }
        if self.holds(target, extent)? {
            // It was done already; perhaps all but this.
            return self.storage.sync_folder(parent(target)).map_err(|e| write_error(target, &e));
        }
        let (temporary, target) = (temporary.display(), target.display());
        Err(Error::external(format!("{temporary}, which was to become {target}, is gone, and {target} is not it"))
            .note("put it back, or start over with --fresh"))
    }

    fn rewind(&mut self, rewind: &Rewind) -> Result<Rewound> {
        let Some(goal) = rewind.to.or(rewind.base).filter(|state| !state.is_null()) else { return Ok(Rewound::Done) };
        let goal: State = from_json(goal)?;
        let later = rewind.later.iter().filter(|state| !state.is_null()).map(from_json);
        let later: Vec<State> = later.collect::<Result<_>>()?;
        let back = Back {
            committer: self,
            goal: &goal,
            later: &later,
            undo: rewind.to.is_none(),
            force: rewind.force,
            ask: rewind.ask,
        };
        let path = goal.file().to_owned();
        let rewound = match &goal.place {
            Place::Grown { base, created } => back.grown(*base, *created),
            Place::Beside { temporary, target } => back.beside(temporary, target),
        };
        rewound.map_err(|e| write_error(&path, &e))
    }
}

/// One way back.
struct Back<'a> {
    committer: &'a FileCommitter,
    goal: &'a State,
    later: &'a [State],
    /// To before the run.
    undo: bool,
    force: bool,
    /// Nothing is to be changed.
    ask: bool,
}

impl Back<'_> {
    fn storage(&self) -> &dyn Storage {
        &*self.committer.storage
    }

    fn grown(&self, base: u64, created: bool) -> io::Result<Rewound> {
        let path = &self.goal.path;
        let nothing_left = self.undo || self.goal.unmade();
        let length = if self.undo { base } else { self.goal.extent.length };
        let Some(mut file) = open_existing(self.storage(), path)? else {
            return Ok(if nothing_left { Rewound::Done } else { self.gone() });
        };
        if !is_free(&mut *file)? {
            return Ok(Rewound::Refused(format!("another process is writing to {}", path.display())));
        }
        if !self.force
            && let Some(words) = self.others(path, &*file)?
        {
            return Ok(Rewound::Refused(words));
        }
        let found = file.len()?;
        if found < length && !nothing_left {
            return Ok(self.goal.extent.complaint(path, &*file)?.map_or(Rewound::Done, Rewound::Refused));
        }
        if self.ask {
            return Ok(Rewound::Done);
        }
        crash::point("file-before-truncate");
        if nothing_left && created {
            drop(file);
            self.storage().remove(path)?;
            self.storage().sync_folder(parent(path))?;
        } else if found > length {
            file.truncate(length)?;
            file.sync()?;
        }
        crash::point("file-after-truncate");
        Ok(Rewound::Done)
    }

    /// What speaks for others having written to the file, in words.
    fn others(&self, path: &Path, file: &dyn StorageFile) -> io::Result<Option<String>> {
        if let Some(complaint) = self.goal.extent.complaint(path, file)? {
            return Ok(Some(complaint));
        }
        let length = file.len()?;
        let fits = self.later.iter().filter(|state| state.path == *path && state.extent.length <= length);
        let Some(newest) = fits.max_by_key(|state| state.extent.length) else { return Ok(None) };
        if let Some(complaint) = newest.extent.complaint(path, file)? {
            return Ok(Some(complaint));
        }
        let more = length - newest.extent.length;
        let behind = format!("{} was added to since the job ended: {more} bytes", path.display());
        Ok((newest.ended && more > 0).then_some(behind))
    }

    fn beside(&self, temporary: &Path, target: &Path) -> io::Result<Rewound> {
        let Some(mut file) = open_existing(self.storage(), temporary)? else {
            return if self.undo { Ok(Rewound::Done) } else { self.committed(temporary, target) };
        };
        if self.undo && self.ask {
            return Ok(Rewound::Done);
        }
        if self.undo {
            drop(file);
            self.storage().remove(temporary)?;
            self.storage().sync_folder(parent(temporary))?;
            return Ok(Rewound::Done);
        }
        if let Some(complaint) = self.goal.extent.complaint(temporary, &*file)? {
            return Ok(Rewound::Refused(complaint));
        }
        if self.ask {
            return Ok(Rewound::Done);
        }
        crash::point("file-before-truncate");
        file.truncate(self.goal.extent.length)?;
        file.sync()?;
        crash::point("file-after-truncate");
        Ok(Rewound::Done)
    }

    /// The file has its name already, or is lost.
    fn committed(&self, temporary: &Path, target: &Path) -> io::Result<Rewound> {
        let Some(file) = open_existing(self.storage(), target)? else { return Ok(self.gone()) };
        if self.goal.extent.fit(&*file)? != Fit::Same {
            return Ok(self.gone());
        }
        if !self.force {
            return Ok(Rewound::Refused(format!("{} is complete and in place", target.display())));
        }
        if self.ask {
            return Ok(Rewound::Done);
        }
        // Under a name that nobody goes on from until all of it is there.
        let copy = temporary.with_extension("copy");
        if self.storage().kind(&copy)?.is_some() {
            self.storage().remove(&copy)?;
        }
        let mut out = self.storage().create_new(&copy)?;
        copy_bytes(&*file, &mut *out, self.goal.extent.length)?;
        out.sync()?;
        drop(out);
        self.storage().copy_permissions(target, &copy)?;
        self.storage().rename(&copy, temporary)?;
        self.storage().sync_folder(parent(temporary))?;
        Ok(Rewound::Done)
    }

    fn gone(&self) -> Rewound {
        let (path, length) = (self.goal.file().display(), self.goal.extent.length);
        Rewound::Refused(format!("{path} is gone; the job had written {length} bytes to it"))
    }
}

fn copy_bytes(from: &dyn StorageFile, to: &mut dyn StorageFile, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < length {
        let wanted = buffer.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
        let read = from.read_at(at, &mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&buffer[..read])?;
        at += read as u64;
    }
    Ok(())
}
