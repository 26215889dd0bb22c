//! Vectorised evaluation against a row-by-row model, and texts that nobody would write.

use proptest::prelude::*;

use super::*;
use crate::data::ColumnBuilder;

/// A small expression over the columns a, b (int) and f, g (boolean).
#[derive(Debug, Clone)]
enum Tree {
    A,
    B,
    Int(i64),
    Binary(&'static str, Box<Tree>, Box<Tree>),
    Case(Box<Tree>, Box<Tree>, Box<Tree>),
    Coalesce(Box<Tree>, Box<Tree>),
    F,
    G,
    Bool(Option<bool>),
    Not(Box<Tree>),
    IsNull(Box<Tree>),
}

type Row = (Option<i64>, Option<i64>, Option<bool>, Option<bool>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Out {
    Int(Option<i64>),
    Bool(Option<bool>),
}

struct Failed;

impl Tree {
    fn text(&self) -> String {
        match self {
            Tree::A => "a".into(),
            Tree::B => "b".into(),
            Tree::F => "f".into(),
            Tree::G => "g".into(),
            Tree::Int(v) => format!("({v})"),
            Tree::Bool(v) => v.map_or("NULL".into(), |v| v.to_string()),
            Tree::Binary(op, a, b) => format!("({} {op} {})", a.text(), b.text()),
            Tree::Case(c, a, b) => format!("CASE WHEN {} THEN {} ELSE {} END", c.text(), a.text(), b.text()),
            Tree::Coalesce(a, b) => format!("COALESCE({}, {})", a.text(), b.text()),
            Tree::Not(a) => format!("(NOT {})", a.text()),
            Tree::IsNull(a) => format!("({} IS NULL)", a.text()),
        }
    }

    fn int(&self, row: &Row) -> Result<Option<i64>, Failed> {
        let Out::Int(v) = self.eval(row)? else { panic!() };
        Ok(v)
    }

    fn bool(&self, row: &Row) -> Result<Option<bool>, Failed> {
        let Out::Bool(v) = self.eval(row)? else { panic!() };
        Ok(v)
    }

    fn eval(&self, row: &Row) -> Result<Out, Failed> {
        Ok(match self {
            Tree::A => Out::Int(row.0),
            Tree::B => Out::Int(row.1),
            Tree::F => Out::Bool(row.2),
            Tree::G => Out::Bool(row.3),
            Tree::Int(v) => Out::Int(Some(*v)),
            Tree::Bool(v) => Out::Bool(*v),
            Tree::Not(a) => Out::Bool(a.bool(row)?.map(|v| !v)),
            Tree::IsNull(a) => Out::Bool(Some(a.int(row)?.is_none())),
            Tree::Case(c, a, b) => {
                if c.bool(row)? == Some(true) {
                    a.eval(row)?
                } else {
                    b.eval(row)?
                }
            }
            Tree::Coalesce(a, b) => Out::Int(match a.int(row)? {
                None => b.int(row)?,
                some => some,
            }),
            Tree::Binary("AND", a, b) => Out::Bool(match a.bool(row)? {
                Some(false) => Some(false),
                a => match (a, b.bool(row)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            }),
            Tree::Binary("OR", a, b) => Out::Bool(match a.bool(row)? {
                Some(true) => Some(true),
                a => match (a, b.bool(row)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            }),
            Tree::Binary(op, a, b) => {
                let (Some(a), Some(b)) = (a.int(row)?, b.int(row)?) else {
                    return Ok(if "+-*/%".contains(op) { Out::Int(None) } else { Out::Bool(None) });
                };
                let int = |v: Option<i64>| v.map(|v| Out::Int(Some(v))).ok_or(Failed);
                match *op {
                    "+" => int(a.checked_add(b))?,
                    "-" => int(a.checked_sub(b))?,
                    "*" => int(a.checked_mul(b))?,
                    "/" => int(a.checked_div(b))?,
                    "%" => int(if b == 0 { None } else { Some(a.wrapping_rem(b)) })?,
                    "=" => Out::Bool(Some(a == b)),
                    "<>" => Out::Bool(Some(a != b)),
                    "<" => Out::Bool(Some(a < b)),
                    "<=" => Out::Bool(Some(a <= b)),
                    ">" => Out::Bool(Some(a > b)),
                    _ => Out::Bool(Some(a >= b)),
                }
            }
        })
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let ints = prop_oneof![
        Just(Tree::A),
        Just(Tree::B),
        (-3i64..4).prop_map(Tree::Int),
        Just(Tree::Int(i64::MAX)),
        Just(Tree::Int(i64::MIN))
    ];
    let bools = prop_oneof![
        Just(Tree::F),
        Just(Tree::G),
        proptest::sample::select(vec![Some(true), Some(false), None]).prop_map(Tree::Bool)
    ];
    let pairs = (ints, bools);
    let both = pairs.prop_recursive(5, 40, 3, |inner| {
        let two = (inner.clone(), inner);
        (two, 0..14usize).prop_map(|(((i, b), (j, c)), which)| {
            let int = |op| Tree::Binary(op, Box::new(i.clone()), Box::new(j.clone()));
            let logic = |op| Tree::Binary(op, Box::new(b.clone()), Box::new(c.clone()));
            let case = Tree::Case(Box::new(b.clone()), Box::new(i.clone()), Box::new(j.clone()));
            match which {
                0 => (int("+"), logic("AND")),
                1 => (int("-"), logic("OR")),
                2 => (int("*"), int("=")),
                3 => (int("/"), int("<>")),
                4 => (int("%"), int("<")),
                5 => (int("/"), int("<=")),
                6 => (case, int(">")),
                7 => (Tree::Coalesce(Box::new(i.clone()), Box::new(j.clone())), int(">=")),
                8 => (case, Tree::Not(Box::new(b.clone()))),
                9 => (int("/"), Tree::IsNull(Box::new(i.clone()))),
                10 => (int("%"), logic("AND")),
                11 => (case, logic("OR")),
                12 => (int("+"), logic("AND")),
                _ => (int("/"), logic("OR")),
            }
        })
    });
    (both, any::<bool>()).prop_map(|((i, b), int)| if int { i } else { b })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let int = || proptest::option::weighted(0.8, prop_oneof![4 => -3i64..4, 1 => Just(i64::MAX), 1 => Just(i64::MIN)]);
    let bool = || proptest::option::weighted(0.8, any::<bool>());
    proptest::collection::vec((int(), int(), bool(), bool()), 0..80)
}

fn columns(rows: &[Row]) -> Vec<Column> {
    let mut builders = [DataType::Int, DataType::Int, DataType::Boolean, DataType::Boolean]
        .map(|ty| ColumnBuilder::new(ty, rows.len()));
    for row in rows {
        let [a, b, f, g] = &mut builders;
        for (builder, value) in [(a, row.0), (b, row.1)] {
            let ColumnBuilder::Int(builder) = builder else { panic!() };
            builder.append_option(value);
        }
        for (builder, value) in [(f, row.2), (g, row.3)] {
            let ColumnBuilder::Boolean(builder) = builder else { panic!() };
            builder.append_option(value);
        }
    }
    builders.iter_mut().map(ColumnBuilder::finish).collect()
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(1000))]

    #[test]
    fn agrees_with_the_model(tree in trees(), rows in rows()) {
        let names = [("a", DataType::Int), ("b", DataType::Int), ("f", DataType::Boolean), ("g", DataType::Boolean)];
        let typed = resolve(&parse(&tree.text()).unwrap(), &Schema::new(names)).unwrap();
        let result = typed.eval(&Batch::new(columns(&rows), rows.len()));
        let expected: Vec<_> = rows.iter().map(|row| tree.eval(row)).collect();
        match (result, expected.iter().position(Result::is_err)) {
            (Err(error), first) => prop_assert_eq!(Some(error.row), first, "{}", tree.text()),
            (Ok(_), Some(row)) => prop_assert!(false, "row {} should fail: {}", row, tree.text()),
            (Ok(column), None) => {
                for (row, expected) in expected.into_iter().enumerate() {
                    let found = match Scalar::from_column(&column, row) {
                        Scalar::Int(v) => Out::Int(Some(v)),
                        Scalar::Boolean(v) => Out::Bool(Some(v)),
                        _ if column.data_type() == DataType::Int => Out::Int(None),
                        _ => Out::Bool(None),
                    };
                    let expected = expected.unwrap_or(Out::Int(None));
                    prop_assert_eq!(found, expected, "row {} of {}", row, tree.text());
                }
            }
        }
    }

    #[test]
    fn any_text_is_only_refused(text in "\\PC{0,60}") {
        try_all(&text);
    }

    #[test]
    fn any_words_are_only_refused(words in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..20)) {
        try_all(&words.join(" "));
    }
}

/// What expressions are made of, and a few things that they are not.
pub const WORDS: &[&str] = &[
    "'",
    "\"",
    "--",
    "/*",
    "é",
    "a",
    "b",
    "d",
    "m",
    "s",
    "t",
    "f",
    "1",
    "0",
    "0.5",
    "1e300",
    "'x'",
    "'2015-05-17'",
    "''",
    "NULL",
    "TRUE",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<",
    "AND",
    "OR",
    "NOT",
    "IS",
    "IN",
    "BETWEEN",
    "LIKE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST(",
    "AS",
    "int",
    "::",
    "decimal(38,38)",
    "substr(",
    "round(",
    "COALESCE(",
    "INTERVAL '5m'",
    "sum(",
    "~",
    "lpad(",
    "9223372036854775807",
    "day",
    "gap",
    "j",
    "l",
    "r",
    "z",
    "[",
    "]",
    ":",
    ".",
    "x",
    "->",
    "->>",
    "&",
    "<<",
    "AT TIME ZONE",
    "'Asia/Seoul'",
    "'$.a[0]'",
    "DATE '9999-12-31'",
    "INTERVAL '-9y 1mo'",
    "INTERVAL 5 DAY",
    "struct(",
    "split(",
    "array_sort(",
    "array_join(",
    "slice(",
    "regexp_split(",
    "timestampadd(MONTH,",
    "date_trunc(",
    "strftime(",
    "to_json(",
    "json_keys(",
    "url_extract_host(",
    "url_decode(",
    "TRIM(BOTH",
    "FROM",
    "unhex(",
    "now()",
    "list<",
    "struct<a",
    ">",
    ">>",
    "json",
    "date",
    "interval",
    "decimal(5,2)[]",
];

/// Whatever is said, spans lie inside the text and nothing panics.
fn try_all(text: &str) {
    let check = |error: ExprError| assert!(text.get(error.span.clone()).is_some(), "{text}: {error:?}");
    let _ = parse_item(text).map_err(check);
    let _ = parse_order(text).map_err(check);
    match parse(text).map(|ast| resolve(&ast, &schema())) {
        Err(error) | Ok(Err(error)) => check(error),
        Ok(Ok(typed)) => {
            let _ = typed.to_string();
            let full = "a=1 b=0 d=0.5 m=1.25 s=x t=2015-05-17 f=true day=2016-02-29 gap=1mo j={\"a\":[1]} l=[1,null] \
                        r={\"x\":1} z=YQ==";
            let _ = typed.eval(&batch(&[full, ""]));
        }
    }
}

/// Arguments that functions may not expect: none panics, whatever it is given.
#[test]
fn functions_take_anything() {
    const VALUES: [&str; 24] = [
        "NULL",
        "a",
        "b",
        "d",
        "m",
        "s",
        "t",
        "f",
        "day",
        "gap",
        "j",
        "l",
        "r",
        "z",
        "-9223372036854775808",
        "0",
        "''",
        "'ä'",
        "'day'",
        "'$.a'",
        "'UTC'",
        "CAST('NaN' AS double)",
        "TIMESTAMP '9999-12-31 23:59:59'",
        "[1, 2]",
    ];
    let rows = [
        "a=9223372036854775807 b=-9223372036854775808 d=-inf m=9999999999.99 s=日本 t=-200000-01-01 f=true \
         day=9999-12-31 gap=2147483647mo j=[1,{}] l=[9223372036854775807] r={\"x\":1} z=/w==",
        "",
        "a=-1 b=64 d=NaN m=-0.01 s=%ff t=+200000-01-01 f=false day=0001-01-01 gap=-2147483648d j=null l=[] z=YQ==",
    ];
    let batch = batch(&rows);
    let mut evaluated = 0;
    for function in function::all() {
        for seed in 0..600usize {
            let count = function.required + seed % (function.args.len() - function.required + 1);
            let pick = |i: usize| VALUES[(seed * 31 + i * 7 + seed / 24 * 13) % VALUES.len()];
            let args: Vec<&str> = (0..count).map(pick).collect();
            let text = format!("{}({})", function.name, args.join(", "));
            let Ok(ast) = parse(&text) else { continue };
            if let Ok(typed) = resolve(&ast, &schema()) {
                let rows = typed.eval(&batch).map(|column| {
                    assert_eq!(column.data_type(), typed.ty, "{text}");
                    column.len()
                });
                assert!(rows.is_err() || rows == Ok(3), "{text}");
                evaluated += 1;
            }
        }
    }
    assert!(evaluated > 5000, "{evaluated}");
}
