//! Groups as tables: a row for each group, with its key, its pane and what each call has; and for each call that keeps
//! values, such as `count(DISTINCT x)`, a table with a row for each value of each group. Groups of a pane come in the
//! order in which they were first seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{BooleanArray, TimestampMicrosecondArray, UInt32Array};

use super::accumulator::{Accumulator, FrozenRows};
use super::grid::Span;
use super::table::{Shape, Table};
use crate::data::{Column, DataType};
use crate::error::Result;
use crate::state::keys::{FrozenKeys, MISSING};
use crate::state::restored::misfit;
use crate::state::table::{FrozenTable, MakeColumns, TableShape};

/// The pane or, as a side, the window that groups belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub is_side: bool,
    pub span: Span,
}

const PLACE_COLUMNS: [(&str, DataType); 3] =
    [("pane_start", DataType::Timestamp), ("pane_end", DataType::Timestamp), ("side", DataType::Boolean)];

/// The tables: `name`, then one for each call that keeps values. Those of an aggregation with windows have the columns of
/// a [`Place`] behind the keys; `more` are the last columns of the first one.
pub fn shapes(shape: &Shape, name: &str, more: &[(&str, DataType)]) -> Vec<TableShape> {
    let spec = &shape.spec;
    let called =
        |names: &[String], i: usize, word: &str| names.get(i).cloned().unwrap_or_else(|| format!("{word}_{i}"));
    let keys = shape.key_types.iter().enumerate().map(|(i, &ty)| (called(&spec.key_names, i, "key"), ty));
    let mut front: Vec<(String, DataType)> = keys.collect();
    if spec.window.is_some() {
        front.extend(PLACE_COLUMNS.map(|(name, ty)| (name.to_owned(), ty)));
    }
    let mut groups = front.clone();
    let mut sets = Vec::new();
    for (i, accumulator) in Table::new(shape).accumulators.iter().enumerate() {
        groups.extend(accumulator.stored_columns(&called(&spec.call_names, i, "call")));
        if let Some((kind, own)) = accumulator.row_table() {
            let columns = front.iter().cloned().chain(own).collect();
            sets.push(TableShape::new(&format!("{name}_{kind}_{}", sets.len() + 1), columns, shape.key_types.len()));
        }
    }
    groups.extend(more.iter().map(|&(name, ty)| (name.to_owned(), ty)));
    // One group of which nothing is known.
    if groups.is_empty() {
        return Vec::new();
    }
    std::iter::once(TableShape::new(name, groups, shape.key_types.len())).chain(sets).collect()
}

/// The groups of one table, copied.
pub struct FrozenGroups {
    place: Option<Place>,
    keys: Arc<FrozenKeys>,
    calls: Vec<MakeColumns>,
    sets: Vec<FrozenRows>,
    more: Vec<MakeColumns>,
}

impl FrozenGroups {
    pub fn new(table: &Table, place: Option<Place>) -> FrozenGroups {
        FrozenGroups {
            place,
            keys: Arc::new(table.index.freeze()),
            calls: table.accumulators.iter().map(Accumulator::freeze).collect(),
            sets: table.accumulators.iter().filter_map(Accumulator::freeze_rows).collect(),
            more: Vec::new(),
        }
    }

    /// With these columns behind all others.
    pub fn with(self, more: MakeColumns) -> FrozenGroups {
        FrozenGroups { more: vec![more], ..self }
    }
}

/// The rows of the tables `shapes`.
pub fn freeze(shapes: Vec<TableShape>, parts: Vec<FrozenGroups>) -> Vec<FrozenTable> {
    let mut groups: Vec<MakeColumns> = Vec::new();
    let mut sets: Vec<Vec<MakeColumns>> = shapes.iter().skip(1).map(|_| Vec::new()).collect();
    for FrozenGroups { place, keys, calls, sets: own, more } in parts {
        for (set, made) in own.into_iter().zip(&mut sets) {
            let keys = keys.clone();
            made.push(Box::new(move || row_columns(&keys, place, set)));
        }
        groups.push(Box::new(move || {
            let mut columns = keys.columns();
            columns.extend(place.into_iter().flat_map(|place| place.columns(keys.len())));
            columns.extend(calls.into_iter().chain(more).flat_map(|make| make()));
            columns
        }));
    }
    let table = |(shape, parts): (TableShape, Vec<MakeColumns>)| {
        FrozenTable::Rows(Box::new(move || concat(&shape, parts.into_iter().map(|make| make()).collect())))
    };
    shapes.into_iter().zip(std::iter::once(groups).chain(sets)).map(table).collect()
}

fn row_columns(keys: &FrozenKeys, place: Option<Place>, set: FrozenRows) -> Vec<Column> {
    let rows = set.groups.len();
    let groups = UInt32Array::from(set.groups);
    let mut columns: Vec<Column> = keys.columns().iter().map(|key| key.take(&groups)).collect();
    columns.extend(place.into_iter().flat_map(|place| place.columns(rows)));
    columns.extend((set.columns)());
    columns
}

fn concat(shape: &TableShape, mut parts: Vec<Vec<Column>>) -> Vec<Column> {
    match parts.len() {
        0 => shape.no_rows(),
        1 => parts.remove(0),
        _ => (0..shape.schema.len())
            .map(|c| Column::concat(&parts.iter().map(|part| &part[c]).collect::<Vec<_>>()))
            .collect(),
    }
}

impl Place {
    fn columns(self, rows: usize) -> [Column; 3] {
        let time = |value| Column::Timestamp(TimestampMicrosecondArray::from_value(value, rows));
        let side = Column::Boolean(BooleanArray::from(vec![self.is_side; rows]));
        [time(self.span.start), time(self.span.end), side]
    }
}

/// The rows of a table by place: how many, and its columns without those of the place, which lie behind `keys` key columns.
pub fn by_place(mut columns: Vec<Column>, keys: usize) -> Result<Vec<(Place, usize, Vec<Column>)>> {
    let places: Vec<Column> = columns.drain(keys..keys + PLACE_COLUMNS.len()).collect();
    let [Column::Timestamp(starts), Column::Timestamp(ends), Column::Boolean(sides)] = places.as_slice() else {
        unreachable!("types were checked")
    };
    if places.iter().any(|column| column.nulls().is_some_and(|nulls| nulls.null_count() > 0)) {
        return Err(misfit("a row of its state has no pane"));
    }
    let mut rows: BTreeMap<Place, Vec<u32>> = BTreeMap::new();
    for row in 0..starts.len() {
        let span = Span { start: starts.value(row), end: ends.value(row) };
        rows.entry(Place { is_side: sides.value(row), span }).or_default().push(row as u32);
    }
    let part = |(place, rows): (Place, Vec<u32>)| {
        let rows = UInt32Array::from(rows);
        (place, rows.len(), columns.iter().map(|column| column.take(&rows)).collect())
    };
    Ok(rows.into_iter().map(part).collect())
}

impl Table {
    /// Takes `rows` groups into an empty table: key columns, then those of the calls.
    ///
    /// Errors (class External): a key comes twice.
    pub fn load(&mut self, shape: &Shape, rows: usize, columns: &[Column]) -> Result<()> {
        let (keys, mut rest) = columns.split_at(shape.key_types.len());
        self.index.ids(&keys.iter().collect::<Vec<_>>(), rows, &mut Vec::new());
        if self.index.len() != rows {
            return Err(misfit("a group is in its state more than once"));
        }
        for accumulator in &mut self.accumulators {
            let (own, more) = rest.split_at(accumulator.stored_columns("").len());
            accumulator.load(rows, own);
            rest = more;
        }
        Ok(())
    }

    /// Takes the rows of the `number`-th table of values: key columns, then those of the call.
    ///
    /// Errors (class External): a group is not there.
    pub fn load_rows(&mut self, number: usize, columns: &[Column]) -> Result<()> {
        let (keys, values) = columns.split_at(self.index.width());
        let mut ids = Vec::new();
        self.index.find(&keys.iter().collect::<Vec<_>>(), values.first().map_or(0, Column::len), &mut ids);
        if ids.contains(&MISSING) {
            return Err(misfit("its state has values of a group that is not there"));
        }
        let groups = self.index.len();
        let mut with_rows = self.accumulators.iter_mut().filter(|accumulator| accumulator.row_table().is_some());
        if let Some(accumulator) = with_rows.nth(number) {
            accumulator.load_rows(&ids, groups, values);
        }
        Ok(())
    }
}
