//! Operators fused into one task: neighbours with nothing to exchange are plain calls.
//!
//! A chain is a small graph. Rows enter at its targets, pass from node to node depth first, and leave by ports. A node
//! with a row that ends the job passes on what comes before it, tells all ports behind it, and takes no more rows.

use super::message::{BadRow, Origin};
use super::port::Port;
use crate::data::{Batch, Order};
use crate::error::{Class, Error, Result};
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
    /// A row of it has ended the job, unless nobody wants more.
    pub failed: bool,
}

/// Stateless operators behind a task's head, and the task's ports.
#[derive(Default)]
pub struct Chain {
    pub nodes: Vec<Node>,
    pub ports: Vec<Port>,
    /// Rows on which nodes have failed, not told to the ports yet.
    failures: Vec<Failure>,
}

/// A row that ends the job.
pub struct Failure {
    pub node: usize,
    /// The batch that the node was given, and the row of it.
    pub row: usize,
    pub bad: BadRow,
}

impl Chain {
    /// Passes a batch to all `targets`. What fails on the way is told to the ports with [`Chain::tell`].
    pub fn push(&mut self, targets: &[Target], batch: Batch, context: &RowContext, origin: Origin) -> Result<()> {
        let Some((&last, others)) = targets.split_last() else { return Ok(()) };
        for &target in others {
            self.push_one(target, batch.clone(), context, origin)?;
        }
        self.push_one(last, batch, context, origin)
    }

    fn push_one(&mut self, target: Target, batch: Batch, context: &RowContext, origin: Origin) -> Result<()> {
        let index = match target {
            Target::Port(port) => return self.ports[port].rows(batch, origin),
            Target::Node(index) => index,
        };
        let mut out = Out::default();
        let node = &mut self.nodes[index];
        if node.failed {
            return Ok(());
        }
        node.stats.rows_in(batch.rows);
        match node.operator.on_batch(batch.clone(), context, &mut out) {
            Ok(()) => {}
            Err(error) if error.class != Class::Data => return Err(error.at(node.name.clone())),
            Err(error) => {
                node.failed = true;
                let (row, error) = first_failing(&mut *node.operator, &batch, context, error);
                let error = error.at(node.name.clone());
                let order = if row < batch.rows { batch.order.take(&[row as u32]) } else { Order::Arrival };
                out = Out::default();
                if row > 0 {
                    // It has not failed on these.
                    node.operator.on_batch(batch.slice(0, row), context, &mut out)?;
                }
                self.pass(index, out, context, origin)?;
                let bad = BadRow { origin, order, ..BadRow::placeless(error) };
                self.failures.push(Failure { node: index, row, bad });
                return Ok(());
            }
        }
        self.pass(index, out, context, origin)
    }

    /// Passes on what a node emitted.
    fn pass(&mut self, index: usize, mut out: Out, context: &RowContext, origin: Origin) -> Result<()> {
        if out.bad > 0 {
            self.nodes[index].stats.bad(out.bad);
        }
        while let Some((output, batch)) = out.emitted.pop_front() {
            self.nodes[index].stats.rows_out(batch.rows);
            // Targets are few; cloning them ends the borrow of the node.
            let targets = self.nodes[index].outputs.get(output).cloned().unwrap_or_default();
            self.push(&targets, batch, context, origin)?;
        }
        Ok(())
    }

    /// Some row has failed since the ports were told last.
    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Tells the ports behind the nodes that have failed; `place` knows more of where the row came from.
    pub fn tell(&mut self, mut place: impl FnMut(&mut Chain, &Failure) -> Option<BadRow>) -> Result<()> {
        for failure in std::mem::take(&mut self.failures) {
            let bad = place(self, &failure).unwrap_or(failure.bad);
            let mut open = vec![failure.node];
            while let Some(node) = open.pop() {
                for target in self.nodes[node].outputs.concat() {
                    match target {
                        Target::Node(next) => open.push(next),
                        Target::Port(port) => self.ports[port].failed(&bad)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Which row of `batch`, that came in by `targets`, became row `row` of what node `node` was given. `None` if that
    /// cannot be told. Nothing is passed on.
    pub fn trace(&mut self, targets: &[Target], batch: &Batch, node: usize, row: usize) -> Option<usize> {
        let numbered = Batch { order: Order::Row((0..batch.rows as u32).collect()), ..batch.clone() };
        let mut open: Vec<(Target, Batch)> = targets.iter().map(|&target| (target, numbered.clone())).collect();
        let context = RowContext { input: 0, watermark: i64::MIN, delay: 0 };
        while let Some((target, batch)) = open.pop() {
            match target {
                Target::Node(index) if index == node => match batch.order.take(&[u32::try_from(row).ok()?]) {
                    Order::Row(rows) => return rows.first().map(|&row| row as usize),
                    _ => return None,
                },
                Target::Node(index) => {
                    let mut out = Out::default();
                    let node = &mut self.nodes[index];
                    if let Err(error) = node.operator.on_batch(batch.clone(), &context, &mut out) {
                        // It has passed on what comes before the row.
                        let (before, _) = first_failing(&mut *node.operator, &batch, &context, error);
                        out = Out::default();
                        node.operator.on_batch(batch.slice(0, before), &context, &mut out).ok()?;
                    }
                    for (output, batch) in out.emitted {
                        let targets = self.nodes[index].outputs.get(output).cloned().unwrap_or_default();
                        open.extend(targets.into_iter().map(|target| (target, batch.clone())));
                    }
                }
                Target::Port(_) => {}
            }
        }
        None
    }

    /// The block has ended: operators that gather within a block give what they hold. Inputs come before those
    /// who read them, so one pass is enough.
    pub fn end_block(&mut self, context: &RowContext, origin: Origin) -> Result<()> {
        for index in 0..self.nodes.len() {
            while !self.nodes[index].failed {
                let mut out = Out::default();
                let node = &mut self.nodes[index];
                let flow = node.operator.on_block_end(i64::MIN, &mut out).map_err(|e| e.at(node.name.clone()))?;
                self.pass(index, out, context, origin)?;
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

/// The first row that an operator fails on, which has failed on `batch` with `error`, and what it says of that row.
/// Rows are judged one by one, so that the fewest first rows it fails on end with the one.
fn first_failing(operator: &mut dyn Operator, batch: &Batch, context: &RowContext, error: Error) -> (usize, Error) {
    let mut fails =
        |start: usize, rows: usize| operator.on_batch(batch.slice(start, rows), context, &mut Out::default()).err();
    let (mut sound, mut failing) = (0, batch.rows);
    while failing - sound > 1 {
        let middle = sound + (failing - sound) / 2;
        match fails(sound, middle - sound) {
            Some(_) => failing = middle,
            None => sound = middle,
        }
    }
    let error = fails(sound, 1).unwrap_or(error);
    (sound, error)
}
