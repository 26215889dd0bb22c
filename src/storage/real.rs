//! The disk of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Kind, Storage, StorageFile};

/// Passes every call on to the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealStorage;

impl Storage for RealStorage {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(path)?;
        Ok(RealFile::new(file, path))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        // Only regular files are read back; a pipe opened for both would never see its reader go.
        let regular = matches!(self.kind(path)?, None | Some(Kind::File(_)));
        let file = OpenOptions::new().read(regular).append(true).create(true).open(path)?;
        Ok(RealFile::new(file, path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(RealFile::new(File::open(path)?, path))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(Some(Kind::Folder)),
            Ok(meta) if meta.is_file() => Ok(Some(Kind::File(meta.len()))),
            Ok(_) => Ok(Some(Kind::Other)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let names = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.file_name().into()));
        let mut names = names.collect::<io::Result<Vec<PathBuf>>>()?;
        names.sort();
        Ok(names)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::set_permissions(to, fs::metadata(from)?.permissions())
    }
}

struct RealFile {
    file: File,
    path: PathBuf,
    lock: Option<File>,
}

impl RealFile {
    fn new(file: File, path: &Path) -> Box<RealFile> {
        Box::new(RealFile { file, path: path.to_owned(), lock: None })
    }
}

impl StorageFile for RealFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            match self.file.read_at(&mut out[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn try_lock(&mut self) -> io::Result<bool> {
        if self.lock.is_some() {
            return Ok(true);
        }
        // Opened once more: duplicates, which are synced elsewhere, are not to keep it.
        let lock = File::open(&self.path)?;
        // Some file systems of the network have no locks.
        let free = flock(&lock, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK);
        self.lock = free.then_some(lock);
        Ok(free)
    }

    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>> {
        Ok(RealFile::new(self.file.try_clone()?, &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_appended_to_read_back_and_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        let disk = RealStorage;
        assert_eq!(disk.kind(&path).unwrap(), None);
        disk.create_folders(path.parent().unwrap()).unwrap();
        disk.create_new(&path).unwrap().write_all(b"one").unwrap();
        assert_eq!(disk.create_new(&path).err().unwrap().kind(), ErrorKind::AlreadyExists);
        let mut file = disk.open_append(&path).unwrap();
        file.write_all(b"two").unwrap();
        let mut out = [0; 8];
        assert_eq!(file.read_at(2, &mut out).unwrap(), 4);
        assert_eq!(&out[..4], b"etwo");
        file.truncate(4).unwrap();
        file.write_all(b"!").unwrap();
        file.sync().unwrap();
        disk.sync_folder(dir.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onet!");
        assert_eq!(disk.kind(&path).unwrap(), Some(Kind::File(5)));
        assert_eq!(disk.list(path.parent().unwrap()).unwrap(), [PathBuf::from("c")]);
        disk.rename(&path, &dir.path().join("a/b/d")).unwrap();
        disk.remove(&dir.path().join("a/b/d")).unwrap();
        assert_eq!(disk.kind(&path).unwrap(), None);
    }
}
