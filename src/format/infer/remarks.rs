//! What is odd about a sample, and what to do about it.

use super::types::{is_number, of_value};
use crate::data::DataType;
use crate::format::{Format, Header, SourceField};

/// Something that whoever reads the data should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Columns of the header that cannot be found by name, because it comes more than once.
    Repeated(Vec<String>),
    /// So many columns without a name.
    Nameless(usize),
    /// The first row, with this value among others, looks like the rows behind it.
    HeaderIsData(String),
    /// The fields seem to be parted by this.
    OtherDelimiter(u8),
    /// There are names, but no records to tell types by.
    NoRecords,
}

impl Remark {
    /// What is odd, and what to do.
    pub fn words(&self) -> (String, String) {
        let all = "with header = false in the format, columns are read by their order";
        match self {
            Remark::Repeated(names) => {
                let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                (format!("columns of the same name are left out: {names}"), all.into())
            }
            Remark::Nameless(1) => ("a column without a name is left out".into(), all.into()),
            Remark::Nameless(count) => (format!("{count} columns without a name are left out"), all.into()),
            Remark::HeaderIsData(value) => (
                format!("the first line looks like data, not like names of columns: it has `{value}`"),
                "if it is data: format = { type = \"csv\", header = false }".into(),
            ),
            Remark::OtherDelimiter(byte) => {
                let shown = (*byte as char).escape_default();
                (
                    format!("the fields seem to be parted by `{shown}`"),
                    format!("format = {{ type = \"csv\", delimiter = \"{shown}\" }}"),
                )
            }
            Remark::NoRecords => {
                ("there are no records to tell the types by: all columns are strings".into(), "write a schema".into())
            }
        }
    }
}

/// The names of a header that stand for one column each, and what is left out.
pub fn names(header: &[String]) -> (Vec<String>, Vec<Remark>) {
    let (mut kept, mut repeated, mut nameless) = (Vec::new(), Vec::new(), 0);
    let mut times = std::collections::HashMap::new();
    for name in header {
        *times.entry(name.as_str()).or_insert(0_usize) += 1;
    }
    for name in header {
        match times.get(name.as_str()) {
            _ if name.is_empty() => nameless += 1,
            Some(1) => kept.push(name.clone()),
            _ if repeated.contains(name) => {}
            _ => repeated.push(name.clone()),
        }
    }
    let mut remarks = Vec::new();
    if !repeated.is_empty() {
        remarks.push(Remark::Repeated(repeated));
    }
    if nameless > 0 {
        remarks.push(Remark::Nameless(nameless));
    }
    (kept, remarks)
}

/// Names that would all be values of their columns are none. Columns of strings tell nothing, and years are the names
/// of columns often enough.
pub fn header_is_data(header: Option<&Header>, fields: &[SourceField]) -> Option<Remark> {
    header?;
    let mut typed = fields.iter().filter(|field| field.ty != DataType::String).peekable();
    typed.peek()?;
    let is_year = |name: &str| name.parse::<u32>().is_ok_and(|year| (1900..2101).contains(&year));
    let mut first = None;
    for field in typed {
        let number = is_number(field.name.as_bytes());
        let alike = of_value(&field.name) == field.ty || number && field.ty.is_numeric();
        if !alike {
            return None;
        }
        if first.is_none() && !is_year(&field.name) {
            first = Some(field.name.clone());
        }
    }
    first.map(Remark::HeaderIsData)
}

/// What parts the fields of tables, the usual ones first.
pub const DELIMITERS: [u8; 4] = *b",;\t|";

/// A table of one column whose name holds a delimiter is most likely split by that one.
pub fn other_delimiter(format: &Format, fields: &[SourceField]) -> Option<Remark> {
    let (Format::Csv(options), [only]) = (format, fields) else { return None };
    let found = DELIMITERS.iter().find(|&&byte| byte != options.delimiter && only.name.as_bytes().contains(&byte));
    found.map(|&byte| Remark::OtherDelimiter(byte))
}
