//! The state of windows: the groups of panes and sides, the watermark, and what was late.

use serde_json::json;

use super::Windowed;
use crate::error::Result;
use crate::op::aggregate::grid::Span;
use crate::op::aggregate::state::{self, FrozenGroups, Place};
use crate::op::aggregate::table::Table;
use crate::state::restored::misfit;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

impl Windowed {
    pub(super) fn shapes(&self) -> Vec<TableShape> {
        state::shapes(&self.shape, "panes", &[])
    }

    pub(super) fn frozen(&mut self, full: bool) -> Frozen {
        debug_assert!(self.emission.is_none() && self.updates.is_none() && self.deferred.is_empty());
        let shapes = self.shapes();
        let tables = if std::mem::replace(&mut self.is_changed, false) || full {
            let panes = self.panes.iter().map(|entry| (false, entry));
            let parts = panes.chain(self.sides.iter().map(|entry| (true, entry)));
            let frozen = parts.map(|(is_side, (&span, table))| FrozenGroups::new(table, Some(Place { is_side, span })));
            state::freeze(shapes, frozen.collect())
        } else {
            shapes.iter().map(|_| FrozenTable::Unchanged).collect()
        };
        let mut scalars = json!({
            "watermark": self.watermark,
            "fired_end": self.fired.end,
            "fired_start": self.fired.start,
            "place": self.place,
            "late_dropped": self.late_dropped,
            "late_by": self.late_by,
        });
        if self.shape.spec.processing {
            scalars["now"] = self.now.into();
        }
        Frozen { tables, scalars }
    }

    pub(super) fn load(&mut self, mut state: Restored) -> Result<()> {
        let keys = self.shape.key_types.len();
        for (number, table) in self.shapes().iter().enumerate() {
            for (place, rows, columns) in state::by_place(state.take(table)?, keys)? {
                match number {
                    0 => {
                        self.check(place)?;
                        let mut table = Table::new(&self.shape);
                        table.load(&self.shape, rows, &columns)?;
                        let tables = if place.is_side { &mut self.sides } else { &mut self.panes };
                        tables.insert(place.span, table);
                    }
                    _ => {
                        let tables = if place.is_side { &mut self.sides } else { &mut self.panes };
                        let table = tables.get_mut(&place.span);
                        let table = table.ok_or_else(|| misfit("its state has values of a pane that is not there"))?;
                        table.load_rows(number - 1, &columns)?;
                    }
                }
            }
        }
        self.watermark = state.greatest("watermark")?.unwrap_or(i64::MIN);
        let (ends, starts) = (state.numbers("fired_end")?, state.numbers("fired_start")?);
        let fired = ends.into_iter().zip(starts).map(|(end, start)| Span { end, start });
        self.fired = fired.max().unwrap_or(Span { end: i64::MIN, start: i64::MIN });
        self.place = state.greatest("place")?.unwrap_or(0) as u64;
        self.late_dropped = state.counter("late_dropped")?;
        if self.shape.spec.processing {
            self.now = state.greatest("now")?.unwrap_or(i64::MIN);
        }
        self.late_by = if state.subtask == 0 { state.greatest("late_by")?.unwrap_or(0) } else { 0 };
        Ok(())
    }

    /// Refuses panes and windows that the job's windows do not have.
    fn check(&self, place: Place) -> Result<()> {
        let Span { start, end } = place.span;
        let fits = match &self.grid {
            Some(grid) if place.is_side => start.checked_add(grid.size()) == Some(end),
            Some(grid) => grid.pane_of(start).is_ok_and(|pane| pane.span == place.span && pane.windows.is_some()),
            None => end > i64::MIN,
        };
        if fits {
            return Ok(());
        }
        Err(misfit(format!("its state has a pane from {start} to {end} µs, which the job's windows do not have")))
    }
}
