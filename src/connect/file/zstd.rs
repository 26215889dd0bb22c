//! Zstandard frames, one after the other, as one stream of bytes.

use std::io::{self, BufRead, ErrorKind, Read};

use zstd::stream::raw::{Decoder, Operation};

/// Decompresses frames; those that are to be skipped are skipped. Frames whose window is larger than 128 MiB are refused, as
/// by `zstd -d`: so much memory a frame may ask for with a few bytes.
pub struct ZstdReader<R> {
    source: R,
    decoder: Decoder<'static>,
    /// Whether a frame has begun that has not ended.
    inside: bool,
}

impl<R: BufRead> ZstdReader<R> {
    /// Errors: there is no memory for it.
    pub fn new(source: R) -> io::Result<ZstdReader<R>> {
        Ok(ZstdReader { source, decoder: Decoder::new()?, inside: false })
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !out.is_empty() {
            let input = self.source.fill_buf()?;
            if input.is_empty() && !self.inside {
                break;
            }
            let ended = input.is_empty();
            // What fails here is the data: reading has its errors above.
            let step = self.decoder.run_on_buffers(input, out);
            let step = step.map_err(|e| io::Error::new(ErrorKind::InvalidData, e.to_string()))?;
            self.source.consume(step.bytes_read);
            self.inside = step.remaining > 0;
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
            if ended && self.inside {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use flate2::read::MultiGzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// Read through a small buffer into pieces of `piece` bytes.
    fn read(packed: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut reader = ZstdReader::new(io::BufReader::with_capacity(7, packed))?;
        let (mut out, mut chunk) = (Vec::new(), vec![0; piece]);
        loop {
            match reader.read(&mut chunk)? {
                0 => return Ok(out),
                n => out.extend_from_slice(&chunk[..n]),
            }
        }
    }

    fn text() -> Vec<u8> {
        (0..60_000_u32).flat_map(|n| format!("{},{}\n", n, n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    const SKIPPED: [u8; 11] = [0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

    #[test]
    fn frames_follow_each_other_and_some_are_skipped() {
        let text = text();
        let (a, b) = text.split_at(text.len() / 3);
        let frame = |data: &[u8]| zstd::encode_all(data, 3).unwrap();
        let packed = [&SKIPPED, &frame(a)[..], &frame(b""), &SKIPPED, &frame(b), &SKIPPED].concat();
        for piece in [1, 1000, 1 << 20] {
            assert!(read(&packed, piece).unwrap() == text, "in pieces of {piece}");
        }
        assert_eq!(read(b"", 10).unwrap(), b"");
        assert_eq!(read(&frame(b""), 10).unwrap(), b"");
    }

    #[test]
    fn what_is_cut_off_is_an_error_wherever_it_is_cut() {
        let packed = [&zstd::encode_all(&b"one two three"[..], 3).unwrap()[..], &SKIPPED].concat();
        let whole = packed.len() - SKIPPED.len();
        for cut in (1..packed.len()).filter(|&cut| cut != whole) {
            let kind = read(&packed[..cut], 100).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::UnexpectedEof, "cut at {cut}");
        }
    }

    #[test]
    fn damage_is_found_by_the_checksum() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        io::Write::write_all(&mut encoder, b"some bytes that do not repeat").unwrap();
        let mut packed = encoder.finish().unwrap();
        let at = packed.len() - 8;
        packed[at] ^= 1;
        let error = read(&packed, 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("checksum"), "{error}");
    }

    #[test]
    fn a_frame_that_asks_for_much_memory_is_refused() {
        // A window of 2^27 bytes, of 2^28 and of 2^41, and a block without content.
        let read = |log: u8| read(&[0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0], 100);
        assert_eq!(read(27).unwrap(), b"");
        for log in [28, 41] {
            let error = read(log).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains("memory"), "{error}");
        }
    }

    /// Reads all there is, so much at a time. `None`: it fails.
    fn drain(mut reader: impl Read, room: usize) -> Option<Vec<u8>> {
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
            let packed_zstd: Vec<u8> = plain.iter().flat_map(|frame| zstd::encode_all(&frame[..], 1).unwrap()).collect();
            let packed_gzip: Vec<u8> = plain.iter().flat_map(|frame| gzip(frame)).collect();
            for is_zstd in [true, false] {
                let mut packed = if is_zstd { packed_zstd.clone() } else { packed_gzip.clone() };
                let sound = packed.clone();
                if let Some(cut) = &cut {
                    packed.truncate(cut.index(packed.len() + 1));
                }
                for (at, byte) in spoil.iter().filter(|_| !packed.is_empty()).collect::<Vec<_>>() {
                    let at = at.index(packed.len());
                    packed[at] = *byte;
                }
                let source = BufReader::with_capacity(buffer, &packed[..]);
                let found = if is_zstd { drain(ZstdReader::new(source).unwrap(), room) } else { drain(MultiGzDecoder::new(source), room) };
                if packed == sound {
                    prop_assert_eq!(found.as_ref(), Some(&whole));
                }
            }
        }
    }
}
