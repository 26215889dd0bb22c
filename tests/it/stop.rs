//! Signals.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use crate::program::{Folder, send, wait};

/// Rows a second that let a job run until it is stopped.
const SLOW: &str = "rate = 200\n";

fn job(rows: &str, sink: &str) -> String {
    format!("[sources.n]\ntype = 'generate'\nkind = 'sequence'\n{SLOW}{rows}\n[sinks.out]\ninput = 'n'\n{sink}\n")
}

/// Starts a job with a stdout sink and waits until rows come.
fn started(folder: &Folder, parallelism: usize) -> (Child, impl Read + use<>) {
    let mut child = folder.command(&format!("run job.toml -p {parallelism}")).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("n,at\n0,"), "{line:?}");
    (child, stdout)
}

fn stopped(rows: &str, parallelism: usize, signal: &str) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    folder.write("job.toml", &job(rows, "type = 'stdout'"));
    let (mut child, mut stdout) = started(&folder, parallelism);
    send(&child, signal);
    let mut stderr = child.stderr.take().unwrap();
    let (mut rest, mut said) = (String::new(), String::new());
    stdout.read_to_string(&mut rest).unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (wait(child), rest, said)
}

#[test]
fn a_job_with_an_end_is_stopped_before_it() {
    for (signal, expect, parallelism) in [("-INT", 130, 1), ("-TERM", 3, 2)] {
        let (code, _, said) = stopped("rows = 100000", parallelism, signal);
        assert_eq!(code, Some(expect), "{said}");
        assert!(said.contains("what sinks.out has written stays written"), "{said}");
    }
}

#[test]
fn a_job_without_an_end_drains() {
    for (signal, parallelism) in [("-INT", 2), ("-TERM", 1)] {
        let (code, rest, said) = stopped("", parallelism, signal);
        assert_eq!(code, Some(0), "{said}");
        assert!(rest.is_empty() || rest.ends_with('\n'));
        assert!(said.contains("rows in") && !said.contains("undone"), "{said}");
    }
}

#[test]
fn a_stopped_file_sink_leaves_nothing() {
    let folder = Folder::new();
    folder.write("job.toml", &job("rows = 100000", "type = 'file'\npath = 'out.csv'"));
    let child = folder.command("run job.toml -p 2").spawn().unwrap();
    // The file beside its place appears when the job is running.
    while folder.names().len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    send(&child, "-TERM");
    assert_eq!(wait(child), Some(3));
    assert_eq!(folder.names(), ["job.toml"]);
}
