//! Helpers: the binary in a folder of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A fresh folder to run in, and one beside it for state.
pub struct Folder(tempfile::TempDir);

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// No run here takes nearly as long.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Folder {
    pub fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path("")).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("work").join(name)
    }

    /// `$FLOTT_STATE_DIR` of what runs here.
    pub fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    pub fn write(&self, name: &str, text: &str) -> &Folder {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = command(&self.path(""), arguments);
        command.env("FLOTT_STATE_DIR", self.state());
        command
    }

    pub fn flott(&self, arguments: &str) -> Ran {
        finish(self.command(arguments), b"")
    }

    pub fn flott_with(&self, arguments: &str, stdin: &[u8]) -> Ran {
        finish(self.command(arguments), stdin)
    }
}

/// The binary, run in `folder` where it can keep no state. Arguments are parted at spaces.
pub fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flott"));
    command.args(arguments.split_whitespace()).current_dir(folder);
    command.env_remove("NO_COLOR").env_remove("WORD").env_remove("PORT").env("FLOTT_STATE_DIR", "/dev/null/none");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end, with `stdin` as its input.
pub fn finish(mut command: Command, stdin: &[u8]) -> Ran {
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // The program may end before it has read all.
    let feeder = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for the end of a child that was told to stop.
pub fn wait(mut child: Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("still running after {PATIENCE:?}");
}

pub fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// `text` is on stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "{text:?} is not in stderr:\n{}", self.stderr);
        self
    }

    /// `text` is on stdout.
    #[track_caller]
    pub fn prints(self, text: &str) -> Ran {
        assert!(self.stdout.contains(text), "{text:?} is not in stdout:\n{}", self.stdout);
        self
    }
}

/// Rows with failing requests; the third is late under a delay of 0 s.
pub const ROWS: &str = "\
at,status,ms
2024-05-01T12:00:01Z,200,10
2024-05-01T12:01:30Z,500,20
2024-05-01T12:00:40Z,503,30
2024-05-01T12:02:10Z,500,40
";

/// Counts failures per minute of `in.csv` into `out.csv`.
pub const JOB: &str = r#"
[sources.requests]
type = "file"
path = "in.csv"
schema = { at = "timestamp", status = "int", ms = "int" }
event_time = { column = "at", delay = "1m" }

[transforms.failed]
type = "filter"
input = "requests"
where = "status >= 500"

[transforms.per_minute]
type = "aggregate"
input = "failed"
window = { type = "tumbling", size = "1m" }
select = ["window_start AS minute", "count(*) AS n", "max(ms) AS slowest"]

[sinks.out]
type = "file"
input = "per_minute"
path = "out.csv"
"#;

pub const RESULT: &str = "\
minute,n,slowest
2024-05-01T12:00:00Z,1,30
2024-05-01T12:01:00Z,1,20
2024-05-01T12:02:00Z,1,40
";
