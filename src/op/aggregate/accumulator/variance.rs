//! `variance` and `stddev`. Of ints and decimals the sum and the sum of squares are kept exactly, so that the result
//! depends on no order; of doubles the mean and the squared distances from it (Welford), which lose no digits to large
//! values that differ little, and are merged as Chan et al. do.

use arrow_array::{Float64Array, Int64Array};

use super::wide::Wide;
use super::{Argument, count::Count, for_rows};
use crate::data::{Column, ColumnBuilder, DataType};
use crate::error::Result;
use crate::expr::aggregate::Divisor;
use crate::state::table::MakeColumns;

#[derive(Debug, Clone)]
pub struct Variance {
    divisor: Divisor,
    /// The standard deviation is asked for.
    is_root: bool,
    kept: Kept,
}

/// Sums of squares of 2^63 ints have 190 bits, those of decimals 316.
#[derive(Debug, Clone)]
enum Kept {
    Ints(Exact<3>),
    Decimals(Exact<5>),
    Doubles(Moments),
}

macro_rules! each {
    ($kept:expr, $inner:ident => $body:expr) => {
        match $kept {
            Kept::Ints($inner) => $body,
            Kept::Decimals($inner) => $body,
            Kept::Doubles($inner) => $body,
        }
    };
}

impl Variance {
    pub fn new(ty: DataType, divisor: Divisor, is_root: bool) -> Variance {
        let kept = match ty {
            DataType::Int => Kept::Ints(Exact::new(0)),
            DataType::Decimal { scale, .. } => Kept::Decimals(Exact::new(scale)),
            DataType::Double => Kept::Doubles(Moments::default()),
            other => unreachable!("a variance of {other}"),
        };
        Variance { divisor, is_root, kept }
    }

    pub fn update(&mut self, ids: &[u32], groups: usize, rows: &Argument) {
        let selected = rows.selected(true);
        each!(&mut self.kept, kept => kept.resize(groups));
        match (&mut self.kept, rows.column()) {
            (Kept::Ints(kept), Column::Int(a)) => {
                for_rows(selected, ids.len(), |row| kept.push(ids[row], a.value(row).into()));
            }
            (Kept::Decimals(kept), Column::Decimal(a)) => {
                for_rows(selected, ids.len(), |row| kept.push(ids[row], a.value(row)));
            }
            (Kept::Doubles(kept), Column::Double(a)) => {
                for_rows(selected, ids.len(), |row| kept.push(ids[row], a.value(row)));
            }
            (_, column) => unreachable!("a variance of {}", column.data_type()),
        }
    }

    pub fn start_merge(&mut self, groups: usize) {
        self.clear();
        each!(&mut self.kept, kept => kept.resize(groups));
    }

    pub fn merge(&mut self, other: &Variance, from: &[u32], to: &[u32]) {
        match (&mut self.kept, &other.kept) {
            (Kept::Ints(a), Kept::Ints(b)) => a.merge(b, from, to),
            (Kept::Decimals(a), Kept::Decimals(b)) => a.merge(b, from, to),
            (Kept::Doubles(a), Kept::Doubles(b)) => a.merge(b, from, to),
            _ => unreachable!("variances of one call"),
        }
    }

    pub fn emit(&self, ids: &[u32]) -> Result<Column> {
        let result = |&id: &u32| {
            let (count, squares) = each!(&self.kept, kept => (kept.counts.get(id), kept.squares(id)));
            let by = match self.divisor {
                Divisor::Sample => count - 1,
                Divisor::Population => count,
            };
            let variance = (by > 0).then(|| squares / by as f64)?;
            Some(if self.is_root { variance.sqrt() } else { variance })
        };
        Ok(Column::Double(ids.iter().map(result).collect::<Float64Array>()))
    }

    pub fn clear(&mut self) {
        each!(&mut self.kept, kept => kept.clear());
    }

    pub fn stored_columns(&self, name: &str) -> Vec<(String, DataType)> {
        let column = |suffix: &str, ty| (format!("{name}.{suffix}"), ty);
        let mut columns = vec![column("count", DataType::Int)];
        columns.extend(match self.kept {
            Kept::Doubles(_) => [column("mean", DataType::Double), column("squares", DataType::Double)],
            _ => [column("sum", DataType::String), column("squares", DataType::String)],
        });
        columns
    }

    /// What [`Variance::add`] takes.
    pub fn columns(&self, ids: &[u32]) -> Vec<Column> {
        each!(&self.kept, kept => kept.columns(ids))
    }

    pub fn freeze(&self) -> MakeColumns {
        let copy = self.clone();
        Box::new(move || {
            let groups = each!(&copy.kept, kept => kept.counts.counts.len());
            copy.columns(&(0..groups as u32).collect::<Vec<_>>())
        })
    }

    /// Adds what was kept elsewhere.
    pub fn add(&mut self, ids: &[u32], groups: usize, columns: &[Column]) {
        let rows: Vec<u32> = (0..ids.len() as u32).collect();
        match &mut self.kept {
            Kept::Ints(kept) => kept.add(ids, &rows, groups, columns),
            Kept::Decimals(kept) => kept.add(ids, &rows, groups, columns),
            Kept::Doubles(kept) => {
                let [Column::Int(counts), Column::Double(means), Column::Double(squares)] = columns else {
                    unreachable!("types were checked")
                };
                let counts = Count { counts: counts.values().to_vec() };
                let other = Moments { counts, means: means.values().to_vec(), squares: squares.values().to_vec() };
                kept.resize(groups);
                kept.merge(&other, &rows, ids);
            }
        }
    }

    pub fn load(&mut self, groups: usize, columns: &[Column]) {
        self.clear();
        self.add(&(0..groups as u32).collect::<Vec<_>>(), groups, columns);
    }
}

/// Count, sum and sum of squares, in units of the last digit.
#[derive(Debug, Clone)]
struct Exact<const Q: usize> {
    counts: Count,
    sums: Vec<Wide<3>>,
    squares: Vec<Wide<Q>>,
    /// Square of the unit that values are counted in: 10^(2 scale).
    unit: f64,
}

impl<const Q: usize> Exact<Q> {
    fn new(scale: u8) -> Exact<Q> {
        // Parsed, for a power that is computed may be off by a bit on some machines.
        let unit = format!("1e{}", 2 * u32::from(scale)).parse().expect("a number");
        Exact { counts: Count::default(), sums: Vec::new(), squares: Vec::new(), unit }
    }

    fn resize(&mut self, groups: usize) {
        self.counts.counts.resize(groups, 0);
        self.sums.resize(groups, Wide::ZERO);
        self.squares.resize(groups, Wide::ZERO);
    }

    fn push(&mut self, id: u32, value: i128) {
        let id = id as usize;
        self.counts.counts[id] += 1;
        self.sums[id].add(&Wide::from_i128(value));
        self.squares[id].add(&match i64::try_from(value) {
            Ok(_) => Wide::from_i128(value * value),
            Err(_) => Wide::from_i128(value).times(&Wide::from_i128(value)),
        });
    }

    fn merge(&mut self, other: &Exact<Q>, from: &[u32], to: &[u32]) {
        self.counts.merge(&other.counts, from, to);
        for (&from, &to) in from.iter().zip(to) {
            self.sums[to as usize].add(&other.sums[from as usize]);
            self.squares[to as usize].add(&other.squares[from as usize]);
        }
    }

    /// The sum of the squared distances from the mean: `Σx² − (Σx)² / n`, of which the rounding comes last.
    fn squares(&self, id: u32) -> f64 {
        let count = self.counts.get(id);
        let sum: Wide<6> = self.sums[id as usize].resize();
        let mut distance = self.squares[id as usize].resize::<6>().times(&Wide::from_i128(count.into()));
        distance.add(&sum.times(&sum).negated());
        distance.to_f64() / count as f64 / self.unit
    }

    fn columns(&self, ids: &[u32]) -> Vec<Column> {
        let sums = texts(ids.iter().map(|&id| self.sums[id as usize].to_string()));
        let squares = texts(ids.iter().map(|&id| self.squares[id as usize].to_string()));
        vec![self.counts.column(ids), sums, squares]
    }

    fn add(&mut self, ids: &[u32], rows: &[u32], groups: usize, columns: &[Column]) {
        let [counts, Column::String(sums), Column::String(squares)] = columns else {
            unreachable!("types were checked")
        };
        self.resize(groups);
        self.counts.add(ids, groups, counts);
        for (&id, &row) in ids.iter().zip(rows) {
            self.sums[id as usize].add(&Wide::parse(sums.value(row as usize)));
            self.squares[id as usize].add(&Wide::parse(squares.value(row as usize)));
        }
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.sums.clear();
        self.squares.clear();
    }
}

fn texts(texts: impl ExactSizeIterator<Item = String>) -> Column {
    let mut column = ColumnBuilder::new(DataType::String, texts.len());
    if let ColumnBuilder::String(builder) = &mut column {
        texts.for_each(|text| builder.append_value(text));
    }
    column.finish()
}

/// Count, mean and sum of the squared distances from it.
#[derive(Debug, Clone, Default)]
struct Moments {
    counts: Count,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn resize(&mut self, groups: usize) {
        self.counts.counts.resize(groups, 0);
        self.means.resize(groups, 0.0);
        self.squares.resize(groups, 0.0);
    }

    fn push(&mut self, id: u32, value: f64) {
        let id = id as usize;
        self.counts.counts[id] += 1;
        let distance = value - self.means[id];
        self.means[id] += distance / self.counts.counts[id] as f64;
        self.squares[id] += distance * (value - self.means[id]);
    }

    fn merge(&mut self, other: &Moments, from: &[u32], to: &[u32]) {
        for (&from, &to) in from.iter().zip(to) {
            let (own, more) = (self.counts.get(to), other.counts.get(from));
            let (from, to) = (from as usize, to as usize);
            if own == 0 {
                (self.means[to], self.squares[to]) = (other.means[from], other.squares[from]);
            } else if more > 0 {
                let (share, distance) = (more as f64 / (own + more) as f64, other.means[from] - self.means[to]);
                self.means[to] += distance * share;
                self.squares[to] += other.squares[from] + distance * distance * own as f64 * share;
            }
            self.counts.counts[to] += more;
        }
    }

    fn squares(&self, id: u32) -> f64 {
        self.squares[id as usize]
    }

    fn columns(&self, ids: &[u32]) -> Vec<Column> {
        let doubles = |values: &[f64]| Column::Double(ids.iter().map(|&id| Some(values[id as usize])).collect());
        let counts = Column::Int(ids.iter().map(|&id| Some(self.counts.get(id))).collect::<Int64Array>());
        vec![counts, doubles(&self.means), doubles(&self.squares)]
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.means.clear();
        self.squares.clear();
    }
}
