//! Rows as cells of text that can be compared: every value as CSV has it, so that `1.5` of a file and `1.50` of a
//! decimal column are one, and null (nothing) and the empty string (`""`) are two.

use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::data::{Batch, DataType, Field, Schema};
use crate::format::{self, CsvOptions, Format, HeaderRead, JsonOptions, MAX_RECORD_BYTES, SourceField};
use crate::plan::logical::sources::format_of_name;
use crate::spec::{GivenRows, suggest};

/// Rows of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Cells {
    /// No rows of no columns, as of an expectation that is still empty.
    pub fn nothing() -> Cells {
        Cells { columns: Vec::new(), rows: Vec::new() }
    }

    /// From CSV with a header as flott writes it. Cells keep their quotes.
    pub fn parse(csv: &str) -> Cells {
        let mut records = records(csv).into_iter();
        let names = records.next().unwrap_or_default();
        Cells { columns: names.iter().map(|name| unquoted(name)).collect(), rows: records.collect() }
    }

    /// These columns, all of them if none is named.
    pub fn project(&self, columns: &[String]) -> Cells {
        if columns.is_empty() {
            return self.clone();
        }
        let place = |name: &String| self.columns.iter().position(|column| column == name);
        let places: Vec<usize> = columns.iter().filter_map(place).collect();
        let row = |row: &Vec<String>| places.iter().map(|&place| row.get(place).cloned().unwrap_or_default()).collect();
        Cells { columns: columns.to_vec(), rows: self.rows.iter().map(row).collect() }
    }

    pub fn sorted(&self) -> Cells {
        let mut sorted = self.clone();
        sorted.rows.sort();
        sorted
    }

    /// Whether the rows are the same; in whatever order, unless it counts.
    pub fn same(&self, other: &Cells, ordered: bool) -> bool {
        match ordered {
            true => self.rows == other.rows,
            false => self.sorted().rows == other.sorted().rows,
        }
    }
}

/// Records of canonical CSV, their fields with the quotes.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    for c in csv.chars() {
        match c {
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => {
                quoted ^= c == '"';
                field.push(c);
            }
        }
    }
    records
}

/// A field without its quotes.
pub fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

/// Expected rows of an output with columns `schema`. What they name are the columns that are compared.
///
/// Errors: what is wrong, in words.
pub fn expected(rows: &GivenRows, schema: &Schema) -> Result<Cells, String> {
    let (format, bytes) = match rows {
        GivenRows::Text(text) => (format_of_text(text), text.clone().into_bytes()),
        GivenRows::File(path) => {
            let path = &path.value;
            let bytes = std::fs::read(path).map_err(|e| format!("cannot read {path}: {e}"))?;
            (format_of_file(path)?, bytes)
        }
        GivenRows::Tables(rows) if rows.is_empty() => return Ok(Cells::nothing()),
        GivenRows::Lists(rows) if rows.is_empty() => return Ok(Cells::nothing()),
        GivenRows::Tables(rows) => (json(), tables(rows, schema)?),
        GivenRows::Lists(rows) => (json(), lists(rows, schema)?),
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(Cells::nothing());
    }
    let columns = match &format {
        Format::Json(_) => json_columns(&bytes, schema)?,
        format => header(format, &bytes)?,
    };
    if columns.is_empty() {
        return Err("its rows name no column".into());
    }
    for name in &columns {
        known(name, schema)?;
    }
    let fields: Vec<&Field> = columns.iter().filter_map(|name| schema.fields.get(schema.index_of(name)?)).collect();
    let batch = decode(&format, &bytes, &fields)?;
    Ok(Cells::parse(&encode(&batch, &fields, &Format::Csv(CsvOptions::default()))))
}

/// Name of a column that no job has.
const BESIDE: &str = "\u{1}";

/// Cells in another format.
pub fn rewritten(cells: &Cells, schema: &Schema, format: &Format) -> Result<String, String> {
    // With a column more, so that a row of one null is no blank line.
    let beside = Field { name: BESIDE.into(), ty: DataType::Int };
    let mut wider = cells.clone();
    wider.columns.push(BESIDE.into());
    wider.rows.iter_mut().for_each(|row| row.push("1".into()));
    let fields: Vec<&Field> = cells.columns.iter().filter_map(|n| schema.fields.get(schema.index_of(n)?)).collect();
    let all: Vec<&Field> = fields.iter().copied().chain([&beside]).collect();
    let mut batch = decode(&Format::Csv(CsvOptions::default()), text(&wider).as_bytes(), &all)?;
    batch.columns.pop();
    Ok(encode(&batch, &fields, format))
}

/// Cells as CSV with a header.
pub fn text(cells: &Cells) -> String {
    let quoted = |name: &String| match name.contains([',', '"', '\n', '\r']) || name.is_empty() {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.clone(),
    };
    let header = cells.columns.iter().map(quoted).collect::<Vec<_>>().join(",");
    let rows = cells.rows.iter().map(|row| row.join(","));
    std::iter::once(header).chain(rows).map(|line| line + "\n").collect()
}

pub fn json() -> Format {
    Format::Json(JsonOptions::default())
}

/// Text of expected rows is JSON if it looks like it.
pub fn format_of_text(text: &str) -> Format {
    if text.trim_start().starts_with('{') { json() } else { Format::Csv(CsvOptions::default()) }
}

pub fn format_of_file(path: &str) -> Result<Format, String> {
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    match format_of_name(&name) {
        Some("csv") => Ok(Format::Csv(CsvOptions::default())),
        Some("tsv") => Ok(Format::Csv(CsvOptions { delimiter: b'\t', ..CsvOptions::default() })),
        Some("json") => Ok(json()),
        _ => Err(format!("{path} is no .csv, .tsv or .jsonl")),
    }
}

fn header(format: &Format, bytes: &[u8]) -> Result<Vec<String>, String> {
    match format::read_header(format, &[], bytes, true) {
        Ok(HeaderRead::Done { header: Some(header), .. }) => Ok(header.names.clone()),
        Ok(_) => Err("the first line is to be the names of columns".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The columns that some record has, in the order of the schema.
fn json_columns(bytes: &[u8], schema: &Schema) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let record: Map<String, Json> =
            serde_json::from_slice(line).map_err(|e| format!("line {} is no JSON object: {e}", number + 1))?;
        for name in record.keys() {
            known(name, schema)?;
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names.sort_by_key(|name| schema.index_of(name));
    Ok(names)
}

fn known(name: &str, schema: &Schema) -> Result<(), String> {
    if schema.index_of(name).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = schema.names().collect();
    Err(match suggest(name, &names) {
        Some(near) => format!("there is no column `{name}`; did you mean `{near}`?"),
        None => format!("there is no column `{name}`; there are {}", names.join(", ")),
    })
}

/// Rows by name as JSON lines.
pub fn tables(rows: &[Vec<(String, Json)>], schema: &Schema) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for row in rows {
        let mut record = Map::new();
        for (name, value) in row {
            known(name, schema)?;
            record.insert(name.clone(), value.clone());
        }
        line(record, &mut out);
    }
    Ok(out)
}

/// Rows in the order of the columns as JSON lines.
pub fn lists(rows: &[Vec<Json>], schema: &Schema) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if row.len() != schema.len() {
            let names = schema.names().collect::<Vec<_>>().join(", ");
            let (number, values, columns) = (number + 1, row.len(), schema.len());
            return Err(format!("row {number} has {values} values for {columns} columns: {names}"));
        }
        line(schema.names().map(str::to_owned).zip(row.iter().cloned()).collect(), &mut out);
    }
    Ok(out)
}

fn line(record: Map<String, Json>, out: &mut Vec<u8>) {
    out.extend_from_slice(Json::Object(record).to_string().as_bytes());
    out.push(b'\n');
}

fn decode(format: &Format, bytes: &[u8], fields: &[&Field]) -> Result<Batch, String> {
    let sources: Vec<SourceField> = fields.iter().map(|f| SourceField::new(&f.name, f.ty, None)).collect();
    let used: Vec<usize> = (0..sources.len()).collect();
    let said = |error: crate::error::Error| error.to_string();
    let (consumed, header) = match format::read_header(format, &sources, bytes, true).map_err(said)? {
        HeaderRead::Done { consumed, header } => (consumed, header),
        HeaderRead::More => return Err("its header does not end".into()),
    };
    let block = bytes::Bytes::copy_from_slice(&bytes[consumed..]);
    let mut decoder = format::decoder(format, &sources, &used, MAX_RECORD_BYTES).map_err(said)?;
    let decoded = decoder.decode(&block, header.as_ref(), true);
    match decoded.bad.first() {
        Some(bad) => {
            let column = bad.column.as_ref().map(|column| format!("column {column}: ")).unwrap_or_default();
            Err(format!("row {}: {column}{}", bad.row + 1, bad.reason))
        }
        None => Ok(Batch::new(decoded.columns, decoded.rows)),
    }
}

fn encode(batch: &Batch, fields: &[&Field], format: &Format) -> String {
    let fields: Vec<Field> = fields.iter().map(|f| (*f).clone()).collect();
    let mut encoder = format::encoder(format, &fields);
    let mut out = encoder.header();
    encoder.encode(batch, &mut out, None);
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether TOML has values of this type that are no text.
pub fn is_plain(ty: DataType) -> bool {
    matches!(ty, DataType::Int | DataType::Double | DataType::Boolean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataType::{Decimal, Double, Int, String as Text, Timestamp};

    fn schema() -> Schema {
        let amount = Decimal { precision: 12, scale: 2 };
        Schema::new([("at", Timestamp), ("card", Text), ("amount", amount), ("n", Int), ("x", Double)])
    }

    #[track_caller]
    fn check(rows: GivenRows, expect: &str) {
        let cells = expected(&rows, &schema()).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(text(&cells), expect);
    }

    #[track_caller]
    fn refuse(rows: GivenRows, expect: &str) {
        assert_eq!(expected(&rows, &schema()).unwrap_err(), expect);
    }

    #[test]
    fn values_have_one_form() {
        let csv = "card,amount,at\na,1.5,2024-05-01 12:00:00\n\"\",,2024-05-01T14:00:00+02:00\n";
        let expect = "card,amount,at\na,1.50,2024-05-01T12:00:00Z\n\"\",,2024-05-01T12:00:00Z\n";
        check(GivenRows::Text(csv.into()), expect);
        check(GivenRows::Text("{\"x\": 1, \"card\": \"a,b\"}\n{\"n\": 2}".into()), "card,n,x\n\"a,b\",,1.0\n,2,\n");
        let row = vec![("amount".to_owned(), Json::from(2)), ("card".to_owned(), Json::from("é"))];
        check(GivenRows::Tables(vec![row]), "card,amount\né,2.00\n");
        let row = vec![Json::Null, Json::from("c"), Json::from("0.125e2"), Json::from(7), Json::from(0.5)];
        check(GivenRows::Lists(vec![row]), "at,card,amount,n,x\n,c,12.50,7,0.5\n");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        refuse(GivenRows::Text("car,n\na,1\n".into()), "there is no column `car`; did you mean `card`?");
        refuse(GivenRows::Text("n\n1\nx\n".into()), "row 2: column n: 'x' is not an int");
        refuse(GivenRows::Lists(vec![vec![Json::from(1)]]), "row 1 has 1 values for 5 columns: at, card, amount, n, x");
    }

    #[test]
    fn cells_keep_quotes_and_lines() {
        let cells = Cells::parse("a,\"b,c\"\n\"x\n\"\"y\"\"\",\n\"\",2\n");
        assert_eq!(cells.columns, ["a", "b,c"]);
        assert_eq!(cells.rows, [["\"x\n\"\"y\"\"\"", ""], ["\"\"", "2"]]);
        assert_eq!(cells.project(&["b,c".into()]).rows, [[""], ["2"]]);
        assert_eq!(text(&cells), "a,\"b,c\"\n\"x\n\"\"y\"\"\",\n\"\",2\n");
        assert_eq!(unquoted("\"x\n\"\"y\"\"\""), "x\n\"y\"");
    }
}
