//! Writes row groups, and the footer at the end.
//!
//! To go on with a file after a crash, what its footer will say has to be known again. So behind each row group stands
//! a **note**: the group's description, as a footer would have it, its length, and where the note before it ends. The
//! last bytes of what a checkpoint holds are a note, and notes lead back to the start of the file. Readers, who go by
//! the footer alone, do not see them.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression as Codec;
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::get_column_writer;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};

use super::codec::Compression;
use super::shred::{self, Leaf, column_type};
use super::{MAGIC, ParquetOptions, TAIL_BYTES, failed};
use crate::data::{Batch, Field};
use crate::error::{Error, Result};
use crate::format::columnar::{FileEncoder, ReadAt, broken, bytes_at};

/// Rows in a row group unless the job says otherwise: enough for columns to compress well, few enough for readers to
/// share the work.
pub const ROWS_IN_GROUP: usize = 128 << 10;
/// A row group is written when so much is gathered, however few rows that are.
const HELD_MAX: usize = 64 << 20;
/// A note ends with its length and magic, as a footer does, and where the one before ends.
const NOTE_TAIL_BYTES: u64 = TAIL_BYTES + 8;

pub struct ParquetEncoder {
    options: ParquetOptions,
    recoverable: bool,
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    leaves: Vec<Leaf>,
    /// Gathered in `leaves`.
    rows: usize,
    groups: Vec<RowGroupMetaData>,
    /// Length of the file.
    offset: u64,
    /// Where the last note ends; behind the magic if there is none.
    noted: u64,
}

impl ParquetEncoder {
    pub fn new(options: &ParquetOptions, schema: &[Field], recoverable: bool) -> Result<ParquetEncoder> {
        let columns = schema
            .iter()
            .map(|field| column_type(&field.name, field.ty))
            .collect::<ParquetResult<Vec<_>>>()
            .map_err(unwritable)?;
        let root = Type::group_type_builder("schema").with_fields(columns).build().map_err(unwritable)?;
        // Pages come plain from the crate and are compressed here; indexes of pages would have to be moved along.
        let mut leaves = Vec::new();
        schema.iter().for_each(|field| shred::leaves(field.ty, &mut leaves));
        let properties = WriterProperties::builder()
            .set_compression(Codec::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        Ok(ParquetEncoder {
            options: *options,
            recoverable,
            schema: Arc::new(SchemaDescriptor::new(Arc::new(root))),
            properties: Arc::new(properties.build()),
            leaves,
            rows: 0,
            groups: Vec::new(),
            offset: 0,
            noted: MAGIC.len() as u64,
        })
    }

    fn group(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let start = out.len();
        let columns = self.columns(out).map_err(unwritable)?;
        let size = columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let group = RowGroupMetaData::builder(self.schema.clone())
            .set_num_rows(self.rows as i64)
            .set_total_byte_size(size)
            .set_file_offset(self.offset as i64)
            .set_ordinal(self.groups.len() as i32)
            .set_column_metadata(columns);
        let group = group.build().map_err(unwritable)?;
        self.rows = 0;
        if self.recoverable {
            self.footer(std::slice::from_ref(&group), out)?;
            out.extend_from_slice(&self.noted.to_le_bytes());
        }
        self.groups.push(group);
        self.offset += (out.len() - start) as u64;
        self.noted = self.offset;
        Ok(())
    }

    fn columns(&mut self, out: &mut Vec<u8>) -> ParquetResult<Vec<ColumnChunkMetaData>> {
        let mut written = 0;
        let mut columns = Vec::with_capacity(self.leaves.len());
        for (number, leaf) in self.leaves.iter_mut().enumerate() {
            let mut chunk = TrackedWrite::new(Vec::new());
            let pages = Packed { inner: SerializedPageWriter::new(&mut chunk), how: self.options.compression };
            let mut writer = get_column_writer(self.schema.column(number), self.properties.clone(), Box::new(pages));
            leaf.write(&mut writer)?;
            let closed = writer.close()?;
            let bytes = chunk.into_inner()?;
            let shift = (self.offset + written) as i64;
            let metadata = closed.metadata;
            let (data, dictionary) = (metadata.data_page_offset(), metadata.dictionary_page_offset());
            let metadata = metadata
                .into_builder()
                .set_compression(self.options.compression.codec())
                .set_data_page_offset(data + shift)
                .set_dictionary_page_offset(dictionary.map(|at| at + shift));
            columns.push(metadata.build()?);
            written += bytes.len() as u64;
            out.extend_from_slice(&bytes);
        }
        Ok(columns)
    }

    /// The description of row groups, its length, and the magic.
    fn footer(&self, groups: &[RowGroupMetaData], out: &mut Vec<u8>) -> Result<()> {
        let rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
        let author = Some(concat!("flott ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = FileMetaData::new(2, rows, author, None, self.schema.clone(), None);
        let metadata = ParquetMetaData::new(file, groups.to_vec());
        ParquetMetaDataWriter::new(out, &metadata).finish().map_err(unwritable)
    }

    /// The row group of the note that ends at `end`, and where the note before ends.
    fn note(&self, file: &dyn ReadAt, end: u64) -> Result<(RowGroupMetaData, u64)> {
        let lost = || broken("what was written of it cannot be gone on with: it is not what a checkpoint left");
        let tail = end.checked_sub(NOTE_TAIL_BYTES).ok_or_else(lost)?;
        let bytes = bytes_at(file, tail, NOTE_TAIL_BYTES).map_err(broken)?;
        let size = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let before = bytes[8..].try_into().map(u64::from_le_bytes).map_err(|_| lost())?;
        let start = tail.checked_sub(size).filter(|&start| before <= start).ok_or_else(lost)?;
        let note = bytes_at(file, start, size).map_err(broken)?;
        let metadata = ParquetMetaDataReader::decode_metadata(&note).map_err(failed)?;
        match metadata.row_groups() {
            [group] if metadata.file_metadata().schema() == self.schema.root_schema() => Ok((group.clone(), before)),
            [_] => Err(Error::job("the columns of the file have changed since it was begun")
                .note("write another file, or start over with --fresh")),
            _ => Err(lost()),
        }
    }
}

impl FileEncoder for ParquetEncoder {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(MAGIC);
        self.offset = MAGIC.len() as u64;
        Ok(())
    }

    fn rows(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<()> {
        let mut taken = 0;
        while taken < batch.rows {
            let rows = (batch.rows - taken).min(self.options.row_group - self.rows);
            let mut leaves = self.leaves.iter_mut();
            batch.columns.iter().for_each(|column| shred::push(&column.slice(taken, rows), &mut leaves));
            self.rows += rows;
            taken += rows;
            if self.rows >= self.options.row_group || self.held() >= HELD_MAX {
                self.group(out)?;
            }
        }
        Ok(())
    }

    fn cut(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.group(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.group(out)?;
        let groups = std::mem::take(&mut self.groups);
        self.footer(&groups, out)
    }

    fn resume(&mut self, file: &dyn ReadAt) -> Result<()> {
        let mut groups = Vec::new();
        let mut end = file.len();
        while end > MAGIC.len() as u64 {
            let (group, before) = self.note(file, end)?;
            groups.push(group);
            end = before;
        }
        groups.reverse();
        (self.groups, self.offset, self.noted) = (groups, file.len(), file.len());
        Ok(())
    }

    fn held(&self) -> usize {
        self.leaves.iter().map(Leaf::held).sum()
    }
}

/// A file that cannot be written: nothing that rows could cause.
fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a Parquet file cannot be written: {error}"))
}

/// Compresses pages on their way.
struct Packed<'a> {
    inner: SerializedPageWriter<'a, Vec<u8>>,
    how: Compression,
}

impl PageWriter for Packed<'_> {
    fn write_page(&mut self, page: CompressedPage) -> ParquetResult<PageWriteSpec> {
        if self.how == Compression::None {
            return self.inner.write_page(page);
        }
        let size = page.uncompressed_size();
        let packed = Bytes::from(self.how.compress(page.data())?);
        let packed = match page.compressed_page().clone() {
            Page::DataPage { num_values, encoding, def_level_encoding, rep_level_encoding, statistics, .. } => {
                let buf = packed;
                Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
            }
            Page::DictionaryPage { num_values, encoding, is_sorted, .. } => {
                Page::DictionaryPage { buf: packed, num_values, encoding, is_sorted }
            }
            // Levels would have to stay plain; they are not asked for.
            Page::DataPageV2 { .. } => return self.inner.write_page(page),
        };
        self.inner.write_page(CompressedPage::new(packed, size))
    }

    fn close(&mut self) -> ParquetResult<()> {
        self.inner.close()
    }
}
