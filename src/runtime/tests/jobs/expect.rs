//! What random jobs are to give.

use super::*;

/// What each sink holds at the end, or where the job may fail.
pub(super) struct Expected {
    pub(super) texts: BTreeMap<String, String>,
    /// Those whose rows come in no order.
    pub(super) unordered: BTreeSet<String>,
    pub(super) failures: BTreeSet<String>,
}

/// An output: its streams and the order of its columns.
type Value = (Vec<Stream>, [usize; 4]);

pub(super) fn stateless(op: &Op, row: Row) -> Option<Row> {
    match op {
        Op::Filter(0) => (row.v > Some(2)).then_some(row),
        Op::Filter(1) => (row.k.as_deref() == Some("a") || row.v.is_none()).then_some(row),
        Op::Filter(2) => row.n.is_some_and(|n| n % 3 != 0).then_some(row),
        Op::Filter(_) => row.n.is_some_and(|n| n < 0).then_some(row),
        Op::Fallible(_) => row.v.is_some_and(|v| 100 / (v - 3) > 20).then_some(row),
        Op::Select(0) => Some(Row { v: row.v.map(|v| v * 2), ..row }),
        Op::Select(1) => Some(Row { v: row.v.filter(|&v| v <= 3), ..row }),
        _ => Some(row),
    }
}

pub(super) fn expected(job: &Job) -> Expected {
    let mut texts = BTreeMap::new();
    let mut values: BTreeMap<Ref, Value> = BTreeMap::new();
    let mut streams = Vec::new();
    for (i, source) in job.sources.iter().enumerate() {
        let (stream, letters) = source.stream(i);
        if source.on_error == "dead-letter" {
            texts.insert(format!("sinks.e{i}_out"), letters);
        }
        streams.push(stream);
    }
    for group in job.groups() {
        let times: Vec<Vec<i64>> = group.iter().map(|&s| job.sources[s].times()).collect();
        let merged = together(group.iter().map(|&s| streams[s].clone()).collect(), &times);
        for (&source, stream) in group.iter().zip(merged) {
            values.insert((source, 0), (vec![stream], [0, 1, 2, 3]));
        }
    }
    let (mut failures, mut unordered) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..job.nodes.len() + job.sinks.len() {
        match n.checked_sub(job.nodes.len()) {
            Some(sink) => {
                let (streams, columns) = union(&values, &job.sinks[sink]);
                let read = gate(&streams);
                let mut text = String::new();
                for event in &read.events {
                    match event {
                        Ev::Row(row) if job.ops[sink] => text += &(op_of(row) + &csv(row, columns)),
                        Ev::Row(row) if row.change == Change::Delete => {}
                        Ev::Row(row) => text += &csv(row, columns),
                        Ev::Fail(place) => drop(failures.insert(place.clone())),
                        Ev::End(_) => {}
                    }
                }
                if job.sinks[sink].iter().any(|input| job.is_unordered(input)) {
                    unordered.insert(format!("sinks.o{sink}"));
                }
                texts.insert(format!("sinks.o{sink}"), text);
            }
            None => {
                let (streams, columns) = union(&values, &job.nodes[n].inputs);
                let number = job.sources.len() + n;
                let [main, late] = evaluate(&job.nodes[n].op, streams, columns);
                values.insert((number, 0), main);
                values.insert((number, 1), late);
            }
        }
    }
    Expected { texts, unordered, failures }
}

pub(super) fn union(values: &BTreeMap<Ref, Value>, refs: &[Ref]) -> Value {
    let streams = refs.iter().flat_map(|r| values[r].0.clone()).collect();
    (streams, values[&refs[0]].1)
}

/// What fails where `v` is 3.
pub(super) const FAILS: &str = "100 / (v - 3) > 20";
pub(super) const SAYS: &str = "(100 / (v - 3)) > 20: division by zero";

/// Both outputs of a filter whose condition fails on some rows.
pub(super) fn fallible(on_error: &str, streams: Vec<Stream>) -> [Vec<Stream>; 2] {
    let mut outputs = [Vec::new(), Vec::new()];
    for stream in streams {
        let mut both = [Vec::new(), Vec::new()];
        let mut failed = false;
        for event in stream.events {
            match event {
                Ev::Row(_) if failed => {}
                Ev::Row(row) if row.v != Some(3) => both[0].extend(stateless(&Op::Fallible(0), row).map(Ev::Row)),
                Ev::Row(row) if on_error == "fail" => {
                    both[0].push(Ev::Fail(row.from.unwrap_or_default() + SAYS));
                    failed = true;
                }
                Ev::Row(row) => both[1].push(Ev::Row(row)),
                other => both.iter_mut().for_each(|events| events.push(other.clone())),
            }
        }
        outputs.iter_mut().zip(both).for_each(|(output, events)| output.push(Stream { events }));
    }
    outputs
}

/// The streams with those of their rows that are kept.
pub(super) fn part(streams: &[Stream], keeps: impl Fn(&Row) -> bool) -> Vec<Stream> {
    let kept = |event: &Ev| if let Ev::Row(row) = event { keeps(row) } else { true };
    let one = |s: &Stream| Stream { events: s.events.iter().filter(|e| kept(e)).cloned().collect() };
    streams.iter().map(one).collect()
}

/// The rows of the first case and those of none.
pub(super) fn routed(streams: &[Stream]) -> [Vec<Stream>; 2] {
    let default = |row: &Row| row.v <= Some(2) && row.k.as_deref() != Some("a");
    [part(streams, |row| row.v > Some(2)), part(streams, default)]
}

pub(super) fn evaluate(op: &Op, streams: Vec<Stream>, columns: [usize; 4]) -> [Value; 2] {
    const PLAIN: [usize; 4] = [0, 1, 2, 3];
    // All but selects take no notice of keys that have no result any more.
    let streams = match op {
        Op::Select(_) => streams,
        _ => part(&streams, |row| row.change != Change::Delete),
    };
    let both = match op {
        Op::Fallible(on_error) => Some(fallible(ON_ERRORS[*on_error], streams.clone())),
        Op::Route => Some(routed(&streams)),
        _ => None,
    };
    if let Some(both) = both {
        return both.map(|streams| (streams, columns));
    }
    if let Op::Filter(_) | Op::Select(_) = op {
        let each = |event: Ev| match event {
            Ev::Row(row) => stateless(op, row).map(Ev::Row),
            other => Some(other),
        };
        let streams = streams.into_iter().map(|s| Stream { events: s.events.into_iter().filter_map(each).collect() });
        let columns = match op {
            Op::Select(0) => PLAIN,
            Op::Select(1) => [3, 2, 1, 0],
            Op::Select(_) => [2, 3, 1, 0],
            _ => columns,
        };
        return [(streams.collect(), columns), (Vec::new(), columns)];
    }
    if let Op::Explode { list, keep_empty, .. } = *op {
        let failed = part(&streams, |row| op.fails(row));
        let each = |event: Ev| match event {
            Ev::Row(row) => exploded(row, LISTS[list].1, keep_empty).into_iter().map(Ev::Row).collect(),
            other => vec![other],
        };
        let sound = part(&streams, |row| !op.fails(row)).into_iter();
        let all = sound.map(|s| Stream { events: s.events.into_iter().flat_map(each).collect() });
        return [(all.collect(), PLAIN), (failed, columns)];
    }
    let failed = part(&streams, |row| op.fails(row));
    let input = gate(&part(&streams, |row| !op.fails(row)));
    let groups = BTreeMap::new;
    let mut step: Box<dyn Step> = match *op {
        Op::Limit(n) => Box::new(Limit(n)),
        Op::Sample { percent, seed } => Box::new(Sample { percent, seed, place: 0 }),
        Op::Throttle => Box::new(Throttle),
        Op::LimitBy { n, by, .. } => Box::new(LimitBy { n, by, passed: BTreeMap::new() }),
        Op::EventTime { delay, .. } => Box::new(EventTime { delay, greatest: i64::MIN, within: i64::MIN }),
        Op::Count { size, slide, partial, by, fourth, .. } => {
            Box::new(Count { size, slide, partial, by, fourth, rows: BTreeMap::new() })
        }
        Op::Window { size, slide, lateness, by, having, order, fourth, .. } => {
            let mut window = Window::new(size, slide, lateness, by, fourth);
            (window.having, window.sorted) = (having, order == Order::Value);
            Box::new(window)
        }
        Op::Total { by, update, having, order, fourth, .. } => {
            let sorted = order == Order::Value;
            Box::new(Total { by, update, having, sorted, fourth, groups: BTreeMap::new(), given: BTreeSet::new() })
        }
        Op::WindowTop { size, slide, .. } => Box::new(Window::new(size, slide, 0, By::K, Fourth::Count)),
        Op::TopOwn { size, keyed, n, ties } => {
            Box::new(Top { window: TopWindow::Own(size), by: k_if(keyed), n, ties, groups: groups() })
        }
        Op::Top { keyed, n, ties } => {
            Box::new(Top { window: TopWindow::None, by: k_if(keyed), n, ties, groups: groups() })
        }
        Op::Filter(_) | Op::Select(_) | Op::Fallible(_) | Op::Route | Op::Explode { .. } => unreachable!(),
    };
    let [mut main, late] = run(&mut *step, &input);
    if let Op::EventTime { .. } = op {
        // Rows without a time never came to where the watermark is made.
        return [(vec![main], columns), (part(&streams, |row| row.at.is_none()), columns)];
    }
    if let Op::WindowTop { keyed, n, ties, .. } = *op {
        let mut top = Top { window: TopWindow::Attached, by: k_if(keyed), n, ties, groups: groups() };
        [main, _] = run(&mut top, &gate(&part(&[main], |row| row.change != Change::Delete)));
    }
    let plain = matches!(
        op,
        Op::Window { .. } | Op::Total { .. } | Op::WindowTop { .. } | Op::TopOwn { .. } | Op::Count { .. }
    );
    let second = if op.on_error() == "dead-letter" { failed } else { vec![late] };
    [(vec![main], if plain { PLAIN } else { columns }), (second, columns)]
}

pub(super) fn k_if(keyed: bool) -> By {
    if keyed { By::K } else { By::All }
}

pub(super) fn exploded(row: Row, elements: Elements, keep_empty: bool) -> Vec<Row> {
    let mut elements = elements(row.v);
    if elements.is_empty() && keep_empty {
        elements.push(None);
    }
    elements.into_iter().map(|v| Row { v, ..row.clone() }).collect()
}
