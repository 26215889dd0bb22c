//! One state file: written once from front to end, checked as a whole before anything of it is believed.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::writer::FileWriter;
use arrow_ipc::{Block, convert, root_as_footer};
use arrow_schema::{ArrowError, Schema as ArrowSchema};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::manifest::FileInfo;
use crate::error::{Error, Result};
use crate::storage::{Kind, Storage, StorageFile};

/// Bytes that are handed to the system at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a new state file of these record batches and, with `power`, makes it last through a power cut.
pub fn write(
    storage: &dyn Storage,
    path: &Path,
    schema: &ArrowSchema,
    batches: Vec<Vec<ArrayRef>>,
    power: bool,
) -> Result<FileInfo> {
    let cannot = |e: ArrowError| match e {
        ArrowError::IoError(_, e) => failed("write", path, &e),
        other => Error::internal(format!("cannot write {}: {other}", path.display())),
    };
    let file = storage.create_new(path).map_err(|e| failed("create", path, &e))?;
    let mut writer = FileWriter::try_new(Hashed::new(file), schema).map_err(cannot)?;
    let schema = Arc::new(schema.clone());
    let mut rows = 0;
    for columns in batches {
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(cannot)?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(cannot)?;
    }
    let mut file = writer.into_inner().map_err(cannot)?;
    file.flush().map_err(|e| failed("write", path, &e))?;
    if power {
        file.file.sync().map_err(|e| failed("sync", path, &e))?;
    }
    Ok(FileInfo { bytes: file.bytes, rows, xxh3: hex(file.hash.digest()) })
}

/// An error of the disk, with what may help.
pub fn failed(what: &str, path: &Path, e: &io::Error) -> Error {
    let error = Error::external(format!("cannot {what} {}: {e}", path.display()));
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => error.note("free some space on that disk"),
        _ => error,
    }
}

pub fn hex(checksum: u64) -> String {
    format!("{checksum:016x}")
}

/// Collects small writes into large ones and hashes what goes by.
struct Hashed {
    file: Box<dyn StorageFile>,
    buffer: Vec<u8>,
    hash: Xxh3,
    bytes: u64,
}

impl Hashed {
    fn new(file: Box<dyn StorageFile>) -> Hashed {
        Hashed { file, buffer: Vec::new(), hash: Xxh3::new(), bytes: 0 }
    }

    fn give(&mut self, data: &[u8]) -> io::Result<()> {
        self.hash.update(data);
        self.bytes += data.len() as u64;
        self.file.write_all(data)
    }
}

impl Write for Hashed {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + data.len() > BUFFER_BYTES {
            self.flush()?;
        }
        match data.len() > BUFFER_BYTES {
            true => self.give(data)?,
            false => self.buffer.extend_from_slice(data),
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            self.give(&buffer)?;
        }
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }
}

/// Reads through a file and compares it with what its manifest says, without holding it.
///
/// Errors: in what it differs.
pub fn check(storage: &dyn Storage, path: &Path, info: &FileInfo) -> Result<()> {
    check_size(storage, path, info)?;
    let (bytes, xxh3) = checksum(storage, path)?;
    check_hash(path, info, bytes, &xxh3)
}

/// Length of a file and the checksum a manifest has for it.
pub fn checksum(storage: &dyn Storage, path: &Path) -> Result<(u64, String)> {
    let file = storage.open_read(path).map_err(|e| failed("read", path, &e))?;
    checksum_of(&*file, path)
}

fn checksum_of(file: &dyn StorageFile, path: &Path) -> Result<(u64, String)> {
    let (mut hash, mut bytes) = (Xxh3::new(), 0);
    each_piece(file, path, |piece| {
        hash.update(piece);
        bytes += piece.len() as u64;
        Ok(())
    })?;
    Ok((bytes, hex(hash.digest())))
}

/// Reads through a file.
pub fn each_piece(file: &dyn StorageFile, path: &Path, mut with: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut offset = 0;
    loop {
        let read = file.read_at(offset, &mut buffer).map_err(|e| failed("read", path, &e))?;
        with(&buffer[..read])?;
        offset += read as u64;
        if read < buffer.len() {
            return Ok(());
        }
    }
}

/// Compares the size of a file with what its manifest says: much sooner done than [`check`].
pub fn check_size(storage: &dyn Storage, path: &Path, info: &FileInfo) -> Result<()> {
    match storage.kind(path).map_err(|e| failed("read", path, &e))? {
        Some(Kind::File(bytes)) if bytes == info.bytes => Ok(()),
        Some(Kind::File(bytes)) => {
            Err(Error::external(format!("{} has {bytes} bytes instead of {}", path.display(), info.bytes)))
        }
        Some(_) => Err(Error::external(format!("{} is not a file", path.display()))),
        None => Err(Error::external(format!("{} is missing", path.display()))),
    }
}

fn check_hash(path: &Path, info: &FileInfo, bytes: u64, xxh3: &str) -> Result<()> {
    match bytes == info.bytes && xxh3 == info.xxh3 {
        true => Ok(()),
        false => Err(Error::external(format!("{} is damaged: its checksum differs", path.display()))),
    }
}

/// Where the record batches of a state file are.
struct Footer {
    decoder: FileDecoder,
    batches: Vec<Block>,
    /// Bytes of the file.
    len: usize,
    name: String,
}

/// Behind the footer: its length and the magic word.
const TAIL_BYTES: usize = 10;

impl Footer {
    /// Of a file of `len` bytes, whose parts `read` gives.
    fn read(name: String, len: usize, read: impl Fn(Range<usize>) -> Result<Buffer>) -> Result<Footer> {
        let wrong = |why: &dyn std::fmt::Display| Error::external(format!("{name} is no Arrow file: {why}"));
        let before_tail = len.checked_sub(TAIL_BYTES).ok_or_else(|| wrong(&"it is too short"))?;
        let tail = read(before_tail..len)?;
        let tail = tail.last_chunk::<TAIL_BYTES>().ok_or_else(|| wrong(&"it is too short"))?;
        let length = read_footer_length(*tail).map_err(|e| wrong(&e))?;
        let start = before_tail.checked_sub(length).ok_or_else(|| wrong(&"its footer is too long"))?;
        let footer = read(start..before_tail)?;
        let footer = root_as_footer(&footer).map_err(|e| wrong(&e))?;
        let schema = footer.schema().ok_or_else(|| wrong(&"it has no schema"))?;
        let schema = convert::try_fb_to_schema(schema).map_err(|e| wrong(&e))?;
        let batches = footer.recordBatches().map_or(Vec::new(), |blocks| blocks.iter().copied().collect());
        let decoder = FileDecoder::new(Arc::new(schema), footer.version());
        Ok(Footer { decoder, batches, len, name })
    }

    /// The columns of a record batch, key groups first.
    fn batch(&self, number: usize, read: impl Fn(Range<usize>) -> Result<Buffer>) -> Result<Vec<ArrayRef>> {
        let wrong = |why: String| Error::external(format!("{}: record batch {number}: {why}", self.name));
        let block = self.batches.get(number).ok_or_else(|| wrong("there is none".into()))?;
        let bytes = place(block, self.len).ok_or_else(|| wrong("it lies outside the file".into()))?;
        let batch = self.decoder.read_record_batch(block, &read(bytes)?).map_err(|e| wrong(e.to_string()))?;
        Ok(batch.ok_or_else(|| wrong("it is empty".into()))?.columns().to_vec())
    }
}

/// Where a record batch lies in a file of `len` bytes.
fn place(block: &Block, len: usize) -> Option<Range<usize>> {
    let start = usize::try_from(block.offset()).ok()?;
    let header = usize::try_from(block.metaDataLength()).ok()?;
    let body = usize::try_from(block.bodyLength()).ok()?;
    let end = start.checked_add(header)?.checked_add(body)?;
    (end <= len).then_some(start..end)
}

/// A state file in memory, checked.
pub struct StateFile {
    bytes: Buffer,
    footer: Footer,
}

impl StateFile {
    /// Reads a file.
    ///
    /// Errors: it is missing or not what its manifest says, or no Arrow file.
    pub fn open(storage: &dyn Storage, path: &Path, info: &FileInfo) -> Result<StateFile> {
        check_size(storage, path, info)?;
        let bytes = storage.read(path).map_err(|e| failed("read", path, &e))?;
        check_hash(path, info, bytes.len() as u64, &hex(xxh3_64(&bytes)))?;
        let bytes = Buffer::from_vec(bytes);
        let part = |range: Range<usize>| Ok(bytes.slice_with_length(range.start, range.len()));
        let footer = Footer::read(path.display().to_string(), bytes.len(), part)?;
        Ok(StateFile { bytes, footer })
    }

    /// The columns of a record batch, key groups first. They point into the file.
    pub fn batch(&self, number: usize) -> Result<Vec<ArrayRef>> {
        self.footer.batch(number, |range| Ok(self.bytes.slice_with_length(range.start, range.len())))
    }
}

/// A state file on disk, checked: of its record batches, only the one at hand is in memory. What was opened can be read
/// to its end, also if the file is removed meanwhile.
pub struct StateReader {
    file: Box<dyn StorageFile>,
    footer: Footer,
    path: PathBuf,
}

impl StateReader {
    /// Errors: as those of [`StateFile::open`].
    pub fn open(storage: &dyn Storage, path: &Path, info: &FileInfo) -> Result<StateReader> {
        check_size(storage, path, info)?;
        let file = storage.open_read(path).map_err(|e| failed("read", path, &e))?;
        let (bytes, xxh3) = checksum_of(&*file, path)?;
        check_hash(path, info, bytes, &xxh3)?;
        let footer = Footer::read(path.display().to_string(), bytes as usize, |range| part(&*file, path, range))?;
        Ok(StateReader { file, footer, path: path.to_owned() })
    }

    /// As [`StateFile::batch`].
    pub fn batch(&self, number: usize) -> Result<Vec<ArrayRef>> {
        self.footer.batch(number, |range| part(&*self.file, &self.path, range))
    }
}

/// Bytes of a file.
fn part(file: &dyn StorageFile, path: &Path, range: Range<usize>) -> Result<Buffer> {
    let mut bytes = vec![0; range.len()];
    let read = file.read_at(range.start as u64, &mut bytes).map_err(|e| failed("read", path, &e))?;
    match read == bytes.len() {
        true => Ok(Buffer::from_vec(bytes)),
        false => Err(Error::external(format!("{} has become shorter", path.display()))),
    }
}
