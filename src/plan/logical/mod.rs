//! The job as a graph of typed nodes: names found, schemas settled, expressions resolved.

mod flow;
mod graph;
mod sinks;
pub mod sources;
#[cfg(test)]
mod tests;
mod top;
mod transforms;

pub use sinks::table_of;

use crate::data::{DataType, Field, Schema};
use crate::error::Secrets;
use crate::expr::{AggregatePlan, ExprError, Typed};
use crate::format::{Format, SourceField};
use crate::op::aggregate::{Emit, Window};
use crate::plan::{Inferred, Resolved};
use crate::spec::{
    Compression, Diagnostic, Diagnostics, JobSpec, Metadata, NodeKind, NodeSpec, OnError, SinkConnector,
    SourceConnector, Text,
};

/// The nodes that run, inputs before those who read them.
#[derive(Debug, Clone)]
pub struct LogicalPlan {
    pub name: String,
    /// What is not to be said or written, though an expression may hold it.
    pub secrets: Secrets,
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    /// `sources`, `transforms` or `sinks`.
    pub section: &'static str,
    pub kind: Kind,
    pub inputs: Vec<OutputRef>,
    pub outputs: Vec<Output>,
    /// Has no end of its own: results may never be final.
    pub endless: bool,
    /// Of a transform: what becomes of rows on which an expression fails.
    pub on_error: OnError,
    /// Of a transform: subtasks at most.
    pub parallelism: Option<usize>,
}

/// One output of a node: an index into [`LogicalPlan::nodes`] and into [`Node::outputs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputRef {
    pub node: usize,
    pub output: usize,
}

#[derive(Debug, Clone)]
pub struct Output {
    /// `None` for the main output, else the word behind the point. A route has a main output that nobody reads.
    pub name: Option<String>,
    pub schema: Schema,
    /// Rows carry an event time.
    pub has_time: bool,
    /// Some node reads it.
    pub read: bool,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Source(Box<Source>),
    Filter(Typed),
    Select {
        items: Vec<Typed>,
        where_: Option<Typed>,
    },
    Aggregate(Box<Aggregate>),
    Top(Box<Top>),
    Limit(u64),
    LimitBy(LimitBy),
    /// Names of the outputs and conditions, in the order they are tried; output `i + 1` is that of case `i`.
    Route(Vec<(String, Typed)>),
    Sample {
        fraction: f64,
        seed: u64,
    },
    /// The element is the column behind those of the input. `keep_empty`: rows without elements stay.
    Explode {
        list: Typed,
        keep_empty: bool,
    },
    /// Rows a second.
    Throttle(f64),
    /// Of a column of the input.
    EventTime(EventTime),
    Sink(Box<Sink>),
}

#[derive(Debug, Clone)]
pub struct Source {
    pub connector: SourceConnector,
    pub format: Format,
    pub fields: Vec<SourceField>,
    pub event_time: Option<EventTime>,
    pub on_error: OnError,
    pub max_record: usize,
    pub compression: Option<Compression>,
    /// Columns behind those of `fields`.
    pub metadata: Vec<Metadata>,
    /// Bytes that the journal of a live input may hold; `None` without one.
    pub journal: Option<u64>,
    pub rate: Option<f64>,
    pub live: bool,
    /// Its schema stands in the data.
    pub inferred: Option<Inferred>,
}

/// Durations in µs.
#[derive(Debug, Clone)]
pub struct EventTime {
    /// Column of the schema of the source, or of a transform's input.
    pub column: usize,
    pub delay: i64,
    pub idle: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Aggregate {
    pub plan: AggregatePlan,
    pub window: Option<Window>,
    /// Windows go by the wall clock.
    pub processing: bool,
    pub lateness: i64,
    pub emit: Emit,
    /// Results come in any order.
    pub unsorted: bool,
    /// Over the outputs: sorts each window's rows, or all.
    pub order: Vec<OrderKey>,
}

#[derive(Debug, Clone)]
pub struct Top {
    pub by: Vec<Typed>,
    pub order: Vec<OrderKey>,
    pub n: u64,
    pub window: Option<Window>,
    /// Windows go by the wall clock.
    pub processing: bool,
    pub ties: bool,
    pub rank: bool,
}

/// The first `n` rows of each key.
#[derive(Debug, Clone)]
pub struct LimitBy {
    pub n: u64,
    /// Names in its state, and keys.
    pub by: Vec<(String, Typed)>,
}

#[derive(Debug, Clone)]
pub struct OrderKey {
    pub value: Typed,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug, Clone)]
pub struct Sink {
    pub connector: SinkConnector,
    pub format: Format,
    /// Rows have the column `op` in front.
    pub op: bool,
}

/// As [`build_with`], for a job that has all schemas in its file.
pub fn build(spec: &JobSpec) -> (Option<LogicalPlan>, Diagnostics) {
    build_with(spec, &Resolved::default())
}

/// Builds the graph. `None` if there are errors; warnings may come with a plan.
pub fn build_with(spec: &JobSpec, resolved: &Resolved) -> (Option<LogicalPlan>, Diagnostics) {
    let mut found = Diagnostics::default();
    let graph = graph::connect(spec, &mut found);
    let mut builder = Builder { spec, resolved, graph: &graph, found, nodes: vec![None; spec.nodes.len()] };
    for &index in &graph.order {
        builder.nodes[index] = builder.node(index);
    }
    sinks::conflicts(spec, &graph.runs, &mut builder.found);
    sources::conflicts(spec, &graph.runs, &mut builder.found);
    let Builder { found, nodes, .. } = builder;
    if found.has_errors() {
        return (None, found);
    }
    (
        Some(LogicalPlan {
            name: spec.name.clone(),
            secrets: spec.text.secrets().clone(),
            nodes: renumber(nodes, &graph),
        }),
        found,
    )
}

/// Puts the nodes that run into topological order.
fn renumber(mut nodes: Vec<Option<Node>>, graph: &graph::Graph) -> Vec<Node> {
    let running: Vec<usize> = graph.order.iter().copied().filter(|&i| graph.runs[i]).collect();
    let place = |old: usize| running.iter().position(|&i| i == old).unwrap_or(0);
    running
        .iter()
        .filter_map(|&old| nodes[old].take())
        .map(|mut node| {
            node.inputs.iter_mut().for_each(|input| input.node = place(input.node));
            node
        })
        .collect()
}

struct Builder<'a> {
    spec: &'a JobSpec,
    resolved: &'a Resolved,
    graph: &'a graph::Graph,
    found: Diagnostics,
    /// `None`: not built yet, or wrong.
    nodes: Vec<Option<Node>>,
}

impl Builder<'_> {
    fn node(&mut self, index: usize) -> Option<Node> {
        let spec = self.spec;
        let node = &spec.nodes[index];
        let mut built = match &node.kind {
            NodeKind::Source(source) => self.source(node, source, self.graph.runs[index])?,
            _ => {
                let inputs = self.inputs(index)?;
                match &node.kind {
                    NodeKind::Sink(sink) => self.sink(node, sink, inputs)?,
                    _ => self.checked_transform(node, index, inputs)?,
                }
            }
        };
        for (number, output) in built.outputs.iter_mut().enumerate() {
            output.read = self.graph.is_read(index, number);
        }
        Some(built)
    }

    /// The inputs of a node, all of one schema.
    fn inputs(&mut self, index: usize) -> Option<Inputs> {
        let refs = self.graph.inputs[index].clone()?;
        let built: Option<Vec<(&Node, &Output)>> = refs
            .iter()
            .map(|r| self.nodes[r.node].as_ref().and_then(|n| n.outputs.get(r.output).map(|o| (n, o))))
            .collect();
        let built = built?;
        let (_, first) = built.first()?;
        let mut inputs = Inputs {
            schema: first.schema.clone(),
            has_time: built.iter().all(|(_, o)| o.has_time),
            endless: built.iter().any(|(n, _)| n.endless),
            refs,
        };
        let node = &self.spec.nodes[index];
        let mut wrong = Vec::new();
        for ((_, output), text) in built.iter().zip(&node.inputs).skip(1) {
            if let Some(difference) = difference(&inputs.schema, &output.schema) {
                wrong.push(
                    Diagnostic::error(format!("inputs of `{}` do not have the same columns", node.name.value))
                        .at(&text.span)
                        .label(difference)
                        .help("a `select` transform before it can bring them into one form"),
                );
            }
        }
        inputs.schema = first.schema.clone();
        let fine = wrong.is_empty();
        wrong.into_iter().for_each(|d| self.found.push(d));
        fine.then_some(inputs)
    }

    /// Reports an error inside an expression.
    /// Notes divisions that cut their result, which who comes from other languages may not expect.
    fn cuts(&mut self, text: &Text, places: impl IntoIterator<Item = std::ops::Range<usize>>) {
        for place in places {
            let note = Diagnostic::note("int / int cuts the fraction: 7 / 2 is 3").at(&text.locate(place));
            let help = "if the fraction is wanted, make one side a double: CAST(x AS double), or x * 1e0";
            self.found.push(note.label("both sides are int").help(help));
        }
    }

    fn wrong(&mut self, text: &Text, error: ExprError) {
        let mut diagnostic = Diagnostic::error(error.message).at(&text.locate(error.span)).label(error.label);
        diagnostic.help = error.help;
        self.found.push(diagnostic);
    }
}

/// What a node reads.
struct Inputs {
    refs: Vec<OutputRef>,
    schema: Schema,
    has_time: bool,
    endless: bool,
}

/// Union needs the same names and types; the order of the first input counts.
fn difference(first: &Schema, other: &Schema) -> Option<String> {
    if let Some(field) = first.fields.iter().find(|f| other.index_of(&f.name).is_none()) {
        return Some(format!("has no column {}", field.name));
    }
    if let Some(field) = other.fields.iter().find(|f| first.index_of(&f.name).is_none()) {
        return Some(format!("has a column {} that the first input has not", field.name));
    }
    first.fields.iter().find_map(|field| {
        let theirs = other.fields.iter().find(|f| f.name == field.name)?;
        (theirs.ty != field.ty)
            .then(|| format!("column {} is {}, in the first input {}", field.name, theirs.ty, field.ty))
    })
}

impl Node {
    fn new(node: &NodeSpec, section: &'static str, kind: Kind, inputs: Vec<OutputRef>) -> Node {
        Node {
            name: node.name.value.clone(),
            section,
            kind,
            inputs,
            outputs: Vec::new(),
            endless: false,
            on_error: node.on_error.as_ref().map_or(OnError::Fail, |on_error| on_error.value),
            parallelism: node.parallelism.as_ref().map(|p| usize::try_from(p.value).unwrap_or(usize::MAX)),
        }
    }

    /// The output of rows on which an expression failed, if it is read.
    pub fn errors(&self) -> Option<usize> {
        self.outputs.iter().position(|output| output.read && output.name.as_deref() == Some("errors"))
    }

    /// `transforms.per_minute`: how messages name it.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

impl Output {
    fn main(schema: Schema, has_time: bool) -> Output {
        Output { name: None, schema, has_time, read: false }
    }

    fn named(name: &str, schema: Schema, has_time: bool) -> Output {
        Output { name: Some(name.to_owned()), schema, has_time, read: false }
    }

    /// `NAME.errors` of a transform: the columns of its input, and why.
    fn errors(input: &Schema, has_time: bool) -> Output {
        let mut schema = input.clone();
        schema.fields.push(Field { name: "reason".into(), ty: DataType::String });
        Output::named("errors", schema, has_time)
    }
}
