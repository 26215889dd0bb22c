//! State that does not fit is refused with words, never with a panic; and shapes as a user sees them.

use arrow_array::{Int64Array, TimestampMicrosecondArray};
use serde_json::{Value, json};

use super::{names, types};
use crate::data::Column;
use crate::op::Operator;
use crate::op::aggregate::{AggregateFunction, AggregateOperator, AggregateSpec, Call, Emit, Window};
use crate::op::limit::Limit;
use crate::op::sort::SortKey;
use crate::op::tests::rows::{K, S, V};
use crate::op::top::{Top, TopSpec};
use crate::state::table::Restored;

const SIZE: i64 = 10;

fn spec(window: Option<Window>, emit: Emit) -> AggregateSpec {
    use AggregateFunction::*;
    let calls = vec![
        Call::new(CountRows, &[]),
        Call::new(Sum, &[V]),
        Call::new(Avg, &[V]),
        Call::new(First, &[S]),
        Call { distinct: true, ..Call::new(Count, &[S]) },
    ];
    let texts = ["count(*)", "sum(v)", "avg(v)", "first(s)", "count(DISTINCT s)"];
    AggregateSpec {
        input: types(),
        keys: vec![K],
        key_names: vec!["card".to_owned()],
        calls,
        call_names: texts.map(str::to_owned).to_vec(),
        window,
        lateness: 0,
        emit,
        late_output: false,
        processing: false,
        sorted: true,
        ordered: false,
    }
}

fn top() -> Box<dyn Operator> {
    let order = vec![SortKey { column: V, descending: true, nulls_first: false }];
    let window = Some(Window::Tumbling { size: SIZE, offset: 0 });
    let (input, names) = (types(), names());
    Box::new(Top::new(TopSpec {
        input,
        names,
        by: vec![S],
        order,
        n: 3,
        window,
        ties: false,
        rank: true,
        processing: false,
        ordered: false,
    }))
}

fn windowed() -> Box<dyn Operator> {
    let window = Some(Window::Tumbling { size: SIZE, offset: 0 });
    AggregateOperator::new(spec(window, Emit::Close))
}

fn tables(operator: &dyn Operator) -> Vec<String> {
    let text = |shape: crate::state::table::TableShape| format!("{} {:?}: {}", shape.name, shape.key, shape.schema);
    operator.tables().into_iter().map(text).collect()
}

#[test]
fn tables_as_users_see_them() {
    let calls = "count(*) int, sum(v) int, sum(v).carry int, avg(v).sum int, avg(v).sum.carry int, avg(v).count int, \
                 first(s) string, first(s).time int, first(s).place int, count(DISTINCT s) int";
    let running = AggregateOperator::new(spec(None, Emit::Every(5)));
    assert_eq!(
        tables(&*running),
        [
            format!("groups [0]: card int, {calls}, changed boolean"),
            "groups_distinct_1 [0]: card int, value string".into()
        ]
    );
    let pane = "card int, pane_start timestamp, pane_end timestamp, side boolean";
    assert_eq!(
        tables(&*windowed()),
        [format!("panes [0]: {pane}, {calls}"), format!("panes_distinct_1 [0]: {pane}, value string")]
    );
    let rows = "rows [0]: s string, k int, v int, d double, m decimal(38,2), t timestamp, f boolean, \
                window_start timestamp, window_end timestamp, \
                b bytes, y date, i interval, j json, l list<int>, window_start_2 timestamp, window_end_2 timestamp";
    assert_eq!(tables(&*top()), [rows]);
}

fn scalars() -> Value {
    json!({ "watermark": 5, "fired_end": 6, "fired_start": 0, "place": 3, "late_dropped": 1, "late_by": 2 })
}

/// Rows of the table of panes, with these keys, starts and ends.
fn panes(keys: &[i64], starts: &[Option<i64>], ends: &[Option<i64>]) -> Vec<Column> {
    let shape = windowed().tables().remove(0);
    let mut columns: Vec<Column> = shape.schema.fields.iter().map(|f| Column::new_null(f.ty, keys.len())).collect();
    columns[0] = Column::Int(Int64Array::from(keys.to_vec()));
    columns[1] = Column::Timestamp(TimestampMicrosecondArray::from(starts.to_vec()));
    columns[2] = Column::Timestamp(TimestampMicrosecondArray::from(ends.to_vec()));
    columns[3] = Column::Boolean(vec![false; keys.len()].into());
    columns
}

fn refusal(mut operator: Box<dyn Operator>, table: &str, columns: Vec<Column>, scalars: Value) -> String {
    let state = Restored { subtask: 0, tables: [(table.to_owned(), columns)].into(), scalars: vec![scalars] };
    operator.restore(state).map_or_else(|error| error.message, |()| "taken".to_owned())
}

#[test]
fn what_does_not_fit_is_refused() {
    let of_panes = |columns| refusal(windowed(), "panes", columns, scalars());
    let (start, end) = (Some(20), Some(30));
    assert_eq!(of_panes(panes(&[1, 2], &[start; 2], &[end; 2])), "taken");
    assert_eq!(of_panes(panes(&[1, 1], &[start; 2], &[end; 2])), "a group is in its state more than once");
    assert_eq!(of_panes(panes(&[1], &[None], &[end])), "a row of its state has no pane");
    let elsewhere = "its state has a pane from 20 to 31 µs, which the job's windows do not have";
    assert_eq!(of_panes(panes(&[1], &[start], &[Some(31)])), elsewhere);
    assert!(of_panes(panes(&[1], &[Some(i64::MIN)], &[Some(i64::MIN)])).contains("do not have"));
    let taken = |scalars| refusal(windowed(), "panes", panes(&[1], &[start], &[end]), scalars);
    assert_eq!(taken(json!(null)), "its state has no `watermark`");
    assert_eq!(taken(json!({ "watermark": "x" })), "`watermark` of its state is \"x\", not a number");
    let values = panes(&[1], &[start], &[end]);
    let value = Column::new_null(crate::data::DataType::String, 1);
    let values = values.into_iter().take(4).chain([value]).collect();
    let no_pane = "its state has values of a pane that is not there";
    assert_eq!(refusal(windowed(), "panes_distinct_1", values, scalars()), no_pane);
}

#[test]
fn state_of_other_columns_is_refused() {
    let column = || Column::Int(vec![1].into());
    assert_eq!(
        refusal(top(), "rows", vec![column()], json!({})),
        "the table `rows` of its state has 1 columns, not 16"
    );
    let running = AggregateOperator::new(spec(None, Emit::Close));
    assert_eq!(
        refusal(running, "groups_distinct_1", vec![column(), column()], json!({ "place": 1, "period": null })),
        "column `value` of the table `groups_distinct_1` of its state is int, not string"
    );
    assert_eq!(refusal(Box::new(Limit::new(3)), "none", Vec::new(), json!({})), "its state has no `left`");
}

#[test]
fn counters_go_to_the_first_subtask() {
    for (subtask, late) in [(0, (2, 2)), (1, (0, 0))] {
        let mut operator = windowed();
        let state = Restored { subtask, scalars: vec![scalars(), scalars()], ..Restored::default() };
        operator.restore(state).unwrap();
        assert_eq!((operator.late_dropped(), operator.late_by()), late);
    }
}

/// Run it with `cargo test --release -- --ignored --nocapture freeze_speed`.
#[test]
#[ignore = "a measurement"]
fn freeze_speed() {
    use crate::data::{Batch, DataType};
    use crate::op::{Out, RowContext};
    let calls = vec![Call::new(AggregateFunction::CountRows, &[])];
    let spec = AggregateSpec {
        input: vec![DataType::Int],
        keys: vec![0],
        calls,
        call_names: vec!["count(*)".to_owned()],
        ..spec(None, Emit::Close)
    };
    let mut operator = AggregateOperator::new(spec);
    let keys: Vec<i64> = (0..1_000_000).map(|i| i * 7919 % 1_000_003).collect();
    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    for keys in keys.chunks(8192) {
        let batch = Batch::new(vec![Column::Int(keys.to_vec().into())], keys.len());
        operator.on_batch(batch, &context, &mut Out::default()).unwrap();
    }
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let frozen = operator.freeze(true);
        println!("a freeze of 1 million groups: {:?}", start.elapsed());
        drop(frozen);
    }
}
