//! Gathers rows, and compresses them, before they are written.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::storage::StorageFile;
use crate::storage::crash;

/// Bytes that are gathered before they are written; longer pieces are written as they are.
const BUFFER_BYTES: usize = 64 << 10;

pub enum Packing {
    Plain(Vec<u8>),
    Gzip {
        encoder: GzEncoder<Vec<u8>>,
        /// Something was written into the member that is open.
        begun: bool,
    },
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::default())
}

impl Packing {
    pub fn new(gzip: bool) -> Packing {
        match gzip {
            true => Packing::Gzip { encoder: encoder(), begun: false },
            false => Packing::Plain(Vec::with_capacity(BUFFER_BYTES)),
        }
    }

    /// Takes data, on its way to `file`.
    pub fn take(&mut self, data: &[u8], file: &mut dyn StorageFile) -> io::Result<()> {
        match self {
            Packing::Plain(buffer) => {
                if buffer.len() + data.len() > BUFFER_BYTES {
                    write(file, buffer)?;
                }
                if data.len() >= BUFFER_BYTES {
                    file.write_all(data)?;
                    crash::point("file-after-write");
                    return Ok(());
                }
                buffer.extend_from_slice(data);
                Ok(())
            }
            Packing::Gzip { encoder, begun } => {
                *begun |= !data.is_empty();
                encoder.write_all(data)?;
                if encoder.get_ref().len() >= BUFFER_BYTES {
                    write(file, encoder.get_mut())?;
                }
                Ok(())
            }
        }
    }

    /// Writes what is gathered. Compressed data stays until the member ends: each push would cost compression.
    pub fn push(&mut self, file: &mut dyn StorageFile) -> io::Result<()> {
        match self {
            Packing::Plain(buffer) => write(file, buffer),
            Packing::Gzip { .. } => Ok(()),
        }
    }

    /// Writes everything, so that what is in the file can be read by itself. With `last`, a file that got nothing
    /// gets an empty member.
    pub fn cut(&mut self, file: &mut dyn StorageFile, last: bool) -> io::Result<()> {
        if let Packing::Gzip { encoder: open, begun } = self
            && (*begun || (last && file.is_empty()?))
        {
            let mut data = std::mem::replace(open, encoder()).finish()?;
            *begun = false;
            return write(file, &mut data);
        }
        self.push(file)
    }
}

fn write(file: &mut dyn StorageFile, buffer: &mut Vec<u8>) -> io::Result<()> {
    if !buffer.is_empty() {
        file.write_all(buffer)?;
        buffer.clear();
        crash::point("file-after-write");
    }
    Ok(())
}
