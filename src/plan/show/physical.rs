//! The physical plan, task by task: chains as trees, exchanges at their ends.

use std::collections::BTreeMap;

use super::super::Saving;
use super::super::physical::*;
use super::task::{Exit, Task};
use super::{Words, duration, emit, guarantees, sink, source, window_of};
use crate::op::aggregate::{AggregateSpec, Window};
use crate::op::fault::OnFault;
use crate::op::sort::SortKey;
use crate::op::top::TopSpec;
use crate::plan::physical::Target;

/// All tasks: sources, stages, sinks.
pub fn tasks(plan: &PhysicalPlan, words: &Words, saving: &Saving) -> Vec<Task> {
    let mut drawing = Drawing { plan, words, inputs: BTreeMap::new(), tasks: Vec::new() };
    (0..plan.sources.len()).for_each(|index| drawing.source(index));
    (0..plan.stages.len()).for_each(|index| drawing.stage(index));
    plan.sinks.iter().for_each(|sink| drawing.sink(sink, saving));
    drawing.tasks
}

struct Drawing<'a> {
    plan: &'a PhysicalPlan,
    words: &'a Words,
    /// Names of the columns that come into each stage, known from those before it.
    inputs: BTreeMap<usize, Vec<String>>,
    /// The last one is being drawn.
    tasks: Vec<Task>,
}

/// Whose chain is drawn.
struct Group<'a> {
    chain: &'a ChainPlan,
    parallelism: usize,
}

impl<'a> Drawing<'a> {
    fn begin(&mut self, id: &str, node: &str, kind: &'static str, parallelism: usize, head: String) {
        self.tasks.push(Task {
            id: id.to_owned(),
            node: node.to_owned(),
            kind,
            parallelism,
            head,
            details: Vec::new(),
            tree: Vec::new(),
            chain: Vec::new(),
            exits: Vec::new(),
            order: None,
            guarantees: Vec::new(),
        });
    }

    fn line(&mut self, text: &str) {
        self.with(|task| task.details.push(text.to_owned()));
    }

    /// Adds to the task that is being drawn.
    fn with(&mut self, add: impl FnOnce(&mut Task)) {
        if let Some(task) = self.tasks.last_mut() {
            add(task);
        }
    }

    fn source(&mut self, index: usize) {
        let plan = self.plan;
        let of = &plan.sources[index];
        let from = source(&of.connector, of.format.name());
        let together = self.read_with(index);
        let head = format!("reader ×1 → decode ×{}, blocks dealt{together}", plan.parallelism);
        self.begin(&of.name, &of.name, "source", plan.parallelism, head);
        let order = if of.by_time { ", by time" } else { "" };
        let files = match of.files.len() {
            0 | 1 => String::new(),
            files => format!(", {files} files{order}"),
        };
        self.line(&format!("read {from}{files}"));
        let metadata = of.metadata.iter().map(|m| m.column().0.to_owned());
        let names: Vec<String> = of.used.iter().map(|&u| of.fields[u].name.clone()).chain(metadata).collect();
        let unused: Vec<&str> =
            of.fields.iter().enumerate().filter(|(i, _)| !of.used.contains(i)).map(|(_, f)| f.name.as_str()).collect();
        let unused = match unused.is_empty() {
            true => String::new(),
            false => format!("; not decoded: {}", unused.join(", ")),
        };
        self.line(&format!("decode {}{unused}", names.join(", ")));
        if let Some(time) = &of.event_time {
            self.line(&format!("event time {}, delay {}", time.name, duration(time.delay)));
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
        self.with(|task| task.tree = join(branches));
    }

    fn stage(&mut self, index: usize) {
        let stage = &self.plan.stages[index];
        let names = self.inputs.get(&index).cloned().unwrap_or_default();
        let (head, details, results) = operator(&stage.op, &names);
        let gate = gate(&stage.inputs, stage.by_arrival, self.plan);
        let head = format!("{head} ×{}{gate}", stage.parallelism);
        self.begin(&stage.id, &stage.name, "operator", stage.parallelism, head);
        details.iter().for_each(|detail| self.line(detail));
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
        let by_chance = of.by_arrival || self.meet_by_block(&of.inputs);
        let (word, order) = if by_chance || of.inputs.iter().any(|input| self.arrives(input.from)) {
            ("multiset", "the rows are certain, their order is not")
        } else {
            ("exact", "the same bytes at any parallelism")
        };
        self.begin(&of.name, &of.name, "sink", 1, format!("write ×1{gate}"));
        self.line(&sink(&of.connector, of.format.name(), of.op));
        self.line(&format!("{word}: {order}"));
        let guarantees = guarantees::of(self.plan, of, saving);
        guarantees.iter().for_each(|line| self.line(line));
        self.with(|task| (task.order, task.guarantees) = (Some(word), guarantees));
    }

    /// Some stage up to `from` reads by arrival, or gives its results in any order.
    fn arrives(&self, from: Producer) -> bool {
        match from {
            Producer::Source(_) => false,
            Producer::Stage(stage) => {
                let stage = &self.plan.stages[stage];
                let by_chance = stage.by_arrival || self.meet_by_block(&stage.inputs);
                by_chance || stage.op.is_unsorted() || stage.inputs.iter().any(|input| self.arrives(input.from))
            }
        }
    }

    /// Several ways of a live source meet: they come block by block, and what is in a block is chance.
    fn meet_by_block(&self, inputs: &[InputPlan]) -> bool {
        let live = |domain: usize| {
            let group = self.plan.groups.get(domain).map_or(&[][..], |group| group);
            group.iter().any(|&source| self.plan.sources[source].live)
        };
        inputs
            .iter()
            .enumerate()
            .any(|(at, input)| live(input.domain) && inputs[..at].iter().any(|other| other.domain == input.domain))
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
                self.with(|task| task.chain.push((node.name.clone(), text.clone())));
                let of = node.name.rsplit('.').next().unwrap_or(&node.name);
                let mut lines = vec![format!("{text}  ({of})")];
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
        let (text, results) = self.operation(node, names);
        let skips = if node.on_fault == OnFault::Skip { ", skip rows that fail" } else { "" };
        (format!("{text}{skips}"), results)
    }

    fn operation(&self, node: &ChainNodePlan, names: &[String]) -> (String, Vec<String>) {
        match &node.op {
            ChainOp::Filter(condition) => {
                let condition = self.words.expression(&node.name, condition);
                (format!("filter {condition}"), names.to_vec())
            }
            ChainOp::Project(items) => {
                let items: Vec<String> = items.iter().map(|item| self.words.expression(&node.name, item)).collect();
                let shown = if items.is_empty() { "no columns".into() } else { items.join(", ") };
                (format!("project {shown}"), items)
            }
            ChainOp::Route(_) => ("route".into(), names.to_vec()),
            ChainOp::Explode { list, .. } => {
                let list = self.words.expression(&node.name, list);
                (format!("explode {list}"), std::iter::once("element".into()).chain(names.to_vec()).collect())
            }
            ChainOp::Require { column, .. } => {
                let column = columns([*column].into_iter(), names);
                (format!("require {column}"), names.to_vec())
            }
            ChainOp::Present => ("without -D".into(), names.to_vec()),
            ChainOp::PreAggregate(_) => ("pre-aggregate each block".into(), names.to_vec()),
            ChainOp::TopLocal(_) => ("best of each block".into(), names.to_vec()),
        }
    }

    fn port(&mut self, group: &Group<'a>, port: &PortPlan, names: &[String]) -> String {
        let (id, consumer, parallelism) = match port.to {
            Consumer::Stage { stage, .. } => {
                self.inputs.entry(stage).or_insert_with(|| names.to_vec());
                let stage = &self.plan.stages[stage];
                (&stage.id, &stage.name, stage.parallelism)
            }
            Consumer::Sink { sink, .. } => (&self.plan.sinks[sink].name, &self.plan.sinks[sink].name, 1),
        };
        let (word, by) = match &port.exchange {
            ExchangePlan::Hash(keys) => ("hash", keys.iter().map(|&key| columns([key].into_iter(), names)).collect()),
            ExchangePlan::Single if group.parallelism == 1 => ("forward", Vec::new()),
            ExchangePlan::Single => ("single", Vec::new()),
        };
        let exchange = if word == "hash" { format!("hash({})", by.join(", ")) } else { word.to_owned() };
        self.with(|task| task.exits.push(Exit { to: id.clone(), exchange: word, by }));
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
        StageOp::Changelog(spec, having) => {
            let (name, mut details, results) = aggregate(spec, names);
            let condition = having.as_ref().map(|having| format!("having {}, ", having.condition));
            details.push(format!("{}op of each result by what was given of its key", condition.unwrap_or_default()));
            (name, details, results)
        }
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
