//! The hybrid of runs and packed bits in which levels and places in a dictionary are written.

/// Values in a packed group.
const GROUP: usize = 8;
/// Groups behind one header, so that it is a single byte.
const GROUPS_MAX: u8 = 63;

/// Bits that values up to `largest` need.
pub fn bits_of(largest: u32) -> u8 {
    (u32::BITS - largest.leading_zeros()) as u8
}

/// `count` times the same value.
pub fn run(value: u32, count: usize, bits: u8, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(bits.div_ceil(8))]);
}

/// All of `values`, each of at most `bits` bits.
pub fn encode(values: &[u32], bits: u8, out: &mut Vec<u8>) {
    let mut at = 0;
    // Where the header of the packed groups is, and how many there are.
    let mut packed: Option<(usize, u8)> = None;
    while let Some(&first) = values.get(at) {
        let same = values[at..].iter().take_while(|&&value| value == first).count();
        if same >= GROUP {
            run(first, same, bits, out);
            packed = None;
            at += same;
            continue;
        }
        let (header, groups) = packed.filter(|&(_, groups)| groups < GROUPS_MAX).unwrap_or_else(|| {
            out.push(0);
            (out.len() - 1, 0)
        });
        // The last group is filled up with zeros, which nobody reads.
        let mut group = [0; GROUP];
        let taken = GROUP.min(values.len() - at);
        group[..taken].copy_from_slice(&values[at..at + taken]);
        pack(group, bits, out);
        out[header] = (groups + 1) << 1 | 1;
        packed = Some((header, groups + 1));
        at += taken;
    }
}

fn pack(group: [u32; GROUP], bits: u8, out: &mut Vec<u8>) {
    if bits <= 16 {
        let mut all = 0_u128;
        for (number, &value) in group.iter().enumerate() {
            all |= u128::from(value) << (number * usize::from(bits));
        }
        return out.extend_from_slice(&all.to_le_bytes()[..bits.into()]);
    }
    let (mut rest, mut filled) = (0_u64, 0);
    for value in group {
        rest |= u64::from(value) << filled;
        filled += bits;
        while filled >= 8 {
            out.push(rest as u8);
            rest >>= 8;
            filled -= 8;
        }
    }
}

pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the specification has it.
    fn decode(mut data: &[u8], bits: u8, count: usize) -> Vec<u32> {
        let mut out = Vec::new();
        while out.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                let byte = data[0];
                data = &data[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let len = usize::from(bits.div_ceil(8));
                let value = data[..len].iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
                out.extend(std::iter::repeat_n(value, (header >> 1) as usize));
                data = &data[len..];
            } else {
                let bytes = (header >> 1) as usize * usize::from(bits);
                let bit = |at: usize| u32::from(data[at / 8] >> (at % 8) & 1);
                for value in 0..bytes * 8 / usize::from(bits) {
                    let start = value * usize::from(bits);
                    out.push((0..usize::from(bits)).fold(0, |sum, n| sum | bit(start + n) << n));
                }
                data = &data[bytes..];
            }
        }
        assert!(data.is_empty());
        assert!(out[count..].iter().all(|&value| value == 0));
        out.truncate(count);
        out
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            bits in 1u8..=32, pieces in prop::collection::vec((any::<u32>(), 1usize..40, any::<bool>()), 0..80)
        ) {
            let mask = u32::MAX >> (32 - bits);
            let piece = |&(value, count, same): &(u32, usize, bool)| {
                (0..count as u32).map(move |n| (if same { value } else { value.wrapping_mul(n) }) & mask).collect::<Vec<_>>()
            };
            let values: Vec<u32> = pieces.iter().flat_map(piece).collect();
            let mut out = Vec::new();
            encode(&values, bits, &mut out);
            prop_assert_eq!(decode(&out, bits, values.len()), values);
        }
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 3, 255, 256, u32::MAX].map(bits_of), [0, 1, 2, 2, 8, 9, 32]);
    }
}
