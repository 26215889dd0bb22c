//! Writes row groups, and the footer at the end.
//!
//! To go on with a file after a crash, what its footer will say has to be known again. So behind each row group stands
//! a **note**: the group's description, as a footer would have it, its length, and where the note before it ends. The
//! last bytes of what a checkpoint holds are a note, and notes lead back to the start of the file. Readers, who go by
//! the footer alone, do not see them.

use std::sync::Arc;

use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};

use super::chunk::Chunk;
use super::codec::Packer;
use super::shred::{self, column_type};
use super::{MAGIC, ParquetOptions, TAIL_BYTES, failed};
use crate::data::{Batch, Field};
use crate::error::{Error, Result};
use crate::format::columnar::{FileEncoder, ReadAt, broken, bytes_at};

/// Rows in a row group unless the job says otherwise: enough for columns to compress well, few enough for readers to
/// share the work.
pub const ROWS_IN_GROUP: usize = 128 << 10;
/// A row group is written when so much is gathered, without compression, however few rows that are.
const GATHERED_MAX: usize = 64 << 20;
/// Where pages of lists may end: behind so many rows of a group, however they come in batches.
const ROWS_AT_ONCE: usize = 1024;
/// A note ends with its length and magic, as a footer does, and where the one before ends.
const NOTE_TAIL_BYTES: u64 = TAIL_BYTES + 8;

pub struct ParquetEncoder {
    options: ParquetOptions,
    recoverable: bool,
    schema: SchemaDescPtr,
    packer: Packer,
    leaves: Vec<Chunk>,
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
        let root = Arc::new(SchemaDescriptor::new(Arc::new(root)));
        let mut values = Vec::new();
        schema.iter().for_each(|field| shred::leaves(field.ty, &mut values));
        let leaf = |(number, values)| Chunk::new(root.column(number), values);
        let leaves = values.into_iter().enumerate().map(leaf).collect();
        Ok(ParquetEncoder {
            options: *options,
            recoverable,
            schema: root,
            packer: Packer::new(options.compression),
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
        let mut columns = Vec::with_capacity(self.leaves.len());
        out.reserve(self.leaves.iter().map(Chunk::held).sum());
        for leaf in &mut self.leaves {
            let offset = self.offset + (out.len() - start) as u64;
            columns.push(leaf.finish(offset, &mut self.packer, out).map_err(unwritable)?);
        }
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
            let rows = rows.min(ROWS_AT_ONCE - self.rows % ROWS_AT_ONCE);
            let mut leaves = self.leaves.iter_mut();
            for column in &batch.columns {
                shred::push(&column.slice(taken, rows), &mut leaves, &mut self.packer).map_err(unwritable)?;
            }
            self.rows += rows;
            taken += rows;
            if self.rows.is_multiple_of(ROWS_AT_ONCE) {
                self.leaves.iter_mut().try_for_each(|leaf| leaf.settle(&mut self.packer)).map_err(unwritable)?;
            }
            let gathered: usize = self.leaves.iter().map(Chunk::gathered).sum();
            if self.rows >= self.options.row_group || gathered >= GATHERED_MAX {
                self.group(out)?;
            }
        }
        Ok(())
    }

    fn cut(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.group(out)?;
        // Between groups memory is kept for the next one; a folder with many files open cuts those that hold the most.
        self.leaves.iter_mut().for_each(Chunk::rest);
        self.packer.rest();
        Ok(())
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
        self.leaves.iter().map(Chunk::held).sum()
    }
}

/// A file that cannot be written: nothing that rows could cause.
fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a Parquet file cannot be written: {error}"))
}
