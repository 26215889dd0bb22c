//! The checkpoints of a job: written, found, taken away.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrays;
use super::file::{self, failed};
use super::folder::{self, MANIFEST, STATE_FILE, TEMPORARY};
use super::manifest::{FORMAT, FileInfo, Manifest, OperatorSnapshot, OperatorState, Segment, Snapshot, TableState};
use super::rows::{Files, Opened, behind_each_other};
use super::segments::{self, Before};
use crate::data::{Column, rowkey};
use crate::error::{Error, Result};
use crate::state::table::{FrozenTable, TableShape};
use crate::storage::{Storage, crash};

/// The state folder of one job. One process has it open at a time; the caller holds the lock.
pub struct Store {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) folder: PathBuf,
    /// Newest complete checkpoints that stay.
    pub(super) retain: usize,
    /// What is complete survives a power cut, not only the end of the process.
    pub(super) power: bool,
    /// The newest complete checkpoint, as far as is known: what lies there is not written again.
    pub(super) last: Option<Manifest>,
    /// Numbers of checkpoints whose files are not what their manifests say.
    pub(super) damaged: BTreeSet<u64>,
    /// [`Store::last_written`].
    written: Option<u64>,
    /// Rows of each subtask in that checkpoint, by operator and table: for tables without key.
    shares: Shares,
    /// The folders above are known to last.
    anchored: bool,
    /// The next number, once it is known.
    next: Option<u64>,
}

/// Errors of syncing a folder that is not ours.
const FOREIGN: [ErrorKind; 4] =
    [ErrorKind::PermissionDenied, ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::ReadOnlyFilesystem];

type Shares = BTreeMap<(String, String), Vec<usize>>;

/// A checkpoint that has become complete.
#[derive(Debug)]
pub struct Written {
    /// Its folder.
    pub path: PathBuf,
    pub manifest: Manifest,
    pub bytes_written: u64,
    /// Bytes of all files that the checkpoint consists of, earlier ones too.
    pub bytes_total: u64,
    /// Number of files written.
    pub files: usize,
}

/// What [`Store::newest`] found.
#[derive(Debug)]
pub struct Found {
    pub manifest: Manifest,
    /// Its folder.
    pub path: PathBuf,
    /// Newer ones that cannot be used, newest first, and why.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// A checkpoint in [`Store::list`].
#[derive(Debug)]
pub struct Listed {
    pub checkpoint: u64,
    pub path: PathBuf,
    /// `None`: it was never completed. Its files are not compared with it; [`verify`] does.
    pub manifest: Option<Result<Manifest>>,
}

impl Store {
    /// A state folder. It is made when the first checkpoint is written.
    ///
    /// `retain`: complete checkpoints that stay, at least 1. `power`: sync what is written.
    pub fn open(storage: Arc<dyn Storage>, folder: PathBuf, retain: usize, power: bool) -> Store {
        let retain = retain.max(1);
        Store {
            storage,
            folder,
            retain,
            power,
            last: None,
            damaged: BTreeSet::new(),
            written: None,
            shares: Shares::new(),
            anchored: false,
            next: None,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Number of the checkpoint that [`FrozenTable::Unchanged`] of the next snapshot refers to: the last one handed
    /// over, if it was written. `None` after a failure and at the start: then all tables have to be frozen with their
    /// rows.
    pub fn last_written(&self) -> Option<u64> {
        self.written
    }

    /// A number greater than that of any checkpoint the folder has seen, complete or not.
    pub fn next_number(&mut self) -> Result<u64> {
        if let Some(next) = self.next {
            return Ok(next);
        }
        let newest = folder::numbers(&*self.storage, &self.folder)?.last().copied();
        let next = newest.map_or(0, |n| n.saturating_add(1));
        self.next = Some(next);
        Ok(next)
    }

    /// All checkpoints that have a folder, oldest first.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let entries = folder::scan(&*self.storage, &self.folder)?;
        let listed = entries.into_iter();
        Ok(listed.map(|e| Listed { checkpoint: e.checkpoint, path: e.path, manifest: e.manifest }).collect())
    }

    /// The newest complete checkpoint; every byte of it has been compared with its manifest. With `power`, it will
    /// survive a power cut from now on, even if its writer died before it saw to that.
    pub fn newest(&mut self) -> Result<Option<Found>> {
        let mut skipped = Vec::new();
        for entry in folder::scan(&*self.storage, &self.folder)?.into_iter().rev() {
            let Some(manifest) = entry.manifest else { continue };
            let checked = manifest
                .and_then(|m| folder::check(&*self.storage, &entry.path, &m.files).map(|()| m))
                .and_then(|m| check_place(&m, entry.checkpoint).map(|()| m));
            match checked {
                Err(why) => {
                    self.damaged.insert(entry.checkpoint);
                    skipped.push((entry.path, why));
                }
                Ok(manifest) => {
                    self.settle(&manifest, &entry.path)?;
                    self.last.get_or_insert_with(|| manifest.clone());
                    return Ok(Some(Found { manifest, path: entry.path, skipped }));
                }
            }
        }
        Ok(None)
    }

    /// Syncs all of a checkpoint that this process has not written.
    fn settle(&mut self, manifest: &Manifest, path: &Path) -> Result<()> {
        if !self.power || self.last.as_ref().is_some_and(|last| last.checkpoint == manifest.checkpoint) {
            return Ok(());
        }
        self.anchor()?;
        let names = manifest.files.keys().map(|name| folder::path_of(path, name));
        let files: Vec<PathBuf> = names.chain([path.join(MANIFEST)]).collect();
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        for file in &files {
            let opened = self.storage.open_append(file).map_err(|e| failed("open", file, &e))?;
            { opened }.sync().map_err(|e| failed("sync", file, &e))?;
        }
        for folder in folders.into_iter().chain([self.folder.as_path()]) {
            self.storage.sync_folder(folder).map_err(|e| failed("sync", folder, &e))?;
        }
        Ok(())
    }

    /// Writes a checkpoint. When this returns, it is complete, and checkpoints beyond `retain` are gone.
    ///
    /// Errors: it is not complete and never will be; its number is not used again. Complete ones are as they were.
    pub fn write(&mut self, snapshot: Snapshot) -> Result<Written> {
        let number = snapshot.checkpoint;
        let next = self.next_number()?;
        if number < next {
            return Err(Error::internal(format!("checkpoint {number} is written, but the next number is {next}")));
        }
        self.next = Some(number + 1);
        if self.last.is_none() {
            // What lies there needs not be written again.
            self.newest()?;
        }
        let before = self.written.take();
        let path = self.folder.join(folder::name_of(number));
        match self.write_all(snapshot, &path, before.is_some()) {
            Ok((written, shares)) => {
                (self.last, self.written, self.shares) = (Some(written.manifest.clone()), Some(number), shares);
                crash::point("checkpoint-before-retire");
                // What stays too long is tried again next time; this checkpoint is complete all the same.
                let _ = self.retire();
                crash::point("checkpoint-after-retire");
                Ok(written)
            }
            Err(e) => {
                self.forget(&path);
                Err(e)
            }
        }
    }

    fn write_all(&mut self, snapshot: Snapshot, path: &Path, unchanged: bool) -> Result<(Written, Shares)> {
        self.make_folder(path)?;
        crash::point("checkpoint-before-files");
        let mut writing = Writing {
            store: &*self,
            path,
            unchanged,
            manifest: manifest_of(&snapshot),
            old_files: self.old_files(),
            opened: Opened::default(),
            names: BTreeSet::new(),
            shares: Shares::new(),
            bytes: 0,
        };
        for (name, operator) in snapshot.operators {
            writing.operator(name, operator)?;
        }
        crash::point("checkpoint-after-files");
        let Writing { manifest, names, shares, mut bytes, .. } = writing;
        if self.power {
            // The files have to be found before the manifest that names them.
            for folder in [path, &self.folder] {
                self.storage.sync_folder(folder).map_err(|e| failed("sync", folder, &e))?;
            }
        }
        bytes += folder::commit(&*self.storage, path, &manifest, self.power)?;
        let bytes_total = manifest.files.values().map(|info| info.bytes).sum();
        let path = path.to_owned();
        Ok((Written { path, manifest, bytes_written: bytes, bytes_total, files: names.len() }, shares))
    }

    /// Makes the folder of a checkpoint, and with `power` the way to it lasting.
    pub(super) fn make_folder(&mut self, path: &Path) -> Result<()> {
        self.storage.create_folders(path).map_err(|e| failed("create", path, &e))?;
        self.anchor()
    }

    /// Makes the state folder itself lasting, once. Which of the folders above it are new, and whether somebody has
    /// synced them, nobody knows any more if an earlier process died, so all are; those that may not be opened, or
    /// know no such thing, are none that flott has made.
    fn anchor(&mut self) -> Result<()> {
        if !self.power || self.anchored {
            return Ok(());
        }
        for above in self.folder.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            match self.storage.sync_folder(above) {
                Err(e) if !FOREIGN.contains(&e.kind()) => return Err(failed("sync", above, &e)),
                _ => {}
            }
        }
        self.anchored = true;
        Ok(())
    }

    /// Files of the last checkpoint by the names that another one's manifest has for them.
    fn old_files(&self) -> BTreeMap<String, FileInfo> {
        let Some(last) = &self.last else { return BTreeMap::new() };
        let files = last.files.iter();
        files.map(|(name, info)| (folder::from_outside(last.checkpoint, name), info.clone())).collect()
    }

    /// Nothing is known of earlier checkpoints any more.
    pub(super) fn forget_last(&mut self) {
        (self.last, self.written, self.shares) = (None, None, Shares::new());
    }

    /// Removes what a failed checkpoint has left, as far as that works: its files only once its manifest is known to
    /// be gone. The empty folder stays until a later checkpoint is complete, so that its number is known to be taken.
    fn forget(&self, path: &Path) {
        let _ = self.storage.remove(&path.join(TEMPORARY));
        let manifest = path.join(MANIFEST);
        if !matches!(self.storage.kind(&manifest), Ok(None)) {
            let removed = self.storage.remove(&manifest);
            let synced = removed.and_then(|()| if self.power { self.storage.sync_folder(path) } else { Ok(()) });
            if synced.is_err() {
                return;
            }
        }
        let names = self.storage.list(path).unwrap_or_default();
        for name in names.iter().filter(|name| name.to_string_lossy().ends_with(STATE_FILE)) {
            let _ = self.storage.remove(&path.join(name));
        }
    }
}

/// Compares a checkpoint or savepoint in `path` with its manifest, byte for byte.
///
/// Errors: the first difference.
pub fn verify(storage: &dyn Storage, path: &Path) -> Result<Manifest> {
    let manifest = folder::read(storage, path)?;
    folder::check(storage, path, &manifest.files)?;
    Ok(manifest)
}

fn check_place(manifest: &Manifest, checkpoint: u64) -> Result<()> {
    match manifest.checkpoint == checkpoint {
        true => Ok(()),
        false => Err(Error::external(format!("its manifest is that of checkpoint {}", manifest.checkpoint))),
    }
}

/// A manifest without operators and files.
fn manifest_of(snapshot: &Snapshot) -> Manifest {
    Manifest {
        format: FORMAT,
        flott: env!("CARGO_PKG_VERSION").into(),
        kind: snapshot.kind,
        checkpoint: snapshot.checkpoint,
        lineage: snapshot.lineage.clone(),
        origin: None,
        created: snapshot.created,
        job: snapshot.job.clone(),
        ended: snapshot.ended,
        operators: BTreeMap::new(),
        sources: snapshot.sources.clone(),
        sinks: snapshot.sinks.clone(),
        files: BTreeMap::new(),
    }
}

/// A checkpoint while its files are written.
struct Writing<'a> {
    store: &'a Store,
    path: &'a Path,
    /// Tables may be handed over as unchanged.
    unchanged: bool,
    manifest: Manifest,
    old_files: BTreeMap<String, FileInfo>,
    opened: Opened,
    /// Of files written.
    names: BTreeSet<String>,
    shares: Shares,
    bytes: u64,
}

impl Writing<'_> {
    fn operator(&mut self, name: String, snapshot: OperatorSnapshot) -> Result<()> {
        let OperatorSnapshot { identity, watermark, finished, tables: shapes, parts } = snapshot;
        let mut frozen: Vec<Vec<FrozenTable>> = shapes.iter().map(|_| Vec::new()).collect();
        let mut scalars = Vec::new();
        for part in parts {
            if part.tables.len() != shapes.len() {
                let wrong = format!("{} tables instead of {} were frozen", part.tables.len(), shapes.len());
                return Err(Error::internal(wrong).at(name));
            }
            frozen.iter_mut().zip(part.tables).for_each(|(table, part)| table.push(part));
            scalars.push(part.scalars);
        }
        let mut tables = Vec::new();
        for (shape, parts) in shapes.iter().zip(frozen) {
            tables.push(self.table(&name, shape, parts).map_err(|e| e.at(name.as_str()))?);
        }
        let state = OperatorState { identity, watermark, finished, scalars, tables };
        self.manifest.operators.insert(name, state);
        Ok(())
    }

    fn table(&mut self, operator: &str, shape: &TableShape, parts: Vec<FrozenTable>) -> Result<TableState> {
        let key = (operator.to_owned(), shape.name.clone());
        let mut table = segments::describe(shape);
        let before = self.before(operator, &table);
        if parts.iter().all(|part| matches!(part, FrozenTable::Unchanged)) && !parts.is_empty() {
            let shares = self.share(&key, parts.len())?.clone();
            let held: u64 = before.iter().map(|segment| segment.rows).sum();
            let handed: u64 = shares.iter().map(|&rows| rows as u64).sum();
            if held != handed {
                let wrong = format!("table {} is unchanged with {handed} rows, but {held} were written", shape.name);
                return Err(Error::internal(wrong));
            }
            self.shares.insert(key, shares);
            table.segments = before;
            self.name_files(&table);
            return Ok(table);
        }
        let mut rows = Vec::new();
        let subtasks = parts.len();
        for (subtask, part) in parts.into_iter().enumerate() {
            rows.push(match part {
                FrozenTable::Rows(make) => checked(shape, make())?,
                FrozenTable::Unchanged => self.read_back(&key, subtask, subtasks)?,
            });
        }
        let count = |part: &Vec<Column>| part.first().map_or(0, Column::len);
        self.shares.insert(key, rows.iter().map(count).collect());
        rows.retain(|part| count(part) > 0);
        if let Some(columns) = behind_each_other(rows) {
            let max = self.manifest.job.max_parallelism;
            let before = Before { segments: before, files: &self.old_files };
            let cut = segments::cut(shape, &columns, max, &before)?;
            drop(columns);
            table.segments = cut.segments;
            self.write_file(operator, shape, &mut table, cut.batches)?;
        }
        self.name_files(&table);
        Ok(table)
    }

    /// The segments of this table in the last checkpoint, if it was the same table there.
    fn before(&self, operator: &str, table: &TableState) -> Vec<Segment> {
        let Some(last) = &self.store.last else { return Vec::new() };
        let Some(old) = last.table(operator, &table.name) else { return Vec::new() };
        let same = old.columns == table.columns && old.key == table.key;
        if !same || last.job.max_parallelism != self.manifest.job.max_parallelism {
            return Vec::new();
        }
        let segments = old.segments.iter().cloned();
        segments.map(|s| Segment { file: folder::from_outside(last.checkpoint, &s.file), ..s }).collect()
    }

    /// Rows of each subtask in the last snapshot.
    ///
    /// Errors (class Internal): a table is unchanged, but there is nothing it could be equal to.
    fn share(&self, key: &(String, String), subtasks: usize) -> Result<&Vec<usize>> {
        let share = self.store.shares.get(key).filter(|share| share.len() == subtasks && self.unchanged);
        share.ok_or_else(|| {
            Error::internal(format!("table {} is unchanged, but the snapshot before was not written", key.1))
        })
    }

    /// The rows that a subtask had in the last checkpoint.
    fn read_back(&self, key: &(String, String), subtask: usize, subtasks: usize) -> Result<Vec<Column>> {
        let shares = self.share(key, subtasks)?;
        let last = self.store.last.as_ref();
        let Some((last, table)) = last.and_then(|last| Some((last, last.table(&key.0, &key.1)?))) else {
            return Err(Error::internal(format!("table {} is unchanged, but the last checkpoint has none", key.1)));
        };
        let folder = self.store.folder.join(folder::name_of(last.checkpoint));
        let files = Files::new(&*self.store.storage, &folder, &last.files, &self.opened);
        let groups = rowkey::groups_of(subtask, subtasks, last.job.max_parallelism);
        let rows = files.rows(table, groups)?.unwrap_or_default();
        if !table.key.is_empty() {
            return Ok(rows);
        }
        let start = shares[..subtask].iter().sum();
        Ok(rows.iter().map(|column| column.slice(start, shares[subtask])).collect())
    }

    fn write_file(
        &mut self,
        operator: &str,
        shape: &TableShape,
        table: &mut TableState,
        batches: Vec<Vec<arrow_array::ArrayRef>>,
    ) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let name = file_name(operator, &shape.name, &self.names);
        let unwritten = table.segments.iter_mut().filter(|s| s.file.is_empty());
        for (number, segment) in unwritten.enumerate() {
            (segment.file, segment.batch) = (name.clone(), number);
        }
        let path = self.path.join(&name);
        let schema = arrays::file_schema(&shape.schema);
        let info = file::write(&*self.store.storage, &path, &schema, batches, self.store.power)?;
        crash::point("checkpoint-after-file");
        self.bytes += info.bytes;
        self.manifest.files.insert(name.clone(), info);
        self.names.insert(name);
        Ok(())
    }

    /// Puts the earlier files of a table into the manifest.
    fn name_files(&mut self, table: &TableState) {
        for segment in &table.segments {
            if let Some(info) = self.old_files.get(&segment.file) {
                self.manifest.files.insert(segment.file.clone(), info.clone());
            }
        }
    }
}

/// The columns, if they are what the shape says.
fn checked(shape: &TableShape, columns: Vec<Column>) -> Result<Vec<Column>> {
    let types = columns.iter().map(Column::data_type).eq(shape.schema.fields.iter().map(|field| field.ty));
    let even = columns.windows(2).all(|pair| pair[0].len() == pair[1].len());
    match types && even {
        true => Ok(columns),
        false => Err(Error::internal(format!("table {} was frozen with other columns than it has", shape.name))),
    }
}

/// A name for the state file of a table that every file system takes and no other has, upper or lower case.
fn file_name(operator: &str, table: &str, taken: &BTreeSet<String>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '_' };
    let name: String = format!("{operator}-{table}").chars().map(|c| if c == '-' { c } else { safe(c) }).collect();
    let name: String = name.trim_start_matches('.').chars().take(120).collect();
    let is_free = |name: &String| !taken.iter().any(|other| other.eq_ignore_ascii_case(name));
    let numbered = (2..).map(|n| format!("{name}-{n}{STATE_FILE}"));
    std::iter::once(format!("{name}{STATE_FILE}")).chain(numbered).find(is_free).unwrap_or_default()
}
