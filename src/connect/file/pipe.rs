//! A named pipe among the files: opened without waiting for whoever writes, read as it comes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::connect::Body;
use crate::connect::feed::{Fed, Feed};
use crate::connect::file::identity::{Edges, Mark};
use crate::connect::file::paths::reason;
use crate::connect::file::raw::Packing;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::unpack::{Unpack, Unpacked, read_if_ready};
use crate::error::{Error, Result};

/// A pipe being read.
pub struct Pipe {
    path: PathBuf,
    from: From,
    feed: Feed,
    edges: Edges,
    offset: u64,
}

enum From {
    Plain(OwnedFd),
    Packed(Unpacked),
}

impl Pipe {
    pub fn is_at(path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
    }

    /// Errors: it cannot be opened.
    pub fn open(path: &Path, records: &Records, unpack: Unpack) -> Result<Pipe> {
        let failed = |e: std::io::Error| Error::external(format!("cannot open {}: {}", path.display(), reason(&e)));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let packed = match unpack {
            Unpack::Default => Packing::named(path).is_some(),
            Unpack::None => false,
            Unpack::Auto | Unpack::Gzip | Unpack::Zstd => true,
        };
        let from = match packed {
            true => From::Packed(Unpacked::start(fd, unpack).map_err(failed)?),
            false => From::Plain(fd),
        };
        let (path, feed) = (path.to_owned(), Feed::new(records));
        Ok(Pipe { path, from, feed, edges: Edges::default(), offset: 0 })
    }

    pub fn read(&mut self, pool: &Arc<Pool>) -> Result<Fed> {
        let Pipe { path, from, feed, .. } = self;
        let fed = feed.read(pool, &|| path.display().to_string(), |out| match from {
            From::Plain(fd) => read_if_ready(fd.as_fd(), out),
            From::Packed(unpacked) => unpacked.read(out),
        })?;
        if let Fed::Records(Body::Bytes { data, offset, .. }, _) = &fed {
            self.edges.pass(data);
            self.offset = offset + data.len() as u64;
        }
        Ok(fed)
    }

    /// What was handed out, which nobody gives again.
    pub fn mark(&mut self) -> Mark {
        self.edges.mark(self.offset)
    }

    pub fn bytes_read(&self) -> u64 {
        self.offset
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.from {
            From::Plain(fd) => fd.as_fd(),
            From::Packed(unpacked) => unpacked.as_fd(),
        }
    }
}
