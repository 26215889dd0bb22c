//! Bringing spools into the database, each once.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::database::{Database, make_folder};
use super::table::{Table, TableColumn, quoted};
use super::{COMMITS, Mode, SqliteOptions, no_folder, shown, spool};
use crate::connect::{Committer, Rewind, Rewound};
use crate::error::{Error, Result};
use crate::storage::crash;

/// What a checkpoint holds of the writer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub lineage: String,
    pub checkpoint: u64,
    /// Something was handed over.
    pub started: bool,
}

/// A transaction that is to be done once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Path within the state folder; `None`: there are no rows.
    pub spool: Option<String>,
    pub checkpoint: u64,
    pub lineage: String,
    pub bytes: u64,
    /// xxh3-64 of the spool.
    pub xxh3: u64,
    /// Nothing was handed over before: the mode counts.
    pub first: bool,
    /// Of the rows in the spool.
    pub columns: Vec<TableColumn>,
}

impl State {
    pub fn read(value: &Value) -> Result<State> {
        State::deserialize(value).map_err(unreadable)
    }

    pub fn write(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(unreadable)
    }
}

impl Pending {
    pub fn write(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(unreadable)
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::external(format!("the checkpoint does not say what a sqlite sink has written: {error}"))
        .note("was it written by another version of flott, or while the sink was of another type?")
}

/// Puts the rows of `spool` into the table and, with `note`, notes the checkpoint; or does nothing if that is noted.
pub fn apply(options: &SqliteOptions, pending: &Pending, spool: Option<&Path>, note: bool) -> Result<()> {
    make_folder(&*options.storage, &options.path)?;
    let database = Database::create(&options.path)?;
    let failed = |e| database.failed(e);
    // Begun as a writer: one that began as a reader could not wait for others. Dropped, it is rolled back.
    let transaction =
        Transaction::new_unchecked(&database.connection, TransactionBehavior::Immediate).map_err(failed)?;
    if note && recorded(options, &database, &pending.lineage)?.is_some_and(|done| done >= pending.checkpoint) {
        return Ok(());
    }
    let columns = pending.columns.clone();
    let table = Table { name: options.table.clone(), columns, key: Vec::new() }.with_key(&options.key);
    table.make(&database, pending.first.then_some(options.mode))?;
    if let Some(spool) = spool {
        let mut rows = table.rows(&database)?;
        let size = (pending.bytes, pending.xxh3);
        spool::read(&*options.storage, spool, size, table.columns.len(), |number, cells| rows.put(number, cells))?;
    }
    if note {
        record(options, &database, pending)?;
    }
    crash::point("sqlite-before-commit");
    transaction.commit().map_err(failed)
}

fn record(options: &SqliteOptions, database: &Database, pending: &Pending) -> Result<()> {
    let commits = quoted(COMMITS);
    let make = format!(
        "CREATE TABLE IF NOT EXISTS {commits} (sink TEXT, lineage TEXT, checkpoint INTEGER, \
         PRIMARY KEY (sink, lineage))"
    );
    database.connection.execute_batch(&make).map_err(|e| database.failed(e))?;
    let checkpoint = i64::try_from(pending.checkpoint).map_err(|_| Error::internal("a checkpoint beyond 2^63"))?;
    let note = format!("INSERT OR REPLACE INTO {commits} VALUES (?1, ?2, ?3)");
    let values = params![options.name, pending.lineage, checkpoint];
    database.connection.execute(&note, values).map(|_| ()).map_err(|e| database.failed(e))
}

/// The last checkpoint of the lineage that is in the database.
fn recorded(options: &SqliteOptions, database: &Database, lineage: &str) -> Result<Option<u64>> {
    let failed = |e| database.failed(e);
    let connection = &database.connection;
    if !connection.table_exists(None, COMMITS).map_err(failed)? {
        return Ok(None);
    }
    let sql = format!("SELECT checkpoint FROM {} WHERE sink = ?1 AND lineage = ?2", quoted(COMMITS));
    let found = connection.query_row(&sql, [&options.name, lineage], |row| row.get::<_, i64>(0)).optional();
    Ok(found.map_err(failed)?.and_then(|checkpoint| u64::try_from(checkpoint).ok()))
}

/// Acts on what manifests say of a sqlite sink.
pub struct SqliteCommitter {
    options: SqliteOptions,
}

impl SqliteCommitter {
    pub fn new(options: SqliteOptions) -> SqliteCommitter {
        SqliteCommitter { options }
    }

    /// Of the lineages that may have written since, the last checkpoint behind `to` that is in the database.
    fn written_since(&self, to: Option<&State>, rewind: &Rewind) -> Result<Option<u64>> {
        let Some(database) = Database::existing(&self.options.path)? else { return Ok(None) };
        let mut lineages: Vec<String> = to.iter().map(|state| state.lineage.clone()).collect();
        for state in rewind.later.iter().chain(rewind.base) {
            lineages.push(State::read(state)?.lineage);
        }
        let mut last = None;
        for lineage in lineages {
            // All that another lineage has written came behind the checkpoint.
            let kept = to.filter(|state| state.lineage == lineage).map(|state| state.checkpoint);
            let done = recorded(&self.options, &database, &lineage)?;
            last = last.max(done.filter(|done| kept.is_none_or(|kept| *done > kept)));
        }
        Ok(last)
    }

    /// Why rows that are in the database cannot stay there, if there are any.
    fn refusal(&self, to: Option<&State>, rewind: &Rewind) -> Result<Option<String>> {
        let options = &self.options;
        // A row with a key takes the place of its equal; a table that starts empty loses all rows of before.
        let repeatable = !options.key.is_empty() || (to.is_none_or(|s| !s.started) && options.mode == Mode::Replace);
        // Rows that are in the table cannot be told from others any more: only what is discarded as a whole is forced.
        if repeatable || (rewind.force && to.is_none()) {
            return Ok(None);
        }
        let last = self.written_since(to, rewind)?;
        let place = format!("table `{}` of {}", options.table, shown(&options.path));
        Ok(last.map(|checkpoint| {
            format!(
                "rows up to checkpoint {checkpoint} are in {place}, and without a `key` they would be inserted twice"
            )
        }))
    }
}

impl Committer for SqliteCommitter {
    /// Errors (class External): locked, full, a spool is lost; (class Data): the table does not take a row, which is
    /// named; (class Job): the table has changed.
    fn commit(&mut self, pending: &Value) -> Result<()> {
        let pending = Pending::deserialize(pending).map_err(unreadable)?;
        let Some(folder) = &self.options.run.folder else { return Err(no_folder()) };
        let spool = pending.spool.as_ref().map(|name| folder.join(name));
        crash::point("sqlite-before-transaction");
        apply(&self.options, &pending, spool.as_deref(), true)?;
        crash::point("sqlite-after-commit");
        if let Some(spool) = &spool {
            spool::remove_file(&*self.options.storage, spool)?;
            crash::point("sqlite-after-remove");
        }
        Ok(())
    }

    /// What was not committed goes; committed rows can stay if they would come again in their place.
    fn rewind(&mut self, rewind: &Rewind) -> Result<Rewound> {
        let to = rewind.to.map(State::read).transpose()?;
        if let Some(words) = self.refusal(to.as_ref(), rewind)? {
            return Ok(Rewound::Refused(words));
        }
        if rewind.ask {
            return Ok(Rewound::Done);
        }
        if let Some(folder) = self.options.spools() {
            let kept = to.map_or(0, |state| state.checkpoint);
            let gone = |file: Option<(&str, u64)>| file.is_none_or(|(_, checkpoint)| checkpoint > kept);
            spool::remove(&*self.options.storage, &folder, gone)?;
        }
        Ok(Rewound::Done)
    }
}
