//! Functions at the limits of their types, in many groups, and in one that grows.

use super::cases::{NOWHERE, decimals, doubles, ints, lines, one, results, spec, to_end};
use super::*;
use crate::data::{ColumnBuilder, Interval};
use AggregateFunction::*;

const SAMPLE: AggregateFunction = Variance(Divisor::Sample);

fn percentile(p: &str) -> AggregateFunction {
    Percentile(Fraction::parse(p).unwrap())
}

fn check(function: AggregateFunction, column: Column, expected: &str) {
    assert_eq!(one(function.clone(), column.clone()).unwrap(), expected, "{function:?} of {column:?}");
}

#[test]
fn variance_loses_no_digits() {
    let all = Variance(Divisor::Population);
    check(SAMPLE, ints(&[Some(1), None, Some(2)]), "0.5");
    check(SAMPLE, ints(&[Some(5), None]), "null");
    check(all.clone(), ints(&[Some(5), None]), "0.0");
    check(all.clone(), ints(&[]), "null");
    let (least, most) = (Some(i64::MIN), Some(i64::MAX));
    check(all.clone(), ints(&[most, most, most]), "0.0");
    check(all.clone(), ints(&[most, Some(i64::MAX - 2)]), "1.0");
    check(all.clone(), ints(&[least, most]), &format!("{:?}", 2f64.powi(126)));
    // Doubles that differ little beside their size, and the same as decimals.
    let base = 1e9;
    check(SAMPLE, doubles(&[base + 4.0, base + 7.0, base + 13.0, base + 16.0]), "30.0");
    check(SAMPLE, decimals(&[40, 70, 130, 160], 12, 1), "30.0");
    let huge = 10i128.pow(38) - 1;
    check(all.clone(), decimals(&[huge, huge - 2], 38, 0), "1.0");
    check(all.clone(), decimals(&[huge, -huge], 38, 0), "1e76");
    check(Stddev(Divisor::Population), decimals(&[huge, -huge], 38, 38), "1.0");
    for odd in [f64::NAN, f64::INFINITY] {
        check(all.clone(), doubles(&[1.0, odd]), "NaN");
    }
}

#[test]
fn percentiles_lie_between_values() {
    let median = Percentile(Fraction::HALF);
    let many: Vec<Option<i64>> = (0..=100).rev().map(Some).collect();
    for (p, expected) in [("0", "0.0"), ("1", "100.0"), ("0.5", "50.0"), ("0.07", "7.0"), ("0.995", "99.5")] {
        check(percentile(p), ints(&many), expected);
    }
    check(median.clone(), ints(&[None, Some(1), Some(2)]), "1.5");
    check(median.clone(), ints(&[None, None]), "null");
    check(median.clone(), ints(&[Some(i64::MIN), Some(i64::MAX)]), "0.0");
    check(median.clone(), doubles(&[f64::MAX, -f64::MAX]), "0.0");
    check(median.clone(), doubles(&[f64::INFINITY, f64::INFINITY]), "inf");
    check(median.clone(), doubles(&[f64::NAN, 1.0, 2.0]), "2.0");
    check(median.clone(), doubles(&[-0.0, -0.0]), "0.0");
    check(median.clone(), decimals(&[10, 21], 12, 2), "0.155000");
    check(percentile("0.3"), decimals(&[0, 1], 12, 6), "0.000000");
    check(median.clone(), decimals(&[0, -1], 12, 6), "-0.000001");
    let most = 10i128.pow(32) - 1;
    check(median.clone(), decimals(&[most, most - 1], 38, 0), "99999999999999999999999999999998.500000");
    let error = one(median.clone(), decimals(&[10i128.pow(38) - 1], 38, 0)).unwrap_err();
    assert!(error.message.contains("more than 38 digits"), "{}", error.message);
    let times = |values: &[i64]| Column::Timestamp(values.to_vec().into());
    check(median.clone(), times(&[10, 21]), "16");
    check(median, times(&[i64::MAX, i64::MIN]), "0");
}

#[test]
fn values_of_the_other_types() {
    let intervals = |texts: &[&str]| {
        let parsed = texts.iter().map(|text| Interval::parse(text).map(Interval::to_arrow));
        Column::Interval(parsed.collect())
    };
    check(Sum, intervals(&["1mo 2d", "", "3h", "-1d"]), "1mo 1d 3h");
    check(Sum, intervals(&[""]), "null");
    check(Avg, intervals(&["1mo", "1d", "1s"]), "10d 8h 0.333333s");
    check(Avg, intervals(&["-1mo", "-1d"]), "-15d -12h");
    check(Max, intervals(&["1mo", "30d", "29d 23h", ""]), "1mo");
    check(Min, intervals(&["1mo", "30d"]), "30d");
    assert!(
        one(Sum, intervals(&["2000000000d", "2000000000d"])).unwrap_err().message.contains("does not fit an interval")
    );
    let dates = || Column::Date(vec![Some(3), None, Some(-1), Some(3)].into());
    check(Min, dates(), "1969-12-31");
    check(Max, dates(), "1970-01-04");
    check(Mode, dates(), "1970-01-04");
    check(Last, dates(), "1970-01-04");
    let bytes = || Column::Bytes([Some(&b"\0b"[..]), None, Some(b"\xff"), Some(b"\0")].into_iter().collect());
    check(Min, bytes(), "AA==");
    check(Max, bytes(), "/w==");
    check(First, bytes(), "AGI=");
    check(ApproxDistinct, bytes(), "3");
    let mut lists = ColumnBuilder::new(DataType::list(DataType::Int), 4);
    for list in ["[2]", "[1,3]", "[1]", "[1]"] {
        lists.append_text(list).unwrap();
    }
    let lists = lists.finish();
    check(Min, lists.clone(), "[1]");
    check(Max, lists.clone(), "[2]");
    check(Mode, lists.clone(), "[1]");
    check(ArrayAgg, lists.clone(), "[[2], [1, 3], [1], [1]]");
    let by = spec(&[lists.data_type(), lists.data_type()], &[], vec![Call::new(ArgMax, &[0, 1])]);
    assert_eq!(results(by, vec![lists.clone(), lists], None).unwrap(), ["[2]"]);
    let json = DataType::Json;
    assert!(Min.result_type(&[json]).is_err() && Max.result_type(&[DataType::list(json)]).is_err());
    assert!(ArgMin.result_type(&[json, json]).is_err() && ArgMin.result_type(&[json, DataType::Int]) == Ok(json));
}

#[test]
fn modes_and_the_best() {
    check(Mode, ints(&[Some(1), None, None, Some(2), Some(2), Some(1)]), "1");
    check(Mode, ints(&[None, None]), "null");
    check(Mode, doubles(&[1.0, -0.0, 0.0]), "0.0");
    let best = |function, x: Column, y: Column| {
        let spec = spec(&[x.data_type(), y.data_type()], &[], vec![Call::new(function, &[0, 1])]);
        results(spec, vec![x, y], None).unwrap().remove(0)
    };
    let x = || ints(&[Some(1), Some(2), None, Some(4)]);
    assert_eq!(best(ArgMin, x(), doubles(&[0.0, f64::NAN, f64::NAN, -0.0])), "1");
    assert_eq!(best(ArgMax, x(), doubles(&[0.0, f64::NAN, f64::NAN, -0.0])), "2");
    assert_eq!(best(ArgMax, x(), ints(&[Some(i64::MIN), None, None, None])), "1");
    assert_eq!(best(ArgMin, x(), ints(&[Some(i64::MAX), None, None, None])), "1");
    assert_eq!(best(ArgMin, x(), decimals(&[3, 2, 1, 1], 38, 2)), "null");
    assert_eq!(best(ArgMin, x(), ints(&[None; 4])), "null");
}

#[test]
fn distinct_goes_with_others() {
    let of = |function, column: Column| {
        let spec = spec(&[column.data_type()], &[], vec![distinct(function, &[0])]);
        results(spec, vec![column], None).unwrap().remove(0)
    };
    let nan = f64::NAN;
    assert_eq!(of(Count, doubles(&[0.0, -0.0, nan, nan, 1.0])), "3");
    assert_eq!(of(Count, decimals(&[7, 8, 7], 3, 0)), "2");
    assert_eq!(of(Sum, ints(&[Some(1), Some(2), None, Some(1)])), "3");
    // Equal values come out as one of them, and not as the one that came first.
    assert_eq!(of(ArrayAgg, doubles(&[-0.0, nan, 0.0, nan])), "[0.0, NaN]");
    assert_eq!(of(ArrayAgg, ints(&[None, Some(1), None])), "[null, 1]");
    assert_eq!(of(Avg, decimals(&[1, 2, 1], 3, 0)), "1.500000");
    assert_eq!(of(Percentile(Fraction::HALF), ints(&[Some(9), Some(9), Some(1), Some(1), Some(1)])), "5.0");
}

/// Two groups of each sort: many of few rows, and one of many.
fn many(function: AggregateFunction, distinct: bool, emit: Emit, groups: i64) {
    const ROWS: i64 = 100_000;
    let types = [DataType::Int, DataType::Int, DataType::String, DataType::Double];
    let args: &[usize] = match function {
        ArgMin | ArgMax => &[1, 3],
        StringAgg(_) => &[2],
        Stddev(_) => &[3],
        _ => &[1],
    };
    let calls = vec![Call { distinct, ..Call::new(function, args) }];
    let mut operator = AggregateOperator::new(AggregateSpec { emit, ..spec(&types, &[0], calls) });
    let mut out = Out::default();
    let values: Vec<i64> = (0..ROWS).map(|row| row * 7919 % 100_003).collect();
    for (number, values) in values.chunks(1024).enumerate() {
        let first = number as i64 * 1024;
        let columns = vec![
            Column::Int((0..values.len() as i64).map(|row| Some((first + row) % groups)).collect()),
            Column::Int(values.to_vec().into()),
            Column::String(values.iter().map(|v| Some((v % 7).to_string())).collect()),
            Column::Double(values.iter().map(|&v| Some(v as f64)).collect()),
        ];
        operator.on_batch(Batch::new(columns, values.len()), &NOWHERE, &mut out).unwrap();
        out.emitted.clear();
    }
    to_end(&mut *operator, &mut out).unwrap();
    assert_eq!(
        out.emitted.iter().map(|(_, b)| b.rows as i64).sum::<i64>(),
        if emit == Emit::Close { groups } else { 0 }
    );
}

/// What took time by the square of the rows would take minutes here.
#[test]
fn hundred_thousand_rows_take_no_time() {
    let functions =
        [SAMPLE, Stddev(Divisor::Sample), percentile("0.9"), Mode, ApproxDistinct, ArgMax, StringAgg(",".into())];
    let start = std::time::Instant::now();
    for function in functions {
        let goes_with_distinct = !matches!(function, Mode | ApproxDistinct | ArgMax);
        for distinct in [false, true].into_iter().take(if goes_with_distinct { 2 } else { 1 }) {
            many(function.clone(), distinct, Emit::Close, 1);
            many(function.clone(), distinct, Emit::Close, 50_000);
            // A text that grows is as long as it is.
            let groups = if matches!(function, StringAgg(_)) { 10_000 } else { 1 };
            many(function.clone(), distinct, Emit::Update, groups);
        }
    }
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}

#[test]
fn updates_follow_every_row() {
    let calls = vec![call(percentile("0.9"), 1), call(Percentile(Fraction::HALF), 1), call(SAMPLE, 1), call(Mode, 1)];
    let types = [DataType::Int, DataType::Int];
    let values: Vec<i64> = (0..300).map(|row| row * 7919 % 101).collect();
    let close = |rows: usize| {
        let spec = spec(&types, &[0], calls.clone());
        let column = |values: &[i64]| Column::Int(values.to_vec().into());
        results(spec, vec![column(&vec![1; rows]), column(&values[..rows])], None).unwrap().remove(0)
    };
    let mut operator =
        AggregateOperator::new(AggregateSpec { emit: Emit::Update, ..spec(&types, &[0], calls.clone()) });
    let mut out = Out::default();
    let columns = vec![Column::Int(vec![1; 300].into()), Column::Int(values.clone().into())];
    operator.on_batch(Batch::new(columns, 300), &NOWHERE, &mut out).unwrap();
    assert_eq!(lines(out), (1..=300).map(close).collect::<Vec<_>>());
}
