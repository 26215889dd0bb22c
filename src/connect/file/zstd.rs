//! Zstandard frames, one after the other, as one stream of bytes.

use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Decompresses frames; those that are to be skipped are skipped.
pub struct ZstdReader<R> {
    source: R,
    frame: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub fn new(source: R) -> ZstdReader<R> {
        ZstdReader { source, frame: FrameDecoder::new(), inside: false }
    }

    /// Begins the next frame; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.source) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(self.failed(e)),
            }
        }
        Ok(false)
    }

    /// The file has run out, or its bytes make no sense.
    fn failed(&mut self, error: FrameDecoderError) -> io::Error {
        match self.source.fill_buf() {
            Ok([]) => ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::Error::new(ErrorKind::InvalidData, error.to_string()),
            Err(e) => e,
        }
    }

    /// Ends a frame whose bytes have all been handed out.
    fn finish(&mut self) -> io::Result<()> {
        self.inside = false;
        let written = self.frame.get_checksum_from_data();
        if written.is_some() && written != self.frame.get_calculated_checksum() {
            return Err(io::Error::new(ErrorKind::InvalidData, "wrong checksum"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            if self.frame.can_collect() > 0 {
                return self.frame.read(out);
            }
            if self.frame.is_finished() {
                self.finish()?;
            } else if let Err(e) = self.frame.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)) {
                return Err(self.failed(e));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use flate2::read::MultiGzDecoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// Reads all there is, so much at a time. `None`: it fails.
    fn read(mut reader: impl Read, room: usize) -> Option<Vec<u8>> {
        let (mut all, mut out) = (Vec::new(), vec![0; room]);
        loop {
            match reader.read(&mut out) {
                Ok(0) => return Some(all),
                Ok(count) => all.extend_from_slice(&out[..count]),
                Err(_) => return None,
            }
            // A few hundred bytes may say of themselves that they are a lot, but not without end.
            assert!(all.len() < 256 << 20);
        }
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    proptest! {
        #![proptest_config(crate::format::fuzz::cases(200))]

        /// A stream that is cut off or spoilt fails or gives something else, but it ends; a sound one gives what was packed.
        #[test]
        fn broken_streams_end(
            frames in prop::collection::vec(("[a-c]{0,40}", 1usize..60), 1..4),
            spoil in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
            room in 1usize..5000, buffer in 1usize..300,
        ) {
            let plain: Vec<Vec<u8>> = frames.iter().map(|(text, times)| text.repeat(*times).into_bytes()).collect();
            let whole = plain.concat();
            let zstd: Vec<u8> = plain.iter().flat_map(|frame| compress_to_vec(&frame[..], CompressionLevel::Fastest)).collect();
            let gzip: Vec<u8> = plain.iter().flat_map(|frame| gzip(frame)).collect();
            for is_zstd in [true, false] {
                let mut packed = if is_zstd { zstd.clone() } else { gzip.clone() };
                let sound = packed.clone();
                if let Some(cut) = &cut {
                    packed.truncate(cut.index(packed.len() + 1));
                }
                for (at, byte) in spoil.iter().filter(|_| !packed.is_empty()).collect::<Vec<_>>() {
                    let at = at.index(packed.len());
                    packed[at] = *byte;
                }
                let source = BufReader::with_capacity(buffer, &packed[..]);
                let found = if is_zstd { read(ZstdReader::new(source), room) } else { read(MultiGzDecoder::new(source), room) };
                if packed == sound {
                    prop_assert_eq!(found.as_ref(), Some(&whole));
                }
            }
        }
    }
}
