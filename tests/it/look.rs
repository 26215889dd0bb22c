//! `flott state`: what it says of checkpoints that real runs have left, and that `resume` says the same.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Folder, Ran, wait};

/// Reads for ever, writes every row, and remembers sums of them.
const JOB: &str = r#"
[sources.n]
type = "generate"
kind = "sequence"
rows = 100_000_000
rate = 20_000

[transforms.per_seven]
type = "aggregate"
input = "n"
by = ["n % 7 AS seven"]
select = ["seven", "count(*) AS rows", "sum(n) AS total", "count(DISTINCT n % 3) AS threes"]
emit = { every = "1h" }

[transforms.few]
type = "limit"
input = "n"
n = 1_000_000_000

[sinks.raw]
type = "file"
mode = "append"
input = "few"
path = "raw.csv"

[sinks.sums]
type = "stdout"
input = "per_seven"
"#;

fn job(text: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", text);
    folder
}

/// Starts the job and waits for its first checkpoint.
fn started(folder: &Folder) -> Child {
    let child = folder.command("run job.toml -p 2 -q").spawn().unwrap();
    let begun = Instant::now();
    while folder.flott("checkpoint job").code != Some(0) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the job does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// A job that was stopped behind a few checkpoints.
fn stopped(text: &str) -> Folder {
    let folder = job(text);
    let child = started(&folder);
    folder.flott("checkpoint job").exits(0);
    // More rows than a block come in between, so the next checkpoint has something of its own.
    std::thread::sleep(std::time::Duration::from_millis(500));
    folder.flott("stop job --savepoint saved").exits(0);
    wait(child);
    folder
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

/// By `n % 7`: how many rows, and their sum.
type Sums = BTreeMap<i64, (i64, i64)>;

fn written(folder: &Folder) -> Sums {
    let mut sums = Sums::new();
    for line in folder.read("raw.csv").lines().skip(1) {
        let n: i64 = line.split(',').next().unwrap().parse().unwrap();
        let (rows, total) = sums.entry(n % 7).or_default();
        (*rows, *total) = (*rows + 1, *total + n);
    }
    sums
}

#[test]
fn what_is_dumped_is_what_was_written() {
    let folder = stopped(JOB);
    let expected = written(&folder);
    assert_eq!(expected.len(), 7);
    for of in ["job", "job.toml", "saved", "saved/manifest.json"] {
        let dumped = folder.flott(&format!("state dump {of} per_seven")).exits(0).says("groups_distinct_1").stdout;
        let rows = dumped.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let int = |row: &Value, name: &str| row[name].as_i64().unwrap();
        let sums: Sums = rows.map(|row| (int(&row, "n % 7"), (int(&row, "count(*)"), int(&row, "sum(n)")))).collect();
        assert_eq!(sums, expected, "{of}");
    }
    let sets = folder.flott("state dump saved transforms.per_seven --table groups_distinct_1 --format csv").exits(0);
    assert_eq!((sets.stdout.lines().next(), sets.stdout.lines().count()), (Some("n % 7,value"), 1 + 7 * 3));
    folder.flott("state dump saved per_sevn").exits(2).says("did you mean `per_seven`?").says("few, per_seven");
    folder.flott("state dump saved few").exits(2).says("keeps no rows").says("left");
    folder.flott("state dump saved per_seven --table panes").exits(2).says("it has groups, groups_distinct_1");
}

#[test]
fn what_there_is_is_listed_and_shown() {
    let folder = stopped(JOB);
    let listed = json(&folder.flott("state ls job --format json").exits(0));
    let kinds: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["start", "checkpoint", "checkpoint", "checkpoint"], "{listed}");
    folder.flott("state ls").exits(0).prints("FOLDER").prints("chk-2").prints("complete");
    folder.flott("state ls ./").exits(0).prints("saved  ").prints("savepoint");
    let rows: i64 = written(&folder).values().map(|(rows, _)| rows).sum();
    let shown = folder.flott("state show saved").exits(0).prints("savepoint 4 of job").prints("table groups: 7 rows");
    shown.prints(&format!("at row {rows}\n")).prints("few: limit").prints("raw.csv");
    let shown = json(&folder.flott("state show job --format json").exits(0));
    assert_eq!((&shown["kind"], &shown["job"]["parallelism"]), (&"checkpoint".into(), &2.into()));
    assert_eq!(shown["operators"][1]["tables"][1]["rows"], 21);
    fs::create_dir(folder.path("empty")).unwrap();
    // What is cut short is known, and a checkpoint that is half written is none.
    fs::create_dir(folder.state().join("job/chk-9")).unwrap();
    // The newest may have nothing of its own.
    let newest_first = (1..=3).rev().map(|number| folder.state().join(format!("job/chk-{number}")));
    let files = newest_first.flat_map(|chk| fs::read_dir(chk).unwrap().map(|e| e.unwrap().path()));
    let file = { files }.find(|path| path.extension().is_some_and(|end| end == "arrow"));
    fs::OpenOptions::new().append(true).open(file.unwrap()).unwrap().write_all(b"x").unwrap();
    folder.flott("state ls job").exits(0).prints("bytes instead of").prints("not complete");
    for arguments in ["show nothing", "dump no/thing few", "verify empty", "ls nothing", "show ./empty"] {
        folder.flott(&format!("state {arguments}")).exits(2).says("error: ");
    }
}

/// Each edit of the job, and what is said of it; nothing: it is gone on with.
const EDITS: [(&str, &str, &str); 10] = [
    ("n % 7 AS", "n % 8 AS", "transforms.per_seven: `by` was n % 7 int, it is n % 8 int now"),
    ("sum(n) AS", "max(n) AS", "the aggregate functions: `sum(n) int` has become `max(n) int`"),
    ("emit = { every = \"1h\" }", "emit = \"update\"", "results came at intervals, they come for every row now"),
    ("n = 1_000_000_000", "n = 5", "transforms.few: `n` was 1000000000, it is 5 now"),
    ("per_seven", "of_seven", "transforms.per_seven: it does not run in the job any more; it holds 28 rows"),
    ("sinks.raw", "sinks.rows", "sinks.raw: it does not run in the job any more"),
    ("type = \"stdout\"", "type = \"blackhole\"", "it was of type \"stdout\", it is of type \"blackhole\" now"),
    ("[sources.n]", "[job]\nmax_parallelism = 64\n[sources.n]", "max_parallelism was 128, it is 64 now"),
    ("raw.csv", "other.csv", "sinks.raw: it wrote to raw.csv, it writes to other.csv now"),
    ("rate = 20_000\n", "", ""),
];

#[test]
fn resume_refuses_what_diff_shows() {
    let folder = stopped(JOB);
    for (from, to, expect) in EDITS {
        assert!(JOB.contains(from), "{from}");
        // It ends soon behind where it was.
        let edited = JOB.replace(from, to).replace("100_000_000", "1_000_000");
        folder.write("edited.toml", &edited);
        let diff = folder.flott("state diff saved edited.toml");
        if expect.is_empty() {
            diff.exits(0).prints("28 rows");
            continue;
        }
        let resumed = folder.flott("resume job edited.toml -D job.name=job").exits(2).says(expect);
        let shown = diff.exits(1).says(expect);
        let error = |ran: &Ran| {
            let lines = ran.stderr.lines().skip_while(|line| !line.starts_with("error: "));
            lines.take_while(|line| !line.starts_with("flott: ")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(error(&shown), error(&resumed), "{to}");
    }
    let shown = folder.flott("state diff saved job.toml -p 5").exits(0).prints("parallelism 2 → 5");
    assert!(!shown.stdout.contains("refused"));
    folder.write("fewer.toml", &JOB.replace("sinks.raw", "sinks.rows"));
    folder.flott("state diff job fewer.toml --allow-non-restored-state").exits(0).prints("removed, left out");
    folder.flott("state diff job fewer.toml --format json").exits(1).prints("\"resumes\": false");
    folder.flott("state diff job missing.toml").exits(2);
}

#[test]
fn a_rate_may_go() {
    let folder = stopped(JOB);
    let rows: i64 = written(&folder).values().map(|(rows, _)| rows).sum();
    let edited = JOB.replace("rate = 20_000\n", "").replace("100_000_000", &(rows + 1000).to_string());
    folder.write("edited.toml", &edited);
    folder.flott("resume job edited.toml").exits(0).says("1,000 rows in");
    let after: i64 = written(&folder).values().map(|(rows, _)| rows).sum();
    assert_eq!(after, rows + 1000);
}

#[test]
fn a_damaged_file_is_named_and_pruning_leaves_what_is_sound() {
    // A checkpoint right behind another one may have no file of its own.
    let files = |folder: &Folder| {
        let found = fs::read_dir(folder.state().join("job/chk-4")).unwrap().map(|entry| entry.unwrap().path());
        found.filter(|path| path.extension().is_some_and(|end| end == "arrow")).collect::<Vec<PathBuf>>()
    };
    let folder = (0..20).map(|_| stopped(JOB)).find(|folder| !files(folder).is_empty()).unwrap();
    folder.flott("state verify job").exits(0).prints("ok, ");
    folder.flott("state verify saved").exits(0).prints("ok, ");
    let file = files(&folder).remove(0);
    // A savepoint is a second name for the same bytes.
    let mut bytes = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let verified = folder.flott("state verify job").exits(1).says(&file.display().to_string()).says("checksum differs");
    verified.prints("chk-3: ok").says("1 of 4 are broken");
    folder.flott("state verify saved").exits(0);
    folder.flott("state prune job").exits(0).says("checkpoints removed");
    assert!(!folder.state().join("job/chk-2/manifest.json").exists());
    // Number 3 is what resume takes, as long as nobody knows better.
    folder.flott("state show job").exits(0).prints("checkpoint 3 of job");
    folder.flott("state dump job per_seven").exits(0);
}

#[test]
fn a_running_job_is_looked_at_but_not_pruned() {
    let folder = job(JOB);
    let child = started(&folder);
    folder.flott("state prune job").exits(4).says("runs the job job");
    for _ in 0..5 {
        for what in ["ls job", "show job", "verify job", "dump job per_seven"] {
            folder.flott(&format!("state {what}")).exits(0);
        }
        folder.flott("checkpoint job").exits(0);
    }
    folder.flott("stop job").exits(0);
    wait(child);
    folder.flott("state prune job").exits(0).says("1 kept");
    folder.flott("state prune job --keep 0").exits(2);
}

#[test]
fn sources_say_what_they_leave_out() {
    let rows: String = (0..5_000).map(|n| format!("{n}\n")).collect();
    let text = "[sources.a]\ntype = 'file'\npath = 'in*.csv'\nschema = { n = 'int' }\nrate = 1000\n\
                [sinks.o]\ntype = 'file'\nmode = 'append'\ninput = 'a'\npath = 'o.csv'\n";
    let folder = job(text);
    folder.write("in1.csv", &format!("n\n{rows}"));
    let child = started(&folder);
    folder.flott("stop job").exits(0);
    wait(child);
    folder.write("in2.csv", "n\n1\n");
    folder.flott("resume job -D sources.a.rate=1000000").exits(0).says("warning: sources.a: 1 file");
    assert_eq!(folder.read("o.csv").lines().count(), 5_001);
}

#[test]
fn a_torn_journal_is_told_of() {
    let folder = job("[sources.a]\ntype = 'stdin'\nformat = 'lines'\n\
                      [sinks.o]\ntype = 'file'\nmode = 'append'\ninput = 'a'\npath = 'o.csv'\n");
    let mut child = started(&folder);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntwo\n").unwrap();
    while !folder.read("o.csv").contains("two") {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(input);
    let mut segments = Vec::new();
    let mut folders = vec![folder.state()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { segments.push(entry) }
        }
    }
    segments.retain(|path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("journal")));
    segments.sort();
    let last = segments.last().expect("a journal");
    fs::OpenOptions::new().append(true).open(last).unwrap().write_all(&[7; 5]).unwrap();
    folder.flott_with("resume job", b"three\n").exits(0).says("the last 5 bytes were not complete and are dropped");
    assert_eq!(folder.read("o.csv"), "line\none\ntwo\nthree\n");
}
