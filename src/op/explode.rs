//! `explode`: a row for each element of a list, the other columns repeated.

use arrow_array::{Array, UInt32Array};

use super::fault::{OnFault, failed};
use super::{EMIT_ROWS, MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Column, items_of};
use crate::error::{Error, Result};
use crate::expr::Typed;

/// Its results have the element, then the columns of its input.
pub struct Explode {
    list: Typed,
    keep_empty: bool,
    on_fault: OnFault,
}

impl Explode {
    /// `keep_empty`: a row without elements stays, with null for the element.
    pub fn new(list: Typed, keep_empty: bool, on_fault: OnFault) -> Explode {
        Explode { list, keep_empty, on_fault }
    }

    fn lists(&self, batch: &Batch) -> Result<Column> {
        self.list.eval(batch).map_err(|e| failed(&self.list, e, batch))
    }

    /// For each row that comes out, the row it comes from and the element; `None` for a row without any.
    fn places(&self, lists: &Column) -> Result<Vec<(u32, Option<u32>)>> {
        let Column::List(array) = lists else {
            return Err(Error::internal("an explode of what is no list"));
        };
        let mut places = Vec::new();
        for (row, ends) in (0u32..).zip(array.value_offsets().windows(2)) {
            let elements = if array.is_valid(row as usize) { ends[0] as u32..ends[1] as u32 } else { 0..0 };
            if elements.is_empty() && self.keep_empty {
                places.push((row, None));
            }
            places.extend(elements.map(|element| (row, Some(element))));
        }
        Ok(places)
    }
}

impl Operator for Explode {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let (batch, lists) = match self.lists(&batch) {
            Ok(lists) => (batch, lists),
            Err(error) => {
                let sound = self.on_fault.sound([&self.list], &batch, error, out)?;
                let lists = self.lists(&sound)?;
                (sound, lists)
            }
        };
        let Column::List(array) = &lists else { return Err(Error::internal("an explode of what is no list")) };
        let items = items_of(array);
        for places in self.places(&lists)?.chunks(EMIT_ROWS) {
            let (rows, elements): (Vec<u32>, Vec<Option<u32>>) = places.iter().copied().unzip();
            let mut exploded = batch.take(&UInt32Array::from(rows));
            exploded.columns.insert(0, items.take(&UInt32Array::from(elements)));
            out.emit(MAIN, exploded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnBuilder, DataType};

    fn exploded(keep_empty: bool) -> (Vec<String>, Vec<String>) {
        let mut lists = ColumnBuilder::new(DataType::list(DataType::Int), 4);
        let ColumnBuilder::List(builder) = &mut lists else { panic!() };
        for list in [Some(vec![1, 2]), Some(vec![]), None, Some(vec![3])] {
            let Some(list) = list else {
                builder.append_null();
                continue;
            };
            for item in list {
                let ColumnBuilder::Int(items) = builder.items() else { panic!() };
                items.append_value(item);
            }
            builder.end();
        }
        let columns = vec![Column::Int(vec![10, 20, 30, 40].into()), lists.finish()];
        let list = Typed::column(1, "list", DataType::list(DataType::Int));
        let mut out = Out::default();
        let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
        // Also where the lists are a part of longer ones.
        let batch = Batch::new(columns, 4);
        let mut explode = Explode::new(list, keep_empty, OnFault::Fail);
        for (start, rows) in [(0, 1), (1, 3)] {
            explode.on_batch(batch.slice(start, rows), &context, &mut out).unwrap();
        }
        let texts = |column: usize| {
            let text = |batch: &Batch| -> Vec<String> {
                (0..batch.rows).map(|row| batch.columns[column].display(row).to_string()).collect()
            };
            out.emitted.iter().flat_map(|(_, batch)| text(batch)).collect()
        };
        (texts(1), texts(0))
    }

    #[test]
    fn a_row_for_each_element() {
        assert_eq!(
            exploded(false),
            (vec!["10".into(), "10".into(), "40".into()], ["1", "2", "3"].map(String::from).to_vec())
        );
        let (rows, elements) = exploded(true);
        assert_eq!(rows, ["10", "10", "20", "30", "40"]);
        assert_eq!(elements.len(), 5);
        assert_eq!(elements[4], "3");
    }
}
