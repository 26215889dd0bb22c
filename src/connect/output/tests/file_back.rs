//! What the file sink refuses: targets that are not as it left them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::dying::Dying;
use crate::connect::file_sink::{FileCommitter, FileSink, FileSinkOptions, Mode};
use crate::connect::{Committer, Prepared, Rewind, Rewound, Run, Writer};
use crate::error::Class;
use crate::storage::{RealStorage, Storage};

struct Files {
    _dir: tempfile::TempDir,
    path: PathBuf,
    mode: Mode,
}

fn files(mode: Mode, before: &str) -> Files {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    if !before.is_empty() {
        fs::write(&path, before).unwrap();
    }
    Files { _dir: dir, path, mode }
}

impl Files {
    fn sink_on(&self, storage: Arc<dyn Storage>) -> FileSink {
        let run = Run { lineage: "a".into(), folder: Some("/states/job".into()), power: true };
        FileSink::new(FileSinkOptions {
            path: self.path.clone(),
            mode: self.mode,
            gzip: false,
            columns: None,
            storage,
            run,
        })
    }

    fn sink(&self) -> FileSink {
        self.sink_on(Arc::new(RealStorage))
    }

    /// Writes `parts`, each of which is a checkpoint; the states, that of checkpoint 0 first.
    fn written(&self, parts: &[&str]) -> Vec<Prepared> {
        let mut sink = self.sink();
        sink.open(Bytes::new()).unwrap();
        let mut states = vec![sink.prepare(0, false).unwrap()];
        for (number, part) in parts.iter().enumerate() {
            sink.write(&mut Bytes::copy_from_slice(part.as_bytes())).unwrap();
            states.push(sink.prepare(number as u64 + 1, number + 1 == parts.len()).unwrap());
        }
        states
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn restore(&self, state: &Value) -> Result<FileSink, String> {
        let mut sink = self.sink();
        match sink.restore(state, Bytes::new()) {
            Ok(()) => Ok(sink),
            Err(error) => Err(format!("{error}")),
        }
    }
}

fn back(to: Option<&Prepared>, later: &[Prepared], base: &Prepared, force: bool) -> Rewound {
    let later: Vec<Value> = later.iter().map(|p| p.state.clone()).collect();
    let rewind = Rewind { to: to.map(|p| &p.state), later: &later, base: Some(&base.state), force, ask: true };
    // Who asks first is told what comes, and nothing is changed by it.
    let committer = || FileCommitter::new(Arc::new(RealStorage));
    let before = rewind.later.last().map(|state| std::fs::read(state["path"].as_str().unwrap()).ok());
    let asked = committer().rewind(&rewind).unwrap();
    assert_eq!(before, rewind.later.last().map(|state| std::fs::read(state["path"].as_str().unwrap()).ok()));
    let done = committer().rewind(&Rewind { ask: false, ..rewind }).unwrap();
    assert_eq!(done, asked);
    done
}

#[track_caller]
fn refused(rewound: Rewound, words: &str) {
    match rewound {
        Rewound::Refused(why) => assert!(why.contains(words), "{why}"),
        Rewound::Done => panic!("done, not refused: {words}"),
    }
}

#[test]
fn a_target_that_others_changed_is_not_gone_on_with() {
    let files = files(Mode::Append, "old\n");
    let states = files.written(&["one\n", "two\n"]);
    fs::write(&files.path, "old\none\ntwo\ntail of a killed run").unwrap();
    drop(files.restore(&states[2].state).unwrap());
    assert_eq!(files.text(), "old\none\ntwo\n");
    for (text, words) in [("old\none\n", "has been shortened"), ("old\none\nTWO\nthree\n", "has been changed since")] {
        fs::write(&files.path, text).unwrap();
        let error = files.restore(&states[2].state).err().unwrap();
        assert!(error.contains(words), "{error}");
        assert_eq!(files.text(), text);
    }
    fs::remove_file(&files.path).unwrap();
    assert!(files.restore(&states[2].state).err().unwrap().contains("is gone"));
    assert!(!files.path.exists());
}

#[test]
fn appended_rows_are_taken_back_and_those_of_others_are_not() {
    let files = files(Mode::Append, "old\n");
    let states = files.written(&["one\n", "two\n", "three\n"]);
    fs::write(&files.path, "old\none\ntwo\nthree\nfrom somebody\n").unwrap();
    refused(back(Some(&states[1]), &states[2..], &states[0], false), "was added to since the job ended: 14 bytes");
    fs::write(&files.path, "old\none\ntwo\nTHREE\n").unwrap();
    refused(back(Some(&states[1]), &states[2..], &states[0], false), "has been changed since");
    fs::write(&files.path, "old\n").unwrap();
    refused(back(Some(&states[1]), &states[2..], &states[0], true), "has been shortened");
    // Checkpoint 3 cannot be read: what follows 2 is what the run wrote before it was killed.
    fs::write(&files.path, "old\none\ntwo\nthr").unwrap();
    assert_eq!(back(Some(&states[1]), &states[2..3], &states[0], false), Rewound::Done);
    assert_eq!(files.text(), "old\none\n");
    fs::write(&files.path, "old\none\ntwo\nfrom somebody\n").unwrap();
    assert_eq!(back(Some(&states[1]), &states[2..], &states[0], true), Rewound::Done);
    assert_eq!(files.text(), "old\none\n");
    assert_eq!(back(None, &states[1..], &states[0], false), Rewound::Done);
    assert_eq!(files.text(), "old\n");
}

#[test]
fn what_a_run_made_is_removed() {
    for mode in [Mode::New, Mode::Append] {
        let files = files(mode, "");
        let states = files.written(&["one\n", "two\n"]);
        assert_eq!(files.text(), "one\ntwo\n");
        assert_eq!(back(None, &states[1..], &states[0], false), Rewound::Done);
        assert!(!files.path.exists());
        assert_eq!(back(None, &states[1..], &states[0], false), Rewound::Done);
    }
}

#[test]
fn nothing_is_made_before_checkpoint_0_is_known() {
    let files = files(Mode::New, "");
    let mut sink = files.sink();
    sink.open(Bytes::from_static(b"header\n")).unwrap();
    sink.flush().unwrap();
    sink.prepare(0, false).unwrap();
    assert!(!files.path.exists());
    sink.prepare(1, false).unwrap();
    drop(sink);
    assert_eq!(files.text(), "header\n");
}

#[test]
fn a_replaced_file_in_place_is_taken_back_by_force_only() {
    let files = files(Mode::Replace, "old\n");
    let states = files.written(&["one\n", "two\n"]);
    let pending = states[2].pending.clone().unwrap();
    let mut committer = FileCommitter::new(Arc::new(RealStorage));
    committer.commit(&pending).unwrap();
    committer.commit(&pending).unwrap();
    assert_eq!(files.text(), "one\ntwo\n");
    refused(back(Some(&states[1]), &states[2..], &states[0], false), "is complete and in place");
    assert_eq!(back(Some(&states[1]), &states[2..], &states[0], true), Rewound::Done);
    let mut sink = files.restore(&states[1].state).unwrap();
    sink.write(&mut Bytes::from_static(b"2\n")).unwrap();
    committer.commit(&sink.prepare(3, true).unwrap().pending.unwrap()).unwrap();
    assert_eq!(files.text(), "one\n2\n");
    fs::write(&files.path, "else\n").unwrap();
    let error = committer.commit(&pending).unwrap_err().to_string();
    assert!(error.contains("is gone") && error.contains(files.path.to_str().unwrap()), "{error}");
}

#[test]
fn a_leftover_of_a_killed_run_is_written_over() {
    let files = files(Mode::Replace, "");
    drop(files.written(&["one\n"]));
    drop(files.written(&["two\n"]));
    assert_eq!(fs::read_dir(files.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_sink_that_changed_in_the_job_is_refused() {
    let mut files = files(Mode::Append, "");
    let states = files.written(&["one\n"]);
    files.mode = Mode::Replace;
    assert!(files.restore(&states[1].state).err().unwrap().contains("another mode"));
    files.mode = Mode::Append;
    files.path = Path::new("/else").into();
    assert!(files.restore(&states[1].state).err().unwrap().contains("path is /else now"));
}

#[test]
fn a_failed_sync_is_not_tried_again() {
    let files = files(Mode::Append, "");
    let disk = Dying::after(Arc::new(RealStorage), i64::MAX, false);
    let mut sink = files.sink_on(Arc::new(disk.clone()));
    sink.open(Bytes::new()).unwrap();
    let first = sink.prepare(1, false).unwrap();
    disk.set(0);
    assert_eq!(first.durable.unwrap()().unwrap_err().class, Class::External);
    disk.set(i64::MAX);
    let error = sink.prepare(2, false).unwrap().durable.unwrap()().unwrap_err();
    assert!(error.to_string().contains("an earlier attempt failed"), "{error}");
}
