//! Is this the file that was read? Told by its bytes, not by its name: the first 4 KiB and the 4 KiB before the
//! place that was reached, decompressed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::connect::file::paths::reason;
use crate::connect::file::raw::Raw;
use crate::connect::unpack::Unpack;
use crate::error::Error;

/// Bytes at the start and before the offset that are compared.
pub const EDGE_BYTES: usize = 4 << 10;

/// A place in a file and what lies around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Decompressed bytes in front of the next block.
    pub offset: u64,
    /// xxh3-64 of the first 4 KiB, or of what there is before `offset`.
    pub head: u64,
    /// xxh3-64 of the 4 KiB before `offset`, or of what there is.
    pub tail: u64,
}

impl Mark {
    /// Nothing has been read: what xxh3-64 is of no bytes.
    pub const START: Mark = Mark { offset: 0, head: 0x2d06_8005_38d3_94c2, tail: 0x2d06_8005_38d3_94c2 };

    /// At `offset`, with what the file begins with and what is before the place: each up to 4 KiB.
    pub fn of(offset: u64, head: &[u8], tail: &[u8]) -> Mark {
        Mark { offset, head: xxh3_64(head), tail: xxh3_64(tail) }
    }

    /// Whether `edge`, the up to 4 KiB before the place, is what was read.
    pub fn follows(&self, edge: &[u8]) -> bool {
        edge.len() as u64 == self.offset.min(EDGE_BYTES as u64) && xxh3_64(edge) == self.tail
    }

    /// The mark behind `data`, if `edge` is what [`Mark::follows`].
    pub fn behind(self, edge: &[u8], data: &[u8]) -> Mark {
        if data.is_empty() {
            return self;
        }
        let mut tail = edge[edge.len() - edge.len().min(EDGE_BYTES.saturating_sub(data.len()))..].to_vec();
        tail.extend_from_slice(&data[data.len().saturating_sub(EDGE_BYTES)..]);
        let head = match self.offset < EDGE_BYTES as u64 {
            // All that was read is the edge.
            true => xxh3_64(&edge.iter().chain(data).copied().take(EDGE_BYTES).collect::<Vec<_>>()),
            false => self.head,
        };
        Mark { offset: self.offset + data.len() as u64, head, tail: xxh3_64(&tail) }
    }
}

/// The bytes a [`Mark`] is made of, kept while a file is read, so that a barrier reads nothing.
#[derive(Debug, Default)]
pub struct Edges {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Of `head` and `tail`, until they change.
    hashes: Option<(u64, u64)>,
}

impl Edges {
    /// `data` follows what was passed before.
    pub fn pass(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.hashes = None;
        let room = EDGE_BYTES - self.head.len();
        self.head.extend_from_slice(&data[..data.len().min(room)]);
        let kept = EDGE_BYTES.saturating_sub(data.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(&data[data.len().saturating_sub(EDGE_BYTES)..]);
    }

    /// Of the bytes of a plain file before `offset`.
    pub fn around(path: &Path, offset: u64) -> std::io::Result<Edges> {
        let file = fs::File::open(path)?;
        let head = offset.min(EDGE_BYTES as u64) as usize;
        let tail = head.max(usize::try_from(offset).unwrap_or(usize::MAX).min(2 * EDGE_BYTES)) - head;
        let mut edges = Edges::default();
        for (at, len) in [(0, head), (offset - tail as u64, tail)] {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, at)?;
            edges.pass(&bytes);
        }
        Ok(edges)
    }

    pub fn mark(&mut self, offset: u64) -> Mark {
        let (head, tail) = *self.hashes.get_or_insert_with(|| (xxh3_64(&self.head), xxh3_64(&self.tail)));
        Mark { offset, head, tail }
    }
}

/// Why a file is not the one that was read.
#[derive(Debug)]
pub enum Mismatch {
    Missing,
    /// It has so many (decompressed) bytes only.
    Shorter(u64),
    Replaced,
    /// A pipe or device: what was read is gone.
    Pipe,
    Unreadable(Error),
}

impl Mismatch {
    /// The error for `path`, and what to do.
    pub fn error(self, path: &Path, offset: u64) -> Error {
        let at = format!("cannot go on at byte {offset} of {}", path.display());
        let back = "put the file back as it was, or start anew with --fresh";
        match self {
            Mismatch::Missing => Error::external(format!("{at}: the file is missing"))
                .note("put it back, or name its new place with -D sources.NAME.path=…"),
            Mismatch::Shorter(len) => {
                Error::external(format!("{at}: it was truncated, it has only {len} bytes now")).note(back)
            }
            Mismatch::Replaced => {
                Error::external(format!("{at}: it was replaced, it holds other data than what was read")).note(back)
            }
            Mismatch::Pipe => Error::external(format!("{at}: it is a pipe or device, which cannot be read again"))
                .note("read it as stdin, which has a journal, or start anew with --fresh"),
            Mismatch::Unreadable(error) => error,
        }
    }
}

/// Opens `path` behind what was read, if it is that file. Maps are not made.
pub fn verify(path: &Path, mark: Mark, unpack: Unpack) -> Result<(Raw, Edges), Mismatch> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(Mismatch::Missing),
        Err(e) => {
            let message = format!("cannot read {}: {}", path.display(), reason(&e));
            return Err(Mismatch::Unreadable(Error::external(message)));
        }
    };
    if !meta.is_file() {
        return Err(Mismatch::Pipe);
    }
    let mut raw = Raw::open(path, 0, false, unpack).map_err(Mismatch::Unreadable)?;
    if matches!(raw, Raw::Plain(_)) && meta.len() < mark.offset {
        return Err(Mismatch::Shorter(meta.len()));
    }
    let head_len = mark.offset.min(EDGE_BYTES as u64) as usize;
    let head = read(&mut raw, path, head_len, 0)?;
    let mut edges = Edges::default();
    edges.pass(&head);
    if xxh3_64(&head) != mark.head {
        return Err(Mismatch::Replaced);
    }
    let (passed, tail_start) = (head_len as u64, mark.offset - head_len as u64);
    if tail_start > passed {
        let skipped = raw.skip(tail_start - passed).map_err(|e| Mismatch::Unreadable(raw.read_error(path, &e)))?;
        if skipped < tail_start - passed {
            return Err(Mismatch::Shorter(passed + skipped));
        }
    }
    let at = passed.max(tail_start);
    edges.pass(&read(&mut raw, path, (mark.offset - at) as usize, at)?);
    if edges.mark(mark.offset) != mark {
        return Err(Mismatch::Replaced);
    }
    Ok((raw, edges))
}

/// `len` bytes at `at`, where `raw` stands.
fn read(raw: &mut Raw, path: &Path, len: usize, at: u64) -> Result<Vec<u8>, Mismatch> {
    let mut out = vec![0; len];
    match raw.fill(&mut out) {
        Ok(filled) if filled < len => Err(Mismatch::Shorter(at + filled as u64)),
        Ok(_) => Ok(out),
        Err(e) => Err(Mismatch::Unreadable(raw.read_error(path, &e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_moved_on_is_that_of_all_bytes() {
        let data: Vec<u8> = (0..20_000u32).map(|n| ((n * n) >> 7) as u8).collect();
        assert_eq!(Edges::default().mark(0), Mark::START);
        for cuts in [vec![1, 4095, 4097, 9000], vec![4096, 8192], vec![10_000, 10_001, 20_000], vec![3, 5, 20_000]] {
            let (mut edges, mut mark, mut at) = (Edges::default(), Mark::START, 0);
            for cut in cuts {
                let edge = &data[at - at.min(EDGE_BYTES)..at];
                assert!(mark.follows(edge));
                mark = mark.behind(edge, &data[at..cut]);
                edges.pass(&data[at..cut]);
                at = cut;
                assert_eq!(mark, edges.mark(at as u64), "at {at}");
            }
            assert!(!mark.follows(&data[at - at.min(EDGE_BYTES) + 1..at]));
        }
    }
}
