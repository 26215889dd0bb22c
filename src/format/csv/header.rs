//! The header of a CSV file and the byte order mark before it.

use std::sync::Arc;

use super::records::{Records, trim_cr};
use super::scanner::{Dialect, End, Scanner};
use crate::error::{Error, Result, nearest};
use crate::format::{CsvOptions, Header, HeaderRead, MAX_RECORD_BYTES, SourceField, size_text};

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Reads BOM and header at the start of an input. With `header = false` only a BOM is taken off.
///
/// Errors: a declared column is not in the header or is in it twice; the header is not CSV or not UTF-8.
pub fn read_header(options: &CsvOptions, fields: &[SourceField], data: &[u8], last: bool) -> Result<HeaderRead> {
    if data.len() < BOM.len() && BOM.starts_with(data) && !last {
        return Ok(HeaderRead::More);
    }
    let mut consumed = if data.starts_with(BOM) { BOM.len() } else { 0 };
    if !options.header {
        return Ok(HeaderRead::Done { consumed, header: None });
    }
    let dialect = Dialect::new(options);
    loop {
        let rest = &data[consumed..];
        let mut scanner = Scanner::new(dialect, MAX_RECORD_BYTES);
        let (record, next) = match scanner.end(rest) {
            End::At(lf) => (trim_cr(&rest[..lf]), lf + 1),
            End::Open if last => (trim_cr(rest), rest.len()),
            End::Open | End::Quoted if !last => return Ok(HeaderRead::More),
            End::TooLong { .. } => {
                return Err(Error::data(format!("the header is longer than {}", size_text(MAX_RECORD_BYTES))));
            }
            End::Open | End::Quoted => {
                return Err(Error::data("a quote in the header is still open at the end of the input"));
            }
        };
        consumed += next;
        if !record.is_empty() && !dialect.is_comment(record) {
            let names = names(record, dialect)?;
            check(fields, &names).map_err(|error| other_delimiter(error, options.delimiter, &names))?;
            let lines = memchr::memchr_iter(b'\n', &data[..consumed]).count() as u64;
            let header = Header { names, lines, years: None };
            return Ok(HeaderRead::Done { consumed, header: Some(Arc::new(header)) });
        }
        if consumed == data.len() {
            // Nothing but blank lines and comments so far: an empty input has no header and needs none.
            return Ok(if last { HeaderRead::Done { consumed, header: None } } else { HeaderRead::More });
        }
    }
}

fn names(record: &[u8], dialect: Dialect) -> Result<Vec<String>> {
    let fields = Records::new(dialect).fields(record).map_err(|e| Error::data(format!("the header is bad: {e}")))?;
    let name = |field| String::from_utf8(field).map_err(|_| Error::data("the header is not valid UTF-8"));
    fields.into_iter().map(name).collect()
}

fn check(fields: &[SourceField], found: &[String]) -> Result<()> {
    let listed = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
    let both = |error: Error| {
        error
            .note(format!("columns declared: {}", listed(&mut fields.iter().map(SourceField::source_name))))
            .note(format!("columns in the file: {}", listed(&mut found.iter().map(String::as_str))))
    };
    for field in fields {
        let name = field.source_name();
        match found.iter().filter(|f| *f == name).count() {
            1 => {}
            0 => return Err(both(missing(name, found))),
            n => return Err(both(Error::data(format!("the header has the column '{name}' {n} times")))),
        }
    }
    Ok(())
}

/// A header of one field that holds another delimiter is most likely split by that one.
fn other_delimiter(error: Error, delimiter: u8, found: &[String]) -> Error {
    let [only] = found else { return error };
    let others = [(b',', ","), (b';', ";"), (b'\t', "\\t"), (b'|', "|")];
    match others.iter().find(|(byte, _)| *byte != delimiter && only.as_bytes().contains(byte)) {
        Some((_, text)) => {
            error.note(format!("is the file split by it? format = {{ type = \"csv\", delimiter = \"{text}\" }}"))
        }
        None => error,
    }
}

fn missing(name: &str, found: &[String]) -> Error {
    let error = Error::data(format!("the header has no column '{name}'"));
    match nearest(name, found.iter().map(String::as_str)) {
        Some(near) => error.note(format!("did you mean '{near}'? `from = \"{near}\"` reads it under another name")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataType;

    fn field(name: &str, from: Option<&str>) -> SourceField {
        SourceField::new(name, DataType::Int, from)
    }

    /// `Ok((consumed, names joined by |))`, `Ok((0, "more"))`, or the error's whole text.
    fn read(fields: &[SourceField], data: &str, last: bool) -> Result<(usize, String), String> {
        match read_header(&CsvOptions::default(), fields, data.as_bytes(), last) {
            Ok(HeaderRead::More) => Ok((0, "more".into())),
            Ok(HeaderRead::Done { consumed, header }) => {
                Ok((consumed, header.map_or("none".into(), |h| h.names.join("|"))))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn headers() {
        let fields = [field("a", None), field("ms", Some("Response Time (ms)"))];
        let full = "\u{feff}x,\"Response Time (ms)\",a\r\n1,2,3\n";
        assert_eq!(read(&fields, full, false), Ok((29, "x|Response Time (ms)|a".into())));
        for cut in 0..28 {
            if full.is_char_boundary(cut) {
                assert_eq!(read(&fields, &full[..cut], false), Ok((0, "more".into())), "{cut}");
            }
        }
        assert_eq!(read(&fields, "", true), Ok((0, "none".into())));
        assert_eq!(read(&fields, "\u{feff}", true), Ok((3, "none".into())));
        assert_eq!(read(&fields, "\n\r\n", true), Ok((3, "none".into())));
        assert_eq!(read(&fields[..1], "\na", true), Ok((2, "a".into())));
        assert_eq!(read(&fields[..1], "\"a\"", true), Ok((3, "a".into())));
    }

    #[test]
    fn a_column_that_is_not_there_is_an_error_with_both_headers() {
        let error = read(&[field("price", None), field("at", None)], "prize,at\n", false).unwrap_err();
        assert!(error.starts_with("the header has no column 'price'\n  did you mean 'prize'?"), "{error}");
        assert!(error.contains("declared: price, at") && error.contains("in the file: prize, at"), "{error}");
        let error = read(&[field("a", None)], "a,b,a\n", false).unwrap_err();
        assert!(error.starts_with("the header has the column 'a' 2 times"), "{error}");
        assert!(read(&[field("b", None)], "a,b,a\n", false).is_ok());
        assert!(read(&[field("b", None)], "\"a\"x,b\n", false).unwrap_err().contains("text after a closing quote"));
    }
}
