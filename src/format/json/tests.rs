//! The decoder against a naive reading of the rule, with serde_json for the values in use.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::JsonDecoder;
use crate::data::{Column, DataType};
use crate::format::{Decoder, SourceField};

type Row = (Option<i64>, Option<String>);

/// Where commas, colons and brackets outside strings are, with their depth; `None` if they do not match.
fn marks(line: &[u8]) -> Option<Vec<(usize, u8, usize)>> {
    let (mut marks, mut stack, mut in_string, mut escaped) = (Vec::new(), Vec::new(), false, false);
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                stack.push(byte + 2);
                marks.push((at, byte, stack.len()));
            }
            b'}' | b']' => {
                marks.push((at, byte, stack.len()));
                (stack.pop()? == byte).then_some(())?;
            }
            b',' | b':' => marks.push((at, byte, stack.len())),
            _ => {}
        }
        (stack.len() <= 128).then_some(())?;
    }
    (stack.is_empty() && !in_string).then_some(marks)
}

fn reference(line: &[u8]) -> Option<Row> {
    let line = line.trim_ascii();
    let marks = marks(line)?;
    let closes = marks.iter().filter(|m| m.2 == 1 && matches!(m.1, b'}' | b']')).count();
    (line.first() == Some(&b'{') && line.last() == Some(&b'}') && closes == 1).then_some(())?;
    let mut ends: Vec<usize> = marks.iter().filter(|m| m.1 == b',' && m.2 == 1).map(|m| m.0).collect();
    ends.push(line.len() - 1);
    let mut row = (None, None);
    let (mut start, mut a_seen, mut s_seen) = (1, false, false);
    if line[1..line.len() - 1].trim_ascii().is_empty() {
        return Some(row);
    }
    for end in ends {
        let colon = marks.iter().find(|m| m.1 == b':' && m.0 >= start && m.0 < end && m.2 == 1)?.0;
        let (key, value) = (line[start..colon].trim_ascii(), line[colon + 1..end].trim_ascii());
        (key.len() >= 2 && key[0] == b'"' && key[key.len() - 1] == b'"').then_some(())?;
        super::walk::is_one_string(&key[1..key.len() - 1]).then_some(())?;
        let name = serde_json::from_slice::<String>(key).unwrap_or_default();
        if name == "a" && !std::mem::replace(&mut a_seen, true) {
            row.0 = match value {
                b"-0" => Some(0),
                _ => serde_json::from_slice::<Option<i64>>(value).ok()?,
            };
        } else if name == "s" && !std::mem::replace(&mut s_seen, true) {
            row.1 = match serde_json::from_slice::<Value>(value).ok()? {
                Value::Null => None,
                Value::String(text) => Some(text),
                _ => Some(String::from_utf8(value.to_vec()).ok()?),
            };
        }
        start = end + 1;
    }
    Some(row)
}

fn decoded(data: &[u8]) -> (Vec<Row>, Vec<usize>) {
    let fields = [SourceField::new("a", DataType::Int, None), SourceField::new("s", DataType::String, None)];
    let mut decoder = JsonDecoder::new(&fields, &[0, 1], 1 << 20).unwrap();
    let decoded = decoder.decode(&Bytes::copy_from_slice(data), None, false);
    let [Column::Int(a), Column::String(s)] = &decoded.columns[..] else { panic!("{:?}", decoded.columns) };
    let rows = a.iter().zip(s).map(|(a, s)| (a, s.map(str::to_string))).collect();
    (rows, decoded.bad.iter().map(|bad| bad.line as usize).collect())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,3})",
        Just("null".to_string()),
        Just("true".to_string()),
        r#""[a-z:,{}é]{0,20}""#,
        r#""[a-z]{0,3}(\\"|\\\\|\\n|\\u00e9)[a-z]{0,3}""#,
        r#"\{"a":[0-9]{1,2}\}"#,
        r#"\[[0-9],"[\]]?"\]"#,
        "[0-9.e]{1,4}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![4 => "a|s|t|u", 1 => r"\\u0061"];
    let member = (key, value(), " ?", " ?").prop_map(|(key, value, a, b)| format!("{a}\"{key}\":{b}{value}"));
    let usual = (any::<i16>(), "[a-z]{0,20}").prop_map(|(a, s)| format!(r#"{{"t":1,"a":{a},"s":"{s}"}}"#));
    let any = proptest::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")));
    prop_oneof![3 => usual, 3 => any, 1 => Just(" ".to_string())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn as_the_rule_and_serde_json(
        lines in proptest::collection::vec(line(), 0..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            3 => prop::sample::select(&b"{}[]:,\"\\ \n\r0a\x01\xff"[..]), 1 => any::<u8>()
        ]), 0..3),
        crlf: bool,
    ) {
        let mut data = lines.join(if crlf { "\r\n" } else { "\n" }).into_bytes();
        for (at, byte) in changes {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] = byte;
            }
        }
        let (mut rows, mut bad) = (Vec::new(), Vec::new());
        for (number, line) in data.split(|&b| b == b'\n').enumerate() {
            // Form feeds are white space to Rust, not to JSON.
            prop_assume!(!line.contains(&0x0C));
            match reference(line) {
                _ if line.iter().all(|b| b" \t\r".contains(b)) => {}
                Some(row) => rows.push(row),
                None => bad.push(number),
            }
        }
        prop_assert_eq!(decoded(&data), (rows, bad));
    }
}
