//! Files that grow, are renamed, cut and removed, with a clock of the tests' own: every line once, in order.

use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::connect::records::double;

/// A folder, a source over it and what it gave.
struct World {
    dir: TempDir,
    patterns: Vec<String>,
    header: bool,
    by_time: bool,
    from_end: bool,
    source: Follow,
    now: i64,
    rows: Vec<String>,
    warnings: Vec<String>,
}

fn first_time() -> FirstTime {
    Box::new(|body| {
        let Body::Bytes { data, .. } = body else { return None };
        std::str::from_utf8(data).ok()?.split([',', '\n']).next()?.parse().ok()
    })
}

impl World {
    fn new(patterns: &[&str], header: bool, by_time: bool, from_end: bool) -> World {
        let dir = tempfile::tempdir().unwrap();
        let patterns: Vec<String> = patterns.iter().map(|p| dir.path().join(p).to_str().unwrap().to_owned()).collect();
        let source = World::source(&patterns, header, by_time, from_end);
        let (rows, warnings) = (Vec::new(), Vec::new());
        World { dir, patterns, header, by_time, from_end, source, now: 1_000_000_000, rows, warnings }
    }

    fn source(patterns: &[String], header: bool, by_time: bool, from_end: bool) -> Follow {
        Follow::new(FollowOptions {
            patterns: Patterns { paths: patterns.to_vec(), exclude: Vec::new() },
            records: double::limited(false, header, 300_000).counting(true),
            pool: Pool::new(4),
            from_end,
            first_time: by_time.then(first_time),
            idle: Some(60_000_000),
            exact_lines: true,
            rows_max: None,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Reads until nothing comes any more, `seconds` long.
    fn settle(&mut self, seconds: i64) {
        let until = self.now + seconds * 1_000_000;
        while self.now < until {
            self.step();
        }
    }

    fn step(&mut self) {
        match self.source.next(self.now).unwrap() {
            Next::Block(block) => {
                if let Body::Bytes { data, offset, header } = &block.body {
                    let (text, line) = (std::str::from_utf8(data).unwrap(), block.line.unwrap());
                    assert_eq!(header.is_some(), self.header);
                    assert!(!self.header || *offset > 0);
                    self.rows.extend(text.lines().enumerate().map(|(i, row)| format!("{} {row}", line + i as u64)));
                }
            }
            Next::Pending { .. } => self.now += 100_000,
            _ => panic!("it has no end"),
        }
        self.warnings.extend(self.source.warnings());
    }

    /// A new process goes on.
    fn again(&mut self, position: Option<&Value>) {
        self.source = World::source(&self.patterns, self.header, self.by_time, self.from_end);
        if let Some(position) = position {
            self.source.restore(position).unwrap();
        }
    }

    #[track_caller]
    fn gives(&mut self, expect: &[&str]) {
        self.settle(2);
        assert_eq!(std::mem::take(&mut self.rows), expect);
    }

    #[track_caller]
    fn warns(&mut self, expect: &[&str]) {
        let dir = format!("{}/", self.dir.path().display());
        let warnings: Vec<String> = self.warnings.drain(..).map(|text| text.replace(&dir, "")).collect();
        assert_eq!(warnings, expect);
    }
}

#[test]
fn lines_come_when_they_are_complete() {
    let mut world = World::new(&["*.log"], false, false, false);
    world.gives(&[]);
    world.append("a.log", "one\ntw");
    world.gives(&["0 one"]);
    world.append("a.log", "o\n");
    world.append("b.log", "1\n\n3");
    world.append("c.txt", "no\n");
    world.gives(&["1 two", "0 1", "1 "]);
    world.append("b.log", "\n");
    world.gives(&["2 3"]);
    world.warns(&[]);
}

#[test]
fn a_header_may_come_late_and_each_file_has_its_own() {
    let mut world = World::new(&["*.csv"], true, false, false);
    world.append("a.csv", "");
    world.gives(&[]);
    world.append("a.csv", "h");
    world.gives(&[]);
    world.append("a.csv", "1,h2\n1");
    world.append("b.csv", "h\nx\n");
    world.gives(&["0 x"]);
    world.append("a.csv", "\n");
    world.gives(&["0 1"]);
}

#[test]
fn from_the_end_of_files_that_are_there_and_the_start_of_new_ones() {
    for header in [false, true] {
        let mut world = World::new(&["*.csv"], header, false, true);
        let start = if header { "h\n" } else { "" };
        world.append("a.csv", &format!("{start}old\nolder\nhal"));
        world.append("empty.csv", "");
        world.gives(&[]);
        world.append("a.csv", "f\nnew\n");
        world.append("b.csv", &format!("{start}first\n"));
        world.append("empty.csv", &format!("{start}one\n"));
        world.settle(2);
        world.rows.sort();
        world.gives(&["0 first", "0 one", "2 half", "3 new"]);
    }
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_then_its_successor() {
    for (pattern, by_time) in [("app.log", false), ("app.log", true), ("app.log*", false), ("app.log*", true)] {
        let mut world = World::new(&[pattern], false, by_time, false);
        world.append("app.log", "1\n");
        world.gives(&["0 1"]);
        world.append("app.log", "2\n3\n");
        world.rename("app.log", "app.log.1");
        world.append("app.log", "0\n");
        world.gives(&["1 2", "2 3", "0 0"]);
        // Whoever writes has not noticed yet.
        world.append("app.log.1", "4\n5");
        world.gives(&["3 4"]);
        world.rename("app.log.1", "app.log.2");
        world.rename("app.log", "app.log.1");
        world.append("app.log.1", "6\n");
        world.gives(&["1 6"]);
        world.append("app.log", "7\n");
        world.gives(&["0 7"]);
        world.settle(15);
        // A file that is left and silent ends with what is there; one that is listed may still grow.
        let expect: &[&str] = if pattern == "app.log" { &["4 5"] } else { &[] };
        assert_eq!(world.rows, expect, "{pattern}");
        assert_eq!(world.source.slots.len(), 1);
        world.warns(&[]);
    }
}

#[test]
fn a_file_that_is_cut_is_read_from_its_start() {
    let mut world = World::new(&["a"], false, false, false);
    world.append("a", "one\ntwo\n");
    world.gives(&["0 one", "1 two"]);
    fs::write(world.path("a"), "3\n").unwrap();
    world.gives(&["0 3"]);
    let lost = "it is read from its start; what was written in between is lost, if anything was";
    world.warns(&[&format!("a: it was truncated to 2 bytes, behind byte 8: {lost}")]);
    // As long as it was, or longer, but another one.
    fs::write(world.path("a"), "4\n5\n").unwrap();
    world.gives(&["0 4", "1 5"]);
    world.warns(&[&format!("a: it holds other data than what was read, behind byte 2: {lost}")]);
    // As logrotate copies and cuts.
    world.append("a", "six\n");
    fs::copy(world.path("a"), world.path("a.1")).unwrap();
    fs::write(world.path("a"), "7\n").unwrap();
    world.gives(&["2 six", "0 7"]);
    let expect = "a: it was truncated to 2 bytes, behind byte 4: it is read from its start; its copy a.1 is read on";
    world.warns(&[expect]);
}

#[test]
fn a_file_that_is_removed_is_read_to_its_end_while_that_can_be() {
    let mut world = World::new(&["*.log"], false, true, false);
    world.append("a.log", "1\n");
    world.gives(&["0 1"]);
    world.append("a.log", "2\n");
    fs::remove_file(world.path("a.log")).unwrap();
    world.gives(&["1 2"]);
    world.append("a.log", "3\n");
    world.gives(&["0 3"]);
    assert_eq!(world.source.slots.len(), 2);
    assert!(world.source.slots[0].ended);
    world.warns(&[]);
}

#[test]
fn compressed_files_and_pipes_are_passed_over() {
    let mut world = World::new(&["*"], false, false, false);
    world.append("a.log.gz", "text");
    fs::write(world.path("b"), [0x1f, 0x8b, 8, 0, 1, 2]).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.path("p"), 0o600.into()).unwrap();
    world.append("c", "1\n");
    world.gives(&["0 1"]);
    world.warnings.sort();
    world.warns(&[
        "a.log.gz is not read: compressed files are not followed",
        "b is not read: compressed files are not followed",
        "p is not read: only regular files are followed",
    ]);
}

#[test]
fn a_silent_file_is_idle_and_wakes_up() {
    let mut world = World::new(&["*"], false, true, false);
    world.append("a", "10\n");
    world.append("b", "20\n");
    let mut marks = Vec::new();
    let mut look = |world: &mut World, seconds: i64| {
        let until = world.now + seconds * 1_000_000;
        while world.now < until {
            match world.source.next(world.now).unwrap() {
                Next::Block(b) => marks.push((b.slot, b.idle, b.hold, matches!(b.body, Body::Empty))),
                _ => world.now += 100_000,
            }
        }
        std::mem::take(&mut marks)
    };
    // The one that comes first is held back by the one that is not opened yet.
    assert_eq!(look(&mut world, 50), [(0, false, 20, false), (1, false, i64::MAX, false)]);
    world.append("b", "30\n");
    assert_eq!(look(&mut world, 20), [(1, false, i64::MAX, false), (0, true, i64::MAX, true)]);
    world.append("a", "15\n");
    assert_eq!(look(&mut world, 10), [(0, false, i64::MAX, false)]);
}

#[test]
fn by_time_the_earliest_record_is_next() {
    let mut world = World::new(&["*"], false, true, false);
    let rows = |from: u64, step: u64| -> String {
        (0..3000).map(|i| format!("{},{}\n", from + i * step, "x".repeat(200))).collect()
    };
    world.append("a", &rows(0, 3));
    world.append("b", &rows(1, 1));
    world.append("c", &rows(5000, 1));
    world.settle(1);
    let times: Vec<u64> = world.rows.iter().map(|row| row.split([' ', ',']).nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(times.len(), 9000);
    // Blocks are of some 1300 rows: no file is ahead of another by more than one.
    let mut most = 0;
    for time in times {
        most = std::cmp::max(most, time);
        assert!(time + 4000 > most, "{time} behind {most}");
    }
}

#[test]
fn a_record_that_is_too_long_is_handed_out_in_part() {
    let mut world = World::new(&["a"], false, false, false);
    world.append("a", &format!("1\n{}", "x".repeat(400_000)));
    world.settle(1);
    let position = world.source.position().unwrap();
    world.again(Some(&position));
    world.append("a", &"x".repeat(400_000));
    world.settle(1);
    world.append("a", "xx\n3\n");
    world.settle(1);
    let lens: Vec<(usize, &str)> = world.rows.iter().map(|row| (row.len(), &row[..2])).collect();
    assert_eq!(lens, [(3, "0 "), (300_003, "1 "), (3, "2 ")]);
}

#[test]
fn what_was_written_to_a_rotated_file_while_nobody_read_is_found() {
    let pack = |dir: &Path| {
        let text = fs::read(dir.join("a.log.1")).unwrap();
        let file = fs::File::create(dir.join("a.log.1.gz")).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(dir.join("a.log.1")).unwrap();
    };
    for (pattern, packed) in [("a.log", false), ("a.log", true), ("*", false), ("a.log*", true)] {
        let mut world = World::new(&[pattern], true, false, false);
        world.append("a.log", "h\n1\n2\n");
        world.gives(&["0 1", "1 2"]);
        let position = world.source.position().unwrap();
        world.append("a.log", "3\n4\n");
        world.rename("a.log", "a.log.1");
        world.append("a.log", "h\n5\n");
        if packed {
            pack(world.dir.path());
        }
        world.again(Some(&position));
        world.gives(&["2 3", "3 4", "0 5"]);
        let position = world.source.position().unwrap();
        world.again(Some(&position));
        world.append("a.log", "6\n");
        world.gives(&["1 6"]);
        let told = std::mem::take(&mut world.warnings);
        assert!(told.iter().all(|text| text.contains("compressed files")), "{told:?}");
    }
}

#[test]
fn what_is_lost_is_said() {
    let mut world = World::new(&["*.log"], false, true, false);
    world.append("a.log", "1\n2\n");
    world.append("b.log", "3\n");
    world.append("c.log", "");
    world.gives(&["0 1", "1 2", "0 3"]);
    let position = world.source.position().unwrap();
    for name in ["a.log", "b.log", "c.log"] {
        fs::remove_file(world.path(name)).unwrap();
    }
    world.append("a.log", "7\n");
    world.again(Some(&position));
    world.gives(&["0 7"]);
    world.warnings.sort();
    world.warns(&[
        "a.log does not hold what was read of it, and no file beside it does: it is read from its start; what was \
         written to it behind byte 4 is lost, if anything was",
        "b.log is gone, and no file beside it holds what was read of it; what was written to it behind byte 2 is \
         lost, if anything was",
    ]);
}

#[test]
fn thousands_of_files_need_few_descriptors() {
    let mut world = World::new(&["*"], false, true, false);
    for file in 0..1500 {
        world.append(&format!("{file}"), &format!("{file}\n"));
    }
    world.settle(1);
    assert_eq!(world.rows.len(), 1500);
    assert!(world.source.open.len() <= OPEN_FILES_MAX);
    for file in 0..1500 {
        world.append(&format!("{file}"), "2000\n");
    }
    let position = world.source.position().unwrap();
    world.again(Some(&position));
    world.settle(3);
    assert_eq!(world.rows.len(), 3000);
    world.warns(&[]);
}

/// What happens to a folder of logs.
#[derive(Debug, Clone)]
enum Act {
    /// To file n: so many rows, and perhaps the first half of the next.
    Write(usize, usize, bool),
    Rotate(usize),
    CopyAndCut(usize),
    Remove(usize),
    Steps(usize),
    Checkpoint,
    Kill,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0usize..3, 0usize..60, any::<bool>()).prop_map(|(f, n, half)| Act::Write(f, n, half)),
        2 => (0usize..3).prop_map(Act::Rotate),
        1 => (0usize..3).prop_map(Act::CopyAndCut),
        1 => (0usize..3).prop_map(Act::Remove),
        5 => (1usize..30).prop_map(Act::Steps),
        2 => Just(Act::Checkpoint),
        2 => Just(Act::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever happens, every row is read once, and those of one name in their order.
    #[test]
    fn every_row_once(acts in proptest::collection::vec(act(), 1..40), by_time: bool, header: bool, wide: bool) {
        let mut world = World::new(&["?.log"], header, by_time, false);
        let mut written: Vec<usize> = vec![0; 3];
        let mut half: Vec<Option<String>> = vec![None; 3];
        let (mut rotations, mut cut) = (0, [false; 3]);
        let (mut kept, mut position) = (0, world.source.position().unwrap());
        let name = |file: usize| format!("{file}.log");
        for act in acts {
            match act {
                Act::Write(file, rows, begins) => {
                    let fresh = fs::metadata(world.path(&name(file))).map_or(true, |meta| meta.len() == 0);
                    let mut text = if header && fresh { "h\n".to_owned() } else { String::new() };
                    text += &half[file].take().unwrap_or_default();
                    for _ in 0..rows {
                        text += &format!("{},{file},{}\n", written[file], "x".repeat(if wide { 4000 } else { 5 }));
                        written[file] += 1;
                    }
                    if begins {
                        text += &format!("{},{file}", written[file]);
                        written[file] += 1;
                        half[file] = Some(",\n".to_owned());
                    }
                    world.append(&name(file), &text);
                }
                Act::Rotate(file) if world.path(&name(file)).exists() && half[file].is_none() => {
                    // What came and went between two checkpoints is known to nobody.
                    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(world.path(&name(file))).unwrap());
                    let followed = position["followed"].as_array().unwrap();
                    let known = followed.iter().any(|at| at["id"]["inode"] == inode && at["mark"]["offset"] != 0);
                    if !known || std::mem::take(&mut cut[file]) {
                        world.settle(2);
                        (kept, position) = (world.rows.len(), world.source.position().unwrap());
                    }
                    rotations += 1;
                    world.rename(&name(file), &format!("{file}.log.{rotations}"));
                }
                Act::CopyAndCut(file) if world.path(&name(file)).exists() && half[file].is_none() => {
                    // A file of which nothing was read is not known again.
                    world.settle(2);
                    (kept, position) = (world.rows.len(), world.source.position().unwrap());
                    rotations += 1;
                    fs::copy(world.path(&name(file)), world.path(&format!("{file}.log.{rotations}"))).unwrap();
                    fs::write(world.path(&name(file)), "").unwrap();
                    cut[file] = true;
                }
                Act::Remove(file) if world.path(&name(file)).exists() && half[file].is_none() => {
                    world.settle(2);
                    (kept, position) = (world.rows.len(), world.source.position().unwrap());
                    fs::remove_file(world.path(&name(file))).unwrap();
                    // The inode may be any other's next.
                    cut = [true; 3];
                }
                Act::Steps(steps) => (0..steps).for_each(|_| world.step()),
                Act::Checkpoint => (kept, position) = (world.rows.len(), world.source.position().unwrap()),
                Act::Kill => {
                    world.rows.truncate(kept);
                    world.again(Some(&position));
                }
                _ => {}
            }
        }
        for (file, rest) in half.iter().enumerate() {
            if let Some(rest) = rest {
                world.append(&name(file), rest);
            }
        }
        world.settle(30);
        let mut seen: Vec<Vec<usize>> = vec![Vec::new(); 3];
        for row in &world.rows {
            let mut parts = row.split([' ', ',']).skip(1);
            let (number, file) = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap());
            seen[file.parse::<usize>().unwrap()].push(number);
        }
        for (file, seen) in seen.into_iter().enumerate() {
            let expect: Vec<usize> = (0..written[file]).collect();
            prop_assert_eq!(seen, expect, "of {}: {:?}", file, world.warnings);
        }
    }
}

/// Under a rate, blocks are small; a position behind any of them goes on with the next row, whatever has come since.
#[test]
fn a_rate_holds_and_every_row_comes_once_through_kills() {
    use crate::connect::pace::Pace;
    for by_time in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let pattern = dir.path().join("*.log").to_str().unwrap().to_owned();
        let records = double::limited(false, false, 300_000).counting(true);
        let source = || {
            let follow = Follow::new(FollowOptions {
                patterns: Patterns { paths: vec![pattern.clone()], exclude: Vec::new() },
                records: records.clone(),
                pool: Pool::new(4),
                from_end: false,
                first_time: by_time.then(first_time),
                idle: None,
                exact_lines: true,
                rows_max: Some(crate::connect::throttle::rows_at_once(100.0)),
            });
            Pace::new(Box::new(follow), records.clone(), 100.0)
        };
        let file = |name: &str, rows: std::ops::Range<u32>| {
            let text: String = rows.map(|row| format!("{row},{name}\n")).collect();
            let mut file = fs::OpenOptions::new().create(true).append(true).open(dir.path().join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        file("a.log", 0..60);
        file("b.log", 0..60);
        let mut source_now = source();
        let (mut now, mut rows, mut blocks) = (1_000_000_000_i64, Vec::new(), 0);
        let start = now;
        while rows.len() < 250 {
            match source_now.next(now).unwrap() {
                Next::Block(Block { body: Body::Bytes { data, .. }, .. }) => {
                    let text = std::str::from_utf8(&data).unwrap();
                    assert!(text.lines().count() <= 2, "{text}");
                    rows.extend(text.lines().map(str::to_owned));
                    blocks += 1;
                    if rows.len() == 50 {
                        file("a.log", 60..120);
                        file("0.log", 0..70);
                    }
                    if blocks % 3 == 0 {
                        let position = source_now.position().unwrap();
                        source_now = source();
                        source_now.restore(&position).unwrap();
                    }
                }
                Next::Block(_) => {}
                Next::Pending { until } => now = until.unwrap().max(now + 1),
                _ => panic!("it has no end"),
            }
            assert!(now - start < 60_000_000, "{} rows", rows.len());
        }
        let mut all: Vec<String> = Vec::new();
        for (name, count) in [("0.log", 70), ("a.log", 120), ("b.log", 60)] {
            all.extend((0..count).map(|row| format!("{row},{name}")));
        }
        let mut sorted = rows.clone();
        sorted.sort();
        all.sort();
        assert_eq!(sorted, all);
    }
}

#[test]
fn a_rate_is_of_rows_a_second() {
    use crate::connect::pace::Pace;
    let world = World::new(&["*.log"], false, false, false);
    world.append("a.log", &"x\n".repeat(2000));
    let mut source = World::source(&world.patterns, false, false, false);
    source.options.rows_max = Some(crate::connect::throttle::rows_at_once(500.0));
    let records = source.options.records.clone();
    let mut source = Pace::new(Box::new(source), records, 500.0);
    let (mut now, mut rows) = (1_000_000_000_i64, 0);
    while rows < 2000 {
        match source.next(now).unwrap() {
            Next::Block(Block { body: Body::Bytes { data, .. }, .. }) => rows += data.len() / 2,
            Next::Pending { until } => now = until.unwrap(),
            _ => panic!("blocks of rows"),
        }
    }
    let seconds = (now - 1_000_000_000) as f64 / 1e6;
    assert!((3.9..4.1).contains(&seconds), "{seconds}");
    // Stopped, it ends at once: what is left is read by the next run.
    source.stop();
    assert!(matches!(source.next(now).unwrap(), Next::End));
}
