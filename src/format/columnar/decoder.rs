//! From a group to rows of a source: the columns in use, converted to their declared types.

use super::super::assemble::{Place, assemble};
use super::super::{Decoded, SourceField};
use super::convert::convert;
use super::guard::guarded;
use super::{Cursor, Group, ROWS_AT_ONCE, column_named};
use crate::error::{Error, Result};

/// Reads one group after the other, some thousand rows at once.
pub struct GroupDecoder {
    /// The columns asked for.
    fields: Vec<SourceField>,
    at: Option<At>,
    /// See [`super::super::Decoder::keep_places`].
    keep_places: bool,
}

/// Where it stands in a group.
struct At {
    cursor: Box<dyn Cursor>,
    row: u64,
    rows: u64,
}

impl GroupDecoder {
    /// Produces the columns `used` of `fields`, in that order.
    pub fn new(fields: &[SourceField], used: &[usize]) -> GroupDecoder {
        GroupDecoder { fields: used.iter().map(|&index| fields[index].clone()).collect(), at: None, keep_places: false }
    }

    /// From now on [`Decoded::places`] is filled.
    pub fn keep_places(&mut self) {
        self.keep_places = true;
    }

    /// The first rows of a group.
    pub fn decode(&mut self, group: &Group) -> Decoded {
        self.decode_some(group, ROWS_AT_ONCE)
    }

    /// The first `rows` rows of a group.
    pub fn decode_some(&mut self, group: &Group, rows: usize) -> Decoded {
        self.at = None;
        match self.begin(group) {
            Ok(at) => self.at = Some(at),
            Err(error) => return failed(error),
        }
        self.read(rows)
    }

    /// The rows behind those given last, as long as [`Decoded::more`] was set.
    pub fn go_on(&mut self) -> Decoded {
        self.read(ROWS_AT_ONCE)
    }

    fn begin(&self, group: &Group) -> Result<At> {
        let place = |field: &SourceField| {
            let name = field.source_name();
            column_named(group.file.schema(), name).ok_or_else(|| Error::data(format!("it has no column {name}")))
        };
        let columns = self.fields.iter().map(place).collect::<Result<Vec<_>>>()?;
        let cursor = guarded(|| group.file.read(group.index, &columns))?;
        Ok(At { cursor, row: 0, rows: group.place().rows })
    }

    fn read(&mut self, most: usize) -> Decoded {
        let Some(at) = &mut self.at else { return Decoded::default() };
        let rows = usize::try_from(at.rows - at.row).unwrap_or(usize::MAX).min(most);
        let arrays = match guarded(|| at.cursor.next(rows)) {
            Ok(arrays) => arrays,
            Err(error) => {
                self.at = None;
                return failed(error);
            }
        };
        let before = at.row;
        at.row += rows as u64;
        let more = at.row < at.rows;
        let mut cells = Vec::new();
        let pairs = self.fields.iter().zip(&arrays).enumerate();
        let columns = pairs.map(|(i, (field, array))| convert(array, field, i, &mut cells)).collect();
        let columns: Vec<_> = match columns {
            Ok(columns) => columns,
            Err(error) => return failed(error),
        };
        if !more {
            self.at = None;
        }
        let decoded = Decoded {
            columns,
            rows,
            lines: rows as u64,
            more,
            places: self.keep_places.then(Vec::new),
            ..Decoded::default()
        };
        let place = |row: usize| Place { offset: 0, len: 0, line: before + row as u64 };
        assemble(decoded, Vec::new(), cells, |column| self.fields[column].name.clone(), place)
    }
}

fn failed(error: Error) -> Decoded {
    Decoded { failed: Some(error), ..Decoded::default() }
}
