//! Operators fused into one task: neighbours with nothing to exchange are plain calls.
//!
//! A chain is a small graph. Rows enter at its targets, pass from node to node depth first, and leave by ports.

use super::message::Origin;
use super::port::Port;
use crate::error::Result;
use crate::observe::NodeStats;
use crate::op::{Flow, Operator, Out, RowContext};
use crate::plan::physical::Target;

/// A stateless operator of a chain.
pub struct Node {
    /// Name of the node in the job file, for errors.
    pub name: String,
    pub operator: Box<dyn Operator>,
    /// Targets of each output.
    pub outputs: Vec<Vec<Target>>,
    pub stats: NodeStats,
}

/// Stateless operators behind a task's head, and the task's ports.
#[derive(Default)]
pub struct Chain {
    pub nodes: Vec<Node>,
    pub ports: Vec<Port>,
}

impl Chain {
    /// Passes a batch to all `targets`.
    pub fn push(
        &mut self,
        targets: &[Target],
        batch: crate::data::Batch,
        context: &RowContext,
        origin: Origin,
    ) -> Result<()> {
        let Some((&last, others)) = targets.split_last() else { return Ok(()) };
        for &target in others {
            self.push_one(target, batch.clone(), context, origin)?;
        }
        self.push_one(last, batch, context, origin)
    }

    fn push_one(
        &mut self,
        target: Target,
        batch: crate::data::Batch,
        context: &RowContext,
        origin: Origin,
    ) -> Result<()> {
        let index = match target {
            Target::Port(port) => return self.ports[port].rows(batch, origin),
            Target::Node(index) => index,
        };
        let mut out = Out::default();
        let node = &mut self.nodes[index];
        node.stats.rows_in(batch.rows);
        node.operator.on_batch(batch, context, &mut out).map_err(|e| e.at(node.name.clone()))?;
        while let Some((output, batch)) = out.emitted.pop_front() {
            self.nodes[index].stats.rows_out(batch.rows);
            // Targets are few; cloning them ends the borrow of the node.
            let targets = self.nodes[index].outputs.get(output).cloned().unwrap_or_default();
            self.push(&targets, batch, context, origin)?;
        }
        Ok(())
    }

    /// The block has ended: operators that gather within a block give what they hold. Inputs come before those
    /// who read them, so one pass is enough.
    pub fn end_block(&mut self, context: &RowContext, origin: Origin) -> Result<()> {
        for index in 0..self.nodes.len() {
            loop {
                let mut out = Out::default();
                let node = &mut self.nodes[index];
                let flow = node.operator.on_block_end(i64::MIN, &mut out).map_err(|e| e.at(node.name.clone()))?;
                while let Some((output, batch)) = out.emitted.pop_front() {
                    self.nodes[index].stats.rows_out(batch.rows);
                    let targets = self.nodes[index].outputs.get(output).cloned().unwrap_or_default();
                    self.push(&targets, batch, context, origin)?;
                }
                if flow == Flow::Done {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sends what ports could not. True if nothing waits any more.
    pub fn flush(&mut self) -> Result<bool> {
        let mut clear = true;
        for port in &mut self.ports {
            clear &= port.flush()?;
        }
        Ok(clear)
    }

    pub fn satisfied(&self) -> bool {
        !self.ports.is_empty() && self.ports.iter().all(Port::satisfied)
    }

    pub fn each_port(&mut self, act: impl FnMut(&mut Port) -> Result<()>) -> Result<()> {
        self.ports.iter_mut().try_for_each(act)
    }
}
