//! Where the bytes of a file sink go until its job succeeds, and how they get their name or are undone.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::FileSinkOptions;
use crate::connect::Run;
use crate::connect::output::{Lasting, folder_error, job_mark, make_folders, parent, write_error};
use crate::error::{Error, Result};
use crate::storage::{Kind, Storage, StorageFile, crash};

/// What becomes of a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Written beside it, then renamed over it.
    #[default]
    Replace,
    /// Rows are added at its end.
    Append,
    /// An error.
    New,
}

/// Files are created under this many names before giving up; earlier ones are left over from killed runs.
const TEMPORARY_NAMES: u32 = 1000;
/// A file name is at most 255 bytes long on common file systems; the rest is for what is put around it.
const NAME_BYTES_MAX: usize = 200;

/// A writer of this process that has just failed may hold the file for an instant.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How the open file relates to the name it is to have.
pub enum Target {
    /// Hidden beside `path` until the end.
    Beside { temporary: PathBuf, path: PathBuf },
    /// The file itself, which had `base` bytes.
    Grown { path: PathBuf, base: u64, created: bool },
    /// A pipe or device: what is written is gone.
    Stream,
}

impl Target {
    pub fn open(options: &FileSinkOptions, lasting: &Lasting) -> Result<(Target, Box<dyn StorageFile>)> {
        let FileSinkOptions { path, mode, gzip, storage, run, .. } = options;
        check_target(&**storage, path, *mode)?;
        let failed = |e: io::Error| write_error(path, &e);
        let kind = storage.kind(path).map_err(failed)?;
        if kind == Some(Kind::Other) || is_descriptor(path) {
            return Ok((Target::Stream, storage.open_append(path).map_err(failed)?));
        }
        let made = make_folders(storage, parent(path)).map_err(|e| folder_error(parent(path), &e))?;
        made.iter().for_each(|folder| lasting.made(folder));
        if kind.is_none() {
            lasting.made(path);
        }
        match mode {
            Mode::Replace => {
                let (target, file) = beside(storage, path, kind, run).map_err(failed)?;
                if let Target::Beside { temporary, .. } = &target {
                    lasting.made(temporary);
                }
                Ok((target, file))
            }
            Mode::New => {
                let mut file = storage.create_new(path).map_err(|e| match e.kind() {
                    ErrorKind::AlreadyExists => exists_error(path),
                    _ => failed(e),
                })?;
                lock(path, &mut *file)?;
                Ok((Target::Grown { path: path.to_owned(), base: 0, created: true }, file))
            }
            Mode::Append => {
                let mut file = storage.open_append(path).map_err(failed)?;
                lock(path, &mut *file)?;
                let base = file.len().map_err(failed)?;
                if !*gzip {
                    check_last_line(path, &*file, base)?;
                }
                Ok((Target::Grown { path: path.to_owned(), base, created: kind.is_none() }, file))
            }
        }
    }

    /// Keeps other jobs away from a file that grows.
    pub fn lock(&self, file: &mut dyn StorageFile) -> Result<()> {
        match self {
            Target::Grown { path, .. } => lock(path, file),
            Target::Beside { .. } | Target::Stream => Ok(()),
        }
    }

    /// Whether a header belongs at its start.
    pub fn is_empty(&self) -> bool {
        !matches!(self, Target::Grown { base: 1.., .. })
    }

    pub fn commit(self, storage: &Arc<dyn Storage>, shown: &Path) -> Result<()> {
        match self {
            Target::Beside { temporary, path } => storage.rename(&temporary, &path).map_err(|e| {
                // The rows are complete, but they cannot have their name: leave nothing half-done.
                let _ = storage.remove(&temporary);
                write_error(shown, &e)
            }),
            Target::Grown { .. } | Target::Stream => Ok(()),
        }
    }

    /// Undoing is best effort: the job has failed already, and its own error is the one to show.
    pub fn abort(self, storage: &Arc<dyn Storage>, mut file: Box<dyn StorageFile>) {
        let _ = match self {
            Target::Beside { temporary, .. } => storage.remove(&temporary),
            Target::Grown { path, created: true, .. } => storage.remove(&path),
            Target::Grown { base, .. } => file.truncate(base),
            Target::Stream => Ok(()),
        };
    }
}

/// Refuses, before anything is written, a target that cannot be (class Job): a folder, or an existing file under
/// [`Mode::New`].
pub fn check_target(storage: &dyn Storage, path: &Path, mode: Mode) -> Result<()> {
    match storage.kind(path).map_err(|e| write_error(path, &e))? {
        Some(Kind::Folder) => Err(Error::job(format!("{} is a folder, a file is expected", path.display()))
            .note("name a file in it, or use a sink of type \"directory\"")),
        Some(Kind::File(_)) if mode == Mode::New && !is_descriptor(path) => Err(exists_error(path)),
        _ => Ok(()),
    }
}

fn exists_error(path: &Path) -> Error {
    Error::job(format!("{} exists and mode is \"new\"", path.display()))
        .note("remove it, write to another path, or use mode = \"replace\" or \"append\"")
}

/// Names of open descriptors, such as `/dev/stdout`: the shell chose the file behind them, so it is written to and
/// not replaced.
pub fn is_descriptor(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name));
    names || path.starts_with("/dev/fd") || path.starts_with("/proc")
}

/// Two jobs that append to one file would take back each other's rows.
fn lock(path: &Path, file: &mut dyn StorageFile) -> Result<()> {
    if is_free(file).map_err(|e| write_error(path, &e))? {
        return Ok(());
    }
    let error = Error::external(format!("another process is writing to {}", path.display()));
    Err(error.note("two jobs that append to one file would cut off each other's rows: give one of them another path"))
}

/// Takes the lock of a file; false if another process keeps it.
pub fn is_free(file: &mut dyn StorageFile) -> io::Result<bool> {
    for _ in 0..LOCK_TRIES {
        if file.try_lock()? {
            return Ok(true);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    file.try_lock()
}

/// A row behind half a line would spoil both, and mending the file would change what is not ours.
fn check_last_line(path: &Path, file: &dyn StorageFile, base: u64) -> Result<()> {
    let mut last = [b'\n'];
    if base > 0 {
        file.read_at(base - 1, &mut last).map_err(|e| write_error(path, &e))?;
    }
    if last == *b"\n" {
        return Ok(());
    }
    Err(Error::job(format!("{} does not end with a line end, so rows cannot be appended", path.display()))
        .note(format!("end its last line: echo >> {}", path.display())))
}

/// A new file beside `path`, hidden. With checkpoints it has the same name in every run of the job, so that what a
/// killed one left is written over; without, a name that no other run uses.
fn beside(
    storage: &Arc<dyn Storage>,
    path: &Path,
    kind: Option<Kind>,
    run: &Run,
) -> io::Result<(Target, Box<dyn StorageFile>)> {
    // Through a symbolic link the file it points to is replaced, not the link.
    let path = match kind {
        Some(_) => fs::canonicalize(path)?,
        None => path.to_owned(),
    };
    let (temporary, file) = match &run.folder {
        Some(folder) => {
            let temporary = path.with_file_name(temporary_name(&path, &job_mark(folder)));
            if storage.kind(&temporary)?.is_some() {
                storage.remove(&temporary)?;
            }
            let file = storage.create_new(&temporary)?;
            (temporary, file)
        }
        None => create_unused(storage, &path)?,
    };
    crash::point("file-after-create");
    if kind.is_some() {
        storage.copy_permissions(&path, &temporary).inspect_err(|_| {
            let _ = storage.remove(&temporary);
        })?;
    }
    Ok((Target::Beside { temporary, path }, file))
}

fn create_unused(storage: &Arc<dyn Storage>, path: &Path) -> io::Result<(PathBuf, Box<dyn StorageFile>)> {
    for attempt in 0..TEMPORARY_NAMES {
        let number = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let temporary = path.with_file_name(temporary_name(path, &format!("{}{number}", std::process::id())));
        match storage.create_new(&temporary) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
            Ok(file) => return Ok((temporary, file)),
        }
    }
    Err(io::Error::other("too many temporary files are left beside it; remove those named .*.flott-*.tmp"))
}

fn temporary_name(path: &Path, mark: &str) -> OsString {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let end = name.char_indices().map(|(at, _)| at).take_while(|at| *at <= NAME_BYTES_MAX).last().unwrap_or(0);
    let name = if name.len() <= NAME_BYTES_MAX { &name } else { &name[..end] };
    format!(".{name}.flott-{mark}.tmp").into()
}
