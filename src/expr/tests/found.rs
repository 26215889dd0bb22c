//! What fuzzing has found, each by its name.

use super::*;

fn answer(text: &str) -> String {
    eval(text, "a=1")
}

fn refused(text: &str) -> String {
    match parse(text).and_then(|ast| resolve(&ast, &schema())) {
        Err(error) => error.message,
        Ok(typed) => typed.eval(&batch(&["a=1"])).unwrap_err().message,
    }
}

#[test]
fn the_empty_text_is_repeated_at_once() {
    assert_eq!(answer("repeat('', 9223372036854775807)"), "");
}

#[test]
fn the_least_int_is_no_year() {
    let message = refused("make_date(-9223372036854775808, 2, 4)");
    assert_eq!(message, "there is no date -9223372036854775808-2-4");
    assert!(refused("make_timestamp(-9223372036854775808, 1, 1, 0, 0, 0)").starts_with("there is no timestamp"));
}

#[test]
fn a_timestamp_that_is_too_far_away_is_not_null() {
    assert_eq!(refused("make_timestamp(400000, 1, 1, 0, 0, 0)"), "there is no timestamp 400000-1-1 0:0:0");
}

#[test]
fn a_difference_that_does_not_fit_is_an_error() {
    let ends = "to_timestamp_us(-9223372036854775808), to_timestamp_us(9223372036854775807)";
    let message = "the difference is too large for int";
    assert_eq!(refused(&format!("date_diff('microsecond', {ends})")), message);
    assert_eq!(refused(&format!("timestampdiff('microsecond', {ends})")), message);
    assert_eq!(answer(&format!("timestampdiff('millisecond', {ends})")), "18446744073709551");
}

#[test]
fn the_first_moment_of_all_is_read_back() {
    let text = answer("CAST(to_timestamp_us(-9223372036854775808) AS string)");
    assert_eq!(text, "-290308-12-21T19:59:05.224192Z");
    assert_eq!(answer(&format!("epoch_us(TIMESTAMP '{text}')")), "-9223372036854775808");
    assert_eq!(
        refused("TIMESTAMP '-290308-12-21T19:59:05.224191Z'"),
        "'-290308-12-21T19:59:05.224191Z' is not a timestamp"
    );
}

#[test]
fn a_text_is_replaced_once_by_a_long_one() {
    let text = "length(replace(repeat('a', 5000) || 'x', 'x', repeat('b', 5000)))";
    assert_eq!(answer(text), "10000");
}

#[test]
fn a_path_in_a_column_is_a_path() {
    assert_eq!(eval("j -> s", r#"j={"a":[7]} s=$.a[0]"#), "7");
    assert_eq!(eval("j -> s", r#"j={"$ref":[7]} s=$ref"#), "[7]");
}

#[test]
fn a_long_interval_is_the_same_as_a_constant() {
    assert_eq!(answer("extract(day FROM INTERVAL '3000000 hours')"), "125000");
    assert_eq!(eval("extract(day FROM gap)", "gap=3000000_hours"), "125000");
}

/// Lists are shown without their middle, and were taken for equal.
#[test]
fn long_constants_that_differ_in_the_middle_are_two() {
    let list = |middle: i64| {
        format!("[{}]", (0..50).map(|i| if i == 25 { middle } else { 0 }.to_string()).collect::<Vec<_>>().join(", "))
    };
    let items = [7, 8].map(|x| typed(&format!("array_contains({}, a)", list(x)))).to_vec();
    let columns = Expressions::new(items).eval(&batch(&["a=7", "a=8"])).unwrap();
    assert_eq!(
        (texts(&columns[0]), texts(&columns[1])),
        (vec!["true".into(), "false".into()], vec!["false".into(), "true".into()])
    );
}

#[test]
fn plans_show_expressions_that_can_be_written() {
    let cases = [
        ("struct(a + 1 AS x, b)", "struct(a + 1 AS x, b AS b)"),
        ("d = CAST('NaN' AS double)", "d = 'NaN'::double"),
        ("s LIKE 'a!%' ESCAPE '!'", "s LIKE 'a!%' ESCAPE '!'"),
        ("-(-9223372036854775808)", "-(-9223372036854775808)"),
    ];
    for (text, shown) in cases {
        assert_eq!(typed(text).to_string(), shown);
        assert_eq!(typed(shown).to_string(), shown);
    }
}

#[test]
fn what_does_not_fit_a_list_is_null_and_no_part_of_it() {
    assert_eq!(answer("TRY_CAST('[1' || '' AS list<int>)"), "NULL");
    assert_eq!(eval("TRY_CAST(s AS list<int>)", "s=[[1]]"), "NULL");
    assert_eq!(eval("TRY_CAST(s AS struct<x int>)", r#"s={"x":"y"}"#), "NULL");
    assert_eq!(eval("TRY_CAST(j AS list<date>) IS NULL", r#"j=["2015-05-17","noon"]"#), "true");
}

#[test]
fn a_null_moves_a_moment_nowhere() {
    for text in [
        "day + NULL",
        "NULL + day",
        "day - NULL",
        "NULL - day",
        "t + NULL",
        "t - NULL",
        "NULL - t",
        "gap * NULL",
        "gap / NULL",
        "NULL + gap",
        "gap - NULL",
        "day + CAST(NULL AS int)",
        "CAST(NULL AS int) + day",
    ] {
        assert_eq!(eval(text, "day=2015-05-17 t=2015-05-17T10:00:00Z gap=1d"), "NULL", "{text}");
    }
}

#[test]
fn a_type_has_a_depth() {
    assert_eq!(refused(&format!("CAST(NULL AS int{})", "[]".repeat(10_000))), "the expression nests too deep");
    assert_eq!(refused(&format!("CAST(NULL AS list<int{0}>{0})", "[]".repeat(100))), "the expression nests too deep");
    assert_eq!(answer(&format!("CAST(NULL AS int{})", "[]".repeat(100))), "NULL");
}
