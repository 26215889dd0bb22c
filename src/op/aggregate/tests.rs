//! The operators against the naive model of `tests/model.rs`, the rules one by one in `tests/cases.rs`, and the functions in
//! `tests/functions.rs` and `tests/examples.rs`.

mod cases;
mod examples;
mod functions;
mod model;

use std::collections::VecDeque;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringViewArray, UInt32Array};
use proptest::prelude::*;

use super::*;
use crate::data::{Batch, Column, Order};
use crate::expr::aggregate::{Divisor, Fraction};
use crate::op::{Flow, LATE, MAIN, Operator, Out, RowContext};
use model::{F, K, Model, Row, S, V};

pub const TYPES: [DataType; 5] = [DataType::Int, DataType::String, DataType::Int, DataType::Boolean, DataType::Double];

/// One value as the model writes it; a double that is a whole number as an int.
pub fn cell(column: &Column, row: usize) -> String {
    match column {
        column if column.is_null(row) => "null".into(),
        Column::Boolean(a) => i64::from(a.value(row)).to_string(),
        Column::Int(a) => a.value(row).to_string(),
        Column::Timestamp(a) => a.value(row).to_string(),
        Column::Double(a) => format!("{:?}", a.value(row)),
        Column::Decimal(a) => a.value_as_string(row),
        Column::String(a) => format!("{:?}", a.value(row)),
        Column::List(a) => {
            let (items, ends) = (crate::data::items_of(a), a.value_offsets());
            let items = (ends[row]..ends[row + 1]).map(|item| cell(&items, item as usize));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        other => other.display(row),
    }
}

pub fn line(columns: &[Column], row: usize) -> String {
    columns.iter().map(|c| cell(c, row)).collect::<Vec<_>>().join(" ")
}

/// The rows as a batch; the double column only holds whole numbers so that sums are exact in any order.
pub fn batch(rows: &[Row]) -> Batch {
    let columns = vec![
        Column::Int(rows.iter().map(|r| r.k).collect::<Int64Array>()),
        Column::String(rows.iter().map(|r| r.s.as_deref()).collect::<StringViewArray>()),
        Column::Int(rows.iter().map(|r| r.v).collect::<Int64Array>()),
        Column::Boolean(rows.iter().map(|r| r.f).collect::<BooleanArray>()),
        Column::Double(Float64Array::from_iter_values(rows.iter().map(|r| r.d as f64))),
    ];
    Batch { time: Some(rows.iter().map(|r| r.time).collect()), ..Batch::new(columns, rows.len()) }
}

/// Calls `step` until it is done.
pub fn drain(out: &mut Out, mut step: impl FnMut(&mut Out) -> Flow) {
    while step(out) == Flow::More {}
}

/// Rows of one block, of one of the inputs.
#[derive(Debug, Clone)]
struct Block {
    input: usize,
    rows: Vec<Row>,
    /// Where it is cut into batches.
    cuts: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Setting {
    parallelism: usize,
    pre: bool,
    /// `seen` only where the rules ask for it, or always.
    lazy_seen: bool,
    delay: i64,
}

/// Runs the real operators and returns what the gate behind them reads, the late rows and the count of dropped ones.
fn run(spec: &AggregateSpec, setting: &Setting, blocks: &[Block]) -> (Vec<String>, Vec<String>, u64) {
    let mut subtasks: Vec<_> = (0..setting.parallelism).map(|_| AggregateOperator::new(spec.clone())).collect();
    let mut pre = setting.pre.then(|| PreAggregate::new(spec.clone()));
    let (mut results, mut late) = (Vec::new(), Vec::new());
    let mut clock = Clock::new(setting.delay);
    for block in blocks {
        let context = RowContext { input: 0, watermark: clock.inputs[block.input], delay: setting.delay };
        let mut batches = batches(block, setting);
        if let Some(pre) = &mut pre {
            let mut out = Out::default();
            for batch in batches {
                let blind = RowContext { watermark: i64::MIN, ..context };
                pre.on_batch(batch, &blind, &mut out).unwrap();
            }
            drain(&mut out, |out| pre.on_block_end(i64::MIN, out).unwrap());
            batches = out.emitted.into_iter().map(|(_, batch)| batch).collect();
        }
        let mut outs: Vec<Out> = subtasks.iter().map(|_| Out::default()).collect();
        for batch in batches {
            for (i, part) in exchange(spec, &batch, setting.parallelism).into_iter().enumerate() {
                subtasks[i].on_batch(part, &context, &mut outs[i]).unwrap();
            }
        }
        let watermark = clock.advance(block.input, &block.rows);
        block_end(&mut subtasks, &mut outs, watermark);
        gate(outs, &mut results, &mut late);
    }
    let mut outs: Vec<Out> = subtasks.iter().map(|_| Out::default()).collect();
    block_end(&mut subtasks, &mut outs, i64::MAX);
    gate(outs, &mut results, &mut late);
    (results, late, subtasks.iter().map(|s| s.late_dropped()).sum())
}

fn block_end(subtasks: &mut [Box<dyn Operator>], outs: &mut [Out], watermark: i64) {
    for (subtask, out) in subtasks.iter_mut().zip(outs) {
        drain(out, |out| subtask.on_block_end(watermark, out).unwrap());
    }
}

/// Watermarks of the inputs and their minimum.
struct Clock {
    inputs: [i64; 2],
    delay: i64,
}

impl Clock {
    fn new(delay: i64) -> Clock {
        Clock { inputs: [i64::MIN; 2], delay }
    }

    fn advance(&mut self, input: usize, rows: &[Row]) -> i64 {
        if let Some(greatest) = rows.iter().map(|r| r.time).max() {
            self.inputs[input] = self.inputs[input].max(greatest - self.delay - 1);
        }
        self.inputs.into_iter().min().unwrap()
    }
}

/// Greatest time before each row.
fn seen(rows: &[Row]) -> Vec<i64> {
    let mut greatest = i64::MIN;
    let step = |row: &Row| {
        let before = greatest;
        greatest = before.max(row.time);
        before
    };
    rows.iter().map(step).collect()
}

fn batches(block: &Block, setting: &Setting) -> Vec<Batch> {
    let mut whole = batch(&block.rows);
    let seen = seen(&block.rows);
    let is_needed = seen.iter().zip(&block.rows).any(|(&seen, row)| row.time < seen.saturating_sub(setting.delay));
    if is_needed || !setting.lazy_seen {
        whole.seen = Some(seen.into());
    }
    let mut cuts: Vec<usize> = block.cuts.iter().map(|cut| cut % (whole.rows + 1)).collect();
    cuts.extend([0, whole.rows]);
    cuts.sort();
    cuts.windows(2).filter(|w| w[0] < w[1]).map(|w| whole.slice(w[0], w[1] - w[0])).collect()
}

/// The rows for each subtask.
fn exchange(spec: &AggregateSpec, batch: &Batch, parallelism: usize) -> Vec<Batch> {
    let keys = PreAggregate::key_columns(spec, batch.partial);
    let keys: Vec<&Column> = keys.into_iter().map(|k| &batch.columns[k]).collect();
    let encoded = crate::data::rowkey::RowKeys::encode(&keys, batch.rows);
    let target = |row: u32| crate::data::rowkey::key_group(encoded.get(row as usize), parallelism as u32) as usize;
    let rows = |i| (0..batch.rows as u32).filter(move |&row| target(row) == i);
    (0..parallelism).map(|i| batch.take(&UInt32Array::from_iter_values(rows(i)))).collect()
}

/// Merges the results of a block by [`Order::Key`], as an ordered gate does.
fn gate(outs: Vec<Out>, results: &mut Vec<String>, late: &mut Vec<String>) {
    let mut streams: Vec<VecDeque<(Vec<u8>, String)>> = Vec::new();
    for out in outs {
        let mut stream = VecDeque::new();
        for (output, batch) in out.emitted {
            if output == LATE {
                late.extend((0..batch.rows).map(|row| line(&batch.columns, row)));
                continue;
            }
            assert_eq!(output, MAIN);
            let Order::Key(keys) = &batch.order else { panic!("results carry their order") };
            stream.extend((0..batch.rows).map(|row| (keys.get(row).to_vec(), line(&batch.columns, row))));
        }
        assert!(stream.iter().zip(stream.iter().skip(1)).all(|(a, b)| a.0 < b.0), "sorted within the block");
        streams.push(stream);
    }
    while let Some(least) = streams.iter_mut().filter(|s| !s.is_empty()).min_by(|a, b| a[0].0.cmp(&b[0].0)) {
        results.extend(least.pop_front().map(|(_, line)| line));
    }
}

fn model(spec: &AggregateSpec, delay: i64, blocks: &[Block]) -> Model {
    let mut model = Model::default();
    let mut clock = Clock::new(delay);
    for block in blocks {
        let at_start = clock.inputs[block.input];
        for (row, seen) in block.rows.iter().zip(seen(&block.rows)) {
            model.row(spec, row, at_start.max(seen.saturating_sub(delay).saturating_sub(1)));
        }
        let watermark = clock.advance(block.input, &block.rows);
        model.block_end(spec, watermark);
    }
    model.block_end(spec, i64::MAX);
    model
}

pub fn call(function: AggregateFunction, arg: impl Into<Option<usize>>) -> Call {
    Call::new(function, arg.into().as_slice())
}

fn filtered(call: Call) -> Call {
    Call { filter: Some(F), ..call }
}

fn distinct(function: AggregateFunction, args: &[usize]) -> Call {
    Call { distinct: true, ..Call::new(function, args) }
}

/// Calls whose result does not depend on order.
fn order_free() -> Vec<Call> {
    use AggregateFunction::*;
    vec![
        call(CountRows, None),
        call(Sum, V),
        filtered(call(Sum, V)),
        call(Max, V),
        call(Min, S),
        call(Avg, V),
        filtered(call(CountRows, None)),
        call(Count, S),
        call(Min, F),
        call(Variance(Divisor::Sample), V),
        filtered(call(Stddev(Divisor::Population), K)),
        call(ApproxDistinct, V),
        filtered(call(ApproxDistinct, S)),
    ]
}

fn all_calls() -> Vec<Call> {
    use AggregateFunction::*;
    let p90 = Percentile(Fraction::parse("0.9").unwrap());
    let more = [
        call(First, V),
        call(Last, S),
        filtered(call(First, K)),
        call(Max, S),
        distinct(Count, &[V]),
        distinct(Count, &[S]),
        distinct(Count, &[S, K]),
        distinct(Sum, &[V]),
        distinct(Stddev(Divisor::Sample), &[V]),
        distinct(p90.clone(), &[K]),
        distinct(StringAgg("".into()), &[S]),
        filtered(distinct(Avg, &[K])),
        Call::new(ArgMin, &[S, V]),
        Call::new(ArgMax, &[V, S]),
        filtered(Call::new(ArgMax, &[K, V])),
        call(Percentile(Fraction::HALF), V),
        filtered(call(p90, V)),
        call(Mode, S),
        filtered(call(Mode, V)),
        call(StringAgg(", ".into()), S),
        filtered(call(StringAgg("-".into()), S)),
        call(ArrayAgg, V),
        filtered(call(ArrayAgg, S)),
        distinct(ArrayAgg, &[V]),
    ];
    order_free().into_iter().chain(more).collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        -30i64..30,
        prop::option::weighted(0.9, 0i64..4),
        prop::option::weighted(0.9, "[ab]{0,2}|a long text of more than twelve"),
        prop::option::weighted(0.8, -5i64..5),
        prop::option::weighted(0.8, any::<bool>()),
        0i64..3,
    );
    let row = row.prop_map(|(time, k, s, v, f, d)| Row { time, k, s, v, f, d });
    prop::collection::vec(row, 0..25)
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let block = (0usize..2, rows(), prop::collection::vec(0usize..30, 0..3), 0i64..25);
    prop::collection::vec(block, 0..12).prop_map(|blocks| {
        // Time goes on from block to block, with much disorder.
        let mut base = 0;
        let shifted = blocks.into_iter().map(|(input, mut rows, cuts, step)| {
            base += step;
            rows.iter_mut().for_each(|row| row.time += base);
            Block { input, rows, cuts }
        });
        shifted.collect()
    })
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1i64..25)
            .prop_flat_map(|size| (Just(size), -size + 1..size))
            .prop_map(|(size, offset)| Window::Tumbling { size, offset }),
        (1i64..25, 1i64..15)
            .prop_flat_map(|(size, slide)| (Just(size), Just(slide), -slide + 1..slide))
            .prop_map(|(size, slide, offset)| Window::Sliding { size, slide, offset }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn windows_follow_the_model(
        blocks in blocks(),
        window in windows(),
        keys in prop::sample::select(vec![vec![], vec![K], vec![S], vec![S, K], vec![K, F]]),
        delay in 0i64..20,
        lateness in prop_oneof![Just(0i64), 0i64..20],
        parallelism in 1usize..4,
        pre in any::<bool>(),
        lazy_seen in any::<bool>(),
        late_output in any::<bool>(),
    ) {
        let spec = AggregateSpec {
            input: TYPES.to_vec(),
            keys,
            key_names: Vec::new(),
            calls: if pre { order_free() } else { all_calls() },
            call_names: Vec::new(),
            window: Some(window),
            lateness,
            emit: Emit::Close,
            late_output: late_output && !pre,
            processing: false,
            sorted: true,
            ordered: true,
        };
        prop_assert_eq!(PreAggregate::is_possible(&spec), pre);
        let setting = Setting { parallelism, pre, lazy_seen, delay };
        let (results, mut late, dropped) = run(&spec, &setting, &blocks);
        let model = model(&spec, delay, &blocks);
        prop_assert_eq!(results, model.out);
        let mut expected: Vec<String> = model.late.iter().map(|r| line(&batch(std::slice::from_ref(r)).columns, 0)).collect();
        if spec.late_output {
            late.sort();
            expected.sort();
            prop_assert_eq!((late, dropped), (expected, 0));
        } else {
            prop_assert_eq!((late.len(), dropped), (0, expected.len() as u64));
        }
    }
}
