//! What of a checkpoint fits a job that may have been edited since: operators are matched by id.

use std::collections::BTreeMap;

use super::operators::shapes;
use crate::checkpoint::manifest::{Manifest, OperatorState};
use crate::error::{Error, Result};
use crate::plan::physical::{PhysicalPlan, StagePlan};

/// How a difference is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The state is taken as it is.
    Kept,
    /// It begins without state.
    Added,
    /// Its state has no taker: refused, unless allowed.
    Removed,
    /// Its state does not fit what it does now.
    Changed,
}

/// What becomes of the state of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path of the node, or id of the operator.
    pub node: String,
    pub verdict: Verdict,
    /// In words.
    pub why: String,
}

/// Every source, operator and sink of the checkpoint and of the job.
pub fn compare(manifest: &Manifest, plan: &PhysicalPlan) -> Vec<Difference> {
    let mut found = Vec::new();
    if manifest.job.max_parallelism != plan.max_parallelism {
        let why = format!(
            "max_parallelism was {}, is {}: it is fixed for the life of the state",
            manifest.job.max_parallelism, plan.max_parallelism
        );
        found.push(Difference { node: "job".into(), verdict: Verdict::Changed, why });
    }
    let sources = plan.sources.iter().map(|s| (s.name.as_str(), s.connector.kind())).collect();
    let saved = manifest.sources.iter().map(|(name, state)| (name.as_str(), state.kind.as_str())).collect();
    connectors(&sources, &saved, "reads from its start", &mut found);
    operators(manifest, plan, &mut found);
    let sinks = plan.sinks.iter().map(|s| (s.name.as_str(), s.connector.kind())).collect();
    let saved = manifest.sinks.iter().map(|(name, state)| (name.as_str(), state.kind.as_str())).collect();
    connectors(&sinks, &saved, "starts anew", &mut found);
    found
}

/// Refuses a checkpoint that does not fit (class Job), with all reasons.
pub fn check(manifest: &Manifest, plan: &PhysicalPlan, allow_removed: bool) -> Result<()> {
    let refused = |d: &&Difference| d.verdict == Verdict::Changed || d.verdict == Verdict::Removed && !allow_removed;
    let found = compare(manifest, plan);
    let reasons: Vec<&Difference> = found.iter().filter(refused).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let mut error = Error::job(format!("checkpoint {} does not fit the job", manifest.checkpoint));
    for reason in &reasons {
        error = error.note(format!("{}: {}", reason.node, reason.why));
    }
    if reasons.iter().any(|d| d.verdict == Verdict::Removed) {
        error = error.note("--allow-non-restored-state goes on without the state of what was removed");
    }
    if manifest.job.max_parallelism != plan.max_parallelism {
        error = error.note(format!("set max_parallelism = {} in [job]", manifest.job.max_parallelism));
    }
    if reasons.iter().any(|d| d.verdict == Verdict::Changed && d.node != "job") {
        error = error.note("give what was changed another name to let it start empty, or start anew with --fresh");
    }
    Err(error)
}

fn connectors(plan: &BTreeMap<&str, &str>, saved: &BTreeMap<&str, &str>, begins: &str, found: &mut Vec<Difference>) {
    for (name, kind) in plan {
        let (verdict, why) = match saved.get(name) {
            None => (Verdict::Added, begins.to_owned()),
            Some(before) if before == kind => (Verdict::Kept, String::new()),
            Some(before) => (Verdict::Changed, format!("was of type {before}, is {kind}")),
        };
        found.push(Difference { node: (*name).to_owned(), verdict, why });
    }
    for name in saved.keys().filter(|name| !plan.contains_key(*name)) {
        let why = "is not in the job any more".to_owned();
        found.push(Difference { node: (*name).to_owned(), verdict: Verdict::Removed, why });
    }
}

fn operators(manifest: &Manifest, plan: &PhysicalPlan, found: &mut Vec<Difference>) {
    for stage in &plan.stages {
        let (verdict, why) = match manifest.operators.get(&stage.id) {
            // Stages without state come and go with the parallelism.
            None if shapes(&stage.op).is_empty() => continue,
            None => (Verdict::Added, "starts empty".to_owned()),
            Some(saved) => match changes(saved, stage) {
                changes if changes.is_empty() => (Verdict::Kept, String::new()),
                changes => (Verdict::Changed, changes.join("; ")),
            },
        };
        found.push(Difference { node: stage.id.clone(), verdict, why });
    }
    for (id, saved) in &manifest.operators {
        let rows: u64 = saved.tables.iter().flat_map(|table| &table.segments).map(|segment| segment.rows).sum();
        if rows > 0 && plan.stages.iter().all(|stage| stage.id != *id) {
            let why = format!("is not in the job any more; it holds {rows} rows");
            found.push(Difference { node: id.clone(), verdict: Verdict::Removed, why });
        }
    }
}

/// What about an operator has changed, in words.
fn changes(saved: &OperatorState, stage: &StagePlan) -> Vec<String> {
    let mut changes = Vec::new();
    let words: BTreeMap<&String, (Option<&String>, Option<&String>)> = (saved.identity.keys())
        .chain(stage.identity.keys())
        .map(|word| (word, (saved.identity.get(word), stage.identity.get(word))))
        .collect();
    for (word, (before, now)) in words {
        let said = |text: Option<&String>| text.map_or_else(|| "nothing".to_owned(), |text| format!("\"{text}\""));
        if before != now {
            changes.push(format!("`{word}` was {}, is {}", said(before), said(now)));
        }
    }
    if !changes.is_empty() {
        return changes;
    }
    // What it remembers may have changed with the types of its input.
    for shape in shapes(&stage.op) {
        let Some(table) = saved.tables.iter().find(|table| table.name == shape.name) else { continue };
        for (field, (name, ty)) in shape.schema.fields.iter().zip(&table.columns) {
            if field.ty.to_string() != *ty {
                changes.push(format!("`{name}` was {ty}, is {}", field.ty));
            }
        }
        if shape.schema.fields.len() != table.columns.len() {
            changes.push(format!("`{}` had {} columns, has {}", shape.name, table.columns.len(), shape.schema.len()));
        }
    }
    changes
}
