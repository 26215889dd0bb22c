//! The engine: messages, gates, ports, chains, tasks and the threads that drive them.

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
mod operators;
pub mod orders;
mod port;
mod reader;
mod restarts;
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
pub use connectors::{RealConnectors, directory_options};
pub use deploy::{Connectors, Deployment, Resume, deploy};
pub use job::{Ending, Job, run};
pub use operators::shapes;
pub use orders::Order;
pub use waker::Waker;
