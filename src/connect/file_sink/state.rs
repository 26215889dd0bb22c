//! What a checkpoint holds of a file sink.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::connect::output::Extent;
use crate::error::{Error, Result};

/// `connect::Prepared::state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// As the job file names it.
    pub path: PathBuf,
    pub gzip: bool,
    #[serde(flatten)]
    pub place: Place,
    #[serde(flatten)]
    pub extent: Extent,
    /// Nothing follows.
    pub ended: bool,
}

/// Where the bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In `temporary`, until it is renamed to `target`.
    Beside { temporary: PathBuf, target: PathBuf },
    /// In the file itself, behind the `base` bytes it had. `created`: it was not there before.
    Grown { base: u64, created: bool },
}

/// `connect::Prepared::pending`: a rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub temporary: PathBuf,
    pub target: PathBuf,
    #[serde(flatten)]
    pub extent: Extent,
}

impl State {
    /// The file that holds the bytes.
    pub fn file(&self) -> &Path {
        match &self.place {
            Place::Beside { temporary, .. } => temporary,
            Place::Grown { .. } => &self.path,
        }
    }

    /// The file had not been made yet.
    pub fn unmade(&self) -> bool {
        matches!(self.place, Place::Grown { base: 0, created: true }) && self.extent.length == 0
    }

    /// Errors (class Job): the job file says something else now.
    pub fn check(&self, path: &Path, gzip: bool, beside: bool) -> Result<()> {
        let shown = path.display();
        let changed = if self.path != path {
            format!("the checkpoint goes on in {}, and the sink's path is {shown} now", self.path.display())
        } else if self.gzip != gzip {
            format!("{shown} was begun with another compression than the sink has now")
        } else if matches!(self.place, Place::Beside { .. }) != beside {
            format!("{shown} was begun with another mode than the sink has now")
        } else {
            return Ok(());
        };
        Err(Error::job(changed).note("change it back, give the sink another name, or start over with --fresh"))
    }
}
