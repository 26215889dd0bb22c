//! Rules one by one.

use arrow_array::{Decimal128Array, TimestampMicrosecondArray};

use super::*;
use crate::error::{Class, Error};
use AggregateFunction::*;

pub const NOWHERE: RowContext = RowContext { input: 0, watermark: i64::MIN, delay: 0 };

pub fn spec(input: &[DataType], keys: &[usize], calls: Vec<Call>) -> AggregateSpec {
    AggregateSpec {
        input: input.to_vec(),
        keys: keys.to_vec(),
        key_names: Vec::new(),
        call_names: calls.iter().map(|call| call.function.text(call.distinct, &["x".to_owned()], None)).collect(),
        calls,
        window: None,
        lateness: 0,
        emit: Emit::Close,
        late_output: false,
        processing: false,
        sorted: true,
        ordered: false,
    }
}

pub fn ints(values: &[Option<i64>]) -> Column {
    Column::Int(Int64Array::from(values.to_vec()))
}

pub fn decimals(values: &[i128], precision: u8, scale: i8) -> Column {
    Column::Decimal(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
}

pub fn doubles(values: &[f64]) -> Column {
    Column::Double(Float64Array::from(values.to_vec()))
}

pub fn lines(out: Out) -> Vec<String> {
    out.emitted.iter().flat_map(|(_, b)| (0..b.rows).map(|row| line(&b.columns, row)).collect::<Vec<_>>()).collect()
}

pub fn to_end(operator: &mut dyn Operator, out: &mut Out) -> Result<(), Error> {
    while operator.on_block_end(i64::MAX, out)? == Flow::More {}
    while operator.finish(out)? == Flow::More {}
    Ok(())
}

/// The results of a spec over one batch; with `times`, rows have an event time.
pub fn results(spec: AggregateSpec, columns: Vec<Column>, times: Option<Vec<i64>>) -> Result<Vec<String>, Error> {
    let mut operator = AggregateOperator::new(spec);
    let mut out = Out::default();
    let rows = columns.first().map_or(0, Column::len);
    let batch = Batch { time: times.map(Into::into), ..Batch::new(columns, rows) };
    operator.on_batch(batch, &NOWHERE, &mut out)?;
    to_end(&mut *operator, &mut out)?;
    Ok(lines(out))
}

/// The result of one call over a column without keys.
pub fn one(function: AggregateFunction, column: Column) -> Result<String, Error> {
    let spec = spec(&[column.data_type()], &[], vec![call(function, 0)]);
    Ok(results(spec, vec![column], None)?.remove(0))
}

#[test]
fn values_of_calls() {
    let nan = f64::NAN;
    let check = |function: AggregateFunction, column: Column, expected: &str| {
        assert_eq!(one(function.clone(), column.clone()).unwrap(), expected, "{function:?} of {column:?}");
    };
    check(Sum, ints(&[Some(i64::MAX), Some(1), Some(-1)]), &i64::MAX.to_string());
    check(Sum, ints(&[None, None]), "null");
    check(Count, ints(&[None, Some(1)]), "1");
    check(Avg, ints(&[Some(i64::MAX), Some(i64::MAX)]), &format!("{:?}", i64::MAX as f64));
    check(Avg, ints(&[Some(1), None, Some(2)]), "1.5");
    check(Avg, doubles(&[1.0, 2.5]), "1.75");
    check(Sum, decimals(&[1234, 1], 12, 2), "12.35");
    // Six digits at least, half away from zero.
    check(Avg, decimals(&[100, 0, 0], 12, 2), "0.333333");
    check(Avg, decimals(&[200, 0, 0], 12, 2), "0.666667");
    check(Avg, decimals(&[-200, 0, 0], 12, 2), "-0.666667");
    check(Avg, decimals(&[1, 0], 12, 6), "0.000001");
    check(Max, doubles(&[1.0, nan, 2.0]), "NaN");
    check(Min, doubles(&[nan, -0.0]), "0.0");
    check(Min, doubles(&[nan, f64::NEG_INFINITY]), "-inf");
    check(Min, ints(&[Some(i64::MAX)]), &i64::MAX.to_string());
    check(Max, decimals(&[-5, -7], 3, 1), "-0.5");
    check(Max, Column::Boolean(vec![Some(false), None].into()), "0");
    check(Max, Column::String(StringViewArray::from(vec![Some(""), None])), "\"\"");
    check(Min, Column::Timestamp(TimestampMicrosecondArray::from(vec![5, -5])), "-5");
    check(First, ints(&[None, Some(1)]), "null");
    check(Last, ints(&[None, Some(1)]), "1");
    check(Last, doubles(&[1.0, -0.5]), "-0.5");
    check(First, decimals(&[7, 8], 3, 0), "7");
}

#[test]
fn overflow_names_the_call() {
    let error = one(Sum, ints(&[Some(i64::MAX), Some(1)])).unwrap_err();
    assert_eq!(error.class, Class::Data);
    assert_eq!(error.message, "sum(x): the sum, 9223372036854775808, does not fit an int (64 bits)");
    let most = 10i128.pow(38) - 1;
    assert!(one(Sum, decimals(&[most, 1], 38, 0)).unwrap_err().message.contains("decimal(38,0)"));
    assert_eq!(one(Sum, decimals(&[most, 1, -1], 38, 0)).unwrap(), most.to_string());
    assert!(one(Avg, decimals(&[most], 38, 0)).unwrap_err().message.contains("more than 38 digits"));
}

#[test]
fn partial_sums_that_do_not_fit_go_on_as_rows() {
    let spec = spec(&[DataType::Int], &[], vec![call(Sum, 0)]);
    let mut pre = PreAggregate::new(spec.clone());
    let mut between = Out::default();
    pre.on_batch(Batch::new(vec![ints(&[Some(i64::MAX), Some(1)])], 2), &NOWHERE, &mut between).unwrap();
    pre.on_block_end(0, &mut between).unwrap();
    pre.on_batch(Batch::new(vec![ints(&[Some(-1)])], 1), &NOWHERE, &mut between).unwrap();
    pre.on_block_end(0, &mut between).unwrap();
    assert_eq!(between.emitted.iter().map(|(_, b)| b.partial).collect::<Vec<_>>(), [false, true]);
    let (mut operator, mut out) = (AggregateOperator::new(spec), Out::default());
    for (_, batch) in between.emitted {
        operator.on_batch(batch, &NOWHERE, &mut out).unwrap();
    }
    to_end(&mut *operator, &mut out).unwrap();
    assert_eq!(lines(out), [i64::MAX.to_string()]);
}

/// The table `Bid` of Flink's documentation of window table-valued functions.
#[test]
fn flinks_bids() {
    const MINUTE: i64 = 60_000_000;
    let bids = [(5, 400), (7, 200), (9, 500), (11, 300), (13, 100), (17, 600)];
    let run = |window| {
        let price = DataType::Decimal { precision: 10, scale: 2 };
        let spec = AggregateSpec { window: Some(window), ..spec(&[price], &[], vec![call(Sum, 0)]) };
        let prices: Vec<i128> = bids.iter().map(|b| b.1).collect();
        // Minutes after 08:00.
        let times = bids.iter().map(|b| (480 + b.0) * MINUTE).collect();
        results(spec, vec![decimals(&prices, 10, 2)], Some(times)).unwrap()
    };
    let expected = |rows: &[(i64, i64, &str)]| -> Vec<String> {
        rows.iter().map(|(from, to, sum)| format!("{} {} {sum}", (480 + from) * MINUTE, (480 + to) * MINUTE)).collect()
    };
    let tumbling = Window::Tumbling { size: 10 * MINUTE, offset: 0 };
    assert_eq!(run(tumbling), expected(&[(0, 10, "11.00"), (10, 20, "10.00")]));
    let sliding = Window::Sliding { size: 10 * MINUTE, slide: 5 * MINUTE, offset: 0 };
    let rows = [(0, 10, "11.00"), (5, 15, "15.00"), (10, 20, "10.00"), (15, 25, "6.00")];
    assert_eq!(run(sliding), expected(&rows));
}

#[test]
fn no_rows_have_a_result_only_without_keys_and_window() {
    let calls = || vec![call(CountRows, None), call(Sum, 0), call(Max, 0), call(First, 0)];
    let run = |spec| results(spec, vec![ints(&[])], Some(vec![])).unwrap();
    assert_eq!(run(spec(&[DataType::Int], &[], calls())), ["0 null null null"]);
    assert!(run(spec(&[DataType::Int], &[0], calls())).is_empty());
    let window = Some(Window::Tumbling { size: 10, offset: 0 });
    assert!(run(AggregateSpec { window, ..spec(&[DataType::Int], &[], calls()) }).is_empty());
}

#[test]
fn updates_give_a_row_for_every_row() {
    let types = [DataType::Int, DataType::Int];
    let spec = AggregateSpec { emit: Emit::Update, ..spec(&types, &[0], vec![call(CountRows, None), call(Sum, 1)]) };
    let mut operator = AggregateOperator::new(spec);
    let mut out = Out::default();
    let keys = ints(&[Some(1), Some(2), Some(1), None, Some(1), Some(2)]);
    let values = ints(&[Some(10), None, Some(5), Some(3), Some(1), Some(4)]);
    let numbers: Vec<u32> = vec![3, 4, 7, 8, 9, 11];
    let batch = Batch {
        time: Some(vec![6, 5, 4, 3, 2, 1].into()),
        order: Order::Row(numbers.clone().into()),
        ..Batch::new(vec![keys, values], 6)
    };
    operator.on_batch(batch, &NOWHERE, &mut out).unwrap();
    let (_, batch) = &out.emitted[0];
    assert!(matches!(&batch.order, Order::Row(rows) if **rows == numbers[..]));
    assert_eq!(batch.time.as_deref(), Some(&[6, 5, 4, 3, 2, 1][..]));
    to_end(&mut *operator, &mut out).unwrap();
    assert_eq!(lines(out), ["1 1 10", "2 1 null", "1 2 15", "null 1 3", "1 3 16", "2 2 4"]);
}

#[test]
fn every_period_gives_changed_keys_and_the_end_all() {
    let spec = AggregateSpec { emit: Emit::Every(10), ..spec(&[DataType::Int], &[0], vec![call(CountRows, None)]) };
    let mut operator = AggregateOperator::new(spec);
    let mut step = |keys: &[Option<i64>], now| {
        let mut out = Out::default();
        operator.on_batch(Batch::new(vec![ints(keys)], keys.len()), &NOWHERE, &mut out).unwrap();
        drain(&mut out, |out| operator.on_tick(now, out).unwrap());
        lines(out)
    };
    assert!(step(&[Some(3)], 5).is_empty());
    assert!(step(&[Some(1), None], 9).is_empty());
    assert_eq!(step(&[Some(3)], 10), ["null 1", "1 1", "3 2"]);
    assert!(step(&[Some(1)], 19).is_empty());
    assert_eq!(step(&[], 40), ["1 2"]);
    let mut out = Out::default();
    to_end(&mut *operator, &mut out).unwrap();
    assert_eq!(lines(out), ["null 1", "1 2", "3 2"]);
}

fn stamps(values: &[Option<i64>]) -> Column {
    Column::Timestamp(TimestampMicrosecondArray::from(values.to_vec()))
}

#[test]
fn attached_windows_close_with_their_end() {
    let types = [DataType::Int, DataType::Timestamp, DataType::Timestamp];
    let window = Some(Window::Attached { start: 1, end: 2 });
    let spec = AggregateSpec { window, lateness: 2, ..spec(&types, &[0], vec![call(CountRows, None)]) };
    let mut operator = AggregateOperator::new(spec);
    let mut step = |rows: &[(i64, i64, i64)], before, after| {
        let column = |f: fn(&(i64, i64, i64)) -> i64| rows.iter().map(|r| Some(f(r))).collect::<Vec<_>>();
        let columns = vec![ints(&column(|r| r.0)), stamps(&column(|r| r.1)), stamps(&column(|r| r.2))];
        let mut out = Out::default();
        let context = RowContext { watermark: before, ..NOWHERE };
        operator.on_batch(Batch::new(columns, rows.len()), &context, &mut out).unwrap();
        drain(&mut out, |out| operator.on_block_end(after, out).unwrap());
        let times: Vec<_> = out.emitted.iter().map(|(_, b)| b.time.as_ref().unwrap()[0]).collect();
        (lines(out), times)
    };
    let rows = [(2, 5, 10), (1, 5, 10), (2, 0, 10), (1, 5, 11), (1, 5, 10)];
    assert_eq!(step(&rows, 0, 8), (vec![], vec![]));
    assert_eq!(step(&[], 8, 9), (vec!["2 0 10 1".into(), "1 5 10 2".into(), "2 5 10 1".into()], vec![9, 9]));
    // Late, but allowed to be: the group comes out again. Then it is over.
    assert_eq!(step(&[(1, 5, 10)], 10, 10), (vec!["1 5 11 1".into(), "1 5 10 3".into()], vec![10, 9]));
    assert_eq!(step(&[(1, 5, 10)], 11, 11), (vec![], vec![]));
    assert_eq!(operator.late_dropped(), 1);
}

#[test]
fn windows_of_null_are_refused() {
    let types = [DataType::Timestamp, DataType::Timestamp];
    let window = Some(Window::Attached { start: 0, end: 1 });
    let spec = AggregateSpec { window, ..spec(&types, &[], vec![call(CountRows, None)]) };
    let error = results(spec, vec![stamps(&[Some(1)]), stamps(&[None])], None).unwrap_err();
    assert_eq!(error.class, Class::Data);
}

#[test]
fn event_times_too_far_away_are_refused() {
    for (time, window) in [
        (i64::MAX, Window::Tumbling { size: 10, offset: 0 }),
        (i64::MIN, Window::Tumbling { size: 10, offset: 3 }),
        (i64::MIN + 15, Window::Sliding { size: 20, slide: 10, offset: 0 }),
    ] {
        let spec = AggregateSpec { window: Some(window), ..spec(&[], &[], vec![call(CountRows, None)]) };
        let mut operator = AggregateOperator::new(spec);
        let batch = Batch { time: Some(vec![time].into()), ..Batch::new(vec![], 1) };
        let error = operator.on_batch(batch, &NOWHERE, &mut Out::default()).unwrap_err();
        assert_eq!(error.class, Class::Data);
        assert!(error.message.contains(&time.to_string()));
    }
}

#[test]
fn much_comes_out_in_pieces() {
    let window = Some(Window::Tumbling { size: 10, offset: 0 });
    let spec = AggregateSpec { window, ..spec(&[DataType::Int], &[0], vec![call(CountRows, None)]) };
    let mut operator = AggregateOperator::new(spec);
    let n = 100_000;
    let keys = Column::Int((0..n).rev().collect::<Vec<i64>>().into());
    let batch = Batch { time: Some((0..n).map(|row| row % 20).collect()), ..Batch::new(vec![keys], n as usize) };
    operator.on_batch(batch, &NOWHERE, &mut Out::default()).unwrap();
    let mut all = Vec::new();
    loop {
        let mut out = Out::default();
        let flow = operator.on_block_end(100, &mut out).unwrap();
        assert!(out.emitted.len() <= 4);
        for (_, batch) in &out.emitted {
            assert!(
                batch.rows <= 8192
                    && batch.time.as_ref().unwrap().iter().all(|t| *t == batch.time.as_ref().unwrap()[0])
            );
            let (Column::Int(keys), Column::Timestamp(ends)) = (&batch.columns[0], &batch.columns[2]) else { panic!() };
            all.extend((0..batch.rows).map(|row| (ends.value(row), keys.value(row))));
        }
        if flow == Flow::Done {
            break;
        }
    }
    assert!(all.is_sorted());
    assert_eq!(all.len(), n as usize);
}

#[test]
fn what_does_not_shrink_is_passed_on() {
    let spec = spec(&[DataType::Int], &[0], vec![call(CountRows, None)]);
    let mut pre = PreAggregate::new(spec);
    let mut partial = Vec::new();
    for block in 0..8 {
        let mut out = Out::default();
        let keys: Vec<i64> = (0..8192).map(|row| row + 8192 * block).collect();
        pre.on_batch(Batch::new(vec![Column::Int(keys.into())], 8192), &NOWHERE, &mut out).unwrap();
        pre.on_block_end(0, &mut out).unwrap();
        assert_eq!(out.emitted.iter().map(|(_, b)| b.rows).sum::<usize>(), 8192);
        partial.push(out.emitted[0].1.partial);
    }
    assert_eq!(partial, [true, true, true, true, false, false, false, false]);
}

#[test]
fn memory_goes_back_when_windows_close() {
    let window = Window::Sliding { size: 10, slide: 5, offset: 0 };
    let spec = AggregateSpec {
        window: Some(window),
        lateness: 7,
        ..spec(&[DataType::Int], &[0], vec![call(CountRows, None)])
    };
    let mut operator = windowed::Windowed::new(spec, window);
    for block in 0..2000 {
        let times: Vec<i64> = (block * 10..block * 10 + 100).map(|t| if t % 7 == 0 { t - 18 } else { t }).collect();
        let keys = Column::Int(times.clone().into());
        let batch = Batch { time: Some(times.into()), ..Batch::new(vec![keys], 100) };
        let context = RowContext { watermark: block * 10 - 1, ..NOWHERE };
        operator.on_batch(batch, &context, &mut Out::default()).unwrap();
        drain(&mut Out::default(), |out| operator.on_block_end(block * 10 + 9, out).unwrap());
        let (tables, keys) = operator.footprint();
        assert!(tables < 40 && keys < 5000, "{tables} tables, {keys} combined keys after block {block}");
    }
    drain(&mut Out::default(), |out| operator.on_block_end(i64::MAX, out).unwrap());
    assert_eq!(operator.footprint().0, 0);
}
