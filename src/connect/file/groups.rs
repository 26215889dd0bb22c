//! One file of columns as a sequence of groups, each of them a block.
//!
//! Its place is the first byte of the next group, so what tells it from other files are bytes around that, as with other
//! files: see [`super::identity`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::connect::file::identity::{Edges, Mark};
use crate::connect::file::paths::reason;
use crate::connect::file::raw::open_error;
use crate::connect::records::Records;
use crate::error::{Error, Result};
use crate::format::columnar::{Columnar, Group, Place, ReadAt};

/// A file being read.
pub struct Groups {
    path: PathBuf,
    records: Records,
    /// Closed while many files are open and this one waits for its turn.
    file: Option<Arc<dyn Columnar>>,
    /// Number of the next group.
    next: usize,
    /// First bytes of the groups, rows before each, and the length of the file.
    starts: Vec<u64>,
    rows: Vec<u64>,
    len: u64,
}

impl Groups {
    /// Errors: it cannot be opened, is no such file, or lacks a declared column.
    pub fn open(path: &Path, records: &Records) -> Result<Groups> {
        let (file, len) = open(path, records)?;
        let starts = file.groups().iter().map(|place| place.start).collect();
        let before = |rows: &mut u64, place: &Place| Some(std::mem::replace(rows, *rows + place.rows));
        let rows = file.groups().iter().scan(0, before).collect();
        Ok(Groups { path: path.to_owned(), records: records.clone(), file: Some(file), next: 0, starts, rows, len })
    }

    /// Goes on at the group that starts at `offset`.
    pub fn reenter(path: &Path, records: &Records, offset: u64) -> Result<Groups> {
        let mut groups = Groups::open(path, records)?;
        let next = groups.starts.iter().position(|&start| start == offset);
        groups.next = next.ok_or_else(|| {
            let message = format!("cannot go on at byte {offset} of {}: nothing begins there now", path.display());
            Error::external(message).note("put the file back as it was, or start anew with --fresh")
        })?;
        Ok(groups)
    }

    /// Rows in front of the next group, where they are counted.
    pub fn lines(&self) -> Option<u64> {
        self.rows.get(self.next).copied().filter(|_| self.records.counted)
    }

    /// Where the next group starts.
    fn offset(&self) -> u64 {
        self.starts.get(self.next).copied().unwrap_or(self.len)
    }

    /// Its place, with the bytes around it. What cannot be read now is not compared later: it reads as other bytes.
    pub fn mark(&mut self) -> Mark {
        let offset = self.offset();
        Edges::around(&self.path, offset).unwrap_or_default().mark(offset)
    }

    /// The next group, which stays the next.
    pub fn peek(&mut self) -> Result<Option<Group>> {
        if self.is_at_end() {
            return Ok(None);
        }
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.file.insert(open(&self.path, &self.records)?.0).clone(),
        };
        Ok(Some(Group { file, index: self.next }))
    }

    pub fn next(&mut self) -> Result<Option<Group>> {
        let group = self.peek()?;
        self.next += 1;
        Ok(group)
    }

    pub fn is_at_end(&self) -> bool {
        self.next >= self.starts.len()
    }

    /// Closes the file until it is read again; true if it was open.
    pub fn park(&mut self) -> bool {
        self.file.take().is_some()
    }

    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Bytes of the file behind the next group.
    pub fn bytes_read(&self) -> u64 {
        self.offset()
    }
}

/// A file of columns and its length.
///
/// Errors: it cannot be opened, or is not what its name or the job says; which names it.
pub fn open(path: &Path, records: &Records) -> Result<(Arc<dyn Columnar>, u64)> {
    let file = Opened::open(path)?;
    let len = file.len;
    let Some(opened) = records.open(Arc::new(file)) else { return Err(Error::internal("not a file of columns")) };
    let opened = opened.map_err(|e| Error { message: format!("{}: {}", path.display(), e.message), ..e })?;
    Ok((opened, len))
}

/// An open file.
pub struct Opened {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Opened {
    pub fn open(path: &Path) -> Result<Opened> {
        let failed = |e: io::Error| open_error(path, &e);
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            let message = format!("{} is not a regular file: Parquet and Arrow are read by place", path.display());
            return Err(Error::external(message).note("write it to a file first"));
        }
        Ok(Opened { path: path.to_owned(), file, len: meta.len() })
    }
}

impl ReadAt for Opened {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let told =
            |e: io::Error| io::Error::new(e.kind(), format!("cannot read {}: {}", self.path.display(), reason(&e)));
        self.file.read_exact_at(out, offset).map_err(told)
    }
}
