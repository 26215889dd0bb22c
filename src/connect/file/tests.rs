//! Cuts, orders, compression and errors of file sources, against naive models.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::connect::pool::BLOCK_BYTES;
use crate::connect::records::double;
use crate::error::Error;
use crate::format::{self, Cutter};

fn write(dir: &TempDir, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, data).unwrap();
    path
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn options(paths: Vec<PathBuf>, records: Records) -> FileOptions {
    FileOptions { paths, records, read: ReadMode::Stream, pool: Pool::new(4), first_time: None, year: None }
}

/// A block as plain values: file, slot, slots, hold, ends, offset, data.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    file: u32,
    slot: u32,
    slots: u32,
    hold: i64,
    ends: bool,
    offset: u64,
    data: Vec<u8>,
}

fn drain(source: &mut FileSource) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    loop {
        match source.next(0)? {
            Next::End => return Ok(seen),
            Next::Tick(_) => panic!("a source without a journal has no ticks"),
            Next::Pending { .. } => panic!("no block is alive, so the pool is not empty"),
            Next::Block(block) => {
                let (offset, data) = match &block.body {
                    Body::Bytes { data, offset, .. } => (*offset, data.to_vec()),
                    _ => (0, Vec::new()),
                };
                let Block { file, slot, slots, hold, ends, .. } = block;
                seen.push(Seen { file, slot, slots, hold, ends, offset, data });
            }
        }
    }
}

fn read(options: FileOptions) -> Vec<Seen> {
    drain(&mut FileSource::open(options).unwrap()).unwrap()
}

fn error_of(options: FileOptions) -> Error {
    let name = options.paths[0].display().to_string();
    match FileSource::open(options) {
        Err(e) => e,
        Ok(mut source) => drain(&mut source).map(|seen| seen.len()).expect_err(&name),
    }
}

/// Cuts as the head of `file/input.rs` defines them, over the whole file at once.
fn naive_cuts(data: &[u8], quotes: bool) -> Vec<(u64, Vec<u8>)> {
    let (mut blocks, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let mut view = BLOCK_BYTES;
        let end = loop {
            let seen = &data[at..data.len().min(at + view)];
            match double::Lines::new(quotes).cut(seen, seen.len() < view) {
                format::Cut::Records(end) => break end,
                _ => view *= 2,
            }
        };
        blocks.push((at as u64, data[at..at + end].to_vec()));
        at += end;
    }
    blocks
}

/// Text of about `len` bytes with lines of very different lengths, some with quoted line ends.
fn text(seed: u64, len: usize) -> Vec<u8> {
    let (mut state, mut out) = (seed | 1, Vec::new());
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let line = match state % 97 {
            0 => (state >> 8) as usize % (BLOCK_BYTES * 3),
            1..10 => (state >> 8) as usize % 9000,
            _ => (state >> 8) as usize % 120,
        };
        if state & 64 == 0 {
            out.push(b'"');
            out.extend((0..line).map(|i| if i % 50 == 7 { b'\n' } else { b'q' }));
            out.push(b'"');
        } else {
            out.resize(out.len() + line, b'x');
        }
        if out.len() < len || state & 128 == 0 {
            out.push(b'\n');
        }
    }
    out
}

fn pairs(seen: &[Seen]) -> Vec<(u64, Vec<u8>)> {
    seen.iter().filter(|s| !s.data.is_empty()).map(|s| (s.offset, s.data.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The same cuts whether bytes are read, mapped or decompressed in odd portions, and from any block on.
    #[test]
    fn cuts_depend_on_position_only(seed: u64, len in 0usize..2_000_000, quotes: bool) {
        let dir = tempfile::tempdir().unwrap();
        let data = text(seed, len);
        let plain = write(&dir, "a.csv", &data);
        let middle = data.len() / 3;
        let packed = write(&dir, "a.csv.gz", [gzip(&data[..middle]), gzip(&data[middle..])].concat());
        let expect = naive_cuts(&data, quotes);
        for (path, read_mode) in
            [(&plain, ReadMode::Stream), (&plain, ReadMode::Mmap), (&packed, ReadMode::Auto)]
        {
            let options = options(vec![path.clone()], double::lines(quotes, false));
            let seen = read(FileOptions { read: read_mode, ..options });
            prop_assert!(pairs(&seen) == expect, "{read_mode:?}");
            prop_assert_eq!(seen.iter().filter(|s| s.ends).count(), 1);
            prop_assert!(seen.last().unwrap().ends);
        }
    }
}

#[test]
fn files_by_name_are_one_input_that_ends_once() {
    let dir = tempfile::tempdir().unwrap();
    let check = |files: &[&str], expect: &[(u32, u64, &str, bool)]| {
        let paths = files.iter().enumerate().map(|(i, data)| write(&dir, &format!("{i}.csv"), data)).collect();
        let seen = read(options(paths, double::lines(true, true)));
        let seen: Vec<_> =
            seen.iter().map(|s| (s.file, s.offset, std::str::from_utf8(&s.data).unwrap(), s.ends)).collect();
        assert_eq!(seen, expect, "{files:?}");
    };
    check(&["h\na\n", "h\nb"], &[(0, 2, "a\n", false), (1, 2, "b", true)]);
    check(&["h\na\n", "h\n", ""], &[(0, 2, "a\n", false), (0, 0, "", true)]);
    check(&["", "h\n", "hh\n\"x\ny\"\n"], &[(2, 3, "\"x\ny\"\n", true)]);
    check(&["", ""], &[(0, 0, "", true)]);
    check(&[], &[(0, 0, "", true)]);
}

#[test]
fn a_pool_of_one_block_holds_the_reader_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(&dir, "a.csv", "0123456789\n".repeat(100_000));
    for read in [ReadMode::Stream, ReadMode::Mmap] {
        let pool = Pool::new(1);
        let options = FileOptions { pool, read, ..options(vec![path.clone()], double::lines(false, false)) };
        let mut source = FileSource::open(options).unwrap();
        let Next::Block(first) = source.next(0).unwrap() else { panic!("a block") };
        assert!(matches!(source.next(0).unwrap(), Next::Pending { until: None }));
        drop(first);
        assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
        source.stop();
        assert!(matches!(source.next(0).unwrap(), Next::End));
    }
}

#[test]
fn progress_reaches_the_size_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let text = "0123456789\n".repeat(50_000);
    let paths = vec![write(&dir, "a.csv", &text), write(&dir, "b.csv.gz", gzip(text.as_bytes()))];
    let total: u64 = paths.iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    for first_time in [None, Some(leading_number())] {
        let mut source =
            FileSource::open(FileOptions { first_time, ..options(paths.clone(), double::lines(false, false)) })
                .unwrap();
        drain(&mut source).unwrap();
        assert_eq!(source.progress(), (total, Some(total)));
    }
}

#[test]
fn errors_name_the_file_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let packed = gzip(&text(7, 400_000));
    let torn = write(&dir, "torn.gz", &packed[..packed.len() / 2]);
    let mut flipped = packed.clone();
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 0x55;
    let flipped = write(&dir, "flipped.gz", flipped);
    let check = |path: &Path, expect: &str| {
        let error = error_of(options(vec![path.to_owned()], double::lines(false, false))).to_string();
        let error = error.replace(dir.path().to_str().unwrap(), "DIR");
        assert!(error.contains(expect), "{error}");
    };
    check(&torn, "DIR/torn.gz ends in the middle of its gzip data");
    check(&flipped, "DIR/flipped.gz is not valid gzip data");
    check(dir.path(), "DIR is a folder");
    check(&dir.path().join("gone"), "cannot open DIR/gone: No such file or directory");
}

/// Event time: the number at the start of the record.
fn leading_number() -> FirstTime {
    Box::new(|body| {
        let Body::Bytes { data, .. } = body else { return None };
        let text = std::str::from_utf8(data).ok()?;
        text.split([',', '\n']).next()?.parse().ok()
    })
}

/// Always the file with the least (time of next record, index), block by block.
fn naive_by_time(files: &[Vec<u8>]) -> Vec<Seen> {
    let time = |data: &[u8], before| {
        std::str::from_utf8(data).unwrap().split([',', '\n']).next().unwrap().parse().unwrap_or(before)
    };
    let mut left: BTreeMap<u32, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
    for (file, data) in files.iter().enumerate() {
        left.insert(file as u32, naive_cuts(data, false));
    }
    left.retain(|_, blocks| !blocks.is_empty());
    let mut previous: BTreeMap<u32, i64> = left.keys().map(|&file| (file, i64::MIN)).collect();
    let mut slots: Vec<u32> = Vec::new();
    let mut seen = Vec::new();
    while !left.is_empty() {
        let next = |file: &u32| time(&left[file][0].1, previous[file]);
        let file = left.keys().copied().min_by_key(|file| (next(file), *file)).unwrap();
        previous.insert(file, next(&file));
        if !slots.contains(&file) {
            slots.push(file);
        }
        let unopened = left.keys().filter(|file| !slots.contains(file));
        let hold = unopened.map(|file| time(&left[file][0].1, i64::MIN)).min().unwrap_or(i64::MAX);
        let blocks = left.get_mut(&file).unwrap();
        let (offset, data) = blocks.remove(0);
        let ends = blocks.is_empty();
        if ends {
            left.remove(&file);
        }
        let slot = slots.iter().position(|&f| f == file).unwrap() as u32;
        seen.push(Seen { file, slot, slots: slots.len() as u32, hold, ends, offset, data });
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn files_by_time_follow_the_naive_model(
        shapes in proptest::collection::vec((0i64..40, 0i64..4, 0usize..30, 1usize..60_000), 0..8),
        unreadable in 0usize..12,
        map: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for &(start, step, rows, width) in &shapes {
            let row = |i: i64| {
                let time = start + i * step;
                let time = if i as usize == unreadable { "bad".to_owned() } else { time.to_string() };
                format!("{time},{}\n", "x".repeat(width))
            };
            files.push((0..rows as i64).map(row).collect::<String>().into_bytes());
        }
        let paths = files.iter().enumerate().map(|(i, data)| write(&dir, &format!("{i:03}"), data)).collect();
        let options = options(paths, double::lines(false, false));
        let read_mode = if map { ReadMode::Mmap } else { ReadMode::Stream };
        let seen = read(FileOptions { first_time: Some(leading_number()), read: read_mode, ..options });
        let expect = naive_by_time(&files);
        if expect.is_empty() {
            prop_assert_eq!(seen.len(), 1);
            prop_assert!(seen[0].ends);
        } else {
            prop_assert!(seen == expect);
        }
    }
}

#[test]
fn more_files_than_descriptors_are_merged_by_time() {
    let dir = tempfile::tempdir().unwrap();
    // Every file has three blocks, all files overlap, so all are open at the same time.
    let rows = |i: usize| -> Vec<u8> {
        (0..3).flat_map(|b| format!("{},{}\n", b * 1000 + i, "x".repeat(200_000)).into_bytes()).collect()
    };
    let files: Vec<Vec<u8>> = (0..300).map(rows).collect();
    let paths = files.iter().enumerate().map(|(i, data)| write(&dir, &format!("{i:03}"), data)).collect();
    let options = options(paths, double::lines(false, false));
    let mut source = FileSource::open(FileOptions { first_time: Some(leading_number()), ..options }).unwrap();
    let mut most_open = 0;
    let mut seen = Vec::new();
    while let Next::Block(block) = source.next(0).unwrap() {
        let Order::Time(order) = &source.order else { unreachable!() };
        let open = order.files_open();
        most_open = most_open.max(open);
        seen.push((block.file, block.ends));
    }
    assert!(most_open <= 257, "{most_open}");
    let expect: Vec<_> = (0..3).flat_map(|b| (0..300).map(move |file| (file, b == 2))).collect();
    assert!(seen == expect);
}

#[test]
fn more_compressed_files_than_descriptors_are_merged_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let rows = |i: usize| -> Vec<u8> {
        (0..2).flat_map(|b| format!("{},{}\n", b * 1000 + i, "x".repeat(150_000)).into_bytes()).collect()
    };
    let paths = (0..800).map(|i| write(&dir, &format!("{i:03}.gz"), gzip(&rows(i)))).collect();
    let options = options(paths, double::lines(false, false));
    let mut source = FileSource::open(FileOptions { first_time: Some(leading_number()), ..options }).unwrap();
    let mut seen = Vec::new();
    while let Next::Block(block) = source.next(0).unwrap() {
        let Order::Time(order) = &source.order else { unreachable!() };
        assert!(order.files_open() <= by_time::OPEN_PACKED_MAX + 1);
        seen.push((block.file, block.ends));
    }
    let expect: Vec<_> = (0..2).flat_map(|b| (0..800).map(move |file| (file, b == 1))).collect();
    assert!(seen == expect);
}

#[test]
fn a_record_of_100_mb_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    let megabyte = vec![b'x'; 1 << 20];
    file.write_all(b"a\n").unwrap();
    (0..100).for_each(|_| file.write_all(&megabyte).unwrap());
    file.write_all(b"\nb\n").unwrap();
    file.into_inner().unwrap();
    let max_record = 1 << 20;
    for read_mode in [ReadMode::Stream, ReadMode::Mmap] {
        for first_time in [None, Some(leading_number())] {
            let options = options(vec![path.clone()], double::limited(false, false, max_record));
            let mut source = FileSource::open(FileOptions { read: read_mode, first_time, ..options }).unwrap();
            let mut seen = Vec::new();
            while let Next::Block(block) = source.next(0).unwrap() {
                let Body::Bytes { data, offset, .. } = block.body else { continue };
                seen.push((offset, data.len(), block.ends));
                if let Order::Name(order) = &source.order
                    && let Some(input) = &order.current
                {
                    assert!(input.bytes_held() <= 2 * BLOCK_BYTES.max(max_record), "{}", input.bytes_held());
                }
            }
            let behind = 2 + (100 << 20) + 1;
            assert_eq!(seen, [(0, 2, false), (2, max_record + 1, false), (behind, 2, true)]);
        }
    }
}

/// The CSV of the format room: a header, a BOM, quoted line ends on block borders, a record that is too long.
#[test]
fn csv_is_cut_by_its_own_rules() {
    let dir = tempfile::tempdir().unwrap();
    let row = format!("1,\"{}\"\n", "line\n".repeat(20_000));
    let long = format!("2,{}\n", "x".repeat(3_000_000));
    let text = format!("\u{feff}a,b\n{}{long}{}", row.repeat(10), row.repeat(10));
    let path = write(&dir, "a.csv", &text);
    let field = |name: &str| format::SourceField {
        name: name.to_owned(),
        ty: crate::data::DataType::String,
        from: None,
        timestamp: format::TimestampSource::Text,
        required: false,
    };
    let csv = format::Format::Csv(format::CsvOptions::default());
    let max_record = 1 << 20;
    for read_mode in [ReadMode::Stream, ReadMode::Mmap] {
        let records = Records::of(&csv, &[field("a"), field("b")], max_record);
        let seen = read(FileOptions { read: read_mode, ..options(vec![path.clone()], records) });
        assert_eq!(seen[0].offset, 7);
        let data: Vec<u8> = seen.iter().flat_map(|s| s.data.clone()).collect();
        let expect = [&row.repeat(10), &long[..max_record + 1], &row.repeat(10)].concat();
        assert!(data == expect.as_bytes());
        let borders = seen.iter().filter(|s| s.data.starts_with(b"1,\"") && s.data.ends_with(b"\"\n")).count();
        assert_eq!(borders, seen.len() - 1, "all but the long one");
    }
}

/// Whoever reads several sources together asks for the time before every block.
#[test]
fn the_next_time_is_that_of_the_next_record_and_asking_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rows = |from: i64, count: i64| -> String {
        (from..from + count).map(|i| format!("{i},{}\n", "x".repeat(150_000))).collect()
    };
    let texts = [rows(40, 9), String::new(), rows(10, 20), "bad\n".into(), String::new(), rows(25, 3), String::new()];
    let paths: Vec<PathBuf> = texts.iter().enumerate().map(|(i, t)| write(&dir, &format!("{i}"), t)).collect();
    for (read_mode, by_time) in [ReadMode::Stream, ReadMode::Mmap].into_iter().flat_map(|m| [(m, false), (m, true)]) {
        let paths = paths.iter().filter(|path| !by_time || !path.ends_with("3")).cloned().collect();
        let make = || {
            let first_time = by_time.then(leading_number);
            let options = options(Vec::clone(&paths), double::lines(false, false));
            FileSource::open(FileOptions { first_time, read: read_mode, ..options }).unwrap()
        };
        let expect = drain(&mut make()).unwrap();
        let mut source = make().timed(Some(leading_number()));
        let mut times = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..expect.len() {
            times.push(source.next_time().unwrap());
            assert_eq!(source.next_time().unwrap(), *times.last().unwrap());
            let Next::Block(block) = source.next(0).unwrap() else { panic!("a block is missing") };
            let Body::Bytes { data, .. } = &block.body else { continue };
            seen.push((data.to_vec(), block.ends));
        }
        assert_eq!(source.next_time().unwrap(), i64::MIN);
        assert!(matches!(source.next(0).unwrap(), Next::End));
        let leading = |block: &Seen| std::str::from_utf8(&block.data).unwrap().split(',').next().unwrap().parse().ok();
        let expect_times: Vec<i64> = expect.iter().map(|block| leading(block).unwrap_or(i64::MIN)).collect();
        assert_eq!(times, expect_times, "{read_mode:?} {by_time}");
        let with_rows = expect.into_iter().filter(|block| !block.data.is_empty());
        assert!(seen == with_rows.map(|block| (block.data, block.ends)).collect::<Vec<_>>());
    }
}
