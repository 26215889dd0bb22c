//! From Arrow arrays of any type to our columns. A value that does not fit its column is noted in `bad`, and its row is
//! dropped later by [`super::super::assemble`].

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    AnyDictionaryArray, Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, Date32Array, Decimal128Array,
    Float64Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType as Arrow, IntervalUnit, TimeUnit};

use super::super::values::BadCell;
use super::super::{SourceField, TimestampSource};
use super::types::shown;
use crate::data::{Column, ColumnBuilder, DataType, Field, Interval, arrow};
use crate::error::{Error, Result};

const DAY_US: i64 = 86_400_000_000;

/// The array as a column of `field`, number `column` of those asked for.
///
/// Errors: the types do not go together, which [`super::check`] says before.
pub fn convert(array: &ArrayRef, field: &SourceField, column: usize, bad: &mut Vec<BadCell>) -> Result<Column> {
    let mut wrong = |row: usize, reason: String| bad.push(BadCell { row, column, reason });
    if field.required {
        let nulls = (0..array.len()).filter(|&row| array.is_null(row));
        nulls.for_each(|row| wrong(row, "it is null".into()));
    }
    let converted = typed(array, field.ty, &field.timestamp, &mut wrong)?;
    let unlike = || Error::data(format!("column {} is {}, not {}", field.name, shown(array.data_type()), field.ty));
    let column = converted.ok_or_else(unlike)?;
    if field.required && column.nulls().is_some_and(|nulls| nulls.null_count() > 0) {
        return Ok(without_nulls(column));
    }
    Ok(column)
}

/// `None`: the types do not go together.
fn typed(array: &ArrayRef, ty: DataType, source: &TimestampSource, wrong: &mut Wrong) -> Result<Option<Column>> {
    if let Some(array) = array.as_any_dictionary_opt() {
        return dictionary(array, ty, source, wrong);
    }
    Ok(match ty {
        DataType::Boolean => array.as_boolean_opt().cloned().map(Column::Boolean),
        DataType::Int => ints(array, wrong).map(Column::Int),
        DataType::Double => doubles(array).map(Column::Double),
        DataType::Decimal { precision, scale } => decimals(array, precision, scale, wrong).map(Column::Decimal),
        DataType::String => strings(array, wrong).map(Column::String),
        DataType::Json => strings(array, wrong)
            .map(|text| parsed(&text, DataType::Json, wrong, |builder, value| builder.append_json(value))),
        DataType::Bytes => bytes(array).map(Column::Bytes),
        DataType::Timestamp => timestamps(array, source, wrong).map(Column::Timestamp),
        DataType::Date => dates(array, wrong).map(Column::Date),
        DataType::Interval => match intervals(array) {
            Some(intervals) => Some(Column::Interval(intervals)),
            None => {
                strings(array, wrong).map(|text| parsed(&text, ty, wrong, |builder, value| builder.append_text(value)))
            }
        },
        DataType::List(item) => list(array, *item, source, wrong)?,
        DataType::Struct(parts) => structure(array, parts, source, wrong)?,
    })
}

fn list(array: &ArrayRef, item: DataType, source: &TimestampSource, wrong: &mut Wrong) -> Result<Option<Column>> {
    let small = |offsets: &[i64]| {
        let offsets: Option<Vec<i32>> = offsets.iter().map(|&at| i32::try_from(at).ok()).collect();
        offsets.ok_or_else(|| Error::data("a batch has more list items than can be read at once"))
    };
    let (offsets, values) = match array.data_type() {
        Arrow::List(_) => {
            let lists = array.as_list::<i32>();
            (lists.offsets().clone(), lists.values().clone())
        }
        Arrow::LargeList(_) => {
            let lists = array.as_list::<i64>();
            (OffsetBuffer::new(small(lists.value_offsets())?.into()), lists.values().clone())
        }
        Arrow::Map(_, _) => {
            let maps = array.as_map();
            (maps.offsets().clone(), Arc::new(maps.entries().clone()) as ArrayRef)
        }
        _ => return Ok(None),
    };
    // The list that an item is in; none for those in front of a slice or behind it.
    let mut of_item = |at: usize, reason: String| {
        let list = offsets.partition_point(|&start| start as usize <= at);
        if list > 0 && list < offsets.len() {
            wrong(list - 1, reason);
        }
    };
    let Some(items) = typed(&values, item, source, &mut of_item)? else { return Ok(None) };
    let lists = ListArray::try_new(arrow::item_field(item), offsets, items.into(), array.nulls().cloned());
    lists.map(|lists| Some(Column::List(lists))).map_err(|e| Error::data(format!("a list is broken: {e}")))
}

fn structure(array: &ArrayRef, parts: &[Field], source: &TimestampSource, wrong: &mut Wrong) -> Result<Option<Column>> {
    let Some(structs) = array.as_struct_opt() else { return Ok(None) };
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(found) = structs.column_by_name(&part.name) else { return Ok(None) };
        let Some(column) = typed(found, part.ty, source, wrong)? else { return Ok(None) };
        columns.push(column.into());
    }
    let (fields, nulls) = (arrow::struct_fields(parts), structs.nulls().cloned());
    let structs = StructArray::try_new_with_length(fields, columns, nulls, array.len());
    structs.map(|structs| Some(Column::Struct(structs))).map_err(|e| Error::data(format!("a struct is broken: {e}")))
}

/// A dictionary: its values converted, and taken where its keys say.
fn dictionary(
    dictionary: &dyn AnyDictionaryArray,
    ty: DataType,
    source: &TimestampSource,
    wrong: &mut Wrong,
) -> Result<Option<Column>> {
    let mut unfit = BTreeMap::new();
    let mut note = |place: usize, reason: String| drop(unfit.insert(place, reason));
    let Some(values) = typed(dictionary.values(), ty, source, &mut note)? else { return Ok(None) };
    if values.is_empty() {
        return Ok(Some(Column::new_null(ty, dictionary.len())));
    }
    let places = dictionary.normalized_keys();
    let place = |(row, place): (usize, &usize)| (!dictionary.keys().is_null(row)).then_some(*place);
    let places: Vec<Option<usize>> = places.iter().enumerate().map(place).collect();
    if places.iter().flatten().any(|&place| place >= values.len()) {
        return Err(Error::data("its dictionary is broken"));
    }
    for (row, place) in places.iter().enumerate() {
        if let Some(reason) = place.and_then(|place| unfit.get(&place)) {
            wrong(row, reason.clone());
        }
    }
    let places = places.into_iter().map(|place| place.map(|place| place as u32));
    Ok(Some(values.take(&UInt32Array::from_iter(places))))
}

/// The rows of nulls are dropped: what stands in them does not matter, but the event time is to have no nulls.
fn without_nulls(column: Column) -> Column {
    match column {
        Column::Timestamp(array) => Column::Timestamp(TimestampMicrosecondArray::new(array.values().clone(), None)),
        other => other,
    }
}

type Wrong<'a> = dyn FnMut(usize, String) + 'a;

/// Each value through `change`; what it does not give is out of range.
fn mapped<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    array: &ArrayRef,
    change: impl Fn(F::Native) -> Option<T::Native>,
    wrong: &mut Wrong,
    what: &str,
) -> Option<arrow_array::PrimitiveArray<T>>
where
    F::Native: std::fmt::Display,
{
    let array = array.as_primitive_opt::<F>()?;
    let mut out = Vec::with_capacity(array.len());
    for (row, &value) in array.values().iter().enumerate() {
        match change(value) {
            Some(value) => out.push(value),
            None => {
                if array.is_valid(row) {
                    wrong(row, format!("{value} is out of the range of {what}"));
                }
                out.push(T::Native::default());
            }
        }
    }
    Some(arrow_array::PrimitiveArray::new(out.into(), array.nulls().cloned()))
}

/// `$body` with `$f` as the integer type of the array, which every int holds; `None` for other types.
macro_rules! each_small_int {
    ($array:expr, $f:ident => $body:expr) => {
        match $array.data_type() {
            Arrow::Int8 => {
                type $f = Int8Type;
                $body
            }
            Arrow::Int16 => {
                type $f = Int16Type;
                $body
            }
            Arrow::Int32 => {
                type $f = Int32Type;
                $body
            }
            Arrow::UInt8 => {
                type $f = UInt8Type;
                $body
            }
            Arrow::UInt16 => {
                type $f = UInt16Type;
                $body
            }
            Arrow::UInt32 => {
                type $f = UInt32Type;
                $body
            }
            _ => None,
        }
    };
}

/// As [`each_small_int`], with 64 bits too.
macro_rules! each_int {
    ($array:expr, $f:ident => $body:expr) => {
        match $array.data_type() {
            Arrow::Int64 => { type $f = Int64Type; $body }
            Arrow::UInt64 => { type $f = UInt64Type; $body }
            _ => each_small_int!($array, $f => $body),
        }
    };
}

fn ints(array: &ArrayRef, wrong: &mut Wrong) -> Option<Int64Array> {
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return Some(array.clone());
    }
    match array.data_type() {
        Arrow::UInt64 => mapped::<UInt64Type, Int64Type>(array, |v| i64::try_from(v).ok(), wrong, "int"),
        _ => each_small_int!(array, F => mapped::<F, Int64Type>(array, |v| Some(i64::from(v)), wrong, "int")),
    }
}

fn doubles(array: &ArrayRef) -> Option<Float64Array> {
    let never = &mut |_: usize, _: String| {};
    match array.data_type() {
        Arrow::Float64 => array.as_primitive_opt::<Float64Type>().cloned(),
        Arrow::Float32 => mapped::<Float32Type, Float64Type>(array, |v| Some(f64::from(v)), never, ""),
        Arrow::Float16 => mapped::<Float16Type, Float64Type>(array, |v| Some(v.to_f64()), never, ""),
        _ => each_int!(array, F => mapped::<F, Float64Type>(array, |v| Some(v as f64), never, "")),
    }
}

fn decimals(array: &ArrayRef, precision: u8, scale: u8, wrong: &mut Wrong) -> Option<Decimal128Array> {
    let limit = 10_i128.checked_pow(precision.into())?;
    // Values that have more digits behind the point than the column are out of its range unless they are zeros.
    let scaled = |value: i128, from: i8| -> Option<i128> {
        let up = i32::from(scale) - i32::from(from);
        let factor = 10_i128.checked_pow(up.unsigned_abs())?;
        let value = match up {
            0.. => value.checked_mul(factor)?,
            _ if value % factor == 0 => value / factor,
            _ => return None,
        };
        (value.abs() < limit).then_some(value)
    };
    let what = format!("decimal({precision},{scale})");
    let array = match array.data_type() {
        Arrow::Decimal128(_, from) => {
            let from = *from;
            mapped_decimal(array.as_primitive_opt::<Decimal128Type>()?, |v| scaled(v, from), wrong, &what)
        }
        Arrow::Decimal64(_, from) => {
            let from = *from;
            mapped_decimal(array.as_primitive_opt::<Decimal64Type>()?, |v| scaled(v.into(), from), wrong, &what)
        }
        Arrow::Decimal32(_, from) => {
            let from = *from;
            mapped_decimal(array.as_primitive_opt::<Decimal32Type>()?, |v| scaled(v.into(), from), wrong, &what)
        }
        _ => each_int!(array, F => mapped::<F, Decimal128Type>(array, |v| scaled(v.into(), 0), wrong, &what))?,
    };
    array.with_precision_and_scale(precision, scale as i8).ok()
}

/// As [`mapped`]; the value is shown with its point.
fn mapped_decimal<F: ArrowPrimitiveType + DecimalType>(
    array: &arrow_array::PrimitiveArray<F>,
    change: impl Fn(F::Native) -> Option<i128>,
    wrong: &mut Wrong,
    what: &str,
) -> Decimal128Array {
    let mut out = Vec::with_capacity(array.len());
    for (row, &value) in array.values().iter().enumerate() {
        let changed = change(value);
        if changed.is_none() && array.is_valid(row) {
            wrong(row, format!("{} is out of the range of {what}", array.value_as_string(row)));
        }
        out.push(changed.unwrap_or_default());
    }
    Decimal128Array::new(out.into(), array.nulls().cloned())
}

fn strings(array: &ArrayRef, wrong: &mut Wrong) -> Option<StringViewArray> {
    match array.data_type() {
        Arrow::Utf8View => array.as_string_view_opt().cloned(),
        Arrow::Utf8 => array.as_string_opt::<i32>().map(StringViewArray::from),
        Arrow::LargeUtf8 => array.as_string_opt::<i64>().map(StringViewArray::from),
        Arrow::BinaryView => Some(text(array.as_binary_view_opt()?, wrong)),
        Arrow::Binary => Some(text(&BinaryViewArray::from(array.as_binary_opt::<i32>()?), wrong)),
        Arrow::LargeBinary => Some(text(&BinaryViewArray::from(array.as_binary_opt::<i64>()?), wrong)),
        _ => None,
    }
}

/// Bytes that are to be UTF-8.
fn text(array: &BinaryViewArray, wrong: &mut Wrong) -> StringViewArray {
    if let Ok(text) = array.clone().to_string_view() {
        return text;
    }
    let mut builder = StringViewBuilder::with_capacity(array.len());
    for (row, value) in array.iter().enumerate() {
        match value.map(std::str::from_utf8) {
            Some(Ok(value)) => builder.append_value(value),
            Some(Err(_)) => {
                wrong(row, "it is not UTF-8".into());
                builder.append_null();
            }
            None => builder.append_null(),
        }
    }
    builder.finish()
}

fn bytes(array: &ArrayRef) -> Option<BinaryViewArray> {
    match array.data_type() {
        Arrow::BinaryView => array.as_binary_view_opt().cloned(),
        Arrow::Binary => array.as_binary_opt::<i32>().map(BinaryViewArray::from),
        Arrow::LargeBinary => array.as_binary_opt::<i64>().map(BinaryViewArray::from),
        Arrow::FixedSizeBinary(_) => Some(array.as_fixed_size_binary_opt()?.iter().collect()),
        Arrow::Utf8View => array.as_string_view_opt().map(|text| text.clone().to_binary_view()),
        Arrow::Utf8 => array.as_string_opt::<i32>().map(|text| StringViewArray::from(text).to_binary_view()),
        Arrow::LargeUtf8 => array.as_string_opt::<i64>().map(|text| StringViewArray::from(text).to_binary_view()),
        _ => None,
    }
}

/// Text that is to be a value of `ty`.
fn parsed(
    text: &StringViewArray,
    ty: DataType,
    wrong: &mut Wrong,
    append: impl Fn(&mut ColumnBuilder, &str) -> std::result::Result<(), String>,
) -> Column {
    let mut builder = ColumnBuilder::new(ty, text.len());
    for (row, value) in text.iter().enumerate() {
        let Some(value) = value else {
            builder.append_null();
            continue;
        };
        // What does not parse has appended something, too.
        if let Err(reason) = append(&mut builder, value) {
            wrong(row, format!("'{value}' {reason}"));
        }
    }
    builder.finish()
}

fn dates(array: &ArrayRef, wrong: &mut Wrong) -> Option<Date32Array> {
    match array.data_type() {
        Arrow::Date32 => array.as_primitive_opt::<Date32Type>().cloned(),
        Arrow::Date64 => {
            let days = |ms: i64| i32::try_from(ms.div_euclid(DAY_US / 1_000)).ok();
            mapped::<Date64Type, Date32Type>(array, days, wrong, "date")
        }
        _ => None,
    }
}

fn intervals(array: &ArrayRef) -> Option<IntervalMonthDayNanoArray> {
    let of = |months, days, micros| Interval { months, days, micros }.to_arrow();
    match array.data_type() {
        Arrow::Interval(IntervalUnit::MonthDayNano) => {
            let array = array.as_primitive_opt::<IntervalMonthDayNanoType>()?;
            Some(array.unary(|value| of(value.months, value.days, value.nanoseconds.div_euclid(1_000))))
        }
        Arrow::Interval(IntervalUnit::YearMonth) => {
            Some(array.as_primitive_opt::<IntervalYearMonthType>()?.unary(|months| of(months, 0, 0)))
        }
        Arrow::Interval(IntervalUnit::DayTime) => {
            let array = array.as_primitive_opt::<IntervalDayTimeType>()?;
            Some(array.unary(|value| of(0, value.days, i64::from(value.milliseconds) * 1_000)))
        }
        _ => None,
    }
}

fn timestamps(array: &ArrayRef, source: &TimestampSource, wrong: &mut Wrong) -> Option<TimestampMicrosecondArray> {
    type To = TimestampMicrosecondType;
    let what = "timestamp";
    match array.data_type() {
        Arrow::Timestamp(TimeUnit::Microsecond, _) => {
            let array = array.as_primitive_opt::<To>()?;
            Some(TimestampMicrosecondArray::new(array.values().clone(), array.nulls().cloned()))
        }
        Arrow::Timestamp(TimeUnit::Second, _) => {
            mapped::<TimestampSecondType, To>(array, |v| v.checked_mul(1_000_000), wrong, what)
        }
        Arrow::Timestamp(TimeUnit::Millisecond, _) => {
            mapped::<TimestampMillisecondType, To>(array, |v| v.checked_mul(1_000), wrong, what)
        }
        Arrow::Timestamp(TimeUnit::Nanosecond, _) => {
            mapped::<TimestampNanosecondType, To>(array, |v| Some(v.div_euclid(1_000)), wrong, what)
        }
        Arrow::Date32 => mapped::<Date32Type, To>(array, |v| Some(i64::from(v) * DAY_US), wrong, what),
        Arrow::Date64 => mapped::<Date64Type, To>(array, |v| v.checked_mul(1_000), wrong, what),
        _ => {
            let TimestampSource::Unit(per_second) = *source else { return None };
            let per_second = i64::from(per_second);
            let micros = |v: i64| match per_second {
                0..=1_000_000 => v.checked_mul(1_000_000 / per_second),
                _ => Some(v.div_euclid(per_second / 1_000_000)),
            };
            let ints = ints(array, wrong)?;
            mapped::<Int64Type, To>(&(Arc::new(ints) as ArrayRef), micros, wrong, what)
        }
    }
}
