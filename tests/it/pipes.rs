//! Jobs between pipes.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use std::time::Duration;

use crate::program::{Folder, send, wait};

const GREP: &str = r#"
[sources.lines]
type = "stdin"
format = "lines"

[transforms.matching]
type = "filter"
input = "lines"
where = "line LIKE '%a%'"

[sinks.out]
type = "stdout"
input = "matching"
format = { type = "csv", header = false }
"#;

#[test]
fn stdin_to_stdout() {
    for parallelism in [1, 2] {
        let folder = Folder::new();
        folder.write("job.toml", GREP);
        let ran =
            folder.flott_with(&format!("run job.toml -p {parallelism}"), b"apple\nkiwi\nbanana\nno end: pear").exits(0);
        assert_eq!(ran.stdout, "apple\nbanana\nno end: pear\n");
        assert!(ran.stderr.starts_with("flott: 4 rows in, 3 out"), "{}", ran.stderr);
        assert_eq!(folder.names(), ["job.toml"]);
    }
}

#[test]
fn lines_pass_as_they_come() {
    let folder = Folder::new();
    folder.write("job.toml", GREP);
    let mut child = folder.command("run job.toml -p 2 --quiet").spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for line in ["a1\n", "a2\n"] {
        stdin.write_all(line.as_bytes()).unwrap();
        let mut read = String::new();
        stdout.read_line(&mut read).unwrap();
        assert_eq!(read, line);
    }
    drop(stdin);
    assert_eq!(wait(child), Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_the_job_well() {
    let folder = Folder::new();
    let endless = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\n[sinks.out]\ntype = 'stdout'\ninput = 'n'\n";
    folder.write("job.toml", endless);
    for parallelism in [1, 2] {
        let mut child = folder.command(&format!("run job.toml -p {parallelism} --quiet")).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut header = String::new();
        stdout.read_line(&mut header).unwrap();
        assert_eq!(header, "n,at\n");
        drop(stdout);
        let mut stderr = child.stderr.take().unwrap();
        assert_eq!(wait(child), Some(0));
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_stdin() {
    let zstd = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
    let text = b"apple\nkiwi\nbanana\n";
    for (word, packed) in [
        ("gzip", gzip(text)),
        ("zstd", zstd(text)),
        ("auto", gzip(text)),
        ("auto", zstd(text)),
        ("auto", text.to_vec()),
        ("none", text.to_vec()),
        ("gzip", [gzip(b"apple\nki"), gzip(b"wi\nbanana\n")].concat()),
    ] {
        let folder = Folder::new();
        folder.write(
            "job.toml",
            &GREP.replace("type = \"stdin\"", &format!("type = \"stdin\"\ncompression = \"{word}\"")),
        );
        let ran = folder.flott_with("run job.toml --quiet", &packed).exits(0);
        assert_eq!(ran.stdout, "apple\nbanana\n", "{word}");
    }
    let folder = Folder::new();
    folder.write("job.toml", GREP);
    folder.flott_with("run job.toml", &gzip(text)).exits(1).says("add compression = \"gzip\" to the source");
    folder.write("job.toml", &GREP.replace("type = \"stdin\"", "type = \"stdin\"\ncompression = \"gzip\""));
    folder.flott_with("run job.toml", text).exits(1).says("cannot read stdin: it is not gzip data");
    let torn = gzip(&vec![b'a'; 100_000]);
    folder.flott_with("run job.toml", &torn[..torn.len() - 10]).exits(1).says("ends in the middle of its gzip data");
    folder.flott_with("run job.toml", b"").exits(0);
    folder.write("job.toml", &GREP.replace("type = \"stdin\"", "type = \"stdin\"\ncompression = \"zstd\""));
    let torn = zstd(&vec![b'a'; 100_000]);
    folder.flott_with("run job.toml", &torn[..torn.len() - 3]).exits(1).says("ends in the middle of its zstd data");
    let wrong = [&torn[..], b"no frame"].concat();
    folder.flott_with("run job.toml", &wrong).exits(1).says("it is not valid zstd data: Unknown frame descriptor");
}

/// Under `order = "time"` the next record of every pipe is waited for: what comes out does not depend on when it came.
#[test]
fn named_pipes_by_time() {
    let folder = Folder::new();
    let job = "[sources.s]\ntype = 'file'\npath = ['p', 'a.csv', 'q']\nformat = 'csv'\n\
        schema = { at = 'timestamp', n = 'int' }\nevent_time = { column = 'at' }\n\
        [sinks.o]\ntype = 'stdout'\ninput = 's'\nformat = { type = 'csv', header = false }\n";
    let row = |second: u32| format!("2026-05-04T10:00:{second:02}Z,{second}\n");
    let rows = |seconds: &[u32]| format!("at,n\n{}", seconds.iter().map(|s| row(*s)).collect::<String>());
    folder.write("job.toml", job).write("a.csv", &rows(&[2, 6, 9]));
    for name in ["p", "q"] {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    }
    for parallelism in [1, 2] {
        // Nobody writes yet: it can be stopped, and says nothing of the file that is there.
        let child = folder.command(&format!("run job.toml --quiet -p {parallelism}")).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        send(&child, "-INT");
        assert_eq!(wait(child), Some(130));
        let mut child = folder.command(&format!("run job.toml --fresh -p {parallelism}")).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut p = OpenOptions::new().write(true).open(folder.path("p")).unwrap();
        let mut q = OpenOptions::new().write(true).open(folder.path("q")).unwrap();
        p.write_all(rows(&[1]).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        // 3 is earlier than what p has next, which nobody knew before it came.
        q.write_all(rows(&[3]).as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, row(1));
        p.write_all(row(4).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        q.write_all(row(5).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(q);
        p.write_all(row(7).as_bytes()).unwrap();
        drop(p);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        // A file is read in blocks, from where its next record is the earliest.
        assert_eq!(rest, [2, 6, 9, 3, 4, 5, 7].map(row).concat());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains(" 0 late"), "{said}");
        assert_eq!(wait(child), Some(0));
    }
}

/// A named pipe that nobody writes to does not keep the job from being stopped.
#[test]
fn named_pipes() {
    let folder = Folder::new();
    let job = GREP.replace("type = \"stdin\"", "type = \"file\"\npath = \"p\"");
    let more =
        GREP.replace("type = \"stdin\"", "type = \"file\"\npath = [\"p\", \"q.gz\"]\nmetadata = [\"stem\", \"line\"]");
    folder.write("job.toml", &job).write("more.toml", &more);
    for name in ["p", "q.gz"] {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    }
    for parallelism in [1, 2] {
        let child =
            folder.command(&format!("run job.toml -D checkpoint.interval=off -p {parallelism}")).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        send(&child, "-INT");
        assert_eq!(wait(child), Some(130));
        let mut child = folder.command(&format!("run more.toml --quiet -p {parallelism}")).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut first = OpenOptions::new().write(true).open(folder.path("p")).unwrap();
        first.write_all(b"a1\nb\na").unwrap();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "a1,p,1\n");
        first.write_all(b"2\n").unwrap();
        drop(first);
        OpenOptions::new().write(true).open(folder.path("q.gz")).unwrap().write_all(&gzip(b"x\na3\n")).unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "a2,p,3\na3,q,2\n");
        assert_eq!(wait(child), Some(0));
    }
}
