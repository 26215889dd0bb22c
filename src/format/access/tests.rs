//! Access logs: what is read, and the reference that the scanner is compared with.

use proptest::prelude::*;

use super::*;
use crate::format::fuzz::{self, retyped};
use crate::format::{Format, MAX_RECORD_BYTES};

/// Rows and reasons.
fn read(fields: &[SourceField], data: &[u8]) -> (Vec<String>, Vec<String>) {
    let used: Vec<usize> = (0..fields.len()).collect();
    let (rows, bad, _) = fuzz::decode(&Format::AccessLog, fields, &used, data, MAX_RECORD_BYTES, &[1000]);
    (rows, bad.into_iter().map(|bad| bad.split_once(": ").unwrap().1.to_string()).collect())
}

fn check(line: &str, expect: &str) {
    assert_eq!(read(&fields(), line.as_bytes()), (vec![expect.to_string()], vec![]), "{line}");
}

#[test]
fn lines_of_servers() {
    let combined = r#"83.149.9.216 - ada [17/May/2015:10:05:03 +0200] "GET /a?b=c HTTP/1.1" 200 5 "http://x/" "Mozilla/5.0 (X11)""#;
    let expect = "83.149.9.216|∅|ada|2015-05-17T08:05:03Z|GET /a?b=c HTTP/1.1|GET|/a?b=c|HTTP/1.1|200|5|http://x/|Mozilla/5.0 (X11)|";
    check(combined, expect);
    check(&format!("{combined} 0.004 \"more\"\r\n"), expect);
    let start = "::1 - - [01/Jan/2015:00:00:00 +0000]";
    let rest = |request: &str, parts: &str| {
        let line = format!("{start} \"{request}\" 400 -\n");
        let text = request.replace("\\\"", "\"").replace("\\\\", "\\");
        check(&line, &format!("::1|∅|∅|2015-01-01T00:00:00Z|{text}|{parts}|400|∅|∅|∅|"));
    };
    rest("GET / HTTP/1.0", "GET|/|HTTP/1.0");
    rest("GET /a b HTTP/1.1", "GET|/a b|HTTP/1.1");
    rest("GET /\\\"x\\\" HTTP/1.1", "GET|/\"x\"|HTTP/1.1");
    rest("GET /", "GET|/|∅");
    rest("-", "∅|∅|∅");
    rest("\\x16\\x03\\x01", "∅|∅|∅");
    rest("quit", "∅|∅|∅");
    rest("GET HTTP/1.1", "∅|∅|∅");
    rest("OPTIONS * HTTP/1.0", "OPTIONS|*|HTTP/1.0");
    rest("", "∅|∅|∅");
    check(
        &format!("{} \"-\" 408 - \"-\" \"\"", start.replace("- -", "- ada lovelace")),
        "::1|∅|ada lovelace|2015-01-01T00:00:00Z|-|∅|∅|∅|408|∅|∅||",
    );
}

#[test]
fn lines_that_are_none() {
    let bad =
        |line: &str, reason: &str| assert_eq!(read(&fields(), line.as_bytes()), (vec![], vec![reason.to_string()]));
    bad("x", "not an access log line: nothing but a host");
    bad("x - - y", "not an access log line: no [time]");
    bad("x - - [y", "not an access log line: no [time]");
    bad("x - - [17/May/2015:10:05:03 +0000] GET", "not an access log line: no \"request\" behind the time");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET", "the quote of the request is not closed");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET\"", "not an access log line: no status behind the request");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET\" 1", "not an access log line: no size behind the status");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET\" 1 2 \"", "the quote of the referer is not closed");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET\" 1 2 \"a\"b", "text after a closing quote");
    bad("x - - [17/May/2015:10:05:03 +0000] \"GET\" one 2", "'one' is not an int");
    bad("x - - [2015-05-17] \"GET\" 1 2", "'2015-05-17' is not a timestamp of the form \"%d/%b/%Y:%H:%M:%S %z\"");
}

#[test]
fn a_schema_chooses_renames_and_retypes() {
    let fields = [
        retyped("at", Text, "time"),
        retyped("code", Text, "status"),
        retyped("bytes", Int, "size"),
        retyped("t", Timestamp, "time"),
    ];
    let line = b"x - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 -\n";
    assert_eq!(read(&fields, line).0, ["17/May/2015:10:05:03 +0000|200|∅|2015-05-17T10:05:03Z|"]);
    assert!(decoder(&[SourceField::new("ms", Int, None)], &[0], 100).is_err());
}

/// The rules once more, the slow way. `None`: no access log line.
fn slowly(line: &str) -> Option<Vec<Option<String>>> {
    let (host, rest) = line.split_once(' ')?;
    let (ident, rest) = rest.split_once(' ')?;
    let open = rest.char_indices().skip(1).map(|(at, _)| at).find(|&at| rest[at..].starts_with(" ["))?;
    let (user, rest) = (&rest[..open], &rest[open + 2..]);
    let (time, rest) = rest.split_once(']')?;
    let (request, rest) = text(rest.strip_prefix(" \"")?)?;
    let mut words = rest.strip_prefix(' ')?.splitn(2, ' ');
    let (status, rest) = (words.next()?, words.next()?);
    let size = rest.split(' ').next()?;
    let rest = &rest[size.len()..];
    let mut texts = [None, None];
    let mut rest = rest;
    for found in &mut texts {
        let Some(quoted) = rest.strip_prefix(" \"") else { break };
        let (value, behind) = text(quoted)?;
        (behind.is_empty() || behind.starts_with(' ')).then_some(())?;
        *found = (value != "-").then_some(value);
        rest = behind;
    }
    let word = |word: &str| (word != "-" && !word.is_empty()).then(|| word.to_string());
    (!host.is_empty() && !ident.is_empty() && !status.is_empty()).then_some(())?;
    let [referer, agent] = texts;
    let [method, path, protocol] = parts(&request);
    Some(vec![
        word(host),
        word(ident),
        word(user),
        word(time),
        Some(request),
        method,
        path,
        protocol,
        word(status),
        word(size),
        referer,
        agent,
    ])
}

/// Text in quotes that is open, resolved, and what is behind it.
fn text(open: &str) -> Option<(String, &str)> {
    let (mut text, mut chars) = (String::new(), open.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((text, &open[at + 1..])),
            '\\' => match chars.next()?.1 {
                next @ ('"' | '\\') => text.push(next),
                next => text.extend(['\\', next]),
            },
            other => text.push(other),
        }
    }
    None
}

fn parts(request: &str) -> [Option<String>; 3] {
    let own = |text: &str| Some(text.to_string());
    let Some((method, rest)) = request.split_once(' ') else { return [None, None, None] };
    if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase() || c == '-' || c == '_') {
        return [None, None, None];
    }
    match rest.rsplit_once(' ') {
        Some((path, protocol)) if !path.is_empty() && protocol.starts_with("HTTP/") => {
            [own(method), own(path), own(protocol)]
        }
        _ if rest.starts_with('/') => [own(method), own(rest), None],
        _ => [None, None, None],
    }
}

fn log() -> impl Strategy<Value = String> {
    let request = prop_oneof![4 => "GET /[a-z ]{0,9} HTTP/1.1", 1 => "[A-Z]{0,4} ?[/a-z*]{0,4} ?(HTTP/2)?", 1 => "-|(\\\\[x\"\\\\]|[a-z \\]])*"];
    let size = prop_oneof![2 => "-|[0-9]{1,6}", 1 => "[0-9]? ?"];
    let rest =
        prop_oneof![3 => Just(String::new()), 4 => "(\"(-|[a-z]{0,4}(\\\\\")?)\" ?){1,2}x?", 1 => "[a-z \"\\\\]{0,5}"];
    let line = (
        "[a-z.-]{0,5}",
        "-|[a-z]?",
        "-|[a-z]{1,3}|[a-z]? ?\\[?[a-z]?",
        "[a-z0-9 /é]{0,6}",
        request,
        "-|[0-9]{1,3}|x",
        size,
        rest,
    )
        .prop_map(|(host, ident, user, time, request, status, size, rest)| {
            format!("{host} {ident} {user} [{time}] \"{request}\" {status} {size} {rest}").trim_end().to_string() + "\n"
        });
    proptest::collection::vec(prop_oneof![9 => line, 1 => "[a-z \"\\[\\]\r]{0,9}\n"], 0..8)
        .prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(600))]

    #[test]
    fn the_scanner_finds_what_the_rules_say(data in fuzz::spoilt(log()), max in prop_oneof![4 => Just(1000usize), 1 => 1usize..60], pieces in fuzz::pieces()) {
        let fields: Vec<_> = fields().into_iter().map(|field| SourceField { ty: Text, ..field }).collect();
        // Texts instead of times and numbers: which of those are right is tested elsewhere.
        let used: Vec<usize> = (0..fields.len()).filter(|&field| field != TIME).collect();
        let (rows, bad, _) = fuzz::decode(&Format::AccessLog, &fields, &used, &data, max, &pieces);
        let (mut expect, mut expect_bad) = (Vec::new(), 0);
        let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&data);
        for line in data.split(|&byte| byte == b'\n') {
            let short = line.strip_suffix(b"\r").unwrap_or(line);
            let text = std::str::from_utf8(short);
            match text.map(slowly) {
                _ if line.len() > max => expect_bad += 1,
                _ if line.iter().all(|byte| b" \t\r".contains(byte)) => {}
                Ok(Some(values)) => expect.push(used.iter().map(|&field| {
                    let value = values[field].as_deref();
                    format!("{}|", value.unwrap_or("∅"))
                }).collect::<String>()),
                Ok(None) => expect_bad += 1,
                // Not UTF-8: whether that is in a column is the scanner's business.
                Err(_) => return Ok(()),
            }
        }
        prop_assert_eq!(bad.len(), expect_bad, "{:?}", bad);
        prop_assert_eq!(rows, expect);
    }
}
