//! The ways through a block of CSV give the same, and a dialect is what the `csv` crate makes of it.

use bytes::Bytes;
use proptest::prelude::*;

use super::{CsvCutter, CsvDecoder, read_header};
use crate::data::DataType;
use crate::format::fuzz::in_pieces;
use crate::format::tests::show;
use crate::format::{CsvOptions, Decoded, Decoder, HeaderRead, SourceField};

fn dialects() -> impl Strategy<Value = CsvOptions> {
    let quote = prop_oneof![6 => Just(Some(b'"')), 1 => Just(Some(b'\'')), 1 => Just(None)];
    let escape = prop_oneof![4 => Just(None), 1 => Just(Some(b'\\'))];
    let comment = prop_oneof![2 => Just(None), 1 => Just(Some(b'#'))];
    (prop_oneof![Just(b','), Just(b'\t'), Just(b'|')], quote, escape, comment, any::<bool>()).prop_map(
        |(delimiter, quote, escape, comment, trim)| CsvOptions {
            delimiter,
            quote,
            escape,
            comment,
            trim,
            header: false,
            null: vec!["NA".into()],
            ..CsvOptions::default()
        },
    )
}

/// Records as a dialect should have them, with an odd piece here and there. `Q` and `D` are quote and delimiter.
fn texts() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        4 => "[0-9]{1,4}", 2 => "[a-zé]{0,20}", 3 => "Q[a-z]{0,30}Q", 1 => "QQ", 1 => Just("NA".to_string()),
        1 => "Q[a-z]{0,3}(D|\n|\r\n|QQ|[\\\\]Q|[\\\\][\\\\]|#)[a-z]{0,3}Q",
        1 => " ?Q?[a-z]{0,2}Q? ?"
    ];
    let record = (proptest::collection::vec(field, 3..4), prop_oneof![4 => Just("\n"), 1 => Just("\r\n")])
        .prop_map(|(fields, end)| fields.join("D") + end);
    let odd = prop_oneof![Just("\n".to_string()), "#[a-zQ,]{0,10}\n", "[a-zQD\r\n#\\\\ ]{0,6}", "[a-z]{1,3}D[a-z]\n"];
    proptest::collection::vec(prop_oneof![12 => record, 1 => odd], 0..30).prop_map(|all| all.concat())
}

fn bytes(text: &str, options: &CsvOptions) -> Vec<u8> {
    let quote = options.quote.unwrap_or(b'"');
    text.bytes()
        .map(|byte| match byte {
            b'Q' => quote,
            b'D' => options.delimiter,
            other => other,
        })
        .collect()
}

fn fields() -> [SourceField; 3] {
    let field = |name, ty| SourceField::new(name, ty, None);
    [field("a", DataType::String), field("b", DataType::Int), field("c", DataType::String)]
}

fn shown(decoded: Decoded) -> (Vec<String>, Vec<String>, u64) {
    let (rows, bad) = show(&decoded);
    (rows, bad, decoded.lines)
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(800))]

    #[test]
    fn the_fast_way_and_the_way_record_by_record_agree(
        options in dialects(), text in texts(), before: bool, max in prop_oneof![4 => Just(1000usize), 1 => 5usize..60],
    ) {
        let block = Bytes::from(bytes(&text, &options));
        let new = || CsvDecoder::new(&options, &fields(), &[2, 1, 0], max).unwrap();
        let mut decoder = new();
        if before {
            // A block with quotes is expected to be followed by one.
            decoder.decode(&Bytes::from(bytes("QxQD1Dy\n", &options)), None, false);
        }
        let any = shown(decoder.decode(&block, None, false));
        let slow = shown(new().by_records(&block));
        prop_assert_eq!(any, slow);
    }

    /// The cuts of the fast way are those of the slow one.
    #[test]
    fn blocks_are_cut_where_records_end(options in dialects(), text in texts(), pieces in proptest::collection::vec(1usize..80, 1..5)) {
        let data = bytes(&text, &options);
        let mut cutter = CsvCutter::new(&options, 1000);
        let decode = |data: &[u8]| CsvDecoder::new(&options, &fields(), &[0, 1, 2], 1000).unwrap().by_records(&Bytes::copy_from_slice(data));
        let cut = in_pieces(&mut cutter, &data, 1000, &pieces, decode);
        prop_assert_eq!(cut, shown(decode(&data)));
    }

    /// Sound CSV of any dialect is what the csv crate makes of it.
    #[test]
    fn a_dialect_is_what_the_csv_crate_makes_of_it(
        options in dialects(), rows in proptest::collection::vec(("[a-c\"',|\n\r\\\\é\t]{0,12}", "[a-z]{1,15}"), 1..10),
    ) {
        let (Some(quote), false, None) = (options.quote, options.trim, options.comment) else { return Ok(()) };
        // The crate does not escape the escape.
        let plain = |text: &str| if options.escape.is_some() { text.replace('\\', "") } else { text.to_string() };
        let rows: Vec<_> = rows.iter().map(|(a, b)| (plain(a), plain(b))).collect();
        let mut writer = ::csv::WriterBuilder::new()
            .delimiter(options.delimiter).quote(quote).terminator(::csv::Terminator::Any(b'\n'))
            .double_quote(options.escape.is_none()).escape(options.escape.unwrap_or(b'\\'))
            .from_writer(Vec::new());
        rows.iter().for_each(|(a, b)| writer.write_record([a, b]).unwrap());
        let data = writer.into_inner().unwrap();
        let mut builder = ::csv::ReaderBuilder::new();
        builder.delimiter(options.delimiter).quote(quote).escape(options.escape).has_headers(false);
        builder.terminator(::csv::Terminator::Any(b'\n'));
        let expect: Vec<String> = builder.from_reader(&data[..]).records().map(|record| {
            let record = record.unwrap();
            format!("{}|{}|", &record[0], &record[1])
        }).collect();
        let fields = [SourceField::new("a", DataType::String, None), SourceField::new("b", DataType::String, None)];
        let mut decoder = CsvDecoder::new(&CsvOptions { null: Vec::new(), ..options }, &fields, &[0, 1], 1000).unwrap();
        let (found, bad) = show(&decoder.decode(&Bytes::from(data), None, false));
        prop_assert_eq!(bad, Vec::<String>::new());
        prop_assert_eq!(found.iter().map(|row| row.replace('∅', "")).collect::<Vec<_>>(), expect);
    }
}

#[test]
fn dialects_in_words() {
    let check = |options: CsvOptions, text: &str, rows: &[&str]| {
        let fields = [SourceField::new("a", DataType::String, None), SourceField::new("b", DataType::String, None)];
        let mut decoder = CsvDecoder::new(&options, &fields, &[0, 1], 1000).unwrap();
        let (found, bad) = show(&decoder.decode(&Bytes::copy_from_slice(text.as_bytes()), None, false));
        assert_eq!((found, bad), (rows.iter().map(|row| row.to_string()).collect(), Vec::<String>::new()), "{text:?}");
    };
    let plain = || CsvOptions { header: false, ..CsvOptions::default() };
    check(CsvOptions { quote: Some(b'\''), ..plain() }, "'a,b',\"c\"\n", &["a,b|\"c\"|"]);
    check(CsvOptions { quote: None, ..plain() }, "\"a,b\n", &["\"a|b|"]);
    check(CsvOptions { escape: Some(b'\\'), ..plain() }, "\"a\\\"b\",\"\\\\\"\n", &["a\"b|\\|"]);
    check(CsvOptions { comment: Some(b'#'), ..plain() }, "# \"x\na,b\n#\nc,#d\n", &["a|b|", "c|#d|"]);
    check(CsvOptions { trim: true, ..plain() }, " a , b\t\n \" c \" ,  \n", &["a|b|", " c |∅|"]);
    check(CsvOptions { delimiter: b'\t', trim: true, ..plain() }, " a\t b \n\tc\n", &["a|b|", "∅|c|"]);
}

#[test]
fn headers_of_a_dialect() {
    let options = CsvOptions { comment: Some(b'#'), trim: true, quote: Some(b'\''), ..CsvOptions::default() };
    let text = "# made today\n\n  a , 'b c'\n1,2\n";
    let HeaderRead::Done { consumed, header } = read_header(&options, &[], text.as_bytes(), true).unwrap() else {
        panic!("it ends")
    };
    let header = header.unwrap();
    assert_eq!((consumed, header.lines, header.names.join("|").as_str()), (26, 3, "a|b c"));
}
