//! Disks that fail, processes that die, power that goes: at every step.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::build::*;
use crate::checkpoint::restore::Checkpoint;
use crate::checkpoint::store::{self, Store};
use crate::storage::Storage;
use crate::storage::failing::{FailingStorage, Fault};
use crate::storage::power::PowerStorage;

const FOLDER: &str = "/state/job";

/// What happens between two checkpoints.
#[derive(Debug, Clone)]
struct Step {
    /// Rows from .. to of the keyed table get another value; those beyond its end are appended.
    edit: (usize, usize),
    /// Rows appended to the table without key.
    append: usize,
    parallelism: usize,
    /// The last row of the keyed table goes.
    remove: bool,
}

fn step(from: usize, to: usize, append: usize, parallelism: usize) -> Step {
    Step { edit: (from, to), append, parallelism, remove: false }
}

#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    keyed: Vec<Row>,
    plain: Vec<Row>,
}

impl State {
    /// Does a step; says which of the tables it left alone.
    fn apply(&mut self, step: &Step, round: i64) -> (bool, bool) {
        let before = self.clone();
        let (from, to) = step.edit;
        let new = self.keyed.len().max(to) - self.keyed.len();
        self.keyed.extend(some(self.keyed.len() as i64, new as i64));
        self.keyed.iter_mut().take(to).skip(from).for_each(|row| row.2 = Some(-round));
        if step.remove {
            self.keyed.pop();
        }
        self.plain.extend(some(self.plain.len() as i64, step.append as i64));
        (self.keyed == before.keyed, self.plain == before.plain)
    }
}

/// Checkpoints that were tried.
#[derive(Default)]
struct Tried {
    all: Vec<(u64, State)>,
    /// The last one that succeeded.
    written: Option<u64>,
}

/// Writes a checkpoint after each step.
fn run(storage: Arc<dyn Storage>, power: bool, steps: &[Step], after: &mut dyn FnMut(&Tried)) -> Tried {
    let mut store = Store::open(storage, FOLDER.into(), 2, power);
    let (mut tried, mut state) = (Tried::default(), State::default());
    let mut parallelism = 0;
    for (round, step) in steps.iter().enumerate() {
        let same = state.apply(step, round as i64);
        let known = store.last_written().is_some() && parallelism == step.parallelism;
        parallelism = step.parallelism;
        let keyed = (!(same.0 && known)).then_some(&state.keyed[..]);
        let plain = (!(same.1 && known)).then_some(&state.plain[..]);
        let Ok(number) = store.next_number() else { continue };
        assert!(tried.all.last().is_none_or(|(last, _)| *last < number), "a number is used twice");
        tried.all.push((number, state.clone()));
        if store.write(snapshot(number, vec![("a", operator(keyed, plain, step.parallelism))])).is_ok() {
            tried.written = Some(number);
        }
        after(&tried);
    }
    tried
}

/// What has to hold on a disk, whatever has happened to it.
fn check(disk: &PowerStorage, tried: &Tried) {
    let mut store = Store::open(Arc::new(disk.clone()), FOLDER.into(), 2, true);
    for listed in store.list().unwrap().iter().filter(|listed| listed.manifest.is_some()) {
        store::verify(disk, &listed.path).unwrap();
    }
    let Some(found) = store.newest().unwrap() else {
        assert_eq!(tried.written, None, "a complete checkpoint is gone");
        return;
    };
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let number = found.manifest.checkpoint;
    assert!(tried.written.is_none_or(|written| number >= written), "found {number} instead of {:?}", tried.written);
    let (_, state) = tried.all.iter().find(|(n, _)| *n == number).unwrap();
    assert!(rows_of(disk, Path::new(FOLDER)) == state.sorted(), "checkpoint {number} has other rows");
    let next = store.next_number().unwrap();
    assert!(next > number);
}

fn rows_of(disk: &PowerStorage, path: &Path) -> State {
    let checkpoint = Checkpoint::open(Arc::new(disk.clone()), path).unwrap();
    State { keyed: read(&checkpoint, "a", "keyed"), plain: read(&checkpoint, "a", "plain") }
}

impl State {
    /// As it is stored.
    fn sorted(&self) -> State {
        State { keyed: by_group(&self.keyed), plain: self.plain.clone() }
    }
}

fn script() -> Vec<Step> {
    vec![
        step(0, 40, 101, 1),
        step(0, 0, 0, 1),
        step(3, 5, 5, 2),
        step(30, 70, 0, 2),
        step(0, 0, 30, 2),
        step(0, 70, 0, 3),
    ]
}

/// Calls that the script makes when nothing fails.
fn calls(power: bool) -> u64 {
    // Calls are counted from 1.
    let storage = FailingStorage::new(Arc::new(PowerStorage::default()), 0, Fault::Once(ErrorKind::Other));
    let tried = run(Arc::new(storage.clone()), power, &script(), &mut |_| ());
    assert_eq!(tried.written, Some(5));
    storage.calls()
}

#[test]
fn one_failure_anywhere_costs_one_checkpoint_at_most() {
    for at in 1..=calls(true) {
        let kind = [ErrorKind::Other, ErrorKind::StorageFull][at as usize % 2];
        let disk = PowerStorage::default();
        let failing = FailingStorage::new(Arc::new(disk.clone()), at, Fault::Once(kind));
        let (mut failed, mut before) = (0, 0);
        let tried = run(Arc::new(failing), true, &script(), &mut |tried| {
            let now = u32::from(tried.written != tried.all.last().map(|(n, _)| *n));
            failed += now;
            // The failure itself and what comes right after it.
            if now + before > 0 {
                check(&disk.copy(), tried);
                let cut = disk.copy();
                cut.cut(at);
                check(&cut, tried);
            }
            before = now;
        });
        assert!(failed <= 1, "{failed} failed for call {at}");
        assert!(tried.all.len() >= 5);
        disk.cut(at);
        check(&disk, &tried);
    }
}

#[test]
fn a_process_that_dies_anywhere_loses_nothing_complete() {
    for power in [false, true] {
        for at in 1..=calls(power) {
            let disk = PowerStorage::default();
            let dying = FailingStorage::new(Arc::new(disk.clone()), at, Fault::Dead);
            let tried = run(Arc::new(dying), power, &script(), &mut |_| ());
            check(&disk.copy(), &tried);
            for seed in at..at + if power { 3 } else { 0 } {
                let disk = disk.copy();
                disk.cut(seed);
                check(&disk, &tried);
                if seed == at {
                    goes_on(&disk, &tried, seed);
                }
            }
        }
    }
}

/// The next process cleans up and writes its own; then the power goes again.
fn goes_on(disk: &PowerStorage, tried: &Tried, seed: u64) {
    let mut store = Store::open(Arc::new(disk.clone()), FOLDER.into(), 2, true);
    let found = store.newest().unwrap().map(|found| found.manifest.checkpoint);
    store.clean().unwrap();
    assert_eq!(store.newest().unwrap().map(|found| found.manifest.checkpoint), found);
    let state = State { keyed: some(0, 50), plain: some(0, 110) };
    let number = store.next_number().unwrap();
    store.write(snapshot(number, vec![("a", operator(Some(&state.keyed), Some(&state.plain), 2))])).unwrap();
    let mut all = tried.all.clone();
    all.retain(|(n, _)| *n < number);
    all.push((number, state));
    disk.cut(seed + 1);
    check(disk, &Tried { all, written: Some(number) });
}

#[test]
fn what_was_found_is_there_after_a_power_cut() {
    // A process that dies before it syncs the rename leaves a checkpoint that a power cut could still undo: once
    // somebody has acted on it, it must not.
    let disk = PowerStorage::default();
    let tried = run(Arc::new(disk.clone()), false, &script()[..1], &mut |_| ());
    assert_eq!(tried.written, Some(0));
    let mut store = Store::open(Arc::new(disk.clone()), FOLDER.into(), 2, true);
    disk.sync_folder(Path::new("/")).unwrap();
    disk.sync_folder(Path::new("/state")).unwrap();
    store.newest().unwrap().unwrap();
    for seed in 0..20 {
        let disk = disk.copy();
        disk.cut(seed);
        check(&disk, &tried);
    }
}

#[test]
fn a_savepoint_is_whole_or_not_there() {
    let to = Path::new("/elsewhere/save");
    let disk = PowerStorage::default();
    disk.create_folders(Path::new("/elsewhere")).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    let tried = run(Arc::new(disk.clone()), true, &script(), &mut |_| ());
    let mut at = 1;
    loop {
        let disk = disk.copy();
        let dying = FailingStorage::new(Arc::new(disk.clone()), at, Fault::Dead);
        let mut store = Store::open(Arc::new(dying), FOLDER.into(), 2, true);
        let found = store.newest().ok().flatten();
        let made = found.and_then(|found| store.savepoint(&found.manifest, to).ok());
        for seed in 0..4 {
            let disk = disk.copy();
            disk.cut(seed);
            check(&disk, &tried);
            match disk.kind(to).unwrap() {
                None => assert!(made.is_none(), "it was made and is gone"),
                Some(_) => assert_eq!(rows_of(&disk, to), tried.all[5].1.sorted()),
            }
        }
        if made.is_some() {
            return;
        }
        at += 1;
    }
}

#[test]
fn a_job_that_has_finished_never_looks_as_it_had_earlier() {
    let disk = PowerStorage::default();
    run(Arc::new(disk.clone()), true, &script(), &mut |_| ());
    for at in 1.. {
        let disk = disk.copy();
        let dying = FailingStorage::new(Arc::new(disk.clone()), at, Fault::Dead);
        let cleared = Store::open(Arc::new(dying), FOLDER.into(), 2, true).clear().is_ok();
        for seed in 0..6 {
            let disk = disk.copy();
            disk.cut(seed);
            let mut store = Store::open(Arc::new(disk.clone()), FOLDER.into(), 2, true);
            let found = store.newest().unwrap();
            assert!(found.is_none_or(|found| found.manifest.checkpoint == 5 && found.skipped.is_empty()));
        }
        if cleared {
            assert_eq!(disk.list(Path::new(FOLDER)).unwrap().len(), 0);
            return;
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..120usize, 0..40usize, prop_oneof![Just(0), 0..60usize], 1..4usize, any::<bool>(), 0..3);
    let step = step.prop_map(|(from, len, append, parallelism, remove, same)| {
        let to = if same == 0 { 0 } else { from + len };
        Step { edit: (from, to), append, parallelism, remove: remove && same != 0 }
    });
    prop::collection::vec(step, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_newest_complete_checkpoint_is_found(
        steps in steps(),
        at in 0..600u64,
        fault in prop_oneof![Just(Fault::Dead), Just(Fault::Once(ErrorKind::Other)), Just(Fault::Once(ErrorKind::StorageFull))],
        seed in any::<u64>(),
    ) {
        let disk = PowerStorage::default();
        let at = if fault == Fault::Dead { at + 1 } else { at };
        let failing = FailingStorage::new(Arc::new(disk.clone()), at, fault);
        let tried = run(Arc::new(failing), true, &steps, &mut |tried| {
            let disk = disk.copy();
            disk.cut(seed);
            check(&disk, tried);
        });
        check(&disk, &tried);
        disk.cut(seed ^ 1);
        check(&disk, &tried);
    }
}
