//! The type set and schemas.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Type of a column. Arrow layouts: see [`super::Column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    Boolean,
    /// 64 bits, signed.
    Int,
    Double,
    /// 128 bits; `precision` digits in all (1 to 38), `scale` of them behind the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// UTF-8.
    String,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// Bytes of any kind.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// A length of time: see [`super::Interval`].
    Interval,
    /// JSON as text, whose syntax was checked.
    Json,
    /// Made by [`DataType::list`].
    List(&'static DataType),
    /// Made by [`DataType::structure`].
    Struct(&'static [Field]),
}

/// The types inside of nested ones. A job has a handful, which live as long as the process, so that a [`DataType`] may be
/// copied.
static ITEMS: Mutex<Option<HashSet<&'static DataType>>> = Mutex::new(None);
static FIELDS: Mutex<Option<HashSet<&'static [Field]>>> = Mutex::new(None);

fn interned<T: Hash + Eq + ?Sized>(known: &Mutex<Option<HashSet<&'static T>>>, value: Box<T>) -> &'static T {
    // Whoever panicked while holding it has left whole entries.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(same) = known.get(&*value) {
        return same;
    }
    let kept: &'static T = Box::leak(value);
    known.insert(kept);
    kept
}

impl DataType {
    /// `list<item>`
    pub fn list(item: DataType) -> DataType {
        DataType::List(interned(&ITEMS, Box::new(item)))
    }

    /// `struct<…>` of these fields, whose names are unique.
    pub fn structure(fields: Vec<Field>) -> DataType {
        DataType::Struct(interned(&FIELDS, fields.into_boxed_slice()))
    }

    /// Holds values of other types.
    pub fn is_nested(self) -> bool {
        matches!(self, DataType::List(_) | DataType::Struct(_))
    }

    /// It is a timestamp, or has some inside.
    pub fn has_times(self) -> bool {
        match self {
            DataType::Timestamp => true,
            DataType::List(item) => item.has_times(),
            DataType::Struct(fields) => fields.iter().any(|field| field.ty.has_times()),
            _ => false,
        }
    }

    pub fn is_numeric(self) -> bool {
        matches!(self, DataType::Int | DataType::Double | DataType::Decimal { .. })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Boolean => f.write_str("boolean"),
            DataType::Int => f.write_str("int"),
            DataType::Double => f.write_str("double"),
            DataType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            DataType::String => f.write_str("string"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::Bytes => f.write_str("bytes"),
            DataType::Date => f.write_str("date"),
            DataType::Interval => f.write_str("interval"),
            DataType::Json => f.write_str("json"),
            DataType::List(item) => write!(f, "list<{item}>"),
            DataType::Struct(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    let before = if i == 0 { "struct<" } else { ", " };
                    match is_plain(&field.name) {
                        true => write!(f, "{before}{} {}", field.name, field.ty)?,
                        false => write!(f, "{before}\"{}\" {}", field.name.replace('"', "\"\""), field.ty)?,
                    }
                }
                f.write_str(if fields.is_empty() { "struct<>" } else { ">" })
            }
        }
    }
}

/// Needs no quotes as the name of a field.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// A named column. Every column may hold nulls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: String,
    pub ty: DataType,
}

/// Columns in order; names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    pub fields: Vec<Field>,
}

impl Schema {
    pub fn new<S: Into<String>>(fields: impl IntoIterator<Item = (S, DataType)>) -> Schema {
        Schema { fields: fields.into_iter().map(|(name, ty)| Field { name: name.into(), ty }).collect() }
    }

    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|f| f.name.as_str())
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.fields.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{} {}", field.name, field.ty)?;
        }
        Ok(())
    }
}
