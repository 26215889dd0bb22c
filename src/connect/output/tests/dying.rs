//! A disk of a process that is killed at its n-th operation: that one and all behind it fail, a write half-done.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::storage::{Kind, Storage, StorageFile};

#[derive(Clone)]
pub struct Dying {
    disk: Arc<dyn Storage>,
    left: Arc<AtomicI64>,
    /// Syncs are worth their time.
    syncs: bool,
}

impl Dying {
    pub fn after(disk: Arc<dyn Storage>, operations: i64, syncs: bool) -> Dying {
        Dying { disk, left: Arc::new(AtomicI64::new(operations)), syncs }
    }

    pub fn set(&self, operations: i64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn step(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(io::Error::other("killed")),
        }
    }

    fn file(&self, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(DyingFile { file, disk: self.clone() })
    }
}

impl Storage for Dying {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.step()?;
        Ok(self.file(self.disk.create_new(path)?))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.step()?;
        Ok(self.file(self.disk.open_append(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.step()?;
        Ok(self.file(self.disk.open_read(path)?))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.hard_link(from, to)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        if self.is_dead() { Err(io::Error::other("killed")) } else { self.disk.kind(path) }
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.create_folders(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.remove_folder(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if self.is_dead() { Err(io::Error::other("killed")) } else { self.disk.list(folder) }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        if self.syncs { self.disk.sync_folder(folder) } else { Ok(()) }
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.copy_permissions(from, to)
    }
}

struct DyingFile {
    file: Box<dyn StorageFile>,
    disk: Dying,
}

impl StorageFile for DyingFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        if let Err(e) = self.disk.step() {
            if self.disk.left.load(Ordering::SeqCst) == -1 {
                self.file.write_all(&data[..data.len() / 2])?;
            }
            return Err(e);
        }
        self.file.write_all(data)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, out)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        if self.disk.syncs { self.file.sync() } else { Ok(()) }
    }

    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.disk.file(self.file.duplicate()?))
    }
}
