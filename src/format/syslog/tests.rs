//! syslog: what is read, and the reference that the scanner is compared with.

use proptest::prelude::*;
use regex::bytes::Regex;

use super::*;
use crate::data::DataType::String as Text;
use crate::format::fuzz::{self, retyped};
use crate::format::{Format, Header, MAX_RECORD_BYTES, SourceField, SyslogOptions};

fn format(year: i16, zone: Option<&str>) -> Format {
    Format::Syslog(SyslogOptions { year: Year::Of(year), zone: zone.map(str::to_string) })
}

fn all() -> Vec<SourceField> {
    let mut fields = fields();
    fields.push(SourceField::new(STRUCTURED_DATA, Text, None));
    fields
}

/// Rows and reasons.
fn read(format: &Format, fields: &[SourceField], data: &[u8]) -> (Vec<String>, Vec<String>) {
    let used: Vec<usize> = (0..fields.len()).collect();
    let (rows, bad, _) = fuzz::decode(format, fields, &used, data, MAX_RECORD_BYTES, &[50]);
    (rows, bad.into_iter().map(|bad| bad.split_once(": ").unwrap().1.to_string()).collect())
}

/// time, facility, severity, host, app, pid, message id, message, structured data
fn check(line: &str, expect: &str) {
    let (rows, bad) = read(&format(2015, None), &all(), line.as_bytes());
    assert_eq!((rows, bad), (vec![expect.to_string()], vec![]), "{line}");
}

#[test]
fn lines_of_rfc_3164() {
    let at = "2015-06-14T15:16:01Z|∅|∅|combo|";
    check(
        "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass",
        &format!("{at}sshd(pam_unix)|19939|∅|check pass|∅|"),
    );
    check("Jun 14 15:16:01 combo  -- root[2421]: ROOT LOGIN", &format!("{at}-- root|2421|∅|ROOT LOGIN|∅|"));
    check("Jun 14 15:16:01 combo syslogd 1.4.1: restart.\r\n", &format!("{at}syslogd 1.4.1|∅|∅|restart.|∅|"));
    check("Jun 14 15:16:01 combo kernel:  x: y", &format!("{at}kernel|∅|∅| x: y|∅|"));
    check(
        "Jun 14 15:16:01 combo last message repeated 2 times",
        &format!("{at}∅|∅|∅|last message repeated 2 times|∅|"),
    );
    check("Jun 14 15:16:01 combo app[x]: y", &format!("{at}app[x]|∅|∅|y|∅|"));
    check("Jun 14 15:16:01 combo a::b[7] y", &format!("{at}a::b|7|∅|y|∅|"));
    check("Jun 14 15:16:01 combo http://x y", &format!("{at}∅|∅|∅|http://x y|∅|"));
    check("Jun 14 15:16:01 cron[7]: no host", "2015-06-14T15:16:01Z|∅|∅|∅|cron|7|∅|no host|∅|");
    check("Jun  4 15:16:01 combo", "2015-06-04T15:16:01Z|∅|∅|combo|∅|∅|∅|∅|∅|");
    check("<34>Oct 11 22:14:15 m su: x", "2015-10-11T22:14:15Z|auth|crit|m|su|∅|∅|x|∅|");
    check("<191>Oct 11 2003 22:14:15.5: m su: x", "2003-10-11T22:14:15.500Z|local7|debug|m|su|∅|∅|x|∅|");
    check("<13>2015-06-14T15:16:01.5+02:00 m su[1]: x", "2015-06-14T13:16:01.500Z|user|notice|m|su|1|∅|x|∅|");
    check("2015-06-14T15:16:01 m su: x", "2015-06-14T15:16:01Z|∅|∅|m|su|∅|∅|x|∅|");
    check("<13>text alone", "∅|user|notice|∅|∅|∅|∅|text alone|∅|");
}

#[test]
fn lines_of_rfc_5424() {
    check(
        "<165>1 2003-10-11T22:14:15.003Z m evntslog 77 ID47 [a b=\"c\\\"]\"][d] \u{feff}An event",
        "2003-10-11T22:14:15.003Z|local4|notice|m|evntslog|77|ID47|An event|[a b=\"c\\\"]\"][d]|",
    );
    check("1 - - - - - -", "∅|∅|∅|∅|∅|∅|∅|∅|∅|");
    check("<0>1 - h a p m - x", "∅|kern|emerg|h|a|∅|m|x|∅|");
    check("<0>2 2003-10-11T22:14:15+00:00 h a - m - ", "2003-10-11T22:14:15Z|kern|emerg|h|a|∅|m|∅|∅|");
}

#[test]
fn lines_that_are_none() {
    let bad = |line: &str, reason: &str| {
        assert_eq!(read(&format(2015, None), &fields(), line.as_bytes()), (vec![], vec![reason.to_string()]), "{line}");
    };
    let none = "not a syslog line: no time and no <priority> at its start";
    bad("hello", none);
    bad("<192>Jun 14 15:16:01 m x", none);
    bad("Jun 14 25:16:01 m x", none);
    bad("<1>1 - h a", "not a syslog line: a field of RFC 5424 is missing");
    bad("<1>1 - h a p m [x", "the structured data does not close");
    bad("<1>1 - h a p m [x]y", "text behind the structured data");
    bad("<1>1 2015-13-14T15:16:01Z h a p m - x", "'2015-13-14T15:16:01Z' is not a time");
    bad("Feb 30 15:16:01 m x", "'Feb 30 15:16:01' is not a time");
}

#[test]
fn a_schema_chooses_renames_and_retypes() {
    let fields = [
        retyped("at", Text, "time"),
        retyped("process", Text, "pid"),
        retyped("when", crate::data::DataType::Timestamp, "time"),
    ];
    let (rows, _) = read(
        &format(2015, Some("Asia/Seoul")),
        &fields,
        b"Jun 14 15:16:01 m x[12]: y\n<1>1 2015-06-14T15:16:01 m x P1 - -\n",
    );
    assert_eq!(rows, ["Jun 14 15:16:01|12|2015-06-14T06:16:01Z|", "2015-06-14T15:16:01|P1|2015-06-14T06:16:01Z|"]);
}

/// A line that is nothing but its time ends in a CR for the reader, too.
#[test]
fn years_behind_a_block_are_those_of_its_lines() {
    let behind = |data: &str| {
        let header = Header { years: Some(Years::From(2015)), ..Header::default() };
        header_behind(&header.into(), data.as_bytes()).years
    };
    let dec = "Dec 31 23:59:59";
    assert_eq!(behind("x\n"), Some(Years::From(2015)));
    assert_eq!(behind(dec), Some(Years::At { year: 2015, month: 12 }));
    let line = |text: &str| format!("<1>{dec} m x\r\n\n{text}\r\n");
    assert_eq!(behind(&line("Jan  1 00:00:00")), Some(Years::At { year: 2016, month: 1 }));
    assert_eq!(behind(&line("Jan  1 00:00:0")), Some(Years::At { year: 2015, month: 12 }));
    assert_eq!(behind(&line("Jan  1 2001 00:00:00 m x")), Some(Years::At { year: 2015, month: 12 }));
    assert_eq!(behind(&line("<9>Jan  1 00:00:00: m x")), Some(Years::At { year: 2016, month: 1 }));
}

#[test]
fn years_rise_from_december_to_january() {
    let years = |begin: Years, months: &[u8]| -> Vec<i16> {
        let step = |years: &mut Years, &month: &u8| {
            *years = years.step(month, 15);
            Some(years.year())
        };
        months.iter().scan(begin, step).collect()
    };
    assert_eq!(years(Years::From(2015), &[11, 12, 1, 12, 1, 2, 3]), [2015, 2015, 2016, 2015, 2016, 2016, 2016]);
    assert_eq!(years(Years::From(2015), &[12, 3, 2, 10, 12, 1]), [2015, 2016, 2016, 2016, 2016, 2017]);
    assert_eq!(years(Years::From(2015), &[7, 1]), [2015, 2015]);
    let until = |day| Years::Until { year: 2015, month: 6, day };
    assert_eq!(years(until(15), &[6, 12, 1]), [2015, 2015, 2016]);
    assert_eq!(years(until(14), &[6]), [2014]);
    assert_eq!(years(until(14), &[12, 1, 5]), [2014, 2015, 2015]);
}

/// The rules once more, as regular expressions, with every field as text.
struct Slowly {
    year: Option<(i32, u32)>,
    first: i32,
    priority: Regex,
    stamp: Regex,
    iso: Regex,
    structured: Regex,
    tags: [Regex; 4],
}

type Values = [Option<Vec<u8>>; 9];

impl Slowly {
    fn new(first: i32) -> Slowly {
        let regex = |text: &str| Regex::new(&format!("(?s-u){text}")).unwrap();
        let months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
        Slowly {
            year: None,
            first,
            priority: regex("^<([0-9]{1,3})>"),
            stamp: regex(&format!(
                "^((?<month>{months}) (?<day> ?[0-9]{{1,2}}) (?:(?<year>[0-9]{{4}}) )?(?<h>[0-9]{{2}}):(?<m>[0-9]{{2}}):(?<s>[0-9]{{2}})(?:\\.(?<f>[0-9]{{1,9}}))?)(?:[ :]|$)"
            )),
            iso: regex("^([0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]*)"),
            structured: regex(
                "^(-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]*) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) (-|(?:\\[(?:[^\\]\"]|\"(?:[^\"\\\\]|\\\\.)*\")*\\])+)(?: (?:\u{feff})?(.*))?$",
            ),
            tags: [
                regex("^([^ ]*[^ ])\\[([0-9]+)\\]:?(?: |$)"),
                regex("^([^ ]+):(?: |$)"),
                regex("^([^ ]+ [^ ]*[^ ])\\[([0-9]+)\\]:?(?: |$)"),
                regex("^([^ ]+ [0-9][^ ]*):(?: |$)"),
            ],
        }
    }

    /// Year of a stamp without one.
    fn step(&mut self, month: u32) -> i32 {
        let year = match self.year {
            None => self.first,
            Some((year, before)) => match month as i32 - before as i32 {
                ..=-7 => year + 1,
                11 => year - 1,
                _ => year,
            },
        };
        self.year = Some((year, month));
        year
    }

    /// The values of a line, the time as µs in text. `None`: bad.
    fn line(&mut self, line: &[u8]) -> Option<Values> {
        let mut values = Values::default();
        let mut rest = line;
        let priority = self.priority.captures(line).and_then(|found| {
            let value: usize = std::str::from_utf8(&found[1]).unwrap().parse().unwrap();
            (value < 192).then(|| (value, found[0].len()))
        });
        if let Some((value, len)) = priority {
            values[1] = Some((value / 8).to_string().into_bytes());
            values[2] = Some((value % 8).to_string().into_bytes());
            rest = &line[len..];
        }
        let version = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let stamp = self.stamp.captures(rest).filter(|found| {
            let number = |name: &str| std::str::from_utf8(&found[name]).unwrap().trim().parse::<u32>().unwrap();
            (1..=31).contains(&number("day")) && number("h") < 24 && number("m") < 60 && number("s") < 61
        });
        if let Some(found) = stamp {
            let text =
                |name: &str| found.name(name).map(|m| std::str::from_utf8(m.as_bytes()).unwrap().trim().to_string());
            let number = |name: &str| text(name).unwrap().parse::<i64>().unwrap();
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let month = months.find(&text("month").unwrap()).unwrap() as u32 / 3 + 1;
            let year = match text("year") {
                Some(year) => year.parse().unwrap(),
                None => self.step(month),
            };
            let date = jiff::civil::Date::new(year as i16, month as i8, number("day") as i8).ok()?;
            let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
            let fraction: i64 = text("f").map_or(0, |f| format!("{f:0<9}")[..6].parse().unwrap());
            let seconds = number("h") * 3600 + number("m") * 60 + number("s");
            values[0] = Some((midnight + seconds * 1_000_000 + fraction).to_string().into_bytes());
            let len = found[1].len();
            self.plain(&rest[len..], &mut values);
        } else if (1..=2).contains(&version)
            && rest[0] != b'0'
            && rest.get(version) == Some(&b' ')
            && (rest[version + 1..].starts_with(b"- ") || self.iso.is_match(&rest[version + 1..]))
        {
            let found = self.structured.captures(&rest[version + 1..])?;
            let value = |group: usize| {
                found
                    .get(group)
                    .map(|m| m.as_bytes().to_vec())
                    .filter(|text| text != b"-" || group == 7)
                    .filter(|t| !t.is_empty())
            };
            values[0] = match value(1) {
                Some(time) => Some(time_of(&time)?),
                None => None,
            };
            for (field, group) in [(3, 2), (4, 3), (5, 4), (6, 5), (7, 7), (8, 6)] {
                values[field] = value(group);
            }
        } else if let Some(found) = self.iso.captures(rest) {
            values[0] = Some(time_of(&found[1])?);
            self.plain(&rest[found[1].len()..], &mut values);
        } else {
            priority?;
            values[7] = Some(rest.to_vec()).filter(|text| !text.is_empty());
        }
        Some(values)
    }

    fn plain(&self, rest: &[u8], values: &mut Values) {
        let rest = rest.strip_prefix(b":").unwrap_or(rest);
        let mut rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let word = rest.split(|&byte| byte == b' ').next().unwrap();
        if !word.ends_with(b":") && !word.ends_with(b"]") {
            values[3] = Some(word.to_vec()).filter(|text| !text.is_empty());
            rest = rest.get(word.len() + 1..).unwrap_or_default();
        }
        let blanks = rest.iter().take_while(|&&byte| byte == b' ').count();
        if let Some(found) = self.tags.iter().find_map(|tag| tag.captures(&rest[blanks..])) {
            values[4] = Some(found[1].to_vec());
            values[5] = found.get(2).map(|m| m.as_bytes().to_vec());
            rest = &rest[blanks + found[0].len()..];
        }
        values[7] = Some(rest.to_vec()).filter(|text| !text.is_empty());
    }
}

fn time_of(text: &[u8]) -> Option<Vec<u8>> {
    crate::data::text::parse_timestamp(text).map(|micros| micros.to_string().into_bytes())
}

fn log() -> impl Strategy<Value = String> {
    let priority = "(<[0-9]{1,3}>)?";
    let stamp =
        "(Jan|Feb|Jun|Jul|Aug|Nov|Dec|Foo) [ 123]?[0-9] (20[01][0-9] )?[012][0-9]:[0-6]0:[0-6]0(\\.[0-9]{1,3})?:?";
    let iso = "20(15|16)-[01][0-9]-[0-3]0T1[0-9]:00:00(\\.5)?(Z|[+]02:00)?";
    let plain = "( [a-z]{0,4}){0,2}( ?[a-z-]{1,3} ?[a-z1]{0,3}(\\[[0-9a]{1,2}\\])?:?)?( [a-z:é]{0,5}){0,3}";
    let line = (priority, prop_oneof![3 => stamp, 1 => iso], plain).prop_map(|(a, b, c)| a + &b + &c);
    let word = "-|[a-z0-9]{1,4}";
    let structured = (
        priority,
        "(1|12|0) ",
        prop_oneof![3 => iso, 1 => Just("-".to_string())],
        word,
        word,
        word,
        word,
        "-|(\\[[a-z ]{0,3}(\"(\\\\\"|[\\]a])?\")?\\]){1,2}",
        "( (\u{feff})?[a-z ]{0,5})?",
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i)| format!("{a}{b}{c} {d} {e} {f} {g} {h}{i}"));
    let odd = "[<>a-z0-9 :\\[\\]]{0,8}";
    proptest::collection::vec(
        (prop_oneof![6 => line, 3 => structured, 1 => odd], prop_oneof![4 => Just("\n"), 1 => Just("\r\n")]),
        0..12,
    )
    .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(600))]

    #[test]
    fn the_scanner_finds_what_the_rules_say(data in fuzz::spoilt(log()), max in prop_oneof![4 => Just(1000usize), 1 => 1usize..80], pieces in fuzz::pieces()) {
        let fields: Vec<_> = all().into_iter().map(|field| match field.name.as_str() {
            "time" => field,
            _ => SourceField { ty: Text, ..field },
        }).collect();
        let used: Vec<usize> = (0..fields.len()).collect();
        let (rows, bad, _) = fuzz::decode(&format(2015, None), &fields, &used, &data, max, &pieces);
        let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&data);
        if std::str::from_utf8(data).is_err() {
            return Ok(());
        }
        let (mut slowly, mut expect, mut expect_bad) = (Slowly::new(2015), Vec::new(), 0);
        const NAMES: [&[&str]; 2] = [&[
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit",
            "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ], &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]];
        for line in data.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let short = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > max {
                // Of a line that is too long, the start is seen.
                let start = &line[..max + 1];
                slowly.line(start.strip_suffix(b"\r").unwrap_or(start));
                expect_bad += 1;
            } else if line.iter().all(|byte| b" \t\r".contains(byte)) {
            } else if let Some(values) = slowly.line(short) {
                let mut row = String::new();
                for (field, value) in values.iter().enumerate() {
                    let text = value.as_ref().map(|value| String::from_utf8(value.clone()).unwrap());
                    row += &match (field, text) {
                        (_, None) => "∅".to_string(),
                        (0, Some(micros)) => {
                            let mut out = Vec::new();
                            crate::data::text::write_timestamp(micros.parse().unwrap(), &mut out);
                            String::from_utf8(out).unwrap()
                        }
                        (1 | 2, Some(number)) => NAMES[field - 1][number.parse::<usize>().unwrap()].to_string(),
                        (_, Some(text)) => text,
                    };
                    row.push('|');
                }
                expect.push(row);
            } else {
                expect_bad += 1;
            }
        }
        prop_assert_eq!(bad.len(), expect_bad, "{:?}", bad);
        prop_assert_eq!(rows, expect);
    }
}
