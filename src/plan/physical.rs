//! The job as it will run: chains, exchanges, degrees of parallelism. Plain data; `runtime::deploy` makes it move.

use std::collections::BTreeMap;

use crate::data::Schema;
use crate::error::Secrets;
use crate::expr::Typed;
use crate::format::{Format, SourceField};
use crate::op::ERRORS;
use crate::op::aggregate::AggregateSpec;
use crate::op::changelog::Having;
use crate::op::fault::OnFault;
use crate::op::limit_by::LimitBySpec;
use crate::op::sort::SortKey;
use crate::op::top::TopSpec;
use crate::plan::Inferred;
use crate::spec::{Compression, Metadata, OnError, SinkConnector, SourceConnector, StartAt};

#[derive(Debug, Clone)]
pub struct PhysicalPlan {
    pub name: String,
    pub parallelism: usize,
    pub max_parallelism: u32,
    /// Sources (indices into `sources`) that are read together, in one sequence: each group by one reader.
    pub groups: Vec<Vec<usize>>,
    pub sources: Vec<SourcePlan>,
    pub stages: Vec<StagePlan>,
    pub sinks: Vec<SinkPlan>,
}

/// A source. The sources of a group share a reader and `parallelism` decode workers, in which each has its chain.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    pub name: String,
    /// Blanked in the reasons of bad records.
    pub secrets: Secrets,
    pub connector: SourceConnector,
    /// Files of a `file` source, globs resolved.
    pub files: Vec<std::path::PathBuf>,
    pub by_time: bool,
    pub format: Format,
    pub fields: Vec<SourceField>,
    /// Indices into `fields` (or columns of a generator), in the order of the decoded batch.
    pub used: Vec<usize>,
    pub event_time: Option<EventTimePlan>,
    pub on_error: OnError,
    pub max_record: usize,
    pub compression: Option<Compression>,
    /// Columns of the decoded batch behind those of `used`.
    pub metadata: Vec<Metadata>,
    /// Bytes that the journal of a live input may hold; `None` without one.
    pub journal: Option<u64>,
    /// Rows a second at most.
    pub rate: Option<f64>,
    /// µs between ticks, if an operator downstream asks for them.
    pub tick: Option<i64>,
    /// µs between ticks at least, if expressions ask for the time: those come before blocks only, also the first.
    pub clock: Option<i64>,
    pub live: bool,
    /// Has no end of its own.
    pub endless: bool,
    /// Its columns and types were concluded from data.
    pub inferred: Option<Inferred>,
    pub rows: Vec<Target>,
    pub errors: Vec<Target>,
    pub chain: ChainPlan,
}

impl SourcePlan {
    /// The columns that every file must have: what was inferred from one need not be in others, unless it is used.
    pub fn needed(&self) -> Vec<SourceField> {
        match self.inferred {
            Some(_) => self.used.iter().map(|&field| self.fields[field].clone()).collect(),
            None => self.fields.clone(),
        }
    }

    /// What was read is gone when the job dies.
    pub fn forgets(&self) -> bool {
        self.live && self.journal.is_none() && !self.connector.follows()
    }

    /// Where it began is not to be found again: a checkpoint says it before anything is read.
    pub fn begins_once(&self) -> bool {
        let from_end = matches!(self.connector, SourceConnector::File { follow: Some(StartAt::End), .. });
        from_end || self.journal.is_some()
    }

    /// Lines are counted where blocks are cut.
    pub fn counts_lines(&self) -> bool {
        self.metadata.contains(&Metadata::Line)
    }
}

/// Event time of a source. Durations in µs.
#[derive(Debug, Clone)]
pub struct EventTimePlan {
    /// Column of the decoded batch.
    pub column: usize,
    pub name: String,
    pub delay: i64,
    pub idle: Option<i64>,
}

/// Where rows go next: a node or a port of their chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Node(usize),
    Port(usize),
}

/// Stateless operators fused behind a producer, and its ports.
#[derive(Debug, Clone, Default)]
pub struct ChainPlan {
    pub nodes: Vec<ChainNodePlan>,
    pub ports: Vec<PortPlan>,
}

#[derive(Debug, Clone)]
pub struct ChainNodePlan {
    pub name: String,
    pub op: ChainOp,
    pub on_fault: OnFault,
    /// Targets of each output.
    pub outputs: Vec<Vec<Target>>,
}

#[derive(Debug, Clone)]
pub enum ChainOp {
    Filter(Typed),
    Project(Vec<Typed>),
    /// Leaves out rows that say that a key has no result any more.
    Present,
    PreAggregate(AggregateSpec),
    TopLocal(TopSpec),
    /// Output `i` has the rows of case `i`, the next those of none.
    Route(Vec<Typed>),
    /// The element comes first.
    Explode {
        list: Typed,
        keep_empty: bool,
    },
    /// Rows in which this column, of that name, is not null.
    Require {
        column: usize,
        name: String,
    },
}

impl ChainOp {
    /// The output of rows on which an expression failed.
    pub fn errors(&self) -> usize {
        match self {
            ChainOp::Route(cases) => cases.len() + 1,
            _ => ERRORS,
        }
    }
}

#[derive(Debug, Clone)]
pub struct PortPlan {
    pub exchange: ExchangePlan,
    /// Format and columns, before a writer of bytes.
    pub encode: Option<(Format, Schema)>,
    /// Rows are numbered within their block, for results that come out one per row.
    pub number_rows: bool,
    pub to: Consumer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangePlan {
    Single,
    Hash(Vec<usize>),
}

/// The input a port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    Stage { stage: usize, input: usize },
    Sink { sink: usize, input: usize },
}

/// Who produces an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Producer {
    Source(usize),
    Stage(usize),
}

/// A stateful operator and the chain behind it.
#[derive(Debug, Clone)]
pub struct StagePlan {
    pub name: String,
    /// Under which its state is kept: the path of the node, and where it is laid out as several stages, what this
    /// one does: `transforms.best/sort`.
    pub id: String,
    /// What its state depends on, in words: an edit of it makes the state useless.
    pub identity: BTreeMap<String, String>,
    pub parallelism: usize,
    pub op: StageOp,
    pub inputs: Vec<InputPlan>,
    /// Its inputs are of several domains, one of them live: blocks are read by arrival.
    pub by_arrival: bool,
    /// Targets of each output.
    pub outputs: Vec<Vec<Target>>,
    pub chain: ChainPlan,
}

#[derive(Debug, Clone)]
pub enum StageOp {
    Aggregate(AggregateSpec),
    /// An aggregate that says of its results what they are to those before them.
    Changelog(AggregateSpec, Option<Having>),
    Top(TopSpec),
    Limit(u64),
    LimitBy(LimitBySpec),
    Sample {
        fraction: f64,
        seed: u64,
    },
    /// Passes so many rows on a second.
    Throttle(f64),
    /// Durations in µs.
    EventTime {
        column: usize,
        delay: i64,
        idle: Option<i64>,
    },
    /// Sorts the rows of each window, or all rows.
    Sort {
        keys: Vec<SortKey>,
        input: Schema,
        windowed: bool,
    },
    /// Passes rows on: brings dealt rows into sequence.
    Pass,
}

impl StageOp {
    /// The watermark behind it is its own, not that of its input.
    pub fn has_own_time(&self) -> bool {
        match self {
            StageOp::Aggregate(spec) => spec.processing,
            StageOp::Top(spec) => spec.processing,
            StageOp::EventTime { .. } => true,
            _ => false,
        }
    }

    /// Its results have an order only within each subtask.
    pub fn is_unsorted(&self) -> bool {
        matches!(self, StageOp::Aggregate(spec) if !spec.sorted)
    }
}

#[derive(Debug, Clone)]
pub struct InputPlan {
    pub from: Producer,
    /// Inputs with the same number share one sequence of blocks: that of a group of sources (its number), or that of a
    /// gate that reads by arrival.
    pub domain: usize,
    /// Allowed delay of event time in µs.
    pub delay: i64,
    /// Column with line numbers that the gate completes.
    pub line_column: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct SinkPlan {
    pub name: String,
    pub connector: SinkConnector,
    pub format: Format,
    /// As it is written, with `op` if that is.
    pub schema: Schema,
    /// Rows get the column `op` in front.
    pub op: bool,
    pub inputs: Vec<InputPlan>,
    pub by_arrival: bool,
    /// An input has no end: rows go out as they come.
    pub endless: bool,
}
