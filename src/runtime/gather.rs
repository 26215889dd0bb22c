//! The parts of one checkpoint, put together until none is missing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::barrier::{Ack, Durable, Part};
use super::operators::shapes;
use crate::checkpoint::manifest::{OperatorSnapshot, Progress, SinkState, SourceState};
use crate::plan::physical::PhysicalPlan;
use crate::state::table::Frozen;

/// What one checkpoint consists of, by number in the plan.
pub struct Gathering {
    pub checkpoint: u64,
    sources: Vec<Option<SourceState>>,
    progress: BTreeMap<usize, Progress>,
    stages: Vec<Vec<Option<StagePart>>>,
    sinks: Vec<Option<SinkState>>,
    durable: Vec<Durable>,
    pause: i64,
}

struct StagePart {
    watermark: i64,
    finished: bool,
    frozen: Frozen,
}

/// All parts of a checkpoint, under the names that the manifest has for them.
pub struct Parts {
    pub operators: BTreeMap<String, OperatorSnapshot>,
    pub sources: BTreeMap<String, SourceState>,
    pub sinks: BTreeMap<String, SinkState>,
    /// To be run before the checkpoint is complete.
    pub durable: Vec<Durable>,
    /// Longest freeze of a task, µs.
    pub pause: i64,
}

/// What sinks prepared for checkpoints that failed, until one is complete.
#[derive(Default)]
pub struct Carried {
    /// By path of the node, as in [`SinkState::pending`].
    pub pending: BTreeMap<String, Vec<(u64, Value)>>,
    pub durable: Vec<Durable>,
}

impl Carried {
    pub fn add(&mut self, sink: &str, pending: Vec<(u64, Value)>) {
        if !pending.is_empty() {
            self.pending.entry(sink.to_owned()).or_default().extend(pending);
        }
    }

    /// Puts it in front of what the sinks have prepared for the next checkpoint. A copy stays until that is complete.
    pub fn join(&self, sinks: &mut BTreeMap<String, SinkState>) {
        for (name, pending) in &self.pending {
            if let Some(state) = sinks.get_mut(name) {
                state.pending.splice(..0, pending.iter().cloned());
                state.pending.sort_by_key(|(checkpoint, _)| *checkpoint);
            }
        }
    }
}

impl Gathering {
    pub fn new(plan: &PhysicalPlan, checkpoint: u64) -> Gathering {
        let none = |count| (0..count).map(|_| None).collect();
        Gathering {
            checkpoint,
            sources: (0..plan.sources.len()).map(|_| None).collect(),
            progress: BTreeMap::new(),
            stages: plan.stages.iter().map(|stage| none(stage.parallelism)).collect(),
            sinks: (0..plan.sinks.len()).map(|_| None).collect(),
            durable: Vec::new(),
            pause: 0,
        }
    }

    /// What sinks have prepared for a checkpoint that does not come: it is good for the next one.
    pub fn abandon(self, plan: &PhysicalPlan, carried: &mut Carried) {
        for (state, sink) in self.sinks.into_iter().zip(&plan.sinks) {
            carried.add(&sink.name, state.map(|state| state.pending).unwrap_or_default());
        }
        carried.durable.extend(self.durable);
    }

    /// Adds a task's part.
    pub fn add(&mut self, ack: Ack) {
        // Whoever reads a source knows the same of it at one barrier.
        self.progress.extend(ack.progress);
        match ack.part {
            Part::Source { source, position, ended, durable } => {
                self.sources[source] = Some(SourceState { position, ended, ..SourceState::default() });
                self.durable.extend(durable);
            }
            Part::Stage { stage, subtask, watermark, finished, frozen, pause } => {
                self.pause = self.pause.max(pause);
                self.stages[stage][subtask] = Some(StagePart { watermark, finished, frozen });
            }
            Part::Sink { sink, prepared } => {
                let pending = prepared.pending.into_iter().map(|pending| (ack.checkpoint, pending)).collect();
                self.sinks[sink] = Some(SinkState { state: prepared.state, pending, ..SinkState::default() });
                self.durable.extend(prepared.durable);
            }
            Part::Declined | Part::Wanted | Part::Warned(_) => {}
        }
    }

    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(Option::is_some)
            && self.sinks.iter().all(Option::is_some)
            && self.stages.iter().flatten().all(Option::is_some)
    }

    /// Everything, once it is complete.
    pub fn finish(mut self, plan: &PhysicalPlan) -> Parts {
        let mut sources = BTreeMap::new();
        for (number, (state, source)) in self.sources.into_iter().zip(&plan.sources).enumerate() {
            let progress = self.progress.remove(&number).unwrap_or_default();
            let kind = source.connector.kind().to_owned();
            sources.insert(source.name.clone(), SourceState { kind, progress, ..state.unwrap_or_default() });
        }
        let mut operators = BTreeMap::new();
        for (parts, stage) in self.stages.into_iter().zip(&plan.stages) {
            let parts: Vec<StagePart> = parts.into_iter().flatten().collect();
            let snapshot = OperatorSnapshot {
                identity: stage.identity.clone(),
                // Those of live inputs may differ by what arrived first.
                watermark: parts.iter().map(|part| part.watermark).max().unwrap_or(i64::MIN),
                finished: parts.iter().all(|part| part.finished),
                tables: shapes(&stage.op),
                parts: parts.into_iter().map(|part| part.frozen).collect(),
            };
            operators.insert(stage.id.clone(), snapshot);
        }
        let mut sinks = BTreeMap::new();
        for (state, sink) in self.sinks.into_iter().zip(&plan.sinks) {
            let kind = sink.connector.kind().to_owned();
            sinks.insert(sink.name.clone(), SinkState { kind, ..state.unwrap_or_default() });
        }
        Parts { operators, sources, sinks, durable: self.durable, pause: self.pause }
    }
}
