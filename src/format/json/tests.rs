//! The decoder against a naive reading of the rule, with serde_json for the values in use.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::JsonDecoder;
use crate::data::{Column, DataType};
use crate::format::{Decoder, SourceField, TimestampSource};

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
    let usual = (any::<i16>(), "[a-z]{0,90}").prop_map(|(a, s)| format!(r#"{{"t":1,"a":{a},"s":"{s}"}}"#));
    let any = proptest::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")));
    prop_oneof![3 => usual, 3 => any, 1 => Just(" ".to_string())]
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(3000))]

    #[test]
    fn as_the_rule_and_serde_json(
        lines in proptest::collection::vec(line(), 0..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            3 => prop::sample::select(&b"{}[]:,\"\\ \n\r0a\x01\xff"[..]), 1 => any::<u8>()
        ]), 0..3),
        crlf: bool,
        padded: bool,
    ) {
        let mut data = lines.join(if crlf { "\r\n" } else { "\n" }).into_bytes();
        if padded {
            // So that no line is too close to the end of the block for the fast path.
            data.extend_from_slice(&[b"\n", &[b' '; 200][..]].concat());
        }
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

/// One line of a layout: `kind` says which, the values are filled in.
fn laid_out(kind: usize, a: &str, b: &str, s: &str, t: &str) -> String {
    match kind {
        0 => format!(r#"{{"a":{a},"s":{s},"b":{b},"t":{t}}}"#),
        1 => format!(r#"{{"a": {a}, "u": {{"b": {b}, "x": [{t}, {{}}]}}, "s": {s}}}"#),
        2 => format!(r#"{{"unused name that is long":{t},"b":{b},"t":{t},"s":{s},"a":{a}}}"#),
        _ => format!(r#"{{"u":{{"b":{b}}},"s":{s},"t":[{t},{s}],"a":{a},"a":{b}}} "#),
    }
}

/// Values, most of them plain.
fn values() -> impl Strategy<Value = [String; 4]> {
    let string = prop_oneof![6 => r#""[a-z :,{}]{0,140}""#, 1 => value()];
    let int = prop_oneof![6 => "[1-9][0-9]{0,19}", 1 => "0|00|-1|-|12 ", 1 => value()];
    let double = prop_oneof![3 => "[0-9]{1,3}", 3 => "-?[0-9]{1,4}\\.[0-9]{1,3}", 1 => value()];
    (int, double, string, value()).prop_map(|(a, b, s, t)| [a, b, s, t])
}

type Shown = (Vec<Column>, Vec<(usize, u64, usize, usize, Option<String>, String)>, Vec<bool>);

proptest! {
    #![proptest_config(crate::format::fuzz::cases(2000))]

    /// Lines in known layouts, with members left out and bytes changed, come out as each line by itself, when no
    /// layout is known.
    #[test]
    fn layouts_change_nothing(
        kinds in proptest::collection::vec(0usize..4, 1..3),
        lines in proptest::collection::vec((values(), any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()), 1..25),
        bytes in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"{}[]:,\"\\ \n\r0a-.\x01\xC3\xff"[..])), 0..3),
        max_record in prop_oneof![5 => Just(10_000usize), 1 => 40usize..200],
        crlf: bool,
        seconds: bool,
    ) {
        let mut data = Vec::new();
        for ([a, b, s, t], kind, change, member) in &lines {
            let mut line = laid_out(kinds[kind.index(kinds.len())], a, b, s, t);
            if change % 8 == 0 {
                // Leave a member out, or what looks like one.
                let members: Vec<&str> = line.split(',').collect();
                let out = member.index(members.len());
                line = members.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, m)| *m).collect::<Vec<_>>().join(",");
            }
            data.extend_from_slice(line.as_bytes());
            data.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
        }
        for (at, byte) in bytes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data.extend_from_slice(&[b' '; 200]);
        let field = |name, ty, from| SourceField::new(name, ty, from);
        let mut fields = [
            field("a", DataType::Int, None), field("s", DataType::String, None), field("b", DataType::Double, None),
            field("ub", DataType::Decimal { precision: 9, scale: 3 }, Some("u.b")), field("t", DataType::String, Some("t[0]")),
        ];
        let used: Vec<usize> = (0..fields.len()).collect();
        if seconds {
            fields[0] = SourceField { ty: DataType::Timestamp, timestamp: TimestampSource::Unit(1), ..fields[0].clone() };
        }
        let decode = |decoder: &mut JsonDecoder, data: &[u8], offset: usize, line: u64, row: usize| -> Shown {
            let decoded = decoder.decode(&Bytes::copy_from_slice(data), None, false);
            let bad = decoded.bad.into_iter();
            let bad = bad.map(|b| (row + b.row, line + b.line, offset + b.offset, b.len, b.column, b.reason)).collect();
            (decoded.columns, bad, decoded.seen)
        };
        let fresh = || JsonDecoder::new(&fields, &used, max_record).unwrap();
        // One by one.
        let (mut parts, mut bad, mut seen) = (vec![Vec::new(); fields.len()], Vec::new(), vec![false; fields.len()]);
        let (mut offset, mut rows) = (0, 0);
        for (number, line) in data.split_inclusive(|&b| b == b'\n').enumerate() {
            let (columns, line_bad, line_seen) = decode(&mut fresh(), line, offset, number as u64, rows);
            rows += columns[0].len();
            parts.iter_mut().zip(columns).for_each(|(parts, column)| parts.push(column));
            seen.iter_mut().zip(line_seen).for_each(|(seen, here)| *seen |= here);
            bad.extend(line_bad);
            offset += line.len();
        }
        let columns: Vec<Column> = parts.iter().map(|p| Column::concat(&p.iter().collect::<Vec<_>>())).collect();
        // As one block, by a decoder that has seen the layouts, too.
        let mut decoder = fresh();
        for _ in 0..2 {
            let whole = decode(&mut decoder, &data, 0, 0, 0);
            prop_assert_eq!(&whole.0, &columns);
            prop_assert_eq!(&whole.1, &bad);
            prop_assert_eq!(&whole.2, &seen);
        }
    }
}
