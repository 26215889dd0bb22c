//! What is said on stderr: errors, warnings and remarks, in colour where that is wanted.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::args::{ColorChoice, Level, OutputArgs};
use super::log::{Form, Log, Members};
use crate::error::{Error, Result};
use crate::spec::{Diagnostic, Diagnostics, JobText, Severity, Span};

/// How stderr is written to, and a log file, if there is one.
#[derive(Debug, Clone)]
pub struct Screen {
    form: Form,
    log: Log,
}

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[1;33m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

impl Screen {
    pub fn new(choice: ColorChoice) -> Screen {
        let terminal = std::io::stderr().is_terminal();
        Screen { form: Form { color: is_colored(choice, terminal), terminal }, log: Log::stderr() }
    }

    /// Before options could be read.
    pub fn plain() -> Screen {
        Screen::new(ColorChoice::Auto)
    }

    /// Of a run. Errors (class Usage): the log file cannot be written.
    pub fn of_run(choice: ColorChoice, output: &OutputArgs) -> Result<Screen> {
        Ok(Screen { log: Log::of(output)?, ..Screen::new(choice) })
    }

    /// Whether people look on, and want to see how it goes.
    pub fn shows_progress(&self) -> bool {
        self.form.terminal && self.log.shows(Level::Info)
    }

    /// Writes a line of news.
    pub fn line(&self, text: &str) {
        self.news(Level::Info, Vec::new, |_| text.to_owned());
    }

    /// News that have figures. `text` is the message, too.
    pub fn news(&self, level: Level, figures: impl Fn() -> Members, text: impl Fn(Form) -> String) {
        let members = || {
            let message = text(Form { color: false, terminal: false });
            let message = message.strip_prefix("flott: ").unwrap_or(&message).to_owned();
            [("message", Value::from(message))].into_iter().chain(figures()).collect()
        };
        self.log.write(level, self.form, members, &text);
    }

    pub fn error(&self, error: &Error) {
        self.tell(Level::Error, error);
    }

    /// Says why a command does nothing; returns its exit code.
    pub fn refuse(&self, error: &Error) -> u8 {
        self.error(error);
        error.class.exit_code()
    }

    pub fn warning(&self, warning: &Error) {
        self.tell(Level::Warn, warning);
    }

    fn tell(&self, level: Level, error: &Error) {
        let members = || {
            let node = error.node.iter().map(|node| ("node", json!(node)));
            let notes = (!error.notes.is_empty()).then(|| ("notes", json!(error.notes)));
            node.chain([("message", json!(error.message))]).chain(notes).collect()
        };
        self.log.write(level, self.form, members, |form| message(level, error, form.color));
    }

    /// All that was found in a job file, and how much that is. Nothing where nothing was found.
    pub fn diagnostics(&self, found: &Diagnostics, text: &JobText) {
        let Some(level) = found.iter().map(level_of).min() else { return };
        if !self.log.is_json() {
            let report = |form: Form| {
                let mut report = found.render(text, form.color);
                if let Some(total) = total(found) {
                    report.push_str(&format!("\n{total} in {}", text.path.display()));
                }
                report.trim_end().to_owned()
            };
            return self.log.write(level, self.form, Vec::new, report);
        }
        for found in found.iter() {
            self.log.write(level_of(found), self.form, || members(found, text), |_| String::new());
        }
    }
}

fn level_of(found: &Diagnostic) -> Level {
    match found.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
        Severity::Note => Level::Info,
    }
}

fn members(found: &Diagnostic, text: &JobText) -> Members {
    let shown = |what: &str| json!(text.redact(what));
    let mut members = vec![("message", shown(&found.message)), ("file", json!(text.path.display().to_string()))];
    if let Some(span) = &found.span {
        let (line, column) = text.line_column(span);
        match span {
            Span::File(_) => members.push(("line", json!(line))),
            Span::Override { index, .. } => members[1] = ("override", shown(&text.overrides[*index])),
        }
        members.push(("column", json!(column)));
    }
    if !found.label.is_empty() {
        members.push(("label", shown(&found.label)));
    }
    members.extend(found.help.as_ref().map(|help| ("help", shown(help))));
    members
}

fn message(level: Level, error: &Error, colored: bool) -> String {
    let (word, color) = match level {
        Level::Error => ("error", RED),
        _ => ("warning", YELLOW),
    };
    let node = error.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
    let message = visible(&format!("{node}{}", error.message));
    let mut text = match colored {
        true => format!("{color}{word}{RESET}{BOLD}: {message}{RESET}"),
        false => format!("{word}: {message}"),
    };
    for line in error.notes.iter().flat_map(|note| note.lines()) {
        text.push_str("\n  ");
        text.push_str(&visible(line));
    }
    text
}

fn is_colored(choice: ColorChoice, terminal: bool) -> bool {
    let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && env("NO_COLOR").is_none() && env("TERM").is_none_or(|t| t != "dumb"),
    }
}

/// An error as it is shown, without colours.
pub fn plain_text(error: &Error) -> String {
    message(Level::Error, error, false)
}

/// Colours of what goes to stdout.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    pub fn stdout(choice: ColorChoice) -> Paint {
        Paint(is_colored(choice, std::io::stdout().is_terminal()))
    }

    #[cfg(test)]
    pub fn plain() -> Paint {
        Paint(false)
    }

    pub fn red(self, text: &str) -> String {
        self.colored(RED, text)
    }

    pub fn green(self, text: &str) -> String {
        self.colored(GREEN, text)
    }

    fn colored(self, color: &str, text: &str) -> String {
        if self.0 { format!("{color}{text}{RESET}") } else { text.to_owned() }
    }
}

/// Text with its control characters written out: messages quote data, and data must not steer a terminal.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// `3 errors and 1 warning`, if there are errors.
pub fn total(found: &Diagnostics) -> Option<String> {
    let warnings = found.iter().filter(|d| d.severity == Severity::Warning).count();
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (found.error_count(), warnings) {
        (0, _) => None,
        (errors, 0) => Some(count(errors, "error")),
        (errors, warnings) => Some(format!("{} and {}", count(errors, "error"), count(warnings, "warning"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Diagnostic;

    #[test]
    fn notes_stand_below_their_error() {
        let error = Error::data("'x' is not an int").at("sources.a").note("a.csv:3\nx,y").note("on_error = \"skip\"");
        assert_eq!(
            message(Level::Error, &error, false),
            "error: sources.a: 'x' is not an int\n  a.csv:3\n  x,y\n  on_error = \"skip\""
        );
        let colored = message(Level::Error, &error, true);
        assert!(colored.starts_with("\x1b[1;31merror\x1b[0m\x1b[1m: sources.a: 'x' is not an int\x1b[0m\n"));
    }

    #[test]
    fn data_does_not_steer_the_terminal() {
        let error = Error::data("'a\x1b[31m\0' is not an int").note("a\tb\r\nc\u{9b}d é");
        assert_eq!(
            message(Level::Error, &error, false),
            "error: 'a\\u{1b}[31m\\u{0}' is not an int\n  a\tb\n  c\\u{9b}d é"
        );
    }

    #[test]
    fn errors_are_counted() {
        let found = |errors: usize, warnings: usize| {
            let errors = (0..errors).map(|_| Diagnostic::error("e"));
            Diagnostics(errors.chain((0..warnings).map(|_| Diagnostic::warning("w"))).collect())
        };
        assert_eq!(total(&found(0, 2)), None);
        assert_eq!(total(&found(1, 0)).unwrap(), "1 error");
        assert_eq!(total(&found(3, 0)).unwrap(), "3 errors");
        assert_eq!(total(&found(3, 1)).unwrap(), "3 errors and 1 warning");
    }
}
