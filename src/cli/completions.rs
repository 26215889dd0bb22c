//! `flott completions`: a script for a shell, made from the table of commands.

use clap::CommandFactory;

use super::args::{Arguments, CompletionsArgs};
use super::print;

pub fn completions(args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "flott", &mut script);
    print(&String::from_utf8_lossy(&script));
    0
}
