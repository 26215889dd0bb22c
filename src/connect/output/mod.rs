//! What sinks that write files share: how much of a file is theirs, and making it last through power cuts.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::format::columnar::{FileEncoder, ReadAt};
use crate::storage::{Kind, Storage, StorageFile};

mod lasting;
mod packing;

#[cfg(test)]
mod tests;

pub use lasting::{Handle, Lasting};
pub use packing::Packing;

/// Makes what turns batches into a file of columns. True: it is to be gone on with behind a crash.
pub type NewEncoder = Arc<dyn Fn(bool) -> Result<Box<dyn FileEncoder>> + Send + Sync>;

/// A file that is being written, to be read.
pub struct Written<'a>(pub &'a dyn StorageFile, pub u64);

impl ReadAt for Written<'_> {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.0.read_at(offset, out)? == out.len() {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Bytes before a length that tell whether a file is the one that was written.
const TAIL_BYTES: u64 = 4096;

/// How much of a file was written, and what its last bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub length: u64,
    /// xxh3-64 of the last 4 KiB before `length`, in hexadecimal.
    pub xxh3: String,
}

/// How a file compares with an [`Extent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It begins with what was written, and may be longer.
    Same,
    /// It has only so many bytes.
    Shorter(u64),
    Differs,
}

impl Extent {
    /// Of nothing.
    pub fn empty() -> Extent {
        Extent { length: 0, xxh3: hash(&[]) }
    }

    /// Of the first `length` bytes of a file, which has them.
    pub fn of(file: &dyn StorageFile, length: u64) -> io::Result<Extent> {
        let start = length.saturating_sub(TAIL_BYTES);
        let mut tail = vec![0; (length - start) as usize];
        let read = file.read_at(start, &mut tail)?;
        tail.truncate(read);
        Ok(Extent { length, xxh3: hash(&tail) })
    }

    pub fn fit(&self, file: &dyn StorageFile) -> io::Result<Fit> {
        let length = file.len()?;
        if length < self.length {
            return Ok(Fit::Shorter(length));
        }
        Ok(if Extent::of(file, self.length)? == *self { Fit::Same } else { Fit::Differs })
    }

    /// What is wrong with the file at `path`, in words; `None` if it begins with what was written.
    pub fn complaint(&self, path: &Path, file: &dyn StorageFile) -> io::Result<Option<String>> {
        let (path, length) = (path.display(), self.length);
        Ok(match self.fit(file)? {
            Fit::Same => None,
            Fit::Shorter(found) => Some(format!(
                "{path} has been shortened or replaced since: it has {found} bytes, the job had written {length}"
            )),
            Fit::Differs => Some(format!(
                "{path} has been changed since: the bytes before {length} are not those that the job wrote"
            )),
        })
    }
}

fn hash(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// An existing regular file, open; `None` if there is none.
pub fn open_existing(storage: &dyn Storage, path: &Path) -> io::Result<Option<Box<dyn StorageFile>>> {
    match storage.kind(path)? {
        Some(Kind::File(_)) => Ok(Some(storage.open_append(path)?)),
        _ => Ok(None),
    }
}

/// The folder that holds `path`.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder and those above it. Gives back those that were made, outermost first.
pub fn make_folders(storage: &Arc<dyn Storage>, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    let mut at = folder;
    while at != Path::new(".") && storage.kind(at)?.is_none() {
        made.push(at.to_owned());
        at = parent(at);
    }
    made.reverse();
    storage.create_folders(folder)?;
    Ok(made)
}

/// State or pending as JSON. Errors: a path is not UTF-8 (class External).
pub fn to_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::external(format!("cannot describe the output in a checkpoint: {e}")))
}

/// Errors (class External): it was not written by such a sink.
pub fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|e| {
        Error::external(format!("the checkpoint does not describe such a sink: {e}"))
            .note("the sink's type may have changed: change it back, or start over with --fresh")
    })
}

/// What to tell when writing `path` failed.
pub fn write_error(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot write {}: {}", path.display(), reason(error));
    let note = match error.kind() {
        ErrorKind::StorageFull => "free some space or write to another disk",
        ErrorKind::QuotaExceeded => "the quota is used up: free some space or write to another disk",
        ErrorKind::FileTooLarge => "the file system or `ulimit -f` does not allow a file this large",
        ErrorKind::PermissionDenied => "check the owner and permissions of the file and its folder",
        ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only: write somewhere else",
        _ => return Error::external(message),
    };
    Error::external(message).note(note)
}

/// What to tell when a folder could not be made.
pub fn folder_error(folder: &Path, error: &io::Error) -> Error {
    Error::external(format!("cannot make the folder {}: {}", folder.display(), reason(error)))
        .note("check its permissions, or write somewhere else")
}

/// What tells the job from others in a file name: jobs of one name in different state folders are different jobs.
pub fn job_mark(folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    format!("{:016x}", xxh3_64(folder.as_os_str().as_encoded_bytes()))
}
