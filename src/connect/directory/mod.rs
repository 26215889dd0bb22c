//! A folder of part files as a sink: hidden while they are written, visible once their checkpoint is complete.
//!
//! A part is **in progress** (hidden, being written), then **closed** by its size or age (still hidden, pending in
//! the next checkpoint), then **visible** (renamed, once that checkpoint is complete). Its visible name says which
//! run and which checkpoint it belongs to, so that going back finds what came later without asking anybody. Rows of
//! a partition go into a folder of their own. Replacing a folder means writing another one beside it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::connect::output::{
    Extent, Handle, Lasting, NewEncoder, folder_error, from_json, job_mark, make_folders, open_existing, to_json,
    write_error,
};
use crate::connect::{Committer, Prepared, Run, Writer, Wrote};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::storage::{Storage, crash};

mod committer;
mod names;
mod part;
mod partition;
mod state;
mod target;
mod tree;

pub use committer::DirectoryCommitter;
pub use partition::{Partitioner, Stretch};
pub use target::check_target;

use names::Names;
use part::Part;
use state::{OpenPart, Pending, Place, Rename, State};
use tree::Tree;

/// Parts that are open at once; the one that was written to least recently is closed then.
const OPEN_MAX: usize = 64;
/// Bytes of rows that all open parts of columns hold back together.
const HELD_MAX: usize = 256 << 20;

/// What becomes of a folder that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It must be empty.
    #[default]
    New,
    /// Parts are added.
    Append,
    /// It is replaced at the end by one written beside it.
    Replace,
}

/// When a part is closed. Times are wall time, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roll {
    /// Bytes.
    pub size: u64,
    /// Since it was opened.
    pub time: i64,
    /// Since it was last written to.
    pub idle: i64,
}

impl Default for Roll {
    fn default() -> Roll {
        Roll { size: 128 << 20, time: 60_000_000, idle: 60_000_000 }
    }
}

/// What a directory sink is made of.
#[derive(Clone)]
pub struct DirectoryOptions {
    pub path: PathBuf,
    pub mode: Mode,
    pub roll: Roll,
    /// Part files are called so.
    pub prefix: String,
    /// Of part files, without the dot.
    pub extension: String,
    /// Parts are packed: each has a member behind each checkpoint.
    pub gzip: bool,
    /// Write `_SUCCESS` at the end.
    pub success_file: bool,
    /// Rows come as they are, and are made into files of columns. A part is then closed at each checkpoint: it is
    /// whole only with what stands at its end.
    pub columns: Option<NewEncoder>,
    pub storage: Arc<dyn Storage>,
}

impl DirectoryOptions {
    fn tree(&self) -> Tree {
        let names = Names { prefix: self.prefix.clone(), extension: self.extension.clone() };
        Tree { storage: self.storage.clone(), names, success_file: self.success_file }
    }
}

/// Writes the parts.
pub struct Directory {
    options: DirectoryOptions,
    run: Run,
    tree: Tree,
    header: Bytes,
    /// Where parts go, once open.
    place: Option<Place>,
    created: bool,
    /// Folders this writer has made, outermost first.
    made: Vec<PathBuf>,
    /// Of the rows that come next.
    partition: Arc<str>,
    parts: BTreeMap<Arc<str>, Part>,
    /// Closed since the last checkpoint.
    closed: Vec<Closed>,
    lineages: Vec<String>,
    /// What tells hidden parts of this job from those of others: nobody else writes them, so those that no
    /// checkpoint names are left over.
    mark: String,
    next: u64,
    now: i64,
    writes: u64,
    lasting: Lasting,
    /// A checkpoint may hold what was written: it is not undone unless that is asked for.
    held: bool,
}

struct Closed {
    partition: Arc<str>,
    name: String,
    number: u64,
    length: u64,
}

impl Directory {
    /// Nothing is touched before [`Writer::open`].
    pub fn new(options: DirectoryOptions, mut run: Run) -> Directory {
        if run.lineage.is_empty() {
            run.lineage = target::lineage_of_now();
        }
        Directory {
            tree: options.tree(),
            lineages: vec![run.lineage.clone()],
            mark: run.folder.as_deref().map_or_else(|| run.lineage.clone(), job_mark),
            options,
            run,
            header: Bytes::new(),
            place: None,
            created: false,
            made: Vec::new(),
            partition: "".into(),
            parts: BTreeMap::new(),
            closed: Vec::new(),
            next: 0,
            now: 0,
            writes: 0,
            lasting: Lasting::default(),
            held: false,
        }
    }

    fn place(&self) -> Result<&Place> {
        let unopened = || Error::internal(format!("{} is written before it is open", self.options.path.display()));
        self.place.as_ref().ok_or_else(unopened)
    }

    fn failed(&self) -> impl Fn(io::Error) -> Error + use<> {
        let path = self.options.path.clone();
        move |e| write_error(&path, &e)
    }

    fn make_folder(&mut self, folder: &Path) -> Result<()> {
        let made = make_folders(&self.options.storage, folder).map_err(|e| folder_error(folder, &e))?;
        made.iter().for_each(|folder| self.lasting.made(folder));
        self.made.extend(made);
        Ok(())
    }

    /// The part that rows go to now.
    fn part(&mut self) -> Result<&mut Part> {
        let partition = self.partition.clone();
        if self.parts.get(&partition).is_some_and(|part| self.is_old(part)) {
            self.close(&partition)?;
        }
        if !self.parts.contains_key(&partition) {
            self.open_part(partition.clone())?;
        }
        self.parts.get_mut(&partition).ok_or_else(|| Error::internal("a part that was just opened is missing"))
    }

    fn open_part(&mut self, partition: Arc<str>) -> Result<()> {
        if self.parts.len() >= OPEN_MAX
            && let Some(least) = self.parts.values().min_by_key(|part| part.used).map(|part| part.partition.clone())
        {
            self.close(&least)?;
        }
        let folder = self.place()?.root().join(&*partition);
        self.make_folder(&folder)?;
        let (number, name) = (self.next, self.tree.names.hidden(&self.mark, self.next));
        let path = folder.join(&name);
        let file = self.options.storage.create_new(&path).map_err(|e| write_error(&path, &e))?;
        crash::point("directory-after-create");
        self.made_part(&path)?;
        self.next += 1;
        let mut part = Part::new(partition.clone(), name, number, file, 0, self.options.gzip);
        (part.opened, part.written) = (self.now, self.now);
        part.take(&self.header).map_err(|e| write_error(&path, &e))?;
        part.columns = self.options.columns.as_ref().map(|new| new(false)).transpose()?;
        part.encode(&path, |encoder, out| encoder.begin(out))?;
        self.parts.insert(partition, part);
        Ok(())
    }

    /// The names of a part and of the folders it is in are to last: a run that was killed may have made those.
    fn made_part(&self, path: &Path) -> Result<()> {
        let root = self.place()?.root();
        path.ancestors().take_while(|at| *at != root).for_each(|at| self.lasting.made(at));
        Ok(())
    }

    fn is_old(&self, part: &Part) -> bool {
        let Roll { time, idle, .. } = self.options.roll;
        self.now.saturating_sub(part.opened) >= time || self.now.saturating_sub(part.written) >= idle
    }

    /// Nothing more is written to this part: it is made visible by the next checkpoint.
    fn close(&mut self, partition: &str) -> Result<()> {
        let Some(mut part) = self.parts.remove(partition) else { return Ok(()) };
        let path = self.place()?.root().join(partition).join(&part.name);
        part.encode(&path, |encoder, out| encoder.finish(out))?;
        part.cut().map_err(|e| write_error(&path, &e))?;
        self.lasting.closed(&path);
        crash::point("directory-after-roll");
        let Part { partition, name, number, length, .. } = part;
        self.closed.push(Closed { partition, name, number, length });
        Ok(())
    }

    fn close_all(&mut self, only_old: bool) -> Result<()> {
        let wanted = self.parts.values().filter(|part| !only_old || self.is_old(part));
        let partitions: Vec<Arc<str>> = wanted.map(|part| part.partition.clone()).collect();
        partitions.iter().try_for_each(|partition| self.close(partition))
    }

    /// What was closed, under the names that `checkpoint` gives.
    fn pending(&mut self, checkpoint: u64, end: bool) -> Result<Pending> {
        let place = self.place()?.clone();
        let renames = std::mem::take(&mut self.closed).into_iter().map(|part| Rename {
            partition: part.partition.to_string(),
            to: self.tree.names.visible(&self.run.lineage, checkpoint, part.number),
            from: part.name,
            length: part.length,
        });
        Ok(Pending { place, lineages: self.lineages.clone(), renames: renames.collect(), end })
    }

    /// Pushes out all open parts: how far they are, and handles to sync them by.
    fn push_all(&mut self) -> Result<(Vec<OpenPart>, Vec<Handle>)> {
        let root = self.place()?.root().to_owned();
        let (mut parts, mut handles) = (Vec::new(), Vec::new());
        for part in self.parts.values_mut() {
            let path = root.join(&*part.partition).join(&part.name);
            let mut push = || -> io::Result<()> {
                part.cut()?;
                let extent = Extent::of(&*part.file, part.length)?;
                let (partition, name) = (part.partition.to_string(), part.name.clone());
                parts.push(OpenPart { partition, name, number: part.number, extent });
                handles.push((path.clone(), part.file.duplicate()?));
                Ok(())
            };
            push().map_err(|e| write_error(&path, &e))?;
        }
        Ok((parts, handles))
    }

    /// Rows that parts hold back are written where they are the most, if they are too many.
    fn limit_held(&mut self) -> Result<()> {
        let held = |part: &Part| part.columns.as_ref().map_or(0, |encoder| encoder.held());
        if self.parts.values().map(held).sum::<usize>() <= HELD_MAX {
            return Ok(());
        }
        let root = self.place()?.root().to_owned();
        let Some(part) = self.parts.values_mut().max_by_key(|part| held(part)) else { return Ok(()) };
        let path = root.join(&*part.partition).join(&part.name);
        part.encode(&path, |encoder, out| encoder.cut(out))
    }

    /// Opens the parts that a checkpoint holds.
    fn reopen(&mut self, root: &Path, state: &State) -> Result<()> {
        if self.options.columns.is_some() && !state.parts.is_empty() {
            return Err(Error::job("the format of the sink has changed since its parts were begun")
                .note("change it back, give the sink another name, or start over with --fresh"));
        }
        for open in &state.parts {
            let partition: Arc<str> = open.partition.as_str().into();
            let path = root.join(&open.partition).join(&open.name);
            let file = open_existing(&*self.options.storage, &path).map_err(|e| write_error(&path, &e))?;
            let gone = || Error::external(format!("{} is gone", path.display()));
            let file = file.ok_or_else(gone)?;
            self.made_part(&path)?;
            let (name, length) = (open.name.clone(), open.extent.length);
            let mut part = Part::new(partition.clone(), name, open.number, file, length, self.options.gzip);
            (part.opened, part.written) = (self.now, self.now);
            self.parts.insert(partition, part);
        }
        Ok(())
    }
}

impl Writer for Directory {
    /// Errors: not a folder, one that is not empty under [`Mode::New`], or one with files of others under
    /// [`Mode::Replace`] (class Job); whatever the system refuses (class External).
    fn open(&mut self, header: Bytes) -> Result<()> {
        check_target(&self.options)?;
        self.header = header;
        let place = target::place(&self.options, &self.run)?;
        let kind = self.options.storage.kind(&self.options.path).map_err(self.failed())?;
        self.created = kind.is_none();
        if let Some(beside) = &place.beside {
            self.tree.remove_tree(&beside.new).map_err(self.failed())?;
        }
        let root = place.root().to_owned();
        self.place = Some(place);
        self.make_folder(&root)?;
        self.tree.take_back(&root, None, std::slice::from_ref(&self.mark)).map_err(self.failed())
    }

    /// Errors: the job file says something else of the sink now (class Job); a part is gone, shorter, or not what
    /// was written (class External).
    fn restore(&mut self, state: &Value, header: Bytes) -> Result<()> {
        let state: State = from_json(state)?;
        target::check_same(&self.options, &state)?;
        self.held = true;
        self.header = header;
        let root = state.place.root().to_owned();
        self.make_folder(&root)?;
        target::check_parts(&self.tree, &state)?;
        let goes_on = state.lineages.last() == Some(&self.run.lineage);
        // A new lineage leaves what the old one wrote since: it was taken back before, or is to stay.
        let lineages = if goes_on { &state.lineages } else { &self.lineages };
        let ours = [&lineages[..], &[self.mark.clone(), state.mark.clone()]].concat();
        self.tree.take_back(&root, Some(&state), &ours).map_err(self.failed())?;
        if state.created || state.place.beside.is_some() {
            self.lasting.made(&root);
        }
        self.place = Some(state.place.clone());
        self.reopen(&root, &state)?;
        self.lineages = state.lineages;
        if !goes_on {
            self.lineages.push(self.run.lineage.clone());
        }
        (self.created, self.next) = (state.created, state.next);
        Ok(())
    }

    fn prepare(&mut self, checkpoint: u64, end: bool) -> Result<Prepared> {
        self.held = true;
        self.close_all(!end && self.options.columns.is_none())?;
        let (parts, handles) = self.push_all()?;
        let pending = self.pending(checkpoint, end)?;
        let durable = self.run.power.then(|| self.lasting.work(&self.options.storage, handles));
        let state = State {
            place: pending.place.clone(),
            lineages: self.lineages.clone(),
            mark: self.mark.clone(),
            checkpoint,
            next: self.next,
            parts,
            created: self.created,
            ended: end,
        };
        let pending = if end || !pending.renames.is_empty() { Some(to_json(&pending)?) } else { None };
        Ok(Prepared { state: to_json(&state)?, pending, durable })
    }

    fn tick(&mut self, now: i64) {
        if self.now == 0 {
            self.parts.values_mut().for_each(|part| (part.opened, part.written) = (now, now));
        }
        self.now = now;
    }

    fn partition(&mut self, partition: &str) -> Result<()> {
        if *self.partition != *partition {
            // One that is open has its name in memory already.
            let known = self.parts.get_key_value(partition).map(|(name, _)| name.clone());
            self.partition = known.unwrap_or_else(|| partition.into());
        }
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        let taken = std::mem::take(data);
        if taken.is_empty() {
            return Ok(Wrote::Done);
        }
        self.writes += 1;
        let (now, writes, failed) = (self.now, self.writes, self.failed());
        let part = self.part()?;
        (part.written, part.used) = (now, writes);
        part.take(&taken).map_err(failed)?;
        if part.length >= self.options.roll.size {
            let partition = self.partition.clone();
            self.close(&partition)?;
        }
        Ok(Wrote::Done)
    }

    fn rows(&mut self, batch: &Batch) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        self.writes += 1;
        let (now, writes, partition) = (self.now, self.writes, self.partition.clone());
        self.part()?;
        let root = self.place()?.root().to_owned();
        let Some(part) = self.parts.get_mut(&partition) else { return Ok(()) };
        (part.written, part.used) = (now, writes);
        let path = root.join(&*partition).join(&part.name);
        part.encode(&path, |encoder, out| encoder.rows(batch, out))?;
        if part.length >= self.options.roll.size {
            self.close(&partition)?;
        }
        self.limit_held()
    }

    fn flush(&mut self) -> Result<Wrote> {
        let failed = self.failed();
        self.parts.values_mut().try_for_each(|part| part.push()).map_err(failed)?;
        Ok(Wrote::Done)
    }

    fn commit(&mut self) -> Result<()> {
        self.close_all(false)?;
        let pending = self.pending(0, true)?;
        DirectoryCommitter::new(self.options.clone()).commit(&to_json(&pending)?)?;
        self.place = None;
        Ok(())
    }

    /// Undoing is best effort: the job has failed already, and its own error is the one to show.
    fn abort(&mut self) {
        self.parts.clear();
        if let Some(place) = self.place.take() {
            let ours = [self.run.lineage.clone(), self.mark.clone()];
            let _ = self.tree.take_back(place.root(), None, &ours);
            for folder in self.made.drain(..).rev() {
                let _ = self.tree.remove_empty(&folder);
            }
        }
    }

    fn release(&mut self) {
        self.parts.clear();
        self.place = None;
    }
}

impl Drop for Directory {
    /// A sink that was neither committed nor aborted leaves nothing behind, unless a checkpoint may need it.
    fn drop(&mut self) {
        if !self.held {
            self.abort();
        }
    }
}
