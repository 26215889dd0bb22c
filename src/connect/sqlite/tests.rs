use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use tempfile::TempDir;

use super::*;
use crate::connect::{Committer, Rewind, Rewound};
use crate::data::{Batch, Column, ColumnBuilder, DataType};
use crate::error::Class;
use crate::format::{self, Format};
use crate::storage::RealStorage;

fn options(dir: &TempDir, key: &[&str], mode: Mode, checkpoints: bool) -> SqliteOptions {
    SqliteOptions {
        name: "sinks.o".into(),
        path: dir.path().join("deep/o.db"),
        table: "a \"quoted\" table".into(),
        key: key.iter().map(|k| k.to_string()).collect(),
        mode,
        schema: Schema::new([("k", DataType::Int), ("v", DataType::Int)]),
        run: Run { lineage: "one-a".into(), folder: checkpoints.then(|| dir.path().join("state")), ..Run::default() },
        storage: Arc::new(RealStorage),
    }
}

fn ints(values: impl Iterator<Item = Option<i64>>) -> Column {
    Column::Int(values.collect())
}

fn rows(rows: &[(Option<i64>, i64)]) -> Bytes {
    let columns = vec![ints(rows.iter().map(|r| r.0)), ints(rows.iter().map(|r| Some(r.1)))];
    encoded(&Batch::new(columns, rows.len()), &Schema::default())
}

fn encoded(batch: &Batch, schema: &Schema) -> Bytes {
    let mut out = Vec::new();
    format::encoder(&Format::Rows, &schema.fields).encode(batch, &mut out, None);
    out.into()
}

fn dump(options: &SqliteOptions) -> Vec<Vec<Sql>> {
    let database = Connection::open(&options.path).unwrap();
    let sql = format!("SELECT * FROM {}", table::quoted(&options.table));
    let mut statement = database.prepare(&sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row| (0..columns).map(|i| row.get(i)).collect();
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

fn pairs(options: &SqliteOptions) -> Vec<(Option<i64>, i64)> {
    let pair = |row: Vec<Sql>| match row[..] {
        [Sql::Integer(k), Sql::Integer(v)] => (Some(k), v),
        [Sql::Null, Sql::Integer(v)] => (None, v),
        _ => panic!("{row:?}"),
    };
    let mut found: Vec<_> = dump(options).into_iter().map(pair).collect();
    found.sort();
    found
}

fn once(options: &SqliteOptions, data: &[(Option<i64>, i64)]) -> Result<()> {
    let mut sink = SqliteSink::new(options.clone());
    sink.open(Bytes::new())?;
    sink.write(&mut rows(data))?;
    sink.commit()
}

fn execute(options: &SqliteOptions, sql: &str) {
    fs::create_dir_all(options.path.parent().unwrap()).unwrap();
    Connection::open(&options.path).unwrap().execute_batch(sql).unwrap();
}

#[track_caller]
fn fails(result: Result<()>, class: Class, words: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.class, class, "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "no {word:?} in {error}"));
}

#[test]
fn without_checkpoints_rows_come_at_the_end_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let options = options(&dir, &[], Mode::Append, false);
    once(&options, &[(Some(1), 2), (None, 3)]).unwrap();
    once(&options, &[(Some(1), 2)]).unwrap();
    let mut sink = SqliteSink::new(options.clone());
    sink.open(Bytes::new()).unwrap();
    sink.write(&mut rows(&[(Some(7), 7)])).unwrap();
    sink.abort();
    assert_eq!(pairs(&options), [(None, 3), (Some(1), 2), (Some(1), 2)]);
    assert_eq!(fs::read_dir(options.path.parent().unwrap()).unwrap().count(), 1, "spools are left");
    once(&SqliteOptions { mode: Mode::Replace, ..options.clone() }, &[(Some(5), 5)]).unwrap();
    assert_eq!(pairs(&options), [(Some(5), 5)]);
    fails(once(&SqliteOptions { mode: Mode::New, ..options.clone() }, &[]), Class::Job, &["exists", "mode = \"repl"]);
}

#[test]
fn rows_with_a_key_take_the_place_of_their_equals_also_where_it_is_null() {
    let dir = TempDir::new().unwrap();
    let options = options(&dir, &["k"], Mode::Append, false);
    once(&options, &[(Some(1), 2), (None, 3), (Some(1), 4), (None, 5)]).unwrap();
    assert_eq!(pairs(&options), [(None, 5), (Some(1), 4)]);
    let all = SqliteOptions { table: "all".into(), key: vec!["v".into(), "k".into()], ..options };
    once(&all, &[(Some(1), 2), (None, 3), (Some(1), 2), (None, 3)]).unwrap();
    assert_eq!(pairs(&all), [(None, 3), (Some(1), 2)]);
}

#[test]
fn types_are_kept() {
    let dir = TempDir::new().unwrap();
    let decimal = DataType::Decimal { precision: 38, scale: 2 };
    let schema = Schema::new([
        ("a \"b\" ü", DataType::Boolean),
        ("select", DataType::Int),
        ("d", DataType::Double),
        ("m", decimal),
        ("s", DataType::String),
        ("t", DataType::Timestamp),
    ]);
    let mut columns: Vec<ColumnBuilder> = schema.fields.iter().map(|f| ColumnBuilder::new(f.ty, 2)).collect();
    for column in &mut columns {
        match column {
            ColumnBuilder::Boolean(b) => b.append_value(true),
            ColumnBuilder::Int(b) => b.append_value(i64::MIN),
            ColumnBuilder::Double(b) => b.append_value(f64::NEG_INFINITY),
            ColumnBuilder::Decimal(b, ..) => b.append_value(-10i128.pow(38) + 1),
            ColumnBuilder::String(b) => b.append_value("it's \"ü\"\n\0😀"),
            ColumnBuilder::Timestamp(b) => b.append_value(1_500_000),
            other => unreachable!("{other:?} is no column of the table"),
        }
        column.append_null();
    }
    let batch = Batch::new(columns.iter_mut().map(ColumnBuilder::finish).collect(), 2);
    let options = SqliteOptions { schema: schema.clone(), ..options(&dir, &["select"], Mode::New, false) };
    let mut sink = SqliteSink::new(options.clone());
    sink.open(Bytes::new()).unwrap();
    sink.write(&mut encoded(&batch, &schema)).unwrap();
    sink.commit().unwrap();
    let text = |t: &str| Sql::Text(t.to_owned());
    let first = vec![
        Sql::Integer(1),
        Sql::Integer(i64::MIN),
        Sql::Real(f64::NEG_INFINITY),
        text("-999999999999999999999999999999999999.99"),
        text("it's \"ü\"\n\0😀"),
        text("1970-01-01T00:00:01.500Z"),
    ];
    assert_eq!(dump(&options), [first, vec![Sql::Null; 6]]);
}

#[test]
fn tables_and_files_that_do_not_fit_are_refused() {
    let dir = TempDir::new().unwrap();
    let named =
        |table: &str, key: &[&str]| SqliteOptions { table: table.into(), ..options(&dir, key, Mode::Append, false) };
    let mine = named("mine", &["k"]);
    execute(
        &mine,
        "CREATE TABLE mine (k INTEGER, cuont INTEGER); CREATE TABLE loose (K INTEGER, v INTEGER);
        CREATE TABLE strict (k INTEGER PRIMARY KEY, v INTEGER CHECK (v < 9)); CREATE VIEW seen AS SELECT * FROM loose",
    );
    let counted = SqliteOptions { schema: Schema::new([("k", DataType::Int), ("count", DataType::Int)]), ..mine };
    fails(once(&counted, &[]), Class::Job, &["no column `count`", "did you mean `cuont`?"]);
    fails(once(&named("loose", &["k"]), &[]), Class::Job, &["no unique index", "CREATE UNIQUE INDEX"]);
    fails(once(&named("seen", &[]), &[]), Class::Job, &["it is a view"]);
    let strict = named("strict", &["k"]);
    fails(once(&strict, &[(Some(1), 1), (Some(2), 9)]), Class::Data, &["CHECK", "row 2", "k = 2, v = 9"]);
    fails(once(&strict, &[(None, 1)]), Class::Data, &["the key is null"]);
    assert_eq!(pairs(&strict), [], "nothing of a failed transaction stays");
    once(&named("loose", &[]), &[(Some(1), 1)]).unwrap();

    let text = SqliteOptions { path: dir.path().join("text"), ..named("t", &[]) };
    fs::write(&text.path, "this is a text and no database, and it is long enough to be looked at").unwrap();
    fails(once(&text, &[]), Class::Job, &["is not an SQLite database"]);
    let folder = SqliteOptions { path: dir.path().to_owned(), ..named("t", &[]) };
    fails(once(&folder, &[]), Class::Job, &["is a folder"]);
}

fn to_none<'a>(base: &'a Value, force: bool) -> Rewind<'a> {
    Rewind { to: None, later: &[], base: Some(base), force, ask: false }
}

#[test]
fn going_back_behind_committed_rows_is_refused() {
    let dir = TempDir::new().unwrap();
    let options = options(&dir, &[], Mode::Append, true);
    let mut sink = SqliteSink::new(options.clone());
    let mut committer = SqliteCommitter::new(options.clone());
    sink.open(Bytes::new()).unwrap();
    let base = sink.prepare(0, false).unwrap();
    assert!(base.pending.is_none());
    sink.write(&mut rows(&[(Some(1), 1)])).unwrap();
    let first = sink.prepare(1, false).unwrap();
    first.durable.unwrap()().unwrap();
    assert_eq!(committer.rewind(&to_none(&base.state, false)).unwrap(), Rewound::Done);
    fails(committer.commit(first.pending.as_ref().unwrap()), Class::External, &["is gone", "--fresh"]);

    sink.write(&mut rows(&[(Some(2), 2)])).unwrap();
    let second = sink.prepare(2, false).unwrap();
    committer.commit(second.pending.as_ref().unwrap()).unwrap();
    committer.commit(second.pending.as_ref().unwrap()).unwrap();
    assert_eq!(pairs(&options), [(Some(2), 2)]);
    let Rewound::Refused(words) = committer.rewind(&to_none(&base.state, false)).unwrap() else { panic!() };
    assert!(words.contains("checkpoint 2") && words.contains("o.db"), "{words}");
    let back = |to| Rewind { to: Some(to), later: &[], base: None, force: false, ask: false };
    assert!(matches!(committer.rewind(&back(&first.state)).unwrap(), Rewound::Refused(_)));
    assert_eq!(committer.rewind(&back(&second.state)).unwrap(), Rewound::Done);
    assert_eq!(committer.rewind(&to_none(&base.state, true)).unwrap(), Rewound::Done);
    let keyed = SqliteOptions { key: vec!["k".into()], ..options };
    assert_eq!(SqliteCommitter::new(keyed).rewind(&back(&first.state)).unwrap(), Rewound::Done);
}

#[test]
fn a_spool_that_was_changed_brings_nothing() {
    let dir = TempDir::new().unwrap();
    let options = options(&dir, &[], Mode::Append, true);
    let mut sink = SqliteSink::new(options.clone());
    sink.open(Bytes::new()).unwrap();
    sink.write(&mut rows(&[(Some(1), 1), (Some(2), 2)])).unwrap();
    let pending = sink.prepare(1, false).unwrap().pending.unwrap();
    let path = dir.path().join("state").join(pending["spool"].as_str().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[2] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut committer = SqliteCommitter::new(options.clone());
    fails(committer.commit(&pending), Class::External, &["not as it was written"]);
    execute(&options, "CREATE TABLE \"a \"\"quoted\"\" table\" (k, v)");
    assert_eq!(pairs(&options), []);
}

#[derive(Debug, Clone)]
struct Epoch {
    rows: Vec<(Option<i64>, i64)>,
    /// The process dies: before the checkpoint is complete, or before its commit.
    dies_unfinished: bool,
    dies_uncommitted: bool,
    commits: usize,
}

fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let row = (prop::option::weighted(0.8, 0..4i64), 0..100i64);
    let epoch = (prop::collection::vec(row, 0..5), any::<bool>(), any::<bool>(), 1..4usize).prop_map(
        |(rows, dies_unfinished, dies_uncommitted, commits)| Epoch { rows, dies_unfinished, dies_uncommitted, commits },
    );
    prop::collection::vec(epoch, 1..7)
}

fn model(epochs: &[Epoch], keyed: bool) -> Vec<(Option<i64>, i64)> {
    let rows = epochs.iter().flat_map(|e| e.rows.iter().copied());
    let mut all: Vec<_> = if keyed { rows.collect::<BTreeMap<_, _>>().into_iter().collect() } else { rows.collect() };
    all.sort();
    all
}

fn again(options: &SqliteOptions, state: &Value) -> SqliteSink {
    let mut sink = SqliteSink::new(options.clone());
    sink.restore(state, Bytes::new()).unwrap();
    sink
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_row_is_there_once_whatever_dies(epochs in epochs(), keyed: bool, replace: bool) {
        let dir = TempDir::new().unwrap();
        let mode = if replace { Mode::Replace } else { Mode::Append };
        let options = options(&dir, if keyed { &["k"] } else { &[] }, mode, true);
        if replace {
            once(&options, &[(Some(9), 9)]).unwrap();
        }
        let mut sink = SqliteSink::new(options.clone());
        sink.open(Bytes::new()).unwrap();
        let mut state = sink.prepare(0, false).unwrap().state;
        for (i, epoch) in epochs.iter().enumerate() {
            let (number, end) = (i as u64 + 1, i + 1 == epochs.len());
            if epoch.dies_unfinished {
                sink.write(&mut rows(&epoch.rows)).unwrap();
                sink.prepare(number, false).unwrap();
                sink.write(&mut rows(&[(Some(8), 8)])).unwrap();
                std::mem::forget(sink);
                sink = again(&options, &state);
            }
            sink.write(&mut rows(&epoch.rows)).unwrap();
            let prepared = sink.prepare(number, end).unwrap();
            prepared.durable.map_or(Ok(()), |durable| durable()).unwrap();
            state = prepared.state;
            if epoch.dies_uncommitted {
                sink.write(&mut rows(&[(Some(8), 8)])).unwrap();
                std::mem::forget(sink);
                sink = again(&options, &state);
            }
            for _ in 0..epoch.commits {
                if let Some(pending) = &prepared.pending {
                    SqliteCommitter::new(options.clone()).commit(pending).unwrap();
                }
            }
        }
        drop(sink);
        prop_assert_eq!(pairs(&options), model(&epochs, keyed));
        prop_assert_eq!(fs::read_dir(options.spools().unwrap()).map_or(0, |names| names.count()), 0);
    }
}
