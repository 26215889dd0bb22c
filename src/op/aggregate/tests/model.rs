//! The naive model: rows in maps, one by one, by the rules as they are written down.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::aggregate::AggregateFunction;
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
    let passed = || rows.iter().filter(|(_, r)| call.filter.is_none() || r.f == Some(true));
    let values = || passed().map(|(_, r)| r.value(call.arg.unwrap())).filter(|v| *v != Value::Null);
    let sum = || values().map(|v| if let Value::Int(v) = v { v } else { panic!("not a number") }).sum::<i128>();
    let or_null = |v: Option<Value>| show(&v.unwrap_or(Value::Null));
    let rank = |(place, r): &&(u64, Row)| (r.time, *place);
    match call.function {
        CountRows => passed().count().to_string(),
        Count => values().count().to_string(),
        CountDistinct => values().collect::<BTreeSet<_>>().len().to_string(),
        Sum => or_null(values().next().map(|_| Value::Int(sum()))),
        Min => or_null(values().min()),
        Max => or_null(values().max()),
        Avg => values().next().map_or("null".into(), |_| format!("{:?}", sum() as f64 / values().count() as f64)),
        First => or_null(passed().min_by_key(rank).map(|(_, r)| r.value(call.arg.unwrap()))),
        Last => or_null(passed().max_by_key(rank).map(|(_, r)| r.value(call.arg.unwrap()))),
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
