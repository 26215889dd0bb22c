//! Graphs as boxes and arrows, for languages that draw them.

use super::super::Saving;
use super::super::logical::{LogicalPlan, Node};
use super::super::physical::PhysicalPlan;
use super::{Words, logical, physical};

/// Longer lines of a box are cut.
const WIDTH_MAX: usize = 72;

/// A graph in a frame.
pub struct Picture {
    pub name: &'static str,
    pub title: String,
    pub boxes: Vec<Box>,
    pub arrows: Vec<Arrow>,
}

pub struct Box {
    pub shape: Shape,
    pub title: String,
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Source,
    Operator,
    Sink,
}

/// From box to box, by number.
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: String,
}

/// What was meant, and what will run.
pub fn pictures(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> [Picture; 2] {
    let words = Words::new(plan);
    [meant(plan, &words), running(physical, &words, saving)]
}

fn meant(plan: &LogicalPlan, words: &Words) -> Picture {
    let mut arrows = Vec::new();
    for (to, node) in plan.nodes.iter().enumerate() {
        for input in &node.inputs {
            let label =
                plan.nodes[input.node].outputs[input.output].name.as_ref().map(ToString::to_string).unwrap_or_default();
            arrows.push(Arrow { from: input.node, to, label });
        }
    }
    let boxes = plan.nodes.iter().map(|node| Box {
        shape: shape(node),
        title: format!("{} {}", logical::kind(node), node.name),
        lines: logical::details(plan, node, words).iter().map(|line| cut(line)).collect(),
    });
    Picture { name: "logical", title: format!("{}, as it was meant", plan.name), boxes: boxes.collect(), arrows }
}

fn shape(node: &Node) -> Shape {
    match node.section {
        "sources" => Shape::Source,
        "sinks" => Shape::Sink,
        _ => Shape::Operator,
    }
}

fn running(plan: &PhysicalPlan, words: &Words, saving: &Saving) -> Picture {
    let tasks = physical::tasks(plan, words, saving);
    let place = |id: &str| tasks.iter().position(|task| task.id == id);
    let mut arrows = Vec::new();
    for (from, task) in tasks.iter().enumerate() {
        for exit in &task.exits {
            let Some(to) = place(&exit.to) else { continue };
            let by = if exit.by.is_empty() { String::new() } else { format!(" {}", exit.by.join(", ")) };
            arrows.push(Arrow { from, to, label: cut(&format!("{}{by}", exit.exchange)) });
        }
    }
    let boxes = tasks.iter().map(|task| {
        let chained = task.chain.iter().map(|(node, does)| format!("{does} ({node})"));
        let lines = std::iter::once(task.head.clone()).chain(task.details.iter().cloned()).chain(chained);
        let shape = match task.kind {
            "source" => Shape::Source,
            "sink" => Shape::Sink,
            _ => Shape::Operator,
        };
        Box { shape, title: task.node.clone(), lines: lines.map(|line| cut(&line)).collect() }
    });
    let title = format!("as it runs: parallelism {}, {} key groups", plan.parallelism, plan.max_parallelism);
    Picture { name: "physical", title, boxes: boxes.collect(), arrows }
}

fn cut(line: &str) -> String {
    match line.chars().count() > WIDTH_MAX {
        true => line.chars().take(WIDTH_MAX - 1).chain(['…']).collect(),
        false => line.to_owned(),
    }
}
