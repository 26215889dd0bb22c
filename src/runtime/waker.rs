//! Parking and waking of driver threads.
//!
//! A driver parks only after every task of its thread has said `Blocked`. Whoever could unblock one (a channel's
//! other end, the coordinator, a buffer pool) wakes it. A thread that waits on descriptors as well parks in
//! `poll(2)` and is woken through an eventfd.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{read, write};

const AWAKE: u8 = 0;
const PARKED: u8 = 1;
const POLLING: u8 = 2;
const NOTIFIED: u8 = 3;

/// Wakes one driver thread.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: AtomicU8,
    thread: OnceLock<Thread>,
    event: OnceLock<OwnedFd>,
}

impl Waker {
    /// Binds the waker to the calling thread.
    pub fn attach(&self) {
        let _ = self.0.thread.set(std::thread::current());
    }

    /// Makes the thread look again; cheap while it is awake.
    pub fn wake(&self) {
        match self.0.state.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                if let Some(thread) = self.0.thread.get() {
                    thread.unpark();
                }
            }
            POLLING => {
                if let Some(event) = self.0.event.get() {
                    // A full counter (EAGAIN) wakes just as well.
                    let _ = write(event, &1u64.to_ne_bytes());
                }
            }
            _ => {}
        }
    }

    /// Forgets earlier wake-ups; called before the tasks are looked at.
    pub fn reset(&self) {
        self.0.state.swap(AWAKE, Ordering::AcqRel);
    }

    /// Woken since the last [`Waker::reset`].
    #[cfg(test)]
    pub fn is_notified(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == NOTIFIED
    }

    /// Waits for a wake-up since the last [`Waker::reset`], at most `timeout`.
    pub fn park(&self, timeout: Option<Duration>) {
        if self.0.state.compare_exchange(AWAKE, PARKED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        match timeout {
            None => std::thread::park(),
            Some(limit) => std::thread::park_timeout(limit),
        }
        self.0.state.swap(AWAKE, Ordering::AcqRel);
    }

    /// As [`Waker::park`], also until one of `fds` is ready.
    pub fn poll<'a>(&'a self, mut fds: Vec<PollFd<'a>>, timeout: Option<Duration>) -> std::io::Result<()> {
        let event = match self.0.event.get() {
            Some(event) => event,
            None => {
                let created = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
                self.0.event.get_or_init(|| created)
            }
        };
        if self.0.state.compare_exchange(AWAKE, POLLING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Ok(());
        }
        fds.push(PollFd::new(event, PollFlags::IN));
        let limit = timeout.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: i64::from(t.subsec_nanos()) });
        let outcome = poll(&mut fds, limit.as_ref());
        let woken = fds.last().is_some_and(|fd| !fd.revents().is_empty());
        self.0.state.swap(AWAKE, Ordering::AcqRel);
        if woken {
            let mut count = [0u8; 8];
            let _ = read(event, &mut count);
        }
        match outcome {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_parking_is_not_lost() {
        let waker = Waker::default();
        waker.attach();
        waker.reset();
        waker.wake();
        waker.park(None);
        waker.reset();
        waker.wake();
        waker.poll(Vec::new(), None).unwrap();
    }

    #[test]
    fn wakes_a_polling_thread() {
        let waker = Waker::default();
        let other = waker.clone();
        let thread = std::thread::spawn(move || {
            other.attach();
            other.reset();
            other.poll(Vec::new(), None).unwrap();
        });
        std::thread::sleep(Duration::from_millis(20));
        waker.wake();
        thread.join().unwrap();
    }
}
