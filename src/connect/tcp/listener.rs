//! Many clients that connect to us.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};
use serde_json::Value;

use crate::connect::file::reason;
use crate::connect::idle::Idle;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::tcp::names::ClosedNames;
use crate::connect::tcp::{Connection, Got, WARNINGS_MAX, block_bytes, mark, resolve_address};
use crate::connect::{Next, Source, restore_live};
use crate::error::{Error, Result};

/// How long no connection is accepted after the process ran out of descriptors, in µs.
const ACCEPT_PAUSE_US: i64 = 100_000;

/// What a listening source is made of.
pub struct TcpListenerOptions {
    /// `host:port`, or `:port` for loopback; port 0 takes a free one.
    pub listen: String,
    pub records: Records,
    pub pool: Arc<Pool>,
    /// Connections held at once; further ones are closed at once.
    pub max_connections: usize,
    /// End when the first connection ends.
    pub once: bool,
    /// Silence of all clients for so many µs counts as idle.
    pub idle: Option<i64>,
}

/// Listens and reads every client in turn.
pub struct TcpServer {
    listener: TcpListener,
    local: SocketAddr,
    options: TcpListenerOptions,
    /// In the order they came; at most `max_connections`.
    connections: Vec<Connection>,
    /// Numbers of connections that had something to read when last asked, served one block each.
    ready: VecDeque<u32>,
    accepted: u32,
    accept_again: i64,
    closed: ClosedNames,
    warnings: Vec<String>,
    idle: Idle,
    bytes: u64,
    /// The first connection of `once` has ended, or `stop` was called.
    ending: Option<Ending>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Mark,
    Done,
}

/// A listener that does not block, and its address.
pub fn bind(listen: &str) -> Result<(TcpListener, SocketAddr)> {
    let addresses = resolve_address(listen)?;
    let failed = |e: std::io::Error| {
        let error = Error::external(format!("cannot listen on {listen}: {}", reason(&e)));
        match e.kind() {
            ErrorKind::AddrInUse => error.note("another process listens there: stop it or take another port"),
            ErrorKind::PermissionDenied => error.note("ports below 1024 need privileges: take another port"),
            _ => error,
        }
    };
    let listener = TcpListener::bind(&addresses[..]).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

impl TcpServer {
    /// Binds the address. Errors (class External): the port is taken or may not be used.
    pub fn bind(options: TcpListenerOptions) -> Result<TcpServer> {
        let (listener, local) = bind(&options.listen)?;
        Ok(TcpServer {
            listener,
            local,
            idle: Idle::new(options.idle),
            options,
            connections: Vec::new(),
            ready: VecDeque::new(),
            accepted: 0,
            accept_again: i64::MIN,
            closed: ClosedNames::default(),
            warnings: Vec::new(),
            bytes: 0,
            ending: None,
        })
    }

    /// Where clients connect to, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Asks all descriptors at once which can be read, accepts who is waiting. False if nobody is ready.
    fn poll(&mut self, now: i64) -> bool {
        let mut fds = Vec::with_capacity(self.connections.len() + 1);
        fds.push(PollFd::new(&self.listener, PollFlags::IN));
        fds.extend(self.connections.iter().map(|c| PollFd::from_borrowed_fd(c.readable(), PollFlags::IN)));
        if rustix::event::poll(&mut fds, Some(&Timespec::default())).unwrap_or(0) == 0 {
            return false;
        }
        let someone_waits = !fds[0].revents().is_empty();
        let readable = fds[1..].iter().zip(&self.connections).filter(|(fd, _)| !fd.revents().is_empty());
        self.ready.extend(readable.map(|(_, connection)| connection.number));
        if someone_waits {
            self.accept(now);
        }
        !self.ready.is_empty()
    }

    fn accept(&mut self, now: i64) {
        if now >= self.accept_again {
            self.accept_again = i64::MIN;
        }
        while self.accept_again == i64::MIN {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    let single = self.options.once && self.accepted > 0;
                    if single || self.connections.len() >= self.options.max_connections {
                        continue;
                    }
                    // A client that is gone already is not worth a word.
                    if let Ok(connection) = Connection::new(stream, peer, self.accepted, &self.options.records) {
                        self.accepted += 1;
                        self.ready.push_back(connection.number);
                        self.connections.push(connection);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                // Out of descriptors or memory: the listener stays readable, so look away for a while.
                Err(_) => self.accept_again = now + ACCEPT_PAUSE_US,
            }
        }
    }

    fn close(&mut self, index: usize) {
        let connection = self.connections.remove(index);
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.extend(connection.last_words());
        }
        self.closed.add(connection.number, connection.peer.clone());
        if self.options.once {
            self.ending = Some(Ending::Mark);
        }
    }
}

impl Source for TcpServer {
    fn next(&mut self, now: i64) -> Result<Next> {
        loop {
            match self.ending {
                Some(Ending::Done) => return Ok(Next::End),
                Some(Ending::Mark) => {
                    self.ending = Some(Ending::Done);
                    return Ok(Next::Block(mark(false, true)));
                }
                None => {}
            }
            let Some(number) = self.ready.pop_front() else {
                if self.poll(now) {
                    continue;
                }
                if self.idle.due(now) {
                    return Ok(Next::Block(mark(true, false)));
                }
                let pause = (self.accept_again > now).then_some(self.accept_again);
                return Ok(Next::Pending { until: self.idle.until().into_iter().chain(pause).min() });
            };
            let Ok(index) = self.connections.binary_search_by_key(&number, |c| c.number) else { continue };
            match self.connections[index].read(&self.options.pool)? {
                Got::Block(block) => {
                    self.idle.seen(now);
                    self.bytes += block_bytes(&block);
                    // It may have more, such as the rest of its last bytes: others come first.
                    self.ready.push_back(number);
                    return Ok(Next::Block(block));
                }
                Got::Nothing => {}
                Got::Starved => {
                    self.ready.push_front(number);
                    return Ok(Next::Pending { until: None });
                }
                Got::Closed => self.close(index),
            }
        }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        // Ready connections wait for the pool, not for a descriptor.
        if self.ready.is_empty() {
            if self.accept_again == i64::MIN {
                fds.push(PollFd::new(&self.listener, PollFlags::IN));
            }
            fds.extend(self.connections.iter().map(|c| PollFd::from_borrowed_fd(c.readable(), PollFlags::IN)));
        }
    }

    fn input_name(&self, file: u32) -> String {
        match self.connections.binary_search_by_key(&file, |c| c.number) {
            Ok(index) => self.connections[index].peer.clone(),
            Err(_) => self.closed.get(file),
        }
    }

    fn stop(&mut self) {
        self.ending = Some(Ending::Done);
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes, None)
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn position(&mut self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn restore(&mut self, position: &Value) -> Result<()> {
        restore_live(position)
    }
}
