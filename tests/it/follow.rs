//! Files that grow while a job reads them: written to, rotated, cut, while it runs and while it does not.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::program::{Folder, PATIENCE, send, wait};

/// Every row of the logs, and where it was, into `out.csv`.
const JOB: &str = "
[sources.logs]
type = 'file'
path = 'logs/*.csv'
follow = true
schema = { at = 'timestamp', n = 'int' }
event_time = { column = 'at', delay = '5s' }
metadata = ['stem', 'line']
on_error = 'dead-letter'
[sinks.out]
type = 'file'
input = 'logs'
path = 'out.csv'
mode = 'append'
[sinks.bad]
type = 'file'
input = 'logs.errors'
path = 'bad.csv'
mode = 'append'
[checkpoint]
interval = '50ms'
durability = 'process'
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", JOB);
    fs::create_dir(folder.path("logs")).unwrap();
    folder
}

fn append(folder: &Folder, name: &str, text: &str) {
    let path = folder.path(&format!("logs/{name}"));
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn row(n: usize) -> String {
    format!("2024-05-01T12:{:02}:{:02}Z,{n}\n", n / 60 % 60, n % 60)
}

fn start(folder: &Folder, arguments: &str) -> Child {
    folder.command(arguments).spawn().unwrap()
}

/// Waits until `out.csv` has so many rows.
#[track_caller]
fn until(folder: &Folder, rows: usize) {
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(folder.path("out.csv")).unwrap_or_default();
        if text.lines().count() > rows {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{rows} rows are expected:\n{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The numbers in `out.csv`, sorted.
fn numbers(folder: &Folder) -> Vec<usize> {
    let text = folder.read("out.csv");
    let mut numbers: Vec<usize> =
        text.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn growing_files_are_followed_until_the_job_is_stopped() {
    for parallelism in [1, 3] {
        let folder = folder();
        let child = start(&folder, &format!("run job.toml -p {parallelism}"));
        append(&folder, "a.csv", "n,at\n1,2024-05-01T12:00:00Z\nbad,2024-05-01T12:00:01Z\n2,2024-05-01T12:00:0");
        until(&folder, 1);
        append(&folder, "a.csv", "2Z\n");
        append(&folder, "b.csv", &format!("at,n\n{}", row(3)));
        until(&folder, 3);
        fs::rename(folder.path("logs/a.csv"), folder.path("logs/a.csv.1")).unwrap();
        append(&folder, "a.csv", &format!("at,n\n{}", row(4)));
        until(&folder, 4);
        send(&child, "-INT");
        assert_eq!(wait(child), Some(0));
        let mut rows: Vec<String> = folder.read("out.csv").lines().map(str::to_owned).collect();
        rows[1..].sort();
        let expect = [
            "at,n,_stem,_line",
            "2024-05-01T12:00:00Z,1,a,2",
            "2024-05-01T12:00:02Z,2,a,4",
            "2024-05-01T12:00:03Z,3,b,2",
            "2024-05-01T12:00:04Z,4,a,2",
        ];
        assert_eq!(rows, expect);
        let bad = folder.read("bad.csv");
        assert!(bad.contains("logs,logs/a.csv,") && bad.contains(",3,column n:"), "{bad}");
    }
}

/// Its pattern matches the names of rotated files, too: so files are found that came and were rotated between two
/// checkpoints.
fn all_names() -> Folder {
    let folder = folder();
    folder.write("job.toml", &JOB.replace("*.csv'", "*'\nformat = 'csv'"));
    folder
}

/// Written to, rotated, killed and resumed: every row once.
#[test]
fn every_row_comes_once_whatever_happens() {
    let folder = all_names();
    let (mut n, mut rotated) = (0, 0);
    let more = |folder: &Folder, n: &mut usize, name: &str, count: usize| {
        let fresh = !folder.path(&format!("logs/{name}")).exists();
        let rows: String = (*n..*n + count).map(row).collect();
        *n += count;
        append(folder, name, &format!("{}{rows}", if fresh { "at,n\n" } else { "" }));
    };
    for life in 0..8 {
        let mut child = start(&folder, &format!("run job.toml --resume -p {}", 1 + life % 3));
        for step in 0..12 {
            more(&folder, &mut n, ["a.csv", "b.csv"][step % 2], 1 + 37 * step % 90);
            if step % 5 == 4 {
                rotated += 1;
                fs::rename(folder.path("logs/a.csv"), folder.path(&format!("logs/a.csv.{rotated}"))).unwrap();
                append(&folder, &format!("a.csv.{rotated}"), &row(n));
                n += 1;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if life % 2 == 0 {
            child.kill().unwrap();
            wait(child);
        } else {
            send(&child, "-TERM");
            assert_eq!(wait(child), Some(0));
        }
        // While nobody reads.
        more(&folder, &mut n, "b.csv", 5);
        if folder.path("logs/a.csv").exists() && life % 3 == 0 {
            more(&folder, &mut n, "a.csv", 1);
            if life % 2 == 1 {
                rotated += 1;
                fs::rename(folder.path("logs/a.csv"), folder.path(&format!("logs/a.csv.{rotated}"))).unwrap();
                more(&folder, &mut n, "a.csv", 3);
            }
        }
    }
    more(&folder, &mut n, "b.csv", 1);
    let child = start(&folder, "run job.toml --resume -p 2");
    until(&folder, n);
    send(&child, "-INT");
    assert_eq!(wait(child), Some(0));
    assert_eq!(numbers(&folder), (0..n).collect::<Vec<_>>());
}

#[test]
fn from_the_end_and_out_of_nothing() {
    let folder = folder();
    append(&folder, "a.csv", &format!("at,n\n{}{}", row(1), row(2)));
    let job = JOB.replace("follow = true", "follow = true\nstart = 'end'").replace("*.csv'", "*.csv'\nexclude = 'x*'");
    folder.write("job.toml", &job);
    let child = start(&folder, "run job.toml");
    std::thread::sleep(Duration::from_millis(600));
    append(&folder, "a.csv", &row(3));
    append(&folder, "xa.csv", &format!("at,n\n{}", row(9)));
    append(&folder, "b.csv", &format!("at,n\n{}", row(4)));
    until(&folder, 2);
    send(&child, "-TERM");
    assert_eq!(wait(child), Some(0));
    assert_eq!(numbers(&folder), [3, 4]);
    assert!(folder.read("out.csv").contains(",3,a,4\n"), "{}", folder.read("out.csv"));
}

/// Without checkpoints it drains: windows close, and the sinks have all there is.
#[test]
fn without_checkpoints_it_drains_at_the_first_signal() {
    let folder = Folder::new();
    fs::create_dir(folder.path("logs")).unwrap();
    folder.write(
        "job.toml",
        "[sources.logs]\ntype = 'file'\npath = 'logs'\nfollow = true\nformat = 'csv'\n\
         schema = { at = 'timestamp', n = 'int' }\nevent_time = { column = 'at' }\n\
         [transforms.t]\ntype = 'aggregate'\ninput = 'logs'\nwindow = { type = 'tumbling', size = '1h' }\n\
         select = ['count(*) AS rows']\n[sinks.out]\ntype = 'stdout'\ninput = 't'\nformat = 'csv'\n\
         [sinks.seen]\ntype = 'file'\ninput = 'logs'\npath = 'out.csv'\nmode = 'append'\n",
    );
    let mut child = start(&folder, "run job.toml -D checkpoint.interval=off");
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("logs has no files to read: it is waited for") || line.contains("waited for"), "{line}");
    append(&folder, "a", &format!("at,n\n{}{}", row(1), row(2)));
    until(&folder, 2);
    send(&child, "-INT");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(wait(child), Some(0));
    assert_eq!(out, "rows\n2\n");
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let folder = folder();
    for (more, says) in [
        ("path = 'a.csv.gz'", "a compressed file cannot be followed"),
        ("read = 'mmap'", "a file that is followed cannot be mapped"),
        ("compression = 'gzip'", "a compressed file cannot be followed"),
        ("follow = false\nstart = 'end'", "`start` needs `follow`"),
        ("metadata = ['peer']", "a file that is followed has no metadata `peer`"),
        ("exclude = '***'", "this is not a glob"),
    ] {
        let has_path = more.contains("path");
        let path = if has_path { "" } else { "path = 'logs/*'\n" };
        let follow = if more.contains("follow") { "" } else { "follow = true\n" };
        let job = format!(
            "[sources.a]\ntype = 'file'\n{path}{follow}{more}\nformat = 'lines'\n\
             [sinks.s]\ntype = 'blackhole'\ninput = 'a'\n"
        );
        folder.write("other.toml", &job);
        folder.flott("check other.toml").exits(2).says(says);
    }
    // A job does not read what it writes.
    let job = JOB.replace("'out.csv'", "'logs/out.csv'");
    folder.write("other.toml", &job);
    folder.flott("run other.toml").exits(2).says("`out` writes a file that `logs` reads");
}

/// Killed at each place of a checkpoint where it could matter, while files are rotated and cut.
#[test]
fn killed_at_every_point_while_files_are_rotated() {
    let points: Vec<&str> =
        flott::storage::crash::POINTS.iter().copied().filter(|p| p.starts_with("checkpoint-")).collect();
    assert!(points.len() > 3, "{points:?}");
    let folder = all_names();
    let (mut n, mut rotated) = (0, 0);
    let mut reached = 0;
    for (life, point) in points.iter().cycle().take(2 * points.len()).enumerate() {
        let mut command = folder.command(&format!("run job.toml --resume -p {}", 1 + life % 2));
        command.env("FLOTT_CRASH", format!("{point}:{}", 2 + life % 3));
        let mut child = command.spawn().unwrap();
        for step in 0..40 {
            let fresh = !folder.path("logs/a.csv").exists();
            append(&folder, "a.csv", &format!("{}{}", if fresh { "at,n\n" } else { "" }, row(n)));
            n += 1;
            if step == 10 {
                rotated += 1;
                fs::rename(folder.path("logs/a.csv"), folder.path(&format!("logs/a.csv.{rotated}"))).unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
            if child.try_wait().unwrap().is_some() {
                reached += 1;
                break;
            }
        }
        let _ = child.kill();
        wait(child);
        // Only who is there reads this.
        append(&folder, "b.csv", &format!("{}{}", if life == 0 { "at,n\n" } else { "" }, row(n)));
        n += 1;
        let child = start(&folder, "run job.toml --resume");
        until(&folder, n);
        send(&child, "-TERM");
        assert_eq!(wait(child), Some(0));
    }
    assert!(reached > points.len() / 2, "{reached} of {points:?} were reached");
    assert_eq!(numbers(&folder), (0..n).collect::<Vec<_>>());
}

/// Files of many machines that overlap, some compressed, empty, with a header only or with a bad first record: no row is
/// late, and every window is complete.
#[test]
fn files_that_overlap_in_time() {
    let folder = Folder::new();
    fs::create_dir(folder.path("in")).unwrap();
    let mut expect = std::collections::BTreeMap::new();
    for machine in 0..40 {
        let mut text = "at,n\n".to_owned();
        text += if machine % 7 == 3 { "nonsense,1\n" } else { "" };
        for i in 0..200 {
            let minute = machine * 15 + i * 3;
            text += &format!("2024-05-01T{:02}:{:02}:00Z,{i}\n", minute / 60, minute % 60);
            *expect.entry((minute / 60, machine)).or_insert(0) += 1;
        }
        let path = folder.path(&format!("in/{machine:02}.csv"));
        if machine % 3 == 1 {
            let file = fs::File::create(path.with_extension("csv.gz")).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }
    folder.write("in/empty.csv", "").write("in/header.csv", "at,n\n");
    folder.write(
        "job.toml",
        "[sources.cpu]\ntype = 'file'\npath = 'in'\nformat = 'csv'\nschema = { at = 'timestamp', n = 'int' }\n\
         event_time = { column = 'at' }\non_error = 'skip'\nmetadata = ['stem']\n\
         [transforms.hourly]\ntype = 'aggregate'\ninput = 'cpu'\nby = ['_stem AS machine']\n\
         window = { type = 'tumbling', size = '1h' }\nselect = ['window_start', 'machine', 'count(*) AS n']\n\
         [sinks.out]\ntype = 'stdout'\ninput = 'hourly'\nformat = 'csv'\n",
    );
    let row = |((hour, machine), n): (&(i32, i32), &i32)| format!("2024-05-01T{hour:02}:00:00Z,{machine:02},{n}");
    let expect: Vec<String> = expect.iter().map(row).collect();
    for parallelism in [1, 3] {
        let ran = folder.flott(&format!("run job.toml -p {parallelism}")).exits(0).says(" 0 late, 6 bad");
        assert_eq!(ran.stdout.lines().skip(1).collect::<Vec<_>>(), expect);
    }
}

/// Where each row stands, at any parallelism, in every order, for every format, also beside records that are bad.
#[test]
fn metadata_says_where_a_row_is() {
    let folder = Folder::new();
    folder.write(
        "b.x.csv",
        "at,n\n2024-05-01T12:00:01Z,1\n\n\"2024-05-01T12:00:03Z\",\"2\"\nbad,3\n2024-05-01T12:00:05Z,4\n",
    );
    folder.write("a.csv", "n,at\n10,2024-05-01T12:00:02Z\n11,\"2024-05-01\n\"\n12,2024-05-01T12:00:04Z");
    let job = |more: &str| {
        format!(
            "[sources.s]\ntype = 'file'\npath = ['b.x.csv', 'a.csv']\nschema = {{ at = 'timestamp', n = 'int' }}\n\
             event_time = {{ column = 'at' }}\non_error = 'dead-letter'\n\
             metadata = ['file', 'stem', 'line', 'offset']\n{more}\n\
             [transforms.t]\ntype = 'select'\ninput = 's'\nselect = ['n', '_line', '_file', '_offset', '_stem']\n\
             [sinks.out]\ntype = 'stdout'\ninput = 't'\nformat = 'csv'\n\
             [sinks.bad]\ntype = 'file'\ninput = 's.errors'\npath = 'bad.csv'\n"
        )
    };
    let rows = ["1,2,b.x.csv,5,b", "10,2,a.csv,5,a", "2,4,b.x.csv,29,b", "12,5,a.csv,46,a", "4,6,b.x.csv,62,b"];
    for (more, order) in [("", [0, 2, 4, 1, 3]), ("order = 'name'", [0, 2, 4, 1, 3])] {
        let by_name = !more.is_empty();
        folder.write("job.toml", &job(more));
        for parallelism in [1, 3] {
            let ran = folder.flott(&format!("run job.toml --quiet -p {parallelism}")).exits(0);
            let mut got: Vec<&str> = ran.stdout.lines().skip(1).collect();
            let mut expect = order.map(|i| rows[i]).to_vec();
            if !by_name {
                got.sort_unstable();
                expect.sort_unstable();
            }
            assert_eq!(got, expect, "{more} -p {parallelism}");
            let bad = folder.read("bad.csv");
            assert!(bad.contains("b.x.csv,56,5,") && bad.contains("a.csv,29,3,"), "{bad}");
        }
    }
    // Only what is used is there.
    let plan = folder.flott("plan job.toml").exits(0).stdout;
    assert!(plan.contains("decode at, n, _file, _stem, _line, _offset"), "{plan}");
    folder.write("job.toml", &job("").replace("'n', '_line', '_file', '_offset', '_stem'", "'_stem'"));
    folder.flott("plan job.toml").exits(0).prints("decode at, _stem; not decoded: n");
}

/// JSON and lines, many blocks, and a run that goes on from a checkpoint: lines are counted from the start.
#[test]
fn lines_are_exact_across_blocks_and_runs() {
    let folder = Folder::new();
    let rows: String = (1..=40_000).map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}\n", "y".repeat(n % 50))).collect();
    folder.write("in.jsonl", &rows);
    let job = "[sources.s]\ntype = 'file'\npath = 'in.jsonl'\nschema = { n = 'int' }\nmetadata = ['line', 'offset']\nrate = 100000\n\
               [sinks.out]\ntype = 'file'\ninput = 's'\npath = 'out.csv'\nmode = 'append'\n\
               [checkpoint]\ninterval = '20ms'\ndurability = 'process'\n";
    folder.write("job.toml", job);
    for (life, begin) in
        ["run job.toml -p 1", "run job.toml --resume -p 3", "run job.toml --resume -p 2"].iter().enumerate()
    {
        let mut child = start(&folder, begin);
        if life < 2 {
            std::thread::sleep(Duration::from_millis(120));
            child.kill().unwrap();
            wait(child);
        } else {
            assert_eq!(wait(child), Some(0));
        }
    }
    let text = folder.read("out.csv");
    let mut offset = 0;
    let mut lines = rows.lines();
    for (i, row) in text.lines().skip(1).enumerate() {
        assert_eq!(row, format!("{0},{0},{offset}", i + 1));
        offset += lines.next().unwrap().len() + 1;
    }
    assert_eq!(text.lines().count(), 40_001);
}

/// When a block came is written down with it, and is the same when it is read again.
#[test]
fn what_stdin_gave_keeps_its_lines_and_times() {
    let folder = Folder::new();
    let job = "[sources.s]\ntype = 'stdin'\nformat = 'lines'\nmetadata = ['line', 'offset', 'received']\n\
               [sinks.out]\ntype = 'file'\ninput = 's'\npath = 'out.csv'\nmode = 'append'\n\
               [sinks.copy]\ntype = 'stdout'\ninput = 's'\nformat = 'csv'\n\
               [checkpoint]\ninterval = '1h'\ndurability = 'process'\n";
    folder.write("job.toml", job);
    let mut child = start(&folder, "run job.toml --quiet");
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    for text in ["a\nb\n", "c\n"] {
        stdin.write_all(text.as_bytes()).unwrap();
        while !first.ends_with(&format!("{}\n", text.lines().last().unwrap())) && first.lines().count() < 4 {
            stdout.read_line(&mut first).unwrap();
            if text.len() == 4 && first.lines().count() == 3 {
                break;
            }
        }
    }
    child.kill().unwrap();
    wait(child);
    let ran = folder.flott_with("run job.toml --resume --quiet", b"").exits(0);
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), first.lines().collect::<Vec<_>>());
    let columns = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = folder.read("out.csv").lines().skip(1).map(columns).collect();
    let places: Vec<&[String]> = rows.iter().map(|row| &row[..3]).collect();
    assert_eq!(places, [["a", "1", "0"], ["b", "2", "2"], ["c", "3", "4"]]);
    assert!(rows.iter().all(|row| row[3].starts_with("20") && row[3].ends_with('Z')), "{rows:?}");
}
