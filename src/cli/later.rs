//! Commands and options that are known but not there yet: named as such, with what there is.

use std::ffi::OsString;

use super::EXIT_WRONG;
use super::screen::Screen;
use crate::error::Error;
use crate::spec::suggest;

const COMMANDS: [&str; 12] =
    ["run", "check", "plan", "infer", "resume", "list", "status", "savepoint", "stop", "cancel", "checkpoint", "state"];

const COMMANDS_LATER: [&str; 7] = ["why", "query", "tap", "test", "new", "completions", "serve"];

const FLAGS_LATER: [&str; 4] = ["--ui", "--log-format", "--log-level", "--log-file"];

/// Formats of `plan` beside `text`.
const PLAN_FORMATS_LATER: [&str; 3] = ["mermaid", "dot", "json"];

/// Answers a command that there is not.
pub fn command(words: &[OsString]) -> u8 {
    let word = words.first().map(|w| w.to_string_lossy().into_owned()).unwrap_or_default();
    Screen::plain().error(&unknown_command(&word));
    EXIT_WRONG
}

fn unknown_command(word: &str) -> Error {
    let all = format!("there are {}; `flott --help` has examples", COMMANDS.join(", "));
    if COMMANDS_LATER.contains(&word) {
        return Error::usage(format!("`flott {word}` is not there yet")).note(all);
    }
    let error = Error::usage(format!("there is no command `{word}`"));
    if word.ends_with(".toml") {
        return error.note(format!("to run a job: flott run {word}"));
    }
    match suggest(word, &COMMANDS) {
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

/// The answer to a format of `plan` other than text.
pub fn plan_format(word: &str) -> Error {
    let error = match PLAN_FORMATS_LATER.contains(&word) {
        true => Error::usage(format!("--format {word} is not there yet")),
        false => Error::usage(format!("there is no format `{word}`")),
    };
    error.note("there is: text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        for (word, expect) in [
            ("why", "`flott why` is not there yet"),
            ("chek", "did you mean `check`?"),
            ("job.toml", "to run a job: flott run job.toml"),
            ("zzz", "there are run, check, plan, infer, resume"),
        ] {
            assert!(unknown_command(word).to_string().contains(expect), "{word}");
        }
        assert!(flag("--ui=:8080").unwrap().to_string().contains("--ui is not there yet"));
        assert!(flag("--nonsense").is_none());
        assert!(plan_format("dot").to_string().contains("not there yet"));
        assert!(plan_format("picture").to_string().contains("there is no format"));
    }
}
