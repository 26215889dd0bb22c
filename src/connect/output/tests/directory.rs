//! The directory sink in all modes, with and without partitions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::engine::{Disk, Engine, HEADER, Sink, long_run, runs};
use crate::connect::directory::{Directory, DirectoryCommitter, DirectoryOptions, Mode, Roll};
use crate::connect::{Committer, Run, Writer};
use crate::storage::power::PowerStorage;
use crate::storage::{Kind, RealStorage, Storage};

struct Parts {
    disk: Disk,
    options: DirectoryOptions,
    partitions: usize,
    /// The folder held a part of another run.
    before: bool,
}

const BEFORE: &str = "part-before-000001-000000.csv";

impl Parts {
    fn options(&self, storage: Arc<dyn Storage>) -> DirectoryOptions {
        DirectoryOptions { storage, ..self.options.clone() }
    }

    /// Rows of each visible part, by folder, in the order of names; the part of another run is left out.
    fn visible(&self) -> BTreeMap<String, Vec<usize>> {
        let mut rows = BTreeMap::new();
        collect(&*self.disk.storage(), &self.options.path, "", &mut rows);
        rows
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.storage().kind(path).unwrap().is_some()
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let names = self.disk.storage().list(folder).unwrap_or_default();
        names.iter().map(|name| name.display().to_string()).collect()
    }
}

fn collect(storage: &dyn Storage, folder: &Path, inside: &str, rows: &mut BTreeMap<String, Vec<usize>>) {
    for name in storage.list(folder).unwrap_or_default() {
        let path = folder.join(&name);
        let name = name.display().to_string();
        if storage.kind(&path).unwrap() == Some(Kind::Folder) {
            collect(storage, &path, &name, rows);
        } else if name.starts_with("part-") && name != BEFORE {
            let text = String::from_utf8(storage.read(&path).unwrap()).unwrap();
            let numbers = text.strip_prefix(HEADER).unwrap_or_else(|| panic!("{name}: {text}"));
            rows.entry(inside.to_owned()).or_default().extend(numbers.lines().map(|n| n.parse::<usize>().unwrap()));
        }
    }
}

impl Sink for Parts {
    fn disk(&self) -> Disk {
        self.disk.clone()
    }

    fn writer(&self, storage: Arc<dyn Storage>, run: Run) -> Box<dyn Writer> {
        Box::new(Directory::new(self.options(storage), run))
    }

    fn committer(&self, storage: Arc<dyn Storage>) -> Box<dyn Committer> {
        Box::new(DirectoryCommitter::new(self.options(storage)))
    }

    fn partition(&self, number: usize) -> Option<String> {
        (self.partitions > 0).then(|| format!("n={}", number * number % self.partitions))
    }

    fn check(&self, committed: usize, known: usize, ended: bool) {
        let replace = self.options.mode == Mode::Replace;
        let mut wanted: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for number in 0..known {
            wanted.entry(self.partition(number).unwrap_or_default()).or_default().push(number);
        }
        let seen = self.visible();
        for (partition, rows) in &seen {
            // Parts of the last checkpoint may have their names already or not; rows in open parts are not to be seen.
            assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|row| *row < known), "{partition}: {rows:?}");
        }
        let name = self.options.path.file_name().unwrap().to_str().unwrap();
        let kept = self.before && !(replace && (ended || !seen.is_empty()));
        if self.before && !replace {
            assert!(self.exists(&self.options.path.join(BEFORE)), "what another run wrote is gone");
        }
        if ended {
            assert_eq!(committed, known);
            assert_eq!(seen, wanted);
            assert_eq!(self.names(self.options.path.parent().unwrap()), [name], "something is left over");
            assert_eq!(self.exists(&self.options.path.join(BEFORE)), kept);
            let hidden = |folder: &Path| self.names(folder).iter().any(|name| name.starts_with('.'));
            let mut folders = vec![self.options.path.clone()];
            folders.extend(seen.keys().map(|partition| self.options.path.join(partition)));
            assert!(!folders.iter().any(|folder| hidden(folder)), "hidden files are left over");
            assert!(folders.iter().all(|folder| self.exists(&folder.join("_SUCCESS")) == self.options.success_file));
        }
    }
}

fn options(path: PathBuf, mode: Mode, size: u64, success_file: bool, storage: Arc<dyn Storage>) -> DirectoryOptions {
    let roll = Roll { size, ..Roll::default() };
    DirectoryOptions {
        path,
        mode,
        roll,
        prefix: "part".into(),
        extension: "csv".into(),
        gzip: false,
        success_file,
        columns: None,
        storage,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_row_is_visible_once_whenever_it_is_killed(
        runs in runs(),
        rows in 0..500usize,
        mode in prop::sample::select(vec![Mode::New, Mode::Append, Mode::Replace]),
        partitions in prop::sample::select(vec![0, 1, 3, 80]),
        size in prop::sample::select(vec![1, 300, 1 << 20]),
        success_file in any::<bool>(),
        before in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = PathBuf::from(dir.path()).join("out");
        let before = before && mode != Mode::New;
        if before {
            fs::create_dir(&path).unwrap();
            fs::write(path.join(BEFORE), "number\n77\n").unwrap();
        }
        let options = options(path, mode, size, success_file, Arc::new(RealStorage));
        // A part of its own for every row is slow.
        let rows = if size == 1 { rows.min(60) } else { rows };
        Engine::new(&Parts { disk: Disk::Real, options, partitions, before }, rows).run(&runs);
    }

    #[test]
    fn every_row_is_visible_once_whenever_power_goes(
        runs in runs(),
        rows in 0..500usize,
        mode in prop::sample::select(vec![Mode::New, Mode::Append, Mode::Replace]),
        partitions in prop::sample::select(vec![0, 1, 3, 80]),
        size in prop::sample::select(vec![1, 300, 1 << 20]),
        success_file in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let disk = Disk::Power(PowerStorage::default(), seed);
        let options = options("/out".into(), mode, size, success_file, disk.storage());
        let rows = if size == 1 { rows.min(60) } else { rows };
        Engine::new(&Parts { disk, options, partitions, before: false }, rows).run(&runs);
    }
}

#[test]
fn every_row_is_visible_once_whatever_operation_fails() {
    for mode in [Mode::New, Mode::Append, Mode::Replace] {
        for at in 1..400 {
            let disk = Disk::Failing(PowerStorage::default(), at);
            let options = options("/out".into(), mode, 100, true, disk.storage());
            Engine::new(&Parts { disk, options, partitions: 3, before: false }, 300).run(&long_run());
        }
    }
}
