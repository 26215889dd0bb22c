//! Merging the parts of a block that several subtasks made, on the order that each part carries.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

use arrow_buffer::ScalarBuffer;
use bytes::Bytes;

use super::message::{BadRow, Chunk, Stretch};
use crate::data::{Batch, Column, Order};

/// Bytes and rows a merged chunk or batch holds at least before it is handed on, unless the block ends.
const CHUNK_BYTES: usize = 128 << 10;
const BATCH_ROWS: usize = 8192;

/// What the merge has to give.
pub enum Merged {
    Rows(Batch),
    Chunk(Chunk),
    /// A row that ends the job.
    Failed(Box<BadRow>),
    /// The next row may still be on its way over a channel that [`Merger::wants`] more.
    Wait,
    /// All channels have ended the block and everything was handed on.
    End,
}

/// Merges the parts of one block after another.
pub struct Merger {
    parts: Vec<Part>,
    chunk: MergedChunk,
    rows: MergedRows,
    /// A row of the block has ended the job: what is behind it is nobody's business.
    failed: bool,
}

#[derive(Default)]
struct Part {
    queue: VecDeque<Piece>,
    /// First row of the front piece that was not taken.
    at: usize,
    ended: bool,
    /// Its next row is not before these: the one by number, the other by key.
    passed: [Order; 2],
}

enum Piece {
    Rows(Batch),
    Chunk(Chunk),
    Failed(Box<BadRow>),
}

#[derive(Default)]
struct MergedChunk {
    data: Vec<u8>,
    rows: usize,
    stretches: Vec<Stretch>,
}

#[derive(Default)]
struct MergedRows {
    pieces: Vec<Batch>,
    rows: usize,
}

impl Part {
    /// Nothing that is to come can be before row `row` of `order`.
    fn has_passed(&self, order: &Order, row: usize) -> bool {
        let passed = match order {
            Order::Arrival => return false,
            // Who has come to the keys has no numbered row any more.
            Order::Row(_) if !matches!(self.passed[1], Order::Arrival) => return true,
            Order::Row(_) => &self.passed[0],
            Order::Key(_) => &self.passed[1],
        };
        !matches!(passed, Order::Arrival) && compare(order, row, passed, 0) != Ordering::Greater
    }
}

impl Piece {
    fn rows(&self) -> usize {
        match self {
            Piece::Rows(batch) => batch.rows,
            Piece::Chunk(chunk) => chunk.rows,
            Piece::Failed(_) => 1,
        }
    }

    fn order(&self) -> &Order {
        match self {
            Piece::Rows(batch) => &batch.order,
            Piece::Chunk(chunk) => &chunk.order,
            Piece::Failed(bad) => &bad.order,
        }
    }
}

/// Orders row `i` of `a` against row `j` of `b`; rows without an order are equal.
fn compare(a: &Order, i: usize, b: &Order, j: usize) -> Ordering {
    match (a, b) {
        (Order::Row(a), Order::Row(b)) => a[i].cmp(&b[j]),
        (Order::Key(a), Order::Key(b)) => a.get(i).cmp(b.get(j)),
        // What comes row by row comes before what comes out at the end.
        (Order::Row(_), Order::Key(_)) => Ordering::Less,
        (Order::Key(_), Order::Row(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

impl Merger {
    pub fn new(channels: usize) -> Merger {
        Merger {
            parts: (0..channels).map(|_| Part::default()).collect(),
            chunk: MergedChunk::default(),
            rows: MergedRows::default(),
            failed: false,
        }
    }

    /// Whether the merge cannot go on without this channel.
    pub fn wants(&self, channel: usize) -> bool {
        !self.parts[channel].ended && self.parts[channel].queue.is_empty()
    }

    /// Nothing of the next block has been read.
    pub fn is_fresh(&self) -> bool {
        self.parts.iter().all(|p| !p.ended && p.queue.is_empty()) && self.chunk.rows == 0 && self.rows.rows == 0
    }

    pub fn push_rows(&mut self, channel: usize, batch: Batch) {
        self.push(channel, Piece::Rows(batch));
    }

    pub fn push_chunk(&mut self, channel: usize, chunk: Chunk) {
        self.push(channel, Piece::Chunk(chunk));
    }

    /// A row that ends the job, at its place among the others.
    pub fn push_failed(&mut self, channel: usize, bad: Box<BadRow>) {
        self.push(channel, Piece::Failed(bad));
    }

    fn push(&mut self, channel: usize, piece: Piece) {
        if !self.failed {
            self.parts[channel].queue.push_back(piece);
        }
    }

    /// The channel's next row comes behind `order`, which is that of a single row.
    pub fn pass(&mut self, channel: usize, order: Order) {
        let kind = usize::from(matches!(order, Order::Key(_)));
        self.parts[channel].passed[kind] = order;
    }

    pub fn end(&mut self, channel: usize) {
        self.parts[channel].ended = true;
    }

    pub fn restart(&mut self) {
        self.failed = false;
        self.parts.iter_mut().for_each(|p| (p.ended, p.passed) = (false, Default::default()));
    }

    /// Goes on as far as the pieces at hand allow.
    pub fn next(&mut self) -> Merged {
        if self.failed {
            let waits = (0..self.parts.len()).any(|channel| self.wants(channel));
            return if waits { Merged::Wait } else { Merged::End };
        }
        loop {
            if self.chunk.data.len() >= CHUNK_BYTES {
                return self.give_chunk();
            }
            if self.rows.rows >= BATCH_ROWS {
                return self.give_rows();
            }
            // Rows without an order need only the part in front: parts follow each other.
            let Some(least) = self.least() else {
                let waits = (0..self.parts.len()).any(|c| self.wants(c));
                // A batch never waits for rows that may be long in coming, and never spans two blocks.
                return match (self.chunk.rows, self.rows.rows) {
                    (0, 0) if waits => Merged::Wait,
                    (0, 0) => Merged::End,
                    (0, _) => self.give_rows(),
                    _ => self.give_chunk(),
                };
            };
            if matches!(self.parts[least].queue.front(), Some(Piece::Failed(_))) {
                // What comes before it goes first.
                match (self.chunk.rows, self.rows.rows) {
                    (0, 0) => {}
                    (0, _) => return self.give_rows(),
                    _ => return self.give_chunk(),
                }
                if let Some(Piece::Failed(bad)) = self.parts[least].queue.pop_front() {
                    self.failed = true;
                    self.parts.iter_mut().for_each(|part| part.queue.clear());
                    return Merged::Failed(bad);
                }
            }
            self.take_run(least);
        }
    }

    /// The part with the least row in front, `None` while a part that could hold it is not there.
    fn least(&self) -> Option<usize> {
        let mut least: Option<(usize, &Order, usize)> = None;
        for (index, part) in self.parts.iter().enumerate() {
            let Some(piece) = part.queue.front() else { continue };
            match least {
                Some((_, order, at)) if compare(piece.order(), part.at, order, at) != Ordering::Less => {}
                _ => least = Some((index, piece.order(), part.at)),
            }
        }
        let (least, order, at) = least?;
        let is_certain = |(index, part): (usize, &Part)| {
            let in_front = matches!(order, Order::Arrival) && least < index;
            !self.wants(index) || in_front || part.has_passed(order, at)
        };
        self.parts.iter().enumerate().all(is_certain).then_some(least)
    }

    /// Takes from part `least` all rows up to the least row of the others.
    fn take_run(&mut self, least: usize) {
        let Some(piece) = self.parts[least].queue.front() else { return };
        let (start, rows) = (self.parts[least].at, piece.rows());
        let mut end = rows;
        for (index, part) in self.parts.iter().enumerate() {
            if index == least {
                continue;
            }
            // Among equals the part in front goes first.
            let before = if least < index { Ordering::Greater } else { Ordering::Equal };
            let precedes = |row: usize| match part.queue.front() {
                Some(other) => compare(piece.order(), row, other.order(), part.at) < before,
                None => {
                    !self.wants(index) || matches!(piece.order(), Order::Arrival) || part.has_passed(piece.order(), row)
                }
            };
            if end > start + 1 && !precedes(end - 1) {
                end = start + 1 + gallop(end - start - 1, |step| precedes(start + 1 + step));
            }
        }
        let whole = start == 0 && end == rows;
        match piece {
            Piece::Chunk(chunk) => self.chunk.append(chunk, start, end),
            Piece::Rows(batch) if whole => self.rows.append(batch.clone()),
            Piece::Rows(batch) => self.rows.append(batch.slice(start, end - start)),
            Piece::Failed(_) => {}
        }
        let part = &mut self.parts[least];
        part.at = end;
        if end == rows {
            part.queue.pop_front();
            part.at = 0;
        }
    }

    fn give_chunk(&mut self) -> Merged {
        let MergedChunk { data, rows, stretches } = std::mem::take(&mut self.chunk);
        Merged::Chunk(Chunk { data: Bytes::from(data), rows, stretches, ..Chunk::default() })
    }

    fn give_rows(&mut self) -> Merged {
        let rows = std::mem::take(&mut self.rows);
        Merged::Rows(concat(rows.pieces))
    }
}

/// Number of leading steps below `limit` for which `holds`, which is true first and false then.
fn gallop(limit: usize, holds: impl Fn(usize) -> bool) -> usize {
    let mut bound = 1;
    while bound <= limit && holds(bound - 1) {
        bound *= 2;
    }
    let (mut low, mut high) = (bound / 2, bound.min(limit + 1) - 1);
    while low < high {
        let middle = (low + high) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

impl MergedChunk {
    fn append(&mut self, chunk: &Chunk, start: usize, end: usize) {
        let offset = |row: usize| if row == 0 { 0 } else { chunk.ends[row - 1] as usize };
        let (from, to) =
            if start == 0 && end == chunk.rows { (0, chunk.data.len()) } else { (offset(start), offset(end)) };
        self.append_stretches(chunk, start..end, from..to);
        self.data.extend_from_slice(&chunk.data[from..to]);
        self.rows += end - start;
    }

    /// The partitions of these rows of `chunk`, which are these bytes of it.
    fn append_stretches(&mut self, chunk: &Chunk, rows: Range<usize>, bytes: Range<usize>) {
        let inside = chunk.stretches.partition_point(|stretch| stretch.row <= rows.start);
        for stretch in &chunk.stretches[inside..] {
            // The last one may go on behind the rows.
            let (row, byte) = if stretch.row <= rows.end { (stretch.row, stretch.byte) } else { (rows.end, bytes.end) };
            let (row, byte) = (self.rows + row - rows.start, self.data.len() + byte - bytes.start);
            match self.stretches.last_mut() {
                Some(last) if last.partition == stretch.partition => (last.row, last.byte) = (row, byte),
                _ => self.stretches.push(Stretch { row, byte, partition: stretch.partition.clone() }),
            }
            if stretch.row >= rows.end {
                break;
            }
        }
    }
}

impl MergedRows {
    fn append(&mut self, batch: Batch) {
        self.rows += batch.rows;
        self.pieces.push(batch);
    }
}

/// The rows of all `pieces` behind each other, without their order. Pieces have the same columns.
pub fn concat(pieces: Vec<Batch>) -> Batch {
    if pieces.len() == 1 {
        return pieces.into_iter().next().map(|b| Batch { order: Order::Arrival, ..b }).unwrap_or_default();
    }
    let rows = pieces.iter().map(|b| b.rows).sum();
    let width = pieces.first().map_or(0, |b| b.columns.len());
    let column = |index: usize| Column::concat(&pieces.iter().map(|b| &b.columns[index]).collect::<Vec<_>>());
    let times: Option<Vec<&[i64]>> = pieces.iter().map(|b| b.time.as_deref()).collect();
    Batch {
        columns: (0..width).map(column).collect(),
        rows,
        time: times.map(|times| times.concat().into()),
        seen: joined_seen(&pieces),
        order: Order::Arrival,
        now: pieces.first().map_or(0, |b| b.now),
        partial: pieces.first().is_some_and(|b| b.partial),
    }
}

/// What rows have seen before them, if one of `pieces` says so: the rows of others have seen nothing of note.
fn joined_seen(pieces: &[Batch]) -> Option<ScalarBuffer<i64>> {
    pieces.iter().find(|piece| piece.seen.is_some())?;
    let mut joined = Vec::with_capacity(pieces.iter().map(|piece| piece.rows).sum());
    for piece in pieces {
        match &piece.seen {
            Some(seen) => joined.extend_from_slice(seen),
            None => joined.resize(joined.len() + piece.rows, i64::MIN),
        }
    }
    Some(joined.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows: &[u32]) -> Chunk {
        let mut chunk = Chunk { rows: rows.len(), order: Order::Row(rows.to_vec().into()), ..Chunk::default() };
        let mut data = Vec::new();
        for row in rows {
            data.extend_from_slice(format!("{row} ").as_bytes());
            chunk.ends.push(data.len() as u32);
        }
        chunk.data = data.into();
        chunk
    }

    fn drain(merger: &mut Merger) -> (String, bool) {
        let mut text = String::new();
        loop {
            match merger.next() {
                Merged::Chunk(chunk) => text.push_str(std::str::from_utf8(&chunk.data).unwrap()),
                Merged::Rows(_) | Merged::Failed(_) => unreachable!(),
                Merged::Wait => return (text, false),
                Merged::End => return (text, true),
            }
        }
    }

    #[test]
    fn merges_runs_and_waits_for_what_may_come_first() {
        let mut merger = Merger::new(2);
        merger.push_chunk(0, part(&[0, 1, 2, 7]));
        assert_eq!(drain(&mut merger), (String::new(), false));
        merger.push_chunk(1, part(&[3, 4, 5, 6, 8]));
        assert_eq!(drain(&mut merger), ("0 1 2 3 4 5 6 7 ".into(), false));
        merger.end(0);
        assert_eq!(drain(&mut merger), ("8 ".into(), false));
        merger.end(1);
        assert_eq!(drain(&mut merger), (String::new(), true));
    }

    #[test]
    fn a_piece_that_has_seen_nothing_takes_nothing_from_the_others() {
        let piece = |seen: Option<&[i64]>| Batch { seen: seen.map(|s| s.to_vec().into()), ..Batch::new(Vec::new(), 2) };
        let joined = |pieces: &[Option<&[i64]>]| concat(pieces.iter().map(|p| piece(*p)).collect()).seen;
        assert_eq!(joined(&[None, None]), None);
        assert_eq!(joined(&[None, Some(&[1, 2])]).unwrap().to_vec(), [i64::MIN, i64::MIN, 1, 2]);
    }

    #[test]
    fn partitions_are_merged_with_their_rows() {
        let parted = |rows: &[u32]| {
            let mut chunk = part(rows);
            for (index, row) in rows.iter().enumerate() {
                let (partition, byte): (std::sync::Arc<str>, _) =
                    (if row % 4 < 2 { "low".into() } else { "high".into() }, chunk.ends[index] as usize);
                match chunk.stretches.last_mut() {
                    Some(last) if last.partition == partition => (last.row, last.byte) = (index + 1, byte),
                    _ => chunk.stretches.push(Stretch { row: index + 1, byte, partition }),
                }
            }
            chunk
        };
        let mut merger = Merger::new(2);
        merger.push_chunk(0, parted(&[0, 1, 2, 3, 9, 10]));
        merger.push_chunk(1, parted(&[4, 5, 6, 7, 8, 11]));
        (0..2).for_each(|channel| merger.end(channel));
        let Merged::Chunk(chunk) = merger.next() else { panic!() };
        let (mut at, mut seen) = (0, Vec::new());
        for stretch in &chunk.stretches {
            let text = std::str::from_utf8(&chunk.data[at..stretch.byte]).unwrap();
            seen.push((stretch.row, text, &*stretch.partition));
            at = stretch.byte;
        }
        assert_eq!(
            seen,
            [
                (2, "0 1 ", "low"),
                (4, "2 3 ", "high"),
                (6, "4 5 ", "low"),
                (8, "6 7 ", "high"),
                (10, "8 9 ", "low"),
                (12, "10 11 ", "high"),
            ]
        );
    }

    #[test]
    fn gallop_finds_every_bound() {
        for limit in 0..40 {
            for bound in 0..=limit {
                assert_eq!(gallop(limit, |i| i < bound), bound, "{limit} {bound}");
            }
        }
    }
}
