//! One file as a sequence of blocks of whole records.
//!
//! A block starts where the one before ended and ends behind the last record that ends within [`BLOCK_BYTES`] of
//! its start (or within twice, four times … that, if none does). So cuts depend on positions in the file only,
//! not on how it is read, and reading again from the start of any block gives the same blocks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::connect::file::identity::{Edges, Mark};
use crate::connect::file::paths::reason;
use crate::connect::file::raw::{Raw, Window};
use crate::connect::pool::{BLOCK_BYTES, Buffer, Permit, Pool};
use crate::connect::records::{Records, first_record, lines_of};
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};
use crate::format::{self, Cutter, Header, HeaderRead, Years};

/// The first read of a header or of a record that is only looked at.
const PROBE_BYTES: usize = 4 << 10;
/// A record longer than this is not waited for when only its event time is wanted.
const PROBE_BYTES_MAX: usize = BLOCK_BYTES;

/// Outcome of [`Input::next_block`].
pub enum Cut {
    /// Whole records from `offset`; `last` if the file is known to end behind them.
    Records { data: Bytes, offset: u64, line: Option<u64>, last: bool },
    /// The pool is empty.
    Starved,
    /// The file has no more records.
    End,
}

/// A file being read.
pub struct Input {
    path: PathBuf,
    records: Records,
    cutter: Box<dyn Cutter>,
    /// Closed while many files are open and this one waits for its turn.
    raw: Option<Raw>,
    map: bool,
    /// Of the next block.
    pub header: Option<Arc<Header>>,
    /// Where the next block starts.
    offset: u64,
    /// Bytes from `offset` that have been read already.
    carry: Vec<u8>,
    /// The file ends behind `carry`.
    eof: bool,
    /// Of the bytes before `offset`.
    edges: Edges,
    /// Lines between header and `offset`, where they are counted.
    lines: u64,
}

impl Input {
    /// Opens a file and reads its header. Errors: it cannot be opened or read, or lacks a declared column.
    pub fn open(path: &Path, records: &Records, map: bool) -> Result<Input> {
        let raw = Raw::open(path, 0, map, records.unpack)?;
        let mut input = Input {
            path: path.to_owned(),
            records: records.clone(),
            cutter: records.cutter(),
            raw: Some(raw),
            map,
            header: None,
            offset: 0,
            carry: Vec::new(),
            eof: false,
            edges: Edges::default(),
            lines: 0,
        };
        input.read_header()?;
        Ok(input)
    }

    /// Opens a file of which the bytes before `mark` were read, `lines` lines of them behind the header, if they were
    /// counted; `opened` is what [`verify`](super::identity::verify) found there.
    pub fn reenter(
        path: &Path,
        records: &Records,
        map: bool,
        (mark, lines): (Mark, Option<u64>),
        opened: (Raw, Edges),
    ) -> Result<Input> {
        let mut input = Input::open(path, records, map)?;
        let (raw, edges) = opened;
        let lines = match lines {
            None if records.counted => count_lines(path, input.offset, mark.offset, records.unpack)?,
            lines => lines.unwrap_or(0),
        };
        if !matches!(input.raw, Some(Raw::Mapped(_))) {
            input.raw = Some(raw);
        }
        input.carry = Vec::new();
        input.eof = false;
        Ok(Input { offset: mark.offset, edges, lines, ..input })
    }

    /// Of the next block, where lines have no year.
    pub fn years(&self) -> Option<Years> {
        self.header.as_ref().and_then(|header| header.years)
    }

    /// Goes on with these, as the file was left.
    pub fn set_years(&mut self, years: Option<Years>) {
        if let (Some(header), true) = (&self.header, years.is_some()) {
            self.header = Some(Arc::new(Header { years, ..Header::clone(header) }));
        }
    }

    /// Where the next block starts.
    pub fn mark(&mut self) -> Mark {
        self.edges.mark(self.offset)
    }

    /// Lines in front of the next block and behind the header, where they are counted.
    pub fn lines(&self) -> Option<u64> {
        self.records.counted.then_some(self.lines)
    }

    /// As [`Input::lines`], before `data` is handed out.
    fn count(&mut self, data: &[u8]) -> Option<u64> {
        let before = self.lines();
        if self.records.counted {
            self.lines += lines_of(data);
        }
        before
    }

    fn read_header(&mut self) -> Result<()> {
        let mut want = PROBE_BYTES;
        loop {
            self.peek(want).map_err(|e| self.failed(&e))?;
            let read = self.records.read_header(&self.carry, self.eof);
            match read.map_err(|e| Error { message: format!("{}: {}", self.path.display(), e.message), ..e })? {
                HeaderRead::Done { consumed, header } => {
                    let consumed = consumed.min(self.carry.len());
                    self.edges.pass(&self.carry[..consumed]);
                    self.carry.drain(..consumed);
                    self.offset = consumed as u64;
                    self.header = header;
                    return Ok(());
                }
                HeaderRead::More if self.eof || want > self.records.max_record => {
                    let message = format!("{}: its header does not end", self.path.display());
                    return Err(Error::external(message).note("is a quote left open, or is it another kind of file?"));
                }
                HeaderRead::More => want *= 2,
            }
        }
    }

    /// The first record of the next block, for a look at its event time; `None` at the end of the file and for a
    /// record too long to be waited for.
    pub fn peek_record(&mut self) -> Result<Option<Bytes>> {
        let mut want = self.carry.len().max(PROBE_BYTES);
        self.reopen()?;
        loop {
            self.peek(want).map_err(|e| self.failed(&e))?;
            if let Some(len) = first_record(&self.records, &self.carry, self.eof) {
                return Ok(Some(Bytes::copy_from_slice(&self.carry[..len])));
            }
            if self.eof || want >= PROBE_BYTES_MAX {
                return Ok(None);
            }
            want *= 2;
        }
    }

    /// Whether records may be left; exact after [`Input::peek_record`].
    pub fn is_at_end(&self) -> bool {
        self.eof && self.carry.is_empty()
    }

    /// Makes `carry` hold `want` bytes, or what there is.
    fn peek(&mut self, want: usize) -> io::Result<()> {
        let had = self.carry.len();
        let Some(raw) = self.raw.as_mut().filter(|_| !self.eof && had < want) else { return Ok(()) };
        let filled = match raw {
            Raw::Mapped(mapped) => {
                let at = self.offset + had as u64;
                let (window, len) = mapped.window(at, want - had)?;
                let from = (at - window.start) as usize;
                self.carry.extend_from_slice(&window.map[from..from + len]);
                len
            }
            _ => {
                self.carry.resize(want, 0);
                let filled = raw.fill(&mut self.carry[had..]);
                self.carry.truncate(had + filled.as_ref().copied().unwrap_or(0));
                filled?
            }
        };
        self.eof = filled < want - had;
        Ok(())
    }

    /// What to tell when reading failed.
    fn failed(&self, error: &io::Error) -> Error {
        match &self.raw {
            Some(raw) => raw.read_error(&self.path, error),
            None => Error::external(format!("cannot read {}: {}", self.path.display(), reason(error))),
        }
    }

    /// Cuts the next block.
    pub fn next_block(&mut self, pool: &Arc<Pool>) -> Result<Cut> {
        if self.is_at_end() {
            return Ok(Cut::End);
        }
        self.reopen()?;
        let cut = match self.raw {
            Some(Raw::Mapped(_)) => match pool.permit() {
                Some(permit) => self.cut_map(permit),
                None => return Ok(Cut::Starved),
            },
            _ => match pool.take() {
                Some(buffer) => self.cut_stream(buffer),
                None => return Ok(Cut::Starved),
            },
        };
        cut.map_err(|e| self.failed(&e))
    }

    fn cut_stream(&mut self, mut buffer: Buffer) -> io::Result<Cut> {
        let mut view = BLOCK_BYTES;
        // A record that was cut early leaves a long carry; it is taken by the block, so that buffers stay small.
        let mut taken = 0;
        let end = loop {
            let more = (self.carry.len() - taken).min(view.saturating_sub(buffer.len()));
            buffer.extend(&self.carry[taken..taken + more]);
            taken += more;
            if !self.eof && buffer.len() < view {
                let room = buffer.room(view);
                let wanted = room.len();
                let filled = self.raw.as_mut().map_or(Ok(0), |raw| raw.fill(room))?;
                buffer.advance(filled);
                self.eof = filled < wanted;
            }
            let seen = &buffer.filled()[..buffer.len().min(view)];
            let last = self.eof && seen.len() == buffer.len() && taken == self.carry.len();
            match self.cutter.cut(seen, last) {
                // `Skip` is met only behind a block, see `skip_rest`.
                format::Cut::Records(end) | format::Cut::Skip(end) => break end,
                format::Cut::More if last => break seen.len(),
                format::Cut::More => view = self.wider(view),
            }
        };
        self.carry.splice(..taken, buffer.filled()[end..].iter().copied());
        if end == 0 {
            return Ok(Cut::End);
        }
        buffer.truncate(end);
        self.header = self.records.header_behind(&self.header, buffer.filled());
        let offset = self.offset;
        self.offset += end as u64;
        self.edges.pass(buffer.filled());
        let line = self.count(buffer.filled());
        if !buffer.filled().ends_with(b"\n") {
            self.skip_rest()?;
        }
        // Whether the file ends here must not depend on how much of it was read ahead.
        if self.carry.is_empty() {
            self.peek(PROBE_BYTES)?;
        }
        Ok(Cut::Records { data: buffer.into_bytes(), offset, line, last: self.is_at_end() })
    }

    /// As [`Input::cut_stream`], in place.
    fn cut_map(&mut self, permit: Permit) -> io::Result<Cut> {
        self.carry = Vec::new();
        let mut view = BLOCK_BYTES;
        let (window, from, end) = loop {
            let Some(Raw::Mapped(mapped)) = &mut self.raw else { return Ok(Cut::End) };
            let (window, len) = mapped.window(self.offset, view)?;
            let from = (self.offset - window.start) as usize;
            let last = len < view;
            match self.cutter.cut(&window.map[from..from + len], last) {
                format::Cut::Records(end) | format::Cut::Skip(end) => break (window, from, end),
                format::Cut::More if last => break (window, from, len),
                format::Cut::More => view = self.wider(view),
            }
        };
        let offset = self.offset;
        self.offset += end as u64;
        self.eof = matches!(&self.raw, Some(Raw::Mapped(mapped)) if self.offset >= mapped.len());
        if end == 0 {
            return Ok(Cut::End);
        }
        self.edges.pass(&window.map[from..from + end]);
        self.header = self.records.header_behind(&self.header, &window.map[from..from + end]);
        let line = self.count(&window.map[from..from + end]);
        if !window.map[from..from + end].ends_with(b"\n") {
            self.skip_rest()?;
        }
        let data = Bytes::from_owner(MappedBlock { window, from, len: end, _permit: permit });
        Ok(Cut::Records { data, offset, line, last: self.is_at_end() })
    }

    /// Drops the rest of a record that was too long, of which the block just cut holds the start. So every block
    /// starts at a record boundary, whatever came before it.
    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            if self.carry.is_empty() {
                self.peek(BLOCK_BYTES)?;
            }
            match self.cutter.cut(&self.carry, self.eof) {
                format::Cut::Skip(len) => {
                    let ended = self.carry[..len].ends_with(b"\n");
                    self.edges.pass(&self.carry[..len]);
                    self.carry.drain(..len);
                    self.offset += len as u64;
                    if ended || self.is_at_end() {
                        return Ok(());
                    }
                }
                format::Cut::Records(_) | format::Cut::More => return Ok(()),
            }
        }
    }

    /// How much of the file is looked at when no record ends within `view`: just enough to tell that one is too long.
    fn wider(&self, view: usize) -> usize {
        let limit = self.records.max_record.saturating_add(1);
        if view < limit { limit.min(view * 2) } else { view * 2 }
    }

    fn reopen(&mut self) -> Result<()> {
        if self.raw.is_none() {
            self.raw =
                Some(Raw::open(&self.path, self.offset + self.carry.len() as u64, self.map, self.records.unpack)?);
        }
        Ok(())
    }

    /// Closes the file until it is read again; true if that was done. Compressed files stay open unless `packed` ones
    /// are meant, too: going back to their place means to unpack all before it.
    pub fn park(&mut self, packed: bool) -> bool {
        let may = match self.raw {
            Some(Raw::Plain(_) | Raw::Mapped(_)) => true,
            Some(Raw::Gzip { .. } | Raw::Zstd { .. }) => packed,
            None => false,
        };
        let parks = may && self.path.is_file();
        if parks {
            self.raw = None;
        }
        parks
    }

    pub fn is_open(&self) -> bool {
        self.raw.is_some()
    }

    /// Bytes of the file on disk that are behind the next block.
    pub fn bytes_read(&self) -> u64 {
        self.raw.as_ref().and_then(Raw::compressed_bytes).unwrap_or(self.offset)
    }
}

/// Lines of `path` from `start` to `end`, which lies at the start of a record.
fn count_lines(path: &Path, start: u64, end: u64, unpack: Unpack) -> Result<u64> {
    let mut raw = Raw::open(path, start, false, unpack)?;
    let mut chunk = vec![0; BLOCK_BYTES];
    let (mut at, mut lines) = (start, 0);
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
        let filled = raw.fill(&mut chunk[..want]).map_err(|e| raw.read_error(path, &e))?;
        lines += memchr::memchr_iter(b'\n', &chunk[..filled]).count() as u64;
        at += filled as u64;
        if filled < want {
            break;
        }
    }
    Ok(lines)
}

#[cfg(test)]
impl Input {
    pub fn bytes_held(&self) -> usize {
        self.carry.capacity()
    }
}

/// Keeps a window mapped while a block in it is alive.
struct MappedBlock {
    window: Window,
    from: usize,
    len: usize,
    _permit: Permit,
}

impl AsRef<[u8]> for MappedBlock {
    fn as_ref(&self) -> &[u8] {
        &self.window.map[self.from..self.from + self.len]
    }
}
