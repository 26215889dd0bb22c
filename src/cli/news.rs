//! What is said of a run: while it goes on, and when it has ended.

use super::prepare;
use super::progress::Progress;
use super::run::Outcome;
use super::screen::Screen;
use super::{summary, warnings};
use crate::error::Error;
use crate::observe::JobStats;
use crate::plan::logical::{Kind, LogicalPlan};
use crate::runtime::{Ending, Watch};
use crate::spec::{JobText, SinkConnector};

/// What is said of a job while it runs.
pub struct News<'a> {
    pub screen: &'a Screen,
    pub quiet: bool,
    pub progress: Option<Progress>,
    /// Whose secrets are not shown.
    pub text: &'a JobText,
}

impl Watch for News<'_> {
    fn figures(&mut self, stats: &JobStats) {
        if let Some(progress) = &mut self.progress {
            progress.show(stats);
        }
    }

    fn warn(&mut self, warning: &Error) {
        self.screen.warning(&prepare::redact(self.text, warning.clone()));
    }

    fn say(&mut self, line: &str) {
        if !self.quiet {
            self.screen.line(line);
        }
    }
}

/// Says how a run ended. `resumed`: it began behind other rows.
pub fn tell(screen: &Screen, quiet: bool, plan: &LogicalPlan, outcome: &Outcome, resumed: bool) {
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
    if !quiet {
        screen.line(&summary::summary(outcome, screen.terminal));
    }
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
