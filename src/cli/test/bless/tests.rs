//! What is written is read again.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::data::DataType::{Boolean, Decimal, Double, Int, String as Text, Timestamp};
use crate::spec::{self, Spanned};

fn came(csv: &str) -> Cells {
    Cells::parse(csv)
}

#[track_caller]
fn check(rows: GivenRows, csv: &str, expect: &str) {
    let node = Spanned { value: "n".to_owned(), span: Span::File(0..0) };
    let given = GivenSpec { node, rows, span: Span::File(0..2) };
    let schema = Schema::new([("a", Text), ("b", Int), ("odd name", Double)]);
    assert_eq!(edit(&given, &came(csv), &schema).unwrap().text, expect);
}

#[test]
fn rows_are_written_in_the_form_they_had() {
    let text = || GivenRows::Text(String::new());
    check(text(), "a,b\nx,1\n", "\"\"\"\na,b\nx,1\n\"\"\"");
    check(text(), "a\n\\d\n", "'''\na\n\\d\n'''");
    check(text(), "a,b\n\"say \"\"hi\"\"\",\n", "'''\na,b\n\"say \"\"hi\"\"\",\n'''");
    check(text(), "b\n\n1\n", "\"\"\"\n{\"b\":null}\n{\"b\":1}\n\"\"\"");
    check(GivenRows::Text("{}".into()), "a,b\n\"\",\n", "\"\"\"\n{\"a\":\"\",\"b\":null}\n\"\"\"");
    let tables = || GivenRows::Tables(Vec::new());
    check(tables(), "a,odd name\n\"q\"\"\",0.5\n", "[\n    { a = 'q\"', \"odd name\" = 0.5 },\n]");
    check(tables(), "a\n", "[]");
    check(GivenRows::Lists(Vec::new()), "a,b,odd name\nx,1,NaN\n", "\"\"\"\na,b,odd name\nx,1,NaN\n\"\"\"");
    check(GivenRows::Lists(Vec::new()), "a,b,odd name\nx,,2\n", "[\n    { a = \"x\", \"odd name\" = 2 },\n]");
}

#[test]
fn the_rest_of_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.toml");
    let text = "# a\nx = \"\"   # why\n\ny = [ ] # b\n";
    std::fs::write(&path, text).unwrap();
    let edit = |range, text: &str| Edit { place: Place::Job(range), text: text.into() };
    write(&path, text, vec![edit(8..10, "\"\"\"\nn\n\"\"\""), edit(24..27, "[1]")]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# a\nx = \"\"\"\nn\n\"\"\"   # why\n\ny = [1] # b\n");
    assert!(write(&path, text, vec![edit(0..5, "[[")]).is_err());
}

fn wide() -> Schema {
    let amount = Decimal { precision: 12, scale: 2 };
    Schema::new([("s", Text), ("n", Int), ("x", Double), ("ok", Boolean), ("odd \"name\"", amount), ("at", Timestamp)])
}

fn value_of(column: usize) -> BoxedStrategy<Json> {
    let text =
        prop_oneof!["[a-z,\"'\\\\\n\r\t é#=\\[\\]{}\u{1}]{0,8}", Just("\"\"\"".to_owned()), Just("'''\\".to_owned())];
    let value = match column {
        0 => text.prop_map(Json::from).boxed(),
        1 => any::<i64>().prop_map(Json::from).boxed(),
        2 => any::<f64>().prop_map(Json::from).boxed(),
        3 => any::<bool>().prop_map(Json::from).boxed(),
        4 => {
            (-999_999_999i64..999_999_999).prop_map(|n| Json::from(format!("{}.{:02}", n / 100, n.abs() % 100))).boxed()
        }
        _ => {
            (0i64..4_000_000_000).prop_map(|s| Json::from(jiff::Timestamp::from_second(s).unwrap().to_string())).boxed()
        }
    };
    prop_oneof![4 => value, 1 => Just(Json::Null)].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever came out: written into a job file in any form, it is what is expected there.
    #[test]
    fn what_is_written_is_what_came(
        rows in proptest::collection::vec((0..6usize).prop_map(value_of).prop_flat_map(|_| {
            (value_of(0), value_of(1), value_of(2), value_of(3), value_of(4), value_of(5))
        }), 0..4),
        width in 1..7usize,
        form in 0..4usize,
    ) {
        let schema = wide();
        let names: Vec<String> = schema.names().take(width).map(str::to_owned).collect();
        let tables = rows.into_iter().map(|(a, b, c, d, e, f)| {
            names.iter().cloned().zip([a, b, c, d, e, f]).collect::<Vec<_>>()
        });
        let tables: Vec<Vec<(String, Json)>> = tables.collect();
        let came = match tables.is_empty() {
            true => Cells { columns: names, rows: Vec::new() },
            false => rows::expected(&GivenRows::Tables(tables), &schema).unwrap(),
        };
        let forms = [
            GivenRows::Text(String::new()),
            GivenRows::Text("{}".into()),
            GivenRows::Tables(Vec::new()),
            GivenRows::Lists(Vec::new()),
        ];
        // Lists are of all columns.
        let form = if width < 6 && form == 3 { 2 } else { form };
        let node = Spanned { value: "n".to_owned(), span: Span::File(0..0) };
        let given = GivenSpec { node, rows: forms[form].clone(), span: Span::File(0..2) };
        let literal = edit(&given, &came, &schema).unwrap().text;
        let job = format!("[[tests]]\nname = 't'\nexpect.n = {literal}\n");
        let (job, found) = spec::parse(Path::new("j.toml"), &job, &[], &|_| None);
        let job = job.unwrap_or_else(|| panic!("{literal}\n{found:?}"));
        let again = rows::expected(&job.tests[0].expects[0].rows, &schema).unwrap_or_else(|e| panic!("{e}: {literal}"));
        prop_assert_eq!(&again.rows, &came.project(&again.columns).rows, "{}", literal);
    }
}
