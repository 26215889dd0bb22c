//! What would take all time or memory is refused, with the reason, before it does.

use std::time::{Duration, Instant};

use crate::data::{Batch, Schema};

use super::super::super::{parse, resolve};

/// The answer as text, or the error of any stage.
fn answer(text: &str) -> String {
    let began = Instant::now();
    let batch = Batch::new(Vec::new(), 1);
    let found = match parse(text).and_then(|ast| resolve(&ast, &Schema::default())) {
        Ok(typed) => match typed.eval(&batch) {
            Ok(column) => column.display(0),
            Err(error) => error.message,
        },
        Err(error) => error.message,
    };
    assert!(began.elapsed() < Duration::from_secs(60), "{:?} for {text}", began.elapsed());
    found
}

fn nested(function: &str, depth: usize, inner: &str) -> String {
    format!("{}{inner}{}", format!("{function}(").repeat(depth), ")".repeat(depth))
}

#[test]
fn huge_texts_and_lists() {
    let mega = "repeat('x', 1048576)";
    let made = "the text would be longer than 1048576 bytes";
    let text = "the text would be longer than 16777216 bytes";
    let list = "the list would have more than 1048576 elements";
    let cases = [
        ("repeat('x', 1000000000000)".into(), made),
        ("repeat('x', 9223372036854775807)".into(), made),
        ("lpad('x', 9223372036854775807, 'ab')".into(), made),
        ("rpad('', 1000000000)".into(), made),
        (nested("to_base64", 60, mega), text),
        (nested("regexp_escape", 60, &format!("replace({mega}, 'x', '.')")), text),
        (format!("regexp_replace({mega}, '', {mega})"), text),
        (format!("regexp_replace({mega}, '(x)', '${{1}}' || repeat('y', 4000))"), text),
        (format!("replace({mega}, 'x', {mega})"), text),
        (format!("array_join(split({mega}, ''), {mega})"), text),
        (format!("concat({})", vec![mega; 18].join(", ")), text),
        (format!("concat_ws('-', {})", vec![mega; 18].join(", ")), text),
        (vec![mega; 18].join(" || "), text),
        (format!("CAST(json_array({}) AS string)", vec![mega; 18].join(", ")), text),
        (format!("CAST(json_object('a', [{}]) AS string)", vec![mega; 18].join(", ")), text),
        (format!("split(repeat('x', 1048576) || {mega}, '')"), list),
        (format!("array_concat({})", vec![format!("split({mega}, '')"); 2].join(", ")), list),
        (format!("levenshtein({mega}, reverse({mega}))"), "texts of more than 4096 characters are not compared"),
        ("factorial(1000000000)".into(), "factorial of 1000000000: 0 to 20 are possible"),
        ("regexp_like('x', '(\\w{1000}){1000}')".into(), "the pattern is not a regular expression"),
        ("'x' ~ '((a{100}){100}){100}'".into(), "the pattern is not a regular expression"),
        ("'x' LIKE 'a_'".into(), "false"),
        ("strftime(TIMESTAMP '2015-05-17 10:05:00', '%999999999d')".into(), "is not a strftime format"),
    ];
    for (expression, expected) in cases {
        let found = answer(&expression);
        let start = |text: &str| text.chars().take(200).collect::<String>();
        assert!(found.starts_with(expected) || found.contains(expected), "{}: {}", start(&expression), start(&found));
    }
}

/// Not refused, and not slow either.
#[test]
fn long_but_quick() {
    let mega = "repeat('ab', 500000)";
    let cases = [
        ("repeat('', 9223372036854775807)".into(), "''"),
        (format!("length(replace({mega}, 'ab', 'c'))"), "500000"),
        (format!("length(replace({mega} || 'x', 'x', {mega}))"), "2000000"),
        (format!("length(translate({mega}, {mega}, {mega}))"), "1000000"),
        (format!("length(trim({mega}, {mega}))"), "0"),
        (format!("length(regexp_replace({mega}, '(a)(b)', '$2$1'))"), "1000000"),
        (format!("strpos({mega}, {mega} || 'c')"), "0"),
        (format!("{mega} ~ '(a|b)*c'"), "false"),
        (format!("{mega} LIKE '%b%a%b%c%'"), "false"),
        (format!("cardinality(array_distinct(split({mega}, '')))"), "2"),
        (format!("split_part({mega}, 'b', 500000)"), "'a'"),
        ("json_array_length('[' || repeat('[],', 200000) || '[]]')".into(), "200001"),
        ("json_array_length(repeat('[', 1000000))".into(), "NULL"),
        ("is_json(repeat('[', 1000000))".into(), "false"),
        ("TRY_CAST(repeat('[', 1000000) AS list<int>)".into(), "NULL"),
        ("TRY_CAST(repeat('{\"a\":', 100000) AS json)".into(), "NULL"),
        ("TRY_CAST(repeat('9', 1000000) AS decimal(38,2))".into(), "NULL"),
        ("TRY_CAST('0.' || repeat('9', 1000000) AS double)".into(), "1.0"),
        ("TRY_CAST('1e999999999999999' AS int)".into(), "NULL"),
        ("TRY_CAST(repeat('1d ', 300000) AS interval)".into(), "300000d"),
        ("TRY_CAST(repeat('1d ', 300000) || '01:02' AS interval)".into(), "300000d 1h 2m"),
    ];
    for (expression, expected) in cases {
        assert_eq!(answer(&expression), expected, "{expression}");
    }
}
