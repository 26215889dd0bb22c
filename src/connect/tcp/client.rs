//! One connection that we make, and make again when it is lost.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{SocketFlags, SocketType};
use serde_json::Value;

use crate::connect::idle::Idle;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::tcp::names::ClosedNames;
use crate::connect::tcp::{Connection, Got, WARNINGS_MAX, block_bytes, mark, resolve_address};
use crate::connect::{Next, Source, restore_live};
use crate::error::Result;

/// Pause before the first try to connect again; each further one is twice as long, in µs.
const BACK_OFF_US: i64 = 100_000;
const BACK_OFF_MAX_US: i64 = 5_000_000;

/// What a connecting source is made of.
pub struct TcpClientOptions {
    /// `host:port`, or `:port` for loopback.
    pub connect: String,
    pub records: Records,
    pub pool: Arc<Pool>,
    /// End when the first connection ends, instead of connecting again.
    pub once: bool,
    /// Silence of so many µs counts as idle.
    pub idle: Option<i64>,
}

/// Connects, reads, and connects again.
pub struct TcpClient {
    options: TcpClientOptions,
    addresses: Vec<SocketAddr>,
    state: State,
    /// Counts tries, to go through the addresses.
    tries: usize,
    back_off: i64,
    /// Number of the next connection.
    connected: u32,
    closed: ClosedNames,
    warnings: Vec<String>,
    idle: Idle,
    bytes: u64,
}

enum State {
    /// Try again at this time.
    Waiting(i64),
    Connecting(OwnedFd, SocketAddr),
    Open(Box<Connection>),
    /// The end mark is still to be sent.
    Ending,
    Ended,
}

impl TcpClient {
    /// Resolves the address; the connection itself is made by [`Source::next`]. Errors (class Job): a host that is
    /// not known.
    pub fn new(options: TcpClientOptions) -> Result<TcpClient> {
        Ok(TcpClient {
            addresses: resolve_address(&options.connect)?,
            state: State::Waiting(i64::MIN),
            tries: 0,
            back_off: BACK_OFF_US,
            connected: 0,
            closed: ClosedNames::default(),
            warnings: Vec::new(),
            idle: Idle::new(options.idle),
            bytes: 0,
            options,
        })
    }

    fn retry(&mut self, now: i64) {
        self.state = State::Waiting(now + self.back_off);
        self.back_off = (self.back_off * 2).min(BACK_OFF_MAX_US);
    }

    fn start(&mut self, now: i64) {
        let address = self.addresses[self.tries % self.addresses.len()];
        self.tries += 1;
        match start_connecting(&address) {
            Ok(fd) => self.state = State::Connecting(fd, address),
            Err(_) => self.retry(now),
        }
    }

    /// The socket can be written to: connected, or refused.
    fn finish(&mut self, fd: OwnedFd, address: SocketAddr, now: i64) {
        let connected = matches!(rustix::net::sockopt::socket_error(&fd), Ok(Ok(())));
        let connection = Connection::new(TcpStream::from(fd), address, self.connected, &self.options.records);
        match connection {
            Ok(connection) if connected => {
                self.connected += 1;
                self.back_off = BACK_OFF_US;
                self.state = State::Open(Box::new(connection));
            }
            _ => self.retry(now),
        }
    }

    /// The connection has ended, and the source with it under `once`.
    fn lost(&mut self, number: u32, peer: String, now: i64) {
        self.closed.add(number, peer);
        if self.options.once { self.state = State::Ending } else { self.retry(now) }
    }

    fn pending(&mut self, now: i64, until: Option<i64>) -> Next {
        if self.idle.due(now) {
            return Next::Block(mark(true, false));
        }
        Next::Pending { until: self.idle.until().into_iter().chain(until).min() }
    }
}

impl Source for TcpClient {
    fn next(&mut self, now: i64) -> Result<Next> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Waiting(at) if at > now => {
                    self.state = State::Waiting(at);
                    return Ok(self.pending(now, Some(at)));
                }
                State::Waiting(_) => self.start(now),
                State::Connecting(fd, address) if is_ready(&fd, PollFlags::OUT) => self.finish(fd, address, now),
                State::Connecting(fd, address) => {
                    self.state = State::Connecting(fd, address);
                    return Ok(self.pending(now, None));
                }
                State::Open(mut connection) => match connection.read(&self.options.pool)? {
                    Got::Closed => {
                        if self.warnings.len() < WARNINGS_MAX {
                            self.warnings.extend(connection.last_words());
                        }
                        self.lost(connection.number, connection.peer.clone(), now);
                    }
                    got => {
                        self.state = State::Open(connection);
                        return Ok(match got {
                            Got::Block(block) => {
                                self.idle.seen(now);
                                self.bytes += block_bytes(&block);
                                Next::Block(block)
                            }
                            Got::Starved => Next::Pending { until: None },
                            Got::Nothing | Got::Closed => self.pending(now, None),
                        });
                    }
                },
                State::Ending => return Ok(Next::Block(mark(false, true))),
                State::Ended => return Ok(Next::End),
            }
        }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        match &self.state {
            State::Connecting(fd, _) => fds.push(PollFd::new(fd, PollFlags::OUT)),
            State::Open(connection) => fds.push(PollFd::from_borrowed_fd(connection.readable(), PollFlags::IN)),
            State::Waiting(_) | State::Ending | State::Ended => {}
        }
    }

    fn input_name(&self, file: u32) -> String {
        match &self.state {
            State::Open(connection) if connection.number == file => connection.peer.clone(),
            _ => self.closed.get(file),
        }
    }

    fn stop(&mut self) {
        self.state = State::Ended;
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

/// Starts a connection without waiting for it.
fn start_connecting(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { rustix::net::AddressFamily::INET } else { rustix::net::AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&fd, address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(fd),
        Err(e) => Err(e.into()),
    }
}

fn is_ready(fd: &OwnedFd, flags: PollFlags) -> bool {
    let mut fds = [PollFd::new(fd, flags)];
    matches!(rustix::event::poll(&mut fds, Some(&Timespec::default())), Ok(1..))
}
