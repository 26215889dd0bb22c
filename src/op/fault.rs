//! Rows on which an expression fails: what becomes of them.

use std::collections::BTreeMap;

use arrow_array::{BooleanArray, StringViewArray, UInt32Array};

use super::Out;
use crate::data::{Batch, Column};
use crate::error::{Error, Result, Secrets};
use crate::expr::{EvalError, Typed};

/// What a transform does with a row on which one of its expressions fails.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnFault {
    /// The job ends at the row.
    #[default]
    Fail,
    Skip,
    /// The row goes to this output: the reason, with these blanked, then the columns it came with.
    Letter(usize, Secrets),
}

impl OnFault {
    /// The rows of `batch` on which none of `expressions`, of which one has failed with `error`, fails. The others go
    /// where they are to go.
    ///
    /// Errors: `error`, if it is to end the job.
    pub fn sound<'a>(
        &self,
        expressions: impl IntoIterator<Item = &'a Typed>,
        batch: &Batch,
        error: Error,
        out: &mut Out,
    ) -> Result<Batch> {
        if *self == OnFault::Fail {
            return Err(error);
        }
        let mut reasons: BTreeMap<usize, String> = BTreeMap::new();
        for expression in expressions {
            for (row, message) in expression.faults(batch) {
                reasons.entry(row).or_insert_with(|| format!("{expression}: {message}"));
            }
        }
        if reasons.is_empty() {
            return Err(error);
        }
        Ok(self.sort_out(reasons, batch, out))
    }

    /// `batch` without the rows of `reasons`, which go where they are to go.
    pub fn sort_out(&self, reasons: BTreeMap<usize, String>, batch: &Batch, out: &mut Out) -> Batch {
        let sound: BooleanArray = (0..batch.rows).map(|row| Some(!reasons.contains_key(&row))).collect();
        out.bad += reasons.len();
        if let OnFault::Letter(output, secrets) = self {
            let rows: Vec<u32> = reasons.keys().map(|&row| row as u32).collect();
            let mut letters = batch.take(&UInt32Array::from(rows));
            let reasons = reasons.into_values().map(|reason| secrets.redact(&reason));
            letters.columns.insert(0, Column::String(StringViewArray::from_iter_values(reasons)));
            out.emit(*output, letters);
        }
        batch.filter(&sound)
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
