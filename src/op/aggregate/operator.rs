//! The aggregation operator: the way in.

use super::counted::Counted;
use super::running::Running;
use super::windowed::Windowed;
use super::{AggregateSpec, Window};
use crate::op::Operator;

/// Makes the operator of an aggregation.
pub struct AggregateOperator;

impl AggregateOperator {
    /// One instance, for one subtask. Its inputs are rows of the spec's input schema and partial results of
    /// [`super::PreAggregate`], in any mixture; with a window, rows have an event time.
    #[expect(clippy::new_ret_no_self, reason = "which operator it is depends on the spec")]
    pub fn new(spec: AggregateSpec) -> Box<dyn Operator> {
        match spec.window {
            Some(window @ Window::Count { .. }) => Box::new(Counted::new(spec, window)),
            Some(window) => Box::new(Windowed::new(spec, window)),
            None => Box::new(Running::new(spec)),
        }
    }
}
