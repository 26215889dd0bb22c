//! What a driver runs: a task does a bounded piece of work per step and never waits.

use rustix::event::PollFd;

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

    /// All tasks succeeded: make output visible.
    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    /// The job failed or was cancelled: undo output.
    fn abort(&mut self) {}
}
