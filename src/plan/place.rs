//! Lays the logical graph out: stateless transforms are fused into whoever produces their rows, stateful ones open
//! a stage behind an exchange. A union is nothing but several inputs of the next gate.
//!
//! Only columns that somebody needs travel: [`required`] walks the graph backwards first.

mod flow;
mod groups;
mod identity;
mod required;
mod stateful;

use std::collections::{BTreeMap, BTreeSet};

use super::logical::sources::ERRORS_LINE;
use super::logical::{Kind, LogicalPlan, Node, OutputRef, Source};
use super::physical::*;
use crate::data::Schema;
use crate::error::{Error, Result};
use crate::expr::Typed;
use crate::format::Format;
use crate::format::columnar::is_columnar;
use crate::op::MAIN;
use crate::op::fault::OnFault;
use crate::spec::SourceConnector;
use identity::Label;

/// How often `now()` moves, at most: 10 ms.
const NOW_STEP_US: i64 = 10_000;

/// Whether an expression has `now()` in it.
fn asks_for_time(plan: &PhysicalPlan) -> bool {
    let chains = plan.sources.iter().map(|source| &source.chain).chain(plan.stages.iter().map(|stage| &stage.chain));
    chains.flat_map(|chain| &chain.nodes).any(|node| match &node.op {
        ChainOp::Filter(condition) => condition.uses_now(),
        ChainOp::Project(items) | ChainOp::Route(items) => items.iter().any(Typed::uses_now),
        ChainOp::Explode { list, .. } => list.uses_now(),
        _ => false,
    })
}

/// Lays out `plan` for `parallelism` subtasks. `files`: the files of each `file` source, by node name.
pub fn place(
    plan: &LogicalPlan,
    parallelism: usize,
    max_parallelism: u32,
    files: &BTreeMap<String, Vec<std::path::PathBuf>>,
) -> Result<PhysicalPlan> {
    let groups = groups::groups(plan);
    let mut placer = Placer {
        plan,
        required: required::required(plan),
        changes: required::changes(plan),
        files,
        domains: groups.len(),
        out: PhysicalPlan {
            groups,
            name: plan.name.clone(),
            parallelism,
            max_parallelism,
            sources: Vec::new(),
            stages: Vec::new(),
            sinks: Vec::new(),
        },
        at: BTreeMap::new(),
        current: 0,
    };
    for (index, node) in plan.nodes.iter().enumerate() {
        placer.current = index;
        placer.node(index, node).map_err(|e| e.at(node.path()))?;
    }
    if asks_for_time(&placer.out) {
        for source in &mut placer.out.sources {
            source.clock = Some(NOW_STEP_US);
        }
    }
    Ok(placer.out)
}

struct Placer<'a> {
    plan: &'a LogicalPlan,
    required: BTreeMap<OutputRef, BTreeSet<usize>>,
    /// Outputs of whose rows some sink wants to know what they are to those before them.
    changes: BTreeSet<OutputRef>,
    files: &'a BTreeMap<String, Vec<std::path::PathBuf>>,
    out: PhysicalPlan,
    /// How many sequences of blocks there are: groups of sources have the first numbers, then come gates that read
    /// by arrival.
    domains: usize,
    at: BTreeMap<OutputRef, Vec<Location>>,
    /// The node that is being placed.
    current: usize,
}

/// Where the rows of an output come out.
#[derive(Debug, Clone)]
struct Location {
    producer: Producer,
    exit: Exit,
    /// Column of the batch for each column of the schema; `None` where nobody needs it.
    columns: Vec<Option<usize>>,
    domain: usize,
    /// Sources (indices into `out.sources`) it stems from.
    sources: BTreeSet<usize>,
    delay: i64,
    line_column: Option<usize>,
    /// Some rows may say that a key has no result any more.
    deletes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Rows,
    Errors,
    Stage(usize),
    Node { node: usize, output: usize },
}

impl Location {
    /// `typed`, over the schema, as an expression over the batch.
    fn map(&self, typed: &Typed) -> Typed {
        let mut typed = typed.clone();
        // Columns that are read are required, so they are there.
        typed.remap(&|column| self.columns.get(column).copied().flatten().unwrap_or(0));
        typed
    }

    fn moved(&self, exit: Exit, columns: Vec<Option<usize>>) -> Location {
        Location { exit, columns, ..self.clone() }
    }

    fn input(&self) -> InputPlan {
        let Location { producer, domain, delay, line_column, .. } = *self;
        InputPlan { from: producer, domain, delay, line_column }
    }
}

impl Placer<'_> {
    fn node(&mut self, index: usize, node: &Node) -> Result<()> {
        let main = OutputRef { node: index, output: MAIN };
        let placed = match &node.kind {
            Kind::Source(source) => return self.source(index, node, source),
            Kind::Sink(sink) => return self.sink(node, sink),
            Kind::Filter(condition) => self.each(node, |placer, location| {
                let op = ChainOp::Filter(location.map(condition));
                Ok(placer.guarded(&location, node, op, location.columns.clone()))
            })?,
            Kind::Select { items, where_ } => {
                let needed = self.needed(main);
                self.each(node, |placer, mut location| {
                    if let Some(condition) = where_ {
                        let op = ChainOp::Filter(location.map(condition));
                        location = placer.guarded(&location, node, op, location.columns.clone());
                    }
                    Ok(placer.selected(&location, node, items, &needed))
                })?
            }
            Kind::Aggregate(aggregate) => return self.aggregate(index, node, aggregate),
            Kind::Top(top) => vec![self.top(index, node, top)?],
            Kind::Explode { list, keep_empty } => self.each(node, |placer, location| {
                let op = ChainOp::Explode { list: location.map(list), keep_empty: *keep_empty };
                // The element comes first, and is the last column of the schema.
                let columns = location.columns.iter().map(|column| column.map(|c| c + 1)).chain([Some(0)]).collect();
                Ok(placer.guarded(&location, node, op, columns))
            })?,
            Kind::Route(cases) => return self.route(index, node, cases),
            Kind::Limit(n) => vec![self.passing(node, StageOp::Limit(*n), identity::limit(*n))?],
            Kind::LimitBy(limit) => vec![self.limit_by(node, limit)?],
            Kind::Sample { fraction, seed } => {
                let op = StageOp::Sample { fraction: *fraction, seed: *seed };
                vec![self.passing(node, op, identity::sample(*fraction, *seed))?]
            }
            Kind::Throttle(rate) => vec![self.passing(node, StageOp::Throttle(*rate), identity::throttle())?],
            Kind::EventTime(time) => vec![self.new_time(node, time)?],
        };
        self.at.insert(main, placed);
        Ok(())
    }

    fn needed(&self, output: OutputRef) -> BTreeSet<usize> {
        self.required.get(&output).cloned().unwrap_or_default()
    }

    /// Locations of all inputs, their columns in the order of the node's input schema.
    fn inputs(&mut self, node: &Node) -> Vec<Location> {
        let takes_deletes = self.takes_deletes(node);
        let mut found = self.outputs_before(node);
        for location in found.iter_mut().filter(|location| location.deletes && !takes_deletes) {
            *location = self.chained(location, &node.path(), ChainOp::Present, location.columns.clone());
            location.deletes = false;
        }
        found
    }

    /// Where the rows of all inputs come out.
    fn outputs_before(&self, node: &Node) -> Vec<Location> {
        let first = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output].schema;
        let mut found = Vec::new();
        for input in &node.inputs {
            let schema = &self.plan.nodes[input.node].outputs[input.output].schema;
            for location in self.at.get(input).into_iter().flatten() {
                let column = |name: &str| schema.index_of(name).and_then(|i| location.columns[i]);
                found.push(Location { columns: first.names().map(column).collect(), ..location.clone() });
            }
        }
        found
    }

    /// Rows that say that a key has no result any more are for sinks that want them, through selects. All others
    /// take no notice of them: a sink with `op` changes nothing for those beside it.
    fn takes_deletes(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Sink(sink) => sink.op,
            Kind::Select { where_: None, .. } => self.changes.iter().any(|output| output.node == self.current),
            _ => false,
        }
    }

    fn each(
        &mut self,
        node: &Node,
        mut place: impl FnMut(&mut Self, Location) -> Result<Location>,
    ) -> Result<Vec<Location>> {
        let inputs = self.capped(node)?;
        inputs.into_iter().map(|location| place(self, location)).collect()
    }

    fn chain(&mut self, producer: Producer) -> &mut ChainPlan {
        match producer {
            Producer::Source(index) => &mut self.out.sources[index].chain,
            Producer::Stage(index) => &mut self.out.stages[index].chain,
        }
    }

    /// Lets the rows of `location` go to `target` as well.
    fn connect(&mut self, location: &Location, target: Target) {
        let targets = match (location.exit, location.producer) {
            (Exit::Rows, Producer::Source(index)) => &mut self.out.sources[index].rows,
            (Exit::Errors, Producer::Source(index)) => &mut self.out.sources[index].errors,
            (Exit::Stage(output), Producer::Stage(index)) => {
                let outputs = &mut self.out.stages[index].outputs;
                if outputs.len() <= output {
                    outputs.resize(output + 1, Vec::new());
                }
                &mut outputs[output]
            }
            (Exit::Node { node, output }, producer) => {
                let outputs = &mut self.chain(producer).nodes[node].outputs;
                if outputs.len() <= output {
                    outputs.resize(output + 1, Vec::new());
                }
                &mut outputs[output]
            }
            (exit, producer) => unreachable!("{exit:?} of {producer:?}: exits are made with their producers"),
        };
        targets.push(target);
    }

    /// Fuses a stateless operator behind `location`.
    fn chained(&mut self, location: &Location, name: &str, op: ChainOp, columns: Vec<Option<usize>>) -> Location {
        let chain = self.chain(location.producer);
        let node = chain.nodes.len();
        let (name, on_fault) = (name.to_string(), OnFault::Fail);
        chain.nodes.push(ChainNodePlan { name, op, on_fault, outputs: Vec::new() });
        self.connect(location, Target::Node(node));
        location.moved(Exit::Node { node, output: MAIN }, columns)
    }

    /// The `needed` ones of `items`, unless they are just what `location` holds.
    fn projected(&mut self, location: &Location, name: &str, items: &[Typed], needed: &BTreeSet<usize>) -> Location {
        match picked(location, items, needed) {
            Picked::Columns(columns) => Location { columns, ..location.clone() },
            Picked::Items(op, columns) => self.chained(location, name, op, columns),
        }
    }

    /// Brings exactly the columns `kept` of the schema into order.
    fn narrowed(&mut self, location: &Location, node: &Node, kept: &[usize]) -> Location {
        let input = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output].schema;
        let exact = kept.iter().enumerate().all(|(place, &column)| location.columns[column] == Some(place));
        let columns = spread(input.len(), kept);
        if exact && self.width(location) == kept.len() {
            return Location { columns, ..location.clone() };
        }
        let items = kept.iter().map(|&c| location.map(&column_of(input, c))).collect();
        self.chained(location, &node.path(), ChainOp::Project(items), columns)
    }

    /// Number of columns a batch has at `location`, as far as it is plain to see.
    fn width(&mut self, location: &Location) -> usize {
        match (location.exit, location.producer) {
            (Exit::Rows, Producer::Source(index)) => {
                let source = &self.out.sources[index];
                source.used.len() + source.metadata.len()
            }
            (Exit::Node { node, output: MAIN }, producer) => match &self.chain(producer).nodes[node].op {
                ChainOp::Project(items) => items.len(),
                _ => usize::MAX,
            },
            _ => usize::MAX,
        }
    }

    fn port(&mut self, location: &Location, port: PortPlan) {
        let chain = self.chain(location.producer);
        let index = chain.ports.len();
        chain.ports.push(port);
        self.connect(location, Target::Port(index));
    }

    fn source(&mut self, index: usize, node: &Node, source: &Source) -> Result<()> {
        let mut used: BTreeSet<usize> = self.needed(OutputRef { node: index, output: MAIN });
        used.extend(source.event_time.as_ref().map(|t| t.column));
        let metadata: Vec<usize> = used.split_off(&source.fields.len()).into_iter().collect();
        // A record's structure is judged even where no column is used.
        if used.is_empty() {
            used.insert(0);
        }
        let used: Vec<usize> = used.into_iter().collect();
        let decoded: Vec<usize> = used.iter().chain(&metadata).copied().collect();
        let event_time = source.event_time.as_ref().map(|time| EventTimePlan {
            column: used.iter().position(|&u| u == time.column).unwrap_or(0),
            name: source.fields[time.column].name.clone(),
            delay: time.delay,
            idle: time.idle,
        });
        let files = self.files.get(&node.name).cloned().unwrap_or_default();
        let by_time = match &source.connector {
            SourceConnector::File { order, .. } => match order {
                Some(order) => order.value == crate::spec::FileOrder::Time,
                None => event_time.is_some() && (files.len() > 1 || source.connector.follows()),
            },
            _ => false,
        };
        let delay = source.event_time.as_ref().map_or(0, |t| t.delay);
        let columns = spread(node.outputs[MAIN].schema.len(), &decoded);
        let number = self.out.sources.len();
        self.out.sources.push(SourcePlan {
            name: node.path(),
            secrets: self.plan.secrets.clone(),
            connector: source.connector.clone(),
            files,
            by_time,
            format: source.format.clone(),
            fields: source.fields.clone(),
            used,
            event_time,
            on_error: source.on_error,
            max_record: source.max_record,
            compression: source.compression,
            metadata: metadata.iter().map(|&column| source.metadata[column - source.fields.len()]).collect(),
            journal: source.journal,
            rate: source.rate,
            tick: None,
            clock: None,
            live: source.live,
            endless: node.endless,
            inferred: source.inferred.clone(),
            rows: Vec::new(),
            errors: Vec::new(),
            chain: ChainPlan::default(),
        });
        let domain = self.out.groups.iter().position(|group| group.contains(&number)).unwrap_or(0);
        let sources = BTreeSet::from([number]);
        let producer = Producer::Source(number);
        let rows =
            Location { producer, exit: Exit::Rows, columns, domain, sources, delay, line_column: None, deletes: false };
        if node.outputs[1].read {
            let columns = (0..node.outputs[1].schema.len()).map(Some).collect::<Vec<_>>();
            let errors = Location { exit: Exit::Errors, line_column: Some(ERRORS_LINE), ..rows.clone() };
            let errors = Location { columns: columns.clone(), ..errors };
            let placed =
                self.stage(Label::errors(node), StageOp::Pass, 1, vec![errors], columns, ExchangePlan::Single)?;
            self.at.insert(OutputRef { node: index, output: 1 }, vec![placed]);
        }
        self.at.insert(OutputRef { node: index, output: MAIN }, vec![rows]);
        Ok(())
    }

    fn sink(&mut self, node: &Node, sink: &super::logical::Sink) -> Result<()> {
        let input = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output];
        let schema = input.schema.clone();
        let all: Vec<usize> = (0..schema.len()).collect();
        let schema = if sink.op { schema.with_op() } else { schema };
        let index = self.out.sinks.len();
        let inputs: Vec<Location> =
            self.inputs(node).iter().map(|location| self.narrowed(location, node, &all)).collect();
        let inputs = match sink.format {
            Format::Table { .. } => self.by_one(node, inputs, &all)?,
            _ => inputs,
        };
        for (input, location) in inputs.iter().enumerate() {
            let to = Consumer::Sink { sink: index, input };
            let encode = (!is_columnar(&sink.format)).then(|| (sink.format.clone(), schema.clone()));
            self.port(location, PortPlan { exchange: ExchangePlan::Single, encode, number_rows: false, to });
        }
        self.check_apart(&inputs)?;
        let by_arrival = by_arrival(&inputs);
        let inputs = inputs.iter().map(Location::input).collect();
        self.out.sinks.push(SinkPlan {
            name: node.path(),
            connector: sink.connector.clone(),
            format: sink.format.clone(),
            schema,
            op: sink.op,
            inputs,
            by_arrival,
            endless: node.endless,
        });
        Ok(())
    }

    /// The rows from one task: a table has one head, and widths that its rows share.
    fn by_one(&mut self, node: &Node, inputs: Vec<Location>, all: &[usize]) -> Result<Vec<Location>> {
        let is_one = match &inputs[..] {
            [Location { producer: Producer::Stage(stage), .. }] => self.out.stages[*stage].parallelism == 1,
            [_] => self.out.parallelism == 1,
            _ => false,
        };
        if is_one {
            return Ok(inputs);
        }
        let columns = all.iter().copied().map(Some).collect();
        let label = identity::Label::sequence(node);
        Ok(vec![self.stage(label, StageOp::Pass, 1, inputs, columns, ExchangePlan::Single)?])
    }

    /// A task that reads several sequences by arrival may wait within a block of one while another is full. So nothing
    /// that one needs may be behind the other.
    fn check_apart(&self, inputs: &[Location]) -> Result<()> {
        for (index, input) in inputs.iter().enumerate() {
            for other in inputs[..index].iter().filter(|other| other.domain != input.domain) {
                if let Some(&source) = other.sources.intersection(&input.sources).next() {
                    let name = &self.out.sources[source].name;
                    return Err(Error::job(format!("its inputs share {name}, but not all of their sources")).note(
                        "joining a stream with a union that holds it and a live source is not there yet: \
                         union them in one place",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Opens a stage that reads `inputs`; its main output has the batch columns `columns`.
    fn stage(
        &mut self,
        label: Label,
        op: StageOp,
        parallelism: usize,
        inputs: Vec<Location>,
        columns: Vec<Option<usize>>,
        exchange: ExchangePlan,
    ) -> Result<Location> {
        let stage = self.out.stages.len();
        self.check_apart(&inputs)?;
        let by_arrival = by_arrival(&inputs);
        let domain = if by_arrival { self.domains } else { inputs[0].domain };
        self.domains += usize::from(by_arrival);
        let deletes = inputs.iter().any(|input| input.deletes);
        let sources = inputs.iter().flat_map(|input| input.sources.iter().copied()).collect();
        let numbered = parallelism > 1
            && match &op {
                StageOp::Aggregate(spec) | StageOp::Changelog(spec, _) => stateful::comes_by_row(spec),
                StageOp::LimitBy(_) => true,
                _ => false,
            };
        for (input, location) in inputs.iter().enumerate() {
            let to = Consumer::Stage { stage, input };
            let port = PortPlan { exchange: exchange.clone(), encode: None, number_rows: numbered, to };
            self.port(location, port);
        }
        let Label { name, id, identity } = label;
        self.out.stages.push(StagePlan {
            name,
            id,
            identity,
            parallelism,
            op,
            inputs: inputs.iter().map(Location::input).collect(),
            by_arrival,
            outputs: Vec::new(),
            chain: ChainPlan::default(),
        });
        let producer = Producer::Stage(stage);
        Ok(Location {
            producer,
            exit: Exit::Stage(MAIN),
            columns,
            domain,
            sources,
            delay: 0,
            line_column: None,
            deletes,
        })
    }
}

/// Inputs in several sequences, which only live sources make, have no order but that of their arrival.
fn by_arrival(inputs: &[Location]) -> bool {
    inputs.iter().any(|input| input.domain != inputs[0].domain)
}

/// What a projection comes to.
enum Picked {
    /// Columns that are there.
    Columns(Vec<Option<usize>>),
    Items(ChainOp, Vec<Option<usize>>),
}

fn picked(location: &Location, items: &[Typed], needed: &BTreeSet<usize>) -> Picked {
    let kept: Vec<usize> = needed.iter().copied().collect();
    let mapped: Vec<Typed> = kept.iter().map(|&i| location.map(&items[i])).collect();
    let plain: Option<Vec<usize>> = mapped.iter().map(Typed::as_column).collect();
    match plain {
        Some(plain) => {
            let mut columns = vec![None; items.len()];
            kept.iter().zip(plain).for_each(|(&i, column)| columns[i] = Some(column));
            Picked::Columns(columns)
        }
        None => Picked::Items(ChainOp::Project(mapped), spread(items.len(), &kept)),
    }
}

fn column_of(schema: &Schema, index: usize) -> Typed {
    let field = &schema.fields[index];
    Typed::column(index, &field.name, field.ty)
}

/// Columns `kept` of a schema of `width` columns, in order.
fn spread(width: usize, kept: &[usize]) -> Vec<Option<usize>> {
    let mut columns = vec![None; width];
    kept.iter().enumerate().for_each(|(place, &column)| columns[column] = Some(place));
    columns
}
