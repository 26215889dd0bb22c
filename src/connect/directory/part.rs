//! A part file that is being written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::connect::output::write_error;
use crate::error::Result;
use crate::format::columnar::FileEncoder;
use crate::storage::{StorageFile, crash};

/// Bytes of a part that are gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

pub struct Part {
    pub partition: Arc<str>,
    /// In the partition's folder.
    pub name: String,
    pub number: u64,
    pub file: Box<dyn StorageFile>,
    /// Makes the file of rows, if it is one of columns.
    pub columns: Option<Box<dyn FileEncoder>>,
    buffer: Vec<u8>,
    /// Bytes, those in the buffer included.
    pub length: u64,
    /// Wall time, µs.
    pub opened: i64,
    pub written: i64,
    /// Number of the last write among all of the sink.
    pub used: u64,
}

impl Part {
    pub fn new(partition: Arc<str>, name: String, number: u64, file: Box<dyn StorageFile>, length: u64) -> Part {
        Part {
            partition,
            name,
            number,
            file,
            columns: None,
            buffer: Vec::new(),
            length,
            opened: 0,
            written: 0,
            used: 0,
        }
    }

    pub fn take(&mut self, data: &[u8]) -> io::Result<()> {
        self.length += data.len() as u64;
        if self.buffer.len() + data.len() > BUFFER_BYTES {
            self.push()?;
        }
        if data.len() >= BUFFER_BYTES {
            self.file.write_all(data)?;
            crash::point("directory-after-write");
            return Ok(());
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// Takes what an encoder makes; nothing if the part is not one of columns.
    pub fn encode(
        &mut self,
        path: &Path,
        make: impl FnOnce(&mut dyn FileEncoder, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let Some(encoder) = &mut self.columns else { return Ok(()) };
        let mut out = Vec::new();
        make(&mut **encoder, &mut out)?;
        self.take(&out).map_err(|e| write_error(path, &e))
    }

    pub fn push(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
            crash::point("directory-after-write");
        }
        Ok(())
    }
}
