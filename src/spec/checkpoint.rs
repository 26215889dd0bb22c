//! `[checkpoint]` and `[job] restart`: how often a job saves itself, and what happens when it fails.

use super::diagnostic::Diagnostic;
use super::options::{CHECKPOINT, EXPONENTIAL, FAILURE_RATE, FIXED, NO_RESTART, RESTARTS, Words};
use super::read::{Cx, Fields, Range};
use super::suggest::suggest;
use super::value::{Kind, Str, Table};
use super::{
    CheckpointSpec, Durability, JobSpec, NodeKind, RestartSpec, SinkConnector, SourceConnector, Span, Spanned, Text,
};

const DURABILITIES: Words<Durability> =
    Words { what: "durability", has: &[("power", Durability::Power), ("process", Durability::Process)], later: &[] };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    None,
    Fixed,
    FailureRate,
    Exponential,
}

const STRATEGIES: Words<Strategy> = Words {
    what: "restart strategy",
    has: &[
        ("exponential", Strategy::Exponential),
        ("fixed", Strategy::Fixed),
        ("failure-rate", Strategy::FailureRate),
        ("none", Strategy::None),
    ],
    later: &[],
};

/// The pause before a restart, µs.
const DELAY: i64 = 1_000_000;
/// More checkpoints are never worth keeping.
const RETAIN_MOST: u64 = 1_000;

/// The table `[checkpoint]`; what is left out or wrong is as by default.
pub(super) fn checkpoint(cx: &mut Cx, root: &Table) -> CheckpointSpec {
    let default = CheckpointSpec::default();
    let Some(value) = root.get("checkpoint") else { return default };
    let written = CheckpointSpec { written: true, ..default };
    let Kind::Table(table) = &value.kind else {
        cx.wrong_type("checkpoint", value, "a table [checkpoint]");
        return written;
    };
    let fields = Fields::new(cx, table, &CHECKPOINT, "[checkpoint]".into(), &value.span);
    let count = |cx: &mut Cx, name, least, most| fields.count(cx, name, least, most).map(|n| n.value);
    let duration = |cx: &mut Cx, name, range| fields.duration(cx, name, range).map(|d| d.value);
    CheckpointSpec {
        written: true,
        interval: interval(cx, &fields).unwrap_or(written.interval),
        retain: count(cx, "retain", 1, RETAIN_MOST).map_or(written.retain, |n| n as usize),
        timeout: duration(cx, "timeout", Range::Positive).unwrap_or(written.timeout),
        min_pause: duration(cx, "min_pause", Range::ZeroUp).unwrap_or(written.min_pause),
        tolerate: count(cx, "tolerate", 0, u64::from(u32::MAX)).map_or(written.tolerate, |n| n as u32),
        durability: fields.word(cx, "durability", &DURABILITIES).map_or(written.durability, |d| d.value),
    }
}

/// `Some(None)` for "off"; `None` if it is not there or wrong.
fn interval(cx: &mut Cx, fields: &Fields) -> Option<Option<i64>> {
    let value = fields.get("interval")?;
    let text = cx.string("interval", value, "a duration such as \"10s\", or \"off\"")?;
    if text.value == "off" {
        return Some(None);
    }
    if means_off(text) {
        let message = format!("unknown interval {}", cx.shown(value, text));
        let help = "write interval = \"off\" for a job without checkpoints";
        cx.push(Diagnostic::error(message).at(&text.locate(0..text.value.len())).label("not a duration").help(help));
        return None;
    }
    cx.duration("interval", value, Range::Positive).map(|interval| Some(interval.value))
}

/// Words of others for "off".
fn means_off(text: &Text) -> bool {
    text.value.starts_with(char::is_alphabetic) && suggest(text.value.trim(), &["off"]).is_some()
}

/// `[job] restart`. `None`: it is not there, or wrong.
pub(super) fn restart(cx: &mut Cx, job: &Fields) -> Option<Spanned<RestartSpec>> {
    let value = job.get("restart")?;
    let short = Table::default();
    let (strategy, table) = match &value.kind {
        Kind::Table(table) => (need_strategy(cx, table, &value.span)?, table),
        Kind::String(Str { .. }) => (cx.word("restart", value, &STRATEGIES)?.value, &short),
        _ => {
            let example = job.example("restart");
            cx.wrong_type("restart", value, &format!("\"none\" or a table such as {example}"));
            return None;
        }
    };
    let options = match strategy {
        Strategy::None => &NO_RESTART,
        Strategy::Fixed => &FIXED,
        Strategy::FailureRate => &FAILURE_RATE,
        Strategy::Exponential => &EXPONENTIAL,
    };
    let fields = Fields::new(cx, table, options, options.what.into(), &value.span);
    let restart = match strategy {
        Strategy::None => RestartSpec::None,
        Strategy::Fixed => fixed(cx, &fields)?,
        Strategy::FailureRate => failure_rate(cx, &fields)?,
        Strategy::Exponential => exponential(cx, &fields)?,
    };
    Some(Spanned { value: restart, span: value.span.clone() })
}

fn need_strategy(cx: &mut Cx, table: &Table, span: &Span) -> Option<Strategy> {
    let Some(value) = table.get("strategy") else {
        // What the options are depends on it.
        let all = Fields::new(cx, table, &RESTARTS, "restart".into(), span);
        all.need(cx, "strategy");
        return None;
    };
    Some(cx.word("strategy", value, &STRATEGIES)?.value)
}

/// A number of restarts or failures; required.
fn times(cx: &mut Cx, fields: &Fields, name: &str) -> Option<u32> {
    fields.need(cx, name)?;
    fields.count(cx, name, 1, u64::from(u32::MAX)).map(|n| n.value as u32)
}

fn delay(cx: &mut Cx, fields: &Fields) -> i64 {
    fields.duration(cx, "delay", Range::ZeroUp).map_or(DELAY, |d| d.value)
}

fn fixed(cx: &mut Cx, fields: &Fields) -> Option<RestartSpec> {
    let attempts = times(cx, fields, "attempts");
    let delay = delay(cx, fields);
    Some(RestartSpec::Fixed { attempts: attempts?, delay })
}

fn failure_rate(cx: &mut Cx, fields: &Fields) -> Option<RestartSpec> {
    let max = times(cx, fields, "max");
    let per = fields.need(cx, "per").and_then(|_| fields.duration(cx, "per", Range::Positive));
    let delay = delay(cx, fields);
    let (max, per) = (max?, per?);
    if delay.saturating_mul(i64::from(max)) >= per.value {
        let message = "this failure rate can never be reached";
        let help = "with this delay, there are not so many failures in that time: the job would restart for ever; \
                    raise `per`, or lower `delay` or `max`";
        cx.push(Diagnostic::error(message).at(&per.span).label("not longer than `max` delays").help(help));
        return None;
    }
    Some(RestartSpec::FailureRate { max, per: per.value, delay })
}

fn exponential(cx: &mut Cx, fields: &Fields) -> Option<RestartSpec> {
    let RestartSpec::Exponential { initial: first, max: most, attempts: often } = RestartSpec::default() else {
        return None;
    };
    let initial = fields.duration(cx, "initial", Range::Positive).map_or(first, |d| d.value);
    let written = fields.duration(cx, "max", Range::Positive);
    let attempts = fields.count(cx, "attempts", 1, u64::from(u32::MAX)).map_or(often, |n| n.value as u32);
    match written {
        Some(max) if max.value < initial => {
            let error = Diagnostic::error("`max` is less than `initial`").at(&max.span).label("less than `initial`");
            cx.push(error.help("the pause before a restart doubles from `initial` up to `max`"));
            None
        }
        max => {
            let max = max.map_or(most.max(initial), |m| m.value);
            Some(RestartSpec::Exponential { initial, max, attempts })
        }
    }
}

/// A restart goes on from a checkpoint: without checkpoints there is none to go on from.
pub(super) fn check_restart(cx: &mut Cx, job: &JobSpec, restart: &Spanned<RestartSpec>) {
    if restart.value == RestartSpec::None {
        return;
    }
    let (label, help) = if job.checkpoint.interval.is_none() {
        ("checkpoints are off", "write restart = \"none\", or an interval in [checkpoint]")
    } else if !job.checkpoint.written && job.broken.is_empty() && is_filter(job) {
        let help = "from stdin or generate to stdout or blackhole it makes checkpoints only if there is a table \
                    [checkpoint]; add one, or write restart = \"none\"";
        ("this job makes no checkpoints", help)
    } else {
        return;
    };
    cx.push(Diagnostic::error("a restart needs checkpoints").at(&restart.span).label(label).help(help));
}

fn is_filter(job: &JobSpec) -> bool {
    job.nodes.iter().all(|node| match &node.kind {
        NodeKind::Source(source) => source.connector.is_passing(),
        NodeKind::Sink(sink) => sink.connector.is_passing(),
        _ => true,
    })
}

impl SourceConnector {
    /// It is in a filter: a job of such sources and sinks leaves nothing behind.
    pub fn is_passing(&self) -> bool {
        matches!(self, SourceConnector::Stdin | SourceConnector::Generate { .. })
    }
}

impl SinkConnector {
    /// As [`SourceConnector::is_passing`].
    pub fn is_passing(&self) -> bool {
        matches!(self, SinkConnector::Stdout | SinkConnector::Blackhole)
    }
}
