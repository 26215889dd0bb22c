//! The state folder of a job, `STATE_DIR/NAME`: whose it is, who runs it, what its last run came to.
//!
//! ```text
//! STATE_DIR/NAME/           mode 0700
//!     lock                  held (flock) by the process that runs the job; its pid is inside
//!     job.json              a Record: the job file, the last run
//!     control.sock          the running process listens here
//!     chk-N/manifest.json   checkpoints
//!     savepoints/           where savepoints go unless told otherwise
//! ```
//!
//! A folder belongs to one job file: names are easily the same (`job.toml`), and state of one job is none of another.
//! [`Home::claim`] is the only way to a folder one may write in; [`look`] reads any without disturbing its owner.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

mod lock;
mod place;
mod record;
#[cfg(test)]
mod tests;

pub use lock::Lock;
pub use place::{StateDir, job_file};
pub use record::{Checkpoint, Ended, Figures, LastRun, Record};

use crate::error::{Class, Error, Result};
use crate::storage::crash;

/// What goes on in a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// By this process, where it is known.
    Running(Option<u32>),
    /// A run can be resumed.
    Unfinished,
    /// The last run's state is of no more use, or there was none.
    Over,
}

/// A state folder as anybody may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub folder: PathBuf,
    /// As far as it can be read.
    pub record: Option<Record>,
    pub condition: Condition,
    /// The newest complete one.
    pub checkpoint: Option<Checkpoint>,
}

/// A state folder that this process holds.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    record: Record,
    /// What was written there before.
    before: Option<Record>,
    /// Free when this is dropped, or the process gone.
    _locks: [Lock; 2],
}

/// Whose a state folder may be, besides the job file's that claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nobody else's.
    Same,
    /// This job file's: its state is what the run goes on from.
    Was(PathBuf),
    /// Whoever's: the folder itself was named.
    Moved,
}

impl Owner {
    fn allows(&self, theirs: &Path) -> bool {
        match self {
            Owner::Same => false,
            Owner::Was(path) => path == theirs,
            Owner::Moved => true,
        }
    }
}

impl Home {
    /// Takes the folder of the job `name` for the job file at `path` (absolute), run in the current directory.
    ///
    /// Errors: another process has it (class Busy), it belongs to another job file (Unfinished), or the folder cannot
    /// be made (External).
    pub fn claim(place: &StateDir, name: &str, path: &Path, owner: &Owner) -> Result<Home> {
        let folder = place.folder(name);
        make_private(&folder)
            .map_err(|e| Error::external(format!("cannot make the state folder {}: {e}", folder.display())))?;
        let lock = Lock::take(&folder, name)?;
        let beside = Lock::beside(place.path(), name).inspect_err(|_| {
            // Nobody else has this folder, which was made just now.
            let _ = std::fs::remove_file(folder.join("lock")).and_then(|()| std::fs::remove_dir(&folder));
        })?;
        let before = Record::read(&folder)?;
        let directory = std::env::current_dir().map_err(|e| Error::external(format!("no current directory: {e}")))?;
        let mut record = Record::new(name, path, &directory);
        if let Some(before) = &before {
            let theirs = Path::new(&before.path);
            let left = Checkpoint::newest(&folder)?.is_some();
            if theirs != path && !owner.allows(theirs) && (left || theirs.exists()) {
                return Err(belongs_to(name, path, before, left));
            }
            record.run = before.run.clone();
        }
        Ok(Home { folder, record, before, _locks: [lock, beside] })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The checkpoint that a run left and another can go on from, if there is one.
    pub fn unfinished(&self) -> Result<Option<Checkpoint>> {
        Checkpoint::newest(&self.folder)
    }

    /// Writes down that the job runs, in this process.
    pub fn starts(&mut self, now: i64) -> Result<()> {
        self.record.run = Some(LastRun::new(now));
        crash::point("home-before-record");
        self.record.write(&self.folder)?;
        crash::point("home-after-record");
        Ok(())
    }

    /// Writes down how the run ended. `error`: why it failed.
    pub fn ends(&mut self, now: i64, ended: Ended, figures: Figures, error: Option<String>) -> Result<()> {
        let checkpoint = Checkpoint::newest(&self.folder)?;
        if let Some(run) = &mut self.record.run {
            *run = LastRun { ended: Some(now), ending: ended, figures, error, ..*run };
        }
        self.record.checkpoint = checkpoint;
        self.record.write(&self.folder)
    }

    /// Writes down that nothing was run after all, so that the folder belongs to whom it did before.
    pub fn refused(&mut self) -> Result<()> {
        self.before.as_ref().map_or(Ok(()), |before| before.write(&self.folder))
    }
}

/// `left`: there is something to go on from.
fn belongs_to(name: &str, path: &Path, before: &Record, left: bool) -> Error {
    let message = format!("the name {name} belongs to another job file");
    let error = Error::new(Class::Unfinished, message)
        .note(format!("theirs: {}", before.path))
        .note(format!("this:   {}", path.display()))
        .note("give this one another name: `name` in [job], or -D job.name=NAME (--fresh does not help)");
    match left {
        true => error.note(format!("if it is the same job and has moved: flott resume {name} {}", path.display())),
        false => error,
    }
}

/// Makes a folder, and those above it that are missing, for the owner alone.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = std::fs::metadata(folder)?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => std::fs::set_permissions(folder, Permissions::from_mode(0o700)),
    }
}

/// What is in the folder of a job; `None`: it never ran.
///
/// Errors (class External): the folder cannot be read.
pub fn look(folder: &Path) -> Result<Option<Seen>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let checkpoint = Checkpoint::newest(folder)?;
    let condition = match (Lock::holder(folder)?, &checkpoint) {
        (Some(pid), _) => Condition::Running(pid),
        (None, Some(_)) => Condition::Unfinished,
        (None, None) => Condition::Over,
    };
    let mut record = Record::read(folder)?;
    if let (Some(run), false) = (record.as_mut().and_then(|r| r.run.as_mut()), condition.is_running())
        && run.ending == Ended::Running
    {
        // It could not write how it ended.
        run.ending = Ended::Killed;
    }
    Ok(Some(Seen { folder: folder.to_owned(), record, condition, checkpoint }))
}

impl Condition {
    pub fn is_running(&self) -> bool {
        matches!(self, Condition::Running(_))
    }
}
