//! Further functions of text: characters, comparing texts, parts put into texts.

use std::collections::HashMap;

use super::super::value::Value;
use super::string::{MANY, byte_of, chars};
use super::{Arg, BindError, Bound, Function, rows_to_double, rows_to_int, rows_to_string};

const S: Arg = Arg::String;
const I: Arg = Arg::Int;

/// Longer texts are not compared by the letter: that takes time by the product of both lengths.
const COMPARED_CHARS_MAX: i64 = 4096;

pub const FUNCTIONS: &[Function] = &[
    Function::new(
        "initcap",
        "initcap(text)",
        "every word with a capital letter, the rest small",
        ("initcap('ada LOVELACE')", "Ada Lovelace"),
        &[S],
        |_| rows_to_string(|args, row, out| Ok(args[0].str(row).map(|text| initcap(text, out)))),
    ),
    Function::new(
        "translate",
        "translate(text, from, to)",
        "every character of `from` replaced by the one at its place in `to`, or removed if there is none",
        ("translate('12-34', '-1', '_x')", "x2_34"),
        &[S, S, S],
        |_| rows_to_string(translate),
    ),
    Function::new(
        "ascii",
        "ascii(text)",
        "the code point of the first character, 0 of none",
        ("ascii('A')", "65"),
        &[S],
        |_| {
            rows_to_int(|args, row| {
                Ok(args[0].str(row).map(|text| text.chars().next().map_or(0, |c| i64::from(u32::from(c)))))
            })
        },
    )
    .also(&["unicode", "ord"]),
    Function::new("chr", "chr(int)", "the character of a code point", ("chr(228)", "ä"), &[I], |_| {
        rows_to_string(|args, row, out| {
            let Some(code) = args[0].int(row) else { return Ok(None) };
            let c = u32::try_from(code).ok().and_then(char::from_u32).filter(|c| *c != '\0');
            out.push(c.ok_or_else(|| format!("there is no character {code}"))?);
            Ok(Some(()))
        })
    })
    .also(&["char"]),
    Function::new(
        "octet_length",
        "octet_length(text)",
        "number of bytes, in UTF-8",
        ("octet_length('äb')", "3"),
        &[Arg::Binary],
        |_| rows_to_int(|args, row| Ok(args[0].bytes(row).map(|bytes| bytes.len() as i64))),
    )
    .also(&["byte_length"]),
    Function::new(
        "overlay",
        "overlay(text, new, start [, length])",
        "`new` in place of the characters from `start` on, as many as `new` has or `length`; also \
         overlay(text PLACING new FROM start FOR length)",
        ("overlay('abcdef', 'XY', 2)", "aXYdef"),
        &[S, S, I, I],
        |_| rows_to_string(overlay),
    )
    .least(3),
    Function::new(
        "levenshtein",
        "levenshtein(a, b)",
        "how many characters must be changed, put in or taken out to make b of a",
        ("levenshtein('kitten', 'sitting')", "3"),
        &[S, S],
        |_| {
            rows_to_int(|args, row| {
                let Some((a, b)) = comparable(args, row)? else { return Ok(None) };
                Ok(Some(strsim::levenshtein(a, b) as i64))
            })
        },
    )
    .also(&["editdist3", "levenshtein_distance", "edit_distance"]),
    Function::new(
        "jaro_winkler_similarity",
        "jaro_winkler_similarity(a, b)",
        "how alike two texts are: from 0 to 1",
        ("round(jaro_winkler_similarity('duck', 'dick'), 3)", "0.85"),
        &[S, S],
        |_| {
            rows_to_double(|args, row| {
                let Some((a, b)) = comparable(args, row)? else { return Ok(None) };
                Ok(Some(strsim::jaro_winkler(a, b)))
            })
        },
    )
    .also(&["jaro_winkler"]),
    Function::new(
        "format_bytes",
        "format_bytes(int)",
        "a number of bytes as people read it, in steps of 1024",
        ("format_bytes(1536)", "1.5 KiB"),
        &[I],
        |_| format_bytes(),
    ),
];

fn initcap(text: &str, out: &mut String) {
    let mut inside = false;
    for c in text.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphanumeric();
    }
}

fn translate(args: &[Value], row: usize, out: &mut String) -> Result<Option<()>, String> {
    let (Some(text), Some(from), Some(to)) = (args[0].str(row), args[1].str(row), args[2].str(row)) else {
        return Ok(None);
    };
    if from.len() > MANY {
        let mut table = HashMap::new();
        let mut to = to.chars();
        from.chars().for_each(|c| {
            let new = to.next();
            table.entry(c).or_insert(new);
        });
        text.chars().for_each(|c| out.extend(table.get(&c).copied().unwrap_or(Some(c))));
        return Ok(Some(()));
    }
    for c in text.chars() {
        match from.chars().position(|f| f == c) {
            None => out.push(c),
            Some(place) => out.extend(to.chars().nth(place)),
        }
    }
    Ok(Some(()))
}

fn overlay(args: &[Value], row: usize, out: &mut String) -> Result<Option<()>, String> {
    let (Some(text), Some(new), Some(start)) = (args[0].str(row), args[1].str(row), args[2].int(row)) else {
        return Ok(None);
    };
    let length = match args.get(3) {
        None => chars(new),
        Some(arg) => match arg.int(row) {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    if start < 1 || length < 0 {
        return Err(format!("overlay from {start} for {length} characters: it counts from 1"));
    }
    out.push_str(&text[..byte_of(text, start - 1)]);
    out.push_str(new);
    out.push_str(&text[byte_of(text, (start - 1).saturating_add(length))..]);
    Ok(Some(()))
}

fn comparable(args: &[Value], row: usize) -> Result<Option<(&str, &str)>, String> {
    let Some((a, b)) = args[0].str(row).zip(args[1].str(row)) else { return Ok(None) };
    if chars(a).max(chars(b)) > COMPARED_CHARS_MAX {
        return Err(format!("texts of more than {COMPARED_CHARS_MAX} characters are not compared"));
    }
    Ok(Some((a, b)))
}

fn format_bytes() -> Result<Bound, BindError> {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    rows_to_string(|args, row, out| {
        let Some(bytes) = args[0].int(row) else { return Ok(None) };
        let step = bytes.unsigned_abs().checked_ilog2().unwrap_or(0) / 10;
        if step == 0 {
            out.push_str(&format!("{bytes} bytes"));
        } else {
            let value = bytes as f64 / (1u64 << (10 * step)) as f64;
            out.push_str(&format!("{value:.1} {}", UNITS[step as usize - 1]));
        }
        Ok(Some(()))
    })
}
