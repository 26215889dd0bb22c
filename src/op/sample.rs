//! `sample`: a fraction of the rows, the same ones each time.

use arrow_array::BooleanArray;
use serde_json::json;

use super::pass::judged_here;
use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;
use crate::state::table::{Frozen, Restored};

/// Takes a row by a hash of the seed and its place in the input. Runs at parallelism 1, behind an ordered gate, which
/// makes places the same at any parallelism.
#[derive(Debug)]
pub struct Sample {
    seed: u64,
    /// Rows whose hash is less than this are taken.
    bound: u128,
    place: u64,
}

impl Sample {
    /// `fraction`: above 0, at most 1.
    pub fn new(fraction: f64, seed: u64) -> Sample {
        Sample { seed: mixed(seed), bound: (fraction.clamp(0.0, 1.0) * 2f64.powi(64)) as u128, place: 0 }
    }
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of `n`.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

impl Operator for Sample {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        let places = self.place..self.place + batch.rows as u64;
        self.place = places.end;
        let taken = |place: u64| u128::from(mixed(self.seed ^ place)) < self.bound;
        let mask: BooleanArray = places.map(|place| Some(taken(place))).collect();
        let seen = judged_here(&batch, context.watermark);
        out.emit(MAIN, Batch { seen, ..batch }.filter(&mask));
        Ok(())
    }

    fn freeze(&mut self, _full: bool) -> Frozen {
        Frozen { tables: Vec::new(), scalars: json!({ "place": self.place }) }
    }

    fn restore(&mut self, state: Restored) -> Result<()> {
        self.place = state.greatest("place")?.unwrap_or(0) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_fraction_is_taken_whatever_the_seed() {
        for (fraction, seed) in [(0.1, 0), (0.5, 1), (0.9, 2), (1.0, 3)] {
            let mut sample = Sample::new(fraction, seed);
            let mut out = Out::default();
            let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
            for _ in 0..10 {
                sample.on_batch(Batch::new(Vec::new(), 1_000), &context, &mut out).unwrap();
            }
            let rows: usize = out.emitted.iter().map(|(_, batch)| batch.rows).sum();
            assert!((rows as f64 - 10_000.0 * fraction).abs() < 250.0, "{fraction} {seed}: {rows}");
        }
    }
}
