//! Jobs that are killed and go on: checkpoints in memory, at random places, into any parallelism.

use std::collections::BTreeMap;

use arrow_array::UInt32Array;

use super::build::Run;
use super::memory::Memory;
use super::sim::{End, Rng, Sim};
use crate::checkpoint::manifest::{FORMAT, Job, Kind, Manifest, OperatorState};
use crate::data::{Column, rowkey};
use crate::error::Result;
use crate::plan::physical::PhysicalPlan;
use crate::runtime::barrier::Part;
use crate::runtime::compare;
use crate::runtime::deploy::{self, Resume, deploy_from};
use crate::runtime::gather::{Gathering, Parts};
use crate::runtime::unconfirmed::Unconfirmed;
use crate::state::table::{FrozenTable, Restored, TableShape};

/// A checkpoint as a store would have it.
pub struct Kept {
    manifest: Manifest,
    /// By operator: its tables, each with all rows.
    tables: BTreeMap<String, Vec<(TableShape, Vec<Column>)>>,
}

impl Kept {
    fn new(checkpoint: u64, parts: Parts, plan: &PhysicalPlan, before: Option<&Kept>) -> Kept {
        for durable in parts.durable {
            durable().unwrap();
        }
        let mut tables = BTreeMap::new();
        let mut operators = BTreeMap::new();
        for (id, operator) in parts.operators {
            let parallelism = operator.parts.len();
            let mut rows: Vec<Vec<Vec<Column>>> = operator.tables.iter().map(|_| Vec::new()).collect();
            let mut scalars = Vec::new();
            for (subtask, part) in operator.parts.into_iter().enumerate() {
                assert_eq!(part.tables.len(), operator.tables.len(), "{id}: a table per shape");
                scalars.push(part.scalars);
                for (number, table) in part.tables.into_iter().enumerate() {
                    let columns = match table {
                        FrozenTable::Rows(make) => make(),
                        FrozenTable::Unchanged => {
                            let (shape, all) = &before.expect("unchanged since").tables[&id][number];
                            of_subtask(shape, all, subtask, parallelism)
                        }
                    };
                    let shape = &operator.tables[number];
                    assert_eq!(columns.len(), shape.schema.len(), "{id}: {}", shape.name);
                    for (column, field) in columns.iter().zip(&shape.schema.fields) {
                        assert_eq!(column.data_type(), field.ty, "{id}: {} {}", shape.name, field.name);
                    }
                    rows[number].push(columns);
                }
            }
            let all = operator.tables.into_iter().zip(rows).map(|(shape, parts)| {
                let columns = (0..shape.schema.len())
                    .map(|c| Column::concat(&parts.iter().map(|part| &part[c]).collect::<Vec<_>>()))
                    .collect();
                (shape, columns)
            });
            tables.insert(id.clone(), all.collect());
            let state = OperatorState {
                identity: operator.identity,
                watermark: operator.watermark,
                finished: operator.finished,
                scalars,
                tables: Vec::new(),
            };
            operators.insert(id, state);
        }
        let job = Job { max_parallelism: plan.max_parallelism, ..Job::default() };
        let manifest = Manifest {
            format: FORMAT,
            flott: String::new(),
            kind: Kind::Checkpoint,
            checkpoint,
            lineage: String::new(),
            origin: None,
            created: 0,
            job,
            ended: false,
            operators,
            sources: parts.sources,
            sinks: parts.sinks,
            files: BTreeMap::new(),
        };
        Kept { manifest, tables }
    }
}

impl Resume for Kept {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn state(&self, operator: &str, subtask: usize, parallelism: usize) -> Result<Option<Restored>> {
        let Some(saved) = self.manifest.operators.get(operator) else { return Ok(None) };
        let rows = |(shape, all): &(TableShape, Vec<Column>)| {
            let columns = of_subtask(shape, all, subtask, parallelism);
            (!columns[0].is_empty()).then(|| (shape.name.clone(), columns))
        };
        let tables = self.tables[operator].iter().filter_map(rows).collect();
        Ok(Some(Restored { subtask, tables, scalars: saved.scalars.clone() }))
    }
}

/// The rows of the key groups of one subtask.
fn of_subtask(shape: &TableShape, all: &[Column], subtask: usize, parallelism: usize) -> Vec<Column> {
    if shape.key.is_empty() {
        return all.to_vec();
    }
    let keys: Vec<&Column> = shape.key.iter().map(|&c| &all[c]).collect();
    let mut rows = Vec::new();
    rowkey::each_group(&keys, all[0].len(), 128, |row, group| {
        if rowkey::subtask_of(group, parallelism, 128) == subtask {
            rows.push(row);
        }
    });
    let rows = UInt32Array::from(rows);
    all.iter().map(|column| column.take(&rows)).collect()
}

/// Runs a job to its end, killed up to `kills` times on the way. After each time it goes on from one of its
/// checkpoints, mostly the newest, at another parallelism. Returns how often it was killed, too.
pub fn interrupted(
    plan: &dyn Fn(usize) -> PhysicalPlan,
    memory: &mut Memory,
    run: Run,
    kills: usize,
) -> (End, usize, usize) {
    let mut rng = Rng(run.seed ^ 0x5eed);
    let mut kept: Vec<Kept> = Vec::new();
    let mut number = 0;
    let (mut killed, mut resumed) = (0, 0);
    // The clock goes on, also while nothing runs.
    let mut now = None;
    loop {
        let parallelism = if killed == 0 { run.parallelism } else { 1 + rng.below(4) };
        let plan = plan(parallelism);
        if rng.once_in(5) {
            kept.pop();
        }
        if let Some(from) = kept.last() {
            compare::check(&from.manifest, &plan, false).unwrap();
            resumed += 1;
        }
        let from = kept.last().map(|kept| kept as &dyn Resume);
        let deployment = deploy_from(&plan, memory, run.capacity, from, &mut deploy::Kept::default()).unwrap();
        let (acks, acks_in) = (deployment.acks.clone(), deployment.acks_in.clone());
        let mut sim = Sim::new(deployment, memory.outside.clone(), rng.next());
        sim.now = now.unwrap_or(sim.now) + rng.below(2_000) as i64;
        let within = rng.pick(&[60, 200, 600]);
        let dies = (killed < kills).then(|| rng.below(within));
        let mut gathering: Option<Gathering> = None;
        let mut steps = 0;
        let often = rng.pick(&[3, 20, 60]);
        let end = sim.run(|sim| {
            steps += 1;
            now = Some(sim.now);
            sim.killed = dies == Some(steps);
            while let Ok(ack) = acks.try_recv() {
                let Some(parts) = gathering.as_mut().filter(|g| g.checkpoint == ack.checkpoint) else { continue };
                if matches!(ack.part, Part::Declined) {
                    gathering = None;
                    continue;
                }
                parts.add(ack);
                if !parts.is_complete() {
                    continue;
                }
                let Some(complete) = gathering.take() else { continue };
                // Some are not written.
                if sim.rng.once_in(6) {
                    continue;
                }
                let checkpoint = complete.checkpoint;
                let before = kept.last().filter(|kept| kept.manifest.checkpoint == acks_in.base());
                let new = Kept::new(checkpoint, complete.finish(&plan, &mut Unconfirmed::default()), &plan, before);
                kept.push(new);
                acks_in.set_base(checkpoint);
            }
            if gathering.is_none() && sim.rng.once_in(often) {
                number += 1;
                gathering = sim.control.request_barrier(number).then(|| Gathering::new(&plan, number));
            }
        });
        match end {
            End::Killed => killed += 1,
            end => return (end, killed, resumed),
        }
    }
}
