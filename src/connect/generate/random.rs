//! Random numbers by position: draw `n` of event `e` under seed `s`, in any order.
//!
//! SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) is a hash of a
//! counter, so any draw can be had without those before it: a column that nobody reads costs nothing, and rows come
//! out the same however they are divided among workers. Not for secrets.

/// 2⁶⁴ divided by the golden ratio, odd: the step of SplitMix64's counter.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function.
#[inline]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// All events of one seed.
#[derive(Debug, Clone, Copy)]
pub struct Seed(u64);

impl Seed {
    pub fn new(seed: u64) -> Seed {
        Seed(mix(seed.wrapping_add(STEP)))
    }

    /// The draws of one event.
    #[inline]
    pub fn event(self, event: u64) -> Draws {
        Draws(mix(self.0.wrapping_add(event.wrapping_mul(STEP))))
    }
}

/// The draws of one event.
#[derive(Debug, Clone, Copy)]
pub struct Draws(u64);

impl Draws {
    /// Draw number `n`: 64 random bits.
    #[inline]
    pub fn get(self, n: u64) -> u64 {
        mix(self.0.wrapping_add((n + 1).wrapping_mul(STEP)))
    }

    /// Draw `n` as a number below `limit`.
    #[inline]
    pub fn below(self, n: u64, limit: u64) -> u64 {
        ((u128::from(self.get(n)) * u128::from(limit)) >> 64) as u64
    }

    /// Draw `n` as two numbers, below `high` and below `low`; both limits fit in 32 bits.
    #[inline]
    pub fn pair(self, n: u64, high: u64, low: u64) -> (u64, u64) {
        let bits = self.get(n);
        (((bits >> 32) * high) >> 32, ((bits & 0xffff_ffff) * low) >> 32)
    }

    /// A price in cents, 100 to 100,000,000: 10^(6u) × 100 for a uniform u, so that its logarithm is uniform.
    #[inline]
    pub fn price(self, n: u64) -> i64 {
        let unit = (self.get(n) >> 11) as f64 / (1u64 << 53) as f64;
        (exp2(unit * 6.0 * std::f64::consts::LOG2_10) * 100.0).round() as i64
    }

    /// Appends `len` letters a to z from draws `n`, `n + 1`, …; eight letters a draw.
    ///
    /// Each byte of a draw is scaled from 256 to 26 values, so a letter has a chance of 9 or 10 in 256.
    #[inline]
    pub fn letters(self, n: u64, len: usize, out: &mut Vec<u8>) {
        const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
        let end = out.len() + len;
        for draw in 0..len.div_ceil(8) as u64 {
            // Four bytes at a time, each in 16 bits of room, so that a product does not reach its neighbour.
            let bits = self.get(n + draw);
            let even = ((bits & EVEN) * 26) >> 8 & EVEN;
            let odd = (((bits >> 8) & EVEN) * 26) & !EVEN;
            out.extend_from_slice(&((even | odd) + 0x6161_6161_6161_6161).to_le_bytes());
        }
        out.truncate(end);
    }
}

/// 2^x for 0 ≤ x < 1023, by sums and products alone: the same bits on every machine, which `powf` does not promise.
#[inline]
fn exp2(x: f64) -> f64 {
    // ln(2)^k / k!, the Taylor series of 2^f: with f < 1 the first term left out is below 1e-12.
    const TERMS: [f64; 12] = taylor();
    let whole = x as u64;
    let f = x - whole as f64;
    let mut power = TERMS[11];
    let mut k = 11;
    while k > 0 {
        k -= 1;
        power = power * f + TERMS[k];
    }
    power * f64::from_bits((whole + 1023) << 52)
}

const fn taylor() -> [f64; 12] {
    let mut terms = [1.0; 12];
    let mut k = 1;
    while k < 12 {
        terms[k] = terms[k - 1] * std::f64::consts::LN_2 / k as f64;
        k += 1;
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp2_is_close_to_the_library() {
        for i in 0..20_000 {
            let x = f64::from(i) / 1000.0;
            let relative = exp2(x) / x.exp2() - 1.0;
            assert!(relative.abs() < 1e-10, "2^{x}: off by {relative}");
        }
    }

    #[test]
    fn letters_are_letters_and_all_of_them() {
        let mut out = Vec::new();
        Seed::new(7).event(3).letters(0, 10_001, &mut out);
        assert_eq!(out.len(), 10_001);
        let mut counts = [0u32; 26];
        out.iter().for_each(|b| counts[usize::from(b - b'a')] += 1);
        assert!(counts.iter().all(|n| (300..500).contains(n)), "{counts:?}");
    }

    #[test]
    fn below_and_pair_cover_their_range_evenly() {
        let seed = Seed::new(1);
        let mut seen = [[0u32; 10]; 3];
        for event in 0..100_000 {
            let draws = seed.event(event);
            seen[0][draws.below(0, 10) as usize] += 1;
            let (high, low) = draws.pair(1, 10, 10);
            seen[1][high as usize] += 1;
            seen[2][low as usize] += 1;
        }
        assert!(seen.as_flattened().iter().all(|n| (9_500..10_500).contains(n)), "{seen:?}");
    }
}
