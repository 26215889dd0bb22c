//! A part file that is being written.

use std::io;
use std::sync::Arc;

use crate::connect::output::Packing;
use crate::storage::StorageFile;

pub struct Part {
    pub partition: Arc<str>,
    /// In the partition's folder.
    pub name: String,
    pub number: u64,
    pub file: Box<dyn StorageFile>,
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
        Part { partition, name, number, file, packing, length, opened: 0, written: 0, used: 0 }
    }

    pub fn take(&mut self, data: &[u8]) -> io::Result<()> {
        self.packing.take(data, &mut *self.file)?;
        self.measure()
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
