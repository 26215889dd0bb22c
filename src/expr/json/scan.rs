//! The scanner: where a value ends, by the grammar of RFC 8259, at most [`DEPTH_MAX`] deep.

/// How deep arrays and objects may nest, as in sources.
pub const DEPTH_MAX: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// The kind of a value, whose text starts without spaces.
pub fn kind(value: &str) -> Kind {
    match value.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

pub fn is_json(text: &str) -> bool {
    whole(text).is_some()
}

/// The value without the spaces around it, if the text is one JSON value.
pub fn whole(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let start = space(bytes, 0);
    let end = value(bytes, start, 0)?;
    (space(bytes, end) == bytes.len()).then(|| &text[start..end])
}

/// A part of an array or object: a key without its quotes, escapes as they are, and the text of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub key: &'a str,
    pub value: &'a str,
}

/// The members of an object that is known to be JSON, in their order.
pub fn members(object: &str) -> impl Iterator<Item = Item<'_>> {
    items(object, true)
}

/// The elements of an array that is known to be JSON.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    items(array, false).map(|item| item.value)
}

fn items(text: &str, keyed: bool) -> impl Iterator<Item = Item<'_>> {
    let bytes = text.as_bytes();
    let mut at = 1;
    std::iter::from_fn(move || {
        at = space(bytes, at);
        if bytes.get(at) == Some(&b',') {
            at = space(bytes, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b'}' | b']')) {
            return None;
        }
        let mut key = "";
        if keyed {
            let end = string(bytes, at)?;
            key = &text[at + 1..end - 1];
            at = space(bytes, space(bytes, end) + 1);
        }
        let start = at;
        at = value(bytes, start, 0)?;
        Some(Item { key, value: &text[start..at] })
    })
}

fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The end of the value at `at`.
fn value(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string(bytes, at),
        b'{' => nested(bytes, at, depth, b'}'),
        b'[' => nested(bytes, at, depth, b']'),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => number(bytes, at),
    }
}

fn nested(bytes: &[u8], at: usize, depth: usize, close: u8) -> Option<usize> {
    if depth == DEPTH_MAX {
        return None;
    }
    let mut at = space(bytes, at + 1);
    if bytes.get(at) == Some(&close) {
        return Some(at + 1);
    }
    loop {
        if close == b'}' {
            at = space(bytes, string(bytes, at)?);
            if bytes.get(at) != Some(&b':') {
                return None;
            }
            at = space(bytes, at + 1);
        }
        at = space(bytes, value(bytes, at, depth + 1)?);
        match bytes.get(at)? {
            b',' => at = space(bytes, at + 1),
            end if *end == close => return Some(at + 1),
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

fn string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    if !bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 6;
                }
                _ => return None,
            },
            0..=31 => return None,
            _ => at += 1,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let start = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > start).then_some(at)
    };
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut at = digits(start)?;
    if bytes[start] == b'0' && at > start + 1 {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(at + 1 + sign)?;
    }
    Some(at)
}

/// Appends the text of a string's inside, escapes replaced. Half a surrogate pair becomes U+FFFD.
pub fn unescape(inside: &str, out: &mut String) {
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut len = 2;
        out.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = |at: usize| rest.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let first = unit(at + 2).unwrap_or(0xFFFD);
                len = 6;
                let low = rest[at..].get(6..8).filter(|u| *u == "\\u").and_then(|_| unit(at + 8));
                match (first, low) {
                    (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => {
                        len = 12;
                        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00)).unwrap_or('\u{FFFD}')
                    }
                    _ => char::from_u32(first).unwrap_or('\u{FFFD}'),
                }
            }
            other => char::from(other),
        });
        rest = rest.get(at + len..).unwrap_or("");
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deep_nesting_is_refused() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(is_json(&deep(DEPTH_MAX)) && !is_json(&deep(DEPTH_MAX + 1)) && !is_json(&deep(1_000_000)));
    }

    proptest! {
        #![proptest_config(crate::format::fuzz::cases(2000))]

        /// What serde_json takes for JSON, and what it reads.
        #[test]
        fn agrees_with_serde(parts in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..12)) {
            let text = parts.concat();
            let reference: Result<serde_json::Value, _> = serde_json::from_str(&text);
            // A number that no double holds is JSON, but serde_json reads no further.
            prop_assume!(!reference.as_ref().is_err_and(|e| e.to_string().contains("out of range")));
            // Half of a pair that is written as an escape is JSON by its grammar; serde_json refuses it.
            prop_assume!(!reference.as_ref().is_err_and(|e| e.to_string().contains("hex escape")));
            prop_assert_eq!(is_json(&text), reference.is_ok(), "{}", text);
            if let (Ok(serde_json::Value::String(expected)), Some(found)) = (&reference, whole(&text)) {
                let mut out = String::new();
                unescape(&found[1..found.len() - 1], &mut out);
                prop_assert_eq!(&out, expected);
            }
            if let (Ok(serde_json::Value::Array(expected)), Some(found)) = (&reference, whole(&text)) {
                let found: Vec<serde_json::Value> = elements(found).map(|e| serde_json::from_str(e).unwrap()).collect();
                prop_assert_eq!(&found, expected);
            }
            if let (Ok(serde_json::Value::Object(expected)), Some(found)) = (&reference, whole(&text)) {
                for item in members(found) {
                    let mut key = String::new();
                    unescape(item.key, &mut key);
                    prop_assert!(expected.contains_key(&key));
                }
            }
        }
    }

    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\":",
        "1",
        "0",
        "-",
        ".5",
        "e3",
        "E+2",
        "true",
        "false",
        "null",
        " ",
        "\\n",
        "\\u00e4",
        "\\ud83d\\ude00",
        "\\ud83d",
        "ä",
        "\\",
        "\"\\\"\"",
        "[1,2]",
        "{\"a\":1}",
        "\t",
        "01",
    ];
}
