//! `flott run`: a job from its file to its exit code.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::args::{ColorChoice, Level, OutputArgs, RunArgs};
use super::launch::{Begin, Launch, quoted};
use super::news::{self, News};
use super::prepare::{self, Files};
use super::progress::Progress;
use super::report::{self, ReportFile};
use super::screen::{Screen, total};
use super::signals::Orders;
use super::{EXIT_WRONG, now, resume, state, summary};
use crate::checkpoint::home::{self, Ended, Figures, Home, Owner};
use crate::control::Server;
use crate::error::{Error, Result};
use crate::observe::JobStats;
use crate::plan::logical::{Kind, LogicalPlan};
use crate::plan::place::place;
use crate::runtime::{self, Ending, RealConnectors};
use crate::spec::{self, JobSpec, Severity, SinkConnector};
use crate::storage::{RealStorage, crash, spill};

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
    reported(&args.output, args.job.color, &args.job.path, |_| Ok(launch(args)))
}

fn launch(args: &RunArgs) -> Launch {
    let job = &args.job;
    let begin = match (args.fresh, args.resume) {
        (true, _) => Begin::Fresh,
        (_, true) => Begin::IfLeft,
        _ => Begin::Anew,
    };
    let typed_place = state::typed(&args.state);
    let mut typed = quoted(&job.path.display().to_string());
    typed.extend(job.parallelism.map(|p| format!(" -p {p}")));
    typed.extend(job.overrides.iter().map(|o| format!(" -D {}", quoted(o))));
    typed.push_str(&typed_place);
    Launch {
        path: home::job_file(&job.path).unwrap_or_else(|_| job.path.clone()),
        loaded: spec::load(&job.path, &job.overrides),
        overrides: job.overrides.clone(),
        parallelism: job.parallelism,
        place: state::place(&args.state),
        owner: Owner::Same,
        begin,
        stored: None,
        allow_non_restored: false,
        allow_duplicates: false,
        rewind_output: false,
        typed,
        typed_place,
    }
}

/// Runs what `launch` gives, and writes the report if one is wanted. Returns the exit code.
pub fn reported(
    output: &OutputArgs,
    color: ColorChoice,
    path: &Path,
    launch: impl FnOnce(&Screen) -> Result<Launch>,
) -> u8 {
    let screen = match Screen::of_run(color, output) {
        Ok(screen) => screen,
        Err(error) => return Screen::new(color).refuse(&error),
    };
    let file = match output.report.as_deref().map(ReportFile::create).transpose() {
        Ok(file) => file,
        Err(error) => {
            screen.error(&error);
            return EXIT_WRONG;
        }
    };
    let launched = launch(&screen).inspect_err(|error| screen.error(error));
    let (code, figures) = match launched.and_then(|launch| attempt(launch, &screen)) {
        Ok(outcome) => (outcome.ending.exit_code() as u8, report::finished(path, &outcome)),
        Err(error) => (error.class.exit_code(), report::refused(path, &error, error.class.exit_code())),
    };
    match file.map(|file| file.write(&figures)) {
        Some(Err(error)) => {
            screen.error(&error);
            code.max(1)
        }
        _ => code,
    }
}

/// Lays out and runs the job, and says on stderr what came of it. Errors: the job was refused before it started,
/// which has been said too.
fn attempt(mut launch: Launch, screen: &Screen) -> Result<Outcome> {
    let (job, mut plan, files) = resolve(&mut launch, screen)?;
    let said = |error: Error| {
        screen.error(&error);
        error
    };
    let said = |error| said(prepare::redact(&job.text, error));
    let parallelism = prepare::parallelism(launch.parallelism, &job).map_err(said)?;
    let terminal = std::io::stdout().is_terminal();
    prepare::stdout_format(&job, &mut plan, terminal);
    let physical = place(&plan, parallelism, job.max_parallelism.value, &files).map_err(said)?;
    let (mut home, from) = launch.claim(&job, &plan).map_err(said)?;
    let resumed = from.is_some();
    let options = launch.options(&job, &plan, parallelism, home.as_ref(), from);
    let (signals, orders) = Orders::listen().map_err(said)?;
    if let Some(home) = &mut home {
        home.starts(now()).map_err(said)?;
    }
    let server = home.as_ref().and_then(|home| serve(home, &signals, &launch, &job, screen));

    crash::point("run-before-engine");
    // Bars among rows on one terminal would garble both.
    let shows_rows = terminal && plan.nodes.iter().any(is_stdout);
    let progress = (screen.shows_progress() && !shows_rows).then(Progress::default);
    if let Some(memory) = job.memory {
        // Not the folder for temporary files, which may lie in memory.
        let folder = home.as_ref().map_or(Path::new("/var/tmp"), Home::folder);
        spill::limit(memory, folder.to_owned());
    }
    tell_start(screen, &job.name, parallelism, &launch);
    let started = Instant::now();
    let mut connectors = RealConnectors::default();
    let mut news = News { screen, progress, checkpoint: 0, spilled: false, text: &job.text };
    let whole = runtime::Job { plan: &physical, connectors: &mut connectors, storage: Arc::new(RealStorage), options };
    let (ending, stats) = runtime::run(whole, Some(orders), &mut news);
    let ending = match ending {
        Ending::Failed { error, kept } => Ending::Failed { error: prepare::redact(&job.text, error), kept },
        other => other,
    };
    let seconds = started.elapsed().as_secs_f64();
    // Bars go before anything else is said, answers before the job is over.
    drop(news);
    drop(server);
    let outcome = Outcome { job: job.name.clone(), parallelism, seconds, ending, stats };
    let left = home.and_then(|home| note_end(home, &outcome, resumed, screen));
    news::tell(screen, &plan, &outcome, resumed);
    if let Some(left) = left {
        let command = launch.resume_command(&job.name);
        screen.line(&format!("flott: checkpoint {} is kept; to go on: {command}", left.number));
    }
    Ok(outcome)
}

/// For logs: what starts, and from where.
fn tell_start(screen: &Screen, name: &str, parallelism: usize, launch: &Launch) {
    let file = launch.path.display().to_string();
    let members = || vec![("job", json!(name)), ("file", json!(file)), ("parallelism", json!(parallelism))];
    screen.news(Level::Debug, members, |_| format!("flott: {name} starts, from {file}, at parallelism {parallelism}"));
}

/// Opens the control socket. A job that cannot be spoken to runs all the same.
fn serve(home: &Home, signals: &Orders, launch: &Launch, job: &JobSpec, screen: &Screen) -> Option<Server> {
    let about = json!({
        "job": job.name,
        "state": "running",
        "file": launch.path.display().to_string(),
        "folder": home.folder().display().to_string(),
        "pid": std::process::id(),
        "started": now(),
    });
    let secrets = job.text.secrets().clone();
    match Server::start(home.folder(), signals.sender(), Arc::new(move || about.clone()), secrets) {
        Ok(server) => Some(server),
        Err(error) => {
            screen.warning(&error.note("the job runs, but savepoint, stop, cancel and status do not reach it"));
            None
        }
    }
}

/// Writes down how the run ended, unless what it was to go on from did not fit. Returns what can be gone on from.
fn note_end(mut home: Home, outcome: &Outcome, resumed: bool, screen: &Screen) -> Option<home::Checkpoint> {
    let totals = summary::Totals::of(&outcome.stats);
    let figures = Figures { rows_in: totals.rows_in, rows_out: totals.rows_out, seconds: outcome.seconds };
    let (ended, error) = match &outcome.ending {
        Ending::Finished | Ending::Drained => (Ended::Finished, None),
        Ending::Stopped(_) | Ending::Suspended { .. } => (Ended::Stopped, None),
        Ending::Cancelled { .. } => (Ended::Cancelled, None),
        Ending::Failed { error, .. } => (Ended::Failed, Some(error.to_string())),
    };
    let noted = match &outcome.ending {
        Ending::Failed { kept: false, .. } if resumed => home.refused(),
        _ => home.ends(now(), ended, figures, error),
    };
    if let Err(error) = noted {
        screen.warning(&error.note("`flott list` will not know how this run ended"));
    }
    // A damaged one is of no use to go on from.
    let all = home::Checkpoint::all(home.folder()).map(|mut all| all.find(|checkpoint| checkpoint.created > 0));
    all.unwrap_or_else(|error| {
        screen.warning(&error);
        None
    })
}

fn resolve(launch: &mut Launch, screen: &Screen) -> Result<(JobSpec, LogicalPlan, Files)> {
    let empty = spec::Loaded { text: launch.loaded.text.clone(), job: None, diagnostics: Default::default() };
    let loaded = std::mem::replace(&mut launch.loaded, empty);
    if let (Begin::IfLeft, Some(job)) = (&launch.begin, &loaded.job) {
        launch.stored = resume::left(&launch.place, &job.name);
    }
    let prepared = prepare::resolve(loaded, launch.stored.as_ref());
    let mut found = prepared.found;
    found.drop_notes();
    let ready = prepared.job.map(|(job, plan)| {
        let files = prepare::files(&job, &plan, Severity::Error, launch.has_before(&job), &mut found);
        (job, plan, files)
    });
    screen.diagnostics(&found, &prepared.text);
    match (ready, total(&found)) {
        (Some(ready), None) => Ok(ready),
        (_, errors) => {
            let errors = errors.unwrap_or_else(|| "errors".into());
            Err(Error::job(format!("{errors} in {}", prepared.text.path.display())))
        }
    }
}

fn is_stdout(node: &crate::plan::logical::Node) -> bool {
    matches!(&node.kind, Kind::Sink(sink) if matches!(sink.connector, SinkConnector::Stdout))
}
