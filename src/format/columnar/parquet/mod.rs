//! Parquet: row groups of column chunks of pages, described by a footer.
//!
//! The crate `parquet` knows the footer, and reads headers of pages and the encodings of values; compression
//! ([`codec`]), schemas ([`schema`]), and arrays from values and levels ([`leaf`], here) are ours, as its own way from
//! file to Arrow takes minutes to build. So is writing, but for the footer: from columns to entries ([`shred`]), from
//! entries to pages ([`chunk`], [`values`]).

mod bounds;
mod chunk;
mod codec;
mod dictionary;
mod encode;
mod header;
mod leaf;
mod numbers;
mod page;
mod pages;
mod rle;
mod room;
mod schema;
mod shred;
mod texts;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType as Arrow, Schema, SchemaRef};
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

pub use codec::Compression;
pub use encode::{ParquetEncoder, ROWS_IN_GROUP};

use super::{Columnar, Cursor, Place, ReadAt, SharedFile, broken, bytes_at};
use crate::error::{Error, Result};
use leaf::{Leaf, LeafRows};
use pages::{Chunks, Pages};
use schema::{Node, NodeKind};

const MAGIC: &[u8; 4] = b"PAR1";
/// Length of the footer and magic.
const TAIL_BYTES: u64 = 8;

/// Options of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParquetOptions {
    pub compression: Compression,
    /// Rows in a row group, at most.
    pub row_group: usize,
}

impl Default for ParquetOptions {
    fn default() -> ParquetOptions {
        ParquetOptions { compression: Compression::default(), row_group: ROWS_IN_GROUP }
    }
}

/// A file and its footer.
pub struct ParquetFile {
    file: Chunks,
    metadata: ParquetMetaData,
    schema: SchemaRef,
    nodes: Vec<Node>,
    places: Vec<Place>,
    /// Numbers of the row groups that have rows.
    groups: Vec<usize>,
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile").field("groups", &self.places).finish_non_exhaustive()
    }
}

impl ParquetFile {
    /// Reads the footer and checks what it says of places.
    pub fn open(file: SharedFile) -> Result<ParquetFile> {
        let metadata = footer(&*file)?;
        let mut places = Vec::new();
        let mut groups = Vec::new();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).map_err(|_| wrong_footer())?;
            let mut start = u64::MAX;
            for column in group.columns() {
                start = start.min(check(column, file.len())?);
            }
            if rows > 0 && group.num_columns() > 0 {
                places.push(Place { start, rows });
                groups.push(number);
            }
        }
        let starts: std::collections::BTreeSet<u64> = places.iter().map(|place| place.start).collect();
        if starts.len() < places.len() {
            return Err(wrong_footer());
        }
        let nodes = schema::columns(metadata.file_metadata().schema());
        let fields: Vec<_> = nodes.iter().map(|node| node.field.clone()).collect();
        Ok(ParquetFile { file: Chunks(file), metadata, schema: Arc::new(Schema::new(fields)), nodes, places, groups })
    }
}

/// The footer of a file that is whole.
fn footer(file: &dyn ReadAt) -> Result<ParquetMetaData> {
    let len = file.len();
    if len == 0 {
        return Err(broken("it is empty, and no Parquet file"));
    }
    let tail = len.checked_sub(TAIL_BYTES).and_then(|at| bytes_at(file, at, TAIL_BYTES).ok());
    let head = bytes_at(file, 0, 4.min(len)).unwrap_or_default();
    let Some(tail) = tail.filter(|tail| tail.ends_with(MAGIC)) else {
        return Err(match head == MAGIC {
            true => broken("it has no footer: it was cut off, or is still being written"),
            false if head == b"PARE" => broken("it is encrypted, which cannot be read"),
            false => broken("it is not a Parquet file"),
        });
    };
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = (len - TAIL_BYTES).checked_sub(size).filter(|&start| start >= 4).ok_or_else(wrong_footer)?;
    let bytes = bytes_at(file, start, size).map_err(broken)?;
    ParquetMetaDataReader::decode_metadata(&bytes).map_err(|_| wrong_footer())
}

fn wrong_footer() -> Error {
    broken("its footer is corrupt")
}

/// Whether a column chunk can be where it is said to be; returns its start.
fn check(column: &ColumnChunkMetaData, len: u64) -> Result<u64> {
    let place = |offset: i64| u64::try_from(offset).ok();
    let data = place(column.data_page_offset());
    let start = column.dictionary_page_offset().map_or(data, place);
    let size = place(column.compressed_size());
    match (start, data, size, place(column.num_values())) {
        (Some(start), Some(_), Some(size), Some(_)) if start.checked_add(size).is_some_and(|end| end <= len) => {
            Ok(start)
        }
        _ => Err(broken("its footer speaks of bytes that it has not: it is cut off or corrupt")),
    }
}

impl Columnar for ParquetFile {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn groups(&self) -> &[Place] {
        &self.places
    }

    fn read(&self, group: usize, columns: &[usize]) -> Result<Box<dyn Cursor>> {
        let group = self.metadata.row_group(self.groups[group]);
        let nodes: Vec<Node> = columns.iter().map(|&column| self.nodes[column].clone()).collect();
        let mut leaves = Vec::new();
        nodes.iter().for_each(|node| node.leaves(&mut leaves));
        let open = |leaf: usize| Ok((leaf, self.leaf(group, leaf)?));
        let leaves = leaves.into_iter().map(open).collect::<Result<_>>()?;
        Ok(Box::new(GroupCursor { nodes, leaves }))
    }
}

impl ParquetFile {
    fn leaf(&self, group: &RowGroupMetaData, leaf: usize) -> Result<Leaf> {
        let column = group.columns().get(leaf).ok_or_else(wrong_footer)?;
        if let Some(name) = codec::unreadable(column.compression()) {
            let path = column.column_path();
            return Err(broken(format!("column {path} is compressed with {name}, which cannot be read"))
                .note("write it with snappy, zstd, gzip or lz4"));
        }
        let pages = Pages::new(&self.file, column, group.num_rows() as u64).map_err(failed)?;
        let described = column.column_descr_ptr();
        Ok(Leaf::new(get_column_reader(described.clone(), Box::new(pages)), &described))
    }
}

/// What the parquet crate says.
fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::General(text) | ParquetError::EOF(text) => broken(text),
        other => broken(other),
    }
}

/// Reads columns of a row group side by side.
struct GroupCursor {
    nodes: Vec<Node>,
    leaves: BTreeMap<usize, Leaf>,
}

impl Cursor for GroupCursor {
    fn next(&mut self, rows: usize) -> Result<Vec<ArrayRef>> {
        let read = |(&number, leaf): (&usize, &mut Leaf)| Ok((number, leaf.read(rows)?));
        let mut read: BTreeMap<usize, LeafRows> = self.leaves.iter_mut().map(read).collect::<Result<_>>()?;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.nodes.len());
        for (number, node) in self.nodes.iter().enumerate() {
            // A column may be asked for more than once.
            let name = node.field.name();
            let array = match self.nodes[..number].iter().position(|other| other.field.name() == name) {
                Some(same) => arrays[same].clone(),
                None => assemble(node, &mut read)?,
            };
            if array.len() != rows {
                return Err(broken(format!("column {name} has {} rows where there are {rows}", array.len())));
            }
            arrays.push(array);
        }
        Ok(arrays)
    }
}

/// The array of a node, of the leaves below it.
fn assemble(node: &Node, leaves: &mut BTreeMap<usize, LeafRows>) -> Result<ArrayRef> {
    let mut below = Vec::new();
    node.leaves(&mut below);
    let first = below.first().and_then(|leaf| leaves.get(leaf)).ok_or_else(wrong_footer)?;
    match &node.kind {
        NodeKind::Leaf(leaf) => leaves.remove(leaf).ok_or_else(wrong_footer)?.array(node),
        NodeKind::Struct(parts) => {
            let nulls = first.valid(node).map(NullBuffer::from);
            let arrays = parts.iter().map(|part| assemble(part, leaves)).collect::<Result<Vec<_>>>()?;
            let Arrow::Struct(fields) = node.field.data_type() else { return Err(wrong_footer()) };
            Ok(Arc::new(StructArray::try_new(fields.clone(), arrays, nulls).map_err(broken)?))
        }
        NodeKind::List { element, item } => {
            let nulls = first.valid(node).map(NullBuffer::from);
            let lengths = lengths(first, node, *element);
            let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
            let items = assemble(item, leaves)?;
            let Arrow::List(field) = node.field.data_type() else { return Err(wrong_footer()) };
            Ok(Arc::new(ListArray::try_new(field.clone(), offsets, items, nulls).map_err(broken)?))
        }
    }
}

/// Elements of each list of a node; none of those that are null.
fn lengths(leaf: &LeafRows, node: &Node, element: i16) -> Vec<usize> {
    let mut lengths = Vec::new();
    for (&rep, &def) in leaf.rep.iter().zip(&leaf.def) {
        if rep <= node.rep && def >= node.slot {
            lengths.push(0);
        }
        if rep <= node.rep + 1 && def >= element {
            lengths.last_mut().into_iter().for_each(|length| *length += 1);
        }
    }
    lengths
}
