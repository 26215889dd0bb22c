//! Looking into checkpoints without going on from them: nothing is held of them but what is looked at.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::{self, StateReader};
use super::folder;
use super::manifest::{Manifest, Segment, TableState};
use super::restore::Checkpoint;
use super::rows::{self, check_shape};
use crate::data::Column;
use crate::error::{Error, Result};
use crate::storage::Storage;

impl Checkpoint {
    /// Hands out the rows of a table of this checkpoint, one segment after the other, until `with` says that it is
    /// enough (false).
    ///
    /// Errors: a file is not what the manifest says, or those of `with`.
    pub fn each_segment(&self, table: &TableState, mut with: impl FnMut(Vec<Column>) -> Result<bool>) -> Result<()> {
        let files = &self.manifest().files;
        let mut open: BTreeMap<&str, StateReader> = BTreeMap::new();
        // All are opened first: a running job may take away old ones meanwhile.
        for segment in &table.segments {
            if !open.contains_key(segment.file.as_str()) {
                let unknown = || Error::external(format!("the manifest has no file {}", segment.file));
                let info = files.get(&segment.file).ok_or_else(unknown)?;
                let path = folder::path_of(self.path(), &segment.file);
                open.insert(&segment.file, StateReader::open(self.storage(), &path, info)?);
            }
        }
        for segment in &table.segments {
            let Some(file) = open.get(segment.file.as_str()) else { continue };
            let arrays = file.batch(segment.batch)?;
            check_shape(table, segment, &arrays)?;
            if !with(rows::columns_of(table, &arrays)?)? {
                break;
            }
        }
        Ok(())
    }
}

/// Whether all files of a manifest in `folder` are there and have their sizes; their bytes are not read.
///
/// Errors: the first that is not.
pub fn check_sizes(storage: &dyn Storage, folder: &Path, manifest: &Manifest) -> Result<()> {
    let mut files = manifest.files.iter();
    files.try_for_each(|(name, info)| file::check_size(storage, &folder::path_of(folder, name), info))
}

/// Bytes of the files that a table lies in, by the share of its rows in them.
pub fn bytes(manifest: &Manifest, table: &TableState) -> u64 {
    let share = |segment: &Segment| {
        let info = manifest.files.get(&segment.file)?;
        let bytes = u128::from(info.bytes) * u128::from(segment.rows) / u128::from(info.rows.max(1));
        Some(bytes as u64)
    };
    table.segments.iter().filter_map(share).sum()
}
