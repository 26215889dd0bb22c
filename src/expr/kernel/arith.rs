//! Arithmetic of int, double and decimal columns.

use arrow_array::{Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::{NullBuffer, i256};

use super::super::ast::BinaryOp;
use super::super::value::Value;
use super::{Faults, Operand, map2};
use crate::data::text::POWERS_OF_TEN;
use crate::data::{Column, ColumnBuilder, DataType};

const INT_OVERFLOW: &str = "the result is too large for int";
const DIVISION_BY_ZERO: &str = "division by zero";

/// `a op b`, both of the types that [`super::super::resolve`] settles for a result of type `ty`.
pub fn binary(
    op: BinaryOp,
    ty: DataType,
    a: &Value,
    b: &Value,
    types: [DataType; 2],
    rows: usize,
    faults: &mut Faults,
) -> Column {
    let nulls = NullBuffer::union(a.nulls(), b.nulls());
    match ty {
        DataType::Int => Column::Int(Int64Array::new(ints(op, a.ints(), b.ints(), rows, &nulls, faults).into(), nulls)),
        DataType::Double => doubles(op, a.doubles(), b.doubles(), rows, nulls, faults),
        DataType::Decimal { precision, scale } => {
            let scale_of = |ty| super::super::types::as_decimal(ty).map_or(0, |(_, scale)| scale);
            let scales = [scale_of(types[0]), scale_of(types[1])];
            decimals(op, a.decimals(), b.decimals(), scales, (precision, scale), rows, nulls, faults)
        }
        other => panic!("types were settled: no arithmetic gives {other}"),
    }
}

fn valid(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_none_or(|n| n.is_valid(row))
}

/// All rows at once with a flag for "some row failed"; only then row by row.
fn ints(
    op: BinaryOp,
    a: Operand<i64>,
    b: Operand<i64>,
    rows: usize,
    nulls: &Option<NullBuffer>,
    faults: &mut Faults,
) -> Vec<i64> {
    let failed = std::cell::Cell::new(false);
    let flag = |(value, overflow): (i64, bool)| {
        failed.set(failed.get() | overflow);
        value
    };
    let values = match op {
        BinaryOp::Add => map2(a, b, rows, |a, b| flag(a.overflowing_add(b))),
        BinaryOp::Subtract => map2(a, b, rows, |a, b| flag(a.overflowing_sub(b))),
        BinaryOp::Multiply => map2(a, b, rows, |a, b| flag(a.overflowing_mul(b))),
        BinaryOp::Divide => map2(a, b, rows, |a, b| if b == 0 { flag((0, true)) } else { flag(a.overflowing_div(b)) }),
        // The least int % -1 is 0, not an overflow.
        BinaryOp::Modulo => map2(a, b, rows, |a, b| if b == 0 { flag((0, true)) } else { a.wrapping_rem(b) }),
        other => panic!("{} is not arithmetic", other.symbol()),
    };
    if failed.get() {
        for row in (0..rows).filter(|row| valid(nulls, *row)) {
            let (a, b) = (a.get(row), b.get(row));
            let overflow = match op {
                BinaryOp::Add => a.checked_add(b).is_none(),
                BinaryOp::Subtract => a.checked_sub(b).is_none(),
                BinaryOp::Multiply => a.checked_mul(b).is_none(),
                _ if b == 0 => {
                    faults.push(row, DIVISION_BY_ZERO);
                    false
                }
                BinaryOp::Divide => a.checked_div(b).is_none(),
                _ => false,
            };
            if overflow {
                faults.push(row, format!("{INT_OVERFLOW}: {a} {} {b}", op.symbol()));
            }
        }
    }
    values
}

fn doubles(
    op: BinaryOp,
    a: Operand<f64>,
    b: Operand<f64>,
    rows: usize,
    nulls: Option<NullBuffer>,
    faults: &mut Faults,
) -> Column {
    let values = match op {
        BinaryOp::Add => map2(a, b, rows, |a, b| a + b),
        BinaryOp::Subtract => map2(a, b, rows, |a, b| a - b),
        BinaryOp::Multiply => map2(a, b, rows, |a, b| a * b),
        BinaryOp::Divide => map2(a, b, rows, |a, b| a / b),
        BinaryOp::Modulo => map2(a, b, rows, |a, b| a % b),
        other => panic!("{} is not arithmetic", other.symbol()),
    };
    if matches!(op, BinaryOp::Divide | BinaryOp::Modulo) {
        let zero = match b {
            Operand::Scalar(b) => b == 0.0,
            Operand::Slice(b) => b.contains(&0.0),
        };
        if zero {
            for row in (0..rows).filter(|row| valid(&nulls, *row) && b.get(*row) == 0.0) {
                faults.push(row, DIVISION_BY_ZERO);
            }
        }
    }
    Column::Double(Float64Array::new(values.into(), nulls))
}

#[expect(clippy::too_many_arguments, reason = "the parts of two decimals and a result")]
fn decimals(
    op: BinaryOp,
    a: Operand<i128>,
    b: Operand<i128>,
    scales: [u8; 2],
    (precision, scale): (u8, u8),
    rows: usize,
    nulls: Option<NullBuffer>,
    faults: &mut Faults,
) -> Column {
    let values = match op {
        // Below 38 digits the result type has room for every result.
        BinaryOp::Add if precision < 38 => map2(a, b, rows, |a, b| a.wrapping_add(b)),
        BinaryOp::Subtract if precision < 38 => map2(a, b, rows, |a, b| a.wrapping_sub(b)),
        BinaryOp::Multiply if precision < 38 => map2(a, b, rows, |a, b| a.wrapping_mul(b)),
        _ => {
            let mut values = Vec::with_capacity(rows);
            for row in 0..rows {
                let result =
                    if valid(&nulls, row) { decimal(op, a.get(row), b.get(row), scales, scale) } else { Ok(0) };
                values.push(result.unwrap_or_else(|message| {
                    faults.push(row, message);
                    0
                }));
            }
            values
        }
    };
    decimal_column(values, nulls, precision, scale)
}

pub fn decimal_column(values: Vec<i128>, nulls: Option<NullBuffer>, precision: u8, scale: u8) -> Column {
    let array = Decimal128Array::new(values.into(), nulls).with_precision_and_scale(precision, scale as i8);
    Column::Decimal(array.expect("precision and scale were checked when types were settled"))
}

/// One result with every check. `+ - %` have operands of the result's scale.
fn decimal(op: BinaryOp, a: i128, b: i128, scales: [u8; 2], scale: u8) -> Result<i128, String> {
    let value = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        _ if b == 0 => return Err(DIVISION_BY_ZERO.to_owned()),
        BinaryOp::Modulo => Some(a.wrapping_rem(b)),
        BinaryOp::Divide => divide(a, b, scale + scales[1] - scales[0]),
        other => panic!("{} is not arithmetic", other.symbol()),
    };
    value
        .filter(|v| v.unsigned_abs() < POWERS_OF_TEN[38] as u128)
        .ok_or_else(|| format!("the result of {} has more than 38 digits", op.symbol()))
}

/// `a * 10^shift / b`, rounded half away from zero.
pub fn divide(a: i128, b: i128, shift: u8) -> Option<i128> {
    if let Some(scaled) = POWERS_OF_TEN.get(usize::from(shift)).and_then(|power| a.checked_mul(*power)) {
        let (quotient, rest) = (scaled.checked_div(b)?, scaled.wrapping_rem(b));
        let up = rest.unsigned_abs() >= b.unsigned_abs() - rest.unsigned_abs() && rest != 0;
        return Some(if !up {
            quotient
        } else if (a < 0) == (b < 0) {
            quotient + 1
        } else {
            quotient - 1
        });
    }
    let mut scaled = i256::from_i128(a);
    for _ in 0..shift {
        scaled = scaled.checked_mul(i256::from_i128(10))?;
    }
    let divisor = i256::from_i128(b);
    let (quotient, rest) = (scaled.checked_div(divisor)?.to_i128()?, scaled.checked_rem(divisor)?.to_i128()?);
    let up = rest.unsigned_abs() >= b.unsigned_abs() - rest.unsigned_abs() && rest != 0;
    Some(if !up {
        quotient
    } else if (a < 0) == (b < 0) {
        quotient + 1
    } else {
        quotient - 1
    })
}

pub fn negate(ty: DataType, value: &Value, rows: usize, faults: &mut Faults) -> Column {
    let zero = Operand::Scalar(0i64);
    let nulls = value.nulls().cloned();
    match ty {
        DataType::Int => {
            let values = ints(BinaryOp::Subtract, zero, value.ints(), rows, &nulls, faults);
            Column::Int(Int64Array::new(values.into(), nulls))
        }
        DataType::Decimal { precision, scale } => {
            let values = map2(value.decimals(), zero, rows, |a, _| -a);
            decimal_column(values, nulls, precision, scale)
        }
        DataType::Interval => {
            let mut builder = ColumnBuilder::new(ty, rows);
            for row in 0..rows {
                let negative =
                    value.interval(row).map(|v| v.checked_neg().ok_or("the result is too large for interval"));
                match (&mut builder, negative) {
                    (ColumnBuilder::Interval(out), Some(Ok(v))) => out.append_value(v.to_arrow()),
                    (out, negative) => {
                        if let Some(Err(message)) = negative {
                            faults.push(row, message);
                        }
                        out.append_null();
                    }
                }
            }
            builder.finish()
        }
        _ => Column::Double(Float64Array::new(map2(value.doubles(), zero, rows, |a, _| -a).into(), nulls)),
    }
}

/// Timestamps moved by `micros`.
pub fn shift(value: &Value, micros: i64, rows: usize, faults: &mut Faults) -> Column {
    let nulls = value.nulls().cloned();
    let values = ints(BinaryOp::Add, value.timestamps(), Operand::Scalar(micros), rows, &nulls, faults);
    Column::Timestamp(TimestampMicrosecondArray::new(values.into(), nulls))
}
