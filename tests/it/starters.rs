//! `flott new`: starter jobs that run at once. And the scripts of `flott completions`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::program::Folder;

fn templates(folder: &Folder) -> Vec<String> {
    let listed = folder.flott("new --list").exits(0).stdout;
    listed.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_template_runs_and_passes_its_tests() {
    let folder = Folder::new();
    let names = templates(&folder);
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let made = folder.flott(&format!("new my-{name} --template {name}")).exits(0);
        let job = format!("my-{name}/my-{name}.toml");
        assert_eq!(made.stdout.lines().next(), Some(job.as_str()));
        assert!(made.stderr.contains(&format!("flott run {job}")), "{}", made.stderr);
        let text = folder.read(&job);
        assert!(text.contains(&format!("flott run {job}")) && !text.contains("JOB.toml"), "{text}");
        folder.flott(&format!("check {job}")).exits(0);
        folder.flott(&format!("test {job}")).exits(0).prints("1 passed");
        let ran = match name.as_str() {
            "tcp" => {
                counted(&folder, &job);
                continue;
            }
            "follow" => {
                followed(&folder, &job);
                continue;
            }
            "stdin" => folder.flott_with(&format!("run {job}"), b"all is well\nan ERROR\n"),
            _ => folder.flott(&format!("run {job}")),
        };
        let ran = ran.exits(0).says("rows in");
        assert!(!ran.stderr.contains("warning"), "{name}: {}", ran.stderr);
        assert!(!ran.stderr.contains(" 0 out"), "{name}: {}", ran.stderr);
    }
}

/// The server answers a client.
fn counted(folder: &Folder, job: &str) {
    let mut command = folder.command(&format!("run {job} -D sources.words.once=true"));
    let mut server = command.env("PORT", "0").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let (_, address) = line.trim_end().rsplit_once("listening on ").unwrap_or_else(|| panic!("{line}"));
    TcpStream::connect(address).unwrap().write_all(b"tea\ntea\n").unwrap();
    let mut stdout = String::new();
    server.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert!(server.wait().unwrap().success());
    assert_eq!(stdout, "word,n\ntea,1\ntea,2\n");
}

/// What is there is counted, and what is written then.
fn followed(folder: &Folder, job: &str) {
    let mut child = folder.command(&format!("run {job} --quiet")).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut log = std::fs::OpenOptions::new().append(true).open(folder.path("my-follow/app.log")).unwrap();
    log.write_all(b"2026-05-04T11:00:00Z ODD it is so\n").unwrap();
    let mut lines = String::new();
    while !lines.ends_with("ODD,1,it is so\n") {
        assert!(stdout.read_line(&mut lines).unwrap() > 0, "{lines}");
    }
    assert!(lines.starts_with("level,n,message\n"), "{lines}");
    crate::program::send(&child, "-INT");
    assert_eq!(crate::program::wait(child), Some(0));
}

#[test]
fn nothing_is_overwritten() {
    let folder = Folder::new();
    folder.flott("new").exits(0).prints("csv/csv.toml");
    folder.flott("new").exits(2).says("csv/csv.toml exists already");
    folder.flott("new jobs/first.toml").exits(0).prints("jobs/first.toml\njobs/requests.csv");
    // Its data would take the place of the other's.
    folder.flott("new jobs/second.toml").exits(2).says("jobs/requests.csv exists already");
    assert!(!folder.path("jobs/second.toml").exists());
    folder.flott("new x --template sensor").exits(2).says("did you mean `sensors`?");
    folder.flott("new x --list").exits(2);
    assert_eq!(folder.names(), ["csv", "jobs"]);
}

#[test]
fn shells_take_the_scripts() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.flott(&format!("completions {shell}")).exits(0).stdout;
        for word in ["savepoint", "completions", "fresh"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = folder.flott("completions bash").exits(0).stdout;
    let mut bash = Command::new("bash").args(["-n"]).stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
    completes(&folder, &script);
    let zsh = folder.flott("completions zsh").exits(0).stdout;
    for line in ["':path -- The job file:_files -g \"*.toml\"'", "its job file:_flott_jobs'", "_flott_jobs() {"] {
        assert!(zsh.contains(line), "{line}");
    }
    let fish = folder.flott("completions fish").exits(0).stdout;
    assert!(fish.contains("\"__fish_seen_subcommand_from check\" -k -a \"(__fish_complete_suffix .toml)\""), "{fish}");
    folder.flott("completions ksh").exits(2).says("possible values: bash");
}

/// What bash offers behind words that were typed.
fn completes(folder: &Folder, script: &str) {
    folder.write("flott.bash", script).write("a b.toml", "").write("payments.toml", "").write("payments.csv", "");
    std::fs::create_dir_all(folder.path("jobs")).unwrap();
    folder.write("jobs/other.toml", "");
    let own = "[sources.n]\ntype = 'generate'\nkind = 'sequence'\nrows = 3\n[checkpoint]\ninterval = '1h'\n\
        [sinks.o]\ntype = 'blackhole'\ninput = 'n'\n";
    folder.write("ran.toml", own).flott("run ran.toml").exits(0);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_flott")).parent().unwrap().to_owned();
    let offered = |words: &[&str]| -> Vec<String> {
        let list: String = words.iter().map(|word| format!(" '{word}'")).collect();
        let typed = format!(
            "source ./flott.bash; COMP_WORDS=({list}); COMP_CWORD={}; _flott_typed flott '{}' '{}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-c", &typed]).current_dir(folder.path("")).env("PATH", path);
        command.env("FLOTT_STATE_DIR", folder.state());
        let out = command.output().unwrap();
        let mut lines: Vec<String> =
            String::from_utf8(out.stdout).unwrap().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(offered(&["flott", "run", "pay"]), ["payments.toml"]);
    assert_eq!(offered(&["flott", "check", ""]), ["a b.toml", "jobs", "payments.toml", "ran.toml"]);
    assert_eq!(offered(&["flott", "plan", "jobs/"]), ["jobs/other.toml"]);
    assert_eq!(offered(&["flott", "status", "ra"]), ["ran", "ran.toml"]);
    assert_eq!(offered(&["flott", "state", "show", "ran"]), ["ran", "ran.toml"]);
    assert_eq!(offered(&["flott", "run", "--fr"]), ["--fresh"]);
    // The value of an option is no job.
    assert_eq!(offered(&["flott", "run", "--report", "pay"]), ["payments.csv", "payments.toml"]);
    assert_eq!(offered(&["flott", "stat"]), ["state", "status"]);
}
