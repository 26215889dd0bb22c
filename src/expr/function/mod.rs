//! The scalar functions: a table of entries, one family a file.
//!
//! An entry is the one place a function is described: the resolver, suggestions, documentation and tests read it.
//! To add one: an entry in the family's `FUNCTIONS`, with an example, and a binder that returns its kernel.

mod bits;
mod calendar;
mod encode;
mod hash;
mod json;
mod list;
pub(super) mod made;
mod math;
mod regex;
mod split;
mod string;
mod text;
pub mod time;
mod trigonometry;
mod unit;
mod url;
mod words;

use std::fmt;
use std::sync::Arc;

use super::kernel::Faults;
use super::typed::Typed;
use super::value::{Held, Value};
use crate::data::{Column, ColumnBuilder, DataType};

/// A function of the expression language.
pub struct Function {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// As documentation shows it: `left(text, n)`.
    pub signature: &'static str,
    pub doc: &'static str,
    /// An expression without columns and its value as text.
    pub example: (&'static str, &'static str),
    pub(crate) args: &'static [Arg],
    /// Number of arguments that must be there; the rest of `args` may be left out.
    pub(crate) required: usize,
    /// The last of `args` may be repeated.
    pub(crate) variadic: bool,
    pub(crate) bind: fn(&[Typed]) -> Result<Bound, BindError>,
}

impl Function {
    /// A function that takes just `args`; see the methods below for others.
    pub(crate) const fn new(
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: (&'static str, &'static str),
        args: &'static [Arg],
        bind: fn(&[Typed]) -> Result<Bound, BindError>,
    ) -> Function {
        Function { name, aliases: &[], signature, doc, example, args, required: args.len(), variadic: false, bind }
    }

    pub(crate) const fn also(self, aliases: &'static [&'static str]) -> Function {
        Function { aliases, ..self }
    }

    /// The arguments behind the first `required` may be left out.
    pub(crate) const fn least(self, required: usize) -> Function {
        Function { required, ..self }
    }

    pub(crate) const fn variadic(self) -> Function {
        Function { variadic: true, ..self }
    }
}

/// What an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arg {
    String,
    Int,
    /// Int, decimal or double, as it is.
    Number,
    /// Any number, as a double.
    Double,
    /// A timestamp, or a date as its midnight.
    Timestamp,
    Date,
    /// A timestamp, a date as its midnight, or an interval.
    Moment,
    List,
    /// Anything, as text.
    Text,
    /// Bytes, or those of a text.
    Binary,
    /// JSON, or a text that should be some.
    Json,
    /// Anything, as it is.
    Any,
}

/// A function with its argument types known.
pub(crate) struct Bound {
    pub ty: DataType,
    pub kernel: Kernel,
}

/// An argument that does not do: its number, what is wrong, and what to do.
pub(crate) struct BindError {
    pub arg: usize,
    pub message: String,
    pub help: Option<String>,
}

type Run = dyn Fn(&[Value], usize, &mut Faults) -> Column + Send + Sync;

/// The loop of a function: values of all arguments and the number of rows to a column.
#[derive(Clone)]
pub(crate) struct Kernel(Arc<Run>);

impl Kernel {
    pub fn run(&self, args: &[Value], rows: usize, faults: &mut Faults) -> Column {
        (self.0)(args, rows, faults)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}

pub(crate) use regex::pattern_error;

pub(crate) fn bound(
    ty: DataType,
    run: impl Fn(&[Value], usize, &mut Faults) -> Column + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    Ok(Bound { ty, kernel: Kernel(Arc::new(run)) })
}

/// The longest text that a function or operator gives, in bytes: as long as a record may be if nothing is said.
/// Functions around functions could make any size of a short text: `hex(hex(hex(…)))`.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 20;

/// Whether a text may become so long.
pub(crate) fn fits(bytes: usize) -> Result<(), String> {
    match bytes <= TEXT_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("the text would be longer than {TEXT_BYTES_MAX} bytes")),
    }
}

/// A function whose result for one row is null, a value or a message.
pub(crate) fn rows_to_string(
    f: impl Fn(&[Value], usize, &mut String) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    bound(DataType::String, move |args, rows, faults| {
        let mut builder = ColumnBuilder::new(DataType::String, rows);
        let mut text = String::new();
        if let ColumnBuilder::String(out) = &mut builder {
            for row in 0..rows {
                text.clear();
                match f(args, row, &mut text).and_then(|found| fits(text.len()).map(|()| found)) {
                    Ok(Some(())) => out.append_value(&text),
                    Ok(None) => out.append_null(),
                    Err(message) => {
                        faults.push(row, message);
                        out.append_null();
                    }
                }
            }
        }
        builder.finish()
    })
}

/// As [`rows_to_string`], where what is made is JSON.
pub(crate) fn rows_to_json(
    f: impl Fn(&[Value], usize, &mut String) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    let strings = rows_to_string(f)?;
    bound(DataType::Json, move |args, rows, faults| match strings.kernel.run(args, rows, faults) {
        Column::String(texts) => Column::Json(texts),
        other => other,
    })
}

/// As [`rows_to_string`], for bytes.
pub(crate) fn rows_to_bytes(
    f: impl Fn(&[Value], usize) -> Result<Option<Vec<u8>>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    bound(DataType::Bytes, move |args, rows, faults| {
        let mut builder = ColumnBuilder::new(DataType::Bytes, rows);
        if let ColumnBuilder::Bytes(out) = &mut builder {
            for row in 0..rows {
                let found = f(args, row).and_then(|found| match &found {
                    Some(bytes) => fits(bytes.len()).map(|()| found),
                    None => Ok(None),
                });
                out.append_option(found.unwrap_or_else(|message| {
                    faults.push(row, message);
                    None
                }));
            }
        }
        builder.finish()
    })
}

/// A function whose result for one row is what it appends to a builder of type `ty`: a value, or not, for null.
pub(crate) fn rows_to(
    ty: DataType,
    types: Vec<DataType>,
    f: impl Fn(&[Held], usize, &mut ColumnBuilder) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    bound(ty, move |args, rows, faults| {
        let held: Vec<Held> = args.iter().zip(&types).map(|(arg, ty)| arg.held(*ty)).collect();
        let mut builder = ColumnBuilder::new(ty, rows);
        for row in 0..rows {
            let done = f(&held, row, &mut builder).unwrap_or_else(|message| {
                faults.push(row, message);
                None
            });
            if done.is_none() {
                builder.append_null();
            }
            debug_assert_eq!(builder.len(), row + 1);
        }
        builder.finish()
    })
}

/// As [`rows_to_string`], for the other types.
macro_rules! rows_to {
    ($name:ident, $kind:ident, $ty:expr, $native:ty) => {
        pub(crate) fn $name(
            f: impl Fn(&[Value], usize) -> Result<Option<$native>, String> + Send + Sync + 'static,
        ) -> Result<Bound, BindError> {
            bound($ty, move |args, rows, faults| {
                let mut builder = ColumnBuilder::new($ty, rows);
                if let ColumnBuilder::$kind(out) = &mut builder {
                    for row in 0..rows {
                        out.append_option(f(args, row).unwrap_or_else(|message| {
                            faults.push(row, message);
                            None
                        }));
                    }
                }
                builder.finish()
            })
        }
    };
}

rows_to!(rows_to_int, Int, DataType::Int, i64);
rows_to!(rows_to_double, Double, DataType::Double, f64);
rows_to!(rows_to_boolean, Boolean, DataType::Boolean, bool);
rows_to!(rows_to_timestamp, Timestamp, DataType::Timestamp, i64);
rows_to!(rows_to_date, Date, DataType::Date, i32);

impl BindError {
    pub fn new(arg: usize, message: impl Into<String>) -> BindError {
        BindError { arg, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> BindError {
        self.help = Some(help.into());
        self
    }
}

/// The constant text of an argument, or what to do about it.
pub(crate) fn constant_text<'a>(args: &'a [Typed], arg: usize, what: &str) -> Result<&'a str, BindError> {
    match args[arg].as_constant() {
        Some(super::Scalar::String(text)) => Ok(text),
        _ => Err(BindError::new(arg, format!("{what} must be a constant text")).help("write it in single quotes")),
    }
}

/// The families of functions as documentation shows them, each with its title.
pub const FAMILIES: [(&str, &[&[Function]]); 9] = [
    ("Texts", &[string::FUNCTIONS, text::FUNCTIONS]),
    ("Regular expressions", &[regex::FUNCTIONS]),
    ("Numbers", &[math::FUNCTIONS, trigonometry::FUNCTIONS]),
    ("Bits", &[bits::FUNCTIONS]),
    ("Time", &[time::FUNCTIONS, calendar::FUNCTIONS]),
    ("Lists", &[list::FUNCTIONS, split::FUNCTIONS]),
    ("JSON", &[json::FUNCTIONS]),
    ("URLs", &[url::FUNCTIONS]),
    ("Hashes and encodings", &[hash::FUNCTIONS, encode::FUNCTIONS]),
];

/// All functions, by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.into_iter().flat_map(|(_, tables)| tables.iter().copied().flatten())
}

/// The function of a name or alias in lower case.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|f| f.name == name || f.aliases.contains(&name))
}

pub use words::{FORMS, elsewhere};
