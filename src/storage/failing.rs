//! A disk that fails at its n-th operation, for tests that try every n.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Kind, Storage, StorageFile};

/// Passes calls on to another storage until it fails.
///
/// A write that fails has written half of its bytes. A sync that fails loses what was not synced before, and says
/// nothing about it the next time, as Linux does.
#[derive(Clone)]
pub struct FailingStorage {
    inner: Arc<dyn Storage>,
    plan: Arc<Mutex<Plan>>,
}

struct Plan {
    /// Calls so far: reads count, too.
    calls: u64,
    /// The call that fails, from 1.
    at: u64,
    fault: Fault,
}

/// How a storage fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One call fails, with this.
    Once(ErrorKind),
    /// This and all later calls fail without doing anything: the process has died, as far as the disk can tell.
    Dead,
}

/// What a call is to do.
enum Turn {
    Go,
    Fail(io::Error),
    /// Fail without doing anything.
    Dead,
}

impl FailingStorage {
    /// Fails at call number `at`, counted from 1.
    pub fn new(inner: Arc<dyn Storage>, at: u64, fault: Fault) -> FailingStorage {
        FailingStorage { inner, plan: Arc::new(Mutex::new(Plan { calls: 0, at, fault })) }
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    fn pass(&self) -> io::Result<&dyn Storage> {
        check(&self.plan).map(|()| &*self.inner)
    }

    fn wrap(&self, file: Box<dyn StorageFile>) -> io::Result<Box<dyn StorageFile>> {
        let synced = Arc::new(AtomicU64::new(file.len()?));
        Ok(Box::new(FailingFile { file, synced, plan: self.plan.clone() }))
    }
}

fn turn(plan: &Mutex<Plan>) -> Turn {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    plan.calls += 1;
    match plan.fault {
        Fault::Once(kind) if plan.calls == plan.at => Turn::Fail(kind.into()),
        Fault::Dead if plan.calls >= plan.at => Turn::Dead,
        _ => Turn::Go,
    }
}

fn dead() -> io::Error {
    io::Error::other("the process has died")
}

fn check(plan: &Mutex<Plan>) -> io::Result<()> {
    match turn(plan) {
        Turn::Go => Ok(()),
        Turn::Fail(e) => Err(e),
        Turn::Dead => Err(dead()),
    }
}

impl Storage for FailingStorage {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.wrap(self.pass()?.create_new(path)?)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.wrap(self.pass()?.open_append(path)?)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.wrap(self.pass()?.open_read(path)?)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.pass()?.kind(path)
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        self.pass()?.create_folders(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass()?.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.pass()?.remove_folder(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass()?.hard_link(from, to)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.pass()?.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.pass()?.sync_folder(folder)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass()?.copy_permissions(from, to)
    }
}

struct FailingFile {
    file: Box<dyn StorageFile>,
    /// Length that is safe: what lies behind it goes with a failed sync. Handles of one open file share it.
    synced: Arc<AtomicU64>,
    plan: Arc<Mutex<Plan>>,
}

impl StorageFile for FailingFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        match turn(&self.plan) {
            Turn::Go => self.file.write_all(data),
            Turn::Fail(e) => self.file.write_all(&data[..data.len() / 2]).and(Err(e)),
            Turn::Dead => Err(dead()),
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        check(&self.plan)?;
        self.file.read_at(offset, out)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        check(&self.plan)?;
        self.synced.fetch_min(len, Ordering::SeqCst);
        self.file.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        match turn(&self.plan) {
            Turn::Go => {
                self.file.sync()?;
                self.synced.store(self.file.len()?, Ordering::SeqCst);
                Ok(())
            }
            Turn::Fail(e) => self.file.truncate(self.synced.load(Ordering::SeqCst)).and(Err(e)),
            Turn::Dead => Err(dead()),
        }
    }

    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>> {
        check(&self.plan)?;
        let (file, synced, plan) = (self.file.duplicate()?, self.synced.clone(), self.plan.clone());
        Ok(Box::new(FailingFile { file, synced, plan }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::power::PowerStorage;

    #[test]
    fn a_failed_sync_loses_what_was_not_synced() {
        let disk = PowerStorage::default();
        let failing = FailingStorage::new(Arc::new(disk.clone()), 5, Fault::Once(ErrorKind::Other));
        let path = Path::new("/file");
        let mut file = failing.create_new(path).unwrap();
        file.write_all(b"kept").unwrap();
        file.sync().unwrap();
        file.write_all(b" lost").unwrap();
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok(), "the second time, nothing is said");
        assert_eq!(disk.read(path).unwrap(), b"kept");
        assert_eq!(failing.calls(), 6);
    }

    #[test]
    fn a_failed_write_is_half_done_and_the_dead_do_nothing() {
        let disk = PowerStorage::default();
        let full = FailingStorage::new(Arc::new(disk.clone()), 2, Fault::Once(ErrorKind::StorageFull));
        let path = Path::new("/file");
        let e = full.create_new(path).unwrap().write_all(b"abcd").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::StorageFull);
        assert_eq!(disk.read(path).unwrap(), b"ab");

        let dying = FailingStorage::new(Arc::new(disk.clone()), 1, Fault::Dead);
        assert!(dying.remove(path).is_err() && dying.remove(path).is_err());
        assert_eq!(disk.read(path).unwrap(), b"ab");
    }
}
