//! The journal of a live input: what cannot be asked for again is written down before it is handed out.
//!
//! [`Journaled`] wraps a source. Each block goes to disk as a frame (`frame.rs`) of a segment (`log.rs`); a position is
//! a place in it. Behind a position the same blocks are handed out again, then the input itself goes on. Ticks are
//! written down too, as what they make operators emit depends on where among the blocks they were.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::event::PollFd;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connect::{Block, Body, Next, Source};
use crate::error::{Error, Result};
use crate::format::Header;
use crate::storage::Storage;

mod frame;
mod log;
#[cfg(test)]
mod tests;

use frame::{BlockFrame, Frame, decode, encode};
use log::Log;

/// Bytes of a journal, unless `journal_max` says otherwise.
pub const JOURNAL_MAX: u64 = 1 << 30;
/// Of the journals of a job, in its state folder.
const FOLDER: &str = "journal";
/// How soon a source with a full journal looks again, µs.
const FULL_PAUSE_US: i64 = 50_000;
/// Names of inputs that are remembered from the journal, for messages.
const NAMES_MAX: usize = 1024;

/// Where the journal of `source` lies in a state folder.
pub fn place(state: &Path, source: &str) -> PathBuf {
    state.join(FOLDER).join(source.trim_start_matches("sources."))
}

/// Removes the journals in a state folder. Errors (class External): that cannot be done.
pub fn clear(storage: &dyn Storage, state: &Path) -> Result<()> {
    let folder = state.join(FOLDER);
    if storage.kind(&folder).ok().flatten().is_none() {
        return Ok(());
    }
    let remove = |journal: &Path| -> std::io::Result<()> {
        for name in storage.list(journal)? {
            storage.remove(&journal.join(name))?;
        }
        storage.remove_folder(journal)
    };
    let all = storage.list(&folder).and_then(|names| names.iter().try_for_each(|name| remove(&folder.join(name))));
    let all = all.and_then(|()| storage.remove_folder(&folder));
    all.map_err(|e| Error::external(format!("cannot remove the journals in {}: {e}", folder.display())))
}

/// What of `source` can be lost without a journal; for `plan`.
pub fn loss_without(source: &str) -> String {
    format!("{source} has no journal: what it read since the last checkpoint is lost when the job dies")
}

/// A position in words. `None`: it is none of a journal.
pub fn in_words(position: &Value) -> Option<Vec<String>> {
    let Position { segment, offset, inputs, ended } = Position::deserialize(position).ok()?;
    let end = if ended { ", behind the end of the input" } else { "" };
    let count = if inputs == 1 { "1 input".to_owned() } else { format!("{inputs} inputs") };
    Some(vec![format!("journal: segment {segment}, byte {offset}{end}; {count} so far")])
}

pub struct JournalOptions {
    /// A folder of this source alone.
    pub folder: PathBuf,
    pub storage: Arc<dyn Storage>,
    /// Bytes behind the oldest retained checkpoint; when they are reached, nothing is read until one is confirmed.
    pub max: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position {
    segment: u64,
    offset: u64,
    /// Inputs numbered so far.
    inputs: u32,
    /// The end of the input lies before this position.
    ended: bool,
}

/// A source with a journal.
pub struct Journaled {
    inner: Box<dyn Source>,
    options: JournalOptions,
    /// Opened by the first call that needs it.
    log: Option<Log>,
    replay: Option<Replay>,
    /// Inputs that the segment at hand describes, and whether with their header, which a block without data lacks.
    described: HashMap<u32, bool>,
    names: BTreeMap<u32, String>,
    /// Number of the first input of `inner`; those before are of earlier runs.
    base: u32,
    /// Inputs numbered so far.
    inputs: u32,
    /// `inner` was asked for blocks.
    live: bool,
    ended: bool,
    stopped: bool,
    replayed_bytes: u64,
    /// Taken from `inner`, but the disk did not take it.
    unwritten: Option<Block>,
    /// It goes on from a checkpoint.
    resumed: bool,
    warnings: Vec<String>,
}

/// Reading back.
struct Replay {
    segment: u64,
    bytes: Option<Bytes>,
    at: usize,
    /// Frames before are read for what they describe alone.
    from: usize,
    /// Behind the last segment to read.
    end: u64,
    headers: BTreeMap<u32, Option<Arc<Header>>>,
    /// The segment before has been replayed too.
    follows: bool,
}

impl Journaled {
    /// Nothing is touched before the first call of [`Source::next`], [`Source::position`] or [`Source::restore`].
    pub fn new(inner: Box<dyn Source>, options: JournalOptions) -> Journaled {
        Journaled {
            inner,
            options,
            log: None,
            replay: None,
            described: HashMap::new(),
            names: BTreeMap::new(),
            base: 0,
            inputs: 0,
            live: false,
            ended: false,
            stopped: false,
            replayed_bytes: 0,
            unwritten: None,
            resumed: false,
            warnings: Vec::new(),
        }
    }

    /// The log; that of another run is removed when nobody has asked to go on from it.
    fn log(&mut self) -> Result<&mut Log> {
        let log = match self.log.take() {
            Some(log) => log,
            None => {
                let mut log = Log::open(self.options.folder.clone(), self.options.storage.clone())?;
                log.trim(log.segment)?;
                log
            }
        };
        Ok(self.log.insert(log))
    }

    fn is_full(&self) -> bool {
        self.replay.is_none() && !self.stopped && self.log.as_ref().is_some_and(|l| l.bytes() >= self.options.max)
    }

    fn append(&mut self, frame: &Frame, data: &[u8]) -> Result<()> {
        let front = encode(frame, data)?;
        let log = self.log()?;
        let segment = log.segment;
        if let Some(before) = log.begins() {
            log.append(encode(&Frame::Begin(before), &[])?, &[])?;
        }
        if let Some(synced) = log.news() {
            log.append(encode(&Frame::Synced(synced), &[])?, &[])?;
        }
        log.append(front, data)?;
        if log.segment != segment {
            self.described.clear();
        }
        Ok(())
    }

    /// Writes a block down; it is kept if that fails.
    fn record(&mut self, block: Block) -> Result<Block> {
        let name = self.inner.input_name(block.file);
        let data = match &block.body {
            Body::Bytes { data, .. } => data.clone(),
            Body::Empty => Bytes::new(),
            Body::Range { .. } | Body::Group(_) => return Err(Error::internal("these rows need no journal")),
        };
        let numbered = Block { file: block.file + self.base, ..block.clone() };
        self.inputs = self.inputs.max(numbered.file + 1);
        let headed = matches!(&block.body, Body::Bytes { header: Some(_), .. });
        let new = self.described.get(&numbered.file).is_none_or(|had| headed && !had);
        if new {
            self.described.insert(numbered.file, headed);
        }
        let name = new.then_some(name);
        let written = self.append(&Frame::Block(BlockFrame::of(&numbered, name)), &data);
        self.unwritten = written.is_err().then_some(block);
        written.map(|()| numbered)
    }

    /// The next frame of the journal; `None` when all have been replayed.
    fn next_frame(&mut self) -> Result<Option<Next>> {
        while let (Some(replay), Some(log)) = (&mut self.replay, &mut self.log) {
            if replay.segment >= replay.end {
                self.replay = None;
                break;
            }
            if log.len_of(replay.segment).is_none() {
                let gone = replay.segment;
                self.torn(gone, 0, 0)?;
                continue;
            }
            let bytes = match &replay.bytes {
                Some(bytes) => bytes.clone(),
                None => replay.bytes.insert(log.read(replay.segment)?).clone(),
            };
            if replay.at >= bytes.len() {
                log.adopt(replay.segment, bytes.len() as u64)?;
                (replay.segment, replay.bytes, replay.at, replay.from) = (replay.segment + 1, None, 0, 0);
                replay.follows = true;
                replay.headers.clear();
                continue;
            }
            let at = replay.at;
            let Some((frame, data, end)) = decode(&bytes, at) else {
                let torn = replay.segment;
                self.torn(torn, at, bytes.len())?;
                continue;
            };
            if let Frame::Begin(before) = frame
                && replay.follows
                && log.len_of(replay.segment - 1) != Some(before)
            {
                // What is missing is missing there, without a trace.
                let short = replay.segment - 1;
                self.torn(short, at, bytes.len())?;
                continue;
            }
            replay.at = end;
            let passed = at < replay.from || matches!(frame, Frame::Synced(_) | Frame::Begin(_));
            if let Frame::Block(block) = &frame {
                self.describe(block);
            }
            if !passed {
                return Ok(Some(self.replayed(frame, data)));
            }
        }
        Ok(None)
    }

    /// Replaying ends at `at`, of `len` bytes: what follows is no frame, or follows a gap, as `segment` is not whole.
    /// Unless that was synced, it is what a crash or a power cut took.
    fn torn(&mut self, segment: u64, at: usize, len: usize) -> Result<()> {
        let (Some(replay), Some(log)) = (&mut self.replay, &mut self.log) else { return Ok(()) };
        let path = log.path(replay.segment);
        if at < replay.from || was_synced(log, segment, replay.end)? {
            let message = format!("the journal is damaged: {} at byte {at}", path.display());
            return Err(Error::external(message).note("resume from an older checkpoint, or start anew with --fresh"));
        }
        // A power cut may leave more of a later segment than of this one; what follows a gap is of no use.
        let whole = log.len_of(replay.segment).is_none();
        let cut = (len - at) as u64 + log.drop_from(replay.segment + u64::from(!whole))?;
        self.warnings.push(format!("{}: the last {cut} bytes were not complete and are dropped", path.display()));
        if !whole {
            log.adopt(replay.segment, at as u64)?;
        }
        self.replay = None;
        Ok(())
    }

    fn describe(&mut self, block: &BlockFrame) {
        self.inputs = self.inputs.max(block.file + 1);
        let (Some(replay), Some((name, header))) = (&mut self.replay, &block.input) else { return };
        let header = header
            .as_ref()
            .map(|(names, lines)| Arc::new(Header { names: names.clone(), lines: *lines as _, years: None }));
        replay.headers.insert(block.file, header);
        self.names.insert(block.file, name.clone());
        if self.names.len() > NAMES_MAX {
            self.names.pop_first();
        }
    }

    fn replayed(&mut self, frame: Frame, data: Bytes) -> Next {
        match frame {
            // Passed over before.
            Frame::Begin(_) | Frame::Synced(_) => Next::Pending { until: None },
            Frame::Tick(now) => Next::Tick(now),
            Frame::End => {
                self.ended = true;
                Next::End
            }
            Frame::Block(block) => {
                self.replayed_bytes += data.len() as u64;
                let header = self.replay.as_ref().and_then(|replay| replay.headers.get(&block.file).cloned().flatten());
                Next::Block(block.block(data, header))
            }
        }
    }

    /// Everything before has been replayed: the input itself goes on.
    fn go_live(&mut self) {
        if !self.live {
            self.live = true;
            self.base = self.inputs;
            let name = self.inner.input_name(0);
            if self.resumed && name == "stdin" {
                self.warnings.push(
                    "stdin is read from its start, behind what the journal holds of the run before: right for \
                     `journalctl -f |`, but what `cat FILE |` gives again comes twice"
                        .into(),
                );
            }
        }
    }
}

/// Whether a segment behind `segment` says that it was synced.
fn was_synced(log: &Log, segment: u64, end: u64) -> Result<bool> {
    for later in (segment + 1..end).filter(|later| log.len_of(*later).is_some()) {
        let bytes = log.read(later)?;
        let mut at = 0;
        while let Some((frame, _, next)) = decode(&bytes, at) {
            if matches!(frame, Frame::Synced(before) if before > segment) {
                return Ok(true);
            }
            at = next;
        }
    }
    Ok(false)
}

impl Source for Journaled {
    fn next(&mut self, now: i64) -> Result<Next> {
        if self.replay.is_some() && self.stopped {
            return Ok(Next::End);
        }
        let replayed = self.replay.is_some();
        if let Some(next) = self.next_frame()? {
            return Ok(next);
        }
        if self.ended {
            return Ok(Next::End);
        }
        self.log()?;
        self.go_live();
        if replayed {
            // The reader looks at its clock before the first block that is new: what it sent last was the time of then.
            return Ok(Next::Pending { until: Some(now) });
        }
        if self.is_full() {
            return Ok(Next::Pending { until: Some(now.saturating_add(FULL_PAUSE_US)) });
        }
        let next = match self.unwritten.take() {
            Some(block) => Next::Block(block),
            None => self.inner.next(now)?,
        };
        match next {
            Next::Block(block) => {
                let received = block.received.or(Some(now));
                Ok(Next::Block(self.record(Block { received, ..block })?))
            }
            Next::End if !self.stopped => {
                self.append(&Frame::End, &[])?;
                self.ended = true;
                Ok(Next::End)
            }
            other => Ok(other),
        }
    }

    /// While it is replayed, the ticks are those of then.
    fn tick(&mut self, now: i64) -> Result<bool> {
        if self.replay.is_some() {
            return Ok(false);
        }
        if !self.ended {
            self.append(&Frame::Tick(now), &[])?;
        }
        Ok(true)
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.replay.is_none() && !self.ended && !self.is_full() {
            self.inner.poll_fds(fds);
        }
    }

    fn input_name(&self, file: u32) -> String {
        match file.checked_sub(self.base).filter(|_| self.live) {
            Some(number) => self.inner.input_name(number),
            None => self.names.get(&file).cloned().unwrap_or_else(|| format!("input {file}")),
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.inner.stop();
    }

    fn progress(&self) -> (u64, Option<u64>) {
        let (bytes, total) = self.inner.progress();
        (bytes + self.replayed_bytes, total)
    }

    fn is_live(&self) -> bool {
        self.inner.is_live()
    }

    /// Outside of a replay, a new segment starts here.
    fn position(&mut self) -> Result<Value> {
        let (inputs, ended) = (self.inputs, self.ended);
        let (segment, offset) = match &self.replay {
            Some(replay) => (replay.segment, replay.at.max(replay.from) as u64),
            None => {
                let log = self.log()?;
                log.rotate();
                let segment = log.segment;
                self.described.clear();
                (segment, 0)
            }
        };
        serde_json::to_value(Position { segment, offset, inputs, ended })
            .map_err(|e| Error::internal(format!("a position cannot be written: {e}")))
    }

    /// Also while it runs: the input stays open and goes on behind what is in the journal.
    fn restore(&mut self, position: &Value) -> Result<()> {
        if position.is_null() {
            return Ok(());
        }
        let position = Position::deserialize(position)
            .map_err(|e| Error::external(format!("the checkpoint is not one of a journal: {e}")))?;
        // Opened anew, also if an earlier error left it half written.
        self.log = None;
        let mut log = Log::open(self.options.folder.clone(), self.options.storage.clone())?;
        // Numbers go up even where nothing was written behind the position.
        log.segment = log.segment.max(position.segment);
        let missing = match log.len_of(position.segment) {
            Some(len) if len < position.offset => Some(position.segment),
            None if position.offset > 0 => Some(position.segment),
            // One that was never synced may have gone with the power, and what follows it is of no use.
            _ => {
                let gap = (position.segment..log.segment).find(|segment| log.len_of(*segment).is_none());
                gap.map(|gap| Ok((gap, was_synced(&log, gap, log.segment)?)))
                    .transpose()?
                    .and_then(|(gap, synced)| synced.then_some(gap))
            }
        };
        if let Some(segment) = missing {
            let message = format!("the journal lacks what the checkpoint needs: {}", log.path(segment).display());
            return Err(Error::external(message).note("put the file back, or start anew with --fresh"));
        }
        self.replay = Some(Replay {
            segment: position.segment,
            bytes: None,
            at: 0,
            from: position.offset as usize,
            end: log.segment,
            headers: BTreeMap::new(),
            follows: false,
        });
        self.resumed = true;
        self.described.clear();
        self.inputs = self.inputs.max(position.inputs);
        self.ended = position.ended;
        self.log = Some(log);
        Ok(())
    }

    fn warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.append(&mut self.inner.warnings());
        warnings
    }

    fn durable(&mut self) -> Option<Box<dyn FnOnce() -> Result<()> + Send>> {
        self.log.as_ref().and_then(Log::durable)
    }

    fn confirm(&mut self, position: &Value) -> Result<()> {
        let Ok(position) = Position::deserialize(position) else { return Ok(()) };
        match &mut self.log {
            Some(log) => log.trim(position.segment),
            None => Ok(()),
        }
    }

    fn wants_checkpoint(&self) -> bool {
        self.is_full()
    }
}
