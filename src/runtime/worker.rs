//! The task behind a reader: decodes blocks, assigns event time, runs the stateless chain.
//!
//! It has a [`Head`] for each source of the group. A block is one head's; the ports of the others get a mark that
//! changes nothing, so that behind all ports lies the same sequence of blocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, StringViewArray};
use arrow_buffer::ScalarBuffer;

use super::chain::Chain;
use super::channel::Rx;
use super::message::{BadRow, Mark, MarkTime, Message, Origin, Signal};
use super::metadata;
use super::port::Port;
use super::task::{Step, Task};
use crate::connect::{Block, BlockDecoder, Body};
use crate::data::{Batch, Column, DataType, Order};
use crate::error::{Error, Result, Secrets};
use crate::format::{BadRecord, Decoded, infer};
use crate::observe::SourceStats;
use crate::op::RowContext;
use crate::plan::Inferred;
use crate::plan::physical::Target;
use crate::spec::{Metadata, OnError};

/// Longest text of a bad record that is kept: 64 KiB.
const RAW_MAX: usize = 64 << 10;
/// Longest text of a bad record that an error message shows.
const SHOWN_MAX: usize = 200;

/// Column of the event time and its allowed delay in µs.
#[derive(Debug, Clone)]
pub struct EventTime {
    pub column: usize,
    pub delay: i64,
}

pub struct HeadOptions {
    pub name: String,
    pub on_error: OnError,
    pub event_time: Option<EventTime>,
    /// Where decoded rows go, and where rows of `NAME.errors` go.
    pub rows: Vec<Target>,
    pub errors: Vec<Target>,
    pub stats: SourceStats,
    pub wanted: Wanted,
    pub inferred: Option<InferredTypes>,
    /// Blanked in the reasons of bad records.
    pub secrets: Secrets,
    /// The format's name.
    pub format: &'static str,
    /// Columns behind those that are decoded.
    pub metadata: Vec<Metadata>,
    /// The source says which line a block starts at, so that gates need not add up lines for ever.
    pub counted: bool,
}

/// Types that were concluded from the start of the data, which what follows need not fit.
#[derive(Debug, Clone)]
pub struct InferredTypes {
    pub from: Inferred,
    /// By name of the column.
    pub types: BTreeMap<String, DataType>,
}

impl InferredTypes {
    /// What the type of the column that did not convert is, and where from.
    fn of(&self, record: &BadRecord) -> Option<(&str, DataType)> {
        self.types.get_key_value(record.column.as_ref()?).map(|(column, ty)| (column.as_str(), *ty))
    }

    /// What to write instead.
    fn advice(&self, record: &BadRecord) -> Option<[String; 2]> {
        let (column, ty) = self.of(record)?;
        let instead = match ty {
            DataType::Int => "\"double\" or \"string\"",
            DataType::Timestamp => "\"string\", or how its times are written",
            _ => "\"string\"",
        };
        Some([
            format!("the job has no schema: that {column} is {ty} was inferred from {}", self.from.from()),
            format!(
                "write a schema in which {column} is {instead}: flott infer {} prints one to begin with",
                self.from.file
            ),
        ])
    }
}

/// How many workers still want rows of a source: its reader asks, they tell.
#[derive(Debug, Clone)]
pub struct Wanted(Arc<AtomicUsize>);

impl Wanted {
    pub fn by(workers: usize) -> Wanted {
        Wanted(Arc::new(AtomicUsize::new(workers)))
    }

    pub fn by_nobody(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// One worker wants no more.
    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a worker does with the blocks of one source.
pub struct Head {
    options: HeadOptions,
    decoder: Box<dyn BlockDecoder>,
    chain: Chain,
    /// Wall time of the last tick.
    now: i64,
    /// A record has ended the job, unless nobody wants more: what is behind it is not decoded, but marks go on.
    failed: bool,
    satisfied: bool,
    /// A block that has more rows.
    open: Option<Open>,
}

/// A block on its way.
struct Open {
    block: Block,
    input: Arc<str>,
    /// Greatest event time, and line ends, of the rows so far.
    max: i64,
    lines: u64,
    more: bool,
}

pub struct Worker {
    input: Rx,
    heads: Vec<Head>,
    /// The head that the last block was for.
    at: usize,
    closed: bool,
}

impl Head {
    pub fn new(options: HeadOptions, decoder: Box<dyn BlockDecoder>, chain: Chain) -> Head {
        Head { options, decoder, chain, now: 0, failed: false, satisfied: false, open: None }
    }

    fn block(&mut self, block: Block, input: Arc<str>) -> Result<()> {
        let mut open = Open { block, input, max: i64::MIN, lines: 0, more: false };
        if !matches!(open.block.body, Body::Empty) && !self.satisfied && !self.failed {
            let decoded = self.decoder.decode(&open.block.body, self.options.on_error == OnError::Fail);
            self.decoded(decoded, &mut open)?;
        }
        self.settle(open)
    }

    /// The next rows of a block of which more are there.
    fn go_on(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.more = false;
        if !self.satisfied {
            let decoded = self.decoder.go_on();
            self.decoded(decoded, &mut open)?;
        }
        self.settle(open)
    }

    /// Ends a block, unless it has more rows.
    fn settle(&mut self, open: Open) -> Result<()> {
        if open.more && !self.failed {
            self.open = Some(open);
            return Ok(());
        }
        let Open { block, max, lines, .. } = open;
        let origin = self.origin(&block);
        if !self.failed {
            let delay = self.options.event_time.as_ref().map_or(0, |t| t.delay);
            self.chain.end_block(&RowContext { input: 0, watermark: i64::MIN, delay }, origin)?;
            self.chain.tell(|_, _| None)?;
        }
        let time = MarkTime::Observed { slots: block.slots, max, hold: block.hold, ends: block.ends, idle: block.idle };
        let mark = Mark { time, origin, lines };
        self.chain.each_port(|port| port.mark(mark))
    }

    fn origin(&self, block: &Block) -> Origin {
        let file = if self.options.counted { Origin::COUNTED } else { block.file };
        Origin { file, slot: block.slot }
    }

    /// Sends on rows of a block.
    fn decoded(&mut self, decoded: Decoded, open: &mut Open) -> Result<()> {
        let (block, input) = (&open.block, &open.input);
        let origin = self.origin(block);
        let bad = decoded.bad;
        open.lines += if self.options.counted { 0 } else { decoded.lines };
        open.more = decoded.more;
        let mut columns = decoded.columns;
        if !self.options.metadata.is_empty() && decoded.failed.is_none() {
            let places = decoded.places.unwrap_or_default();
            columns.extend(metadata::columns(&self.options.metadata, block, input, decoded.rows, &places)?);
        }
        let mut batch = Batch { now: self.now, ..Batch::new(columns, decoded.rows) };
        self.options.stats.seen(&decoded.seen);
        self.options.stats.others(decoded.others);
        self.options.stats.rows(batch.rows + bad.len(), body_bytes(&block.body));
        if let Some(time) = self.options.event_time.as_ref().filter(|_| decoded.failed.is_none()) {
            batch = with_time(batch, time)?;
            (open.max, batch.seen) = observe(batch.time.as_deref().unwrap_or_default(), time.delay, open.max);
        }
        if !bad.is_empty() {
            match self.options.on_error {
                OnError::Skip => self.note_bad(&bad, block),
                OnError::DeadLetter => {
                    self.note_bad(&bad, block);
                    let errors = self.dead_letters(&bad, block, input);
                    let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
                    let targets = std::mem::take(&mut self.options.errors);
                    let sent = self.chain.push(&targets, errors, &context, origin);
                    self.options.errors = targets;
                    sent?;
                    self.chain.tell(|_, _| None)?;
                }
                OnError::Fail => batch = batch.slice(0, bad[0].row.min(batch.rows)),
            }
        }
        if batch.rows > 0 {
            let delay = self.options.event_time.as_ref().map_or(0, |t| t.delay);
            let context = RowContext { input: 0, watermark: i64::MIN, delay };
            let came = batch.clone();
            self.chain.push(&self.options.rows, batch, &context, origin)?;
            if self.chain.has_failed() {
                self.tell(&came, block, input)?;
            }
        }
        match (self.options.on_error, bad.first()) {
            (OnError::Fail, Some(record)) => {
                let (text, _) = self.text_of(record, &block.body, SHOWN_MAX);
                let mut error = Error::data(reason(record)).at(self.options.name.clone());
                error.notes.extend(self.options.inferred.as_ref().and_then(|i| i.advice(record)).into_iter().flatten());
                let broken = record.column.is_none();
                error.notes.extend(if broken { infer::instead(self.options.format, &text) } else { None });
                error.notes.push("on_error = \"skip\" or \"dead-letter\" goes on without such records".into());
                self.fail(BadRow {
                    origin,
                    line: self.lines_before(block) + record.line,
                    error,
                    input: input.clone(),
                    text,
                    order: Order::Arrival,
                })
            }
            _ => match decoded.failed {
                Some(error) => {
                    let (error, line) = (error.at(self.options.name.clone()), open.lines);
                    let input = input.clone();
                    self.fail(BadRow { origin, line, error, input, text: String::new(), order: Order::Arrival })
                }
                None => Ok(()),
            },
        }
    }

    /// Says of rows that have failed in the chain which lines they come from, if that can be told.
    fn tell(&mut self, came: &Batch, block: &Block, input: &Arc<str>) -> Result<()> {
        let before = self.lines_before(block);
        let (decoder, rows) = (&mut self.decoder, &self.options.rows);
        self.chain.tell(|chain, failure| {
            let row = chain.trace(rows, came, failure.node, failure.row)?;
            // Files of columns have no lines.
            let Body::Bytes { .. } = &block.body else { return None };
            let line = before + line_of(&mut **decoder, &block.body, row)?;
            Some(BadRow { line, input: input.clone(), ..failure.bad.clone() })
        })
    }

    fn fail(&mut self, bad: BadRow) -> Result<()> {
        self.failed = true;
        self.chain.each_port(|port| port.failed(&bad))
    }

    fn text_of(&self, record: &BadRecord, body: &Body, limit: usize) -> (String, u64) {
        match body {
            Body::Bytes { data, offset, .. } => {
                let end = (record.offset + record.len.min(limit)).min(data.len());
                let start = record.offset.min(end);
                (String::from_utf8_lossy(&data[start..end]).into_owned(), offset + record.offset as u64)
            }
            _ => (String::new(), 0),
        }
    }

    /// Lines of the file in front of the block, as far as no gate adds them.
    fn lines_before(&self, block: &Block) -> u64 {
        let counted = if self.options.counted { block.line } else { None };
        lines_before(&block.body) + counted.unwrap_or(0)
    }

    /// Rows of `NAME.errors`: source, file, offset, line (its gate adds those of the blocks before), reason, raw.
    fn dead_letters(&self, bad: &[BadRecord], block: &Block, input: &str) -> Batch {
        let texts: Vec<(String, u64)> = bad.iter().map(|b| self.text_of(b, &block.body, RAW_MAX)).collect();
        let strings = |values: Vec<String>| Column::String(StringViewArray::from_iter_values(values));
        let node = self.options.name.rsplit('.').next().unwrap_or_default().to_string();
        let before = self.lines_before(block);
        let columns = vec![
            strings(vec![node; bad.len()]),
            strings(vec![input.to_string(); bad.len()]),
            Column::Int(texts.iter().map(|(_, offset)| *offset as i64).collect::<Vec<_>>().into()),
            Column::Int(bad.iter().map(|b| (before + b.line) as i64 + 1).collect::<Vec<_>>().into()),
            strings(bad.iter().map(|record| self.full_reason(record)).collect()),
            strings(texts.into_iter().map(|(text, _)| text).collect()),
        ];
        Batch::new(columns, bad.len())
    }

    /// Counts bad records. Of the first one it is noted why, and what its block looks like.
    fn note_bad(&self, bad: &[BadRecord], block: &Block) {
        self.options.stats.bad(bad.len(), || {
            let looks = match &block.body {
                Body::Bytes { data, .. } => infer::instead_of(self.options.format, data),
                _ => None,
            };
            (self.full_reason(&bad[0]), looks)
        });
    }

    /// Why a record is bad, with what there is to know about the type of its column.
    fn full_reason(&self, record: &BadRecord) -> String {
        let inferred = self.options.inferred.as_ref().and_then(|i| Some((i.of(record)?.1, i.from.from())));
        let reason = self.options.secrets.redact(&reason(record));
        match inferred {
            Some((ty, from)) => format!("{reason} ({ty} was inferred from {from})"),
            None => reason,
        }
    }

    /// Ends a block that has nothing for this head, or nothing but the end of its source.
    fn mark(&mut self, time: MarkTime) -> Result<()> {
        self.each_port(|port| port.mark(Mark { time, origin: Origin::default(), lines: 0 }))
    }

    fn each_port(&mut self, act: impl FnMut(&mut Port) -> Result<()>) -> Result<()> {
        self.chain.each_port(act)
    }
}

impl Worker {
    /// `heads`: of the group's sources, in their order.
    pub fn new(input: Rx, heads: Vec<Head>) -> Worker {
        Worker { input, heads, at: 0, closed: false }
    }

    /// Sends what ports could not. True if nothing waits any more. All are tried: one may be waited for where another
    /// is full.
    fn flush(&mut self) -> Result<bool> {
        let mut clear = true;
        for head in &mut self.heads {
            clear &= head.chain.flush()?;
        }
        Ok(clear)
    }

    /// Tells the reader which sources nobody wants to read any more.
    fn satisfy(&mut self) {
        for head in self.heads.iter_mut().filter(|head| !head.satisfied) {
            if head.chain.satisfied() {
                head.satisfied = true;
                head.options.wanted.leave();
                self.input.wake_sender();
            }
        }
    }

    /// Lets the head of `source` handle a block, and the others end it.
    fn of(&mut self, source: usize, act: impl FnOnce(&mut Head) -> Result<()>) -> Result<()> {
        let Some(head) = self.heads.get_mut(source) else {
            return Err(Error::internal("a block of another group came to a decode worker"));
        };
        self.at = source;
        act(head)?;
        match head.open {
            Some(_) => Ok(()),
            None => self.others(source),
        }
    }

    fn others(&mut self, source: usize) -> Result<()> {
        let mut others = self.heads.iter_mut().enumerate().filter(|(index, _)| *index != source);
        others.try_for_each(|(_, head)| head.mark(MarkTime::Unchanged))
    }

    fn each_port(&mut self, mut act: impl FnMut(&mut Port) -> Result<()>) -> Result<()> {
        self.heads.iter_mut().try_for_each(|head| head.each_port(&mut act))
    }
}

impl Task for Worker {
    fn step(&mut self, _now: i64) -> Result<Step> {
        if !self.flush()? {
            return Ok(Step::Blocked { until: None });
        }
        if self.closed {
            return Ok(Step::Done);
        }
        self.satisfy();
        // Between the parts of a block, what was sent gets its way.
        if self.heads.get(self.at).is_some_and(|head| head.open.is_some()) {
            self.of(self.at, Head::go_on)?;
            return Ok(Step::Ready);
        }
        let Some(message) = self.input.try_recv()? else { return Ok(Step::Blocked { until: None }) };
        match message {
            Message::Block { source, block, input } => self.of(source, |head| head.block(block, input))?,
            Message::Last { source } => self.of(source, |head| head.mark(MarkTime::Watermark(i64::MAX)))?,
            Message::Pause => self.others(usize::MAX)?,
            Message::Turn => self.each_port(Port::turn)?,
            Message::Signal(signal) => {
                self.closed = signal == Signal::Close;
                if let Signal::Tick(now) = signal {
                    self.heads.iter_mut().for_each(|head| head.now = now);
                }
                self.each_port(|port| port.signal(signal))?;
            }
            other => return Err(Error::internal(format!("{other:?} came to a decode worker"))),
        }
        Ok(Step::Ready)
    }

    fn name(&self) -> &str {
        self.heads.get(self.at).map_or("", |head| &head.options.name)
    }
}

fn reason(record: &BadRecord) -> String {
    match &record.column {
        Some(column) => format!("column {column}: {}", record.reason),
        None => record.reason.clone(),
    }
}

/// Lines of a block before the record that became row `row`: of its first lines, the fewest that hold so many rows.
fn line_of(decoder: &mut dyn BlockDecoder, body: &Body, row: usize) -> Option<u64> {
    let Body::Bytes { data, offset, header } = body else { return None };
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', data).map(|at| at + 1).collect();
    let mut holds = |lines: usize| {
        let end = ends.get(lines - 1).copied().unwrap_or(data.len());
        let part = Body::Bytes { data: data.slice(..end), offset: *offset, header: header.clone() };
        decoder.decode(&part, false).rows > row
    };
    let (mut few, mut enough) = (0, ends.len() + 1);
    while enough - few > 1 {
        let middle = few + (enough - few) / 2;
        if holds(middle) { enough = middle } else { few = middle }
    }
    Some(few as u64)
}

/// Lines of the file that no block holds: those of its header.
pub fn lines_before(body: &Body) -> u64 {
    match body {
        Body::Bytes { header: Some(header), .. } => header.lines,
        _ => 0,
    }
}

fn body_bytes(body: &Body) -> usize {
    match body {
        Body::Bytes { data, .. } => data.len(),
        _ => 0,
    }
}

/// Moves the event time beside the columns. Decoders see to it that it is never null.
fn with_time(mut batch: Batch, time: &EventTime) -> Result<Batch> {
    match batch.columns.get(time.column) {
        Some(Column::Timestamp(times)) if times.null_count() == 0 => {
            batch.time = Some(times.values().clone());
            Ok(batch)
        }
        _ => Err(Error::internal("the event time is not a timestamp column without nulls")),
    }
}

/// Greatest event time of the block so far, and the running maximum before each row if a row lies further behind than
/// `delay`. `before`: greatest of the block's rows before these.
fn observe(times: &[i64], delay: i64, before: i64) -> (i64, Option<ScalarBuffer<i64>>) {
    let mut max = before;
    let mut behind = false;
    for &time in times {
        behind |= time < max.saturating_sub(delay);
        max = max.max(time);
    }
    if !behind {
        return (max, None);
    }
    let mut running = before;
    let before = times.iter().map(|&time| {
        let seen = running;
        running = running.max(time);
        seen
    });
    (max, Some(before.collect::<Vec<_>>().into()))
}
