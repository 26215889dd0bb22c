//! Files of columns: Parquet and Arrow. They are read by place and not from start to end, and a file is whole only
//! with what stands at its end, so they have traits of their own beside cutters, decoders and encoders.
//!
//! A reader hands out **groups** (row groups, record batches), which a worker reads bit by bit with a
//! [`GroupDecoder`]. What a file holds comes as Arrow arrays of whatever types it has ([`Columnar`]); `convert` makes
//! our columns of them. A sink's batches become a file through a [`FileEncoder`].

mod arrow;
mod convert;
mod decoder;
mod guard;
mod parquet;
mod types;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{Field as ArrowField, SchemaRef};

pub use self::arrow::ArrowOptions;
pub use self::decoder::GroupDecoder;
pub use self::parquet::{Compression, ParquetOptions};
pub use self::types::{check, fields};

use super::Format;
use crate::data::{Batch, Field};
use crate::error::{Error, Result};

/// Rows that a decoder gives at once.
pub const ROWS_AT_ONCE: usize = 16 << 10;

/// A file that can be read anywhere.
pub trait ReadAt {
    fn len(&self) -> u64;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Fills `out` from `offset`. Errors: the file has less.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

/// A file that several threads read.
pub type SharedFile = Arc<dyn ReadAt + Send + Sync>;

/// A group's place in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of its first byte; no two groups have the same.
    pub start: u64,
    pub rows: u64,
}

/// An open file of columns. Messages of errors do not name the file: who opened it does.
pub trait Columnar: Send + Sync + Debug {
    /// Columns with the types they have in the file. Those that cannot be read are not among them.
    fn schema(&self) -> &SchemaRef;
    /// Groups that have rows, in the order of the file.
    fn groups(&self) -> &[Place];
    /// Begins to read these columns (indices into the schema) of a group.
    fn read(&self, group: usize, columns: &[usize]) -> Result<Box<dyn Cursor>>;
}

/// Reads a group from its first row to its last.
pub trait Cursor: Send {
    /// So many rows of each column: no more than are left.
    fn next(&mut self, rows: usize) -> Result<Vec<ArrayRef>>;
}

/// What a reader hands to a worker.
#[derive(Debug, Clone)]
pub struct Group {
    pub file: Arc<dyn Columnar>,
    pub index: usize,
}

impl Group {
    pub fn place(&self) -> Place {
        self.file.groups()[self.index]
    }
}

/// Makes a whole file of batches. What it gives is to be written behind what it gave before.
pub trait FileEncoder: Send {
    /// The first bytes of a file.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()>;
    fn rows(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<()>;
    /// Writes out the rows that are held back, so that [`FileEncoder::resume`] finds them.
    fn cut(&mut self, out: &mut Vec<u8>) -> Result<()>;
    /// The last bytes: the file is whole behind them.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;
    /// Goes on behind the first bytes of a file, which end where `cut` was called last.
    fn resume(&mut self, file: &dyn ReadAt) -> Result<()>;
    /// Bytes held back.
    fn held(&self) -> usize;
}

/// Whether files of this format are files of columns.
pub fn is_columnar(format: &Format) -> bool {
    matches!(format, Format::Parquet(_) | Format::Arrow(_))
}

/// Opens a file. Errors (class Data): it is none of this format, or is torn or corrupt.
pub fn open(format: &Format, file: SharedFile) -> Result<Arc<dyn Columnar>> {
    guard::guarded(|| match format {
        Format::Parquet(_) => Ok(Arc::new(parquet::ParquetFile::open(file)?) as Arc<dyn Columnar>),
        Format::Arrow(_) => Ok(Arc::new(arrow::ArrowFile::open(file)?) as Arc<dyn Columnar>),
        other => Err(Error::internal(format!("the format '{}' has no groups", other.name()))),
    })
}

/// An encoder for files of `schema`. With `recoverable`, [`FileEncoder::resume`] can go on behind a cut.
pub fn file_encoder(format: &Format, schema: &[Field], recoverable: bool) -> Result<Box<dyn FileEncoder>> {
    match format {
        Format::Parquet(options) => Ok(Box::new(parquet::ParquetEncoder::new(options, schema, recoverable)?)),
        Format::Arrow(options) => Ok(Box::new(arrow::ArrowEncoder::new(options, schema)?)),
        other => Err(Error::internal(format!("the format '{}' makes no files of columns", other.name()))),
    }
}

/// What is wrong with a file, in words.
fn broken(what: impl std::fmt::Display) -> Error {
    Error::data(what.to_string())
}

/// The bytes from `offset`, which are to be in the file: how many is never believed before that is known.
fn bytes_at(file: &dyn ReadAt, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let inside = offset.checked_add(len).is_some_and(|end| end <= file.len());
    if !inside {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before what it says it holds"));
    }
    let mut out = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_at(offset, &mut out)?;
    Ok(out)
}

fn column_named(schema: &SchemaRef, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field: &Arc<ArrowField>| field.name() == name)
}
