//! `flott state`: looks into checkpoints and savepoints, without running anything.
//!
//! What is asked of a checkpoint is in `checkpoint::look`, what a job would keep of it in `runtime::compare`, which
//! `flott resume` asks too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Look, LookArgs, StateArgs};
use super::screen::Screen;
use super::state;
use crate::checkpoint::home::Lock;
use crate::checkpoint::manifest::Kind;
use crate::checkpoint::restore::Checkpoint;
use crate::error::{Error, Result};
use crate::storage::RealStorage;

mod diff;
mod dump;
mod entries;
mod ls;
mod prune;
mod show;
mod verify;

const MANIFEST: &str = "manifest.json";
/// In the state folder of a job.
const SAVEPOINTS: &str = "savepoints";
/// How often a job is looked at anew that takes its oldest checkpoint away meanwhile.
const TRIES: usize = 3;

/// Returns the exit code.
pub fn look(args: &LookArgs) -> u8 {
    let screen = Screen::plain();
    let done = match &args.command {
        Look::Ls(args) => ls::ls(args),
        Look::Show(args) => show::show(args),
        Look::Dump(args) => dump::dump(args),
        Look::Diff(args) => diff::diff(args),
        Look::Verify(args) => verify::verify(args, &screen),
        Look::Prune(args) => prune::prune(args, &screen),
    };
    done.unwrap_or_else(|error| screen.refuse(&error))
}

/// What is looked at.
enum Target {
    /// The folder of a checkpoint or savepoint.
    One(PathBuf),
    /// A folder of checkpoints or of savepoints: the state folder of a job.
    Folder(PathBuf),
}

/// Finds what was typed. A folder that holds a manifest is meant as such, then names of jobs, then folders with state.
///
/// Errors (class Usage): it is none of these.
fn target(typed: &str, args: &StateArgs) -> Result<Target> {
    let path = Path::new(typed);
    if path.file_name().is_some_and(|name| name == MANIFEST) && path.is_file() {
        return Ok(Target::One(path.parent().map(Path::to_owned).unwrap_or_default()));
    }
    if path.join(MANIFEST).is_file() {
        return Ok(Target::One(path.to_owned()));
    }
    let job = state::place(args).and_then(|place| state::find(&place, typed));
    match job {
        Ok(job) => Ok(Target::Folder(job.folder)),
        Err(_) if path.is_dir() && entries::is_folder_of_state(path) => Ok(Target::Folder(path.to_owned())),
        Err(_) if path.is_dir() => Err(Error::usage(format!("there is no state in {typed}"))
            .note("expected is a savepoint, a checkpoint, the state folder of a job, or a job")),
        Err(error) if typed.contains('/') && !path.exists() => {
            Err(Error::usage(format!("there is nothing at {typed}")).note(error.message))
        }
        Err(error) => Err(error),
    }
}

/// The checkpoint that is meant: of a job, the newest that is sound.
fn checkpoint(typed: &str, args: &StateArgs) -> Result<Checkpoint> {
    let open = |path: &Path| Checkpoint::open(Arc::new(RealStorage), path);
    let folder = match target(typed, args)? {
        Target::One(path) => return open(&path),
        Target::Folder(folder) => folder,
    };
    if entries::checkpoints(&folder)?.is_empty() {
        return Err(nothing(typed, &folder));
    }
    let mut opened = open(&folder);
    for _ in 1..TRIES {
        if opened.is_ok() || Lock::holder(&folder)?.is_none() {
            break;
        }
        opened = open(&folder);
    }
    opened
}

fn nothing(typed: &str, folder: &Path) -> Error {
    let error = Error::usage(format!("{typed} has no checkpoint"));
    let saved = entries::savepoints(&folder.join(SAVEPOINTS)).ok().and_then(|entries| entries.into_iter().next_back());
    match saved {
        Some(savepoint) => error.note(format!("it has savepoints, such as {}", savepoint.path.display())),
        None => error.note("a run that has finished leaves none; savepoints stay, and are named by their folder"),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Start => "start",
        Kind::Checkpoint => "checkpoint",
        Kind::Savepoint => "savepoint",
    }
}
