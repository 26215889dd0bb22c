//! A log that grows, is renamed and is cut, with lines that have no year, while its job is killed: every line once, in
//! its order, of its year, in rows, running results and windows of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::program::{Folder, PATIENCE, send, wait};

const JOB: &str = "
[sources.log]
type = 'file'
path = 'sys.log'
follow = true
format = { type = 'syslog', year = 2014 }
metadata = ['line']
[transforms.hosts]
type = 'aggregate'
input = 'log'
by = 'host'
emit = 'update'
select = ['host', 'count(*) AS n', 'max(time) AS latest', 'count(DISTINCT _line) AS lines']
[transforms.threes]
type = 'aggregate'
input = 'log'
by = 'host'
window = { type = 'count', size = 3 }
select = ['host', \"string_agg(message, '+') AS messages\"]
[sinks.out]
type = 'file'
input = 'log'
path = 'out.csv'
mode = 'append'
[sinks.hosts_out]
type = 'file'
input = 'hosts'
path = 'hosts.csv'
mode = 'append'
[sinks.threes_out]
type = 'file'
input = 'threes'
path = 'threes.csv'
mode = 'append'
[checkpoint]
interval = '30ms'
durability = 'process'
";

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HOSTS: [&str; 3] = ["db", "gate", "web"];

/// The log, and what the job is to make of it.
struct Log {
    folder: Folder,
    /// Lines written, and those of the file that has the name now.
    lines: usize,
    of_file: usize,
    /// Year of the last line.
    year: usize,
    rotated: usize,
    out: String,
    hosts: String,
    threes: String,
    of: BTreeMap<&'static str, Host>,
}

/// What is known of the lines of a host.
#[derive(Default)]
struct Host {
    count: usize,
    latest: String,
    /// Their different numbers in their files.
    numbers: BTreeSet<usize>,
    /// Those of the window that is not full.
    messages: Vec<String>,
}

impl Log {
    fn new() -> Log {
        let folder = Folder::new();
        folder.write("job.toml", JOB);
        Log {
            folder,
            lines: 0,
            of_file: 0,
            year: 2014,
            rotated: 0,
            out: "time,facility,severity,host,app,pid,message_id,message,_line\n".into(),
            hosts: "host,n,latest,lines\n".into(),
            threes: "host,messages\n".into(),
            of: BTreeMap::new(),
        }
    }

    /// Writes a line of the next month, or of the same one.
    fn write(&mut self) {
        let n = self.lines;
        let (month, day) = (n / 2 % 12, 1 + n % 2 * 20);
        match self.of_file {
            0 => self.year = 2014,
            _ => self.year += usize::from(month == 0 && n.is_multiple_of(2)),
        }
        let host = HOSTS[n * 7 % 5 % 3];
        let text = format!("{} {day:2} 10:00:00 {host} app[{n}]: line {n}\n", MONTHS[month]);
        let file = OpenOptions::new().create(true).append(true).open(self.folder.path("sys.log"));
        file.unwrap().write_all(text.as_bytes()).unwrap();
        self.lines += 1;
        self.of_file += 1;
        let time = format!("{}-{:02}-{day:02}T10:00:00Z", self.year, month + 1);
        self.out += &format!("{time},,,{host},app,{n},,line {n},{}\n", self.of_file);
        let Host { count, latest, numbers, messages } = self.of.entry(host).or_default();
        *count += 1;
        *latest = latest.clone().max(time);
        numbers.insert(self.of_file);
        messages.push(format!("line {n}"));
        self.hosts += &format!("{host},{count},{latest},{}\n", numbers.len());
        if messages.len() == 3 {
            self.threes += &format!("{host},{}\n", messages.join("+"));
            messages.clear();
        }
    }

    fn rotated_name(&mut self) -> std::path::PathBuf {
        self.rotated += 1;
        self.of_file = 0;
        self.folder.path(&format!("sys.log.{}", self.rotated))
    }

    fn rename(&mut self) {
        let name = self.rotated_name();
        fs::rename(self.folder.path("sys.log"), name).unwrap();
    }

    /// As `copytruncate` does.
    fn cut(&mut self) {
        let name = self.rotated_name();
        fs::copy(self.folder.path("sys.log"), name).unwrap();
        OpenOptions::new().write(true).open(self.folder.path("sys.log")).unwrap().set_len(0).unwrap();
    }

    /// As a rename with `compress`: of a file that nobody writes to.
    fn pack(&mut self) {
        let name = self.rotated_name().with_extension("gz");
        let mut encoder = flate2::write::GzEncoder::new(fs::File::create(name).unwrap(), flate2::Compression::fast());
        encoder.write_all(&fs::read(self.folder.path("sys.log")).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(self.folder.path("sys.log")).unwrap();
    }

    fn start(&self, parallelism: usize) -> Running {
        Running(Some(self.folder.command(&format!("run job.toml --resume -p {parallelism}")).spawn().unwrap()))
    }

    /// Waits until there is no more to come; all is as it is to be.
    #[track_caller]
    fn is_read(&self) {
        let started = Instant::now();
        let text = |name: &str| fs::read_to_string(self.folder.path(name)).unwrap_or_default();
        let expected = [("out.csv", &self.out), ("hosts.csv", &self.hosts), ("threes.csv", &self.threes)];
        while expected.iter().any(|(name, expected)| text(name).len() < expected.len()) {
            assert!(started.elapsed() < PATIENCE / 4, "{}\nexpected:\n{}", text("out.csv"), self.out);
            std::thread::sleep(Duration::from_millis(10));
        }
        for (name, expected) in expected {
            let text = text(name);
            let place = text.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
            let at = |text: &str| text.lines().nth(place).map(str::to_owned);
            assert!(text == *expected, "{name}, line {}: {:?}, not {:?}", place + 1, at(&text), at(expected));
        }
    }

    /// As [`Log::is_read`], by a process that is stopped then.
    #[track_caller]
    fn reads_on(&self, parallelism: usize) {
        let child = self.start(parallelism);
        self.is_read();
        child.stop();
    }
}

/// A process that does not outlive a test that fails.
struct Running(Option<Child>);

impl Running {
    fn send(&self, signal: &str) {
        send(self.0.as_ref().unwrap(), signal);
    }

    fn stop(mut self) {
        self.send("-TERM");
        assert_eq!(self.0.take().map(wait), Some(Some(0)));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Behind New Year and another one.
const LINES: usize = 50;

/// What is left of a file is read elsewhere: its years go on.
#[test]
fn years_go_on_in_the_copy_of_a_file_that_was_cut() {
    let mut log = Log::new();
    (0..27).for_each(|_| log.write());
    let child = log.start(1);
    log.is_read();
    // It does not see these before the file is cut.
    child.send("-STOP");
    (0..LINES).for_each(|_| log.write());
    log.cut();
    log.write();
    child.send("-CONT");
    log.is_read();
    child.stop();
}

#[test]
fn years_go_on_in_a_file_that_was_compressed() {
    let mut log = Log::new();
    (0..19).for_each(|_| log.write());
    log.reads_on(2);
    (0..LINES).for_each(|_| log.write());
    log.pack();
    log.write();
    log.reads_on(1);
}

/// Where it is killed if not everywhere.
const POINTS: [&str; 4] =
    ["checkpoint-after-files", "checkpoint-after-rename", "sink-after-commit", "start-after-write"];

#[test]
fn killed_while_a_log_grows_is_renamed_and_cut() {
    let full = std::env::var_os("FLOTT_CRASH_FULL").is_some();
    let all = flott::storage::crash::POINTS.iter().copied();
    let other = |point: &str| {
        ["sqlite", "journal", "directory", "savepoint", "adopt", "fresh"].iter().any(|o| point.starts_with(o))
    };
    let points: Vec<&str> = if full { all.filter(|point| !other(point)).collect() } else { POINTS.to_vec() };
    let mut log = Log::new();
    let mut reached = 0;
    // A file that is renamed before anybody knows of it is lost.
    log.write();
    log.reads_on(2);
    for (life, point) in points.iter().enumerate().flat_map(|(i, point)| [(2 * i, point), (2 * i + 1, point)]) {
        let mut command = log.folder.command(&format!("run job.toml --resume -p {}", 1 + life % 3));
        // A start comes once.
        let passage = if point.starts_with("start-") { 1 } else { 1 + life % 4 };
        command.env("FLOTT_CRASH", format!("{point}:{passage}"));
        let mut child = command.spawn().unwrap();
        let at = life * 7 % 25;
        for step in 0..100 {
            log.write();
            match (step == at, life % 2) {
                (true, 0) => log.rename(),
                (true, _) => log.cut(),
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(if step > at { 12 } else { 6 }));
            if step > at && child.try_wait().unwrap().is_some() {
                reached += 1;
                break;
            }
        }
        let _ = child.kill();
        wait(child);
        log.write();
        log.reads_on(1 + (life + 1) % 3);
    }
    assert!(reached >= points.len() / 3, "{reached} of {points:?} were reached");
}

const WINDOWS: &str = "
[sources.logs]
type = 'file'
path = 'logs/*.csv'
follow = true
schema = { at = 'timestamp', n = 'int' }
event_time = { column = 'at', delay = '2s', idle = '10m' }
[transforms.w]
type = 'aggregate'
input = 'logs'
by = 'n % 3 AS k'
window = { type = 'sliding', size = '20s', slide = '10s' }
select = ['window_start', 'k', 'count(*) AS n', 'sum(n) AS s']
[sinks.out]
type = 'file'
input = 'w'
path = 'out.csv'
mode = 'append'
[sinks.rows]
type = 'file'
input = 'logs'
path = 'rows.csv'
mode = 'append'
[sinks.late]
type = 'file'
input = 'w.late'
path = 'late.csv'
mode = 'append'
[checkpoint]
interval = '30ms'
durability = 'process'
";

/// Two files, one a minute behind the other: each keeps its watermark through cuts, renames and kills, so no row is late
/// and each window comes once, with all of its rows.
#[test]
fn windows_over_files_that_grow_are_whole() {
    let folder = Folder::new();
    folder.write("job.toml", WINDOWS);
    fs::create_dir(folder.path("logs")).unwrap();
    let mut windows = BTreeMap::new();
    let mut rows = 0;
    let mut write = |file: &str, step: i64| {
        let path = folder.path(&format!("logs/{file}.csv"));
        let head = if fs::metadata(&path).is_ok_and(|meta| meta.len() > 0) { "" } else { "at,n\n" };
        // Each row up to 2 s behind the one before it, and that of `b` a minute more.
        let at = 600 + 2 * step - step * 7 % 3 - if file == "b" { 60 } else { 0 };
        let text = format!("{head}2024-05-01T12:{:02}:{:02}Z,{step}\n", at / 60, at % 60);
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
        for start in [at / 10 * 10 - 10, at / 10 * 10] {
            let (count, sum) = windows.entry((start, step % 3)).or_insert((0, 0));
            *count += 1;
            *sum += step;
        }
        rows += 1;
        rows
    };
    let is_read = |rows: usize| {
        let started = Instant::now();
        let count = || fs::read_to_string(folder.path("rows.csv")).unwrap_or_default().lines().count();
        while count() <= rows {
            assert!(started.elapsed() < PATIENCE / 4, "{} rows of {rows}", count());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let start = |parallelism: usize| {
        Running(Some(folder.command(&format!("run job.toml --resume -p {parallelism}")).spawn().unwrap()))
    };
    let mut step = 0;
    let mut both = |count: i64| {
        let mut rows = 0;
        for _ in 0..count {
            write("a", step);
            rows = write("b", step);
            step += 1;
        }
        rows
    };
    let first = start(2);
    is_read(both(3));
    first.stop();
    for (life, point) in POINTS.iter().cycle().take(6).enumerate() {
        let mut command = folder.command(&format!("run job.toml --resume -p {}", 1 + life % 3));
        command.env("FLOTT_CRASH", format!("{point}:{}", 2 + life));
        let mut child = Running(Some(command.spawn().unwrap()));
        for part in 0..8 {
            both(2);
            std::thread::sleep(Duration::from_millis(8));
            if part == 3 {
                let file = folder.path(["logs/a.csv", "logs/b.csv"][life / 2 % 2]);
                let other = file.with_extension(format!("csv.{life}"));
                match life % 2 {
                    0 => fs::rename(&file, other).unwrap(),
                    _ => {
                        fs::copy(&file, other).unwrap();
                        OpenOptions::new().write(true).open(&file).unwrap().set_len(0).unwrap();
                    }
                }
            }
        }
        if let Some(mut child) = child.0.take() {
            let _ = child.kill();
            wait(child);
        }
        let again = start(1 + (life + 1) % 3);
        is_read(both(1));
        again.stop();
    }
    let mut last = start(2);
    is_read(both(1));
    folder.flott("stop job --drain").exits(0);
    assert_eq!(last.0.take().map(wait), Some(Some(0)));
    let line = |((start, k), (count, sum)): (&(i64, i64), &(i32, i64))| {
        format!("2024-05-01T12:{:02}:{:02}Z,{k},{count},{sum}\n", start / 60, start % 60)
    };
    let expected: String = windows.iter().map(line).collect();
    assert_eq!(folder.read("late.csv"), "at,n\n");
    let out = folder.read("out.csv");
    let place = out.lines().skip(1).zip(expected.lines()).take_while(|(a, b)| a == b).count();
    assert!(out.strip_prefix("window_start,k,n,s\n") == Some(&expected), "from line {}:\n{out}\n{expected}", place + 2);
}
