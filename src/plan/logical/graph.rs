//! Who reads whom: names of inputs found, cycles and loose ends reported.

use std::collections::BTreeSet;

use super::OutputRef;
use crate::error::nearest;
use crate::spec::{Diagnostic, Diagnostics, JobSpec, NodeKind, NodeSpec, OnError, Text};

/// Nodes by their index in the job file.
pub struct Graph {
    /// All nodes that are not part of a cycle, inputs first.
    pub order: Vec<usize>,
    /// `None` where an input was not found.
    pub inputs: Vec<Option<Vec<OutputRef>>>,
    /// Leads to a sink.
    pub runs: Vec<bool>,
    read: BTreeSet<OutputRef>,
}

impl Graph {
    pub fn is_read(&self, node: usize, output: usize) -> bool {
        self.read.contains(&OutputRef { node, output })
    }
}

/// Names of a node's outputs; the main one first, as `None`. That of a route is there, but has no rows.
fn outputs(kind: &NodeKind) -> Vec<Option<&str>> {
    match kind {
        NodeKind::Source(_) => vec![None, Some("errors")],
        NodeKind::Aggregate(_) => vec![None, Some("late"), Some("errors")],
        NodeKind::Route { cases } => {
            let names = cases.iter().map(|(name, _)| Some(name.value.as_str()));
            std::iter::once(None).chain(names).chain([Some("default"), Some("errors")]).collect()
        }
        NodeKind::Sink(_) => Vec::new(),
        NodeKind::Sample { .. } | NodeKind::Throttle { .. } => vec![None],
        _ => vec![None, Some("errors")],
    }
}

pub fn connect(spec: &JobSpec, found: &mut Diagnostics) -> Graph {
    let inputs: Vec<Option<Vec<OutputRef>>> = spec
        .nodes
        .iter()
        .map(|node| {
            let refs: Vec<Option<OutputRef>> = node.inputs.iter().map(|text| find(spec, text, found)).collect();
            refs.into_iter().collect()
        })
        .collect();
    let order = sort(spec, &inputs, found);
    let runs = leads_to_sink(spec, &inputs);
    let running = inputs.iter().zip(&runs).filter(|(_, runs)| **runs);
    let read: BTreeSet<OutputRef> = running.flat_map(|(refs, _)| refs.iter().flatten().copied()).collect();
    for (node, _) in spec.nodes.iter().zip(&runs).filter(|(_, runs)| !**runs) {
        let whole = node.name.value.split_once('.').map(|(whole, _)| whole);
        if whole.is_some_and(|whole| parts(spec, whole).any(|(index, _)| runs[index])) {
            continue;
        }
        found.push(
            Diagnostic::warning(format!("nothing reads `{}`, so it does not run", node.name.value))
                .at(&node.name.span)
                .help(format!(
                    "name it in the `input` of a transform or sink, such as input = \"{}\"",
                    node.name.value
                )),
        );
    }
    let graph = Graph { order, inputs, runs, read };
    dead_letters(spec, &graph, found);
    unread_cases(spec, &graph, found);
    graph
}

/// Cases whose rows nobody reads.
fn unread_cases(spec: &JobSpec, graph: &Graph, found: &mut Diagnostics) {
    for (index, node) in spec.nodes.iter().enumerate().filter(|(index, _)| graph.runs[*index]) {
        let NodeKind::Route { cases } = &node.kind else { continue };
        for (number, (case, _)) in cases.iter().enumerate().filter(|(number, _)| !graph.is_read(index, number + 1)) {
            let output = format!("{}.{}", node.name.value, case.value);
            let diagnostic = Diagnostic::warning(format!("nothing reads `{output}`")).at(&case.span);
            let which = if number == 0 { "its rows" } else { "rows that no case before takes" };
            let help = format!("to keep them, name it as an input: input = \"{output}\"");
            found.push(diagnostic.label(format!("{which} are dropped")).help(help));
        }
    }
}

/// `on_error` of a node and the readers of its `.errors` must agree.
fn dead_letters(spec: &JobSpec, graph: &Graph, found: &mut Diagnostics) {
    // Who could not be made out may be the reader.
    if !spec.broken.is_empty() || graph.inputs.iter().any(Option::is_none) {
        return;
    }
    for (index, node) in spec.nodes.iter().enumerate().filter(|(index, _)| graph.runs[*index]) {
        let name = &node.name.value;
        let outputs = outputs(&node.kind);
        let Some(errors) = outputs.iter().position(|output| *output == Some("errors")) else { continue };
        let (section, on_error, span, lost) = match &node.kind {
            NodeKind::Source(source) => {
                ("sources", source.on_error.value, &source.on_error.span, "bad records would be lost")
            }
            _ => {
                let on_error = node.on_error.as_ref();
                let span = on_error.map_or(&node.name.span, |on_error| &on_error.span);
                let on_error = on_error.map_or(OnError::Fail, |on_error| on_error.value);
                ("transforms", on_error, span, "rows on which an expression fails would be lost")
            }
        };
        match (on_error, graph.is_read(index, errors)) {
            (OnError::DeadLetter, false) => found.push(
                Diagnostic::error(format!("nobody reads `{name}.errors`"))
                    .at(span)
                    .label(lost)
                    .help(format!("add a sink with input = \"{name}.errors\", or use on_error = \"skip\"")),
            ),
            (OnError::Fail | OnError::Skip, true) => {
                let reader = spec.nodes.iter().flat_map(|n| &n.inputs).find(|t| t.value == format!("{name}.errors"));
                let mut diagnostic = Diagnostic::error(format!("`{name}` sends nothing to `{name}.errors`"))
                    .label("would stay empty")
                    .help(format!("set on_error = \"dead-letter\" in [{section}.{name}]"));
                diagnostic.span = reader.map(|text| text.span.clone());
                found.push(diagnostic);
            }
            _ => {}
        }
    }
}

/// The sources that are outputs of one that is written as `name`, with their numbers.
pub fn parts<'a>(spec: &'a JobSpec, name: &str) -> impl Iterator<Item = (usize, &'a NodeSpec)> {
    let name = name.to_owned();
    let is_part = move |node: &NodeSpec| node.name.value.split_once('.').is_some_and(|(whole, _)| whole == name);
    spec.nodes.iter().enumerate().filter(move |(_, node)| is_part(node))
}

/// Finds `node` or `node.output`.
fn find(spec: &JobSpec, text: &Text, found: &mut Diagnostics) -> Option<OutputRef> {
    let is_node = spec.nodes.iter().any(|node| node.name.value == text.value);
    let (name, output) = match text.value.split_once('.') {
        Some((name, output)) if !is_node => (name, Some(output)),
        _ => (text.value.as_str(), None),
    };
    let parts: Vec<&str> = parts(spec, name).map(|(_, part)| part.name.value.as_str()).collect();
    if !parts.is_empty() {
        let message = match output {
            Some(output) => format!("`{name}` has no output `{output}`"),
            None => format!("`{name}` has several outputs"),
        };
        let help = format!("there are {}; only = \"bid\" makes it a source of one", parts.join(", "));
        let span = text.locate(0..text.value.len());
        found.push(Diagnostic::error(message).at(&span).label("which of them?").help(help));
        return None;
    }
    let Some(node) = spec.nodes.iter().position(|n| n.name.value == name) else {
        // What could not be read has been reported already.
        if spec.broken.iter().any(|broken| broken == name) {
            return None;
        }
        let names = spec.nodes.iter().filter(|n| !matches!(n.kind, NodeKind::Sink(_)));
        let names: Vec<&str> = names.map(|n| n.name.value.as_str()).collect();
        let help = match nearest(name, names.iter().copied()) {
            _ if let Some(inner) = inner_name(spec, text) => {
                format!("nodes go by their names alone: write `{inner}`")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "the job has none: add a table [sources.NAME]".to_string(),
            None => format!("the job has: {}", names.join(", ")),
        };
        let span = text.locate(0..name.len());
        found.push(Diagnostic::error(format!("there is no node `{name}`")).at(&span).label("not found").help(help));
        return None;
    };
    let outputs = outputs(&spec.nodes[node].kind);
    if outputs.is_empty() {
        let message = format!("`{name}` is a sink: nothing comes out of it");
        found.push(Diagnostic::error(message).at(&text.span).label("read what the sink reads instead"));
        return None;
    }
    if let (NodeKind::Route { .. }, None) = (&spec.nodes[node].kind, output) {
        let named: Vec<String> = outputs.iter().flatten().map(|o| format!("`{name}.{o}`")).collect();
        let message = format!("`{name}` is a route: its rows come out of its cases");
        let help = format!("read one of {}", named[..named.len() - 1].join(", "));
        found.push(Diagnostic::error(message).at(&text.span).label("which of them?").help(help));
        return None;
    }
    match outputs.iter().position(|o| *o == output) {
        Some(output) => Some(OutputRef { node, output }),
        None => {
            let output = output.unwrap_or_default();
            let named: Vec<String> = outputs.iter().flatten().map(|o| format!("`{name}.{o}`")).collect();
            let is_route = matches!(spec.nodes[node].kind, NodeKind::Route { .. });
            let near = nearest(output, outputs.iter().flatten().copied());
            let help = match named.is_empty() {
                true => format!("`{name}` has one output: input = \"{name}\""),
                false if near.is_some() => format!("did you mean `{name}.{}`?", near.unwrap_or_default()),
                false if is_route => format!("there are {}", named.join(", ")),
                false => format!("there are `{name}`, {}", named.join(", ")),
            };
            let span = text.locate(name.len() + 1..text.value.len());
            let message = format!("`{name}` has no output `{output}`");
            found.push(Diagnostic::error(message).at(&span).label("not an output").help(help));
            None
        }
    }
}

/// What stands behind `sources.` or another section in front of the name of a node.
fn inner_name<'a>(spec: &JobSpec, text: &'a Text) -> Option<&'a str> {
    let (section, inner) = text.value.split_once('.')?;
    let name = inner.split('.').next()?;
    let is_section = ["sources", "transforms", "source", "transform"].contains(&section);
    (is_section && spec.nodes.iter().any(|node| node.name.value == name)).then_some(inner)
}

/// Inputs before readers. Nodes of a cycle are reported and left out.
fn sort(spec: &JobSpec, inputs: &[Option<Vec<OutputRef>>], found: &mut Diagnostics) -> Vec<usize> {
    let mut order = Vec::new();
    let mut placed = vec![false; inputs.len()];
    loop {
        let ready = |index: &usize| !placed[*index] && inputs[*index].iter().flatten().all(|r| placed[r.node]);
        let next: Vec<usize> = (0..inputs.len()).filter(ready).collect();
        if next.is_empty() {
            break;
        }
        for index in next {
            placed[index] = true;
            order.push(index);
        }
    }
    // What is left hangs on a cycle; following inputs from any of it runs into the cycle itself.
    if let Some(start) = placed.iter().position(|p| !p) {
        let mut path = vec![start];
        loop {
            let last = path[path.len() - 1];
            let before = inputs[last].iter().flatten().map(|r| r.node).find(|&n| !placed[n]);
            let Some(before) = before else { break };
            if let Some(at) = path.iter().position(|&n| n == before) {
                path.drain(..at);
                break;
            }
            path.push(before);
        }
        path.reverse();
        let names: Vec<&str> = path.iter().chain(path.first()).map(|&n| spec.nodes[n].name.value.as_str()).collect();
        let first = &spec.nodes[path[0]];
        found.push(
            Diagnostic::error(format!("the job has a cycle: {}", names.join(" → ")))
                .at(&first.inputs.first().map_or(first.name.span.clone(), |t| t.span.clone()))
                .label("rows would go round for ever")
                .help("let one of them read an earlier node"),
        );
    }
    order
}

fn leads_to_sink(spec: &JobSpec, inputs: &[Option<Vec<OutputRef>>]) -> Vec<bool> {
    let mut runs: Vec<bool> = spec.nodes.iter().map(|n| matches!(n.kind, NodeKind::Sink(_))).collect();
    loop {
        let mut changed = false;
        for index in 0..inputs.len() {
            if runs[index] {
                for input in inputs[index].iter().flatten() {
                    changed |= !std::mem::replace(&mut runs[input.node], true);
                }
            }
        }
        if !changed {
            return runs;
        }
    }
}
