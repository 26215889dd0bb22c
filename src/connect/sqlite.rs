//! A table of an SQLite database as a sink, exactly once.
//!
//! Rows are gathered in a **spool**, a file of [`crate::format::rows`]. At a barrier it is closed and named in the
//! checkpoint; once that is complete, one transaction puts all of its rows into the table and notes the checkpoint in
//! the table [`COMMITS`]. A transaction that is asked for again finds its note and does nothing. Without checkpoints
//! there is one spool, beside the database, and one transaction at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::connect::{Prepared, Run, Writer, Wrote};
use crate::data::Schema;
use crate::error::{Error, Result};
use crate::storage::Storage;
use crate::storage::crash;

mod committer;
mod database;
mod spool;
mod table;

pub use committer::SqliteCommitter;
pub use database::check_target;
pub use table::reserved;

use committer::{Pending, State, apply};
use database::Database;
use spool::{Closed, Spool};
use table::Table;

/// The table that says which checkpoints are in the database.
pub const COMMITS: &str = "_flott_commits";

/// What becomes of rows that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They stay.
    #[default]
    Append,
    /// They go, in the transaction that brings the first new ones.
    Replace,
    /// The table must not exist.
    New,
}

/// What a sqlite sink is made of.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Path of the node, such as `sinks.alerts`: tells its spools from those of others.
    pub name: String,
    pub path: PathBuf,
    pub table: String,
    /// Columns that tell rows apart: a row takes the place of that with the same key. Empty: all rows are added.
    pub key: Vec<String>,
    pub mode: Mode,
    pub schema: Schema,
    pub run: Run,
    pub storage: Arc<dyn Storage>,
}

impl SqliteOptions {
    fn target(&self) -> Table {
        Table::new(&self.table, &self.schema, &self.key)
    }

    /// Where the spools of this sink lie, if there are checkpoints.
    fn spools(&self) -> Option<PathBuf> {
        self.run.folder.as_ref().map(|folder| folder.join("spool").join(&self.name))
    }
}

/// Gathers rows; [`SqliteCommitter`] brings them into the table.
pub struct SqliteSink {
    options: SqliteOptions,
    spool: Option<Spool>,
    /// Something was handed over for the table: what [`Mode`] asks of the first rows has been asked.
    started: bool,
    /// The last one that was prepared.
    checkpoint: u64,
}

impl SqliteSink {
    /// Nothing is touched before [`Writer::open`].
    pub fn new(options: SqliteOptions) -> SqliteSink {
        SqliteSink { options, spool: None, started: false, checkpoint: 0 }
    }

    /// Looks at the database, if it is there: whether it will take the rows.
    fn check(&self, first: bool) -> Result<()> {
        let options = &self.options;
        database::make_folder(&*options.storage, &options.path)?;
        match Database::existing(&options.path)? {
            Some(database) => options.target().check(&database, first.then_some(options.mode)),
            None => Ok(()),
        }
    }

    /// The file that takes rows now; made with the first of them.
    fn spool(&mut self) -> Result<&mut Spool> {
        let options = &self.options;
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => match options.spools() {
                Some(folder) => Spool::create(&options.storage, &folder)?,
                None => Spool::beside(&options.storage, &options.path)?,
            },
        };
        Ok(self.spool.insert(spool))
    }

    fn pending(&self, checkpoint: u64, spool: Option<&Closed>) -> Pending {
        Pending {
            spool: spool.map(|s| format!("spool/{}/{}", self.options.name, s.name)),
            checkpoint,
            lineage: self.options.run.lineage.clone(),
            bytes: spool.map_or(0, |s| s.bytes),
            xxh3: spool.map(|s| s.xxh3).unwrap_or_default(),
            first: !self.started,
            columns: self.options.target().columns,
        }
    }

    fn drop_spool(&mut self) {
        if let Some(spool) = self.spool.take() {
            spool.remove();
        }
    }
}

impl Writer for SqliteSink {
    /// Errors (class Job): not a database, a table that does not take the rows or, under [`Mode::New`], is there;
    /// (class External) whatever the system refuses.
    fn open(&mut self, _header: Bytes) -> Result<()> {
        self.check(true)?;
        if let Some(folder) = self.options.spools() {
            // All that earlier runs had pending is committed or given up.
            spool::remove(&*self.options.storage, &folder, |_| true)?;
        }
        Ok(())
    }

    /// Spools that no checkpoint knows are removed.
    fn restore(&mut self, state: &Value, _header: Bytes) -> Result<()> {
        let state = State::read(state)?;
        self.check(!state.started)?;
        (self.started, self.checkpoint) = (state.started, state.checkpoint);
        let Some(folder) = self.options.spools() else { return Err(no_folder()) };
        spool::remove(&*self.options.storage, &folder, |file| {
            file.is_none_or(|(lineage, checkpoint)| lineage == state.lineage && checkpoint > state.checkpoint)
        })
    }

    /// Spools are named for lineage and checkpoint; without rows, none is made. The table is made at the end, also
    /// when there were no rows.
    fn prepare(&mut self, checkpoint: u64, end: bool) -> Result<Prepared> {
        let Some(folder) = self.options.spools() else { return Err(no_folder()) };
        crash::point("sqlite-before-prepare");
        let lineage = self.options.run.lineage.clone();
        let closed = match self.spool.take() {
            Some(spool) => Some(spool.close(&folder, &lineage, checkpoint)?),
            None => None,
        };
        crash::point("sqlite-after-prepare");
        let mut pending = None;
        if closed.is_some() || (end && !self.started) {
            pending = Some(self.pending(checkpoint, closed.as_ref()).write()?);
            self.started = true;
        }
        self.checkpoint = checkpoint;
        let state = State { lineage, checkpoint, started: self.started }.write()?;
        Ok(Prepared { state, pending, durable: closed.map(|closed| closed.durable(&self.options)) })
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        let taken = std::mem::take(data);
        if !taken.is_empty() {
            self.spool()?.write(&taken)?;
        }
        Ok(Wrote::Done)
    }

    /// Nobody reads a spool before it is closed.
    fn flush(&mut self) -> Result<Wrote> {
        Ok(Wrote::Done)
    }

    /// All rows since the last checkpoint, or since the start, in one transaction.
    fn commit(&mut self) -> Result<()> {
        let closed = match self.spool.take() {
            Some(spool) => Some(spool.close_in_place()?),
            None => None,
        };
        if closed.is_none() && self.started {
            return Ok(());
        }
        let path = closed.as_ref().map(|closed| closed.path.clone());
        let pending = self.pending(self.checkpoint, closed.as_ref());
        let applied = apply(&self.options, &pending, path.as_deref(), false);
        if let Some(path) = &path {
            let _ = self.options.storage.remove(path);
        }
        self.started = true;
        applied
    }

    fn abort(&mut self) {
        self.drop_spool();
    }

    /// Rows that no checkpoint holds are read again.
    fn release(&mut self) {
        self.drop_spool();
    }
}

impl Drop for SqliteSink {
    fn drop(&mut self) {
        self.drop_spool();
    }
}

fn no_folder() -> Error {
    Error::internal("a checkpoint of a sqlite sink without a state folder")
}

/// The path as messages have it.
fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}

#[cfg(test)]
mod tests;
