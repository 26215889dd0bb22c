//! `[[tests]]`: the job's own tests, as they are written. Whether nodes and columns of these names exist is not known
//! here.
//!
//! Data of tests is data: variables are put into the names of files only.

use serde_json::{Map, Number, Value as Json};

use super::diagnostic::Diagnostic;
use super::options::{Options, TEST, Words};
use super::read::{Cx, Fields};
use super::value::{Kind, Table, Value};
use super::variables::Variables;
use super::{GivenRows, GivenSpec, Spanned, TestSpec};

const ORDERS: Words<bool> = Words { what: "order of rows", has: &[("exact", true), ("any", false)], later: &[] };

const FILE: Options = Options { what: "rows of a file", has: &[("file", "\"testdata/x.csv\"")], later: &[] };

const ROWS: &str = "rows: text, an array of tables such as [{ card = \"a\", amount = 5 }], or { file = \"x.csv\" }";

/// Puts variables into the names of files, and nowhere else.
pub(super) fn variables(tests: &mut Value, variables: &mut Variables) {
    let Kind::Array(tests) = &mut tests.kind else { return };
    for test in tests {
        let Kind::Table(test) = &mut test.kind else { continue };
        let given = test.entries.iter_mut().filter(|entry| ["input", "expect"].contains(&entry.key.value.as_str()));
        given.for_each(|entry| file_names(&mut entry.value, variables));
    }
}

fn file_names(value: &mut Value, variables: &mut Variables) {
    let Kind::Table(table) = &mut value.kind else { return };
    for entry in &mut table.entries {
        match (entry.key.value.as_str(), &entry.value.kind) {
            ("file", Kind::String(_)) => variables.value(&mut entry.value),
            _ => file_names(&mut entry.value, variables),
        }
    }
}

pub(super) fn tests(cx: &mut Cx, value: &Value) -> Vec<TestSpec> {
    let Kind::Array(items) = &value.kind else {
        cx.wrong_type("tests", value, "tables [[tests]]");
        return Vec::new();
    };
    let mut tests: Vec<TestSpec> = Vec::new();
    for item in items {
        let Kind::Table(table) = &item.kind else {
            cx.wrong_type("tests", item, "a table [[tests]]");
            continue;
        };
        let Some(test) = test(cx, table, item) else { continue };
        if tests.iter().any(|other| other.name.value == test.name.value) {
            let message = format!("there are two tests `{}`", test.name.value);
            let error = Diagnostic::error(message).at(&test.name.span).label("the second one of this name");
            cx.push(error.help("give it another name, so that messages say which one is meant"));
        }
        tests.push(test);
    }
    tests
}

fn test(cx: &mut Cx, table: &Table, item: &Value) -> Option<TestSpec> {
    let fields = Fields::new(cx, table, &TEST, "a test".into(), &item.span);
    let name = fields.need_text(cx, "name");
    let mut test = TestSpec {
        name: name.map(|text| Spanned { value: text.value, span: text.span })?,
        inputs: given(cx, &fields, "input"),
        expects: given(cx, &fields, "expect"),
        ordered: fields.word(cx, "order", &ORDERS).is_none_or(|order| order.value),
        fails: fields.text(cx, "fails"),
        variables: variables_of(cx, &fields),
        overrides: Vec::new(),
    };
    test.overrides = fields.texts(cx, "overrides").unwrap_or_default().into_iter().map(|text| text.value).collect();
    match (&test.fails, fields.get("expect")) {
        (None, None) => {
            let error = Diagnostic::error(format!("the test `{}` expects nothing", test.name.value));
            let help =
                "add expect.NODE = \"\" with the name of a node: `flott test --bless` writes what comes out there";
            cx.push(error.at(&test.name.span).label("needs `expect` or `fails`").help(help));
        }
        (Some(fails), Some(_)) => {
            let error = Diagnostic::error("`expect` and `fails` exclude each other").at(&fails.span);
            cx.push(error.label("a job that fails gives no rows").help("make two tests of it"));
        }
        _ => {}
    }
    Some(test)
}

fn variables_of(cx: &mut Cx, fields: &Fields) -> Vec<(String, String)> {
    let Some((table, _)) = fields.get("variables").and_then(|_| fields.table(cx, "variables")) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for entry in &table.entries {
        let name = &entry.key.value;
        if let Some(text) = cx.string(name, &entry.value, "a string: the value of a variable") {
            out.push((name.clone(), text.value.clone()));
        }
    }
    out
}

/// `input.payments = …`, `expect.per_minute.late = …`.
fn given(cx: &mut Cx, fields: &Fields, option: &str) -> Vec<GivenSpec> {
    let Some((table, _)) = fields.get(option).and_then(|_| fields.table(cx, option)) else { return Vec::new() };
    let mut out = Vec::new();
    for entry in &table.entries {
        match &entry.value.kind {
            // `expect.per_minute.late` is a table in a table.
            Kind::Table(outputs) if outputs.get("file").is_none() && !outputs.entries.is_empty() => {
                for output in &outputs.entries {
                    let value = format!("{}.{}", entry.key.value, output.key.value);
                    let node = Spanned { value, span: output.key.span.clone() };
                    out.extend(rows_of(cx, node, &output.value));
                }
            }
            _ => out.extend(rows_of(cx, entry.key.clone(), &entry.value)),
        }
    }
    for (i, given) in out.iter().enumerate() {
        if out[..i].iter().any(|other| other.node.value == given.node.value) {
            let error = Diagnostic::error(format!("`{}` is given twice", given.node.value)).at(&given.node.span);
            cx.push(error.label("again"));
        }
    }
    out
}

fn rows_of(cx: &mut Cx, node: Spanned<String>, value: &Value) -> Option<GivenSpec> {
    let rows = match &value.kind {
        Kind::String(text) => GivenRows::Text(text.text.value.clone()),
        Kind::Array(items) => list(cx, &node.value, items)?,
        Kind::Table(table) => {
            let fields = Fields::new(cx, table, &FILE, format!("the rows of `{}`", node.value), &value.span);
            GivenRows::File(fields.need_text(cx, "file")?)
        }
        _ => {
            cx.wrong_type(&node.value, value, ROWS);
            return None;
        }
    };
    Some(GivenSpec { node, rows, span: value.span.clone() })
}

/// Rows as tables, or all of them as lists.
fn list(cx: &mut Cx, name: &str, items: &[Value]) -> Option<GivenRows> {
    let (mut tables, mut lists) = (Vec::new(), Vec::new());
    for item in items {
        match &item.kind {
            Kind::Table(table) if lists.is_empty() => {
                tables.push(table.entries.iter().map(|e| (e.key.value.clone(), json(&e.value))).collect());
            }
            Kind::Array(values) if tables.is_empty() => lists.push(values.iter().map(json).collect()),
            _ => {
                cx.wrong_type(name, item, ROWS);
                return None;
            }
        }
    }
    Some(if lists.is_empty() { GivenRows::Tables(tables) } else { GivenRows::Lists(lists) })
}

/// A value as JSON has it; what JSON has no number for is text, which is read as a number where one is wanted.
fn json(value: &Value) -> Json {
    match &value.kind {
        Kind::String(text) => Json::String(text.text.value.clone()),
        Kind::Integer(n) => Json::from(*n),
        Kind::Float(x) => Number::from_f64(*x).map_or_else(|| Json::String(x.to_string()), Json::Number),
        Kind::Boolean(b) => Json::Bool(*b),
        Kind::Datetime(text) => Json::String(text.clone()),
        Kind::Array(items) => Json::Array(items.iter().map(json).collect()),
        Kind::Table(table) => {
            Json::Object(table.entries.iter().map(|e| (e.key.value.clone(), json(&e.value))).collect::<Map<_, _>>())
        }
        Kind::Failed => Json::Null,
    }
}
