//! Which parts of a node its rows come in by, and which they leave by. A node is laid out as several parts where it is
//! computed in steps (projection, partial results, the operator itself); its figures are those of its ends.

use std::collections::BTreeMap;

use crate::observe::Role;
use crate::plan::physical::{ChainPlan, Consumer, PhysicalPlan, Producer, Target};

/// The roles of all parts.
pub struct Roles {
    /// Of chained operators, by who they are chained behind.
    chains: BTreeMap<Producer, Vec<Role>>,
    stages: Vec<Role>,
}

impl Roles {
    pub fn of(plan: &PhysicalPlan) -> Roles {
        let mut roles = Roles { chains: BTreeMap::new(), stages: vec![Role::INSIDE; plan.stages.len()] };
        for (index, source) in plan.sources.iter().enumerate() {
            let targets = source.rows.iter().chain(&source.errors);
            roles.chain(plan, Producer::Source(index), &source.name, &source.chain, targets);
        }
        for (index, stage) in plan.stages.iter().enumerate() {
            let targets = stage.outputs.iter().flatten();
            let leaves = roles.chain(plan, Producer::Stage(index), &stage.name, &stage.chain, targets);
            roles.stages[index].leaves = leaves;
        }
        roles
    }

    pub fn stage(&self, index: usize) -> Role {
        self.stages[index]
    }

    pub fn chained(&self, producer: Producer, node: usize) -> Role {
        self.chains.get(&producer).and_then(|roles| roles.get(node)).copied().unwrap_or_default()
    }

    /// Follows the rows of a producer through its chain. Returns whether they leave it for another node at once.
    fn chain<'a>(
        &mut self,
        plan: &PhysicalPlan,
        producer: Producer,
        name: &str,
        chain: &ChainPlan,
        targets: impl Iterator<Item = &'a Target>,
    ) -> bool {
        let mut roles = vec![Role::INSIDE; chain.nodes.len()];
        let leaves = self.follow(plan, chain, name, targets, &mut roles);
        for (index, node) in chain.nodes.iter().enumerate() {
            let leaves = self.follow(plan, chain, &node.name, node.outputs.iter().flatten(), &mut roles);
            roles[index].leaves = leaves;
        }
        self.chains.insert(producer, roles);
        leaves
    }

    /// Marks those of `targets` that belong to another node than `name` as entrances; whether there are any, or none
    /// at all.
    fn follow<'a>(
        &mut self,
        plan: &PhysicalPlan,
        chain: &ChainPlan,
        name: &str,
        targets: impl Iterator<Item = &'a Target>,
        roles: &mut [Role],
    ) -> bool {
        let (mut some, mut leaves) = (false, false);
        for target in targets {
            some = true;
            let (other, enters) = match *target {
                Target::Node(node) => (chain.nodes[node].name.as_str(), Some(&mut roles[node].enters)),
                Target::Port(port) => match chain.ports[port].to {
                    Consumer::Stage { stage, .. } => {
                        (plan.stages[stage].name.as_str(), Some(&mut self.stages[stage].enters))
                    }
                    Consumer::Sink { sink, .. } => (plan.sinks[sink].name.as_str(), None),
                },
            };
            if other != name {
                leaves = true;
                enters.into_iter().for_each(|enters| *enters = true);
            }
        }
        leaves || !some
    }
}
