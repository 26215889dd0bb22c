//! `CAST` between the types. A value that does not fit is a fault; `TRY_CAST` makes it null.

use arrow_array::{Array, BooleanArray, Float64Array, Int64Array};

use super::super::value::Value;
use super::arith::{decimal_column, divide};
use super::{Faults, Operand, map2};
use crate::data::text::{self, DecimalError, POWERS_OF_TEN};
use crate::data::{Column, ColumnBuilder, DataType, calendar};

const DAY_US: i64 = 86_400_000_000;

type Converted<T> = Result<T, String>;

/// `value`, of type `from`, as `to`. The pair was checked by [`super::super::types::can_cast`].
pub fn cast(value: &Value, from: DataType, to: DataType, rows: usize, faults: &mut Faults) -> Column {
    let zero = Operand::Scalar(());
    let nulls = value.nulls().cloned();
    match (from, to) {
        (DataType::Int, DataType::Double) => {
            Column::Double(Float64Array::new(map2(value.ints(), zero, rows, |v, ()| v as f64).into(), nulls))
        }
        (DataType::Decimal { scale, .. }, DataType::Double) => {
            let power = 10f64.powi(i32::from(scale));
            let values = map2(value.decimals(), zero, rows, |v, ()| v as f64 / power);
            Column::Double(Float64Array::new(values.into(), nulls))
        }
        // Room for every value: no check.
        (DataType::Int, DataType::Decimal { precision, scale }) if precision - scale >= 19 => {
            let power = POWERS_OF_TEN[usize::from(scale)];
            let values = map2(value.ints(), zero, rows, |v, ()| i128::from(v) * power);
            decimal_column(values, nulls, precision, scale)
        }
        (DataType::Decimal { precision: p, scale: s }, DataType::Decimal { precision, scale })
            if scale >= s && precision - scale >= p - s =>
        {
            let power = POWERS_OF_TEN[usize::from(scale - s)];
            decimal_column(map2(value.decimals(), zero, rows, |v, ()| v.wrapping_mul(power)), nulls, precision, scale)
        }
        (DataType::Boolean, DataType::Int) => {
            let bits = super::logic::truth_bits(value, rows);
            Column::Int(Int64Array::new((0..rows).map(|i| i64::from(bits.value(i))).collect(), nulls))
        }
        (DataType::Int, DataType::Boolean) => {
            let ints = value.ints();
            let bits = arrow_buffer::BooleanBuffer::collect_bool(rows, |i| ints.get(i) != 0);
            Column::Boolean(BooleanArray::new(bits, nulls))
        }
        _ => cast_rows(value, from, to, rows, faults),
    }
}

/// Conversions that may fail, or make text.
fn cast_rows(value: &Value, from: DataType, to: DataType, rows: usize, faults: &mut Faults) -> Column {
    let mut builder = ColumnBuilder::new(to, rows);
    let mut buffer = Vec::new();
    let held = value.held(from);
    for row in 0..rows {
        if value.is_null(row) {
            builder.append_null();
            continue;
        }
        if is_rare(from) || is_rare(to) {
            if let Err(message) = cast_rare(&held.at(row), from, &mut builder) {
                faults.push(row, message);
            }
            continue;
        }
        let result = match &mut builder {
            ColumnBuilder::Int(b) => to_int(value, from, row).map(|v| b.append_value(v)),
            ColumnBuilder::Double(b) => to_double(value, row).map(|v| b.append_value(v)),
            ColumnBuilder::Boolean(b) => to_boolean(value, row).map(|v| b.append_value(v)),
            ColumnBuilder::Timestamp(b) => to_timestamp(value, row).map(|v| b.append_value(v)),
            ColumnBuilder::Decimal(b, p, s) => to_decimal(value, from, row, *p, *s).map(|v| b.append_value(v)),
            ColumnBuilder::String(b) => {
                buffer.clear();
                write_text(value, from, row, &mut buffer);
                b.append_value(std::str::from_utf8(&buffer).unwrap_or_default());
                Ok(())
            }
            other => unreachable!("{other:?} is rare"),
        };
        if let Err(message) = result {
            faults.push(row, message);
            builder.append_null();
        }
    }
    builder.finish()
}

/// Types without loops of their own.
fn is_rare(ty: DataType) -> bool {
    use DataType::{Bytes, Date, Interval, Json, List, Struct};
    matches!(ty, Bytes | Date | Interval | Json | List(_) | Struct(_))
}

/// Appends a value, any one if it does not fit.
fn cast_rare((column, row): &(&Column, usize), from: DataType, to: &mut ColumnBuilder) -> Converted<()> {
    let row = *row;
    match (column, &mut *to) {
        (Column::Timestamp(a), ColumnBuilder::Date(b)) => {
            b.append_value(a.value(row).div_euclid(DAY_US) as i32);
            return Ok(());
        }
        (Column::Date(a), ColumnBuilder::Timestamp(b)) => {
            let micros = i64::from(a.value(row)).checked_mul(DAY_US);
            b.append_option(micros);
            return micros.map(|_| ()).ok_or_else(|| format!("{} does not fit timestamp", column.display(row)));
        }
        _ => {}
    }
    if let (Column::String(a), ColumnBuilder::Date(b)) = (column, &mut *to) {
        // The date of a timestamp, too, as in PostgreSQL.
        let text = a.value(row).trim_ascii();
        let days = calendar::parse_date(text.as_bytes())
            .or_else(|| Some(text::parse_timestamp(text.as_bytes())?.div_euclid(DAY_US) as i32));
        b.append_option(days);
        return days.map(|_| ()).ok_or_else(|| format!("'{text}' is not a date such as 2015-05-17"));
    }
    let mut text = Vec::new();
    let json = from == DataType::Json || matches!(to, ColumnBuilder::Json(_));
    match (from, &to) {
        // Text is JSON already, and a string that becomes JSON must be.
        (DataType::String | DataType::Json, _) | (_, ColumnBuilder::String(_)) => column.write_text(row, &mut text),
        _ => column.write_json(row, &mut text),
    }
    let text = String::from_utf8_lossy(&text);
    let text = text.trim_ascii();
    let result = match (json, &to) {
        (true, ColumnBuilder::String(_)) | (false, _) => to.append_text(text),
        _ => to.append_json(text),
    };
    result.map_err(|reason| format!("'{}' {reason}", text.chars().take(64).collect::<String>()))
}

/// The text of a row without the spaces around it.
fn trimmed(value: &Value, row: usize) -> &str {
    value.str(row).unwrap_or("").trim_ascii()
}

fn to_int(value: &Value, from: DataType, row: usize) -> Converted<i64> {
    match from {
        DataType::Double => {
            let v = value.doubles().get(row);
            // 2^63 is the first double too large.
            if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v) {
                Ok(v as i64)
            } else {
                Err(format!("{v} does not fit int"))
            }
        }
        DataType::Decimal { scale, .. } => {
            let v = value.decimals().get(row) / POWERS_OF_TEN[usize::from(scale)];
            i64::try_from(v).map_err(|_| format!("{v} does not fit int"))
        }
        _ => {
            let text = trimmed(value, row);
            text::parse_int(text.as_bytes()).ok_or_else(|| format!("'{text}' is not an int"))
        }
    }
}

fn to_double(value: &Value, row: usize) -> Converted<f64> {
    let text = trimmed(value, row);
    text::parse_double(text.as_bytes()).ok_or_else(|| format!("'{text}' is not a double"))
}

fn to_boolean(value: &Value, row: usize) -> Converted<bool> {
    let text = trimmed(value, row);
    text::parse_bool(text.as_bytes()).ok_or_else(|| format!("'{text}' is not a boolean (true, false, 1, 0)"))
}

fn to_timestamp(value: &Value, row: usize) -> Converted<i64> {
    let text = trimmed(value, row);
    text::parse_timestamp(text.as_bytes())
        .ok_or_else(|| format!("'{text}' is not a timestamp such as 2015-05-17T10:05:00Z"))
}

fn to_decimal(value: &Value, from: DataType, row: usize, precision: u8, scale: u8) -> Converted<i128> {
    let ty = DataType::Decimal { precision, scale };
    let fits = |v: Option<i128>| v.filter(|v| v.unsigned_abs() < POWERS_OF_TEN[usize::from(precision)] as u128);
    let power = POWERS_OF_TEN[usize::from(scale)];
    match from {
        DataType::Int => {
            let v = value.ints().get(row);
            fits(i128::from(v).checked_mul(power)).ok_or_else(|| format!("{v} does not fit {ty}"))
        }
        DataType::Decimal { scale: own, .. } => {
            let v = value.decimals().get(row);
            let scaled = if scale >= own {
                v.checked_mul(POWERS_OF_TEN[usize::from(scale - own)])
            } else {
                divide(v, POWERS_OF_TEN[usize::from(own - scale)], 0)
            };
            fits(scaled).ok_or_else(|| {
                let mut text = Vec::new();
                text::write_decimal(v, own, &mut text);
                format!("{} does not fit {ty}", String::from_utf8_lossy(&text))
            })
        }
        DataType::Double => {
            let v = value.doubles().get(row);
            let scaled = (v * power as f64).round();
            let inside = scaled.abs() < 1e38;
            fits(inside.then_some(scaled as i128)).ok_or_else(|| format!("{v} does not fit {ty}"))
        }
        _ => {
            let text = trimmed(value, row);
            parse_rounded(text, precision, scale).map_err(|error| match error {
                DecimalError::Syntax => format!("'{text}' is not a number"),
                _ => format!("'{text}' does not fit {ty}"),
            })
        }
    }
}

/// As SQL has it, a cast rounds what does not fit behind the point.
fn parse_rounded(text: &str, precision: u8, scale: u8) -> Result<i128, DecimalError> {
    let exact = text::parse_decimal(text.as_bytes(), precision, scale);
    if exact != Err(DecimalError::TooPrecise) {
        return exact;
    }
    for finer in scale + 1..=38 {
        if let Ok(value) = text::parse_decimal(text.as_bytes(), 38, finer) {
            return divide(value, POWERS_OF_TEN[usize::from(finer - scale)], 0)
                .filter(|v| v.unsigned_abs() < POWERS_OF_TEN[usize::from(precision)] as u128)
                .ok_or(DecimalError::TooLarge);
        }
    }
    Err(DecimalError::TooPrecise)
}

/// The text form of a value that is not null.
pub fn write_text(value: &Value, ty: DataType, row: usize, out: &mut Vec<u8>) {
    match ty {
        DataType::Boolean => text::write_bool(boolean(value, row), out),
        DataType::Int => text::write_int(value.ints().get(row), out),
        DataType::Double => text::write_double(value.doubles().get(row), out),
        DataType::Decimal { scale, .. } => text::write_decimal(value.decimals().get(row), scale, out),
        DataType::Timestamp => text::write_timestamp(value.timestamps().get(row), out),
        DataType::String => out.extend_from_slice(value.str(row).unwrap_or("").as_bytes()),
        _ => {
            let held = value.held(ty);
            let (column, row) = held.at(row);
            column.write_text(row, out);
        }
    }
}

fn boolean(value: &Value, row: usize) -> bool {
    match value {
        Value::Column(Column::Boolean(a)) => a.is_valid(row) && a.value(row),
        other => super::logic::truth_bits(other, 1).value(0),
    }
}
