//! What a checkpoint holds of a directory sink.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::connect::output::Extent;

/// `connect::Prepared::state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub place: Place,
    /// The runs that have written here, each going on from the one before.
    pub lineages: Vec<String>,
    /// In the names of hidden parts: that of the job.
    pub mark: String,
    pub checkpoint: u64,
    /// Number of the next part.
    pub next: u64,
    /// Parts that are being written.
    pub parts: Vec<OpenPart>,
    /// The folder was not there before.
    pub created: bool,
    /// Nothing follows.
    pub ended: bool,
}

/// Where parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As the job file names it.
    pub path: PathBuf,
    /// A hidden folder beside it, which replaces it at the end.
    pub beside: Option<Beside>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub new: PathBuf,
    /// Name of the folder that is replaced, while it is.
    pub old: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPart {
    /// `column=value/…`; empty without partitions.
    pub partition: String,
    /// Name in the partition's folder.
    pub name: String,
    pub number: u64,
    #[serde(flatten)]
    pub extent: Extent,
}

/// `connect::Prepared::pending`: parts that are complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub place: Place,
    pub lineages: Vec<String>,
    pub renames: Vec<Rename>,
    pub end: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    pub partition: String,
    pub from: String,
    pub to: String,
    pub length: u64,
}

impl Place {
    /// The folder that parts are written in.
    pub fn root(&self) -> &Path {
        self.beside.as_ref().map_or(&self.path, |beside| &beside.new)
    }
}
