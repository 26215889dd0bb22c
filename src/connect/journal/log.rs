//! The segments of a journal on disk: appended to, rotated, synced, trimmed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::storage::{Storage, StorageFile, crash};

/// A segment that is longer is followed by the next.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Data up to this is copied behind its description, for a single write.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// Work that makes closed segments last.
pub type Durable = Box<dyn FnOnce() -> Result<()> + Send>;
/// Closed segments that have not been synced.
type Closed = Arc<Mutex<Vec<(PathBuf, Box<dyn StorageFile>)>>>;

/// Segments by number, the last one at hand.
pub struct Log {
    folder: PathBuf,
    storage: Arc<dyn Storage>,
    file: Option<Box<dyn StorageFile>>,
    /// Number of the segment at hand, which may not exist yet.
    pub segment: u64,
    /// Bytes of each segment there is.
    sizes: BTreeMap<u64, u64>,
    closed: Closed,
    /// Segments before this one have been synced; `None` behind a sync that failed, which nothing makes good.
    synced: Arc<Mutex<Option<u64>>>,
    /// What the journal says of it.
    noted: u64,
    /// A write has failed: what the last segment ends with is not known.
    broken: bool,
}

impl Log {
    /// Looks at what is there. Errors (class External): the folder cannot be made or read.
    pub fn open(folder: PathBuf, storage: Arc<dyn Storage>) -> Result<Log> {
        storage.create_folders(&folder).map_err(|e| failed("make the folder of", &folder, &e))?;
        let mut log = Log {
            folder,
            storage,
            file: None,
            segment: 0,
            sizes: BTreeMap::new(),
            closed: Closed::default(),
            synced: Arc::new(Mutex::new(Some(0))),
            noted: 0,
            broken: false,
        };
        let names = log.storage.list(&log.folder).map_err(|e| failed("read", &log.folder, &e))?;
        for number in names.iter().filter_map(|name| number_of(name)) {
            let file = log.read_only(number)?;
            let len = file.len().map_err(|e| failed("read", &log.path(number), &e))?;
            log.sizes.insert(number, len);
            log.segment = number + 1;
        }
        Ok(log)
    }

    pub fn path(&self, segment: u64) -> PathBuf {
        self.folder.join(format!("{segment:012}.journal"))
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.sizes.values().sum()
    }

    /// Whether `segment` is there, and how long it is.
    pub fn len_of(&self, segment: u64) -> Option<u64> {
        self.sizes.get(&segment).copied()
    }

    /// What a segment that begins says of the one before: how long it is.
    pub fn begins(&self) -> Option<u64> {
        self.is_at_start().then(|| self.segment.checked_sub(1).and_then(|before| self.len_of(before)))?
    }

    /// The segment at hand holds nothing yet.
    pub fn is_at_start(&self) -> bool {
        !self.sizes.contains_key(&self.segment)
    }

    fn read_only(&self, segment: u64) -> Result<Box<dyn StorageFile>> {
        self.storage.open_read(&self.path(segment)).map_err(|e| failed("read", &self.path(segment), &e))
    }

    /// All bytes of a segment.
    pub fn read(&self, segment: u64) -> Result<Bytes> {
        let path = self.path(segment);
        Ok(self.storage.read(&path).map_err(|e| failed("read", &path, &e))?.into())
    }

    /// Appends a frame: `front`, then `data`. Errors: the disk is full or the like; nothing is appended then.
    pub fn append(&mut self, mut front: Vec<u8>, data: &[u8]) -> Result<()> {
        if self.broken {
            return Err(Error::external("the journal cannot be written since an earlier error"));
        }
        crash::point("journal-before-append");
        let path = self.path(self.segment);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.storage.create_new(&path).map_err(|e| failed("write", &path, &e))?,
        };
        let len = (front.len() + data.len()) as u64;
        let wrote = if data.len() <= COPIED_BYTES_MAX {
            front.extend_from_slice(data);
            file.write_all(&front)
        } else {
            file.write_all(&front).and_then(|()| file.write_all(data))
        };
        self.broken = wrote.is_err();
        wrote.map_err(|e| failed("write", &path, &e))?;
        self.file = Some(file);
        let size = self.sizes.entry(self.segment).or_default();
        *size += len;
        crash::point("journal-after-append");
        if *size >= SEGMENT_BYTES {
            self.rotate();
        }
        Ok(())
    }

    /// A new segment follows, unless the one at hand is empty.
    pub fn rotate(&mut self) {
        if let Some(file) = self.file.take() {
            let path = self.path(self.segment);
            self.closed.lock().unwrap_or_else(PoisonError::into_inner).push((path, file));
        }
        if !self.is_at_start() {
            self.segment += 1;
            crash::point("journal-after-rotate");
        }
    }

    /// A segment of an earlier run is synced with the next checkpoint, and cut to `len` bytes now.
    pub fn adopt(&mut self, segment: u64, len: u64) -> Result<()> {
        let path = self.path(segment);
        let mut file = self.storage.open_append(&path).map_err(|e| failed("write", &path, &e))?;
        if self.len_of(segment).is_some_and(|had| had > len) {
            file.truncate(len).map_err(|e| failed("cut", &path, &e))?;
            self.sizes.insert(segment, len);
        }
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push((path, file));
        Ok(())
    }

    /// What has been synced since it was noted: to be written down.
    pub fn news(&mut self) -> Option<u64> {
        let synced = (*self.synced.lock().unwrap_or_else(PoisonError::into_inner))?;
        (synced > std::mem::replace(&mut self.noted, synced)).then_some(synced)
    }

    /// Removes the segments from `segment` on, and returns how many bytes they had.
    pub fn drop_from(&mut self, segment: u64) -> Result<u64> {
        let mut dropped = 0;
        for (number, len) in self.sizes.split_off(&segment) {
            let path = self.path(number);
            self.storage.remove(&path).map_err(|e| failed("remove", &path, &e))?;
            dropped += len;
        }
        // Segments are numbered without gaps.
        self.segment = segment;
        Ok(dropped)
    }

    /// Syncs what is closed. Behind a sync that failed there is no other: nobody knows what is on the disk then.
    pub fn durable(&self) -> Option<Durable> {
        if self.closed.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return None;
        }
        let (closed, storage, folder) = (self.closed.clone(), self.storage.clone(), self.folder.clone());
        let (synced, before) = (self.synced.clone(), self.segment);
        Some(Box::new(move || {
            let mut synced = synced.lock().unwrap_or_else(PoisonError::into_inner);
            if synced.take().is_none() {
                return Err(Error::external(format!("the journal {} could not be synced before", folder.display())));
            }
            let mut files = std::mem::take(&mut *closed.lock().unwrap_or_else(PoisonError::into_inner));
            files.iter_mut().try_for_each(|(path, file)| file.sync().map_err(|e| failed("sync", path, &e)))?;
            storage.sync_folder(&folder).map_err(|e| failed("sync the folder of", &folder, &e))?;
            *synced = Some(before);
            Ok(())
        }))
    }

    /// Removes the segments before `segment`.
    pub fn trim(&mut self, segment: u64) -> Result<()> {
        while let Some((&oldest, _)) = self.sizes.first_key_value()
            && oldest < segment
        {
            crash::point("journal-before-trim");
            let path = self.path(oldest);
            self.storage.remove(&path).map_err(|e| failed("remove", &path, &e))?;
            self.sizes.remove(&oldest);
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            closed.retain(|(other, _)| *other != path);
        }
        Ok(())
    }
}

fn number_of(name: &Path) -> Option<u64> {
    name.to_str()?.strip_suffix(".journal")?.parse().ok()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot {what} the journal {}: {}", path.display(), reason(error));
    Error::external(message).note("free space or mend permissions; `journal = false` goes without, and can lose input")
}
