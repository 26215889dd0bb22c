//! The naive model of transforms that pass rows on, and of windows of rows.

use std::collections::BTreeMap;

use super::{By, Ev, Fourth, Key, Row, Step, key, result};
use crate::runtime::tests::sim::Rng;

/// Rows by a hash of the seed and their place.
pub struct Sample {
    pub percent: u64,
    pub seed: u64,
    pub place: u64,
}

impl Step for Sample {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let hash = Rng(Rng(self.seed).next() ^ self.place).next();
        self.place += 1;
        if u128::from(hash) * 100 < u128::from(self.percent) << 64 {
            out[0].push(Ev::Row(Row { within: row.judge, ..row }));
        }
    }
}

/// All rows pass.
pub struct Throttle;

impl Step for Throttle {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        out[0].push(Ev::Row(Row { within: row.judge, ..row }));
    }
}

pub struct LimitBy {
    pub n: usize,
    pub by: By,
    pub passed: BTreeMap<Key, usize>,
}

impl Step for LimitBy {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let passed = self.passed.entry(key(self.by, &row)).or_default();
        *passed += 1;
        if *passed <= self.n {
            out[0].push(Ev::Row(Row { within: row.judge, ..row }));
        }
    }
}

/// Rows get the time of their column `at`; those without are passed over.
pub struct EventTime {
    pub delay: i64,
    pub greatest: i64,
    pub within: i64,
}

impl EventTime {
    fn behind(&self, greatest: i64) -> i64 {
        if greatest == i64::MIN { greatest } else { greatest - self.delay - 1 }
    }
}

impl Step for EventTime {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let Some(at) = row.at else { return };
        out[0].push(Ev::Row(Row { time: Some(at), within: self.behind(self.within), ..row }));
        self.within = self.within.max(at);
        self.greatest = self.greatest.max(at);
    }

    fn end(&mut self, _watermark: i64, _out: &mut [Vec<Ev>; 2]) {
        self.within = i64::MIN;
    }

    fn watermark(&self, watermark: i64) -> i64 {
        if watermark == i64::MAX { watermark } else { self.behind(self.greatest) }
    }
}

pub struct Count {
    pub size: usize,
    pub slide: usize,
    pub partial: bool,
    pub by: By,
    pub fourth: Fourth,
    pub rows: BTreeMap<Key, Vec<Row>>,
}

impl Count {
    /// The window that ends with row `end` of a key.
    fn window(&self, key: &Key, end: usize) -> Row {
        let rows = &self.rows[key];
        let last = rows.len().min(end);
        let window = &rows[end.saturating_sub(self.size)..last];
        let closing = &rows[last - 1];
        Row { time: closing.time, within: closing.judge, ..result(window, self.by, key, self.fourth) }
    }
}

impl Step for Count {
    fn row(&mut self, row: Row, out: &mut [Vec<Ev>; 2]) {
        let key = key(self.by, &row);
        let rows = self.rows.entry(key.clone()).or_default();
        rows.push(row);
        let count = rows.len();
        if count.is_multiple_of(self.slide) {
            out[0].push(Ev::Row(self.window(&key, count)));
        }
    }

    fn end(&mut self, watermark: i64, out: &mut [Vec<Ev>; 2]) {
        if watermark < i64::MAX || !self.partial {
            return;
        }
        for (key, rows) in &self.rows {
            let end = rows.len().next_multiple_of(self.slide);
            if end > rows.len() && end.saturating_sub(self.size) < rows.len() {
                let row = self.window(key, end);
                out[0].push(Ev::Row(Row { within: i64::MIN, ..row }));
            }
        }
    }
}
