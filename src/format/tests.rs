//! Whole formats: cutting, decoding and encoding against models and the library parsers, on fuzzed input.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::data::DataType::{self, Boolean, Decimal, Double, Int, String as Text, Timestamp};
use crate::data::{Column, ColumnBuilder, Schema};

fn fields(types: &[(&str, DataType)]) -> Vec<SourceField> {
    types.iter().map(|&(name, ty)| SourceField::new(name, ty, None)).collect()
}

fn csv(header: bool) -> Format {
    Format::Csv(CsvOptions { header, ..CsvOptions::default() })
}

fn json() -> Format {
    Format::Json(JsonOptions::default())
}

/// Values of all rows, `∅` for null, then the bad records.
pub fn show(decoded: &Decoded) -> (Vec<String>, Vec<String>) {
    let mut rows = vec![String::new(); decoded.rows];
    for column in &decoded.columns {
        assert_eq!(column.len(), decoded.rows);
        let mut values = writer::Values::new(column, &TimestampStyle::Iso);
        for (i, row) in rows.iter_mut().enumerate() {
            let mut text = Vec::new();
            writer::write_value(&mut values, i, &mut text);
            let text = String::from_utf8(text).unwrap();
            row.push_str(&if values.is_null(i) { "∅|".to_string() } else { format!("{text}|") });
        }
    }
    let bad = decoded.bad.iter().map(|b| {
        let column = b.column.as_deref().unwrap_or("-");
        format!("row {} at {}+{} line {} {column}: {}", b.row, b.offset, b.len, b.line, b.reason)
    });
    (rows, bad.collect())
}

fn decode(format: &Format, fields: &[SourceField], data: &[u8], max_record: usize) -> Decoded {
    let used: Vec<usize> = (0..fields.len()).collect();
    decoder(format, fields, &used, max_record).unwrap().decode(&Bytes::copy_from_slice(data), None, false)
}

/// Rows and reasons of one text; the reasons only, without their places.
fn check(format: &Format, types: &[(&str, DataType)], data: &str, rows: &[&str], bad: &[&str]) {
    let decoded = decode(format, &fields(types), data.as_bytes(), MAX_RECORD_BYTES);
    let (found, reasons) = show(&decoded);
    assert_eq!(found, rows, "{data:?} {reasons:?}");
    let reasons: Vec<&str> = decoded.bad.iter().map(|b| b.reason.as_str()).collect();
    assert_eq!(reasons, bad, "{data:?}");
}

#[test]
fn csv_records() {
    let types = [("a", Int), ("b", Text)];
    let ok = |data, rows: &[&str]| check(&csv(false), &types, data, rows, &[]);
    ok("1,x\n2,y\n", &["1|x|", "2|y|"]);
    ok("1,x\r\n2,y", &["1|x|", "2|y|"]);
    ok("1,x\n\n\r\n2,y\r\n", &["1|x|", "2|y|"]);
    ok("1,\n,\"\"\n,\n", &["1|∅|", "∅||", "∅|∅|"]);
    ok("1,\"a,\"\"b\"\"\nc\"\n2,z\n", &["1|a,\"b\"\nc|", "2|z|"]);
    ok("1,\"a\"\r\n\"2\",b\n", &["1|a|", "2|b|"]);
    ok("1,a\rb\n2,a\"b\n", &["1|a\rb|", "2|a\"b|"]);
    ok("1,a\0b\n", &["1|a\0b|"]);
    ok("1,é\n2,\"ü\"\n", &["1|é|", "2|ü|"]);
    ok("", &[]);
    ok("\n\n", &[]);
    ok("-9223372036854775808,a long string of text\n", &["-9223372036854775808|a long string of text|"]);
    let bad = |data, rows: &[&str], bad: &[&str]| check(&csv(false), &types, data, rows, bad);
    bad("1\n2,y\n3,z,\n", &["2|y|"], &["expected 2 fields, found 1", "expected 2 fields, found 3"]);
    bad("1,\"x\"y\n2,y\n", &["2|y|"], &["text after a closing quote"]);
    bad("x,x\n2,y\n", &["2|y|"], &["'x' is not an int"]);
    bad("\"\",x\n2,y\n", &["2|y|"], &["'' is not an int"]);
    bad("9223372036854775808,x\n", &[], &["'9223372036854775808' does not fit an int (64 bits)"]);
    let open = "a quote is still open at the end of the input or after 16 MiB (max_record)";
    bad("1,\"x\n2,y\n3,z", &["2|y|", "3|z|"], &[open]);
    bad("1,\"x", &[], &[open]);
    let long = format!("{},x\n", "y".repeat(100));
    bad(&long, &[], &[&format!("'{}…' is not an int", "y".repeat(64))]);
}

#[test]
fn csv_types() {
    let types = [("d", Double), ("p", Decimal { precision: 5, scale: 2 }), ("b", Boolean), ("t", Timestamp)];
    let text = "1.5,2.5,true,2015-05-17 10:05:00\n,,,\n-0.25,-1,0,2015-05-17T10:05:00.5+01:00\n";
    let rows = ["1.5|2.50|true|2015-05-17T10:05:00Z|", "∅|∅|∅|∅|", "-0.25|-1.00|false|2015-05-17T09:05:00.500Z|"];
    check(&csv(false), &types, text, &rows, &[]);
    let reasons = [
        "'x' is not a double",
        "'1.234' has too many digits behind the point for decimal(5,2)",
        "'1234' is too large for decimal(5,2)",
        "'yes' is not a boolean",
        "'noon' is not a timestamp such as 2015-05-17T10:05:00Z",
    ];
    check(&csv(false), &types, "x,1,1,\n1,1.234,1,\n1,1234,1,\n1,1,yes,\n1,1,1,noon\n", &[], &reasons);
}

#[test]
fn csv_fields_are_found_by_name_and_null_texts_are_null() {
    let options = CsvOptions { null: vec!["NA".into(), "-1".into()], ..CsvOptions::default() };
    let fields = fields(&[("b", Text), ("a", Int)]);
    let header = Arc::new(Header { names: ["x", "a", "b"].map(str::to_string).to_vec(), lines: 1, years: None });
    let mut decoder = decoder(&Format::Csv(options), &fields, &[1, 0], MAX_RECORD_BYTES).unwrap();
    let block = Bytes::from_static(b"no int,-1,NA\r\n,2,\"NA\"\r\n,3,y\n\xff,4,z\n,5,\xff\n");
    let decoded = decoder.decode(&block, Some(&header), false);
    let (rows, bad) = show(&decoded);
    assert_eq!(rows, ["∅|∅|", "2|NA|", "3|y|", "4|z|"]);
    assert_eq!(bad, ["row 4 at 34+4 line 4 b: not valid UTF-8"]);
    assert_eq!(decoded.lines, 5);
}

#[test]
fn json_values() {
    let types = [("a", Int), ("s", Text), ("d", Double), ("p", Decimal { precision: 6, scale: 2 }), ("b", Boolean)];
    let ok = |data, rows: &[&str]| check(&json(), &types, data, rows, &[]);
    ok(r#"{"a":1,"s":"x","d":1.5,"p":2.5,"b":true}"#, &["1|x|1.5|2.50|true|"]);
    ok("{\"s\":\"x\"}\n\n \r\n{\"a\":null,\"s\":\"\"}\r\n", &["∅|x|∅|∅|∅|", "∅||∅|∅|∅|"]);
    ok(r#" { "a" : 7 , "z":{"a":[1,{}]} , "s" :"}" } "#, &["7|}|∅|∅|∅|"]);
    ok(r#"{"a":1,"a":"x"}"#, &["1|∅|∅|∅|∅|"]);
    ok(r#"{"\u0061":2,"s":"\u00e9\n\"","p":"1.20"}"#, &["2|é\n\"|∅|1.20|∅|"]);
    ok(r#"{"s":12}"#, &["∅|12|∅|∅|∅|"]);
    ok(r#"{"s":[1, "a"],"d":1e3}"#, &["∅|[1, \"a\"]|1000.0|∅|∅|"]);
    ok("{}", &["∅|∅|∅|∅|∅|"]);
    ok(r#"{"unused":nonsense 5,"x":"\q","a":3}"#, &["3|∅|∅|∅|∅|"]);
    let bad = |data: &str, reason| check(&json(), &types, &format!("{data}\n{{\"a\":9}}"), &["9|∅|∅|∅|∅|"], &[reason]);
    bad(r#"{"a":"1"}"#, "'\"1\"' is not an int");
    bad(r#"{"a":1.0}"#, "'1.0' is not an int");
    bad(r#"{"a":01}"#, "'01' is not an int");
    bad(r#"{"a":true}"#, "'true' is not an int");
    bad(r#"{"a":99999999999999999999}"#, "'99999999999999999999' does not fit an int (64 bits)");
    bad(r#"{"b":1}"#, "'1' is not a boolean");
    bad(r#"{"d":.5}"#, "'.5' is not a JSON value");
    bad(r#"{"d":inf}"#, "'inf' is not a JSON value");
    bad(r#"{"s":nope}"#, "'nope' is not a JSON value");
    bad(r#"{"s":"\q"}"#, "'\"\\q\"' is not a JSON value");
    bad(r#"{"s":"a" "b"}"#, "'\"a\" \"b\"' is not a JSON value");
    bad("{\"s\":\"\u{1}\"}", "'\"\u{1}\"' is not a JSON value");
    bad("[1]", "the line is not a JSON object");
    bad("x", "the line is not a JSON object");
    bad(r#"{"a" 1}"#, "the line is not a JSON object");
    bad(r#"{"a":1,}"#, "the line is not a JSON object");
    bad(r#"{a:1}"#, "the line is not a JSON object: a key is not a string");
    bad(r#"{"a":1"#, "the line is not a JSON object: its brackets do not match");
    bad(r#"{"a":[1}"#, "the line is not a JSON object: its brackets do not match");
    bad(r#"{"a":1]"#, "the line is not a JSON object: its brackets do not match");
    bad(r#"{"s":"x}"#, "the line is not a JSON object: a string is not closed");
    bad(r#"{"a":1} x"#, "text behind the JSON object");
    bad(r#"{"a":1}{"#, "text behind the JSON object");
    let nested = |n| format!("{{\"z\":{}{}}}", "[".repeat(n), "]".repeat(n));
    ok(&nested(127), &["∅|∅|∅|∅|∅|"]);
    bad(&nested(128), "the JSON object is more than 128 levels deep");
}

#[test]
fn far_years_are_read_from_json_as_from_csv() {
    let types = [("t", Timestamp)];
    let year = "+010000-01-01T00:00:00Z";
    check(&json(), &types, &format!("{{\"t\":\"{year}\"}}"), &[&format!("{year}|")], &[]);
    check(&csv(false), &types, year, &[&format!("{year}|")], &[]);
    check(&json(), &types, "{\"t\":+1}", &[], &["'+1' is not a JSON value"]);
}

#[test]
fn json_paths() {
    let from = |name: &str, ty, from| SourceField::new(name, ty, Some(from));
    let mut at = from("at", Timestamp, "meta.at");
    at.timestamp = TimestampSource::Unit(1000);
    let fields =
        [from("city", Text, "user.address.city"), from("price", Int, "items[1].price"), at, from("u", Text, "user")];
    let text = concat!(
        r#"{"items":[{"price":1},{"x":[2],"price":3}],"user":{"address":{"city":"Seoul"}},"meta":{"at":1500}}"#,
        "\n",
        r#"{"user":5,"items":[],"meta":{"at":null}}"#,
        "\n",
        r#"{"user":{"address":{}},"user":{"address":{"city":"no"}},"items":[1]}"#,
        "\n",
        r#"{"items":[{},{"price" 3}]}"#,
        "\n",
    );
    let decoded = decode(&json(), &fields, text.as_bytes(), MAX_RECORD_BYTES);
    let (rows, bad) = show(&decoded);
    assert_eq!(
        rows,
        [r#"Seoul|3|1970-01-01T00:00:01.500Z|{"address":{"city":"Seoul"}}|"#, "∅|∅|∅|5|", r#"∅|∅|∅|{"address":{}}|"#]
    );
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(decoded.seen, [true, true, true, true]);
    let decoded = decode(&json(), &fields, b"{\"items\":[]}", MAX_RECORD_BYTES);
    assert_eq!(decoded.seen, [false; 4]);
}

#[test]
fn lines() {
    let types = [("line", Text)];
    check(&Format::Lines, &types, "a\r\n\nb\"c", &["a|", "|", "b\"c|"], &[]);
    let decoded = decode(&Format::Lines, &fields(&types), b"a\n\xff\nb\nlonger\nc", 5);
    let (rows, bad) = show(&decoded);
    assert_eq!(rows, ["a|", "b|", "c|"]);
    assert_eq!(
        bad,
        [
            "row 1 at 2+1 line 1 line: not valid UTF-8",
            "row 2 at 6+6 line 3 -: the record is longer than 5 bytes (max_record)"
        ]
    );
}

fn csv_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[0-9]{1,3}", 3 => Just(",".to_string()), 3 => Just("\n".to_string()), 1 => Just("\"".to_string()),
        1 => "\"[a-c,\n]{0,6}\"", 1 => "\"\"", 1 => "\r\n|\r|é|a", 4 => "[0-9]{1,2},[a-z]{1,15}\n"
    ];
    let text = proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes());
    (text, proptest::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()))).prop_map(|(mut text, byte)| {
        if let Some((at, byte)) = byte
            && !text.is_empty()
        {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(2000))]

    /// The same records whatever the pieces they come in, and never more than a record in memory.
    #[test]
    fn csv_cuts_do_not_depend_on_pieces(
        data in csv_bytes(), max in 1usize..40, pieces in proptest::collection::vec(1usize..30, 1..5)
    ) {
        let fields = fields(&[("a", Int), ("b", Text)]);
        let (_, _, lines) = fuzz::decode(&csv(false), &fields, &[0, 1], &data, max, &pieces);
        prop_assert_eq!(lines as usize, data.split_inclusive(|&b| b == b'\n').count());
    }

    #[test]
    fn line_cuts_do_not_depend_on_pieces(
        data in csv_bytes(), max in 1usize..40, pieces in proptest::collection::vec(1usize..30, 1..5)
    ) {
        fuzz::decode(&Format::Lines, &fields(&[("line", Text)]), &[0], &data, max, &pieces);
    }

    /// Well-formed CSV is what the csv crate reads.
    #[test]
    fn csv_as_the_csv_crate(
        rows in proptest::collection::vec(("[a-c\",\n\r é]{0,20}", "[a-z]{0,15}"), 1..10), crlf: bool, always: bool
    ) {
        let mut writer = ::csv::WriterBuilder::new()
            .terminator(if crlf { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') })
            .quote_style(if always { ::csv::QuoteStyle::Always } else { ::csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        for (a, b) in &rows {
            writer.write_record([a, b]).unwrap();
        }
        let decoded = decode(&csv(false), &fields(&[("a", Text), ("b", Text)]), &writer.into_inner().unwrap(), 1 << 20);
        let (found, bad) = show(&decoded);
        prop_assert_eq!(bad, Vec::<String>::new());
        let expect: Vec<_> = rows.iter().map(|(a, b)| format!("{a}|{b}|")).collect();
        prop_assert_eq!(found.iter().map(|r| r.replace('∅', "")).collect::<Vec<_>>(), expect);
    }

    /// What is written is read back: values, nulls, empty strings.
    #[test]
    fn written_rows_are_read_back(
        rows in proptest::collection::vec((
            proptest::option::of(any::<i64>()), proptest::option::of("[a\",\n\r\\\\\u{1}é]{0,20}"),
            proptest::option::of(any::<f64>().prop_filter("finite", |d| d.is_finite())),
            proptest::option::of(prop_oneof![-100_000_000_000_000i64..100_000_000_000_000, any::<i64>(), 253_402_300_800_000_000..253_402_300_830_000_000i64]), proptest::option::of(any::<bool>()),
            proptest::option::of(-99_999i128..99_999),
        ), 0..20),
        plain: bool,
    ) {
        let types = [("a", Int), ("s", Text), ("d", Double), ("t", Timestamp), ("b", Boolean), ("p", Decimal { precision: 5, scale: 2 })];
        let text = |s: &Option<String>| match plain {
            true => s.as_ref().map(|s| s.replace(['"', ',', '\n', '\r', '\\', '\u{1}'], "x")),
            false => s.clone(),
        };
        let decimals = rows.iter().map(|r| r.5).collect::<arrow_array::Decimal128Array>();
        let columns = vec![
            Column::Int(rows.iter().map(|r| r.0).collect()),
            Column::String(rows.iter().map(|r| text(&r.1)).collect()),
            Column::Double(rows.iter().map(|r| r.2).collect()),
            Column::Timestamp(rows.iter().map(|r| r.3).collect()),
            Column::Boolean(rows.iter().map(|r| r.4).collect()),
            Column::Decimal(decimals.with_precision_and_scale(5, 2).unwrap()),
        ];
        let batch = Batch::new(columns, rows.len());
        let schema: Vec<Field> = types.iter().map(|&(name, ty)| Field { name: name.into(), ty }).collect();
        for format in [csv(false), json()] {
            let (mut out, mut ends) = (Vec::new(), Vec::new());
            encoder(&format, &schema).encode(&batch, &mut out, Some(&mut ends));
            prop_assert_eq!(ends.len(), rows.len());
            prop_assert_eq!(ends.last().map_or(0, |&e| e as usize), out.len());
            let decoded = decode(&format, &fields(&types), &out, 1 << 20);
            prop_assert_eq!(show(&decoded), show(&Decoded { columns: batch.columns.clone(), rows: rows.len(), ..Decoded::default() }));
        }
    }
}

#[test]
fn encoded_forms() {
    let schema = Schema::new([("a,b", Int), ("s", Text), ("t", Timestamp)]).fields;
    let columns = vec![
        Column::Int(vec![Some(1), None].into()),
        Column::String(arrow_array::StringViewArray::from(vec![Some("x\"y"), Some("")])),
        Column::Timestamp(vec![Some(1_500_000), Some(-1)].into()),
    ];
    let batch = Batch::new(columns, 2);
    let encoded = |format: Format| {
        let mut encoder = encoder(&format, &schema);
        let mut out = encoder.header();
        encoder.encode(&batch, &mut out, None);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        encoded(csv(true)),
        "\"a,b\",s,t\n1,\"x\"\"y\",1970-01-01T00:00:01.500Z\n,\"\",1969-12-31T23:59:59.999999Z\n"
    );
    let millis =
        CsvOptions { delimiter: b'\t', header: false, timestamp: TimestampStyle::Millis, ..CsvOptions::default() };
    assert_eq!(encoded(Format::Csv(millis)), "1\t\"x\"\"y\"\t1500\n\t\"\"\t-1\n");
    assert_eq!(
        encoded(Format::Json(JsonOptions { timestamp: TimestampStyle::Seconds })),
        "{\"a,b\":1,\"s\":\"x\\\"y\",\"t\":1}\n{\"a,b\":null,\"s\":\"\",\"t\":-1}\n"
    );
    assert_eq!(
        encoded(Format::Table { line: None }),
        concat!(
            "a,b  s    t\n",
            "───  ───  ───────────────────────────\n",
            "  1  x\"y  1970-01-01T00:00:01.500Z\n",
            "          1969-12-31T23:59:59.999999Z\n"
        )
    );
}

/// Every type that has no loop of its own, through CSV and JSON and back.
#[test]
fn rare_types_are_written_and_read_back() {
    let of = |ty: &str, texts: [Option<&str>; 3]| {
        let ty = crate::spec::parse_type(ty).unwrap();
        let mut builder = ColumnBuilder::new(ty, 3);
        texts.iter().for_each(|text| match text {
            Some(text) => builder.append_text(text).unwrap(),
            None => builder.append_null(),
        });
        builder.finish()
    };
    let columns = vec![
        of("bytes", [Some("AAH/"), None, Some("")]),
        of("date", [Some("2016-02-29"), Some("-000001-12-31"), None]),
        of("interval", [Some("1y -2mo 3d 0.5s"), None, Some("0s")]),
        of("json", [Some("{\"a\": [1, \"x\\n\"]}"), Some("\"text\""), None]),
        of("list<string>", [Some("[\"a,b\",\"\",null]"), Some("[]"), None]),
        of(
            "struct<a int, b list<date>>",
            [Some("{\"a\":1,\"b\":[\"2015-05-17\"]}"), Some("{\"a\":null,\"b\":null}"), None],
        ),
    ];
    let names = ["bytes", "date", "interval", "json", "list", "struct"];
    let schema = Schema::new(names.iter().zip(&columns).map(|(name, column)| (*name, column.data_type())));
    let fields: Vec<SourceField> = schema.fields.iter().map(|f| SourceField::new(&f.name, f.ty, None)).collect();
    let batch = Batch::new(columns, 3);
    for format in
        [Format::Csv(CsvOptions { header: false, ..CsvOptions::default() }), Format::Json(JsonOptions::default())]
    {
        let mut out = Vec::new();
        encoder(&format, &schema.fields).encode(&batch, &mut out, None);
        let text = String::from_utf8(out.clone()).unwrap();
        let mut decoder = decoder(&format, &fields, &[0, 1, 2, 3, 4, 5], MAX_RECORD_BYTES).unwrap();
        let decoded = decoder.decode(&Bytes::from(out), None, false);
        assert_eq!((decoded.rows, decoded.bad), (3, Vec::new()), "{text}");
        for (read, written) in decoded.columns.iter().zip(&batch.columns) {
            let shown = |column: &Column| (0..3).map(|row| column.display(row)).collect::<Vec<_>>();
            assert_eq!(shown(read), shown(written), "{text}");
            assert_eq!(read.data_type(), written.data_type());
        }
        // The same through row keys, which state and exchanges are made of.
        let columns: Vec<&Column> = batch.columns.iter().collect();
        let keys = crate::data::rowkey::RowKeys::encode(&columns, 3);
        let types: Vec<_> = schema.fields.iter().map(|field| field.ty).collect();
        let back = crate::data::rowkey::decode((0..3).map(|row| keys.get(row)), &types, 3);
        for (back, column) in back.iter().zip(&batch.columns) {
            assert!((0..3).all(|row| back.display(row) == column.display(row)), "{}", column.data_type());
        }
    }
}
