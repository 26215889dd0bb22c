//! Gathers rows, and compresses them, before they are written.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::storage::StorageFile;
use crate::storage::crash;

/// Bytes that are gathered before they are written; longer pieces are written as they are.
const BUFFER_BYTES: usize = 64 << 10;

pub struct Packing {
    kind: Kind,
    /// The point of [`crash`] behind each write.
    point: &'static str,
}

enum Kind {
    Plain(Vec<u8>),
    Gzip {
        encoder: Box<GzEncoder<Vec<u8>>>,
        /// Something was written into the member that is open.
        begun: bool,
    },
}

fn encoder() -> Box<GzEncoder<Vec<u8>>> {
    Box::new(GzEncoder::new(Vec::new(), Compression::default()))
}

impl Packing {
    pub fn new(gzip: bool, point: &'static str) -> Packing {
        let kind = match gzip {
            true => Kind::Gzip { encoder: encoder(), begun: false },
            false => Kind::Plain(Vec::new()),
        };
        Packing { kind, point }
    }

    /// Takes data, on its way to `file`.
    pub fn take(&mut self, data: &[u8], file: &mut dyn StorageFile) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(buffer) => {
                if buffer.len() + data.len() > BUFFER_BYTES {
                    write(file, buffer, self.point)?;
                }
                if data.len() >= BUFFER_BYTES {
                    file.write_all(data)?;
                    crash::point(self.point);
                    return Ok(());
                }
                buffer.extend_from_slice(data);
                Ok(())
            }
            Kind::Gzip { encoder, begun } => {
                *begun |= !data.is_empty();
                encoder.write_all(data)?;
                if encoder.get_ref().len() >= BUFFER_BYTES {
                    write(file, encoder.get_mut(), self.point)?;
                }
                Ok(())
            }
        }
    }

    /// Writes what is gathered. Compressed data stays until the member ends: each push would cost compression.
    pub fn push(&mut self, file: &mut dyn StorageFile) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(buffer) => write(file, buffer, self.point),
            Kind::Gzip { .. } => Ok(()),
        }
    }

    /// Writes everything, so that what is in the file can be read by itself. With `last`, a file that got nothing
    /// gets an empty member.
    pub fn cut(&mut self, file: &mut dyn StorageFile, last: bool) -> io::Result<()> {
        if let Kind::Gzip { encoder: open, begun } = &mut self.kind
            && (*begun || (last && file.is_empty()?))
        {
            let mut data = std::mem::replace(open, encoder()).finish()?;
            *begun = false;
            return write(file, &mut data, self.point);
        }
        self.push(file)
    }

    /// Bytes that are gathered and not written.
    pub fn gathered(&self) -> u64 {
        match &self.kind {
            Kind::Plain(buffer) => buffer.len() as u64,
            Kind::Gzip { encoder, .. } => encoder.get_ref().len() as u64,
        }
    }
}

fn write(file: &mut dyn StorageFile, buffer: &mut Vec<u8>, point: &str) -> io::Result<()> {
    if !buffer.is_empty() {
        file.write_all(buffer)?;
        buffer.clear();
        crash::point(point);
    }
    Ok(())
}
