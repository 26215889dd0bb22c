//! Jobs that fail and start again in the same process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;

use crate::journal::{client, free_port, has_read, job};
use crate::program::{Folder, send, wait};

struct Peers {
    folder: Folder,
    /// What the job listens on.
    input: u16,
    /// What the job sends to.
    output: u16,
}

impl Peers {
    fn new(restart: &str) -> Peers {
        let (folder, input, output) = (Folder::new(), free_port(), free_port());
        let source = format!("type = 'tcp'\nlisten = '127.0.0.1:{input}'");
        let sink = format!("type = 'tcp'\nconnect = '127.0.0.1:{output}'\nformat = 'csv'");
        folder.write("job.toml", &(job(&source, &sink, "") + restart));
        Peers { folder, input, output }
    }

    fn listen(&self) -> TcpListener {
        // The port may still be held by connections that are closing.
        loop {
            match TcpListener::bind(("127.0.0.1", self.output)) {
                Ok(listener) => return listener,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        }
    }

    fn accept(&self) -> BufReader<TcpStream> {
        BufReader::new(self.listen().accept().unwrap().0)
    }

    /// The job, its peer and a client: a row has gone all the way.
    fn started(&self) -> (Child, BufReader<TcpStream>, TcpStream) {
        let mut child = self.folder.command("run job.toml -p 1").spawn().unwrap();
        let mut peer = self.accept();
        let mut a = client(self.input);
        a.write_all(b"a,1\n").unwrap();
        read_to(&mut peer, 1);
        has_read(&self.folder, &mut child, 1, 1);
        (child, peer, a)
    }
}

/// Reads until the count of `a` is `last`; the first one seen.
fn read_to(peer: &mut BufReader<TcpStream>, last: u32) -> u32 {
    let mut first = None;
    loop {
        let mut line = String::new();
        assert!(peer.read_line(&mut line).unwrap() > 0, "the job is gone");
        if let Some(count) = line.trim_end().strip_prefix("a,") {
            let count: u32 = count.parse().unwrap();
            first.get_or_insert(count);
            if count == last {
                return first.unwrap_or(count);
            }
        }
    }
}

#[test]
fn a_peer_that_comes_back_gets_every_row_and_clients_stay() {
    let again = "[job]\nrestart = { strategy = 'fixed', attempts = 100, delay = '20ms' }\n";
    // Behind a checkpoint, and before the first one.
    for restart in [again, &format!("{again}[checkpoint]\ninterval = '1h'\n")] {
        let peers = Peers::new("");
        let text = peers.folder.read("job.toml");
        let text = if restart.contains("1h") { text.replace("50ms", "1h") } else { text };
        peers.folder.write("job.toml", &(text + again));
        let mut child = peers.folder.command("run job.toml -p 2").spawn().unwrap();
        let mut peer = peers.accept();
        let mut a = client(peers.input);
        a.write_all(&b"a,1\n".repeat(10)).unwrap();
        read_to(&mut peer, 10);
        has_read(&peers.folder, &mut child, 10, 1);
        drop(peer);
        // The same connection all the while.
        let started = std::time::Instant::now();
        let mut sent = 10;
        while started.elapsed() < std::time::Duration::from_millis(300) {
            a.write_all(b"a,1\n").unwrap();
            sent += 1;
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut peer = peers.accept();
        a.write_all(b"a,1\n").unwrap();
        let first = read_to(&mut peer, sent + 1);
        assert!(first <= 11, "rows before {first} are lost");
        send(&child, "-TERM");
        assert_eq!(wait(child), Some(0));
    }
}

#[test]
fn attempts_come_to_an_end_and_state_is_kept() {
    let peers = Peers::new("[job]\nrestart = { strategy = 'fixed', attempts = 2, delay = '10ms' }\n");
    let (mut child, peer, mut a) = peers.started();
    drop(peer);
    while a.write_all(b"a,1\n").is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(wait(child), Some(1), "{said}");
    for words in ["starting again from the last checkpoint", "nobody listens there", "flott resume job"] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    peers.folder.flott("list").exits(0).prints("unfinished (failed)");
}

#[test]
fn a_job_is_stopped_between_two_attempts() {
    for (signal, code) in [("-TERM", 0), ("-INT", 0)] {
        let peers = Peers::new("[job]\nrestart = { strategy = 'fixed', attempts = 2, delay = '1h' }\n");
        let (mut child, peer, mut a) = peers.started();
        drop(peer);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        // News of the failure comes once something is written to the peer that is gone.
        while !said.contains("starting again") {
            a.write_all(b"a,1\n").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
            if peers.folder.flott("savepoint job").stderr.contains("about to start again") {
                break;
            }
            assert_eq!(child.try_wait().unwrap(), None, "{said}");
        }
        send(&child, signal);
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(wait(child), Some(code), "{said}");
        assert!(said.contains("flott resume job"), "{said}");
    }
}

#[test]
fn a_bad_record_ends_the_job_at_once() {
    let peers = Peers::new("[job]\nrestart = { strategy = 'fixed', attempts = 9, delay = '1h' }\n");
    let (mut child, _peer, mut a) = peers.started();
    a.write_all(b"a,many\n").unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(wait(child), Some(1), "{said}");
    // It is in the journal.
    let _listener = peers.listen();
    peers.folder.flott("resume job").exits(1).says("'many' is not an int").says("on_error");
}
