//! What the state of a stage depends on, in words, so that an edit of the job that makes state useless is found and
//! can be named. What state does not depend on stays out: names and expressions of outputs, `having`, allowed
//! lateness, degrees of parallelism.

use std::collections::BTreeMap;

use crate::data::Schema;
use crate::expr::Typed;
use crate::op::aggregate::{Emit, Window};
use crate::op::sort::SortKey;
use crate::plan::logical::{Aggregate, LimitBy, Node, OrderKey, Top};
use crate::plan::show::{call, window};

/// What a stage is called and what its state depends on.
pub(super) struct Label {
    pub name: String,
    /// Unique in the job.
    pub id: String,
    pub identity: BTreeMap<String, String>,
}

impl Label {
    /// The stage of a node, or `part` of it where there are several.
    pub fn new(node: &Node, part: Option<&str>, identity: BTreeMap<String, String>) -> Label {
        let name = node.path();
        let id = part.map_or_else(|| name.clone(), |part| format!("{name}/{part}"));
        Label { name, id, identity }
    }

    /// The stage that brings the rows of a source that could not be read into sequence.
    pub fn errors(node: &Node) -> Label {
        Label { name: format!("{}.errors", node.path()), ..Label::new(node, Some("errors"), words("pass", [])) }
    }

    /// The stage that brings the rows of a node's inputs into sequence.
    pub fn sequence(node: &Node) -> Label {
        Label::new(node, Some("sequence"), words("pass", []))
    }
}

pub(super) fn aggregate(aggregate: &Aggregate) -> BTreeMap<String, String> {
    let plan = &aggregate.plan;
    let keys: Vec<String> = plan.keys.iter().map(|(_, key)| typed(key)).collect();
    let calls = plan.calls.iter().map(|c| {
        // The types of the arguments, for sums of ints and of decimals are kept in different ways.
        c.args.iter().fold(call(c), |text, arg| format!("{text} {}", arg.ty))
    });
    let emit = match aggregate.emit {
        Emit::Close => "close",
        Emit::Update => "update",
        Emit::Every(_) => "every",
    };
    let calls: Vec<String> = calls.collect();
    words(
        "aggregate",
        [
            ("by", keys.join(", ")),
            ("window", window_of(aggregate.window, aggregate.processing)),
            ("aggregates", calls.join(", ")),
            ("emit", emit.to_owned()),
        ],
    )
}

/// `columns`: of the rows that are kept.
pub(super) fn top(top: &Top, columns: &Schema) -> BTreeMap<String, String> {
    let by: Vec<String> = top.by.iter().map(typed).collect();
    let key = |key: &OrderKey| (typed(&key.value), key.descending, key.nulls_first);
    words(
        "top",
        [
            ("by", by.join(", ")),
            ("order", order(top.order.iter().map(key))),
            ("n", top.n.to_string()),
            ("ties", top.ties.to_string()),
            ("window", window_of(top.window, top.processing)),
            ("columns", columns.to_string()),
        ],
    )
}

pub(super) fn limit(n: u64) -> BTreeMap<String, String> {
    words("limit", [("n", n.to_string())])
}

pub(super) fn limit_by(limit: &LimitBy) -> BTreeMap<String, String> {
    let by: Vec<String> = limit.by.iter().map(|(_, key)| typed(key)).collect();
    words("limit", [("n", limit.n.to_string()), ("by", by.join(", "))])
}

pub(super) fn sample(fraction: f64, seed: u64) -> BTreeMap<String, String> {
    words("sample", [("fraction", fraction.to_string()), ("seed", seed.to_string())])
}

pub(super) fn throttle() -> BTreeMap<String, String> {
    words("throttle", [])
}

/// `column`: what rows get their time from.
pub(super) fn event_time(column: &str) -> BTreeMap<String, String> {
    words("event_time", [("column", column.to_owned())])
}

fn window_of(of: Option<Window>, processing: bool) -> String {
    let time = if processing { " of the wall clock" } else { "" };
    of.map_or_else(String::new, |of| format!("{}{time}", window(of)))
}

/// `columns`: of the rows that are sorted.
pub(super) fn sort(keys: &[SortKey], columns: &Schema, windowed: bool) -> BTreeMap<String, String> {
    let key = |key: &SortKey| {
        let field = &columns.fields[key.column];
        (format!("{} {}", field.name, field.ty), key.descending, key.nulls_first)
    };
    let of = if windowed { "the rows of each window" } else { "all rows" };
    words("sort", [("keys", order(keys.iter().map(key))), ("of", of.to_owned()), ("columns", columns.to_string())])
}

fn words<const N: usize>(operator: &str, more: [(&str, String); N]) -> BTreeMap<String, String> {
    let more = more.into_iter().filter(|(_, value)| !value.is_empty());
    more.chain([("operator", operator.to_owned())]).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn typed(value: &Typed) -> String {
    format!("{value} {}", value.ty)
}

fn order(keys: impl Iterator<Item = (String, bool, bool)>) -> String {
    let one = |(key, descending, nulls_first): (String, bool, bool)| {
        let (direction, nulls) = (if descending { " desc" } else { "" }, if nulls_first { "first" } else { "last" });
        format!("{key}{direction} nulls {nulls}")
    };
    keys.map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
