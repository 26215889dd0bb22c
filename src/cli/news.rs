//! What is said of a run: while it goes on, and when it has ended.

use super::args::Level;
use super::prepare;
use super::progress::Progress;
use super::run::Outcome;
use super::screen::Screen;
use super::summary::grouped;
use super::{summary, warnings};
use crate::error::Error;
use crate::observe::{CheckpointFigures, JobStats};
use crate::plan::logical::{Kind, LogicalPlan};
use crate::runtime::{Ending, Watch};
use crate::spec::{JobText, SinkConnector};
use crate::storage::spill;

/// What is said of a job while it runs.
pub struct News<'a> {
    pub screen: &'a Screen,
    pub progress: Option<Progress>,
    /// Of the last checkpoint that was told.
    pub checkpoint: u64,
    /// It was told that state goes to disk.
    pub spilled: bool,
    /// Whose secrets are not shown.
    pub text: &'a JobText,
}

impl Watch for News<'_> {
    fn figures(&mut self, stats: &JobStats) {
        if let Some(progress) = &mut self.progress {
            progress.show(stats);
        }
        self.checkpoint(stats.checkpoints.read());
        let spilled = spill::spilled();
        if spilled > 0 && !std::mem::replace(&mut self.spilled, true) {
            let text = |_| "flott: the state is larger than `memory`: more of it goes to disk".into();
            self.screen.news(Level::Info, || vec![("spilled_bytes", spilled.into())], text);
        }
    }

    fn warn(&mut self, warning: &Error) {
        self.screen.warning(&prepare::redact(self.text, warning.clone()));
    }

    fn say(&mut self, line: &str) {
        self.screen.line(line);
    }
}

impl News<'_> {
    /// Tells of the last checkpoint, if it is a new one.
    fn checkpoint(&mut self, figures: CheckpointFigures) {
        if std::mem::replace(&mut self.checkpoint, figures.last) == figures.last {
            return;
        }
        let (bytes, ms) = (figures.bytes, figures.duration / 1000);
        let members = || vec![("checkpoint", figures.last.into()), ("bytes", bytes.into()), ("ms", ms.into())];
        let text = |_| format!("flott: checkpoint {}: {} bytes in {ms} ms", figures.last, grouped(bytes));
        self.screen.news(Level::Debug, members, text);
    }
}

/// Says how a run ended. `resumed`: it began behind other rows.
pub fn tell(screen: &Screen, plan: &LogicalPlan, outcome: &Outcome, resumed: bool) {
    match &outcome.ending {
        Ending::Failed { error, .. } => {
            screen.error(error);
            return;
        }
        Ending::Stopped(_) | Ending::Cancelled { kept: false } => screen.warning(&stopped(plan)),
        Ending::Finished | Ending::Drained | Ending::Suspended { .. } | Ending::Cancelled { kept: true } => {}
    }
    let all = warnings::all(plan, outcome, resumed).into_iter().chain(summary::late(plan, &outcome.stats));
    all.for_each(|warning| screen.warning(&warning.redacted(&plan.secrets)));
    let figures = || summary::members(outcome);
    screen.news(Level::Info, figures, |form| summary::summary(outcome, form.terminal));
}

/// What a stop leaves of the output: files are undone, what has been sent is sent.
fn stopped(plan: &LogicalPlan) -> Error {
    let sinks = || {
        plan.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Sink(sink) => Some((&node.name, &sink.connector)),
            _ => None,
        })
    };
    let mut warning = Error::external("stopped before the end of the input");
    if sinks().any(|(_, connector)| {
        matches!(connector, SinkConnector::File { .. } | SinkConnector::Directory(_) | SinkConnector::Sqlite { .. })
    }) {
        warning.message.push_str("; output undone");
        warning = warning.note("files are as they were before the run");
    }
    let sent = sinks().filter(|(_, c)| matches!(c, SinkConnector::Tcp { .. } | SinkConnector::Stdout));
    sent.fold(warning, |warning, (name, _)| warning.note(format!("what sinks.{name} has written stays written")))
}
