//! Commands and options that are known but not there yet: named as such, with what there is.

use std::ffi::OsString;

use clap::CommandFactory;

use super::EXIT_WRONG;
use super::args::Arguments;
use super::screen::Screen;
use crate::error::Error;
use crate::spec::suggest;

const COMMANDS_LATER: [&str; 4] = ["why", "query", "tap", "serve"];

const FLAGS_LATER: [&str; 1] = ["--ui"];

/// Words of other tools for commands.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("start", "run"),
    ("exec", "run"),
    ("submit", "run"),
    ("validate", "check"),
    ("lint", "check"),
    ("explain", "plan"),
    ("ls", "list"),
    ("ps", "list"),
    ("init", "new"),
    ("kill", "cancel"),
    ("restore", "resume"),
    ("completion", "completions"),
];

/// Names of all commands.
fn commands() -> Vec<String> {
    Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Answers a command that there is not.
pub fn command(words: &[OsString]) -> u8 {
    let word = words.first().map(|w| w.to_string_lossy().into_owned()).unwrap_or_default();
    Screen::plain().error(&unknown_command(&word));
    EXIT_WRONG
}

fn unknown_command(word: &str) -> Error {
    let commands = commands();
    let all = format!("there are {}; `flott --help` has examples", commands.join(", "));
    if COMMANDS_LATER.contains(&word) {
        return Error::usage(format!("`flott {word}` is not there yet")).note(all);
    }
    let error = Error::usage(format!("there is no command `{word}`"));
    if word.ends_with(".toml") {
        return error.note(format!("to run a job: flott run {word}"));
    }
    let names: Vec<&str> = commands.iter().map(String::as_str).collect();
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, name)| *name);
    match other.or_else(|| suggest(word, &names)) {
        Some(near) => error.note(format!("did you mean `{near}`?")),
        None => error.note(all),
    }
}

/// The answer to an option that is known but not there yet. `typed` may have a value: `--ui=:8080`.
pub fn flag(typed: &str) -> Option<Error> {
    let name = typed.split('=').next().unwrap_or(typed);
    FLAGS_LATER
        .contains(&name)
        .then(|| Error::usage(format!("{name} is not there yet")).note("`flott COMMAND --help` lists what is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        for (word, expect) in [
            ("why", "`flott why` is not there yet"),
            ("chek", "did you mean `check`?"),
            ("init", "did you mean `new`?"),
            ("job.toml", "to run a job: flott run job.toml"),
            ("zzz", "there are run, check, plan, "),
        ] {
            assert!(unknown_command(word).to_string().contains(expect), "{word}");
        }
        assert!(flag("--ui=:8080").unwrap().to_string().contains("--ui is not there yet"));
        assert!(flag("--nonsense").is_none());
    }
}
