//! Aggregation over windows of time.
//!
//! Rows that are on time for all their windows go into the table of their pane, which those windows share. A row
//! that came when one of its windows was complete goes into a *side* table of each window it still counts for; a
//! window is its panes and its side. With allowed lateness, what is behind for a window is *deferred* to the end of
//! the block, after the firing, and its groups come out again.

mod state;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use arrow_array::UInt32Array;

use super::combine::Combiner;
use super::emission::{BATCHES_PER_CALL, Emission};
use super::grid::{Grid, Pane, Span};
use super::split::{Judge, Picked, split};
use super::table::{Rows, Shape, Table};
use super::{AggregateSpec, Window};
use crate::data::Batch;
use crate::error::Result;
use crate::op::pass::judged_here;
use crate::op::{Flow, LATE, Operator, Out, RowContext};
use crate::state::keys::KeyIndex;
use crate::state::table::{Frozen, Restored, TableShape};

pub struct Windowed {
    shape: Shape,
    window: Window,
    /// `None` if the windows come with the rows.
    grid: Option<Grid>,
    panes: BTreeMap<Span, Table>,
    sides: BTreeMap<Span, Table>,
    /// Rows behind for a window that keeps taking them, until the end of the block.
    deferred: Vec<(Span, Rows)>,
    combiner: Combiner,
    /// Emptied tables: a window has about as many groups as the one before it.
    spare: Vec<Table>,
    /// All windows up to this one have fired.
    fired: Span,
    /// Watermark of the last block end.
    watermark: i64,
    emission: Option<(Emission, Source)>,
    /// Windows whose results come out again in this block, and the keys that have changed.
    updates: Option<VecDeque<(Span, KeyIndex)>>,
    /// Rows that came before.
    place: u64,
    late_dropped: u64,
    /// The delay that was missing to keep them, µs.
    late_by: i64,
    /// The last tick, where windows go by the wall clock.
    now: i64,
    /// Panes or sides are not what they were when last frozen.
    is_changed: bool,
}

/// Emptied tables that are kept.
const SPARE_TABLES: usize = 2;

/// The table that results come out of.
enum Source {
    Pane(Span),
    Side(Span),
    Combined,
    Update(Box<Table>),
}

impl Windowed {
    pub fn new(spec: AggregateSpec, window: Window) -> Windowed {
        let shape = Shape::new(spec);
        Windowed {
            window,
            grid: Grid::new(window),
            panes: BTreeMap::new(),
            sides: BTreeMap::new(),
            deferred: Vec::new(),
            combiner: Combiner::new(&shape),
            spare: Vec::new(),
            fired: Span { end: i64::MIN, start: i64::MIN },
            watermark: i64::MIN,
            emission: None,
            updates: None,
            place: 0,
            late_dropped: 0,
            late_by: 0,
            now: i64::MIN,
            is_changed: true,
            shape,
        }
    }

    /// How much more delay would have kept the `dropped` rows of a pane: enough for their last window to be open.
    fn shortfall(&self, pane: Pane, dropped: &[u32], judge: &Judge) -> i64 {
        let Some((_, last)) = pane.windows else { return 0 };
        let closed = (last.end - 1).saturating_add(self.shape.spec.lateness);
        let by = dropped.iter().map(|&row| judge.watermark(row as usize).saturating_sub(closed).saturating_add(1));
        by.max().unwrap_or(0)
    }

    /// Rows of one pane, some of whose windows were complete when they came.
    fn add_behind(&mut self, pane: Pane, picked: &[u32], rows: &Rows, judge: &Judge) -> Vec<u32> {
        let Some((first, last)) = pane.windows else { return Vec::new() };
        let lateness = self.shape.spec.lateness;
        let is_late =
            |window: Span, row: u32| (window.end - 1).saturating_add(lateness) <= judge.watermark(row as usize);
        let windows: Vec<Span> = match &self.grid {
            Some(grid) => grid.windows((first, last)).collect(),
            None => vec![first],
        };
        for window in windows {
            let kept = picked.iter().copied().filter(|&row| !is_late(window, row));
            let (behind, on_time): (Vec<u32>, Vec<u32>) =
                kept.partition(|&row| window.is_complete(judge.watermark(row as usize)));
            if !on_time.is_empty() {
                let side = self.sides.entry(window).or_insert_with(|| Table::new(&self.shape));
                side.add(&self.shape, &rows.take(&on_time));
                self.is_changed = true;
            }
            if !behind.is_empty() {
                self.deferred.push((window, rows.take(&behind)));
            }
        }
        picked.iter().copied().filter(|&row| is_late(last, row)).collect()
    }

    /// The next window to fire at `watermark`.
    fn next_due(&self, watermark: i64) -> Option<Span> {
        let after = (Bound::Excluded(self.fired), Bound::Unbounded);
        let side = self.sides.range(after).next().map(|(&window, _)| window);
        let pane = match &self.grid {
            Some(grid) if !grid.is_tumbling() => {
                // Panes that ended a window's length before have no window left.
                let from = Span { end: self.fired.end.saturating_sub(grid.size()), start: i64::MIN };
                self.panes.range(from..).find_map(|(&pane, _)| grid.next_window(windows_of(grid, pane), self.fired.end))
            }
            _ => self.panes.range(after).next().map(|(&window, _)| window),
        };
        [side, pane].into_iter().flatten().min().filter(|window| window.is_complete(watermark))
    }

    /// The panes that belong to a window.
    fn panes_of(&self, window: Span) -> (Bound<Span>, Bound<Span>) {
        match &self.grid {
            Some(grid) if !grid.is_tumbling() => (
                Bound::Excluded(Span { end: window.start, start: i64::MAX }),
                Bound::Included(Span { end: window.end, start: i64::MAX }),
            ),
            _ => (Bound::Included(window), Bound::Included(window)),
        }
    }

    fn fire(&mut self, window: Span) {
        let range = self.panes_of(window);
        let side = self.sides.get_mut(&window);
        let mut panes: Vec<(&Span, &mut Table)> = self.panes.range_mut(range).collect();
        let is_sorted = self.shape.spec.sorted;
        let all = |table: &Table| {
            let mut ids: Vec<u32> = (0..table.index.len() as u32).collect();
            if is_sorted {
                table.index.sort(&mut ids);
            }
            ids
        };
        let (ids, source) = match (&mut panes[..], side) {
            ([(pane, table)], None) => (all(table), Source::Pane(**pane)),
            ([], Some(side)) => (all(side), Source::Side(window)),
            (_, side) => {
                let mut parts: Vec<&mut Table> = panes.into_iter().map(|(_, table)| table).chain(side).collect();
                (self.combiner.combine(&mut parts), Source::Combined)
            }
        };
        self.fired = window;
        self.emission = Some((Emission::new(Some(window), ids), source));
    }

    /// Applies the deferred rows and notes the groups of fired windows that they change.
    fn apply_deferred(&mut self, watermark: i64) -> VecDeque<(Span, KeyIndex)> {
        let mut changed: BTreeMap<Span, KeyIndex> = BTreeMap::new();
        let mut ids = Vec::new();
        for (window, rows) in std::mem::take(&mut self.deferred) {
            let side = self.sides.entry(window).or_insert_with(|| Table::new(&self.shape));
            side.add(&self.shape, &rows);
            self.is_changed = true;
            if window.is_complete(watermark) {
                let index = changed.entry(window).or_insert_with(|| KeyIndex::new(&self.shape.key_types));
                index.ids(&rows.keys(&self.shape), rows.batch.rows, &mut ids);
            }
        }
        changed.into_iter().collect()
    }

    /// Starts to emit the new full results of the groups `index` of a window.
    fn update(&mut self, window: Span, index: KeyIndex) {
        let mut ids: Vec<u32> = (0..index.len() as u32).collect();
        if self.shape.spec.sorted {
            index.sort(&mut ids);
        }
        let mut table = Table::new(&self.shape);
        table.index = index;
        table.accumulators.iter_mut().for_each(|a| a.start_merge(ids.len()));
        let parts = self.panes.range(self.panes_of(window)).map(|(_, table)| table).chain(self.sides.get(&window));
        parts.for_each(|part| table.merge_known(part));
        self.emission = Some((Emission::update(window, ids), Source::Update(Box::new(table))));
    }

    /// Drops the panes and sides whose windows have all fired and take no more rows at `watermark`.
    fn clean_up(&mut self, watermark: i64) {
        let (fired, lateness) = (self.fired, self.shape.spec.lateness);
        let is_over = |last: Span| last <= fired && (last.end - 1).saturating_add(lateness) <= watermark;
        while let Some(entry) = self.sides.first_entry().filter(|entry| is_over(*entry.key())) {
            entry.remove();
            self.is_changed = true;
        }
        let last_window = |pane: Span| self.grid.as_ref().map_or(pane, |grid| windows_of(grid, pane).1);
        while let Some(entry) = self.panes.first_entry().filter(|entry| is_over(last_window(*entry.key()))) {
            let mut table = entry.remove();
            self.is_changed = true;
            if self.spare.len() < SPARE_TABLES {
                table.clear();
                self.spare.push(table);
            }
        }
    }

    /// Emits up to `budget` batches of what is coming out; true when that is all of it.
    fn emit(&mut self, budget: &mut usize, out: &mut Out) -> Result<bool> {
        let Some((emission, source)) = &mut self.emission else { return Ok(true) };
        let table = match source {
            Source::Pane(pane) => self.panes.get(pane),
            Source::Side(window) => self.sides.get(window),
            Source::Combined => Some(&self.combiner.table),
            Source::Update(table) => Some(&**table),
        };
        let table = table.expect("a table stays until its results are out");
        while !emission.is_done() {
            if *budget == 0 {
                return Ok(false);
            }
            *budget -= 1;
            emission.step(&self.shape, table, out)?;
        }
        self.emission = None;
        Ok(true)
    }

    /// Fires what is due at `watermark`.
    fn fire_due(&mut self, watermark: i64, out: &mut Out) -> Result<Flow> {
        let mut budget = BATCHES_PER_CALL;
        loop {
            if !self.emit(&mut budget, out)? {
                return Ok(Flow::More);
            }
            if let Some(updates) = &mut self.updates {
                match updates.pop_front() {
                    Some((window, index)) => self.update(window, index),
                    None => {
                        self.updates = None;
                        self.clean_up(watermark);
                        return Ok(Flow::Done);
                    }
                }
                continue;
            }
            // Memory goes back while the end of the input fires window after window.
            if self.deferred.is_empty() {
                self.clean_up(watermark);
            }
            match self.next_due(watermark) {
                Some(window) => self.fire(window),
                None => {
                    self.watermark = self.watermark.max(watermark);
                    self.fired = self.fired.max(Span::all_until(watermark));
                    self.updates = Some(self.apply_deferred(watermark));
                }
            }
        }
    }
}

/// First and last window of a pane.
fn windows_of(grid: &Grid, pane: Span) -> (Span, Span) {
    let windows = grid.pane_of(pane.start).ok().and_then(|pane| pane.windows);
    windows.expect("panes are made only for rows that have windows")
}

impl Operator for Windowed {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let (batch, watermark) = match self.shape.spec.processing {
            true => (batch.at(self.now), self.watermark),
            // No input is behind the operator's watermark unless it was idle; what it missed is late then.
            false => (batch, context.watermark.max(self.watermark)),
        };
        let seen = batch.seen.clone();
        let judge = Judge { watermark, delay: context.delay, seen: seen.as_deref() };
        let rows = Rows::new(&self.shape, batch.clone(), self.place);
        self.place += batch.rows as u64;
        let mut late = Vec::new();
        for (run, picked) in split(&batch, self.window, self.grid.as_ref(), &judge)? {
            if run.behind {
                let picked = match picked {
                    Picked::Range(range) => (range.start as u32..range.end as u32).collect(),
                    Picked::Rows(rows) => rows,
                };
                let dropped = self.add_behind(run.pane, &picked, &rows, &judge);
                self.late_by = self.late_by.max(self.shortfall(run.pane, &dropped, &judge));
                late.extend(dropped);
                continue;
            }
            self.is_changed = true;
            let spare = &mut self.spare;
            let table = self
                .panes
                .entry(run.pane.span)
                .or_insert_with(|| spare.pop().unwrap_or_else(|| Table::new(&self.shape)));
            match picked {
                Picked::Range(range) => table.add(&self.shape, &rows.slice(range)),
                Picked::Rows(picked) => table.add(&self.shape, &rows.take(&picked)),
            }
        }
        if !late.is_empty() {
            late.sort_unstable();
            if self.shape.spec.late_output {
                let seen = judged_here(&batch, context.watermark);
                out.emit(LATE, Batch { seen, ..batch }.take(&UInt32Array::from(late)));
            } else {
                self.late_dropped += rows.take(&late).weight(&self.shape);
            }
        }
        Ok(())
    }

    fn on_block_end(&mut self, watermark: i64, out: &mut Out) -> Result<Flow> {
        // Ticks fire windows of the wall clock, and the end of the input.
        if self.shape.spec.processing && watermark < i64::MAX {
            return Ok(Flow::Done);
        }
        self.fire_due(watermark, out)
    }

    fn on_tick(&mut self, now: i64, out: &mut Out) -> Result<Flow> {
        if !self.shape.spec.processing {
            return Ok(Flow::Done);
        }
        self.now = self.now.max(now);
        self.fire_due(self.now.saturating_sub(1), out)
    }

    fn watermark(&self, watermark: i64) -> i64 {
        if self.shape.spec.processing { self.watermark } else { watermark }
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

    fn late_dropped(&self) -> u64 {
        self.late_dropped
    }

    fn late_by(&self) -> i64 {
        self.late_by
    }
}

#[cfg(test)]
impl Windowed {
    /// Tables of panes and sides, and keys in the common index.
    pub(super) fn footprint(&self) -> (usize, usize) {
        (self.panes.len() + self.sides.len(), self.combiner.table.index.len())
    }
}
