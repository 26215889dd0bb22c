//! State files of every version of the format stay readable: one folder of each in `testdata/`.
//!
//! `testdata/state-v1` was made by the ignored test below: `cargo test --test it make_state_v1 -- --ignored`. It is
//! never made again: what it holds is what an earlier flott has written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flott::checkpoint::manifest::{
    Job, Kind, Manifest, OperatorSnapshot, Progress, SinkState, Slot, Snapshot, SourceState,
};
use flott::checkpoint::restore::Checkpoint;
use flott::checkpoint::store::{self, Store};
use flott::data::{Column, ColumnBuilder, DataType, Schema, rowkey};
use flott::state::table::{Frozen, FrozenTable, TableShape};
use flott::storage::RealStorage;
use serde_json::json;

const V1: &str = "testdata/state-v1";
const MAX_PARALLELISM: u32 = 8;

/// One column of each type, a null in each.
fn groups(count: i64) -> Vec<Column> {
    let types = groups_shape().schema.fields.into_iter().map(|field| field.ty);
    let mut builders: Vec<ColumnBuilder> = types.map(|ty| ColumnBuilder::new(ty, 0)).collect();
    for row in 0..count {
        for (number, builder) in builders.iter_mut().enumerate() {
            match builder {
                _ if row == number as i64 => builder.append_null(),
                ColumnBuilder::String(b) => b.append_value(format!("card \u{fc} {row} of several")),
                ColumnBuilder::Int(b) => b.append_value(row - 3),
                ColumnBuilder::Decimal(b, ..) => b.append_value(i128::from(row) * -12_345),
                ColumnBuilder::Double(b) => b.append_value(row as f64 / 8.0),
                ColumnBuilder::Boolean(b) => b.append_value(row % 2 == 0),
                ColumnBuilder::Timestamp(b) => b.append_value(1_431_857_100_000_000 + row),
                other => unreachable!("{other:?} is no column of the fixture"),
            }
        }
    }
    builders.iter_mut().map(ColumnBuilder::finish).collect()
}

fn groups_shape() -> TableShape {
    let fields = [
        ("card", DataType::String),
        ("shop", DataType::Int),
        ("total", DataType::Decimal { precision: 18, scale: 2 }),
        ("mean", DataType::Double),
        ("fraud", DataType::Boolean),
        ("last", DataType::Timestamp),
    ];
    TableShape { name: "groups".into(), schema: Schema::new(fields), key: vec![0, 1] }
}

fn best() -> Vec<Column> {
    let mut builder = ColumnBuilder::new(DataType::Int, 0);
    if let ColumnBuilder::Int(b) = &mut builder {
        [3, 1, 2].into_iter().for_each(|value| b.append_value(value));
    }
    vec![builder.finish()]
}

/// Rows of a table without key, and of one with a key: in one subtask, so nothing has to be dealt out.
fn operator(table: TableShape, rows: Vec<Column>) -> OperatorSnapshot {
    let frozen = Frozen { tables: vec![FrozenTable::Rows(Box::new(|| rows))], scalars: json!({ "rows": 3 }) };
    OperatorSnapshot {
        identity: BTreeMap::from([("by".into(), "card, shop".into())]),
        watermark: 1_431_857_099_000_000,
        finished: false,
        tables: vec![table],
        parts: vec![frozen],
    }
}

fn snapshot(checkpoint: u64, rows: i64) -> Snapshot {
    let plain = TableShape { name: "best".into(), schema: Schema::new([("n", DataType::Int)]), key: vec![] };
    let operators =
        [("transforms.cards", operator(groups_shape(), groups(rows))), ("best/sort", operator(plain, best()))];
    let slots = vec![Slot { max: 1_431_857_100_000_000, opened: true, ended: false, idle: false }];
    let progress = Progress { slots, hold: Some(1_431_857_200_000_000), lines: BTreeMap::from([(0, 42)]) };
    let source = SourceState {
        kind: "file".into(),
        position: json!([{ "file": "a.csv", "offset": 4096 }]),
        ended: false,
        progress,
    };
    let sink = SinkState {
        kind: "file".into(),
        state: json!({ "bytes": 17 }),
        pending: vec![(checkpoint, json!({ "rename": "out.csv" }))],
    };
    Snapshot {
        kind: if checkpoint == 0 { Kind::Start } else { Kind::Checkpoint },
        checkpoint,
        lineage: "2f1d8c6a90b34e57".into(),
        created: 1_700_000_000_000_000 + checkpoint as i64,
        job: Job {
            name: "cards".into(),
            path: "/jobs/cards.toml".into(),
            directory: "/jobs".into(),
            text: "# The job file.\n".into(),
            overrides: vec!["sources.in.path=b.csv".into()],
            parallelism: 1,
            max_parallelism: MAX_PARALLELISM,
            schemas: BTreeMap::from([("sources.in".into(), vec![("card".into(), "string".into())])]),
            inferred: BTreeMap::new(),
        },
        ended: false,
        operators: operators.into_iter().map(|(name, operator)| (name.into(), operator)).collect(),
        sources: BTreeMap::from([("sources.in".into(), source)]),
        sinks: BTreeMap::from([("sinks.out".into(), sink)]),
    }
}

#[test]
#[ignore = "it makes the fixture of version 1, which exists"]
fn make_state_v1() {
    assert!(!Path::new(V1).exists(), "{V1} must stay as it is");
    let mut store = Store::open(Arc::new(RealStorage), V1.into(), 3, true);
    store.write(snapshot(0, 9)).unwrap();
    store.write(snapshot(1, 10)).unwrap();
}

/// The rows of a keyed table in the order of key groups.
fn by_group(columns: &[Column]) -> Vec<Column> {
    let mut order = Vec::new();
    let key: Vec<&Column> = vec![&columns[0], &columns[1]];
    rowkey::each_group(&key, columns[0].len(), MAX_PARALLELISM, |row, group| order.push((group, row)));
    order.sort();
    let rows: Vec<u32> = order.into_iter().map(|(_, row)| row).collect();
    columns.iter().map(|column| column.take(&rows.clone().into())).collect()
}

fn check(checkpoint: &Checkpoint, rows: i64) {
    let groups = by_group(&groups(rows));
    assert_eq!(checkpoint.rows("transforms.cards", "groups", 0..MAX_PARALLELISM).unwrap().unwrap(), groups);
    let restored = checkpoint.restored("best/sort", 0, 3).unwrap();
    assert_eq!((&restored.tables["best"], &restored.scalars), (&best(), &vec![json!({ "rows": 3 })]));
    let three = (0..3).map(|subtask| checkpoint.restored("transforms.cards", subtask, 3).unwrap());
    let parts: Vec<Vec<Column>> = three.filter_map(|mut part| part.tables.remove("groups")).collect();
    let column = |i: usize| Column::concat(&parts.iter().map(|part| &part[i]).collect::<Vec<_>>());
    assert_eq!((0..groups.len()).map(column).collect::<Vec<_>>(), groups);
}

#[test]
fn version_1_stays_readable() {
    let newest = Checkpoint::open(Arc::new(RealStorage), Path::new(V1)).unwrap();
    check(&newest, 10);
    let expected = snapshot(1, 10);
    let Manifest { format, kind, checkpoint, lineage, created, job, ended, sources, sinks, operators, .. } =
        newest.manifest().clone();
    assert_eq!((format, kind, checkpoint, ended), (1, Kind::Checkpoint, 1, false));
    assert_eq!((lineage, created, job), (expected.lineage, expected.created, expected.job));
    assert_eq!((sources, sinks), (expected.sources, expected.sinks));
    let (cards, expected) = (&operators["transforms.cards"], &expected.operators["transforms.cards"]);
    assert_eq!((cards.watermark, &cards.identity), (expected.watermark, &expected.identity));
    assert_eq!(cards.tables[0].columns[2], ("total".into(), "decimal(18,2)".into()));

    let start = Path::new(V1).join("chk-0");
    assert_eq!(store::verify(&RealStorage, &start).unwrap().kind, Kind::Start);
    check(&Checkpoint::open(Arc::new(RealStorage), &start.join("manifest.json")).unwrap(), 9);
}

#[test]
fn this_version_writes_what_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(Arc::new(RealStorage), folder.path().into(), 3, false);
    store.write(snapshot(0, 9)).unwrap();
    let written = store.write(snapshot(1, 10)).unwrap();
    check(&Checkpoint::open(Arc::new(RealStorage), folder.path()).unwrap(), 10);
    // As long as this is version 1, it is the same to the byte.
    let old = store::verify(&RealStorage, &Path::new(V1).join("chk-1")).unwrap();
    let hashes = |m: &Manifest| {
        let tables = m.operators.values().flat_map(|operator| &operator.tables);
        tables.flat_map(|table| &table.segments).cloned().collect::<Vec<_>>()
    };
    assert_eq!(hashes(&written.manifest), hashes(&old));
}
