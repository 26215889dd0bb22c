//! The engine: messages, gates, ports, chains, tasks and the threads that drive them.

mod barrier;
mod chain;
mod channel;
mod connectors;
mod deploy;
mod driver;
mod gate;
mod gather;
mod job;
mod merge;
pub mod orders;
mod message;
mod port;
mod reader;
mod restarts;
mod sink;
mod stage;
mod task;
#[cfg(test)]
mod tests;
mod waker;
mod worker;

pub use connectors::RealConnectors;
pub use deploy::{Connectors, Deployment, deploy};
pub use job::{Ending, Order, run};
pub use waker::Waker;
