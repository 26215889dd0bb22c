//! The naive model: rows in vectors, one by one, by the rules as they are written down. It knows blocks and
//! watermarks, but no batches, subtasks, channels or columns.

mod calls;
mod flow;
mod values;

use std::collections::{BTreeMap, BTreeSet};

pub use calls::{Call, names};
pub use flow::{Count, EventTime, LimitBy, Sample, Throttle};
pub use values::{EXPRS, Expr, Value};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    pub at: Option<i64>,
    pub k: Option<String>,
    pub v: Option<i64>,
    pub n: Option<i64>,
    /// Event time.
    pub time: Option<i64>,
    /// Watermark that the rows before it in its block stand for.
    pub within: i64,
    /// What it is judged late by, as of the gate.
    pub judge: i64,
    /// (end, start) of the window whose result it is.
    pub window: (i64, i64),
    /// Of a row that is as it was read: where it stands, as messages say it.
    pub from: Option<String>,
    pub change: Change,
}

/// What a row is to the one of its key before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change {
    #[default]
    Insert,
    Update,
    Delete,
}

/// Those of `results` that were given or are given now, with what they are. `given`: keys that have a result.
fn changed<K: Ord>(results: impl IntoIterator<Item = (K, Row, bool)>, given: &mut BTreeSet<K>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (key, row, holds) in results {
        let had = given.remove(&key);
        if holds {
            given.insert(key);
        }
        let change = match (had, holds) {
            (false, false) => continue,
            (false, true) => Change::Insert,
            (true, true) => Change::Update,
            (true, false) => Change::Delete,
        };
        rows.push(Row { change, ..row });
    }
    rows
}

#[derive(Debug, Clone)]
pub enum Ev {
    Row(Row),
    /// A bad record ends the job here, unless nobody wants more: where it is.
    Fail(String),
    /// A block has ended; the watermark behind it.
    End(i64),
}

/// The rows of one producer. All streams of a group of sources have the same number of blocks.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    pub events: Vec<Ev>,
}

/// What one reader makes of the streams of its sources: of all of them the same number of blocks, in the order of
/// `times`, the event times that their blocks start with (`i64::MIN` where that is not known). Where a block is of
/// another source, a stream has one that says nothing new.
pub fn together(streams: Vec<Stream>, times: &[Vec<i64>]) -> Vec<Stream> {
    let mut blocks: Vec<Vec<Vec<Ev>>> = Vec::new();
    for stream in streams {
        let mut of: Vec<Vec<Ev>> =
            stream.events.split_inclusive(|e| matches!(e, Ev::End(_))).map(<[Ev]>::to_vec).collect();
        of.reverse();
        blocks.push(of);
    }
    let mut merged = vec![Stream::default(); blocks.len()];
    let mut marks = vec![i64::MIN; blocks.len()];
    let mut read = vec![0; blocks.len()];
    loop {
        let open = (0..blocks.len()).filter(|&s| !blocks[s].is_empty());
        let due = |s: &usize| times[*s].get(read[*s]).copied().unwrap_or(i64::MIN);
        let Some(next) = open.min_by_key(due) else { return merged };
        read[next] += 1;
        for (source, stream) in merged.iter_mut().enumerate() {
            let block = if source == next { blocks[next].pop().unwrap() } else { vec![Ev::End(marks[source])] };
            if let Some(Ev::End(mark)) = block.last() {
                marks[source] = *mark;
            }
            stream.events.extend(block);
        }
    }
}

/// Reads streams as a gate does, block by block and within a block stream by stream: one stream.
pub fn gate(inputs: &[Stream]) -> Stream {
    let mut at = vec![0; inputs.len()];
    let mut marks = vec![i64::MIN; inputs.len()];
    let mut watermark = i64::MIN;
    let mut events = Vec::new();
    while at[0] < inputs[0].events.len() {
        for (input, stream) in inputs.iter().enumerate() {
            loop {
                at[input] += 1;
                match &stream.events[at[input] - 1] {
                    Ev::Row(row) => {
                        events.push(Ev::Row(Row { judge: row.within.max(marks[input]), from: None, ..row.clone() }))
                    }
                    Ev::Fail(place) => events.push(Ev::Fail(place.clone())),
                    Ev::End(mark) => {
                        marks[input] = *mark;
                        break;
                    }
                }
            }
        }
        watermark = watermark.max(marks.iter().copied().min().unwrap());
        events.push(Ev::End(watermark));
    }
    assert!(inputs.iter().zip(&at).all(|(input, &at)| input.events.len() == at), "blocks are of one sequence");
    Stream { events }
}

/// A transform at work.
pub trait Step {
    /// A row of the block; what comes out of output 0 and 1.
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]);
    fn end(&mut self, _watermark: i64, _out: &mut [Vec<Ev>; 2]) {}
    /// The watermark behind it.
    fn watermark(&self, watermark: i64) -> i64 {
        watermark
    }
    /// No bad record behind this matters.
    fn satisfied(&self) -> bool {
        false
    }
}

/// Both outputs of a step.
pub fn run(step: &mut dyn Step, input: &Stream) -> [Stream; 2] {
    let mut out = [Vec::new(), Vec::new()];
    let (mut failed, mut finished) = (false, false);
    for event in &input.events {
        match event {
            Ev::Row(row) if !failed => step.row(row.clone(), &mut out),
            Ev::Row(_) => {}
            Ev::Fail(_) if failed || step.satisfied() => {}
            Ev::Fail(place) => {
                failed = true;
                out.iter_mut().for_each(|o| o.push(Ev::Fail(place.clone())));
            }
            Ev::End(watermark) => {
                // Who wants no more rows has ended.
                let ends = !failed && (finished || step.satisfied());
                let watermark = if ends { i64::MAX } else { *watermark };
                if !failed && !finished {
                    step.end(watermark, &mut out);
                    finished = watermark == i64::MAX;
                }
                let watermark = step.watermark(watermark);
                out.iter_mut().for_each(|o| o.push(Ev::End(watermark)));
            }
        }
    }
    out.map(|events| Stream { events })
}

pub struct Limit(pub usize);

impl Step for Limit {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        if self.0 > 0 {
            self.0 -= 1;
            out[0].push(Ev::Row(Row { within: row.judge, ..row }));
        }
    }

    fn satisfied(&self) -> bool {
        self.0 == 0
    }
}

/// The last column of an aggregation.
#[derive(Clone, Copy)]
pub enum Fourth {
    Count,
    Max,
    First,
    Last,
    /// `n` of the row with the greatest `v`.
    Best,
    /// Different values of `v`.
    Distinct,
    /// The same by a sketch, which is exact for so few.
    About,
    /// A thousand times the standard deviation of `v`.
    Spread,
    /// Ten times the 90th percentile of `n`.
    P90,
    /// How long all `k` are with two characters between them.
    Text,
    /// The count; `k` is a text of the key and the results of calls.
    Calls(&'static [Call]),
}

/// What rows are put together by.
#[derive(Clone, Copy)]
pub enum By {
    All,
    /// The column `k`.
    K,
    Values(&'static [&'static Expr]),
}

impl Fourth {
    /// Those that need no event time.
    pub const UNTIMED: [Fourth; 8] = [
        Fourth::Count,
        Fourth::Max,
        Fourth::Best,
        Fourth::Distinct,
        Fourth::About,
        Fourth::Spread,
        Fourth::P90,
        Fourth::Text,
    ];
}

type Key = Vec<Value>;
type Group = ((i64, i64), Key);

fn key(by: By, row: &Row) -> Key {
    match by {
        By::All => Vec::new(),
        By::K => vec![row.k.clone().map_or(Value::Null, Value::Text)],
        By::Values(values) => values.iter().map(|value| value.of(row).shown()).collect(),
    }
}

/// Results one after the other, `~` for null.
fn text_of<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let text = |value: &Value| if value.is_null() { "~".into() } else { value.text() };
    values.into_iter().map(text).collect::<Vec<_>>().join("|")
}

/// The result of a group, whose rows are in input order.
fn result(rows: &[Row], by: By, key: &Key, fourth: Fourth) -> Row {
    let values = || rows.iter().filter_map(|r| r.v);
    let first = |a: &&Row, b: &&Row| a.time.cmp(&b.time);
    Row {
        at: rows.iter().filter_map(|r| r.at).max(),
        k: match (fourth, by) {
            (Fourth::Calls(calls), _) => {
                let results: Vec<Value> = calls.iter().map(|call| call.of(rows)).collect();
                Some(text_of(key.iter().chain(&results)))
            }
            (_, By::K) => Some(key[0].clone()).filter(|k| !k.is_null()).map(|k| k.text()),
            _ => rows.iter().filter_map(|r| r.k.clone()).min(),
        },
        v: values().next().map(|_| values().sum()),
        n: match fourth {
            Fourth::Count | Fourth::Calls(_) => Some(rows.len() as i64),
            Fourth::Max => rows.iter().filter_map(|r| r.n).max(),
            Fourth::First => rows.iter().min_by(first).and_then(|r| r.n),
            // Of several greatest, `max_by` gives the last.
            Fourth::Last => rows.iter().max_by(first).and_then(|r| r.n),
            Fourth::Best => {
                let most = values().max();
                rows.iter().find(|r| r.v == most).filter(|_| most.is_some()).and_then(|r| r.n)
            }
            Fourth::Distinct | Fourth::About => Some(values().collect::<BTreeSet<_>>().len() as i64),
            Fourth::Spread => values().next().map(|_| {
                let (count, sum) = (values().count() as i64, values().sum::<i64>());
                let distances = (count * values().map(|v| v * v).sum::<i64>() - sum * sum) as f64 / count as f64;
                (1000.0 * (distances / count as f64).sqrt()).round() as i64
            }),
            Fourth::P90 => tenfold_p90(rows.iter().filter_map(|r| r.n).collect()),
            Fourth::Text => {
                let texts: Vec<&str> = rows.iter().filter_map(|r| r.k.as_deref()).collect();
                (!texts.is_empty()).then(|| texts.join(", ").chars().count() as i64)
            }
        },
        within: i64::MIN,
        ..Row::default()
    }
}

fn tenfold_p90(mut values: Vec<i64>) -> Option<i64> {
    values.sort();
    let at = 9 * values.len().checked_sub(1)?;
    let (low, high) = (values[at / 10], values[(at / 10 + 1).min(values.len() - 1)]);
    Some(10 * low + (high - low) * (at % 10) as i64)
}

/// v DESC: nulls last, ties as they come.
fn by_value(rows: &mut [Row]) {
    rows.sort_by_key(|r| std::cmp::Reverse(r.v));
}

/// (end, start) of all windows that hold `time`, by trying every multiple of `slide`.
fn windows(size: i64, slide: i64, time: i64) -> Vec<(i64, i64)> {
    let mut start = time.div_euclid(slide) * slide;
    let mut found = Vec::new();
    while start > time - size {
        found.push((start + size, start));
        start -= slide;
    }
    found
}

pub struct Window {
    pub size: i64,
    pub slide: i64,
    pub lateness: i64,
    pub by: By,
    pub having: bool,
    pub sorted: bool,
    pub fourth: Fourth,
    groups: BTreeMap<Group, Vec<(usize, Row)>>,
    given: BTreeSet<Group>,
    fired: BTreeSet<(i64, i64)>,
    deferred: Vec<(Group, (usize, Row))>,
    places: usize,
    watermark: i64,
}

impl Window {
    pub fn new(size: i64, slide: i64, lateness: i64, by: By, fourth: Fourth) -> Window {
        Window {
            size,
            slide,
            lateness,
            by,
            having: false,
            sorted: false,
            fourth,
            groups: BTreeMap::new(),
            given: BTreeSet::new(),
            fired: BTreeSet::new(),
            deferred: Vec::new(),
            places: 0,
            watermark: i64::MIN,
        }
    }

    fn results(&mut self, groups: impl IntoIterator<Item = Group>) -> Vec<Row> {
        let mut results = Vec::new();
        for group in groups {
            let mut rows = self.groups[&group].clone();
            rows.sort_by_key(|(place, _)| *place);
            let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
            let row = result(&rows, self.by, &group.1, self.fourth);
            let (end, _) = group.0;
            let row = Row { at: Some(end), time: Some(end - 1), window: group.0, ..row };
            let holds = !self.having || row.n >= Some(2);
            results.push((group, row, holds));
        }
        let mut results = changed(results, &mut self.given);
        if self.sorted {
            by_value(&mut results);
        }
        results
    }
}

impl Step for Window {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let judge = row.judge.max(self.watermark);
        let windows = windows(self.size, self.slide, row.time.unwrap());
        let is_late = |w: &(i64, i64)| w.0 - 1 + self.lateness <= judge;
        if !windows.is_empty() && windows.iter().all(is_late) {
            out[1].push(Ev::Row(Row { within: row.judge, ..row.clone() }));
        }
        for window in windows.into_iter().filter(|w| !is_late(w)) {
            let group = (window, key(self.by, &row));
            let placed = (self.places, row.clone());
            if window.0 - 1 <= judge {
                self.deferred.push((group, placed));
            } else {
                self.groups.entry(group).or_default().push(placed);
            }
        }
        self.places += 1;
    }

    fn end(&mut self, watermark: i64, out: &mut [Vec<Ev>; 2]) {
        self.watermark = watermark;
        let due = |w: &(i64, i64)| w.0 - 1 <= watermark;
        let windows: BTreeSet<(i64, i64)> = self.groups.keys().map(|(w, _)| *w).filter(due).collect();
        for &window in windows.difference(&self.fired.clone()) {
            let groups: Vec<Group> = self.groups.keys().filter(|(w, _)| *w == window).cloned().collect();
            out[0].extend(self.results(groups).into_iter().map(Ev::Row));
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
        out[0].extend(self.results(touched).into_iter().map(Ev::Row));
    }
}

/// Aggregation without a window.
pub struct Total {
    pub by: By,
    pub update: bool,
    pub having: bool,
    pub sorted: bool,
    pub fourth: Fourth,
    pub groups: BTreeMap<Key, Vec<Row>>,
    pub given: BTreeSet<Key>,
}

impl Step for Total {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let key = key(self.by, &row);
        let rows = self.groups.entry(key.clone()).or_default();
        rows.push(row.clone());
        if self.update {
            let result = Row { time: row.time, within: row.judge, ..result(rows, self.by, &key, self.fourth) };
            let holds = !self.having || result.n >= Some(2);
            out[0].extend(changed([(key, result, holds)], &mut self.given).into_iter().map(Ev::Row));
        }
    }

    fn end(&mut self, watermark: i64, out: &mut [Vec<Ev>; 2]) {
        if watermark < i64::MAX || self.update {
            return;
        }
        if let By::All = self.by {
            self.groups.entry(Vec::new()).or_default();
        }
        let mut results: Vec<Row> = self.groups.iter().map(|(k, rows)| result(rows, self.by, k, self.fourth)).collect();
        results.retain(|r| !self.having || r.n >= Some(2));
        if self.sorted {
            by_value(&mut results);
        }
        out[0].extend(results.into_iter().map(Ev::Row));
    }
}

/// How `top` gets its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopWindow {
    None,
    /// Those of the aggregation before it.
    Attached,
    Own(i64),
}

pub struct Top {
    pub window: TopWindow,
    pub by: By,
    pub n: usize,
    pub ties: bool,
    pub groups: BTreeMap<Group, Vec<Row>>,
}

impl Step for Top {
    fn row(&mut self, row: Row, _out: &mut [Vec<Ev>; 2]) {
        let window = match self.window {
            TopWindow::None => (i64::MAX, i64::MIN),
            TopWindow::Attached => row.window,
            TopWindow::Own(size) => windows(size, size, row.time.unwrap())[0],
        };
        if self.window == TopWindow::None || window.0 - 1 > row.judge {
            self.groups.entry((window, key(self.by, &row))).or_default().push(row);
        }
    }

    fn end(&mut self, watermark: i64, out: &mut [Vec<Ev>; 2]) {
        let due = |w: &(i64, i64)| w.0 - 1 <= watermark && (self.window != TopWindow::None || watermark == i64::MAX);
        let groups: Vec<Group> = self.groups.keys().filter(|(w, _)| due(w)).cloned().collect();
        for group in groups {
            let mut rows = self.groups.remove(&group).unwrap();
            by_value(&mut rows);
            let tied = rows.get(self.n - 1).filter(|_| self.ties).map(|row| row.v);
            let more = rows.iter().skip(self.n).take_while(|row| Some(row.v) == tied).count();
            rows.truncate(self.n + more);
            for row in rows {
                let row = Row { change: Change::Insert, ..row };
                let row = match self.window {
                    TopWindow::None => row,
                    _ => Row { at: Some(group.0.0), time: Some(group.0.0 - 1), within: i64::MIN, ..row },
                };
                out[0].push(Ev::Row(row));
            }
        }
    }
}
