//! Whether a job saves itself: by default it does, but a filter leaves nothing behind.

use super::logical::{Kind, LogicalPlan};
use crate::spec::{CheckpointSpec, JobSpec};

/// A job of only `stdin` and `generate` sources, `stdout` and `blackhole` sinks, without a table `[checkpoint]`: it
/// leaves nothing behind, not even a state folder.
pub fn is_filter(job: &JobSpec, plan: &LogicalPlan) -> bool {
    !job.checkpoint.written && plan.nodes.iter().all(|node| passes(&node.kind))
}

/// Whether the job saves itself.
#[derive(Debug, Clone)]
pub enum Saving {
    On(CheckpointSpec),
    Off,
    /// It is a filter: see [`is_filter`].
    Filter,
}

pub fn saving(job: &JobSpec, plan: &LogicalPlan) -> Saving {
    match checkpoints(job, plan) {
        Some(spec) => Saving::On(spec),
        None if is_filter(job, plan) => Saving::Filter,
        None => Saving::Off,
    }
}

/// How the job makes checkpoints. `None`: not at all, because they are off, or because it is a filter.
pub fn checkpoints(job: &JobSpec, plan: &LogicalPlan) -> Option<CheckpointSpec> {
    (job.checkpoint.interval.is_some() && !is_filter(job, plan)).then(|| job.checkpoint.clone())
}

fn passes(kind: &Kind) -> bool {
    match kind {
        Kind::Source(source) => source.connector.is_passing(),
        Kind::Sink(sink) => sink.connector.is_passing(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::logical::build;
    use std::path::Path;

    fn found(text: &str) -> Option<CheckpointSpec> {
        let (job, found) = crate::spec::parse(Path::new("job.toml"), text, &[], &|_| None);
        let job = job.unwrap();
        assert!(!found.has_errors(), "{}", found.render(&job.text, false));
        let plan = build(&job).0.unwrap();
        checkpoints(&job, &plan)
    }

    #[test]
    fn a_filter_makes_none_unless_asked() {
        let lines = "[sources.a]\ntype = 'stdin'\nformat = 'lines'\n";
        let filter = format!("{lines}[sinks.o]\ntype = 'stdout'\ninput = 'a'\n");
        let file = format!("{filter}[sinks.f]\ntype = 'file'\ninput = 'a'\npath = 'a.csv'\n");
        let unread = format!("{filter}[sources.f]\ntype = 'file'\npath = 'a.txt'\n");
        assert_eq!(found(&filter), None);
        assert_eq!(found(&unread), None);
        assert_eq!(found(&format!("{file}[checkpoint]\ninterval = 'off'\n")), None);
        assert_eq!(found(&file), Some(CheckpointSpec::default()));
        assert_eq!(found(&format!("{filter}[checkpoint]\nretain = 1\n")).unwrap().retain, 1);
    }
}
