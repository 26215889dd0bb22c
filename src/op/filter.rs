//! `filter`: rows for which a condition is true.

use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::expr::{EvalError, Typed};

pub struct Filter {
    condition: Typed,
}

impl Filter {
    pub fn new(condition: Typed) -> Filter {
        Filter { condition }
    }
}

impl Operator for Filter {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let mask = self.condition.eval_filter(&batch).map_err(|e| failed(&self.condition, e, &batch))?;
        out.emit(MAIN, batch.filter(&mask));
        Ok(())
    }
}

/// An expression that failed on a row, with the values it failed on.
pub fn failed(expression: &Typed, error: EvalError, batch: &Batch) -> Error {
    let mut named = Vec::new();
    expression.named_columns(&mut named);
    let value = |(index, name): (usize, &str)| {
        batch.columns.get(index).map(|column| format!("{name} = {}", column.display(error.row)))
    };
    let values: Vec<String> = named.into_iter().filter_map(value).collect();
    let failed = Error::data(format!("{expression}: {}", error.message));
    if values.is_empty() { failed } else { failed.note(format!("in the row with {}", values.join(", "))) }
}
