//! From signals to orders.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::error::{Error, Result};
use crate::runtime::Order;

/// Signals that end the process at once, whatever it is doing: the first asks for an orderly end, the second cancels.
const PATIENCE: usize = 3;

/// SIGINT and SIGTERM as orders, as long as this lives.
pub struct Orders {
    pub receiver: Receiver<Order>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Orders {
    /// Errors: the system refuses handlers or the thread (class External).
    pub fn listen() -> Result<Orders> {
        let refused = |e: std::io::Error| Error::external(format!("cannot listen for signals: {e}"));
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(refused)?;
        let handle = signals.handle();
        let (sender, receiver) = unbounded();
        let listen = move || {
            for (number, signal) in signals.forever().enumerate() {
                let order = if signal == SIGTERM { Order::Terminate } else { Order::Interrupt };
                if number + 1 >= PATIENCE {
                    std::process::exit(128 + signal);
                }
                // The receiver may be gone: the job has ended.
                let _ = sender.send(order);
            }
        };
        let thread = std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(refused)?;
        Ok(Orders { receiver, handle, thread: Some(thread) })
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
