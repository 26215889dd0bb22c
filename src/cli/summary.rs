//! What a run amounts to, in words: the summary at its end, and warnings about late rows.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Members;
use super::run::Outcome;
use crate::error::Error;
use crate::observe::JobStats;
pub use crate::plan::grouped;
use crate::plan::logical::{Kind, LogicalPlan, Node};
use crate::plan::show::duration;
use crate::runtime::Ending;

/// Sums over a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records of all sources, good or bad.
    pub rows_in: u64,
    pub bytes_in: u64,
    /// Rows that reached sinks.
    pub rows_out: u64,
    pub late: u64,
    /// Records that did not decode and rows on which an expression failed, passed over.
    pub bad: u64,
}

impl Totals {
    pub fn of(stats: &JobStats) -> Totals {
        let sources = || stats.sources.iter().map(|(_, s)| s.read());
        let nodes = || stats.nodes.iter().map(|(.., s)| s.read());
        Totals {
            rows_in: sources().map(|s| s.rows).sum(),
            bytes_in: sources().map(|s| s.bytes).sum(),
            rows_out: stats.sinks.iter().map(|(_, s)| s.read().rows_in).sum(),
            late: nodes().map(|s| s.late).sum(),
            bad: sources().map(|s| s.bad).sum::<u64>() + nodes().map(|s| s.bad).sum::<u64>(),
        }
    }
}

/// Rows a second; 0 for a run that took no time.
pub fn rate(rows: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (rows as f64 / seconds).round() as u64 } else { 0 }
}

/// The summary: several lines for people at a terminal, one line for logs.
pub fn summary(outcome: &Outcome, terminal: bool) -> String {
    let Totals { rows_in, rows_out, late, bad, .. } = Totals::of(&outcome.stats);
    let [rows_in, rows_out, late, bad, rate] =
        [rows_in, rows_out, late, bad, rate(rows_in, outcome.seconds)].map(grouped);
    let took = seconds(outcome.seconds);
    if !terminal {
        return format!("flott: {rows_in} rows in, {rows_out} out, {late} late, {bad} bad, {took} s, {rate} rows/s");
    }
    let word = match outcome.ending {
        Ending::Finished => "finished",
        Ending::Drained => "drained and stopped",
        Ending::Stopped(_) | Ending::Suspended { .. } => "stopped",
        Ending::Cancelled { .. } => "cancelled",
        Ending::Failed { .. } => "failed",
    };
    let width = [&rows_in, &rows_out, &late, &bad].iter().map(|s| s.len()).max().unwrap_or(0);
    format!(
        "{} {word} after {took} s\n  rows in   {rows_in:>width$}   {rate} rows/s\n  rows out  {rows_out:>width$}\n  \
         late      {late:>width$}\n  bad       {bad:>width$}",
        outcome.job
    )
}

/// The figures of the summary, for logs.
pub fn members(outcome: &Outcome) -> Members {
    let totals = Totals::of(&outcome.stats);
    vec![
        ("job", outcome.job.as_str().into()),
        ("rows_in", totals.rows_in.into()),
        ("rows_out", totals.rows_out.into()),
        ("late", totals.late.into()),
        ("bad", totals.bad.into()),
        ("seconds", outcome.seconds.into()),
    ]
}

fn seconds(seconds: f64) -> String {
    match seconds {
        0.0..0.1 => format!("{seconds:.3}"),
        0.1..10.0 => format!("{seconds:.2}"),
        _ => format!("{seconds:.1}"),
    }
}

/// A warning for each node that dropped late rows, because nobody reads them.
pub fn late(plan: &LogicalPlan, stats: &JobStats) -> Vec<Error> {
    let mut dropped: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for (name, _, figures) in &stats.nodes {
        let (late, by) = dropped.entry(name).or_default();
        *late += figures.read().late;
        *by = figures.read().late_by.max(*by);
    }
    dropped.retain(|_, (late, _)| *late > 0);
    dropped.into_iter().map(|(name, (late, by))| late_warning(plan, stats, name, late, by)).collect()
}

fn late_warning(plan: &LogicalPlan, stats: &JobStats, name: &str, late: u64, by: i64) -> Error {
    let seen = rows_into(stats, name);
    let share = match seen {
        0 => String::new(),
        seen => format!(", {:.2} % of {}", late as f64 * 100.0 / seen as f64, grouped(seen)),
    };
    let rows = if late == 1 { "late row was" } else { "late rows were" };
    let mut warning = Error::data(format!("{} {rows} dropped{share}", grouped(late))).at(name);
    let Some(index) = plan.nodes.iter().position(|node| node.path() == name) else { return warning };
    for source in sources_of(plan, index) {
        if let Kind::Source(kind) = &source.kind
            && let Some(time) = &kind.event_time
        {
            let path = source.path();
            let (delay, enough) = (duration(time.delay), duration(round_up(time.delay.saturating_add(by))));
            let advice =
                format!("delay = \"{enough}\" in the event_time of {path} would have kept them; it is {delay}");
            warning = warning.note(advice);
        }
    }
    let node = &plan.nodes[index];
    if node.outputs.iter().any(|o| o.name.as_deref() == Some("late")) {
        warning = warning.note(format!("or read them: input = \"{}.late\"", node.name));
    }
    warning
}

/// A delay as one would write it: whole seconds, or whole milliseconds below one.
fn round_up(micros: i64) -> i64 {
    let unit = if micros > 1_000_000 { 1_000_000 } else { 1_000 };
    micros.saturating_add(unit - 1) / unit * unit
}

/// Rows that came into a node.
fn rows_into(stats: &JobStats, name: &str) -> u64 {
    stats.by_node().into_iter().find(|(node, _)| *node == name).map_or(0, |(_, figures)| figures.rows_in)
}

fn sources_of(plan: &LogicalPlan, node: usize) -> Vec<&Node> {
    let mut reached = BTreeSet::from([node]);
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        open.extend(plan.nodes[node].inputs.iter().map(|i| i.node).filter(|i| reached.insert(*i)));
    }
    reached.into_iter().map(|i| &plan.nodes[i]).filter(|n| n.section == "sources").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{NodeStats, SourceStats};

    fn outcome() -> Outcome {
        let (source, aggregate, sink) = (SourceStats::default(), NodeStats::default(), NodeStats::default());
        source.rows(5000, 1 << 20);
        aggregate.rows_in(4000);
        aggregate.late(2, 27_340_001);
        sink.rows_in(31);
        let stats = JobStats {
            sources: vec![("sources.a".into(), source)],
            nodes: vec![("transforms.t".into(), 0, aggregate)],
            sinks: vec![("sinks.o".into(), sink)],
            ..JobStats::default()
        };
        Outcome { job: "j".into(), parallelism: 2, seconds: 0.02, ending: Ending::Finished, stats }
    }

    #[test]
    fn one_line_or_several() {
        assert_eq!(summary(&outcome(), false), "flott: 5,000 rows in, 31 out, 2 late, 0 bad, 0.020 s, 250,000 rows/s");
        assert_eq!(
            summary(&outcome(), true),
            "j finished after 0.020 s\n  rows in   5,000   250,000 rows/s\n  rows out     31\n  late          2\n  \
             bad           0"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expect) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expect);
        }
        assert_eq!(rate(10, 0.0), 0);
    }

    #[test]
    fn late_rows_are_named_with_their_share() {
        let plan = LogicalPlan { name: "j".into(), secrets: Default::default(), nodes: Vec::new() };
        let warnings = late(&plan, &outcome().stats);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].to_string(), "transforms.t: 2 late rows were dropped, 0.05 % of 4,000");
    }
}
