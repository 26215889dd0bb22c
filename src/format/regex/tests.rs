//! Lines by a pattern.

use super::*;
use crate::format::fuzz::{self, retyped};
use crate::format::{Format, MAX_RECORD_BYTES};
use proptest::prelude::*;

fn read(pattern: &str, fields: Option<&[SourceField]>, data: &[u8]) -> (Vec<String>, Vec<String>) {
    let format = Format::Regex(RegexOptions { pattern: pattern.into() });
    let fields = fields.map_or_else(|| format.fields().unwrap(), <[SourceField]>::to_vec);
    let used: Vec<usize> = (0..fields.len()).collect();
    let (rows, bad, _) = fuzz::decode(&format, &fields, &used, data, MAX_RECORD_BYTES, &[1000]);
    (rows, bad.into_iter().map(|bad| bad.split_once(": ").unwrap().1.to_string()).collect())
}

#[test]
fn groups_are_columns() {
    let pattern = "^(?<user>[^ ]*) (?P<ms>[0-9]+)(?:ms)?( (?<more>.*))?$";
    let text = b"ada 12ms\n 5 \r\n\nbob 7 x y\nno\n";
    let none = "the line does not match the pattern".to_string();
    assert_eq!(
        read(pattern, None, text),
        (vec!["ada|12|∅|".into(), "|5||".into(), "bob|7|x y|".into()], vec![none.clone()])
    );
    let fields = [retyped("took", DataType::Int, "ms"), SourceField::new("user", DataType::String, None)];
    assert_eq!(read(pattern, Some(&fields), text), (vec!["12|ada|".into(), "5||".into(), "7|bob|".into()], vec![none]));
    assert_eq!(read("(?<a>x)", None, b"\xffx\n").0, ["x|"]);
    assert_eq!(read("(?<a>(?-u:.))x", None, b"\xffx\n").1, ["not valid UTF-8"]);
    assert_eq!(read("(?<n>[0-9]*)$", Some(&[SourceField::new("n", DataType::Int, None)]), b"a1\nb\n").0, ["1|", "∅|"]);
}

#[test]
fn patterns_that_cannot_be_used() {
    let reason = |pattern: &str| fields(&RegexOptions { pattern: pattern.into() }).unwrap_err();
    assert_eq!(reason("(a"), "unclosed group");
    assert_eq!(reason("(a)"), "it has no named group, such as (?<name>…)");
    let options = RegexOptions { pattern: "(?<a>x)".into() };
    assert!(decoder(&options, &[SourceField::new("b", DataType::String, None)], &[0], 10).is_err());
}

proptest! {
    #![proptest_config(fuzz::cases(600))]

    /// Each line by itself, as the crate `regex` finds it.
    #[test]
    fn lines_are_what_the_pattern_finds(
        pattern in prop::sample::select(vec![
            "^(?<a>[^ ]*) (?<b>.*)$", "(?<a>[a-f])=(?<b>[0-9]+)?", "(?<b>[0-9]+)|(?<a>x)", "(?<a>(?<b>.).)$", r"\b(?<a>\w+)\W(?<b>\w*)",
        ]),
        data in fuzz::spoilt(fuzz::salad()), pieces in fuzz::pieces(),
    ) {
        let format = Format::Regex(RegexOptions { pattern: pattern.into() });
        let fields = ["a", "b"].map(|name| SourceField::new(name, DataType::String, None));
        let (rows, bad, _) = fuzz::decode(&format, &fields, &[0, 1], &data, 10_000, &pieces);
        let regex = ::regex::bytes::Regex::new(pattern).unwrap();
        let (mut expect, mut wrong) = (Vec::new(), 0);
        let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&data);
        for line in data.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let found = regex.captures(line).map(|groups| {
                ["a", "b"].map(|name| groups.name(name).map(|m| std::str::from_utf8(m.as_bytes())))
            });
            match found {
                _ if line.iter().all(|b| b" \t\r".contains(b)) => {}
                Some([a, b]) if !matches!(a, Some(Err(_))) && !matches!(b, Some(Err(_))) => {
                    let text = |part: Option<Result<&str, _>>| part.map_or("∅".into(), |text: Result<&str, std::str::Utf8Error>| text.unwrap().to_string());
                    expect.push(format!("{}|{}|", text(a), text(b)));
                }
                _ => wrong += 1,
            }
        }
        prop_assert_eq!((rows, bad.len()), (expect, wrong));
    }
}
