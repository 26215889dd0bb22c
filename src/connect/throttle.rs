//! `rate`: a source that hands out no more than so many rows a second.
//!
//! Rows are counted as records when blocks are cut, before decoding: a blank line counts as one.

use std::collections::VecDeque;

use bytes::Bytes;
use rustix::event::PollFd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::connect::records::{Records, first_record, lines_of};
use crate::connect::{Block, Body, Next, Source};
use crate::error::{Error, Result};

/// Blocks a second at most, so that rows come evenly.
const BLOCKS_PER_SECOND: f64 = 50.0;
const SECOND_US: f64 = 1e6;
/// Bytes before a place in a block that are compared when it is gone on from.
const TAIL_BYTES: usize = 4 << 10;
/// Rows a second that no source reaches.
pub const UNLIMITED: f64 = 1e12;

/// Rows that are handed out together under a rate.
pub fn rows_at_once(rate: f64) -> u64 {
    ((rate / BLOCKS_PER_SECOND) as u64).max(1)
}

/// When rows may be handed out, at so many a second.
pub struct Meter {
    /// Rows a second, more than 0.
    rate: f64,
    due: i64,
}

impl Meter {
    pub fn new(rate: f64) -> Meter {
        Meter { rate, due: i64::MIN }
    }

    pub fn rows_at_once(&self) -> u64 {
        rows_at_once(self.rate)
    }

    /// When the next rows are due, µs, if that is later than `now`.
    pub fn wait(&self, now: i64) -> Option<i64> {
        (now < self.due).then_some(self.due)
    }

    pub fn pay(&mut self, rows: u64, now: i64) {
        let cost = |rows: u64| (rows as f64 * SECOND_US / self.rate) as i64;
        // A late wake-up is made up for, but silence is not saved up.
        let from = self.due.max(now.saturating_sub(cost(self.rows_at_once())));
        self.due = from.saturating_add(cost(rows));
    }
}

/// Slows a source down.
pub struct Throttle {
    inner: Box<dyn Source>,
    /// `None` for a generator, whose blocks are ranges of rows.
    records: Option<Records>,
    meter: Meter,
    /// Parts of a block of `inner`, with their rows.
    parts: VecDeque<(Block, u64)>,
    stopped: bool,
    /// Where `inner` was before the block that `parts` are of.
    before: Value,
    /// Bytes or rows of that block which have been handed out.
    taken: u64,
    /// Bytes of that block; none of a generator.
    whole: Bytes,
    /// Bytes or rows of the next block that were handed out before the job was resumed, and what they end with.
    skip: u64,
    skip_tail: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    inner: Value,
    /// Bytes or rows of the block at `inner` which have been handed out.
    taken: u64,
    /// xxh3-64 of the last 4 KiB of them, or of what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<u64>,
}

/// A position of a source that is slowed down, parted: that of the source itself, and the bytes or rows behind it.
pub fn parted(position: &Value) -> Option<(Value, u64)> {
    Position::deserialize(position).ok().map(|Position { inner, taken, .. }| (inner, taken))
}

impl Throttle {
    /// `rate` is in rows a second, greater than 0.
    pub fn new(inner: Box<dyn Source>, records: Option<Records>, rate: f64) -> Throttle {
        Throttle {
            inner,
            records,
            meter: Meter::new(rate),
            parts: VecDeque::new(),
            stopped: false,
            before: Value::Null,
            taken: 0,
            whole: Bytes::new(),
            skip: 0,
            skip_tail: None,
        }
    }

    /// Cuts a block into parts of at most `rows_at_once` rows. What a block says about its slot's end stands in the
    /// last part.
    fn split(&mut self, block: Block) {
        let rows_at_once = self.meter.rows_at_once();
        let bodies = match (&block.body, &self.records) {
            // Rows of a group are given out together, and paid for behind it.
            (Body::Group(group), _) => vec![(block.body.clone(), group.place().rows)],
            (Body::Range { first, rows }, _) => split_range(*first, *rows, rows_at_once),
            (Body::Bytes { data, .. }, Some(records)) => split_bytes(&block.body, data, records, rows_at_once),
            _ => vec![(block.body.clone(), 0)],
        };
        let last = bodies.len().saturating_sub(1);
        let mut line = block.line;
        let parts = bodies.into_iter().enumerate().map(|(i, (body, rows))| {
            let (ends, before) = (block.ends && i == last, line);
            line = line_behind(line, &body);
            (Block { body, ends, line: before, ..block.clone() }, rows)
        });
        self.parts.extend(parts);
    }
}

impl Source for Throttle {
    fn next(&mut self, now: i64) -> Result<Next> {
        loop {
            if let Some((_, rows)) = self.parts.front() {
                let rows = *rows;
                if let Some(due) = self.meter.wait(now).filter(|_| rows > 0 && !self.stopped) {
                    return Ok(Next::Pending { until: Some(due) });
                }
                self.meter.pay(rows, now);
                if let Some((block, _)) = self.parts.pop_front() {
                    self.taken += length(&block.body);
                    return Ok(Next::Block(block));
                }
            }
            self.before = self.inner.position()?;
            match self.inner.next(now)? {
                Next::Block(block) => {
                    self.whole = match &block.body {
                        Body::Bytes { data, .. } => data.clone(),
                        _ => Bytes::new(),
                    };
                    self.taken = std::mem::take(&mut self.skip);
                    let rest = behind(block, self.taken, self.skip_tail.take(), self.records.as_ref())?;
                    self.split(rest);
                }
                other => return Ok(other),
            }
        }
    }

    /// The parts of a block stay together, so that the rate does not change the order of rows.
    fn next_time(&mut self) -> Result<i64> {
        if self.parts.is_empty() { self.inner.next_time() } else { Ok(i64::MIN) }
    }

    fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.parts.is_empty() {
            self.inner.poll_fds(fds);
        }
    }

    fn input_name(&self, file: u32) -> String {
        self.inner.input_name(file)
    }

    /// What was read of a live input is handed out at once, as it cannot be asked for again. A generator has read
    /// nothing: rows that are not due are not made.
    fn stop(&mut self) {
        self.inner.stop();
        self.stopped = true;
        if !self.inner.is_live() || self.records.is_none() {
            self.parts.clear();
        }
    }

    fn progress(&self) -> (u64, Option<u64>) {
        let waiting = self.parts.iter().map(|(block, _)| match &block.body {
            Body::Bytes { data, .. } => data.len() as u64,
            _ => 0,
        });
        let (bytes, total) = self.inner.progress();
        (bytes.saturating_sub(waiting.sum()), total)
    }

    fn is_live(&self) -> bool {
        self.inner.is_live()
    }

    /// That of the source inside, before the block of which parts wait.
    fn position(&mut self) -> Result<Value> {
        let position = match self.parts.is_empty() {
            true => Position { inner: self.inner.position()?, taken: self.skip, tail: self.skip_tail },
            false => {
                let tail = tail(&self.whole, self.taken);
                Position { inner: self.before.clone(), taken: self.taken, tail }
            }
        };
        if position.inner.is_null() {
            return Ok(Value::Null);
        }
        serde_json::to_value(position).map_err(|e| Error::internal(format!("a position cannot be written: {e}")))
    }

    /// A position without a rate is one of the source inside: `rate` may come and go.
    fn restore(&mut self, position: &Value) -> Result<()> {
        match Position::deserialize(position) {
            Ok(position) => {
                // Of a source that has been running: what waits comes again.
                self.parts.clear();
                (self.skip, self.skip_tail) = (position.taken, position.tail);
                self.inner.restore(&position.inner)
            }
            Err(_) => self.inner.restore(position),
        }
    }

    fn warnings(&mut self) -> Vec<String> {
        self.inner.warnings()
    }
}

/// Lines in front of what follows `body`, if `line` are in front of that.
fn line_behind(line: Option<u64>, body: &Body) -> Option<u64> {
    match body {
        Body::Bytes { data, .. } => line.map(|line| line + lines_of(data)),
        Body::Group(group) => line.map(|line| line + group.place().rows),
        Body::Range { .. } | Body::Empty => line,
    }
}

/// Bytes or rows of a block.
fn length(body: &Body) -> u64 {
    match body {
        Body::Bytes { data, .. } => data.len() as u64,
        Body::Range { rows, .. } => *rows,
        Body::Group(group) => group.place().rows,
        Body::Empty => 0,
    }
}

/// What the first `taken` bytes of `whole` end with; `None` if there are none.
fn tail(whole: &Bytes, taken: u64) -> Option<u64> {
    let passed = whole.get(..usize::try_from(taken).ok()?).filter(|passed| !passed.is_empty())?;
    Some(xxh3_64(&passed[passed.len().saturating_sub(TAIL_BYTES)..]))
}

/// What of `block` lies behind its first `taken` bytes or rows, of which the last are those of `ends_with`.
///
/// Errors (class Data, as they would come again): it has fewer, or others.
fn behind(block: Block, taken: u64, ends_with: Option<u64>, records: Option<&Records>) -> Result<Block> {
    let changed = |what: &str| {
        Error::data(format!("the input has changed since the checkpoint: {what}"))
            .note("put it back as it was, or start anew with --fresh")
    };
    if taken > length(&block.body) {
        return Err(changed("it is shorter than what was read"));
    }
    if let (Body::Bytes { data, .. }, Some(_)) = (&block.body, ends_with)
        && tail(data, taken) != ends_with
    {
        return Err(changed("it holds other data than what was read"));
    }
    let mut line = block.line;
    let body = match block.body {
        Body::Bytes { data, offset, header } => {
            line = line.map(|line| line + lines_of(&data[..taken as usize]));
            let (passed, data) = (data.slice(..taken as usize), data.slice(taken as usize..));
            let header = records.map_or(header.clone(), |records| records.header_behind(&header, &passed));
            Body::Bytes { data, offset: offset + taken, header }
        }
        Body::Range { first, rows } => Body::Range { first: first + taken, rows: rows - taken },
        Body::Group(group) if taken == 0 => Body::Group(group),
        // A group is handed out whole, so there is nothing within it to go on behind.
        Body::Group(_) | Body::Empty => Body::Empty,
    };
    Ok(Block { body, line, ..block })
}

fn split_range(first: u64, rows: u64, rows_at_once: u64) -> Vec<(Body, u64)> {
    let starts = (0..rows).step_by(usize::try_from(rows_at_once).unwrap_or(usize::MAX));
    let part = |start: u64| {
        let rows = rows_at_once.min(rows - start);
        (Body::Range { first: first + start, rows }, rows)
    };
    if rows == 0 { vec![(Body::Range { first, rows }, 0)] } else { starts.map(part).collect() }
}

/// The length of the first records of a block, at most so many, and how many they are.
pub fn first_records(records: &Records, data: &[u8], most: u64) -> (usize, u64) {
    let (mut len, mut rows) = (0, 0);
    while rows < most && len < data.len() {
        // A record whose end is not found takes the rest of the block: at worst it comes a little early.
        len += first_record(records, &data[len..], true).unwrap_or(data.len() - len);
        rows += 1;
    }
    (len, rows)
}

fn split_bytes(body: &Body, data: &Bytes, records: &Records, rows_at_once: u64) -> Vec<(Body, u64)> {
    let Body::Bytes { offset, header, .. } = body else { return Vec::new() };
    let (mut parts, mut start, mut header) = (Vec::new(), 0, header.clone());
    while start < data.len() {
        let (len, rows) = first_records(records, &data[start..], rows_at_once);
        let end = start + len;
        let behind = records.header_behind(&header, &data[start..end]);
        let header = std::mem::replace(&mut header, behind);
        let body = Body::Bytes { data: data.slice(start..end), offset: offset + start as u64, header };
        parts.push((body, rows));
        start = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::connect::records::double;

    struct Blocks(VecDeque<Block>, bool);

    impl Source for Blocks {
        fn next(&mut self, _now: i64) -> Result<Next> {
            Ok(self.0.pop_front().map_or(Next::End, Next::Block))
        }

        fn next_time(&mut self) -> Result<i64> {
            Ok(7)
        }

        fn input_name(&self, file: u32) -> String {
            format!("{file}")
        }

        fn stop(&mut self) {
            self.0.clear();
        }

        fn progress(&self) -> (u64, Option<u64>) {
            (0, None)
        }

        fn is_live(&self) -> bool {
            self.1
        }

        fn position(&mut self) -> Result<Value> {
            Ok(self.0.len().into())
        }

        fn restore(&mut self, position: &Value) -> Result<()> {
            let left = position.as_u64().unwrap() as usize;
            self.0.drain(..self.0.len() - left);
            Ok(())
        }
    }

    fn bytes(data: &'static str) -> Body {
        Body::Bytes { data: Bytes::from_static(data.as_bytes()), offset: 100, header: None }
    }

    fn throttle(bodies: Vec<Body>, live: bool, rate: impl Into<f64>) -> Throttle {
        let blocks = bodies.into_iter().map(|body| Block { ends: true, ..Block::single(body) }).collect();
        Throttle::new(Box::new(Blocks(blocks, live)), Some(double::lines(true, false)), rate.into())
    }

    /// Runs to the end with a clock that jumps to where the source waits for; (time, block) each.
    fn run(source: &mut Throttle) -> Vec<(i64, String)> {
        let (mut now, mut out) = (0, Vec::new());
        loop {
            match source.next(now).unwrap() {
                Next::End => return out,
                Next::Tick(_) => panic!("a source without a journal has no ticks"),
                Next::Pending { until } => now = until.unwrap(),
                Next::Block(Block { body, ends, .. }) => out.push((
                    now,
                    match body {
                        Body::Bytes { data, offset, .. } => {
                            format!("{offset} {} {ends}", std::str::from_utf8(&data).unwrap())
                        }
                        Body::Range { first, rows } => format!("{first}+{rows} {ends}"),
                        Body::Group(_) | Body::Empty => format!("empty {ends}"),
                    },
                )),
            }
        }
    }

    #[test]
    fn records_are_spaced_and_stay_whole() {
        let mut source = throttle(vec![bytes("a\n\"b\nb\"\nc\nd"), Body::Empty], false, 10);
        let expect = [
            (0, "100 a\n false"),
            (0, "102 \"b\nb\"\n false"),
            (100_000, "108 c\n false"),
            (200_000, "110 d true"),
            (200_000, "empty true"),
        ];
        assert_eq!(run(&mut source), expect.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn the_parts_of_a_block_stay_together() {
        let mut source = throttle(vec![bytes("a\nb\n")], false, 1);
        let mut times = Vec::new();
        for now in [0, 1_000_000] {
            times.push(source.next_time().unwrap());
            assert!(matches!(source.next(now).unwrap(), Next::Block(_)));
        }
        times.push(source.next_time().unwrap());
        assert_eq!(times, [7, i64::MIN, 7]);
    }

    #[test]
    fn a_range_of_rows_keeps_the_rate() {
        let mut source = throttle(vec![Body::Range { first: 5, rows: 100_050 }], false, 10_000);
        let out = run(&mut source);
        assert_eq!(out[0].1, "5+200 false");
        assert_eq!(out.last().unwrap().1, "100005+50 true");
        assert_eq!(out.len(), 501);
        let seconds = out.last().unwrap().0 as f64 / 1e6;
        assert!((9.9..=10.1).contains(&seconds), "{seconds}");
    }

    #[test]
    fn goes_on_within_a_block() {
        let bodies = || vec![bytes("a\n\"b\nb\"\nc\nd"), bytes("e\nf\n"), Body::Range { first: 7, rows: 5 }];
        let texts = |out: Vec<(i64, String)>| -> Vec<String> { out.into_iter().map(|(_, text)| text).collect() };
        let all = texts(run(&mut throttle(bodies(), false, 10)));
        assert_eq!(all.len(), 11);
        for taken in 0..=all.len() {
            let mut source = throttle(bodies(), false, 10);
            for i in 0..taken as i64 {
                assert!(matches!(source.next(i * 1_000_000).unwrap(), Next::Block(_)));
            }
            let position = source.position().unwrap();
            let mut resumed = throttle(bodies(), false, 10);
            resumed.restore(&position).unwrap();
            assert_eq!(resumed.position().unwrap(), position);
            assert_eq!(texts(run(&mut resumed)), all[taken..], "behind {taken}");
        }
    }

    #[test]
    fn another_input_is_not_gone_on_with() {
        let mut source = throttle(vec![bytes("a\nb\nc\n")], false, 1);
        assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
        let position = source.position().unwrap();
        for (data, words) in [("", "shorter"), ("x\nb\nc\n", "other data"), ("a\nx\nc\n", "")] {
            let mut resumed = throttle(vec![bytes(data)], false, 1);
            resumed.restore(&position).unwrap();
            match resumed.next(0) {
                Ok(_) => assert_eq!(words, ""),
                Err(error) => assert!(error.message.contains(words) && error.class == crate::error::Class::Data),
            }
        }
    }

    #[test]
    fn stop_keeps_what_a_live_input_gave() {
        for (live, left) in [(true, 1), (false, 0)] {
            let mut source = throttle(vec![bytes("a\nb\nc\n")], live, 1);
            assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
            assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
            assert!(matches!(source.next(0).unwrap(), Next::Pending { until: Some(1_000_000) }));
            source.stop();
            assert_eq!(run(&mut source).len(), left);
        }
    }

    #[test]
    fn less_than_a_row_a_second() {
        let mut source = throttle(vec![bytes("a\nb\nc\n")], false, 0.5);
        let out: Vec<i64> = run(&mut source).into_iter().map(|(at, _)| at).collect();
        assert_eq!(out, [0, 0, 2_000_000]);
    }

    #[test]
    fn stop_drops_what_a_generator_has_not_made() {
        let blocks = VecDeque::from([Block::single(Body::Range { first: 0, rows: 1000 })]);
        let mut source = Throttle::new(Box::new(Blocks(blocks, true)), None, 1.0);
        assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
        source.stop();
        assert_eq!(run(&mut source), []);
    }
}
