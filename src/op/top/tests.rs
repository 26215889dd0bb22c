//! `top` against a model that sorts all rows of each group and cuts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::data::{Column, Order, rowkey::RowKeys};
use crate::op::{MAIN, window::window_start};

const INPUT: [DataType; 4] = [DataType::Int, DataType::String, DataType::Int, DataType::Int];

/// `place` is the row's place in the input.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    time: i64,
    key: Option<i64>,
    name: String,
    value: Option<i64>,
    place: i64,
}

fn batch(rows: &[Row]) -> Batch {
    let columns = vec![
        Column::Int(rows.iter().map(|r| r.key).collect()),
        Column::String(rows.iter().map(|r| Some(r.name.as_str())).collect()),
        Column::Int(rows.iter().map(|r| r.value).collect()),
        Column::Int(rows.iter().map(|r| Some(r.place)).collect()),
    ];
    let mut batch = Batch::new(columns, rows.len());
    batch.time = Some(rows.iter().map(|r| r.time).collect());
    batch
}

fn int(column: &Column, row: usize) -> i64 {
    match column {
        Column::Int(a) => a.value(row),
        Column::Timestamp(a) => a.value(row),
        other => panic!("{other:?}"),
    }
}

fn spec(by: &[usize], n: u64, window: Option<Window>, ties: bool) -> TopSpec {
    let order = vec![SortKey { column: 2, descending: true, nulls_first: false }];
    let (input, names) = (INPUT.to_vec(), Vec::new());
    TopSpec { input, names, by: by.to_vec(), order, n, window, ties, rank: true, processing: false, ordered: true }
}

/// Runs blocks of `block` rows in batches of `part`; lateness by a delay of `delay` µs.
fn run(spec: &TopSpec, rows: &[Row], block: usize, part: usize, delay: i64, local: bool) -> (Vec<Batch>, u64) {
    let mut top = Top::new(spec.clone());
    let mut before = TopLocal::new(spec.clone());
    let mut out = Out::default();
    let mut watermark = i64::MIN;
    for block in rows.chunks(block) {
        let context = RowContext { input: 0, watermark, delay };
        let seen: Vec<i64> = block
            .iter()
            .scan(i64::MIN, |max, row| {
                let seen = *max;
                *max = seen.max(row.time);
                Some(seen)
            })
            .collect();
        let behind = block.iter().zip(&seen).any(|(row, seen)| *seen > i64::MIN && seen - row.time > delay);
        for (part, seen) in block.chunks(part).zip(seen.chunks(part)) {
            let mut batch = batch(part);
            batch.seen = behind.then(|| seen.to_vec().into());
            let mut passed = Out::default();
            if local {
                before.on_batch(batch, &context, &mut passed).unwrap();
            } else {
                passed.emit(MAIN, batch);
            }
            for (_, batch) in passed.emitted {
                top.on_batch(batch, &context, &mut out).unwrap();
            }
        }
        let greatest = block.iter().map(|r| r.time).max().unwrap();
        watermark = watermark.max(greatest - delay - 1);
        while top.on_block_end(watermark, &mut out).unwrap() == Flow::More {}
    }
    while top.on_block_end(i64::MAX, &mut out).unwrap() == Flow::More {}
    while top.finish(&mut out).unwrap() == Flow::More {}
    (out.emitted.into_iter().map(|(_, b)| b).collect(), top.late_dropped())
}

/// Results as (window end, window start, place, rank).
fn results(batches: &[Batch], windowed: bool) -> Vec<(i64, i64, i64, i64)> {
    let mut rows = Vec::new();
    for b in batches {
        for i in 0..b.rows {
            let rank = int(b.columns.last().unwrap(), i);
            let window = if windowed { (int(&b.columns[5], i), int(&b.columns[4], i)) } else { (0, 0) };
            rows.push((window.0, window.1, int(&b.columns[3], i), rank));
        }
    }
    rows
}

/// The model: (results, late rows).
fn model(spec: &TopSpec, rows: &[Row], delay: i64) -> (Vec<(i64, i64, i64, i64)>, u64) {
    type Group = (i64, i64, Option<Option<i64>>, Option<String>);
    let mut groups: BTreeMap<Group, Vec<&Row>> = BTreeMap::new();
    let (mut late, mut greatest) = (0, i64::MIN);
    for row in rows {
        let starts: Vec<i64> = match spec.window {
            Some(Window::Tumbling { size, offset }) => vec![window_start(row.time, offset, size)],
            Some(Window::Sliding { size, slide, offset }) => {
                let newest = window_start(row.time, offset, slide);
                (0..).map(|i| newest - i * slide).take_while(|s| *s > row.time - size).collect()
            }
            _ => vec![0],
        };
        let size = match spec.window {
            Some(Window::Tumbling { size, .. } | Window::Sliding { size, .. }) => size,
            _ => 0,
        };
        let watermark = if greatest == i64::MIN || size == 0 { i64::MIN } else { greatest - delay - 1 };
        let open: Vec<i64> = starts.iter().copied().filter(|s| s + size - 1 > watermark).collect();
        late += u64::from(open.is_empty() && !starts.is_empty());
        for start in open {
            let key = spec.by.contains(&0).then_some(row.key);
            let name = spec.by.contains(&1).then(|| row.name.clone());
            let end = if size == 0 { 0 } else { start + size };
            groups.entry((end, start, key, name)).or_default().push(row);
        }
        greatest = greatest.max(row.time);
    }
    let mut results = Vec::new();
    for ((end, start, ..), mut rows) in groups {
        rows.sort_by_key(|r| (r.value.is_none(), std::cmp::Reverse(r.value)));
        for (i, row) in rows.iter().enumerate() {
            let rank = 1 + if spec.ties { rows.iter().position(|r| r.value == row.value).unwrap() } else { i };
            if rank as u64 <= spec.n {
                results.push((end, start, row.place, rank as i64));
            }
        }
    }
    (results, late)
}

fn rows_strategy() -> impl Strategy<Value = Vec<Row>> {
    let row = (0i64..6, prop::option::of(0i64..3), 0usize..3, prop::option::of(0i64..6));
    // Columns without nulls take ways of their own.
    (prop::collection::vec(row, 1..120), any::<bool>()).prop_map(|(rows, nulls)| {
        let names = ["", "ab", "longer than twelve bytes"];
        let mut base = 0;
        let mut place = -1;
        let next = |(jitter, key, name, value): (i64, Option<i64>, usize, Option<i64>)| {
            base += 1;
            place += 1;
            Row {
                time: base - jitter * 2,
                key,
                name: names[name].into(),
                value: if nulls { value } else { value.or(Some(3)) },
                place,
            }
        };
        rows.into_iter().map(next).collect()
    })
}

fn window_strategy() -> impl Strategy<Value = Option<Window>> {
    prop_oneof![
        Just(None),
        (1i64..20, -3i64..4).prop_map(|(size, offset)| Some(Window::Tumbling { size, offset: offset % size })),
        (1i64..20, 1i64..20).prop_map(|(size, slide)| Some(Window::Sliding { size, slide, offset: 0 })),
    ]
}

proptest! {
    #[test]
    fn like_sorting_each_group_and_cutting(
        rows in rows_strategy(),
        by in prop::sample::subsequence(vec![0usize, 1], 0..=2),
        n in 1u64..6,
        window in window_strategy(),
        ties in any::<bool>(),
        (block, part) in (1usize..50, 1usize..30),
        delay in 0i64..12,
        local in any::<bool>(),
        by_name in any::<bool>(),
    ) {
        let mut spec = spec(&by, n, window, ties);
        if by_name {
            // A key that never decides, so heads are not exact.
            spec.order.push(SortKey { column: 3, descending: false, nulls_first: false });
            spec.ties = false;
        }
        let (batches, late) = run(&spec, &rows, block, part, delay, local);
        let (expected, expected_late) = model(&spec, &rows, delay);
        prop_assert_eq!(results(&batches, window.is_some()), expected);
        if !local {
            prop_assert_eq!(late, expected_late);
        }
        // The keys that a gate merges by rise strictly, but for ties.
        let keys: Vec<(Vec<u8>, i64)> = batches.iter().flat_map(|b| {
            let Order::Key(keys) = &b.order else { panic!("no keys") };
            (0..b.rows).map(|i| (keys.get(i).to_vec(), int(b.columns.last().unwrap(), i))).collect::<Vec<_>>()
        }).collect();
        prop_assert!(keys.windows(2).all(|w| w[0].0 < w[1].0 || spec.ties && w[0] == w[1]));
        for b in &batches {
            if window.is_some() {
                prop_assert!(b.time.as_ref().unwrap().iter().all(|t| *t == int(&b.columns[5], 0) - 1));
            }
        }
    }
}

/// Rows of (key, count, window start, window end), as a sliding count per key emits them.
fn attached(rows: &[(i64, i64, i64, i64)]) -> Batch {
    let ts = |f: fn(&(i64, i64, i64, i64)) -> i64| Column::Timestamp(rows.iter().map(f).collect::<Vec<_>>().into());
    let ints = |f: fn(&(i64, i64, i64, i64)) -> i64| Column::Int(rows.iter().map(f).collect::<Vec<_>>().into());
    let mut batch = Batch::new(vec![ints(|r| r.0), ints(|r| r.1), ts(|r| r.2), ts(|r| r.3)], rows.len());
    batch.time = Some(rows.iter().map(|r| r.3 - 1).collect());
    batch
}

fn attached_spec(n: u64) -> TopSpec {
    TopSpec {
        input: vec![DataType::Int, DataType::Int, DataType::Timestamp, DataType::Timestamp],
        names: Vec::new(),
        by: vec![2, 3],
        order: vec![SortKey { column: 1, descending: true, nulls_first: false }],
        n,
        window: Some(Window::Attached { start: 2, end: 3 }),
        ties: true,
        rank: false,
        processing: false,
        ordered: true,
    }
}

#[test]
fn attached_windows_close_with_the_windows_of_the_input() {
    let mut top = Top::new(attached_spec(1));
    let mut out = Out::default();
    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    let rows = [(7, 3, 0, 10), (8, 5, 0, 10), (9, 5, 0, 10), (7, 1, 2, 12)];
    top.on_batch(attached(&rows), &context, &mut out).unwrap();
    assert_eq!(top.on_block_end(8, &mut out).unwrap(), Flow::Done);
    assert!(out.emitted.is_empty());
    assert_eq!(top.on_block_end(9, &mut out).unwrap(), Flow::Done);
    let (_, batch) = out.emitted.pop_front().unwrap();
    assert_eq!((batch.rows, batch.columns.len()), (2, 4));
    assert_eq!((int(&batch.columns[0], 0), int(&batch.columns[0], 1)), (8, 9));
    assert_eq!(batch.time.unwrap().to_vec(), [9, 9]);
    // A result that comes once its window has closed (an update of a late row) is late.
    let context = RowContext { watermark: 9, ..context };
    top.on_batch(attached(&[(7, 9, 0, 10), (8, 4, 2, 12)]), &context, &mut out).unwrap();
    assert_eq!(top.late_dropped(), 1);
    top.on_block_end(i64::MAX, &mut out).unwrap();
    assert_eq!(int(&out.emitted[0].1.columns[1], 0), 4);
}

#[test]
fn keys_of_attached_windows_start_with_the_window() {
    let mut top = Top::new(attached_spec(1));
    let mut out = Out::default();
    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    top.on_batch(attached(&[(7, 3, 0, 10)]), &context, &mut out).unwrap();
    top.finish(&mut out).unwrap();
    let Order::Key(keys) = &out.emitted[0].1.order else { panic!("no keys") };
    let row = attached(&[(1, 1, 0, 10)]).columns;
    assert_eq!(keys, &RowKeys::encode(&[&row[3], &row[2], &row[0]], 1));
}

#[test]
fn a_large_n_is_emitted_in_bounded_batches() {
    let spec = TopSpec { rank: true, ..spec(&[], 20_000, None, false) };
    let rows: Vec<Row> = (0..60_000)
        .map(|i| Row { time: i, key: None, name: "x".into(), value: Some(i * 7_919 % 60_000), place: i })
        .collect();
    let (batches, _) = run(&spec, &rows, 8_192, 8_192, 0, false);
    assert_eq!(batches.iter().map(|b| b.rows).collect::<Vec<_>>(), [8_192, 8_192, 20_000 - 2 * 8_192]);
    let values: Vec<i64> = batches.iter().flat_map(|b| (0..b.rows).map(|i| int(&b.columns[2], i))).collect();
    assert_eq!(values, (40_000..60_000).rev().collect::<Vec<_>>());
    // Without window the rows keep their own time.
    assert_eq!(batches[0].time.as_ref().unwrap()[0], int(&batches[0].columns[3], 0));
}

#[test]
fn rows_that_lost_do_not_pile_up() {
    let mut top = Top::new(spec(&[0], 2, None, false));
    let mut out = Out::default();
    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    for i in 0..200i64 {
        // Ever better rows of ever the same 50 keys.
        let rows: Vec<Row> = (0..1_000)
            .map(|j| Row {
                time: 0,
                key: Some(j % 50),
                name: "a text longer than a view".into(),
                value: Some(i * 1_000 + j),
                place: 0,
            })
            .collect();
        top.on_batch(batch(&rows), &context, &mut out).unwrap();
    }
    let stored = top.windows.values().map(Groups::stored_rows).sum::<usize>();
    assert!(stored < 5_000, "{stored} rows stored for 100 results");
}

#[test]
fn many_rows_that_tie_take_linear_time() {
    let spec = TopSpec { ties: true, ..spec(&[], 1, None, true) };
    let rows: Vec<Row> =
        (0..200_000).map(|i| Row { time: i, key: None, name: "".into(), value: Some(1), place: i }).collect();
    let (batches, _) = run(&spec, &rows, 8_192, 8_192, 0, true);
    assert_eq!(batches.iter().map(|b| b.rows).sum::<usize>(), 200_000);
}

/// `cargo test --release --lib top_speed -- --ignored --nocapture` prints CPU time per row for counts per auction and
/// window: few tie for the best.
#[test]
#[ignore = "a measurement"]
fn top_speed() {
    let cpu = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
    };
    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
    let rows: Vec<_> =
        (0..8_192i64).map(|i| (i, 1 + (i * 7_919 % 8_191).pow(4) / 8_191i64.pow(3) / 40, 0, 10)).collect();
    let batch = attached(&rows);
    let per_row = |operator: &mut dyn Operator, batch: &Batch| {
        let mut least = f64::MAX;
        for _ in 0..20 {
            let start = cpu();
            for _ in 0..20 {
                operator.on_batch(batch.clone(), &context, &mut Out::default()).unwrap();
            }
            least = least.min((cpu() - start) / (20 * batch.rows) as f64);
        }
        least
    };
    for (name, n, ties, keys) in
        [("ties", 1, true, 1), ("no ties", 1, false, 1), ("two keys", 1, false, 2), ("best 10", 10, false, 1)]
    {
        let mut spec = TopSpec { ties, ..attached_spec(n) };
        if keys == 2 {
            spec.order.push(SortKey { column: 0, descending: false, nulls_first: false });
        }
        println!("{name}: local {:.2} ns per row", per_row(&mut TopLocal::new(spec.clone()), &batch));
        println!("{name}: alone {:.2} ns per row", per_row(&mut Top::new(spec.clone()), &batch));
        let keyed = TopSpec { by: vec![0, 2, 3], ..spec };
        println!("{name}: alone, by a key {:.2} ns per row", per_row(&mut Top::new(keyed), &batch));
    }
}
