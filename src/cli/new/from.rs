//! `flott new --from FILE`: a job over a file of one's own, with the source that `flott infer` shows for it.

use std::collections::HashSet;
use std::path::PathBuf;

use arrow_array::Array;

use super::super::args::{ColorChoice, InferArgs, NewArgs};
use super::super::infer::{self, Column, Printed, toml_string};
use super::super::launch::quoted;
use super::super::screen::Screen;
use crate::data::{DataType, text};
use crate::error::Result;
use crate::expr::ast::AstKind;

/// Windows that people think in, µs.
const WINDOWS: [(&str, &str, i64); 4] = [
    ("1d", "day", 86_400_000_000),
    ("1h", "hour", 3_600_000_000),
    ("1m", "minute", 60_000_000),
    ("1s", "second", 1_000_000),
];

/// Formats with columns of their own: what one may ask of their rows, and count them by.
const FIXED: [(&str, &str, Option<&str>); 3] = [
    ("access-log", "status >= 400", Some("status")),
    ("syslog", "message LIKE '%fail%'", Some("app")),
    ("lines", "line LIKE '%error%'", None),
];

/// Ints with fewer values than this are codes, of which there is no mean.
const CODES: usize = 20;

/// Means of so many columns are shown.
const MEANS: usize = 2;

/// A job file that is yet to be written.
pub struct Starter {
    pub path: PathBuf,
    pub text: String,
}

/// A job that counts what is in a file.
///
/// Errors: the file cannot be read, or nothing is found in it.
pub fn starter(args: &NewArgs, file: PathBuf, screen: &Screen) -> Result<Starter> {
    let stdin = file.as_os_str() == "-";
    let shown = quoted(&file.display().to_string());
    let node = infer::node_name((!stdin).then_some(file.as_path()));
    let path = match &args.path {
        Some(path) => super::place(path)?.1,
        None => PathBuf::from(format!("{node}.toml")),
    };
    let infer = InferArgs { file, format: args.format.clone(), records: 1000, color: ColorChoice::Auto };
    let source = infer::source(&infer, screen)?;
    let feed = if stdin { " < FILE" } else { "" };
    let what = if stdin { "what comes on stdin".to_owned() } else { shown };
    let job = quoted(&path.display().to_string());
    let head = format!(
        "# What is in {what}, counted: a start, to be changed.\n#\n#     flott check {job}      columns and their types, or all mistakes\n#     flott run {job}{feed}\n\n"
    );
    let (name, counts) = counts(&node, &source);
    let Printed { text, .. } = source;
    let sink = format!(
        "\n[sinks.out]\ntype = \"stdout\"\ninput = \"{name}\"\n\n# To keep the result: type = \"file\", path = \"out/{name}.csv\"\n"
    );
    let rows = format!(
        "\n# To leave rows out, put this between, and `input = \"wanted\"` below:\n#\n#     [transforms.wanted]\n#     type = \"filter\"\n#     input = \"{node}\"\n#     where = {}\n",
        toml_string(&example(source.kind, &source.columns))
    );
    Ok(Starter { path, text: format!("{head}{text}{rows}{counts}{sink}") })
}

/// A condition that might be asked of these rows.
fn example(kind: &str, columns: &[Column]) -> String {
    if let Some((_, condition, _)) = FIXED.iter().find(|(fixed, ..)| *fixed == kind) {
        return (*condition).to_owned();
    }
    let number = columns.iter().find(|column| is_number(column.ty));
    match number.or(columns.first()) {
        Some(column) if is_number(column.ty) => format!("{} > 0", name(column)),
        Some(column) => format!("{} IS NOT NULL", name(column)),
        None => "true".into(),
    }
}

/// A transform that counts rows, and its name: by the first column that has few values, per window if there is event
/// time.
fn counts(node: &str, source: &Printed) -> (&'static str, String) {
    let kind = source.columns.iter().find(|column| is_kind(column));
    let by = kind.map(name).or_else(|| FIXED.iter().find(|(kind, ..)| *kind == source.kind)?.2.map(str::to_owned));
    let time = source.columns.iter().find(|column| Some(&column.name) == source.time.as_ref());
    let (mut items, mut lines) = (Vec::new(), vec!["type = \"aggregate\"".to_owned(), format!("input = \"{node}\"")]);
    lines.extend(by.iter().map(|by| format!("by = [{}]", toml_string(by))));
    let table = match time {
        Some(time) => {
            let (size, word) = window(time);
            lines.push(format!("window = {{ type = \"tumbling\", size = \"{size}\" }}"));
            items.push(format!("window_start AS {}", free(word, &source.columns)));
            "per_window"
        }
        None => "counts",
    };
    items.extend(by.clone());
    items.push(format!("count(*) AS {}", free("n", &source.columns)));
    let numbers = source.columns.iter().filter(|column| is_number(column.ty) && !is_code(column));
    for column in numbers.take(MEANS) {
        let alias = free(&format!("mean_{}", column.name), &source.columns);
        items.push(format!("avg({}) AS {alias}", name(column)));
    }
    let items: String = items.iter().map(|item| format!("    {},\n", toml_string(item))).collect();
    let lines = lines.join("\n");
    let order = match (time, &by) {
        (None, Some(_)) => format!("order = [\"{} DESC\"]\n", free("n", &source.columns)),
        _ => String::new(),
    };
    (table, format!("\n[transforms.{table}]\n{lines}\nselect = [\n{items}]\n{order}"))
}

/// A word that is no column, so that it is clear what is meant.
fn free(word: &str, columns: &[Column]) -> String {
    let taken = |word: &str| columns.iter().any(|column| column.name == word);
    let numbered = (2..).map(|n| format!("{word}_{n}"));
    std::iter::once(word.to_owned()).chain(numbered).find(|word| !taken(word)).unwrap_or_default()
}

/// The longest window of which what was seen fills three.
fn window(time: &Column) -> (&'static str, &'static str) {
    let moments = || time.values.iter().flatten().filter_map(|value| text::parse_timestamp(value.as_bytes()));
    let span = moments().max().unwrap_or(0).saturating_sub(moments().min().unwrap_or(0));
    let fits = WINDOWS.iter().find(|(_, _, size)| span >= 3 * size).unwrap_or(&WINDOWS[2]);
    (fits.0, fits.1)
}

fn is_number(ty: DataType) -> bool {
    matches!(ty, DataType::Int | DataType::Double | DataType::Decimal { .. })
}

/// A column with few values, each of which comes several times: one to count by.
fn is_kind(column: &Column) -> bool {
    let values: HashSet<&str> = column.values.iter().flatten().collect();
    let good = matches!(column.ty, DataType::String | DataType::Boolean);
    good && values.len() > 1 && values.len() * 2 <= column.values.len() - column.values.null_count()
}

fn is_code(column: &Column) -> bool {
    let values: HashSet<&str> = column.values.iter().flatten().collect();
    column.ty == DataType::Int && values.len() < CODES && values.len() < column.values.len()
}

/// The name as expressions have it: words of the language stand in quotes.
fn name(column: &Column) -> String {
    match crate::expr::parse(&column.name) {
        Ok(ast) if matches!(ast.kind, AstKind::Column { .. }) => column.name.clone(),
        _ => format!("\"{}\"", column.name),
    }
}
