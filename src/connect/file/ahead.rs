//! A named pipe of which the next block is known before it is wanted: to tell the event time of its next record.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::connect::Body;
use crate::connect::feed::Fed;
use crate::connect::file::FirstTime;
use crate::connect::file::identity::Mark;
use crate::connect::file::pipe::Pipe;
use crate::connect::pool::Pool;
use crate::connect::records::{Records, first_record};
use crate::error::Result;

pub struct Ahead {
    pub pipe: Pipe,
    records: Records,
    /// The next block, and the lines in front of it where they are counted.
    next: Option<(Body, Option<u64>)>,
    /// What was handed out.
    mark: Mark,
    bytes: u64,
    ended: bool,
}

impl Ahead {
    /// Errors: it cannot be opened.
    pub fn open(path: &Path, records: &Records) -> Result<Ahead> {
        let mut pipe = Pipe::open(path, records, records.unpack)?;
        let mark = pipe.mark();
        Ok(Ahead { pipe, records: records.clone(), next: None, mark, bytes: 0, ended: false })
    }

    /// Whether it is known what comes next; if not, more is to be waited for.
    pub fn look(&mut self, pool: &Arc<Pool>) -> Result<bool> {
        if self.next.is_some() || self.ended {
            return Ok(true);
        }
        (self.mark, self.bytes) = (self.pipe.mark(), self.pipe.bytes_read());
        match self.pipe.read(pool)? {
            Fed::Records(body, line) => self.next = Some((copied(body), line)),
            Fed::Nothing | Fed::Starved => {}
            Fed::End => self.ended = true,
        }
        Ok(self.next.is_some() || self.ended)
    }

    pub fn take(&mut self) -> Option<(Body, Option<u64>)> {
        let next = self.next.take();
        (self.mark, self.bytes) = (self.pipe.mark(), self.pipe.bytes_read());
        next
    }

    /// Event time of the next record; `None` if it does not decode, or there is none.
    pub fn next_time(&self, first_time: &mut FirstTime) -> Option<i64> {
        let Some((Body::Bytes { data, header, .. }, _)) = &self.next else { return None };
        let len = first_record(&self.records, data, true)?;
        first_time(&Body::Bytes { data: data.slice(..len), offset: 0, header: header.clone() })
    }

    /// Nothing is left; exact behind [`Ahead::look`].
    pub fn is_at_end(&self) -> bool {
        self.ended && self.next.is_none()
    }

    pub fn mark(&self) -> Mark {
        self.mark
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

/// A block that waits pins none of the pool: there may be more pipes than blocks.
fn copied(body: Body) -> Body {
    match body {
        Body::Bytes { data, offset, header } => Body::Bytes { data: Bytes::copy_from_slice(&data), offset, header },
        other => other,
    }
}
