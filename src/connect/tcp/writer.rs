//! A sink that connects and sends. A slow peer holds the stream back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use bytes::{Buf, Bytes};
use rustix::event::{PollFd, PollFlags};

use crate::connect::file::reason;
use crate::connect::tcp::resolve_address;
use crate::connect::{Writer, Wrote};
use crate::error::{Error, Result};

/// Sends rows to a peer.
pub struct TcpWriter {
    address: String,
    stream: Option<TcpStream>,
    /// What of the header has not been sent yet.
    header: Bytes,
}

impl TcpWriter {
    /// `connect` is `host:port`, or `:port` for loopback. The connection is made by [`Writer::open`].
    pub fn new(connect: impl Into<String>) -> TcpWriter {
        TcpWriter { address: connect.into(), stream: None, header: Bytes::new() }
    }

    /// Sends what the socket takes of `data`.
    fn send(&mut self, data: &mut Bytes) -> Result<Wrote> {
        while !data.is_empty() {
            let Some(stream) = &mut self.stream else {
                return Err(Error::internal("a TCP sink is written before it is open"));
            };
            match stream.write(data) {
                Ok(n) => data.advance(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Wrote::Blocked),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(lost(&self.address, &e)),
            }
        }
        Ok(Wrote::Done)
    }

    fn send_header(&mut self) -> Result<Wrote> {
        let mut header = std::mem::take(&mut self.header);
        let wrote = self.send(&mut header);
        self.header = header;
        wrote
    }
}

impl Writer for TcpWriter {
    /// Errors: nobody listens there (class External).
    fn open(&mut self, header: Bytes) -> Result<()> {
        let addresses = resolve_address(&self.address)?;
        let failed = |e: std::io::Error| {
            let error = Error::external(format!("cannot connect to {}: {}", self.address, reason(&e)));
            match e.kind() {
                ErrorKind::ConnectionRefused => error.note("nobody listens there: start the receiver first"),
                _ => error,
            }
        };
        let stream = TcpStream::connect(&addresses[..]).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_nonblocking(true).map_err(failed)?;
        self.stream = Some(stream);
        self.header = header;
        self.send_header()?;
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        match self.send_header()? {
            Wrote::Done => self.send(data),
            other => Ok(other),
        }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.extend(self.stream.as_ref().map(|stream| PollFd::new(stream, PollFlags::OUT)));
    }

    fn flush(&mut self) -> Result<Wrote> {
        self.send_header()
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(mut stream) = self.stream.take() {
            // Closing while something the peer sent is unread would reset the connection and lose rows on their way.
            let mut scratch = [0; 4096];
            let shut = stream.shutdown(Shutdown::Write);
            while matches!(stream.read(&mut scratch), Ok(1..)) {}
            shut.map_err(|e| lost(&self.address, &e))?;
        }
        Ok(())
    }

    fn abort(&mut self) {
        self.stream = None;
    }
}

fn lost(address: &str, error: &std::io::Error) -> Error {
    Error::external(format!("lost the connection to {address}: {}", reason(error)))
}
