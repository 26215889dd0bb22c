//! logfmt: what is read and written, and the reference that the scanner is compared with.

use proptest::prelude::*;

use crate::data::DataType::{Boolean, Int, String as Text, Timestamp};
use crate::data::{Batch, Column, Field};
use crate::format::fuzz::{self, retyped};
use crate::format::local::Local;
use crate::format::{Format, LogfmtOptions, MAX_RECORD_BYTES, SourceField, TimestampStyle, encoder};

fn format() -> Format {
    Format::Logfmt(LogfmtOptions::default())
}

fn fields() -> Vec<SourceField> {
    [("a", Int), ("msg", Text), ("ok", Boolean), ("at", Timestamp)]
        .map(|(name, ty)| SourceField::new(name, ty, None))
        .to_vec()
}

fn read(fields: &[SourceField], data: &[u8]) -> (Vec<String>, Vec<String>) {
    let used: Vec<usize> = (0..fields.len()).collect();
    let (rows, bad, _) = fuzz::decode(&format(), fields, &used, data, MAX_RECORD_BYTES, &[1000]);
    (rows, bad.into_iter().map(|bad| bad.split_once(": ").unwrap().1.to_string()).collect())
}

#[test]
fn pairs() {
    let check = |line: &str, expect: &str| {
        assert_eq!(read(&fields(), line.as_bytes()), (vec![expect.to_string()], vec![]), "{line}")
    };
    check("a=1 msg=x ok=true at=2015-05-17T10:05:00Z", "1|x|true|2015-05-17T10:05:00Z|");
    check("  at=2015-05-17 \t ok  msg=\"a b\" a=2 \r\n", "2|a b|true|2015-05-17T00:00:00Z|");
    check("msg=http://x?a=1&b=\"2\" ok=false", "∅|http://x?a=1&b=\"2\"|false|∅|");
    check("msg=\"a\\\"b\\n\\u00e9\\ud83d\\ude00\\q\\ud83d\" a=1 a=2 a=x", "1|a\"b\né😀\\q\\ud83d|∅|∅|");
    check("msg= a=", "∅|∅|∅|∅|");
    check("msg=\"\"", "∅||∅|∅|");
    check("msg", "∅|true|∅|∅|");
    check("other=\"a=1\"", "∅|∅|∅|∅|");
    let bad =
        |line: &str, reason: &str| assert_eq!(read(&fields(), line.as_bytes()), (vec![], vec![reason.to_string()]));
    bad("=1", "a value without a key");
    bad("msg=\"x", "a quote is not closed");
    bad("msg=\"x\\\"", "a quote is not closed");
    bad("msg=\"x\"y", "text after a closing quote");
    bad("say \"x\"", "a quote that does not follow `=`");
    bad("a=x", "'x' is not an int");
    bad("a", "'true' is not an int");
}

#[test]
fn a_key_may_be_several_columns() {
    let fields = [retyped("x", Text, "a"), retyped("b", Text, "b"), retyped("y", Int, "a")];
    assert_eq!(read(&fields, b"b=1 a=2 a=3\na=4\n").0, ["2|1|2|", "4|∅|4|"]);
}

#[test]
fn rows_are_written_with_quotes_where_needed() {
    let schema = [("a", Int), ("msg", Text), ("at", Timestamp)].map(|(name, ty)| Field { name: name.into(), ty });
    let columns = vec![
        Column::Int(vec![Some(1), None, Some(3)].into()),
        Column::String(vec![Some("a \"b\"\n"), Some(""), None].into()),
        Column::Timestamp(vec![Some(0), None, Some(1)].into()),
    ];
    let written = |timestamp: TimestampStyle| {
        let mut out = Vec::new();
        encoder(&Format::Logfmt(LogfmtOptions { timestamp }), &schema).encode(
            &Batch::new(columns.clone(), 3),
            &mut out,
            None,
        );
        String::from_utf8(out).unwrap()
    };
    let iso = "a=1 msg=\"a \\\"b\\\"\\n\" at=1970-01-01T00:00:00Z\nmsg=\"\"\na=3 at=1970-01-01T00:00:00.000001Z\n";
    assert_eq!(written(TimestampStyle::Iso), iso);
    let local = TimestampStyle::Local { pattern: Some("%F %H".into()), zone: Some("Asia/Seoul".into()) };
    assert!(Local::of(&local).is_some());
    assert_eq!(written(local), "a=1 msg=\"a \\\"b\\\"\\n\" at=\"1970-01-01 09\"\nmsg=\"\"\na=3 at=\"1970-01-01 09\"\n");
}

/// The rules once more, the slow way: the first value of each key.
fn slowly(line: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut pairs: Vec<(String, Option<String>)> = Vec::new();
    let mut rest = line.trim_start_matches(|c| c <= ' ');
    while !rest.is_empty() {
        let key: String = rest.chars().take_while(|&c| c > ' ' && c != '=' && c != '"').collect();
        rest = &rest[key.len()..];
        let value = match rest.chars().next() {
            Some('=') if key.is_empty() => return None,
            Some('"') => return None,
            Some('=') => {
                rest = &rest[1..];
                if rest.starts_with('"') {
                    let close = closing(rest)?;
                    let text = resolved(&rest[1..close]);
                    rest = &rest[close + 1..];
                    rest.chars().next().is_none_or(|c| c <= ' ').then_some(())?;
                    Some(text)
                } else {
                    let value: String = rest.chars().take_while(|&c| c > ' ').collect();
                    rest = &rest[value.len()..];
                    (!value.is_empty()).then_some(value)
                }
            }
            _ => Some("true".to_string()),
        };
        if pairs.iter().all(|(known, _)| *known != key) {
            pairs.push((key, value));
        }
        rest = rest.trim_start_matches(|c| c <= ' ');
    }
    Some(pairs)
}

/// The place of the quote that closes the text that begins with one.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// As JSON resolves it, piece by piece; what JSON does not know stays.
fn resolved(text: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let json = |len: usize| {
            let piece = text.get(at..at + len)?;
            serde_json::from_str::<String>(&format!("\"{piece}\"")).ok()
        };
        let escape = text[at..].starts_with('\\');
        match escape.then(|| {
            [12, 6, 2].into_iter().find_map(|len| {
                let value = json(len)?;
                (value.chars().count() == 1).then_some((value, len))
            })
        }) {
            Some(Some((value, len))) => {
                out += &value;
                at += len;
            }
            _ => {
                let char = text[at..].chars().next().unwrap();
                out.push(char);
                at += char.len_utf8();
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(600))]

    #[test]
    fn the_scanner_finds_what_the_rules_say(
        data in fuzz::spoilt(proptest::collection::vec(prop_oneof![
            6 => "(a|b|msg|é)(=[a-z0-9=\"\\\\]{0,5})?[ \t]{1,2}", 3 => "(a|b|msg)=\"([a-zé =]|\\\\[\"\\\\nu/]|\\\\u00[0-9]e|\\\\ud83d\\\\ude00){0,5}\" ",
            2 => "\n|\r\n", 1 => "[a-z=\"\\\\ ]{0,4}",
        ], 0..20).prop_map(|pieces| pieces.concat())),
        max in prop_oneof![4 => Just(1000usize), 1 => 1usize..60], pieces in fuzz::pieces(),
    ) {
        let fields = [retyped("b", Text, "b"), retyped("m", Text, "msg"), retyped("a", Text, "a"), retyped("m2", Text, "msg")];
        let (rows, bad, _) = fuzz::decode(&format(), &fields, &[0, 1, 2, 3], &data, max, &pieces);
        let (mut expect, mut expect_bad) = (Vec::new(), 0);
        let Ok(text) = std::str::from_utf8(&data) else { return Ok(()) };
        for line in text.split('\n') {
            let short = line.strip_suffix('\r').unwrap_or(line);
            if line.len() > max {
                expect_bad += 1;
            } else if line.bytes().all(|byte| b" \t\r".contains(&byte)) {
            } else if let Some(pairs) = slowly(short) {
                let value = |key: &str| pairs.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.clone());
                let texts = ["b", "msg", "a", "msg"].map(|key| format!("{}|", value(key).unwrap_or("∅".into())));
                expect.push(texts.concat());
            } else {
                expect_bad += 1;
            }
        }
        prop_assert_eq!(bad.len(), expect_bad, "{:?}", bad);
        prop_assert_eq!(rows, expect);
    }

    /// What is written is read back.
    #[test]
    fn written_rows_are_read_back(rows in proptest::collection::vec((proptest::option::of(any::<i64>()), proptest::option::of("[a-c\"= \n\t\\\\\u{1}é]{0,9}"), any::<bool>()), 1..20)) {
        let schema = [("a", Int), ("msg", Text), ("ok", Boolean)].map(|(name, ty)| Field { name: name.into(), ty });
        let columns = vec![
            Column::Int(rows.iter().map(|row| row.0).collect()),
            Column::String(rows.iter().map(|row| row.1.clone()).collect()),
            Column::Boolean(rows.iter().map(|row| Some(row.2)).collect()),
        ];
        let mut out = Vec::new();
        encoder(&format(), &schema).encode(&Batch::new(columns, rows.len()), &mut out, None);
        let (found, bad) = read(&fields()[..3], &out);
        prop_assert_eq!(bad, Vec::<String>::new());
        let text = |(a, msg, ok): &(Option<i64>, Option<String>, bool)| {
            format!("{}|{}|{ok}|", a.map_or("∅".into(), |a| a.to_string()), msg.as_deref().unwrap_or("∅"))
        };
        prop_assert_eq!(found, rows.iter().map(text).collect::<Vec<_>>());
    }
}
