//! What of a job does not stand in its file but was found in its data, or is kept in a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::SourceField;

/// By name of the source.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    pub schemas: BTreeMap<String, FoundSchema>,
    /// Sources whose schema could not be found, which has been said.
    pub failed: BTreeSet<String>,
}

/// The schema of a source that has none in the job file.
#[derive(Debug, Clone)]
pub struct FoundSchema {
    pub fields: Vec<SourceField>,
    /// `None`: the file has one of its own.
    pub inferred: Option<Inferred>,
}

/// What columns and types were concluded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    pub records: u64,
    pub file: String,
}

impl Inferred {
    /// `the first 1,000 records of payments.csv`, for "inferred from …".
    pub fn from(&self) -> String {
        match self.records {
            0 => format!("the header of {}, which has no records", self.file),
            1 => format!("the first record of {}", self.file),
            records => format!("the first {} records of {}", grouped(records), self.file),
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
