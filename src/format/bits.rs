//! From masks of 64 bytes to lists of positions.

/// Appends `base` plus the number of each bit that is set in `mask`, and returns the new length of the list.
///
/// The first few are written whether they are there or not: that is cheaper than a branch that is guessed wrong.
#[inline(always)]
pub fn append(out: &mut Vec<u32>, len: usize, base: u32, mut mask: u64) -> usize {
    let count = mask.count_ones() as usize;
    if out.len() < len + 64 {
        out.resize(2 * len + 64, 0);
    }
    let to = &mut out[len..len + 64];
    let mut put = |i: usize| {
        to[i] = base + mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
    };
    (0..4).for_each(&mut put);
    if count > 4 {
        (4..8).for_each(&mut put);
        if count > 8 {
            (8..count).for_each(&mut put);
        }
    }
    len + count
}

/// Bit i of the result is the exclusive or of bits 0 to i: between each odd and even quote it is set.
#[inline(always)]
pub fn prefix_xor(mut mask: u64) -> u64 {
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^ mask << 32
}
