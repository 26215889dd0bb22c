//! Where the delimiters and line ends of a block are: one pass over its bytes, 64 at a time.
//!
//! Nothing is known here about quotes or fields; a block that has a quote in it is only noticed.

use crate::data::raw::{self, Kernel, Simd};
use crate::format::bits::append;

/// What the pass over a block found beside the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Number of LF.
    pub newlines: usize,
    /// A byte is the quote, or not ASCII.
    pub watched: bool,
}

/// Writes the positions of all `delimiter` and LF bytes of `data` behind the first entry of `out`, which is set
/// to `u32::MAX`: so field k of the block lies between `out[k] + 1` (wrapping) and `out[k + 1]`.
///
/// `data` is shorter than 4 GiB.
pub fn positions(data: &[u8], delimiter: u8, quote: u8, out: &mut Vec<u32>) -> Found {
    raw::run(Positions { data, delimiter, quote, out })
}

struct Positions<'a> {
    data: &'a [u8],
    delimiter: u8,
    quote: u8,
    out: &'a mut Vec<u32>,
}

impl Kernel for Positions<'_> {
    type Out = Found;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Found {
        let Positions { data, delimiter, quote, out } = self;
        // Entries are written in bulk, also ones that do not count, so the list is kept long and cut at the end.
        let likely = data.len() / 8 + 128;
        if out.len() < likely {
            out.resize(likely, 0);
        }
        out[0] = u32::MAX;
        let (mut len, mut newlines, mut seen) = (1, 0, simd.zero());
        let mut base = 0u32;
        let mut chunks = data.chunks_exact(64);
        for bytes in &mut chunks {
            let chunk = simd.load(bytes.try_into().expect("chunks of 64 bytes"));
            simd.prefetch(bytes, raw::AHEAD);
            newlines += simd.eq(chunk, b'\n').count_ones() as usize;
            seen = simd.watch(seen, chunk, quote);
            len = append(out, len, base, simd.either(chunk, delimiter, b'\n'));
            base += 64;
        }
        let rest = chunks.remainder();
        let mut bytes = [0; 64];
        bytes[..rest.len()].copy_from_slice(rest);
        let (chunk, inside) = (simd.load(&bytes), (1u64 << rest.len()) - 1);
        newlines += (simd.eq(chunk, b'\n') & inside).count_ones() as usize;
        seen = simd.watch(seen, chunk, quote);
        len = append(out, len, base, simd.either(chunk, delimiter, b'\n') & inside);
        out.truncate(len);
        Found { newlines, watched: simd.any(seen) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(data in proptest::collection::vec(prop_oneof![
            Just(b','), Just(b'\n'), Just(b'a'), Just(b'"'), Just(0xC3), any::<u8>()
        ], 0..300), ascii in any::<bool>()) {
            let data: Vec<u8> = if ascii { data.iter().map(|b| if b.is_ascii() && *b != b'"' { *b } else { b'x' }).collect() } else { data };
            let mut expect = vec![u32::MAX];
            expect.extend((0..data.len() as u32).filter(|&i| matches!(data[i as usize], b',' | b'\n')));
            let found = Found {
                newlines: data.iter().filter(|&&b| b == b'\n').count(),
                watched: data.iter().any(|&b| b == b'"' || !b.is_ascii()),
            };
            let mut out = Vec::new();
            prop_assert_eq!(positions(&data, b',', b'"', &mut out), found);
            prop_assert_eq!(&out, &expect);
            let portable = raw::run_portable(Positions { data: &data, delimiter: b',', quote: b'"', out: &mut out });
            prop_assert_eq!(portable, found);
            prop_assert_eq!(&out, &expect);
        }
    }
}
