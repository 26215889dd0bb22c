//! Compression of pages, by crates that are here anyway or are small. The parquet crate is built without codecs: it
//! hands pages over as they are in the file.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use zstd::bulk::{Compressor, Decompressor};

/// A page is never larger than this, whatever it says: its size would be an int of 32 bits otherwise.
pub const PAGE_BYTES_MAX: usize = 1 << 30;

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    None,
    #[default]
    Snappy,
    Zstd,
    Gzip,
    Lz4,
}

impl Compression {
    /// As it stands in a file.
    pub fn codec(self) -> Codec {
        match self {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Lz4 => Codec::LZ4_RAW,
        }
    }
}

/// Compresses pages, one after the other, with memory of its own.
pub struct Packer {
    how: Compression,
    snappy: snap::raw::Encoder,
    zstd: Option<Compressor<'static>>,
    out: Vec<u8>,
}

impl Packer {
    pub fn new(how: Compression) -> Packer {
        Packer { how, snappy: snap::raw::Encoder::new(), zstd: None, out: Vec::new() }
    }

    pub fn codec(&self) -> Codec {
        self.how.codec()
    }

    /// Gives memory back until there are more pages.
    pub fn rest(&mut self) {
        self.out = Vec::new();
    }

    /// A page as it stands in the file.
    pub fn pack<'a>(&'a mut self, data: &'a [u8]) -> Result<&'a [u8]> {
        let Packer { how, snappy, zstd, out } = self;
        let room = match how {
            Compression::None => return Ok(data),
            Compression::Snappy => snap::raw::max_compress_len(data.len()),
            Compression::Zstd => zstd::zstd_safe::compress_bound(data.len()),
            Compression::Lz4 => lz4_flex::block::get_maximum_output_size(data.len()),
            Compression::Gzip => 0,
        };
        if out.len() < room {
            out.resize(room, 0);
        }
        let len = match how {
            Compression::None => 0,
            Compression::Snappy => snappy.compress(data, out).map_err(failed)?,
            Compression::Zstd => {
                let zstd = match zstd {
                    Some(zstd) => zstd,
                    None => zstd.insert(Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?),
                };
                zstd.compress_to_buffer(data, &mut out[..])?
            }
            Compression::Lz4 => lz4_flex::block::compress_into(data, out).map_err(failed)?,
            Compression::Gzip => {
                out.clear();
                let mut encoder = GzEncoder::new(std::mem::take(out), flate2::Compression::default());
                std::io::Write::write_all(&mut encoder, data)?;
                *out = encoder.finish()?;
                out.len()
            }
        };
        Ok(&out[..len])
    }
}

/// Whether pages of this kind can be read; `None` if so, else its name.
pub fn unreadable(codec: Codec) -> Option<&'static str> {
    match codec {
        Codec::BROTLI(_) => Some("brotli"),
        Codec::LZO => Some("lzo"),
        _ => None,
    }
}

/// What was compressed. Memory grows with what is really there, not with what the data says of itself.
pub fn decompress(codec: Codec, data: &[u8]) -> Result<Vec<u8>> {
    match codec {
        Codec::UNCOMPRESSED => Ok(data.to_vec()),
        Codec::SNAPPY => {
            let mut out = Vec::new();
            unsnap(data, &mut out)?;
            Ok(out)
        }
        Codec::ZSTD(_) => unzstd(data),
        Codec::GZIP(_) => bounded(MultiGzDecoder::new(data)),
        Codec::LZ4_RAW => lz4(data),
        Codec::LZ4 => hadoop_lz4(data).map_or_else(|| lz4(data), Ok),
        other => Err(ParquetError::NYI(format!("pages compressed with {other}"))),
    }
}

/// Into the start of `out`, which grows if it must; returns how many bytes it is.
pub fn unsnap(data: &[u8], out: &mut Vec<u8>) -> Result<usize> {
    let len = snap::raw::decompress_len(data).map_err(failed)?;
    // An element of two bytes copies 64 at most.
    if len > PAGE_BYTES_MAX || len / 33 > data.len() {
        return Err(ParquetError::General("a snappy page says that it is larger than it can be".into()));
    }
    if out.len() < len {
        out.resize(len, 0);
    }
    snap::raw::Decoder::new().decompress(data, &mut out[..len]).map_err(failed)
}

/// At once where frames say how large they are, else bit by bit. A block of 4 bytes is 128 KiB at most.
fn unzstd(data: &[u8]) -> Result<Vec<u8>> {
    match Decompressor::<'static>::upper_bound(data) {
        Some(len) if len > PAGE_BYTES_MAX || len / (128 << 10) > data.len() / 4 => {
            Err(ParquetError::General("a zstd page says that it is larger than it can be".into()))
        }
        Some(len) => Ok(zstd::bulk::decompress(data, len)?),
        None => bounded(zstd::Decoder::with_buffer(data)?),
    }
}

fn bounded(reader: impl Read) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(PAGE_BYTES_MAX as u64 + 1).read_to_end(&mut out)?;
    if out.len() > PAGE_BYTES_MAX {
        return Err(ParquetError::General("a page is larger than 1 GiB".into()));
    }
    Ok(out)
}

/// The size is not written with it: room is doubled until it is enough, up to what so many bytes can hold.
fn lz4(data: &[u8]) -> Result<Vec<u8>> {
    let most = data.len().saturating_mul(256).saturating_add(64).min(PAGE_BYTES_MAX);
    let mut room = data.len().saturating_mul(4).saturating_add(64);
    loop {
        let mut out = vec![0; room.min(most)];
        match lz4_flex::block::decompress_into(data, &mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if room < most => room *= 2,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// The old framing: blocks behind their sizes, plain and compressed, in big-endian.
fn hadoop_lz4(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (sizes, behind) = rest.split_at_checked(8)?;
        let size = |at: usize| Some(u32::from_be_bytes(sizes[at..at + 4].try_into().ok()?) as usize);
        let (plain, packed) = (size(0)?, size(4)?);
        let (block, behind) = behind.split_at_checked(packed)?;
        let block = lz4(block).ok().filter(|block| block.len() == plain)?;
        out.extend_from_slice(&block);
        rest = behind;
    }
    (out.len() <= PAGE_BYTES_MAX).then_some(out)
}

fn failed(error: impl std::fmt::Display) -> ParquetError {
    ParquetError::General(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let long: Vec<u8> = (0..100_000_u32).flat_map(|i| (i % 251 * i).to_le_bytes()).collect();
        let zeros = vec![0; 300_000];
        for data in [&b""[..], b"a", b"some text, some text", &long, &zeros] {
            for how in [Compression::None, Compression::Snappy, Compression::Zstd, Compression::Gzip, Compression::Lz4]
            {
                let mut packer = Packer::new(how);
                for _ in 0..2 {
                    let packed = packer.pack(data).unwrap();
                    assert!(decompress(how.codec(), packed).unwrap() == data, "{how:?} of {} bytes", data.len());
                }
            }
        }
    }

    #[test]
    fn hadoops_framing_is_known() {
        let packed = lz4_flex::block::compress(b"hello hello hello hello");
        let mut framed = 23_u32.to_be_bytes().to_vec();
        framed.extend_from_slice(&(packed.len() as u32).to_be_bytes());
        framed.extend_from_slice(&packed);
        assert_eq!(decompress(Codec::LZ4, &framed).unwrap(), b"hello hello hello hello");
        assert_eq!(decompress(Codec::LZ4, &packed).unwrap(), b"hello hello hello hello");
    }

    #[test]
    fn a_page_that_lies_of_its_size_takes_no_memory() {
        // A varint that says 512 MiB.
        assert!(decompress(Codec::SNAPPY, &[0x80, 0x80, 0x80, 0x80, 0x02, 0]).is_err());
        assert!(decompress(Codec::SNAPPY, &[]).is_err());
        // A frame that says so, and a block without content.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x20, 1, 0, 0];
        let said = decompress(Codec::ZSTD(ZstdLevel::default()), &frame).unwrap_err().to_string();
        assert!(said.contains("larger than it can be"), "{said}");
    }
}
