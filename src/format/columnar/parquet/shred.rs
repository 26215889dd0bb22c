//! Columns as leaves: values without nulls, and levels. What a row group is gathered in.

use std::sync::Arc;

use arrow_array::{Array, ListArray, UInt32Array};
use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::Type;

use crate::data::{Column, DataType, Field, fields_of, items_of};

/// Decimals of up to so many digits fit into 4 and 8 bytes.
const DIGITS_32: u8 = 9;
const DIGITS_64: u8 = 18;

/// One leaf of the rows gathered so far.
#[derive(Debug)]
pub struct Leaf {
    def: Vec<i16>,
    /// Only in lists.
    rep: Vec<i16>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Text {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
    /// Big-endian numbers of so many bytes.
    Fixed {
        bytes: Vec<u8>,
        width: usize,
    },
}

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
pub fn leaves(ty: DataType, out: &mut Vec<Leaf>) {
    match ty {
        DataType::List(item) => leaves(*item, out),
        DataType::Struct(parts) => parts.iter().for_each(|part| leaves(part.ty, out)),
        _ => out.push(Leaf::new(ty)),
    }
}

/// Takes the rows of a column into its leaves, which are the next ones of `leaves`.
pub fn push<'a>(column: &Column, leaves: &mut impl Iterator<Item = &'a mut Leaf>) {
    if column.data_type().is_nested() {
        let entries: Vec<Entry> =
            (0..column.len() as u32).map(|row| Entry { rep: 0, def: 0, row: Some(row) }).collect();
        return nested(column, &entries, 0, 0, leaves);
    }
    if let Some(leaf) = leaves.next() {
        leaf.flat(column);
    }
}

/// One entry of a leaf, on the way there.
#[derive(Debug, Clone, Copy)]
struct Entry {
    rep: i16,
    /// Where the way ended.
    def: i16,
    /// Row of the column at hand; `None` where the way has ended: at a null or an empty list.
    row: Option<u32>,
}

/// `def` and `rep` are the levels of what is around the column.
fn nested<'a>(column: &Column, entries: &[Entry], def: i16, rep: i16, leaves: &mut impl Iterator<Item = &'a mut Leaf>) {
    let present = |entry: &Entry| match entry.row {
        Some(row) if column.is_null(row as usize) => Entry { def, row: None, ..*entry },
        _ => *entry,
    };
    match column {
        Column::Struct(structs) => {
            let entries: Vec<Entry> = entries.iter().map(present).collect();
            for part in fields_of(structs) {
                nested(&part, &entries, def + 1, rep, leaves);
            }
        }
        Column::List(lists) => {
            let mut inside = Vec::with_capacity(entries.len());
            entries.iter().map(present).for_each(|entry| items(lists, entry, def, rep, &mut inside));
            nested(&items_of(lists), &inside, def + 2, rep + 1, leaves);
        }
        _ => {
            if let Some(leaf) = leaves.next() {
                leaf.entries(column, entries, def, rep > 0);
            }
        }
    }
}

/// The entries of a list's items; one of its own if it is empty or not there.
fn items(lists: &ListArray, entry: Entry, def: i16, rep: i16, out: &mut Vec<Entry>) {
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

impl Leaf {
    fn new(ty: DataType) -> Leaf {
        let values = match ty {
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::Int | DataType::Timestamp => Values::Int64(Vec::new()),
            DataType::Date => Values::Int32(Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Decimal { precision, .. } => match decimal_storage(precision) {
                Physical::INT32 => Values::Int32(Vec::new()),
                Physical::INT64 => Values::Int64(Vec::new()),
                _ => Values::Fixed { bytes: Vec::new(), width: decimal_bytes(precision) },
            },
            _ => Values::Text { bytes: Vec::new(), ends: Vec::new() },
        };
        Leaf { def: Vec::new(), rep: Vec::new(), values }
    }

    /// Bytes gathered.
    pub fn held(&self) -> usize {
        let values = match &self.values {
            Values::Boolean(values) => values.len(),
            Values::Int32(values) => values.len() * 4,
            Values::Int64(values) => values.len() * 8,
            Values::Double(values) => values.len() * 8,
            Values::Text { bytes, ends } => bytes.len() + ends.len() * 8,
            Values::Fixed { bytes, .. } => bytes.len(),
        };
        values + (self.def.len() + self.rep.len()) * 2
    }

    /// A column that nothing is around.
    fn flat(&mut self, column: &Column) {
        match column.nulls() {
            None => self.def.resize(self.def.len() + column.len(), 1),
            Some(nulls) => self.def.extend(nulls.iter().map(i16::from)),
        }
        self.values(column);
    }

    /// A column with something around it, which is not null at `def`.
    fn entries(&mut self, column: &Column, entries: &[Entry], def: i16, in_list: bool) {
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let row = entry.row.filter(|&row| !column.is_null(row as usize));
            self.def.push(match (entry.row, row) {
                (None, _) => entry.def,
                (Some(_), None) => def,
                (Some(_), Some(_)) => def + 1,
            });
            rows.extend(row);
            if in_list {
                self.rep.push(entry.rep);
            }
        }
        self.values(&column.take(&UInt32Array::from(rows)));
    }

    /// The values that are not null.
    fn values(&mut self, column: &Column) {
        match (&mut self.values, column) {
            (Values::Boolean(out), Column::Boolean(array)) => out.extend(array.iter().flatten()),
            (Values::Int64(out), Column::Int(array)) => dense(out, array.values(), array),
            (Values::Int64(out), Column::Timestamp(array)) => dense(out, array.values(), array),
            (Values::Int32(out), Column::Date(array)) => dense(out, array.values(), array),
            (Values::Double(out), Column::Double(array)) => dense(out, array.values(), array),
            (Values::Text { bytes, ends }, Column::String(array) | Column::Json(array)) => {
                texts(bytes, ends, array.iter().flatten().map(str::as_bytes));
            }
            (Values::Text { bytes, ends }, Column::Bytes(array)) => texts(bytes, ends, array.iter().flatten()),
            (Values::Text { bytes, ends }, Column::Interval(_)) => {
                for row in (0..column.len()).filter(|&row| !column.is_null(row)) {
                    column.write_text(row, bytes);
                    ends.push(bytes.len());
                }
            }
            // A value fits its precision, and so its bytes.
            (Values::Int32(out), Column::Decimal(array)) => out.extend(array.iter().flatten().map(|v| v as i32)),
            (Values::Int64(out), Column::Decimal(array)) => out.extend(array.iter().flatten().map(|v| v as i64)),
            (Values::Fixed { bytes, width }, Column::Decimal(array)) => {
                array.iter().flatten().for_each(|v| bytes.extend_from_slice(&v.to_be_bytes()[16 - *width..]));
            }
            (values, column) => unreachable!("{values:?} does not take {}", column.data_type()),
        }
    }

    /// Hands everything to a writer of the leaf's column, and is empty again.
    pub fn write(&mut self, writer: &mut ColumnWriter) -> ParquetResult<()> {
        let (def, rep) = (std::mem::take(&mut self.def), std::mem::take(&mut self.rep));
        let (def, rep) = (Some(&def[..]), (!rep.is_empty()).then_some(&rep[..]));
        match (&mut self.values, writer) {
            (Values::Boolean(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(values), def, rep)?;
            }
            (Values::Int32(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(values), def, rep)?;
            }
            (Values::Int64(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(values), def, rep)?;
            }
            (Values::Double(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(values), def, rep)?;
            }
            (Values::Text { bytes, ends }, ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let text = Bytes::from(std::mem::take(bytes));
                let mut start = 0;
                let slice = |end: usize| ByteArray::from(text.slice(std::mem::replace(&mut start, end)..end));
                let values: Vec<ByteArray> = std::mem::take(ends).into_iter().map(slice).collect();
                writer.write_batch(&values, def, rep)?;
            }
            (Values::Fixed { bytes, width }, ColumnWriter::FixedLenByteArrayColumnWriter(writer)) => {
                let all = Bytes::from(std::mem::take(bytes));
                let slice = |at: usize| FixedLenByteArray::from(ByteArray::from(all.slice(at..at + *width)));
                let values: Vec<FixedLenByteArray> = (0..all.len()).step_by(*width).map(slice).collect();
                writer.write_batch(&values, def, rep)?;
            }
            _ => unreachable!("the schema of the file was made of the same types"),
        }
        Ok(())
    }
}

fn dense<T: Copy>(out: &mut Vec<T>, values: &[T], array: &dyn Array) {
    match array.nulls() {
        None => out.extend_from_slice(values),
        Some(nulls) => out.extend(nulls.valid_indices().map(|row| values[row])),
    }
}

fn texts<'a>(bytes: &mut Vec<u8>, ends: &mut Vec<usize>, values: impl Iterator<Item = &'a [u8]>) {
    for value in values {
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
    }
}
