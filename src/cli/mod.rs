//! The command line: one file per command, and what they share.
//!
//! Data goes to stdout, everything else to stderr. No engine here: commands load a job file, lay it out and hand it
//! to `runtime`. `launch` says where in its state a run begins; `asks` speaks to a job that runs. Start with [`main`];
//! `args` says what can be typed, `later` what cannot be typed yet.

mod args;
mod asks;
mod cancel;
mod check;
mod checkpoint;
mod completions;
mod infer;
mod later;
mod launch;
mod list;
mod log;
mod look;
mod new;
mod news;
mod plan;
mod prepare;
mod progress;
mod report;
mod resolve;
mod resume;
mod run;
mod savepoint;
mod screen;
mod signals;
mod state;
mod status;
mod stop;
mod summary;
mod test;
mod warnings;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::{Arguments, Command};
use screen::Screen;

/// Exit code of wrong usage and wrong job files.
const EXIT_WRONG: u8 = 2;

/// Parses and runs a command line, with the name of the program in front; returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => match arguments.command {
            Command::Run(args) => run::run(&args),
            Command::Check(args) => check::check(&args),
            Command::Plan(args) => plan::plan(&args),
            Command::Resume(args) => resume::resume(&args),
            Command::List(args) => list::list(&args),
            Command::Status(args) => status::status(&args),
            Command::Savepoint(args) => savepoint::savepoint(&args),
            Command::Stop(args) => stop::stop(&args),
            Command::Cancel(args) => cancel::cancel(&args),
            Command::Checkpoint(args) => checkpoint::checkpoint(&args),
            Command::State(args) => look::look(&args),
            Command::Test(args) => test::test(&args),
            Command::New(args) => new::new(&args),
            Command::Completions(args) => completions::completions(&args),
            Command::Infer(args) => infer::run(&args),
            Command::Other(words) => later::command(&words),
        },
        Err(error) => refuse(&error),
    }
}

/// Help and versions, which the parser reports as errors, and wrong usage.
fn refuse(error: &clap::Error) -> u8 {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let Some(later) = later::flag(flag)
    {
        Screen::plain().error(&later);
        return EXIT_WRONG;
    }
    // Whether somebody reads the help is no concern of the exit code.
    let _ = error.print();
    error.exit_code() as u8
}

/// Prints to stdout; whoever closed it does not want the rest.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Wall time, µs.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}
