//! The state of a changelog: that of the aggregate, and a table of the keys that had a result.

use std::collections::BTreeMap;

use arrow_array::{BooleanArray, TimestampMicrosecondArray, UInt32Array};

use super::{Changelog, Given, NO_WINDOW, Window};
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::state::keys::FrozenKeys;
use crate::state::restored::misfit;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

impl Changelog {
    /// The keys, the window if there is one, and whether the key has a result now.
    fn shape(&self) -> TableShape {
        let mut columns = self.keys.clone();
        if self.windowed {
            columns.extend(["window_start", "window_end"].map(|name| (name.to_owned(), DataType::Timestamp)));
        }
        columns.push(("given".to_owned(), DataType::Boolean));
        TableShape::new("given", columns, self.keys.len())
    }

    pub(super) fn shapes(&self) -> Vec<TableShape> {
        let mut shapes = self.inner.tables();
        shapes.push(self.shape());
        shapes
    }

    pub(super) fn frozen(&mut self, full: bool) -> Frozen {
        let mut frozen = self.inner.freeze(full);
        let table = if std::mem::replace(&mut self.is_changed, false) || full {
            let (shape, windowed) = (self.shape(), self.windowed);
            let copy = |(&window, given): (&Window, &Given)| (window, given.keys.freeze(), given.given.clone());
            let parts: Vec<_> = self.windows.iter().map(copy).collect();
            FrozenTable::Rows(Box::new(move || {
                let parts = parts.into_iter().map(|(window, keys, given)| columns(windowed, window, &keys, given));
                concat(&shape, &parts.collect::<Vec<_>>())
            }))
        } else {
            FrozenTable::Unchanged
        };
        frozen.tables.push(table);
        frozen
    }

    pub(super) fn load(&mut self, mut state: Restored) -> Result<()> {
        let columns = state.take(&self.shape())?;
        self.inner.restore(state)?;
        let (keys, rest) = columns.split_at(self.keys.len());
        let (bounds, given) = match rest {
            [Column::Timestamp(starts), Column::Timestamp(ends), Column::Boolean(given)] => {
                (Some((starts, ends)), given)
            }
            [Column::Boolean(given)] => (None, given),
            _ => unreachable!("types were checked"),
        };
        if rest.iter().any(|column| column.nulls().is_some_and(|nulls| nulls.null_count() > 0)) {
            return Err(misfit("a key of its state has no window"));
        }
        let mut rows: BTreeMap<Window, Vec<u32>> = BTreeMap::new();
        for row in 0..given.len() {
            let window = bounds.map_or(NO_WINDOW, |(starts, ends)| (ends.value(row), starts.value(row)));
            if window.0 == i64::MIN {
                return Err(misfit("a window of its state ends before time begins"));
            }
            rows.entry(window).or_default().push(row as u32);
        }
        for (window, rows) in rows {
            let mut loaded = Given::new(&self.keys);
            loaded.given = rows.iter().map(|&row| given.value(row as usize)).collect();
            let rows = UInt32Array::from(rows);
            let keys: Vec<Column> = keys.iter().map(|key| key.take(&rows)).collect();
            loaded.keys.ids(&keys.iter().collect::<Vec<_>>(), rows.len(), &mut Vec::new());
            if loaded.keys.len() != rows.len() {
                return Err(misfit("a key is in its state more than once"));
            }
            self.windows.insert(window, loaded);
        }
        Ok(())
    }
}

fn columns(windowed: bool, (end, start): Window, keys: &FrozenKeys, given: Vec<bool>) -> Vec<Column> {
    let mut columns = keys.columns();
    if windowed {
        let constant = |value| Column::Timestamp(TimestampMicrosecondArray::from_value(value, given.len()));
        columns.extend([constant(start), constant(end)]);
    }
    columns.push(Column::Boolean(BooleanArray::from(given)));
    columns
}

fn concat(shape: &TableShape, parts: &[Vec<Column>]) -> Vec<Column> {
    if parts.is_empty() {
        return shape.no_rows();
    }
    let column = |c: usize| Column::concat(&parts.iter().map(|part| &part[c]).collect::<Vec<_>>());
    (0..shape.schema.len()).map(column).collect()
}
