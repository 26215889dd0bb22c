//! Standard input as a source: hands out what is complete as soon as nothing more is there to read.
//!
//! Standard input is never set non-blocking, as it is shared with whoever started us: it is asked by `poll(2)`
//! before each read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use serde_json::Value;

use crate::connect::feed::{Fed, Feed};
use crate::connect::file::{Packing, reason};
use crate::connect::idle::Idle;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::unpack::{Unpack, Unpacked, read_if_ready};
use crate::connect::{Block, Body, Next, Source, restore_live};
use crate::error::{Error, Result};

/// What a stdin source is made of.
pub struct StdinOptions {
    pub records: Records,
    pub pool: Arc<Pool>,
    /// Silence of so many µs counts as idle.
    pub idle: Option<i64>,
}

/// Reads a descriptor that others share.
pub struct Stdin {
    /// What to read; `None` is standard input.
    fd: Option<OwnedFd>,
    /// What it gives, if it is compressed.
    unpacked: Option<Unpacked>,
    /// Its first bytes have been seen.
    begun: bool,
    feed: Feed,
    pool: Arc<Pool>,
    idle: Idle,
    bytes: u64,
    stopped: bool,
    ended: bool,
}

impl Stdin {
    pub fn new(options: StdinOptions) -> Stdin {
        Stdin::with(None, options)
    }

    /// As [`Stdin::new`], from another descriptor.
    pub fn from_fd(fd: OwnedFd, options: StdinOptions) -> Stdin {
        Stdin::with(Some(fd), options)
    }

    fn with(fd: Option<OwnedFd>, options: StdinOptions) -> Stdin {
        let StdinOptions { records, pool, idle } = options;
        let feed = Feed::new(&records);
        Stdin {
            fd,
            unpacked: None,
            begun: false,
            feed,
            pool,
            idle: Idle::new(idle),
            bytes: 0,
            stopped: false,
            ended: false,
        }
    }
}

impl Source for Stdin {
    fn next(&mut self, now: i64) -> Result<Next> {
        if self.stopped {
            return Ok(Next::End);
        }
        let unpack = self.feed.unpack();
        if self.unpacked.is_none() && !matches!(unpack, Unpack::Default | Unpack::None) {
            self.unpacked = Some(unpacked(&self.fd, unpack)?);
        }
        let (fd, unpacked) = (descriptor(&self.fd), &self.unpacked);
        let mut begun = self.begun || unpack == Unpack::None || unpacked.is_some();
        let fed = self.feed.read(&self.pool, &|| "stdin".to_owned(), |out| {
            let got = match unpacked {
                Some(unpacked) => unpacked.read(out),
                None => read_if_ready(fd, out),
            }?;
            if !std::mem::replace(&mut begun, true) {
                refuse_packed(&out[..got])?;
            }
            Ok(got)
        });
        self.begun = begun;
        match fed? {
            Fed::Records(body, line) => {
                self.idle.seen(now);
                if let Body::Bytes { data, .. } = &body {
                    self.bytes += data.len() as u64;
                }
                Ok(Next::Block(Block { line, ..Block::single(body) }))
            }
            Fed::Nothing if self.idle.due(now) => Ok(Next::Block(Block { idle: true, ..Block::single(Body::Empty) })),
            Fed::Nothing => Ok(Next::Pending { until: self.idle.until() }),
            Fed::Starved => Ok(Next::Pending { until: None }),
            Fed::End if self.ended => Ok(Next::End),
            Fed::End => {
                self.ended = true;
                Ok(Next::Block(Block { ends: true, ..Block::single(Body::Empty) }))
            }
        }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let fd = self.unpacked.as_ref().map_or_else(|| descriptor(&self.fd), AsFd::as_fd);
        fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
    }

    fn input_name(&self, _file: u32) -> String {
        "stdin".to_owned()
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes, None)
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

fn unpacked(fd: &Option<OwnedFd>, unpack: Unpack) -> Result<Unpacked> {
    let failed = |e: io::Error| Error::external(format!("cannot read stdin: {}", reason(&e)));
    let fd = descriptor(fd).try_clone_to_owned().map_err(failed)?;
    Unpacked::start(fd, unpack).map_err(failed)
}

fn descriptor(fd: &Option<OwnedFd>) -> BorrowedFd<'_> {
    match fd {
        Some(fd) => fd.as_fd(),
        None => rustix::stdio::stdin(),
    }
}

/// The start of compressed data where plain data is expected.
fn refuse_packed(start: &[u8]) -> io::Result<()> {
    let packing = start.first_chunk().and_then(|magic| Packing::of(*magic));
    let word = match packing {
        None => return Ok(()),
        Some(Packing::Gzip) => "gzip",
        Some(Packing::Zstd) => "zstd",
    };
    let message = format!("it is {word} data: add compression = \"{word}\" to the source");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, Write};

    use super::*;
    use crate::connect::records::double;

    fn source(fd: OwnedFd, idle: Option<i64>) -> Stdin {
        Stdin::from_fd(fd, StdinOptions { records: double::lines(true, false), pool: Pool::new(2), idle })
    }

    /// What `next` comes to, in a word.
    fn next(source: &mut Stdin, now: i64) -> String {
        match source.next(now).unwrap() {
            Next::End => "end".to_owned(),
            Next::Tick(_) => panic!("a source without a journal has no ticks"),
            Next::Pending { until } => format!("pending {until:?}"),
            Next::Block(Block { body: Body::Bytes { data, offset, .. }, .. }) => {
                format!("{offset} {}", std::str::from_utf8(&data).unwrap())
            }
            Next::Block(Block { idle, ends, .. }) => format!("empty idle {idle} ends {ends}"),
        }
    }

    #[test]
    fn a_pipe_is_read_as_it_fills_and_never_waited_for() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut write = File::from(write);
        let mut source = source(read, Some(100));
        assert_eq!(next(&mut source, 1000), "pending Some(1100)");
        write.write_all(b"a\n\"b\n").unwrap();
        assert_eq!(next(&mut source, 1050), "0 a\n");
        assert_eq!(next(&mut source, 1060), "pending Some(1150)");
        assert_eq!(next(&mut source, 1150), "empty idle true ends false");
        assert_eq!(next(&mut source, 1300), "pending None");
        write.write_all(b"c\"\nrest").unwrap();
        assert_eq!(next(&mut source, 1400), "2 \"b\nc\"\n");
        drop(write);
        assert_eq!(next(&mut source, 1401), "8 rest");
        assert_eq!(next(&mut source, 1402), "empty idle false ends true");
        assert_eq!(next(&mut source, 1403), "end");
        assert_eq!(source.progress(), (12, None));
    }

    #[test]
    fn a_regular_file_and_dev_null_are_fine() {
        let mut file = tempfile::tempfile().unwrap();
        let rows = "0123456789\n".repeat(100_000);
        file.write_all(rows.as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut source = source(file.into(), None);
        let mut text = Vec::new();
        while let Next::Block(block) = source.next(0).unwrap() {
            if let Body::Bytes { data, .. } = block.body {
                text.extend_from_slice(&data);
            }
        }
        assert!(text == rows.as_bytes());
        let mut empty = self::source(File::open("/dev/null").unwrap().into(), None);
        assert_eq!(next(&mut empty, 0), "empty idle false ends true");
        assert_eq!(next(&mut empty, 0), "end");
    }

    #[test]
    fn stop_does_not_hand_out_half_a_record() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut write = File::from(write);
        write.write_all(b"a\nhalf").unwrap();
        let mut source = source(read, None);
        assert_eq!(next(&mut source, 0), "0 a\n");
        source.stop();
        assert_eq!(next(&mut source, 0), "end");
    }
}
