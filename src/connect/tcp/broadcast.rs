//! A sink that listens: every client gets the rows that come while it is connected. A slow one holds the stream back;
//! without any, rows wait for the first.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use rustix::event::{PollFd, PollFlags};

use super::listener::bind;
use crate::connect::{Writer, Wrote};
use crate::error::Result;

/// Clients at once; further ones wait.
const CLIENTS_MAX: usize = 1024;
/// At the end, how long clients may take for what they have yet to read.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Sends rows to everybody who is connected.
pub struct TcpBroadcast {
    listener: TcpListener,
    local: SocketAddr,
    header: Bytes,
    clients: Vec<Client>,
}

struct Client {
    stream: TcpStream,
    /// What it has yet to be sent.
    rest: Bytes,
}

impl TcpBroadcast {
    /// Binds `host:port`, or `:port` for loopback. Errors (class External): the port is taken or may not be used.
    pub fn bind(listen: &str) -> Result<TcpBroadcast> {
        let (listener, local) = bind(listen)?;
        Ok(TcpBroadcast { listener, local, header: Bytes::new(), clients: Vec::new() })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn accept(&mut self) {
        while self.clients.len() < CLIENTS_MAX {
            // Whoever is gone already, or comes when descriptors are short, is not worth the stream.
            let Ok((stream, _)) = self.listener.accept() else { return };
            if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
                self.clients.push(Client { stream, rest: self.header.clone() });
            }
        }
    }

    /// Sends what sockets take; clients that are gone are forgotten. True if nothing is left.
    fn drain(&mut self) -> bool {
        self.clients.retain_mut(Client::send);
        self.clients.iter().all(|client| client.rest.is_empty())
    }

    fn sent(&mut self) -> Wrote {
        if self.drain() { Wrote::Done } else { Wrote::Blocked }
    }
}

impl Client {
    /// False if it is gone.
    fn send(&mut self) -> bool {
        while !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(count) => self.rest.advance(count),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Closing while something the client sent is unread would reset the connection and lose rows on their way.
    fn close(mut self) {
        let mut scratch = [0; 4096];
        let _ = self.stream.shutdown(Shutdown::Write);
        while matches!(self.stream.read(&mut scratch), Ok(1..)) {}
    }
}

impl Writer for TcpBroadcast {
    fn open(&mut self, header: Bytes) -> Result<()> {
        self.header = header;
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        self.accept();
        if !self.drain() || self.clients.is_empty() {
            return Ok(Wrote::Blocked);
        }
        let rows = std::mem::take(data);
        self.clients.iter_mut().for_each(|client| client.rest = rows.clone());
        // What is left is sent before the next rows.
        self.drain();
        Ok(Wrote::Done)
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(&self.listener, PollFlags::IN));
        let behind = self.clients.iter().filter(|client| !client.rest.is_empty());
        fds.extend(behind.map(|client| PollFd::new(&client.stream, PollFlags::OUT)));
    }

    fn flush(&mut self) -> Result<Wrote> {
        Ok(self.sent())
    }

    fn commit(&mut self) -> Result<()> {
        let until = Instant::now() + LAST_WORDS;
        while !self.drain() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.clients.drain(..).for_each(Client::close);
        Ok(())
    }

    fn abort(&mut self) {
        self.clients.clear();
    }
}
