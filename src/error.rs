//! The one error type. An [`Error`] says what went wrong in words a user can act on; its [`Class`]
//! decides the exit code and whether a restart may help.

mod near;
mod secrets;

use std::fmt;

pub use near::nearest;
pub use secrets::Secrets;

/// What kind of failure this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Wrong command line: exit code 2.
    Usage,
    /// Wrong job file, or an input that is not there: exit code 2, found before anything was written.
    Job,
    /// A record or value that cannot be processed: exit code 1, never restarted.
    Data,
    /// Disk, network, peer: exit code 1; a restart may help.
    External,
    /// A bug or a panic: exit code 1.
    Internal,
    /// An earlier run, or another job, left something that must not be lost: exit code 3, never restarted.
    Unfinished,
    /// Another process runs the job: exit code 4, never restarted.
    Busy,
}

impl Class {
    /// Exit code of a process that ends with such an error.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Usage | Class::Job => 2,
            Class::Data | Class::External | Class::Internal => 1,
            Class::Unfinished => 3,
            Class::Busy => 4,
        }
    }
}

/// An error with the node it happened at and hints on what to do.
#[derive(Debug, Clone)]
pub struct Error {
    pub class: Class,
    /// Name of the node in the job file, such as `sources.payments`.
    pub node: Option<String>,
    pub message: String,
    /// Further lines: what was expected, what to try.
    pub notes: Vec<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(class: Class, message: impl Into<String>) -> Error {
        Error { class, node: None, message: message.into(), notes: Vec::new() }
    }

    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(Class::Usage, message)
    }

    pub fn job(message: impl Into<String>) -> Error {
        Error::new(Class::Job, message)
    }

    pub fn data(message: impl Into<String>) -> Error {
        Error::new(Class::Data, message)
    }

    pub fn external(message: impl Into<String>) -> Error {
        Error::new(Class::External, message)
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Class::Internal, message)
    }

    /// Names the node, unless a deeper layer has already named one.
    pub fn at(mut self, node: impl Into<String>) -> Error {
        self.node.get_or_insert_with(|| node.into());
        self
    }

    /// Without values that nobody is to see.
    pub fn redacted(self, secrets: &Secrets) -> Error {
        let message = secrets.redact(&self.message);
        let notes = self.notes.iter().map(|note| secrets.redact(note)).collect();
        Error { message, notes, ..self }
    }

    pub fn note(mut self, note: impl Into<String>) -> Error {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}: ")?;
        }
        f.write_str(&self.message)?;
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
