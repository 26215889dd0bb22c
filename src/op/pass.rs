//! Nothing but a gate: brings dealt rows into sequence.

use arrow_buffer::ScalarBuffer;

use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;

pub struct Pass;

impl Operator for Pass {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        let seen = judged_here(&batch, context.watermark);
        out.emit(MAIN, Batch { seen, ..batch });
        Ok(())
    }
}

/// Rows stay late by the watermark of their own input, which is not told from those of the others any more behind
/// here. It is written down only where one of them may be.
pub(super) fn judged_here(batch: &Batch, watermark: i64) -> Option<ScalarBuffer<i64>> {
    let behind = batch.time.as_ref().is_some_and(|times| times.iter().any(|&time| time <= watermark));
    let least = watermark.saturating_add(1);
    match &batch.seen {
        Some(seen) if behind => Some(seen.iter().map(|&seen| seen.max(least)).collect()),
        None if behind => Some(vec![least; batch.rows].into()),
        seen => seen.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `seen` of rows with these times, behind an input with watermark 10.
    fn passed(times: &[i64], seen: Option<&[i64]>) -> Option<Vec<i64>> {
        let mut batch = Batch::new(Vec::new(), times.len());
        batch.time = Some(times.to_vec().into());
        batch.seen = seen.map(|seen| seen.to_vec().into());
        let mut out = Out::default();
        Pass.on_batch(batch, &RowContext { input: 0, watermark: 10, delay: 0 }, &mut out).unwrap();
        let (_, batch) = out.emitted.pop_front().unwrap();
        batch.seen.map(|seen| seen.to_vec())
    }

    #[test]
    fn what_a_row_is_judged_by_goes_with_it() {
        assert_eq!(passed(&[11, 12], None), None);
        assert_eq!(passed(&[11, 12], Some(&[i64::MIN, 4])), Some(vec![i64::MIN, 4]));
        assert_eq!(passed(&[11, 10], None), Some(vec![11, 11]));
        assert_eq!(passed(&[9, 30, 20], Some(&[i64::MIN, 9, 30])), Some(vec![11, 11, 30]));
    }
}
