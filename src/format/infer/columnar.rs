//! What a file of columns holds: its columns as it describes them, and its first rows to show.

use std::sync::Arc;

use arrow_array::StringViewArray;

use super::Found;
use crate::data::Column;
use crate::error::Result;
use crate::format::Decoded;
use crate::format::columnar::{self, Columnar, Group, GroupDecoder};

/// A file of columns, looked at.
pub struct Described {
    /// Its columns, with the values of the first rows.
    pub found: Found,
    /// All rows of the file, and the groups they are in.
    pub rows: u64,
    pub groups: usize,
    /// Columns with a type that is not read.
    pub unread: Vec<String>,
}

/// The columns of `file`, with the values of its first `rows` rows.
///
/// Errors (class Data): it is corrupt. The message does not name the file.
pub fn describe(file: &Arc<dyn Columnar>, rows: usize) -> Result<Described> {
    let fields = columnar::fields(file.schema());
    let used: Vec<usize> = (0..fields.len()).collect();
    let mut decoder = GroupDecoder::new(&fields, &used);
    let mut texts: Vec<Vec<Option<String>>> = vec![Vec::new(); fields.len()];
    let (mut seen, mut index) = (0, 0);
    while seen < rows && index < file.groups().len() {
        let group = Group { file: file.clone(), index };
        let mut decoded = decoder.decode_some(&group, rows - seen);
        loop {
            let Decoded { columns, rows: good, bad, more, failed, .. } = decoded;
            if let Some(error) = failed {
                return Err(error);
            }
            for (texts, column) in texts.iter_mut().zip(&columns) {
                texts.extend((0..good).map(|row| text(column, row)));
            }
            seen += good + bad.len();
            if !more || seen >= rows {
                break;
            }
            decoded = decoder.go_on();
        }
        index += 1;
    }
    let all = file.groups().iter().map(|place| place.rows).sum::<u64>();
    let values = texts.into_iter().map(|texts| texts.into_iter().take(rows).collect::<StringViewArray>()).collect();
    let names = file.schema().fields().iter().map(|field| field.name().clone());
    let unread = names.filter(|name| fields.iter().all(|field| field.name != *name)).collect();
    let records = seen.min(rows);
    let found = Found { fields, values, records, all: records as u64 == all, remarks: Vec::new() };
    Ok(Described { found, rows: all, groups: file.groups().len(), unread })
}

fn text(column: &Column, row: usize) -> Option<String> {
    let mut text = Vec::new();
    (!column.is_null(row)).then(|| {
        column.write_text(row, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}
