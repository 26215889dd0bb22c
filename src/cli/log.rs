//! Messages as a log: which of them are written, as text or as lines of JSON, on stderr and into a file.
//!
//! The file is opened for each message, which are few: whoever rotates it need not tell us.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;

use super::args::{Level, LogFormat, OutputArgs};
use crate::connect::file::reason;
use crate::data::text::timestamp_text;
use crate::error::{Error, Result};

/// Where messages go, and which.
#[derive(Debug, Clone)]
pub struct Log {
    /// The lightest that stderr gets.
    stderr: Level,
    json: bool,
    file: Option<LogFile>,
}

#[derive(Debug, Clone)]
struct LogFile {
    path: PathBuf,
    level: Level,
    /// It could not be written, which was said.
    failed: Arc<AtomicBool>,
}

/// For whom a text is.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub color: bool,
    pub terminal: bool,
}

/// The members of a message as JSON, behind its time and level.
pub type Members = Vec<(&'static str, Value)>;

impl Log {
    /// Stderr, for people.
    pub fn stderr() -> Log {
        Log { stderr: Level::Info, json: false, file: None }
    }

    /// As the options of a run say. Errors (class Usage): the file cannot be written.
    pub fn of(args: &OutputArgs) -> Result<Log> {
        let log = &args.log;
        let stderr = if args.quiet { log.log_level.min(Level::Warn) } else { log.log_level };
        let file = log.log_file.as_deref().map(|path| LogFile::open(path, log.log_level)).transpose()?;
        Ok(Log { stderr, json: log.log_format == LogFormat::Json, file })
    }

    /// Whether messages of this weight are for people who look at stderr.
    pub fn shows(&self, level: Level) -> bool {
        !self.json && level <= self.stderr
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a message. `text` has no line end.
    pub fn write(&self, level: Level, form: Form, members: impl Fn() -> Members, text: impl Fn(Form) -> String) {
        if level <= self.stderr {
            let line = if self.json { json(level, &members()) } else { text(form) };
            // If nobody can see it, there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
        let Some(file) = self.file.as_ref().filter(|file| level <= file.level) else { return };
        let line = match self.json {
            true => json(level, &members()),
            false => format!("{} {}", time(), text(Form { color: false, terminal: false })),
        };
        if let Err(error) = file.append(&line)
            && !file.failed.swap(true, Relaxed)
        {
            let _ = writeln!(io::stderr().lock(), "warning: {}: {}", file.refused(), reason(&error));
        }
    }
}

impl LogFile {
    fn open(path: &Path, level: Level) -> Result<LogFile> {
        // A resumed job goes to the directory it began in.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = LogFile { path, level, failed: Arc::default() };
        let made = file.path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| file.append(""));
        match made {
            Ok(()) => Ok(file),
            Err(error) => Err(Error::usage(format!("{}: {}", file.refused(), reason(&error)))),
        }
    }

    /// Appends a line; nothing if it is empty.
    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        if line.is_empty() { Ok(()) } else { file.write_all(format!("{line}\n").as_bytes()) }
    }

    fn refused(&self) -> String {
        format!("cannot write the log file {}", self.path.display())
    }
}

/// The time of day, in milliseconds.
fn time() -> String {
    timestamp_text(super::now() / 1000 * 1000)
}

fn json(level: Level, members: &Members) -> String {
    let mut line = format!("{{\"time\":\"{}\",\"level\":\"{}\"", time(), level.name());
    for (name, value) in members {
        line.push_str(&format!(",\"{name}\":{value}"));
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Form = Form { color: false, terminal: false };

    fn to(path: &Path, level: Level, json: bool) -> Log {
        Log { stderr: Level::Error, json, file: Some(LogFile::open(path, level).unwrap()) }
    }

    #[test]
    fn a_file_has_what_weighs_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.log");
        let log = to(&path, Level::Info, false);
        for level in [Level::Warn, Level::Info, Level::Debug] {
            log.write(level, PLAIN, Vec::new, |_| level.name().to_owned());
        }
        // It was rotated away.
        fs::rename(&path, folder.path().join("old")).unwrap();
        let members = || vec![("message", json!("a \"b\"\n")), ("rows", json!(3))];
        to(&path, Level::Info, true).write(Level::Info, PLAIN, members, |_| String::new());
        let old = fs::read_to_string(folder.path().join("old")).unwrap();
        let words: Vec<&str> = old.lines().map(|line| line.split_once("Z ").unwrap().1).collect();
        assert_eq!(words, ["warn", "info"]);
        let line: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((&line["level"], &line["message"], &line["rows"]), (&json!("info"), &json!("a \"b\"\n"), &json!(3)));
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_wrong_usage() {
        let error = LogFile::open(Path::new("/dev/null/x.log"), Level::Info).unwrap_err();
        assert!(error.message.starts_with("cannot write the log file /dev/null/x.log: "), "{error}");
    }
}
