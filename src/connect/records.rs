//! How an input is cut into records, as closures: sources know no format by name.

use std::sync::Arc;

use crate::connect::unpack::Unpack;
use crate::error::Result;
use crate::format::columnar::{self, Columnar, SharedFile};
use crate::format::{self, Cut, Cutter, Format, Header, HeaderRead, SourceField};

type ReadHeader = dyn Fn(&[u8], bool) -> Result<HeaderRead> + Send + Sync;
type Behind = dyn Fn(&Option<Arc<Header>>, &[u8]) -> Option<Arc<Header>> + Send + Sync;
type Open = dyn Fn(SharedFile) -> Result<Arc<dyn Columnar>> + Send + Sync;
type NewCutter = dyn Fn() -> Box<dyn Cutter> + Send + Sync;

/// The record rules of one source; cheap to clone.
#[derive(Clone)]
pub struct Records {
    header: Arc<ReadHeader>,
    behind: Arc<Behind>,
    cutter: Arc<NewCutter>,
    /// Opens files of columns, which are not cut.
    open: Option<Arc<Open>>,
    /// Longest record that is accepted, in bytes.
    pub max_record: usize,
    /// Lines are counted where blocks are cut: somebody wants their numbers as a column.
    pub counted: bool,
    /// How the bytes they are in are compressed.
    pub unpack: Unpack,
    /// Connections send records in frames of a given length, and whether line ends inside are kept.
    pub framed: Option<bool>,
}

impl Records {
    /// The rules of `format`. `max_record` is in bytes; [`format::MAX_RECORD_BYTES`] is the default elsewhere.
    pub fn of(format: &Format, fields: &[SourceField], max_record: usize) -> Records {
        let (format, fields) = (format.clone(), fields.to_vec());
        let (for_cutter, for_open, declared) = (format.clone(), format.clone(), fields.clone());
        let open = move |file| {
            let file = columnar::open(&for_open, file)?;
            columnar::check(file.schema(), &declared)?;
            Ok(file)
        };
        let open = columnar::is_columnar(&format).then(|| Arc::new(open) as Arc<Open>);
        let for_behind = format.clone();
        Records {
            behind: Arc::new(move |header, data| format::header_behind(&for_behind, header, data)),
            header: Arc::new(move |data, last| format::read_header(&format, &fields, data, last)),
            cutter: Arc::new(move || format::cutter(&for_cutter, max_record)),
            open,
            max_record,
            counted: false,
            unpack: Unpack::Default,
            framed: None,
        }
    }

    /// With lines counted, or not.
    pub fn counting(self, counted: bool) -> Records {
        Records { counted, ..self }
    }

    /// Of compressed bytes.
    pub fn unpacked(self, unpack: Unpack) -> Records {
        Records { unpack, ..self }
    }

    /// The same of records that come in frames instead of lines. Only CSV holds line ends inside of records.
    pub fn in_frames(self, format: &Format) -> Records {
        Records { framed: Some(matches!(format, Format::Csv(_))), ..self }
    }

    /// What the start of a file holds. Errors: a header without a declared column.
    pub fn read_header(&self, data: &[u8], last: bool) -> Result<HeaderRead> {
        (self.header)(data, last)
    }

    /// Opens a file of columns; `None` if files are cut into records. Errors: it is none, is torn, or lacks a declared
    /// column. They do not name the file.
    pub fn open(&self, file: SharedFile) -> Option<Result<Arc<dyn Columnar>>> {
        self.open.as_ref().map(|open| open(file))
    }

    /// Files are read as columns.
    pub fn is_columnar(&self) -> bool {
        self.open.is_some()
    }

    /// What the block behind `data` is decoded with, if `data` is decoded with `header`.
    pub fn header_behind(&self, header: &Option<Arc<Header>>, data: &[u8]) -> Option<Arc<Header>> {
        (self.behind)(header, data)
    }

    /// A cutter for one input.
    pub fn cutter(&self) -> Box<dyn Cutter> {
        (self.cutter)()
    }
}

/// Lines of whole records; a last one without a line end counts, too.
pub fn lines_of(data: &[u8]) -> u64 {
    let ends = memchr::memchr_iter(b'\n', data).count() as u64;
    ends + u64::from(!data.is_empty() && !data.ends_with(b"\n"))
}

/// Length of the first record of `data`, which starts at a record boundary, with its line end; `None` if it does
/// not end within `data`. With `last`, a record may end at the end of `data`.
pub fn first_record(records: &Records, data: &[u8], last: bool) -> Option<usize> {
    // Each try has a fresh cutter, as one may keep what it found out about the data it was fed.
    // No format ends a record elsewhere than behind a line feed, except at the end of the input.
    let ended = memchr::memchr_iter(b'\n', data).map(|at| at + 1);
    ended.take(MAX_LINES_PROBED).find(|&end| records.cutter().cut(&data[..end], false) == Cut::Records(end)).or_else(
        || {
            let all = last && !data.is_empty() && records.cutter().cut(data, true) == Cut::Records(data.len());
            all.then_some(data.len())
        },
    )
}

/// Lines within one quoted record that are tried before giving up on its end.
const MAX_LINES_PROBED: usize = 256;

/// Cutters for tests of sources, independent of the real formats.
#[cfg(test)]
pub mod double {
    use super::*;

    /// Ends a record at LF, outside quotes if `quotes`; too long ones as [`Cutter`] says.
    pub struct Lines {
        pub quotes: bool,
        pub max_record: usize,
        pub skipping: bool,
    }

    impl Lines {
        pub fn new(quotes: bool) -> Lines {
            Lines { quotes, max_record: format::MAX_RECORD_BYTES, skipping: false }
        }
    }

    impl Cutter for Lines {
        fn cut(&mut self, data: &[u8], last: bool) -> Cut {
            if self.skipping && !data.is_empty() {
                let end = memchr::memchr(b'\n', data);
                self.skipping = end.is_none();
                return Cut::Skip(end.map_or(data.len(), |at| at + 1));
            }
            let (mut open, mut end) = (false, 0);
            for (i, &byte) in data.iter().enumerate() {
                match byte {
                    b'"' => open ^= self.quotes,
                    b'\n' if !open => end = i + 1,
                    _ if i - end >= self.max_record => {
                        self.skipping = end == 0;
                        return Cut::Records(if end == 0 { i + 1 } else { end });
                    }
                    _ => {}
                }
            }
            match if last { data.len() } else { end } {
                0 => Cut::More,
                end => Cut::Records(end),
            }
        }
    }

    /// Records end at LF, outside quotes if `quotes`; `header` is one line.
    pub fn lines(quotes: bool, header: bool) -> Records {
        limited(quotes, header, format::MAX_RECORD_BYTES)
    }

    /// As [`lines`], with a limit of its own.
    pub fn limited(quotes: bool, header: bool, max_record: usize) -> Records {
        Records {
            header: Arc::new(move |data, last| Ok(read_header(data, last, header))),
            behind: Arc::new(|header, _| header.clone()),
            cutter: Arc::new(move || Box::new(Lines { max_record, ..Lines::new(quotes) })),
            open: None,
            max_record,
            counted: false,
            unpack: Unpack::Default,
            framed: None,
        }
    }

    fn read_header(data: &[u8], last: bool, header: bool) -> HeaderRead {
        if !header {
            return HeaderRead::Done { consumed: 0, header: None };
        }
        match memchr::memchr(b'\n', data) {
            None if !last => HeaderRead::More,
            end => {
                let line = &data[..end.unwrap_or(data.len())];
                let names = String::from_utf8_lossy(line).split(',').map(str::to_owned).collect();
                let consumed = end.map_or(data.len(), |at| at + 1);
                HeaderRead::Done { consumed, header: Some(Arc::new(format::Header { names, lines: 1, years: None })) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_ends_at_the_first_line_end_outside_quotes() {
        let check = |data: &str, last, expect| {
            assert_eq!(first_record(&double::lines(true, false), data.as_bytes(), last), expect, "{data:?}");
        };
        check("a\nb\n", false, Some(2));
        check("\"x\ny\"\nb\n", false, Some(6));
        check("\"x\ny", false, None);
        check("abc", false, None);
        check("abc", true, Some(3));
        check("", true, None);
    }
}
