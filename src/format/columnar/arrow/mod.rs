//! Arrow files: record batches as they lie in memory, described by a footer; and Feather, which is another name.

mod encode;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, convert, root_as_footer, root_as_message};
use arrow_schema::{DataType as Arrow, SchemaRef};

pub use encode::ArrowEncoder;

use super::{Columnar, Cursor, Place, ReadAt, SharedFile, broken, bytes_at};
use crate::error::{Error, Result};

const MAGIC: &[u8; 6] = b"ARROW1";
/// Length of the footer and magic.
const TAIL_BYTES: u64 = 10;

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

/// The message of a block, without the length in front of it.
fn message_bytes(file: &dyn ReadAt, block: &Block) -> Result<Vec<u8>> {
    let header = Block::new(block.offset(), block.metaDataLength(), 0);
    let bytes = block_bytes(file, &header)?;
    let skip = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
    Ok(bytes.get(skip..).ok_or_else(wrong_footer)?.to_vec())
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
    if batch.compression().is_some_and(|compression| compression.codec() == arrow_ipc::CompressionType::ZSTD) {
        return Err(broken("it is compressed with zstd, which cannot be read in Arrow files")
            .note("write it with lz4 or without compression, or as Parquet"));
    }
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
                let bytes = Buffer::from_vec(block_bytes(&*self.file, block)?);
                decoder.read_dictionary(block, &bytes).map_err(broken)?;
            }
        }
        let block = &self.blocks[group];
        let arrays = match wanted.is_empty() {
            true => Vec::new(),
            false => {
                let bytes = Buffer::from_vec(block_bytes(&*self.file, block)?);
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
