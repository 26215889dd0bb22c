//! Jobs that are paced by the clock.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr};

use crate::program::{Folder, send, wait};

/// Counts per key, changed keys every 20 ms.
const EVERY: &str = "
[sources.n]
type = 'generate'
kind = 'sequence'
rows = 300
rate = 1500
[transforms.counts]
type = 'aggregate'
input = 'n'
by = ['n % 3 AS k']
select = ['k', 'count(*) AS c']
emit = { every = '20ms' }
[sinks.out]
type = 'stdout'
input = 'counts'
format = 'csv'
";

#[test]
fn results_every_period_at_any_parallelism() {
    let folder = Folder::new();
    folder.write("job.toml", EVERY);
    for parallelism in 1..=4 {
        let out = folder.flott(&format!("run job.toml -p {parallelism}")).exits(0).stdout;
        let mut rows: Vec<&str> = out.lines().collect();
        assert!(rows.len() > 6, "{out}");
        let last = rows.split_off(rows.len() - 3);
        assert_eq!(last, ["0,100", "1,100", "2,100"], "{out}");
    }
}

#[test]
fn a_limit_ends_what_has_no_end() {
    let folder = Folder::new();
    let job = EVERY.replace("rows = 300\nrate = 1500\n", "").replace("input = 'n'", "input = 'some'");
    let limit = "[transforms.some]\ntype = 'limit'\ninput = 'n'\nn = 90\n";
    folder.write("job.toml", &format!("{}{limit}", job.replace("emit = { every = '20ms' }\n", "")));
    for parallelism in [1, 2] {
        let ran = folder.flott(&format!("run job.toml -p {parallelism}")).exits(0);
        assert_eq!(ran.stdout, "k,c\n0,30\n1,30\n2,30\n");
    }
}

/// Two live sources, counted per window; `more` is added to the event time of both.
fn two(more: &str, rest: &str) -> String {
    let source = |name: &str| {
        format!(
            "[sources.{name}]\ntype = 'tcp'\nlisten = ':0'\nformat = 'csv'\n\
             schema = {{ at = 'timestamp', k = 'string' }}\nevent_time = {{ column = 'at'{more} }}\n"
        )
    };
    format!(
        "{}{}[transforms.t]\ntype = 'aggregate'\ninput = ['a', 'b']\nby = ['k']\n{rest}\n\
         [sinks.out]\ntype = 'stdout'\ninput = 't'\nformat = 'csv'\n",
        source("a"),
        source("b")
    )
}

/// Starts a job with two listening sources; a connection to each.
fn start(folder: &Folder, parallelism: usize) -> (Child, BufReader<ChildStderr>, [TcpStream; 2]) {
    // Without checkpoints it drains when it is stopped.
    let arguments = format!("run job.toml -D checkpoint.interval=off -p {parallelism}");
    let mut child = folder.command(&arguments).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let clients = [(), ()].map(|()| {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        TcpStream::connect(line.trim_end().rsplit_once(' ').unwrap().1).unwrap()
    });
    (child, stderr, clients)
}

#[test]
fn an_idle_source_does_not_hold_windows_back() {
    let folder = Folder::new();
    let windows = "window = { type = 'tumbling', size = '10s' }\nselect = ['k', 'count(*) AS n']";
    folder.write("job.toml", &two(", idle = '200ms'", windows));
    for parallelism in [1, 2] {
        let (mut child, _stderr, [mut a, mut b]) = start(&folder, parallelism);
        b.write_all(b"2024-01-01T00:00:00Z,b\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        a.write_all(b"2024-01-01T00:00:01Z,a\n2024-01-01T00:00:20Z,a\n").unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let lines: Vec<String> = (0..3)
            .map(|_| {
                let mut line = String::new();
                stdout.read_line(&mut line).unwrap();
                line
            })
            .collect();
        assert_eq!(lines, ["k,n\n", "a,1\n", "b,1\n"]);
        send(&child, "-INT");
        assert_eq!(wait(child), Some(0));
    }
}
#[test]
fn two_live_sources_with_results_every_period() {
    let folder = Folder::new();
    folder.write("job.toml", &two("", "emit = { every = '10ms' }\nselect = ['k', 'count(*) AS n']"));
    for parallelism in 1..=4 {
        let (mut child, mut stderr, [mut a, mut b]) = start(&folder, parallelism);
        for _ in 0..50 {
            // What went wrong is said on stderr.
            let _ = a.write_all(b"2024-01-01T00:00:01Z,a\n2024-01-01T00:00:20Z,c\n");
            let _ = b.write_all(b"2024-01-01T00:00:00Z,b\n");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        send(&child, "-INT");
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        stderr.read_to_string(&mut err).unwrap();
        assert_eq!(wait(child), Some(0), "{err}");
        for key in ["a", "b", "c"] {
            assert!(out.contains(&format!("\n{key},50\n")), "{out}{err}");
        }
    }
}

/// A server that takes frames and answers everybody who listens in frames.
#[test]
fn frames_in_and_frames_to_everybody() {
    let folder = Folder::new();
    folder.write(
        "job.toml",
        "[checkpoint]\ninterval = 'off'\n\
         [sources.s]\ntype = 'tcp'\nlisten = ':0'\nframing = 'length'\nformat = 'json'\nschema = { n = 'int' }\n\
         [transforms.t]\ntype = 'select'\ninput = 's'\nselect = ['n * 2 AS twice']\n\
         [sinks.out]\ntype = 'tcp'\nlisten = ':0'\nframing = 'length'\nformat = 'json'\ninput = 't'\n",
    );
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut addresses = std::collections::BTreeMap::new();
    for _ in 0..2 {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let (node, address) = line.trim_end().split_once(": listening on ").unwrap();
        addresses.insert(node.to_owned(), address.to_owned());
    }
    let mut listeners = [(); 2].map(|()| TcpStream::connect(&addresses["sinks.out"]).unwrap());
    let mut sender = TcpStream::connect(&addresses["sources.s"]).unwrap();
    let frame = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    // The second listener may be accepted with the second rows only, so all of them come before the first row.
    std::thread::sleep(std::time::Duration::from_millis(200));
    sender.write_all(&[frame("{\"n\":\n1}"), frame("{\"n\":21}")].concat()).unwrap();
    let expected = [frame("{\"twice\":2}"), frame("{\"twice\":42}")].concat();
    for listener in &mut listeners {
        let mut got = vec![0; expected.len()];
        listener.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
    }
    // What is cut off is dropped, and said.
    sender.write_all(&frame("{\"n\":3}")[..6]).unwrap();
    drop(sender);
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("ended in the middle of a frame"), "{line}");
    send(&child, "-INT");
    assert_eq!(wait(child), Some(0));
    for mut listener in listeners {
        assert_eq!(listener.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}
