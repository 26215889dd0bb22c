//! Where state folders are.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder that holds the state folders of all jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The one `given`, else `$FLOTT_STATE_DIR`, `$XDG_STATE_HOME/flott`, `~/.local/state/flott`. Variables that are
    /// empty do not count; `$XDG_STATE_HOME` must be absolute, as its specification wants.
    ///
    /// Errors (class Usage): none of them is there.
    pub fn find(given: Option<&Path>, env: &dyn Fn(&str) -> Option<PathBuf>) -> Result<StateDir> {
        let env = |name: &str| env(name).filter(|value| !value.as_os_str().is_empty());
        let found = given
            .map(Path::to_owned)
            .or_else(|| env("FLOTT_STATE_DIR"))
            .or_else(|| env("XDG_STATE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("flott")))
            .or_else(|| env("HOME").map(|home| home.join(".local/state/flott")));
        let found = found.ok_or_else(|| {
            Error::usage("there is no place for state: HOME is not set")
                .note("name one: --state-dir DIR, FLOTT_STATE_DIR")
        })?;
        let absolute = std::path::absolute(&found);
        absolute.map(StateDir).map_err(|e| Error::usage(format!("{} is no state folder: {e}", found.display())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of a job; it need not exist.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folders of all jobs that ever ran, by name.
    ///
    /// Errors (class External): the folder cannot be read.
    pub fn folders(&self) -> Result<Vec<PathBuf>> {
        let failed = |e| Error::external(format!("cannot read the state folder {}: {e}", self.0.display()));
        if !self.0.exists() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(&self.0).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut folders: Vec<PathBuf> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("lock").exists());
        folders.sort();
        Ok(folders)
    }
}

/// The path of a job file that says whose a state folder is: absolute, its folder without links, but the file's own
/// name as given, as where files are deployed by links these change with every version.
///
/// Errors: those of the system.
pub fn job_file(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => Ok(absolute),
    }
}
