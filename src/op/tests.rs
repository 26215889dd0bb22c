//! State of operators: runs that are frozen, restored at another parallelism and go on give what runs give that
//! nobody interrupts. `tests/instances.rs` feeds, freezes and restores, `tests/rows.rs` makes rows.

mod instances;
mod misfits;
mod rows;

use proptest::prelude::*;

use super::aggregate::{AggregateFunction, AggregateOperator, AggregateSpec, Call, Emit, Window};
use super::event_time::EventTime;
use super::limit::Limit;
use super::limit_by::{LimitBy, LimitBySpec};
use super::order::SortWithin;
use super::sample::Sample;
use super::sort::SortKey;
use super::top::{Top, TopSpec};
use crate::data::DataType;
use crate::expr::aggregate::{Divisor, Fraction};
use instances::{Kind, interrupted, straight};
use rows::{Block, D, F, K, M, OTHERS, S, T, V, WINDOW_END, WINDOW_START, blocks, schema};

fn types() -> Vec<DataType> {
    schema().fields.iter().map(|field| field.ty).collect()
}

fn names() -> Vec<String> {
    schema().names().map(str::to_owned).collect()
}

fn windows() -> impl Strategy<Value = Option<Window>> {
    prop_oneof![
        Just(None),
        (1i64..25).prop_map(|size| Some(Window::Tumbling { size, offset: 3 })),
        (1i64..25, 1i64..15).prop_map(|(size, slide)| Some(Window::Sliding { size, slide, offset: 0 })),
        Just(Some(Window::Attached { start: WINDOW_START, end: WINDOW_END })),
    ]
}

fn keys() -> impl Strategy<Value = Vec<usize>> {
    prop::sample::select(vec![vec![], vec![K], vec![S], vec![T], vec![D], vec![M], vec![S, F], vec![K, K, D]])
}

fn calls() -> impl Strategy<Value = Vec<(Call, String)>> {
    use AggregateFunction::*;
    let plain = [CountRows, Count, Sum, Min, Max, Avg, First, Last, ArgMin, ArgMax, Mode, ApproxDistinct, ArrayAgg];
    let (sample, all) = (Divisor::Sample, Divisor::Population);
    let more = [Variance(sample), Stddev(all), Percentile(Fraction::HALF), StringAgg(", ".into())];
    let p90 = Percentile(Fraction::parse("0.9").unwrap());
    let functions: Vec<AggregateFunction> = plain.into_iter().chain(more).chain([p90]).collect();
    let columns: Vec<usize> = [K, S, V, D, M, T, F].into_iter().chain(OTHERS).collect();
    let call = (
        prop::sample::select(functions),
        prop::bool::weighted(0.2),
        prop::collection::vec(prop::sample::select(columns), 0..3),
        prop::option::weighted(0.2, Just(F)),
    );
    let call = call.prop_filter_map("a call that is planned", |(function, distinct, args, filter)| {
        let call = Call { function, distinct, args, filter };
        call.function.result_type(&call.types(&types())).ok()?;
        let applies = !matches!(call.function, CountRows | First | Last | ArgMin | ArgMax | Mode | ApproxDistinct);
        let is_planned = if distinct { applies } else { call.function != Count || call.args.len() == 1 };
        let args: Vec<String> = call.args.iter().map(|&arg| names()[arg].clone()).collect();
        let text = call.function.text(distinct, &args, None);
        is_planned.then_some((call, text))
    });
    prop::collection::vec(call, 0..6)
}

/// Windows, and whether they go by the wall clock.
fn all_windows() -> impl Strategy<Value = (Option<Window>, bool)> {
    let count = (1u64..6, 1u64..8, any::<bool>());
    let count = count.prop_map(|(size, slide, partial)| (Some(Window::Count { size, slide, partial }), false));
    let timed = (windows(), any::<bool>()).prop_map(|(window, processing)| {
        let own = matches!(window, Some(Window::Tumbling { .. } | Window::Sliding { .. }));
        (window, processing && own)
    });
    prop_oneof![1 => count, 3 => timed]
}

fn aggregates() -> impl Strategy<Value = Kind> {
    let emit = prop::sample::select(vec![Emit::Close, Emit::Update, Emit::Every(10)]);
    let lateness = prop_oneof![Just(0i64), 0i64..20];
    (keys(), calls(), all_windows(), lateness, emit, any::<bool>()).prop_map(
        |(keys, calls, (window, processing), lateness, emit, late_output)| {
            let (calls, call_names) = calls.into_iter().unzip();
            let spec = AggregateSpec {
                input: types(),
                key_names: keys.iter().map(|&key| names()[key].clone()).collect(),
                keys: keys.clone(),
                calls,
                call_names,
                window,
                lateness: if window.is_some() && !processing { lateness } else { 0 },
                emit: if window.is_some() { Emit::Close } else { emit },
                late_output: late_output && window.is_some(),
                processing,
                sorted: true,
                ordered: false,
            };
            Kind::new(keys, move || AggregateOperator::new(spec.clone()))
        },
    )
}

fn orders() -> impl Strategy<Value = Vec<SortKey>> {
    let key = (prop::sample::select(vec![K, S, V, D, M]), any::<bool>(), any::<bool>());
    let key = key.prop_map(|(column, descending, nulls_first)| SortKey { column, descending, nulls_first });
    prop::collection::vec(key, 1..3)
}

fn tops() -> impl Strategy<Value = Kind> {
    (keys(), orders(), windows(), 0u64..6, any::<bool>(), any::<bool>()).prop_map(
        |(keys, order, window, n, ties, wall)| {
            let processing = wall && matches!(window, Some(Window::Tumbling { .. } | Window::Sliding { .. }));
            let mut by = keys.clone();
            if let Some(Window::Attached { start, end }) = window {
                by.extend([start, end]);
            }
            let (input, names) = (types(), names());
            let spec = TopSpec { input, names, by, order, n, window, ties, rank: true, processing, ordered: false };
            Kind::new(keys, move || Box::new(Top::new(spec.clone())))
        },
    )
}

fn sorts() -> impl Strategy<Value = Kind> {
    (orders(), any::<bool>()).prop_map(|(order, windowed)| {
        Kind::new(Vec::new(), move || Box::new(SortWithin::new(order.clone(), schema(), windowed)))
    })
}

fn limits() -> impl Strategy<Value = Kind> {
    (0u64..60).prop_map(|n| Kind::new(Vec::new(), move || Box::new(Limit::new(n))))
}

fn limits_by() -> impl Strategy<Value = Kind> {
    (keys(), 0u64..5).prop_map(|(keys, n)| {
        let names = keys.iter().map(|&key| names()[key].clone()).collect();
        let types = keys.iter().map(|&key| types()[key]).collect();
        let spec = LimitBySpec { n, keys: keys.clone(), types, names };
        Kind::new(keys, move || Box::new(LimitBy::new(spec.clone())))
    })
}

fn samples() -> impl Strategy<Value = Kind> {
    (0.0f64..1.0, 0u64..9).prop_map(|(part, seed)| Kind::new(Vec::new(), move || Box::new(Sample::new(part, seed))))
}

fn times() -> impl Strategy<Value = Kind> {
    (0i64..20).prop_map(|delay| Kind::new(Vec::new(), move || Box::new(EventTime::new(WINDOW_END, delay, None))))
}

fn check(kind: &Kind, blocks: &[Block], delay: i64) -> Result<(), TestCaseError> {
    let expected = straight(kind, blocks, delay);
    let got = interrupted(kind, blocks, delay);
    prop_assert_eq!(got, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn aggregates_go_on(kind in aggregates(), blocks in blocks(), delay in 0i64..15) {
        check(&kind, &blocks, delay)?;
    }

    #[test]
    fn tops_go_on(kind in tops(), blocks in blocks(), delay in 0i64..15) {
        check(&kind, &blocks, delay)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn what_passes_rows_on_goes_on(kind in prop_oneof![sorts(), limits(), limits_by(), samples(), times()], blocks in blocks()) {
        check(&kind, &blocks, 0)?;
    }
}
