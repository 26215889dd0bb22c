//! Loops over slices: one file per family. Types were settled before; a kernel only sees values and nulls.
//!
//! A row that fails is noted in [`Faults`] and is null; who asked decides whether the row was reached.

use std::borrow::Cow;

pub mod arith;
pub mod cast;
pub mod choose;
pub mod compare;
pub mod like;
pub mod logic;
pub mod moment;

/// The values of one side of a kernel.
#[derive(Clone, Copy)]
pub enum Operand<'a, T> {
    Scalar(T),
    Slice(&'a [T]),
}

impl<T: Copy> Operand<'_, T> {
    #[inline]
    pub fn get(&self, row: usize) -> T {
        match self {
            Operand::Scalar(v) => *v,
            Operand::Slice(s) => s[row],
        }
    }
}

/// Rows that failed, each with a message.
#[derive(Debug, Default, Clone)]
pub struct Faults {
    rows: Vec<(usize, Cow<'static, str>)>,
}

impl Faults {
    pub fn push(&mut self, row: usize, message: impl Into<Cow<'static, str>>) {
        self.rows.push((row, message.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Forgets rows that were not reached.
    pub fn retain(&mut self, reached: impl Fn(usize) -> bool) {
        self.rows.retain(|(row, _)| reached(*row));
    }

    /// Takes over the faults of a part.
    pub fn append(&mut self, mut part: Faults) {
        self.rows.append(&mut part.rows);
    }

    /// Says of a part without columns that it fails on every row as it does on its one row.
    pub fn repeat(self, rows: usize, into: &mut Faults) {
        if let Some((_, message)) = self.rows.into_iter().next() {
            into.rows.extend((0..rows).map(|row| (row, message.clone())));
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(|(row, _)| *row)
    }

    /// The rows that failed, ascending, each with what was noted first.
    pub fn into_rows(mut self) -> Vec<(usize, String)> {
        self.rows.sort_by_key(|(row, _)| *row);
        self.rows.dedup_by_key(|(row, _)| *row);
        self.rows.into_iter().map(|(row, message)| (row, message.into_owned())).collect()
    }

    /// The first row that failed; within a row, what was noted first.
    pub fn first(self) -> Option<(usize, String)> {
        let first = self.rows.into_iter().reduce(|a, b| if b.0 < a.0 { b } else { a });
        first.map(|(row, message)| (row, message.into_owned()))
    }
}

/// `f` of every row's values. One loop per shape, so that each is a plain loop over slices.
#[inline(always)]
pub fn map2<A: Copy, B: Copy, R>(a: Operand<A>, b: Operand<B>, rows: usize, f: impl Fn(A, B) -> R) -> Vec<R> {
    match (a, b) {
        (Operand::Slice(a), Operand::Slice(b)) => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
        (Operand::Slice(a), Operand::Scalar(b)) => a.iter().map(|&a| f(a, b)).collect(),
        (Operand::Scalar(a), Operand::Slice(b)) => b.iter().map(|&b| f(a, b)).collect(),
        (Operand::Scalar(a), Operand::Scalar(b)) => (0..rows).map(|_| f(a, b)).collect(),
    }
}
