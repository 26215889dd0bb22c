//! What a running job can be asked from outside, and how a run begins.

use std::path::PathBuf;

use crossbeam_channel::Sender;

use crate::error::Result;
use crate::spec::{CheckpointSpec, RestartSpec};

/// An order from outside.
#[derive(Debug, Clone)]
pub enum Order {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// From the control socket.
    Ask(Ask),
}

/// A request that is answered once, when what was asked for is done or has failed. The asker may be gone by then.
#[derive(Debug, Clone)]
pub struct Ask {
    pub what: Request,
    pub reply: Sender<Result<Reply>>,
}

/// Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A checkpoint now, as if it were time for one.
    Checkpoint,
    /// A savepoint in the folder `to`, which does not exist or is empty; `None`: one the engine names, in `savepoints`
    /// of the state folder.
    Savepoint { to: Option<PathBuf> },
    /// An orderly end with a last checkpoint.
    Stop {
        /// A savepoint as the last checkpoint; the inner option as `to` of a savepoint.
        savepoint: Option<Option<PathBuf>>,
        /// All windows fire and sinks commit first, as at the end of the input.
        drain: bool,
    },
    /// An end at once, without a checkpoint: the last one stays the newest.
    Cancel,
    /// Figures of the job.
    Status,
}

impl Request {
    /// The folder of the savepoint that is asked for, `None` inside if it is not named.
    pub fn savepoint(&self) -> Option<Option<PathBuf>> {
        match self {
            Request::Savepoint { to } => Some(to.clone()),
            Request::Stop { savepoint, .. } => savepoint.clone(),
            Request::Checkpoint | Request::Cancel | Request::Status => None,
        }
    }
}

/// What has been done. Paths are absolute.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Checkpoint {
        number: u64,
        path: PathBuf,
    },
    Savepoint {
        path: PathBuf,
    },
    /// `path`: the savepoint, else the checkpoint to go on from; `None` if nothing is left to do.
    Stopped {
        path: Option<PathBuf>,
    },
    Cancelled,
    /// An object; see `docs/commands.md`.
    Status(serde_json::Value),
}

/// How a run begins, and what it leaves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunOptions {
    /// `None`: no checkpoints, neither at intervals nor when asked for.
    pub checkpoint: Option<CheckpointSpec>,
    /// As the job has it; `None`: that of jobs with checkpoints, once there is one to go on from.
    pub restart: Option<RestartSpec>,
    /// The state folder of the job, locked by this process. `None`: the run leaves nothing, and `checkpoint` is `None`.
    pub folder: Option<PathBuf>,
    /// What manifests say of the job; the engine adds the schemas it resolved.
    pub job: crate::checkpoint::manifest::Job,
    /// Where it goes on. `None`: at the start; what is left in the folder of an earlier run is undone and removed.
    pub from: Option<From>,
    /// State of operators that the job no longer has is left out; without this it is an error.
    pub allow_non_restored: bool,
    /// Going back to a checkpoint before output that cannot be taken back is no error.
    pub allow_duplicates: bool,
    /// Output behind the checkpoint that is gone back to is taken back.
    pub rewind_output: bool,
}

/// State to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The newest checkpoint in the job's folder; if it is torn, the one before.
    Latest,
    /// A savepoint or a retained checkpoint: the folder that holds `manifest.json`. Absolute.
    Path(PathBuf),
}
