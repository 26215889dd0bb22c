//! Arrow files: record batches as they lie in memory, described by a footer; and Feather, which is another name.

mod encode;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, CompressionType, convert, root_as_footer, root_as_message};
use arrow_schema::{DataType as Arrow, SchemaRef};

pub use encode::ArrowEncoder;

use super::{Columnar, Cursor, Place, ReadAt, SharedFile, broken, bytes_at};
use crate::error::{Error, Result};

const MAGIC: &[u8; 6] = b"ARROW1";
/// Length of the footer and magic.
const TAIL_BYTES: u64 = 10;
/// Longer buffers are not unpacked.
const BUFFER_BYTES_MAX: i64 = 1 << 31;

/// Options of writing: none so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArrowOptions;

/// A file and its footer.
pub struct ArrowFile {
    file: SharedFile,
    schema: SchemaRef,
    version: arrow_ipc::MetadataVersion,
    dictionaries: Vec<Block>,
    blocks: Vec<Block>,
    places: Vec<Place>,
}

impl std::fmt::Debug for ArrowFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrowFile").field("groups", &self.places).finish_non_exhaustive()
    }
}

impl ArrowFile {
    /// Reads the footer and the headers of all batches.
    pub fn open(file: SharedFile) -> Result<ArrowFile> {
        let bytes = footer(&*file)?;
        let footer = root_as_footer(&bytes).map_err(|_| wrong_footer())?;
        let schema = footer.schema().ok_or_else(wrong_footer)?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(broken("its numbers are in the other byte order, which cannot be read"));
        }
        let schema = Arc::new(convert::try_fb_to_schema(schema).map_err(|_| wrong_footer())?);
        let dictionaries: Vec<Block> = footer.dictionaries().iter().flatten().copied().collect();
        let (mut blocks, mut places) = (Vec::new(), Vec::new());
        for block in footer.recordBatches().iter().flatten() {
            let rows = rows(&*file, block)?;
            if rows > 0 {
                places.push(Place { start: block.offset() as u64, rows });
                blocks.push(*block);
            }
        }
        let starts: BTreeSet<u64> = places.iter().map(|place| place.start).collect();
        if starts.len() < places.len() {
            return Err(wrong_footer());
        }
        Ok(ArrowFile { schema, version: footer.version(), dictionaries, blocks, places, file })
    }
}

fn footer(file: &dyn ReadAt) -> Result<Vec<u8>> {
    let len = file.len();
    let tail = len.checked_sub(TAIL_BYTES).and_then(|at| bytes_at(file, at, TAIL_BYTES).ok()).unwrap_or_default();
    let tail: Option<[u8; 10]> = tail.try_into().ok().filter(|tail: &[u8; 10]| tail.ends_with(MAGIC));
    let Some(tail) = tail else {
        let head = bytes_at(file, 0, 6.min(len)).unwrap_or_default();
        return Err(match (head == MAGIC, head.starts_with(&[0xff; 4])) {
            (true, _) => broken("it has no footer: it was cut off, or is still being written"),
            (_, true) => broken("it is an Arrow stream; a file is needed, which has a footer")
                .note("with pyarrow: write it with pyarrow.ipc.new_file instead of new_stream"),
            _ => broken("it is not an Arrow file"),
        });
    };
    let size = read_footer_length(tail).map_err(|_| wrong_footer())? as u64;
    let start = (len - TAIL_BYTES).checked_sub(size).ok_or_else(wrong_footer)?;
    bytes_at(file, start, size).map_err(broken)
}

fn wrong_footer() -> Error {
    broken("its footer is corrupt")
}

/// The bytes of a block: its message and its body.
fn block_bytes(file: &dyn ReadAt, block: &Block) -> Result<Vec<u8>> {
    let part = |len: i64| u64::try_from(len).map_err(|_| wrong_footer());
    let len = part(block.metaDataLength().into())?.checked_add(part(block.bodyLength())?).ok_or_else(wrong_footer)?;
    bytes_at(file, part(block.offset())?, len).map_err(broken)
}

/// As [`block_bytes`], where what is compressed does not say that it is larger than it can be.
///
/// The arrow crate takes so much memory for a buffer as the buffer says of itself.
fn batch_bytes(file: &dyn ReadAt, block: &Block) -> Result<Buffer> {
    let corrupt = || broken("the header of a batch is corrupt");
    let bytes = block_bytes(file, block)?;
    let header = message(&bytes[..block.metaDataLength() as usize])?;
    let header = root_as_message(header).map_err(|_| corrupt())?;
    let batch = header.header_as_record_batch().or_else(|| header.header_as_dictionary_batch()?.data());
    let batch = batch.ok_or_else(corrupt)?;
    if let Some(compression) = batch.compression() {
        // What a byte becomes at most; of zstd, four bytes become a block of 128 KiB.
        let ratio = if compression.codec() == CompressionType::ZSTD { 32 << 10 } else { 256 };
        let body = &bytes[block.metaDataLength() as usize..];
        for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() != 0) {
            let (at, len) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
            let (at, len) = (at.map_err(|_| corrupt())?, len.map_err(|_| corrupt())?);
            let packed = at.checked_add(len).and_then(|end| body.get(at..end)).ok_or_else(corrupt)?;
            let plain = packed.first_chunk().map(|len| i64::from_le_bytes(*len)).ok_or_else(corrupt)?;
            if plain > BUFFER_BYTES_MAX || plain > (len as i64).saturating_mul(ratio) {
                return Err(broken("a compressed buffer says that it is larger than it can be"));
            }
        }
    }
    Ok(Buffer::from_vec(bytes))
}

/// The message of a block, without the length in front of it.
fn message_bytes(file: &dyn ReadAt, block: &Block) -> Result<Vec<u8>> {
    let header = Block::new(block.offset(), block.metaDataLength(), 0);
    let bytes = block_bytes(file, &header)?;
    Ok(message(&bytes)?.to_vec())
}

fn message(header: &[u8]) -> Result<&[u8]> {
    let skip = if header.starts_with(&[0xff; 4]) { 8 } else { 4 };
    header.get(skip..).ok_or_else(wrong_footer)
}

/// Rows of a record batch. Errors: it is none, or lies outside of the file.
fn rows(file: &dyn ReadAt, block: &Block) -> Result<u64> {
    let end = |len: i64| u64::try_from(len).ok();
    let whole = end(block.offset())
        .zip(end(block.metaDataLength().into()))
        .zip(end(block.bodyLength()))
        .and_then(|((at, head), body)| at.checked_add(head)?.checked_add(body));
    if whole.is_none_or(|end| end > file.len()) {
        return Err(broken("its footer speaks of bytes that it has not: it is cut off or corrupt"));
    }
    let bytes = message_bytes(file, block)?;
    let message = root_as_message(&bytes).map_err(|_| broken("the header of a batch is corrupt"))?;
    let batch = message.header_as_record_batch().ok_or_else(|| broken("a batch is missing"))?;
    let rows = u64::try_from(batch.length()).map_err(|_| broken("the header of a batch is corrupt"))?;
    // Arrays are made of what is there, but for columns of nulls, which are not read.
    Ok(rows)
}

impl Columnar for ArrowFile {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn groups(&self) -> &[Place] {
        &self.places
    }

    fn read(&self, group: usize, columns: &[usize]) -> Result<Box<dyn Cursor>> {
        let mut wanted: Vec<usize> = columns.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut decoder = FileDecoder::new(self.schema.clone(), self.version).with_projection(wanted.clone());
        let has_dictionary = |&&column: &&usize| has_dictionary(self.schema.field(column).data_type());
        if columns.iter().any(|column| has_dictionary(&column)) {
            for block in &self.dictionaries {
                let bytes = batch_bytes(&*self.file, block)?;
                decoder.read_dictionary(block, &bytes).map_err(broken)?;
            }
        }
        let block = &self.blocks[group];
        let arrays = match wanted.is_empty() {
            true => Vec::new(),
            false => {
                let bytes = batch_bytes(&*self.file, block)?;
                let batch = decoder.read_record_batch(block, &bytes).map_err(broken)?;
                let batch = batch.ok_or_else(|| broken("a batch is missing"))?;
                let place = |column: &usize| batch.column(wanted.partition_point(|w| w < column)).clone();
                columns.iter().map(place).collect()
            }
        };
        if arrays.iter().any(|array: &ArrayRef| array.len() as u64 != self.places[group].rows) {
            return Err(broken("a column of a batch has another number of rows than the batch"));
        }
        Ok(Box::new(BatchCursor { arrays, at: 0 }))
    }
}

fn has_dictionary(ty: &Arrow) -> bool {
    match ty {
        Arrow::Dictionary(_, _) => true,
        Arrow::List(field) | Arrow::LargeList(field) | Arrow::Map(field, _) => has_dictionary(field.data_type()),
        Arrow::Struct(fields) => fields.iter().any(|field| has_dictionary(field.data_type())),
        _ => false,
    }
}

/// A batch that is in memory.
struct BatchCursor {
    arrays: Vec<ArrayRef>,
    at: usize,
}

impl Cursor for BatchCursor {
    fn next(&mut self, rows: usize) -> Result<Vec<ArrayRef>> {
        let at = self.at;
        self.at += rows;
        Ok(self.arrays.iter().map(|array| array.slice(at, rows)).collect())
    }
}
