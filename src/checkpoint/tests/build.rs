//! State made by hand: tables as rows of plain values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::manifest::{Job, Kind, OperatorSnapshot, SinkState, Snapshot};
use super::super::restore::Checkpoint;
use super::super::store::Store;
use crate::data::{Column, ColumnBuilder, DataType, Schema, rowkey};
use crate::state::table::{Frozen, FrozenTable, TableShape};
use crate::storage::{RealStorage, Storage};

pub const GROUPS: u32 = 16;

/// A row of the table [`shape`]: its key is `id` and `name`.
pub type Row = (Option<i64>, Option<String>, Option<i64>);

pub fn shape(name: &str, keyed: bool) -> TableShape {
    let fields = [
        ("id", DataType::Int),
        ("name", DataType::String),
        ("sum", DataType::Decimal { precision: 20, scale: 2 }),
        ("seen", DataType::Timestamp),
        ("mean", DataType::Double),
        ("odd", DataType::Boolean),
    ];
    TableShape { name: name.into(), schema: Schema::new(fields), key: if keyed { vec![1, 0] } else { vec![] } }
}

/// The columns of some rows: all but the key follow from the last value.
pub fn columns(rows: &[Row]) -> Vec<Column> {
    let mut builders: Vec<ColumnBuilder> =
        shape("", true).schema.fields.iter().map(|field| ColumnBuilder::new(field.ty, rows.len())).collect();
    for (id, name, value) in rows {
        for builder in &mut builders {
            match builder {
                ColumnBuilder::Int(b) => b.append_option(*id),
                ColumnBuilder::String(b) => b.append_option(name.as_ref()),
                ColumnBuilder::Decimal(b, ..) => b.append_option(value.map(i128::from)),
                ColumnBuilder::Timestamp(b) => b.append_option(*value),
                ColumnBuilder::Double(b) => b.append_option(value.map(|v| v as f64 / 4.0)),
                ColumnBuilder::Boolean(b) => b.append_option(value.map(|v| v % 2 != 0)),
                other => unreachable!("{other:?} is no column of the tests"),
            }
        }
    }
    builders.iter_mut().map(ColumnBuilder::finish).collect()
}

/// The rows that columns made by [`columns`] stand for.
pub fn rows(columns: &[Column]) -> Vec<Row> {
    let Some(Column::Int(ids)) = columns.first() else { return Vec::new() };
    let (Column::String(names), Column::Timestamp(values)) = (&columns[1], &columns[3]) else {
        panic!("other columns: {columns:?}")
    };
    let all = ids.iter().zip(names.iter()).zip(values.iter());
    let rows: Vec<Row> = all.map(|((id, name), value)| (id, name.map(str::to_owned), value)).collect();
    // Of some rows only: making columns of plain values takes its time.
    let some = 0..rows.len().min(50);
    let expected = super::build::columns(&rows[some.clone()]);
    assert!(columns.iter().map(|column| column.slice(0, some.len())).eq(expected), "columns do not go together");
    rows
}

/// The key group of each row.
pub fn groups(rows: &[Row]) -> Vec<u32> {
    let columns = columns(rows);
    let mut groups = Vec::new();
    rowkey::each_group(&[&columns[1], &columns[0]], rows.len(), GROUPS, |_, group| groups.push(group));
    groups
}

/// Rows in the order a keyed table has them in.
pub fn by_group(rows: &[Row]) -> Vec<Row> {
    let mut sorted: Vec<(u32, &Row)> = groups(rows).into_iter().zip(rows).collect();
    sorted.sort_by_key(|(group, _)| *group);
    sorted.into_iter().map(|(_, row)| row.clone()).collect()
}

pub fn freeze(rows: &[Row]) -> FrozenTable {
    let columns = columns(rows);
    FrozenTable::Rows(Box::new(move || columns))
}

/// The tables `keyed` and `plain` of one operator, laid out as `parallelism` subtasks. `None`: unchanged.
pub fn operator(keyed: Option<&[Row]>, plain: Option<&[Row]>, parallelism: usize) -> OperatorSnapshot {
    let groups = keyed.map(groups).unwrap_or_default();
    let part = |subtask: usize| {
        let keyed = keyed.map(|rows| {
            let mine = |group: u32| rowkey::subtask_of(group, parallelism, GROUPS) == subtask;
            let rows = rows.iter().zip(&groups).filter(|&(_, &group)| mine(group));
            rows.map(|(row, _)| row.clone()).collect::<Vec<_>>()
        });
        let plain = plain.map(|rows| if subtask == 0 { rows.to_vec() } else { Vec::new() });
        let table = |rows: Option<Vec<Row>>| rows.map_or(FrozenTable::Unchanged, |rows| freeze(&rows));
        Frozen { tables: vec![table(keyed), table(plain)], scalars: json!({ "subtask": subtask }) }
    };
    OperatorSnapshot {
        identity: BTreeMap::from([("by".into(), "id".into())]),
        watermark: i64::MIN,
        finished: false,
        tables: vec![shape("keyed", true), shape("plain", false)],
        parts: (0..parallelism).map(part).collect(),
    }
}

pub fn snapshot(checkpoint: u64, operators: Vec<(&str, OperatorSnapshot)>) -> Snapshot {
    Snapshot {
        kind: Kind::Checkpoint,
        checkpoint,
        lineage: "one".into(),
        created: 1_700_000_000_000_000,
        job: Job { name: "job".into(), max_parallelism: GROUPS, parallelism: 1, ..Job::default() },
        ended: false,
        operators: operators.into_iter().map(|(name, operator)| (name.to_owned(), operator)).collect(),
        sources: BTreeMap::new(),
        sinks: BTreeMap::new(),
    }
}

pub fn with_pending(mut snapshot: Snapshot, pending: Value) -> Snapshot {
    let state = SinkState { kind: String::new(), state: Value::Null, pending: vec![(snapshot.checkpoint, pending)] };
    snapshot.sinks.insert("sinks.db".into(), state);
    snapshot
}

pub fn store(folder: &Path, retain: usize) -> Store {
    Store::open(Arc::new(RealStorage), folder.to_owned(), retain, false)
}

pub fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(Arc::new(RealStorage), path).unwrap()
}

/// All rows of a table.
pub fn read(checkpoint: &Checkpoint, operator: &str, table: &str) -> Vec<Row> {
    rows(&checkpoint.rows(operator, table, 0..GROUPS).unwrap().unwrap_or_default())
}

pub fn real() -> Arc<dyn Storage> {
    Arc::new(RealStorage)
}

/// `count` rows with ids from `first`.
pub fn some(first: i64, count: i64) -> Vec<Row> {
    let name = |id: i64| (id % 7 != 0).then(|| format!("name of the row with the number {}", id % 100));
    (first..first + count).map(|id| ((id % 11 != 0).then_some(id), name(id), (id % 5 != 0).then_some(id * 3))).collect()
}
