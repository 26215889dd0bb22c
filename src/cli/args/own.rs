//! What the commands take that help to write jobs: `test`, `new`, `completions`.

use std::path::PathBuf;

use clap::Args;

use super::{ColorChoice, override_};

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
  flott new --from data/sales.csv         sales.toml, a job over a file of your own: its columns, and counts

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
    /// Over this file, or `-` for stdin: its source as `flott infer` shows it, and counts [default NAME: the file's]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["template", "list"])]
    pub from: Option<PathBuf>,
    /// The format of that file, such as csv or json [default: by name and content]
    #[arg(long, value_name = "FORMAT", requires = "from")]
    pub format: Option<String>,
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
