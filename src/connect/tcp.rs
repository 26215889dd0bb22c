//! TCP: a source that listens or connects, and a writer that connects. Sockets are non-blocking.
//!
//! Records of different connections never mix: each has its own cutter and the start of its next record. What a
//! connection leaves without a line end when it closes is its last record.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;

use crate::connect::feed::{Fed, Feed};
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::{Block, Body};
use crate::error::{Error, Result};

mod client;
mod listener;
mod names;
mod writer;

#[cfg(test)]
mod tests;

pub use client::{TcpClient, TcpClientOptions};
pub use listener::{TcpListenerOptions, TcpServer};
pub use writer::TcpWriter;

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
    feed: Feed,
    number: u32,
    peer: String,
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
        Ok(Connection { stream, feed: Feed::new(records), number, peer: peer.to_string() })
    }

    fn read(&mut self, pool: &Arc<Pool>) -> Result<Got> {
        let Connection { stream, feed, number, peer } = self;
        let mut drained = false;
        let fed = feed.read(pool, &|| peer.clone(), |out| {
            // A read that does not fill its room has taken all there was: asking again would cost a system call.
            if std::mem::replace(&mut drained, false) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match stream.read(out) {
                Ok(n) => {
                    drained = n > 0 && n < out.len();
                    Ok(n)
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Err(e),
                // A peer that is lost, however, ends its connection; what came before counts.
                Err(_) => Ok(0),
            }
        })?;
        Ok(match fed {
            Fed::Records(body, line) => Got::Block(Block { file: *number, line, ..Block::single(body) }),
            Fed::Nothing => Got::Nothing,
            Fed::Starved => Got::Starved,
            Fed::End => Got::Closed,
        })
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
