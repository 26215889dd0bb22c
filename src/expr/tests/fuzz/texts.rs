//! Texts that are no expressions, or hardly: words changed in ones that are, and whatever is deep or long.

use proptest::prelude::*;

use super::super::super::{ExprError, parse, parse_item, parse_order, resolve};
use super::super::naive::WORDS;
use super::make::{Made, Maker};
use super::values::{Choices, batch, schema};
use super::{check, numbers};

/// A message underlines a part of the text.
fn sound(text: &str, error: ExprError) {
    assert!(text.get(error.span.clone()).is_some() && !error.message.is_empty(), "{text}: {error:?}");
}

/// Words and single characters.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for c in text.chars() {
        match words.last_mut() {
            Some(last) if is_word(c) && last.ends_with(is_word) => last.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..crate::format::fuzz::cases(600) })]

    /// An expression with words left out, doubled, swapped and put in is refused with a place, or is one like others.
    #[test]
    fn changed_words(steps in 1usize..6, grown in numbers(150), changes in numbers(20), filled in numbers(150)) {
        let schema = schema();
        let made = Maker::new(&schema, Choices::new(&grown)).make(steps);
        let mut words = words(&made.text);
        let mut choices = Choices::new(&changes);
        for _ in 0..1 + choices.below(3) {
            let at = choices.below(words.len());
            match choices.below(5) {
                0 if words.len() > 1 => drop(words.remove(at)),
                1 => words.insert(at, words[at].clone()),
                2 => {
                    let other = choices.below(words.len());
                    words.swap(at, other);
                }
                3 => words[at] = choices.of(WORDS).to_string(),
                _ => words.insert(at, format!(" {} ", choices.of(WORDS))),
            }
        }
        let text = words.concat();
        let _ = parse_item(&text).map_err(|error| sound(&text, error));
        let _ = parse_order(&text).map_err(|error| sound(&text, error));
        match parse(&text).and_then(|ast| resolve(&ast, &schema)) {
            Err(error) => sound(&text, error),
            Ok(typed) if typed.uses_now() => {}
            Ok(typed) => {
                let mut choices = Choices::new(&filled);
                let batch = batch(&mut choices, 3);
                check(&Made { text, typed }, &batch, &mut choices);
            }
        }
    }
}

/// Ten thousand of anything: an answer soon, and no overflow of the stack that a program has by default: threads of tests
/// have less.
#[test]
fn deep_and_long() {
    std::thread::Builder::new().stack_size(8 << 20).spawn(all_are_answered).unwrap().join().unwrap();
}

fn all_are_answered() {
    let schema = schema();
    let began = std::time::Instant::now();
    for count in [120, 260, 10_000] {
        let around =
            |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(count), close.repeat(count));
        let texts = [
            around("(", "a", ")"),
            around("(", "a", ""),
            around("", "a", ")"),
            around("[", "a", "]"),
            around("NOT ", "f", ""),
            around("- ", "a", ""),
            around("+", "a", ""),
            around("", "a", " + 1"),
            around("", "a", " * b - 1"),
            around("", "s", " || s"),
            around("", "f", " AND g"),
            around("", "f", " = g"),
            around("", "a", " IS NULL"),
            around("", "a", "::int::string"),
            around("", "l", "[1]"),
            around("", "r", ".x"),
            around("", "j", " -> 'a'"),
            around("", "t", " AT TIME ZONE 'UTC'"),
            around("", "a", " IN (1)"),
            around("", "a", " BETWEEN 1 AND 2"),
            around("abs(", "a", ")"),
            around("coalesce(", "a", ", b)"),
            around("greatest(", "a", ", b)"),
            around("nullif(", "a", ", b)"),
            around("struct(", "a", " AS x)"),
            around("CASE WHEN f THEN ", "a", " END"),
            around("CASE ", "a", " WHEN 1 THEN 2 END"),
            around("CASE WHEN ", "f", " THEN f END"),
            around("CAST(", "a", " AS string)"),
            around("CAST(", "NULL", " AS list<int>)"),
            format!("CAST(NULL AS {})", around("list<", "int", ">")),
            format!("CAST(NULL AS {})", around("struct<a ", "int", ">")),
            format!("CAST(NULL AS int{})", "[]".repeat(count)),
            format!("a IN ({})", vec!["1"; count].join(", ")),
            format!("concat({})", vec!["s"; count].join(", ")),
            format!("[{}]", vec!["a"; count].join(", ")),
            format!("CASE {} END", "WHEN a = 1 THEN 2 ".repeat(count)),
            format!("'{}'", "''".repeat(count)),
            format!("CAST('{}' AS json)", around("[", "1", "]")),
            format!("CAST('{}' AS list<int>)", around("[", "1", "]")),
            format!("s ~ '{}'", around("(", "a", ")")),
            format!("s ~ '{}'", around("(?:", "a", "){0,9}")),
            format!("s LIKE '{}'", "%_".repeat(count)),
            format!("json_value(j, '${}')", ".a".repeat(count)),
            format!("json_value(j, '${}')", "[0]".repeat(count)),
            format!("strftime(t, '{}')", "%Y".repeat(count)),
            format!("INTERVAL '{}'", "1d ".repeat(count)),
            "9".repeat(count),
            format!("0.{}", "9".repeat(count)),
            format!("1e{}", "9".repeat(count)),
            "/*".repeat(count),
            "-- ".repeat(count),
            "\"".repeat(count),
            "é".repeat(count),
        ];
        for text in texts {
            match parse(&text).and_then(|ast| resolve(&ast, &schema)) {
                Err(error) => sound(&text, error),
                Ok(typed) => {
                    let batch = batch(&mut Choices::new(&[]), 2);
                    let _ = (typed.to_string(), typed.eval(&batch));
                }
            }
        }
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
