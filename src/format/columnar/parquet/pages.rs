//! The pages of a column chunk, unpacked, with limits on what they say of themselves.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression as Codec;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::codec::{PAGE_BYTES_MAX, decompress};
use super::room;
use crate::format::columnar::{SharedFile, bytes_at};

/// The file, as the parquet crate wants to see it.
#[derive(Clone)]
pub struct Chunks(pub SharedFile);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = io::BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        // For headers of pages, which are short.
        Ok(io::BufReader::with_capacity(HEADER_BYTES, From { file: self.0.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        Ok(Bytes::from(bytes_at(&*self.0, start, length as u64)?))
    }
}

const HEADER_BYTES: usize = 512;

/// The file from a place on.
pub struct From {
    file: SharedFile,
    at: u64,
}

impl Read for From {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = out.len().min(left);
        self.file.read_at(self.at, &mut out[..len])?;
        self.at += len as u64;
        Ok(len)
    }
}

/// The pages of one column chunk.
pub struct Pages {
    /// Gives pages as they are in the file.
    inner: SerializedPageReader<Chunks>,
    codec: Codec,
    /// Values that later pages may still have.
    left: u64,
}

impl Pages {
    pub fn new(file: &Chunks, chunk: &ColumnChunkMetaData, rows: u64) -> Result<Pages> {
        let packed = chunk.clone().into_builder().set_compression(Codec::UNCOMPRESSED).build()?;
        let inner = SerializedPageReader::new(Arc::new(file.clone()), &packed, rows as usize, None)?;
        Ok(Pages { inner, codec: chunk.compression(), left: chunk.num_values() as u64 })
    }

    fn unpack(&mut self, page: Page) -> Result<Page> {
        let codec = self.codec;
        let whole = |data: Bytes| match codec {
            Codec::UNCOMPRESSED => Ok(data),
            _ => room::unpacked(codec, &data),
        };
        Ok(match page {
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, .. } => {
                self.count(num_values)?;
                let buf = whole(buf)?;
                Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics: None }
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                ..
            } => {
                self.count(num_values)?;
                let levels = def_levels_byte_len as usize + rep_levels_byte_len as usize;
                if levels > buf.len() || num_nulls > num_values {
                    return Err(ParquetError::General("the header of a page is wrong".into()));
                }
                let buf = match is_compressed && codec != Codec::UNCOMPRESSED && levels < buf.len() {
                    true => Bytes::from([&buf[..levels], &decompress(codec, &buf[levels..])?[..]].concat()),
                    false => buf,
                };
                let (is_compressed, statistics) = (false, None);
                Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed,
                    statistics,
                }
            }
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                let buf = whole(buf)?;
                // Every entry takes a byte at least, but for empty ones of a fixed length, which nobody needs.
                if num_values as usize > buf.len() || buf.len() > PAGE_BYTES_MAX {
                    return Err(ParquetError::General("a dictionary says that it is larger than it is".into()));
                }
                Page::DictionaryPage { buf, num_values, encoding, is_sorted }
            }
        })
    }

    /// A page may not hold more than its chunk.
    fn count(&mut self, values: u32) -> Result<()> {
        let left = self.left.checked_sub(values.into());
        self.left = left.ok_or_else(|| ParquetError::General("pages have more values than their column".into()))?;
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        match self.inner.get_next_page()? {
            Some(page) => self.unpack(page).map(Some),
            None => Ok(None),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }
}
