//! What is wrong with a job file, and how it is shown: path, line and column, the text underlined, a help line.
//!
//! Every room that finds faults in a job makes [`Diagnostic`]s; all of them are rendered here, once, together.
//! What a fault means is never decided here.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::Span;
use crate::error::Secrets;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// One fault (or remark), where it stands and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    pub span: Option<Span>,
    /// Stands beside the underlined text; may be empty.
    pub label: String,
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(severity: Severity, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity, message: message.into(), span: None, label: String::new(), help: None }
    }

    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, message)
    }

    pub fn warning(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, message)
    }

    pub fn note(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Note, message)
    }

    /// Underlines `span`.
    pub fn at(mut self, span: &Span) -> Diagnostic {
        self.span = Some(span.clone());
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// File first, then overrides, each in the order written; what has no place comes last.
    fn sort_key(&self) -> (usize, usize) {
        match &self.span {
            Some(Span::File(range)) => (0, range.start),
            Some(Span::Override { index, range }) => (index + 1, range.start),
            None => (usize::MAX, 0),
        }
    }
}

/// All that was found, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub fn append(&mut self, mut others: Diagnostics) {
        self.0.append(&mut others.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    pub fn has_errors(&self) -> bool {
        self.error_count() > 0
    }

    /// Leaves out what only `check` says.
    pub fn drop_notes(&mut self) {
        self.0.retain(|diagnostic| diagnostic.severity != Severity::Note);
    }

    pub fn error_count(&self) -> usize {
        self.0.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// The report for people, sorted by place, one blank line between faults. Ends with a newline unless empty.
    pub fn render(&self, text: &JobText, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut sorted: Vec<&Diagnostic> = self.0.iter().collect();
        sorted.sort_by_key(|d| d.sort_key());
        let mut out = String::new();
        for diagnostic in sorted {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&render_one(diagnostic, text, &renderer));
            out.push('\n');
        }
        out
    }
}

fn render_one(diagnostic: &Diagnostic, text: &JobText, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(text.redact(&diagnostic.message)));
    group = match &diagnostic.span {
        None => group.element(Origin::path(text.path.display().to_string())),
        Some(span) => {
            let (source, range) = text.resolve(span);
            let label = text.redact(&diagnostic.label);
            let mark = AnnotationKind::Primary.span(range).label((!label.is_empty()).then_some(label));
            let snippet = match span {
                Span::File(_) => Snippet::source(source).path(text.path.display().to_string()),
                Span::Override { .. } => Snippet::source(source).path("command line").line_numbering(false),
            };
            group.element(snippet.annotation(mark))
        }
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(text.redact(help)));
    }
    renderer.render(&[group])
}

/// The text of a job as it was written, for messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JobText {
    pub path: Arc<Path>,
    pub text: Arc<str>,
    /// The `-D` texts in the order given.
    pub overrides: Arc<[String]>,
    /// Messages of the job file reader itself show variables as written.
    secrets: Secrets,
}

impl JobText {
    /// A byte order mark is not part of the text.
    pub fn new(path: &Path, text: &str, overrides: &[String]) -> JobText {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        JobText { path: path.into(), text: text.into(), overrides: overrides.into(), secrets: Secrets::default() }
    }

    /// The same text, with values that messages must not show: those that came from `${file:…}`.
    pub(super) fn with_secrets(mut self, secrets: Vec<String>) -> JobText {
        self.secrets = Secrets::new(secrets);
        self
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// `message` with values that came from `${file:…}` blanked.
    pub fn redact(&self, message: &str) -> String {
        self.secrets.redact(message)
    }

    /// Line and column (in characters) of the start of `span`, both from 1; an override is one line.
    pub fn line_column(&self, span: &Span) -> (usize, usize) {
        let (source, range) = match span {
            Span::File(range) => (&*self.text, range.clone()),
            Span::Override { .. } => return (1, 1),
        };
        let before = &source[..floor(source, range.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
    }

    /// The text at `span`, as written.
    pub fn written(&self, span: &Span) -> &str {
        let (source, range) = match span {
            Span::File(range) => (&*self.text, range),
            Span::Override { index, range } => (self.overrides.get(*index).map_or("", |s| s.as_str()), range),
        };
        let range = clamp(source, range.clone());
        &source[range]
    }

    /// The text that is shown for `span` and the range to underline in it.
    fn resolve(&self, span: &Span) -> (String, Range<usize>) {
        match span {
            Span::File(range) => (self.text.to_string(), clamp(&self.text, range.clone())),
            Span::Override { index, range } => {
                let shown = format!("-D {}", self.overrides.get(*index).map_or("", |s| s.as_str()));
                let range = clamp(&shown, range.start + 3..range.end + 3);
                (shown, range)
            }
        }
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// The range within `text` and on character boundaries, whatever the caller computed.
fn clamp(text: &str, range: Range<usize>) -> Range<usize> {
    let start = floor(text, range.start);
    let end = (range.end.min(text.len())..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
    start..end.max(start)
}
