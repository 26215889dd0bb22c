//! Functions that take texts apart into lists.

use super::super::value::Held;
use super::list::str;
use super::regex::compile;
use super::{Arg, BindError, Bound, Function, rows_to};
use crate::data::{ColumnBuilder, DataType};

const S: Arg = Arg::String;
const I: Arg = Arg::Int;

/// The longest list that a function makes of a row.
const ITEMS_MAX: usize = 1 << 20;

/// Whether a list may become so long.
pub(super) fn items_fit(count: usize) -> Result<(), String> {
    match count <= ITEMS_MAX {
        true => Ok(()),
        false => Err(format!("the list would have more than {ITEMS_MAX} elements")),
    }
}

pub const FUNCTIONS: &[Function] = &[
    Function::new(
        "split",
        "split(text, separator)",
        "the parts between separators; the characters if it is empty",
        ("array_join(split('a,b,,c', ','), '|')", "a|b||c"),
        &[S, S],
        |_| {
            texts(|args, row, put| {
                let Some((text, separator)) = str(&args[0], row).zip(str(&args[1], row)) else { return Ok(None) };
                if separator.is_empty() {
                    text.char_indices().for_each(|(at, c)| put(&text[at..at + c.len_utf8()]));
                } else {
                    text.split(separator).for_each(put);
                }
                Ok(Some(()))
            })
        },
    )
    .also(&["string_split", "str_split", "string_to_array"]),
    Function::new(
        "regexp_split",
        "regexp_split(text, pattern)",
        "the parts between matches",
        (r"array_join(regexp_split('a1b22c', '\d+'), '|')", "a|b|c"),
        &[S, S],
        |args| {
            let regex = compile(args, 2)?;
            texts(move |args, row, put| Ok(str(&args[0], row).map(|text| regex.split(text).for_each(put))))
        },
    )
    .also(&["string_split_regex", "str_split_regex", "regexp_split_to_array"]),
    Function::new(
        "regexp_extract_all",
        "regexp_extract_all(text, pattern [, group])",
        "all matches, or a group of them, as in regexp_extract",
        (r"array_join(regexp_extract_all('a=1 b=2', '(\w)=(\d)', 2), '|')", "1|2"),
        &[S, S, I],
        |args| {
            let regex = compile(args, 3)?;
            let group = super::regex::group(args, &regex)?;
            texts(move |args, row, put| {
                let Some(text) = str(&args[0], row) else { return Ok(None) };
                match group {
                    0 => regex.find_iter(text).for_each(|m| put(m.as_str())),
                    group => regex.captures_iter(text).filter_map(|c| c.get(group)).for_each(|m| put(m.as_str())),
                }
                Ok(Some(()))
            })
        },
    )
    .least(2),
];

fn texts(
    f: impl Fn(&[Held], usize, &mut dyn FnMut(&str)) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    let ty = DataType::list(DataType::String);
    rows_to(ty, vec![DataType::String, DataType::String, DataType::Int], move |args, row, out| {
        let ColumnBuilder::List(out) = out else { return Ok(None) };
        let mut count = 0;
        let done = f(args, row, &mut |text| {
            count += 1;
            if items_fit(count).is_ok()
                && let ColumnBuilder::String(items) = out.items()
            {
                items.append_value(text);
            }
        })?;
        // Before the list is ended: of a row that fails, a null is made.
        items_fit(count)?;
        if done.is_some() {
            out.end();
        }
        Ok(done)
    })
}
