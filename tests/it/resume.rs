//! A job that goes on: from savepoints elsewhere, at another parallelism, with another job file, behind inputs that
//! changed.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::program::{Folder, send, wait};

/// Windows, running aggregates and the best of each window, into every kind of file.
const JOB: &str = r#"
[checkpoint]
interval = "50ms"
durability = "process"
[sources.s]
type = "file"
path = "in.csv"
rate = 2500
schema = { at = "timestamp", k = "string", x = "int" }
event_time = { column = "at", delay = "5s" }
[transforms.w]
type = "aggregate"
input = "s"
by = ["k"]
window = { type = "tumbling", size = "20s" }
select = ["k", "window_start", "window_end", "count(*) AS n", "sum(x) AS total"]
[transforms.best]
type = "top"
input = "w"
by = ["window_start", "window_end"]
order = ["total DESC"]
n = 2
[transforms.running]
type = "aggregate"
input = "s"
by = ["k"]
emit = "update"
select = ["k", "count(*) AS n", "avg(x) AS mean", "max(x) AS most"]
[sinks.win]
type = "file"
input = "w"
path = "win.csv"
mode = "append"
[sinks.best_rows]
type = "file"
input = "best"
path = "best.jsonl"
[sinks.late]
type = "file"
input = "w.late"
path = "late.csv"
[sinks.running_rows]
type = "directory"
input = "running"
path = "running"
format = "csv"
mode = "append"
[sinks.db]
type = "sqlite"
input = "w"
path = "w.sqlite"
table = "w"
"#;

/// A row each 40 ms of event time, some of them too late.
fn rows() -> String {
    let row = |i: u64| {
        let (back, key) = (if i % 97 == 96 { 15_000 } else { i * 7919 % 3000 }, i * i % 13);
        let at = (1_714_564_800_000 + i * 40).saturating_sub(back);
        format!("{at},k{key},{}\n", i * 31 % 1000)
    };
    "at,k,x\n".to_owned() + &(0..1500).map(row).collect::<String>()
}

fn folder() -> Folder {
    let folder = Folder::new();
    let job = JOB.replace("at = \"timestamp\"", "at = { type = \"timestamp\", unit = \"ms\" }");
    folder.write("job.toml", &job).write("in.csv", &rows());
    folder
}

/// Waits until the job can be spoken to and has made a checkpoint.
fn begun(folder: &Folder, child: &mut Child) {
    let started = Instant::now();
    let socket = folder.state().join("job/control.sock");
    while UnixStream::connect(&socket).is_err() || folder.flott("checkpoint job").code != Some(0) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(30), "the job does not start");
    }
}

/// All output; rows of tables whose order is open are sorted.
fn output(folder: &Folder) -> Vec<String> {
    let sorted = |text: String| {
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("k,n,")).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    let mut parts: Vec<_> = fs::read_dir(folder.path("running")).unwrap().map(|entry| entry.unwrap().path()).collect();
    parts.sort();
    let running: String = parts.iter().map(|part| fs::read_to_string(part).unwrap()).collect();
    let database = rusqlite::Connection::open(folder.path("w.sqlite")).unwrap();
    let mut select = database.prepare("SELECT k || window_start || n || ',' || total FROM w").unwrap();
    let table: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    vec![
        folder.read("win.csv"),
        folder.read("best.jsonl"),
        folder.read("late.csv"),
        sorted(running),
        sorted(table.join("\n")),
    ]
}

#[test]
fn a_savepoint_goes_on_anywhere_at_any_parallelism() {
    let whole = folder();
    whole.flott("run job.toml -p 2 -D sources.s.rate=1000000").exits(0);
    let expect = output(&whole);
    assert!(expect.iter().all(|text| text.lines().count() > 3), "{expect:?}");

    let folder = folder();
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    begun(&folder, &mut child);
    folder.flott("savepoint job first").exits(0);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::rename(folder.path("first"), folder.path("elsewhere")).unwrap();
    fs::remove_dir_all(folder.state()).unwrap();
    let mut child = folder.command("resume elsewhere -p 4").spawn().unwrap();
    begun(&folder, &mut child);
    folder.flott("stop job --savepoint second").exits(0);
    assert_eq!(wait(child), Some(3));
    fs::remove_dir_all(folder.path("elsewhere")).unwrap();
    fs::remove_dir_all(folder.state()).unwrap();
    let mut child = folder.command("resume second -p 3").spawn().unwrap();
    begun(&folder, &mut child);
    send(&child, "-TERM");
    assert_eq!(wait(child), Some(3));
    folder.flott("resume job -p 1 -D sources.s.rate=1000000").exits(0);
    for (found, expect) in output(&folder).iter().zip(&expect) {
        assert!(found == expect, "{found}\nis not\n{expect}");
    }
}

/// A job that was stopped in the middle.
fn stopped() -> Folder {
    let folder = folder();
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    begun(&folder, &mut child);
    send(&child, "-TERM");
    assert_eq!(wait(child), Some(3));
    folder
}

#[test]
fn a_job_that_changed_too_much_is_refused_with_the_reason() {
    let folder = stopped();
    let job = folder.read("job.toml").replace("rate = 2500", "rate = 1000000");
    let w = "by = [\"k\"]\nwindow";
    for (from, to, words) in [
        (w, "by = [\"lower(k) AS k\"]\nwindow", "transforms.w"),
        ("size = \"20s\"", "size = \"10s\"", "transforms.w"),
        ("sum(x) AS total", "max(x) AS total", "transforms.w"),
        ("x = \"int\"", "x = \"double\"", "transforms.w"),
        ("[transforms.running]", "[job]\nmax_parallelism = 64\n[transforms.running]", "max_parallelism"),
        ("sinks.win", "sinks.windows", "sinks.win"),
    ] {
        assert!(job.contains(from), "{from}");
        folder.write("edited.toml", &job.replace(from, to));
        folder.flott("resume job edited.toml").exits(2).says(words).says("does not fit the job");
    }
    // What only decides which rows come is nobody's state.
    let having = "having = \"n > 1\"\nselect = [\"k\", \"window_start\"";
    folder.write("edited.toml", &job.replace("select = [\"k\", \"window_start\"", having));
    folder.flott("resume job edited.toml").exits(0);
    assert!(!folder.state().join("job/chk-1").exists());
}

#[test]
fn another_input_is_not_gone_on_with() {
    let folder = stopped();
    let rows = rows();
    fs::remove_file(folder.path("in.csv")).unwrap();
    folder.flott("resume job").exits(2).says("no file in.csv");
    let other = rows.replace(",k0,", ",k1,");
    for text in [&rows[..100], &other, &format!("at,k,x\n{rows}")] {
        folder.write("in.csv", text);
        let started = Instant::now();
        folder.flott("resume job").exits(1).says("sources.s").says("--fresh").says("flott resume job");
        assert!(started.elapsed() < Duration::from_secs(1), "it starts again and again");
    }
    fs::remove_file(folder.path("in.csv")).unwrap();
    folder.write("moved.csv", &rows);
    folder.flott("resume job -D sources.s.path=moved.csv -D sources.s.rate=1000000").exits(0);
    assert_eq!(output(&folder)[3].lines().count(), 1500);
}

#[test]
fn a_savepoint_that_fails_leaves_the_job_running() {
    let folder = folder();
    let mut child = folder.command("run job.toml -p 1 -D sources.s.rate=200").spawn().unwrap();
    begun(&folder, &mut child);
    for place in ["in.csv", "in.csv/below"] {
        folder.flott(&format!("savepoint job {place}")).exits(1).says("in.csv").says("the job goes on");
        folder.flott(&format!("stop job --savepoint {place}")).exits(1).says("in.csv").says("the job goes on");
    }
    assert_eq!(child.try_wait().unwrap(), None);
    folder.flott("savepoint job no/such/parent").exits(0);
    folder.flott("cancel job").exits(0);
    assert_eq!(wait(child), Some(130));
}

#[test]
fn secrets_stay_out_of_the_state() {
    let folder = folder();
    let word = "sesame-2f81";
    folder.write("secret", word);
    let job = folder.read("job.toml");
    let filter = "[transforms.f]\ntype = \"filter\"\ninput = \"s\"\nwhere = \"k <> '${file:secret}'\"\n";
    folder.write("job.toml", &(job.replace("input = \"s\"", "input = \"f\"") + filter));
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    begun(&folder, &mut child);
    let status = folder.flott("status job --format json").exits(0);
    assert!(!status.stdout.contains(word));
    folder.flott("stop job --savepoint saved").exits(0);
    assert_eq!(wait(child), Some(3));
    let found = std::process::Command::new("grep")
        .args(["-rl", word])
        .args([folder.state(), folder.path("saved")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    fs::remove_file(folder.path("secret")).unwrap();
    let refused = folder.flott("resume saved").exits(2).says("secret");
    assert!(!refused.stderr.contains(word));
}

/// What a run left unfinished is thrown away by `--fresh` even where it cannot be put in place any more.
#[test]
fn a_fresh_start_is_not_held_up_by_output_that_has_no_place_any_more() {
    let job = |sinks: &str| {
        format!(
            "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrows = 400\nrate = 2000\n\
             [transforms.t]\ntype = 'select'\ninput = 'n'\nselect = ['n']\n\
             [checkpoint]\ninterval = '50ms'\ndurability = 'process'\n{sinks}"
        )
    };
    let sqlite = "[sinks.o]\ntype = 'sqlite'\ninput = 't'\npath = 'o.db'\ntable = 't'\nmode = 'append'\n";
    let file = "[sinks.o]\ntype = 'file'\ninput = 't'\npath = 'o.csv'\n";
    for (name, edited, says) in [
        ("another sink", job(file), "does not describe such a sink"),
        ("another name", job(&sqlite.replace("sinks.o", "sinks.p")), "has no such sink"),
    ] {
        let folder = Folder::new();
        folder.write("job.toml", &job(sqlite));
        let mut command = folder.command("run job.toml");
        command.env("FLOTT_CRASH", "sqlite-before-transaction:2");
        assert_eq!(crate::program::finish(command, b"").code, None, "{name}");
        folder.write("job.toml", &edited);
        folder.flott("run job.toml").exits(3);
        let ran = folder.flott("run job.toml --fresh").exits(0).says("warning: ").says(says);
        ran.says("what the earlier one had not finished here is lost").says("400 rows in, 400 out");
    }
}

/// Going back asks all sinks before it cuts one.
#[test]
fn going_back_cuts_nothing_if_one_sink_refuses() {
    let folder = Folder::new();
    let sink =
        |name: &str| format!("[sinks.{name}]\ntype = 'file'\npath = '{name}.csv'\ninput = 'n'\nmode = 'append'\n");
    let job = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrate = 1000\n[checkpoint]\ninterval = '50ms'\n\
        durability = 'process'\n";
    folder.write("job.toml", &format!("{job}{}{}{}", sink("a"), sink("b"), sink("c")));
    let child = folder.command("run job.toml").spawn().unwrap();
    let started = Instant::now();
    let rows = |name: &str| fs::read_to_string(folder.path(name)).unwrap_or_default().lines().count();
    while rows("c.csv") < 50 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    folder.flott("savepoint job saved").exits(0);
    let at = rows("a.csv");
    while rows("c.csv") < at + 100 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    send(&child, "-INT");
    assert_eq!(wait(child), Some(0));
    // Somebody wrote into two of them.
    let before = folder.read("a.csv");
    for name in ["b.csv", "c.csv"] {
        let text = folder.read(name);
        folder.write(name, &format!("{}X\n", &text[..text.len() - 2]));
    }
    let ran = folder.flott("resume saved").exits(1).says("sinks.b: b.csv has been changed");
    ran.says("sinks.c: c.csv has been changed").says("--allow-duplicates");
    assert_eq!(folder.read("a.csv"), before);
    // What was the newest still is.
    folder.flott("run job.toml").exits(3);
}
