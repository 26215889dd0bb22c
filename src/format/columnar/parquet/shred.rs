//! Columns as leaves: which ones there are, and the entries of each.

use std::sync::Arc;

use arrow_array::ListArray;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::Type;

use super::chunk::Chunk;
use super::codec::Packer;
use super::numbers::Numbers;
use super::texts::Texts;
use super::values::Values;
use crate::data::{Column, DataType, Field, fields_of, items_of};

/// Decimals of up to so many digits fit into 4 and 8 bytes.
const DIGITS_32: u8 = 9;
const DIGITS_64: u8 = 18;

/// The type of a column in a file. Everything may be null.
pub fn column_type(name: &str, ty: DataType) -> ParquetResult<Arc<Type>> {
    let built = match ty {
        DataType::List(item) => {
            let element = vec![column_type("element", *item)?];
            let list = Type::group_type_builder("list").with_fields(element).with_repetition(Repetition::REPEATED);
            let list = vec![Arc::new(list.build()?)];
            let outer = Type::group_type_builder(name).with_fields(list).with_logical_type(Some(LogicalType::List));
            outer.with_repetition(Repetition::OPTIONAL).build()
        }
        DataType::Struct(parts) => {
            let parts =
                parts.iter().map(|part: &Field| column_type(&part.name, part.ty)).collect::<ParquetResult<_>>()?;
            Type::group_type_builder(name).with_fields(parts).with_repetition(Repetition::OPTIONAL).build()
        }
        _ => leaf_type(name, ty),
    };
    Ok(Arc::new(built?))
}

fn leaf_type(name: &str, ty: DataType) -> ParquetResult<Type> {
    let (physical, logical) = match ty {
        DataType::Boolean => (Physical::BOOLEAN, None),
        DataType::Int => (Physical::INT64, None),
        DataType::Double => (Physical::DOUBLE, None),
        DataType::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        DataType::Date => (Physical::INT32, Some(LogicalType::Date)),
        DataType::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        DataType::Bytes => (Physical::BYTE_ARRAY, None),
        DataType::Decimal { precision, scale } => {
            (decimal_storage(precision), Some(LogicalType::decimal(scale.into(), precision.into())))
        }
        // Parquet's own intervals know neither signs nor microseconds, so they are text.
        _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let builder =
        Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL).with_logical_type(logical);
    let DataType::Decimal { precision, scale } = ty else { return builder.build() };
    let builder = builder.with_precision(precision.into()).with_scale(scale.into());
    match physical {
        Physical::FIXED_LEN_BYTE_ARRAY => builder.with_length(decimal_bytes(precision) as i32).build(),
        _ => builder.build(),
    }
}

fn decimal_storage(precision: u8) -> Physical {
    if precision <= DIGITS_32 {
        Physical::INT32
    } else if precision <= DIGITS_64 {
        Physical::INT64
    } else {
        Physical::FIXED_LEN_BYTE_ARRAY
    }
}

/// Bytes that hold so many digits and a sign.
fn decimal_bytes(precision: u8) -> usize {
    let largest = 10_u128.pow(precision.into()) - 1;
    (128 - largest.leading_zeros() as usize + 1).div_ceil(8)
}

/// The leaves of a column of this type, in order.
pub fn leaves(ty: DataType, out: &mut Vec<Values>) {
    match ty {
        DataType::List(item) => leaves(*item, out),
        DataType::Struct(parts) => parts.iter().for_each(|part| leaves(part.ty, out)),
        _ => out.push(values(ty)),
    }
}

fn values(ty: DataType) -> Values {
    match ty {
        DataType::Boolean => Values::Boolean { page: Vec::new(), bounds: None },
        DataType::Int | DataType::Timestamp => Values::Int64(Numbers::new(8)),
        DataType::Date => Values::Int32(Numbers::new(4)),
        DataType::Double => Values::Double(Numbers::new(8)),
        DataType::Decimal { precision, .. } => match decimal_storage(precision) {
            Physical::INT32 => Values::Int32(Numbers::new(4)),
            Physical::INT64 => Values::Int64(Numbers::new(8)),
            _ => Values::Fixed(Numbers::new(decimal_bytes(precision))),
        },
        _ => Values::Text(Texts::new()),
    }
}

/// Takes the rows of a column into its leaves, which are the next ones of `leaves`.
pub fn push<'a>(
    column: &Column,
    leaves: &mut impl Iterator<Item = &'a mut Chunk>,
    packer: &mut Packer,
) -> ParquetResult<()> {
    if column.data_type().is_nested() {
        let entries: Vec<Entry> =
            (0..column.len() as u32).map(|row| Entry { rep: 0, def: 0, row: Some(row) }).collect();
        nested(column, &entries, Levels::default(), leaves);
        return Ok(());
    }
    leaves.next().map_or(Ok(()), |leaf| leaf.flat(column, packer))
}

/// One entry of a leaf, on the way there.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub rep: u32,
    /// Where the way ended.
    pub def: u32,
    /// Row of the column at hand; `None` where the way has ended: at a null or an empty list.
    pub row: Option<u32>,
}

/// The levels of what is around a column.
#[derive(Debug, Clone, Copy, Default)]
pub struct Levels {
    pub def: u32,
    pub rep: u32,
}

fn nested<'a>(column: &Column, entries: &[Entry], around: Levels, leaves: &mut impl Iterator<Item = &'a mut Chunk>) {
    let Levels { def, rep } = around;
    let present = |entry: &Entry| match entry.row {
        Some(row) if column.is_null(row as usize) => Entry { def, row: None, ..*entry },
        _ => *entry,
    };
    match column {
        Column::Struct(structs) => {
            let entries: Vec<Entry> = entries.iter().map(present).collect();
            for part in fields_of(structs) {
                nested(&part, &entries, Levels { def: def + 1, rep }, leaves);
            }
        }
        Column::List(lists) => {
            let mut inside = Vec::with_capacity(entries.len());
            entries.iter().map(present).for_each(|entry| items(lists, entry, around, &mut inside));
            nested(&items_of(lists), &inside, Levels { def: def + 2, rep: rep + 1 }, leaves);
        }
        _ => leaves.next().into_iter().for_each(|leaf| leaf.entries(column, entries, around)),
    }
}

/// The entries of a list's items; one of its own if it is empty or not there.
fn items(lists: &ListArray, entry: Entry, Levels { def, rep }: Levels, out: &mut Vec<Entry>) {
    let Some(row) = entry.row else { return out.push(entry) };
    let ends = lists.value_offsets();
    let (start, end) = (ends[row as usize], ends[row as usize + 1]);
    if start == end {
        return out.push(Entry { def: def + 1, row: None, ..entry });
    }
    for at in start..end {
        let rep = if at == start { entry.rep } else { rep + 1 };
        out.push(Entry { rep, def: def + 2, row: Some(at as u32) });
    }
}
