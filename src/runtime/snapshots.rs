//! The snapshot thread: what a checkpoint costs and the tasks need not wait for.
//!
//! It makes output last, writes the checkpoint, and then, because now the checkpoint exists, commits what sinks had
//! prepared, in order. Checkpoints come one at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::barrier::Durable;
use crate::checkpoint::manifest::{Kind, Manifest, SinkState, Snapshot};
use crate::checkpoint::store::Store;
use crate::connect::Committer;
use crate::error::{Error, Result};
use crate::storage::crash;

/// By path of the node.
pub type Committers = BTreeMap<String, Box<dyn Committer>>;

/// A checkpoint to write.
pub struct Order {
    pub snapshot: Snapshot,
    pub durable: Vec<Durable>,
    /// Folder of a savepoint to be made of it.
    pub savepoint: Option<PathBuf>,
}

/// What became of it.
pub struct Outcome {
    pub checkpoint: u64,
    pub result: Result<Taken, Failed>,
}

/// A checkpoint that exists.
pub struct Taken {
    /// Folder of the checkpoint.
    pub path: PathBuf,
    /// Folder of the savepoint, if one was asked for; why it could not be made.
    pub savepoint: Option<Result<PathBuf>>,
    /// Bytes that were written for it.
    pub bytes: u64,
    /// The oldest one that is kept: nothing before it is needed again.
    pub oldest: Manifest,
}

pub enum Failed {
    /// It does not exist.
    Write(Error),
    /// It exists, but its output could not be committed: the job cannot go on.
    Commit(Error),
}

/// A handle on the thread; it ends when this is dropped.
pub struct Snapshots {
    orders: Option<Sender<Order>>,
    pub outcomes: Receiver<Outcome>,
    thread: Option<JoinHandle<(Store, Committers)>>,
}

impl Snapshots {
    /// Errors: the system has no thread to give (class External).
    pub fn start(mut store: Store, mut committers: Committers) -> Result<Snapshots> {
        let (orders, receiver) = unbounded::<Order>();
        let (sender, outcomes) = unbounded();
        let work = move || {
            for order in receiver {
                let checkpoint = order.snapshot.checkpoint;
                let result = take(&mut store, &mut committers, order);
                // The job may have failed meanwhile: nobody asks any more.
                let _ = sender.send(Outcome { checkpoint, result });
            }
            (store, committers)
        };
        let thread = std::thread::Builder::new().name("snapshots".into()).spawn(work);
        let thread = thread.map_err(|e| Error::external(format!("cannot start a thread: {e}")))?;
        Ok(Snapshots { orders: Some(orders), outcomes, thread: Some(thread) })
    }

    pub fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    /// Ends the thread when it has done what was ordered.
    pub fn finish(mut self) -> Result<(Store, Committers)> {
        self.orders = None;
        let thread = self.thread.take().ok_or_else(|| Error::internal("the snapshot thread has ended before"))?;
        thread.join().map_err(|_| Error::internal("the snapshot thread panicked"))
    }
}

/// Writes one checkpoint and commits what it holds.
pub fn take(store: &mut Store, committers: &mut Committers, order: Order) -> Result<Taken, Failed> {
    let Order { snapshot, durable, savepoint } = order;
    let sinks = snapshot.sinks.clone();
    // Also behind one that fails: the next checkpoint may need what the others do.
    let done: Vec<Result<()>> = durable.into_iter().map(|durable| durable()).collect();
    done.into_iter().collect::<Result<()>>().map_err(Failed::Write)?;
    crash::point("checkpoint-after-durable");
    let written = store.write(snapshot).map_err(Failed::Write)?;
    crash::point("checkpoint-before-commit");
    let savepoint = savepoint.map(|to| store.savepoint(&written.manifest, &to));
    commit(committers, &sinks).map_err(Failed::Commit)?;
    crash::point("checkpoint-after-commit");
    let kept = store.list().map_err(Failed::Commit)?.into_iter().filter_map(|listed| listed.manifest?.ok());
    let oldest = kept.filter(|manifest| manifest.kind != Kind::Start).min_by_key(|manifest| manifest.checkpoint);
    let oldest = oldest.unwrap_or(written.manifest);
    Ok(Taken { path: written.path, savepoint, bytes: written.bytes_written, oldest })
}

/// Commits what is pending, in order. Doing so again changes nothing.
pub fn commit(committers: &mut Committers, sinks: &BTreeMap<String, SinkState>) -> Result<()> {
    for (name, state) in sinks {
        for (_, pending) in &state.pending {
            let committer = committers.get_mut(name).ok_or_else(|| {
                Error::external("the checkpoint holds output that is not in place yet, and the job has no such sink")
                    .at(name.clone())
            })?;
            committer.commit(pending).map_err(|e| e.at(name.clone()))?;
            crash::point("sink-after-commit");
        }
    }
    Ok(())
}
