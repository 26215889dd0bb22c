//! State folders and the commands that read them: who may run what, and what is said where nothing can be done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::program::{Folder, JOB, ROWS, finish, send, wait};

/// Runs until it is stopped.
const ENDLESS: &str = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrate = 200\n\
                       [sinks.out]\ntype = 'file'\nmode = 'append'\ninput = 'n'\npath = 'out.csv'\n";

const FILTER: &str = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrows = 3\n\
                      [sinks.out]\ntype = 'stdout'\ninput = 'n'\n";

fn folder_with(job: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", job).write("in.csv", ROWS);
    folder
}

/// As if a run had left checkpoint `number`.
fn leave(folder: &Folder, number: u64, kind: &str) {
    let checkpoint = folder.state().join(format!("job/chk-{number}"));
    fs::create_dir_all(&checkpoint).unwrap();
    let manifest = serde_json::json!({
        "format": 1, "flott": "0", "kind": kind, "checkpoint": number, "lineage": "l", "created": 1,
        "job": {
            "name": "job", "path": "/nowhere/job.toml", "directory": "/nowhere", "text": "x = ", "overrides": [],
            "parallelism": 1, "max_parallelism": 128, "schemas": {}
        },
        "ended": false, "operators": {}, "sources": {}, "sinks": {}, "files": {},
    })
    .to_string();
    let checksum = xxhash_rust::xxh3::xxh3_64(manifest.as_bytes());
    let manifest = format!("{manifest}\nxxh3:{checksum:016x}\n");
    fs::write(checkpoint.join("manifest.json"), manifest).unwrap();
}

#[test]
fn a_resume_that_is_refused_leaves_the_state_to_its_owner() {
    let folder = folder_with(ENDLESS);
    let child = running(&folder);
    folder.flott("stop job --savepoint saved").exits(0);
    wait(child);
    folder.write("edited.toml", &ENDLESS.replace("sources.n]", "sources.m]").replace("'n'", "'m'"));
    for from in ["job", "saved"] {
        folder
            .flott(&format!("resume {from} edited.toml"))
            .exits(2)
            .says("sources.n: it does not run in the job any more");
        folder.flott("list").exits(0).prints("unfinished (stopped)").prints("work/job.toml");
    }
}

/// Starts the endless job and waits until it can be spoken to.
fn running(folder: &Folder) -> std::process::Child {
    let child = folder.command("run job.toml -p 1").spawn().unwrap();
    let started = Instant::now();
    let listens = || UnixStream::connect(folder.state().join("job/control.sock")).is_ok();
    while !listens() || !folder.path("out.csv").exists() {
        assert!(started.elapsed() < Duration::from_secs(30), "the job does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_job_that_runs_cannot_run_twice() {
    let folder = folder_with(ENDLESS);
    let child = running(&folder);
    let pid = child.id().to_string();
    folder.flott("run job.toml").exits(4).says(&format!("another process, {pid}, runs the job job"));
    folder.flott("run job.toml --fresh").exits(4);
    folder.flott("list").exits(0).prints(&format!("running, process {pid}"));
    let listed: serde_json::Value = serde_json::from_str(&folder.flott("list --format json").exits(0).stdout).unwrap();
    assert_eq!((&listed[0]["job"], &listed[0]["pid"]), (&"job".into(), &child.id().into()));
    for (file, mode) in [("job", 0o700), ("job/control.sock", 0o600), ("job/lock", 0o600)] {
        let found = fs::metadata(folder.state().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}");
    }
    send(&child, "-TERM");
    wait(child);
    assert!(!folder.state().join("job/control.sock").exists());
    // Whatever it left, the lock is free.
    assert_ne!(folder.flott("run job.toml -D sources.n.rows=1").code, Some(4));
}

#[test]
fn a_killed_job_is_known_as_such_and_its_socket_is_replaced() {
    let folder = folder_with(ENDLESS);
    let mut child = running(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.state().join("job/control.sock").exists());
    folder.flott("list").exits(0).prints("killed");
    folder.flott("status job.toml").exits(0).prints("killed");
    folder.flott("stop job").exits(1).says("no process runs job job").says("`flott list`");
    // A new run listens where the old one did.
    let child = running(&folder);
    send(&child, "-TERM");
    wait(child);
}

#[test]
fn a_name_belongs_to_one_job_file() {
    let folder = folder_with(JOB);
    fs::create_dir(folder.path("b")).unwrap();
    folder.write("b/job.toml", JOB);
    folder.flott("run job.toml").exits(0);
    let refused = folder.flott("run b/job.toml --fresh").exits(3);
    refused.says("work/job.toml").says("work/b/job.toml").says("-D job.name=");
    folder.flott("run b/job.toml -D job.name=b").exits(0);
    folder.flott("run ./b/../job.toml").exits(0);
    // Nobody is there whose state it could be.
    fs::remove_file(folder.path("job.toml")).unwrap();
    folder.flott("run b/job.toml").exits(0);
    folder.flott("list").exits(0).prints("work/b/job.toml");
}

#[test]
fn an_unfinished_run_is_not_thrown_away() {
    let folder = folder_with(JOB);
    leave(&folder, 0, "start");
    folder.flott("run job.toml").exits(0);
    leave(&folder, 7, "checkpoint");
    let refused = folder.flott("run job.toml -p 1 --report r.json").exits(3).says("checkpoint 7");
    refused.says("flott run job.toml -p 1 --resume").says("flott run job.toml -p 1 --fresh");
    let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    assert_eq!((&report["ending"], &report["exit_code"]), (&"refused".into(), &3.into()));
    folder.flott("run job.toml -D checkpoint.interval=off --fresh").exits(3).says("turn checkpoints on");
    folder.flott("list").exits(0).prints("unfinished (finished)").prints("7, ");
    folder.flott("status job").exits(0).prints("chk-7");
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let folder = folder_with(JOB);
    folder.flott("resume job").exits(2).says("the job job never ran");
    folder.flott("run job.toml").exits(0);
    folder.flott("resume job").exits(2).says("nothing to go on from");
    folder.flott("resume job.toml").exits(2).says("nothing to go on from");
    folder.flott("resume ./").exits(2).says("no manifest.json");
    folder.flott("resume jbo").exits(2).says("did you mean `job`?");
    leave(&folder, 7, "checkpoint");
    let chk = folder.state().join("job/chk-7");
    // The job that is stored counts, whatever the file says today.
    for from in ["job".to_owned(), chk.display().to_string(), chk.join("manifest.json").display().to_string()] {
        folder.flott(&format!("resume {from}")).exits(2).says("/nowhere/job.toml:1").says("this is not TOML");
    }
    // Another file of the job is known by the name asked for, unless it has one of its own.
    folder.write("named.toml", &format!("{JOB}[job]\nname = 'other'\n"));
    folder.flott("resume job named.toml").exits(2).says("is the job other, not job").says("-D job.name=job");
    folder.write("edited.toml", &format!("{JOB}[checkpoint]\ninterval = 'off'\n"));
    folder.flott("resume job edited.toml").exits(3).says("an earlier run of job left checkpoints");
    fs::write(chk.join("manifest.json"), "{").unwrap();
    folder.flott("resume job").exits(1).says("chk-7/manifest.json");
    // An older one that can be read says what the job was.
    leave(&folder, 6, "checkpoint");
    folder.flott("resume job").exits(2).says("/nowhere/job.toml:1");
}

#[test]
fn a_filter_leaves_nothing() {
    let folder = folder_with(FILTER);
    for arguments in ["run job.toml", "run job.toml --resume", "run job.toml --fresh"] {
        folder.flott(arguments).exits(0).prints("n,at\n0,");
    }
    assert!(!folder.state().exists());
    folder.flott("list").exits(0).says("no job has run yet");
    folder.flott("status job.toml").exits(2).says("the job job never ran");
    folder.write("job.toml", &format!("{FILTER}[checkpoint]\ninterval = '1m'\n"));
    folder.flott("run job.toml").exits(0);
    folder.flott("list").exits(0).prints("finished");
}

#[test]
fn the_state_dir_can_be_named() {
    let folder = folder_with(JOB);
    folder.flott("run job.toml --state-dir here/there").exits(0);
    assert!(folder.path("here/there/job/job.json").exists() && !folder.state().exists());
    folder.flott("list --state-dir here/there").exits(0).prints("finished");
    folder.flott("list").exits(0).says("no job has run yet");
    let mut command = folder.command("run job.toml");
    command.env_remove("FLOTT_STATE_DIR").env_remove("XDG_STATE_HOME").env_remove("HOME");
    finish(command, b"").exits(2).says("--state-dir");
    let mut command = folder.command("run job.toml");
    command.env("FLOTT_STATE_DIR", "in.csv/state");
    finish(command, b"").exits(1).says("cannot make the state folder").says("-D checkpoint.interval=off");
    let mut command = folder.command("run job.toml -D checkpoint.interval=off");
    command.env("FLOTT_STATE_DIR", "in.csv/state");
    finish(command, b"").exits(0);
}

#[test]
fn a_wrong_job_leaves_no_state() {
    let folder = folder_with(&JOB.replace("status >=", "statu >="));
    folder.flott("run job.toml").exits(2);
    folder.write("job.toml", &JOB.replace("in.csv", "not.csv"));
    folder.flott("run job.toml").exits(2);
    assert!(!folder.state().exists());
}

#[test]
fn commands_that_need_a_running_job_say_so() {
    let folder = folder_with(JOB);
    for arguments in ["savepoint job", "stop job --savepoint x", "cancel job", "checkpoint job", "status job"] {
        folder.flott(arguments).exits(2).says("the job job never ran");
    }
    folder.flott("run job.toml").exits(0);
    for arguments in ["savepoint job x", "stop job.toml --drain", "cancel job", "checkpoint job"] {
        folder.flott(arguments).exits(1).says("no process runs job job");
    }
    folder.flott("status job").exits(0).prints("job finished").prints("4 in, 3 out");
    for name in ["..", ".", "/", "a/b"] {
        folder.flott(&format!("stop {name}")).exits(2);
    }
}

#[test]
fn a_running_job_is_spoken_to() {
    let folder = folder_with(ENDLESS);
    let child = running(&folder);
    folder.flott("status job").exits(0).prints("job running, process").prints("sources.n").prints("checkpoints");
    let status = folder.flott("status job.toml --format json").exits(0).stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["state"], &status["pid"]), (&"running".into(), &child.id().into()));
    for (arguments, inside) in [
        ("checkpoint job", folder.state().join("job")),
        ("savepoint job", folder.state().join("job/savepoints")),
        ("savepoint job over/there", folder.path("over")),
    ] {
        let ran = folder.flott(arguments).exits(0);
        // Scripts take the path as it is.
        let path = std::path::Path::new(ran.stdout.strip_suffix('\n').unwrap());
        assert!(path.join("manifest.json").is_file(), "{arguments}: {ran:?}");
        assert_eq!(path.parent().unwrap().canonicalize().unwrap(), inside.canonicalize().unwrap());
    }
    folder.flott("savepoint job over/there").exits(1).says("over/there");
    let stopped = folder.flott("stop job --savepoint last").exits(0).says("flott resume");
    assert!(stopped.stdout.ends_with("/work/last\n") && folder.path("last/manifest.json").exists(), "{stopped:?}");
    // The process is gone when the command returns.
    assert_eq!(wait(child), Some(0));
    folder.flott("list").exits(0).prints("(stopped)");
    folder.flott("run job.toml").exits(3).says("--resume");
    let mut fresh = folder.command("run job.toml --fresh").spawn().unwrap();
    while folder.flott("cancel job").code != Some(0) {
        assert_eq!(fresh.try_wait().unwrap(), None, "it ended by itself");
    }
    assert_eq!(wait(fresh), Some(130));
    folder.flott("list").exits(0).prints("cancelled");
}

/// Two jobs that append to one file: the second is refused, and the first keeps its rows.
#[test]
fn one_file_is_appended_to_by_one_job() {
    let folder = Folder::new();
    let job = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrate = 100\nrows = ROWS\n[checkpoint]\ninterval = 'INTERVAL'\n\
        [sinks.o]\ntype = 'file'\npath = 'o.csv'\ninput = 'n'\nmode = 'append'\n";
    for interval in ["50ms", "off"] {
        folder.write("first.toml", &job.replace("ROWS", "100000").replace("INTERVAL", interval));
        folder.write("second.toml", &job.replace("ROWS", "5").replace("INTERVAL", interval));
        let _ = std::fs::remove_file(folder.path("o.csv"));
        let first = folder.command("run first.toml").spawn().unwrap();
        let started = std::time::Instant::now();
        while std::fs::metadata(folder.path("o.csv")).map_or(0, |meta| meta.len()) == 0 {
            assert!(started.elapsed() < crate::program::PATIENCE);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let ran = folder.flott("run second.toml").exits(1).says("another process is writing to o.csv");
        ran.says("would cut off each other's rows");
        crate::program::send(&first, "-INT");
        crate::program::wait(first);
        // Nobody writes any more.
        folder.flott("run second.toml").exits(0);
        let rows = folder.read("o.csv");
        assert!(rows.starts_with("n,at\n0,") || interval == "off", "{rows}");
        assert!(rows.lines().count() > 5, "{rows}");
        folder.flott("run first.toml --fresh -D sources.n.rows=1").exits(0);
    }
}

/// A state folder that is removed under a job does not let a second one start.
#[test]
fn a_removed_state_folder_does_not_let_a_second_job_start() {
    let folder = Folder::new();
    let job = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrate = 100\n[checkpoint]\ninterval = '1h'\n\
        [sinks.o]\ntype = 'file'\npath = 'o.csv'\ninput = 'n'\nmode = 'append'\n";
    folder.write("job.toml", job);
    let first = folder.command("run job.toml").spawn().unwrap();
    let started = std::time::Instant::now();
    while std::fs::metadata(folder.path("o.csv")).map_or(0, |meta| meta.len()) == 0 {
        assert!(started.elapsed() < crate::program::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    folder.flott("run job.toml").exits(4).says("runs the job job").says("flott stop job");
    std::fs::remove_dir_all(folder.state().join("job")).unwrap();
    for _ in 0..2 {
        let ran = folder.flott("run job.toml").exits(4).says(&format!("{}, runs the job job", first.id()));
        ran.says("its state folder was removed while it runs");
        assert!(!folder.state().join("job").exists());
    }
    crate::program::send(&first, "-KILL");
    crate::program::wait(first);
    folder.flott("run job.toml --fresh -D sources.n.rows=3").exits(0);
}
