//! The naive model: rows in maps, one by one, by the rules as they are written down.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::aggregate::{AggregateFunction, Divisor};
use crate::op::aggregate::{AggregateSpec, Call, Window};

/// A row of the test's input: columns k int, s string, v int, f boolean, d double.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub time: i64,
    pub k: Option<i64>,
    pub s: Option<String>,
    pub v: Option<i64>,
    pub f: Option<bool>,
    pub d: i64,
}

pub const K: usize = 0;
pub const S: usize = 1;
pub const V: usize = 2;
pub const F: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Int(i128),
    Text(String),
}

impl Row {
    pub fn value(&self, column: usize) -> Value {
        match column {
            K => self.k.map_or(Value::Null, |k| Value::Int(k.into())),
            S => self.s.clone().map_or(Value::Null, Value::Text),
            V => self.v.map_or(Value::Null, |v| Value::Int(v.into())),
            F => self.f.map_or(Value::Null, |f| Value::Int(f.into())),
            _ => Value::Int(self.d.into()),
        }
    }
}

/// What is written for a value of a result.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Int(v) => v.to_string(),
        Value::Text(text) => format!("{text:?}"),
    }
}

/// The result of one call over the rows of a group, which are in input order.
pub fn result(call: &Call, rows: &[(u64, Row)]) -> String {
    use AggregateFunction::*;
    let arg = |row: &Row, i: usize| row.value(call.args[i]);
    let mut passed: Vec<&(u64, Row)> =
        rows.iter().filter(|(_, r)| call.filter.is_none() || r.f == Some(true)).collect();
    if call.distinct {
        let mut seen = BTreeSet::new();
        passed.retain(|(_, r)| seen.insert((0..call.args.len()).map(|i| arg(r, i)).collect::<Vec<_>>()));
    }
    let is_there = |r: &Row| (0..call.args.len()).all(|i| arg(r, i) != Value::Null);
    let has_values = !call.args.is_empty();
    let values: Vec<Value> = passed.iter().filter(|(_, r)| has_values && is_there(r)).map(|(_, r)| arg(r, 0)).collect();
    let numbers = || values.iter().map(|v| if let Value::Int(v) = v { *v } else { panic!("not a number") });
    let or_null = |v: Option<Value>| show(&v.unwrap_or(Value::Null));
    let double = |v: Option<f64>| v.map_or("null".into(), |v| format!("{v:?}"));
    let rank = |(place, r): &&(u64, Row)| (r.time, *place);
    let some = (!values.is_empty()).then_some(());
    let count = values.len() as i128;
    let variance = |divisor: Divisor| {
        let (sum, squares) = (numbers().sum::<i128>(), numbers().map(|v| v * v).sum::<i128>());
        let by = if divisor == Divisor::Sample { count - 1 } else { count };
        (by > 0).then(|| (count * squares - sum * sum) as f64 / count as f64 / by as f64)
    };
    let mut ranked: Vec<&Row> =
        passed.iter().map(|(_, r)| r).filter(|r| call.args.len() < 2 || arg(r, 1) != Value::Null).collect();
    match &call.function {
        CountRows => passed.len().to_string(),
        Count => values.len().to_string(),
        Sum => or_null(some.map(|()| Value::Int(numbers().sum()))),
        Min => or_null(values.iter().min().cloned()),
        Max => or_null(values.iter().max().cloned()),
        Avg => double(some.map(|()| numbers().sum::<i128>() as f64 / count as f64)),
        First => or_null(passed.iter().copied().min_by_key(rank).map(|(_, r)| arg(r, 0))),
        Last => or_null(passed.iter().copied().max_by_key(rank).map(|(_, r)| arg(r, 0))),
        ArgMin => {
            ranked.sort_by_key(|r| arg(r, 1));
            or_null(ranked.first().map(|r| arg(r, 0)))
        }
        ArgMax => {
            ranked.sort_by_key(|r| std::cmp::Reverse(arg(r, 1)));
            or_null(ranked.first().map(|r| arg(r, 0)))
        }
        Variance(divisor) => double(variance(*divisor)),
        Stddev(divisor) => double(variance(*divisor).map(f64::sqrt)),
        Percentile(fraction) => {
            let mut sorted: Vec<i128> = numbers().collect();
            sorted.sort();
            double(some.map(|()| {
                let (place, part) = fraction.place(sorted.len());
                let (low, high) = (sorted[place] as f64, sorted[(place + 1).min(sorted.len() - 1)] as f64);
                let above = part as f64 / fraction.divisor() as f64;
                low + (high - low) * above
            }))
        }
        Mode => {
            let often = |value: &Value| values.iter().filter(|v| *v == value).count();
            let most = values.iter().map(often).max();
            or_null(values.iter().find(|v| Some(often(v)) == most).cloned())
        }
        // Exact for so few.
        ApproxDistinct => values.iter().collect::<BTreeSet<_>>().len().to_string(),
        ArrayAgg if passed.is_empty() => "null".into(),
        ArrayAgg => format!("[{}]", passed.iter().map(|(_, r)| show(&arg(r, 0))).collect::<Vec<_>>().join(", ")),
        StringAgg(separator) => {
            let texts =
                values.iter().map(|v| if let Value::Text(text) = v { text.as_str() } else { panic!("no text") });
            or_null(some.map(|()| Value::Text(texts.collect::<Vec<_>>().join(separator))))
        }
    }
}

/// `(end, start)`
type Span = (i64, i64);
/// A window and a key.
type Group = (Span, Vec<Value>);
/// A row and its place in the input.
type Placed = (u64, Row);

#[derive(Default)]
pub struct Model {
    groups: BTreeMap<Group, Vec<Placed>>,
    fired: BTreeSet<Span>,
    deferred: Vec<(Group, Placed)>,
    place: u64,
    pub late: Vec<Row>,
    pub out: Vec<String>,
}

impl Model {
    /// All windows that hold `time`, by trying every start.
    fn windows(window: Window, time: i64) -> Vec<Span> {
        let (size, slide, offset) = match window {
            Window::Tumbling { size, offset } => (size, size, offset),
            Window::Sliding { size, slide, offset } => (size, slide, offset),
            Window::Attached { .. } | Window::Count { .. } => unreachable!(),
        };
        let starts = time - size + 1..=time;
        starts.filter(|s| (s - offset).rem_euclid(slide) == 0).map(|s| (s + size, s)).collect()
    }

    /// A row that is judged by `watermark`.
    pub fn row(&mut self, spec: &AggregateSpec, row: &Row, watermark: i64) {
        let windows = Model::windows(spec.window.unwrap(), row.time);
        let key: Vec<Value> = spec.keys.iter().map(|&k| row.value(k)).collect();
        let is_late = |w: &Span| w.0 - 1 + spec.lateness <= watermark;
        if !windows.is_empty() && windows.iter().all(is_late) {
            self.late.push(row.clone());
        }
        for window in windows.into_iter().filter(|w| !is_late(w)) {
            let entry = (self.place, row.clone());
            if window.0 - 1 <= watermark {
                self.deferred.push(((window, key.clone()), entry));
            } else {
                assert!(!self.fired.contains(&window), "the rules let a row come after the firing");
                self.groups.entry((window, key.clone())).or_default().push(entry);
            }
        }
        self.place += 1;
    }

    pub fn block_end(&mut self, spec: &AggregateSpec, watermark: i64) {
        let due = |w: &Span| w.0 - 1 <= watermark;
        let windows: BTreeSet<Span> = self.groups.keys().map(|(w, _)| *w).filter(due).collect();
        for &window in windows.difference(&self.fired.clone()) {
            let groups = self.groups.range((window, vec![])..).take_while(|((w, _), _)| *w == window);
            let lines: Vec<_> = groups.map(|((_, key), rows)| line(spec, window, key, rows)).collect();
            self.out.extend(lines);
            self.fired.insert(window);
        }
        let mut touched = BTreeSet::new();
        for (group, row) in std::mem::take(&mut self.deferred) {
            self.groups.entry(group.clone()).or_default().push(row);
            if due(&group.0) {
                self.fired.insert(group.0);
                touched.insert(group);
            }
        }
        for (window, key) in touched {
            let rows = &self.groups[&(window, key.clone())];
            self.out.push(line(spec, window, &key, rows));
        }
    }
}

fn line(spec: &AggregateSpec, window: Span, key: &[Value], rows: &[(u64, Row)]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(place, _)| *place);
    let mut cells: Vec<String> = key.iter().map(show).collect();
    cells.extend([window.1.to_string(), window.0.to_string()]);
    cells.extend(spec.calls.iter().map(|call| result(call, &rows)));
    cells.join(" ")
}
