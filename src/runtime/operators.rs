//! The operators of stages and chains.

use crate::op::Operator;
use crate::op::aggregate::{AggregateOperator, PreAggregate};
use crate::op::changelog::{Changelog, Present};
use crate::op::event_time::EventTime;
use crate::op::explode::Explode;
use crate::op::filter::Filter;
use crate::op::limit::Limit;
use crate::op::limit_by::LimitBy;
use crate::op::order::SortWithin;
use crate::op::pass::Pass;
use crate::op::project::Project;
use crate::op::require::Require;
use crate::op::route::Route;
use crate::op::sample::Sample;
use crate::op::top::{Top, TopLocal};
use crate::plan::physical::{ChainNodePlan, ChainOp, StageOp};
use crate::state::table::TableShape;

/// The operator of one subtask.
pub fn operator(op: &StageOp) -> Box<dyn Operator> {
    match op {
        StageOp::Aggregate(spec) => AggregateOperator::new(spec.clone()),
        StageOp::Changelog(spec, having) => Box::new(Changelog::new(spec.clone(), having.clone())),
        StageOp::Top(spec) => Box::new(Top::new(spec.clone())),
        StageOp::Limit(n) => Box::new(Limit::new(*n)),
        StageOp::LimitBy(spec) => Box::new(LimitBy::new(spec.clone())),
        StageOp::Sample { fraction, seed } => Box::new(Sample::new(*fraction, *seed)),
        StageOp::EventTime { column, delay, idle } => Box::new(EventTime::new(*column, *delay, *idle)),
        StageOp::Sort { keys, input, windowed } => Box::new(SortWithin::new(keys.clone(), input.clone(), *windowed)),
        // What slows a throttle down is its task.
        StageOp::Pass | StageOp::Throttle(_) => Box::new(Pass),
    }
}

/// The operator of a chain.
pub fn chained(plan: &ChainNodePlan) -> Box<dyn Operator> {
    let on_fault = plan.on_fault.clone();
    match &plan.op {
        ChainOp::Filter(condition) => Box::new(Filter::new(condition.clone(), on_fault)),
        ChainOp::Project(items) => Box::new(Project::new(items.clone(), on_fault)),
        ChainOp::Route(cases) => Box::new(Route::new(cases.clone(), on_fault)),
        ChainOp::Explode { list, keep_empty } => Box::new(Explode::new(list.clone(), *keep_empty, on_fault)),
        ChainOp::Require { column, name } => Box::new(Require::new(*column, name.clone(), on_fault)),
        ChainOp::Present => Box::new(Present),
        ChainOp::PreAggregate(spec) => Box::new(PreAggregate::new(spec.clone())),
        ChainOp::TopLocal(spec) => Box::new(TopLocal::new(spec.clone())),
    }
}

/// The tables of a stage's state, as each of its subtasks has them.
pub fn shapes(op: &StageOp) -> Vec<TableShape> {
    operator(op).tables()
}
