//! Wrong jobs and what users are told: each `wrong/THEME/NAME.toml` with the message in `NAME.txt` beside it.
//!
//! A job that starts with `# $ COMMAND` is run by that command, any other one by `flott check job.toml`, in a folder
//! with the files of `wrong/data`. `FLOTT_BLESS=1` rewrites the messages: read what changed before it is committed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Folder;

const COMMAND: &str = "flott check job.toml";

/// Below `wrong`, all files that end with `ending`, sorted.
fn files(ending: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wrong");
    let themes = fs::read_dir(root).unwrap().map(|theme| theme.unwrap().path());
    let entries = themes.flat_map(|theme| fs::read_dir(theme).unwrap().map(|entry| entry.unwrap().path()));
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    found.sort();
    found
}

/// What the program says of the job, with the command and the exit code.
fn said(folder: &Folder, job: &str) -> String {
    folder.write("job.toml", job);
    let command = job.lines().next().and_then(|line| line.strip_prefix("# $ ")).unwrap_or(COMMAND);
    let ran = folder.flott(command.trim_start_matches("flott "));
    let code = ran.code.expect("an exit code");
    assert!(code == 1 || code == 2, "{command}\n{job}\nexits {code}\n{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout, "", "{command}\n{job}");
    format!("$ {command}\n{}exit code {code}\n", ran.stderr)
}

#[test]
fn messages_are_as_written() {
    let bless = std::env::var_os("FLOTT_BLESS").is_some();
    let folder = Folder::new();
    let mut different = String::new();
    for path in files("toml") {
        for data in fs::read_dir(path.parent().unwrap().with_file_name("data")).unwrap() {
            let data = data.unwrap();
            fs::copy(data.path(), folder.path(data.file_name().to_str().unwrap())).unwrap();
        }
        let told = said(&folder, &fs::read_to_string(&path).unwrap());
        let beside = path.with_extension("txt");
        if bless {
            fs::write(beside, told).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != told {
            write!(different, "{} is not what is said now:\n{told}\n", beside.display()).unwrap();
        }
    }
    assert!(different.is_empty(), "{different}FLOTT_BLESS=1 cargo test --test it wrong:: rewrites them");
}

#[test]
fn each_message_has_its_job() {
    let jobs: Vec<PathBuf> = files("toml").into_iter().map(|path| path.with_extension("txt")).collect();
    assert!(jobs.len() >= 60);
    assert_eq!(files("txt"), jobs);
}
