//! Plans as JSON, for programs. Names of keys stay; keys may be added.

use serde_json::{Value, json};

use super::super::Saving;
use super::super::logical::{LogicalPlan, Node};
use super::super::physical::PhysicalPlan;
use super::task::{Exit, Task};
use super::{Words, guarantees, logical, physical};

pub fn value(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> Value {
    let words = Words::new(plan);
    let tasks = physical::tasks(physical, &words, saving);
    json!({
        "job": plan.name,
        "logical": {
            "nodes": plan.nodes.iter().map(|of| node(plan, of, &words)).collect::<Vec<_>>(),
            "edges": plan.nodes.iter().flat_map(|of| edges(plan, of)).collect::<Vec<_>>(),
        },
        "physical": {
            "parallelism": physical.parallelism,
            "max_parallelism": physical.max_parallelism,
            "checkpoints": guarantees::checkpoints(saving),
            "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
            "edges": tasks.iter().flat_map(exits).collect::<Vec<_>>(),
        },
    })
}

fn node(plan: &LogicalPlan, node: &Node, words: &Words) -> Value {
    let outputs = node.outputs.iter().map(|output| {
        let columns = output.schema.fields.iter();
        json!({
            "name": output.name,
            "columns": columns.map(|f| json!({ "name": f.name, "type": f.ty.to_string() })).collect::<Vec<_>>(),
            "event_time": output.has_time,
            "read": output.read,
        })
    });
    json!({
        "id": node.path(),
        "name": node.name,
        "section": node.section,
        "type": logical::kind(node),
        "details": logical::details(plan, node, words),
        "outputs": outputs.collect::<Vec<_>>(),
        "endless": node.endless,
    })
}

fn edges(plan: &LogicalPlan, node: &Node) -> Vec<Value> {
    let edge = |input: &super::super::logical::OutputRef| {
        let from = &plan.nodes[input.node];
        json!({ "from": from.path(), "output": from.outputs[input.output].name, "to": node.path() })
    };
    node.inputs.iter().map(edge).collect()
}

fn task(task: &Task) -> Value {
    let chain = task.chain.iter().map(|(node, does)| json!({ "node": node, "does": does }));
    json!({
        "id": task.id,
        "node": task.node,
        "kind": task.kind,
        "parallelism": task.parallelism,
        "does": task.head,
        "details": task.details,
        "chain": chain.collect::<Vec<_>>(),
        "order": task.order,
        "guarantees": task.guarantees,
    })
}

fn exits(task: &Task) -> Vec<Value> {
    let exit = |exit: &Exit| json!({ "from": task.id, "to": exit.to, "exchange": exit.exchange, "by": exit.by });
    task.exits.iter().map(exit).collect()
}
