//! What sinks have prepared and no checkpoint has committed yet.
//!
//! A sink prepares once and forgets. The checkpoint it did so for may fail, or be overtaken by the end of the job; what
//! was prepared then belongs to the next one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::barrier::Durable;
use crate::connect::Prepared;

#[derive(Default)]
pub struct Unconfirmed {
    /// By number of the sink: checkpoints and what is to be committed, in order.
    pending: BTreeMap<usize, Vec<(u64, Value)>>,
    /// Of checkpoints that were given up.
    durable: Vec<Durable>,
}

impl Unconfirmed {
    /// Takes what a sink has prepared for `checkpoint`, but for its state.
    pub fn add(&mut self, sink: usize, checkpoint: u64, prepared: &mut Prepared) {
        let pending = prepared.pending.take().map(|pending| (checkpoint, pending));
        self.pending.entry(sink).or_default().extend(pending);
    }

    /// Work of a checkpoint that was given up.
    pub fn postpone(&mut self, durable: impl IntoIterator<Item = Durable>) {
        self.durable.extend(durable);
    }

    /// Checkpoint `checkpoint` is complete, and what it held is committed.
    pub fn confirm(&mut self, checkpoint: u64) {
        self.pending.values_mut().for_each(|pending| pending.retain(|(number, _)| *number > checkpoint));
    }

    /// All that a sink has pending.
    pub fn of(&self, sink: usize) -> Vec<(u64, Value)> {
        self.pending.get(&sink).cloned().unwrap_or_default()
    }

    /// Work that is still to be done, which the next checkpoint does.
    pub fn take_durable(&mut self) -> Vec<Durable> {
        std::mem::take(&mut self.durable)
    }

    pub fn is_empty(&self) -> bool {
        self.pending.values().all(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_confirmed_stays_in_order() {
        let mut unconfirmed = Unconfirmed::default();
        for (checkpoint, pending) in [(1, Some("a")), (2, None), (3, Some("b")), (4, Some("c"))] {
            let pending = pending.map(Value::from);
            unconfirmed.add(7, checkpoint, &mut Prepared { pending, ..Prepared::default() });
        }
        unconfirmed.confirm(1);
        assert_eq!(unconfirmed.of(7), [(3, "b".into()), (4, "c".into())]);
        assert!(unconfirmed.of(6).is_empty() && !unconfirmed.is_empty());
        unconfirmed.confirm(4);
        assert!(unconfirmed.is_empty());
    }
}
