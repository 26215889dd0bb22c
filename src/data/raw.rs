//! All the `unsafe` code of the crate: string columns over text that was checked as a whole, file maps, and
//! comparing 64 bytes at a time with the instructions that this machine has.

use std::fs::File;
use std::io;

use arrow_array::StringViewArray;
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};

/// Builds a string column from views without checking every string again.
///
/// The caller has checked that `text` is UTF-8 **as a whole** and cut the strings at ASCII bytes, so every string is
/// UTF-8 too; or it has checked every string by itself. In debug builds everything is validated.
pub fn string_views(views: ScalarBuffer<u128>, text: Vec<Buffer>, nulls: Option<NullBuffer>) -> StringViewArray {
    if cfg!(debug_assertions) {
        return StringViewArray::try_new(views, text, nulls).expect("views lie inside checked text");
    }
    // SAFETY: views were made by `raw::view` from ranges inside `text`, and either the text is UTF-8 as a
    // whole and both ends of every range lie beside an ASCII byte, so that no range splits a character, or every range
    // was checked by itself.
    unsafe { StringViewArray::new_unchecked(views, text.into(), nulls) }
}

/// Some views of `array`, or zeros, as an array over the same text.
pub fn taken_views(array: &StringViewArray, views: ScalarBuffer<u128>, nulls: Option<NullBuffer>) -> StringViewArray {
    let text = array.data_buffers().to_vec();
    if cfg!(debug_assertions) {
        return StringViewArray::try_new(views, text, nulls).expect("views are those of an array");
    }
    // SAFETY: each view is one of the array's, with the same buffers, or zero, which is the empty string.
    unsafe { StringViewArray::new_unchecked(views, text.into(), nulls) }
}

/// The Arrow view of `bytes`, which lie at `offset` of buffer `buffer`: 12 bytes or fewer are inlined.
#[inline]
pub fn view(bytes: &[u8], buffer: u32, offset: u32) -> u128 {
    let len = bytes.len();
    let mut raw = [0u8; 16];
    raw[..4].copy_from_slice(&(len as u32).to_le_bytes());
    if len <= 12 {
        raw[4..4 + len].copy_from_slice(bytes);
    } else {
        raw[4..8].copy_from_slice(&bytes[..4]);
        raw[8..12].copy_from_slice(&buffer.to_le_bytes());
        raw[12..].copy_from_slice(&offset.to_le_bytes());
    }
    u128::from_le_bytes(raw)
}

/// Maps `len` bytes of `file` from `offset` (a multiple of the page size) for reading.
///
/// The file must not be changed or cut while it is mapped; the documentation of `read = "mmap"` says so.
pub fn map(file: &File, offset: u64, len: usize) -> io::Result<memmap2::Mmap> {
    // SAFETY: a file that shrinks while mapped raises SIGBUS, which `read = "mmap"` warns of; strings are copied
    // out of blocks before they enter state, so nothing outlives the map that it belongs to.
    unsafe { memmap2::MmapOptions::new().offset(offset).len(len).map(file) }
}

/// How far ahead of a chunk to [`Simd::prefetch`], in bytes.
pub const AHEAD: usize = 1024;

/// Work on chunks of 64 bytes that is compiled once for each instruction set; [`run`] picks one.
///
/// `run` must be `#[inline(always)]`, use no closures and call nothing that is not `#[inline(always)]` per chunk:
/// what is compiled by itself is compiled without the wide instructions.
pub trait Kernel {
    type Out;
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// 64 bytes at once. A value of an implementing type is the proof that the machine has the instructions.
pub trait Simd: Copy {
    type Chunk: Copy;
    fn load(self, bytes: &[u8; 64]) -> Self::Chunk;
    /// Asks for the bytes around `at` of `data`, which need not lie inside, to be brought near: the blocks that a
    /// reader filled lie in a farther cache, and the machine's own guesses end at every page.
    fn prefetch(self, data: &[u8], at: usize);
    /// A chunk of zeros, to begin [`Simd::watch`] with.
    fn zero(self) -> Self::Chunk;
    /// Bit i is set where byte i is `byte`.
    fn eq(self, chunk: Self::Chunk, byte: u8) -> u64;
    /// Bit i is set where byte i is `a` or `b`.
    fn either(self, chunk: Self::Chunk, a: u8, b: u8) -> u64;
    /// Bit i is set where byte i is one of `{ } [ ] : ,` or LF.
    fn structural(self, chunk: Self::Chunk) -> u64;
    /// Bit i is set where byte i is below 0x20.
    fn control(self, chunk: Self::Chunk) -> u64;
    /// Bit i is set where byte i is `"`, a backslash or below 0x20: what ends a plain JSON string.
    fn stops(self, chunk: Self::Chunk) -> u64;
    /// Collects in `seen` whether `chunk` holds `byte` or anything that is not ASCII; [`Simd::any`] tells.
    fn watch(self, seen: Self::Chunk, chunk: Self::Chunk, byte: u8) -> Self::Chunk;
    /// Collects in `seen` whether `chunk` holds anything that is not ASCII.
    fn gather(self, seen: Self::Chunk, chunk: Self::Chunk) -> Self::Chunk;
    fn any(self, seen: Self::Chunk) -> bool;
}

/// Runs `kernel` with the widest instructions that this machine has.
pub fn run<K: Kernel>(kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the machine has just been found to have all of the features that `run_avx2` is compiled for.
        return unsafe { run_avx2(kernel) };
    }
    kernel.run(Portable)
}

/// Runs `kernel` without special instructions, as on other processors.
#[cfg(test)]
pub fn run_portable<K: Kernel>(kernel: K) -> K::Out {
    kernel.run(Portable)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run(avx2::Avx2(()))
}

/// Eight words of eight bytes, for any processor.
#[derive(Clone, Copy)]
struct Portable;

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW7: u64 = 0x7F7F_7F7F_7F7F_7F7F;

/// Bit i is set where byte i of `word` is zero; exact, unlike the shorter formulas.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    let marked = !(((word & LOW7) + LOW7) | word | LOW7);
    // The eight marks, at bits 7, 15 …, are gathered into the top byte.
    (marked >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Portable {
    #[inline(always)]
    fn mask(self, chunk: [u64; 8], test: impl Fn(u64) -> u64) -> u64 {
        chunk.iter().enumerate().fold(0, |mask, (i, &word)| mask | test(word) << (8 * i))
    }
}

impl Simd for Portable {
    type Chunk = [u64; 8];

    #[inline(always)]
    fn load(self, bytes: &[u8; 64]) -> [u64; 8] {
        std::array::from_fn(|i| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("a slice of eight bytes")))
    }

    #[inline(always)]
    fn prefetch(self, _data: &[u8], _at: usize) {}

    #[inline(always)]
    fn zero(self) -> [u64; 8] {
        [0; 8]
    }

    #[inline(always)]
    fn eq(self, chunk: [u64; 8], byte: u8) -> u64 {
        self.mask(chunk, |word| zero_bytes(word ^ (ONES * u64::from(byte))))
    }

    #[inline(always)]
    fn either(self, chunk: [u64; 8], a: u8, b: u8) -> u64 {
        self.eq(chunk, a) | self.eq(chunk, b)
    }

    #[inline(always)]
    fn structural(self, chunk: [u64; 8]) -> u64 {
        b"{}[]:,\n".iter().fold(0, |mask, &byte| mask | self.eq(chunk, byte))
    }

    #[inline(always)]
    fn control(self, chunk: [u64; 8]) -> u64 {
        self.mask(chunk, |word| zero_bytes(word & (ONES * 0xE0)))
    }

    #[inline(always)]
    fn stops(self, chunk: [u64; 8]) -> u64 {
        self.either(chunk, b'"', b'\\') | self.control(chunk)
    }

    #[inline(always)]
    fn watch(self, seen: [u64; 8], chunk: [u64; 8], byte: u8) -> [u64; 8] {
        std::array::from_fn(|i| seen[i] | chunk[i] & !LOW7 | zero_bytes(chunk[i] ^ (ONES * u64::from(byte))) << 56)
    }

    #[inline(always)]
    fn gather(self, seen: [u64; 8], chunk: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| seen[i] | chunk[i] & !LOW7)
    }

    #[inline(always)]
    fn any(self, seen: [u64; 8]) -> bool {
        seen.iter().any(|&word| word & (!LOW7 | 0xFF << 56) != 0)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::Simd;

    /// Exists only where [`super::run`] has found AVX2: what makes every `unsafe` below sound.
    #[derive(Clone, Copy)]
    pub struct Avx2(pub(super) ());

    // Plain functions instead of closures: a closure would be compiled by itself, without AVX2. They are private,
    // and only called with an `Avx2` at hand, which is what makes each `unsafe` below sound.

    #[inline(always)]
    fn mask((low, high): (__m256i, __m256i)) -> u64 {
        // SAFETY: see above.
        unsafe { u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32 }
    }

    #[inline(always)]
    fn is(chunk: __m256i, byte: u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_cmpeq_epi8(chunk, _mm256_set1_epi8(byte as i8)) }
    }

    #[inline(always)]
    fn or(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn structural(chunk: __m256i) -> __m256i {
        // SAFETY: see above. `[` and `]` become `{` and `}` with bit 5 set, and nothing else does.
        let folded = or(chunk, unsafe { _mm256_set1_epi8(0x20) });
        let brackets = or(is(folded, b'{'), is(folded, b'}'));
        or(or(brackets, is(chunk, b'\n')), or(is(chunk, b':'), is(chunk, b',')))
    }

    #[inline(always)]
    fn control(chunk: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(chunk, _mm256_set1_epi8(0x1F)), chunk) }
    }

    #[inline(always)]
    fn stops(chunk: __m256i) -> __m256i {
        or(control(chunk), or(is(chunk, b'"'), is(chunk, b'\\')))
    }

    impl Simd for Avx2 {
        type Chunk = (__m256i, __m256i);

        #[inline(always)]
        fn load(self, bytes: &[u8; 64]) -> Self::Chunk {
            let start = bytes.as_ptr();
            // SAFETY: `self` proves AVX2; both loads lie inside the 64 bytes and need no alignment.
            unsafe { (_mm256_loadu_si256(start.cast()), _mm256_loadu_si256(start.add(32).cast())) }
        }

        #[inline(always)]
        fn prefetch(self, data: &[u8], at: usize) {
            // SAFETY: a prefetch reads nothing; any address will do.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(data.as_ptr().wrapping_add(at).cast()) }
        }

        #[inline(always)]
        fn zero(self) -> Self::Chunk {
            // SAFETY: `self` proves AVX2.
            unsafe { (_mm256_setzero_si256(), _mm256_setzero_si256()) }
        }

        #[inline(always)]
        fn eq(self, (low, high): Self::Chunk, byte: u8) -> u64 {
            mask((is(low, byte), is(high, byte)))
        }

        #[inline(always)]
        fn either(self, (low, high): Self::Chunk, a: u8, b: u8) -> u64 {
            mask((or(is(low, a), is(low, b)), or(is(high, a), is(high, b))))
        }

        #[inline(always)]
        fn structural(self, (low, high): Self::Chunk) -> u64 {
            mask((structural(low), structural(high)))
        }

        #[inline(always)]
        fn control(self, (low, high): Self::Chunk) -> u64 {
            mask((control(low), control(high)))
        }

        #[inline(always)]
        fn stops(self, (low, high): Self::Chunk) -> u64 {
            mask((stops(low), stops(high)))
        }

        #[inline(always)]
        fn watch(self, seen: Self::Chunk, (low, high): Self::Chunk, byte: u8) -> Self::Chunk {
            (or(seen.0, or(low, is(low, byte))), or(seen.1, or(high, is(high, byte))))
        }

        #[inline(always)]
        fn gather(self, seen: Self::Chunk, (low, high): Self::Chunk) -> Self::Chunk {
            (or(seen.0, low), or(seen.1, high))
        }

        #[inline(always)]
        fn any(self, seen: Self::Chunk) -> bool {
            mask(seen) != 0
        }
    }
}
