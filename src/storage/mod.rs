//! The only way to disk for things that must last: output files, the journal, checkpoints.
//!
//! The trait is as small as a disk that fails or loses power can be imitated: every effect is one call. Nothing
//! here knows what the bytes mean.

use std::io;
use std::path::{Path, PathBuf};

pub mod crash;
#[cfg(test)]
pub mod failing;
#[cfg(test)]
pub mod power;
mod real;
pub mod spill;

pub use real::RealStorage;

/// What lies at a path, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of so many bytes.
    File(u64),
    Folder,
    /// A pipe, a device, a socket: can be written to, but neither cut nor renamed over.
    Other,
}

/// Paths. Errors are those of the system; callers add what they wanted and what to do.
pub trait Storage: Send + Sync {
    /// A new empty file for writing; fails if the path exists.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// A file for writing at its end; made if it does not exist. A pipe or device is opened as it is.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// A file that exists, for reading only.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open_read(path)?;
        let mut bytes = vec![0; file.len()? as usize];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }
    /// `None` if there is nothing.
    fn kind(&self, path: &Path) -> io::Result<Option<Kind>>;
    /// Makes a folder and those above it; it is no error if they exist.
    fn create_folders(&self, path: &Path) -> io::Result<()>;
    /// Puts `from` in the place of `to`, atomically; both are in one folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// A second name for a file, on the same file system; fails if `to` exists.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Names in a folder, sorted.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    /// Makes creations, renames and removals in `folder` last through a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Gives `to` the permissions of `from`.
    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// An open file. Writes go to its end.
pub trait StorageFile: Send {
    /// Writes all of `data`; on an error, a part of it may have been written.
    fn write_all(&mut self, data: &[u8]) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Bytes from `offset`, less than asked for only at the end.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes content and length last through a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes the lock that others who write to the file respect, for as long as this handle is there; false if somebody
    /// has it. True where there are no locks. The name is still that of the file.
    fn try_lock(&mut self) -> io::Result<bool> {
        Ok(true)
    }
    /// Another handle of the same open file, to be synced elsewhere.
    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>>;
}
