//! The operators of stages.

use crate::op::Operator;
use crate::op::aggregate::AggregateOperator;
use crate::op::limit::Limit;
use crate::op::order::SortWithin;
use crate::op::pass::Pass;
use crate::op::top::Top;
use crate::plan::physical::StageOp;
use crate::state::table::TableShape;

/// The operator of one subtask.
pub fn operator(op: &StageOp) -> Box<dyn Operator> {
    match op {
        StageOp::Aggregate(spec) => AggregateOperator::new(spec.clone()),
        StageOp::Top(spec) => Box::new(Top::new(spec.clone())),
        StageOp::Limit(n) => Box::new(Limit::new(*n)),
        StageOp::Sort { keys, input, windowed } => Box::new(SortWithin::new(keys.clone(), input.clone(), *windowed)),
        StageOp::Pass => Box::new(Pass),
    }
}

/// The tables of a stage's state, as each of its subtasks has them.
pub fn shapes(op: &StageOp) -> Vec<TableShape> {
    operator(op).tables()
}
