//! `limit`: the first n rows.

use serde_json::json;

use crate::data::Batch;
use crate::error::Result;
use crate::state::table::{Frozen, Restored};

use super::pass::judged_here;
use super::{MAIN, Operator, Out, RowContext};

/// Passes the first rows and drops the others. Runs at parallelism 1, behind an ordered gate.
#[derive(Debug)]
pub struct Limit {
    left: u64,
}

impl Limit {
    /// Passes `n` rows.
    pub fn new(n: u64) -> Limit {
        Limit { left: n }
    }
}

impl Operator for Limit {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        let rows = batch.rows as u64;
        let batch = Batch { seen: judged_here(&batch, context.watermark), ..batch };
        if rows <= self.left {
            self.left -= rows;
            out.emit(MAIN, batch);
        } else if self.left > 0 {
            out.emit(MAIN, batch.slice(0, self.left as usize));
            self.left = 0;
        }
        Ok(())
    }

    fn freeze(&mut self, _full: bool) -> Frozen {
        Frozen { tables: Vec::new(), scalars: json!({ "left": self.left }) }
    }

    fn restore(&mut self, state: Restored) -> Result<()> {
        self.left = state.greatest("left")?.map_or(self.left, |left| left.max(0) as u64);
        Ok(())
    }

    fn satisfied(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    fn rows_after(n: u64, batches: &[usize]) -> (Vec<usize>, bool) {
        let mut limit = Limit::new(n);
        let mut out = Out::default();
        let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
        for &rows in batches {
            let batch = Batch::new(vec![Column::Int((0..rows as i64).collect::<Vec<_>>().into())], rows);
            limit.on_batch(batch, &context, &mut out).unwrap();
        }
        (out.emitted.iter().map(|(_, b)| b.rows).collect(), limit.satisfied())
    }

    #[test]
    fn cuts_inside_a_batch_and_is_satisfied_then() {
        assert_eq!(rows_after(5, &[2, 2, 4, 3]), (vec![2, 2, 1], true));
        assert_eq!(rows_after(4, &[2, 2]), (vec![2, 2], true));
        assert_eq!(rows_after(5, &[2, 2]), (vec![2, 2], false));
        assert_eq!(rows_after(0, &[2]), (vec![], true));
    }
}
