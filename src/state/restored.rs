//! Checks of state on its way back: what an operator takes has the columns and numbers that it knows.

use serde_json::Value;

use super::table::{Restored, TableShape};
use crate::data::{Column, ColumnBuilder, DataType, Field, Schema};
use crate::error::{Error, Result};

impl TableShape {
    /// A table of these columns, of which the first `keys` are the key. A name that is there already gets a number:
    /// `amount`, `amount_2`.
    pub fn new(name: &str, columns: Vec<(String, DataType)>, keys: usize) -> TableShape {
        let mut schema = Schema::default();
        for (wanted, ty) in columns {
            let mut name = wanted.clone();
            let mut number = 1;
            while schema.index_of(&name).is_some() {
                number += 1;
                name = format!("{wanted}_{number}");
            }
            schema.fields.push(Field { name, ty });
        }
        TableShape { name: name.to_owned(), schema, key: (0..keys).collect() }
    }

    /// The columns of no rows.
    pub fn no_rows(&self) -> Vec<Column> {
        self.schema.fields.iter().map(|field| ColumnBuilder::new(field.ty, 0).finish()).collect()
    }
}

impl Restored {
    /// Takes the rows of the table `shape`: columns of its types, all of one length.
    ///
    /// Errors (class External): the columns are others.
    pub fn take(&mut self, shape: &TableShape) -> Result<Vec<Column>> {
        let Some(columns) = self.tables.remove(&shape.name) else { return Ok(shape.no_rows()) };
        let table = &shape.name;
        if columns.len() != shape.schema.len() {
            let (found, expected) = (columns.len(), shape.schema.len());
            return Err(misfit(format!("the table `{table}` of its state has {found} columns, not {expected}")));
        }
        let rows = columns.first().map_or(0, Column::len);
        for (column, field) in columns.iter().zip(&shape.schema.fields) {
            let (name, found) = (&field.name, column.data_type());
            if found != field.ty {
                let expected = field.ty;
                let message = format!("column `{name}` of the table `{table}` of its state is {found}, not {expected}");
                return Err(misfit(message));
            }
            if column.len() != rows {
                let len = column.len();
                let message =
                    format!("column `{name}` of the table `{table}` of its state has {len} values for {rows} rows");
                return Err(misfit(message));
            }
        }
        Ok(columns)
    }

    /// The number `name` of each subtask that the state was frozen in; those that are null are left out.
    ///
    /// Errors (class External): there is no such number.
    pub fn numbers(&self, name: &str) -> Result<Vec<i64>> {
        let mut numbers = Vec::new();
        for scalars in &self.scalars {
            match scalars.get(name) {
                Some(Value::Null) => {}
                Some(value) => numbers.push(
                    value.as_i64().ok_or_else(|| misfit(format!("`{name}` of its state is {value}, not a number")))?,
                ),
                None => return Err(misfit(format!("its state has no `{name}`"))),
            }
        }
        Ok(numbers)
    }

    /// The greatest of the numbers `name`.
    pub fn greatest(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.numbers(name)?.into_iter().max())
    }

    /// A counter of this subtask: the sum over all subtasks goes to the first one, the others start at 0.
    pub fn counter(&self, name: &str) -> Result<u64> {
        let sum = self.numbers(name)?.into_iter().fold(0, |sum: u64, n| sum.saturating_add(n.try_into().unwrap_or(0)));
        Ok(if self.subtask == 0 { sum } else { 0 })
    }
}

/// State that does not fit its operator.
pub fn misfit(message: impl Into<String>) -> Error {
    Error::external(message).note("was it written by another version of the job or of flott? `--fresh` starts anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn restored(subtask: usize, columns: Vec<Column>) -> Restored {
        let scalars = vec![json!({"late": 2, "period": null}), json!({"late": 5, "period": 3})];
        Restored { subtask, tables: [("groups".to_owned(), columns)].into(), scalars }
    }

    #[test]
    fn names_of_columns_are_unique() {
        let columns = ["a", "a_2", "a", "a"].map(|name| (name.to_owned(), DataType::Int)).to_vec();
        let shape = TableShape::new("groups", columns, 1);
        assert_eq!(shape.schema.names().collect::<Vec<_>>(), ["a", "a_2", "a_3", "a_4"]);
        assert_eq!(shape.key, [0]);
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        let columns = vec![("card".to_owned(), DataType::Int), ("n".to_owned(), DataType::Int)];
        let shape = TableShape::new("groups", columns, 1);
        let ints = |values: Vec<i64>| Column::Int(values.into());
        let take = |columns| restored(0, columns).take(&shape).map_err(|e| e.message);
        assert_eq!(take(vec![ints(vec![1]), ints(vec![2])]), Ok(vec![ints(vec![1]), ints(vec![2])]));
        let refused = [
            (vec![ints(vec![1])], "the table `groups` of its state has 1 columns, not 2"),
            (
                vec![ints(vec![1]), Column::Double(vec![1.0].into())],
                "column `n` of the table `groups` of its state is double, not int",
            ),
            (
                vec![ints(vec![1]), ints(vec![1, 2])],
                "column `n` of the table `groups` of its state has 2 values for 1 rows",
            ),
        ];
        for (columns, message) in refused {
            assert_eq!(take(columns), Err(message.to_owned()));
        }
        assert_eq!(Restored::default().take(&shape).unwrap(), shape.no_rows());
    }

    #[test]
    fn numbers_of_all_subtasks() {
        let state = restored(0, Vec::new());
        assert_eq!((state.greatest("period").unwrap(), state.counter("late").unwrap()), (Some(3), 7));
        assert_eq!(restored(1, Vec::new()).counter("late").unwrap(), 0);
        assert_eq!(state.numbers("place").unwrap_err().message, "its state has no `place`");
    }
}
