//! From signals to orders.
//!
//! `ctrlc` hands over Ctrl-C; it does not say which signal it was, and SIGTERM ends a job with another exit code, so
//! that one comes through `signal-hook`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::error::{Error, Result};
use crate::runtime::Order;

/// Signals that end the process at once, whatever it is doing: the first asks for an orderly end, the second cancels.
const PATIENCE: usize = 3;

/// SIGINT and SIGTERM as orders, as long as this lives.
pub struct Orders {
    sender: Sender<Order>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Passes signals on and counts them.
#[derive(Clone)]
struct Relay {
    orders: Sender<Order>,
    seen: Arc<AtomicUsize>,
}

impl Relay {
    fn pass(&self, order: Order, signal: i32) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
            std::process::exit(128 + signal);
        }
        // The receiver may be gone: the job has ended.
        let _ = self.orders.send(order);
    }
}

impl Orders {
    /// Errors: the system refuses handlers or the thread (class External). Only once in a process.
    pub fn listen() -> Result<(Orders, Receiver<Order>)> {
        let refused = |e: &dyn std::fmt::Display| Error::external(format!("cannot listen for signals: {e}"));
        let (sender, receiver) = unbounded();
        let relay = Relay { orders: sender.clone(), seen: Arc::default() };
        let interrupts = relay.clone();
        ctrlc::set_handler(move || interrupts.pass(Order::Interrupt, SIGINT)).map_err(|e| refused(&e))?;
        let mut signals = Signals::new([SIGTERM]).map_err(|e| refused(&e))?;
        let handle = signals.handle();
        let listen = move || signals.forever().for_each(|_| relay.pass(Order::Terminate, SIGTERM));
        let thread = std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(|e| refused(&e))?;
        Ok((Orders { sender, handle, thread: Some(thread) }, receiver))
    }

    /// For orders that are no signals.
    pub fn sender(&self) -> Sender<Order> {
        self.sender.clone()
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A panic there has nothing left to harm.
            let _ = thread.join();
        }
    }
}
