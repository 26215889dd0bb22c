//! The file sink in all modes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use proptest::prelude::*;

use super::engine::{Engine, HEADER, Sink, runs};
use crate::connect::file_sink::{FileCommitter, FileSink, FileSinkOptions, Mode};
use crate::connect::{Committer, Run, Writer};
use crate::storage::Storage;

struct OneFile {
    path: PathBuf,
    mode: Mode,
    gzip: bool,
    /// What it held before.
    before: Option<String>,
}

impl OneFile {
    fn text(&self) -> Option<String> {
        let mut text = String::new();
        let file = File::open(&self.path).ok()?;
        match self.gzip {
            // What is not committed may end within a member.
            true => drop(MultiGzDecoder::new(file).read_to_string(&mut text)),
            false => drop((&file).read_to_string(&mut text).unwrap()),
        }
        Some(text)
    }
}

fn rows(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

impl Sink for OneFile {
    fn writer(&self, storage: Arc<dyn Storage>, run: Run) -> Box<dyn Writer> {
        let OneFile { path, mode, gzip, .. } = self;
        Box::new(FileSink::new(FileSinkOptions { path: path.clone(), mode: *mode, gzip: *gzip, storage, run }))
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
            assert_eq!(fs::read_dir(self.path.parent().unwrap()).unwrap().count(), 1, "something is left over");
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

fn write(path: &Path, gzip: bool, text: &str) {
    if gzip {
        let mut encoder = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap();
    } else {
        fs::write(path, text).unwrap();
    }
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
            write(&path, gzip, text);
        }
        Engine::new(&OneFile { path, mode, gzip, before }, rows).run(&runs);
    }
}
