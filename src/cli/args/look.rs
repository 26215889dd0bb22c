//! What the commands that look into state take.

use clap::{Args, Subcommand, ValueEnum};

use super::{JobArgs, NamedArgs, Shown, StateArgs};

const EXAMPLES: &str = "Examples:
  flott state ls card-fraud                    checkpoints and savepoints of a job
  flott state show backup/savepoint-12         what is in one
  flott state dump card-fraud per_minute       the rows of an operator's state
  flott state diff card-fraud edited.toml      what an edited job would keep of it
  flott state verify card-fraud && flott state prune card-fraud

PATH is the folder of a savepoint or checkpoint, its manifest.json, or the state folder of a job; JOB is the name of a
job or its job file, and means its newest checkpoint. Nothing but `prune` changes anything.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct LookArgs {
    #[command(subcommand)]
    pub command: Look,
}

#[derive(Debug, Subcommand)]
pub enum Look {
    /// List checkpoints and savepoints: number, kind, lineage, age, size, and whether they are complete
    Ls(LsArgs),
    /// Show what is in a checkpoint: the job, where its sources are, tables of operators, output that is due
    Show(ShowArgs),
    /// Write the rows of an operator's state to stdout, as NDJSON or CSV
    Dump(DumpArgs),
    /// Show what a job would keep of a checkpoint, without running it
    Diff(DiffArgs),
    /// Compare all checkpoints with their checksums, byte for byte
    Verify(VerifyArgs),
    /// Remove checkpoints that are not needed any more, and what is left of unfinished ones
    Prune(PruneArgs),
}

/// State that is looked at.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// A savepoint, checkpoint or state folder, or a job: its name or job file
    #[arg(value_name = "PATH|JOB")]
    pub target: String,
    #[command(flatten)]
    pub state: StateArgs,
}

const LS_EXAMPLES: &str = "Examples:
  flott state ls                    of all jobs
  flott state ls card-fraud
  flott state ls backup/            savepoints in a folder
  flott state ls card-fraud --format json

Sizes are of all files a checkpoint consists of, also those it shares with others.";

#[derive(Debug, Args)]
#[command(after_help = LS_EXAMPLES)]
pub struct LsArgs {
    /// A job, its state folder, or a folder with savepoints [default: all jobs]
    #[arg(value_name = "PATH|JOB")]
    pub target: Option<String>,
    #[command(flatten)]
    pub state: StateArgs,
    /// How to show it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
}

const SHOW_EXAMPLES: &str = "Examples:
  flott state show card-fraud
  flott state show ~/.local/state/flott/card-fraud/chk-41 --format json";

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to show it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
}

const DUMP_EXAMPLES: &str = "Examples:
  flott state dump card-fraud per_minute
  flott state dump backup/savepoint-12 transforms.per_minute --format csv > groups.csv
  flott state dump card-fraud visitors --table groups_distinct_1 | jq .value

`flott state show` lists the operators and their tables. Rows are in the order of key groups.";

#[derive(Debug, Args)]
#[command(after_help = DUMP_EXAMPLES)]
pub struct DumpArgs {
    /// A savepoint, checkpoint or state folder, or a job: its name or job file
    #[arg(value_name = "PATH|JOB")]
    pub target: String,
    /// The operator: the name of its node, with or without `transforms.`
    #[arg(value_name = "OPERATOR")]
    pub operator: String,
    /// The table, if the operator has several [default: its first]
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// How to write rows
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Rows::Json)]
    pub format: Rows,
    #[command(flatten)]
    pub state: StateArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// One object a line
    Json,
    Csv,
}

const DIFF_EXAMPLES: &str = "Examples:
  flott state diff card-fraud edited.toml
  flott state diff backup/savepoint-12 job.toml -D job.max_parallelism=256

Exits 0 if `flott resume` would go on with that job, 1 if it would refuse.";

#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct DiffArgs {
    /// A savepoint, checkpoint or state folder, or a job: its name or job file
    #[arg(value_name = "PATH|JOB")]
    pub target: String,
    #[command(flatten)]
    pub job: JobArgs,
    /// As of `resume`: state of operators that the job no longer has is left out
    #[arg(long)]
    pub allow_non_restored_state: bool,
    /// How to show it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
    #[command(flatten)]
    pub state: StateArgs,
}

const VERIFY_EXAMPLES: &str = "Examples:
  flott state verify card-fraud
  flott state verify backup/savepoint-12

Reads every byte. Exits 1 if something is damaged, and names the file.";

#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub target: TargetArgs,
}

const PRUNE_EXAMPLES: &str = "Examples:
  flott state prune card-fraud
  flott state prune card-fraud --keep 3

The newest checkpoint that is sound always stays, with all it needs. Savepoints stay. A job that runs is refused: it
prunes its own checkpoints, down to `retain` of [checkpoint].";

#[derive(Debug, Args)]
#[command(after_help = PRUNE_EXAMPLES)]
pub struct PruneArgs {
    #[command(flatten)]
    pub job: NamedArgs,
    /// Newest checkpoints that stay
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
}
