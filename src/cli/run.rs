//! `flott run`: a job from its file to its exit code.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Instant;

use super::args::RunArgs;
use super::prepare::{self, Files};
use super::progress::Progress;
use super::report::{self, ReportFile};
use super::screen::{Screen, total};
use super::signals::Orders;
use super::{EXIT_WRONG, summary};
use crate::error::{Error, Result};
use crate::observe::JobStats;
use crate::plan::logical::{Kind, LogicalPlan};
use crate::plan::place::place;
use crate::runtime::orders::RunOptions;
use crate::runtime::{self, Ending, RealConnectors, Watch};
use crate::spec::{JobSpec, JobText, Severity, SinkConnector};
use crate::storage::RealStorage;

/// A run that is over.
pub struct Outcome {
    pub job: String,
    pub parallelism: usize,
    /// Wall time.
    pub seconds: f64,
    pub ending: Ending,
    pub stats: JobStats,
}

pub fn run(args: &RunArgs) -> u8 {
    let screen = Screen::new(args.job.color);
    let file = match args.report.as_deref().map(ReportFile::create).transpose() {
        Ok(file) => file,
        Err(error) => {
            screen.error(&error);
            return EXIT_WRONG;
        }
    };
    let (code, figures) = match attempt(args, &screen) {
        Ok(outcome) => (outcome.ending.exit_code() as u8, report::finished(&args.job.path, &outcome)),
        Err(error) => (EXIT_WRONG, report::refused(&args.job.path, &error, EXIT_WRONG)),
    };
    match file.map(|file| file.write(&figures)) {
        Some(Err(error)) => {
            screen.error(&error);
            code.max(1)
        }
        _ => code,
    }
}

/// Loads and runs the job, and says on stderr what came of it. Errors: the job was refused before it started, which
/// has been said too.
fn attempt(args: &RunArgs, screen: &Screen) -> Result<Outcome> {
    let (job, mut plan, files) = load(args, screen)?;
    let said = |error: Error| {
        screen.error(&error);
        error
    };
    let said = |error| said(prepare::redact(&job.text, error));
    let parallelism = prepare::parallelism(&args.job, &job).map_err(said)?;
    let terminal = std::io::stdout().is_terminal();
    prepare::stdout_format(&job, &mut plan, terminal);
    let physical = place(&plan, parallelism, job.max_parallelism.value, &files).map_err(said)?;
    let orders = Orders::listen().map_err(said)?;

    // Bars among rows on one terminal would garble both.
    let shows_rows = terminal && plan.nodes.iter().any(is_stdout);
    let progress = (screen.terminal && !args.quiet && !shows_rows).then(Progress::default);
    let started = Instant::now();
    let mut connectors = RealConnectors::default();
    let mut news = News { screen, quiet: args.quiet, progress, text: &job.text };
    let whole = runtime::Job {
        plan: &physical,
        connectors: &mut connectors,
        storage: Arc::new(RealStorage),
        options: RunOptions::default(),
    };
    let (ending, stats) = runtime::run(whole, Some(orders.receiver.clone()), &mut news);
    let ending = match ending {
        Ending::Failed { error, kept } => Ending::Failed { error: prepare::redact(&job.text, error), kept },
        other => other,
    };
    let seconds = started.elapsed().as_secs_f64();
    // Bars go before anything else is said.
    drop(news);
    let outcome = Outcome { job: job.name.clone(), parallelism, seconds, ending, stats };
    tell(args, screen, &plan, &outcome);
    Ok(outcome)
}

/// What is said of a job while it runs.
struct News<'a> {
    screen: &'a Screen,
    quiet: bool,
    progress: Option<Progress>,
    /// Whose secrets are not shown.
    text: &'a JobText,
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

fn load(args: &RunArgs, screen: &Screen) -> Result<(JobSpec, LogicalPlan, Files)> {
    let prepared = prepare::load(&args.job);
    let mut found = prepared.found;
    let ready = prepared.job.map(|(job, plan)| {
        let files = prepare::files(&job, &plan, Severity::Error, &mut found);
        (job, plan, files)
    });
    screen.diagnostics(&found, &prepared.text);
    match (ready, total(&found)) {
        (Some(ready), None) => Ok(ready),
        (_, errors) => {
            let errors = errors.unwrap_or_else(|| "errors".into());
            Err(Error::job(format!("{errors} in {}", args.job.path.display())))
        }
    }
}

fn is_stdout(node: &crate::plan::logical::Node) -> bool {
    matches!(&node.kind, Kind::Sink(sink) if matches!(sink.connector, SinkConnector::Stdout))
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
    if sinks().any(|(_, connector)| matches!(connector, SinkConnector::File { .. } | SinkConnector::Directory(_))) {
        warning.message.push_str("; output undone");
        warning = warning.note("files are as they were before the run");
    }
    let sent = sinks().filter(|(_, c)| matches!(c, SinkConnector::Tcp { .. } | SinkConnector::Stdout));
    sent.fold(warning, |warning, (name, _)| warning.note(format!("what sinks.{name} has written stays written")))
}

/// Says how it ended.
fn tell(args: &RunArgs, screen: &Screen, plan: &LogicalPlan, outcome: &Outcome) {
    if let Ending::Failed { error, .. } = &outcome.ending {
        screen.error(error);
        return;
    }
    if let Ending::Stopped(_) = &outcome.ending {
        screen.warning(&stopped(plan));
    }
    summary::missing(&outcome.stats).iter().for_each(|warning| screen.warning(warning));
    summary::late(plan, &outcome.stats).iter().for_each(|warning| screen.warning(warning));
    if !args.quiet {
        screen.line(&summary::summary(outcome, screen.terminal));
    }
}
