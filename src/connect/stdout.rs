//! Standard output as a sink: a thread of its own writes what a bounded queue holds.
//!
//! Standard output is never set non-blocking: it is shared with whoever started us. So a slow reader blocks that
//! thread alone, and the job sees a full queue.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::connect::file::reason;
use crate::connect::pool::Wake;
use crate::connect::{Writer, Wrote};
use crate::error::{Error, Result};

/// Limits of the queue: it is full when either is reached.
const QUEUED_BYTES_MAX: usize = 4 << 20;
const QUEUED_PIECES_MAX: usize = 1024;
/// Small pieces are joined to writes of about this size.
const WRITE_BYTES: usize = 64 << 10;

/// Writes to a descriptor through a thread.
pub struct Stdout {
    /// Where to write; `None` is standard output.
    fd: Option<OwnedFd>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or the queue was ended.
    filled: Condvar,
    wake: Option<Wake>,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing more will be queued.
    ended: bool,
    /// `write` said `Blocked` and is to be woken.
    blocked: bool,
    gone: Option<Gone>,
}

/// Why the thread stopped writing.
#[derive(Clone, Copy)]
enum Gone {
    /// The reader closed the pipe.
    Reader,
    Failed(Errno),
}

impl Stdout {
    /// `wake` is called when a full queue has room again.
    pub fn new(wake: Option<Wake>) -> Stdout {
        Stdout::with(None, wake)
    }

    /// As [`Stdout::new`], to another descriptor.
    pub fn to(fd: OwnedFd, wake: Option<Wake>) -> Stdout {
        Stdout::with(Some(fd), wake)
    }

    fn with(fd: Option<OwnedFd>, wake: Option<Wake>) -> Stdout {
        let shared = Shared { queue: Mutex::default(), filled: Condvar::new(), wake };
        Stdout { fd, shared: Arc::new(shared), thread: None }
    }

    /// Lets the thread write what is queued and waits for it.
    fn drain(&mut self) {
        self.shared.lock().ended = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread has no way to panic; if it did, what it left unwritten is reported by `outcome`.
            let _ = thread.join();
        }
    }
}

impl Writer for Stdout {
    fn open(&mut self, mut header: Bytes) -> Result<()> {
        let (fd, shared) = (self.fd.take(), self.shared.clone());
        let run = move || match &fd {
            Some(fd) => shared.run(fd.as_fd()),
            None => shared.run(rustix::stdio::stdout()),
        };
        let spawned = thread::Builder::new().name("stdout".to_owned()).spawn(run);
        self.thread = Some(spawned.map_err(|e| Error::external(format!("cannot start a thread: {}", reason(&e))))?);
        self.write(&mut header)?;
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        let mut queue = self.shared.lock();
        if let Some(gone) = queue.gone {
            return gone.outcome();
        }
        if data.is_empty() {
            return Ok(Wrote::Done);
        }
        if queue.bytes >= QUEUED_BYTES_MAX || queue.pieces.len() >= QUEUED_PIECES_MAX {
            queue.blocked = true;
            return Ok(Wrote::Blocked);
        }
        queue.bytes += data.len();
        queue.pieces.push_back(std::mem::take(data));
        drop(queue);
        self.shared.filled.notify_one();
        Ok(Wrote::Done)
    }

    /// The thread writes as fast as it can anyway; this only tells whether it still does.
    fn flush(&mut self) -> Result<Wrote> {
        self.shared.lock().gone.map_or(Ok(Wrote::Done), Gone::outcome)
    }

    fn commit(&mut self) -> Result<()> {
        self.drain();
        self.flush().map(drop)
    }

    /// What was handed over before the failure is still shown, as it would be without the queue.
    fn abort(&mut self) {
        self.drain();
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        self.drain();
    }
}

impl Gone {
    fn outcome(self) -> Result<Wrote> {
        let Gone::Failed(errno) = self else { return Ok(Wrote::Closed) };
        let error = Error::external(format!("cannot write to standard output: {}", reason(&io::Error::from(errno))));
        Err(if errno == Errno::NOSPC {
            error.note("the disk it is redirected to is full: free some space")
        } else {
            error
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is right after every statement, so a panic elsewhere cannot tear it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: until the queue has ended and is empty, or writing fails.
    fn run(&self, fd: BorrowedFd<'_>) {
        let mut joined = Vec::with_capacity(WRITE_BYTES);
        while let Some(pieces) = self.take() {
            if let Err(gone) = write_pieces(fd, pieces, &mut joined) {
                let mut queue = self.lock();
                queue.gone = Some(gone);
                queue.pieces.clear();
                queue.bytes = 0;
                drop(queue);
                self.call_waker();
                return;
            }
        }
    }

    /// Waits for pieces; about one write's worth, so that the rest counts as queued while that is under way.
    fn take(&self) -> Option<Vec<Bytes>> {
        let mut queue = self.lock();
        while queue.pieces.is_empty() {
            if queue.ended {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < WRITE_BYTES
            && let Some(piece) = queue.pieces.pop_front()
        {
            bytes += piece.len();
            taken.push(piece);
        }
        queue.bytes -= bytes;
        // Half empty, so that the job is not woken for every piece.
        let room = queue.bytes <= QUEUED_BYTES_MAX / 2 && queue.pieces.len() <= QUEUED_PIECES_MAX / 2;
        let wake = room && std::mem::take(&mut queue.blocked);
        drop(queue);
        if wake {
            self.call_waker();
        }
        Some(taken)
    }

    fn call_waker(&self) {
        if let Some(wake) = &self.wake {
            wake();
        }
    }
}

fn write_pieces(fd: BorrowedFd<'_>, pieces: Vec<Bytes>, joined: &mut Vec<u8>) -> Result<(), Gone> {
    if let [piece] = &pieces[..] {
        return write_all(fd, piece);
    }
    joined.clear();
    for piece in pieces {
        if piece.len() >= WRITE_BYTES {
            write_all(fd, joined)?;
            joined.clear();
            write_all(fd, &piece)?;
        } else {
            joined.extend_from_slice(&piece);
        }
    }
    write_all(fd, joined)
}

fn write_all(fd: BorrowedFd<'_>, mut data: &[u8]) -> Result<(), Gone> {
    while !data.is_empty() {
        match rustix::io::write(fd, data) {
            Ok(n) => data = &data[n..],
            Err(Errno::INTR) => {}
            // Somebody who shares the descriptor made it non-blocking.
            Err(Errno::AGAIN) => {
                let _ = rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None);
            }
            Err(Errno::PIPE) => return Err(Gone::Reader),
            Err(errno) => return Err(Gone::Failed(errno)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::Read;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn pipe() -> (File, OwnedFd) {
        let (read, write) = rustix::pipe::pipe().unwrap();
        (File::from(read), write)
    }

    #[test]
    fn rows_arrive_in_order_and_commit_waits_for_them() {
        let (mut read, write) = pipe();
        let mut sink = Stdout::to(write, None);
        sink.open(Bytes::from_static(b"header\n")).unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            read.read_to_string(&mut text).unwrap();
            text
        });
        let mut expect = "header\n".to_owned();
        for i in 0..5000 {
            let row = format!("{i},{}\n", "x".repeat(if i % 100 == 0 { 100_000 } else { 10 }));
            expect += &row;
            let mut data = Bytes::from(row);
            while sink.write(&mut data).unwrap() == Wrote::Blocked {
                thread::sleep(Duration::from_millis(1));
            }
        }
        sink.commit().unwrap();
        assert!(reader.join().unwrap() == expect);
    }

    #[test]
    fn a_full_queue_blocks_and_wakes() {
        let (mut read, write) = pipe();
        let (woken, wakes) = mpsc::channel();
        let mut sink = Stdout::to(write, Some(Arc::new(move || woken.send(()).unwrap())));
        sink.open(Bytes::new()).unwrap();
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let mut taken = 0;
        let mut left = piece.clone();
        while sink.write(&mut left).unwrap() == Wrote::Done {
            taken += piece.len();
            left = piece.clone();
        }
        assert!((4 << 20..=6 << 20).contains(&taken), "{taken}");
        assert_eq!(left.len(), piece.len());
        let mut some = vec![0; taken];
        read.read_exact(&mut some).unwrap();
        wakes.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(sink.write(&mut left).unwrap(), Wrote::Done);
        drop(read);
        sink.abort();
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let (read, write) = pipe();
        let mut sink = Stdout::to(write, None);
        drop(read);
        sink.open(Bytes::new()).unwrap();
        let mut outcome = Wrote::Done;
        for _ in 0..1000 {
            outcome = sink.write(&mut Bytes::from_static(b"row\n")).unwrap();
            if outcome != Wrote::Done {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(outcome, Wrote::Closed);
        assert_eq!(sink.flush().unwrap(), Wrote::Closed);
        sink.commit().unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut sink = Stdout::to(full.into(), None);
        sink.open(Bytes::from_static(b"header\n")).unwrap();
        let error = sink.commit().unwrap_err();
        assert!(error.to_string().contains("cannot write to standard output: No space left on device"), "{error}");
    }
}
