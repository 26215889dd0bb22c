//! Bad disks: checkpoints that are torn, and no room for the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::program::{Folder, send, wait};

/// Counts per key, a row for each.
fn job(sink: &str, more: &str) -> String {
    format!(
        "[checkpoint]\ninterval = '30ms'\ndurability = 'process'\n{more}\n\
         [sources.n]\ntype = 'generate'\nkind = 'sequence'\nrate = 2000\nrows = 1500\n\
         [transforms.c]\ntype = 'aggregate'\ninput = 'n'\nby = ['n % 300 AS k']\nemit = 'update'\n\
         select = ['k', 'count(*) AS c']\n\
         [sinks.out]\ninput = 'c'\n{sink}\n"
    )
}

const APPEND: &str = "type = 'file'\nmode = 'append'\npath = 'out.csv'";
const FAST: &str = "-D sources.n.rate=1000000";

/// The checkpoints in a state folder, oldest first.
fn checkpoints(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join("job")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("chk-")?.parse::<u64>().ok();
    let mut found: Vec<PathBuf> =
        entries.filter(|path| number(path).is_some() && path.join("manifest.json").exists()).collect();
    found.sort_by_key(|path| number(path));
    found
}

fn wait_for(child: &mut Child, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(30), "it does not come to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A job that was killed behind its third checkpoint.
fn killed(sink: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", &job(sink, ""));
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    wait_for(&mut child, || checkpoints(&folder.state()).len() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    folder
}

/// A job that was stopped behind its third checkpoint: all it prepared is committed.
fn stopped(sink: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", &job(sink, ""));
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    wait_for(&mut child, || checkpoints(&folder.state()).len() >= 3);
    send(&child, "-TERM");
    assert_eq!(wait(child), Some(3));
    folder
}

/// Every key has been counted to 5, one by one.
fn right(text: &str) {
    let mut counts = vec![0; 300];
    for line in text.lines().filter(|line| *line != "k,c") {
        let (key, count) = line.split_once(',').unwrap();
        let counted: &mut i32 = &mut counts[key.parse::<usize>().unwrap()];
        *counted += 1;
        assert_eq!(count, counted.to_string(), "{line}");
    }
    assert_eq!(counts, vec![5; 300]);
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let state_file = |checkpoint: &Path| {
        let mut files = fs::read_dir(checkpoint).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| !path.ends_with("manifest.json")).unwrap_or_else(|| checkpoint.join("manifest.json"))
    };
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("a byte", |path| damage(path)),
        ("cut", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(50).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, harm) in harms {
        for manifest in [true, false] {
            let folder = killed(APPEND);
            let newest = checkpoints(&folder.state()).pop().unwrap();
            let file = if manifest { newest.join("manifest.json") } else { state_file(&newest) };
            harm(&file);
            let ran = folder.flott(&format!("run job.toml --resume {FAST}")).exits(0);
            // Without its manifest, it was never complete.
            if !(manifest && name == "gone") {
                ran.says("cannot be used").says("the checkpoint before it is taken");
            }
            right(&folder.read("out.csv"));
        }
    }
}

#[test]
fn output_is_taken_back_with_the_checkpoint_or_the_user_is_asked() {
    let directory = "type = 'directory'\npath = 'out'\nformat = 'csv'\nmode = 'append'";
    let torn = |sink: &str| {
        let folder = stopped(sink);
        damage(&checkpoints(&folder.state()).pop().unwrap().join("manifest.json"));
        folder
    };
    let folder = torn(directory);
    folder.flott(&format!("resume job {FAST}")).exits(0);
    let mut parts: Vec<PathBuf> = fs::read_dir(folder.path("out")).unwrap().map(|part| part.unwrap().path()).collect();
    parts.sort();
    right(&parts.iter().map(|part| fs::read_to_string(part).unwrap()).collect::<String>());

    let folder = torn("type = 'file'\npath = 'out.csv'");
    folder.flott(&format!("resume job {FAST}")).exits(0);
    right(&folder.read("out.csv"));

    // Rows in a table without a key cannot be told from others.
    let sink = "type = 'sqlite'\npath = 'out.db'\ntable = 't'";
    let rows = |folder: &Folder| -> (i64, i64) {
        let database = rusqlite::Connection::open(folder.path("out.db")).unwrap();
        let count = |what: &str| database.query_row(&format!("SELECT count({what}) FROM t"), [], |row| row.get(0));
        (count("*").unwrap(), count("DISTINCT k || ',' || c").unwrap())
    };
    // A checkpoint right behind another one has no rows of its own to refuse.
    let mut tries = (0..20).map(|_| {
        let folder = torn(sink);
        let ran = folder.flott("resume job");
        (folder, ran)
    });
    let (folder, ran) = tries.find(|(_, ran)| ran.code != Some(0)).unwrap();
    ran.exits(1).says("sinks.out").says("--allow-duplicates").says("`key`");
    folder.flott("resume job --rewind-output").exits(1).says("it cannot be taken back");
    folder.flott(&format!("resume job --allow-duplicates {FAST}")).exits(0);
    let (all, distinct) = rows(&folder);
    assert!(all >= 1500 && distinct == 1500, "{all}, {distinct}");
    let folder = torn(&format!("{sink}\nkey = ['k', 'c']"));
    folder.flott(&format!("resume job {FAST}")).exits(0);
    assert_eq!(rows(&folder), (1500, 1500));
}

#[test]
fn when_no_checkpoint_is_sound_nothing_is_guessed() {
    let folder = killed(APPEND);
    for checkpoint in checkpoints(&folder.state()) {
        damage(&checkpoint.join("manifest.json"));
    }
    let left = folder.read("out.csv");
    for arguments in ["run job.toml --resume", "resume job"] {
        let ran = folder.flott(arguments).exits(1).says("--fresh");
        assert!(!ran.stderr.contains("is kept"), "{}", ran.stderr);
    }
    folder.flott("run job.toml").exits(3).says("--fresh");
    assert_eq!(folder.read("out.csv"), left);
    folder.flott("list").exits(0).prints("damaged");
    folder.flott(&format!("run job.toml --fresh {FAST}")).exits(0);
}

#[test]
fn output_that_is_not_as_it_was_left_is_not_touched() {
    let folder = killed(APPEND);
    let out = folder.read("out.csv");
    let changed = out.replacen("k,c", "x,y", 1);
    let bytes = out.len();
    fs::remove_file(folder.path("out.csv")).unwrap();
    folder.flott("resume job").exits(1).says("out.csv is gone");
    for text in ["", &out[..20], &changed] {
        folder.write("out.csv", text);
        let started = Instant::now();
        folder.flott("resume job").exits(1).says("sinks.out").says("out.csv");
        folder.flott("resume job --allow-duplicates").code.filter(|code| *code == 1 || text.len() == bytes).unwrap();
        assert!(started.elapsed() < Duration::from_secs(2), "it starts again and again");
    }
    folder.write("out.csv", &out);
    folder.flott(&format!("resume job {FAST}")).exits(0);
    right(&folder.read("out.csv"));
}

/// A small file system, if one can be had.
struct Small(PathBuf);

impl Small {
    fn new(folder: &Folder, kib: u32) -> Option<Small> {
        let place = folder.path("small");
        fs::create_dir(&place).unwrap();
        let size = format!("size={kib}k");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
        // Only root may.
        mount.is_ok_and(|done| done.status.success()).then_some(Small(place))
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("fill")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn without_room_for_a_checkpoint_the_last_one_counts() {
    for (more, code) in [("tolerate = 1000", None), ("[job]\nrestart = 'none'", Some(1))] {
        let folder = Folder::new();
        let Some(small) = Small::new(&folder, 400) else { return };
        folder.write("job.toml", &job(APPEND, more));
        let mut child = folder.command("run job.toml -p 2 --state-dir small").spawn().unwrap();
        wait_for(&mut child, || checkpoints(&small.0).len() >= 2);
        small.fill();
        match code {
            None => {
                std::thread::sleep(Duration::from_millis(150));
                assert_eq!(child.try_wait().unwrap(), None);
                small.free();
                send(&child, "-TERM");
                assert!(matches!(wait(child), Some(0 | 3)));
            }
            Some(code) => {
                let output = child.wait_with_output().unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(code), "{said}");
                for words in ["No space left on device", "free some space", "flott resume job --state-dir small"] {
                    assert!(said.contains(words), "{words:?} is not in {said}");
                }
                small.free();
            }
        }
        folder.flott(&format!("run job.toml --resume --state-dir small {FAST}"));
        right(&folder.read("out.csv"));
    }
}

#[test]
fn output_waits_for_room() {
    let folder = Folder::new();
    let Some(small) = Small::new(&folder, 64) else { return };
    folder.write("job.toml", &job(&APPEND.replace("out.csv", "small/out.csv"), ""));
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    wait_for(&mut child, || checkpoints(&folder.state()).len() >= 2);
    small.fill();
    std::thread::sleep(Duration::from_millis(300));
    small.free();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    right(&folder.read("small/out.csv"));
}

/// Two million keys: their state is well beyond 64 MiB.
#[test]
fn state_larger_than_memory_goes_to_disk() {
    let folder = Folder::new();
    folder.write(
        "job.toml",
        r#"
[sources.g]
type = "generate"
kind = "sequence"
rows = 2_000_000
[transforms.k]
type = "select"
input = "g"
select = ["concat('key ', n % 1000000) AS k", "n"]
[transforms.a]
type = "aggregate"
input = "k"
by = ["k"]
select = ["k", "count(*) AS n", "sum(n) AS s", "min(n) AS least", "avg(n) AS mean", "last(n) AS last"]
[sinks.out]
type = "file"
input = "a"
path = "out.csv"
"#,
    );
    folder.flott("run job.toml -p 2 --quiet").exits(0);
    let expected = folder.read("out.csv");
    let ran = folder.flott("run job.toml -p 2 -D job.memory=64MiB --report r.json").exits(0);
    ran.says("the state is larger than `memory`: more of it goes to disk");
    assert!(folder.read("out.csv") == expected, "the same bytes");
    let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    assert!(report["spilled_bytes"].as_u64() > Some(16 << 20), "{}", report["spilled_bytes"]);
    assert_eq!(folder.names(), ["job.toml", "out.csv", "r.json"]);
}
