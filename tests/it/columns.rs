//! Parquet and Arrow: files of other tools, files of ours, sources and sinks.

use std::fs;

use crate::program::Folder;

/// Prints a file of columns as CSV; `more` stands in its source.
fn print_job(path: &str, more: &str) -> String {
    format!(
        "[sources.in]\ntype = 'file'\npath = '{path}'\n{more}\n\
         [sinks.out]\ntype = 'stdout'\ninput = 'in'\nformat = 'csv'\n"
    )
}

/// What `job` prints, the same at every parallelism.
fn printed(folder: &Folder, job: &str) -> String {
    folder.write("print.toml", job);
    let print = |p: usize| folder.flott(&format!("run print.toml --quiet -p {p}")).exits(0).stdout;
    let first = print(1);
    assert_eq!(print(3), first);
    first
}

#[test]
fn files_of_other_tools_are_read() {
    let folder = Folder::new();
    let mut read = 0;
    for entry in fs::read_dir("testdata/columns").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().unwrap() == "csv" {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::copy(&path, folder.path(name)).unwrap();
        let own = path.with_extension("csv");
        let expected = if own.exists() { own } else { "testdata/columns/all.csv".into() };
        let got = printed(&folder, &print_job(name, ""));
        let expected = fs::read_to_string(expected).unwrap();
        for (got, expected) in got.lines().zip(expected.lines()) {
            assert_eq!(got, expected, "{name}");
        }
        assert_eq!(got.len(), expected.len(), "{name}");
        read += 1;
    }
    assert!(read >= 10);
}

const ROWS: usize = 3000;

fn input() -> String {
    let row = |i: usize| {
        let (minute, second) = (i / 600 % 60, i / 10 % 60);
        let amount = if i.is_multiple_of(13) { String::new() } else { format!("{}.{:02}", i * 7 % 500, i % 100) };
        format!("2024-05-01T12:{minute:02}:{second:02}.{:03}Z,k{},{amount}\n", i % 10 * 100 + 1, i % 7)
    };
    format!("at,key,amount\n{}", (0..ROWS).map(row).collect::<String>())
}

fn source(path: &str, more: &str) -> String {
    format!(
        "[sources.in]\ntype = 'file'\npath = '{path}'\n\
         schema = {{ at = 'timestamp', key = 'string', amount = 'decimal(8,2)' }}\n{more}\n"
    )
}

fn sink(rest: &str) -> String {
    format!("[sinks.out]\ninput = 'in'\n{rest}\n")
}

/// A folder with `in.csv` and `in.parquet` of the same rows, in small row groups.
fn converted() -> Folder {
    let folder = Folder::new();
    let format = "format = { type = 'parquet', compression = 'zstd', row_group = 250 }";
    let job = source("in.csv", "") + &sink(&format!("type = 'file'\npath = 'in.parquet'\n{format}"));
    folder.write("in.csv", &input()).write("convert.toml", &job);
    folder.flott("run convert.toml --quiet").exits(0);
    folder
}

#[test]
fn csv_becomes_parquet_and_comes_back() {
    let folder = converted();
    assert_eq!(printed(&folder, &print_job("in.parquet", "")), input());
    let bytes = || fs::read(folder.path("in.parquet")).unwrap();
    let before = bytes();
    folder.flott("run convert.toml --quiet -p 4").exits(0);
    assert!(bytes() == before, "parallelism must not show in the file");
    assert_eq!(folder.names(), ["convert.toml", "in.csv", "in.parquet", "print.toml"]);
}

#[test]
fn only_some_columns_under_other_names() {
    let folder = converted();
    let more = "schema = { sum = { type = 'decimal(10,3)', from = 'amount' }, key = 'string' }";
    let got = printed(&folder, &print_job("in.parquet", more));
    assert_eq!(got.lines().take(4).collect::<Vec<_>>(), ["sum,key", ",k0", "7.010,k1", "14.020,k2"]);
}

#[test]
fn windows_over_parquet_are_those_over_csv() {
    let folder = converted();
    let job = |path: &str| {
        source(path, "event_time = { column = 'at', delay = '2s' }")
            + "[transforms.sums]\ntype = 'aggregate'\ninput = 'in'\nby = ['key']\n\
               window = { type = 'tumbling', size = '1m' }\n\
               select = ['key', 'window_start', 'count(*) AS n', 'sum(amount) AS total']\n\
               [sinks.out]\ntype = 'stdout'\nformat = 'csv'\ninput = 'sums'\n"
    };
    let expected = printed(&folder, &job("in.csv"));
    assert!(expected.lines().count() > 30);
    assert_eq!(printed(&folder, &job("in.parquet")), expected);
    // Two files in order of time: the second half of the rows is in the other.
    let halves = |from: usize, to: usize| {
        let text = input();
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let rows: Vec<&str> = lines.skip(from).take(to - from).collect();
        format!("{header}\n{}\n", rows.join("\n"))
    };
    for (name, from, to) in [("z", 0, ROWS / 2), ("a", ROWS / 2, ROWS)] {
        folder.write("half.csv", &halves(from, to));
        let out = format!("type = 'file'\npath = 'halves/{name}.arrow'");
        folder.write("half.toml", &(source("half.csv", "") + &sink(&out)));
        folder.flott("run half.toml --quiet").exits(0);
    }
    assert_eq!(printed(&folder, &job("halves/*.arrow")), expected);
}

#[test]
fn counting_reads_no_column() {
    let folder = converted();
    let job = "[sources.in]\ntype = 'file'\npath = 'in.parquet'\n\
               [transforms.n]\ntype = 'aggregate'\ninput = 'in'\nselect = ['count(*) AS n']\n\
               [sinks.out]\ntype = 'stdout'\nformat = 'csv'\ninput = 'n'\n";
    assert_eq!(printed(&folder, job), format!("n\n{ROWS}\n"));
}

#[test]
fn rows_that_do_not_fit_are_dead_letters() {
    let folder = converted();
    let job = "[sources.in]\ntype = 'file'\npath = 'in.parquet'\non_error = 'dead-letter'\n\
               schema = { amount = 'decimal(4,2)' }\n\
               [sinks.out]\ntype = 'blackhole'\ninput = 'in'\n\
               [transforms.bad]\ntype = 'select'\ninput = 'in.errors'\nselect = ['file', 'line', 'reason']\n\
               [sinks.bad_out]\ntype = 'stdout'\nformat = 'csv'\ninput = 'bad'\n";
    let got = printed(&folder, job);
    let first = "in.parquet,16,\"column amount: 105.15 is out of the range of decimal(4,2)\"";
    let plain = first.replace('"', "");
    assert!(got.lines().nth(1) == Some(first) || got.lines().nth(1) == Some(&plain), "{:?}", got.lines().nth(1));
    folder.write("fail.toml", &job.replace("on_error = 'dead-letter'", "").replace("[transforms.bad]", "[x.bad]"));
    let failing = print_job("in.parquet", "schema = { amount = 'decimal(4,2)' }");
    folder.write("fail.toml", &failing);
    folder.flott("run fail.toml -p 2").exits(1).says("in.parquet:16").says("105.15 is out of the range");
}

#[test]
fn parts_of_parquet() {
    let folder = converted();
    let out = "type = 'directory'\nformat = 'parquet'\npath = 'parts'\npartition_by = ['key']\nsuccess_file = true";
    folder.write("parts.toml", &(source("in.csv", "") + &sink(out)));
    folder.flott("run parts.toml --quiet -p 2").exits(0);
    for key in 0..7 {
        let got = printed(&folder, &print_job(&format!("parts/key=k{key}/*.parquet"), ""));
        let expected: Vec<String> =
            input().lines().filter(|line| line.contains(&format!(",k{key},"))).map(str::to_owned).collect();
        assert_eq!(got.lines().skip(1).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn broken_files_are_named() {
    let folder = converted();
    let whole = fs::read(folder.path("in.parquet")).unwrap();
    let says = |bytes: &[u8], words: &str| {
        fs::write(folder.path("in.parquet"), bytes).unwrap();
        folder.write("print.toml", &print_job("in.parquet", "schema = { key = 'string' }"));
        folder.flott("run print.toml").exits(1).says("in.parquet").says(words);
        folder.write("print.toml", &print_job("in.parquet", ""));
        folder.flott("check print.toml").exits(2).says("in.parquet").says(words);
    };
    says(b"", "it is empty");
    says(b"at,key\n1,2\n", "it is not a Parquet file");
    says(&whole[..whole.len() / 2], "it has no footer: it was cut off");
    let mut torn = whole.clone();
    torn.drain(1000..2000);
    let fails = |bytes: &[u8]| {
        fs::write(folder.path("in.parquet"), bytes).unwrap();
        folder.write("print.toml", &print_job("in.parquet", ""));
        folder.flott("run print.toml").exits(1).says("in.parquet:1: ");
    };
    fails(&torn);
    let mut bent = whole.clone();
    bent[4..600].fill(0xaa);
    fails(&bent);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let folder = converted();
    let check = |job: String, says: &[&str]| {
        folder.write("job.toml", &job);
        let ran = folder.flott("check job.toml").exits(2);
        says.iter().fold(ran, |ran, words| ran.says(words));
    };
    let from = |rest: &str| source("in.csv", "") + &sink(rest);
    check(
        from("type = 'file'\npath = 'x.parquet'\nmode = 'append'"),
        &["format `parquet` cannot be appended to", "type \"directory\" with mode = \"append\""],
    );
    check(
        from("type = 'stdout'\nformat = 'arrow'"),
        &["format `arrow` needs a file", "type \"file\" or \"directory\""],
    );
    check(from("type = 'file'\npath = 'x.parquet.gz'"), &["not compressed as a whole"]);
    check(
        from("type = 'file'\npath = 'x'\nformat = { type = 'parquet', compression = 'zst' }"),
        &["compression", "zstd"],
    );
    check(
        "[sources.in]\ntype = 'stdin'\nformat = 'parquet'\n[sinks.out]\ntype = 'blackhole'\ninput = 'in'\n".into(),
        &["format `parquet` needs a file", "write it to a file first"],
    );
    folder.write("job.toml", &print_job("in.parquet", "schema = { kee = 'string' }"));
    folder.flott("run job.toml").exits(2).says("there is no column kee").says("did you mean key?");
    folder.write("job.toml", &print_job("in.parquet", "schema = { key = 'int' }"));
    folder.flott("run job.toml").exits(2).says("column key is text in the file, which cannot be read as int");
}

#[test]
fn check_shows_the_columns_of_the_file() {
    let folder = converted();
    folder.write("print.toml", &print_job("in.parquet", ""));
    folder.flott("plan print.toml").exits(0);
    let ran = folder.flott("check print.toml").exits(0);
    assert!(ran.stdout.contains("decimal(8,2)") || ran.stderr.contains("decimal(8,2)"), "{}{}", ran.stdout, ran.stderr);
}
