//! The thread that listens, and the desk where requests are handed over to the engine.

use std::os::unix::net as std_net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::serve::Listener;
use crossbeam_channel::{Sender, bounded};
use serde_json::Value;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::{api, socket};
use crate::error::{Error, Result, Secrets};
use crate::runtime::orders::{Ask, Order, Reply, Request};

/// Requests that wait for the engine at one time; further ones wait for these.
const WAITING_MOST: usize = 16;
/// Answers on their way when the job ends are still sent.
const GRACE: Duration = Duration::from_secs(2);

/// What is known of a job without asking it: an object, part of its status.
pub type About = Arc<dyn Fn() -> Value + Send + Sync>;

/// Listens in a state folder as long as this lives.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `folder`: the state folder, its lock held by this process.
    ///
    /// Errors (class External): the socket or the thread cannot be made.
    pub fn start(folder: &Path, orders: Sender<Order>, about: About, secrets: Secrets) -> Result<Server> {
        let refused = |e: std::io::Error| Error::external(format!("cannot listen in {}: {e}", folder.display()));
        let listener = socket::bind(folder).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(WAITING_MOST).build();
        let runtime = runtime.map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let desk = Desk { orders, about, secrets };
        let listen = move || listen(runtime, listener, desk, stopped);
        let thread = std::thread::Builder::new().name("control".into()).spawn(listen).map_err(refused)?;
        Ok(Server { folder: folder.to_owned(), stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread may have ended by itself.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A panic there has nothing left to harm.
            let _ = thread.join();
        }
        // What stays is replaced by the next run.
        let _ = socket::remove(&self.folder);
    }
}

fn listen(runtime: Runtime, listener: std_net::UnixListener, desk: Desk, mut stopped: watch::Receiver<bool>) {
    runtime.block_on(async {
        // Fails only outside of a runtime.
        let Ok(listener) = UnixListener::from_std(listener) else { return };
        let mut stop = stopped.clone();
        let app = api::router(desk);
        let served = axum::serve(Own(listener), app).with_graceful_shutdown(async move {
            let _ = stop.changed().await;
        });
        let served = tokio::spawn(served.into_future());
        // An error says that the server is gone: that is a stop as well.
        let _ = stopped.changed().await;
        let _ = tokio::time::timeout(GRACE, served).await;
    });
    // Whoever still waits for the engine waits in vain.
    runtime.shutdown_background();
}

/// Connections of the same user, or of root. Others find the door shut.
struct Own(UnixListener);

impl Listener for Own {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.0).await;
            let own = rustix::process::geteuid().as_raw();
            if stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0) {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Hands requests over to the engine.
#[derive(Clone)]
pub struct Desk {
    orders: Sender<Order>,
    about: About,
    /// Blanked in errors of the engine.
    secrets: Secrets,
}

impl Desk {
    pub fn about(&self) -> Value {
        (self.about)()
    }

    /// Waits for the engine's answer.
    ///
    /// Errors: those of the engine; or the job ends without an answer (class External).
    pub async fn ask(&self, what: Request) -> Result<Reply> {
        let over = || Error::external("the job has ended before it could do this");
        let (reply, answer) = bounded(1);
        self.orders.send(Order::Ask(Ask { what, reply })).map_err(|_| over())?;
        let waited = tokio::task::spawn_blocking(move || answer.recv()).await;
        let answered = waited.ok().and_then(std::result::Result::ok).unwrap_or_else(|| Err(over()));
        answered.map_err(|error: Error| error.redacted(&self.secrets))
    }
}
