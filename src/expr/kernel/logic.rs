//! Three-valued logic (Kleene) on words of bits.

use arrow_array::{Array, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::super::value::{Scalar, Value};
use crate::data::Column;

/// The booleans of a value, whatever nulls hold.
pub fn truth_bits(value: &Value, rows: usize) -> BooleanBuffer {
    match value {
        Value::Column(Column::Boolean(a)) => a.values().clone(),
        Value::Scalar(Scalar::Boolean(true)) => BooleanBuffer::new_set(rows),
        _ => BooleanBuffer::new_unset(rows),
    }
}

pub fn and(a: &BooleanArray, b: &BooleanArray) -> BooleanArray {
    if a.nulls().is_none() && b.nulls().is_none() {
        return BooleanArray::new(a.values() & b.values(), None);
    }
    from_sides(&is_true(a) & &is_true(b), &is_false(a) | &is_false(b))
}

pub fn or(a: &BooleanArray, b: &BooleanArray) -> BooleanArray {
    if a.nulls().is_none() && b.nulls().is_none() {
        return BooleanArray::new(a.values() | b.values(), None);
    }
    from_sides(&is_true(a) | &is_true(b), &is_false(a) & &is_false(b))
}

pub fn not(a: &BooleanArray) -> BooleanArray {
    BooleanArray::new(!a.values(), a.nulls().cloned())
}

/// Rows that are true: neither false nor null.
pub fn is_true(a: &BooleanArray) -> BooleanBuffer {
    match a.nulls() {
        None => a.values().clone(),
        Some(nulls) => a.values() & nulls.inner(),
    }
}

pub fn is_false(a: &BooleanArray) -> BooleanBuffer {
    match a.nulls() {
        None => !a.values(),
        Some(nulls) => &!a.values() & nulls.inner(),
    }
}

/// What is neither true nor false is null.
fn from_sides(true_: BooleanBuffer, false_: BooleanBuffer) -> BooleanArray {
    let nulls = NullBuffer::new(&true_ | &false_);
    BooleanArray::new(true_, (nulls.null_count() > 0).then_some(nulls))
}
