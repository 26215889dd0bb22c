//! Jobs that hold what the one with everything does not: files of columns, generators, logs without years, all
//! aggregates over all types in state, transforms that pass rows on or set them aside, windows of the wall clock.

use std::io::Write;
use std::sync::OnceLock;

use super::{Feed, Job, file_source, sink};
use crate::program::Folder;

/// Of `job`: its text, and files it reads beside those that all have.
pub fn prepare(folder: &Folder, job: &Job) {
    match job.name {
        "columns" => {
            let (parquet, arrow) = columns_in();
            std::fs::write(folder.path("in-1.parquet"), parquet).unwrap();
            std::fs::write(folder.path("in-2.parquet"), parquet).unwrap();
            std::fs::write(folder.path("in.arrow"), arrow).unwrap();
        }
        "syslog" => {
            folder.write("sys-a.log", &syslog(0)).write("sys-c.log", &syslog(2));
            let packed = std::fs::File::create(folder.path("sys-b.log.gz")).unwrap();
            let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
            packed.write_all(syslog(1).as_bytes()).unwrap();
            packed.finish().unwrap();
        }
        _ => {}
    }
}

pub fn all() -> Vec<(&'static str, String, Feed)> {
    vec![
        ("columns", columns(), Feed::Files),
        ("generated", generated(), Feed::Files),
        ("aggregates", aggregates(), Feed::Files),
        ("flow", flow(), Feed::Files),
        ("syslog", by_year(), Feed::Files),
        ("clock", clock(), Feed::Files),
    ]
}

/// What of a new job is killed where not all is: behind what a checkpoint wrote, what sinks have committed, at the end.
pub const POINTS: [&str; 3] = ["checkpoint-after-files", "sink-after-commit", "end-before-clear"];

fn file(path: &str, mode: &str) -> String {
    format!("type = 'file'\npath = '{path}'\nmode = '{mode}'")
}

/// A source `name` of made-up rows of all types.
fn random(name: &str, rows: usize, seed: u64) -> String {
    format!(
        "[sources.{name}]\ntype = 'generate'\nkind = 'random'\nrows = {rows}\nrate = 2200\nseed = {seed}\n\
         events_per_second = 40\nnulls = 0.1\n\
         schema = {{ id = 'int', at = 'timestamp', k = 'string', price = 'decimal(10,2)', x = 'double', ok = 'boolean', \
         raw = 'bytes', wait = 'interval', tags = 'list<string>', spot = 'struct<x double, y double>', day = 'date', \
         j = 'json' }}\n"
    )
}

/// A file of Parquet and one of Arrow, with row groups that are smaller than a block.
fn columns_in() -> &'static (Vec<u8>, Vec<u8>) {
    static FILES: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Folder::new();
        let without = random("s", 500, 3).replace("rate = 2200\n", "").replace("wait = 'interval', ", "");
        let sinks =
            sink("a", "'s'", "type = 'file'\npath = 'in.parquet'\nformat = { type = 'parquet', row_group = 40 }")
                + &sink("b", "'s'", "type = 'file'\npath = 'in.arrow'");
        folder.write("make.toml", &format!("{without}{sinks}"));
        folder.flott("run make.toml").exits(0);
        let read = |name: &str| std::fs::read(folder.path(name)).unwrap();
        (read("in.parquet"), read("in.arrow"))
    })
}

fn columns() -> String {
    let source = |name: &str, path: &str| {
        format!(
            "[sources.{name}]\ntype = 'file'\npath = '{path}'\nrate = 1600\nevent_time = {{ column = 'at', delay = '1s' }}\n"
        )
    };
    let mut text = source("p", "in-*.parquet") + &source("q", "in.arrow");
    text += "[transforms.w]\ntype = 'aggregate'\ninput = ['p', 'q']\nby = ['k', 'ok']\n\
             window = { type = 'tumbling', size = '2s' }\n\
             select = ['k', 'ok', 'window_start AS s', 'count(*) AS n', 'sum(price) AS total', 'array_agg(tags) AS tags', \
             'max(spot) AS spot', 'last(raw) AS raw']\n";
    let groups = "format = { type = 'parquet', row_group = 50 }";
    text += &sink("parquet_out", "['p', 'q']", &format!("{}\n{groups}", file("all.parquet", "replace")));
    text += &sink("new_out", "'w'", &format!("{}\n{groups}", file("new.parquet", "new")));
    text += &sink("arrow_out", "['q', 'p']", &file("all.arrow", "replace"));
    let directory = |path: &str, format: &str, more: &str| {
        format!("type = 'directory'\npath = '{path}'\nformat = '{format}'\n{more}")
    };
    text += &sink("parts", "'w'", &directory("parquet_parts", "parquet", "partition_by = ['ok']"));
    text += &sink("arrow_parts", "['p', 'q']", &directory("arrow_parts", "arrow", "mode = 'replace'"));
    text + &sink("text_out", "'w'", &file("w.csv", "append"))
}

/// The three outputs of a market meet again, and random rows.
fn generated() -> String {
    let mut text = "[sources.m]\ntype = 'generate'\nkind = 'nexmark'\nrows = 800\nrate = 2500\nevents_per_second = 50\n"
        .to_owned() + &random("r", 500, 5);
    for (name, input, select) in [
        ("people", "m.person", "'id', \"'person' AS what\""),
        ("auctions", "m.auction", "'id', \"'auction' AS what\""),
        ("bids", "m.bid", "'auction AS id', \"'bid' AS what\""),
        ("others", "r", "'id', 'k AS what'"),
    ] {
        text += &format!("[transforms.{name}]\ntype = 'select'\ninput = '{input}'\nselect = [{select}]\n");
    }
    text += "[transforms.all]\ntype = 'aggregate'\ninput = ['auctions', 'bids', 'people', 'others']\nby = 'what'\n\
             window = { type = 'sliding', size = '2s', slide = '1s' }\n\
             select = ['window_end', 'what', 'count(*) AS n', 'sum(id) AS ids', 'first(id) AS f', 'mode(id) AS m']\n\
             [transforms.hot]\ntype = 'aggregate'\ninput = 'm.bid'\nby = 'auction'\n\
             window = { type = 'count', size = 5, slide = 2, partial = true }\n\
             select = ['auction', 'count(*) AS n', 'max(price) AS price', 'string_agg(DISTINCT channel) AS channels', \
             'last(bidder) AS b', 'approx_distinct(bidder) AS d', 'array_agg(price) AS prices']\n\
             [transforms.best]\ntype = 'top'\ninput = 'm.bid'\nby = 'channel'\nn = 2\norder = ['price DESC']\n\
             window = { type = 'tumbling', size = '3s' }\n";
    text += &sink("all_out", "'all'", &file("all.csv", "append"));
    text += &sink("hot_out", "'hot'", &file("hot.jsonl", "append"));
    text += &sink("best_out", "'best'", &file("best.csv.gz", "append"));
    text += &sink("people_out", "['m.person']", &file("people.jsonl", "replace"));
    text + &sink(
        "parts",
        "'r'",
        "type = 'directory'\npath = 'parts'\nformat = 'csv'\npartition_by = ['k']\nroll = { size = 400 }",
    )
}

/// Every aggregate, some over several types, with `DISTINCT` and `FILTER`.
const CALLS: [&str; 40] = [
    "count(*)",
    "count(DISTINCT tags)",
    "count(DISTINCT k, ok)",
    "count_if(ok)",
    "sum(id)",
    "sum(price)",
    "sum(DISTINCT price) FILTER (WHERE ok)",
    "sum(wait)",
    "avg(price)",
    "avg(wait)",
    "avg(x)",
    "min(wait)",
    "min(raw)",
    "min(tags)",
    "max(spot)",
    "max(k) FILTER (WHERE ok)",
    "bool_and(ok)",
    "bool_or(ok)",
    "first(spot)",
    "last(tags)",
    "any_value(j)",
    "arg_min(tags, x)",
    "arg_max(j, wait)",
    "variance(price)",
    "var_pop(x)",
    "stddev(DISTINCT id)",
    "stddev_pop(id)",
    "median(price)",
    "median(at)",
    "percentile(x, 0.9)",
    "percentile(DISTINCT id, 0.25)",
    "mode(k)",
    "mode(spot)",
    "approx_distinct(raw)",
    "approx_distinct(id) FILTER (WHERE id > 100)",
    "string_agg(k, '; ')",
    "string_agg(DISTINCT k)",
    "array_agg(day)",
    "array_agg(DISTINCT tags)",
    "array_agg(spot) FILTER (WHERE ok)",
];

fn aggregates() -> String {
    for aggregate in flott::expr::aggregate::all() {
        let named = |call: &&str| call.starts_with(&format!("{}(", aggregate.name));
        assert!(CALLS.iter().any(named), "{} is in no job", aggregate.name);
    }
    let calls: Vec<String> = CALLS.iter().enumerate().map(|(i, call)| format!("\"{call} AS c{i}\"")).collect();
    let calls = calls.join(", ");
    let mut text = random("r", 450, 11).replace("rate = 2200", "rate = 1100");
    for (name, by, more) in [
        ("sliding", "k", "window = { type = 'sliding', size = '6s', slide = '2s' }\nlateness = '1s'"),
        ("counted", "id % 5 AS b", "window = { type = 'count', size = 12, slide = 4, partial = true }"),
        ("total", "tags[1:1] AS b', 'ok", ""),
        ("by_struct", "struct(ok, day > DATE '2018-01-01' AS d) AS b", ""),
        ("by_length", "date_diff('day', DATE '2000-01-01', day) % 3 * INTERVAL '1 day' AS b", ""),
        ("by_bytes", "unhex(left(hex(raw), 1) || '0') AS b", "order = ['c0 DESC']"),
        ("by_json", "to_json(ok) AS b", ""),
        ("alone", "", ""),
    ] {
        let by = if by.is_empty() {
            String::new()
        } else {
            format!("by = [\"\"\"{}\"\"\"]\n", by.replace("', '", "\"\"\", \"\"\""))
        };
        text += &format!("[transforms.{name}]\ntype = 'aggregate'\ninput = 'r'\n{by}select = [{calls}]\n{more}\n");
        text += &sink(&format!("{name}_out"), &format!("'{name}'"), &file(&format!("{name}.jsonl"), "replace"));
    }
    // Each row gives all of it: fewer of them.
    text += "[transforms.few]\ntype = 'limit'\ninput = 'r'\nn = 12\nby = 'ok'\n";
    text += &format!(
        "[transforms.updates]\ntype = 'aggregate'\ninput = 'few'\nby = 'ok'\nselect = [{calls}]\nemit = 'update'\n"
    );
    text + &sink("updates_out", "'updates'", &format!("{}\nop = true", file("updates.jsonl", "append")))
}

/// What passes rows on, parts them or sets them aside.
fn flow() -> String {
    let mut text = file_source("a", 1600) + &file_source("b", 1600);
    text += "[transforms.checked]\ntype = 'select'\ninput = ['a', 'b']\n\
             select = ['at', 'k', 'v', '1000 / (v % 11) AS q']\non_error = 'dead-letter'\n\
             [transforms.letters]\ntype = 'explode'\ninput = 'checked'\non_error = 'dead-letter'\n\
             list = \"CASE WHEN q > 1 / (v % 13) THEN split(k, '') ELSE [k, 'x'] END AS letter\"\nkeep_empty = true\n\
             [transforms.few]\ntype = 'limit'\ninput = 'letters'\nn = 40\nby = 'letter'\n\
             [transforms.way]\ntype = 'route'\ninput = 'checked'\ncases = { big = 'v > 60', basel = \"k = 'Basel'\" }\n\
             [transforms.some]\ntype = 'sample'\ninput = 'way.default'\nfraction = 0.4\nseed = 4\n\
             [transforms.slow]\ntype = 'throttle'\ninput = ['way.big', 'some']\nrate = 100000\n\
             [transforms.anew]\ntype = 'event_time'\ninput = 'slow'\ncolumn = 'at'\ndelay = '300ms'\n\
             [transforms.last]\ntype = 'aggregate'\ninput = ['anew', 'way.basel']\nby = 'k'\n\
             window = { type = 'tumbling', size = '1s' }\nselect = ['k', 'window_end', 'count(*) AS n', 'sum(q) AS q']\n\
             [transforms.again]\ntype = 'aggregate'\ninput = 'last.late'\nby = 'k'\n\
             window = { type = 'sliding', size = '20s', slide = '10s' }\n\
             select = ['k', 'window_end', 'count(*) AS n', 'max(v) AS v']\n\
             [transforms.three]\ntype = 'aggregate'\ninput = 'few'\nby = \"upper(letter) AS l\"\n\
             window = { type = 'count', size = 3 }\nselect = ['l', 'sum(1000 / (v % 7)) AS s', 'last(at) AS at']\n\
             on_error = 'dead-letter'\n";
    for (name, input) in [
        ("few_out", "'few'"),
        ("failed", "'checked.errors'"),
        ("failed_later", "'letters.errors'"),
        ("failed_last", "'three.errors'"),
        ("last_out", "['last', 'again']"),
        ("three_out", "'three'"),
        ("bad_out", "['b.errors', 'a.errors']"),
        ("ways", "['way.basel', 'way.big']"),
    ] {
        let input = if name == "last_out" { "'last'" } else { input };
        text += &sink(name, input, &file(&format!("{name}.csv"), if name.len() % 2 == 0 { "append" } else { "new" }));
    }
    text + &sink("again_out", "'again'", &file("again.csv", "replace"))
}

/// Lines of 40 months; years are not in them. Those of one of three files, which are read side by side.
fn syslog(file: usize) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let line = |i: usize| {
        // December to January comes three times; once the two lie side by side.
        let month = 10 + i / 20;
        let back = usize::from(month.is_multiple_of(12) && i % 20 == 1);
        let day = if back == 1 { 31 } else { 1 + i % 20 };
        let host = ["gate", "db", "web"][i % 3];
        format!("{} {day:2} {:02}:00:0{} {host} app[{i}]: line {i}\n", months[(month - back) % 12], i % 24, i % 10)
    };
    (0..800).filter(|i| i / 3 % 3 == file).map(line).collect()
}

fn by_year() -> String {
    let mut text = "[sources.s]\ntype = 'file'\npath = 'sys-*'\nrate = 1800\non_error = 'fail'\n\
                    format = { type = 'syslog', year = 2015 }\nevent_time = { column = 'time', delay = '40d' }\n\
                    metadata = ['line', 'stem']\n"
        .to_owned();
    text += "[transforms.w]\ntype = 'aggregate'\ninput = 's'\nby = ['host']\nwindow = { type = 'tumbling', size = '30d' }\n\
             select = ['host', 'window_start', 'count(*) AS n', 'first(message) AS f', 'max(_line) AS l']\n";
    text += &sink("all_out", "'s'", &file("all.csv", "append"));
    text + &sink("w_out", "'w'", &file("w.csv", "append"))
}

/// Which rows meet in a window is chance: of its output, only what all windows have together is compared.
fn clock() -> String {
    let mut text = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrows = 900\nrate = 2200\n".to_owned();
    for (name, window) in [
        ("tumbling", "type = 'tumbling', size = '20ms'"),
        ("sliding", "type = 'sliding', size = '60ms', slide = '20ms'"),
    ] {
        text += &format!(
            "[transforms.{name}]\ntype = 'aggregate'\ninput = 'n'\nby = 'n % 7 AS k'\nwindow = {{ {window}, time = 'processing' }}\n\
             select = ['window_start', 'window_end', 'k', 'count(*) AS n', 'sum(n) AS s']\n"
        );
        text += &sink(
            &format!("{name}_out"),
            &format!("'{name}'"),
            &(file(&format!("{name}.clock.csv"), "append") + "\nformat = { type = 'csv', timestamp = 'us' }"),
        );
    }
    text
}
