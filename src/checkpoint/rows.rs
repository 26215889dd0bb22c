//! Rows of tables from state files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;

use super::arrays;
use super::file::StateFile;
use super::folder;
use super::manifest::{FileInfo, Segment, TableState};
use crate::data::Column;
use crate::error::{Error, Result};
use crate::storage::Storage;

/// The state files of a manifest. Each is read and checked once, when it is first needed, and kept.
pub struct Files<'a> {
    storage: &'a dyn Storage,
    folder: PathBuf,
    infos: &'a BTreeMap<String, FileInfo>,
    open: &'a Opened,
}

/// What a manifest calls the type of columns whose text is JSON.
const JSON: &str = "json";

/// Files that have been read.
pub type Opened = Mutex<BTreeMap<String, Arc<StateFile>>>;

impl<'a> Files<'a> {
    pub fn new(
        storage: &'a dyn Storage,
        folder: &Path,
        infos: &'a BTreeMap<String, FileInfo>,
        open: &'a Opened,
    ) -> Files<'a> {
        Files { storage, folder: folder.to_owned(), infos, open }
    }

    fn file(&self, name: &str) -> Result<Arc<StateFile>> {
        // Whoever panicked while holding it has left whole entries.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(name) {
            return Ok(file.clone());
        }
        let info = self.infos.get(name).ok_or_else(|| Error::external(format!("the manifest has no file {name}")))?;
        let path = folder::path_of(&self.folder, name);
        let file = Arc::new(StateFile::open(self.storage, &path, info)?);
        open.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// The rows of key groups `groups` (of a table without key: all rows), in stored order. `None` if there are none.
    pub fn rows(&self, table: &TableState, groups: Range<u32>) -> Result<Option<Vec<Column>>> {
        let plain = table.key.is_empty();
        let wanted = |s: &&Segment| plain || (s.groups.0 < groups.end && groups.start <= s.groups.1);
        let mut parts: Vec<Vec<Column>> = Vec::new();
        for segment in table.segments.iter().filter(wanted) {
            let arrays = self.file(&segment.file)?.batch(segment.batch)?;
            check_shape(table, segment, &arrays)?;
            let rows = match plain {
                true => 0..segment.rows as usize,
                false => within(&arrays[0], &groups),
            };
            if !rows.is_empty() {
                let columns = columns_of(table, &arrays)?;
                parts.push(columns.iter().map(|column| column.slice(rows.start, rows.len())).collect());
            }
        }
        Ok(behind_each_other(parts))
    }
}

/// Rows of a segment whose key group is in `groups`: they are sorted by it.
fn within(key_groups: &ArrayRef, groups: &Range<u32>) -> Range<usize> {
    let key_groups = key_groups.as_primitive::<Int32Type>().values();
    let below = |bound: u32| key_groups.partition_point(|&group| i64::from(group) < i64::from(bound));
    below(groups.start)..below(groups.end)
}

/// The columns of a record batch, without that of the key groups.
pub fn columns_of(table: &TableState, arrays: &[ArrayRef]) -> Result<Vec<Column>> {
    let arrays = arrays.iter().skip(1).zip(&table.columns);
    arrays.map(|(array, (_, ty))| arrays::to_column(array, ty == JSON)).collect()
}

/// Compares a record batch with what the manifest says of it.
pub fn check_shape(table: &TableState, segment: &Segment, arrays: &[ArrayRef]) -> Result<()> {
    let groups = arrays.first().and_then(|array| array.as_primitive_opt::<Int32Type>());
    let rows = groups.is_some_and(|groups| groups.len() as u64 == segment.rows);
    let columns = columns_of(table, arrays)?;
    let types = columns.iter().zip(&table.columns).all(|(column, (_, ty))| column.data_type().to_string() == *ty);
    match rows && types && arrays.len() == table.columns.len() + 1 {
        true => Ok(()),
        false => Err(Error::external(format!(
            "record batch {} of {} is not the part of table {} that the manifest says",
            segment.batch, segment.file, table.name
        ))),
    }
}

/// `None` for no parts.
pub fn behind_each_other(mut parts: Vec<Vec<Column>>) -> Option<Vec<Column>> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let columns = parts[0].len();
    let column = |i: usize| Column::concat(&parts.iter().map(|part| &part[i]).collect::<Vec<_>>());
    Some((0..columns).map(column).collect())
}
