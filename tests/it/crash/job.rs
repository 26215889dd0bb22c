//! The jobs that are killed, and their inputs.

#[path = "more.rs"]
pub mod more;

use crate::program::Folder;

/// What there is before the first run, in files that are appended to or replaced.
const BEFORE: [(&str, &str); 4] = [
    ("tumbling.csv", "k,s,n,total\nbefore,2024-01-01T00:00:00Z,0,0\n"),
    ("sliding.jsonl", "{\"before\":true}\n"),
    ("bad.jsonl", "{\"before\":true}\n"),
    ("replaced/part-before-000001-000001.csv", "at,k,v\nbefore,,\n"),
];

/// How a job gets its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    Files,
    Stdin,
    /// It listens, and one client comes.
    Tcp,
    /// As [`Feed::Tcp`], each line in a frame.
    Frames,
}

pub struct Job {
    pub name: &'static str,
    pub text: String,
    pub feed: Feed,
    /// A peer that its TCP sink writes to, and that goes away once.
    pub peer: bool,
}

/// `rows` lines: time, key, value. Some are out of order, some late, some bad.
pub fn rows(count: usize, shift: usize) -> Vec<String> {
    let row = |i: usize| {
        let late = if i % 41 == 40 { 60_000 } else { 0 };
        let ms = 100_000 + i * 50 + (i * 7919 + shift) % 400 - late;
        let (minute, second, ms) = (ms / 60_000, ms / 1000 % 60, ms % 1000);
        let key = ["Seoul", "Basel", "a/b", ""][(i * 31 + shift) % 4];
        let value = if i % 37 == 36 { "bad".into() } else { ((i * 7 + shift) % 100).to_string() };
        // No two lines are the same.
        format!("2024-05-01T12:{minute:02}:{second:02}.{ms:03}{i:03}Z,{key},{value}")
    };
    (0..count).map(row).collect()
}

fn write_csv(folder: &Folder, name: &str, rows: &[String]) {
    folder.write(name, &format!("at,k,v\n{}\n", rows.join("\n")));
}

/// Lines for stdin and sockets, which have no header.
pub fn lines() -> Vec<String> {
    rows(360, 0)
}

pub fn prepare(folder: &Folder, job: &Job) {
    folder.write("job.toml", &job.text);
    std::fs::create_dir(folder.path("replaced")).unwrap();
    for (name, text) in BEFORE {
        folder.write(name, text);
    }
    write_csv(folder, "a.csv", &rows(400, 0));
    write_csv(folder, "b.csv", &rows(350, 13));
    more::prepare(folder, job);
}

fn source(name: &str, more: &str) -> String {
    format!(
        "[sources.{name}]\n{more}\nschema = {{ at = 'timestamp', k = 'string', v = 'int' }}\n\
         event_time = {{ column = 'at', delay = '1s' }}\non_error = 'dead-letter'\n"
    )
}

fn file_source(name: &str, rate: u32) -> String {
    source(name, &format!("type = 'file'\npath = '{name}.csv'\nrate = {rate}"))
}

fn window(name: &str, input: &str, window: &str, more: &str) -> String {
    format!(
        "[transforms.{name}]\ntype = 'aggregate'\ninput = {input}\nby = ['k']\nwindow = {{ {window} }}\n\
         select = ['k', 'window_start AS s', 'count(*) AS n', 'sum(v) AS total']\n{more}\n"
    )
}

fn sink(name: &str, input: &str, rest: &str) -> String {
    format!("[sinks.{name}]\ninput = {input}\n{rest}\n")
}

const TUMBLING: &str = "type = 'tumbling', size = '2s'";

/// Every kind of sink, and windows, running results, dead letters and late rows.
fn everything() -> String {
    let both = "['a', 'b']";
    let mut text = file_source("a", 2000) + &file_source("b", 2000);
    text += &window("tumbling", both, TUMBLING, "");
    text += &window("sliding", both, "type = 'sliding', size = '3s', slide = '1s'", "lateness = '500ms'");
    let running = "[transforms.running]\ntype = 'aggregate'\ninput = ['a', 'b']\nby = ['k']\n\
                   select = ['k', 'count(*) AS n', 'sum(v) AS total', 'min(at) AS first']\n";
    text += running;
    text += &(running.replace("transforms.running", "transforms.updates") + "emit = 'update'\n");
    let some = "emit = 'update'\nhaving = 'n % 3 <> 0'\n";
    text += &(running.replace("transforms.running", "transforms.some") + some);
    let best = "[transforms.best]\ntype = 'top'\ninput = ['a', 'b']\nby = ['k']\nn = 2\norder = ['v DESC', 'at']\n";
    text += &format!("{best}window = {{ {TUMBLING} }}\n");
    let file = |path: &str, mode: &str| format!("type = 'file'\npath = '{path}'\nmode = '{mode}'");
    text += &sink("tumbling_out", "'tumbling'", &file("tumbling.csv", "append"));
    text += &sink("sliding_out", "'sliding'", &file("sliding.jsonl", "replace"));
    text += &sink("running_out", "'running'", &file("running.csv", "replace"));
    text += &sink("updates_out", "'updates'", &file("updates.csv.gz", "new"));
    text += &sink("some_out", "'some'", &format!("{}\nop = true", file("some.csv", "new")));
    text += &sink("again_out", "'sliding'", &format!("{}\nop = true", file("again.csv", "new")));
    text += &sink("union_out", both, &file("union.csv", "append"));
    text += &sink("bad_out", "['a.errors', 'b.errors']", &file("bad.jsonl", "append"));
    text += &sink("late_out", "'tumbling.late'", &file("late.csv", "append"));
    let directory = |path: &str, more: &str| format!("type = 'directory'\nformat = 'csv'\npath = '{path}'\n{more}");
    let roll = "roll = { size = 600 }";
    text += &sink("parts", both, &directory("parts", &format!("partition_by = ['k']\n{roll}")));
    let replaced = format!("mode = 'replace'\nsuccess_file = true\n{roll}");
    text += &sink("replaced", "'sliding'", &directory("replaced", &replaced));
    text += &sink("packed", "'a'", &directory("packed", "compression = 'gzip'\nroll = { size = 300 }"));
    let parquet = "format = { type = 'parquet', row_group = 64 }";
    text += &sink("columns_out", both, &format!("{}\n{parquet}", file("columns.parquet", "replace")));
    text += &sink("arrow_out", "'updates'", &file("columns.arrow", "new"));
    let columns = format!("type = 'directory'\npath = 'column_parts'\npartition_by = ['k']\n{parquet}");
    text += &sink("column_parts", both, &columns);
    let table = |table: &str, more: &str| format!("type = 'sqlite'\npath = 'out.db'\ntable = '{table}'\n{more}");
    text += &sink("inserted", "'best'", &table("inserted", ""));
    text += &sink("upserted", "'updates'", &table("upserted", "key = ['k']"));
    text
}

/// Live input with a journal.
fn live(source_text: &str) -> String {
    let mut text = source("a", &format!("{source_text}\nformat = {{ type = 'csv', header = false }}\nrate = 900"));
    text += &window("tumbling", "'a'", TUMBLING, "");
    text += &sink("tumbling_out", "'tumbling'", "type = 'file'\npath = 'tumbling.csv'\nmode = 'append'");
    // Lines are counted from where a process began to read.
    text += "[transforms.bad]\ntype = 'select'\ninput = 'a.errors'\nselect = ['source', 'reason', 'raw']\n";
    text += &sink("bad_out", "'bad'", "type = 'file'\npath = 'bad.jsonl'\nmode = 'append'");
    text += &sink("inserted", "'a'", "type = 'sqlite'\npath = 'out.db'\ntable = 'inserted'");
    // What is read from the journal falls into the windows of the time when it came.
    text += "[transforms.clock]\ntype = 'aggregate'\ninput = 'a'\nby = 'k'\n\
             window = { type = 'tumbling', size = '20ms', time = 'processing' }\n\
             select = ['window_start', 'window_end', 'k', 'count(*) AS n', 'sum(v) AS s']\n";
    let format = "format = { type = 'csv', timestamp = 'us' }";
    text + &sink("clock_out", "'clock'", &format!("type = 'file'\npath = 'a.clock.csv'\nmode = 'append'\n{format}"))
}

/// Its peer goes away, so it starts again by itself.
fn restarting() -> String {
    let mut text = file_source("a", 1500) + &window("tumbling", "'a'", TUMBLING, "");
    text += &sink("tumbling_out", "'tumbling'", "type = 'file'\npath = 'tumbling.csv'\nmode = 'append'");
    text += &sink("peer", "'a'", "type = 'tcp'\nconnect = '${PEER}'\nformat = 'csv'");
    text += &sink("parts", "'a'", "type = 'directory'\nformat = 'csv'\npath = 'parts'\nroll = { size = 600 }");
    text += &sink("bad_out", "'a.errors'", "type = 'file'\npath = 'bad.jsonl'\nmode = 'append'");
    text += "[transforms.few]\ntype = 'limit'\ninput = 'a'\nn = 60\nby = 'k'\n\
             [transforms.some]\ntype = 'sample'\ninput = 'few'\nfraction = 0.8\n\
             [transforms.counted]\ntype = 'aggregate'\ninput = 'some'\nby = ['k', '[v % 2] AS odd']\n\
             window = { type = 'count', size = 6, slide = 2, partial = true }\n\
             select = ['k', 'odd', 'count(DISTINCT v) AS n', 'median(v) AS m', 'string_agg(k) AS ks', 'mode(v) AS often']\n";
    text += &sink("counted_out", "'counted'", "type = 'file'\npath = 'counted.csv'\nmode = 'append'");
    text + "[job]\nrestart = { strategy = 'fixed', attempts = 1000, delay = '10ms' }\n"
}

/// All there are. `interval` is that of checkpoints.
pub fn jobs() -> Vec<Job> {
    let job = |name, text: String, feed, peer| {
        // Of stdin, all that was ever written down stays.
        let retain = if feed == Feed::Stdin { 1000 } else { 3 };
        let checkpoint = "[checkpoint]\ninterval = '${INTERVAL}'\ndurability = '${DURABILITY}'\n";
        Job { name, text: format!("{text}{checkpoint}retain = {retain}\n"), feed, peer }
    };
    let first = [
        job("everything", everything(), Feed::Files, false),
        job("stdin", live("type = 'stdin'"), Feed::Stdin, false),
        job("tcp", live("type = 'tcp'\nlisten = ':0'\nonce = true"), Feed::Tcp, false),
        job("frames", live("type = 'tcp'\nlisten = ':0'\nonce = true\nframing = 'length'"), Feed::Frames, false),
        job("restarting", restarting(), Feed::Files, true),
    ];
    let others = more::all().into_iter().map(|(name, text, feed)| job(name, text, feed, false));
    first.into_iter().chain(others).collect()
}
