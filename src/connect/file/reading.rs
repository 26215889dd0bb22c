//! One file being read: cut into records, or taken group by group.

use std::path::Path;
use std::sync::Arc;

use crate::connect::Body;
use crate::connect::file::FirstTime;
use crate::connect::file::ahead::Ahead;
use crate::connect::file::groups::Groups;
use crate::connect::file::identity::{Edges, Mark};
use crate::connect::file::input::{Cut, Input};
use crate::connect::file::pipe::Pipe;
use crate::connect::file::raw::Raw;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::error::Result;
use crate::format::Years;

pub enum Reading {
    Records(Box<Input>),
    Groups(Box<Groups>),
    /// A named pipe, where the next record is to be known.
    Pipe(Box<Ahead>),
}

/// Outcome of [`Reading::next_block`].
pub enum Step {
    /// `last` if the file is known to end behind it.
    Block { body: Body, line: Option<u64>, last: bool },
    /// The pool is empty.
    Starved,
    /// The file has nothing more.
    End,
}

impl Reading {
    /// Errors: it cannot be opened or read, or lacks a declared column.
    pub fn open(path: &Path, records: &Records, map: bool) -> Result<Reading> {
        Ok(match records.is_columnar() {
            true => Reading::Groups(Box::new(Groups::open(path, records)?)),
            false => Reading::Records(Box::new(Input::open(path, records, map)?)),
        })
    }

    /// As [`Reading::open`], but who writes to a named pipe is not waited for.
    pub fn open_or_pipe(path: &Path, records: &Records, map: bool) -> Result<Reading> {
        match !records.is_columnar() && Pipe::is_at(path) {
            true => Ok(Reading::Pipe(Box::new(Ahead::open(path, records)?))),
            false => Reading::open(path, records, map),
        }
    }

    /// Whether it is known what comes next. Of files it is; a pipe may have to be waited for.
    pub fn look(&mut self, pool: &Arc<Pool>) -> Result<bool> {
        match self {
            Reading::Pipe(pipe) => pipe.look(pool),
            Reading::Records(_) | Reading::Groups(_) => Ok(true),
        }
    }

    /// Opens a file of which the bytes before a mark were read, and so many lines, if they are counted; see [`Input`].
    pub fn reenter(
        path: &Path,
        records: &Records,
        map: bool,
        (mark, lines): (Mark, Option<u64>),
        opened: (Raw, Edges),
    ) -> Result<Reading> {
        Ok(match records.is_columnar() {
            true => Reading::Groups(Box::new(Groups::reenter(path, records, mark.offset)?)),
            false => Reading::Records(Box::new(Input::reenter(path, records, map, (mark, lines), opened)?)),
        })
    }

    /// Where the next block starts.
    pub fn mark(&mut self) -> Mark {
        match self {
            Reading::Records(input) => input.mark(),
            Reading::Groups(groups) => groups.mark(),
            Reading::Pipe(pipe) => pipe.mark(),
        }
    }

    /// Lines in front of the next block, where they are counted; of files of columns: rows.
    pub fn lines(&self) -> Option<u64> {
        match self {
            Reading::Records(input) => input.lines(),
            Reading::Groups(groups) => groups.lines(),
            Reading::Pipe(_) => None,
        }
    }

    /// Of logs without years: what is known of them at the next block.
    pub fn years(&self) -> Option<Years> {
        match self {
            Reading::Records(input) => input.years(),
            Reading::Groups(_) | Reading::Pipe(_) => None,
        }
    }

    pub fn set_years(&mut self, years: Option<Years>) {
        if let Reading::Records(input) = self {
            input.set_years(years);
        }
    }

    pub fn next_block(&mut self, pool: &Arc<Pool>) -> Result<Step> {
        match self {
            Reading::Records(input) => {
                // What comes behind the block may have another one.
                let header = input.header.clone();
                Ok(match input.next_block(pool)? {
                    Cut::Records { data, offset, line, last } => {
                        Step::Block { body: Body::Bytes { data, offset, header }, line, last }
                    }
                    Cut::Starved => Step::Starved,
                    Cut::End => Step::End,
                })
            }
            Reading::Pipe(pipe) => Ok(match pipe.take() {
                Some((body, line)) => Step::Block { body, line, last: false },
                None => Step::End,
            }),
            Reading::Groups(groups) => {
                let line = groups.lines();
                Ok(match groups.next()? {
                    Some(group) => Step::Block { body: Body::Group(group), line, last: groups.is_at_end() },
                    None => Step::End,
                })
            }
        }
    }

    /// Event time of the next record; `None` if it does not decode, or there is none.
    pub fn next_time(&mut self, first_time: &mut FirstTime) -> Result<Option<i64>> {
        let body = match self {
            Reading::Records(input) => {
                let header = input.header.clone();
                input.peek_record()?.map(|data| Body::Bytes { data, offset: 0, header })
            }
            Reading::Groups(groups) => groups.peek()?.map(Body::Group),
            Reading::Pipe(pipe) => return Ok(pipe.next_time(first_time)),
        };
        Ok(body.and_then(|body| first_time(&body)))
    }

    /// Whether blocks may be left; exact after [`Reading::next_time`].
    pub fn is_at_end(&self) -> bool {
        match self {
            Reading::Records(input) => input.is_at_end(),
            Reading::Groups(groups) => groups.is_at_end(),
            Reading::Pipe(pipe) => pipe.is_at_end(),
        }
    }

    /// Closes the file until it is read again, if that costs little.
    pub fn park(&mut self, packed: bool) -> bool {
        match self {
            Reading::Records(input) => input.park(packed),
            Reading::Groups(groups) => groups.park(),
            Reading::Pipe(_) => false,
        }
    }

    pub fn is_open(&self) -> bool {
        match self {
            Reading::Records(input) => input.is_open(),
            Reading::Groups(groups) => groups.is_open(),
            Reading::Pipe(_) => true,
        }
    }

    /// Bytes of the file on disk that are behind the next block.
    pub fn bytes_read(&self) -> u64 {
        match self {
            Reading::Records(input) => input.bytes_read(),
            Reading::Groups(groups) => groups.bytes_read(),
            Reading::Pipe(pipe) => pipe.bytes_read(),
        }
    }
}

#[cfg(test)]
impl Reading {
    pub fn bytes_held(&self) -> usize {
        match self {
            Reading::Records(input) => input.bytes_held(),
            Reading::Groups(_) | Reading::Pipe(_) => 0,
        }
    }
}
