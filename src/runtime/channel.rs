//! Bounded channels between tasks, which neither end ever waits on: a full or empty channel makes the task
//! `Blocked`, and the other end wakes its driver when that changes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use super::message::Message;
use super::waker::Waker;
use crate::error::{Error, Result};

/// Messages a channel holds at most. A block takes two or three.
pub const CAPACITY: usize = 32;

#[derive(Debug)]
pub struct Tx {
    sender: Sender<Message>,
    shared: Arc<Shared>,
    receiver: Waker,
}

#[derive(Debug)]
pub struct Rx {
    receiver: Receiver<Message>,
    shared: Arc<Shared>,
    sender: Waker,
    closed: bool,
    /// Received before their time, up to a mark or signal.
    aside: VecDeque<Message>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The receiver wants no more rows.
    satisfied: AtomicBool,
    /// The sender found the channel full and waits for room.
    starved: AtomicBool,
}

/// A channel from a task driven by `sender` to one driven by `receiver`.
pub fn channel(capacity: usize, sender: &Waker, receiver: &Waker) -> (Tx, Rx) {
    let (tx, rx) = bounded(capacity);
    let shared = Arc::new(Shared::default());
    (
        Tx { sender: tx, shared: shared.clone(), receiver: receiver.clone() },
        Rx { receiver: rx, shared, sender: sender.clone(), closed: false, aside: VecDeque::new() },
    )
}

impl Tx {
    /// Sends, or gives the message back if the channel is full.
    pub fn try_send(&self, message: Message) -> Result<Option<Message>> {
        match self.sender.try_send(message) {
            Ok(()) => {
                self.receiver.wake();
                Ok(None)
            }
            Err(TrySendError::Full(message)) => {
                self.shared.starved.store(true, Ordering::SeqCst);
                // The receiver may have made room before it could see the flag.
                match self.sender.try_send(message) {
                    Ok(()) => {
                        self.receiver.wake();
                        Ok(None)
                    }
                    Err(TrySendError::Full(message)) => Ok(Some(message)),
                    Err(TrySendError::Disconnected(_)) => Err(lost("downstream")),
                }
            }
            Err(TrySendError::Disconnected(_)) => Err(lost("downstream")),
        }
    }

    pub fn satisfied(&self) -> bool {
        self.shared.satisfied.load(Ordering::Acquire)
    }

    /// Messages sent and not taken yet.
    pub fn queued(&self) -> usize {
        self.sender.len()
    }
}

impl Rx {
    /// The next message, if there is one. An upstream that went away without `Close` is an error.
    pub fn try_recv(&mut self) -> Result<Option<Message>> {
        match self.aside.pop_front() {
            Some(message) => Ok(Some(message)),
            None => self.receive(),
        }
    }

    /// Makes room in the channel: takes what is there of one block, for later. At most one block is held so.
    pub fn put_block_aside(&mut self) -> Result<()> {
        let is_end = |message: &Message| matches!(message, Message::Mark(_) | Message::Signal(_));
        while !self.aside.iter().next_back().is_some_and(is_end) {
            match self.receive()? {
                Some(message) => self.aside.push_back(message),
                None => break,
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Message>> {
        match self.receiver.try_recv() {
            Ok(message) => {
                if self.shared.starved.load(Ordering::SeqCst) {
                    self.shared.starved.store(false, Ordering::SeqCst);
                    self.sender.wake();
                }
                if matches!(message, Message::Signal(super::message::Signal::Close)) {
                    self.closed = true;
                }
                Ok(Some(message))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) if self.closed => Ok(None),
            Err(TryRecvError::Disconnected) => Err(lost("upstream")),
        }
    }

    /// Lets the sender look again at what it goes by.
    pub fn wake_sender(&self) {
        self.sender.wake();
    }

    /// Tells the sender that no more rows are wanted.
    pub fn satisfy(&self) {
        if !self.shared.satisfied.swap(true, Ordering::AcqRel) {
            self.sender.wake();
        }
    }
}

/// The other end failed first; its own error is the one to report.
fn lost(end: &str) -> Error {
    Error::internal(format!("the task {end} is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_gives_back_and_a_closed_one_ends() {
        let waker = Waker::default();
        let (tx, mut rx) = channel(1, &waker, &waker);
        assert!(tx.try_send(Message::Turn).unwrap().is_none());
        assert!(tx.try_send(Message::Turn).unwrap().is_some());
        assert!(rx.try_recv().unwrap().is_some());
        assert!(tx.try_send(Message::Signal(super::super::message::Signal::Close)).unwrap().is_none());
        drop(tx);
        assert!(rx.try_recv().unwrap().is_some());
        assert!(rx.try_recv().unwrap().is_none());
    }

    #[test]
    fn disconnecting_without_close_is_a_failure() {
        let waker = Waker::default();
        let (tx, mut rx) = channel(1, &waker, &waker);
        drop(tx);
        assert!(rx.try_recv().is_err());
    }
}
