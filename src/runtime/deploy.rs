//! Makes tasks of a physical plan: instances, channels, and who shares a thread.
//!
//! At parallelism 1 all tasks share one thread; else every subtask has its own. Where all sources are live, latency
//! counts for more than throughput: then subtasks of the same number share a thread, and readers and sinks are on the
//! first, so that a trickle wakes as few threads as possible.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::barrier::{Ack, Acks};
use super::chain::{Chain, Node};
use super::channel::{CAPACITY, Rx, Tx, channel};
use super::connectors;
use super::driver::Driver;
use super::gate::{Feed, Gate, GateInput};
use super::operators::{chained, operator};
use super::port::{Exchange, Port};
use super::reader::{Reader, ReaderControl, ReaderSource, Ticks};
use super::roles::Roles;
use super::sink::Sink;
use super::stage::{Stage, StagePlace};
use super::task::Task;
use super::waker::Waker;
use super::worker::{EventTime, Head, HeadOptions, InferredTypes, Wanted, Worker};
use crate::checkpoint::manifest::{Manifest, Progress};
use crate::connect::{BlockDecoder, Committer, Run, Source, Writer, throttle};
use crate::error::{Error, Result};
use crate::format::{self, columnar};
use crate::observe::{JobStats, NodeStats, SourceStats};
use crate::plan::physical::{
    ChainPlan, Consumer, ExchangePlan, InputPlan, PhysicalPlan, PortPlan, Producer, SinkPlan, SourcePlan, StageOp,
    StagePlan,
};
use crate::state::table::Restored;

/// Opens what the plan names. `waker` wakes the task that will use it.
pub trait Connectors {
    fn source(&mut self, plan: &SourcePlan, waker: Waker) -> Result<Box<dyn Source>>;
    fn decoder(&self, plan: &SourcePlan) -> Result<Box<dyn BlockDecoder>>;
    fn writer(&mut self, plan: &SinkPlan, waker: Waker) -> Result<Box<dyn Writer>>;
    /// What commits and takes back what the writer of `plan` prepared.
    fn committer(&self, plan: &SinkPlan) -> Result<Box<dyn Committer>>;
    /// Told before anything is opened.
    fn begin(&mut self, _run: Run) {}
    /// Addresses that sources listen on, by node, since it was asked last.
    fn listening(&mut self) -> Vec<(String, SocketAddr)> {
        Vec::new()
    }
}

/// What a deployment goes on from.
pub trait Resume {
    fn manifest(&self) -> &Manifest;
    /// State of an operator for subtask `subtask` of `parallelism`; `None` if the checkpoint has none.
    fn state(&self, operator: &str, subtask: usize, parallelism: usize) -> Result<Option<Restored>>;
}

/// A job that is ready to start.
pub struct Deployment {
    pub drivers: Vec<Driver>,
    pub control: Arc<ReaderControl>,
    /// Parts of checkpoints, from the tasks.
    pub acks: Receiver<Ack>,
    /// The tasks' end of it.
    pub acks_in: Acks,
    pub stats: JobStats,
    /// Some source has no end of its own.
    pub endless: bool,
    /// What sources say of where they go on, such as files that are not read.
    pub warnings: Vec<Error>,
}

/// A subtask of the plan. Readers and workers are those of a group of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Reader(usize),
    Worker(usize, usize),
    Stage(usize, usize),
    Sink(usize),
}

pub fn deploy(plan: &PhysicalPlan, connectors: &mut dyn Connectors) -> Result<Deployment> {
    deploy_with(plan, connectors, CAPACITY)
}

/// As [`deploy`]; channels hold `capacity` messages, at least 1.
pub fn deploy_with(plan: &PhysicalPlan, connectors: &mut dyn Connectors, capacity: usize) -> Result<Deployment> {
    deploy_from(plan, connectors, capacity, None, &mut Kept::default())
}

/// As [`deploy_with`], going on from a checkpoint. Operators that the checkpoint does not know start empty.
/// Sources of `kept` are used again. If it fails, they are there again.
pub fn deploy_from(
    plan: &PhysicalPlan,
    connectors: &mut dyn Connectors,
    capacity: usize,
    resume: Option<&dyn Resume>,
    kept: &mut Kept,
) -> Result<Deployment> {
    let (acks_in, acks) = Acks::new();
    if let Some(resume) = resume {
        acks_in.set_base(resume.manifest().checkpoint);
    }
    let mut deployer = Deployer {
        plan,
        resume,
        kept,
        acks: acks_in.clone(),
        watermarks: Vec::new(),
        capacity,
        together: plan.sources.iter().all(|s| s.live),
        drivers: BTreeMap::new(),
        inputs: BTreeMap::new(),
        control: Arc::new(ReaderControl::default()),
        stats: JobStats::default(),
        roles: Roles::of(plan),
        warnings: Vec::new(),
    };
    deployer.stats.sources = plan.sources.iter().map(|source| (source.name.clone(), source_stats(source))).collect();
    if let Err(error) = deployer.all(connectors) {
        let Deployer { drivers, kept, .. } = deployer;
        kept.take_back(plan, drivers.into_values().flat_map(|driver| driver.tasks));
        return Err(error);
    }
    let endless = plan.sources.iter().any(|s| s.endless);
    let Deployer { drivers, control, stats, warnings, .. } = deployer;
    let drivers = drivers.into_values().collect();
    Ok(Deployment { drivers, control, acks, acks_in, stats, endless, warnings })
}

/// Sources that cannot be opened a second time, by number, on their way to the next attempt.
#[derive(Default)]
pub struct Kept {
    sources: BTreeMap<usize, Box<dyn Source>>,
    /// Where they began, to start over without a checkpoint.
    begins: BTreeMap<usize, serde_json::Value>,
}

impl Kept {
    /// Those of tasks that have ended.
    pub fn take_back(&mut self, plan: &PhysicalPlan, tasks: impl Iterator<Item = Box<dyn Task>>) {
        let live = |&(number, _): &(usize, _)| plan.sources[number].live;
        self.sources.extend(tasks.flat_map(|task| task.into_sources()).filter(live));
    }
}

struct Deployer<'a> {
    plan: &'a PhysicalPlan,
    resume: Option<&'a dyn Resume>,
    kept: &'a mut Kept,
    acks: Acks,
    /// Of the stages built so far: what they go on from.
    watermarks: Vec<i64>,
    capacity: usize,
    /// All sources are live: subtasks of the same number share a thread.
    together: bool,
    drivers: BTreeMap<Thread, Driver>,
    /// Channels made for inputs of subtasks not built yet, by consumer and input.
    inputs: BTreeMap<(Place, usize), Vec<Rx>>,
    control: Arc<ReaderControl>,
    stats: JobStats,
    roles: Roles,
    warnings: Vec<Error>,
}

/// Which thread a subtask runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thread {
    Shared(usize),
    Own(Place),
}

impl Deployer<'_> {
    /// Producers first: they make the channels that consumers are built with.
    fn all(&mut self, connectors: &mut dyn Connectors) -> Result<()> {
        let plan = self.plan;
        (0..plan.groups.len()).try_for_each(|index| self.group(index, connectors))?;
        plan.stages.iter().enumerate().try_for_each(|(index, stage)| self.stage(index, stage))?;
        plan.sinks.iter().enumerate().try_for_each(|(index, sink)| self.sink(index, sink, connectors))
    }

    fn thread(&self, place: Place) -> Thread {
        match place {
            _ if self.plan.parallelism == 1 => Thread::Shared(0),
            _ if !self.together => Thread::Own(place),
            Place::Reader(_) | Place::Sink(_) => Thread::Shared(0),
            Place::Worker(_, subtask) | Place::Stage(_, subtask) => Thread::Shared(subtask),
        }
    }

    fn driver(&mut self, place: Place) -> &mut Driver {
        let thread = self.thread(place);
        self.drivers.entry(thread).or_default()
    }

    fn waker(&mut self, place: Place) -> Waker {
        self.driver(place).waker.clone()
    }

    /// Tasks of a thread are stepped in the order they come here: the way of the data.
    fn run(&mut self, place: Place, name: &str, task: Box<dyn Task>) {
        let name = match self.thread(place) {
            Thread::Shared(number) => format!("{number} flott"),
            Thread::Own(place) => thread_name(place, name),
        };
        let driver = self.driver(place);
        driver.name = name;
        driver.tasks.push(task);
    }

    /// A source, where it goes on, and whether it has ended before.
    fn open(
        &mut self,
        index: usize,
        connectors: &mut dyn Connectors,
        waker: &Waker,
    ) -> Result<(Box<dyn Source>, bool)> {
        let plan = &self.plan.sources[index];
        let state = self.resume.and_then(|resume| resume.manifest().sources.get(&plan.name));
        let unlimited = SourcePlan { rate: Some(throttle::UNLIMITED), ..plan.clone() };
        // Only who slowed it down knows where in a block it was.
        let slowed = plan.rate.is_none() && state.is_some_and(|state| throttle::parted(&state.position).is_some());
        let opened = if slowed { &unlimited } else { plan };
        let (mut source, again) = match self.kept.sources.remove(&index) {
            Some(source) => (source, true),
            None => (connectors.source(opened, waker.clone())?, false),
        };
        let position = match state {
            Some(state) => Some(&state.position),
            None if again => self.kept.begins.get(&index),
            None => None,
        };
        let placed = match position {
            Some(position) => source.restore(position),
            None if plan.live => source.position().map(|begin| drop(self.kept.begins.insert(index, begin))),
            None => Ok(()),
        };
        if let Err(error) = placed {
            if plan.live {
                self.kept.sources.insert(index, source);
            }
            return Err(error);
        }
        let warnings = source.warnings().into_iter();
        self.warnings.extend(warnings.map(|text| Error::external(text).at(plan.name.clone())));
        Ok((source, state.is_some_and(|state| state.ended)))
    }

    /// One reader and P workers for all sources of a group.
    fn group(&mut self, group: usize, connectors: &mut dyn Connectors) -> Result<()> {
        let plan = self.plan;
        let place = Place::Reader(group);
        let waker = self.waker(place);
        self.control.register(&waker);
        let members = &plan.groups[group];
        let mut sources = Vec::new();
        let mut heads: Vec<Vec<Head>> = (0..plan.parallelism).map(|_| Vec::new()).collect();
        for &index in members {
            let source = &plan.sources[index];
            let (opened, ended) = self.open(index, connectors, &waker).map_err(|e| e.at(source.name.clone()))?;
            let (stats, wanted) = (self.stats.sources[index].1.clone(), Wanted::by(plan.parallelism));
            for (subtask, heads) in heads.iter_mut().enumerate() {
                let options = head_options(source, &stats, &wanted);
                let decoder = connectors.decoder(source)?;
                let chain = self.chain(&source.chain, Place::Worker(group, subtask), Producer::Source(index))?;
                heads.push(Head::new(options, decoder, chain));
            }
            let timed = source.event_time.is_some();
            let mut reads = ReaderSource::new(source.name.clone(), index, opened, timed, wanted, stats);
            if ended {
                reads.resume_ended();
            }
            sources.push(reads);
        }
        let mut lanes = Vec::new();
        let mut workers = Vec::new();
        for (subtask, heads) in heads.into_iter().enumerate() {
            let (tx, rx) = channel(self.capacity, &waker, &self.waker(Place::Worker(group, subtask)));
            lanes.push(Port::new(Exchange::Single, vec![tx]));
            workers.push(Worker::new(rx, heads));
        }
        let name = group_name(plan, members);
        let tick = members.iter().filter_map(|&source| plan.sources[source].tick).min();
        let clock = members.iter().filter_map(|&source| plan.sources[source].clock).min();
        let reader =
            Reader::new(sources, self.acks.clone(), lanes, Ticks { period: tick, clock }, self.control.clone());
        self.run(place, &name, Box::new(reader));
        for (subtask, worker) in workers.into_iter().enumerate() {
            self.run(Place::Worker(group, subtask), &name, Box::new(worker));
        }
        Ok(())
    }

    fn stage(&mut self, index: usize, stage: &StagePlan) -> Result<()> {
        let saved = self.resume.and_then(|resume| resume.manifest().operators.get(&stage.id));
        for subtask in 0..stage.parallelism {
            let place = Place::Stage(index, subtask);
            let before = saved.map_or(i64::MIN, |state| state.watermark);
            let (gate, reached) = self.gate(place, &stage.inputs, before);
            let reached = if stage.op.has_own_time() { before } else { reached };
            let chain = self.chain(&stage.chain, place, Producer::Stage(index))?;
            let stats = NodeStats::of(self.roles.stage(index));
            self.stats.nodes.push((stage.name.clone(), subtask, stats.clone()));
            let mut operator = operator(&stage.op);
            if let Some(resume) = self.resume
                && let Some(state) = resume.state(&stage.id, subtask, stage.parallelism)?
            {
                operator.restore(state).map_err(|e| e.at(stage.name.clone()))?;
            }
            let at = StagePlace { stage: index, subtask, acks: self.acks.clone() };
            let mut task = Stage::new(stage.name.clone(), at, gate, operator, stage.outputs.clone(), chain, stats);
            if let StageOp::Throttle(rate) = stage.op {
                task.slow_down(rate);
            }
            if self.resume.is_some() {
                // An operator that is new behind an end still has its last results to give.
                task.resume(reached, saved.is_some_and(|state| state.finished));
            }
            if subtask == 0 {
                self.watermarks.push(reached);
            }
            self.run(place, &stage.name, Box::new(task));
        }
        Ok(())
    }

    fn sink(&mut self, index: usize, sink: &SinkPlan, connectors: &mut dyn Connectors) -> Result<()> {
        let place = Place::Sink(index);
        let waker = self.waker(place);
        let writer = connectors.writer(sink, waker).map_err(|e| e.at(sink.name.clone()))?;
        let (gate, _) = self.gate(place, &sink.inputs, i64::MIN);
        let header = format::encoder(&sink.format, &sink.schema.fields).header();
        let stats = NodeStats::default();
        self.stats.sinks.push((sink.name.clone(), stats.clone()));
        let eager = sink.endless || self.plan.sources.iter().any(|s| s.live);
        let mut task = Sink::new(sink.name.clone(), (index, self.acks.clone()), gate, writer, header, eager, stats);
        if columnar::is_columnar(&sink.format) {
            task.partitioner = connectors::partitioner(sink);
        }
        if let Some(saved) = self.resume.and_then(|resume| resume.manifest().sinks.get(&sink.name)) {
            task.resume(saved.state.clone());
        }
        self.run(place, &sink.name, Box::new(task));
        Ok(())
    }

    /// The gate of a subtask, and the watermark it goes on from.
    fn gate(&mut self, place: Place, inputs: &[InputPlan], saved: i64) -> (Gate, i64) {
        let behind = |input: &InputPlan| match input.from {
            Producer::Source(_) => None,
            Producer::Stage(stage) => self.watermarks.get(stage).copied(),
        };
        let watermarks: Vec<Option<i64>> = inputs.iter().map(behind).collect();
        let inputs = inputs
            .iter()
            .enumerate()
            .map(|(number, input)| GateInput {
                port: 0,
                source: match input.from {
                    Producer::Source(source) => Some(source),
                    Producer::Stage(_) => None,
                },
                domain: input.domain,
                feed: match input.from {
                    Producer::Source(_) => Feed::Dealt,
                    Producer::Stage(stage) if self.plan.stages[stage].parallelism == 1 => Feed::Dealt,
                    Producer::Stage(_) => Feed::Split,
                },
                delay: input.delay,
                line_column: input.line_column,
                channels: self.inputs.remove(&(place, number)).unwrap_or_default(),
            })
            .collect();
        let mut gate = Gate::new(inputs);
        let Some(resume) = self.resume else { return (gate, i64::MIN) };
        let sources = &resume.manifest().sources;
        let progress =
            |source: usize| -> Option<&Progress> { sources.get(&self.plan.sources[source].name).map(|s| &s.progress) };
        let reached = gate.resume(progress, &watermarks, saved);
        (gate, reached)
    }

    fn chain(&mut self, plan: &ChainPlan, from: Place, producer: Producer) -> Result<Chain> {
        let mut chain = Chain::default();
        for (index, node) in plan.nodes.iter().enumerate() {
            let stats = NodeStats::of(self.roles.chained(producer, index));
            let subtask = match from {
                Place::Worker(_, subtask) | Place::Stage(_, subtask) => subtask,
                _ => 0,
            };
            self.stats.nodes.push((node.name.clone(), subtask, stats.clone()));
            let (name, outputs) = (node.name.clone(), node.outputs.clone());
            chain.nodes.push(Node { name, operator: chained(node), outputs, stats, failed: false });
        }
        for port in &plan.ports {
            chain.ports.push(self.port(port, from, producer));
        }
        Ok(chain)
    }

    fn port(&mut self, plan: &PortPlan, from: Place, producer: Producer) -> Port {
        let sender = self.waker(from);
        let (consumers, input): (Vec<Place>, usize) = match plan.to {
            Consumer::Stage { stage, input } => {
                ((0..self.plan.stages[stage].parallelism).map(|s| Place::Stage(stage, s)).collect(), input)
            }
            Consumer::Sink { sink, input } => (vec![Place::Sink(sink)], input),
        };
        let mut channels: Vec<Tx> = Vec::new();
        for consumer in consumers {
            let (tx, rx) = channel(self.capacity, &sender, &self.waker(consumer));
            channels.push(tx);
            self.inputs.entry((consumer, input)).or_default().push(rx);
        }
        let exchange = match &plan.exchange {
            ExchangePlan::Single => Exchange::Single,
            ExchangePlan::Hash(keys) => {
                Exchange::Hash { keys: keys.clone(), max_parallelism: self.plan.max_parallelism }
            }
        };
        let mut port = Port::new(exchange, channels);
        port.number_rows = plan.number_rows;
        port.tells = plan.number_rows && matches!(producer, Producer::Stage(_));
        port.merged = matches!(producer, Producer::Stage(stage) if self.plan.stages[stage].parallelism > 1);
        if let Consumer::Sink { sink, .. } = plan.to {
            port.partitioner = connectors::partitioner(&self.plan.sinks[sink]);
            port.op = self.plan.sinks[sink].op;
        }
        port.encoder = plan.encode.as_ref().map(|(format, schema)| format::encoder(format, &schema.fields));
        port
    }
}

fn source_stats(source: &SourcePlan) -> SourceStats {
    SourceStats::new(match source.format {
        format::Format::Json(_) | format::Format::Logfmt(_) => {
            let place = |&field: &usize| {
                let field = &source.fields[field];
                (field.name.clone(), field.source_name().to_owned())
            };
            source.used.iter().map(place).collect()
        }
        _ => Vec::new(),
    })
}

fn head_options(source: &SourcePlan, stats: &SourceStats, wanted: &Wanted) -> HeadOptions {
    HeadOptions {
        name: source.name.clone(),
        on_error: source.on_error,
        event_time: source.event_time.as_ref().map(|t| EventTime { column: t.column, delay: t.delay }),
        rows: source.rows.clone(),
        errors: source.errors.clone(),
        stats: stats.clone(),
        wanted: wanted.clone(),
        inferred: source.inferred.as_ref().map(|from| InferredTypes {
            from: from.clone(),
            types: source.fields.iter().map(|field| (field.name.clone(), field.ty)).collect(),
        }),
        secrets: source.secrets.clone(),
        format: source.format.name(),
        metadata: source.metadata.clone(),
        counted: source.connector.follows(),
    }
}

/// The sources of a group, such as `a+b`.
fn group_name(plan: &PhysicalPlan, members: &[usize]) -> String {
    let short = |&source: &usize| plan.sources[source].name.rsplit('.').next().unwrap_or_default();
    members.iter().map(short).collect::<Vec<_>>().join("+")
}

/// At most 15 bytes are kept by the kernel.
fn thread_name(place: Place, node: &str) -> String {
    let node = node.rsplit('.').next().unwrap_or(node);
    match place {
        Place::Reader(_) => format!("read {node}"),
        Place::Worker(_, subtask) => format!("{subtask} {node}"),
        Place::Stage(_, subtask) => format!("{subtask} {node}"),
        Place::Sink(_) => format!("write {node}"),
    }
}
