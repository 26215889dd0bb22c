//! What of a checkpoint fits a job that may have been edited since: operators are matched by id. `resume` refuses by
//! this, and `flott state diff` shows it.

mod reasons;

use std::collections::BTreeMap;
use std::path::Path;

use super::operators::shapes;
use crate::checkpoint::manifest::{Manifest, OperatorState, SinkState};
use crate::error::{Error, Result};
use crate::plan::physical::{PhysicalPlan, StageOp, StagePlan};
use crate::spec::SinkConnector;

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

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Kept => "kept",
            Verdict::Added => "added",
            Verdict::Removed => "removed",
            Verdict::Changed => "changed",
        }
    }
}

/// What becomes of the state of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path of the node, or id of the operator.
    pub node: String,
    pub verdict: Verdict,
    /// In words; empty where there is nothing to say.
    pub why: String,
}

impl Difference {
    /// It keeps the job from going on. `allow_removed`: state without a taker is left out.
    pub fn is_refused(&self, allow_removed: bool) -> bool {
        self.verdict == Verdict::Changed || self.verdict == Verdict::Removed && !allow_removed
    }
}

/// The node of what concerns the whole job.
const JOB: &str = "[job]";

/// Every source, operator and sink of the checkpoint and of the job.
pub fn compare(manifest: &Manifest, plan: &PhysicalPlan) -> Vec<Difference> {
    let mut found = Vec::new();
    if manifest.job.max_parallelism != plan.max_parallelism {
        let why = format!(
            "max_parallelism was {0}, it is {1} now, and it is fixed for the life of the state: write \
             max_parallelism = {0} in [job]",
            manifest.job.max_parallelism, plan.max_parallelism
        );
        found.push(Difference { node: JOB.into(), verdict: Verdict::Changed, why });
    }
    let sources = plan.sources.iter().map(|s| (s.name.as_str(), s.connector.kind())).collect();
    let saved = manifest.sources.iter().map(|(name, state)| (name.as_str(), state.kind.as_str())).collect();
    connectors(&sources, &saved, "it is read from its start", &mut found);
    operators(manifest, plan, &mut found);
    let sinks = plan.sinks.iter().map(|s| (s.name.as_str(), s.connector.kind())).collect();
    let saved = manifest.sinks.iter().map(|(name, state)| (name.as_str(), state.kind.as_str())).collect();
    connectors(&sinks, &saved, "it gets what comes from now on", &mut found);
    targets(manifest, plan, &mut found);
    for difference in found.iter_mut().filter(|d| d.verdict == Verdict::Removed) {
        if let Some(SinkState { pending, .. }) = manifest.sinks.get(&difference.node)
            && !pending.is_empty()
        {
            difference.why.push_str("; output of it that is written but not in place yet is lost");
        }
    }
    found
}

/// Refuses a checkpoint that does not fit (class Job), with all reasons.
pub fn check(manifest: &Manifest, plan: &PhysicalPlan, allow_removed: bool) -> Result<()> {
    let found = compare(manifest, plan);
    let reasons: Vec<&Difference> = found.iter().filter(|d| d.is_refused(allow_removed)).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let mut error = Error::job(format!("checkpoint {} does not fit the job", manifest.checkpoint));
    for Difference { node, why, .. } in &reasons {
        error = error.note(format!("{node}: {why}"));
    }
    if reasons.iter().any(|d| d.verdict == Verdict::Changed && d.node != JOB) {
        error = error.note("undo the change, or give what was changed a new name, under which it starts empty");
        if !allow_removed {
            error = error.note("(what it had under the old one is left out with --allow-non-restored-state)");
        }
    }
    if reasons.iter().any(|d| d.verdict == Verdict::Removed) {
        error = error.note("to go on without what was removed: --allow-non-restored-state");
    }
    Err(error.note("to start anew without any state: flott run JOB.toml --fresh"))
}

/// Sources or sinks: type by path of the node. `begins`: what a new one does.
fn connectors(plan: &BTreeMap<&str, &str>, saved: &BTreeMap<&str, &str>, begins: &str, found: &mut Vec<Difference>) {
    for (name, kind) in plan {
        let (verdict, why) = match saved.get(name) {
            None => (Verdict::Added, begins.to_owned()),
            Some(before) if before == kind => (Verdict::Kept, String::new()),
            Some(before) => (Verdict::Changed, format!("it was of type \"{before}\", it is of type \"{kind}\" now")),
        };
        found.push(Difference { node: (*name).to_owned(), verdict, why });
    }
    for name in saved.keys().filter(|name| !plan.contains_key(*name)) {
        let why = "it does not run in the job any more".to_owned();
        found.push(Difference { node: (*name).to_owned(), verdict: Verdict::Removed, why });
    }
}

/// Whether two paths, as the job has them or as a sink found them, lead to one place. `base` is where the run began.
fn same_place(before: &Path, now: &Path, base: &Path) -> bool {
    let (before, now) = (base.join(before), base.join(now));
    let real = |path: &Path| path.canonicalize().ok();
    before == now || real(&before).is_some_and(|before| real(&now) == Some(before))
}

/// Sinks that write elsewhere now: what they have written stays behind.
fn targets(manifest: &Manifest, plan: &PhysicalPlan, found: &mut [Difference]) {
    for sink in &plan.sinks {
        let now = match &sink.connector {
            SinkConnector::File { path, .. } => Path::new(&path.value),
            SinkConnector::Directory(spec) => Path::new(&spec.path.value),
            _ => continue,
        };
        let state = manifest.sinks.get(&sink.name).map(|saved| &saved.state);
        let before = state.and_then(|state| state["path"].as_str().or(state["place"]["path"].as_str()));
        let kept = found.iter_mut().find(|d| d.node == sink.name && d.verdict == Verdict::Kept);
        if let (Some(before), Some(difference)) = (before.map(Path::new), kept)
            && !same_place(before, now, Path::new(&manifest.job.directory))
        {
            difference.verdict = Verdict::Changed;
            difference.why = format!("it wrote to {}, it writes to {} now", before.display(), now.display());
        }
    }
}

fn operators(manifest: &Manifest, plan: &PhysicalPlan, found: &mut Vec<Difference>) {
    for stage in &plan.stages {
        let (verdict, why) = match manifest.operators.get(&stage.id) {
            // Stages without state come and go with the parallelism.
            None if !remembers(&stage.op) => continue,
            None => (Verdict::Added, "it starts empty".to_owned()),
            Some(saved) => match changes(saved, stage) {
                changes if changes.is_empty() => (Verdict::Kept, held(saved)),
                changes => (Verdict::Changed, changes.join("; ")),
            },
        };
        found.push(Difference { node: stage.id.clone(), verdict, why });
    }
    for (id, saved) in &manifest.operators {
        // Without tables it remembers single numbers; beside rows they mean nothing alone.
        let numbers = saved.tables.is_empty() && saved.scalars.iter().any(|scalars| !scalars.is_null());
        let has_state = rows(saved) > 0 || numbers;
        if has_state && plan.stages.iter().all(|stage| stage.id != *id) {
            let holds = Some(held(saved)).filter(|held| !held.is_empty()).map(|held| format!("; it holds {held}"));
            let why = format!("it does not run in the job any more{}", holds.unwrap_or_default());
            found.push(Difference { node: id.clone(), verdict: Verdict::Removed, why });
        }
    }
}

/// The operator has state.
fn remembers(op: &StageOp) -> bool {
    matches!(op, StageOp::Limit(_) | StageOp::Sample { .. } | StageOp::EventTime { .. }) || !shapes(op).is_empty()
}

fn rows(saved: &OperatorState) -> u64 {
    saved.tables.iter().flat_map(|table| &table.segments).map(|segment| segment.rows).sum()
}

/// `12 rows`; nothing of an operator without tables.
fn held(saved: &OperatorState) -> String {
    match rows(saved) {
        _ if saved.tables.is_empty() => String::new(),
        1 => "1 row".into(),
        rows => format!("{rows} rows"),
    }
}

/// What about an operator has changed, in words.
fn changes(saved: &OperatorState, stage: &StagePlan) -> Vec<String> {
    let changed = reasons::identity(&saved.identity, &stage.identity);
    if !changed.is_empty() {
        return changed;
    }
    // What it remembers may have changed with the types of its input.
    let tables = shapes(&stage.op).into_iter().filter_map(|shape| {
        let table = saved.tables.iter().find(|table| table.name == shape.name)?;
        Some(reasons::table(table, &shape))
    });
    tables.flatten().collect()
}
