//! Opening databases, and what SQLite says in words a user can act on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::shown;
use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::storage::{Kind, Storage};

/// How long to wait while another program writes.
const BUSY: Duration = Duration::from_secs(5);

/// An open database and its path for messages.
pub struct Database {
    pub path: PathBuf,
    pub connection: Connection,
}

impl Database {
    /// A database that is there; an empty file counts as none.
    pub fn existing(path: &Path) -> Result<Option<Database>> {
        match std::fs::metadata(path) {
            Ok(data) if data.is_dir() => Err(folder(path)),
            Ok(data) if data.len() == 0 => Ok(None),
            Ok(_) => Database::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::external(format!("cannot open {}: {}", shown(path), reason(&e)))),
        }
    }

    /// Made, if it is not there.
    pub fn create(path: &Path) -> Result<Database> {
        if path.is_dir() {
            return Err(folder(path));
        }
        Database::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Database> {
        // Joined, because `:memory:` is no file to SQLite.
        let place = Path::new(".").join(path);
        let failed = |e: rusqlite::Error| failure(path, &e);
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(place, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // The journal mode is the user's; a commit lasts through a power cut in each.
        connection.execute_batch("PRAGMA synchronous = FULL").map_err(failed)?;
        let count = "SELECT count(*) FROM sqlite_master";
        connection.query_row(count, [], |_| Ok(())).map_err(failed)?;
        if connection.is_readonly("main").map_err(failed)? {
            return Err(read_only(path));
        }
        Ok(Database { path: path.to_owned(), connection })
    }

    pub fn failed(&self, error: rusqlite::Error) -> Error {
        failure(&self.path, &error)
    }
}

/// Refuses a folder, before anything is written (class Job).
pub fn check_target(storage: &dyn Storage, path: &Path) -> Result<()> {
    match storage.kind(path) {
        Ok(Some(Kind::Folder)) => Err(folder(path)),
        Ok(Some(Kind::Other)) => Err(not_a_database(path)),
        Ok(_) => Ok(()),
        Err(e) => Err(Error::external(format!("cannot open {}: {}", shown(path), reason(&e)))),
    }
}

/// Makes the folder of the database.
pub fn make_folder(storage: &dyn Storage, path: &Path) -> Result<()> {
    let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) else { return Ok(()) };
    storage.create_folders(parent).map_err(|e| {
        Error::external(format!("cannot make the folder {}: {}", shown(parent), reason(&e)))
            .note("check its permissions, or write somewhere else")
    })
}

fn folder(path: &Path) -> Error {
    Error::job(format!("{} is a folder, a file is expected", shown(path))).note("name a database in it")
}

fn not_a_database(path: &Path) -> Error {
    Error::job(format!("{} is not an SQLite database", shown(path)))
        .note("write to another path; a database is made where there is none")
}

fn read_only(path: &Path) -> Error {
    Error::external(format!("cannot write to {}: it is read-only", shown(path)))
        .note("check the owner and permissions of the file and of its folder, where SQLite keeps its journal")
}

fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let message = format!("cannot write to {}: {}", shown(path), words(error));
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_a_database(path),
        Some(ErrorCode::ReadOnly) => read_only(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::external(format!("{} is locked: another program has been writing to it", shown(path)))
                .note(format!("waited {} s; try again when the other program is done", BUSY.as_secs()))
        }
        Some(ErrorCode::DiskFull) => Error::external(message).note("free some space or write to another disk"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::external(message).note("check the owner and permissions of the file and its folder")
        }
        _ => Error::external(message),
    }
}

/// What SQLite says, without the statement.
pub fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
