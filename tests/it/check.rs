//! `flott check`.

use std::path::Path;

use crate::program::{Folder, JOB, command, finish};

#[test]
fn all_example_jobs_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut jobs = 0;
    for entry in std::fs::read_dir(root.join("jobs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let ran = finish(command(root, &format!("check {name}")), b"").exits(0);
            assert!(ran.stdout.starts_with(&format!("{name}: ok\n")), "{}", ran.stdout);
            // Notes say what a job may mean. A log that is followed may come later.
            let fine = if name.ends_with("follow_log.toml") { "it is waited for" } else { "" };
            assert!(!ran.stderr.contains("warning:") || !fine.is_empty(), "{name}: {}", ran.stderr);
            ran.says(fine);
            finish(command(root, &format!("plan {name} -p 2")), b"").exits(0).prints("physical");
            jobs += 1;
        }
    }
    assert!(jobs > 5);
}

#[test]
fn schemas_are_shown() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", "at,status,ms\n");
    let ran = folder.flott("check job.toml").exits(0).prints("event time at, delay 1m");
    let ran = ran.prints("  minute   timestamp\n  n        int\n  slowest  int\n");
    assert_eq!(ran.stderr, "");
    assert_eq!(folder.names(), ["in.csv", "job.toml"]);
}

#[test]
fn all_mistakes_in_one_run() {
    let folder = Folder::new();
    let wrong = JOB
        .replace("status >= 500", "statu >= 500")
        .replace("input = \"per_minute\"", "input = \"per_minut\"")
        .replace("delay = \"1m\"", "delay = \"1 parsec\"");
    folder.write("job.toml", &wrong);
    let ran = folder.flott("check job.toml").exits(2);
    for expect in ["statu", "`status`", "per_minut", "`per_minute`", "parsec", "job.toml:6:"] {
        assert!(ran.stderr.contains(expect), "{expect:?} in\n{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
    let last = ran.stderr.lines().last().unwrap().to_string();
    assert!(last.starts_with("3 errors") && last.ends_with("in job.toml"), "{last}");
}

#[test]
fn a_job_file_that_is_not_there() {
    let folder = Folder::new();
    folder.flott("check nope.toml").exits(2).says("nope.toml");
    folder.write("bad.toml", "x = = 1");
    folder.flott("check bad.toml").exits(2).says("1 error in bad.toml");
}

#[test]
fn an_input_that_is_not_there_yet_is_a_warning() {
    let folder = Folder::new();
    folder.write("job.toml", JOB);
    folder.flott("check job.toml").exits(0).says("warning").says("there is no file in.csv");
}
