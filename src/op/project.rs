//! `select`: new columns from the old ones.

use super::filter::failed;
use super::{MAIN, Operator, Out, RowContext};
use crate::data::Batch;
use crate::error::Result;
use crate::expr::{Expressions, Typed};

pub struct Project {
    items: Expressions,
}

impl Project {
    pub fn new(items: Vec<Typed>) -> Project {
        Project { items: Expressions::new(items) }
    }
}

impl Operator for Project {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let columns = self.items.eval(&batch);
        let columns = columns.map_err(|(item, error)| failed(&self.items.items()[item], error, &batch))?;
        out.emit(MAIN, Batch { columns, ..batch });
        Ok(())
    }
}
