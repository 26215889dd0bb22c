//! Pipes that hold compressed bytes, as pipes that hold plain ones: a thread unpacks, so that whoever reads never waits.

use std::io::{self, BufReader, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::connect::file::{Packing, ZstdReader};

/// How an input is compressed, as the job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unpack {
    /// Nothing is said.
    #[default]
    Default,
    /// By the first bytes.
    Auto,
    /// As it is.
    None,
    Gzip,
    Zstd,
}

/// What a thread unpacks.
pub struct Unpacked {
    plain: OwnedFd,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Unpacked {
    /// Unpacks what comes from `packed`.
    pub fn start(packed: OwnedFd, unpack: Unpack) -> io::Result<Unpacked> {
        let (plain, mut to) = {
            let (plain, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            (plain, std::fs::File::from(to))
        };
        let failure = Arc::new(Mutex::new(None));
        let told = failure.clone();
        std::thread::Builder::new().name("unpack".into()).spawn(move || {
            let outcome = open(packed, unpack).and_then(|mut reader| io::copy(&mut reader, &mut to));
            match outcome {
                // Nobody reads any more.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
                Err(e) => *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(e),
                Ok(_) => {}
            }
            // The end is seen behind the failure.
            drop(to);
        })?;
        Ok(Unpacked { plain, failure })
    }

    /// A read that does not wait.
    pub fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        let got = read_if_ready(self.plain.as_fd(), out)?;
        let failure = if got == 0 { self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
        failure.map_or(Ok(got), Err)
    }
}

impl AsFd for Unpacked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.plain.as_fd()
    }
}

fn open(packed: OwnedFd, unpack: Unpack) -> io::Result<Box<dyn Read>> {
    let mut packed = Waiting(packed);
    let mut start = [0; 4];
    let mut filled = 0;
    while filled < start.len() {
        match packed.read(&mut start[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    let found = if filled == start.len() { Packing::of(start) } else { None };
    let packed = io::Cursor::new(start).take(filled as u64).chain(packed);
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("it is not {what} data"));
    Ok(match (unpack, found) {
        (Unpack::Gzip, found) if found != Some(Packing::Gzip) && filled > 0 => return Err(wrong("gzip")),
        (Unpack::Zstd, found) if found != Some(Packing::Zstd) && filled > 0 => return Err(wrong("zstd")),
        (Unpack::Gzip | Unpack::Auto | Unpack::Default, Some(Packing::Gzip)) => {
            Box::new(Named(MultiGzDecoder::new(packed), "gzip"))
        }
        (Unpack::Zstd | Unpack::Auto | Unpack::Default, Some(Packing::Zstd)) => {
            Box::new(Named(ZstdReader::new(BufReader::new(packed))?, "zstd"))
        }
        _ => Box::new(packed),
    })
}

/// Says in its errors what it reads.
struct Named<R>(R, &'static str);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Named(inner, what) = self;
        inner.read(out).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => io::Error::new(e.kind(), format!("it ends in the middle of its {what} data")),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                io::Error::new(e.kind(), format!("it is not valid {what} data: {e}"))
            }
            _ => e,
        })
    }
}

/// Waits before each read, for a pipe without a writer yet is no pipe at its end.
struct Waiting(OwnedFd);

impl Read for Waiting {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            match rustix::event::poll(&mut fds, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            match rustix::io::read(&self.0, &mut *out) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                read => return Ok(read?),
            }
        }
    }
}

/// A read that does not wait; regular files are always ready.
pub fn read_if_ready(fd: BorrowedFd<'_>, out: &mut [u8]) -> io::Result<usize> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    if rustix::event::poll(&mut fds, Some(&Timespec::default()))? == 0 {
        return Err(ErrorKind::WouldBlock.into());
    }
    Ok(rustix::io::read(fd, out)?)
}
