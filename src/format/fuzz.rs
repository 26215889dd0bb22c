//! What every decoder must bear: any bytes, cut anywhere, with any columns in use, and the same records come out.
//!
//! Here are also the parts that such tests of all formats have in common. `PROPTEST_CASES=100000 cargo test --release --lib
//! format::` runs all of them long; so it does for `expr::` (what expressions must bear, `expr/tests/fuzz.rs`), for
//! `connect::` and, as tests of `--test it`, `fuzz::` (job files).

use bytes::Bytes;
use proptest::prelude::*;

use super::tests::show;
use super::*;
use crate::data::DataType::{self, Boolean, Decimal, Double, Int, String as Text, Timestamp};

/// Rows, bad records and lines, as text.
pub type Shown = (Vec<String>, Vec<String>, u64);

/// Decodes `data` as one block, and cut into blocks while it comes in pieces, and sees to it that both give the same.
pub fn decode(
    format: &Format,
    fields: &[SourceField],
    used: &[usize],
    data: &[u8],
    max: usize,
    pieces: &[usize],
) -> Shown {
    let (consumed, header) = match read_header(format, fields, data, true) {
        Ok(HeaderRead::Done { consumed, header }) => (consumed, header),
        Ok(HeaderRead::More) => panic!("nothing more comes"),
        Err(_) => return Shown::default(),
    };
    let data = &data[consumed..];
    let new = || decoder(format, fields, used, max).unwrap();
    let block = new().decode(&Bytes::copy_from_slice(data), header.as_ref(), false);
    let (rows, bad) = show(&block);
    let whole = (rows, bad, block.lines);
    let (mut decoder, mut header) = (new(), header);
    let cut = in_pieces(&mut *cutter(format, max), data, max, pieces, |part| {
        let block = decoder.decode(&Bytes::copy_from_slice(part), header.as_ref(), false);
        header = header_behind(format, &header, part);
        block
    });
    assert_eq!(cut, whole, "{data:?} in pieces of {pieces:?}");
    whole
}

/// Feeds `data` to a cutter in pieces, decodes what it cuts, and puts it together with places in the whole data.
pub fn in_pieces(
    cutter: &mut dyn Cutter,
    data: &[u8],
    max: usize,
    pieces: &[usize],
    mut decode: impl FnMut(&[u8]) -> Decoded,
) -> Shown {
    let (mut rows, mut bad, mut lines) = (Vec::new(), Vec::new(), 0);
    let (mut at, mut end, mut piece) = (0, 0, 0);
    while at < data.len() {
        match cutter.cut(&data[at..end], end == data.len()) {
            Cut::More => {
                assert!(end < data.len() && end - at <= max, "a record is held that is too long");
                end = (end + pieces[piece % pieces.len()]).min(data.len());
                piece += 1;
            }
            Cut::Skip(len) => at += len,
            Cut::Records(len) => {
                let mut block = decode(&data[at..at + len]);
                for record in &mut block.bad {
                    record.row += rows.len();
                    record.offset += at;
                    record.line += lines;
                }
                let (more, worse) = show(&block);
                rows.extend(more);
                bad.extend(worse);
                lines += block.lines;
                at += len;
            }
        }
    }
    assert_eq!(cutter.cut(&[], true), Cut::More);
    (rows, bad, lines)
}

/// So many cases, or as many as `PROPTEST_CASES` says: for long runs.
pub fn cases(cases: u32) -> ProptestConfig {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|said| said.parse().ok());
    ProptestConfig::with_cases(said.unwrap_or(cases))
}

/// How data comes in.
pub fn pieces() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1usize..30, 30usize..300], 1..5)
}

/// Text with bytes changed here and there.
pub fn spoilt(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), Just(b'"'), Just(b'\n'), Just(b' '), Just(b'\\'), Just(b'['), Just(b'=')];
    let spoil = proptest::collection::vec((any::<prop::sample::Index>(), byte), 0..4);
    (text, spoil, proptest::bool::weighted(0.3)).prop_map(|(text, spoil, any)| {
        let mut bytes = text.into_bytes();
        for (at, byte) in spoil.into_iter().filter(|_| any && !bytes.is_empty()).collect::<Vec<_>>() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// Any format that can be read, and columns for it.
fn formats() -> impl Strategy<Value = (Format, Vec<SourceField>)> {
    let pattern = |text: &str| Format::Regex(RegexOptions { pattern: text.into() });
    let syslog = |year, zone: Option<&str>| Format::Syslog(SyslogOptions { year, zone: zone.map(str::to_string) });
    let csv = |header, quote, escape, comment, trim| {
        Format::Csv(CsvOptions { header, quote, escape, comment, trim, ..CsvOptions::default() })
    };
    let format = prop_oneof![
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(move |(h, q, e, c, t)| csv(h, q.then_some(b'"'), e.then_some(b'\\'), c.then_some(b'#'), t)),
        Just(Format::Json(JsonOptions::default())),
        Just(Format::Lines),
        Just(Format::Logfmt(LogfmtOptions::default())),
        Just(Format::AccessLog),
        Just(syslog(Year::Of(2015), Some("Europe/Berlin"))),
        Just(syslog(Year::Now, None)),
        Just(pattern("^(?<a>[^ ]*) (?<b>.*)$")),
        Just(pattern("(?-u)(?<a>.)(?<b>.)?")),
    ];
    let own = |name: &str, ty| SourceField::new(name, ty, None);
    format.prop_map(move |format| {
        let types = [Int, Text, Double, Timestamp, Boolean, Decimal { precision: 9, scale: 2 }];
        let fields = match format.fields() {
            Some(fields) => fields,
            None => types.iter().zip(["a", "b", "c", "d", "e", "f"]).map(|(&ty, name)| own(name, ty)).collect(),
        };
        (format, fields)
    })
}

/// Pieces of all formats, in no order.
pub fn salad() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just("\n".to_string()), 1 => Just("\r\n".to_string()), 3 => Just(" ".to_string()), 2 => Just(",".to_string()),
        2 => Just("\"".to_string()), 1 => Just("\\".to_string()), 1 => "[a-f]=[0-9a-z\"]{0,4}", 1 => "[a-f\u{feff}é#\t]",
        1 => "-?[0-9]{1,4}", 1 => "<[0-9]{0,3}>1? ?", 1 => "(Jan|Jun|Dec) [ 123][0-9] 1[0-9]:0[0-9]:[0-5][0-9]",
        1 => Just("2015-05-17T10:05:00.5Z".to_string()), 1 => Just("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5".to_string()),
        1 => "\\{\"[a-f]\":(1|\"x\"|null|\\[\\{\\}\\]|true)\\}", 1 => "[\\[\\]{}:]", 1 => "host app(\\[[0-9]{1,3}\\])?: ",
        1 => "0,b,1.5,2015-05-17T10:05:00Z,true,2.50\n",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(800))]

    #[test]
    fn decoders_bear_anything(
        (format, fields) in formats(), data in spoilt(salad()), max in prop_oneof![3 => Just(100_000usize), 1 => 1usize..100],
        pieces in pieces(), used in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let all: Vec<usize> = (0..fields.len()).collect();
        let used: Vec<usize> = used.iter().map(|index| index.index(fields.len())).collect();
        let (rows, bad, lines) = decode(&format, &fields, &all, &data, max, &pieces);
        let (fewer, fewer_bad, same_lines) = decode(&format, &fields, &used, &data, max, &pieces);
        prop_assert_eq!(lines, same_lines);
        // What nobody uses is not judged.
        prop_assert!(fewer.len() >= rows.len() && fewer_bad.len() <= bad.len());
        prop_assert_eq!(fewer.len() + fewer_bad.len(), rows.len() + bad.len());
        if bad.is_empty() {
            for (row, chosen) in rows.iter().zip(&fewer) {
                let values: Vec<&str> = row.split('|').collect();
                // Values with the mark between values in them cannot be told apart.
                if values.len() == fields.len() + 1 {
                    let expect: String = used.iter().map(|&field| format!("{}|", values[field])).collect();
                    prop_assert_eq!(chosen, &expect);
                }
            }
        }
    }
}

/// A type that a field of a format by itself may be read as instead.
pub fn retyped(name: &str, ty: DataType, from: &str) -> SourceField {
    SourceField::new(name, ty, Some(from))
}
