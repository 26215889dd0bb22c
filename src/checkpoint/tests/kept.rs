//! What stays, what is refused, what is copied.

use std::fs;

use serde_json::json;

use super::build::*;
use crate::checkpoint::manifest::{Kind, Manifest, OperatorSnapshot, Snapshot};
use crate::checkpoint::store::{Store, verify};
use crate::storage::RealStorage;

fn write(store: &mut Store, rows: &[Row]) -> Manifest {
    let number = store.next_number().unwrap();
    store.write(snapshot(number, vec![("a", full(rows))])).unwrap().manifest
}

fn full(rows: &[Row]) -> OperatorSnapshot {
    operator(Some(rows), Some(&[]), 2)
}

fn numbers(store: &Store) -> Vec<u64> {
    store.list().unwrap().iter().map(|listed| listed.checkpoint).collect()
}

#[test]
fn a_torn_or_edited_checkpoint_is_skipped_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = store(dir.path(), 3);
    let rows = some(0, 300);
    write(&mut first, &rows[..200]);
    write(&mut first, &rows);
    let folder = dir.path().join("chk-1");
    let (manifest, state) = (folder.join("manifest.json"), folder.join("a-keyed.arrow"));
    let (text, bytes) = (fs::read_to_string(&manifest).unwrap(), fs::read(&state).unwrap());

    let skipped = |why: &str| {
        let found = store(dir.path(), 3).newest().unwrap().unwrap();
        assert_eq!((found.manifest.checkpoint, found.skipped.len()), (0, 1));
        let message = found.skipped[0].1.message.clone();
        assert!(message.contains(why) && found.skipped[0].0 == folder, "{message}");
        assert_eq!(read(&open(dir.path()), "a", "keyed"), by_group(&rows[..200]));
        assert!(verify(&RealStorage, &folder).unwrap_err().message.contains(why));
    };
    let put = |text: String| fs::write(&manifest, text).unwrap();
    put(text[..text.len() / 2].into());
    skipped("is torn");
    put(text.replace("\"ended\":false", "\"ended\":true"));
    skipped("its checksum differs");
    put(text.clone());
    fs::write(&state, &bytes[..bytes.len() - 1]).unwrap();
    skipped("bytes instead of");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&state, &flipped).unwrap();
    skipped("is damaged");
    fs::remove_file(&state).unwrap();
    skipped("is missing");

    let json = text.lines().next().unwrap().replace("\"format\":1", "\"format\":2");
    put(format!("{json}\nxxh3:{:016x}\n", xxhash_rust::xxh3::xxh3_64(json.as_bytes())));
    fs::write(&state, &bytes).unwrap();
    skipped("has format version 2, this flott reads version 1");
    put(text);
    assert!(store(dir.path(), 3).newest().unwrap().unwrap().skipped.is_empty());
}

#[test]
fn a_damaged_checkpoint_does_not_push_out_a_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = store(dir.path(), 2);
    write(&mut first, &some(0, 100));
    write(&mut first, &some(0, 200));
    fs::remove_file(dir.path().join("chk-1/a-keyed.arrow")).unwrap();
    let mut second = store(dir.path(), 2);
    assert_eq!(second.newest().unwrap().unwrap().manifest.checkpoint, 0);
    assert_eq!(second.next_number().unwrap(), 2);
    write(&mut second, &some(0, 300));
    assert_eq!(numbers(&second), [0, 2]);
}

#[test]
fn retained_checkpoints_keep_what_they_need() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 2);
    let mut rows = some(0, 400);
    let start = Snapshot { kind: Kind::Start, ..snapshot(0, vec![]) };
    store.write(start).unwrap();
    for round in 0..20 {
        rows[round * 13 % 400].2 = Some(round as i64);
        write(&mut store, &rows);
        let complete: Vec<_> = store.list().unwrap().into_iter().filter(|l| l.manifest.is_some()).collect();
        complete.iter().for_each(|listed| _ = verify(&RealStorage, &listed.path).unwrap());
        assert!(complete.len() <= 3 && complete[0].checkpoint == 0, "with how the run started");
    }
    assert_eq!(read(&open(dir.path()), "a", "keyed"), by_group(&rows));
    // Files of which less than half is needed are written again, so they do not pile up.
    let mut sizes = 0;
    for number in numbers(&store) {
        let files = fs::read_dir(dir.path().join(format!("chk-{number}"))).unwrap();
        sizes += files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    }
    let fresh = super::build::store(&dir.path().join("new"), 1).write(snapshot(0, vec![("a", full(&rows))])).unwrap();
    assert!(sizes < fresh.bytes_total * 5, "{sizes} bytes instead of {}", fresh.bytes_total);
}

#[test]
fn left_overs_go_and_their_numbers_stay_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = store(dir.path(), 2);
    write(&mut first, &some(0, 10));
    for number in [1, 7] {
        let folder = dir.path().join(format!("chk-{number}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a-keyed.arrow"), b"half").unwrap();
        fs::write(folder.join("manifest.json.tmp"), b"{").unwrap();
    }
    fs::create_dir(dir.path().join("chk-x")).unwrap();
    let mut next = store(dir.path(), 2);
    next.clean().unwrap();
    assert_eq!(numbers(&next), [0, 7]);
    assert_eq!(fs::read_dir(dir.path().join("chk-7")).unwrap().count(), 0);
    assert_eq!(next.next_number().unwrap(), 8);
    assert!(dir.path().join("chk-x").exists(), "it is not flott's");
    next.clear().unwrap();
    assert!(numbers(&next).is_empty());
}

#[test]
fn a_failed_checkpoint_asks_for_full_tables() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 2);
    assert_eq!(store.last_written(), None);
    let unchanged = |number| snapshot(number, vec![("a", operator(None, None, 2))]);
    let e = store.write(unchanged(0)).unwrap_err();
    assert!(e.message.contains("unchanged"), "{e}");
    write(&mut store, &some(0, 10));
    assert_eq!(store.last_written(), Some(1));
    assert!(store.write(snapshot(1, vec![])).unwrap_err().message.contains("the next number is 2"));
}

#[test]
fn a_savepoint_needs_nothing_but_itself() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut store = store(&state, 3);
    let mut rows = some(0, 500);
    write(&mut store, &rows);
    rows[3].2 = Some(-3);
    fs::create_dir(state.join("spool")).unwrap();
    fs::write(state.join("spool/rows-1"), b"spooled").unwrap();
    let pending = json!({ "table": "t", "spool": "spool/rows-1", "older": [{ "spool": "spool/committed" }] });
    let number = store.next_number().unwrap();
    let snapshot = snapshot(number, vec![("a", full(&rows))]);
    let manifest = store.write(with_pending(snapshot, pending)).unwrap().manifest;
    assert!(manifest.files.keys().any(|file| file.starts_with("../chk-0/")));

    let to = dir.path().join("save");
    fs::create_dir(&to).unwrap();
    store.savepoint(&manifest, &to).unwrap();
    let e = store.savepoint(&manifest, &to).unwrap_err();
    assert!(e.message.contains("exists"), "{e}");
    drop(store);
    fs::remove_dir_all(&state).unwrap();
    let moved = dir.path().join("moved");
    fs::rename(&to, &moved).unwrap();

    for path in [moved.clone(), moved.join("manifest.json")] {
        let checkpoint = open(&path);
        assert_eq!(checkpoint.manifest().kind, Kind::Savepoint);
        assert_eq!(read(&checkpoint, "a", "keyed"), by_group(&rows));
        let pending = &checkpoint.manifest().sinks["sinks.db"].pending[0].1;
        assert_eq!(fs::read(pending["spool"].as_str().unwrap()).unwrap(), b"spooled");
        assert_eq!(pending["older"][0]["spool"], "spool/committed");
    }
    verify(&RealStorage, &moved).unwrap();
    assert!(fs::read_dir(&moved).unwrap().count() > 3);
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["moved"], "nothing else is left");
}

#[test]
fn an_empty_folder_is_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let e = crate::checkpoint::restore::Checkpoint::open(real(), dir.path()).err().unwrap();
    assert!(e.message.contains("there is no checkpoint in"), "{e}");
}
