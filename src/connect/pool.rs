//! Buffers that blocks live in: a fixed number, so that an empty pool is back-pressure on the reader.
//!
//! A buffer comes back when the last column that points into it is dropped, on whatever thread that is. Nothing
//! here reads or cuts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes in a block of a file, unless a record is longer. Blocks of live inputs are at most this long.
pub const BLOCK_BYTES: usize = 256 << 10;

/// Called when something that was waited for has come, from any thread; must be quick and must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Bounds how many blocks are alive.
pub struct Pool {
    state: Mutex<State>,
}

struct State {
    free: Vec<Vec<u8>>,
    /// Blocks that may still be taken.
    left: usize,
    /// Somebody asked in vain since the last buffer came back.
    starved: bool,
    wake: Option<Wake>,
}

impl Pool {
    /// A pool of `blocks` blocks, at least one; memory is taken as they are first used.
    pub fn new(blocks: usize) -> Arc<Pool> {
        let state = State { free: Vec::new(), left: blocks.max(1), starved: false, wake: None };
        Arc::new(Pool { state: Mutex::new(state) })
    }

    /// `wake` is called when a block comes back after [`Pool::take`] found none.
    pub fn set_waker(&self, wake: Wake) {
        self.lock().wake = Some(wake);
    }

    /// A buffer of [`BLOCK_BYTES`] or `None` if all are in use.
    pub fn take(self: &Arc<Pool>) -> Option<Buffer> {
        let permit = self.permit()?;
        let reused = self.lock().free.pop();
        let bytes = reused.unwrap_or_else(|| vec![0; BLOCK_BYTES]);
        Some(Buffer { bytes, filled: 0, permit })
    }

    /// The right to have one block alive, for blocks whose bytes live elsewhere (in a map).
    pub fn permit(self: &Arc<Pool>) -> Option<Permit> {
        let mut state = self.lock();
        if state.left == 0 {
            state.starved = true;
            return None;
        }
        state.left -= 1;
        Some(Permit { pool: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a few counters that are right after every statement, so a panic elsewhere cannot tear it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block is gone. The waker runs outside the lock, as it may take locks of its own.
    fn give_back(&self) {
        let wake = {
            let mut state = self.lock();
            state.left += 1;
            if std::mem::take(&mut state.starved) { state.wake.clone() } else { None }
        };
        if let Some(wake) = wake {
            wake();
        }
    }
}

/// One block's place in the pool.
pub struct Permit {
    pool: Arc<Pool>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.give_back();
    }
}

/// A buffer being filled; [`Buffer::into_bytes`] makes a block of it.
pub struct Buffer {
    /// All of it is initialised, so that nothing is zeroed again.
    bytes: Vec<u8>,
    filled: usize,
    permit: Permit,
}

impl Buffer {
    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    pub fn len(&self) -> usize {
        self.filled
    }

    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Room up to a total of `total` bytes; grows the buffer if it is smaller than that.
    pub fn room(&mut self, total: usize) -> &mut [u8] {
        if self.bytes.len() < total {
            self.bytes.resize(total, 0);
        }
        &mut self.bytes[self.filled..total.max(self.filled)]
    }

    /// `n` more bytes of [`Buffer::room`] have been written.
    pub fn advance(&mut self, n: usize) {
        self.filled = (self.filled + n).min(self.bytes.len());
    }

    pub fn extend(&mut self, data: &[u8]) {
        let total = self.filled + data.len();
        self.room(total)[..data.len()].copy_from_slice(data);
        self.filled = total;
    }

    /// Forgets what lies behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// A block of the filled bytes; the buffer goes back when the last reference to it is dropped.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.filled()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // A buffer that grew for one long record is not kept: the pool stays at its size.
        if self.bytes.len() == BLOCK_BYTES {
            let bytes = std::mem::take(&mut self.bytes);
            self.permit.pool.lock().free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn an_empty_pool_wakes_when_the_last_slice_is_dropped() {
        let pool = Pool::new(1);
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        pool.set_waker(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        let mut buffer = pool.take().unwrap();
        buffer.extend(b"one two");
        let block = buffer.into_bytes();
        let slice = block.slice(4..);
        assert!(pool.take().is_none());
        drop(block);
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        assert_eq!(&slice[..], b"two");
        drop(slice);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert!(pool.take().is_some());
        assert_eq!(woken.load(Ordering::SeqCst), 1, "nobody waited for this one");
    }

    #[test]
    fn a_grown_buffer_is_not_kept() {
        let pool = Pool::new(2);
        let mut buffer = pool.take().unwrap();
        buffer.extend(&vec![1; BLOCK_BYTES + 1]);
        assert_eq!(buffer.len(), BLOCK_BYTES + 1);
        drop(buffer.into_bytes());
        assert!(pool.lock().free.is_empty());
        drop(pool.take().unwrap());
        assert_eq!(pool.lock().free.len(), 1);
    }
}
