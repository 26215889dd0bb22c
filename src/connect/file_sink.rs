//! One file as a sink: replaced, appended to or new; through [`Storage`] only.
//!
//! A bounded job writes beside its target and renames at the end, without fsync, as any command does.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::connect::file::reason;
use crate::connect::{Writer, Wrote};
use crate::error::{Error, Result};
use crate::storage::{Storage, StorageFile};

mod target;

pub use target::{Mode, check_target};

use target::Target;

/// Bytes that are gathered before they are written; longer pieces are written as they are.
const BUFFER_BYTES: usize = 64 << 10;

/// What a file sink is made of.
pub struct FileSinkOptions {
    pub path: PathBuf,
    pub mode: Mode,
    /// Compress with gzip. Appending adds a member, which readers take as one file.
    pub gzip: bool,
    pub storage: Arc<dyn Storage>,
}

/// Whether a file of this name is compressed, unless the job says otherwise.
pub fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gz"))
}

/// Writes one file.
pub struct FileSink {
    options: FileSinkOptions,
    open: Option<Open>,
}

struct Open {
    target: Target,
    file: Box<dyn StorageFile>,
    packing: Packing,
    /// A pipe whose reader is gone.
    closed: bool,
}

enum Packing {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl FileSink {
    /// Nothing is touched before [`Writer::open`].
    pub fn new(options: FileSinkOptions) -> FileSink {
        FileSink { options, open: None }
    }

    fn opened(&mut self) -> Result<(&Path, &mut Open)> {
        match &mut self.open {
            Some(open) => Ok((&self.options.path, open)),
            None => Err(Error::internal(format!("{} is written before it is open", self.options.path.display()))),
        }
    }
}

impl Writer for FileSink {
    /// Errors: a folder, an existing file under [`Mode::New`] or one that ends within a line under
    /// [`Mode::Append`] (class Job); whatever the system refuses (class External).
    fn open(&mut self, header: Bytes) -> Result<()> {
        let FileSinkOptions { path, mode, gzip, storage } = &self.options;
        let (target, file) = Target::open(storage, path, *mode, *gzip)?;
        let packing = match gzip {
            true => Packing::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            false => Packing::Plain(Vec::with_capacity(BUFFER_BYTES)),
        };
        let wants_header = target.is_empty();
        self.open = Some(Open { target, file, packing, closed: false });
        if wants_header {
            self.write(&mut { header })?;
        }
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        let (path, open) = self.opened()?;
        let taken = std::mem::take(data);
        open.run(path, |open| open.take(&taken))
    }

    /// Compressed output is only pushed at the end: each push would cost compression.
    fn flush(&mut self) -> Result<Wrote> {
        let (path, open) = self.opened()?;
        open.run(path, Open::push)
    }

    fn commit(&mut self) -> Result<()> {
        let (path, open) = self.opened()?;
        open.run(path, Open::finish)?;
        let Some(Open { target, file, .. }) = self.open.take() else { return Ok(()) };
        drop(file);
        target.commit(&self.options.storage, &self.options.path)
    }

    fn abort(&mut self) {
        if let Some(Open { target, file, .. }) = self.open.take() {
            target.abort(&self.options.storage, file);
        }
    }
}

impl Drop for FileSink {
    /// A sink that was neither committed nor aborted leaves nothing behind.
    fn drop(&mut self) {
        self.abort();
    }
}

impl Open {
    /// Runs a write and puts its failure into words.
    fn run(&mut self, path: &Path, write: impl FnOnce(&mut Open) -> io::Result<()>) -> Result<Wrote> {
        if self.closed {
            return Ok(Wrote::Closed);
        }
        match write(self) {
            Ok(()) => Ok(Wrote::Done),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(Wrote::Closed)
            }
            Err(e) => Err(write_error(path, &e)),
        }
    }

    fn take(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.packing {
            Packing::Plain(buffer) => {
                if buffer.len() + data.len() > BUFFER_BYTES {
                    self.file.write_all(buffer)?;
                    buffer.clear();
                }
                if data.len() >= BUFFER_BYTES {
                    return self.file.write_all(data);
                }
                buffer.extend_from_slice(data);
                Ok(())
            }
            Packing::Gzip(encoder) => {
                encoder.write_all(data)?;
                if encoder.get_ref().len() >= BUFFER_BYTES {
                    self.file.write_all(encoder.get_ref())?;
                    encoder.get_mut().clear();
                }
                Ok(())
            }
        }
    }

    fn push(&mut self) -> io::Result<()> {
        if let Packing::Plain(buffer) = &mut self.packing
            && !buffer.is_empty()
        {
            self.file.write_all(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Packing::Gzip(encoder) = &mut self.packing {
            encoder.try_finish()?;
            self.file.write_all(encoder.get_ref())?;
            encoder.get_mut().clear();
        }
        self.push()
    }
}

/// What to tell when writing `path` failed.
fn write_error(path: &Path, error: &io::Error) -> Error {
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

#[cfg(test)]
mod tests;
