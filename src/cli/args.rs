//! What can be typed: commands, options and their help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod infer;
mod log;
mod look;
mod own;
mod state;

pub use infer::InferArgs;
pub use log::{Level, LogArgs, LogFormat};

pub use look::{DiffArgs, DumpArgs, Look, LookArgs, LsArgs, PruneArgs, Rows, ShowArgs, VerifyArgs};
pub use own::{CompletionsArgs, NewArgs, TestArgs};
pub use state::{
    CancelArgs, CheckpointArgs, ListArgs, NamedArgs, OutputArgs, ResumeArgs, SavepointArgs, Shown, StateArgs,
    StatusArgs, StopArgs,
};

const EXAMPLES: &str = "Examples:
  flott run jobs/quickstart.toml            run a job to the end of its input
  flott run job.toml -p 1 --report r.json   on one thread, with the figures of the run in a file
  cat app.log | flott run job.toml | head   read stdin, write stdout
  flott check job.toml                      all mistakes of a job file, or its columns and types
  flott plan job.toml                       how it would run
  flott test job.toml                       the tests that stand in a job file
  flott new visits                          a starter job with sample data
  flott infer payments.csv                  columns and types of a file, ready for a job file
  flott list                                which jobs run, and which can be resumed
  flott stop job && flott resume job        a running job ends with a checkpoint, and goes on from there
  flott state show job                      what its newest checkpoint holds

Exit codes: 0 done, 1 failed, 2 wrong usage or job file, 3 stopped before the end or refused because an earlier run
did not finish, 4 another process runs the job, 130 Ctrl-C before the end, or cancelled.";

/// Flink's model in one small binary: event-time stream jobs over files, pipes and sockets.
#[derive(Debug, Parser)]
#[command(name = "flott", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job to the end of its input, or until it is stopped
    Run(RunArgs),
    /// Find all mistakes of a job file; show the columns of its nodes
    Check(CheckArgs),
    /// Show how a job would run: its graph, tasks and exchanges
    Plan(PlanArgs),
    /// Run the tests of job files: rows that go in, rows that are to come out
    Test(TestArgs),
    /// Write a starter job with sample data, ready to run
    New(NewArgs),
    /// Show a source for a file: its format, columns and types, ready for a job file
    Infer(InferArgs),
    /// Go on with a job from a savepoint, a checkpoint, or where its last run ended
    Resume(ResumeArgs),
    /// Show all jobs that run or ran, and which can be resumed
    List(ListArgs),
    /// Show how a job is: rows, watermarks, checkpoints
    Status(StatusArgs),
    /// Save a running job in a folder of its own, to go on from it any time and anywhere
    Savepoint(SavepointArgs),
    /// End a running job in order, to go on with it later
    Stop(StopArgs),
    /// End a running job at once
    Cancel(CancelArgs),
    /// Make a checkpoint of a running job now
    Checkpoint(CheckpointArgs),
    /// Look into checkpoints and savepoints: list, show, dump, compare with a job, verify, prune
    State(LookArgs),
    /// Write a script that completes commands and options in a shell
    Completions(CompletionsArgs),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

const RUN_EXAMPLES: &str = "Examples:
  flott run jobs/quickstart.toml
  flott run job.toml -p 4 -D sources.payments.path=more/*.csv
  flott run job.toml --quiet > result.csv
  flott run job.toml --resume        go on where an earlier run ended, if it did not finish
  flott run job.toml --fresh         start anew and undo what that run had not finished
  cat app.log | WORD=warn flott run jobs/stdin_filter.toml

The first Ctrl-C or SIGTERM makes a last checkpoint; `flott resume JOB` or --resume goes on from it. It exits 0 if the
input has no end, else 130 (Ctrl-C) or 3 (SIGTERM). A job whose input has an end and that has no checkpoint yet is
undone: files are as they were. The second signal ends the job at once.";

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Start anew: undo what an earlier run left unfinished, and throw its checkpoints away
    #[arg(long, conflicts_with = "resume")]
    pub fresh: bool,
    /// Go on from what an earlier run left; start anew if there is nothing
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

const CHECK_EXAMPLES: &str = "Examples:
  flott check job.toml
  flott check job.toml -D sinks.alerts.path=elsewhere.csv

Nothing is opened, read or written but the job file, and the start of the files whose source has no schema. Exits 2 if
there are errors.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    pub job: JobArgs,
}

const PLAN_EXAMPLES: &str = "Examples:
  flott plan job.toml
  flott plan job.toml -p 8
  flott plan job.toml --format dot | dot -Tsvg > plan.svg
  flott plan job.toml --format json | jq '.physical.tasks[].id'

Exits 2 if the job file has errors.";

#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES)]
pub struct PlanArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// How to show it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    Text,
    /// A diagram for Markdown and the web
    Mermaid,
    /// A diagram for Graphviz: `| dot -Tsvg > plan.svg`
    Dot,
    /// For programs
    Json,
}

/// What all commands about a job file take.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub path: PathBuf,
    /// Subtasks of each keyed operator and decoder [default: the job's, else the number of cores]
    #[arg(short, long, value_name = "N", value_parser = parallelism)]
    pub parallelism: Option<usize>,
    /// Override one value of the job file, such as sources.payments.path=other.csv
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = override_)]
    pub overrides: Vec<String>,
    /// Colours on stderr; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number from 1 up".into()),
        Ok(parallelism) => Ok(parallelism),
    }
}

fn override_(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.into()),
        _ => Err("expected KEY=VALUE, such as sources.payments.path=other.csv".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_made() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_typed_arrives() {
        let typed = "flott run j.toml -p 3 -D a.b=c -D d.e=f=g --fresh --report r.json --quiet --color never";
        let Command::Run(args) = Arguments::try_parse_from(typed.split(' ')).unwrap().command else { panic!() };
        assert_eq!(args.job.path, PathBuf::from("j.toml"));
        assert_eq!(args.job.parallelism, Some(3));
        assert_eq!(args.job.overrides, ["a.b=c", "d.e=f=g"]);
        assert!(args.fresh && args.output.quiet);
        assert_eq!(args.output.report, Some(PathBuf::from("r.json")));
        assert_eq!(args.job.color, ColorChoice::Never);
    }

    #[test]
    fn a_savepoint_may_have_a_folder() {
        for (typed, expect) in [
            ("flott stop j", None),
            ("flott stop j --savepoint", Some(None)),
            ("flott stop j --savepoint a/b --drain", Some(Some(PathBuf::from("a/b")))),
        ] {
            let Command::Stop(args) = Arguments::try_parse_from(typed.split(' ')).unwrap().command else { panic!() };
            assert_eq!((args.job.job.as_str(), args.savepoint), ("j", expect), "{typed}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for typed in [
            "flott run",
            "flott run j.toml -p 0",
            "flott run j.toml -p -1",
            "flott run j.toml -p many",
            "flott run j.toml -D ab",
            "flott run j.toml -D =b",
            "flott run j.toml --color sometimes",
            "flott run j.toml k.toml",
            "flott check j.toml --fresh",
            "flott run j.toml --fresh --resume",
            "flott resume",
            "flott resume j --allow-duplicates --rewind-output",
            "flott stop",
            "flott list --format xml",
        ] {
            assert_eq!(Arguments::try_parse_from(typed.split(' ')).unwrap_err().exit_code(), 2, "{typed}");
        }
    }
}
