//! `kind = "random"`: rows of any schema. A column depends on its place in the schema, not on the other columns.

use arrow_array::TimestampMicrosecondArray;

use super::random::{Draws, Seed};
use super::{Clock, MakeColumn};
use crate::data::{Column, ColumnBuilder, DataType, Interval};

const WORDS: [&str; 48] = [
    "amber", "apple", "basil", "beech", "birch", "bread", "brook", "cedar", "chalk", "cloud", "coral", "daisy",
    "delta", "ember", "fern", "field", "flint", "frost", "grape", "grove", "hazel", "heron", "honey", "ivory", "jade",
    "lark", "lemon", "lilac", "linen", "maple", "meadow", "mint", "moss", "ocean", "olive", "pearl", "pine", "plum",
    "quartz", "raven", "river", "sage", "sand", "slate", "spruce", "stone", "thyme", "willow",
];
/// Ints, doubles and decimals are less than this.
const NUMBERS: u64 = 1_000;
const DAY_MICROS: u64 = 86_400_000_000;
/// Timestamps lie as far before the first event time, dates ten times as far.
const YEAR_DAYS: u64 = 365;
const BYTES: usize = 8;
const ITEMS_MAX: u64 = 4;

/// What the rows are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// Types of the columns.
    pub types: Vec<DataType>,
    /// The column that holds event times.
    pub time: Option<usize>,
    /// The share of nulls in all columns but that, below 1.
    pub nulls: f64,
}

pub struct Any {
    pub shape: Shape,
    pub seed: u64,
    pub clock: Clock,
}

impl MakeColumn for Any {
    fn column(&self, column: usize, first: u64, rows: u64) -> Column {
        let range = first..first + rows;
        if self.shape.time == Some(column) {
            return Column::Timestamp(TimestampMicrosecondArray::from_iter_values(range.map(|row| self.clock.at(row))));
        }
        let seed = Seed::new(Seed::new(self.seed).event(column as u64).get(0));
        // Of 2^32 draws as many are nulls.
        let nulls = (self.shape.nulls * f64::from(u32::MAX)) as u64;
        let mut builder = ColumnBuilder::new(self.shape.types[column], rows as usize);
        for row in range {
            let mut dice = Dice { draws: seed.event(row), next: 0, start: self.clock.start };
            match dice.below(1 << 32) < nulls {
                true => builder.append_null(),
                false => dice.value(&mut builder),
            }
        }
        builder.finish()
    }
}

/// The draws of one value, one after the other.
struct Dice {
    draws: Draws,
    next: u64,
    /// The first event time, µs.
    start: i64,
}

impl Dice {
    fn draw(&mut self) -> u64 {
        self.next += 1;
        self.draws.get(self.next)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next += 1;
        self.draws.below(self.next, limit)
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len() as u64) as usize]
    }

    /// Appends a value of the builder's type.
    fn value(&mut self, builder: &mut ColumnBuilder) {
        match builder {
            ColumnBuilder::Boolean(b) => b.append_value(self.below(2) == 1),
            ColumnBuilder::Int(b) => b.append_value(self.below(NUMBERS) as i64),
            // A quotient of whole numbers is the same everywhere.
            ColumnBuilder::Double(b) => b.append_value(self.below(NUMBERS * 1_000) as f64 / 1_000.0),
            ColumnBuilder::Decimal(b, precision, scale) => {
                // All digits behind the point, and up to three before it.
                let limit = 10u128.pow(u32::from((*precision).min(scale.saturating_add(3))));
                let wide = u128::from(self.draw()) << 64 | u128::from(self.draw());
                b.append_value((wide % limit) as i128);
            }
            ColumnBuilder::String(b) => b.append_value(self.word()),
            ColumnBuilder::Timestamp(b) => {
                let before = self.below(YEAR_DAYS * DAY_MICROS) as i64;
                b.append_value(self.start.saturating_sub(before));
            }
            ColumnBuilder::Bytes(b) => {
                let bytes: [u8; BYTES] = self.draw().to_le_bytes();
                b.append_value(bytes);
            }
            ColumnBuilder::Date(b) => {
                let first = self.start.div_euclid(DAY_MICROS as i64);
                // The days of all timestamps fit.
                b.append_value(first as i32 - self.below(10 * YEAR_DAYS) as i32);
            }
            ColumnBuilder::Interval(b) => {
                let (days, seconds) = (self.below(31) as i32, self.below(86_400) as i64);
                b.append_value(Interval { months: 0, days, micros: seconds * 1_000_000 }.to_arrow());
            }
            ColumnBuilder::Json(b) => {
                let (word, n) = (self.word(), self.below(NUMBERS));
                b.append_value(format!("{{\"word\":\"{word}\",\"n\":{n}}}"));
            }
            ColumnBuilder::List(b) => {
                (0..self.below(ITEMS_MAX + 1)).for_each(|_| self.value(b.items()));
                b.end();
            }
            ColumnBuilder::Struct(b) => {
                b.fields().iter_mut().for_each(|field| self.value(field));
                b.end();
            }
        }
    }
}
