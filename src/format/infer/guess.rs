//! Which format a sample has, by what is in it.

use std::sync::LazyLock;

use bytes::Bytes;
use regex::bytes::Regex;

use super::json::Shape;
use super::{DELIMITERS, Sample};

/// What an input looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Csv {
        delimiter: u8,
    },
    /// One object a line.
    Json,
    AccessLog,
    Syslog,
    Logfmt,
    Parquet,
    Arrow,
    Lines,
    /// No text.
    Binary,
}

/// So many lines are looked at.
const LINES: usize = 50;

static ACCESS_LOG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^\S+ \S+ [^\[]*\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] ""#).ok());
static SYSLOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ \S|1 \d{4}-\d\d-\d\dT\S+ \S+ \S+ \S+ \S+ )")
        .ok()
});
static LOGFMT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^[\w.-]+=("([^"\\]|\\.)*"|[^" ]*)( [\w.-]+=("([^"\\]|\\.)*"|[^" ]*))+\s*$"#).ok());

/// What the sample looks like.
pub fn guess(sample: &Sample) -> Guess {
    let data = &sample.data[super::bom(&sample.data)..];
    match data {
        [b'P', b'A', b'R', b'1', ..] => return Guess::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => return Guess::Arrow,
        _ if data.contains(&0) => return Guess::Binary,
        _ => {}
    }
    let lines = || data.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty()).take(LINES);
    // A line or two may be broken or cut off.
    let most = |fits: &dyn Fn(&[u8]) -> bool| {
        let (all, good) = lines().fold((0, 0), |(all, good), line| (all + 1, good + usize::from(fits(line))));
        good > 0 && good * 10 >= all * 8
    };
    let matches = |pattern: &LazyLock<Option<Regex>>| {
        most(&|line| LazyLock::force(pattern).as_ref().is_some_and(|pattern| pattern.is_match(line)))
    };
    if most(&|line| Shape::default().line(line)) {
        return Guess::Json;
    }
    if matches(&ACCESS_LOG) {
        return Guess::AccessLog;
    }
    if matches(&SYSLOG) {
        return Guess::Syslog;
    }
    if matches(&LOGFMT) {
        return Guess::Logfmt;
    }
    match delimiter(sample) {
        Some(delimiter) => Guess::Csv { delimiter },
        None => Guess::Lines,
    }
}

/// What a record looks like that is none in the format of this name: a note for whoever took one for another.
pub fn instead(format: &str, record: &str) -> Option<String> {
    let sample = Sample { data: Bytes::copy_from_slice(record.as_bytes()), whole: true };
    let (name, what) = match guess(&sample) {
        Guess::Json => ("json", "JSON"),
        Guess::AccessLog => ("access-log", "a line of an access log"),
        Guess::Syslog => ("syslog", "a line of a system log"),
        _ => return None,
    };
    (name != format).then(|| format!("this looks like {what}: format = \"{name}\" reads it"))
}

/// What `data` looks like, of which no record can be read in the format of this name: a note. More of it tells more than
/// a record does.
pub fn instead_of(format: &str, data: &[u8]) -> Option<String> {
    let end = data.len().min(super::SAMPLE_BYTES);
    let sample = Sample { data: Bytes::copy_from_slice(&data[..end]), whole: false };
    let (name, what) = match guess(&sample) {
        Guess::Json => ("json", "JSON, an object a line"),
        Guess::AccessLog => ("access-log", "an access log"),
        Guess::Syslog => ("syslog", "a system log"),
        Guess::Logfmt => ("logfmt", "logfmt"),
        Guess::Parquet => ("parquet", "a Parquet file"),
        Guess::Arrow => ("arrow", "an Arrow file"),
        Guess::Csv { delimiter } if format != "csv" => {
            return Some(match delimiter {
                b',' => "it looks like CSV: format = \"csv\" may read it".into(),
                b'\t' => "it looks like a table with tabs: format = \"tsv\" may read it".into(),
                other => {
                    let other = char::from(other);
                    let format = format!("{{ type = \"csv\", delimiter = \"{other}\" }}");
                    format!("it looks like a table with `{other}` between its fields: format = {format} may read it")
                }
            });
        }
        Guess::Csv { .. } | Guess::Lines | Guess::Binary => return None,
    };
    (name != format).then(|| format!("it looks like {what}: format = \"{name}\" may read it"))
}

/// The delimiter that parts the records of the sample into equally many fields, at least two; of several, the one that
/// makes most of them.
pub fn delimiter(sample: &Sample) -> Option<u8> {
    let widths = DELIMITERS.iter().filter_map(|&delimiter| Some((width(sample, delimiter)?, delimiter)));
    let mut best: Option<(usize, u8)> = None;
    for (width, delimiter) in widths {
        if best.is_none_or(|(widest, _)| width > widest) {
            best = Some((width, delimiter));
        }
    }
    best.map(|(_, delimiter)| delimiter)
}

/// How many fields nearly all records have.
fn width(sample: &Sample, delimiter: u8) -> Option<usize> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(&sample.data[..]);
    let mut widths: Vec<usize> = reader.byte_records().take(LINES).filter_map(|r| Some(r.ok()?.len())).collect();
    if !sample.whole && widths.len() > 1 && widths.len() < LINES {
        widths.pop();
    }
    let first = *widths.first()?;
    let same = widths.iter().filter(|&&width| width == first).count();
    (first > 1 && same * 10 >= widths.len() * 9).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_lines() {
        let csv = |delimiter| Guess::Csv { delimiter };
        for (data, expect) in [
            ("a,b\n1,2\n", csv(b',')),
            ("a;b\n1,5;2,5\n", csv(b';')),
            ("a\tb\n\"x\ty\"\t2\n", csv(b'\t')),
            ("a|b|c\n1|2,3|4\n", csv(b'|')),
            ("a\n1\n", Guess::Lines),
            ("", Guess::Lines),
            ("To be, or not\nto be that\n", Guess::Lines),
            ("{\"a\":1}\n{\"a\":2}\n", Guess::Json),
            ("{\n\"a\":1\n}\n", Guess::Lines),
            (
                "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 203023 \"-\" \"M\"\n",
                Guess::AccessLog,
            ),
            ("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user\nDec  1 06:55:46 LabSZ sshd[24200]: x\n", Guess::Syslog),
            ("<34>1 2003-10-11T22:14:15.003Z host su - ID47 - x\n", Guess::Syslog),
            ("level=info msg=\"it is\" n=1\nlevel=warn msg=x\n", Guess::Logfmt),
            ("PAR1\0\0", Guess::Parquet),
            ("\0\x01", Guess::Binary),
        ] {
            let sample = Sample { data: Bytes::from_static(data.as_bytes()), whole: true };
            assert_eq!(guess(&sample), expect, "{data:?}");
        }
    }

    #[test]
    fn what_another_format_would_read_is_named() {
        for (format, data, expect) in [
            ("csv", "{\"a\":1}\n{\"a\":2}\n", "format = \"json\""),
            ("json", "a,b\n1,2\n3,4\n", "format = \"csv\""),
            ("json", "a\tb\n1\t2\n3\t4\n", "format = \"tsv\""),
            ("logfmt", "a;b\n1;2\n3;4\n", "delimiter = \";\""),
            ("json", "level=info msg=\"it is\" n=1\nlevel=warn msg=x\n", "format = \"logfmt\""),
            ("csv", "a,b\n1,2\n", ""),
            ("json", "{\"a\":1}\n", ""),
            ("json", "just\nwords\n", ""),
        ] {
            let said = instead_of(format, data.as_bytes()).unwrap_or_default();
            assert!(said.contains(expect) && said.is_empty() == expect.is_empty(), "{format} {data:?}: {said}");
        }
    }
}
