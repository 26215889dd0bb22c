//! Functions of text. Positions and lengths count characters, from 1.

use std::collections::HashSet;

use super::super::value::Value;
use super::{Arg, BindError, Bound, Function, fits, rows_to_boolean, rows_to_int, rows_to_string};

/// The longest text that a function makes, in bytes.
const RESULT_BYTES_MAX: usize = 1 << 20;

/// More characters than that are looked up.
pub(super) const MANY: usize = 64;

const S: Arg = Arg::String;
const I: Arg = Arg::Int;

pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["lcase"],
        ..Function::new("lower", "lower(text)", "in lower case", ("lower('ÄB')", "äb"), &[S], |_| {
            to_text(|text, out| {
                if text.is_ascii() {
                    push_mapped(text, out, u8::to_ascii_lowercase)
                } else {
                    out.push_str(&text.to_lowercase())
                }
            })
        })
    },
    Function {
        aliases: &["ucase"],
        ..Function::new("upper", "upper(text)", "in upper case", ("upper('äb')", "ÄB"), &[S], |_| {
            to_text(|text, out| {
                if text.is_ascii() {
                    push_mapped(text, out, u8::to_ascii_uppercase)
                } else {
                    out.push_str(&text.to_uppercase())
                }
            })
        })
    },
    Function {
        required: 1,
        aliases: &["btrim"],
        ..Function::new(
            "trim",
            "trim(text [, characters])",
            "without spaces, or characters, at both ends",
            ("trim('  a ')", "a"),
            &[S, S],
            |_| trim(|text, is| text.trim_matches(is)),
        )
    },
    Function {
        required: 1,
        ..Function::new(
            "ltrim",
            "ltrim(text [, characters])",
            "without spaces, or characters, at its start",
            ("ltrim('xxa', 'x')", "a"),
            &[S, S],
            |_| trim(|text, is| text.trim_start_matches(is)),
        )
    },
    Function {
        required: 1,
        ..Function::new(
            "rtrim",
            "rtrim(text [, characters])",
            "without spaces, or characters, at its end",
            ("rtrim('a  ')", "a"),
            &[S, S],
            |_| trim(|text, is| text.trim_end_matches(is)),
        )
    },
    Function {
        aliases: &["char_length", "character_length", "len"],
        ..Function::new("length", "length(text)", "number of characters", ("length('äb')", "2"), &[S], |_| {
            rows_to_int(|args, row| Ok(args[0].str(row).map(chars)))
        })
    },
    Function {
        required: 2,
        aliases: &["substring"],
        ..Function::new(
            "substr",
            "substr(text, start [, length])",
            "the part from a position on, or so many characters of it",
            ("substr('abcdef', 2, 3)", "bcd"),
            &[S, I, I],
            |_| rows_to_string(substr),
        )
    },
    Function::new(
        "left",
        "left(text, n)",
        "the first n characters, or all but the last -n",
        ("left('abcd', 2)", "ab"),
        &[S, I],
        |_| {
            text_and_int(|text, n| {
                let keep = if n < 0 { (chars(text) + n).max(0) } else { n };
                &text[..byte_of(text, keep)]
            })
        },
    ),
    Function::new(
        "right",
        "right(text, n)",
        "the last n characters, or all but the first -n",
        ("right('abcd', 2)", "cd"),
        &[S, I],
        |_| {
            text_and_int(|text, n| {
                let skip = if n < 0 { n.saturating_neg() } else { (chars(text) - n).max(0) };
                &text[byte_of(text, skip)..]
            })
        },
    ),
    Function::new(
        "replace",
        "replace(text, from, to)",
        "all occurrences replaced",
        ("replace('a-b-c', '-', '+')", "a+b+c"),
        &[S, S, S],
        |_| {
            rows_to_string(|args, row, out| match (args[0].str(row), args[1].str(row), args[2].str(row)) {
                (Some(text), Some(""), Some(_)) => {
                    out.push_str(text);
                    Ok(Some(()))
                }
                (Some(text), Some(from), Some(to)) => {
                    let more = to.len().saturating_sub(from.len());
                    let count = if more == 0 { 0 } else { text.matches(from).count() };
                    fits(text.len().saturating_add(more.saturating_mul(count)))?;
                    out.push_str(&text.replace(from, to));
                    Ok(Some(()))
                }
                _ => Ok(None),
            })
        },
    ),
    Function {
        variadic: true,
        ..Function::new(
            "concat",
            "concat(a, b, …)",
            "all texts behind each other; nulls are left out",
            ("concat('a', NULL, 1)", "a1"),
            &[Arg::Text],
            |_| {
                rows_to_string(|args, row, out| {
                    for text in args.iter().filter_map(|arg| arg.str(row)) {
                        fits(out.len() + text.len())?;
                        out.push_str(text);
                    }
                    Ok(Some(()))
                })
            },
        )
    },
    Function {
        variadic: true,
        ..Function::new(
            "concat_ws",
            "concat_ws(separator, a, b, …)",
            "all texts with a separator between; nulls are left out",
            ("concat_ws('-', 'a', NULL, 'b')", "a-b"),
            &[S, Arg::Text],
            |_| rows_to_string(concat_ws),
        )
    },
    Function::new(
        "starts_with",
        "starts_with(text, start)",
        "whether the text starts so",
        ("starts_with('abc', 'ab')", "true"),
        &[S, S],
        |_| two_texts(|text, start| text.starts_with(start)),
    ),
    Function::new(
        "ends_with",
        "ends_with(text, end)",
        "whether the text ends so",
        ("ends_with('abc', 'bc')", "true"),
        &[S, S],
        |_| two_texts(|text, end| text.ends_with(end)),
    ),
    Function::new(
        "contains",
        "contains(text, part)",
        "whether the part is in the text",
        ("contains('abc', 'd')", "false"),
        &[S, S],
        |_| two_texts(|text, part| memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()),
    ),
    Function {
        aliases: &["instr"],
        ..Function::new(
            "strpos",
            "strpos(text, part)",
            "where the part stands, 0 if nowhere; also position(part IN text)",
            ("strpos('abc', 'c')", "3"),
            &[S, S],
            |_| {
                rows_to_int(|args, row| {
                    let both = args[0].str(row).zip(args[1].str(row));
                    Ok(both.map(|(text, part)| text.find(part).map_or(0, |at| chars(&text[..at]) + 1)))
                })
            },
        )
    },
    Function::new(
        "split_part",
        "split_part(text, separator, n)",
        "the n-th part, from the end if n is negative; empty if there is none",
        ("split_part('a,b,c', ',', 2)", "b"),
        &[S, S, I],
        |_| rows_to_string(split_part),
    ),
    Function {
        required: 2,
        ..Function::new(
            "lpad",
            "lpad(text, length [, fill])",
            "filled on the left, or cut, to a length",
            ("lpad('7', 3, '0')", "007"),
            &[S, I, S],
            |_| {
                pad(|fill, text, out| {
                    out.push_str(fill);
                    out.push_str(text);
                })
            },
        )
    },
    Function {
        required: 2,
        ..Function::new(
            "rpad",
            "rpad(text, length [, fill])",
            "filled on the right, or cut, to a length",
            ("rpad('7', 3, '.')", "7.."),
            &[S, I, S],
            |_| {
                pad(|fill, text, out| {
                    out.push_str(text);
                    out.push_str(fill);
                })
            },
        )
    },
    Function::new("reverse", "reverse(text)", "the characters in reverse", ("reverse('abc')", "cba"), &[S], |_| {
        to_text(|text, out| out.extend(text.chars().rev()))
    }),
    Function::new("repeat", "repeat(text, n)", "the text n times", ("repeat('ab', 3)", "ababab"), &[S, I], |_| {
        rows_to_string(|args, row, out| match (args[0].str(row), args[1].int(row)) {
            (Some(text), Some(n)) => {
                let n = if text.is_empty() { 0 } else { usize::try_from(n).unwrap_or(0) };
                limited(out, text.len().saturating_mul(n), |out| (0..n).for_each(|_| out.push_str(text)))
            }
            _ => Ok(None),
        })
    }),
];

fn push_mapped(text: &str, out: &mut String, f: fn(&u8) -> u8) {
    out.extend(text.bytes().map(|b| char::from(f(&b))));
}

pub(super) fn chars(text: &str) -> i64 {
    if text.is_ascii() { text.len() as i64 } else { text.chars().count() as i64 }
}

/// Where character number `n` (from 0) begins; the end if there are fewer.
pub(super) fn byte_of(text: &str, n: i64) -> usize {
    let n = usize::try_from(n).unwrap_or(0);
    if text.is_ascii() { n.min(text.len()) } else { text.char_indices().nth(n).map_or(text.len(), |(at, _)| at) }
}

/// Makes a text of about `len` bytes, unless that is too long.
pub(super) fn limited(out: &mut String, len: usize, make: impl FnOnce(&mut String)) -> Result<Option<()>, String> {
    if len > RESULT_BYTES_MAX {
        return Err(format!("the text would be longer than {RESULT_BYTES_MAX} bytes"));
    }
    make(out);
    Ok(Some(()))
}

fn to_text(f: fn(&str, &mut String)) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| Ok(args[0].str(row).map(|text| f(text, out))))
}

fn two_texts(f: fn(&str, &str) -> bool) -> Result<Bound, BindError> {
    rows_to_boolean(move |args, row| Ok(args[0].str(row).zip(args[1].str(row)).map(|(a, b)| f(a, b))))
}

fn text_and_int(f: fn(&str, i64) -> &str) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| {
        Ok(args[0].str(row).zip(args[1].int(row)).map(|(text, n)| out.push_str(f(text, n))))
    })
}

fn trim(f: for<'a> fn(&'a str, &dyn Fn(char) -> bool) -> &'a str) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| {
        let Some(text) = args[0].str(row) else { return Ok(None) };
        let Some(arg) = args.get(1) else {
            out.push_str(f(text, &|c| c == ' '));
            return Ok(Some(()));
        };
        let Some(characters) = arg.str(row) else { return Ok(None) };
        // Looking through many characters for each one takes time by the product of both lengths.
        let many: Option<HashSet<char>> = (characters.len() > MANY).then(|| characters.chars().collect());
        out.push_str(match &many {
            None => f(text, &|c| characters.contains(c)),
            Some(many) => f(text, &|c| many.contains(&c)),
        });
        Ok(Some(()))
    })
}

/// As in SQL, positions before 1 count toward the length.
fn substr(args: &[Value], row: usize, out: &mut String) -> Result<Option<()>, String> {
    let (Some(text), Some(start)) = (args[0].str(row), args[1].int(row)) else { return Ok(None) };
    let end = match args.get(2).map(|arg| arg.int(row)) {
        None => i64::MAX,
        Some(None) => return Ok(None),
        Some(Some(length)) if length < 0 => return Err("substr with a negative length".to_owned()),
        Some(Some(length)) => start.saturating_add(length),
    };
    let from = byte_of(text, start.saturating_sub(1).max(0));
    let to = byte_of(text, end.saturating_sub(1).max(0)).max(from);
    out.push_str(&text[from..to]);
    Ok(Some(()))
}

fn concat_ws(args: &[Value], row: usize, out: &mut String) -> Result<Option<()>, String> {
    let Some(separator) = args[0].str(row) else { return Ok(None) };
    for (i, text) in args[1..].iter().filter_map(|arg| arg.str(row)).enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        fits(out.len() + text.len())?;
        out.push_str(text);
    }
    Ok(Some(()))
}

fn split_part(args: &[Value], row: usize, out: &mut String) -> Result<Option<()>, String> {
    let (Some(text), Some(separator), Some(n)) = (args[0].str(row), args[1].str(row), args[2].int(row)) else {
        return Ok(None);
    };
    let nth = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX).wrapping_sub(1);
    let part = match n {
        0 => return Err("split_part counts from 1".to_owned()),
        _ if separator.is_empty() => (nth == 0).then_some(text),
        1.. => text.split(separator).nth(nth),
        _ => text.rsplit(separator).nth(nth),
    };
    out.push_str(part.unwrap_or(""));
    Ok(Some(()))
}

fn pad(join: fn(&str, &str, &mut String)) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| {
        let (Some(text), Some(length)) = (args[0].str(row), args[1].int(row)) else { return Ok(None) };
        let fill = match args.get(2) {
            None => " ",
            Some(arg) => match arg.str(row) {
                Some(fill) => fill,
                None => return Ok(None),
            },
        };
        let missing = length.saturating_sub(chars(text));
        if missing <= 0 || fill.is_empty() {
            out.push_str(&text[..byte_of(text, length.max(0))]);
            return Ok(Some(()));
        }
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        limited(out, missing.saturating_mul(4).saturating_add(text.len()), |out| {
            let fill: String = fill.chars().cycle().take(missing).collect();
            join(&fill, text, out);
        })
    })
}
