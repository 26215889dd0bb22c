//! Instances of an operator behind an exchange: fed, frozen, restored.

use std::collections::BTreeMap;

use arrow_array::UInt32Array;
use serde_json::Value;

use super::rows::{Block, Freeze, batch, line};
use crate::data::{Batch, Column, rowkey};
use crate::op::{Flow, Operator, Out, RowContext};
use crate::state::table::{FrozenTable, Restored, TableShape};

const GROUPS: u32 = 16;

/// How to make an operator, and the columns that its rows are dealt by.
pub struct Kind {
    keys: Vec<usize>,
    make: Box<dyn Fn() -> Box<dyn Operator>>,
}

impl Kind {
    pub fn new(keys: Vec<usize>, make: impl Fn() -> Box<dyn Operator> + 'static) -> Kind {
        Kind { keys, make: Box::new(make) }
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "by {:?}: {:?}", self.keys, (self.make)().tables())
    }
}

/// What came out: the rows between the ends of blocks, in order of their text; in the order they came for operators
/// without keys. Late rows that were dropped, and by how much. The last block may have ended with an error.
#[derive(Debug, PartialEq)]
pub struct Results {
    blocks: Vec<Vec<String>>,
    late: (u64, i64),
    /// Which of several errors comes first depends on where the rows went.
    failed: bool,
}

/// One instance that nobody interrupts.
pub fn straight(kind: &Kind, blocks: &[Block], delay: i64) -> Results {
    run(kind, blocks, delay, false)
}

/// Instances that are frozen and restored where the blocks say so.
pub fn interrupted(kind: &Kind, blocks: &[Block], delay: i64) -> Results {
    run(kind, blocks, delay, true)
}

fn run(kind: &Kind, blocks: &[Block], delay: i64, stops: bool) -> Results {
    let mut instances = Instances::new(kind, 1);
    let mut results = Results { blocks: Vec::new(), late: (0, 0), failed: false };
    let end = Block { rows: Vec::new(), cut: 1, has_seen: false, ticks: 0, freeze: Freeze::No };
    let (mut watermark, mut now) = (i64::MIN, 0);
    // As a reader does before the first row.
    instances.each(|operator, out| operator.on_tick(now, out)).expect("nothing has been read");
    for (number, block) in blocks.iter().chain([&end]).enumerate() {
        let is_end = number == blocks.len();
        let context = RowContext { input: 0, watermark, delay };
        let greatest = block.rows.iter().map(|row| row.time).max();
        watermark = if is_end { i64::MAX } else { greatest.map_or(watermark, |time| watermark.max(time - delay - 1)) };
        now += block.ticks;
        let done = instances
            .block(block, &context, watermark, now)
            .and_then(|()| if is_end { instances.each(|operator, out| operator.finish(out)) } else { Ok(()) });
        results.blocks.push(instances.lines());
        if done.is_err() {
            // So does what others emitted before.
            results.blocks.pop();
            results.failed = true;
            return results;
        }
        if stops {
            instances = instances.stop(block.freeze);
        }
    }
    let late = instances.operators.iter().map(|o| (o.late_dropped(), o.late_by()));
    results.late = late.fold((0, 0), |sum, late| (sum.0 + late.0, sum.1.max(late.1)));
    results
}

struct Instances<'a> {
    kind: &'a Kind,
    operators: Vec<Box<dyn Operator>>,
    outs: Vec<Out>,
    /// The tables of the last freeze, by instance.
    frozen: Option<Vec<Vec<Vec<Column>>>>,
}

impl<'a> Instances<'a> {
    fn new(kind: &'a Kind, parallelism: usize) -> Instances<'a> {
        let parallelism = if kind.keys.is_empty() { 1 } else { parallelism };
        Instances {
            kind,
            operators: (0..parallelism).map(|_| (kind.make)()).collect(),
            outs: (0..parallelism).map(|_| Out::default()).collect(),
            frozen: None,
        }
    }

    fn each(
        &mut self,
        step: impl Fn(&mut dyn Operator, &mut Out) -> crate::error::Result<Flow>,
    ) -> crate::error::Result<()> {
        for (operator, out) in self.operators.iter_mut().zip(&mut self.outs) {
            while step(&mut **operator, out)? == Flow::More {}
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, context: &RowContext, watermark: i64, now: i64) -> crate::error::Result<()> {
        let mut greatest = i64::MIN;
        for rows in block.rows.chunks(block.cut) {
            let seen = rows.iter().map(|row| {
                let before = greatest;
                greatest = before.max(row.time);
                before
            });
            let seen: Vec<i64> = seen.collect();
            let batch = Batch { seen: block.has_seen.then(|| seen.into()), ..batch(rows) };
            for (i, rows) in self.deal(&batch).into_iter().enumerate() {
                self.operators[i].on_batch(batch.take(&UInt32Array::from(rows)), context, &mut self.outs[i])?;
            }
        }
        self.each(|operator, out| operator.on_block_end(watermark, out))?;
        self.each(|operator, out| operator.on_tick(now, out))
    }

    /// Rows of each instance.
    fn deal(&self, batch: &Batch) -> Vec<Vec<u32>> {
        let keys: Vec<&Column> = self.kind.keys.iter().map(|&key| &batch.columns[key]).collect();
        by_instance(&keys, batch.rows, self.operators.len())
    }

    fn lines(&mut self) -> Vec<String> {
        let batches = self.outs.iter_mut().flat_map(|out| out.emitted.drain(..));
        let lines = batches.flat_map(|(output, batch)| {
            let time = |row| batch.time.as_ref().map(|time| time[row]);
            (0..batch.rows)
                .map(|row| format!("{output} {:?} {}", time(row), line(&batch.columns, row)))
                .collect::<Vec<_>>()
        });
        let mut lines: Vec<String> = lines.collect();
        if !self.kind.keys.is_empty() {
            lines.sort();
        }
        lines
    }

    fn stop(mut self, freeze: Freeze) -> Instances<'a> {
        if freeze == Freeze::No {
            return self;
        }
        let scalars = self.freeze();
        let Freeze::Restore(parallelism) = freeze else { return self };
        let frozen = self.frozen.clone().unwrap();
        let shapes = self.operators[0].tables();
        let mut restored = Instances::new(self.kind, parallelism);
        let parallelism = restored.operators.len();
        for (subtask, operator) in restored.operators.iter_mut().enumerate() {
            let mut state = Restored { subtask, tables: BTreeMap::new(), scalars: scalars.clone() };
            for (number, shape) in shapes.iter().enumerate() {
                let all: Vec<Column> = (0..shape.schema.len())
                    .map(|c| Column::concat(&frozen.iter().map(|tables| &tables[number][c]).collect::<Vec<_>>()))
                    .collect();
                let columns = of_instance(shape, &all, subtask, parallelism);
                if !columns[0].is_empty() {
                    state.tables.insert(shape.name.clone(), columns);
                }
            }
            operator.restore(state).unwrap();
        }
        restored.freeze();
        let again = restored.frozen.as_ref().unwrap();
        for (number, shape) in shapes.iter().enumerate() {
            assert_eq!(by_key(shape, number, again), by_key(shape, number, &frozen), "{}", shape.name);
        }
        restored
    }

    /// Freezes all instances and returns their scalars.
    fn freeze(&mut self) -> Vec<Value> {
        let before = self.frozen.take();
        let mut all = Vec::new();
        let mut scalars = Vec::new();
        for (i, operator) in self.operators.iter_mut().enumerate() {
            let shapes = operator.tables();
            let frozen = operator.freeze(false);
            scalars.push(frozen.scalars.clone());
            assert_eq!(frozen.tables.len(), shapes.len());
            let mut tables = Vec::new();
            for (number, (table, shape)) in frozen.tables.into_iter().zip(&shapes).enumerate() {
                tables.push(match table {
                    FrozenTable::Rows(make) => made(shape, make()),
                    FrozenTable::Unchanged => before.as_ref().unwrap()[i][number].clone(),
                });
            }
            // Nothing has happened since; asked for in full, it gives the same.
            let again = operator.freeze(false);
            assert!(again.tables.iter().all(|table| matches!(table, FrozenTable::Unchanged)));
            let full = operator.freeze(true);
            assert_eq!((&full.scalars, &again.scalars), (&frozen.scalars, &frozen.scalars));
            for ((table, shape), expected) in full.tables.into_iter().zip(&shapes).zip(&tables) {
                let FrozenTable::Rows(make) = table else { panic!("asked for in full") };
                assert_eq!(lines_of(&made(shape, make())), lines_of(expected), "{}", shape.name);
            }
            all.push(tables);
        }
        self.frozen = Some(all);
        scalars
    }
}

/// The columns, which are those of the table.
fn made(shape: &TableShape, columns: Vec<Column>) -> Vec<Column> {
    let types: Vec<_> = columns.iter().map(Column::data_type).collect();
    assert_eq!(types, shape.schema.fields.iter().map(|field| field.ty).collect::<Vec<_>>());
    assert!(columns.iter().all(|column| column.len() == columns[0].len()));
    for column in &columns {
        if let Column::Decimal(a) = column {
            let most = 10i128.pow(a.precision().into()) - 1;
            assert!(a.iter().flatten().all(|value| (-most..=most).contains(&value)), "as many digits as the type has");
        }
    }
    columns
}

fn lines_of(columns: &[Column]) -> Vec<String> {
    (0..columns[0].len()).map(|row| line(columns, row)).collect()
}

fn by_instance(keys: &[&Column], rows: usize, parallelism: usize) -> Vec<Vec<u32>> {
    let mut dealt = vec![Vec::new(); parallelism];
    if keys.is_empty() {
        dealt[0] = (0..rows as u32).collect();
        return dealt;
    }
    rowkey::each_group(keys, rows, GROUPS, |row, group| {
        dealt[rowkey::subtask_of(group, parallelism, GROUPS)].push(row);
    });
    dealt
}

/// The rows of one instance, by key group, as they come from a state folder.
fn of_instance(shape: &TableShape, all: &[Column], instance: usize, parallelism: usize) -> Vec<Column> {
    let keys: Vec<&Column> = shape.key.iter().map(|&c| &all[c]).collect();
    let mut groups = vec![0; all[0].len()];
    if !keys.is_empty() {
        rowkey::each_group(&keys, all[0].len(), GROUPS, |row, group| groups[row as usize] = group);
    }
    let mut rows = by_instance(&keys, all[0].len(), parallelism).swap_remove(instance);
    rows.sort_by_key(|&row| groups[row as usize]);
    let rows = UInt32Array::from(rows);
    all.iter().map(|column| column.take(&rows)).collect()
}

/// The rows of each key in their order, over all instances.
fn by_key(shape: &TableShape, table: usize, frozen: &[Vec<Vec<Column>>]) -> BTreeMap<Vec<u8>, Vec<String>> {
    let mut found: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for tables in frozen {
        let columns = &tables[table];
        let keys: Vec<&Column> = shape.key.iter().map(|&c| &columns[c]).collect();
        let keys = rowkey::RowKeys::encode(&keys, columns[0].len());
        for row in 0..columns[0].len() {
            found.entry(keys.get(row).to_vec()).or_default().push(line(columns, row));
        }
    }
    found
}
