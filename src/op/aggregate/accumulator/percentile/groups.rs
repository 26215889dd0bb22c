//! The values of each group.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow_buffer::BooleanBuffer;

use super::super::for_rows;
use crate::expr::aggregate::Fraction;

#[derive(Debug)]
pub enum Groups<T> {
    Lists(Vec<Vec<T>>),
    Halves(Vec<Halves<T>>),
}

/// The values up to the place asked for, and those above.
#[derive(Debug, Clone)]
pub struct Halves<T> {
    low: BinaryHeap<T>,
    high: BinaryHeap<Reverse<T>>,
}

impl<T: Ord + Copy> Groups<T> {
    pub fn resize(&mut self, groups: usize) {
        match self {
            Groups::Lists(lists) => lists.resize_with(groups, Vec::new),
            Groups::Halves(halves) => {
                halves.resize_with(groups, || Halves { low: BinaryHeap::new(), high: BinaryHeap::new() });
            }
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Groups::Lists(lists) => lists.len(),
            Groups::Halves(halves) => halves.len(),
        }
    }

    pub fn update(
        &mut self,
        ids: &[u32],
        groups: usize,
        values: &[T],
        selected: Option<BooleanBuffer>,
        fraction: Fraction,
    ) {
        self.resize(groups);
        let push = |row: usize| self.push(ids[row], values[row], fraction);
        for_rows(selected, ids.len(), push);
    }

    fn push(&mut self, id: u32, value: T, fraction: Fraction) {
        match self {
            Groups::Lists(lists) => lists[id as usize].push(value),
            Groups::Halves(halves) => halves[id as usize].push(value, fraction),
        }
    }

    pub fn merge(&mut self, other: &Groups<T>, from: &[u32], to: &[u32], fraction: Fraction) {
        for (&from, &to) in from.iter().zip(to) {
            match (&mut *self, other) {
                (Groups::Lists(own), Groups::Lists(more)) => {
                    own[to as usize].extend(&more[from as usize]);
                }
                _ => other.values(from).into_iter().for_each(|value| self.push(to, value, fraction)),
            }
        }
    }

    /// The values of a group: as they came, or sorted where they lie in heaps.
    fn values(&self, id: u32) -> Vec<T> {
        match self {
            Groups::Lists(lists) => lists[id as usize].clone(),
            Groups::Halves(halves) => {
                let Halves { low, high } = &halves[id as usize];
                let mut values: Vec<T> = low.iter().copied().chain(high.iter().map(|value| value.0)).collect();
                values.sort_unstable();
                values
            }
        }
    }

    /// The values below and above the place asked for, and how far it lies between them; `None` without values.
    pub fn around(&self, id: u32, fraction: Fraction) -> Option<(T, T, u64)> {
        match self {
            Groups::Lists(lists) => {
                let mut values = Some(lists[id as usize].clone()).filter(|values| !values.is_empty())?;
                let (place, part) = fraction.place(values.len());
                let (_, &mut low, above) = values.select_nth_unstable(place);
                let high = above.iter().min().filter(|_| part > 0);
                Some((low, high.copied().unwrap_or(low), part))
            }
            Groups::Halves(halves) => {
                let Halves { low, high } = &halves[id as usize];
                let (_, part) = fraction.place(low.len() + high.len());
                let low = *low.peek()?;
                Some((low, high.peek().map_or(low, |high| high.0), part))
            }
        }
    }

    pub fn count(&self, id: usize) -> usize {
        match self {
            Groups::Lists(lists) => lists[id].len(),
            Groups::Halves(halves) => halves[id].low.len() + halves[id].high.len(),
        }
    }

    pub fn owners(&self) -> Vec<u32> {
        (0..self.len()).flat_map(|id| std::iter::repeat_n(id as u32, self.count(id))).collect()
    }

    pub fn flat(&self) -> Vec<T> {
        (0..self.len() as u32).flat_map(|id| self.values(id)).collect()
    }

    pub fn clear(&mut self) {
        match self {
            Groups::Lists(lists) => lists.clear(),
            Groups::Halves(halves) => halves.clear(),
        }
    }
}

impl<T: Ord + Copy> Halves<T> {
    fn push(&mut self, value: T, fraction: Fraction) {
        if self.low.peek().is_some_and(|greatest| value < *greatest) {
            self.low.push(value);
        } else {
            self.high.push(Reverse(value));
        }
        let below = fraction.place(self.low.len() + self.high.len()).0 + 1;
        while self.low.len() < below
            && let Some(Reverse(value)) = self.high.pop()
        {
            self.low.push(value);
        }
        while self.low.len() > below
            && let Some(value) = self.low.pop()
        {
            self.high.push(Reverse(value));
        }
    }
}
