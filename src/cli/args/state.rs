//! What the commands about running jobs and their state take.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{ColorChoice, LogArgs, override_, parallelism};

/// Where state is.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// Folder of all state [default: $FLOTT_STATE_DIR, $XDG_STATE_HOME/flott, ~/.local/state/flott]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
}

/// A job that has run.
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// The name of the job, or its job file
    #[arg(value_name = "JOB")]
    pub job: String,
    #[command(flatten)]
    pub state: StateArgs,
}

const RESUME_EXAMPLES: &str = "Examples:
  flott resume card-fraud                         where the last run of this job ended
  flott resume card-fraud edited.toml             the same, with a changed job
  flott resume savepoints/before-upgrade -p 8     from a savepoint, on more threads
  flott resume backup/savepoint-12 job.toml -D sources.payments.path=moved.csv
  flott resume before-upgrade --rewind-output     back to then, and the output with it

The job is the one that is stored with the state, and so are its -D values and its directory, unless JOB.toml is
given. State belongs to nodes by their names: added ones begin empty, removed ones are refused unless allowed, and so
is a changed key, window or aggregate under an old name.";

#[derive(Debug, Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub struct ResumeArgs {
    /// Folder of a savepoint or checkpoint, or the job to go on with: its name or job file
    #[arg(value_name = "PATH|JOB")]
    pub from: PathBuf,
    /// The job file to go on with [default: the one stored with the state]
    #[arg(value_name = "JOB.toml")]
    pub job: Option<PathBuf>,
    /// Subtasks of each keyed operator and decoder [default: JOB.toml's, else as many as before]
    #[arg(short, long, value_name = "N", value_parser = parallelism)]
    pub parallelism: Option<usize>,
    /// Override one value of the job file, beside those stored with it
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = override_)]
    pub overrides: Vec<String>,
    /// Leave out the state of operators that the job no longer has
    #[arg(long)]
    pub allow_non_restored_state: bool,
    /// Go back even where output that has been committed since cannot be taken back: it comes twice
    #[arg(long)]
    pub allow_duplicates: bool,
    /// Take back output that has been committed since
    #[arg(long, conflicts_with = "allow_duplicates")]
    pub rewind_output: bool,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Colours on stderr; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

/// What a run says.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Write the figures of the run to FILE as JSON, also if it fails
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// No progress and no summary; errors and warnings are still shown
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    pub log: LogArgs,
}

const SAVEPOINT_EXAMPLES: &str = "Examples:
  flott savepoint card-fraud
  flott savepoint card-fraud backup/before-upgrade
  path=$(flott savepoint card-fraud) && flott resume \"$path\" edited.toml

Prints the folder of the savepoint. It holds all that is needed to go on, also elsewhere: it can be copied and moved.
The job goes on running.";

#[derive(Debug, Args)]
#[command(after_help = SAVEPOINT_EXAMPLES)]
pub struct SavepointArgs {
    #[command(flatten)]
    pub job: NamedArgs,
    /// Folder to make [default: a new one in `savepoints` of the job's state folder]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub to: Option<PathBuf>,
}

const STOP_EXAMPLES: &str = "Examples:
  flott stop card-fraud                      with a last checkpoint; `flott resume card-fraud` goes on
  flott stop card-fraud --savepoint          with a savepoint, whose folder is printed
  flott stop card-fraud --savepoint backup
  flott stop card-fraud --drain              all windows give their results first, as at the end of the input

Returns when the job has ended.";

#[derive(Debug, Args)]
#[command(after_help = STOP_EXAMPLES)]
pub struct StopArgs {
    #[command(flatten)]
    pub job: NamedArgs,
    /// End with a savepoint, in the folder DIR if that is given
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = ValueHint::DirPath)]
    pub savepoint: Option<Option<PathBuf>>,
    /// Let all windows fire and all output be committed first
    #[arg(long)]
    pub drain: bool,
}

const CANCEL_EXAMPLES: &str = "Examples:
  flott cancel card-fraud

The job ends at once. Its last checkpoint stays: `flott resume card-fraud` goes on from there.";

#[derive(Debug, Args)]
#[command(after_help = CANCEL_EXAMPLES)]
pub struct CancelArgs {
    #[command(flatten)]
    pub job: NamedArgs,
}

const CHECKPOINT_EXAMPLES: &str = "Examples:
  flott checkpoint card-fraud

Makes a checkpoint now and prints its folder. Checkpoints come and go; what is to be kept is a savepoint.";

#[derive(Debug, Args)]
#[command(after_help = CHECKPOINT_EXAMPLES)]
pub struct CheckpointArgs {
    #[command(flatten)]
    pub job: NamedArgs,
}

const LIST_EXAMPLES: &str = "Examples:
  flott list
  flott list --format json";

#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListArgs {
    #[command(flatten)]
    pub state: StateArgs,
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Shown::Text)]
    /// How to show it
    pub format: Shown,
}

const STATUS_EXAMPLES: &str = "Examples:
  flott status card-fraud
  flott status card-fraud --watch
  flott status jobs/card-fraud.toml --format json";

#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    #[command(flatten)]
    pub job: NamedArgs,
    /// Show it anew every second until the job ends
    #[arg(long)]
    pub watch: bool,
    /// How to show it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shown {
    Text,
    Json,
}
