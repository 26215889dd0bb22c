//! The file sink in all modes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::engine::{Disk, Engine, HEADER, Sink, long_run, runs};
use crate::connect::file_sink::{FileCommitter, FileSink, FileSinkOptions, Mode};
use crate::connect::{Committer, Run, Writer};
use crate::storage::Storage;
use crate::storage::power::PowerStorage;

struct OneFile {
    disk: Disk,
    path: PathBuf,
    mode: Mode,
    gzip: bool,
    /// What it held before.
    before: Option<String>,
}

impl OneFile {
    fn text(&self) -> Option<String> {
        let bytes = self.disk.storage().read(&self.path).ok()?;
        if !self.gzip {
            return Some(String::from_utf8(bytes).unwrap());
        }
        // What is not committed may end within a member.
        let mut text = Vec::new();
        let _ = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text);
        Some(String::from_utf8(text).unwrap())
    }
}

fn rows(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

impl Sink for OneFile {
    fn disk(&self) -> Disk {
        self.disk.clone()
    }

    fn writer(&self, storage: Arc<dyn Storage>, run: Run) -> Box<dyn Writer> {
        let OneFile { path, mode, gzip, .. } = self;
        Box::new(FileSink::new(FileSinkOptions {
            path: path.clone(),
            mode: *mode,
            gzip: *gzip,
            columns: None,
            storage,
            run,
        }))
    }

    fn committer(&self, storage: Arc<dyn Storage>) -> Box<dyn Committer> {
        Box::new(FileCommitter::new(storage))
    }

    fn check(&self, committed: usize, known: usize, ended: bool) {
        let before = self.before.clone().unwrap_or_default();
        if ended {
            let start = if self.mode == Mode::Replace || before.is_empty() { HEADER } else { &before };
            let expect = format!("{start}{}", rows(committed));
            assert_eq!(self.text().unwrap_or_default(), expect);
            assert_eq!(
                self.disk.storage().list(self.path.parent().unwrap()).unwrap().len(),
                1,
                "something is left over"
            );
        } else if self.mode == Mode::Replace {
            let seen = self.text();
            assert!(seen == self.before || seen == Some(format!("{HEADER}{}", rows(known))), "{seen:?}");
        } else if committed > 0 {
            let start = if before.is_empty() { HEADER } else { &before };
            let seen = self.text().unwrap();
            assert!(seen.starts_with(&format!("{start}{}", rows(committed))), "{seen}");
        }
    }
}

fn write(disk: &Disk, path: &Path, gzip: bool, text: &str) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let bytes = if gzip { encoder.finish().unwrap() } else { text.as_bytes().to_vec() };
    let storage = disk.storage();
    let mut file = storage.create_new(path).unwrap();
    file.write_all(&bytes).unwrap();
    file.sync().unwrap();
    storage.sync_folder(path.parent().unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_row_is_written_once_whenever_it_is_killed(
        runs in runs(),
        rows in 0..900usize,
        mode in prop::sample::select(vec![Mode::Replace, Mode::Append, Mode::New]),
        gzip in any::<bool>(),
        before in prop::option::of(Just("before\n".to_owned())),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let before = before.filter(|_| mode != Mode::New);
        if let Some(text) = &before {
            write(&Disk::Real, &path, gzip, text);
        }
        Engine::new(&OneFile { disk: Disk::Real, path, mode, gzip, before }, rows).run(&runs);
    }

    #[test]
    fn every_row_is_written_once_whenever_power_goes(
        runs in runs(),
        rows in 0..900usize,
        mode in prop::sample::select(vec![Mode::Replace, Mode::Append, Mode::New]),
        gzip in any::<bool>(),
        before in prop::option::of(Just("before\n".to_owned())),
        seed in any::<u64>(),
    ) {
        let disk = Disk::Power(PowerStorage::default(), seed);
        let path = PathBuf::from("/out.csv");
        let before = before.filter(|_| mode == Mode::Append);
        if let Some(text) = &before {
            write(&disk, &path, gzip, text);
        }
        Engine::new(&OneFile { disk, path, mode, gzip, before }, rows).run(&runs);
    }
}

#[test]
fn every_row_is_written_once_whatever_operation_fails() {
    for mode in [Mode::Replace, Mode::Append, Mode::New] {
        for at in 1..120 {
            let disk = Disk::Failing(PowerStorage::default(), at);
            let before = (mode == Mode::Append && at % 2 == 0).then(|| "before\n".to_owned());
            let path = PathBuf::from("/out.csv");
            if let Some(text) = &before {
                write(&disk, &path, at % 3 == 0, text);
            }
            Engine::new(&OneFile { disk, path, mode, gzip: at % 3 == 0, before }, 300).run(&long_run());
        }
    }
}
