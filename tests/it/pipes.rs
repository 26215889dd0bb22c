//! Jobs between pipes.

use std::io::{BufRead, BufReader, Read, Write};

use crate::program::{Folder, wait};

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
