//! Single values, and what a part of an expression gives for a batch: one value for all rows, or a column.

use std::fmt;
use std::sync::Arc;

use arrow_array::Array;

use super::kernel::Operand;
use crate::data::{Column, ColumnBuilder, DataType, Interval, calendar, fields_of, items_of, text};

/// A value; its type stands beside it.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    Null,
    Boolean(bool),
    Int(i64),
    Double(f64),
    /// Unscaled.
    Decimal(i128),
    String(Arc<str>),
    /// µs.
    Timestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
    Interval(Interval),
    /// The one row of a column: bytes, JSON, a list or a struct.
    Held(Arc<Column>),
}

/// All of the value, as [`super::Expressions`] knows equal parts by it: arrays leave out the middle of what is long.
impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Null => f.write_str("Null"),
            Scalar::Boolean(v) => write!(f, "Boolean({v:?})"),
            Scalar::Int(v) => write!(f, "Int({v:?})"),
            Scalar::Double(v) => write!(f, "Double({v:?})"),
            Scalar::Decimal(v) => write!(f, "Decimal({v:?})"),
            Scalar::String(v) => write!(f, "String({v:?})"),
            Scalar::Timestamp(v) => write!(f, "Timestamp({v:?})"),
            Scalar::Date(v) => write!(f, "Date({v:?})"),
            Scalar::Interval(v) => write!(f, "{v:?}"),
            Scalar::Held(column) => {
                let parts: Vec<Scalar> = match &**column {
                    Column::List(lists) => {
                        let items = items_of(lists);
                        (0..items.len()).map(|row| Scalar::from_column(&items, row)).collect()
                    }
                    Column::Struct(structs) => {
                        fields_of(structs).iter().map(|field| Scalar::from_column(field, 0)).collect()
                    }
                    other => return write!(f, "Held({other:?})"),
                };
                f.debug_list().entries(parts).finish()
            }
        }
    }
}

impl Scalar {
    pub fn is_null(&self) -> bool {
        matches!(self, Scalar::Null)
    }

    /// Row `row` of `column`.
    pub fn from_column(column: &Column, row: usize) -> Scalar {
        if column.is_null(row) {
            return Scalar::Null;
        }
        match column {
            Column::Boolean(a) => Scalar::Boolean(a.value(row)),
            Column::Int(a) => Scalar::Int(a.value(row)),
            Column::Double(a) => Scalar::Double(a.value(row)),
            Column::Decimal(a) => Scalar::Decimal(a.value(row)),
            Column::String(a) => Scalar::String(a.value(row).into()),
            Column::Timestamp(a) => Scalar::Timestamp(a.value(row)),
            Column::Date(a) => Scalar::Date(a.value(row)),
            Column::Interval(a) => Scalar::Interval(Interval::from_arrow(a.value(row))),
            other => Scalar::Held(Arc::new(other.slice(row, 1).compact())),
        }
    }

    /// A column that holds the value `rows` times.
    pub fn to_column(&self, ty: DataType, rows: usize) -> Column {
        let mut builder = ColumnBuilder::new(ty, rows);
        for _ in 0..rows {
            match (&mut builder, self) {
                (ColumnBuilder::Boolean(b), Scalar::Boolean(v)) => b.append_value(*v),
                (ColumnBuilder::Int(b), Scalar::Int(v)) => b.append_value(*v),
                (ColumnBuilder::Double(b), Scalar::Double(v)) => b.append_value(*v),
                (ColumnBuilder::Decimal(b, ..), Scalar::Decimal(v)) => b.append_value(*v),
                (ColumnBuilder::String(b), Scalar::String(v)) => b.append_value(v),
                (ColumnBuilder::Timestamp(b), Scalar::Timestamp(v)) => b.append_value(*v),
                (ColumnBuilder::Date(b), Scalar::Date(v)) => b.append_value(*v),
                (ColumnBuilder::Interval(b), Scalar::Interval(v)) => b.append_value(v.to_arrow()),
                (builder, Scalar::Held(column)) => builder.append_from(column, 0),
                (builder, _) => builder.append_null(),
            }
        }
        builder.finish()
    }

    /// As SQL text of type `ty`.
    pub fn display(&self, ty: DataType) -> String {
        let mut out = Vec::new();
        match (self, ty) {
            (Scalar::Null, _) => return "NULL".to_owned(),
            (Scalar::String(v), _) => return format!("'{}'", v.replace('\'', "''")),
            (Scalar::Boolean(v), _) => return if *v { "TRUE" } else { "FALSE" }.to_owned(),
            (Scalar::Int(v), _) => text::write_int(*v, &mut out),
            (Scalar::Double(v), _) if v.is_finite() => return format!("{v:e}"),
            (Scalar::Double(v), ty) => {
                text::write_double(*v, &mut out);
                return format!("'{}'::{ty}", String::from_utf8_lossy(&out));
            }
            (Scalar::Decimal(v), DataType::Decimal { scale, .. }) => text::write_decimal(*v, scale, &mut out),
            (Scalar::Decimal(v), _) => return v.to_string(),
            (Scalar::Timestamp(v), _) => return format!("TIMESTAMP '{}'", text::timestamp_text(*v)),
            (Scalar::Date(v), _) => {
                calendar::write_date(*v, &mut out);
                return format!("DATE '{}'", String::from_utf8_lossy(&out));
            }
            (Scalar::Interval(v), _) => {
                v.write(&mut out);
                return format!("INTERVAL '{}'", String::from_utf8_lossy(&out));
            }
            (Scalar::Held(column), ty) => {
                column.write_text(0, &mut out);
                return format!("'{}'::{ty}", String::from_utf8_lossy(&out).replace('\'', "''"));
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display(DataType::String))
    }
}

/// What an expression gives for the rows of a batch.
#[derive(Debug, Clone)]
pub enum Value {
    Scalar(Scalar),
    Column(Column),
}

/// Defines how a kernel sees values of one type.
macro_rules! operand {
    ($name:ident, $kind:ident, $native:ty) => {
        /// The values, where the type is known; places of nulls hold anything.
        pub fn $name(&self) -> Operand<'_, $native> {
            match self {
                Value::Scalar(Scalar::$kind(v)) => Operand::Scalar(*v),
                Value::Scalar(_) => Operand::Scalar(Default::default()),
                Value::Column(Column::$kind(a)) => Operand::Slice(a.values()),
                Value::Column(other) => {
                    panic!("types were settled: {} is not {}", other.data_type(), stringify!($kind))
                }
            }
        }
    };
}

impl Value {
    pub fn is_null_scalar(&self) -> bool {
        matches!(self, Value::Scalar(Scalar::Null))
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Value::Scalar(v) => v.is_null(),
            Value::Column(c) => c.is_null(row),
        }
    }

    pub fn nulls(&self) -> Option<&arrow_buffer::NullBuffer> {
        match self {
            Value::Scalar(_) => None,
            Value::Column(c) => c.nulls(),
        }
    }

    /// A column, and the row of it that stands for row `row`, which holds for values of every type.
    pub fn held(&self, ty: DataType) -> Held {
        match self {
            Value::Scalar(v) => Held::new(v.to_column(ty, 1), true),
            Value::Column(c) => Held::new(c.clone(), false),
        }
    }

    pub fn into_column(self, ty: DataType, rows: usize) -> Column {
        match self {
            Value::Scalar(v) => v.to_column(ty, rows),
            Value::Column(c) => c,
        }
    }

    operand!(ints, Int, i64);
    operand!(doubles, Double, f64);
    operand!(decimals, Decimal, i128);
    operand!(timestamps, Timestamp, i64);
    operand!(dates, Date, i32);

    pub fn int(&self, row: usize) -> Option<i64> {
        (!self.is_null(row)).then(|| self.ints().get(row))
    }

    pub fn double(&self, row: usize) -> Option<f64> {
        (!self.is_null(row)).then(|| self.doubles().get(row))
    }

    pub fn timestamp(&self, row: usize) -> Option<i64> {
        (!self.is_null(row)).then(|| self.timestamps().get(row))
    }

    pub fn date(&self, row: usize) -> Option<i32> {
        (!self.is_null(row)).then(|| self.dates().get(row))
    }

    pub fn interval(&self, row: usize) -> Option<Interval> {
        match self {
            Value::Scalar(Scalar::Interval(v)) => Some(*v),
            Value::Column(Column::Interval(a)) if !a.is_null(row) => Some(Interval::from_arrow(a.value(row))),
            _ => None,
        }
    }

    /// The row's value, where it has no type of its own here: bytes, JSON, a list or a struct.
    fn other(&self, row: usize) -> Option<(&Column, usize)> {
        match self {
            Value::Scalar(Scalar::Held(column)) => Some((column, 0)),
            Value::Column(column) if !column.is_null(row) => Some((column, row)),
            _ => None,
        }
    }

    /// The text of JSON, and whether that is known to be JSON: a text only should be.
    pub fn json(&self, row: usize) -> Option<(&str, bool)> {
        match self.other(row) {
            Some((Column::Json(a), row)) => Some((a.value(row), true)),
            _ => self.str(row).map(|text| (text, false)),
        }
    }

    /// Bytes, or those of a text.
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        match self.other(row) {
            Some((Column::Bytes(a), row)) => Some(a.value(row)),
            _ => self.str(row).map(str::as_bytes),
        }
    }

    pub fn str(&self, row: usize) -> Option<&str> {
        match self {
            Value::Scalar(Scalar::String(v)) => Some(v),
            Value::Column(Column::String(a)) if !a.is_null(row) => Some(a.value(row)),
            _ => None,
        }
    }
}

/// Values of any type, row by row.
pub struct Held {
    column: Column,
    /// The elements of all of its lists, if it has any.
    items: Option<Column>,
    is_scalar: bool,
}

impl Held {
    fn new(column: Column, is_scalar: bool) -> Held {
        let items = match &column {
            Column::List(lists) => Some(items_of(lists)),
            _ => None,
        };
        Held { column, items, is_scalar }
    }

    /// The list of a row: a column of elements, and which of them; `None` for null.
    pub fn list(&self, row: usize) -> Option<(&Column, std::ops::Range<usize>)> {
        let (Column::List(lists), row) = self.at(row) else { return None };
        if lists.is_null(row) {
            return None;
        }
        let ends = lists.value_offsets();
        Some((self.items.as_ref()?, ends[row] as usize..ends[row + 1] as usize))
    }

    /// The column that holds the value of a row, and where.
    pub fn at(&self, row: usize) -> (&Column, usize) {
        (&self.column, if self.is_scalar { 0 } else { row })
    }
}
