//! Aggregation over windows of rows: a result of each key for every so many of its rows.
//!
//! The rows of a key form panes, which windows begin and end with. A group is a pane of a key; its number among the
//! panes of the key is the last column of the group's key. What a window needs is in whole panes, so rows are added
//! first, a batch at a time, and the results of the windows that end in it are made then.

use std::collections::{HashSet, VecDeque};

use arrow_array::{Int64Array, TimestampMicrosecondArray, UInt32Array};
use serde_json::json;

use super::emission::{BATCH_ROWS, BATCHES_PER_CALL};
use super::state::{self, FrozenGroups};
use super::table::{Rows, Shape, Table};
use super::{AggregateSpec, Window};
use crate::data::rowkey::RowKeys;
use crate::data::{Batch, Column, DataType, Order};
use crate::error::Result;
use crate::op::pass::judged_here;
use crate::op::window::pane_size;
use crate::op::{Flow, MAIN, Operator, Out, RowContext};
use crate::state::keys::{KeyIndex, MISSING};
use crate::state::restored::misfit;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

/// Groups that may be left behind before the others are moved together.
const SLACK: usize = 4_096;

pub struct Counted {
    spec: AggregateSpec,
    /// Of groups: the keys, and the number of the pane.
    shape: Shape,
    table: Table,
    keys: KeyIndex,
    each: Vec<Key>,
    size: u64,
    slide: u64,
    pane: u64,
    partial: bool,
    /// Groups that no window needs any more.
    dead: usize,
    /// Rows that came before.
    place: u64,
    /// Keys whose last window comes out, sorted; how many are out.
    finishing: Option<(Vec<u32>, usize)>,
    is_changed: bool,
    key_ids: Vec<u32>,
}

/// What is known of a key.
#[derive(Debug, Clone, Default)]
struct Key {
    /// Rows so far.
    rows: u64,
    /// Event time of the last.
    time: Option<i64>,
    /// Groups of its last panes, those that a window needs.
    panes: VecDeque<u32>,
}

/// A window that is to come out: the groups it is made of, in order.
type Parts = Vec<u32>;

impl Counted {
    pub fn new(spec: AggregateSpec, window: Window) -> Counted {
        let Window::Count { size, slide, partial } = window else { unreachable!("{window:?} is not of rows") };
        let mut of_groups = AggregateSpec { window: None, ..spec.clone() };
        of_groups.keys.push(spec.input.len());
        of_groups.input.push(DataType::Int);
        of_groups.key_names.push("pane".into());
        let shape = Shape::new(of_groups);
        let key_types: Vec<DataType> = spec.keys.iter().map(|&key| spec.input[key]).collect();
        Counted {
            table: Table::new(&shape),
            shape,
            keys: KeyIndex::new(&key_types),
            each: Vec::new(),
            size,
            slide,
            pane: pane_size(size as i64, slide as i64) as u64,
            partial,
            dead: 0,
            place: 0,
            finishing: None,
            is_changed: true,
            key_ids: Vec::new(),
            spec,
        }
    }

    /// The window that is being filled behind `rows` rows ends with this row.
    fn next_end(&self, rows: u64) -> u64 {
        (rows / self.slide + 1) * self.slide
    }

    /// Adds the rows of a batch to their panes. Gives back how many rows of its key came before each.
    fn add(&mut self, batch: &Batch) -> Vec<u64> {
        let keys: Vec<&Column> = self.spec.keys.iter().map(|&key| &batch.columns[key]).collect();
        self.keys.ids(&keys, batch.rows, &mut self.key_ids);
        self.each.resize(self.keys.len(), Key::default());
        let mut counts: Vec<u64> = Vec::with_capacity(batch.rows);
        for &id in &self.key_ids {
            let rows = &mut self.each[id as usize].rows;
            counts.push(*rows);
            *rows += 1;
        }
        let panes: Int64Array = counts.iter().map(|count| (count / self.pane) as i64).collect();
        let mut columns = batch.columns.clone();
        columns.push(Column::Int(panes));
        let rows = Rows::new(&self.shape, Batch { columns, ..batch.clone() }, self.place);
        self.place += batch.rows as u64;
        self.table.add(&self.shape, &rows);
        counts
    }

    /// The windows that end in a batch whose rows were added: the rows they end with, and what they are made of.
    fn ends(&mut self, batch: &Batch, counts: &[u64]) -> (Vec<u32>, Vec<Parts>) {
        let (mut ends, mut windows) = (Vec::new(), Vec::new());
        for ((row, &id), &before) in self.key_ids.iter().enumerate().zip(counts) {
            let first = self.next_end(before).saturating_sub(self.size) / self.pane;
            let key = &mut self.each[id as usize];
            if before.is_multiple_of(self.pane) {
                // Windows that are further apart than they are long leave panes out.
                match before / self.pane >= first {
                    true => key.panes.push_back(self.table.ids()[row]),
                    false => self.dead += 1,
                }
            }
            key.time = batch.time.as_ref().map(|times| times[row]);
            let count = before + 1;
            if !count.is_multiple_of(self.slide) {
                continue;
            }
            let first = count.saturating_sub(self.size) / self.pane;
            forget(&mut key.panes, count / self.pane, first, &mut self.dead);
            ends.push(row as u32);
            windows.push(key.panes.iter().copied().collect());
            let first = (count + self.slide).saturating_sub(self.size) / self.pane;
            forget(&mut key.panes, count / self.pane, first, &mut self.dead);
        }
        (ends, windows)
    }

    /// The results of windows, one column per call.
    fn results(&self, windows: &[Parts]) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        let all: Vec<u32> = (0..windows.len() as u32).collect();
        if windows.iter().all(|parts| parts.len() == 1) {
            let groups: Vec<u32> = windows.iter().map(|parts| parts[0]).collect();
            self.table.results(&self.shape, &groups, &mut columns)?;
            return Ok(columns);
        }
        let mut merged = Table::new(&self.shape);
        merged.accumulators.iter_mut().for_each(|a| a.start_merge(windows.len()));
        let most = windows.iter().map(Vec::len).max().unwrap_or(0);
        for part in 0..most {
            let having = all.iter().filter(|&&window| windows[window as usize].len() > part);
            let mut pairs: Vec<(u32, u32)> = having.map(|&w| (windows[w as usize][part], w)).collect();
            // A merge gives each pane to one window; windows that overlap share panes.
            while !pairs.is_empty() {
                let mut given = HashSet::new();
                let (now, later): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(pane, _)| given.insert(*pane));
                let (from, to): (Vec<u32>, Vec<u32>) = now.into_iter().unzip();
                for (accumulator, other) in merged.accumulators.iter_mut().zip(&self.table.accumulators) {
                    accumulator.merge(other, &from, &to);
                }
                pairs = later;
            }
        }
        merged.results(&self.shape, &all, &mut columns)?;
        Ok(columns)
    }

    /// Moves the groups that windows need together, in the order of keys and panes.
    fn compact(&mut self) {
        let live: Vec<u32> = self.each.iter().flat_map(|key| key.panes.iter().copied()).collect();
        let mut table = Table::new(&self.shape);
        let columns = self.table.index.key_columns(&live);
        table.index.ids(&columns.iter().collect::<Vec<_>>(), live.len(), &mut Vec::new());
        let to: Vec<u32> = (0..live.len() as u32).collect();
        for (accumulator, other) in table.accumulators.iter_mut().zip(&self.table.accumulators) {
            accumulator.start_merge(live.len());
            accumulator.merge(other, &live, &to);
        }
        for (pane, to) in self.each.iter_mut().flat_map(|key| key.panes.iter_mut()).zip(to) {
            *pane = to;
        }
        self.table = table;
        self.dead = 0;
    }

    /// The keys with a window that is partly filled.
    fn unfinished(&self) -> Vec<u32> {
        let is_open = |id: &u32| {
            let rows = self.each[*id as usize].rows;
            !rows.is_multiple_of(self.slide) && self.next_end(rows).saturating_sub(self.size) < rows
        };
        let mut ids: Vec<u32> = (0..self.each.len() as u32).filter(is_open).collect();
        self.keys.sort(&mut ids);
        ids
    }

    /// Emits the last windows of these keys.
    fn emit_last(&self, ids: &[u32], out: &mut Out) -> Result<()> {
        let mut columns = self.keys.key_columns(ids);
        let order = match self.spec.ordered {
            true => Order::Key(RowKeys::encode(&columns.iter().collect::<Vec<_>>(), ids.len())),
            false => Order::Arrival,
        };
        let windows: Vec<Parts> =
            ids.iter().map(|&id| self.each[id as usize].panes.iter().copied().collect()).collect();
        columns.extend(self.results(&windows)?);
        let time: Option<Vec<i64>> = ids.iter().map(|&id| self.each[id as usize].time).collect();
        out.emit(MAIN, Batch { time: time.map(Into::into), order, ..Batch::new(columns, ids.len()) });
        Ok(())
    }

    fn shapes(&self) -> Vec<TableShape> {
        let keys = self.spec.keys.len();
        let names = self.spec.key_names.iter().cloned().zip(self.shape.key_types.iter().copied());
        let columns = names.chain([("rows".to_owned(), DataType::Int), ("time".to_owned(), DataType::Timestamp)]);
        let mut shapes = vec![TableShape::new("keys", columns.collect(), keys)];
        shapes.extend(state::shapes(&self.shape, "panes", &[]));
        // The panes of a key are where the key is.
        shapes.iter_mut().for_each(|shape| shape.key.truncate(keys));
        shapes
    }
}

/// Drops panes of a key, of which `count` are complete, before pane `first`.
fn forget(panes: &mut VecDeque<u32>, count: u64, first: u64, dead: &mut usize) {
    let needed = count.saturating_sub(first) as usize;
    while panes.len() > needed {
        panes.pop_front();
        *dead += 1;
    }
}

impl Operator for Counted {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        self.is_changed = true;
        let counts = self.add(&batch);
        let (ends, windows) = self.ends(&batch, &counts);
        if !ends.is_empty() {
            let seen = judged_here(&batch, context.watermark);
            let order = if matches!(batch.order, Order::Row(_)) { batch.order } else { Order::Arrival };
            let keys = self.spec.keys.iter().map(|&key| &batch.columns[key]).collect();
            let columns = self.keys.shown(keys, &self.key_ids);
            let last = Batch { columns, seen, order, changes: None, ..batch }.take(&UInt32Array::from(ends));
            let mut columns = last.columns.clone();
            columns.extend(self.results(&windows)?);
            out.emit(MAIN, Batch { columns, ..last });
        }
        if self.dead > self.table.index.len() / 2 + SLACK {
            self.compact();
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Out) -> Result<Flow> {
        if !self.partial {
            return Ok(Flow::Done);
        }
        let (ids, mut at) = match self.finishing.take() {
            Some(finishing) => finishing,
            None => (self.unfinished(), 0),
        };
        for _ in 0..BATCHES_PER_CALL {
            let end = ids.len().min(at + BATCH_ROWS);
            self.emit_last(&ids[at..end], out)?;
            at = end;
        }
        if at == ids.len() {
            return Ok(Flow::Done);
        }
        self.finishing = Some((ids, at));
        Ok(Flow::More)
    }

    fn tables(&self) -> Vec<TableShape> {
        self.shapes()
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        let mut shapes = self.shapes();
        let scalars = json!({ "place": self.place });
        if !std::mem::replace(&mut self.is_changed, false) && !full {
            return Frozen { tables: shapes.iter().map(|_| FrozenTable::Unchanged).collect(), scalars };
        }
        self.compact();
        let keys = self.keys.freeze();
        let rows: Vec<(u64, Option<i64>)> = self.each.iter().map(|key| (key.rows, key.time)).collect();
        let make = move || {
            let mut columns = keys.columns();
            columns.push(Column::Int(rows.iter().map(|(rows, _)| *rows as i64).collect::<Int64Array>()));
            columns.push(Column::Timestamp(rows.iter().map(|(_, time)| *time).collect::<TimestampMicrosecondArray>()));
            columns
        };
        let mut tables = vec![FrozenTable::Rows(Box::new(make))];
        tables.extend(state::freeze(shapes.split_off(1), vec![FrozenGroups::new(&self.table, None)]));
        Frozen { tables, scalars }
    }

    fn restore(&mut self, mut state: Restored) -> Result<()> {
        let shapes = self.shapes();
        let mut columns = state.take(&shapes[0])?;
        let (times, rows) = (columns.pop(), columns.pop());
        let (Some(Column::Timestamp(times)), Some(Column::Int(rows))) = (times, rows) else {
            unreachable!("types were checked")
        };
        self.keys.ids(&columns.iter().collect::<Vec<_>>(), rows.len(), &mut Vec::new());
        if self.keys.len() != rows.len() {
            return Err(misfit("a key is in its state more than once"));
        }
        let key = |(rows, time): (&i64, Option<i64>)| Key { rows: (*rows).max(0) as u64, time, panes: VecDeque::new() };
        self.each = rows.values().iter().zip(times.iter()).map(key).collect();
        let mut panes: Vec<(u32, i64, u32)> = Vec::new();
        for (number, shape) in shapes.iter().skip(1).enumerate() {
            let columns = state.take(shape)?;
            if number > 0 {
                self.table.load_rows(number - 1, &columns)?;
                continue;
            }
            let rows = columns.first().map_or(0, Column::len);
            self.table.load(&self.shape, rows, &columns)?;
            let (keys, rest) = columns.split_at(self.spec.keys.len());
            let Some(Column::Int(numbers)) = rest.first() else { unreachable!("types were checked") };
            let mut ids = Vec::new();
            self.keys.find(&keys.iter().collect::<Vec<_>>(), rows, &mut ids);
            if ids.contains(&MISSING) {
                return Err(misfit("its state has rows of a key that is not there"));
            }
            panes.extend(ids.iter().zip(numbers.values()).zip(0..).map(|((&id, &number), group)| (id, number, group)));
        }
        panes.sort_unstable();
        panes.into_iter().for_each(|(id, _, group)| self.each[id as usize].panes.push_back(group));
        self.place = state.greatest("place")?.unwrap_or(0) as u64;
        Ok(())
    }
}
