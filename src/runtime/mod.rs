//! The engine: messages, gates, ports, chains, tasks and the threads that drive them.

mod chain;
mod channel;
mod connectors;
mod deploy;
mod driver;
mod gate;
mod job;
mod merge;
mod message;
pub mod orders;
mod port;
mod reader;
mod sink;
mod stage;
mod task;
#[cfg(test)]
mod tests;
mod waker;
mod worker;

pub use connectors::RealConnectors;
pub use deploy::{Connectors, Deployment, deploy};
pub use job::{Ending, run};
pub use orders::Order;
pub use waker::Waker;
