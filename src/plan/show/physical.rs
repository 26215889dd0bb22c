//! The physical plan, task group by task group: chains as trees, exchanges at their ends.

use std::collections::BTreeMap;

use super::super::Saving;
use super::super::physical::*;
use super::{Words, duration, emit, guarantees, sink, source, window_of};
use crate::op::aggregate::{AggregateSpec, Window};
use crate::op::fault::OnFault;
use crate::op::sort::SortKey;
use crate::op::top::TopSpec;
use crate::plan::physical::Target;

pub fn draw(plan: &PhysicalPlan, words: &Words, saving: &Saving) -> String {
    let mut drawing = Drawing { plan, words, inputs: BTreeMap::new(), out: String::new() };
    (0..plan.sources.len()).for_each(|index| drawing.source(index));
    (0..plan.stages.len()).for_each(|index| drawing.stage(index));
    plan.sinks.iter().for_each(|sink| drawing.sink(sink, saving));
    drawing.out
}

struct Drawing<'a> {
    plan: &'a PhysicalPlan,
    words: &'a Words,
    /// Names of the columns that come into each stage, known from those before it.
    inputs: BTreeMap<usize, Vec<String>>,
    out: String,
}

/// A task group while it is drawn.
struct Group<'a> {
    chain: &'a ChainPlan,
    parallelism: usize,
}

impl<'a> Drawing<'a> {
    fn line(&mut self, depth: usize, text: &str) {
        self.out.push_str(&"    ".repeat(depth));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn source(&mut self, index: usize) {
        let plan = self.plan;
        let of = &plan.sources[index];
        let from = source(&of.connector, of.format.name());
        let together = self.read_with(index);
        self.out
            .push_str(&format!("  {}: reader ×1 → decode ×{}, blocks dealt{together}\n", of.name, plan.parallelism));
        let order = if of.by_time { ", by time" } else { "" };
        let files = match of.files.len() {
            0 | 1 => String::new(),
            files => format!(", {files} files{order}"),
        };
        self.line(1, &format!("read {from}{files}"));
        let names: Vec<String> = of.used.iter().map(|&u| of.fields[u].name.clone()).collect();
        let unused: Vec<&str> =
            of.fields.iter().enumerate().filter(|(i, _)| !of.used.contains(i)).map(|(_, f)| f.name.as_str()).collect();
        let unused = match unused.is_empty() {
            true => String::new(),
            false => format!("; not decoded: {}", unused.join(", ")),
        };
        self.line(1, &format!("decode {}{unused}", names.join(", ")));
        if let Some(time) = &of.event_time {
            self.line(1, &format!("event time {}, delay {}", time.name, duration(time.delay)));
        }
        let group = Group { chain: &of.chain, parallelism: plan.parallelism };
        let mut branches = vec![self.targets(&group, &of.rows, &names)];
        if !of.errors.is_empty() {
            let names = ["source", "file", "offset", "line", "reason", "raw"].map(String::from);
            let mut errors = vec!["bad records".to_string()];
            errors.extend(self.targets(&group, &of.errors, &names));
            branches.push(errors);
        }
        self.branches(branches);
    }

    /// The other sources of its group.
    fn read_with(&self, index: usize) -> String {
        let group = self.plan.groups.iter().find(|group| group.contains(&index));
        let others = group.into_iter().flatten().filter(|other| **other != index);
        let names: Vec<&str> = others.map(|&other| self.plan.sources[other].name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(", in one sequence with {}", names.join(", ")) }
    }

    fn branches(&mut self, branches: Vec<Vec<String>>) {
        for line in join(branches) {
            self.line(1, &line);
        }
    }

    fn stage(&mut self, index: usize) {
        let stage = &self.plan.stages[index];
        let names = self.inputs.get(&index).cloned().unwrap_or_default();
        let (head, details, results) = operator(&stage.op, &names);
        let gate = gate(&stage.inputs, stage.by_arrival, self.plan);
        self.out.push_str(&format!("  {}: {head} ×{}{gate}\n", stage.name, stage.parallelism));
        details.iter().for_each(|detail| self.line(1, detail));
        let group = Group { chain: &stage.chain, parallelism: stage.parallelism };
        let mut branches = Vec::new();
        for (output, targets) in stage.outputs.iter().enumerate().filter(|(_, targets)| !targets.is_empty()) {
            let mut lines: Vec<String> = (output > 0).then(|| "late rows".to_string()).into_iter().collect();
            // Late rows have the input's columns.
            let columns = if output > 0 { &names } else { &results };
            lines.extend(self.targets(&group, targets, columns));
            branches.push(lines);
        }
        self.branches(branches);
    }

    fn sink(&mut self, of: &SinkPlan, saving: &Saving) {
        let gate = gate(&of.inputs, of.by_arrival, self.plan);
        let order = if of.by_arrival || of.inputs.iter().any(|input| self.arrives(input.from)) {
            "multiset: the rows are certain, their order is not"
        } else {
            "exact: the same bytes at any parallelism"
        };
        self.out.push_str(&format!("  {}: write ×1{gate}\n", of.name));
        self.line(1, &sink(&of.connector, of.format.name()));
        self.line(1, order);
        guarantees::of(self.plan, of, saving).iter().for_each(|line| self.line(1, line));
    }

    /// Some stage up to `from` reads by arrival, or gives its results in any order.
    fn arrives(&self, from: Producer) -> bool {
        match from {
            Producer::Source(_) => false,
            Producer::Stage(stage) => {
                let stage = &self.plan.stages[stage];
                stage.by_arrival || stage.op.is_unsorted() || stage.inputs.iter().any(|input| self.arrives(input.from))
            }
        }
    }

    fn targets(&mut self, group: &Group<'a>, targets: &[Target], names: &[String]) -> Vec<String> {
        join(targets.iter().map(|target| self.target(group, *target, names)).collect())
    }

    fn target(&mut self, group: &Group<'a>, target: Target, names: &[String]) -> Vec<String> {
        match target {
            Target::Port(port) => vec![self.port(group, &group.chain.ports[port], names)],
            Target::Node(node) => {
                let node = &group.chain.nodes[node];
                let (text, results) = self.chained(node, names);
                let mut lines = vec![text];
                let mut branches = Vec::new();
                for (output, targets) in node.outputs.iter().enumerate().filter(|(_, targets)| !targets.is_empty()) {
                    let mut branch: Vec<String> = output_of(&node.op, output).into_iter().collect();
                    let columns: Vec<String> = match output == node.op.errors() {
                        true => std::iter::once("reason".to_owned()).chain(names.iter().cloned()).collect(),
                        false => results.clone(),
                    };
                    branch.extend(self.targets(group, targets, &columns));
                    branches.push(branch);
                }
                lines.extend(join(branches));
                lines
            }
        }
    }

    /// A fused operator, and the columns behind it.
    fn chained(&self, node: &ChainNodePlan, names: &[String]) -> (String, Vec<String>) {
        let skips = if node.on_fault == OnFault::Skip { ", skip rows that fail" } else { "" };
        let of = format!("{}{skips}", node.name.rsplit('.').next().unwrap_or(&node.name));
        match &node.op {
            ChainOp::Filter(condition) => {
                let condition = self.words.expression(&node.name, condition);
                (format!("filter {condition}  ({of})"), names.to_vec())
            }
            ChainOp::Project(items) => {
                let items: Vec<String> = items.iter().map(|item| self.words.expression(&node.name, item)).collect();
                let shown = if items.is_empty() { "no columns".into() } else { items.join(", ") };
                (format!("project {shown}  ({of})"), items)
            }
            ChainOp::Route(_) => (format!("route  ({of})"), names.to_vec()),
            ChainOp::Explode { list, .. } => {
                let list = self.words.expression(&node.name, list);
                (format!("explode {list}  ({of})"), std::iter::once("element".into()).chain(names.to_vec()).collect())
            }
            ChainOp::Require { column, .. } => {
                let column = columns([*column].into_iter(), names);
                (format!("require {column}  ({of})"), names.to_vec())
            }
            ChainOp::PreAggregate(_) => (format!("pre-aggregate each block  ({of})"), names.to_vec()),
            ChainOp::TopLocal(_) => (format!("best of each block  ({of})"), names.to_vec()),
        }
    }

    fn port(&mut self, group: &Group<'a>, port: &PortPlan, names: &[String]) -> String {
        let (consumer, parallelism) = match port.to {
            Consumer::Stage { stage, .. } => {
                self.inputs.entry(stage).or_insert_with(|| names.to_vec());
                (&self.plan.stages[stage].name, self.plan.stages[stage].parallelism)
            }
            Consumer::Sink { sink, .. } => (&self.plan.sinks[sink].name, 1),
        };
        let exchange = match &port.exchange {
            ExchangePlan::Hash(keys) => format!("hash({})", columns(keys.iter().copied(), names)),
            ExchangePlan::Single if group.parallelism == 1 => "forward".into(),
            ExchangePlan::Single => "single".into(),
        };
        let encode = port.encode.as_ref().map(|(format, _)| format!("encode {} ", format.name())).unwrap_or_default();
        format!("{encode}→ {exchange} → {consumer} ×{parallelism}")
    }
}

/// What comes out of an output of a fused operator, unless that is plain.
fn output_of(op: &ChainOp, output: usize) -> Option<String> {
    match op {
        _ if output == op.errors() => Some("rows that fail".into()),
        ChainOp::Route(cases) => Some(cases.get(output).map_or("no case".into(), |case| format!("case {case}"))),
        _ => None,
    }
}

/// Several branches as a tree; one as it is.
fn join(mut branches: Vec<Vec<String>>) -> Vec<String> {
    if branches.len() <= 1 {
        return branches.pop().unwrap_or_default();
    }
    let last = branches.len() - 1;
    let mut lines = Vec::new();
    for (number, branch) in branches.into_iter().enumerate() {
        let (first, rest) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let prefixed = branch.iter().enumerate().map(|(i, l)| format!("{}{l}", if i == 0 { first } else { rest }));
        lines.extend(prefixed);
    }
    lines
}

/// How a gate brings several channels into one sequence.
fn gate(inputs: &[InputPlan], by_arrival: bool, plan: &PhysicalPlan) -> &'static str {
    let several = inputs.iter().any(|input| match input.from {
        Producer::Source(_) => plan.parallelism > 1,
        Producer::Stage(stage) => plan.stages[stage].parallelism > 1,
    });
    match (by_arrival, several || inputs.len() > 1) {
        (true, _) => ", by arrival",
        (false, true) => ", ordered merge",
        (false, false) => "",
    }
}

fn columns(columns: impl Iterator<Item = usize>, names: &[String]) -> String {
    let name = |column: usize| names.get(column).cloned().unwrap_or_else(|| format!("#{column}"));
    columns.map(name).collect::<Vec<_>>().join(", ")
}

/// A stateful operator: its name, what it does, and the columns of its results.
fn operator(op: &StageOp, names: &[String]) -> (&'static str, Vec<String>, Vec<String>) {
    match op {
        StageOp::Aggregate(spec) => aggregate(spec, names),
        StageOp::Top(spec) => top(spec, names),
        StageOp::Limit(n) => ("limit", vec![format!("the first {n} rows")], names.to_vec()),
        StageOp::LimitBy(spec) => {
            let by = columns(spec.keys.iter().copied(), names);
            ("limit", vec![format!("the first {} rows of each {by}", spec.n)], names.to_vec())
        }
        StageOp::Sample { fraction, seed } => {
            ("sample", vec![format!("a fraction of {fraction}, seed {seed}")], names.to_vec())
        }
        StageOp::Throttle(rate) => ("throttle", vec![format!("{rate} rows a second")], names.to_vec()),
        StageOp::EventTime { column, delay, .. } => {
            let column = columns([*column].into_iter(), names);
            ("event time", vec![format!("event time {column}, delay {}", duration(*delay))], names.to_vec())
        }
        StageOp::Sort { keys, windowed, .. } => {
            let what = if *windowed { "rows of each window" } else { "all rows" };
            ("sort", vec![format!("{what} by {}", order(keys, names))], names.to_vec())
        }
        StageOp::Pass => ("pass", Vec::new(), names.to_vec()),
    }
}

fn aggregate(spec: &AggregateSpec, names: &[String]) -> (&'static str, Vec<String>, Vec<String>) {
    let one = |column: usize| columns([column].into_iter(), names);
    let args = |args: &[usize]| args.iter().map(|&arg| one(arg)).collect::<Vec<_>>();
    let calls: Vec<String> =
        spec.calls.iter().map(|c| c.function.text(c.distinct, &args(&c.args), c.filter.map(one))).collect();
    let mut details = Vec::new();
    details.extend(spec.window.map(|of| format!("window {}", window_of(of, spec.processing))));
    if !spec.keys.is_empty() {
        details.push(format!("by {}", columns(spec.keys.iter().copied(), names)));
    }
    let what = if calls.is_empty() { "keys only".into() } else { calls.join(", ") };
    let sorted = if spec.sorted { "" } else { ", in any order" };
    details.push(format!("{what}; results {}{sorted}", emit(spec.emit, spec.window)));
    let mut results: Vec<String> = spec.keys.iter().map(|&key| one(key)).collect();
    if spec.window.is_some_and(|of| !matches!(of, Window::Count { .. })) {
        results.extend(["window_start".into(), "window_end".into()]);
    }
    results.extend(calls);
    ("aggregate", details, results)
}

fn top(spec: &TopSpec, names: &[String]) -> (&'static str, Vec<String>, Vec<String>) {
    let mut details = Vec::new();
    details.extend(spec.window.map(|of| format!("window {}", window_of(of, spec.processing))));
    let by = match spec.by.is_empty() {
        true => String::new(),
        false => format!(" by {}", columns(spec.by.iter().copied(), names)),
    };
    let ties = if spec.ties { ", with ties" } else { "" };
    details.push(format!("first {}{by} in order of {}{ties}", spec.n, order(&spec.order, names)));
    let mut results = names.to_vec();
    results.resize(spec.input.len(), String::new());
    if matches!(spec.window, Some(w) if !matches!(w, crate::op::aggregate::Window::Attached { .. })) {
        results.extend(["window_start".into(), "window_end".into()]);
    }
    if spec.rank {
        results.push("rank".into());
    }
    ("top", details, results)
}

fn order(keys: &[SortKey], names: &[String]) -> String {
    let key = |k: &SortKey| {
        let name = columns([k.column].into_iter(), names);
        if k.descending { format!("{name} DESC") } else { name }
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}
