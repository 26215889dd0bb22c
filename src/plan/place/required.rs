//! Which columns of each output somebody needs.

use std::collections::{BTreeMap, BTreeSet};

use super::super::logical::{Kind, LogicalPlan, Node, OrderKey, OutputRef};
use crate::expr::Typed;
use crate::op::aggregate::Window;
use crate::op::{LATE, MAIN};

/// Columns needed of each output that is read.
pub fn required(plan: &LogicalPlan) -> BTreeMap<OutputRef, BTreeSet<usize>> {
    let mut required: BTreeMap<OutputRef, BTreeSet<usize>> = BTreeMap::new();
    for (index, node) in plan.nodes.iter().enumerate().rev() {
        let Some(first) = node.inputs.first() else { continue };
        let schema = &plan.nodes[first.node].outputs[first.output].schema;
        let output = |output: usize| required.get(&OutputRef { node: index, output }).cloned().unwrap_or_default();
        let needed = of_input(node, schema.len(), &output);
        for input in &node.inputs {
            // Inputs of a union have the same columns, not always in the same order.
            let theirs = &plan.nodes[input.node].outputs[input.output].schema;
            let mapped = needed.iter().filter_map(|&c| theirs.index_of(&schema.fields[c].name));
            required.entry(*input).or_default().extend(mapped);
        }
    }
    required
}

/// Columns of its input that `node` needs for what is needed of its outputs.
fn of_input(node: &Node, width: usize, output: &dyn Fn(usize) -> BTreeSet<usize>) -> BTreeSet<usize> {
    let main = output(MAIN);
    // Behind the columns of the input comes the reason.
    let mut needed: BTreeSet<usize> =
        node.errors().into_iter().flat_map(output).filter(|&column| column < width).collect();
    let mut add = |typed: &Typed| needed.extend(typed.columns());
    match &node.kind {
        Kind::Source(_) => {}
        Kind::Sink(_) => needed.extend(0..width),
        Kind::Limit(_) | Kind::Sample { .. } | Kind::Throttle(_) => needed.extend(main),
        Kind::LimitBy(limit) => {
            limit.by.iter().for_each(|(_, key)| add(key));
            needed.extend(main);
        }
        Kind::Route(cases) => {
            cases.iter().for_each(|(_, case)| add(case));
            (1..cases.len() + 2).for_each(|case| needed.extend(output(case)));
        }
        Kind::Explode { list, .. } => {
            add(list);
            needed.extend(main.into_iter().filter(|&column| column < width));
        }
        Kind::EventTime(time) => {
            needed.insert(time.column);
            needed.extend(main);
        }
        Kind::Filter(condition) => {
            add(condition);
            needed.extend(main);
        }
        Kind::Select { items, where_ } => {
            where_.iter().for_each(&mut add);
            main.iter().for_each(|&item| add(&items[item]));
        }
        Kind::Aggregate(aggregate) => {
            aggregate.plan.keys.iter().for_each(|(_, key)| add(key));
            for call in &aggregate.plan.calls {
                call.args.iter().chain(&call.filter).for_each(&mut add);
            }
            needed.extend(output(LATE));
            needed.extend(window_columns(aggregate.window));
        }
        Kind::Top(top) => {
            top.by.iter().for_each(&mut add);
            top.order.iter().for_each(|OrderKey { value, .. }| add(value));
            needed.extend(main.into_iter().filter(|&c| c < width));
            needed.extend(window_columns(top.window));
        }
    }
    needed
}

fn window_columns(window: Option<Window>) -> Vec<usize> {
    match window {
        Some(Window::Attached { start, end }) => vec![start, end],
        _ => Vec::new(),
    }
}
