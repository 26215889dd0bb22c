//! Writes record batches, and the footer at the end.
//!
//! Messages say how long they are, so to go on with a file after a crash they are walked from its start.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_ipc::convert::IpcSchemaEncoder;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message};
use arrow_ipc::{Block, FooterBuilder, MetadataVersion, root_as_message};
use arrow_schema::{DataType as Arrow, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use flatbuffers::FlatBufferBuilder;

use super::{ArrowOptions, MAGIC};
use crate::data::{Batch, Column, DataType, Field, arrow, fields_of, items_of};
use crate::error::{Error, Result};
use crate::format::columnar::{FileEncoder, ReadAt, broken, bytes_at};

/// Rows of a batch in the file, unless less is there at a checkpoint or the end.
const ROWS_IN_BATCH: usize = 64 << 10;
/// A batch is written when so much is gathered.
const HELD_MAX: usize = 64 << 20;

pub struct ArrowEncoder {
    schema: SchemaRef,
    options: IpcWriteOptions,
    gathered: Vec<Batch>,
    rows: usize,
    blocks: Vec<Block>,
    /// Length of the file.
    offset: u64,
}

impl ArrowEncoder {
    pub fn new(_options: &ArrowOptions, schema: &[Field]) -> Result<ArrowEncoder> {
        let fields = schema.iter().map(|field| arrow_field(&field.name, field.ty));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = IpcWriteOptions::default();
        Ok(ArrowEncoder { schema, options, gathered: Vec::new(), rows: 0, blocks: Vec::new(), offset: 0 })
    }

    /// Magic and schema: the same for every file of these columns.
    fn start(&self) -> Result<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        // To the alignment of 64 bytes that messages have.
        out.resize(64, 0);
        let mut dictionaries = DictionaryTracker::new(true);
        let generator = IpcDataGenerator::default();
        let message = generator.schema_to_bytes_with_dictionary_tracker(&self.schema, &mut dictionaries, &self.options);
        write_message(&mut out, message, &self.options).map_err(unwritable)?;
        Ok(out)
    }

    fn batch(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let parts = std::mem::take(&mut self.gathered);
        let array = |column: usize| -> ArrayRef {
            let parts: Vec<&Column> = parts.iter().map(|batch| &batch.columns[column]).collect();
            array(&Column::concat(&parts))
        };
        let arrays: Vec<ArrayRef> = (0..self.schema.fields().len()).map(array).collect();
        let with_rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &with_rows).map_err(unwritable)?;
        let mut dictionaries = DictionaryTracker::new(true);
        let mut context = IpcWriteContext::default();
        let generator = IpcDataGenerator::default();
        let (_, message) =
            generator.encode(&batch, &mut dictionaries, &self.options, &mut context).map_err(unwritable)?;
        let (head, body) = write_message(&mut *out, message, &self.options).map_err(unwritable)?;
        self.blocks.push(Block::new(self.offset as i64, head as i32, body as i64));
        self.offset += (head + body) as u64;
        self.rows = 0;
        Ok(())
    }
}

impl FileEncoder for ArrowEncoder {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let start = self.start()?;
        self.offset = start.len() as u64;
        out.extend_from_slice(&start);
        Ok(())
    }

    fn rows(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<()> {
        // Only the rows are kept, not the block of input that they point into.
        let columns = batch.columns.iter().map(Column::compact).collect();
        self.gathered.push(Batch::new(columns, batch.rows));
        self.rows += batch.rows;
        if self.rows >= ROWS_IN_BATCH || self.held() >= HELD_MAX { self.batch(out) } else { Ok(()) }
    }

    fn cut(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.batch(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.batch(out)?;
        // The end of the stream that a file holds.
        out.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        let mut builder = FlatBufferBuilder::new();
        let dictionaries = builder.create_vector::<Block>(&[]);
        let batches = builder.create_vector(&self.blocks);
        let schema = IpcSchemaEncoder::new().schema_to_fb_offset(&mut builder, &self.schema);
        let mut footer = FooterBuilder::new(&mut builder);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(dictionaries);
        footer.add_recordBatches(batches);
        let footer = footer.finish();
        builder.finish(footer, None);
        let bytes = builder.finished_data();
        out.extend_from_slice(bytes);
        out.extend_from_slice(&(bytes.len() as i32).to_le_bytes());
        out.extend_from_slice(MAGIC);
        Ok(())
    }

    fn resume(&mut self, file: &dyn ReadAt) -> Result<()> {
        let start = self.start()?;
        let found = bytes_at(file, 0, start.len() as u64).map_err(broken)?;
        if found != start {
            return Err(Error::job("the columns of the file have changed since it was begun")
                .note("write another file, or start over with --fresh"));
        }
        let mut at = start.len() as u64;
        self.blocks.clear();
        while at < file.len() {
            let block = block_at(file, at)?;
            at += block.metaDataLength() as u64 + block.bodyLength() as u64;
            self.blocks.push(block);
        }
        self.offset = at;
        Ok(())
    }

    fn held(&self) -> usize {
        self.gathered.iter().map(Batch::pinned_bytes).sum()
    }
}

/// The message that begins at `at`.
fn block_at(file: &dyn ReadAt, at: u64) -> Result<Block> {
    let lost = || broken("what was written of it cannot be gone on with: it is not what a checkpoint left");
    let prefix = bytes_at(file, at, 8).map_err(broken)?;
    let size = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]);
    if prefix[..4] != [0xff; 4] {
        return Err(lost());
    }
    let bytes = bytes_at(file, at + 8, size.into()).map_err(broken)?;
    let message = root_as_message(&bytes).map_err(|_| lost())?;
    let body = u64::try_from(message.bodyLength()).map_err(|_| lost())?;
    let head = u64::from(size) + 8;
    if at.checked_add(head).and_then(|end| end.checked_add(body)).is_none_or(|end| end > file.len()) {
        return Err(lost());
    }
    let head = i32::try_from(head).map_err(|_| lost())?;
    Ok(Block::new(at as i64, head, body as i64))
}

/// The types of files are the ones that every reader knows.
fn arrow_field(name: &str, ty: DataType) -> ArrowField {
    let native = match ty {
        DataType::String | DataType::Json => Arrow::Utf8,
        DataType::Bytes => Arrow::Binary,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::List(item) => Arrow::List(Arc::new(arrow_field("item", *item))),
        DataType::Struct(parts) => Arrow::Struct(parts.iter().map(|part| arrow_field(&part.name, part.ty)).collect()),
        other => arrow::arrow_type(other),
    };
    arrow::marked(ArrowField::new(name, native, true), ty)
}

fn array(column: &Column) -> ArrayRef {
    match column {
        Column::String(array) | Column::Json(array) => Arc::new(StringArray::from_iter(array.iter())),
        Column::Bytes(array) => Arc::new(BinaryArray::from_iter(array.iter())),
        Column::Timestamp(array) => {
            let (values, nulls) = (array.values().clone(), array.nulls().cloned());
            Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC"))
        }
        Column::List(lists) => {
            let items = items_of(lists);
            let field = Arc::new(arrow_field("item", items.data_type()));
            Arc::new(ListArray::new(field, lists.offsets().clone(), array(&items), lists.nulls().cloned()))
        }
        Column::Struct(structs) => {
            let parts = fields_of(structs);
            let named = structs.fields().iter().zip(&parts);
            let names = named.map(|(field, part)| arrow_field(field.name(), part.data_type())).collect();
            let arrays = parts.iter().map(array).collect();
            let built = StructArray::try_new_with_length(names, arrays, structs.nulls().cloned(), structs.len());
            Arc::new(built.expect("the parts have the length of the struct"))
        }
        other => other.clone().into(),
    }
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("an Arrow file cannot be written: {error}"))
}
