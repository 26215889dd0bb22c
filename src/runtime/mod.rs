//! The engine: messages, gates, ports, chains, tasks and the threads that drive them.
//!
//! ```text
//! a run           job.rs        attempts until one ends the job; what becomes of output
//!                 start.rs      what an earlier run left, and the checkpoint to go on from; compare.rs: does it fit?
//!                 restarts.rs   whether to try again, and when
//!                 attempt.rs    one life of the tasks: orders from outside, failures, checkpoints
//!                 orders.rs     what can be asked of it
//! making tasks    deploy.rs     a plan becomes tasks and channels; connectors.rs and operators.rs: their insides
//! tasks           reader.rs ─► worker.rs ─► stage.rs ─► sink.rs; chain.rs: neighbours fused into plain calls
//!   entrances     gate.rs       many channels in one exact order; merge.rs: parts of a block in the order they carry
//!   exits         port.rs       to whom rows go, and in which form
//!   between       message.rs, channel.rs
//! threads         driver.rs steps tasks (task.rs) until all are done; waker.rs: parking and waking
//! checkpoints     barrier.rs    what a task hands over; gather.rs puts it together; snapshots.rs writes and commits
//! ```

mod attempt;
mod barrier;
mod chain;
mod channel;
pub mod compare;
mod connectors;
mod deploy;
mod driver;
mod gate;
mod gather;
mod job;
mod merge;
mod message;
mod metadata;
mod operators;
pub mod orders;
mod port;
mod reader;
mod restarts;
mod roles;
mod sink;
mod snapshots;
mod stage;
mod start;
mod task;
#[cfg(test)]
mod tests;
mod unconfirmed;
mod waker;
mod worker;

pub use attempt::{Cause, Watch};
pub use connectors::{RealConnectors, directory_options, first_time};
pub use deploy::{Connectors, Deployment, Resume, deploy};
pub use job::{Ending, Job, run};
pub use operators::shapes;
pub use orders::Order;
pub use waker::Waker;
