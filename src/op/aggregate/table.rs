//! Groups of one pane, window or job: an index of keys and one accumulator per call.

use arrow_array::UInt32Array;

use super::accumulator::{Accumulator, Argument};
use super::{AggregateSpec, Call, Emit};
use crate::data::{Batch, Column, DataType, Order};
use crate::error::{Error, Result};
use crate::state::keys::{KeyIndex, MISSING};

/// The spec and what follows from it.
#[derive(Debug)]
pub struct Shape {
    pub spec: AggregateSpec,
    pub key_types: Vec<DataType>,
    /// Results depend on the places of rows in the input.
    needs_places: bool,
}

impl Shape {
    pub fn new(spec: AggregateSpec) -> Shape {
        Shape {
            key_types: spec.keys.iter().map(|&column| spec.input[column]).collect(),
            needs_places: spec.calls.iter().any(|call| call.function.needs_places()),
            spec,
        }
    }
}

impl Shape {
    fn accumulator(&self, call: &Call) -> Accumulator {
        let mut accumulator = Accumulator::new(call, &self.spec.input);
        if self.spec.emit == Emit::Update {
            accumulator.for_updates();
        }
        accumulator
    }
}

/// Rows of the input, or partial results, on their way into a table.
#[derive(Debug, Clone)]
pub struct Rows {
    pub batch: Batch,
    /// Place of each row in the input; empty if nobody asks.
    places: Vec<u64>,
}

impl Rows {
    /// The rows of a batch, of which `before` came earlier.
    pub fn new(shape: &Shape, batch: Batch, before: u64) -> Rows {
        let places = if shape.needs_places { (before..before + batch.rows as u64).collect() } else { Vec::new() };
        Rows { batch: Batch { order: Order::Arrival, ..batch }, places }
    }

    pub fn slice(&self, rows: std::ops::Range<usize>) -> Rows {
        if rows == (0..self.batch.rows) {
            return self.clone();
        }
        let places = self.places.get(rows.clone()).map_or(Vec::new(), <[u64]>::to_vec);
        Rows { batch: self.batch.slice(rows.start, rows.len()), places }
    }

    pub fn take(&self, rows: &[u32]) -> Rows {
        let places = rows.iter().filter_map(|&row| self.places.get(row as usize).copied()).collect();
        Rows { batch: self.batch.take(&UInt32Array::from(rows.to_vec())), places }
    }

    /// The key columns: in front in partial results, where the spec says in the input.
    pub fn keys(&self, shape: &Shape) -> Vec<&Column> {
        if self.batch.partial {
            self.batch.columns[..shape.spec.keys.len()].iter().collect()
        } else {
            shape.spec.keys.iter().map(|&column| &self.batch.columns[column]).collect()
        }
    }

    /// How many rows of the input these are.
    pub fn weight(&self, shape: &Shape) -> u64 {
        match &self.batch.columns.get(shape.spec.keys.len()) {
            Some(Column::Int(counts)) if self.batch.partial => counts.values().iter().map(|&n| n as u64).sum(),
            _ => self.batch.rows as u64,
        }
    }
}

/// Keys and what is known of each.
#[derive(Debug)]
pub struct Table {
    pub index: KeyIndex,
    pub accumulators: Vec<Accumulator>,
    /// Scratch: the ids of the rows at hand.
    ids: Vec<u32>,
    /// See [`super::combine::Combiner`]: its ids of the groups 0, 1, 2 …, as of one of its generations.
    pub combined: (u64, Vec<u32>),
}

impl Table {
    pub fn new(shape: &Shape) -> Table {
        Table {
            index: KeyIndex::new(&shape.key_types),
            accumulators: shape.spec.calls.iter().map(|call| shape.accumulator(call)).collect(),
            ids: Vec::new(),
            combined: (0, Vec::new()),
        }
    }

    /// Adds rows.
    pub fn add(&mut self, shape: &Shape, rows: &Rows) {
        self.index.ids(&rows.keys(shape), rows.batch.rows, &mut self.ids);
        self.update(shape, rows, self.index.len());
    }

    /// As [`Table::add`], for rows whose groups are known: `ids`. `groups`: those that have a row by now; the index
    /// may hold more already.
    pub fn add_known(&mut self, shape: &Shape, rows: &Rows, ids: &[u32], groups: usize) {
        self.ids.clear();
        self.ids.extend_from_slice(ids);
        self.update(shape, rows, groups);
    }

    fn update(&mut self, shape: &Shape, rows: &Rows, groups: usize) {
        if rows.batch.partial {
            let mut columns = &rows.batch.columns[shape.spec.keys.len() + 1..];
            for accumulator in &mut self.accumulators {
                let (own, rest) = columns.split_at(accumulator.partial_width());
                accumulator.update_partial(&self.ids, groups, own);
                columns = rest;
            }
        } else {
            for (accumulator, call) in self.accumulators.iter_mut().zip(&shape.spec.calls) {
                let columns: Vec<&Column> = call.args.iter().map(|&column| &rows.batch.columns[column]).collect();
                accumulator.update(&self.ids, groups, &argument(call, &columns, rows));
            }
        }
    }

    /// The group of each row that was added last.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Adds what `other` knows of the groups that this table, prepared for merging, has.
    pub fn merge_known(&mut self, other: &Table) {
        let all: Vec<u32> = (0..self.index.len() as u32).collect();
        let keys = self.index.key_columns(&all);
        let mut found = Vec::new();
        other.index.find(&keys.iter().collect::<Vec<_>>(), all.len(), &mut found);
        let (from, to): (Vec<u32>, Vec<u32>) = found.iter().zip(&all).filter(|(from, _)| **from != MISSING).unzip();
        for (accumulator, other) in self.accumulators.iter_mut().zip(&other.accumulators) {
            accumulator.merge(other, &from, &to);
        }
    }

    /// Appends the results of `ids`, one column per call.
    pub fn results(&self, shape: &Shape, ids: &[u32], columns: &mut Vec<Column>) -> Result<()> {
        for (i, accumulator) in self.accumulators.iter().enumerate() {
            let column = accumulator.emit(ids).map_err(|error| {
                // Which group it is, nobody asks as long as all is well.
                let group = ids.iter().find(|&&id| accumulator.emit(&[id]).is_err());
                self.name_group(name_call(error, shape, i), shape, group.copied())
            });
            columns.push(column?);
        }
        Ok(())
    }

    /// The error, with the keys of the group it is about.
    fn name_group(&self, error: Error, shape: &Shape, group: Option<u32>) -> Error {
        let Some(id) = group.filter(|&id| (id as usize) < self.index.len()) else { return error };
        let keys = self.index.key_columns(&[id]);
        let named = shape.spec.key_names.iter().zip(&keys);
        let keys: Vec<String> = named.map(|(name, key)| format!("{name} = {}", key.display(0))).collect();
        if keys.is_empty() { error } else { error.note(format!("in the group with {}", keys.join(", "))) }
    }

    /// Forgets all groups and keeps the memory.
    pub fn clear(&mut self) {
        self.combined.1.clear();
        self.index.clear();
        self.accumulators.iter_mut().for_each(Accumulator::clear);
    }
}

fn name_call(error: Error, shape: &Shape, call: usize) -> Error {
    match shape.spec.call_names.get(call) {
        Some(name) => Error { message: format!("{name}: {}", error.message), ..error },
        None => error,
    }
}

fn argument<'a>(call: &Call, columns: &'a [&'a Column], rows: &'a Rows) -> Argument<'a> {
    Argument {
        columns,
        filter: call.filter.map(|column| match &rows.batch.columns[column] {
            Column::Boolean(mask) => mask,
            other => unreachable!("a filter is boolean, not {}", other.data_type()),
        }),
        times: rows.batch.time.as_deref().unwrap_or(&[]),
        places: &rows.places,
    }
}
