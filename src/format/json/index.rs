//! Where the brackets, colons, commas and line ends outside strings of a block are.
//!
//! [`positions`] finds them 64 bytes at a time and gives up on blocks in which a string does not close on its line
//! or a backslash stands outside a string; [`positions_slowly`] takes any line and is the reference.

use crate::data::raw::{self, Kernel, Simd};
use crate::format::bits::{append, prefix_xor};

/// What was noticed beside the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The positions are of no use: see [`positions_slowly`].
    pub odd: bool,
    /// Some byte is not ASCII, or a backslash.
    pub watched: bool,
    /// Some byte other than LF is below 0x20.
    pub control: bool,
}

/// Fills `out` with the positions of `{ } [ ] : ,` and LF outside strings.
pub fn positions(data: &[u8], out: &mut Vec<u32>) -> Found {
    raw::run(Positions { data, out })
}

struct Positions<'a> {
    data: &'a [u8],
    out: &'a mut Vec<u32>,
}

impl Kernel for Positions<'_> {
    type Out = Found;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Found {
        let Positions { data, out } = self;
        let likely = data.len() / 12 + 128;
        if out.len() < likely {
            out.resize(likely, 0);
        }
        let (mut len, mut base, mut seen) = (0, 0u32, simd.zero());
        let (mut odd, mut control) = (0u64, 0u64);
        // All ones if the chunk before ended inside a string; one if its last byte escapes the first of this one.
        let (mut in_string, mut escape) = (0u64, 0u64);
        let (chunks, rest) = data.as_chunks::<64>();
        // The rest is filled up with spaces, which mean nothing.
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        for bytes in chunks.iter().chain(std::iter::once(&last)) {
            let chunk = simd.load(bytes);
            let backslash = simd.eq(chunk, b'\\');
            let mut quotes = simd.eq(chunk, b'"');
            if backslash | escape != 0 {
                quotes &= !escaped(backslash, &mut escape);
            }
            let strings = prefix_xor(quotes) ^ in_string;
            in_string = ((strings as i64) >> 63) as u64;
            let newlines = simd.eq(chunk, b'\n');
            odd |= (newlines & strings) | (backslash & !strings);
            control |= simd.control(chunk) & !newlines;
            seen = simd.watch(seen, chunk, b'\\');
            len = append(out, len, base, simd.structural(chunk) & !strings);
            base = base.wrapping_add(64);
        }
        out.truncate(len);
        Found { odd: odd | in_string != 0, watched: simd.any(seen), control: control != 0 }
    }
}

/// The bytes that a backslash stands before, which is not itself escaped. `carry`: the first byte is one.
#[inline(always)]
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    let mut escaped = *carry;
    *carry = 0;
    let mut open = backslash & !escaped;
    while open != 0 {
        let at = open.trailing_zeros();
        if at == 63 {
            *carry = 1;
            break;
        }
        escaped |= 1 << (at + 1);
        open &= !(0b11 << at);
    }
    escaped
}

/// As [`positions`], for any line, with or without its LF. False if a string does not close.
pub fn positions_slowly(line: &[u8], out: &mut Vec<u32>) -> bool {
    out.clear();
    let (mut in_string, mut escaped) = (false, false);
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b'\n' => out.push(at as u32),
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'}' | b'[' | b']' | b':' | b',' if !in_string => out.push(at as u32),
            _ => {}
        }
    }
    !in_string
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The positions in all lines, and whether all strings close.
    fn reference(text: &str) -> (Vec<u32>, bool) {
        let (mut all, mut closed, mut start) = (Vec::new(), true, 0);
        for line in text.split_inclusive('\n') {
            let mut out = Vec::new();
            closed &= positions_slowly(line.as_bytes(), &mut out);
            all.extend(out.iter().map(|at| at + start));
            start += line.len() as u32;
        }
        (all, closed)
    }

    proptest! {
        #[test]
        fn finds_what_the_loop_finds(text in r#"([\\"\n{}:,a\]\[]|"[a,é]{0,3}(\\\\|\\")?"|,){0,150}"#) {
            let data = text.as_bytes();
            let ((expect, closed), mut out) = (reference(&text), Vec::new());
            for portable in [false, true] {
                let found = match portable {
                    true => raw::run_portable(Positions { data, out: &mut out }),
                    false => positions(data, &mut out),
                };
                prop_assert!(found.odd || closed);
                if !found.odd {
                    prop_assert_eq!(&out, &expect);
                }
                prop_assert_eq!(found.watched, !text.is_ascii() || text.contains('\\'));
                prop_assert!(!found.control);
            }
        }

        /// Well-formed text must not be odd, or the fast path would never be taken.
        #[test]
        fn strings_that_close_are_not_odd(text in r#"([{}:,a\]\[\n]|"[a,é]{0,9}(\\\\|\\"|\\n){0,5}"){0,60}"#) {
            let mut out = Vec::new();
            prop_assert!(!positions(text.as_bytes(), &mut out).odd);
            prop_assert_eq!(out, reference(&text).0);
        }
    }
}
