//! What is handed out is in the journal, and comes out of it again, wherever it was cut off.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::storage::failing::{FailingStorage, Fault};
use crate::storage::power::PowerStorage;
use crate::storage::{Kind, RealStorage, StorageFile};

/// Hands out blocks, then is silent or ends.
struct Given(VecDeque<Block>, bool);

impl Source for Given {
    fn next(&mut self, _now: i64) -> Result<Next> {
        Ok(match self.0.pop_front() {
            Some(block) => Next::Block(block),
            None if self.1 => Next::End,
            None => Next::Pending { until: None },
        })
    }

    fn input_name(&self, file: u32) -> String {
        format!("peer {file}")
    }

    fn stop(&mut self) {}

    fn progress(&self) -> (u64, Option<u64>) {
        (0, None)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn position(&mut self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn restore(&mut self, _position: &Value) -> Result<()> {
        panic!("the input itself is not restored")
    }
}

/// A block of `file` for each number; every third is empty.
fn given(files: &[u32], ends: bool) -> Box<dyn Source> {
    let block = |(i, &file): (usize, &u32)| {
        let header = Some(Arc::new(Header { names: vec![format!("h{file}")], lines: 1, years: None }));
        let data = Bytes::from(format!("{i}\n").repeat(if i % 5 == 4 { 20_000 } else { i + 1 }));
        let body = if i % 3 == 2 { Body::Empty } else { Body::Bytes { data, offset: i as u64 * 7, header } };
        Block { file, idle: i % 3 == 2, ..Block::single(body) }
    };
    Box::new(Given(files.iter().enumerate().map(block).collect(), ends))
}

fn journal(folder: &Path, inner: Box<dyn Source>) -> Journaled {
    with(folder, inner, Arc::new(RealStorage), JOURNAL_MAX)
}

fn with(folder: &Path, inner: Box<dyn Source>, storage: Arc<dyn Storage>, max: u64) -> Journaled {
    Journaled::new(inner, JournalOptions { folder: folder.join("journal/s"), storage, max })
}

/// What `next` comes to, in full, with the name of the input.
fn step(source: &mut Journaled) -> Result<String> {
    Ok(match source.next(0)? {
        Next::Block(block) => format!("{block:?} {}", source.input_name(block.file)),
        Next::Tick(now) => format!("tick {now}"),
        // To be asked again at once: between what is replayed and what is new.
        Next::Pending { until: Some(0) } => return step(source),
        Next::Pending { .. } => "pending".to_owned(),
        Next::End => "end".to_owned(),
    })
}

/// Up to the end or until nothing comes.
fn drain(source: &mut Journaled) -> Result<Vec<String>> {
    let mut out = Vec::new();
    loop {
        match step(source)?.as_str() {
            "pending" => return Ok(out),
            "end" => {
                out.push("end".to_owned());
                return Ok(out);
            }
            text => out.push(text.to_owned()),
        }
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder.join("journal/s")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Blocks, ticks and barriers in any order; killed; every barrier's position gives what followed it.
    #[test]
    fn what_followed_a_position_follows_again(
        files in proptest::collection::vec(0u32..3, 0..25),
        acts in proptest::collection::vec(0u8..6, 0..50),
        ends: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut source = journal(dir.path(), given(&files, ends));
        let (mut out, mut positions) = (Vec::new(), vec![(0, source.position().unwrap())]);
        for (i, act) in acts.iter().enumerate() {
            match act {
                0 => positions.push((out.len(), source.position().unwrap())),
                1 if out.last().is_none_or(|last| last != "end") => {
                    prop_assert!(source.tick(i as i64).unwrap());
                    out.push(format!("tick {i}"));
                }
                _ => {
                    let text = step(&mut source).unwrap();
                    if text != "pending" && out.last().is_none_or(|last| last != "end") {
                        out.push(text);
                    }
                }
            }
        }
        drop(source);
        for (at, position) in positions {
            // Another stop within the replay, and the input that follows.
            for pause in [0, 2] {
                let mut source = journal(dir.path(), given(&[0], true));
                source.restore(&position).unwrap();
                let mut seen = Vec::new();
                for _ in 0..pause.min(out.len() - at) {
                    seen.push(step(&mut source).unwrap());
                }
                let between = source.position().unwrap();
                let mut source = journal(dir.path(), given(&[], false));
                source.restore(&between).unwrap();
                seen.extend(drain(&mut source).unwrap());
                // The end is told again, however far behind it the position is.
                let is_end = |text: &String| text == "end";
                prop_assert_eq!(seen.last().is_some_and(is_end), out.last().is_some_and(is_end));
                seen.retain(|text| text != "end");
                let expect: Vec<&String> = out[at..].iter().filter(|text| *text != "end").collect();
                prop_assert_eq!(seen.iter().collect::<Vec<_>>(), expect);
            }
        }
    }
}

#[test]
fn a_header_is_known_behind_a_block_without_data() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing but silence in a segment, then data with a header.
    let mut source = journal(dir.path(), given(&[0, 0, 0, 0], false));
    (0..2).for_each(|_| drop(step(&mut source).unwrap()));
    let position = source.position().unwrap();
    let out = drain(&mut source).unwrap();
    assert!(out[0].contains("Empty") && out[1].contains("Some(Header"), "{out:?}");
    let mut source = journal(dir.path(), given(&[], false));
    source.restore(&position).unwrap();
    assert_eq!(drain(&mut source).unwrap(), out);
}

#[test]
fn a_tail_cut_anywhere_loses_only_the_frame_it_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = journal(dir.path(), given(&[0, 1, 0, 1], false));
    let position = source.position().unwrap();
    let mut ends = Vec::new();
    let mut out = Vec::new();
    for _ in 0..4 {
        out.push(step(&mut source).unwrap());
        ends.push(fs::metadata(&segments(dir.path())[0]).unwrap().len());
    }
    drop(source);
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for len in (0..=whole.len()).rev() {
        fs::write(&path, &whole[..len]).unwrap();
        let frames = ends.iter().filter(|end| **end <= len as u64).count();
        let mut source = journal(dir.path(), given(&[0], false));
        source.restore(&position).unwrap();
        let seen = drain(&mut source).unwrap();
        assert_eq!(seen[..frames], out[..frames], "cut at {len}");
        assert_eq!(seen.len(), frames + 1);
        let torn = len as u64 != ends[..frames].last().copied().unwrap_or(0);
        assert_eq!(source.warnings().len(), usize::from(torn));
        // What was dropped is gone for good; what came then is kept.
        let mut again = journal(dir.path(), given(&[], false));
        again.restore(&position).unwrap();
        assert_eq!(drain(&mut again).unwrap(), seen, "cut at {len}");
        assert!(again.warnings().is_empty());
        segments(dir.path()).iter().skip(1).for_each(|path| fs::remove_file(path).unwrap());
    }
}

#[test]
fn damage_elsewhere_is_an_error_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = journal(dir.path(), given(&[0, 1, 0, 1], false));
    let position = source.position().unwrap();
    step(&mut source).unwrap();
    source.position().unwrap();
    // From here on it is known not to be a power cut's doing.
    source.durable().unwrap()().unwrap();
    step(&mut source).unwrap();
    let paths = segments(dir.path());
    assert_eq!(paths.len(), 2);
    let mut bytes = fs::read(&paths[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&paths[0], bytes).unwrap();
    let mut resumed = journal(dir.path(), given(&[], false));
    resumed.restore(&position).unwrap();
    let error = drain(&mut resumed).unwrap_err().to_string();
    assert!(error.contains("the journal is damaged") && error.contains(".journal at byte 0"), "{error}");
    fs::remove_file(&paths[0]).unwrap();
    let error = journal(dir.path(), given(&[], false)).restore(&position).unwrap_err().to_string();
    assert!(error.contains(&format!("lacks what the checkpoint needs: {}", paths[0].display())), "{error}");
}

#[test]
fn a_full_journal_holds_back_until_a_checkpoint_is_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = with(dir.path(), given(&[0; 9], false), Arc::new(RealStorage), 300);
    let mut handed = 0;
    while step(&mut source).unwrap() != "pending" {
        handed += 1;
    }
    assert!((1..4).contains(&handed), "{handed}");
    assert!(source.wants_checkpoint());
    let position = source.position().unwrap();
    source.durable().unwrap()().unwrap();
    assert!(source.durable().is_none());
    assert_eq!(step(&mut source).unwrap(), "pending", "nobody has confirmed it");
    source.confirm(&position).unwrap();
    assert!(!source.wants_checkpoint() && segments(dir.path()).is_empty());
    assert_ne!(step(&mut source).unwrap(), "pending");
    // A fresh start removes what an earlier run left.
    let mut fresh = journal(dir.path(), given(&[], false));
    assert_eq!(step(&mut fresh).unwrap(), "pending");
    assert!(segments(dir.path()).is_empty());
}

/// Fails the write number `.0`, of which a part is written.
#[derive(Clone)]
struct Failing(Arc<AtomicU32>);

struct FailingFile(Box<dyn StorageFile>, Failing);

impl StorageFile for FailingFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        if self.1.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.write_all(&data[..data.len() / 2])?;
            return Err(ErrorKind::StorageFull.into());
        }
        self.0.write_all(data)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, out)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>> {
        self.0.duplicate()
    }
}

impl Storage for Failing {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(FailingFile(RealStorage.create_new(path)?, self.clone())))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        RealStorage.open_append(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        RealStorage.open_read(path)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        RealStorage.kind(path)
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        RealStorage.create_folders(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealStorage.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        RealStorage.remove_folder(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealStorage.hard_link(from, to)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        RealStorage.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealStorage.sync_folder(folder)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealStorage.copy_permissions(from, to)
    }
}

#[test]
fn a_full_disk_hands_out_nothing_and_loses_nothing() {
    let whole = {
        let dir = tempfile::tempdir().unwrap();
        drain(&mut journal(dir.path(), given(&[0, 1, 0, 0, 1, 1], true))).unwrap()
    };
    for n in 1..=8 {
        let dir: TempDir = tempfile::tempdir().unwrap();
        let failing = Failing(Arc::new(AtomicU32::new(n)));
        let mut source = with(dir.path(), given(&[0, 1, 0, 0, 1, 1], true), Arc::new(failing), JOURNAL_MAX);
        let position = source.position().unwrap();
        let mut seen = Vec::new();
        let error = loop {
            match step(&mut source) {
                Ok(text) => seen.push(text),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("cannot write the journal"), "{error}");
        assert_eq!(seen, whole[..seen.len()]);
        // Another process finds all that was handed out; the same one goes on with what was not.
        let mut other = journal(dir.path(), given(&[], false));
        other.restore(&position).unwrap();
        assert_eq!(drain(&mut other).unwrap(), seen);
        source.restore(&position).unwrap();
        assert_eq!(drain(&mut source).unwrap(), whole);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("journal"), "a file").unwrap();
    let error = step(&mut journal(dir.path(), given(&[0], false))).unwrap_err().to_string();
    assert!(error.contains("cannot make the folder of the journal") && error.contains("journal/s"), "{error}");
}

#[test]
fn after_the_end_the_input_is_not_read_and_before_it_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = journal(dir.path(), given(&[0, 1], false));
    let position = source.position().unwrap();
    drain(&mut source).unwrap();
    let mut source = journal(dir.path(), given(&[0], true));
    source.restore(&position).unwrap();
    let out = drain(&mut source).unwrap();
    assert_eq!(out.len(), 4);
    assert!(out[2].contains("file: 2") && out[2].ends_with("peer 0"), "{}", out[2]);
    let mut source = journal(dir.path(), given(&[0, 0, 0], false));
    source.restore(&position).unwrap();
    assert_eq!(drain(&mut source).unwrap(), out);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Blocks and barriers in any order, some of them synced; then the power goes. From the last position that was
    /// synced, what was handed out follows again, in order and without gaps, up to where the disk lost it; then the
    /// input goes on. A second cut, right behind, changes nothing of that.
    #[test]
    fn behind_a_power_cut_a_prefix_follows(acts in proptest::collection::vec(0u8..6, 0..40), seed: u64) {
        // A disk in memory.
        let folder = Path::new("/j");
        let disk = PowerStorage::default();
        disk.create_folders(&folder.join("journal/s")).unwrap();
        for made in ["/", "/j", "/j/journal"] {
            disk.sync_folder(Path::new(made)).unwrap();
        }
        let storage = || -> Arc<dyn Storage> { Arc::new(disk.clone()) };
        let mut source = with(folder, given(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0], false), storage(), JOURNAL_MAX);
        let (mut out, mut kept) = (Vec::new(), (0, source.position().unwrap()));
        source.durable().map_or(Ok(()), |durable| durable()).unwrap();
        for act in acts {
            match act {
                0 => {
                    source.position().unwrap();
                }
                1 => {
                    let position = source.position().unwrap();
                    source.durable().map_or(Ok(()), |durable| durable()).unwrap();
                    kept = (out.len(), position);
                }
                _ => {
                    let text = step(&mut source).unwrap();
                    if text != "pending" {
                        out.push(text);
                    }
                }
            }
        }
        drop(source);
        disk.cut(seed);
        let (at, position) = kept;
        let mut source = with(folder, given(&[], false), storage(), JOURNAL_MAX);
        source.restore(&position).unwrap();
        let seen = drain(&mut source).unwrap();
        prop_assert!(out[at..].starts_with(&seen), "{:?} of {:?}", seen.len(), out.len() - at);
        // It has been read to its end, so the next checkpoint makes it last.
        source.position().unwrap();
        source.durable().map_or(Ok(()), |durable| durable()).unwrap();
        drop(source);
        disk.cut(seed.wrapping_add(1));
        let mut source = with(folder, given(&[], false), storage(), JOURNAL_MAX);
        source.restore(&position).unwrap();
        prop_assert_eq!(drain(&mut source).unwrap(), seen);
    }
}

#[test]
fn a_sync_that_failed_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = |disk: &FailingStorage| {
        let mut source = with(dir.path(), given(&[0, 1, 2], false), Arc::new(disk.clone()), JOURNAL_MAX);
        step(&mut source).unwrap();
        source.position().unwrap();
        source
    };
    let calls = |at| FailingStorage::new(Arc::new(RealStorage), at, Fault::Once(ErrorKind::Other));
    let counted = calls(u64::MAX);
    let before = { run(&counted) };
    let next = counted.calls() + 1;
    drop(before);
    segments(dir.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    let failing = calls(next);
    let mut source = run(&failing);
    assert!(source.durable().unwrap()().unwrap_err().to_string().contains("cannot sync the journal"));
    step(&mut source).unwrap();
    source.position().unwrap();
    let error = source.durable().unwrap()().unwrap_err().to_string();
    assert!(error.contains("could not be synced before"), "{error}");
}
