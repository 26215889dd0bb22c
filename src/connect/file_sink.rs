//! One file as a sink: replaced, appended to or new; through [`Storage`] only.
//!
//! A bounded job without checkpoints writes beside its target and renames at the end, without fsync, as any command
//! does. With checkpoints each one holds how long the file is, so what a killed run wrote behind its last one is cut
//! off; appended bytes are committed by their checkpoint being complete, a file that is replaced by a rename.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::connect::output::{
    Extent, Lasting, NewEncoder, Packing, Written, from_json, open_existing, to_json, write_error,
};
use crate::connect::{Prepared, Run, Writer, Wrote};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::format::columnar::FileEncoder;
use crate::storage::{Storage, StorageFile, crash};

mod committer;
mod state;
mod target;

pub use committer::FileCommitter;
pub use target::{Mode, check_target};

use state::{Pending, Place, State};
use target::{Target, is_descriptor};

/// What a file sink is made of.
pub struct FileSinkOptions {
    pub path: PathBuf,
    pub mode: Mode,
    /// Compress with gzip. Appending adds a member, which readers take as one file.
    pub gzip: bool,
    /// Rows come as they are, and are made into a file of columns.
    pub columns: Option<NewEncoder>,
    pub storage: Arc<dyn Storage>,
    pub run: Run,
}

/// Whether a file of this name is compressed, unless the job says otherwise.
pub fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gz"))
}

/// Writes one file.
pub struct FileSink {
    options: FileSinkOptions,
    open: Option<Open>,
    /// With checkpoints, a file that is not there is made with its first bytes: checkpoint 0 has to say before that
    /// it was not. The header it will have.
    unmade: Option<Bytes>,
    lasting: Lasting,
    /// A checkpoint may hold what was written: it is not undone unless that is asked for.
    held: bool,
}

struct Open {
    target: Target,
    file: Box<dyn StorageFile>,
    packing: Packing,
    /// Until the file is whole.
    columns: Option<Box<dyn FileEncoder>>,
    /// A pipe whose reader is gone.
    closed: bool,
}

impl FileSink {
    /// Nothing is touched before [`Writer::open`].
    pub fn new(options: FileSinkOptions) -> FileSink {
        FileSink { options, open: None, unmade: None, lasting: Lasting::default(), held: false }
    }

    fn create(&mut self, header: Bytes) -> Result<()> {
        let (target, file) = Target::open(&self.options, &self.lasting)?;
        crash::point("file-after-create");
        let wants_header = target.is_empty();
        let columns = self.encoder()?;
        self.begin(target, file, columns);
        self.encode(|encoder, out| encoder.begin(out))?;
        if wants_header {
            self.write(&mut { header })?;
        }
        Ok(())
    }

    fn begin(&mut self, target: Target, file: Box<dyn StorageFile>, columns: Option<Box<dyn FileEncoder>>) {
        self.open = Some(Open {
            target,
            file,
            packing: Packing::new(self.options.gzip, "file-after-write"),
            columns,
            closed: false,
        });
    }

    /// What makes files of columns of rows, if that is wanted.
    fn encoder(&self) -> Result<Option<Box<dyn FileEncoder>>> {
        self.options.columns.as_ref().map(|new| new(self.options.run.folder.is_some())).transpose()
    }

    /// Writes what an encoder makes. Nothing where bytes come, or the file is whole.
    fn encode(&mut self, make: impl FnOnce(&mut dyn FileEncoder, &mut Vec<u8>) -> Result<()>) -> Result<()> {
        let (path, open) = self.opened()?;
        let Some(encoder) = &mut open.columns else { return Ok(()) };
        let mut out = Vec::new();
        make(&mut **encoder, &mut out)?;
        open.run(path, |open| open.packing.take(&out, &mut *open.file)).map(drop)
    }

    /// Ends the file if it is one of columns.
    fn finish(&mut self) -> Result<()> {
        self.encode(|encoder, out| encoder.finish(out))?;
        self.opened()?.1.columns = None;
        Ok(())
    }

    /// What is open, made if need be.
    fn opened(&mut self) -> Result<(&Path, &mut Open)> {
        if let Some(header) = self.unmade.take() {
            self.create(header)?;
        }
        match &mut self.open {
            Some(open) => Ok((&self.options.path, open)),
            None => Err(Error::internal(format!("{} is written before it is open", self.options.path.display()))),
        }
    }

    fn state(&self, place: Place, extent: Extent, ended: bool) -> State {
        State { path: self.options.path.clone(), gzip: self.options.gzip, place, extent, ended }
    }

    /// The file that `state` speaks of, cut to what it holds.
    fn reopen(&self, state: &State) -> Result<Box<dyn StorageFile>> {
        let path = state.file();
        let failed = |e: io::Error| write_error(path, &e);
        let advice = "put it back, resume from another checkpoint, or start over with --fresh";
        let Some(mut file) = open_existing(&*self.options.storage, path).map_err(failed)? else {
            let message =
                format!("{} is gone; the job had written {} bytes to it", path.display(), state.extent.length);
            return Err(Error::data(message).note(advice));
        };
        if let Some(complaint) = state.extent.complaint(path, &*file).map_err(failed)? {
            return Err(Error::data(complaint).note(advice));
        }
        if file.len().map_err(failed)? > state.extent.length {
            crash::point("file-before-truncate");
            file.truncate(state.extent.length).map_err(failed)?;
            crash::point("file-after-truncate");
        }
        Ok(file)
    }
}

impl Writer for FileSink {
    /// Errors: a folder, an existing file under [`Mode::New`] or one that ends within a line under
    /// [`Mode::Append`] (class Job); whatever the system refuses (class External).
    fn open(&mut self, header: Bytes) -> Result<()> {
        let FileSinkOptions { path, mode, storage, run, .. } = &self.options;
        check_target(&**storage, path, *mode)?;
        if run.folder.is_some()
            && *mode != Mode::Replace
            && !is_descriptor(path)
            && storage.kind(path).map_err(|e| write_error(path, &e))?.is_none()
        {
            self.unmade = Some(header);
            return Ok(());
        }
        self.create(header)
    }

    /// Errors: the job file says something else of the sink now (class Job); the file is gone, shorter, or not what
    /// was written (class Data: it would be so again).
    fn restore(&mut self, state: &Value, header: Bytes) -> Result<()> {
        // A pipe or device: what is written is gone.
        if state.is_null() {
            return self.open(header);
        }
        let state: State = from_json(state)?;
        let FileSinkOptions { path, mode, gzip, storage, .. } = &self.options;
        state.check(path, *gzip, *mode == Mode::Replace)?;
        self.held = true;
        if state.unmade() && storage.kind(path).map_err(|e| write_error(path, &e))?.is_none() {
            self.unmade = Some(header);
            return Ok(());
        }
        let mut file = self.reopen(&state)?;
        // It may have been made by a run that did not get to sync its name.
        self.lasting.made(state.file());
        let target = match state.place {
            Place::Beside { temporary, target } => Target::Beside { temporary, path: target },
            Place::Grown { base, created } => Target::Grown { path: state.path, base, created },
        };
        target.lock(&mut *file)?;
        let mut columns = if state.ended { None } else { self.encoder()? };
        if let Some(encoder) = columns.as_mut().filter(|_| state.extent.length > 0) {
            encoder.resume(&Written(&*file, state.extent.length))?;
        }
        self.begin(target, file, columns);
        if state.extent.length == 0 {
            self.encode(|encoder, out| encoder.begin(out))?;
            self.write(&mut { header })?;
        }
        Ok(())
    }

    fn prepare(&mut self, checkpoint: u64, end: bool) -> Result<Prepared> {
        self.held = true;
        if checkpoint == 0 && self.unmade.is_some() {
            let state = self.state(Place::Grown { base: 0, created: true }, Extent::empty(), false);
            return Ok(Prepared { state: to_json(&state)?, ..Prepared::default() });
        }
        match end {
            true => self.finish()?,
            false => self.encode(|encoder, out| encoder.cut(out))?,
        }
        let (path, open) = self.opened()?;
        open.run(path, |open| open.packing.cut(&mut *open.file, end))?;
        let failed = |e: io::Error| write_error(path, &e);
        let place = match &open.target {
            Target::Beside { temporary, path } => Place::Beside { temporary: temporary.clone(), target: path.clone() },
            Target::Grown { base, created, .. } => Place::Grown { base: *base, created: *created },
            Target::Stream => return Ok(Prepared::default()),
        };
        let extent = Extent::of(&*open.file, open.file.len().map_err(failed)?).map_err(failed)?;
        let handle = open.file.duplicate().map_err(failed)?;
        let pending = match &place {
            Place::Beside { temporary, target } if end => {
                let (temporary, target) = (temporary.clone(), target.clone());
                Some(to_json(&Pending { temporary, target, extent: extent.clone() })?)
            }
            _ => None,
        };
        let FileSinkOptions { path, storage, run, .. } = &self.options;
        let durable = run.power.then(|| self.lasting.work(storage, vec![(path.clone(), handle)]));
        let state = to_json(&self.state(place, extent, end))?;
        Ok(Prepared { state, pending, durable })
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        let (path, open) = self.opened()?;
        let taken = std::mem::take(data);
        open.run(path, |open| open.packing.take(&taken, &mut *open.file))
    }

    fn rows(&mut self, batch: &Batch) -> Result<()> {
        self.encode(|encoder, out| encoder.rows(batch, out))
    }

    /// Compressed output is only pushed at the end and at barriers: each push would cost compression.
    fn flush(&mut self) -> Result<Wrote> {
        if self.unmade.is_some() {
            return Ok(Wrote::Done);
        }
        let (path, open) = self.opened()?;
        open.run(path, |open| open.packing.push(&mut *open.file))
    }

    fn commit(&mut self) -> Result<()> {
        self.finish()?;
        let (path, open) = self.opened()?;
        open.run(path, |open| open.packing.cut(&mut *open.file, true))?;
        let Some(Open { target, file, .. }) = self.open.take() else { return Ok(()) };
        drop(file);
        target.commit(&self.options.storage, &self.options.path)
    }

    fn abort(&mut self) {
        self.unmade = None;
        if let Some(Open { target, file, .. }) = self.open.take() {
            target.abort(&self.options.storage, file);
        }
    }

    fn release(&mut self) {
        self.unmade = None;
        self.open = None;
    }
}

impl Drop for FileSink {
    /// A sink that was neither committed nor aborted leaves nothing behind, unless a checkpoint may need it.
    fn drop(&mut self) {
        if !self.held {
            self.abort();
        }
    }
}

impl Open {
    /// Runs a write and puts its failure into words.
    fn run(&mut self, path: &Path, write: impl FnOnce(&mut Open) -> io::Result<()>) -> Result<Wrote> {
        if self.closed {
            return Ok(Wrote::Closed);
        }
        match write(self) {
            Ok(()) => Ok(Wrote::Done),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(Wrote::Closed)
            }
            Err(e) => Err(write_error(path, &e)),
        }
    }
}

#[cfg(test)]
mod tests;
