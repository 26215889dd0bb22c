//! A part file that is being written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::connect::output::{Packing, write_error};
use crate::error::Result;
use crate::format::columnar::FileEncoder;
use crate::storage::StorageFile;

pub struct Part {
    pub partition: Arc<str>,
    /// In the partition's folder.
    pub name: String,
    pub number: u64,
    pub file: Box<dyn StorageFile>,
    /// Makes the file of rows, if it is one of columns.
    pub columns: Option<Box<dyn FileEncoder>>,
    packing: Packing,
    /// Bytes, those that are gathered included; of compressed ones, those that came out so far.
    pub length: u64,
    /// Wall time, µs.
    pub opened: i64,
    pub written: i64,
    /// Number of the last write among all of the sink.
    pub used: u64,
}

impl Part {
    pub fn new(
        partition: Arc<str>,
        name: String,
        number: u64,
        file: Box<dyn StorageFile>,
        length: u64,
        gzip: bool,
    ) -> Part {
        let packing = Packing::new(gzip, "directory-after-write");
        Part { partition, name, number, file, columns: None, packing, length, opened: 0, written: 0, used: 0 }
    }

    pub fn take(&mut self, data: &[u8]) -> io::Result<()> {
        self.packing.take(data, &mut *self.file)?;
        self.measure()
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
        self.packing.push(&mut *self.file)
    }

    /// Writes everything, so that what is in the file can be read by itself.
    pub fn cut(&mut self) -> io::Result<()> {
        self.packing.cut(&mut *self.file, true)?;
        self.measure()
    }

    fn measure(&mut self) -> io::Result<()> {
        self.length = self.file.len()? + self.packing.gathered();
        Ok(())
    }
}
