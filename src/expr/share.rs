//! Parts that several expressions over one batch have in common are evaluated once.
//!
//! A part that fails on a row has its faults kept beside its value, so that each place where it stands decides for
//! itself whether the row was reached.

use std::collections::HashMap;

use super::EvalError;
use super::eval::Rows;
use super::kernel::Faults;
use super::typed::{Node, Typed};
use super::value::Value;
use crate::data::{Batch, Column};

/// Looking for common parts takes time by the square of this.
const NODES_MAX: usize = 2_000;

/// Expressions that are evaluated together.
pub struct Expressions {
    items: Vec<Typed>,
}

/// What shared parts gave for a batch, by their numbers.
pub(super) type Shared = Vec<Option<(Value, Faults)>>;

impl Expressions {
    pub fn new(mut items: Vec<Typed>) -> Expressions {
        let mut counts = HashMap::new();
        if items.iter().map(Typed::size).sum::<usize>() <= NODES_MAX {
            items.iter().for_each(|item| count(item, &mut counts));
            counts.retain(|_, times| *times > 1);
        }
        if !counts.is_empty() {
            let mut numbers = HashMap::new();
            items.iter_mut().for_each(|item| mark(item, &counts, &mut numbers));
        }
        Expressions { items }
    }

    pub fn items(&self) -> &[Typed] {
        &self.items
    }

    /// A column for each expression; or the number of one that failed, and how.
    pub fn eval(&self, batch: &Batch) -> Result<Vec<Column>, (usize, EvalError)> {
        let rows = Rows::new(batch);
        let column = |(i, item): (usize, &Typed)| match item.as_column() {
            Some(index) => Ok(batch.columns[index].clone()),
            None => item.eval_in(&rows).map_err(|error| (i, error)),
        };
        self.items.iter().enumerate().map(column).collect()
    }
}

/// What says the same is the same: functions follow from their names and arguments.
fn key(typed: &Typed) -> String {
    format!("{typed:?}")
}

fn is_work(typed: &Typed) -> bool {
    !matches!(typed.node, Node::Column { .. } | Node::Literal(_) | Node::Now)
}

fn count(typed: &Typed, counts: &mut HashMap<String, usize>) {
    if !is_work(typed) {
        return;
    }
    let times = counts.entry(key(typed)).or_default();
    *times += 1;
    // The parts of what comes again come again with it.
    if *times == 1 {
        typed.children().into_iter().for_each(|child| count(child, counts));
    }
}

fn mark(typed: &mut Typed, counts: &HashMap<String, usize>, numbers: &mut HashMap<String, usize>) {
    if !is_work(typed) {
        return;
    }
    let key = key(typed);
    typed.children_mut().into_iter().for_each(|child| mark(child, counts, numbers));
    if counts.contains_key(&key) {
        let next = numbers.len();
        let number = *numbers.entry(key).or_insert(next);
        let inner = Typed { ty: typed.ty, node: std::mem::replace(&mut typed.node, Node::Now) };
        typed.node = Node::Shared(number, Box::new(inner));
    }
}
