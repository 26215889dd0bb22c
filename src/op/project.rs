//! `select`: new columns from the old ones.

use super::filter::failed;
use super::{MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Column};
use crate::error::Result;
use crate::expr::Typed;

pub struct Project {
    items: Vec<Typed>,
}

impl Project {
    pub fn new(items: Vec<Typed>) -> Project {
        Project { items }
    }
}

impl Operator for Project {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let columns: Result<Vec<Column>> = self
            .items
            .iter()
            .map(|item| match item.as_column() {
                Some(index) => Ok(batch.columns[index].clone()),
                None => item.eval(&batch).map_err(|e| failed(item, e, &batch)),
            })
            .collect();
        let projected = Batch { columns: columns?, ..batch };
        out.emit(MAIN, projected);
        Ok(())
    }
}
