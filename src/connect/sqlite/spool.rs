//! Files of rows that wait for their transaction.
//!
//! In the state folder they lie as `spool/SINK/LINEAGE-CHECKPOINT.rows`, that which is still written as
//! `spool/SINK/open.rows`.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::{SqliteOptions, shown};
use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::format::rows::{Cell, read_row};
use crate::storage::{Kind, Storage, StorageFile};

/// Bytes gathered before they are written, and read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Its name ends this way.
const ENDING: &str = ".rows";
/// The one that is being written.
const OPEN: &str = "open.rows";

/// A spool that takes rows.
pub struct Spool {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Box<dyn StorageFile>,
    buffer: Vec<u8>,
    hash: Xxh3,
    bytes: u64,
}

/// A spool that is complete.
pub struct Closed {
    pub path: PathBuf,
    /// Its file name.
    pub name: String,
    pub bytes: u64,
    /// xxh3-64 of all of it.
    pub xxh3: u64,
    file: Box<dyn StorageFile>,
}

impl Spool {
    /// A new one in the state folder.
    pub fn create(storage: &Arc<dyn Storage>, folder: &Path) -> Result<Spool> {
        storage.create_folders(folder).map_err(|e| failed("make the folder", folder, &e))?;
        let path = folder.join(OPEN);
        remove_file(&**storage, &path)?;
        Spool::at(storage, path)
    }

    /// A new one beside the database, hidden. What a killed run of this process id left there goes.
    pub fn beside(storage: &Arc<dyn Storage>, database: &Path) -> Result<Spool> {
        let name = database.file_name().unwrap_or_default().to_string_lossy();
        for attempt in 0..1000 {
            let path = database.with_file_name(format!(".{name}.flott-{}-{attempt}{ENDING}.tmp", std::process::id()));
            match storage.kind(&path) {
                Ok(None) => return Spool::at(storage, path),
                Ok(Some(_)) => {}
                Err(e) => return Err(failed("look at", &path, &e)),
            }
        }
        let place = shown(database);
        Err(Error::external(format!("too many files are left beside {place}; remove those named .*.flott-*.tmp")))
    }

    fn at(storage: &Arc<dyn Storage>, path: PathBuf) -> Result<Spool> {
        let file = storage.create_new(&path).map_err(|e| failed("write", &path, &e))?;
        Ok(Spool { storage: storage.clone(), path, file, buffer: Vec::new(), hash: Xxh3::new(), bytes: 0 })
    }

    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.hash.update(data);
        self.bytes += data.len() as u64;
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= BUFFER_BYTES { self.push() } else { Ok(()) }
    }

    fn push(&mut self) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|e| failed("write", &self.path, &e))?;
        self.buffer.clear();
        Ok(())
    }

    /// Complete, under the name of its checkpoint.
    pub fn close(self, folder: &Path, lineage: &str, checkpoint: u64) -> Result<Closed> {
        let storage = self.storage.clone();
        let name = format!("{lineage}-{checkpoint}{ENDING}");
        let closed = self.close_in_place()?;
        let path = folder.join(&name);
        storage.rename(&closed.path, &path).map_err(|e| failed("rename a file to", &path, &e))?;
        Ok(Closed { path, name, ..closed })
    }

    /// Complete, under the name it has.
    pub fn close_in_place(mut self) -> Result<Closed> {
        if let Err(error) = self.push() {
            self.remove();
            return Err(error);
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Closed { path: self.path, name, bytes: self.bytes, xxh3: self.hash.digest(), file: self.file })
    }

    /// Undoing is best effort: nobody will read it.
    pub fn remove(self) {
        drop(self.file);
        let _ = self.storage.remove(&self.path);
    }
}

impl Closed {
    /// The work that makes it last through a power cut.
    pub fn durable(mut self, options: &SqliteOptions) -> Box<dyn FnOnce() -> Result<()> + Send> {
        let storage = options.storage.clone();
        Box::new(move || {
            self.file.sync().map_err(|e| failed("sync", &self.path, &e))?;
            // Its own name, and those of the two folders made for it.
            for folder in self.path.ancestors().skip(1).take(3) {
                storage.sync_folder(folder).map_err(|e| failed("sync the folder", folder, &e))?;
            }
            Ok(())
        })
    }
}

/// Removes those files of the folder for which `gone` is true of their lineage and checkpoint; `None` stands for the
/// one that is still written.
pub fn remove(storage: &dyn Storage, folder: &Path, gone: impl Fn(Option<(&str, u64)>) -> bool) -> Result<()> {
    let names = match storage.list(folder) {
        Ok(names) => names,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed("read the folder", folder, &e)),
    };
    for name in &names {
        let Some(text) = name.to_str() else { continue };
        let parts = text.strip_suffix(ENDING).and_then(|t| t.rsplit_once('-'));
        let parts = parts.and_then(|(lineage, number)| Some((lineage, number.parse().ok()?)));
        if (text == OPEN || parts.is_some()) && gone(parts) {
            remove_file(storage, &folder.join(name))?;
        }
    }
    Ok(())
}

/// No file is fine.
pub fn remove_file(storage: &dyn Storage, path: &Path) -> Result<()> {
    match storage.remove(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("remove", path, &e)),
        _ => Ok(()),
    }
}

/// Hands all rows of a spool to `take`, with their number from 0. Checks length and hash: what is broken is an
/// error, perhaps only behind its last row.
pub fn read(
    storage: &dyn Storage,
    path: &Path,
    (bytes, xxh3): (u64, u64),
    columns: usize,
    mut take: impl FnMut(u64, &[Cell]) -> Result<()>,
) -> Result<()> {
    match storage.kind(path).map_err(|e| failed("read", path, &e))? {
        Some(Kind::File(len)) if len == bytes => {}
        None => return Err(lost(path, "is gone")),
        _ => return Err(lost(path, "is not as it was written")),
    }
    let file = storage.open_append(path).map_err(|e| failed("read", path, &e))?;
    let mut hash = Xxh3::new();
    let (mut buffer, mut offset, mut rows) = (Vec::new(), 0, 0);
    while offset < bytes {
        let kept = buffer.len();
        buffer.resize(kept + BUFFER_BYTES.max(kept), 0);
        let read = file.read_at(offset, &mut buffer[kept..]).map_err(|e| failed("read", path, &e))?;
        buffer.truncate(kept + read);
        hash.update(&buffer[kept..]);
        offset += read as u64;
        if read == 0 {
            break;
        }
        let used = whole_rows(&buffer, columns, &mut rows, &mut take, path)?;
        buffer.drain(..used);
    }
    if !buffer.is_empty() || offset != bytes || hash.digest() != xxh3 {
        return Err(lost(path, "is not as it was written"));
    }
    Ok(())
}

/// How many bytes of the start are whole rows, all of them taken.
fn whole_rows(
    data: &[u8],
    columns: usize,
    rows: &mut u64,
    take: &mut impl FnMut(u64, &[Cell]) -> Result<()>,
    path: &Path,
) -> Result<usize> {
    let (mut used, mut cells) = (0, Vec::with_capacity(columns));
    while used < data.len() {
        match read_row(&data[used..], columns, &mut cells).map_err(|_| lost(path, "is not as it was written"))? {
            Some(len) if len > 0 => {
                take(*rows, &cells)?;
                *rows += 1;
                used += len;
            }
            _ => break,
        }
    }
    Ok(used)
}

fn lost(path: &Path, what: &str) -> Error {
    Error::external(format!("{} {what}: it holds rows of a checkpoint that are not in the database yet", shown(path)))
        .note("go on from an older checkpoint or savepoint, or begin anew with --fresh")
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot {what} {}: {}", shown(path), reason(error));
    match error.kind() {
        ErrorKind::StorageFull => Error::external(message).note("free some space or write to another disk"),
        _ => Error::external(message),
    }
}
