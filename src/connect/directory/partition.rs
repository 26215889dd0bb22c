//! Which partition a row belongs to: the name of its folder.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::Batch;

/// Stands for null, and for the empty text, which cannot be a folder's name.
const DEFAULT: &str = "__HIVE_DEFAULT_PARTITION__";

/// Rows that follow each other and share a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The row behind the last.
    pub end: usize,
    pub partition: Arc<str>,
}

/// Names the partitions of rows: `city=Seoul/day=2023-11-14`.
pub struct Partitioner {
    columns: Vec<(String, usize)>,
    /// One text for each partition, for as long as there are not too many.
    known: HashMap<String, Arc<str>>,
}

/// Names that are kept in memory.
const KNOWN_MAX: usize = 10_000;

impl Partitioner {
    /// `columns`: names and places in the batch.
    pub fn new(columns: Vec<(String, usize)>) -> Partitioner {
        Partitioner { columns, known: HashMap::new() }
    }

    /// Partitions of the rows, in their order.
    pub fn stretches(&mut self, batch: &Batch) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut name = String::new();
        for row in 0..batch.rows {
            name.clear();
            self.name(batch, row, &mut name);
            match stretches.last_mut() {
                Some(last) if *last.partition == *name => last.end = row + 1,
                _ => stretches.push(Stretch { end: row + 1, partition: self.known(&name) }),
            }
        }
        stretches
    }

    fn known(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let shared: Arc<str> = name.into();
        self.known.insert(name.to_owned(), shared.clone());
        shared
    }

    fn name(&self, batch: &Batch, row: usize, out: &mut String) {
        let mut value = Vec::new();
        for (number, (column, at)) in self.columns.iter().enumerate() {
            if number > 0 {
                out.push('/');
            }
            escape(column, out);
            out.push('=');
            value.clear();
            batch.columns[*at].write_text(row, &mut value);
            match value.is_empty() {
                true => out.push_str(DEFAULT),
                false => escape(&String::from_utf8_lossy(&value), out),
            }
        }
    }
}

/// As Hive does: characters that mean something in a path, or to a shell or Windows, become `%` and two digits.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\u{0}'..' '
            | '\u{7f}'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '['
            | ']'
            | '^'
            | '<'
            | '>'
            | '|' => out.push_str(&format!("%{:02X}", c as u32)),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringViewArray};

    use super::*;
    use crate::data::Column;

    #[test]
    fn values_become_names_of_folders() {
        let cities = StringViewArray::from(vec![Some("Seoul"), Some("Seoul"), Some("a/b=c"), None, Some("")]);
        let days = Int64Array::from(vec![Some(1), Some(1), Some(-2), None, Some(3)]);
        let batch = Batch::new(vec![Column::Int(days), Column::String(cities)], 5);
        let mut partitioner = Partitioner::new(vec![("city".into(), 1), ("the day".into(), 0)]);
        let stretches = partitioner.stretches(&batch);
        let names: Vec<(usize, &str)> = stretches.iter().map(|s| (s.end, &*s.partition)).collect();
        let default = format!("city={DEFAULT}");
        let (both, one) = (format!("{default}/the day={DEFAULT}"), format!("{default}/the day=3"));
        assert_eq!(
            names,
            [(2, "city=Seoul/the day=1"), (3, "city=a%2Fb%3Dc/the day=-2"), (4, both.as_str()), (5, one.as_str()),]
        );
    }
}
