//! Functions with regular expressions, in the syntax of the crate regex. Patterns are constants, compiled once.

use super::super::typed::Typed;
use super::super::value::Scalar;
use super::{Arg, BindError, Bound, Function, constant_text, rows_to_boolean, rows_to_string};
use regex::Regex;

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
        signature: "regexp_replace(text, pattern, replacement)",
        doc: "all matches replaced; $1 or ${name} in the replacement is a group",
        example: (r"regexp_replace('a1b22', '\d+', '#')", "a#b#"),
        args: &[Arg::String, Arg::String, Arg::String],
        required: 3,
        variadic: false,
        bind: replace,
    },
    Function {
        name: "regexp_like",
        aliases: &["regexp_matches", "regexp"],
        signature: "regexp_like(text, pattern)",
        doc: "whether the pattern is found in the text",
        example: ("regexp_like('abc', '^a.c$')", "true"),
        args: &[Arg::String, Arg::String],
        required: 2,
        variadic: false,
        bind: |args| {
            let regex = compile(args)?;
            rows_to_boolean(move |args, row| Ok(args[0].str(row).map(|text| regex.is_match(text))))
        },
    },
];

fn compile(args: &[Typed]) -> Result<Regex, BindError> {
    let pattern = constant_text(args, 1, "the pattern")?;
    Regex::new(pattern).map_err(|error| BindError::new(1, pattern_error(&error)))
}

/// The last line of the crate's message, which says what is wrong.
pub fn pattern_error(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("the pattern is not a regular expression: {line}")
}

fn extract(args: &[Typed]) -> Result<Bound, BindError> {
    let regex = compile(args)?;
    let groups = regex.captures_len() - 1;
    let group = match args.get(2).map(Typed::as_constant) {
        None => groups.min(1),
        Some(Some(Scalar::Int(n))) if usize::try_from(*n).is_ok_and(|n| n <= groups) => *n as usize,
        Some(_) => return Err(BindError::new(2, format!("the group must be a constant from 0 to {groups}"))),
    };
    rows_to_string(move |args, row, out| {
        let found = args[0].str(row).and_then(|text| match group {
            0 => regex.find(text),
            group => regex.captures(text).and_then(|c| c.get(group)),
        });
        Ok(found.map(|m| out.push_str(m.as_str())))
    })
}

fn replace(args: &[Typed]) -> Result<Bound, BindError> {
    let regex = compile(args)?;
    rows_to_string(move |args, row, out| {
        let both = args[0].str(row).zip(args[2].str(row));
        Ok(both.map(|(text, replacement)| out.push_str(&regex.replace_all(text, replacement))))
    })
}
