//! Select lists of aggregations.

use super::aggregate::AggregateFunction;
use super::*;

fn items(texts: &[&str]) -> Vec<SelectItem> {
    texts.iter().map(|text| parse_item(text).unwrap()).collect()
}

fn plan(
    by: &[&str],
    select: &[&str],
    having: Option<&str>,
    windowed: bool,
) -> Result<AggregatePlan, Vec<(Part, ExprError)>> {
    let having = having.map(|text| parse(text).unwrap());
    resolve_aggregate(&items(by), &items(select), having.as_ref(), windowed, false, &schema())
}

#[test]
fn keys_windows_and_calls() {
    let plan = plan(
        &["s", "date_trunc('day', t) AS day"],
        &[
            "s",
            "day",
            "window_start",
            "count(*) AS n",
            "sum(m) AS total",
            "sum(a) / count(*) AS r",
            "COUNT(DISTINCT b) AS d",
            "sum(a) FILTER (WHERE b > 1) AS fa",
            "date_trunc('day', t) AS again",
            "window_time AS wt",
        ],
        Some("n >= 3 AND sum(m) > 5"),
        true,
    )
    .unwrap();
    let functions: Vec<AggregateFunction> = plan.calls.iter().map(|c| c.function.clone()).collect();
    use AggregateFunction::*;
    assert_eq!(functions, [CountRows, Sum, Sum, Count, Sum]);
    assert!(plan.calls[3].distinct);
    assert_eq!(plan.intermediate.len(), 2 + 2 + 5);
    assert_eq!(plan.keys[1].0, "day");
    let outputs: Vec<String> = plan.outputs.iter().map(|(_, typed)| typed.to_string()).collect();
    assert_eq!(plan.outputs[1].1.as_column(), Some(1));
    assert_eq!(plan.outputs[8].1.as_column(), Some(1));
    assert_eq!(plan.outputs[3].1.as_column(), Some(4));
    assert_eq!(plan.outputs[5].1.columns(), [4, 6]);
    assert_eq!(plan.outputs[9].1.columns(), [3]);
    assert_eq!(outputs[9], "window_end - INTERVAL '1 us'");
    assert_eq!(plan.schema().fields[4].ty, DataType::Decimal { precision: 38, scale: 2 });
    assert_eq!(plan.having.unwrap().columns(), [3, 4]);
    assert!(plan.calls[4].filter.is_some());
}

#[test]
fn renamed_keys() {
    let plan = plan(&["a AS k"], &["k", "a", "a + 1 AS next"], None, false).unwrap();
    assert!(plan.outputs.iter().all(|(_, typed)| typed.columns() == [0]));
    assert_eq!(plan.intermediate.fields[0].name, "k");
}

#[test]
fn keys_may_be_names_of_select() {
    let plan = plan(&["daily"], &["date_trunc('day', t) AS daily", "count(*) AS n"], Some("daily IS NOT NULL"), false)
        .unwrap();
    assert_eq!(plan.keys[0].0, "daily");
    assert_eq!(plan.keys[0].1.columns().len(), 1);
    assert_eq!(plan.outputs[0].1.as_column(), Some(0));
}

/// What stands around and inside of aggregates.
#[test]
fn aggregates_go_into_expressions() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("sum(a) / count(*)", &["sum(a)", "count(*)"], "int"),
        ("round(stddev(d) / avg(d), 2)", &["stddev(d)", "avg(d)"], "double"),
        ("CASE WHEN count(*) > 3 THEN max(a) ELSE -max(a) END", &["count(*)", "max(a)"], "int"),
        ("coalesce(sum(a * b + 1), 0)", &["sum((a * b) + 1)"], "int"),
        ("upper(string_agg(lower(s), '/'))", &["string_agg(lower(s), '/')"], "string"),
        ("count_if(a > b AND s LIKE 'x%')", &["count_if(*) FILTER (WHERE (a > b) AND (s LIKE 'x%'))"], "int"),
        (
            "sum(a) FILTER (WHERE s IN ('x', 'y') AND (b > 1 OR f))",
            &["sum(a) FILTER (WHERE (s IN ('x', 'y')) AND ((b > 1) OR f))"],
            "int",
        ),
        ("any_value(s) FILTER (WHERE f)", &["any_value(s) FILTER (WHERE (s IS NOT NULL) AND f)"], "string"),
        ("count(DISTINCT a, s) + sum(DISTINCT a)", &["count(DISTINCT a, s)", "sum(DISTINCT a)"], "int"),
        ("percentile_cont(0.95) WITHIN GROUP (ORDER BY a)", &["percentile_cont(a, 0.95)"], "double"),
        ("mode() WITHIN GROUP (ORDER BY s)", &["mode(s)"], "string"),
        ("median(m) - percentile(m, 0.5)", &["median(m, 0.5)", "percentile(m, 0.5)"], "decimal(38,6)"),
        ("bool_and(f) OR every(f) OR bool_or(f)", &["bool_and(f)", "every(f)", "bool_or(f)"], "boolean"),
        ("min(DISTINCT a)", &["min(DISTINCT a)"], "int"),
        ("array_agg(a)", &["array_agg(a)"], "list<int>"),
    ];
    for (text, calls, ty) in cases {
        let plan = plan(&["s"], &[&format!("{text} AS x")], None, false);
        let plan = plan.unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        let texts: Vec<&str> = plan.calls.iter().map(|call| call.text.as_str()).collect();
        assert_eq!(texts, *calls, "{text}");
        assert_eq!(plan.outputs[0].1.ty.to_string(), *ty, "{text}");
    }
}

#[test]
fn mistakes() {
    type Case<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>, Part, &'a str);
    let cases: &[Case] = &[
        (&["s"], &["a"], None, Part::Select(0), "first(a)"),
        (&["s"], &["s", "sum(count(*)) AS x"], None, Part::Select(1), "nested"),
        (&["s"], &["window_start"], None, Part::Select(0), "without a window"),
        (&["s"], &["sum(s) AS x"], None, Part::Select(0), "takes a number or an interval, not string"),
        (&["s"], &["sum(*) AS x"], None, Part::Select(0), "takes an argument"),
        (&["s"], &["sum(a, b) AS x"], None, Part::Select(0), "it is sum(x)"),
        (&["s"], &["meddian(a) AS x"], None, Part::Select(0), "did you mean `median`"),
        (&["s"], &["count_distinct(a) AS x"], None, Part::Select(0), "no function"),
        (&["s"], &["count(a, b) AS x"], None, Part::Select(0), "count(DISTINCT a, b)"),
        (&["s"], &["mode(DISTINCT a) AS x"], None, Part::Select(0), "DISTINCT"),
        (&["s"], &["percentile(a) AS x"], None, Part::Select(0), "it is percentile(x, p)"),
        (&["s"], &["percentile(a, 95) AS x"], None, Part::Select(0), "write 0.95"),
        (&["s"], &["percentile(a, b) AS x"], None, Part::Select(0), "constant number"),
        (&["s"], &["percentile(s, 0.5) AS x"], None, Part::Select(0), "a number or a timestamp, not string"),
        (&["s"], &["string_agg(a) AS x"], None, Part::Select(0), "CAST(x AS string)"),
        (&["s"], &["string_agg(s, s) AS x"], None, Part::Select(0), "constant text"),
        (&["s"], &["bool_and(a) AS x"], None, Part::Select(0), "boolean, not int"),
        (&["s"], &["count_if(a) AS x"], None, Part::Select(0), "boolean, not int"),
        (&["s"], &["sum(aa) AS x"], None, Part::Select(0), "no column `aa`"),
        (&["s"], &["cnt(*) AS x"], None, Part::Select(0), "no function"),
        (&["ss"], &["s"], None, Part::By(0), "did you mean `s`"),
        (&["s", "s"], &["s"], None, Part::By(1), "two keys"),
        (&["s"], &["s", "s"], None, Part::Select(1), "two columns"),
        (&["s"], &["s", "*"], None, Part::Select(1), "no place"),
        (&["s"], &["count(*) AS n"], Some("count(a) > 1"), Part::Having, "not in `select`"),
        (&["s"], &["count(*) AS n"], Some("m > 1"), Part::Having, "no column `m`"),
        (&["s"], &["count(*) AS n"], Some("n"), Part::Having, "boolean"),
        (&["s"], &["count(*) FILTER (WHERE a) AS n"], None, Part::Select(0), "boolean"),
    ];
    for (by, select, having, part, said) in cases {
        let errors = plan(by, select, *having, false).unwrap_err();
        let (at, error) = &errors[0];
        let text = format!("{} {}", error.message, error.label) + error.help.as_deref().unwrap_or("");
        assert_eq!(at, part, "{select:?}: {error:?}");
        assert!(text.contains(said), "{select:?}: {text}");
    }
    assert_eq!(plan(&["s"], &["a", "b"], None, false).unwrap_err().len(), 2);
}

/// Each fault is named once, and none that comes of another.
#[test]
fn a_wrong_key_does_not_hide_other_faults() {
    let faults = |by: &[&str], select: &[&str], windowed| {
        let errors = plan(by, select, None, windowed).unwrap_err();
        errors.into_iter().map(|(part, error)| format!("{part:?} {}", error.message)).collect::<Vec<_>>()
    };
    let unknown = "there is no column `ss`";
    // What names the key, also by its text, is right; so is a column that the key may have been meant to be.
    let fine = ["ss", "upper(ss) || 'x' AS u", "s", "a + 1 AS b", "sum(a) AS total"];
    assert_eq!(faults(&["ss"], &fine, false), [format!("By(0) {unknown}")]);
    assert_eq!(faults(&["lowr(s) AS low"], &["low", "lowr(s) AS x", "low > 5 AS b"], false).len(), 1);
    let found = faults(&["s", "ss AS k"], &["k", "sum(aa) AS n", "nope", "sum(s) AS t", "k"], true);
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(found[0], format!("By(1) {unknown}"));
    for (fault, part) in found[1..].iter().zip(["Select(1)", "Select(2)", "Select(3)", "Select(4)"]) {
        assert!(fault.starts_with(part), "{fault}");
    }
}
