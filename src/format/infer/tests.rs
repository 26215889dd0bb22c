//! Inference as a whole: columns of small files, and what holds for all files.

use proptest::prelude::*;

use super::*;
use crate::format::{JsonOptions, LogfmtOptions, fuzz};

fn sample(data: impl Into<Vec<u8>>) -> Sample {
    Sample { data: Bytes::from(data.into()), whole: true }
}

fn csv() -> Format {
    Format::Csv(CsvOptions::default())
}

fn json() -> Format {
    Format::Json(JsonOptions::default())
}

/// `name type, …`, or the error.
fn columns(format: &Format, data: &str) -> String {
    match infer(format, &sample(data), RECORDS) {
        Ok(found) => found.fields.iter().map(|f| format!("{} {}", f.name, f.ty)).collect::<Vec<_>>().join(", "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn columns_of_csv() {
    for (data, expect) in [
        ("at,n,x\n2015-05-17T10:05:00Z,1,1.5\n,,\n", "at timestamp, n int, x double"),
        ("\u{feff}a;b\n", "a;b string"),
        ("id,zip\n1,007\n2,010\n", "id int, zip string"),
        ("a,b\n\"1\",\"x,\ny\"\n", "a int, b string"),
        // The empty text in quotes is no number, and no null.
        ("a,b\n1,1\n\"\",2\n", "a string, b int"),
        ("a,b\r\n1,true\r\n", "a int, b boolean"),
        ("a,b,a,\n1,2,3,4\n", "b int"),
        (
            "a,a\n1,2\n",
            "there are no columns with a name that stands for one of them alone\n  header = false in the format reads columns by their order",
        ),
        ("", "there are no records to find the columns in\n  write a schema"),
        ("a,b\n", "a string, b string"),
        // A record with too many fields is bad whatever the types are.
        ("a,b\n1,2\n1,2,3\n", "a int, b int"),
    ] {
        assert_eq!(columns(&csv(), data), expect, "{data:?}");
    }
    let headless = Format::Csv(CsvOptions { header: false, ..CsvOptions::default() });
    assert_eq!(columns(&headless, "1,a\n2,b\n"), "column1 int, column2 string");
    let nulls = Format::Csv(CsvOptions { null: vec!["NA".into()], ..CsvOptions::default() });
    assert_eq!(columns(&nulls, "a\nNA\n1\n"), "a int");
    assert_eq!(columns(&csv(), "a\nNA\n1\n"), "a string");
}

#[test]
fn columns_of_json() {
    for (data, expect) in [
        ("{\"b\":1,\"a\":\"x\"}\n{\"c\":true,\"a\":null}\n", "b int, a string, c boolean"),
        ("{\"n\":\"5\",\"x\":1e3,\"big\":18446744073709551615}\n", "n string, x double, big decimal(38,0)"),
        ("{\"at\":\"2015-05-17T10:05:00Z\",\"mixed\":1}\n{\"mixed\":\"a\"}\n", "at timestamp, mixed string"),
        (
            "{\"u\":{\"id\":1,\"x y\":[1,2.5]},\"l\":[],\"m\":[{}]}\n{\"u\":{\"at\":\"2015-05-17\"},\"l\":null}\n",
            "u struct<id int, \"x y\" list<double>, at date>, l json, m list<json>",
        ),
        ("{\"a\":{\"b\":1}}\n{\"a\":[1]}\n{\"a\":5}\n", "a json"),
        ("{\"a\":{\"q\\\"\":1}}\n", "a json"),
        // Of a key that comes twice the first counts.
        ("{\"a\":1,\"a\":\"x\"}\n", "a int"),
        ("{\"a.b\":1}\n", "a.b int"),
        ("no\n{\"a\":1}\n", "a int"),
        ("no\n", "no line is a JSON object"),
        (" \n", "there are no records to find the columns in\n  write a schema"),
    ] {
        assert_eq!(columns(&json(), data), expect, "{data:?}");
    }
    assert!(columns(&json(), "[\n{\"a\":1}\n]\n").contains("a int"));
    assert!(columns(&json(), "{\n\"a\":1\n}\n").contains("jq -c"));
}

#[test]
fn columns_of_logfmt() {
    let logfmt = Format::Logfmt(LogfmtOptions::default());
    let data = "at=2015-05-17T10:05:00Z level=info msg=\"it is = on\" n=1 cached\nn=2.5 level=warn who=\n";
    let expect = "at timestamp, level string, msg string, n double, cached boolean, who string";
    assert_eq!(columns(&logfmt, data), expect);
    assert_eq!(columns(&logfmt, "= x\n"), "no line has a key");
}

#[test]
fn only_the_first_records_count() {
    let data = sample("a\n1\n2\nx\n");
    let types = |records| infer(&csv(), &data, records).unwrap().fields[0].ty;
    assert_eq!((types(2), types(3)), (DataType::Int, DataType::String));
    let found = infer(&csv(), &data, 2).unwrap();
    assert_eq!((found.records, found.values[0].len()), (2, 2));
    // What the sample cuts off is not looked at.
    let cut = Sample { data: Bytes::from_static(b"a\n1\n2x"), whole: false };
    assert_eq!(infer(&csv(), &cut, RECORDS).unwrap().fields[0].ty, DataType::Int);
    let open = Sample { data: Bytes::from_static(b"a\n\"1\n2x"), whole: false };
    assert!(infer(&csv(), &open, RECORDS).unwrap_err().to_string().contains("a quote left open"));
}

#[test]
fn what_is_odd_is_said() {
    let remarks = |data: &str| infer(&csv(), &sample(data), RECORDS).unwrap().remarks;
    assert_eq!(remarks("a,b,a,\n1,2,3,4\n"), [Remark::Repeated(vec!["a".into()]), Remark::Nameless(1)]);
    assert_eq!(remarks("1,2.5\n3,4.5\n"), [Remark::HeaderIsData("1".into())]);
    assert_eq!(remarks("x,2.5\ny,4.5\n"), [Remark::HeaderIsData("2.5".into())]);
    assert_eq!(remarks("country,2019,2020\nfr,1,2\n"), []);
    assert_eq!(remarks("name,1\na,x\n"), []);
    assert_eq!(remarks("a;b\n1;2\n"), [Remark::OtherDelimiter(b';')]);
    assert_eq!(remarks("a,b\n"), [Remark::NoRecords]);
}

/// Bad records of the sample under the schema that was inferred, and under one of strings.
fn bad(format: &Format, data: &[u8]) -> Option<(usize, usize)> {
    let sample = sample(data);
    let found = infer(format, &sample, usize::MAX).ok()?;
    let (header, consumed) = match read_header(format, &found.fields, &sample.data, true).unwrap() {
        HeaderRead::Done { consumed, header } => (header, consumed),
        HeaderRead::More => panic!("the sample is whole"),
    };
    let count = |fields: &[SourceField]| {
        let used: Vec<usize> = (0..fields.len()).collect();
        let mut decoder = decoder(format, fields, &used, MAX_RECORD_BYTES).unwrap();
        decoder.decode(&sample.data.slice(consumed..), header.as_ref(), false).bad.len()
    };
    let texts: Vec<_> = found.fields.iter().map(|f| SourceField { ty: DataType::String, ..f.clone() }).collect();
    Some((count(&found.fields), count(&texts)))
}

fn check(format: &Format, data: &[u8]) -> Result<(), TestCaseError> {
    if let Some((inferred, texts)) = bad(format, data) {
        prop_assert_eq!(inferred, texts, "{:?}", String::from_utf8_lossy(data));
    }
    Ok(())
}

const VALUES: &str = "-?[0-9]{1,20}|-?[0-9]{0,3}[.][0-9]{0,3}(e-?[0-9])?|true|False|nan|inf|2015-0[1-3]-(28|29|30)([ T]1[0-9]:0[0-9](:00(\\.5)?Z?)?)?|[a-c]{0,2}|\"\"|\"a,\n\"|\"7\"|0[0-9]|[+][0-9]";

proptest! {
    #![proptest_config(crate::format::fuzz::cases(1000))]

    #[test]
    fn any_bytes_are_taken(data in proptest::collection::vec(prop_oneof![
        4 => proptest::sample::select(&b"{}[]\":,\n\r1.ea -"[..]), 1 => any::<u8>(),
    ], 0..200)) {
        let headless = Format::Csv(CsvOptions { header: false, ..CsvOptions::default() });
        for format in [csv(), headless, json(), Format::Logfmt(LogfmtOptions::default())] {
            check(&format, &data)?;
            let cut = Sample { data: Bytes::from(data.clone()), whole: false };
            let _ = infer(&format, &cut, 3);
        }
    }

    /// Whatever it is, a format is found, and what is found for it reads it.
    #[test]
    fn any_text_is_some_format(data in fuzz::spoilt(fuzz::salad()), whole: bool) {
        let taken = Sample { data: Bytes::from(data.clone()), whole };
        let _ = guess::instead("csv", &String::from_utf8_lossy(&data));
        let format = match guess::guess(&taken) {
            guess::Guess::Csv { delimiter } => Format::Csv(CsvOptions { delimiter, ..CsvOptions::default() }),
            guess::Guess::Json => json(),
            guess::Guess::Logfmt => Format::Logfmt(LogfmtOptions::default()),
            _ => return Ok(()),
        };
        check(&format, &data)?;
        let _ = infer(&format, &taken, 5);
    }

    #[test]
    fn tables_are_read_by_what_was_found(
        rows in proptest::collection::vec(proptest::collection::vec(VALUES, 3), 1..8),
    ) {
        let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        check(&csv(), format!("a,b,c\n{}\n", rows.join("\n")).as_bytes())?;
    }

    #[test]
    fn objects_are_read_by_what_was_found(
        rows in proptest::collection::vec(proptest::collection::vec(prop_oneof![
            VALUES.prop_filter("", |v| !v.starts_with('"')).prop_map(|v| format!("\"{v}\"")),
            "-?(0|[1-9][0-9]{0,22})([.][0-9]{1,3})?(e[0-9])?|true|null|\\[1,\\{\\}\\]|\\{\"a\":\\{\"b\":1\\}\\}|\\[\\]",
        ], 3), 1..8),
        keys in "[ab]{3}",
    ) {
        let key = |i: usize| &keys[i..i + 1];
        let line = |row: &Vec<String>| format!("{{\"{}\":{},\"{}\":{},\"c\":{}}}", key(0), row[0], key(1), row[1], row[2]);
        let text: Vec<String> = rows.iter().map(line).collect();
        check(&json(), text.join("\n").as_bytes())?;
    }
}
