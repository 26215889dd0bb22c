//! `order` of an aggregation: the rows of each window, or of the whole result, sorted by keys of their own.

use arrow_array::{Array, TimestampMicrosecondArray, UInt32Array};

use crate::data::{Batch, Column, DataType, Order, Schema};
use crate::error::Result;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

use super::sort::{SortKey, sorted_indices};
use super::{EMIT_ROWS, Flow, MAIN, Operator, Out, RowContext};

/// Sorts the rows of each window; equal rows keep the order they came in. Runs at parallelism 1, behind a gate that
/// merges by (window end, window start, `by`).
///
/// A window is told from the next by the hidden event time of its rows (window end − 1 µs), so its columns need not
/// be selected: windows of one aggregation that end together are the same. Its rows are complete when the time
/// changes or the block ends. The rows of one window are held in memory.
#[derive(Debug)]
pub struct SortWithin {
    order: Vec<SortKey>,
    input: Schema,
    windowed: bool,
    /// Rows of the window at hand, as they came.
    held: Vec<Batch>,
    /// Event time of the rows in `held`.
    time: i64,
    sorted: Option<Sorted>,
    /// The rows held are not what they were when last frozen.
    is_changed: bool,
}

/// Rows in order, of which those before `next` have been emitted.
#[derive(Debug)]
struct Sorted {
    rows: Batch,
    indices: Vec<u32>,
    next: usize,
}

impl SortWithin {
    /// Rows of the columns `input`. `windowed`: sort each window by itself, else all rows at the end of the input.
    pub fn new(order: Vec<SortKey>, input: Schema, windowed: bool) -> SortWithin {
        SortWithin { order, input, windowed, held: Vec::new(), time: i64::MIN, sorted: None, is_changed: true }
    }

    /// The rows in the order they came, and their event time, if they have one.
    fn shape(&self) -> TableShape {
        let fields = self.input.fields.iter().map(|field| (field.name.clone(), field.ty));
        TableShape::new("rows", fields.chain([("event_time".to_owned(), DataType::Timestamp)]).collect(), 0)
    }

    fn hold(&mut self, batch: Batch, time: i64, out: &mut Out) {
        if time != self.time {
            // These rows are in memory already, so passing them on at once does not need more than holding them.
            while self.emit(out) == Flow::More {}
            self.time = time;
        }
        self.held.push(batch);
    }

    /// Emits a batch of what is held, which is complete.
    fn emit(&mut self, out: &mut Out) -> Flow {
        if self.sorted.is_none() && !self.held.is_empty() {
            self.is_changed = true;
            let rows = concat(std::mem::take(&mut self.held));
            let indices = sorted_indices(&self.order, &rows.columns, rows.rows);
            self.sorted = Some(Sorted { rows, indices, next: 0 });
        }
        let Some(sorted) = &mut self.sorted else { return Flow::Done };
        let end = sorted.indices.len().min(sorted.next + EMIT_ROWS);
        let indices = UInt32Array::from(sorted.indices[sorted.next..end].to_vec());
        out.emit(MAIN, sorted.rows.take(&indices));
        sorted.next = end;
        if end < sorted.indices.len() {
            return Flow::More;
        }
        self.sorted = None;
        Flow::Done
    }
}

impl Operator for SortWithin {
    fn on_batch(&mut self, batch: Batch, _context: &RowContext, out: &mut Out) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        self.is_changed = true;
        let times = match &batch.time {
            Some(times) if self.windowed => times.clone(),
            _ => {
                self.held.push(batch);
                return Ok(());
            }
        };
        let mut start = 0;
        for run in times.chunk_by(|a, b| a == b) {
            self.hold(batch.slice(start, run.len()), run[0], out);
            start += run.len();
        }
        Ok(())
    }

    fn on_block_end(&mut self, _watermark: i64, out: &mut Out) -> Result<Flow> {
        Ok(if self.windowed { self.emit(out) } else { Flow::Done })
    }

    fn finish(&mut self, out: &mut Out) -> Result<Flow> {
        Ok(self.emit(out))
    }

    /// None for windows: their rows come in one block and are out at its end.
    fn tables(&self) -> Vec<TableShape> {
        if self.windowed { Vec::new() } else { vec![self.shape()] }
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        if self.windowed {
            debug_assert!(self.held.is_empty() && self.sorted.is_none());
            return Frozen::default();
        }
        if !std::mem::replace(&mut self.is_changed, false) && !full {
            return Frozen { tables: vec![FrozenTable::Unchanged], ..Frozen::default() };
        }
        let (shape, held) = (self.shape(), self.held.clone());
        let rows = FrozenTable::Rows(Box::new(move || if held.is_empty() { shape.no_rows() } else { columns(held) }));
        Frozen { tables: vec![rows], ..Frozen::default() }
    }

    fn restore(&mut self, mut state: Restored) -> Result<()> {
        if self.windowed {
            return Ok(());
        }
        let mut columns = state.take(&self.shape())?;
        let times = columns.pop();
        if let Some(Column::Timestamp(times)) = times
            && !times.is_empty()
        {
            let time = (times.null_count() == 0).then(|| times.values().clone());
            self.held = vec![Batch { time, ..Batch::new(columns, times.len()) }];
        }
        Ok(())
    }
}

/// The rows of `batches`, of which there is one at least, as columns of the state.
fn columns(batches: Vec<Batch>) -> Vec<Column> {
    let Batch { mut columns, time, rows, .. } = concat(batches);
    columns.push(match time {
        Some(times) => Column::Timestamp(TimestampMicrosecondArray::new(times, None)),
        None => Column::new_null(DataType::Timestamp, rows),
    });
    columns.iter().map(Column::compact).collect()
}

/// One batch of all rows of `batches`, which are not empty and of one schema; in the order they come.
fn concat(mut batches: Vec<Batch>) -> Batch {
    if batches.len() == 1
        && let Some(batch) = batches.pop()
    {
        return Batch { order: Order::Arrival, seen: None, ..batch };
    }
    let columns = (0..batches[0].columns.len())
        .map(|c| Column::concat(&batches.iter().map(|b| &b.columns[c]).collect::<Vec<_>>()))
        .collect();
    let time: Option<Vec<i64>> =
        batches.iter().map(|b| b.time.as_deref()).collect::<Option<Vec<&[i64]>>>().map(|times| times.concat());
    let mut all = Batch::new(columns, batches.iter().map(|b| b.rows).sum());
    all.time = time.map(Into::into);
    all.changes = Batch::joined_changes(&batches);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONTEXT: RowContext = RowContext { input: 0, watermark: i64::MIN, delay: 0 };

    /// Rows of (value, place in the input) in windows given by time.
    fn batch(rows: &[(i64, i64)], first: i64) -> Batch {
        let values: Vec<i64> = rows.iter().map(|r| r.1).collect();
        let places: Vec<i64> = (first..first + rows.len() as i64).collect();
        let mut batch = Batch::new(vec![Column::Int(values.into()), Column::Int(places.into())], rows.len());
        batch.time = Some(rows.iter().map(|r| r.0).collect());
        batch
    }

    fn drain(mut step: impl FnMut(&mut Out) -> Flow, out: &mut Out) {
        while step(out) == Flow::More {}
    }

    /// Every emitted batch as (time, value, place).
    fn emitted(out: &Out) -> Vec<Vec<(i64, i64, i64)>> {
        let int = |b: &Batch, c: usize, i: usize| match &b.columns[c] {
            Column::Int(a) => a.value(i),
            other => panic!("{other:?}"),
        };
        let rows = |b: &Batch| {
            let times = b.time.as_ref().unwrap();
            (0..b.rows).map(|i| (times[i], int(b, 0, i), int(b, 1, i))).collect()
        };
        out.emitted.iter().map(|(_, b)| rows(b)).collect()
    }

    fn input() -> Schema {
        Schema::new([("value", DataType::Int), ("place", DataType::Int)])
    }

    fn descending() -> Vec<SortKey> {
        vec![SortKey { column: 0, descending: true, nulls_first: false }]
    }

    #[test]
    fn windows_stay_apart_and_come_in_batches_of_bounded_size() {
        let mut sort = SortWithin::new(descending(), input(), true);
        let mut out = Out::default();
        let rows: Vec<(i64, i64)> = (0..20_000).map(|i| (i / 15_000, i % 7)).collect();
        for (i, part) in rows.chunks(4_000).enumerate() {
            sort.on_batch(batch(part, i as i64 * 4_000), &CONTEXT, &mut out).unwrap();
        }
        drain(|out| sort.on_block_end(0, out).unwrap(), &mut out);
        let sizes: Vec<usize> = out.emitted.iter().map(|(_, b)| b.rows).collect();
        assert_eq!(sizes, [8_192, 15_000 - 8_192, 5_000]);
        assert_eq!(sort.finish(&mut out).unwrap(), Flow::Done);
    }

    proptest! {
        #[test]
        fn like_a_stable_sort_of_each_window(
            mut rows in prop::collection::vec((0i64..4, 0i64..5), 0..60),
            cut in 1usize..9,
            blocks in any::<bool>(),
            windowed in any::<bool>(),
        ) {
            rows.sort_by_key(|r| r.0);
            let mut sort = SortWithin::new(descending(), input(), windowed);
            let mut out = Out::default();
            for (i, part) in rows.chunks(cut).enumerate() {
                sort.on_batch(batch(part, (i * cut) as i64), &CONTEXT, &mut out).unwrap();
                let next = rows.get((i + 1) * cut).map(|r| r.0);
                // A window's rows come in one block.
                if blocks && next != part.last().map(|r| r.0) {
                    drain(|out| sort.on_block_end(0, out).unwrap(), &mut out);
                }
            }
            drain(|out| sort.on_block_end(0, out).unwrap(), &mut out);
            drain(|out| sort.finish(out).unwrap(), &mut out);
            let mut expected: Vec<(i64, i64, i64)> =
                rows.iter().enumerate().map(|(i, r)| (r.0, r.1, i as i64)).collect();
            expected.sort_by_key(|r| (if windowed { r.0 } else { 0 }, -r.1));
            prop_assert_eq!(emitted(&out).concat(), expected);
            if windowed {
                prop_assert!(emitted(&out).iter().all(|b| b.iter().all(|r| r.0 == b[0].0)));
            }
        }
    }
}
