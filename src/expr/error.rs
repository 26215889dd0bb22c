//! What can be wrong with an expression: in its text, or with a row.

use std::ops::Range;

pub(crate) use crate::error::nearest;

/// An error in the text of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// Bytes of the text to underline; lies inside it, possibly empty at its end.
    pub span: Range<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// A few words to stand beside the underlined text.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl ExprError {
    pub fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> ExprError {
        ExprError { span, message: message.into(), label: label.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> ExprError {
        self.help = Some(help.into());
        self
    }
}

/// An expression that failed on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// Row of the batch: the first that failed.
    pub row: usize,
    pub message: String,
}

/// Names for a message, cut after the first dozen.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=12 => names.join(", "),
        more => format!("{}, … ({more} in all)", names[..12].join(", ")),
    }
}
