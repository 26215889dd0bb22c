//! The logical graph, node by node, and the schemas of its outputs.

use super::super::logical::{Aggregate, EventTime, Kind, LogicalPlan, Node, OrderKey, Source, Top};
use super::{Words, duration, emit, sink, source, window_of};
use crate::data::Schema;
use crate::expr::Typed;
use crate::op::aggregate::Window;
use crate::spec::OnError;

pub fn draw(plan: &LogicalPlan, words: &Words) -> String {
    let mut out = String::new();
    for node in &plan.nodes {
        let inputs = inputs(plan, node);
        out.push_str(&format!("  {} {}{inputs}\n", kind(node), node.name));
        for detail in details(plan, node, words) {
            out.push_str(&format!("      {detail}\n"));
        }
    }
    out
}

pub fn kind(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Source(_) => "source",
        Kind::Filter(_) => "filter",
        Kind::Select { .. } => "select",
        Kind::Aggregate(_) => "aggregate",
        Kind::Top(_) => "top",
        Kind::Limit(_) | Kind::LimitBy(_) => "limit",
        Kind::Route(_) => "route",
        Kind::Explode { .. } => "explode",
        Kind::Sample { .. } => "sample",
        Kind::Throttle(_) => "throttle",
        Kind::EventTime(_) => "event_time",
        Kind::Sink(_) => "sink",
    }
}

/// ` ← a, b.late`.
fn inputs(plan: &LogicalPlan, node: &Node) -> String {
    let names: Vec<String> = node
        .inputs
        .iter()
        .map(|input| {
            let from = &plan.nodes[input.node];
            match &from.outputs[input.output].name {
                Some(output) => format!("{}.{output}", from.name),
                None => from.name.clone(),
            }
        })
        .collect();
    if names.is_empty() { String::new() } else { format!(" ← {}", names.join(", ")) }
}

pub fn details(plan: &LogicalPlan, node: &Node, words: &Words) -> Vec<String> {
    let mut lines = options(plan, node, words);
    match node.on_error {
        OnError::Skip if node.section == "transforms" => lines.push("rows that fail are skipped".into()),
        OnError::DeadLetter if node.section == "transforms" => {
            lines.push(format!("rows that fail go to {}.errors", node.name));
        }
        _ => {}
    }
    lines.extend(node.parallelism.map(|most| format!("subtasks: {most} at most")));
    lines
}

fn options(plan: &LogicalPlan, node: &Node, words: &Words) -> Vec<String> {
    match &node.kind {
        Kind::Source(source) => source_details(node, source),
        Kind::Filter(condition) => vec![format!("where {condition}")],
        Kind::Select { items, where_ } => {
            let mut lines: Vec<String> = where_.iter().map(|w| format!("where {w}")).collect();
            let names = node.outputs[0].schema.names();
            lines.push(format!("select {}", select(items.iter().map(Typed::to_string).zip(names))));
            lines
        }
        Kind::Aggregate(aggregate) => aggregate_details(&node.path(), aggregate, words),
        Kind::Top(top) => top_details(plan, node, top),
        Kind::Limit(n) => vec![format!("the first {n} rows")],
        Kind::LimitBy(limit) => {
            let by = select(limit.by.iter().map(|(name, key)| (key.to_string(), name.as_str())));
            vec![format!("by {by}"), format!("the first {} rows of each", limit.n)]
        }
        Kind::Route(cases) => {
            let case = |(name, condition): &(String, Typed)| format!("{name} where {condition}");
            cases.iter().map(case).chain(["default: the others".to_owned()]).collect()
        }
        Kind::Sample { fraction, seed } => vec![format!("a fraction of {fraction}, seed {seed}")],
        Kind::Throttle(rate) => vec![format!("{rate} rows a second")],
        Kind::Explode { list, keep_empty } => {
            let name = node.outputs[0].schema.names().last().unwrap_or_default();
            let empty = if *keep_empty { ", rows without elements stay" } else { "" };
            vec![format!("a row for each element of {list} AS {name}{empty}")]
        }
        Kind::EventTime(time) => vec![time_of(time, &node.outputs[0].schema.fields[time.column].name)],
        Kind::Sink(s) => vec![sink(&s.connector, s.format.name())],
    }
}

fn source_details(node: &Node, kind: &Source) -> Vec<String> {
    let mut lines = vec![source(&kind.connector, kind.format.name())];
    lines.push(format!("columns {}", node.outputs[0].schema));
    lines.extend(inferred(kind));
    lines.extend(event_time(kind));
    lines
}

fn inferred(source: &Source) -> Option<String> {
    source.inferred.as_ref().map(|inferred| format!("inferred from {}", inferred.from()))
}

fn event_time(source: &Source) -> Option<String> {
    source.event_time.as_ref().map(|time| time_of(time, &source.fields[time.column].name))
}

fn time_of(time: &EventTime, column: &str) -> String {
    let idle = time.idle.map(|idle| format!(", idle after {}", duration(idle))).unwrap_or_default();
    format!("event time {column}, delay {}{idle}", duration(time.delay))
}

fn aggregate_details(path: &str, aggregate: &Aggregate, words: &Words) -> Vec<String> {
    let plan = &aggregate.plan;
    let mut lines = Vec::new();
    if !plan.keys.is_empty() {
        lines.push(format!("by {}", select(plan.keys.iter().map(|(name, key)| (key.to_string(), name.as_str())))));
    }
    if let Some(of) = aggregate.window {
        let lateness = aggregate.lateness;
        let lateness = if lateness > 0 { format!(", lateness {}", duration(lateness)) } else { String::new() };
        lines.push(format!("window {}{lateness}", window_of(of, aggregate.processing)));
    }
    let outputs = plan.outputs.iter().map(|(name, value)| (words.expression(path, value), name.as_str()));
    lines.push(format!("select {}", select(outputs)));
    lines.extend(plan.having.iter().map(|having| format!("having {having}")));
    if !aggregate.order.is_empty() {
        lines.push(format!("order {}", order(&aggregate.order)));
    }
    lines.push(format!("results {}", emit(aggregate.emit, aggregate.window)));
    if aggregate.unsorted {
        lines.push("order any".into());
    }
    lines
}

fn top_details(plan: &LogicalPlan, node: &Node, top: &Top) -> Vec<String> {
    let mut lines = Vec::new();
    if !top.by.is_empty() {
        lines.push(format!("by {}", top.by.iter().map(Typed::to_string).collect::<Vec<_>>().join(", ")));
    }
    lines.extend(top.window.map(|of| format!("window {}", window_of(of, top.processing))));
    lines.push(format!("order {}", order(&top.order)));
    let ties = if top.ties { ", with ties" } else { "" };
    lines.push(format!("the first {}{ties}", top.n));
    let input = node.inputs.first().map_or(0, |i| plan.nodes[i.node].outputs[i.output].schema.len());
    let added: Vec<&str> = node.outputs[0].schema.names().skip(input).collect();
    if !added.is_empty() && !matches!(top.window, Some(Window::Attached { .. })) {
        lines.push(format!("adds {}", added.join(", ")));
    }
    lines
}

fn order(keys: &[OrderKey]) -> String {
    let key = |k: &OrderKey| format!("{}{}", k.value, if k.descending { " DESC" } else { "" });
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

/// `a, b + 1 AS c`.
fn select<'a>(items: impl Iterator<Item = (String, &'a str)>) -> String {
    let item = |(value, name): (String, &str)| if value == name { value } else { format!("{value} AS {name}") };
    items.map(item).collect::<Vec<_>>().join(", ")
}

/// What each node gives: columns, types, event time.
pub fn schemas(plan: &LogicalPlan) -> String {
    let mut out = String::new();
    for node in &plan.nodes {
        match &node.kind {
            Kind::Sink(s) => {
                out.push_str(&format!(
                    "{}{}: {}\n",
                    node.path(),
                    inputs(plan, node),
                    sink(&s.connector, s.format.name())
                ));
            }
            Kind::Filter(_)
            | Kind::Limit(_)
            | Kind::LimitBy(_)
            | Kind::Route(_)
            | Kind::Sample { .. }
            | Kind::Throttle(_) => {
                out.push_str(&format!("{}{}: the same columns\n", node.path(), inputs(plan, node)));
            }
            kind => {
                out.push_str(&format!("{}{}\n", node.path(), inputs(plan, node)));
                columns(&mut out, &node.outputs[0].schema);
                if let Kind::Source(source) = kind {
                    out.extend(
                        inferred(source).into_iter().chain(event_time(source)).map(|line| format!("  {line}\n")),
                    );
                }
            }
        }
        for output in node.outputs.iter().skip(1).filter(|o| o.read) {
            let name = output.name.as_deref().unwrap_or_default();
            if matches!(node.kind, Kind::Route(_)) && name != "errors" {
                continue;
            }
            out.push_str(&format!("{}.{name}\n", node.path()));
            columns(&mut out, &output.schema);
        }
    }
    out
}

fn columns(out: &mut String, schema: &Schema) {
    let width = schema.names().map(|name| name.chars().count()).max().unwrap_or(0);
    for field in &schema.fields {
        out.push_str(&format!("  {:width$}  {}\n", field.name, field.ty));
    }
}
