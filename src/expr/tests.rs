//! Expressions from text to value.

mod cases;
mod errors;
mod found;
mod fuzz;
mod grouping;
mod naive;

use super::*;
use crate::data::{Batch, Column, DataType, Field, Schema};

/// The columns that test expressions are over.
fn schema() -> Schema {
    Schema::new([
        ("a", DataType::Int),
        ("b", DataType::Int),
        ("d", DataType::Double),
        ("m", DataType::Decimal { precision: 12, scale: 2 }),
        ("s", DataType::String),
        ("t", DataType::Timestamp),
        ("f", DataType::Boolean),
        ("x y", DataType::Int),
        ("day", DataType::Date),
        ("gap", DataType::Interval),
        ("j", DataType::Json),
        ("l", DataType::list(DataType::Int)),
        ("r", DataType::structure(vec![field("x", DataType::Int), field("y", DataType::String)])),
        ("z", DataType::Bytes),
    ])
}

fn field(name: &str, ty: DataType) -> Field {
    Field { name: name.to_owned(), ty }
}

/// Rows given as `a=1 s=text`, columns that are not named are null; `_` in a value is a space.
fn batch(rows: &[&str]) -> Batch {
    let schema = schema();
    let columns = schema.fields.iter().map(|field| {
        let values: Column = Column::String(
            rows.iter()
                .map(|row| {
                    let value = row.split(' ').find_map(|pair| pair.strip_prefix(&format!("{}=", field.name)));
                    value.map(|v| v.replace('_', " "))
                })
                .collect(),
        );
        let cast =
            resolve(&parse(&format!("CAST(v AS {})", field.ty)).unwrap(), &Schema::new([("v", DataType::String)]));
        cast.unwrap().eval(&Batch::new(vec![values], rows.len())).unwrap()
    });
    Batch::new(columns.collect(), rows.len())
}

/// The values of a column as text, null as `NULL`.
fn texts(column: &Column) -> Vec<String> {
    (0..column.len())
        .map(|row| match Scalar::from_column(column, row) {
            Scalar::Null => "NULL".to_owned(),
            _ => {
                let mut out = Vec::new();
                kernel::cast::write_text(&value::Value::Column(column.clone()), column.data_type(), row, &mut out);
                String::from_utf8(out).unwrap()
            }
        })
        .collect()
}

fn typed(text: &str) -> Typed {
    let ast = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    resolve(&ast, &schema()).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

fn eval(text: &str, row: &str) -> String {
    match typed(text).eval(&batch(&[row])) {
        Ok(column) => texts(&column).remove(0),
        Err(error) => format!("error: {}", error.message),
    }
}
