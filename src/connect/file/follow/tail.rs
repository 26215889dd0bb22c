//! One file that grows: what of it has been read, and reading on. It holds nothing open and no bytes, so that there may
//! be thousands; before each read it compares the bytes before its place with those that were read.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::connect::Body;
use crate::connect::file::FirstTime;
use crate::connect::file::identity::{EDGE_BYTES, Mark};
use crate::connect::file::input::{Cut, Input};
use crate::connect::file::paths::reason;
use crate::connect::file::raw::is_packed;
use crate::connect::pool::{BLOCK_BYTES, Buffer, Pool};
use crate::connect::records::{Records, first_record, lines_of};
use crate::error::{Error, Result};
use crate::format::{self, Header, HeaderRead, Years};

/// The first read of a header or of a record that is only looked at.
const PROBE_BYTES: usize = 4 << 10;
/// A record longer than this is not waited for when only its event time is wanted.
const PROBE_BYTES_MAX: usize = BLOCK_BYTES;
/// A smaller block is copied out and its buffer given back, so that a trickle of rows does not pin the pool.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// Device and inode: tells a file that was renamed from another one under its name, while both are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub fn of(meta: &Metadata) -> FileId {
        FileId { device: meta.dev(), inode: meta.ino() }
    }
}

/// A file that is followed.
pub struct Tail {
    /// Where it is now; where it was, if `gone`.
    pub path: PathBuf,
    pub id: FileId,
    /// The input whose watermark it moves: that of its name, which the next file under that name goes on with.
    pub slot: u32,
    /// What has been handed out.
    pub mark: Mark,
    /// Lines of that behind the header.
    pub lines: u64,
    /// The next byte lies inside a record that was too long.
    pub inside: bool,
    pub header: Option<Option<Arc<Header>>>,
    /// Where lines have no year: those of the next one, if it goes on from a position.
    pub years: Option<Years>,
    /// Its size when last looked at.
    pub seen: u64,
    /// When it was last written to, as it was last looked at.
    pub written: Option<(i64, i64)>,
    /// No record ends between `mark` and here.
    pub looked: u64,
    /// Its name belongs to another file by now, or to none: it is read to its end and then forgotten.
    pub left: Option<Left>,
    /// It has no name any more.
    pub gone: bool,
    /// Nothing comes any more: what is left is a record, also without a line end.
    pub closing: bool,
    /// The file that had its name before, which is read first.
    pub behind: Option<u32>,
    /// What is left of a file that was compressed when it was renamed.
    pub rest: Option<Box<Input>>,
}

/// A file without its name.
pub struct Left {
    pub name: PathBuf,
    /// When it last grew, or was first seen to be left.
    pub since: Option<i64>,
}

/// What a read came to.
pub enum Got {
    Block {
        body: Body,
        line: u64,
    },
    /// Nothing whole is there.
    Nothing,
    /// The pool is empty.
    Starved,
    /// What was read is not there any more.
    Changed,
    /// It is a compressed file.
    Packed,
    /// All of a compressed rest has been read.
    End,
}

impl Tail {
    pub fn new(path: PathBuf, id: FileId, slot: u32) -> Tail {
        Tail {
            path,
            id,
            slot,
            mark: Mark::START,
            lines: 0,
            inside: false,
            header: None,
            years: None,
            seen: 0,
            written: None,
            looked: 0,
            left: None,
            gone: false,
            closing: false,
            behind: None,
            rest: None,
        }
    }

    /// Nothing of it counts as read.
    pub fn start_over(&mut self) {
        (self.mark, self.lines, self.inside, self.header, self.looked) = (Mark::START, 0, false, None, 0);
        self.years = None;
    }

    /// There may be a record that was not read.
    pub fn has_more(&self) -> bool {
        let looked = if self.closing { self.mark.offset } else { self.looked.max(self.mark.offset) };
        self.rest.is_some() || self.seen > looked
    }

    /// Cuts the next block, of no more than `rows_max` records.
    ///
    /// Errors: it cannot be read, or its header lacks a declared column.
    pub fn read(
        &mut self,
        file: Option<&File>,
        records: &Records,
        pool: &Arc<Pool>,
        rows_max: Option<u64>,
    ) -> Result<Got> {
        if self.rest.is_some() {
            return self.read_rest(pool);
        }
        let Some(file) = file else { return Ok(Got::Nothing) };
        let last = self.closing;
        match self.start(file, records, last)? {
            Some(Got::Block { .. }) | None => {}
            Some(other) => return Ok(other),
        }
        let failed = failed(self.path.clone());
        let Some(mut edge) = self.edge(file).map_err(&failed)? else { return Ok(Got::Changed) };
        if self.inside && !self.skip(file, &mut edge).map_err(&failed)? {
            return Ok(Got::Nothing);
        }
        let Some(mut buffer) = pool.take() else { return Ok(Got::Starved) };
        let Some(end) = self.cut(file, records, &mut buffer, last).map_err(&failed)? else { return Ok(Got::Nothing) };
        let end = rows_max.map_or(end, |rows| end_of(records, &buffer.filled()[..end], rows));
        buffer.truncate(end);
        let (offset, line, header) = (self.mark.offset, self.lines, self.header.clone().flatten());
        self.pass(&edge, buffer.filled());
        self.lines += lines_of(buffer.filled());
        self.inside = !last && !buffer.filled().ends_with(b"\n");
        let data = match end <= COPIED_BYTES_MAX {
            true => Bytes::copy_from_slice(buffer.filled()),
            false => buffer.into_bytes(),
        };
        let behind = records.header_behind(&header, &data);
        self.years = behind.as_ref().and_then(|header| header.years);
        self.header = Some(behind);
        Ok(Got::Block { body: Body::Bytes { data, offset, header }, line })
    }

    fn read_rest(&mut self, pool: &Arc<Pool>) -> Result<Got> {
        let Some(input) = &mut self.rest else { return Ok(Got::End) };
        let header = input.header.clone();
        Ok(match input.next_block(pool)? {
            Cut::Starved => Got::Starved,
            Cut::End => Got::End,
            Cut::Records { data, offset, line, .. } => {
                (self.mark, self.lines, self.years) = (input.mark(), input.lines().unwrap_or(0), input.years());
                let body = Body::Bytes { data, offset, header };
                Got::Block { body, line: line.unwrap_or(0) }
            }
        })
    }

    /// Event time of the next record, `i64::MIN` where it does not decode; `None` if no record is whole yet.
    pub fn next_time(&mut self, file: &File, records: &Records, first_time: &mut FirstTime) -> Result<Option<i64>> {
        if self.rest.is_some() || self.inside || self.closing {
            return Ok(Some(i64::MIN));
        }
        match self.start(file, records, false)? {
            Some(Got::Nothing) => return Ok(None),
            // The reading itself says what is wrong.
            Some(_) => return Ok(Some(i64::MIN)),
            None => {}
        }
        let mut want = PROBE_BYTES;
        loop {
            let data = read_at(file, self.mark.offset, want).map_err(failed(self.path.clone()))?;
            if let Some(len) = first_record(records, &data, false) {
                let (data, header) = (Bytes::copy_from_slice(&data[..len]), self.header.clone().flatten());
                return Ok(Some(first_time(&Body::Bytes { data, offset: 0, header }).unwrap_or(i64::MIN)));
            }
            if want >= PROBE_BYTES_MAX {
                return Ok(Some(i64::MIN));
            }
            if data.len() < want {
                self.looked = self.mark.offset + data.len() as u64;
                return Ok(None);
            }
            want *= 4;
        }
    }

    /// Reads the header, if that was not done; what stands in the way of reading on.
    fn start(&mut self, file: &File, records: &Records, last: bool) -> Result<Option<Got>> {
        let mut want = PROBE_BYTES;
        while self.header.is_none() {
            let data = read_at(file, 0, want).map_err(failed(self.path.clone()))?;
            if is_packed(&data) {
                return Ok(Some(Got::Packed));
            }
            // An empty file has no header yet, whatever the format.
            if data.is_empty() {
                return Ok(Some(Got::Nothing));
            }
            let read = records.read_header(&data, last && data.len() < want);
            match read.map_err(|e| Error { message: format!("{}: {}", self.path.display(), e.message), ..e })? {
                HeaderRead::Done { consumed, header } => {
                    let header_end = &data[..consumed.min(data.len())];
                    if self.mark.offset < header_end.len() as u64 {
                        self.mark = Mark::START.behind(&[], header_end);
                    }
                    self.header = Some(match (header, self.years) {
                        (Some(header), years @ Some(_)) => Some(Arc::new(Header { years, ..Header::clone(&header) })),
                        (header, _) => header,
                    });
                }
                HeaderRead::More if want > records.max_record => {
                    let message = format!("{}: its header does not end", self.path.display());
                    return Err(Error::external(message).note("is a quote left open, or is it another kind of file?"));
                }
                HeaderRead::More if data.len() < want => {
                    self.looked = data.len() as u64;
                    return Ok(Some(Got::Nothing));
                }
                HeaderRead::More => want *= 2,
            }
        }
        Ok(None)
    }

    /// Goes to the end of the last whole line, as if all before had been read; `count`: its lines, too.
    pub fn go_to_end(&mut self, file: &File, records: &Records, count: bool) -> Result<()> {
        let failed = failed(self.path.clone());
        if self.start(file, records, false)?.is_some() {
            return Ok(());
        }
        let (begin, size) = (self.mark.offset, file.metadata().map_err(&failed)?.len());
        let mut end = size;
        while end > begin {
            let from = end.saturating_sub(BLOCK_BYTES as u64).max(begin);
            let data = read_at(file, from, (end - from) as usize).map_err(&failed)?;
            if let Some(at) = memchr::memrchr(b'\n', &data) {
                end = from + at as u64 + 1;
                break;
            }
            end = from;
        }
        let mut at = begin;
        while count && at < end {
            let data = read_at(file, at, BLOCK_BYTES.min((end - at) as usize)).map_err(&failed)?;
            if data.is_empty() {
                break;
            }
            self.lines += memchr::memchr_iter(b'\n', &data).count() as u64;
            at += data.len() as u64;
        }
        let head = read_at(file, 0, EDGE_BYTES.min(end as usize)).map_err(&failed)?;
        let tail_start = end.saturating_sub(EDGE_BYTES as u64);
        let tail = read_at(file, tail_start, (end - tail_start) as usize).map_err(&failed)?;
        self.mark = Mark::of(end, &head, &tail);
        Ok(())
    }

    /// Whether the bytes before the place are those that were read.
    pub fn is_as_read(&self, file: &File) -> Result<bool> {
        Ok(self.edge(file).map_err(failed(self.path.clone()))?.is_some())
    }

    /// The bytes before the place; `None` if they are not those that were read.
    fn edge(&self, file: &File) -> io::Result<Option<Vec<u8>>> {
        let offset = self.mark.offset;
        let len = offset.min(EDGE_BYTES as u64);
        let edge = read_at(file, offset - len, len as usize)?;
        Ok(self.mark.follows(&edge).then_some(edge))
    }

    /// Drops the rest of a record that was too long, and keeps `edge` what is before the place; false if it does not
    /// end yet.
    fn skip(&mut self, file: &File, edge: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            let data = read_at(file, self.mark.offset, BLOCK_BYTES)?;
            let end = memchr::memchr(b'\n', &data).map(|at| at + 1);
            let dropped = &data[..end.unwrap_or(data.len())];
            self.pass(edge, dropped);
            edge.extend_from_slice(dropped);
            edge.drain(..edge.len().saturating_sub(EDGE_BYTES));
            self.inside = end.is_none();
            if !self.inside || data.len() < BLOCK_BYTES {
                return Ok(!self.inside);
            }
        }
    }

    /// `data` behind `edge` has been read.
    fn pass(&mut self, edge: &[u8], data: &[u8]) {
        self.mark = self.mark.behind(edge, data);
        self.looked = self.looked.max(self.mark.offset);
    }

    /// Fills `buffer` until records end in it, and says where; `None` if none does yet.
    fn cut(&mut self, file: &File, records: &Records, buffer: &mut Buffer, last: bool) -> io::Result<Option<usize>> {
        let mut view = BLOCK_BYTES;
        loop {
            let had = buffer.len();
            let filled = fill_at(file, self.mark.offset + had as u64, buffer.room(view))?;
            buffer.advance(filled);
            let at_end = buffer.len() < view;
            match records.cutter().cut(buffer.filled(), last && at_end) {
                format::Cut::Records(end) | format::Cut::Skip(end) => return Ok(Some(end)),
                format::Cut::More if at_end => {
                    self.looked = self.mark.offset + buffer.len() as u64;
                    return Ok(None);
                }
                format::Cut::More => {
                    let limit = records.max_record.saturating_add(1);
                    view = if view < limit { limit.min(view * 2) } else { view * 2 };
                }
            }
        }
    }
}

/// Where the first `rows` of the records of `data` end.
fn end_of(records: &Records, data: &[u8], rows: u64) -> usize {
    let mut end = 0;
    for _ in 0..rows {
        if end == data.len() {
            break;
        }
        end += first_record(records, &data[end..], true).unwrap_or(data.len() - end);
    }
    end
}

fn failed(path: PathBuf) -> impl Fn(io::Error) -> Error {
    move |error| Error::external(format!("cannot read {}: {}", path.display(), reason(&error)))
}

/// What there is of `len` bytes at `offset`.
fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut data = vec![0; len];
    let filled = fill_at(file, offset, &mut data)?;
    data.truncate(filled);
    Ok(data)
}

fn fill_at(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match file.read_at(&mut out[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// A compressed file by its name.
pub fn is_packed_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["gz", "zst"].iter().any(|packed| ending.eq_ignore_ascii_case(packed)))
}
