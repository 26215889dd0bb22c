//! What the directory sink leaves alone, refuses, and closes in time.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::connect::directory::{Directory, DirectoryCommitter, DirectoryOptions, Mode, Roll, check_target};
use crate::connect::{Committer, Prepared, Rewind, Rewound, Run, Writer};
use crate::storage::{RealStorage, Storage};

struct Folder {
    dir: tempfile::TempDir,
    options: DirectoryOptions,
}

fn folder(mode: Mode) -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let roll = Roll { size: 1 << 20, time: 60, idle: 20 };
    let (prefix, extension, storage) = ("part".into(), "csv".into(), Arc::new(RealStorage));
    Folder {
        dir,
        options: DirectoryOptions {
            path,
            mode,
            roll,
            prefix,
            extension,
            gzip: false,
            success_file: false,
            columns: None,
            storage,
        },
    }
}

impl Folder {
    fn sink(&self, lineage: &str) -> Directory {
        let run = Run { lineage: lineage.into(), folder: Some("/states/job".into()), power: true };
        Directory::new(self.options.clone(), run)
    }

    fn committer(&self) -> DirectoryCommitter {
        DirectoryCommitter::new(self.options.clone())
    }

    fn visible(&self) -> Vec<String> {
        let names = RealStorage.list(&self.options.path).unwrap();
        names.iter().map(|name| name.display().to_string()).filter(|name| !name.starts_with('.')).collect()
    }

    /// Writes `parts`, each a checkpoint that is committed and closes its part.
    fn written(&self, parts: &[&str]) -> Vec<Prepared> {
        let mut sink = self.sink("a");
        sink.open(Bytes::new()).unwrap();
        let mut states = vec![sink.prepare(0, false).unwrap()];
        for (number, part) in (1..).zip(parts) {
            sink.tick(number * 1000);
            write(&mut sink, part);
            sink.tick(number * 1000 + 500);
            states.push(sink.prepare(number as u64, number == parts.len() as i64).unwrap());
            self.committer().commit(states.last().unwrap().pending.as_ref().unwrap()).unwrap();
        }
        states
    }

    fn back(&self, to: Option<&Prepared>, later: &[Prepared], base: &Prepared, force: bool) -> Rewound {
        let later: Vec<Value> = later.iter().map(|p| p.state.clone()).collect();
        let rewind = Rewind { to: to.map(|p| &p.state), later: &later, base: Some(&base.state), force, ask: true };
        // Who asks first is told what comes, and nothing is changed by it.
        let asked = self.committer().rewind(&rewind).unwrap();
        assert_eq!(self.committer().rewind(&rewind).unwrap(), asked);
        let done = self.committer().rewind(&Rewind { ask: false, ..rewind }).unwrap();
        assert_eq!(done, asked);
        done
    }
}

fn write(sink: &mut Directory, text: &str) {
    sink.write(&mut Bytes::copy_from_slice(text.as_bytes())).unwrap();
}

#[test]
fn parts_are_closed_by_age_and_by_silence() {
    let folder = folder(Mode::New);
    let mut sink = folder.sink("a");
    sink.open(Bytes::new()).unwrap();
    for now in [100, 115, 130, 145, 159, 160, 175, 194, 214, 215] {
        sink.tick(now);
        write(&mut sink, &format!("{now}\n"));
    }
    let pending = sink.prepare(7, true).unwrap().pending.unwrap();
    assert!(folder.visible().is_empty());
    folder.committer().commit(&pending).unwrap();
    let text = |name: &String| fs::read_to_string(folder.options.path.join(name)).unwrap();
    assert_eq!(folder.visible(), [0, 1, 2].map(|n| format!("part-a-000007-00000{n}.csv")));
    let parts: Vec<String> = folder.visible().iter().map(text).collect();
    assert_eq!(parts, ["100\n115\n130\n145\n159\n", "160\n175\n194\n", "214\n215\n"]);
}

#[test]
fn later_parts_are_found_by_their_names_alone() {
    let folder = folder(Mode::Append);
    let other = folder.options.path.join("part-other-000009-000000.csv");
    fs::create_dir(&folder.options.path).unwrap();
    fs::write(&other, "other\n").unwrap();
    let states = folder.written(&["1\n", "2\n", "3\n"]);
    assert_eq!(folder.visible().len(), 4);
    assert_eq!(folder.back(Some(&states[1]), &[], &states[0], false), Rewound::Done);
    assert_eq!(folder.visible(), ["part-a-000001-000000.csv", "part-other-000009-000000.csv"]);
    assert_eq!(folder.back(None, &[], &states[0], false), Rewound::Done);
    assert_eq!(folder.visible(), ["part-other-000009-000000.csv"]);
}

#[test]
fn a_part_that_was_changed_is_not_gone_on_with() {
    let folder = folder(Mode::New);
    let mut sink = folder.sink("a");
    sink.open(Bytes::new()).unwrap();
    let base = sink.prepare(0, false).unwrap();
    write(&mut sink, "1\n");
    let state = sink.prepare(1, false).unwrap();
    drop(sink);
    let hidden: PathBuf = RealStorage.list(&folder.options.path).unwrap().remove(0);
    fs::write(folder.options.path.join(&hidden), "x\ny\n").unwrap();
    let error = folder.sink("a").restore(&state.state, Bytes::new()).unwrap_err().to_string();
    assert!(error.contains("has been changed since"), "{error}");
    let Rewound::Refused(why) = folder.back(Some(&state), &[], &base, true) else { panic!() };
    assert!(why.contains("has been changed since"), "{why}");
    fs::remove_file(folder.options.path.join(&hidden)).unwrap();
    let error = folder.sink("a").restore(&state.state, Bytes::new()).unwrap_err().to_string();
    assert!(error.contains("is gone"), "{error}");
}

#[test]
fn a_folder_with_other_things_in_it_is_not_replaced() {
    let folder = folder(Mode::Replace);
    let path = &folder.options.path;
    fs::create_dir_all(path.join("city=x")).unwrap();
    fs::write(path.join("city=x/part-z-000001-000001.jsonl"), "").unwrap();
    check_target(&folder.options).unwrap();
    let states = folder.written(&["1\n"]);
    assert_eq!(folder.visible(), ["part-a-000001-000000.csv"]);
    assert_eq!(fs::read_dir(folder.dir.path()).unwrap().count(), 1);
    // The rows are in place; only by force are they taken out again.
    let Rewound::Refused(why) = folder.back(Some(&states[1]), &[], &states[0], false) else { panic!() };
    assert!(why.contains("is complete and in place"), "{why}");
    assert_eq!(folder.back(Some(&states[1]), &[], &states[0], true), Rewound::Done);
    assert!(!path.exists());
    folder.committer().commit(states[1].pending.as_ref().unwrap()).unwrap();
    fs::write(path.join("city=x"), "a file").unwrap();
    let error = check_target(&folder.options).unwrap_err().to_string();
    assert!(error.contains("city=x is in the folder that mode \"replace\" would remove"), "{error}");
}

#[test]
fn folders_that_cannot_be() {
    let mut folder = folder(Mode::New);
    let path = folder.options.path.clone();
    fs::write(&path, "a file").unwrap();
    assert!(check_target(&folder.options).unwrap_err().to_string().contains("is not a folder"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    check_target(&folder.options).unwrap();
    fs::write(path.join("x"), "").unwrap();
    assert!(check_target(&folder.options).unwrap_err().to_string().contains("is not empty"));
    folder.options.path = "/".into();
    assert!(check_target(&folder.options).unwrap_err().to_string().contains("not the name of a folder"));
}
