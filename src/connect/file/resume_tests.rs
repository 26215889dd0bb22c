//! Going on from a position: the same blocks, and refusals of files that are not what they were.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::connect::records::double;
use crate::format::SyslogOptions;

type Seen = (u32, u32, u32, i64, bool, u64, Vec<u8>, Option<Vec<String>>);

fn seen(block: &Block) -> Seen {
    let (offset, data, header) = match &block.body {
        Body::Bytes { data, offset, header } => (*offset, data.to_vec(), header.as_ref().map(|h| h.names.clone())),
        _ => (0, Vec::new(), None),
    };
    (block.file, block.slot, block.slots, block.hold, block.ends, offset, data, header)
}

fn first_time() -> FirstTime {
    Box::new(|body| {
        let Body::Bytes { data, .. } = body else { return None };
        std::str::from_utf8(data).ok()?.split([',', '\n']).next()?.parse().ok()
    })
}

fn open(paths: &[PathBuf], read: ReadMode, by_time: bool) -> FileSource {
    let first_time = by_time.then(first_time);
    let records = double::limited(true, true, 300_000);
    FileSource::open(FileOptions { paths: paths.to_vec(), records, read, pool: Pool::new(2), first_time, year: None })
        .unwrap()
}

fn drain(source: &mut FileSource) -> Vec<Seen> {
    let mut out = Vec::new();
    while let Next::Block(block) = source.next(0).unwrap() {
        out.push(seen(&block));
    }
    out
}

fn pack(data: &[u8], packing: u8) -> (&'static str, Vec<u8>) {
    match packing {
        0 => ("csv", data.to_vec()),
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            ("csv.gz", encoder.finish().unwrap())
        }
        // Two frames and one to skip.
        _ => {
            let (a, b) = data.split_at(data.len() / 2);
            let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
            let frame = |data: &[u8]| ::zstd::encode_all(data, 1).unwrap();
            ("csv.zst", [&frame(a)[..], &skipped, &frame(b)].concat())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_blocks_behind_a_position_are_the_same(
        shapes in proptest::collection::vec((0i64..40, 0i64..4, 0usize..40, 1usize..70_000, 0u8..3), 0..6),
        stops in proptest::collection::vec(0usize..40, 1..4),
        aligned: bool, starve: bool, map: bool, by_time: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (i, &(start, step, rows, width, packing)) in shapes.iter().enumerate() {
            // Blocks that end where the file ends, at a power of two.
            let width = if aligned { 65_536 - 7 } else { width };
            let row = |n: i64| format!("{:05},{}\n", start + n * step, "x".repeat(width));
            let rows: String = (0..rows as i64).map(row).collect();
            let text = format!("a,b{i}\n{rows}{}\n", if aligned { String::new() } else { "y".repeat(400_000) });
            let (ending, data) = pack(text.as_bytes(), packing);
            paths.push(dir.path().join(format!("{i}.{ending}")));
            fs::write(&paths[i], data).unwrap();
        }
        let read = if map { ReadMode::Mmap } else { ReadMode::Stream };
        let all = drain(&mut open(&paths, read, by_time));
        for stop in stops {
            let stop = stop.min(all.len());
            let mut source = open(&paths, read, by_time);
            let mut held = Vec::new();
            let mut got = 0;
            while got < stop {
                match source.next(0).unwrap() {
                    Next::Block(block) => {
                        got += 1;
                        held.extend(starve.then_some(block));
                    }
                    _ => held.clear(),
                }
            }
            if starve {
                // A file may have been opened without a block of it.
                let (_one, _two) = (source.shared.pool.permit(), source.shared.pool.permit());
                if matches!(source.next(0).unwrap(), Next::Block(_)) {
                    // The end mark needs no room.
                    prop_assert!(all[got].6.is_empty());
                    got += 1;
                }
            }
            let position = source.position().unwrap();
            let mut resumed = open(&paths, read, by_time);
            resumed.restore(&position).unwrap();
            prop_assert_eq!(&resumed.position().unwrap(), &position);
            prop_assert!(drain(&mut resumed) == all[got..], "behind {} of {}", got, all.len());
        }
    }
}

/// A source that has read one block of `a.csv`, and its folder.
fn begun(by_time: bool) -> (TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let rows = |from: i64| (from..from + 40_000).map(|n| format!("{n},xxxxxxxx\n")).collect::<String>();
    fs::write(dir.path().join("a.csv"), format!("n,x\n{}", rows(0))).unwrap();
    fs::write(dir.path().join("b.csv"), format!("n,x\n{}", rows(1_000_000))).unwrap();
    let mut source = open(&list(dir.path()), ReadMode::Auto, by_time);
    assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
    let position = source.position().unwrap();
    (dir, position)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    Patterns { paths: vec![folder.to_str().unwrap().to_owned()], exclude: Vec::new() }.resolve().unwrap()
}

fn restored(folder: &Path, position: &Value, by_time: bool) -> Result<Vec<String>> {
    let mut source = open(&list(folder), ReadMode::Auto, by_time);
    source.restore(position)?;
    let warnings = source.warnings();
    drain(&mut source);
    Ok(warnings)
}

#[test]
fn a_file_that_is_another_is_refused() {
    type Change = fn(&Path);
    let cases: [(&str, Change); 4] = [
        ("DIR/a.csv: it was truncated, it has only 100 bytes now", |dir| {
            let file = fs::OpenOptions::new().write(true).open(dir.join("a.csv")).unwrap();
            file.set_len(100).unwrap();
        }),
        ("DIR/a.csv: it was replaced", |dir| fs::write(dir.join("a.csv"), "other\n".repeat(100_000)).unwrap()),
        ("DIR/a.csv: the file is missing", |dir| fs::remove_file(dir.join("a.csv")).unwrap()),
        // Hidden files are not in the list of a folder.
        ("it looks renamed to DIR/.old", |dir| fs::rename(dir.join("a.csv"), dir.join(".old")).unwrap()),
    ];
    for by_time in [false, true] {
        for (expect, change) in &cases {
            let (dir, position) = begun(by_time);
            change(dir.path());
            let error = restored(dir.path(), &position, by_time).unwrap_err();
            let error = error.to_string().replace(dir.path().to_str().unwrap(), "DIR");
            assert!(error.contains(expect) && error.contains("cannot go on at byte"), "{error}");
        }
    }
    let (dir, position) = begun(true);
    fs::write(dir.path().join("b.csv"), "n,x\n5,x\n").unwrap();
    let error = restored(dir.path(), &position, true).unwrap_err().to_string();
    assert!(error.contains("b.csv: it was replaced"), "{error}");
    assert!(restored(dir.path(), &position, false).unwrap_err().to_string().contains("order of files"));
}

#[test]
fn what_is_renamed_moved_longer_or_new_is_fine() {
    type Change = fn(&Path);
    let cases: [(usize, Change); 4] = [
        (0, |_| {}),
        (0, |dir| fs::rename(dir.join("a.csv"), dir.join("c.csv")).unwrap()),
        (1, |dir| fs::write(dir.join("c.csv"), "n,x\n1,x\n").unwrap()),
        (0, |dir| {
            let mut file = fs::OpenOptions::new().append(true).open(dir.join("a.csv")).unwrap();
            file.write_all(b"50000,x\n").unwrap();
        }),
    ];
    for by_time in [false, true] {
        for (warnings, change) in &cases {
            let (dir, position) = begun(by_time);
            change(dir.path());
            assert_eq!(restored(dir.path(), &position, by_time).unwrap().len(), *warnings);
            let other = tempfile::tempdir().unwrap();
            for path in list(dir.path()) {
                fs::rename(&path, other.path().join(path.file_name().unwrap())).unwrap();
            }
            assert_eq!(restored(other.path(), &position, by_time).unwrap().len(), *warnings);
        }
    }
}

/// A job that goes on after New Year: a file that it had not opened begins in the year that it had when the job began.
#[test]
fn the_year_of_a_file_is_that_of_the_day_the_job_began() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.log"), "Mar  1 10:00:00 host app: x\n").unwrap();
    fs::write(dir.path().join("b.log"), "Jun  1 10:00:00 host app: x\n").unwrap();
    let year_and_month = |body: &Body| {
        let Body::Bytes { data, header, .. } = body else { return None };
        let month = if data.starts_with(b"Mar") { 3 } else { 6 };
        Some(i64::from(header.as_ref()?.years?.step(month, 1).year()) * 100 + i64::from(month))
    };
    let open = || {
        let format = Format::Syslog(SyslogOptions { year: Year::Now, zone: None });
        FileSource::open(FileOptions {
            paths: list(dir.path()),
            records: Records::of(&format, &[], 1 << 20),
            read: ReadMode::Auto,
            pool: Pool::new(2),
            first_time: Some(Box::new(year_and_month)),
            year: Some(Year::Now),
        })
        .unwrap()
    };
    let mut source = open();
    let Next::Block(first) = source.next(0).unwrap() else { panic!("there are two files") };
    let mut position = source.position().unwrap();
    let waiting = &mut position["files"][1 - first.file as usize]["state"]["waiting"];
    let time = waiting["time"].as_i64().unwrap() - 300;
    waiting["time"] = time.into();
    let year = &mut waiting["years"]["until"]["year"];
    *year = (year.as_i64().unwrap() - 3).into();
    let mut resumed = open();
    resumed.restore(&position).unwrap();
    assert_eq!(resumed.position().unwrap(), position);
    let Next::Block(second) = resumed.next(0).unwrap() else { panic!("a file is left") };
    assert_eq!(year_and_month(&second.body), Some(time));
}
