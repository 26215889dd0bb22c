//! Modes, compression and failures of file sinks on a real disk.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use super::*;
use crate::error::Class;
use crate::storage::RealStorage;

fn sink(path: &Path, mode: Mode) -> FileSink {
    let gzip = is_gzip_name(path);
    FileSink::new(FileSinkOptions {
        path: path.to_owned(),
        mode,
        gzip,
        columns: None,
        storage: Arc::new(RealStorage),
        run: Run::default(),
    })
}

fn write(sink: &mut FileSink, rows: &str) {
    let mut data = Bytes::copy_from_slice(rows.as_bytes());
    assert_eq!(sink.write(&mut data).unwrap(), Wrote::Done);
    assert!(data.is_empty());
}

fn names(dir: &TempDir) -> Vec<String> {
    let names = RealStorage.list(dir.path()).unwrap();
    names.iter().map(|name| name.display().to_string()).collect()
}

const HEADER: Bytes = Bytes::from_static(b"a,b\n");

#[test]
fn replace_is_invisible_until_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sub/out.csv");
    let mut sink = sink(&path, Mode::Replace);
    sink.open(HEADER).unwrap();
    write(&mut sink, "1,2\n");
    assert_eq!(sink.flush().unwrap(), Wrote::Done);
    assert!(!path.exists());
    sink.commit().unwrap();
    drop(sink);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn replace_keeps_the_old_file_when_aborted_and_its_permissions_when_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    fs::write(&path, "old\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let leftover = dir.path().join(format!(".out.csv.flott-{}.tmp", std::process::id()));
    fs::write(&leftover, "left over").unwrap();
    let mut aborted = sink(&path, Mode::Replace);
    aborted.open(HEADER).unwrap();
    write(&mut aborted, "1,2\n");
    aborted.abort();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
    assert_eq!(names(&dir).len(), 2, "{:?}", names(&dir));
    let mut sink = sink(&path, Mode::Replace);
    sink.open(HEADER).unwrap();
    sink.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn replace_follows_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.csv"), dir.path().join("link.csv"));
    fs::write(&real, "old\n").unwrap();
    std::os::unix::fs::symlink("real.csv", &link).unwrap();
    let mut sink = sink(&link, Mode::Replace);
    sink.open(HEADER).unwrap();
    sink.commit().unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "a,b\n");
}

#[test]
fn append_writes_a_header_only_into_an_empty_file_and_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let run = |rows: &str, commit: bool| {
        let mut sink = sink(&path, Mode::Append);
        sink.open(HEADER).unwrap();
        write(&mut sink, rows);
        sink.flush().unwrap();
        if commit { sink.commit().unwrap() } else { sink.abort() }
    };
    run("0,0\n", false);
    assert!(!path.exists());
    run("1,1\n", true);
    run("2,2\n", false);
    run("3,3\n", true);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,1\n3,3\n");
}

#[test]
fn append_refuses_a_torn_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    fs::write(&path, "a,b\n1,").unwrap();
    let error = sink(&path, Mode::Append).open(HEADER).unwrap_err();
    assert_eq!(error.class, Class::Job);
    assert!(error.to_string().contains("does not end with a line end"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,");
}

#[test]
fn new_refuses_what_exists_and_removes_what_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let mut first = sink(&path, Mode::New);
    first.open(HEADER).unwrap();
    first.abort();
    assert!(!path.exists());
    let mut second = sink(&path, Mode::New);
    second.open(HEADER).unwrap();
    second.commit().unwrap();
    let error = sink(&path, Mode::New).open(HEADER).unwrap_err();
    assert_eq!(error.class, Class::Job);
    assert!(error.to_string().contains("exists and mode is \"new\""), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n");
}

#[test]
fn gzip_members_are_read_as_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv.gz");
    let mut expect = "a,b\n".to_owned();
    for (mode, rows) in [(Mode::Replace, "1,2\n".repeat(300_000)), (Mode::Append, "3,4\n".to_owned())] {
        let mut sink = sink(&path, mode);
        sink.open(HEADER).unwrap();
        rows.as_bytes().chunks(70_000).for_each(|part| write(&mut sink, std::str::from_utf8(part).unwrap()));
        sink.commit().unwrap();
        expect += &rows;
    }
    let mut text = String::new();
    MultiGzDecoder::new(File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
    assert!(text == expect);
}

#[test]
fn pieces_of_all_sizes_stay_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let mut sink = sink(&path, Mode::Replace);
    sink.open(Bytes::new()).unwrap();
    let mut expect = String::new();
    for len in [1, 65_535, 1, 1, 65_536, 10, 200_000, 0, 3] {
        let piece = len.to_string().repeat(len).split_at(len).0.to_owned();
        write(&mut sink, &piece);
        expect += &piece;
    }
    sink.commit().unwrap();
    assert!(fs::read_to_string(&path).unwrap() == expect);
}

#[test]
fn devices_are_written_directly_and_a_full_one_is_an_error() {
    let mut null = sink(Path::new("/dev/null"), Mode::Replace);
    null.open(HEADER).unwrap();
    write(&mut null, "1,2\n");
    null.commit().unwrap();
    let mut full = sink(Path::new("/dev/full"), Mode::Replace);
    full.open(HEADER).unwrap();
    let error = full.write(&mut Bytes::from(vec![b'x'; 100_000])).unwrap_err();
    assert_eq!(error.class, Class::External);
    assert!(error.to_string().contains("cannot write /dev/full: No space left on device"), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
}

#[test]
fn targets_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let error = sink(dir.path(), Mode::Replace).open(HEADER).unwrap_err();
    assert_eq!(error.class, Class::Job);
    assert!(error.to_string().contains("is a folder"), "{error}");
    fs::write(dir.path().join("file"), "").unwrap();
    let error = sink(&dir.path().join("file/out.csv"), Mode::Replace).open(HEADER).unwrap_err();
    assert!(error.to_string().contains("Not a directory"), "{error}");
}
