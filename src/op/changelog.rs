//! What each result of an aggregate is to those that were given before it: the first of its key, a newer one, or its end.
//!
//! Wraps an aggregate that gives results of one key several times, and remembers which keys have a result. It looks at
//! `having` itself: a key whose new result does not hold any more has had its last row, and that is a change, too.

mod state;

use std::collections::BTreeMap;

use arrow_array::{Array, BooleanArray, UInt32Array};

use super::aggregate::{AggregateOperator, AggregateSpec, Emit};
use super::fault::failed;
use super::{Flow, MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Change, Column, DataType};
use crate::error::Result;
use crate::expr::Typed;
use crate::state::keys::KeyIndex;
use crate::state::table::{Frozen, Restored, TableShape};

/// Which results are given.
#[derive(Debug, Clone)]
pub struct Having {
    /// Over the results of the aggregate.
    pub items: Vec<Typed>,
    /// Over the items.
    pub condition: Typed,
}

/// (end, start) of a window; of rows without one, [`NO_WINDOW`].
type Window = (i64, i64);

const NO_WINDOW: Window = (i64::MAX, i64::MIN);

pub struct Changelog {
    inner: Box<dyn Operator>,
    having: Option<Having>,
    /// Names and types of the keys, the first columns of results.
    keys: Vec<(String, DataType)>,
    windowed: bool,
    lateness: i64,
    /// Windows whose results may still come out again.
    windows: BTreeMap<Window, Given>,
    /// They are not what they were when last frozen.
    is_changed: bool,
}

/// Keys that had a result, and whether they have one now.
struct Given {
    keys: KeyIndex,
    given: Vec<bool>,
}

impl Given {
    fn new(keys: &[(String, DataType)]) -> Given {
        let types: Vec<DataType> = keys.iter().map(|(_, ty)| *ty).collect();
        Given { keys: KeyIndex::new(&types), given: Vec::new() }
    }
}

impl Changelog {
    /// Results of one key may come more than once. All others are rows of a stream that only grows.
    pub fn is_possible(spec: &AggregateSpec) -> bool {
        spec.emit != Emit::Close || spec.lateness > 0
    }

    pub fn new(spec: AggregateSpec, having: Option<Having>) -> Changelog {
        let name = |i: usize| spec.key_names.get(i).cloned().unwrap_or_else(|| format!("key_{i}"));
        Changelog {
            having,
            keys: spec.keys.iter().enumerate().map(|(i, &key)| (name(i), spec.input[key])).collect(),
            windowed: spec.window.is_some(),
            lateness: spec.lateness,
            windows: BTreeMap::new(),
            is_changed: true,
            inner: AggregateOperator::new(spec),
        }
    }

    /// Lets the aggregate act and marks the results that come out.
    fn run(&mut self, out: &mut Out, act: impl FnOnce(&mut dyn Operator, &mut Out) -> Result<Flow>) -> Result<Flow> {
        let before = out.emitted.len();
        let flow = act(&mut *self.inner, out)?;
        for (output, batch) in out.emitted.split_off(before) {
            match output {
                MAIN => out.emit(MAIN, self.marked(batch)?),
                _ => out.emit(output, batch),
            }
        }
        Ok(flow)
    }

    /// The results that change something, with what they are. All are of one window.
    fn marked(&mut self, batch: Batch) -> Result<Batch> {
        let holding = self.having.as_ref().map(|having| having.holding(&batch)).transpose()?;
        let window = self.window(&batch);
        let given = self.windows.entry(window).or_insert_with(|| Given::new(&self.keys));
        let mut ids = Vec::new();
        given.keys.ids(&batch.columns[..self.keys.len()].iter().collect::<Vec<_>>(), batch.rows, &mut ids);
        given.given.resize(given.keys.len(), false);
        let (mut rows, mut changes) = (Vec::with_capacity(batch.rows), Vec::with_capacity(batch.rows));
        for (row, id) in (0..).zip(ids) {
            let holds = holding.as_ref().is_none_or(|mask| mask.is_valid(row) && mask.value(row));
            let change = match (std::mem::replace(&mut given.given[id as usize], holds), holds) {
                (false, true) => Change::Insert,
                (true, true) => Change::Update,
                (true, false) => Change::Delete,
                (false, false) => continue,
            };
            self.is_changed |= change != Change::Update;
            rows.push(row as u32);
            changes.push(change);
        }
        let batch = if rows.len() == batch.rows { batch } else { batch.take(&UInt32Array::from(rows)) };
        Ok(Batch { changes: Some(changes.into()), ..batch })
    }

    fn window(&self, batch: &Batch) -> Window {
        let bounds = &batch.columns[self.keys.len()..];
        match bounds {
            [Column::Timestamp(start), Column::Timestamp(end), ..] if self.windowed && batch.rows > 0 => {
                (end.value(0), start.value(0))
            }
            _ => NO_WINDOW,
        }
    }

    /// Forgets the windows whose results do not come out again.
    fn forget(&mut self, watermark: i64) {
        let is_over = |(end, _): Window| (end - 1).saturating_add(self.lateness) <= watermark;
        while let Some(window) = self.windows.first_entry().filter(|window| self.windowed && is_over(*window.key())) {
            window.remove();
            self.is_changed = true;
        }
    }
}

impl Having {
    /// The results for which it is true.
    fn holding(&self, batch: &Batch) -> Result<BooleanArray> {
        let item = |item: &Typed| item.eval(batch).map_err(|e| failed(item, e, batch));
        let items: Result<Vec<Column>> = self.items.iter().map(item).collect();
        let items = batch.with_columns(items?);
        self.condition.eval_filter(&items).map_err(|e| failed(&self.condition, e, &items))
    }
}

/// Passes on all rows but those that only say that a key has none any more.
pub struct Present;

impl Operator for Present {
    fn on_batch(&mut self, batch: Batch, _: &RowContext, out: &mut Out) -> Result<()> {
        let mask = batch.changes.as_ref().map(|changes| changes.iter().map(|&c| Some(c != Change::Delete)).collect());
        out.emit(MAIN, mask.map_or_else(|| batch.clone(), |mask: BooleanArray| batch.filter(&mask)));
        Ok(())
    }
}

impl Operator for Changelog {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        self.run(out, |inner, out| inner.on_batch(batch, context, out).map(|()| Flow::Done)).map(drop)
    }

    fn on_block_end(&mut self, watermark: i64, out: &mut Out) -> Result<Flow> {
        let flow = self.run(out, |inner, out| inner.on_block_end(watermark, out))?;
        if flow == Flow::Done {
            self.forget(watermark);
        }
        Ok(flow)
    }

    fn on_tick(&mut self, now: i64, out: &mut Out) -> Result<Flow> {
        self.run(out, |inner, out| inner.on_tick(now, out))
    }

    fn finish(&mut self, out: &mut Out) -> Result<Flow> {
        self.run(out, |inner, out| inner.finish(out))
    }

    fn tables(&self) -> Vec<TableShape> {
        self.shapes()
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        self.frozen(full)
    }

    fn restore(&mut self, state: Restored) -> Result<()> {
        self.load(state)
    }

    fn watermark(&self, watermark: i64) -> i64 {
        self.inner.watermark(watermark)
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }

    fn late_by(&self) -> i64 {
        self.inner.late_by()
    }

    fn late_dropped(&self) -> u64 {
        self.inner.late_dropped()
    }
}
