//! The bytes of one file: plain, gzip, zstd or mapped; told apart by name and magic. Knows nothing about records.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use memmap2::Mmap;
use rustix::fs::Advice;

use crate::connect::file::paths::reason;
use crate::connect::file::zstd::ZstdReader;
use crate::connect::unpack::Unpack;
use crate::data::raw;
use crate::error::{Error, Result};

/// Bytes that are mapped at once, unless a record is longer.
const WINDOW_BYTES: usize = 8 << 20;
/// A multiple of the page size of every system there is.
const PAGE_BYTES: u64 = 64 << 10;

/// An open file, positioned somewhere in its (decompressed) bytes.
pub enum Raw {
    Plain(File),
    Gzip { decoder: Box<MultiGzDecoder<BufReader<Counted>>>, consumed: Arc<AtomicU64> },
    Zstd { decoder: Box<ZstdReader<BufReader<Counted>>>, consumed: Arc<AtomicU64> },
    Mapped(Mapped),
}

/// A file read through windows, each unmapped when the last block in it is dropped.
pub struct Mapped {
    file: File,
    len: u64,
    window: Option<Window>,
}

/// A stretch of a mapped file.
#[derive(Clone)]
pub struct Window {
    pub start: u64,
    pub map: Arc<Mmap>,
}

/// Counts the compressed bytes read, for progress.
pub struct Counted {
    file: File,
    consumed: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out)?;
        self.consumed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Raw {
    /// Opens `path` at byte `offset` of its decompressed content. `map` asks for a map, where that is possible.
    ///
    /// Errors (class External): a file that is gone or unreadable, a folder.
    pub fn open(path: &Path, offset: u64, map: bool, unpack: Unpack) -> Result<Raw> {
        let failed = |e: io::Error| open_error(path, &e);
        let mut file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(Error::external(format!("{} is a folder, not a file", path.display())));
        }
        let found = if meta.is_file() { packing_of(&mut file).map_err(failed)? } else { Packing::named(path) };
        let wanted = match unpack {
            Unpack::Default | Unpack::Auto | Unpack::None => None,
            Unpack::Gzip => Some(Packing::Gzip),
            Unpack::Zstd => Some(Packing::Zstd),
        };
        if let Some(wanted) = wanted.filter(|wanted| meta.len() > 0 && found != Some(*wanted)) {
            let message = format!("{} does not hold {} data", path.display(), wanted.name());
            return Err(Error::external(message).note("leave `compression` out: it is told by the first bytes"));
        }
        let packing = found.filter(|_| unpack != Unpack::None);
        if let Some(packing) = packing {
            let consumed = Arc::new(AtomicU64::new(0));
            let counted = BufReader::with_capacity(64 << 10, Counted { file, consumed: consumed.clone() });
            let mut raw = match packing {
                Packing::Gzip => Raw::Gzip { decoder: Box::new(MultiGzDecoder::new(counted)), consumed },
                Packing::Zstd => Raw::Zstd { decoder: Box::new(ZstdReader::new(counted).map_err(failed)?), consumed },
            };
            raw.skip(offset).map_err(|e| raw.read_error(path, &e))?;
            return Ok(raw);
        }
        if map && meta.is_file() {
            return Ok(Raw::Mapped(Mapped { file, len: meta.len(), window: None }));
        }
        if meta.is_file() {
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            // Only advice: a file system that does not take it reads as before.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        }
        Ok(Raw::Plain(file))
    }

    /// Reads until `out` is full or the file ends: less than `out.len()` means the end.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            let read = match self {
                Raw::Plain(file) => file.read(&mut out[filled..]),
                Raw::Gzip { decoder, .. } => decoder.read(&mut out[filled..]),
                Raw::Zstd { decoder, .. } => decoder.read(&mut out[filled..]),
                Raw::Mapped(_) => return Err(io::Error::other("a mapped file is not read")),
            };
            match read {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    /// Bytes of the file on disk that were read; `None` where that is not the position itself.
    pub fn compressed_bytes(&self) -> Option<u64> {
        match self {
            Raw::Gzip { consumed, .. } | Raw::Zstd { consumed, .. } => Some(consumed.load(Ordering::Relaxed)),
            _ => None,
        }
    }

    /// Goes on by `bytes`, less only at the end of a compressed file; returns how many it was.
    pub fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        if let Raw::Plain(file) = self {
            file.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)?;
            return Ok(bytes);
        }
        let mut left = bytes;
        let mut scratch = vec![0; if bytes == 0 { 0 } else { 64 << 10 }];
        while left > 0 {
            let want = scratch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.fill(&mut scratch[..want])? {
                0 => break,
                n => left -= n as u64,
            }
        }
        Ok(bytes - left)
    }

    /// What to tell when reading `path` failed.
    pub fn read_error(&self, path: &Path, error: &io::Error) -> Error {
        let path = path.display();
        let (packing, tool) = match self {
            Raw::Gzip { .. } => ("gzip", "gzip -dc"),
            Raw::Zstd { .. } => ("zstd", "zstd -dc"),
            Raw::Plain(_) | Raw::Mapped(_) => {
                return Error::external(format!("cannot read {path}: {}", reason(error)));
            }
        };
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                Error::external(format!("{path} ends in the middle of its {packing} data: it is incomplete"))
                    .note(format!("fetch or write the file again; what it holds so far can be seen with `{tool}`"))
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                Error::external(format!("{path} is not valid {packing} data: {}", reason(error)))
            }
            _ => Error::external(format!("cannot read {path}: {}", reason(error))),
        }
    }
}

impl Mapped {
    /// A window that holds `len` bytes from `offset`, or those up to the end of the file, and how many it holds.
    pub fn window(&mut self, offset: u64, len: usize) -> io::Result<(Window, usize)> {
        let len = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(len);
        if let Some(window) = &self.window
            && window.start <= offset
            && offset + len as u64 <= window.start + window.map.len() as u64
        {
            return Ok((window.clone(), len));
        }
        let start = offset - offset % PAGE_BYTES;
        let wanted = ((offset - start) as usize + len).max(WINDOW_BYTES);
        let held = usize::try_from(self.len - start).unwrap_or(usize::MAX).min(wanted);
        let map = Arc::new(raw::map(&self.file, start, held)?);
        let _ = map.advise(memmap2::Advice::Sequential);
        let window = Window { start, map };
        self.window = Some(window.clone());
        Ok((window, len))
    }

    pub fn len(&self) -> u64 {
        self.len
    }
}

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// By the first bytes.
    pub fn of(magic: [u8; 4]) -> Option<Packing> {
        match magic {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Packing::Zstd),
            // A frame to be skipped, with which files of `pzstd` begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// By the name.
    pub fn named(path: &Path) -> Option<Packing> {
        let extension = path.extension()?.to_ascii_lowercase();
        match extension.to_str()? {
            "gz" => Some(Packing::Gzip),
            "zst" => Some(Packing::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }
}

/// Whether `start`, what a file begins with, is that of a compressed one.
pub fn is_packed(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|magic| Packing::of(*magic).is_some())
}

/// Looks at the first bytes and goes back. A file named `.gz` without them is read as it is: some tools
/// decompress in place.
fn packing_of(file: &mut File) -> io::Result<Option<Packing>> {
    let mut magic = [0; 4];
    let mut filled = 0;
    while filled < magic.len() {
        match file.read(&mut magic[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Packing::of(magic))
}

pub fn open_error(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot open {}: {}", path.display(), reason(error));
    match error.kind() {
        ErrorKind::NotFound => Error::external(message).note("the file was there when the job was checked"),
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            Error::external(message).note("raise the limit of open files: ulimit -n 4096")
        }
        _ => Error::external(message),
    }
}
