//! Every job of `jobs/` gives what `testdata/golden` says, the same bytes at every parallelism.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{Folder, PATIENCE, finish, send, wait};

/// How a job is run and where its results are.
enum Run {
    /// Results on stdout.
    Plain,
    /// Results in files of `out/`.
    Files(&'static [&'static str]),
    /// Killed in the middle and resumed, results in files of `out/`.
    Killed(&'static [&'static str]),
    /// Results in table `bars` of this database of `out/`, the same as this golden file of another job.
    Table(&'static str, &'static str),
    /// Results in this file of columns of `out/`.
    Columns(&'static str),
    /// Results in part files below this folder of `out/`.
    Parts(&'static str),
    /// This file on stdin, results on stdout.
    Piped(&'static str),
    /// This source is sent this file by a client, results on stdout.
    Sent(&'static str, &'static str),
    /// This file comes in parts, as lines of a log that is renamed and cut, results on stdout.
    Followed(&'static str),
}

const JOBS: [(&str, Run); 28] = [
    ("quickstart", Run::Plain),
    ("sensors", Run::Files(&["sensors.csv", "sensors_late.csv"])),
    ("archive", Run::Parts("archive")),
    ("to_parquet", Run::Columns("trades.parquet")),
    ("ohlc", Run::Files(&["ohlc.csv"])),
    ("ohlc_sqlite", Run::Table("ohlc.db", "ohlc.csv")),
    ("nexmark_q0", Run::Files(&["nexmark_q0.csv"])),
    ("nexmark_q1", Run::Files(&["nexmark_q1.csv"])),
    ("nexmark_q2", Run::Files(&["nexmark_q2.csv"])),
    ("nexmark_q5", Run::Files(&["nexmark_q5.csv"])),
    ("nexmark_q7", Run::Files(&["nexmark_q7.csv"])),
    ("stdin_filter", Run::Piped("testdata/app.log")),
    ("tcp_counter", Run::Sent("words", "testdata/words.txt")),
    ("triage", Run::Files(&["triage_failed.csv", "triage_items.csv", "triage_odd.csv"])),
    ("steps", Run::Files(&["steps.csv"])),
    ("visits", Run::Killed(&["visits_pages.csv", "visits_minutes.csv"])),
    ("access_errors", Run::Plain),
    ("slow_paths", Run::Plain),
    ("bots", Run::Plain),
    ("syslog_failures", Run::Files(&["syslog_failures.csv"])),
    ("machines", Run::Files(&["machines.csv"])),
    ("clean_events", Run::Files(&["clean_events.csv", "clean_events_broken.csv"])),
    ("trending", Run::Plain),
    ("top_talkers", Run::Sent("flows", "testdata/flows.csv")),
    ("taxi_revenue", Run::Files(&["taxi_revenue.csv"])),
    (
        "route_orders",
        Run::Files(&["route_orders_incomplete.csv", "route_orders_by_hand.csv", "route_orders_automatic.csv"]),
    ),
    ("word_count", Run::Plain),
    ("follow_log", Run::Followed("testdata/app.log")),
];

/// A folder with `jobs/` and `testdata/` in it.
pub fn workplace() -> Folder {
    let folder = Folder::new();
    for name in ["jobs", "testdata"] {
        copy(Path::new(name), &folder.path(name));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[track_caller]
fn same(what: &str, got: &str, golden: &str) {
    let golden = fs::read_to_string(Path::new("testdata/golden").join(golden)).unwrap();
    let line = got.lines().zip(golden.lines()).position(|(a, b)| a != b);
    assert!(got == golden, "{what}: {} bytes, golden {}; first line that differs: {line:?}", got.len(), golden.len());
}

/// What is in the folders of partitions: their names, each with the rows of its parts without their headers.
fn partitions(folder: &Path) -> String {
    let names = |folder: &Path| -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
        assert!(names.contains(&"_SUCCESS".to_owned()), "{names:?}");
        names.retain(|name| name != "_SUCCESS");
        names
    };
    let mut text = String::new();
    for partition in names(folder) {
        text += &format!("{partition}\n");
        for part in names(&folder.join(&partition)) {
            let part = fs::read_to_string(folder.join(&partition).join(part)).unwrap();
            text += part.split_once('\n').unwrap().1;
        }
    }
    text
}

/// Runs the server, sends it the file from a client, gives back what it printed.
fn sent(folder: &Folder, arguments: &str, source: &str, file: &str) -> String {
    let mut command = folder.command(&format!("{arguments} -D sources.{source}.once=true"));
    let mut server = command.env("PORT", "0").spawn().unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let (_, address) = line.trim_end().rsplit_once("listening on ").unwrap_or_else(|| panic!("{line}"));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(&fs::read(file).unwrap()).unwrap();
    drop(client);
    let mut stdout = String::new();
    server.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert!(server.wait().unwrap().success());
    stdout
}

/// Runs the job on a log that is not there yet, is written to, renamed and begun anew, and cut; gives back what was
/// printed until all of `golden` was.
fn followed(folder: &Folder, arguments: &str, file: &str, golden: &str) -> String {
    let (text, log) = (fs::read_to_string(file).unwrap(), folder.path("app.log"));
    let rows = fs::read_to_string(Path::new("testdata/golden").join(golden)).unwrap().lines().count();
    let mut child = folder.command(arguments).env_remove("LOG").spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    let (mut stdout, lines) = (String::new(), text.split_inclusive('\n').collect::<Vec<_>>());
    for (number, part) in lines.chunks(lines.len().div_ceil(3)).enumerate() {
        match number {
            1 => fs::rename(&log, folder.path("app.log.1")).unwrap(),
            2 => drop(fs::File::create(&log).unwrap()),
            _ => {}
        }
        fs::write(&log, part.concat()).unwrap();
        // What has been printed has been read: only then may it be cut.
        let troubles = part.iter().filter(|line| !line.starts_with("INFO")).count() + usize::from(number == 0);
        for _ in 0..troubles {
            printed.read_line(&mut stdout).unwrap();
        }
    }
    assert_eq!(stdout.lines().count(), rows, "as many as are expected");
    send(&child, "-INT");
    printed.read_to_string(&mut stdout).unwrap();
    assert_eq!(wait(child), Some(0));
    stdout
}

/// Runs the job until it has a checkpoint, kills it, and lets it go on with another parallelism, as fast as it can.
fn killed(folder: &Folder, job: &str, p: usize) {
    let run = format!("run jobs/{job}.toml");
    let mut child = folder.command(&format!("{run} -p {p}")).spawn().unwrap();
    let started = Instant::now();
    while !checkpointed(&folder.state().join(job)) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before its first checkpoint");
        assert!(started.elapsed() < PATIENCE, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    folder.flott(&run).exits(3).says("did not finish");
    let other = if p == 1 { 3 } else { 1 };
    folder.flott(&format!("{run} --resume -p {other} -D sources.requests.rate=1000000")).exits(0);
}

fn checkpointed(state: &Path) -> bool {
    let Ok(entries) = fs::read_dir(state) else { return false };
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("chk-")
            && fs::read_to_string(entry.path().join("manifest.json"))
                .is_ok_and(|manifest| manifest.contains(r#""kind":"checkpoint""#))
    })
}

/// Table `bars` as CSV.
fn dumped(database: &Path) -> String {
    let database = rusqlite::Connection::open(database).unwrap();
    let mut statement = database.prepare("SELECT * FROM bars").unwrap();
    let mut text = statement.column_names().collect::<Vec<_>>().join(",") + "\n";
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns).map(|i| match row.get(i).unwrap() {
            rusqlite::types::Value::Integer(value) => value.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{other:?}"),
        });
        text += &(values.collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

#[test]
fn jobs_give_the_golden_output_at_every_parallelism() {
    for p in [1, 2, 4] {
        for (job, run) in &JOBS {
            let folder = workplace();
            let (what, arguments) = (format!("{job} -p {p}"), format!("run jobs/{job}.toml -p {p}"));
            let golden = format!("{job}.csv");
            match run {
                Run::Plain => same(&what, &folder.flott(&arguments).exits(0).stdout, &golden),
                Run::Piped(file) => {
                    let ran = finish(folder.command(&arguments), &fs::read(file).unwrap());
                    same(&what, &ran.exits(0).stdout, &golden);
                }
                Run::Sent(source, file) => same(&what, &sent(&folder, &arguments, source, file), &golden),
                Run::Followed(file) => same(&what, &followed(&folder, &arguments, file, &golden), &golden),
                Run::Table(database, golden) => {
                    folder.flott(&arguments).exits(0);
                    folder.flott(&arguments).exits(0);
                    same(&what, &dumped(&folder.path(&format!("out/{database}"))), golden);
                }
                Run::Columns(name) => {
                    folder.flott(&arguments).exits(0);
                    let print = format!(
                        "[sources.in]\ntype = 'file'\npath = 'out/{name}'\n\
                         [sinks.out]\ntype = 'stdout'\nformat = 'csv'\ninput = 'in'\n"
                    );
                    folder.write("print.toml", &print);
                    same(&what, &folder.flott(&format!("run print.toml -p {p}")).exits(0).stdout, &golden);
                }
                Run::Parts(name) => {
                    folder.flott(&arguments).exits(0);
                    same(&what, &partitions(&folder.path(&format!("out/{name}"))), &golden);
                    // It replaces what it has written.
                    folder.flott(&arguments).exits(0);
                    same(&what, &partitions(&folder.path(&format!("out/{name}"))), &golden);
                    assert_eq!(fs::read_dir(folder.path("out")).unwrap().count(), 1, "{what}");
                }
                Run::Files(files) | Run::Killed(files) => {
                    match run {
                        Run::Killed(_) => killed(&folder, job, p),
                        _ => drop(folder.flott(&arguments).exits(0)),
                    }
                    files.iter().for_each(|file| same(&what, &folder.read(&format!("out/{file}")), file));
                    assert_eq!(fs::read_dir(folder.path("out")).unwrap().count(), files.len(), "{what}");
                }
            }
        }
    }
}

#[test]
fn every_job_is_run_and_every_golden_file_belongs_to_one() {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.filter(|name| !name.ends_with(".md")).collect();
        names.sort();
        names
    };
    let mut jobs: Vec<String> = JOBS.iter().map(|(job, _)| format!("{job}.toml")).collect();
    jobs.sort();
    assert_eq!(names("jobs"), jobs);
    let mut golden: Vec<String> = Vec::new();
    for (job, run) in &JOBS {
        match run {
            Run::Files(files) | Run::Killed(files) => golden.extend(files.iter().map(|file| file.to_string())),
            Run::Table(..) => {}
            _ => golden.push(format!("{job}.csv")),
        }
    }
    golden.sort();
    assert_eq!(names("testdata/golden"), golden);
}
