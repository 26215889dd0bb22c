//! What a driver runs: a task does a bounded piece of work per step and never waits.

use rustix::event::PollFd;
use serde_json::Value;

use crate::connect::{Prepared, Source};
use crate::error::Result;

/// Outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something was done; there may be more.
    Ready,
    /// Nothing can be done before a channel moves, a descriptor is ready, or the given time (µs) comes.
    Blocked { until: Option<i64> },
    /// The task has passed on its last message.
    Done,
}

/// A subtask of the job.
pub trait Task: Send {
    /// Does a bounded piece of work. `now`: wall time in µs, never going back.
    fn step(&mut self, now: i64) -> Result<Step>;

    /// Name of the node it works for, such as `transforms.per_minute`.
    fn name(&self) -> &str;

    /// Descriptors that end a `Blocked`.
    fn poll_fds<'a>(&'a self, _fds: &mut Vec<PollFd<'a>>) {}

    /// Of a sink that is not open yet: opens it and gives its number and how to undo the run.
    fn prepare_start(&mut self) -> Result<Option<(usize, Value)>> {
        Ok(None)
    }

    /// All tasks succeeded, and checkpoints hold a part of the output: gives the number of the sink and its last part.
    fn prepare_end(&mut self, _checkpoint: u64) -> Result<Option<(usize, Prepared)>> {
        Ok(None)
    }

    /// Gives back sources, by number, to be read on when the job starts again.
    fn into_sources(self: Box<Self>) -> Vec<(usize, Box<dyn Source>)> {
        Vec::new()
    }

    /// All tasks succeeded, without any checkpoint: make output visible.
    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    /// The job failed or was cancelled without any checkpoint: undo output.
    fn abort(&mut self) {}

    /// The job stops, and goes on from a checkpoint later: leave output as it is.
    fn release(&mut self) {}
}
