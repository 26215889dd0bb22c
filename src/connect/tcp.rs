//! TCP: a source that listens or connects, and a writer that connects. Sockets are non-blocking.
//!
//! Records of different connections never mix: each has its own cutter and the start of its next record. What a
//! connection leaves without a line end when it closes is its last record.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use bytes::Bytes;

use crate::connect::feed::{Fed, Feed};
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::tcp::frames::Deframer;
use crate::connect::unpack::{Unpack, Unpacked};
use crate::connect::{Block, Body};
use crate::error::{Error, Result};

mod broadcast;
mod client;
mod frames;
mod listener;
mod names;
mod writer;

#[cfg(test)]
mod tests;

pub use broadcast::TcpBroadcast;
pub use client::{TcpClient, TcpClientOptions};
pub use listener::{TcpListenerOptions, TcpServer};
pub use writer::TcpWriter;

/// Words about connections that nobody has fetched yet, at most.
const WARNINGS_MAX: usize = 16;

/// Resolves an address of a job file: `host:port`, or `:port`, which is loopback.
///
/// Errors (class Job): no port, a host that is not known.
pub fn resolve_address(address: &str) -> Result<Vec<SocketAddr>> {
    let full = if address.starts_with(':') { format!("127.0.0.1{address}") } else { address.to_owned() };
    let resolved = std::net::ToSocketAddrs::to_socket_addrs(&full).map(Iterator::collect::<Vec<_>>);
    match resolved {
        Ok(found) if !found.is_empty() => Ok(found),
        Err(e) if e.kind() != io::ErrorKind::InvalidInput => {
            let reason = crate::connect::file::reason(&e);
            Err(Error::job(format!("cannot resolve {address}: {reason}")))
        }
        _ => Err(Error::job(format!("'{address}' is not an address"))
            .note("expected HOST:PORT, such as \"example.org:9000\", or \":9000\" for this machine")),
    }
}

/// A connection being read.
struct Connection {
    stream: TcpStream,
    /// What it gives, if it is compressed: each connection is a stream of its own.
    unpacked: Option<Unpacked>,
    feed: Feed,
    /// Of records in frames.
    frames: Option<Box<Deframer>>,
    number: u32,
    peer: String,
    /// Why it ended before its end.
    broken: Option<String>,
}

/// What reading a connection came to.
enum Got {
    Block(Block),
    Nothing,
    Starved,
    /// It is closed and everything has been handed out.
    Closed,
}

impl Connection {
    /// Errors: the socket is already broken.
    fn new(stream: TcpStream, peer: SocketAddr, number: u32, records: &Records) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let frames = records.framed.map(|line_ends| Box::new(Deframer::new(records.max_record, line_ends)));
        let unpacked = match records.unpack {
            Unpack::Default | Unpack::None => None,
            unpack => Some(Unpacked::start(stream.try_clone()?.into(), unpack)?),
        };
        let feed = Feed::new(records);
        Ok(Connection { stream, unpacked, feed, frames, number, peer: peer.to_string(), broken: None })
    }

    /// What becomes readable when there is something to read.
    fn readable(&self) -> BorrowedFd<'_> {
        self.unpacked.as_ref().map_or(self.stream.as_fd(), AsFd::as_fd)
    }

    fn read(&mut self, pool: &Arc<Pool>) -> Result<Got> {
        let Connection { stream, unpacked, feed, frames, number, peer, broken } = self;
        let mut drained = false;
        let mut receive = |out: &mut [u8]| {
            // A read that does not fill its room has taken all there was: asking again would cost a system call.
            if std::mem::replace(&mut drained, false) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let read = match unpacked {
                Some(unpacked) => unpacked.read(out),
                None => stream.read(out),
            };
            match read {
                Ok(n) => {
                    drained = n > 0 && n < out.len();
                    Ok(n)
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Err(e),
                // A peer that is lost, however, ends its connection; what came before counts.
                Err(e) => {
                    *broken = unpacked.is_some().then(|| e.to_string());
                    Ok(0)
                }
            }
        };
        let fed = match frames {
            Some(frames) => feed.read(pool, &|| peer.clone(), |out| frames.read(out, &mut receive)),
            None => feed.read(pool, &|| peer.clone(), receive),
        }?;
        Ok(match fed {
            Fed::Records(body, line) => Got::Block(Block { file: *number, line, ..Block::single(body) }),
            Fed::Nothing => Got::Nothing,
            Fed::Starved => Got::Starved,
            Fed::End => Got::Closed,
        })
    }
}

impl Connection {
    /// What is to be said of a connection that has ended.
    fn last_words(&self) -> Option<String> {
        if let Some(reason) = &self.broken {
            return Some(format!("{} was closed: {reason}; what came before counts", self.peer));
        }
        let inside = self.frames.as_ref().is_some_and(|frames| frames.is_inside());
        inside.then(|| format!("{} ended in the middle of a frame, which was dropped", self.peer))
    }
}

impl Drop for Connection {
    /// A thread that unpacks may wait for the peer: it sees an end now.
    fn drop(&mut self) {
        if self.unpacked.is_some() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

/// An empty block that marks silence or the end.
fn mark(idle: bool, ends: bool) -> Block {
    Block { idle, ends, ..Block::single(Body::Empty) }
}

/// Bytes of records in a block.
fn block_bytes(block: &Block) -> u64 {
    match &block.body {
        Body::Bytes { data, .. } => Bytes::len(data) as u64,
        _ => 0,
    }
}
