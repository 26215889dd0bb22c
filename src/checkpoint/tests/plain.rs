//! Checkpoints on a disk that does as it is told.

use std::fs;

use super::build::*;

#[test]
fn what_is_written_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 3);
    assert!(store.newest().unwrap().is_none());
    let (keyed, plain) = (some(0, 500), some(1000, 170));
    let number = store.next_number().unwrap();
    let operator = operator(Some(&keyed), Some(&plain), 3);
    let written = store.write(snapshot(number, vec![("transforms.a/sort", operator)])).unwrap();
    assert_eq!((number, written.files), (0, 2));

    let found = store.newest().unwrap().unwrap();
    assert_eq!((&found.manifest, &found.path), (&written.manifest, &written.path));
    let checkpoint = open(dir.path());
    assert_eq!(read(&checkpoint, "transforms.a/sort", "keyed"), by_group(&keyed));
    assert_eq!(read(&checkpoint, "transforms.a/sort", "plain"), plain);
    assert!(checkpoint.rows("transforms.a/sort", "other", 0..16).unwrap().is_none());
    assert_eq!(found.manifest.table("transforms.a/sort", "plain").unwrap().segments.len(), 2);
}

#[test]
fn any_split_of_the_groups_gives_all_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 3);
    let keyed = some(0, 300);
    store.write(snapshot(0, vec![("a", operator(Some(&keyed), Some(&[]), 4))])).unwrap();
    let checkpoint = open(dir.path());
    assert!(checkpoint.manifest().table("a", "keyed").unwrap().segments.len() > 2);
    for parallelism in 1..=16 {
        let parts = (0..parallelism).map(|subtask| checkpoint.restored("a", subtask, parallelism).unwrap());
        let all: Vec<Row> = parts.flat_map(|part| rows(&part.tables["keyed"])).collect();
        assert_eq!(all, by_group(&keyed), "{parallelism}");
    }
    let restored = checkpoint.restored("a", 1, 2).unwrap();
    assert_eq!((restored.subtask, restored.scalars.len(), restored.tables.len()), (1, 4, 1));
    assert_eq!(restored.scalars[3]["subtask"], 3);
}

#[test]
fn equal_segments_are_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 3);
    let mut keyed = some(0, 1000);
    let first = store.write(snapshot(0, vec![("a", operator(Some(&keyed), Some(&[]), 1))])).unwrap();
    let same = store.write(snapshot(1, vec![("a", operator(Some(&keyed), Some(&[]), 3))])).unwrap();
    assert_eq!(same.files, 0, "at another parallelism, too");
    assert!(same.bytes_written < first.bytes_written / 3 && same.bytes_total == first.bytes_total);

    keyed[17].2 = Some(-1);
    let edited = store.write(snapshot(2, vec![("a", operator(Some(&keyed), Some(&[]), 2))])).unwrap();
    assert!(edited.files == 1 && edited.bytes_written < first.bytes_written / 2);
    assert_eq!(read(&open(dir.path()), "a", "keyed"), by_group(&keyed));

    // Also by a process that has only just opened the folder.
    let mut again = super::build::store(dir.path(), 3);
    let again = again.write(snapshot(3, vec![("a", operator(Some(&keyed), Some(&[]), 2))])).unwrap();
    assert_eq!(again.files, 0);
    assert_eq!(read(&open(dir.path()), "a", "keyed"), by_group(&keyed));
}

#[test]
fn unchanged_tables_keep_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), 1);
    let (keyed, plain) = (some(0, 3000), some(1000, 10));
    store.write(snapshot(0, vec![("a", operator(Some(&keyed), Some(&plain), 3))])).unwrap();
    store.write(snapshot(1, vec![("a", operator(None, None, 3))])).unwrap();
    assert_eq!(read(&open(dir.path()), "a", "keyed"), by_group(&keyed));

    // Only some subtasks have changed.
    let mut edited = keyed.clone();
    let mine = edited.iter_mut().zip(groups(&keyed)).filter(|(_, group)| *group < 6);
    mine.for_each(|(row, _)| row.2 = Some(0));
    let mut mixed = operator(Some(&edited), Some(&plain), 3);
    for part in &mut mixed.parts[1..] {
        part.tables = operator(None, None, 1).parts.remove(0).tables;
    }
    store.write(snapshot(2, vec![("a", mixed)])).unwrap();
    let checkpoint = open(dir.path());
    assert_eq!(read(&checkpoint, "a", "keyed"), by_group(&edited));
    assert_eq!(read(&checkpoint, "a", "plain"), plain);
    assert!(fs::read_dir(dir.path()).unwrap().count() <= 2);
}
