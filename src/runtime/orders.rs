//! What is said to a running job, and how a run is to be done.

use std::path::PathBuf;

use crossbeam_channel::Sender;
use serde_json::Value;

use crate::checkpoint::manifest;
use crate::error::Result;
use crate::spec::{CheckpointSpec, RestartSpec};

/// An order from outside.
#[derive(Debug, Clone)]
pub enum Order {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// Over the control socket.
    Ask(Ask),
}

/// A request and the way of its answer.
#[derive(Debug, Clone)]
pub struct Ask {
    pub what: Request,
    pub reply: Sender<Result<Reply>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Checkpoint,
    /// Into a folder that does not exist yet.
    Savepoint { to: PathBuf },
    /// Stops reading, takes a last checkpoint and ends. With `drain`, what has been read is finished instead: windows
    /// fire, output is complete, nothing is left to go on from.
    Stop { savepoint: Option<PathBuf>, drain: bool },
    /// Ends at once; what the last checkpoint holds stays.
    Cancel,
    Status,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Checkpoint { number: u64, path: PathBuf },
    Savepoint { path: PathBuf },
    /// The savepoint, else the checkpoint to go on from; `None` if there is nothing left to do.
    Stopped { path: Option<PathBuf> },
    Cancelled,
    Status(Value),
}

/// How a run is done.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `None`: no checkpoints.
    pub checkpoint: Option<CheckpointSpec>,
    /// As the job has it; `None`: the default of jobs with checkpoints, once there is one.
    pub restart: Option<RestartSpec>,
    /// The job's state folder, whose lock this process holds. There is one wherever there are checkpoints.
    pub folder: Option<PathBuf>,
    /// Where to go on; `None`: from the start.
    pub resume: Option<Resume>,
    /// What manifests say of the job.
    pub job: manifest::Job,
}

/// Where a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// A savepoint or checkpoint; `None`: the newest checkpoint of the state folder.
    pub from: Option<PathBuf>,
    /// State of operators that the job does not have any more is left behind.
    pub allow_non_restored: bool,
    /// Output that cannot be taken back may be written twice.
    pub allow_duplicates: bool,
    /// Output is cut even where others may have written since.
    pub rewind_output: bool,
}
