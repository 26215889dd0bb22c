//! `filter`: rows for which a condition is true.

use super::fault::{OnFault, failed};
use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;
use crate::expr::Typed;

pub struct Filter {
    condition: Typed,
    on_fault: OnFault,
}

impl Filter {
    pub fn new(condition: Typed, on_fault: OnFault) -> Filter {
        Filter { condition, on_fault }
    }

    fn kept(&self, batch: &Batch) -> Result<Batch> {
        let mask = self.condition.eval_filter(batch).map_err(|e| failed(&self.condition, e, batch))?;
        Ok(batch.filter(&mask))
    }
}

impl Operator for Filter {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let kept = match self.kept(&batch) {
            Ok(kept) => kept,
            Err(error) => self.kept(&self.on_fault.sound([&self.condition], &batch, error, out)?)?,
        };
        out.emit(MAIN, kept);
        Ok(())
    }
}
