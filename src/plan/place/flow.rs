//! Transforms that pass the rows of their input on, and what holds for the expressions of all: where rows go on which
//! one fails, and how many subtasks there may be.

use std::collections::BTreeSet;

use super::identity::{self, Label};
use super::stateful::{name_of, place_of};
use super::{Exit, Location, Picked, Placer, by_arrival, column_of, picked, spread};
use crate::error::Result;
use crate::expr::Typed;
use crate::op::MAIN;
use crate::op::fault::OnFault;
use crate::op::limit_by::LimitBySpec;
use crate::plan::logical::{EventTime, LimitBy, Node, OutputRef};
use crate::plan::physical::*;
use crate::spec::OnError;

/// Ticks (µs) are not closer than this.
pub(super) const LEAST_TICK: i64 = 1_000;

impl Placer<'_> {
    /// Subtasks of a keyed operator.
    pub(super) fn degree(&self, node: &Node) -> usize {
        self.out.parallelism.min(node.parallelism.unwrap_or(usize::MAX))
    }

    /// Readers of all sources send ticks at least every `period` µs.
    pub(super) fn tick(&mut self, period: i64) {
        for source in &mut self.out.sources {
            source.tick = Some(source.tick.map_or(period, |tick| tick.min(period)));
        }
    }

    /// As [`Placer::chained`], for the expressions of `node` itself: it says what becomes of rows on which one fails.
    pub(super) fn guarded(
        &mut self,
        location: &Location,
        node: &Node,
        op: ChainOp,
        columns: Vec<Option<usize>>,
    ) -> Location {
        let output = op.errors();
        let placed = self.chained(location, &node.path(), op, columns);
        let Exit::Node { node: number, .. } = placed.exit else { return placed };
        let on_fault = match node.on_error {
            OnError::Fail => OnFault::Fail,
            OnError::Skip => OnFault::Skip,
            OnError::DeadLetter => OnFault::Letter(output, self.plan.secrets.clone()),
        };
        self.chain(placed.producer).nodes[number].on_fault = on_fault;
        if let Some(errors) = node.errors() {
            // The reason comes first, and is the last column of the schema.
            let columns = location.columns.iter().map(|column| column.map(|c| c + 1)).chain([Some(0)]).collect();
            let letters = location.moved(Exit::Node { node: number, output }, columns);
            self.at.entry(OutputRef { node: self.current, output: errors }).or_default().push(letters);
        }
        placed
    }

    /// The `needed` ones of the items of a select.
    pub(super) fn selected(
        &mut self,
        location: &Location,
        node: &Node,
        items: &[Typed],
        needed: &BTreeSet<usize>,
    ) -> Location {
        match picked(location, items, needed) {
            // Who reads its errors needs a place to read from.
            Picked::Columns(columns) if node.errors().is_none() => Location { columns, ..location.clone() },
            Picked::Columns(columns) => {
                let kept: Vec<usize> = (0..columns.len()).filter(|&item| columns[item].is_some()).collect();
                let mapped = kept.iter().map(|&item| location.map(&items[item])).collect();
                self.guarded(location, node, ChainOp::Project(mapped), spread(items.len(), &kept))
            }
            Picked::Items(op, columns) => self.guarded(location, node, op, columns),
        }
    }

    /// Inputs of a stateless node. Where it may have fewer subtasks than what it reads, it has one, behind a gate.
    pub(super) fn capped(&mut self, node: &Node) -> Result<Vec<Location>> {
        let inputs = self.inputs(node);
        let of = |location: &Location| match location.producer {
            Producer::Source(_) => self.out.parallelism,
            Producer::Stage(stage) => self.out.stages[stage].parallelism,
        };
        let most = inputs.iter().map(of).max().unwrap_or(1);
        if node.parallelism.is_none_or(|cap| cap >= most) {
            return Ok(inputs);
        }
        let width = inputs[0].columns.len();
        let kept: Vec<usize> =
            (0..width).filter(|&column| inputs.iter().all(|input| input.columns[column].is_some())).collect();
        let inputs: Vec<Location> = inputs.iter().map(|location| self.narrowed(location, node, &kept)).collect();
        let columns = spread(width, &kept);
        Ok(vec![self.stage(Label::sequence(node), StageOp::Pass, 1, inputs, columns, ExchangePlan::Single)?])
    }

    /// An operator that passes rows on, alone.
    pub(super) fn passing(
        &mut self,
        node: &Node,
        op: StageOp,
        identity: std::collections::BTreeMap<String, String>,
    ) -> Result<Location> {
        let main = OutputRef { node: self.current, output: MAIN };
        let kept: Vec<usize> = self.needed(main).into_iter().collect();
        let width = node.outputs[MAIN].schema.len();
        let inputs: Vec<Location> =
            self.inputs(node).iter().map(|location| self.narrowed(location, node, &kept)).collect();
        let label = Label::new(node, None, identity);
        self.stage(label, op, 1, inputs, spread(width, &kept), ExchangePlan::Single)
    }

    pub(super) fn route(&mut self, index: usize, node: &Node, cases: &[(String, Typed)]) -> Result<()> {
        for location in self.capped(node)? {
            let op = ChainOp::Route(cases.iter().map(|(_, case)| location.map(case)).collect());
            let placed = self.guarded(&location, node, op, location.columns.clone());
            let Exit::Node { node: number, .. } = placed.exit else { continue };
            for case in 0..cases.len() + 1 {
                let rows = placed.moved(Exit::Node { node: number, output: case }, placed.columns.clone());
                self.at.entry(OutputRef { node: index, output: case + 1 }).or_default().push(rows);
            }
        }
        Ok(())
    }

    pub(super) fn limit_by(&mut self, node: &Node, limit: &LimitBy) -> Result<Location> {
        let input = &node.outputs[MAIN].schema;
        let main = OutputRef { node: self.current, output: MAIN };
        let kept: Vec<usize> = self.needed(main).into_iter().collect();
        let mut items: Vec<Typed> = kept.iter().map(|&column| column_of(input, column)).collect();
        let keys: Vec<usize> = limit.by.iter().map(|(_, key)| place_of(&mut items, key)).collect();
        let named = |(name, key): &(String, Typed)| if name.is_empty() { name_of(key) } else { name.clone() };
        let spec = LimitBySpec {
            n: limit.n,
            types: keys.iter().map(|&key| items[key].ty).collect(),
            names: limit.by.iter().map(named).collect(),
            keys: keys.clone(),
        };
        let columns = spread(input.len(), &kept);
        let mut inputs = Vec::new();
        for location in self.inputs(node) {
            let mapped = items.iter().map(|item| location.map(item)).collect();
            inputs.push(self.guarded(&location, node, ChainOp::Project(mapped), columns.clone()));
        }
        let parallelism = self.degree(node);
        if parallelism > 1 || by_arrival(&inputs) {
            inputs = self.in_sequence(node, inputs, columns.clone())?;
        }
        let label = Label::new(node, None, identity::limit_by(limit));
        self.stage(label, StageOp::LimitBy(spec), parallelism, inputs, columns, ExchangePlan::Hash(keys))
    }

    pub(super) fn new_time(&mut self, node: &Node, time: &EventTime) -> Result<Location> {
        let EventTime { column, delay, idle } = *time;
        let schema = &node.outputs[MAIN].schema;
        let name = schema.fields[column].name.clone();
        let mut needed = self.needed(OutputRef { node: self.current, output: MAIN });
        needed.insert(column);
        let kept: Vec<usize> = needed.into_iter().collect();
        let place = kept.iter().position(|&c| c == column).unwrap_or(0);
        let mut inputs = Vec::new();
        for location in self.inputs(node) {
            let Some(at) = location.columns[column] else { continue };
            let op = ChainOp::Require { column: at, name: name.clone() };
            let sound = self.guarded(&location, node, op, location.columns.clone());
            inputs.push(self.narrowed(&sound, node, &kept));
        }
        let label = Label::new(node, None, identity::event_time(&name));
        let op = StageOp::EventTime { column: place, delay, idle };
        if let Some(idle) = idle {
            // Silence is noticed half of it late at most.
            self.tick((idle / 2).max(LEAST_TICK));
        }
        self.stage(label, op, 1, inputs, spread(schema.len(), &kept), ExchangePlan::Single)
    }
}
