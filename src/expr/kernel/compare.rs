//! Comparison of two sides of one type, and `IN` over constants.
//!
//! Doubles compare as in row keys: `-0.0 = 0.0`, NaN equals itself and is greater than anything.

use std::cmp::Ordering;

use arrow_array::{Array, BooleanArray, StringViewArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::super::ast::BinaryOp;
use super::super::value::{Scalar, Value};
use super::Operand;
use crate::data::{Column, DataType, raw, rowkey};

/// `a op b`, for the six comparisons.
pub fn compare(op: BinaryOp, ty: DataType, a: &Value, b: &Value, rows: usize) -> BooleanArray {
    BooleanArray::new(compare_bits(op, ty, a, b, rows), NullBuffer::union(a.nulls(), b.nulls()))
}

/// `IS [NOT] DISTINCT FROM`: never null.
pub fn distinct(op: BinaryOp, ty: DataType, a: &Value, b: &Value, rows: usize) -> BooleanArray {
    let validity = |v: &Value| match v {
        Value::Scalar(s) if s.is_null() => BooleanBuffer::new_unset(rows),
        v => v.nulls().map_or_else(|| BooleanBuffer::new_set(rows), |n| n.inner().clone()),
    };
    let (valid_a, valid_b) = (validity(a), validity(b));
    let equal = if a.is_null_scalar() || b.is_null_scalar() {
        BooleanBuffer::new_unset(rows)
    } else {
        compare_bits(BinaryOp::Equal, ty, a, b, rows)
    };
    let both_null = &!&valid_a & &!&valid_b;
    let same = &(&(&equal & &valid_a) & &valid_b) | &both_null;
    BooleanArray::new(if op == BinaryOp::Distinct { !&same } else { same }, None)
}

fn compare_bits(op: BinaryOp, ty: DataType, a: &Value, b: &Value, rows: usize) -> BooleanBuffer {
    match ty {
        DataType::Int => ordered(op, a.ints(), b.ints(), rows),
        DataType::Timestamp => ordered(op, a.timestamps(), b.timestamps(), rows),
        DataType::Decimal { .. } => ordered(op, a.decimals(), b.decimals(), rows),
        DataType::Double => doubles(op, a.doubles(), b.doubles(), rows),
        DataType::Boolean => booleans(op, a, b, rows),
        DataType::String => strings(op, a, b, rows),
        DataType::Date => ordered(op, a.dates(), b.dates(), rows),
        _ => by_key(op, ty, a, b, rows),
    }
}

/// Other types compare as their row keys do.
fn by_key(op: BinaryOp, ty: DataType, a: &Value, b: &Value, rows: usize) -> BooleanBuffer {
    let holds: fn(Ordering) -> bool = match op {
        BinaryOp::Equal => Ordering::is_eq,
        BinaryOp::NotEqual => Ordering::is_ne,
        BinaryOp::Less => Ordering::is_lt,
        BinaryOp::LessEqual => Ordering::is_le,
        BinaryOp::Greater => Ordering::is_gt,
        BinaryOp::GreaterEqual => Ordering::is_ge,
        other => panic!("{} is not a comparison", other.symbol()),
    };
    let (a, b) = (a.held(ty), b.held(ty));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    BooleanBuffer::collect_bool(rows, |row| {
        left.clear();
        right.clear();
        for (value, key) in [(&a, &mut left), (&b, &mut right)] {
            let (column, row) = value.at(row);
            rowkey::append_value(key, column, row);
        }
        holds(left.cmp(&right))
    })
}

/// Packs `f` of every row into bits; one loop per shape.
#[inline(always)]
fn bits<T: Copy>(a: Operand<T>, b: Operand<T>, rows: usize, f: impl Fn(T, T) -> bool) -> BooleanBuffer {
    match (a, b) {
        (Operand::Slice(a), Operand::Slice(b)) => {
            let (a, b) = (&a[..rows], &b[..rows]);
            BooleanBuffer::collect_bool(rows, |i| f(a[i], b[i]))
        }
        (Operand::Slice(a), Operand::Scalar(b)) => {
            let a = &a[..rows];
            BooleanBuffer::collect_bool(rows, |i| f(a[i], b))
        }
        (Operand::Scalar(a), Operand::Slice(b)) => {
            let b = &b[..rows];
            BooleanBuffer::collect_bool(rows, |i| f(a, b[i]))
        }
        (Operand::Scalar(a), Operand::Scalar(b)) => {
            let same = f(a, b);
            BooleanBuffer::collect_bool(rows, |_| same)
        }
    }
}

fn ordered<T: Copy + Ord>(op: BinaryOp, a: Operand<T>, b: Operand<T>, rows: usize) -> BooleanBuffer {
    match op {
        BinaryOp::Equal => bits(a, b, rows, |a, b| a == b),
        BinaryOp::NotEqual => bits(a, b, rows, |a, b| a != b),
        BinaryOp::Less => bits(a, b, rows, |a, b| a < b),
        BinaryOp::LessEqual => bits(a, b, rows, |a, b| a <= b),
        BinaryOp::Greater => bits(a, b, rows, |a, b| a > b),
        BinaryOp::GreaterEqual => bits(a, b, rows, |a, b| a >= b),
        other => panic!("{} is not a comparison", other.symbol()),
    }
}

fn doubles(op: BinaryOp, a: Operand<f64>, b: Operand<f64>, rows: usize) -> BooleanBuffer {
    let less = |a: f64, b: f64| a < b || (b.is_nan() && !a.is_nan());
    let equal = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    match op {
        BinaryOp::Equal => bits(a, b, rows, equal),
        BinaryOp::NotEqual => bits(a, b, rows, |a, b| !equal(a, b)),
        BinaryOp::Less => bits(a, b, rows, less),
        BinaryOp::LessEqual => bits(a, b, rows, |a, b| !less(b, a)),
        BinaryOp::Greater => bits(a, b, rows, |a, b| less(b, a)),
        BinaryOp::GreaterEqual => bits(a, b, rows, |a, b| !less(a, b)),
        other => panic!("{} is not a comparison", other.symbol()),
    }
}

fn booleans(op: BinaryOp, a: &Value, b: &Value, rows: usize) -> BooleanBuffer {
    let (a, b) = (super::logic::truth_bits(a, rows), super::logic::truth_bits(b, rows));
    match op {
        BinaryOp::Equal => !&(&a ^ &b),
        BinaryOp::NotEqual => &a ^ &b,
        BinaryOp::Less => &!&a & &b,
        BinaryOp::LessEqual => &!&a | &b,
        BinaryOp::Greater => &a & &!&b,
        BinaryOp::GreaterEqual => &a | &!&b,
        other => panic!("{} is not a comparison", other.symbol()),
    }
}

fn strings(op: BinaryOp, a: &Value, b: &Value, rows: usize) -> BooleanBuffer {
    let holds: fn(Ordering) -> bool = match op {
        BinaryOp::Equal | BinaryOp::NotEqual => return string_equality(op, a, b, rows),
        BinaryOp::Less => Ordering::is_lt,
        BinaryOp::LessEqual => Ordering::is_le,
        BinaryOp::Greater => Ordering::is_gt,
        BinaryOp::GreaterEqual => Ordering::is_ge,
        other => panic!("{} is not a comparison", other.symbol()),
    };
    // Nulls have text too (any); their result is masked by the caller.
    BooleanBuffer::collect_bool(rows, |i| holds(a.str(i).unwrap_or("").cmp(b.str(i).unwrap_or(""))))
}

fn string_equality(op: BinaryOp, a: &Value, b: &Value, rows: usize) -> BooleanBuffer {
    let equal = match (a, b) {
        (Value::Column(Column::String(a)), Value::Scalar(Scalar::String(b)))
        | (Value::Scalar(Scalar::String(b)), Value::Column(Column::String(a))) => equal_to(a, b.as_bytes()),
        _ => BooleanBuffer::collect_bool(rows, |i| a.str(i).unwrap_or("") == b.str(i).unwrap_or("")),
    };
    if op == BinaryOp::NotEqual { !&equal } else { equal }
}

/// Which strings of `array` are `text`. A short one is one comparison of 16 bytes; a longer one first compares
/// length and beginning, which the view holds.
pub fn equal_to(array: &StringViewArray, text: &[u8]) -> BooleanBuffer {
    let views = array.views();
    if text.len() <= 12 {
        let view = raw::view(text, 0, 0);
        return BooleanBuffer::collect_bool(views.len(), |i| views[i] == view);
    }
    let head = raw::view(text, 0, 0) as u64;
    BooleanBuffer::collect_bool(views.len(), |i| {
        views[i] as u64 == head && array.is_valid(i) && array.value(i).as_bytes() == text
    })
}

/// `value IN (list)` for constants without null.
pub fn in_list(ty: DataType, value: &Value, list: &[Scalar], rows: usize) -> BooleanBuffer {
    if let (Value::Column(Column::Int(a)), true) = (value, list.len() > 8) {
        let mut sorted: Vec<i64> = list.iter().map(|v| if let Scalar::Int(v) = v { *v } else { 0 }).collect();
        sorted.sort_unstable();
        let values = a.values();
        return BooleanBuffer::collect_bool(rows, |i| sorted.binary_search(&values[i]).is_ok());
    }
    if let (Value::Column(Column::String(a)), true) = (value, list.len() > 8) {
        let set: hashbrown::HashSet<&str, foldhash::fast::RandomState> =
            list.iter().filter_map(|v| if let Scalar::String(v) = v { Some(&**v) } else { None }).collect();
        return BooleanBuffer::collect_bool(rows, |i| a.is_valid(i) && set.contains(a.value(i)));
    }
    let mut found = BooleanBuffer::new_unset(rows);
    for item in list {
        found = &found | &compare_bits(BinaryOp::Equal, ty, value, &Value::Scalar(item.clone()), rows);
    }
    found
}
