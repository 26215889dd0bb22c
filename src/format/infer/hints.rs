//! What else a column may be than what was inferred: for people, who know.

use arrow_array::{Array, StringViewArray};

use super::type_of;
use super::types::{Fits, is_number};
use crate::data::{DataType, text};
use crate::format::instant::Instants;
use crate::format::{SourceField, TimestampSource};

/// Words that stand for nothing in many files.
const NULLS: [&str; 10] = ["NA", "N/A", "n/a", "null", "NULL", "None", "nil", "-", "?", "\\N"];

/// Ways to write moments that are read if one says so. Where several fit, days and months cannot be told apart.
const PATTERNS: [&str; 11] = [
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%a, %d %b %Y %H:%M:%S %z",
];

/// What one might write instead of the type of `field`, as the end of a comment.
pub fn hint(field: &SourceField, values: &StringViewArray) -> Option<String> {
    match field.ty {
        DataType::Int => epoch(values),
        DataType::Double => digits(values),
        DataType::String => pattern(values).or_else(|| null(values)).or_else(|| zeros(values)),
        _ => None,
    }
}

/// Ints that would be moments of this century.
fn epoch(values: &StringViewArray) -> Option<String> {
    let units = [("s", 1_i64), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)];
    // 2001 to 2065
    let in_range = |value: &str, per_second: i64| {
        value.parse::<i64>().is_ok_and(|value| (1_000_000_000..3_000_000_000).contains(&(value / per_second)))
    };
    let fits = |(_, per_second): &&(&str, i64)| values.iter().flatten().all(|value| in_range(value, *per_second));
    let (unit, _) = units.iter().find(fits)?;
    Some(format!("moments? {{ type = \"timestamp\", unit = \"{unit}\" }}"))
}

/// Numbers that all have two digits behind the point, as amounts of money have.
fn digits(values: &StringViewArray) -> Option<String> {
    let is_cents = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let all = values.iter().flatten().all(|value| value.split_once('.').is_some_and(|(_, behind)| is_cents(behind)));
    (all && values.len() - values.null_count() > 1).then(|| "money? \"decimal(12,2)\"".into())
}

fn pattern(values: &StringViewArray) -> Option<String> {
    let fits = |pattern: &&&str| {
        let source = TimestampSource::Pattern { pattern: (**pattern).to_owned(), zone: None };
        let Ok(mut instants) = Instants::new(&source) else { return false };
        let mut values = values.iter().flatten().peekable();
        values.peek().is_some() && values.all(|value| instants.parse(value.as_bytes(), 0, value.len()).is_some())
    };
    let found: Vec<String> = PATTERNS.iter().filter(fits).map(|pattern| format!("\"{pattern}\"")).collect();
    let (first, others) = found.split_first()?;
    let or = others.iter().map(|other| format!(", or {other}")).collect::<String>();
    Some(format!("moments? {{ type = \"timestamp\", format = {first} }}{or}"))
}

/// One word for nothing among values of another type.
fn null(values: &StringViewArray) -> Option<String> {
    let word = NULLS.into_iter().find(|null| values.iter().flatten().any(|value| value == *null))?;
    let mut fits = Fits::default();
    values.iter().flatten().filter(|value| *value != word).for_each(|value| fits.text(value.as_bytes()));
    let ty = Some(fits.ty()).filter(|ty| *ty != DataType::String)?;
    let word = word.replace('\\', "\\\\");
    Some(format!("{ty} with null = [\"{word}\"] in the format"))
}

fn zeros(values: &StringViewArray) -> Option<String> {
    let bare = |value: &str| value.trim_start_matches(['+', '0']).to_owned();
    let all = values.iter().flatten().all(|value| bare(value).is_empty() || is_number(bare(value).as_bytes()));
    (all && type_of(values) == DataType::String && values.iter().flatten().next().is_some())
        .then(|| "text, for the zeros or signs in front".into())
}

/// How far the moments of a column are behind the greatest one before them, at most: µs. `None`: some value is none.
pub fn disorder(values: &StringViewArray) -> Option<i64> {
    let (mut greatest, mut most) = (i64::MIN, 0);
    for value in values {
        let at = text::parse_timestamp(value?.as_bytes())?;
        most = most.max(greatest.saturating_sub(at));
        greatest = greatest.max(at);
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints() {
        for (ty, values, expect) in [
            (DataType::Int, &["1431857100", "1431857160"][..], "unit = \"s\""),
            (DataType::Int, &["1431857100123"], "unit = \"ms\""),
            (DataType::Int, &["5", "1431857100"], ""),
            (DataType::Double, &["1.50", "12.00"], "\"decimal(12,2)\""),
            (DataType::Double, &["1.50", "12.0"], ""),
            (DataType::Double, &["1.50"], ""),
            (DataType::Double, &["1.5e3", "12.0"], ""),
            (DataType::String, &["17/May/2015:10:05:00 +0900"], "\"%d/%b/%Y:%H:%M:%S %z\""),
            (DataType::String, &["01/02/2015 10:05:00"], "or \"%m/%d/%Y %H:%M:%S\""),
            (DataType::String, &["13/02/2015 10:05:00", "01/02/2015 10:05:00"], "format = \"%d/%m/%Y %H:%M:%S\" }"),
            (DataType::String, &["1", "NA"], "int with null = [\"NA\"]"),
            (DataType::String, &["a", "NA"], ""),
            (DataType::String, &["007", "12"], "zeros"),
            (DataType::String, &[], ""),
        ] {
            let field = SourceField::new("a", ty, None);
            let found = hint(&field, &StringViewArray::from_iter_values(values)).unwrap_or_default();
            assert!(found.ends_with(expect) || !expect.is_empty() && found.contains(expect), "{values:?}: {found:?}");
            assert_eq!(found.is_empty(), expect.is_empty(), "{values:?}: {found:?}");
        }
        let times = ["2015-05-17T10:05:00Z", "2015-05-17T10:04:58Z", "2015-05-17T10:05:01Z"];
        assert_eq!(disorder(&StringViewArray::from_iter_values(times)), Some(2_000_000));
    }
}
