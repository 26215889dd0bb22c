//! What can be typed: commands, options and their help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod look;
mod state;

pub use look::{DiffArgs, DumpArgs, Look, LookArgs, LsArgs, PruneArgs, Rows, ShowArgs, VerifyArgs};
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
    /// Run the tests of job files: rows that go in, rows that are to come out
    Test(TestArgs),
    /// Write a starter job with sample data, ready to run
    New(NewArgs),
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

Nothing is opened, read or written but the job file. Exits 2 if there are errors.";

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

const TEST_EXAMPLES: &str = "Examples:
  flott test job.toml
  flott test jobs/*.toml
  flott test job.toml --filter late      the tests with `late` in their names
  flott test job.toml --bless            write what came out into the job file, where it is not what was expected

A test is a table [[tests]] in the job file:

  [[tests]]
  name = \"three payments in a minute\"
  input.payments = \"\"\"
  at,card,amount
  2026-05-04T10:00:00Z,a,600
  \"\"\"
  expect.per_minute = \"\"

Nothing outside is read or written: sources have the rows of the test, sinks keep none. Each test runs on one thread and
on several, and must give the same.

Exit codes: 0 all tests passed, 1 some failed, 2 a test or job file is wrong.";

#[derive(Debug, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub struct TestArgs {
    /// Job files
    #[arg(value_name = "JOB.toml", required = true)]
    pub paths: Vec<PathBuf>,
    /// Only tests with this in their names
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write what came out as what is expected, into the job file
    #[arg(long)]
    pub bless: bool,
    /// Override one value of the job file, such as transforms.large.where=amount>900
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = override_)]
    pub overrides: Vec<String>,
    /// Colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

const NEW_EXAMPLES: &str = "Examples:
  flott new visits                        a folder `visits` with visits.toml and sample data
  flott new alarms --template sensors     another kind of job; --list shows all
  flott new jobs/alarms.toml              the job file of this name, with its data beside it

Nothing that exists is overwritten: exits 2 then.";

#[derive(Debug, Args)]
#[command(after_help = NEW_EXAMPLES)]
pub struct NewArgs {
    /// Folder to make, or job file [default: a folder named as the template]
    #[arg(value_name = "NAME|PATH")]
    pub path: Option<PathBuf>,
    /// Kind of job; --list shows all
    #[arg(long, short, value_name = "TEMPLATE", default_value = "csv")]
    pub template: String,
    /// Show all templates
    #[arg(long, conflicts_with = "path")]
    pub list: bool,
}

const COMPLETIONS_EXAMPLES: &str = "To install:
  bash   flott completions bash > ~/.local/share/bash-completion/completions/flott
  zsh    flott completions zsh > ~/.zfunc/_flott      with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  fish   flott completions fish > ~/.config/fish/completions/flott.fish

or for one session of bash: source <(flott completions bash)";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
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
