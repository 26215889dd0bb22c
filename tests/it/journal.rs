//! Live inputs: what was read is not lost when the job dies.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::program::{Folder, finish, send, wait};

/// Counts rows by key, a result for each row. `more` is of the source.
pub fn job(source: &str, sink: &str, more: &str) -> String {
    format!(
        "[checkpoint]\ninterval = '50ms'\ndurability = 'process'\n\
         [sources.s]\n{source}\nformat = 'csv'\nschema = {{ k = 'string', n = 'int' }}\n{more}\n\
         [transforms.c]\ntype = 'aggregate'\ninput = 's'\nby = ['k']\nemit = 'update'\n\
         select = ['k', 'count(n) AS c']\n\
         [sinks.out]\ninput = 'c'\n{sink}\n"
    )
}

const APPEND: &str = "type = 'file'\nmode = 'append'\npath = 'out.csv'";

/// A port that nobody has.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A client of the job, which may not listen yet.
pub fn client(port: u16) -> TcpStream {
    let started = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "nobody listens: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the job has read `rows` and made a checkpoint `checkpoints` times.
pub fn has_read(folder: &Folder, child: &mut Child, rows: u64, checkpoints: u64) {
    let started = Instant::now();
    loop {
        let status = folder.flott("status job --format json").stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
        let read = status["sources"][0]["rows"].as_u64().unwrap_or(0);
        let complete = status["checkpoints"]["completed"].as_u64().unwrap_or(0);
        if read >= rows && complete >= checkpoints {
            return;
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(30), "{status}");
    }
}

/// Every row has had its own result, in order.
fn counted(folder: &Folder, key: &str, times: usize) {
    let out = folder.read("out.csv");
    let counts: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(',')).collect();
    let expect: Vec<String> = (1..=times).map(|n| n.to_string()).collect();
    assert_eq!(counts, expect, "{out}");
}

#[test]
fn stdin_goes_on_behind_what_was_read() {
    for parallelism in [1, 3] {
        let folder = Folder::new();
        folder.write("job.toml", &job("type = 'stdin'", APPEND, ""));
        let mut child = folder.command(&format!("run job.toml -p {parallelism}")).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"k,n\na,1\na,2\nb,1\n").unwrap();
        has_read(&folder, &mut child, 3, 1);
        stdin.write_all(b"a,3\nb,2\n").unwrap();
        has_read(&folder, &mut child, 5, 0);
        child.kill().unwrap();
        child.wait().unwrap();
        finish(folder.command(&format!("run job.toml --resume -p {}", 4 - parallelism)), b"k,n\na,4\n").exits(0);
        counted(&folder, "a", 4);
        counted(&folder, "b", 2);
        assert!(!folder.state().join("job/journal").exists());
        folder.flott("list").exits(0).prints("finished");
    }
}

#[test]
fn what_clients_sent_before_the_first_period_is_kept_too() {
    let (folder, port) = (Folder::new(), free_port());
    let job = job(&format!("type = 'tcp'\nlisten = '127.0.0.1:{port}'"), APPEND, "").replace("50ms", "1h");
    folder.write("job.toml", &job);
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    let (mut a, mut b) = (client(port), client(port));
    a.write_all(b"a,1\na,1\n").unwrap();
    b.write_all(b"b,1\n").unwrap();
    has_read(&folder, &mut child, 3, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut child = folder.command("resume job").spawn().unwrap();
        client(port).write_all(b"a,1\n").unwrap();
        has_read(&folder, &mut child, 1, 0);
        send(&child, signal);
        assert_eq!(wait(child), Some(0));
    }
    folder.flott("run job.toml").exits(3);
    counted(&folder, "a", 4);
    counted(&folder, "b", 1);
}

#[test]
fn a_torn_end_is_dropped_and_said() {
    let (folder, port) = (Folder::new(), free_port());
    let job = job(&format!("type = 'tcp'\nlisten = '127.0.0.1:{port}'"), APPEND, "").replace("50ms", "1h");
    folder.write("job.toml", &job);
    let mut child = folder.command("run job.toml -p 1").spawn().unwrap();
    let mut a = client(port);
    a.write_all(b"a,1\n").unwrap();
    has_read(&folder, &mut child, 1, 1);
    folder.flott("checkpoint job").exits(0);
    a.write_all(b"a,1\n").unwrap();
    has_read(&folder, &mut child, 2, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let segments = fs::read_dir(folder.state().join("job/journal/s")).unwrap().map(|entry| entry.unwrap().path());
    let last = fs::OpenOptions::new().append(true).open(segments.max().unwrap()).unwrap();
    last.set_len(last.metadata().unwrap().len() - 1).unwrap();
    let mut child = folder.command("resume job").spawn().unwrap();
    client(port).write_all(b"a,1\n").unwrap();
    has_read(&folder, &mut child, 1, 0);
    send(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("were not complete and are dropped"), "{said}");
    counted(&folder, "a", 2);
}

#[test]
fn a_small_journal_makes_its_own_checkpoints() {
    let folder = Folder::new();
    let job = job("type = 'stdin'", APPEND, "journal_max = '1KiB'").replace("50ms", "1h");
    folder.write("job.toml", &job);
    finish(folder.command("run job.toml -p 2"), ("k,n\n".to_owned() + &"a,1\n".repeat(50_000)).as_bytes()).exits(0);
    counted(&folder, "a", 50_000);
}

/// `now()` is in the journal with the rows: a row that is read again after a crash has the time it had.
#[test]
fn the_time_of_a_row_is_kept() {
    let folder = Folder::new();
    let job = job("type = 'stdin'", APPEND, "").replace("50ms", "1h");
    let (head, tail) = (job.find("[transforms.c]").unwrap(), job.find("[sinks.out]").unwrap());
    let select = "[transforms.c]\ntype = 'select'\ninput = 's'\nselect = ['k', 'epoch_ms(now()) AS at']\n";
    folder.write("job.toml", &format!("{}{select}{}", &job[..head], &job[tail..]));
    let wall = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let start = wall();
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"k,n\na,1\n").unwrap();
    has_read(&folder, &mut child, 1, 1);
    stdin.write_all(b"b,1\n").unwrap();
    has_read(&folder, &mut child, 2, 0);
    let read = wall();
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    finish(folder.command("run job.toml --resume -p 2"), b"k,n\nc,1\n").exits(0);
    let out = folder.read("out.csv");
    let at = |key: &str| -> i64 {
        let line =
            out.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(',')).unwrap_or_else(|| panic!("{out}"));
        line.parse().unwrap()
    };
    assert!(start - 10 <= at("a") && at("a") <= at("b") && at("b") <= read, "{start} {read} {out}");
    assert!(at("c") > read, "{read} {out}");
}
