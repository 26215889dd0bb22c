//! What is said on stderr: errors, warnings and remarks, in colour where that is wanted.

use std::io::{IsTerminal, Write};

use super::args::ColorChoice;
use crate::error::Error;
use crate::spec::{Diagnostics, JobText, Severity};

/// How stderr is written to.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub color: bool,
    pub terminal: bool,
}

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[1;33m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

impl Screen {
    pub fn new(choice: ColorChoice) -> Screen {
        let terminal = std::io::stderr().is_terminal();
        Screen { color: is_colored(choice, terminal), terminal }
    }

    /// Before options could be read.
    pub fn plain() -> Screen {
        Screen::new(ColorChoice::Auto)
    }

    /// Writes a line to stderr. If nobody can see it, there is nobody to tell.
    pub fn line(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    pub fn error(&self, error: &Error) {
        self.line(&self.message("error", RED, error));
    }

    /// Says why a command does nothing; returns its exit code.
    pub fn refuse(&self, error: &Error) -> u8 {
        self.error(error);
        error.class.exit_code()
    }

    pub fn warning(&self, warning: &Error) {
        self.line(&self.message("warning", YELLOW, warning));
    }

    fn message(&self, word: &str, color: &str, error: &Error) -> String {
        let node = error.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
        let message = visible(&format!("{node}{}", error.message));
        let mut text = match self.color {
            true => format!("{color}{word}{RESET}{BOLD}: {message}{RESET}"),
            false => format!("{word}: {message}"),
        };
        for line in error.notes.iter().flat_map(|note| note.lines()) {
            text.push_str("\n  ");
            text.push_str(&visible(line));
        }
        text
    }

    /// All that was found in a job file, and how much that is. Nothing where nothing was found.
    pub fn diagnostics(&self, found: &Diagnostics, text: &JobText) {
        if found.is_empty() {
            return;
        }
        let mut report = found.render(text, self.color);
        if let Some(total) = total(found) {
            report.push_str(&format!("\n{total} in {}", text.path.display()));
        }
        self.line(report.trim_end());
    }
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
    Screen { color: false, terminal: false }.message("error", RED, error)
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
        let plain = Screen { color: false, terminal: false };
        assert_eq!(
            plain.message("error", RED, &error),
            "error: sources.a: 'x' is not an int\n  a.csv:3\n  x,y\n  on_error = \"skip\""
        );
        let colored = Screen { color: true, terminal: true }.message("error", RED, &error);
        assert!(colored.starts_with("\x1b[1;31merror\x1b[0m\x1b[1m: sources.a: 'x' is not an int\x1b[0m\n"));
    }

    #[test]
    fn data_does_not_steer_the_terminal() {
        let error = Error::data("'a\x1b[31m\0' is not an int").note("a\tb\r\nc\u{9b}d é");
        let plain = Screen { color: false, terminal: false };
        assert_eq!(
            plain.message("error", RED, &error),
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
