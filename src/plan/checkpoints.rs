//! Whether a job saves itself: by default it does, but a filter leaves nothing behind.

use super::logical::{Kind, LogicalPlan};
use crate::spec::{CheckpointSpec, JobSpec, RestartSpec};

/// How the job makes checkpoints. `None`: not at all, because they are off, or because it is a filter (only `stdin`
/// and `generate` sources, `stdout` and `blackhole` sinks) without a table `[checkpoint]`.
pub fn checkpoints(job: &JobSpec, plan: &LogicalPlan) -> Option<CheckpointSpec> {
    let filter = !job.checkpoint.written && plan.nodes.iter().all(|node| passes(&node.kind));
    (job.checkpoint.interval.is_some() && !filter).then(|| job.checkpoint.clone())
}

/// What the job does after a failure; without checkpoints, nothing.
pub fn restart(job: &JobSpec, checkpoints: Option<&CheckpointSpec>) -> RestartSpec {
    checkpoints.map_or(RestartSpec::None, |_| job.restart.unwrap_or_default())
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

    fn found(text: &str) -> (Option<CheckpointSpec>, RestartSpec) {
        let (job, found) = crate::spec::parse(Path::new("job.toml"), text, &[], &|_| None);
        let job = job.unwrap();
        assert!(!found.has_errors(), "{}", found.render(&job.text, false));
        let plan = build(&job).0.unwrap();
        let checkpoints = checkpoints(&job, &plan);
        let restart = restart(&job, checkpoints.as_ref());
        (checkpoints, restart)
    }

    #[test]
    fn a_filter_makes_none_unless_asked() {
        let lines = "[sources.a]\ntype = 'stdin'\nformat = 'lines'\n";
        let filter = format!("{lines}[sinks.o]\ntype = 'stdout'\ninput = 'a'\n");
        let file = format!("{filter}[sinks.f]\ntype = 'file'\ninput = 'a'\npath = 'a.csv'\n");
        let unread = format!("{filter}[sources.f]\ntype = 'file'\npath = 'a.txt'\n");
        assert_eq!(found(&filter), (None, RestartSpec::None));
        assert_eq!(found(&unread), (None, RestartSpec::None));
        assert_eq!(found(&format!("{file}[checkpoint]\ninterval = 'off'\n")), (None, RestartSpec::None));
        assert_eq!(found(&file), (Some(CheckpointSpec::default()), RestartSpec::default()));
        let (asked, restart) = found(&format!("{filter}[checkpoint]\nretain = 1\n"));
        assert_eq!((asked.unwrap().retain, restart), (1, RestartSpec::default()));
        assert_eq!(found(&format!("{file}[job]\nrestart = 'none'\n")).1, RestartSpec::None);
    }
}
