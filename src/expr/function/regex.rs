//! Functions with regular expressions, in the syntax of the crate regex. Patterns are constants, compiled once.

use super::super::typed::Typed;
use super::super::value::Scalar;
use super::{Arg, BindError, Bound, Function, constant_text, fits, rows_to_boolean, rows_to_int, rows_to_string};
use ::regex::Regex;

pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "regexp_extract",
        aliases: &[],
        signature: "regexp_extract(text, pattern [, group])",
        doc: "the first match, or its group: a number (default 1 if the pattern has groups, else 0); null without match",
        example: (r"regexp_extract('GET /a/b', '/(\w+)')", "a"),
        args: &[Arg::String, Arg::String, Arg::Int],
        required: 2,
        variadic: false,
        bind: extract,
    },
    Function {
        name: "regexp_replace",
        aliases: &[],
        signature: "regexp_replace(text, pattern, replacement [, flags])",
        doc: "all matches replaced; $1 or ${name} in the replacement is a group. Flags: i whatever the case, s the point \
              is any character, m ^ and $ are those of lines, g changes nothing",
        example: (r"regexp_replace('a1b22', '\d+', '#')", "a#b#"),
        args: &[Arg::String, Arg::String, Arg::String, Arg::String],
        required: 3,
        variadic: false,
        bind: replace,
    },
    Function {
        name: "regexp_like",
        aliases: &["regexp_matches", "regexp"],
        signature: "regexp_like(text, pattern [, flags])",
        doc: "whether the pattern is found in the text",
        example: ("regexp_like('abc', '^a.c$')", "true"),
        args: &[Arg::String, Arg::String, Arg::String],
        required: 2,
        variadic: false,
        bind: |args| {
            let regex = compile(args, 2)?;
            rows_to_boolean(move |args, row| Ok(args[0].str(row).map(|text| regex.is_match(text))))
        },
    },
    Function::new(
        "regexp_count",
        "regexp_count(text, pattern)",
        "how many matches there are",
        (r"regexp_count('a1b22', '\d')", "3"),
        &[Arg::String, Arg::String],
        |args| {
            let regex = compile(args, 2)?;
            rows_to_int(move |args, row| Ok(args[0].str(row).map(|text| regex.find_iter(text).count() as i64)))
        },
    ),
    Function::new(
        "regexp_instr",
        "regexp_instr(text, pattern)",
        "where the first match starts, 0 if there is none",
        (r"regexp_instr('ab12', '\d')", "3"),
        &[Arg::String, Arg::String],
        |args| {
            let regex = compile(args, 2)?;
            rows_to_int(move |args, row| {
                let place = |text: &str| regex.find(text).map_or(0, |m| text[..m.start()].chars().count() as i64 + 1);
                Ok(args[0].str(row).map(place))
            })
        },
    ),
    Function::new(
        "regexp_escape",
        "regexp_escape(text)",
        "a pattern that is found where the text is",
        ("regexp_escape('a.b')", r"a\.b"),
        &[Arg::String],
        |_| rows_to_string(|args, row, out| Ok(args[0].str(row).map(|text| out.push_str(&::regex::escape(text))))),
    ),
];

/// The pattern of argument 1, with the flags of argument `flags` if there is one.
pub(super) fn compile(args: &[Typed], flags: usize) -> Result<Regex, BindError> {
    let pattern = constant_text(args, 1, "the pattern")?;
    let mut builder = ::regex::RegexBuilder::new(pattern);
    let flags = if args.len() > flags { (flags, constant_text(args, flags, "the flags")?) } else { (flags, "") };
    for flag in flags.1.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            's' => builder.dot_matches_new_line(true),
            'm' => builder.multi_line(true),
            'x' => builder.ignore_whitespace(true),
            'g' | 'c' => &mut builder,
            other => {
                return Err(
                    BindError::new(flags.0, format!("there is no flag '{other}'")).help("flags are g, i, m, s and x")
                );
            }
        };
    }
    builder.build().map_err(|error| BindError::new(1, pattern_error(&error)))
}

/// The last line of the crate's message, which says what is wrong.
pub fn pattern_error(error: &::regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("the pattern is not a regular expression: {line}")
}

/// The group that argument 2 asks for; else the first, if there is one.
pub(super) fn group(args: &[Typed], regex: &Regex) -> Result<usize, BindError> {
    let groups = regex.captures_len() - 1;
    match args.get(2).map(Typed::as_constant) {
        None => Ok(groups.min(1)),
        Some(Some(Scalar::Int(n))) if usize::try_from(*n).is_ok_and(|n| n <= groups) => Ok(*n as usize),
        Some(_) => Err(BindError::new(2, format!("the group must be a constant from 0 to {groups}"))),
    }
}

fn extract(args: &[Typed]) -> Result<Bound, BindError> {
    let regex = compile(args, 3)?;
    let group = group(args, &regex)?;
    rows_to_string(move |args, row, out| {
        let found = args[0].str(row).and_then(|text| match group {
            0 => regex.find(text),
            group => regex.captures(text).and_then(|c| c.get(group)),
        });
        Ok(found.map(|m| out.push_str(m.as_str())))
    })
}

fn replace(args: &[Typed]) -> Result<Bound, BindError> {
    let regex = compile(args, 3)?;
    rows_to_string(move |args, row, out| {
        let Some((text, replacement)) = args[0].str(row).zip(args[2].str(row)) else { return Ok(None) };
        replace_all(&regex, text, replacement, out).map(Some)
    })
}

/// As [`Regex::replace_all`], which would make a text of any length.
fn replace_all(regex: &Regex, text: &str, replacement: &str, out: &mut String) -> Result<(), String> {
    let mut at = 0;
    if replacement.contains('$') {
        for captures in regex.captures_iter(text) {
            let found = captures.get_match();
            out.push_str(&text[at..found.start()]);
            captures.expand(replacement, out);
            at = found.end();
            fits(out.len())?;
        }
    } else {
        for found in regex.find_iter(text) {
            out.push_str(&text[at..found.start()]);
            out.push_str(replacement);
            at = found.end();
            fits(out.len())?;
        }
    }
    out.push_str(&text[at..]);
    Ok(())
}
