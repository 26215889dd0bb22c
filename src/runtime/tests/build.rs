//! From the text of a job and its input to a simulated run.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use super::memory::{Input, Memory};
use super::sim::{End, Rng, Sim};
use crate::error::{Error, Result};
use crate::plan::physical::PhysicalPlan;
use crate::plan::{logical, place};
use crate::runtime::deploy::deploy_with;
use crate::spec;

/// The plan of a job that is right.
pub fn plan(job: &str, parallelism: usize) -> Result<PhysicalPlan> {
    let (spec, found) = spec::parse(Path::new("job.toml"), job, &[], &|_| None);
    let spec = spec.filter(|_| !found.has_errors());
    let spec = spec.ok_or_else(|| Error::internal(format!("the job does not parse: {found:?}\n{job}")))?;
    let (logical, found) = logical::build(&spec);
    let logical = logical.ok_or_else(|| Error::internal(format!("the job is wrong: {found:?}\n{job}")))?;
    place::place(&logical, parallelism, 128, &BTreeMap::new())
}

/// Blocks of `lines`, so many each; the last length goes on.
pub fn blocks(lines: &[impl AsRef<str>], lengths: &[usize]) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    let mut rest = lines;
    let mut lengths = lengths.iter().copied();
    let mut length = 1;
    while !rest.is_empty() {
        length = lengths.next().unwrap_or(length).clamp(1, rest.len());
        let (block, others) = rest.split_at(length);
        blocks.push(Bytes::from(block.iter().map(|l| format!("{}\n", l.as_ref())).collect::<String>()));
        rest = others;
    }
    blocks
}

/// How to run a job.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub parallelism: usize,
    pub capacity: usize,
    pub seed: u64,
}

impl Run {
    pub fn random(seed: u64) -> Run {
        let mut rng = Rng(seed);
        Run { parallelism: 1 + rng.below(4), capacity: rng.pick(&[1, 2, 3, 5, 8, 32]), seed }
    }
}

pub fn memory(inputs: &[(&str, Input)], seed: u64) -> Memory {
    let inputs = inputs.iter().map(|(name, input)| (format!("sources.{name}"), input.clone())).collect();
    Memory { inputs, seed, ..Memory::default() }
}

pub fn start(plan: &PhysicalPlan, memory: &mut Memory, run: Run) -> Sim {
    let deployment = deploy_with(plan, memory, run.capacity).unwrap();
    Sim::new(deployment, memory.outside.clone(), run.seed)
}

/// Runs `job` over `inputs` to its end.
pub fn simulate(job: &str, inputs: &[(&str, Input)], run: Run) -> (End, Memory) {
    let plan = plan(job, run.parallelism).unwrap();
    let mut memory = memory(inputs, run.seed);
    let end = start(&plan, &mut memory, run).run(|_| {});
    (end, memory)
}

pub fn bounded(blocks: Vec<Bytes>) -> Input {
    Input { blocks, ..Input::default() }
}

/// Seeds from `FLOTT_SEED` on, so many as `FLOTT_JOBS` says, for long searches.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}
