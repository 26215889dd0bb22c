//! `job.json`: whose a state folder is and what the last run came to; and the newest checkpoint in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::manifest::{Kind, Manifest};
use crate::checkpoint::store::{Listed, Store};
use crate::error::{Error, Result};
use crate::storage::{RealStorage, Storage};

/// What is remembered of a job. Paths are absolute, times are wall time in µs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    /// The job file.
    pub path: String,
    /// The current directory of the last run.
    pub directory: String,
    pub run: Option<LastRun>,
    /// The one the last run left.
    pub checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    pub pid: u32,
    pub started: i64,
    pub ended: Option<i64>,
    pub ending: Ended,
    pub figures: Figures,
    /// Why it failed.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    Running,
    Finished,
    Stopped,
    Failed,
    Cancelled,
    /// It was gone without a word. Never written.
    Killed,
}

impl Ended {
    pub fn word(self) -> &'static str {
        match self {
            Ended::Running => "running",
            Ended::Finished => "finished",
            Ended::Stopped => "stopped",
            Ended::Failed => "failed",
            Ended::Cancelled => "cancelled",
            Ended::Killed => "killed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    pub rows_in: u64,
    pub rows_out: u64,
    pub seconds: f64,
}

impl LastRun {
    /// A run of this process.
    pub fn new(started: i64) -> LastRun {
        let figures = Figures::default();
        LastRun { pid: std::process::id(), started, ended: None, ending: Ended::Running, figures, error: None }
    }
}

const NAME: &str = "job.json";

impl Record {
    pub fn new(name: &str, path: &Path, directory: &Path) -> Record {
        let text = |path: &Path| path.display().to_string();
        Record { name: name.into(), path: text(path), directory: text(directory), run: None, checkpoint: None }
    }

    /// `None`: there is none yet, or a power cut has torn it; no state depends on it. Errors (class External): those
    /// of the system.
    pub fn read(folder: &Path) -> Result<Option<Record>> {
        let path = folder.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::external(format!("cannot read {}: {e}", path.display()))),
        }
    }

    /// Puts this in the place of what is there, as a whole or not at all. Not synced: a short run is not to wait for
    /// the disk.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(NAME);
        let failed = |e: &dyn std::fmt::Display| Error::external(format!("cannot write {}: {e}", path.display()));
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(&e))?;
        let replace = || {
            let storage = RealStorage;
            let beside = folder.join(format!("{NAME}.new"));
            if storage.kind(&beside)?.is_some() {
                storage.remove(&beside)?;
            }
            let mut file = storage.create_new(&beside)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            storage.rename(&beside, &path)
        };
        replace().map_err(|e: std::io::Error| failed(&e))
    }
}

/// A complete checkpoint that a run can go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub number: u64,
    /// Wall time, µs; 0 if its manifest cannot be read.
    pub created: i64,
    /// The folder that holds its manifest.
    pub path: PathBuf,
}

impl Checkpoint {
    /// The newest one in a state folder.
    pub fn newest(folder: &Path) -> Result<Option<Checkpoint>> {
        Ok(Checkpoint::all(folder)?.next())
    }

    /// Those in a state folder, newest first, but for the one that is written before a run touches anything. One whose
    /// manifest cannot be read counts: there was state, and it is not for us to throw it away.
    ///
    /// Errors (class External): the folder cannot be read.
    pub fn all(folder: &Path) -> Result<impl Iterator<Item = Checkpoint> + use<>> {
        // Nothing is written, so it is all one how many stay.
        let listed = Store::open(Arc::new(RealStorage), folder.to_owned(), 1, false).list()?;
        Ok(listed.into_iter().rev().filter_map(Checkpoint::of))
    }

    /// Whether a run has left anything, and be it what was there before it touched anything.
    pub fn any(folder: &Path) -> bool {
        let listed = Store::open(Arc::new(RealStorage), folder.to_owned(), 1, false).list();
        listed.is_ok_and(|listed| listed.iter().any(|listed| listed.manifest.is_some()))
    }

    fn of(listed: Listed) -> Option<Checkpoint> {
        let created = match listed.manifest? {
            Ok(Manifest { kind: Kind::Start, .. }) => return None,
            Ok(manifest) => manifest.created,
            Err(_) => 0,
        };
        Some(Checkpoint { number: listed.checkpoint, created, path: listed.path })
    }
}
