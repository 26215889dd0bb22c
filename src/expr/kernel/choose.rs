//! Rows picked from several values: CASE, COALESCE, TRY.

use arrow_array::{BooleanArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::super::value::{Held, Value};
use crate::data::{Column, ColumnBuilder, DataType};

/// Row `i` from `values[pick[i]]`. All values have type `ty`.
pub fn choose(ty: DataType, values: &[Value], pick: &[u32]) -> Column {
    let rows = pick.len();
    let nulls = || {
        let any = values.iter().any(|v| v.is_null_scalar() || v.nulls().is_some());
        any.then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |i| !values[pick[i] as usize].is_null(i))))
    };
    match ty {
        DataType::Int => Column::Int(Int64Array::new(gather(values, pick, Value::ints).into(), nulls())),
        DataType::Double => Column::Double(Float64Array::new(gather(values, pick, Value::doubles).into(), nulls())),
        DataType::Timestamp => {
            Column::Timestamp(TimestampMicrosecondArray::new(gather(values, pick, Value::timestamps).into(), nulls()))
        }
        DataType::Decimal { precision, scale } => {
            super::arith::decimal_column(gather(values, pick, Value::decimals), nulls(), precision, scale)
        }
        DataType::Boolean => {
            let bits: Vec<BooleanBuffer> = values.iter().map(|v| super::logic::truth_bits(v, rows)).collect();
            let values = BooleanBuffer::collect_bool(rows, |i| bits[pick[i] as usize].value(i));
            Column::Boolean(BooleanArray::new(values, nulls()))
        }
        DataType::String => {
            let mut builder = ColumnBuilder::new(ty, rows);
            if let ColumnBuilder::String(b) = &mut builder {
                for (row, &which) in pick.iter().enumerate() {
                    b.append_option(values[which as usize].str(row));
                }
            }
            builder.finish()
        }
        _ => {
            let values: Vec<Held> = values.iter().map(|value| value.held(ty)).collect();
            let mut builder = ColumnBuilder::new(ty, rows);
            for (row, &which) in pick.iter().enumerate() {
                let (column, row) = values[which as usize].at(row);
                builder.append_from(column, row);
            }
            builder.finish()
        }
    }
}

fn gather<'a, T: Copy>(values: &'a [Value], pick: &[u32], view: fn(&'a Value) -> super::Operand<'a, T>) -> Vec<T> {
    let sides: Vec<_> = values.iter().map(view).collect();
    pick.iter().enumerate().map(|(row, &which)| sides[which as usize].get(row)).collect()
}

/// The column with null also in the rows of `failed`.
pub fn null_out(column: Column, failed: impl Iterator<Item = usize>) -> Column {
    let rows = column.len();
    let mut valid: Vec<bool> = (0..rows).map(|i| !column.is_null(i)).collect();
    for row in failed {
        valid[row] = false;
    }
    let nulls = Some(NullBuffer::from(valid));
    match column {
        Column::Boolean(a) => Column::Boolean(BooleanArray::new(a.values().clone(), nulls)),
        Column::Int(a) => Column::Int(Int64Array::new(a.values().clone(), nulls)),
        Column::Double(a) => Column::Double(Float64Array::new(a.values().clone(), nulls)),
        Column::Timestamp(a) => Column::Timestamp(TimestampMicrosecondArray::new(a.values().clone(), nulls)),
        Column::Decimal(a) => super::arith::decimal_column(a.values().to_vec(), nulls, a.precision(), a.scale() as u8),
        Column::String(a) => {
            let valid = nulls.as_ref();
            Column::String(
                a.iter().enumerate().map(|(i, s)| s.filter(|_| valid.is_some_and(|n| n.is_valid(i)))).collect(),
            )
        }
        other => {
            let mut builder = ColumnBuilder::new(other.data_type(), rows);
            for row in 0..rows {
                match nulls.as_ref().is_some_and(|nulls| nulls.is_valid(row)) {
                    true => builder.append_from(&other, row),
                    false => builder.append_null(),
                }
            }
            builder.finish()
        }
    }
}
