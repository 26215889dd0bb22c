//! Single values, and what a part of an expression gives for a batch: one value for all rows, or a column.

use std::fmt;
use std::sync::Arc;

use super::kernel::Operand;
use crate::data::{Column, ColumnBuilder, DataType, text};

/// A value; its type stands beside it.
#[derive(Debug, Clone, PartialEq)]
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
            (Scalar::Double(v), _) => return format!("{v:e}"),
            (Scalar::Decimal(v), DataType::Decimal { scale, .. }) => text::write_decimal(*v, scale, &mut out),
            (Scalar::Decimal(v), _) => return v.to_string(),
            (Scalar::Timestamp(v), _) => {
                text::write_timestamp(*v, &mut out);
                return format!("TIMESTAMP '{}'", String::from_utf8_lossy(&out));
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

    pub fn int(&self, row: usize) -> Option<i64> {
        (!self.is_null(row)).then(|| self.ints().get(row))
    }

    pub fn double(&self, row: usize) -> Option<f64> {
        (!self.is_null(row)).then(|| self.doubles().get(row))
    }

    pub fn timestamp(&self, row: usize) -> Option<i64> {
        (!self.is_null(row)).then(|| self.timestamps().get(row))
    }

    /// The text of JSON, or a text that should be some.
    pub fn json(&self, row: usize) -> Option<&str> {
        self.str(row)
    }

    pub fn str(&self, row: usize) -> Option<&str> {
        match self {
            Value::Scalar(Scalar::String(v)) => Some(v),
            Value::Column(Column::String(a)) if !arrow_array::Array::is_null(a, row) => Some(a.value(row)),
            _ => None,
        }
    }
}
