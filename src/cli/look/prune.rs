//! `flott state prune`: what nobody needs any more goes.

use std::path::Path;
use std::sync::Arc;

use super::entries::{self, Entry};
use crate::checkpoint::home::Lock;
use crate::checkpoint::manifest::Kind;
use crate::checkpoint::store::Store;
use crate::cli::args::PruneArgs;
use crate::cli::screen::Screen;
use crate::cli::state;
use crate::cli::summary::grouped;
use crate::error::{Error, Result};
use crate::storage::RealStorage;

pub fn prune(args: &PruneArgs, screen: &Screen) -> Result<u8> {
    let job = state::known(&args.job)?;
    let _lock = Lock::take(&job.folder, &job.name)?;
    let before = Held::of(&job.folder)?;
    let mut store = Store::open(Arc::new(RealStorage), job.folder.clone(), usize::from(args.keep), true);
    // What is damaged must not count as one of those that stay.
    let found = store.newest()?;
    if found.is_none() && before.manifests > 0 {
        return Err(Error::external(format!("no checkpoint of {} can be used: nothing is removed", job.name))
            .note(format!("flott state verify {} says what is wrong with each", job.name)));
    }
    store.clean()?;
    let after = Held::of(&job.folder)?;
    let (checkpoints, bytes) = (before.folders - after.folders, before.bytes.saturating_sub(after.bytes));
    screen.line(&format!(
        "flott: {checkpoints} checkpoints removed, {} bytes freed; {} kept",
        grouped(bytes),
        after.manifests
    ));
    Ok(0)
}

/// What lies in a state folder of checkpoints.
struct Held {
    folders: usize,
    manifests: usize,
    bytes: u64,
}

impl Held {
    fn of(folder: &Path) -> Result<Held> {
        let entries = entries::checkpoints(folder)?;
        let is_one = |entry: &&Entry| match &entry.manifest {
            Some(Ok(manifest)) => manifest.kind != Kind::Start,
            Some(Err(_)) => true,
            None => false,
        };
        let manifests = entries.iter().filter(is_one).count();
        let files = entries.iter().filter_map(|entry| std::fs::read_dir(&entry.path).ok()).flatten().flatten();
        let bytes = files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum();
        Ok(Held { folders: entries.len(), manifests, bytes })
    }
}
