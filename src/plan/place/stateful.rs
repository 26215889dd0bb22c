//! Aggregates, tops and sorts: what opens a stage behind an exchange.

use std::collections::BTreeSet;

use super::flow::LEAST_TICK;
use super::identity::{self, Label};
use super::{Exit, Location, Placer, by_arrival, column_of, spread};
use crate::data::{Field, Schema};
use crate::error::Result;
use crate::expr::Typed;
use crate::op::aggregate::{AggregateSpec, Call, Emit, PreAggregate, Window};
use crate::op::changelog::{Changelog, Having};
use crate::op::sort::SortKey;
use crate::op::top::TopSpec;
use crate::op::window::pane_size;
use crate::op::{LATE, MAIN};
use crate::plan::logical::{Aggregate, Node, OrderKey, OutputRef, Top};
use crate::plan::physical::*;

impl Placer<'_> {
    pub(super) fn aggregate(&mut self, index: usize, node: &Node, aggregate: &Aggregate) -> Result<()> {
        let main = OutputRef { node: index, output: MAIN };
        let late = OutputRef { node: index, output: LATE };
        let input = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output].schema;
        let layout = Layout::new(aggregate, input, node.outputs[LATE].read.then(|| self.needed(late)));
        let keyed = !layout.keys.is_empty();
        let late_read = node.outputs[LATE].read;
        let parallelism = if keyed { self.degree(node) } else { 1 };
        let spec = AggregateSpec {
            input: layout.items.iter().map(|i| i.ty).collect(),
            keys: layout.keys.clone(),
            key_names: layout.keys.iter().map(|&key| name_of(&layout.items[key])).collect(),
            calls: layout.calls.clone(),
            call_names: aggregate.plan.calls.iter().map(|call| call.text.clone()).collect(),
            window: layout.window,
            lateness: aggregate.lateness,
            emit: aggregate.emit,
            late_output: late_read,
            processing: aggregate.processing,
            sorted: !aggregate.unsorted,
            ordered: parallelism > 1 && !aggregate.unsorted,
        };
        // Without an exchange it would only cost time.
        let early = self.out.parallelism > 1 && PreAggregate::is_possible(&spec);
        let mut inputs = Vec::new();
        for location in self.inputs(node) {
            let items: Vec<Typed> = layout.items.iter().map(|item| location.map(item)).collect();
            let columns = layout.late_columns.clone();
            let mut location = self.guarded(&location, node, ChainOp::Project(items), columns.clone());
            if early && matches!(location.producer, Producer::Source(_)) {
                location = self.chained(&location, &node.path(), ChainOp::PreAggregate(spec.clone()), columns);
            }
            inputs.push(location);
        }
        if parallelism > 1 && (comes_by_row(&spec) || by_arrival(&inputs)) {
            inputs = self.in_sequence(node, inputs, layout.late_columns.clone())?;
        }
        if let Emit::Every(period) = spec.emit {
            self.tick(period);
        }
        if spec.processing {
            self.tick(step_of(spec.window));
        }
        let exchange = if keyed { ExchangePlan::Hash(layout.keys.clone()) } else { ExchangePlan::Single };
        let changing = self.changes.contains(&main) && Changelog::is_possible(&spec);
        let mut identity = identity::aggregate(aggregate);
        let op = match changing {
            true => {
                identity.extend(identity::changelog(aggregate));
                StageOp::Changelog(spec, having(aggregate, &layout.results))
            }
            false => StageOp::Aggregate(spec),
        };
        let label = Label::new(node, None, identity);
        let result = self.stage(label, op, parallelism, inputs, layout.results.clone(), exchange)?;
        if late_read {
            let location = Location { exit: Exit::Stage(LATE), columns: layout.late_columns, ..result.clone() };
            self.at.insert(late, vec![location]);
        }
        let mut needed = self.needed(main);
        needed.extend(aggregate.plan.having.iter().flat_map(|h| h.columns()));
        needed.extend(aggregate.order.iter().flat_map(|k| k.value.columns()));
        let outputs: Vec<Typed> = aggregate.plan.outputs.iter().map(|(_, value)| value.clone()).collect();
        let mut location = self.projected(&result, &node.path(), &outputs, &needed);
        // A changelog has looked at it already: what it lets go belongs to the changes.
        if let Some(having) = aggregate.plan.having.as_ref().filter(|_| !changing) {
            let op = ChainOp::Filter(location.map(having));
            location = self.chained(&location, &node.path(), op, location.columns.clone());
        }
        location.deletes = changing && aggregate.plan.having.is_some();
        if !aggregate.order.is_empty() {
            location = self.sorted(node, &location, &aggregate.order, &needed, aggregate.window.is_some())?;
        }
        self.at.insert(main, vec![location]);
        Ok(())
    }

    /// Rows come in their final order: from a task that is alone, or from different sources, as no two of them have rows
    /// in one block.
    fn is_alone(&self, inputs: &[Location]) -> bool {
        let sources: BTreeSet<Producer> = inputs.iter().map(|i| i.producer).filter(is_source).collect();
        match inputs {
            [Location { producer: Producer::Stage(stage), .. }] => self.out.stages[*stage].parallelism == 1,
            _ => sources.len() == inputs.len(),
        }
    }

    /// Rows that are numbered before an exchange must come in their final order. Others are brought into sequence
    /// first; so are those that come by arrival, which several subtasks would each read in another order.
    pub(super) fn in_sequence(
        &mut self,
        node: &Node,
        inputs: Vec<Location>,
        columns: Vec<Option<usize>>,
    ) -> Result<Vec<Location>> {
        if self.is_alone(&inputs) && !by_arrival(&inputs) {
            return Ok(inputs);
        }
        Ok(vec![self.stage(Label::sequence(node), StageOp::Pass, 1, inputs, columns, ExchangePlan::Single)?])
    }

    /// A stage that sorts each window's rows, or all.
    fn sorted(
        &mut self,
        node: &Node,
        location: &Location,
        order: &[OrderKey],
        needed: &BTreeSet<usize>,
        windowed: bool,
    ) -> Result<Location> {
        let schema = &node.outputs[MAIN].schema;
        let kept: Vec<usize> = needed.iter().copied().collect();
        let mut items: Vec<Typed> = kept.iter().map(|&c| location.map(&column_of(schema, c))).collect();
        let keys = sort_keys(order, &mut items, |value| location.map(value));
        let input = schema_of(&items);
        let columns = spread(schema.len(), &kept);
        let location = self.chained(location, &node.path(), ChainOp::Project(items), columns.clone());
        let label = Label::new(node, Some("sort"), identity::sort(&keys, &input, windowed));
        let op = StageOp::Sort { keys, input, windowed };
        self.stage(label, op, 1, vec![location], columns, ExchangePlan::Single)
    }

    pub(super) fn top(&mut self, index: usize, node: &Node, top: &Top) -> Result<Location> {
        let input = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output].schema;
        let needed = self.needed(OutputRef { node: index, output: MAIN });
        let kept: Vec<usize> = needed.iter().copied().filter(|&c| c < input.len()).collect();
        let mut items: Vec<Typed> = kept.iter().map(|&c| column_of(input, c)).collect();
        let by: Vec<usize> = top.by.iter().map(|value| place_of(&mut items, value)).collect();
        let window = match top.window {
            Some(Window::Attached { start, end }) => Some(Window::Attached {
                start: place_of(&mut items, &column_of(input, start)),
                end: place_of(&mut items, &column_of(input, end)),
            }),
            other => other,
        };
        let order = sort_keys(&top.order, &mut items, Typed::clone);
        let group: Vec<usize> = match window {
            Some(Window::Attached { start, end }) => by.iter().copied().filter(|c| *c != start && *c != end).collect(),
            _ => by.clone(),
        };
        let parallelism = if group.is_empty() { 1 } else { self.degree(node) };
        let label = Label::new(node, None, identity::top(top, &schema_of(&items)));
        let spec = TopSpec {
            input: items.iter().map(|i| i.ty).collect(),
            names: items.iter().map(name_of).collect(),
            by,
            order,
            n: top.n,
            window,
            ties: top.ties,
            rank: top.rank,
            processing: top.processing,
            ordered: parallelism > 1,
        };
        let mut columns = spread(input.len(), &kept);
        let width = items.len();
        columns.extend((input.len()..node.outputs[MAIN].schema.len()).map(|c| Some(width + c - input.len())));
        let mut inputs = Vec::new();
        for location in self.inputs(node) {
            let mapped: Vec<Typed> = items.iter().map(|item| location.map(item)).collect();
            let mut location = self.guarded(&location, node, ChainOp::Project(mapped), Vec::new());
            if self.out.parallelism > 1 && !top.processing {
                location = self.chained(&location, &node.path(), ChainOp::TopLocal(spec.clone()), Vec::new());
            }
            inputs.push(location);
        }
        if parallelism > 1 && by_arrival(&inputs) {
            inputs = self.in_sequence(node, inputs, Vec::new())?;
        }
        if top.processing {
            self.tick(step_of(window));
        }
        let exchange = if group.is_empty() { ExchangePlan::Single } else { ExchangePlan::Hash(group) };
        self.stage(label, StageOp::Top(spec), parallelism, inputs, columns, exchange)
    }
}

/// The condition for results, over those of the operator.
fn having(aggregate: &Aggregate, results: &[Option<usize>]) -> Option<Having> {
    let mut condition = aggregate.plan.having.clone()?;
    let read: BTreeSet<usize> = condition.columns().into_iter().collect();
    let item = |&output: &usize| {
        let mut item = aggregate.plan.outputs[output].1.clone();
        item.remap(&|column| results.get(column).copied().flatten().unwrap_or(0));
        item
    };
    let items = read.iter().map(item).collect();
    condition.remap(&|output| read.iter().position(|&other| other == output).unwrap_or(0));
    Some(Having { items, condition })
}

fn is_source(producer: &Producer) -> bool {
    matches!(producer, Producer::Source(_))
}

/// Some rows come out in the order of the input's rows: updates, late rows, windows of rows.
pub(super) fn comes_by_row(spec: &AggregateSpec) -> bool {
    spec.emit == Emit::Update || spec.late_output || matches!(spec.window, Some(Window::Count { .. }))
}

/// How often (µs) windows of the wall clock begin or end, as far as ticks can tell.
fn step_of(window: Option<Window>) -> i64 {
    let step = match window {
        Some(Window::Tumbling { size, offset }) => pane_size(size, offset.abs()),
        Some(Window::Sliding { size, slide, offset }) => pane_size(pane_size(size, slide), offset.abs()),
        _ => LEAST_TICK,
    };
    step.max(LEAST_TICK)
}

/// What an aggregation reads and gives, column by column.
struct Layout {
    /// Over the node's input schema: keys, window columns, arguments, filters, late columns.
    items: Vec<Typed>,
    keys: Vec<usize>,
    window: Option<Window>,
    calls: Vec<Call>,
    /// Where each column of the input schema is among `items`, for late rows.
    late_columns: Vec<Option<usize>>,
    /// Where each column of the intermediate schema of the select is among the operator's results.
    results: Vec<Option<usize>>,
}

impl Layout {
    fn new(aggregate: &Aggregate, input: &Schema, late: Option<BTreeSet<usize>>) -> Layout {
        let plan = &aggregate.plan;
        let is_window = |key: &Typed| match aggregate.window {
            Some(Window::Attached { start, end }) => key.as_column().filter(|c| *c == start || *c == end),
            _ => None,
        };
        let mut items: Vec<Typed> = Vec::new();
        let mut results = Vec::new();
        let plain = plan.keys.iter().filter(|(_, key)| is_window(key).is_none()).count();
        for (_, key) in &plan.keys {
            match (is_window(key), aggregate.window) {
                (Some(column), Some(Window::Attached { start, .. })) => {
                    results.push(Some(plain + usize::from(column != start)));
                }
                _ => {
                    results.push(Some(items.len()));
                    items.push(key.clone());
                }
            }
        }
        let keys: Vec<usize> = (0..plain).collect();
        let mut width = plain;
        let window = match aggregate.window {
            Some(Window::Attached { start, end }) => {
                let start = place_of(&mut items, &column_of(input, start));
                let end = place_of(&mut items, &column_of(input, end));
                width += 2;
                Some(Window::Attached { start, end })
            }
            Some(own @ Window::Count { .. }) => Some(own),
            Some(own) => {
                results.extend([Some(width), Some(width + 1)]);
                width += 2;
                Some(own)
            }
            None => None,
        };
        let calls: Vec<Call> = plan
            .calls
            .iter()
            .map(|call| Call {
                function: call.function.clone(),
                distinct: call.distinct,
                args: call.args.iter().map(|arg| place_of(&mut items, arg)).collect(),
                filter: call.filter.as_ref().map(|filter| place_of(&mut items, filter)),
            })
            .collect();
        results.extend((0..calls.len()).map(|c| Some(width + c)));
        let mut late_columns = vec![None; input.len()];
        for column in late.into_iter().flatten() {
            late_columns[column] = Some(place_of(&mut items, &column_of(input, column)));
        }
        Layout { items, keys, window, calls, late_columns, results }
    }
}

/// What state calls a value: the name of a column, or the expression.
pub(super) fn name_of(value: &Typed) -> String {
    let mut columns = Vec::new();
    value.named_columns(&mut columns);
    match (value.as_column(), columns.as_slice()) {
        (Some(_), [(_, name)]) => (*name).to_owned(),
        _ => value.to_string(),
    }
}

fn schema_of(items: &[Typed]) -> Schema {
    Schema { fields: items.iter().map(|item| Field { name: name_of(item), ty: item.ty }).collect() }
}

/// Index of `value` in `items`, appended if it is not there. Only plain columns are found again.
pub(super) fn place_of(items: &mut Vec<Typed>, value: &Typed) -> usize {
    let same = |item: &Typed| item.as_column().is_some() && item.as_column() == value.as_column();
    items.iter().position(same).unwrap_or_else(|| {
        items.push(value.clone());
        items.len() - 1
    })
}

/// Sort keys over `items`, which get the columns that are not there.
fn sort_keys(order: &[OrderKey], items: &mut Vec<Typed>, map: impl Fn(&Typed) -> Typed) -> Vec<SortKey> {
    let key = |items: &mut Vec<Typed>, key: &OrderKey| SortKey {
        column: place_of(items, &map(&key.value)),
        descending: key.descending,
        nulls_first: key.nulls_first,
    };
    order.iter().map(|k| key(items, k)).collect()
}
