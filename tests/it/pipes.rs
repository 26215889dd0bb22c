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
