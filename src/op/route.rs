//! `route`: each row to the output of the first case that is true, or to that of none.

use arrow_array::{Array, UInt32Array};

use super::fault::{OnFault, failed};
use super::{Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;
use crate::expr::Typed;

/// Output `i` has the rows of case `i`, the one behind the last those of no case.
pub struct Route {
    cases: Vec<Typed>,
    on_fault: OnFault,
}

impl Route {
    pub fn new(cases: Vec<Typed>, on_fault: OnFault) -> Route {
        Route { cases, on_fault }
    }

    /// The rows of each output. A case is asked only for the rows that none before it has taken.
    fn rows(&self, batch: &Batch) -> Result<Vec<Vec<u32>>> {
        let mut rows: Vec<Vec<u32>> = Vec::with_capacity(self.cases.len() + 1);
        let mut left: Vec<u32> = (0..batch.rows as u32).collect();
        for case in &self.cases {
            let asked = match left.len() == batch.rows {
                true => batch.clone(),
                false => batch.take(&UInt32Array::from(left.clone())),
            };
            let mask = case.eval_filter(&asked).map_err(|e| failed(case, e, &asked))?;
            let (mut taken, mut others) = (Vec::new(), Vec::new());
            for (i, row) in left.into_iter().enumerate() {
                if mask.is_valid(i) && mask.value(i) { taken.push(row) } else { others.push(row) }
            }
            rows.push(taken);
            left = others;
        }
        rows.push(left);
        Ok(rows)
    }

    /// The rows that no case fails on, as far as it is asked.
    fn sound(&self, batch: &Batch, error: crate::error::Error, out: &mut Out) -> Result<Batch> {
        let mut reasons = std::collections::BTreeMap::new();
        let mut left: Vec<u32> = (0..batch.rows as u32).collect();
        if self.on_fault == OnFault::Fail {
            return Err(error);
        }
        for case in &self.cases {
            let asked = batch.take(&UInt32Array::from(left.clone()));
            let faults = case.faults(&asked);
            for (row, message) in &faults {
                reasons.insert(left[*row] as usize, format!("{case}: {message}"));
            }
            left.retain(|row| !reasons.contains_key(&(*row as usize)));
            let asked = batch.take(&UInt32Array::from(left.clone()));
            let mask = case.eval_filter(&asked).map_err(|e| failed(case, e, &asked))?;
            let mut place = 0..;
            left.retain(|_| place.next().is_some_and(|i| !(mask.is_valid(i) && mask.value(i))));
        }
        Ok(self.on_fault.sort_out(reasons, batch, out))
    }
}

impl Operator for Route {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let (batch, rows) = match self.rows(&batch) {
            Ok(rows) => (batch, rows),
            Err(error) => {
                let sound = self.sound(&batch, error, out)?;
                let rows = self.rows(&sound)?;
                (sound, rows)
            }
        };
        for (output, rows) in rows.into_iter().enumerate() {
            match rows.len() == batch.rows {
                true => out.emit(output, batch.clone()),
                false if rows.is_empty() => {}
                false => out.emit(output, batch.take(&UInt32Array::from(rows))),
            }
        }
        Ok(())
    }
}
