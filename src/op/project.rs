//! `select`: new columns from the old ones.

use super::fault::{OnFault, failed};
use super::{MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Column};
use crate::error::Result;
use crate::expr::{Expressions, Typed};

pub struct Project {
    items: Expressions,
    on_fault: OnFault,
}

impl Project {
    pub fn new(items: Vec<Typed>, on_fault: OnFault) -> Project {
        Project { items: Expressions::new(items), on_fault }
    }

    fn columns(&self, batch: &Batch) -> Result<Vec<Column>> {
        self.items.eval(batch).map_err(|(item, error)| failed(&self.items.items()[item], error, batch))
    }
}

impl Operator for Project {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let projected = match self.columns(&batch) {
            Ok(columns) => Batch { columns, ..batch },
            Err(error) => {
                let sound = self.on_fault.sound(self.items.items(), &batch, error, out)?;
                Batch { columns: self.columns(&sound)?, ..sound }
            }
        };
        out.emit(MAIN, projected);
        Ok(())
    }
}
