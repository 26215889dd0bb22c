//! Aggregation without a window: results at the end, per input row, or per period of wall time.

use arrow_array::BooleanArray;
use serde_json::json;

use super::emission::{BATCHES_PER_CALL, Emission};
use super::state::{self, FrozenGroups};
use super::table::{Rows, Shape, Table};
use super::{AggregateSpec, Emit};
use crate::data::{Batch, Column, DataType, Order};
use crate::error::Result;
use crate::op::pass::judged_here;
use crate::op::{Flow, MAIN, Operator, Out, RowContext};
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

pub struct Running {
    shape: Shape,
    table: Table,
    /// Rows that came before.
    place: u64,
    emission: Option<Emission>,
    finishing: bool,
    /// `Emit::Every`: keys changed in this period, and a flag for each id.
    changed: Vec<u32>,
    is_changed: Vec<bool>,
    /// Number of the running period; `None` before the first tick.
    period: Option<i64>,
    /// `Emit::Update`: for each id, the last stretch of rows it was in.
    stretches: Vec<u32>,
    stretch: u32,
    /// `Emit::Update`: groups that have a row.
    groups: usize,
    /// The groups are not what they were when last frozen.
    is_dirty: bool,
}

impl Running {
    pub fn new(spec: AggregateSpec) -> Running {
        let shape = Shape::new(spec);
        Running {
            table: Table::new(&shape),
            shape,
            place: 0,
            emission: None,
            finishing: false,
            changed: Vec::new(),
            is_changed: Vec::new(),
            period: None,
            stretches: Vec::new(),
            stretch: 0,
            groups: 0,
            is_dirty: true,
        }
    }

    /// A row for every input row: the result of its key with this row. Results of many rows are made at once, so
    /// the batch is cut into stretches in which no key comes twice.
    fn update(&mut self, batch: Batch, rows: &Rows, watermark: i64, out: &mut Out) -> Result<()> {
        let mut ids = Vec::new();
        self.table.index.ids(&rows.keys(&self.shape), batch.rows, &mut ids);
        self.stretches.resize(self.table.index.len(), 0);
        let mut parts: Vec<Vec<Column>> = Vec::new();
        let mut start = 0;
        while start < ids.len() {
            let len = self.next_stretch(&ids[start..]);
            let stretch = &ids[start..start + len];
            // Groups are numbered as they come, so the greatest says how many have a row.
            self.groups = stretch.iter().map(|&id| id as usize + 1).max().unwrap_or(0).max(self.groups);
            self.table.add_known(&self.shape, &rows.slice(start..start + len), stretch, self.groups);
            let mut results = Vec::with_capacity(self.shape.spec.calls.len());
            self.table.results(&self.shape, self.table.ids(), &mut results)?;
            parts.push(results);
            start += len;
        }
        let mut columns = self.table.index.shown(rows.keys(&self.shape), &ids);
        for call in 0..self.shape.spec.calls.len() {
            columns.push(Column::concat(&parts.iter().map(|part| &part[call]).collect::<Vec<_>>()));
        }
        let seen = judged_here(&batch, watermark);
        let order = if matches!(batch.order, Order::Row(_)) { batch.order } else { Order::Arrival };
        out.emit(MAIN, Batch { time: batch.time, seen, order, ..Batch::new(columns, batch.rows) });
        Ok(())
    }

    /// How many of the next rows have different keys.
    fn next_stretch(&mut self, ids: &[u32]) -> usize {
        if self.stretch == u32::MAX {
            self.stretches.fill(0);
            self.stretch = 0;
        }
        self.stretch += 1;
        ids.iter()
            .take_while(|&&id| std::mem::replace(&mut self.stretches[id as usize], self.stretch) != self.stretch)
            .count()
    }

    /// Which groups have changed since they last came out is part of the state.
    fn notes_changes(&self) -> bool {
        matches!(self.shape.spec.emit, Emit::Every(_))
    }

    fn note_changed(&mut self, rows: &Rows) {
        self.table.add(&self.shape, rows);
        self.is_changed.resize(self.table.index.len(), false);
        for &id in self.table.ids() {
            if !std::mem::replace(&mut self.is_changed[id as usize], true) {
                self.changed.push(id);
            }
        }
    }

    fn start(&mut self, mut ids: Vec<u32>) {
        if self.shape.spec.sorted {
            self.table.index.sort(&mut ids);
        }
        self.emission = Some(Emission::new(None, ids));
    }

    fn emit(&mut self, out: &mut Out) -> Result<Flow> {
        let Some(emission) = &mut self.emission else { return Ok(Flow::Done) };
        for _ in 0..BATCHES_PER_CALL {
            if emission.is_done() {
                self.emission = None;
                return Ok(Flow::Done);
            }
            emission.step(&self.shape, &self.table, out)?;
        }
        Ok(Flow::More)
    }
}

impl Operator for Running {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let rows = Rows::new(&self.shape, batch.clone(), self.place);
        self.place += batch.rows as u64;
        self.is_dirty = true;
        match self.shape.spec.emit {
            Emit::Close => self.table.add(&self.shape, &rows),
            Emit::Every(_) => self.note_changed(&rows),
            Emit::Update => self.update(batch, &rows, context.watermark, out)?,
        }
        Ok(())
    }

    fn on_tick(&mut self, now: i64, out: &mut Out) -> Result<Flow> {
        let Emit::Every(period) = self.shape.spec.emit else { return Ok(Flow::Done) };
        if self.emission.is_none() {
            let number = now.div_euclid(period.max(1));
            if self.period.replace(number).is_none_or(|before| before == number) {
                return Ok(Flow::Done);
            }
            let changed = std::mem::take(&mut self.changed);
            self.is_dirty |= !changed.is_empty();
            for &id in &changed {
                self.is_changed[id as usize] = false;
            }
            self.start(changed);
        }
        self.emit(out)
    }

    fn finish(&mut self, out: &mut Out) -> Result<Flow> {
        if self.shape.spec.emit == Emit::Update {
            return Ok(Flow::Done);
        }
        if !std::mem::replace(&mut self.finishing, true) {
            if self.shape.spec.keys.is_empty() && self.table.index.is_empty() {
                self.is_dirty = true;
                // As in SQL: without `by` there is a result even of no rows.
                self.table.index.ids(&[], 1, &mut Vec::new());
                self.table.accumulators.iter_mut().for_each(|a| a.start_merge(1));
            }
            self.start((0..self.table.index.len() as u32).collect());
        }
        self.emit(out)
    }

    fn tables(&self) -> Vec<TableShape> {
        let changed: &[_] = if self.notes_changes() { &[("changed", DataType::Boolean)] } else { &[] };
        state::shapes(&self.shape, "groups", changed)
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        debug_assert!(self.emission.is_none());
        let shapes = self.tables();
        let scalars = json!({ "place": self.place, "period": self.period });
        if !std::mem::replace(&mut self.is_dirty, false) && !full {
            return Frozen { tables: shapes.iter().map(|_| FrozenTable::Unchanged).collect(), scalars };
        }
        let mut groups = FrozenGroups::new(&self.table, None);
        if self.notes_changes() {
            let changed = self.is_changed.clone();
            groups = groups.with(Box::new(move || vec![Column::Boolean(BooleanArray::from(changed))]));
        }
        Frozen { tables: state::freeze(shapes, vec![groups]), scalars }
    }

    fn restore(&mut self, mut state: Restored) -> Result<()> {
        for (number, shape) in self.tables().iter().enumerate() {
            let mut columns = state.take(shape)?;
            let rows = columns.first().map_or(0, Column::len);
            if number > 0 {
                self.table.load_rows(number - 1, &columns)?;
                continue;
            }
            if self.notes_changes() {
                let changed = columns.pop();
                let Some(Column::Boolean(changed)) = &changed else { unreachable!("types were checked") };
                self.is_changed = changed.iter().map(|changed| changed == Some(true)).collect();
            }
            self.table.load(&self.shape, rows, &columns)?;
        }
        self.changed = (0..).zip(&self.is_changed).filter(|(_, changed)| **changed).map(|(id, _)| id).collect();
        self.groups = self.table.index.len();
        self.place = state.greatest("place")?.unwrap_or(0) as u64;
        self.period = state.greatest("period")?;
        Ok(())
    }
}
