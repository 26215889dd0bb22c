//! Who runs a job: a lock that goes with the process, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Class, Error, Result};

/// [`Lock::holder`] holds a lock for an instant, which must not keep a job from starting.
const TRIES: usize = 25;
const PAUSE: Duration = Duration::from_millis(10);

/// The lock of a state folder, held.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// What a lock is in.
enum Of {
    /// The state folder.
    Folder,
    /// The folder above.
    Above,
}

impl Lock {
    /// Errors: another process has it (class Busy), or the file cannot be written (External).
    pub fn take(folder: &Path, name: &str) -> Result<Lock> {
        Lock::at(&folder.join("lock"), name, Of::Folder)
    }

    /// The lock beside the state folder of a job, in the folder `above`: it stays where it is if somebody removes the
    /// state folder under a job that runs. Errors: as those of [`Lock::take`].
    pub fn beside(above: &Path, name: &str) -> Result<Lock> {
        Lock::at(&above.join(format!(".{name}.lock")), name, Of::Above)
    }

    fn at(path: &Path, name: &str, of: Of) -> Result<Lock> {
        let failed = |e: std::io::Error| Error::external(format!("cannot lock {}: {e}", path.display()));
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = open.map_err(failed)?;
        for _ in 0..TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let pid = std::process::id();
                    file.set_len(0)
                        .and_then(|()| file.rewind())
                        .and_then(|()| writeln!(file, "{pid}"))
                        .map_err(failed)?;
                    return Ok(Lock { _file: file });
                }
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(e) => return Err(failed(e.into())),
            }
        }
        Err(taken(&mut file, name, &of))
    }

    /// The process that holds the lock of a folder: `None` if nobody does, `Some(None)` if its pid cannot be read.
    ///
    /// Errors (class External): the lock cannot be looked at.
    pub fn holder(folder: &Path) -> Result<Option<Option<u32>>> {
        let path = folder.join("lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::external(format!("cannot read {}: {e}", path.display()))),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(Errno::WOULDBLOCK) => Ok(Some(pid(&mut file))),
            Err(e) => Err(Error::external(format!("cannot look at {}: {e}", path.display()))),
        }
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn taken(file: &mut File, name: &str, of: &Of) -> Error {
    let who = pid(file).map_or_else(|| "another process".to_owned(), |pid| format!("another process, {pid},"));
    let error = Error::new(Class::Busy, format!("{who} runs the job {name}"));
    if let Of::Above = of {
        let gone =
            "its state folder was removed while it runs: no checkpoint of it is left, and flott stop does not reach it";
        return error.note(gone).note("end that process, or give this job another name: -D job.name=NAME");
    }
    error.note(format!("flott status {name} shows how it is, flott stop {name} ends it"))
}
