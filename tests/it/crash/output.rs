//! What a job has left, in a form that can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flott::format::Format;
use flott::format::columnar::{self, Group, GroupDecoder, ReadAt};
use rusqlite::types::Value;

use crate::program::Folder;

/// By path: contents, as lines. Parts of a folder are one entry, in the order of their names.
pub type Output = BTreeMap<String, Vec<String>>;

/// All that lies in the folder, hidden files too, and the names of what lies in the state folder.
pub fn collect(folder: &Folder) -> Output {
    let mut output = Output::new();
    walk(&folder.path(""), "", &mut |name, path| add(name, path, &mut output));
    walk(&folder.state(), "", &mut |name, _| {
        // Savepoints are kept, and journals until the next run.
        if !name.starts_with("job/savepoints/") && !name.starts_with("job/journal/") {
            output.insert(format!("state: {name}"), Vec::new());
        }
    });
    output
}

fn walk(folder: &Path, prefix: &str, with: &mut dyn FnMut(&str, &Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path(), &format!("{name}/"), with),
            false => with(&name, &entry.path()),
        }
    }
}

fn add(name: &str, path: &Path, output: &mut Output) {
    if name.ends_with(".db") {
        return add_tables(name, path, output);
    }
    if name.ends_with(".parquet") || name.ends_with(".arrow") {
        return add_columns(name, path, output);
    }
    let bytes = fs::read(path).unwrap();
    let text = match name.ends_with(".gz") {
        // What a killed process has not finished may be of a file of columns, under another name.
        false => String::from_utf8_lossy(&bytes).into_owned(),
        true => {
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            text
        }
    };
    if name.ends_with(".clock.csv") {
        return drop(output.insert(name.into(), totals(&text)));
    }
    let lines = text.split_inclusive('\n').map(str::to_owned);
    match name.rfind("part-") {
        // Each has the header.
        Some(at) => output.entry(format!("{}parts", &name[..at])).or_default().extend(lines.skip(1)),
        None => drop(output.insert(name.into(), lines.collect())),
    }
}

/// Of windows of the wall clock, which no two runs have alike: of each key the rows and the sum of all windows, and
/// whether they come in order, each of a key once.
fn totals(text: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let mut totals = BTreeMap::new();
    for row in &rows {
        let (count, sum) = totals.entry(row[2]).or_insert((0i64, 0i64));
        *count += row[3].parse::<i64>().unwrap();
        *sum += row[4].parse::<i64>().unwrap();
    }
    let mut lines: Vec<String> = totals.iter().map(|total| format!("{total:?}\n")).collect();
    let windows: Vec<_> = rows.iter().map(|row| (row[1], row[0], row[2])).collect();
    lines.push(format!("each once, in order: {}\n", windows.windows(2).all(|pair| pair[0] < pair[1])));
    lines
}

/// A file in memory.
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(self.0.get(start..start + out.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Rows of files of columns, which are whole. Parts of a folder are one entry; how many rows each has is chance.
fn add_columns(name: &str, path: &Path, output: &mut Output) {
    let format = match name.ends_with(".parquet") {
        true => Format::Parquet(columnar::ParquetOptions::default()),
        false => Format::Arrow(columnar::ArrowOptions),
    };
    let file = columnar::open(&format, std::sync::Arc::new(Memory(fs::read(path).unwrap())));
    let file = file.unwrap_or_else(|e| panic!("{name}: {}", e.message));
    let fields = columnar::fields(file.schema());
    let used: Vec<usize> = (0..fields.len()).collect();
    let mut decoder = GroupDecoder::new(&fields, &used);
    let mut lines = Vec::new();
    for index in 0..file.groups().len() {
        let decoded = decoder.decode(&Group { file: file.clone(), index });
        assert!(decoded.failed.is_none() && decoded.bad.is_empty() && !decoded.more, "{name}");
        let row = |row: usize| decoded.columns.iter().map(|column| column.display(row)).collect::<Vec<_>>().join(",");
        lines.extend((0..decoded.rows).map(|number| row(number) + "\n"));
    }
    match name.rfind("part-") {
        Some(at) => output.entry(format!("{}parts", &name[..at])).or_default().extend(lines),
        None => drop(output.insert(name.into(), lines)),
    }
}

fn add_tables(name: &str, path: &Path, output: &mut Output) {
    let database = rusqlite::Connection::open(path).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_flott%' ESCAPE '\\'";
    let mut statement = database.prepare(names).unwrap();
    let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables {
        // Where rows take the place of others, they come again as they are repeated.
        let order = if table == "upserted" { "k" } else { "rowid" };
        let mut statement = database.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")).unwrap();
        let width = statement.column_count();
        let row = |row: &rusqlite::Row| (0..width).map(|i| row.get::<_, Value>(i)).collect::<Result<Vec<_>, _>>();
        let rows: Vec<Vec<Value>> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        output.insert(format!("{name}: {table}"), rows.iter().map(|row| format!("{row:?}\n")).collect());
    }
}

/// Where `got` differs; `None` if it does not.
pub fn difference(got: &Output, expected: &Output) -> Option<String> {
    let names: std::collections::BTreeSet<&String> = got.keys().chain(expected.keys()).collect();
    let differences = names.into_iter().filter_map(|name| match (got.get(name), expected.get(name)) {
        (Some(_), None) => Some(format!("{name} is left over")),
        (None, Some(_)) => Some(format!("{name} is missing")),
        (Some(got), Some(expected)) if got != expected => {
            let at = got.iter().zip(expected).take_while(|(got, expected)| got == expected).count();
            let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "(end)\n".into());
            let (g, e) = (line(got), line(expected));
            Some(format!("{name} has {} lines, not {}; line {at} is {g}  not {e}", got.len(), expected.len()))
        }
        _ => None,
    });
    let differences: Vec<String> = differences.collect();
    (!differences.is_empty()).then(|| differences.join("\n  "))
}
