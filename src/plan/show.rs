//! Draws plans: `flott plan` and the schemas of `flott check`. Pure; nothing is looked up or opened.
//!
//! [`logical`] says what was meant, [`physical`] what will run; both as text, [`json`], or boxes and arrows
//! ([`picture`]), which [`mermaid`] and [`dot`] write down.

mod dot;
mod guarantees;
mod json;
mod logical;
mod mermaid;
mod physical;
mod picture;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::Saving;
use super::logical::{Kind, LogicalPlan};
use super::physical::PhysicalPlan;
use crate::expr::{AggregateCall, Typed};
use crate::op::aggregate::{Emit, Window};
use crate::spec::{SinkConnector, SourceConnector};

pub use logical::schemas;

/// The graph as it was meant, then as it will run.
pub fn text(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> String {
    let words = Words::new(plan);
    let mut out = format!("job {}\n\nlogical\n", plan.name);
    out.push_str(&logical::draw(plan, &words));
    out.push_str(&format!(
        "\nphysical: parallelism {}, {} key groups\n",
        physical.parallelism, physical.max_parallelism
    ));
    out.push_str(&format!("  {}\n", guarantees::checkpoints(saving)));
    out.push_str(&task::draw(&physical::tasks(physical, &words, saving)));
    out
}

/// Both graphs as a diagram of Mermaid.
pub fn mermaid(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> String {
    mermaid::draw(&picture::pictures(plan, physical, saving))
}

/// Both graphs for Graphviz.
pub fn dot(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> String {
    dot::draw(&plan.name, &picture::pictures(plan, physical, saving))
}

/// Both graphs as JSON; `docs/commands.md` says what is in it.
pub fn json(plan: &LogicalPlan, physical: &PhysicalPlan, saving: &Saving) -> serde_json::Value {
    json::value(plan, physical, saving)
}

/// Columns whose names an aggregation made up, by node: as an expression quotes them, and as they read better.
struct Words(BTreeMap<String, Vec<(String, String)>>);

impl Words {
    fn new(plan: &LogicalPlan) -> Words {
        let mut words = BTreeMap::new();
        for node in &plan.nodes {
            let Kind::Aggregate(aggregate) = &node.kind else { continue };
            let plan = &aggregate.plan;
            let first = plan.intermediate.len() - plan.calls.len();
            let fields = &plan.intermediate.fields[first..];
            let pairs = plan.calls.iter().zip(fields).map(|(c, field)| {
                let text = call(c);
                // The field is named for the function as it was written, with a number: `mean#0`.
                let function = field.name.rsplit_once('#').map_or(field.name.as_str(), |(name, _)| name);
                let written = format!("{function}{}", text.find('(').map_or("", |at| &text[at..]));
                (Typed::column(0, &written, field.ty).to_string(), text)
            });
            words.insert(node.path(), pairs.collect());
        }
        Words(words)
    }

    /// `typed` of node `path` as SQL.
    fn expression(&self, path: &str, typed: &Typed) -> String {
        let pairs = self.0.get(path).map_or(&[][..], Vec::as_slice);
        pairs.iter().fold(typed.to_string(), |text, (name, call)| text.replace(name, call))
    }
}

/// An aggregate call as SQL.
pub fn call(call: &AggregateCall) -> String {
    let args: Vec<String> = call.args.iter().map(Typed::to_string).collect();
    call.function.text(call.distinct, &args, call.filter.as_ref().map(Typed::to_string))
}

pub fn window(window: Window) -> String {
    let offset = |offset: i64| if offset == 0 { String::new() } else { format!(", offset {}", duration(offset)) };
    match window {
        Window::Tumbling { size, offset: shift } => format!("tumbling {}{}", duration(size), offset(shift)),
        Window::Sliding { size, slide, offset: shift } => {
            format!("sliding {} by {}{}", duration(size), duration(slide), offset(shift))
        }
        Window::Attached { .. } => "that of the input".into(),
        Window::Count { size, slide, partial } => {
            let slide = if slide == size { String::new() } else { format!(" every {slide}") };
            let partial = if partial { ", the last may be short" } else { "" };
            format!("of {size} rows of a key{slide}{partial}")
        }
    }
}

/// A window and what it goes by, if that is the wall clock.
fn window_of(of: Window, processing: bool) -> String {
    format!("{}{}", window(of), if processing { ", by the wall clock" } else { "" })
}

fn emit(emit: Emit, window: Option<Window>) -> String {
    match emit {
        Emit::Close if matches!(window, Some(Window::Count { .. })) => "when a window is full".into(),
        Emit::Close if window.is_some() => "when a window closes".into(),
        Emit::Close => "at the end of the input".into(),
        Emit::Update => "for every row".into(),
        Emit::Every(period) => format!("changed keys every {}", duration(period)),
    }
}

fn source(connector: &SourceConnector, format: &str) -> String {
    match connector {
        SourceConnector::File { paths, follow, .. } => {
            let paths: Vec<&str> = paths.iter().map(|p| p.value.as_str()).collect();
            let followed = if follow.is_some() { ", followed" } else { "" };
            format!("file {}{followed}, {format}", paths.join(", "))
        }
        SourceConnector::Stdin => format!("stdin, {format}"),
        SourceConnector::Given => "the rows of a test".into(),
        SourceConnector::Tcp { address, listen: true, .. } => format!("tcp, listens on {}, {format}", address.value),
        SourceConnector::Tcp { address, .. } => format!("tcp from {}, {format}", address.value),
        SourceConnector::Generate { kind, rows, only, .. } => {
            let kind = match kind.value {
                crate::spec::GenerateKind::Sequence => "sequence",
                crate::spec::GenerateKind::Nexmark => "nexmark",
            };
            let only = only.as_ref().map(|o| format!(" {}", o.value)).unwrap_or_default();
            let rows = rows.as_ref().map_or("without end".into(), |r| format!("{} rows", r.value));
            format!("generate {kind}{only}, {rows}")
        }
    }
}

fn sink(connector: &SinkConnector, format: &str) -> String {
    match connector {
        SinkConnector::File { path, mode, .. } => {
            format!("file {}, {format}, {}", path.value, format!("{:?}", mode.value).to_lowercase())
        }
        SinkConnector::Directory(spec) => {
            let mode = format!("{:?}", spec.mode.value).to_lowercase();
            let columns: Vec<&str> = spec.partition_by.iter().map(|c| c.value.as_str()).collect();
            let by = if columns.is_empty() { String::new() } else { format!(", by {}", columns.join(", ")) };
            format!("directory {}, {format}, {mode}{by}", spec.path.value)
        }
        SinkConnector::Stdout => format!("stdout, {format}"),
        SinkConnector::Tcp { address, listen: true, .. } => format!("tcp, listens on {}, {format}", address.value),
        SinkConnector::Tcp { address, .. } => format!("tcp to {}, {format}", address.value),
        SinkConnector::Sqlite { path, table, key, mode } => {
            let names: Vec<&str> = key.iter().map(|k| k.value.as_str()).collect();
            let how = if names.is_empty() { "insert".into() } else { format!("upsert by {}", names.join(", ")) };
            format!("sqlite {}, table {}, {how}, {}", path.value, table.value, format!("{mode:?}").to_lowercase())
        }
        SinkConnector::Blackhole => "blackhole".into(),
    }
}

/// Units from large to small, in µs.
const UNITS: [(i64, &str); 7] = [
    (7 * 86_400_000_000, "w"),
    (86_400_000_000, "d"),
    (3_600_000_000, "h"),
    (60_000_000, "m"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "us"),
];

/// A duration of µs as a job file has it: `1h 30m`.
pub fn duration(micros: i64) -> String {
    if micros == 0 {
        return "0s".into();
    }
    let mut left = micros.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let count = left / unit.unsigned_abs();
        left %= unit.unsigned_abs();
        // Weeks only where they are whole: `8d`, not `1w 1d`.
        if name == "w" && left > 0 {
            left += count * unit.unsigned_abs();
        } else if count > 0 {
            parts.push(format!("{count}{name}"));
        }
    }
    format!("{}{}", if micros < 0 { "-" } else { "" }, parts.join(" "))
}
