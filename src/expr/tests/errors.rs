//! One line a case: expression, underlined text, part of the message or help.

use super::*;

fn error(text: &str) -> ExprError {
    match parse(text) {
        Err(error) => error,
        Ok(ast) => match resolve(&ast, &schema()) {
            Err(error) => error,
            Ok(typed) => panic!("{text} is {typed}"),
        },
    }
}

#[test]
fn places_and_help() {
    let cases = [
        ("amont > 5", "amont", "no column `amont`"),
        ("ss = 'x'", "ss", "did you mean `s`?"),
        ("s = \"hello\"", "\"hello\"", "text goes in single quotes: 'hello'"),
        ("a == 1", "==", "write `=`"),
        ("a = 1 && b = 2", "&&", "write AND"),
        ("(a + 1", "(", "not closed"),
        ("a + 1)", ")", "was not opened"),
        ("a +", "", "expected an expression"),
        ("", "", "empty"),
        ("a, b", ",", "a string of its own"),
        ("s = 'x", "'x", "no end"),
        ("a # 1", "#", "means nothing"),
        ("a; b", ";", "has no `;`"),
        ("f & f", "f", "takes an int"),
        ("!f", "!", "NOT"),
        ("s = ‘x’", "‘", "single quotes"),
        ("s > 5", "s > 5", "CAST"),
        ("t > 5", "t > 5", "to_timestamp_ms"),
        ("t > 'soon'", "'soon'", "is not a timestamp"),
        ("TIMESTAMP 'soon'", "TIMESTAMP 'soon'", "is not a timestamp"),
        ("s + 'x'", "s", "||"),
        ("a || s", "a", "CAST"),
        ("a AND f", "a", "takes a boolean, not int"),
        ("CAST(a AS timestamp)", "CAST(a AS timestamp)", "to_timestamp_ms"),
        ("CAST(a AS strng)", "strng", "did you mean string"),
        ("strlen(s)", "strlen", "write length(text)"),
        ("json_value(s, 'a')", "'a'", "starts with `$`"),
        ("s -> f", "f", "a key is a string or an int"),
        ("t AT TIME ZONE 'Seoul'", "'Seoul'", "is not a time zone"),
        ("timestampdiff(FORTNIGHT, t, t)", "FORTNIGHT", "units are"),
        ("regexp_replace(s, 'a', 'b', 'q')", "'q'", "no flag"),
        ("rand()", "rand", "differs from run to run"),
        ("CAST(a AS time)", "time", "not there yet"),
        ("CAST('x' AS int)", "'x'", "'x' is not an int"),
        ("CAST(a AS decimal(40,2))", "(40,2)", "38 digits"),
        ("lowr(s)", "lowr", "did you mean `lower`?"),
        ("nowe()", "nowe", "no function"),
        ("stddev(a)", "stddev(a)", "no place here"),
        ("string_agg(s, ',' ORDER BY a)", "ORDER", "order of the input"),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC)", "DESC", "1 - p"),
        ("percentile_cont(0.5) WITHIN (a)", "(", "GROUP"),
        ("count(*) > 1", "count(*)", "aggregate"),
        ("lower(s, s)", "s", "it is lower(text)"),
        ("lower()", "lower", "it is lower(text)"),
        ("lower(a)", "a", "CAST"),
        ("lower(DISTINCT s)", "lower(DISTINCT s)", "belongs to an aggregate"),
        ("regexp_like(s, '(')", "'('", "unclosed group"),
        ("s ~ '('", "'('", "unclosed group"),
        ("regexp_like(s, s)", "s", "constant text"),
        ("date_trunc('huor', t)", "'huor'", "did you mean 'hour'?"),
        ("date_bin('2 months', t)", "'2 months'", "vary in length"),
        ("t + 5", "t + 5", "INTERVAL"),
        ("t * INTERVAL '5' MINUTE", "t * INTERVAL '5' MINUTE", "no timestamp * interval"),
        ("t + INTERVAL '5 parsecs'", "'5 parsecs'", "not an interval"),
        ("t + '1 day'", "t + '1 day'", "moves by an interval"),
        ("DATE '2015-02-29'", "DATE '2015-02-29'", "is not a date"),
        ("day > '17.5.2015'", "'17.5.2015'", "is not a date"),
        ("r.z", "z", "fields: x, y"),
        ("r.xx", "xx", "did you mean `x`?"),
        ("j.x", "j", "write -> 'x'"),
        ("l['x']", "'x'", "takes an int"),
        ("a[1]", "a", "takes a list"),
        ("[1, 'x']", "'x'", "one type"),
        ("[1", "[", "a bracket is not closed"),
        ("struct(1)", "1", "needs a name"),
        ("struct(a, a)", "a", "comes twice"),
        ("array_contains(l, 'x')", "'x'", "elements are int"),
        ("json_object('a')", "'a'", "has no value"),
        ("CAST(s AS list<int)", ")", "expected `>`"),
        ("CAST(s AS list)", ")", "expected `<`"),
        ("CAST(s AS struct<a int, a int>)", "a", "comes twice"),
        ("j = 'x'", "j = 'x'", "json_value"),
        ("CASE WHEN f THEN 1", "CASE", "no END"),
        ("CASE WHEN f THEN 1 ELSE 'x' END", "'x'", "one type"),
        ("a IN ()", ")", "expected an expression"),
        ("a IN 1", "1", "`(`"),
        ("a NOT 1", "1", "behind NOT"),
        ("12abc", "12abc", "not a number"),
        ("a b", "b", "an operator is expected"),
        ("extract(fortnight FROM t)", "fortnight", "units are"),
        ("select", "select", "\"select\""),
        ("a.b", "a", "from"),
        ("99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999", "too large"),
        (
            "0.00000000000000000000000000000000000001 * 0.1",
            "0.00000000000000000000000000000000000001 * 0.1",
            "38 digits",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, underlined, part) in cases {
        let error = error(text);
        assert!(error.span.end <= text.len(), "{text}: {error:?}");
        // With several places of the same text the first wrong one counts; the table has the text only.
        let said = format!("{} {} {}", error.message, error.label, error.help.clone().unwrap_or_default());
        if &text[error.span.clone()] != underlined || !said.contains(part) {
            wrong.push(format!("{text}: `{}` {said}", &text[error.span]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn items() {
    let said = |text: &str| parse_item(text).unwrap_err();
    assert_eq!(said("count(*)").help.unwrap(), "write `count(*) AS name`");
    assert_eq!(said("a + 1 x").help.unwrap(), "write `a + 1 AS x`");
    assert_eq!(said("a + 1 x").span, 6..7);
    assert!(said("* EXCEPT a").message.contains("`(`"));
    assert!(matches!(parse_item("a").unwrap(), SelectItem::Expr { name, .. } if name == "a"));
    assert!(matches!(parse_item("a + 1 as \"x y\"").unwrap(), SelectItem::Expr { name, .. } if name == "x y"));
    let SelectItem::All { except, .. } = parse_item("* EXCEPT (a, \"x y\")").unwrap() else { panic!() };
    assert_eq!(except.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), ["a", "x y"]);
}

#[test]
fn orders() {
    let order = |text: &str| parse_order(text).map(|o| (o.descending, o.nulls_first));
    assert_eq!(order("n"), Ok((false, true)));
    assert_eq!(order("n DESC"), Ok((true, false)));
    assert_eq!(order("n desc nulls first"), Ok((true, true)));
    assert_eq!(order("a + 1 ASC NULLS LAST"), Ok((false, false)));
    assert!(order("n DOWN").is_err());
}

#[test]
fn words_that_may_be_columns() {
    let names =
        ["user", "timestamp", "date", "time", "key", "value", "end", "first", "interval", "desc", "filter", "left"];
    let schema = Schema::new(names.map(|name| (name, DataType::Int)));
    for name in names {
        resolve(&parse(&format!("{name} + {name}")).unwrap(), &schema).unwrap();
        parse_item(name).unwrap();
    }
}

#[test]
fn depth_is_limited() {
    for text in
        ["(".repeat(60_000), "NOT ".repeat(15_000), "- ".repeat(30_000), "a+".repeat(30_000), "f(".repeat(30_000)]
    {
        assert!(parse(&text).is_err());
    }
    let sum = vec!["a"; 20_000].join("+");
    assert!(parse(&sum).unwrap_err().message.contains("too deep"));
    assert!(parse(&"a".repeat(100_000)).unwrap_err().message.contains("longer"));
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    resolve(&parse(&deep).unwrap(), &schema()).unwrap();
    for (open, close) in [("greatest(", ", 1)"), ("nullif(", ", 1)"), ("CASE ", " WHEN 1 THEN 2 WHEN 2 THEN 1 END")] {
        let repeated = format!("{}a{}", open.repeat(60), close.repeat(60));
        assert!(parse(&repeated).unwrap_err().message.contains("too often"), "{open}");
    }
    let wide = vec!["a = 1"; 5000].join(" OR ");
    resolve(&parse(&wide).unwrap(), &schema()).unwrap();
    let nested = (0..120).fold("a".to_owned(), |inner, _| format!("({inner}){}", "+a".repeat(100)));
    assert!(parse(&nested).is_err());
}
