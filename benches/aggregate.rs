//! Cost per input row of aggregation, without reading or exchange: `cargo bench --bench aggregate`.
//!
//! Each line is the best of five runs over 5 million rows in blocks of 8,192, in nanoseconds of the thread's CPU time
//! per row.

use arrow_array::{Int64Array, StringViewArray};
use flott::data::{Batch, Column, DataType};
use flott::expr::aggregate::AggregateFunction::{self, *};
use flott::expr::aggregate::{Divisor, Fraction};
use flott::op::aggregate::{AggregateOperator, AggregateSpec, Call, Emit, PreAggregate, Window};
use flott::op::{Flow, Operator, Out, RowContext};

const ROWS: usize = 5_000_000;
const BLOCK: usize = 8_192;
const SECOND: i64 = 1_000_000;

/// Columns of the input: int key, string key, price, another int.
struct Input {
    blocks: Vec<Batch>,
}

/// `keys(row)` gives the key of a row; rows are 100 µs apart in event time. Text takes long to make.
fn input(text: bool, keys: impl Fn(u64) -> u64) -> Input {
    let mut blocks = Vec::new();
    for start in (0..ROWS).step_by(BLOCK) {
        let rows = start as u64..ROWS.min(start + BLOCK) as u64;
        let key = |row: u64| keys(row) as i64;
        let columns = vec![
            Column::Int(Int64Array::from_iter_values(rows.clone().map(key))),
            Column::String(StringViewArray::from_iter_values(
                rows.clone().map(|r| if text { format!("channel-{:07}", key(r)) } else { String::new() }),
            )),
            Column::Int(Int64Array::from_iter_values(rows.clone().map(|r| (mix(r) >> 40) as i64))),
            Column::Int(Int64Array::from_iter_values(rows.clone().map(|r| (mix(r) >> 44) as i64))),
        ];
        let time = rows.clone().map(|r| r as i64 * 100).collect();
        let len = (rows.end - rows.start) as usize;
        blocks.push(Batch { time: Some(time), ..Batch::new(columns, len) });
    }
    Input { blocks }
}

fn mix(row: u64) -> u64 {
    let x = (row ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn spec(keys: &[usize], calls: &[(AggregateFunction, Option<usize>)], window: Option<Window>) -> AggregateSpec {
    let call = |(function, arg): &(AggregateFunction, Option<usize>)| Call::new(function.clone(), arg.as_slice());
    AggregateSpec {
        input: vec![DataType::Int, DataType::String, DataType::Int, DataType::Int],
        keys: keys.to_vec(),
        key_names: Vec::new(),
        calls: calls.iter().map(call).collect(),
        call_names: vec!["call".into(); calls.len()],
        window,
        lateness: 0,
        emit: Emit::Close,
        late_output: false,
        processing: false,
        sorted: true,
        ordered: false,
    }
}

/// Runs all blocks through the operators and returns seconds and rows of the result.
fn run(spec: &AggregateSpec, pre: bool, input: &Input) -> (f64, usize) {
    let start = cpu_seconds();
    let mut operator = AggregateOperator::new(spec.clone());
    let mut pre = pre.then(|| PreAggregate::new(spec.clone()));
    let mut results = 0;
    let (mut between, mut out) = (Out::default(), Out::default());
    let mut context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    let mut count = |out: &mut Out| results += out.emitted.drain(..).map(|(_, b)| b.rows).sum::<usize>();
    for block in &input.blocks {
        match &mut pre {
            Some(pre) => {
                pre.on_batch(block.clone(), &context, &mut between).unwrap();
                while pre.on_block_end(i64::MIN, &mut between).unwrap() == Flow::More {}
            }
            None => between.emitted.push_back((0, block.clone())),
        }
        for (_, batch) in between.emitted.drain(..) {
            operator.on_batch(batch, &context, &mut out).unwrap();
        }
        context.watermark = block.time.as_ref().map_or(i64::MIN, |t| t[block.rows - 1] - 1);
        while operator.on_block_end(context.watermark, &mut out).unwrap() == Flow::More {
            count(&mut out);
        }
    }
    while operator.on_block_end(i64::MAX, &mut out).unwrap() == Flow::More {
        count(&mut out);
    }
    while operator.finish(&mut out).unwrap() == Flow::More {
        count(&mut out);
    }
    count(&mut out);
    (cpu_seconds() - start, results)
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn report(name: &str, spec: &AggregateSpec, input: &Input) {
    for pre in [false, true].into_iter().filter(|&pre| !pre || PreAggregate::is_possible(spec)) {
        let runs: Vec<(f64, usize)> = (0..5).map(|_| run(spec, pre, input)).collect();
        let best = runs.iter().map(|r| r.0).fold(f64::MAX, f64::min);
        let how = if pre { "pre-aggregated" } else { "plain" };
        println!("{name:44} {how:14} {:6.1} ns/row, {} results", best * 1e9 / ROWS as f64, runs[0].1);
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let report = |name: &str, spec: AggregateSpec, input: &Input| {
        if name.contains(&filter) {
            report(name, &spec, input);
        }
    };
    let tumbling = Some(Window::Tumbling { size: 10 * SECOND, offset: 0 });
    let sliding = Some(Window::Sliding { size: 10 * SECOND, slide: 2 * SECOND, offset: 0 });
    let count = [(CountRows, None)];
    let three = [(CountRows, None), (Sum, Some(2)), (Max, Some(2))];

    // Each key comes four times in a block.
    let four = input(false, |row| mix(row / BLOCK as u64 * 65_536 + row % (BLOCK as u64 / 4)) % 100_000);
    report("count, sum, max by int, 4 rows a group", spec(&[0], &three, None), &four);
    // Keys drift, as auctions do: half of the rows go to the newest hundred.
    let drift =
        input(false, |row| if row % 2 == 0 { row / 20 + mix(row) % 10_000 } else { row / 2000 * 100 + mix(row) % 100 });
    report("tumbling 10 s count by int", spec(&[0], &count, tumbling), &drift);
    report("sliding 10 s by 2 s count by int", spec(&[0], &count, sliding), &drift);
    report("sliding 10 s by 2 s three calls by int", spec(&[0], &three, sliding), &drift);
    let few = input(true, |row| mix(row) % 10_000);
    report("count, sum, max by int, 10,000 keys", spec(&[0], &three, None), &few);
    report("count, sum, max by string, 10,000 keys", spec(&[1], &three, None), &few);
    report("count, sum, max by two columns", spec(&[0, 1], &three, None), &few);
    report("tumbling 10 s count by string", spec(&[1], &count, tumbling), &few);
    report("avg, min by int, 10,000 keys", spec(&[0], &[(Avg, Some(2)), (Min, Some(3))], None), &few);
    let one = |function| [(function, Some(2))];
    let p90 = Percentile(Fraction::parse("0.9").expect("a fraction"));
    for (name, function) in [
        ("stddev of ints", Stddev(Divisor::Sample)),
        ("percentile", p90),
        ("approx_distinct", ApproxDistinct),
        ("mode", Mode),
        ("array_agg", ArrayAgg),
    ] {
        report(&format!("{name} by int, 10,000 keys"), spec(&[0], &one(function.clone()), None), &few);
        report(&format!("{name}, sliding 10 s by 2 s"), spec(&[0], &one(function), sliding), &few);
    }
    let many = input(false, |row| mix(row) % 1_000_000);
    report("count, sum, max by int, 1,000,000 keys", spec(&[0], &three, None), &many);
}
