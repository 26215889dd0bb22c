//! Nothing but a gate: brings dealt rows into sequence.

use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;

pub struct Pass;

impl Operator for Pass {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        out.emit(MAIN, batch);
        Ok(())
    }
}
