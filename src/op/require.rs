//! Rows that have a value: what a new event time is taken from.

use std::collections::BTreeMap;

use super::fault::OnFault;
use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::{Error, Result};

pub struct Require {
    column: usize,
    name: String,
    on_fault: OnFault,
}

impl Require {
    /// `name`: of the column, for messages.
    pub fn new(column: usize, name: String, on_fault: OnFault) -> Require {
        Require { column, name, on_fault }
    }
}

impl Operator for Require {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let nulls = batch.columns[self.column].nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        let Some(nulls) = nulls else {
            out.emit(MAIN, batch);
            return Ok(());
        };
        let reason = format!("column {}: the event time is null", self.name);
        if self.on_fault == OnFault::Fail {
            return Err(Error::data(reason));
        }
        let rows = (0..batch.rows).filter(|&row| nulls.is_null(row));
        let reasons: BTreeMap<usize, String> = rows.map(|row| (row, reason.clone())).collect();
        let sound = self.on_fault.sort_out(reasons, &batch, out);
        out.emit(MAIN, sound);
        Ok(())
    }
}
