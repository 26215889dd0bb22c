//! Random rows with values at the limits of their types.

use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;

use crate::data::{Batch, Column, ColumnBuilder, DataType, Interval, Schema};

pub const K: usize = 0;
pub const S: usize = 1;
pub const V: usize = 2;
pub const D: usize = 3;
pub const M: usize = 4;
pub const T: usize = 5;
pub const F: usize = 6;
pub const WINDOW_START: usize = 7;
pub const WINDOW_END: usize = 8;
/// Columns of the other types.
pub const OTHERS: [usize; 5] = [9, 10, 11, 12, 13];

const MONEY: DataType = DataType::Decimal { precision: 38, scale: 2 };
const MOST: i128 = 10i128.pow(38) - 1;

pub fn schema() -> Schema {
    let names = ["k", "s", "v", "d", "m", "t", "f", "window_start", "window_end", "b", "y", "i", "j", "l"];
    let (int, time) = (DataType::Int, DataType::Timestamp);
    let types = [int, DataType::String, int, DataType::Double, MONEY, time, DataType::Boolean, time, time];
    let others = [DataType::Bytes, DataType::Date, DataType::Interval, DataType::Json, DataType::list(DataType::Int)];
    Schema::new(names.into_iter().zip(types.into_iter().chain(others)))
}

#[derive(Debug, Clone)]
pub struct Row {
    pub time: i64,
    k: Option<i64>,
    s: Option<&'static str>,
    v: Option<i64>,
    d: Option<f64>,
    m: Option<i128>,
    t: Option<i64>,
    f: Option<bool>,
}

/// Rows of one block and what happens around them.
#[derive(Debug, Clone)]
pub struct Block {
    pub rows: Vec<Row>,
    /// Rows of a batch.
    pub cut: usize,
    pub has_seen: bool,
    /// Wall time that passes behind it.
    pub ticks: i64,
    pub freeze: Freeze,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeze {
    No,
    /// And go on.
    Only,
    /// And go on with so many instances that take what was frozen.
    Restore(usize),
}

pub fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let freeze = prop_oneof![
        2 => Just(Freeze::No),
        2 => Just(Freeze::Only),
        2 => (1usize..5).prop_map(Freeze::Restore),
    ];
    let block = (prop::collection::vec(row(), 0..16), 1usize..8, any::<bool>(), 0i64..15, freeze, 0i64..20);
    prop::collection::vec(block, 0..9).prop_map(|blocks| {
        let mut base = 0;
        let shifted = blocks.into_iter().map(|(mut rows, cut, has_seen, ticks, freeze, step)| {
            base += step;
            rows.iter_mut().for_each(|row| row.time += base);
            Block { rows, cut, has_seen, ticks, freeze }
        });
        shifted.collect()
    })
}

fn row() -> impl Strategy<Value = Row> {
    let int = || prop_oneof![10 => (0i64..4).prop_map(Some), 2 => Just(None), 1 => Just(Some(i64::MIN)), 1 => Just(Some(i64::MAX))];
    let texts = vec![None, Some(""), Some("a"), Some("b\0"), Some("a text of more than twelve bytes")];
    let doubles = vec![None, Some(-0.0), Some(0.0), Some(f64::NAN), Some(f64::INFINITY), Some(0.1), Some(-2.5)];
    let money = prop_oneof![
        10 => (-300i128..300).prop_map(Some),
        2 => Just(None),
        1 => Just(Some(MOST)),
        1 => Just(Some(-MOST)),
    ];
    let flags = vec![None, Some(true), Some(false)];
    let values = (
        -20i64..20,
        int(),
        prop::sample::select(texts),
        int(),
        prop::sample::select(doubles),
        money,
        int(),
        prop::sample::select(flags),
    );
    values.prop_map(|(time, k, s, v, d, m, t, f)| Row { time, k, s, v, d, m, t, f })
}

pub fn batch(rows: &[Row]) -> Batch {
    let money: Decimal128Array = rows.iter().map(|r| r.m).collect();
    let start = |r: &Row| r.time.div_euclid(10) * 10;
    let columns = vec![
        Column::Int(rows.iter().map(|r| r.k).collect::<Int64Array>()),
        Column::String(rows.iter().map(|r| r.s).collect::<StringViewArray>()),
        Column::Int(rows.iter().map(|r| r.v).collect::<Int64Array>()),
        Column::Double(rows.iter().map(|r| r.d).collect::<Float64Array>()),
        Column::Decimal(money.with_precision_and_scale(38, 2).unwrap()),
        Column::Timestamp(rows.iter().map(|r| r.t).collect::<TimestampMicrosecondArray>()),
        Column::Boolean(rows.iter().map(|r| r.f).collect::<BooleanArray>()),
        Column::Timestamp(rows.iter().map(|r| Some(start(r))).collect()),
        Column::Timestamp(rows.iter().map(|r| Some(start(r) + 10)).collect()),
    ];
    let columns = columns.into_iter().chain(others(rows)).collect();
    Batch { time: Some(rows.iter().map(|r| r.time).collect()), ..Batch::new(columns, rows.len()) }
}

/// Values of the other types, which follow from those there are.
fn others(rows: &[Row]) -> [Column; 5] {
    let small = |value: i64| value.clamp(-1000, 1000) as i32;
    let interval = |k: i64| Interval { months: small(k) % 3, days: small(k) * 30, micros: i64::from(small(k)) };
    let json = |v: i64| format!("{{\"v\":{v}}}");
    let mut lists = ColumnBuilder::new(DataType::list(DataType::Int), rows.len());
    if let ColumnBuilder::List(lists) = &mut lists {
        for row in rows {
            let ColumnBuilder::Int(items) = lists.items() else { unreachable!("a list of ints") };
            match (row.f, row.v) {
                (None, _) => lists.append_null(),
                (Some(true), v) => {
                    [v, row.k].into_iter().for_each(|item| items.append_option(item));
                    lists.end();
                }
                (Some(false), _) => lists.end(),
            }
        }
    }
    [
        Column::Bytes(rows.iter().map(|r| r.s.map(str::as_bytes)).collect()),
        Column::Date(rows.iter().map(|r| r.v.map(small)).collect()),
        Column::Interval(rows.iter().map(|r| r.k.map(|k| interval(k).to_arrow())).collect()),
        Column::Json(rows.iter().map(|r| r.v.map(json)).collect()),
        lists.finish(),
    ]
}

/// A value with all its bits; every NaN is the same.
pub fn cell(column: &Column, row: usize) -> String {
    match column {
        Column::Double(a) if !column.is_null(row) && !a.value(row).is_nan() => format!("{:x}", a.value(row).to_bits()),
        column => column.display(row),
    }
}

pub fn line(columns: &[Column], row: usize) -> String {
    columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>().join(" ")
}
