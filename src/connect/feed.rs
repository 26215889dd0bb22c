//! The bytes of one live input (stdin, a connection) as blocks of whole records.
//!
//! What is complete is handed out as soon as nothing more is there to read; the start of the next record waits
//! in a small buffer of the input's own, so that a silent input pins no block of the pool.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::connect::Body;
use crate::connect::pool::{BLOCK_BYTES, Buffer, Pool};
use crate::connect::records::{Records, lines_of};
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};
use crate::format::{Cut, Cutter, Header, HeaderRead};

/// A smaller block is copied out and its buffer given back, so that a trickle of rows does not pin the pool.
const COPIED_BYTES_MAX: usize = 16 << 10;
/// A started record longer than this grows in the input's own buffer.
const CARRY_BYTES_MAX: usize = BLOCK_BYTES / 2;

/// What a read came to.
pub enum Fed {
    /// With the lines behind the header and in front of it, where they are counted.
    Records(Body, Option<u64>),
    /// Nothing complete, and nothing more to read now.
    Nothing,
    /// The pool is empty.
    Starved,
    /// The input has ended and everything has been handed out.
    End,
}

/// One live input.
pub struct Feed {
    records: Records,
    cutter: Box<dyn Cutter>,
    /// Of the block cut last, and of the next one.
    header: Option<Arc<Header>>,
    next_header: Option<Arc<Header>>,
    header_read: bool,
    /// Offset of the first byte of `carry`.
    offset: u64,
    /// What has been read and not handed out: the start of a record, unless `unchecked`.
    carry: Vec<u8>,
    /// A record may end in `carry`.
    unchecked: bool,
    /// The next byte lies inside a record that was too long.
    inside: bool,
    ended: bool,
    /// Of what was handed out, where they are counted.
    lines: u64,
}

impl Feed {
    pub fn new(records: &Records) -> Feed {
        Feed {
            records: records.clone(),
            cutter: records.cutter(),
            header: None,
            next_header: None,
            header_read: false,
            offset: 0,
            carry: Vec::new(),
            unchecked: false,
            inside: false,
            ended: false,
            lines: 0,
        }
    }

    /// How its bytes are compressed, which is the business of who reads them.
    pub fn unpack(&self) -> Unpack {
        self.records.unpack
    }

    /// Reads what is there through `read`, which says `WouldBlock` when there is nothing more and 0 at the end.
    ///
    /// Errors: those of `read`, as (class External) errors of the input `name`; a header without a declared column.
    pub fn read(
        &mut self,
        pool: &Arc<Pool>,
        name: &dyn Fn() -> String,
        read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<Fed> {
        if self.ended && self.carry.is_empty() {
            return Ok(Fed::End);
        }
        if self.carry.len() >= CARRY_BYTES_MAX {
            return self.read_long(name, read);
        }
        let Some(mut buffer) = pool.take() else { return Ok(Fed::Starved) };
        let had = self.carry.len();
        buffer.extend(&self.carry);
        self.fill(&mut buffer, read).map_err(|e| read_error(name, &e))?;
        let Range { start, end } = self.cut(buffer.filled(), had, name)?;
        self.carry.clear();
        self.carry.extend_from_slice(&buffer.filled()[end..]);
        let data = if end - start <= COPIED_BYTES_MAX {
            Bytes::copy_from_slice(&buffer.filled()[start..end])
        } else {
            buffer.truncate(end);
            buffer.into_bytes().slice(start..)
        };
        Ok(self.hand_out(data, start))
    }

    /// As [`Feed::read`] within a long record: its bytes stay where they are until its end has come. Such a block
    /// is alive beside those of the pool.
    fn read_long(
        &mut self,
        name: &dyn Fn() -> String,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<Fed> {
        let mut carry = std::mem::take(&mut self.carry);
        let had = carry.len();
        if !self.ended {
            carry.resize(had + BLOCK_BYTES, 0);
            let got = read_once(&mut carry[had..], &mut read).map_err(|e| read_error(name, &e))?;
            self.ended = got == Some(0);
            carry.truncate(had + got.unwrap_or(0));
        }
        let Range { start, end } = self.cut(&carry, had, name)?;
        self.carry = carry.split_off(end);
        Ok(self.hand_out(Bytes::from(carry).slice(start..), start))
    }

    /// Fills `buffer` with what is there.
    fn fill(&mut self, buffer: &mut Buffer, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        while buffer.len() < BLOCK_BYTES && !self.ended {
            match read_once(buffer.room(BLOCK_BYTES), &mut read)? {
                Some(0) => self.ended = true,
                Some(n) => buffer.advance(n),
                None => break,
            }
        }
        Ok(())
    }

    /// Where the next whole records of `data` are; no record ends in the first `had` bytes, unless `unchecked`.
    /// What lies before the range is dropped; what lies behind is kept.
    fn cut(&mut self, data: &[u8], had: usize, name: &dyn Fn() -> String) -> Result<Range<usize>> {
        let Some(mut start) = self.start(data, name)? else { return Ok(0..0) };
        loop {
            let seen = if std::mem::take(&mut self.unchecked) { 0 } else { had.saturating_sub(start) };
            let rest = &data[start..];
            // No record ends without a line end, so a long one is not scanned from its start for each piece of it.
            let may_end = memchr::memchr(b'\n', &rest[seen.min(rest.len())..]).is_some();
            if !(self.ended || self.inside || may_end || rest.len() > self.records.max_record) {
                return Ok(start..start);
            }
            match self.cutter.cut(rest, self.ended) {
                Cut::Skip(len) => {
                    self.inside = !rest[..len].ends_with(b"\n");
                    self.unchecked = true;
                    start += len;
                }
                Cut::Records(len) => {
                    self.inside = !rest[..len].ends_with(b"\n");
                    self.unchecked = true;
                    let behind = self.records.header_behind(&self.next_header, &rest[..len]);
                    self.header = std::mem::replace(&mut self.next_header, behind);
                    return Ok(start..start + len);
                }
                Cut::More => return Ok(start..start),
            }
        }
    }

    /// A block of `data`, in front of which `dropped` bytes are dropped.
    fn hand_out(&mut self, data: Bytes, dropped: usize) -> Fed {
        let offset = self.offset + dropped as u64;
        self.offset = offset + data.len() as u64;
        if !data.is_empty() {
            let line = self.records.counted.then_some(self.lines);
            self.lines += if line.is_some() { lines_of(&data) } else { 0 };
            return Fed::Records(Body::Bytes { data, offset, header: self.header.clone() }, line);
        }
        if self.ended && self.carry.is_empty() { Fed::End } else { Fed::Nothing }
    }

    /// Where records start in `data`: behind the header, if that is still to be read; `None` while it is incomplete.
    fn start(&mut self, data: &[u8], name: &dyn Fn() -> String) -> Result<Option<usize>> {
        if self.header_read {
            return Ok(Some(0));
        }
        let read = self.records.read_header(data, self.ended);
        match read.map_err(|e| Error { message: format!("{}: {}", name(), e.message), ..e })? {
            HeaderRead::Done { consumed, header } => {
                self.next_header = header;
                self.header_read = true;
                Ok(Some(consumed.min(data.len())))
            }
            HeaderRead::More if data.len() > self.records.max_record || self.ended => {
                Err(Error::external(format!("{}: its header does not end", name())))
            }
            HeaderRead::More => Ok(None),
        }
    }
}

/// One read; `None` if nothing is there.
fn read_once(out: &mut [u8], read: &mut impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match read(out) {
            Ok(n) => return Ok(Some(n)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn read_error(name: &dyn Fn() -> String, error: &io::Error) -> Error {
    Error::external(format!("cannot read {}: {}", name(), crate::connect::file::reason(error)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connect::records::double;

    /// Feeds `parts`, each followed by a pause, and returns what came out per pause.
    fn feed(records: &Records, parts: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let mut feed = Feed::new(records);
        let pool = Pool::new(1);
        let mut out = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let mut left = *part;
            loop {
                let read = |room: &mut [u8]| {
                    if left.is_empty() && i + 1 < parts.len() {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                    let n = left.len().min(room.len()).min(70_000);
                    room[..n].copy_from_slice(&left[..n]);
                    left = &left[n..];
                    Ok(n)
                };
                match feed.read(&pool, &|| "test".to_owned(), read).unwrap() {
                    Fed::Records(Body::Bytes { data, offset, .. }, _) => out.push((offset, data.to_vec())),
                    Fed::Nothing if left.is_empty() => break,
                    Fed::Nothing => {}
                    Fed::End => return out,
                    _ => panic!("no block is alive"),
                }
            }
        }
        out
    }

    #[test]
    fn what_is_complete_is_handed_out_at_once() {
        let check = |parts: &[&str], expect: &[(u64, &str)]| {
            let parts: Vec<&[u8]> = parts.iter().map(|p| p.as_bytes()).collect();
            let out = feed(&double::lines(true, true), &parts);
            let out: Vec<_> = out.iter().map(|(at, data)| (*at, std::str::from_utf8(data).unwrap())).collect();
            assert_eq!(out, expect, "{parts:?}");
        };
        check(&["h\n", "a\nb", "b\nc\n", "d"], &[(2, "a\n"), (4, "bb\nc\n"), (9, "d")]);
        check(&["h", "h\na\n", ""], &[(3, "a\n")]);
        check(&["h\n\"a\n", "b\"\n", ""], &[(2, "\"a\nb\"\n")]);
        check(&["h"], &[]);
        check(&[""], &[]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Nothing is lost, doubled or split, wherever the pauses are.
        #[test]
        fn blocks_are_whole_records_in_order(
            lines in proptest::collection::vec(prop_oneof![0usize..50, 0usize..400_000], 0..12),
            pauses in proptest::collection::vec(0usize..2_000_000, 0..6),
        ) {
            let text: Vec<u8> = lines.iter().flat_map(|&len| [vec![b'x'; len], vec![b'\n']].concat()).collect();
            let mut at: Vec<usize> = pauses.into_iter().map(|p| p.min(text.len())).collect();
            at.sort_unstable();
            at.insert(0, 0);
            at.push(text.len());
            let parts: Vec<&[u8]> = at.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            let out = feed(&double::lines(false, false), &parts);
            let mut offset = 0;
            for (at, data) in &out {
                prop_assert_eq!(*at, offset);
                prop_assert!(data.ends_with(b"\n"));
                offset += data.len() as u64;
            }
            prop_assert!(out.iter().flat_map(|(_, data)| data).eq(&text));
        }
    }

    #[test]
    fn of_a_record_that_is_too_long_only_the_start_is_kept() {
        let long = "x".repeat(1000);
        let text = format!("a\n{long}\nb\n{long}\n{long}");
        let expect = [(0, 2), (2, 11), (1003, 2), (1005, 11), (2006, 11)].map(|(at, len)| (at, at as usize + len));
        for size in [1, 7, 12, 100, 5000] {
            let parts: Vec<&[u8]> = text.as_bytes().chunks(size).chain([&[][..]]).collect();
            let out = feed(&double::limited(false, false, 10), &parts);
            let out: Vec<_> = out.iter().map(|(at, data)| (*at, *at as usize + data.len())).collect();
            assert_eq!(out, expect, "in parts of {size}");
        }
    }
}
