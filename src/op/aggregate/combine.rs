//! Panes to windows. The panes of a window each have their own index; here every group of a pane gets, once in
//! the pane's life and not once per window, an id in one common index, and a window is the sum of a few vectors.

use super::accumulator::Accumulator;
use super::table::{Shape, Table};

/// The common index and the window combined last. The ids live for a generation, which ends when most of the keys
/// belong to panes that are gone.
#[derive(Debug)]
pub struct Combiner {
    pub table: Table,
    generation: u64,
    /// All ids in the order of their keys.
    order: Vec<u32>,
    /// Which ids the window has.
    present: Vec<bool>,
    /// Scratch: 0, 1, 2 …
    counting: Vec<u32>,
    /// How many groups the last window had.
    last: usize,
}

/// Keys beyond those in use that are always kept; few in tests, so that generations end there too.
const SLACK: usize = if cfg!(test) { 4 } else { 1024 };

impl Combiner {
    pub fn new(shape: &Shape) -> Combiner {
        Combiner {
            table: Table::new(shape),
            generation: 1,
            order: Vec::new(),
            present: Vec::new(),
            counting: Vec::new(),
            last: 0,
        }
    }

    /// Combines tables into [`Combiner::table`] and returns its ids that now hold results, sorted by key.
    pub fn combine(&mut self, parts: &mut [&mut Table]) -> Vec<u32> {
        if self.table.index.len() > 2 * self.last + SLACK {
            self.table.index.clear();
            self.order.clear();
            self.generation += 1;
        }
        for part in parts.iter_mut() {
            self.map(part);
        }
        self.sort_new();
        let groups = self.table.index.len();
        self.present.clear();
        self.present.resize(groups, false);
        self.table.accumulators.iter_mut().for_each(|a| a.start_merge(groups));
        for part in parts.iter() {
            self.merge(part);
        }
        let ids: Vec<u32> = self.order.iter().copied().filter(|&id| self.present[id as usize]).collect();
        self.last = ids.len();
        ids
    }

    /// Gives the groups of a table their ids here, if they have none in this generation.
    fn map(&mut self, part: &mut Table) {
        let (generation, ids) = &mut part.combined;
        if *generation != self.generation {
            ids.clear();
            *generation = self.generation;
        }
        let new: Vec<u32> = (ids.len() as u32..part.index.len() as u32).collect();
        if !new.is_empty() {
            let keys = part.index.key_columns(&new);
            let mut found = Vec::new();
            self.table.index.ids(&keys.iter().collect::<Vec<_>>(), new.len(), &mut found);
            ids.append(&mut found);
        }
    }

    /// Merges the ids that are not in `order` yet into it.
    fn sort_new(&mut self) {
        let index = &self.table.index;
        let mut new: Vec<u32> = (self.order.len() as u32..index.len() as u32).collect();
        if !new.is_empty() {
            index.sort(&mut new);
            self.order = index.merge_sorted(&self.order, &new);
        }
    }

    fn merge(&mut self, part: &Table) {
        let (_, to) = &part.combined;
        for have in self.counting.len()..to.len() {
            self.counting.push(have as u32);
        }
        let from = &self.counting[..to.len()];
        for (own, other) in self.table.accumulators.iter_mut().zip(&part.accumulators) {
            Accumulator::merge(own, other, from, to);
        }
        for &id in to {
            self.present[id as usize] = true;
        }
    }
}
