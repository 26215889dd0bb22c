//! Values that break things, by type, and columns of them.

use arrow_array::{
    Array, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, StringViewArray, StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;

use super::super::super::{parse, resolve};
use crate::data::{Batch, Column, ColumnBuilder, DataType, Schema};

/// Numbers that a case is made of, used up one after the other; 0 when none is left, so that shrinking finds small cases.
pub struct Choices<'a> {
    left: std::slice::Iter<'a, u32>,
}

impl<'a> Choices<'a> {
    pub fn new(numbers: &'a [u32]) -> Choices<'a> {
        Choices { left: numbers.iter() }
    }

    /// Less than `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.left.next().map_or(0, |n| *n as usize) % count.max(1)
    }

    pub fn of<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    /// True in one of so many cases.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }
}

/// The columns that generated expressions are over: every type, most of them twice.
pub fn schema() -> Schema {
    let none = Schema::default();
    let ty = |text: &str| resolve(&parse(&format!("CAST(NULL AS {text})")).unwrap(), &none).unwrap().ty;
    let columns = [
        ("a", "int"),
        ("b", "int"),
        ("s", "string"),
        ("p", "string"),
        ("d", "double"),
        ("e", "double"),
        ("m", "decimal(12,2)"),
        ("w", "decimal(38,10)"),
        ("c", "decimal(38,38)"),
        ("f", "boolean"),
        ("g", "boolean"),
        ("t", "timestamp"),
        ("u", "timestamp"),
        ("day", "date"),
        ("day2", "date"),
        ("gap", "interval"),
        ("gap2", "interval"),
        ("j", "json"),
        ("l", "list<int>"),
        ("k", "list<string>"),
        ("ll", "list<list<decimal(5,2)>>"),
        ("r", "struct<x int, y string>"),
        ("q", "list<struct<x double, y date>>"),
        ("z", "bytes"),
    ];
    Schema::new(columns.map(|(name, text)| (name, ty(text))))
}

pub const INTS: [&str; 18] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "-7",
    "5",
    "10",
    "63",
    "64",
    "1000",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775807",
    "1250",
    "-1250",
    "97",
    "4611686018427387904",
];
pub const DOUBLES: [&str; 16] = [
    "0.0",
    "-0.0",
    "1.5",
    "-2.5",
    "0.1",
    "1e300",
    "-1e-300",
    "NaN",
    "inf",
    "-inf",
    "9007199254740993.0",
    "2.675",
    "123456.789",
    "9.3e18",
    "1e38",
    "0.5",
];
const TEXTS: [&str; 34] = [
    "",
    "a",
    "abc",
    "ÄB",
    "äöü Straße",
    "日本語",
    "a,b,,c",
    " padded ",
    "100%",
    "a_b",
    "a.b",
    "it's",
    "xxxxxxxxxxxxx",
    "-12",
    "3.14",
    "1e5",
    "true",
    "2015-05-17",
    "2015-05-17T10:05:00Z",
    "🙂 smile",
    "İß",
    "line\nbreak\t",
    "{\"a\":[1,{\"b\":null}],\"x\":\"\\u00e4\"}",
    "[1, 2.50, null, \"x\"]",
    "https://ada:pw@a.org:81/b/c?x=1&y=%20+%ff#f",
    "YWJj",
    "61c3a4",
    "The quick brown fox",
    "\u{0}\u{301}e",
    "P1Y2M3DT4H",
    "1 month 2 days",
    "day",
    "%Y-%m-%d",
    "$.a[0]",
];
const STAMPS: [&str; 14] = [
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "2015-05-17T10:05:03.123456Z",
    "2016-02-29T12:00:00Z",
    "2000-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2021-03-28T01:30:00Z",
    "2021-10-31T01:00:00Z",
    "2020-01-31T08:00:00Z",
    "-290307-12-31T00:00:00Z",
    "+294247-01-01T00:00:00Z",
    "0000-02-29T00:00:00Z",
    "1900-03-01T00:00:00Z",
];
const DAYS: [&str; 10] = [
    "1970-01-01",
    "1969-12-31",
    "2016-02-29",
    "2015-05-17",
    "2000-12-31",
    "1900-02-28",
    "9999-12-31",
    "0001-01-01",
    "-999999-01-01",
    "+999999-12-31",
];
const GAPS: [&str; 13] = [
    "0s",
    "1 month",
    "1 day",
    "-1 day",
    "36 hours",
    "1 year 2 months 3 days 4 hours",
    "-3 months",
    "90 minutes",
    "0.000001s",
    "2147483647mo",
    "-2147483648d",
    "2562047h 47m",
    "1mo -31d 24h",
];
const JSONS: [&str; 13] = [
    "{}",
    "[]",
    "1",
    "\"x\"",
    "null",
    "{\"a\":1,\"b\":{\"c\":[1,\"two\",null,{\"d\":true}]}}",
    "{\"a\": \"text \\u00e4 \\n\\ud83d\\ude42\"}",
    "[1, 2.50, [3]]",
    "{\"a\": null}",
    "{\"a b\": 1, \"a\": 12345678901234567890}",
    " [ ] ",
    "-1e400",
    "\"\\ud800\"",
];

/// Texts of values that [`ColumnBuilder::append_text`] takes for a type.
pub fn texts(ty: DataType) -> &'static [&'static str] {
    match ty {
        DataType::Boolean => &["true", "false"],
        DataType::Int => &INTS,
        DataType::Double => &DOUBLES,
        DataType::Decimal { precision: 12, .. } => {
            &["0.00", "1.25", "-1.25", "0.01", "-0.05", "9999999999.99", "-9999999999.99", "2.50", "100.10"]
        }
        DataType::Decimal { scale: 38, .. } => &[
            "0.00000000000000000000000000000000000000",
            "0.99999999999999999999999999999999999999",
            "-0.5",
            "0.00000000000000000000000000000000000001",
        ],
        DataType::Decimal { .. } => &[
            "0",
            "1",
            "-0.0000000001",
            "9999999999999999999999999999.9999999999",
            "-9999999999999999999999999999.9999999999",
            "3.3333333333",
            "12345678901234567890.1234567891",
            "0.5",
        ],
        DataType::String => &TEXTS,
        DataType::Timestamp => &STAMPS,
        DataType::Date => &DAYS,
        DataType::Interval => &GAPS,
        DataType::Json => &JSONS,
        DataType::Bytes => &["", "YQ==", "/w==", "w6Q=", "AAECAwQFBgcICQoLDA0ODw=="],
        DataType::List(item) => match item {
            DataType::Int => &["[]", "[1]", "[1,2,3]", "[3,null,1,3]", "[-5,9223372036854775807]", "[null]"],
            DataType::String => &["[]", "[\"\"]", "[\"a\",null,\"日本\"]", "[\"b\",\"a\",\"b\"]"],
            DataType::Struct(_) => &["[]", "[null]", "[{\"x\":1.5,\"y\":\"2015-05-17\"},{\"x\":null,\"y\":null}]"],
            _ => &["[]", "[[]]", "[[1.5],null,[2.25,null]]", "[null,[]]"],
        },
        DataType::Struct(_) => {
            &["{\"x\":1,\"y\":\"a\"}", "{\"x\":null,\"y\":null}", "{\"x\":-9223372036854775808,\"y\":\"\"}"]
        }
    }
}

/// A batch of rows over [`schema`], as operators may get it: parts of longer arrays, and where a value is null something
/// stands below that must not be looked at.
pub fn batch(choices: &mut Choices, rows: usize) -> Batch {
    let (before, behind) = (choices.below(4), choices.below(3));
    let schema = schema();
    let columns = schema.fields.iter().map(|field| {
        let all = before + rows + behind;
        let mut builder = ColumnBuilder::new(field.ty, all);
        let mut valid = Vec::with_capacity(all);
        let nullable = !choices.one_in(4);
        for _ in 0..all {
            builder.append_text(choices.of::<&str>(texts(field.ty))).unwrap();
            valid.push(!nullable || !choices.one_in(5));
        }
        let column = builder.finish();
        let masked = if nullable { masked(column, NullBuffer::from(valid)) } else { column };
        masked.slice(before, rows)
    });
    Batch::new(columns.collect(), rows)
}

/// One row with nothing around or below it.
pub fn single(batch: &Batch, row: usize) -> Batch {
    let column = |column: &Column| {
        let mut builder = ColumnBuilder::new(column.data_type(), 1);
        builder.append_from(column, row);
        builder.finish()
    };
    Batch::new(batch.columns.iter().map(column).collect(), 1)
}

/// The column with nulls put over its values.
fn masked(column: Column, nulls: NullBuffer) -> Column {
    let nulls = Some(nulls);
    match column {
        Column::Boolean(a) => Column::Boolean(BooleanArray::new(a.values().clone(), nulls)),
        Column::Int(a) => Column::Int(Int64Array::new(a.values().clone(), nulls)),
        Column::Double(a) => Column::Double(Float64Array::new(a.values().clone(), nulls)),
        Column::Timestamp(a) => Column::Timestamp(TimestampMicrosecondArray::new(a.values().clone(), nulls)),
        Column::Date(a) => Column::Date(Date32Array::new(a.values().clone(), nulls)),
        Column::Interval(a) => Column::Interval(IntervalMonthDayNanoArray::new(a.values().clone(), nulls)),
        Column::Decimal(a) => {
            let new = Decimal128Array::new(a.values().clone(), nulls);
            Column::Decimal(new.with_precision_and_scale(a.precision(), a.scale()).unwrap())
        }
        Column::String(a) => Column::String(StringViewArray::new(a.views().clone(), a.data_buffers().to_vec(), nulls)),
        Column::Json(a) => Column::Json(StringViewArray::new(a.views().clone(), a.data_buffers().to_vec(), nulls)),
        Column::Bytes(a) => Column::Bytes(BinaryViewArray::new(a.views().clone(), a.data_buffers().to_vec(), nulls)),
        Column::List(a) => {
            let arrow_schema::DataType::List(field) = a.data_type() else { unreachable!() };
            Column::List(ListArray::new(field.clone(), a.offsets().clone(), a.values().clone(), nulls))
        }
        Column::Struct(a) => Column::Struct(StructArray::new(a.fields().clone(), a.columns().to_vec(), nulls)),
    }
}

/// What holds for any column: sound arrays, decimals of no more digits than their type has, JSON that is JSON.
pub fn check(column: &Column, of: &str) {
    column.as_array().to_data().validate_full().unwrap_or_else(|error| panic!("{of}: {error}"));
    match column {
        Column::Decimal(a) => a.validate_decimal_precision(a.precision()).unwrap_or_else(|e| panic!("{of}: {e}")),
        Column::Json(a) => a.iter().flatten().for_each(|text| {
            assert!(crate::expr::json::is_json(text), "{of} gives {text:?} as JSON");
        }),
        Column::List(a) => check(&crate::data::items_of(a), of),
        Column::Struct(a) => crate::data::fields_of(a).iter().for_each(|field| check(field, of)),
        _ => {}
    }
}
