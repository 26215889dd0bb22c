//! Whole numbers wider than 128 bits: what exact sums of squares need.

use std::fmt;

/// Two's complement in `N` limbs of 64 bits, the lowest first. Arithmetic is modulo 2^(64 N): who chooses `N` sees to
/// it that results fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wide<const N: usize>([u64; N]);

/// The greatest power of ten in a limb, and its digits.
const CHUNK: u64 = 10u64.pow(CHUNK_DIGITS as u32);
const CHUNK_DIGITS: usize = 19;

impl<const N: usize> Wide<N> {
    pub const ZERO: Wide<N> = Wide([0; N]);

    pub fn from_i128(value: i128) -> Wide<N> {
        let mut limbs = [if value < 0 { u64::MAX } else { 0 }; N];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Wide(limbs)
    }

    pub fn from_u128(value: u128) -> Wide<N> {
        let mut limbs = [0; N];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Wide(limbs)
    }

    /// The same number with more limbs, or with fewer if it fits them.
    pub fn resize<const M: usize>(self) -> Wide<M> {
        let mut limbs = [if self.is_negative() { u64::MAX } else { 0 }; M];
        let both = N.min(M);
        limbs[..both].copy_from_slice(&self.0[..both]);
        Wide(limbs)
    }

    pub fn is_negative(&self) -> bool {
        self.0[N - 1] >> 63 == 1
    }

    #[inline]
    pub fn add(&mut self, other: &Wide<N>) {
        let mut carry = false;
        for (own, more) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = own.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*own, carry) = (sum, over || over_again);
        }
    }

    pub fn negated(self) -> Wide<N> {
        let mut flipped = Wide(self.0.map(|limb| !limb));
        flipped.add(&Wide::from_u128(1));
        flipped
    }

    pub fn magnitude(self) -> Wide<N> {
        if self.is_negative() { self.negated() } else { self }
    }

    pub fn times(&self, other: &Wide<N>) -> Wide<N> {
        let mut product = [0u64; N];
        for (i, &a) in self.0.iter().enumerate().filter(|(_, a)| **a != 0) {
            let mut carry = 0u128;
            for (b, place) in other.0.iter().zip(&mut product[i..]) {
                let sum = u128::from(a) * u128::from(*b) + u128::from(*place) + carry;
                *place = sum as u64;
                carry = sum >> 64;
            }
        }
        Wide(product)
    }

    /// Divides a number that is not negative; what is left.
    pub fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0u128;
        for limb in self.0.iter_mut().rev() {
            let part = rest << 64 | u128::from(*limb);
            *limb = (part / u128::from(divisor)) as u64;
            rest = part % u128::from(divisor);
        }
        rest as u64
    }

    /// The number, if 127 bits hold it.
    pub fn to_i128(self) -> Option<i128> {
        let low = (u128::from(self.0[1]) << 64 | u128::from(self.0[0])) as i128;
        (Wide::from_i128(low) == self).then_some(low)
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        let size = self.magnitude();
        let Some(top) = size.0.iter().rposition(|&limb| limb != 0) else { return 0.0 };
        let shift = size.0[top].leading_zeros();
        let next = if top > 0 { size.0[top - 1] } else { 0 };
        let mut bits = size.0[top] << shift;
        let mut rest = next;
        if shift > 0 {
            bits |= next >> (64 - shift);
            rest = next << shift;
        }
        // What is cut off only says whether the number lies beyond a half.
        let below = top.saturating_sub(1);
        if rest != 0 || size.0[..below].iter().any(|&limb| limb != 0) {
            bits |= 1;
        }
        let exponent = top as i64 * 64 - i64::from(shift);
        let power = f64::from_bits(((1023 + exponent.unsigned_abs()) << 52) & (0x7ff << 52));
        let value = if exponent < 0 { bits as f64 / power } else { bits as f64 * power };
        if self.is_negative() { -value } else { value }
    }

    /// What [`fmt::Display`] wrote; anything else is read as far as it goes.
    pub fn parse(text: &str) -> Wide<N> {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let mut number = Wide::ZERO;
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let part = chunk.iter().fold(0u64, |part, digit| part * 10 + u64::from(digit.wrapping_sub(b'0') % 10));
            let power = 10u64.pow(chunk.len() as u32);
            number = number.times(&Wide::from_u128(power.into()));
            number.add(&Wide::from_u128(part.into()));
        }
        if text.starts_with('-') { number.negated() } else { number }
    }
}

impl<const N: usize> fmt::Display for Wide<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.magnitude();
        let mut chunks = vec![rest.divide(CHUNK)];
        while rest != Wide::ZERO {
            chunks.push(rest.divide(CHUNK));
        }
        if self.is_negative() {
            f.write_str("-")?;
        }
        write!(f, "{}", chunks.pop().unwrap_or(0))?;
        chunks.iter().rev().try_for_each(|chunk| write!(f, "{chunk:0CHUNK_DIGITS$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wide(value: i128) -> Wide<6> {
        Wide::from_i128(value)
    }

    proptest! {
        #[test]
        fn numbers_of_128_bits_are_as_those_of_rust(a: i128, b in any::<i64>(), d in 1u64..) {
            let b = i128::from(b);
            prop_assert_eq!(wide(a).to_string(), a.to_string());
            prop_assert_eq!(Wide::<6>::parse(&a.to_string()), wide(a));
            prop_assert_eq!(wide(a).to_f64(), a as f64);
            prop_assert_eq!(wide(b).times(&wide(b)).to_i128(), Some(b * b));
            let mut sum = wide(a / 2);
            sum.add(&wide(b));
            prop_assert_eq!(sum.to_i128(), Some(a / 2 + b));
            let mut quotient = wide(a).magnitude();
            let rest = quotient.divide(d);
            prop_assert_eq!((quotient, rest), (Wide::from_u128(a.unsigned_abs() / u128::from(d)), (a.unsigned_abs() % u128::from(d)) as u64));
            prop_assert_eq!(wide(a).resize::<3>().resize::<6>(), wide(a));
        }

        #[test]
        fn greater_ones_are_as_written(text in "-?[1-9][0-9]{40,95}") {
            let number = Wide::<6>::parse(&text);
            prop_assert_eq!(number.to_string(), text.clone());
            prop_assert_eq!(number.to_f64(), text.parse::<f64>().unwrap());
        }
    }
}
