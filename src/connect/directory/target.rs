//! What a directory sink demands of its folder.

use std::fs;
use std::io;
use std::path::Path;

use super::state::{Beside, Place, State};
use super::tree::{Since, Tree};
use super::{DirectoryOptions, Mode};
use crate::connect::Run;
use crate::connect::output::{job_mark, write_error};
use crate::error::{Error, Result};
use crate::storage::Kind;

/// Refuses, before anything is written, a folder that cannot be (class Job).
pub fn check_target(options: &DirectoryOptions) -> Result<()> {
    let DirectoryOptions { path, mode, storage, .. } = options;
    let failed = |e: io::Error| write_error(path, &e);
    let shown = path.display();
    if path.file_name().is_none() {
        return Err(Error::job(format!("{shown} is not the name of a folder")).note("name a folder in it"));
    }
    match storage.kind(path).map_err(failed)? {
        None => return Ok(()),
        Some(Kind::Folder) => {}
        Some(_) => {
            return Err(
                Error::job(format!("{shown} is not a folder")).note("name a folder, or use a sink of type \"file\"")
            );
        }
    }
    match mode {
        Mode::New if !storage.list(path).map_err(failed)?.is_empty() => {
            Err(Error::job(format!("{shown} is not empty and mode is \"new\""))
                .note("remove it, write to another folder, or use mode = \"append\" or \"replace\""))
        }
        Mode::Replace => check_replaceable(&options.tree(), path),
        Mode::New | Mode::Append => Ok(()),
    }
}

/// A folder is removed when it is replaced: there must be nothing in it but what such a sink makes.
pub fn check_replaceable(tree: &Tree, path: &Path) -> Result<()> {
    let found = tree.walk(path).map_err(|e| write_error(path, &e))?;
    let Some(other) = found.others.first() else { return Ok(()) };
    Err(Error::job(format!("{} is in the folder that mode \"replace\" would remove", other.display()))
        .note("only part files are removed: move it away, or write to another folder"))
}

/// Where parts go.
pub fn place(options: &DirectoryOptions, run: &Run) -> Result<Place> {
    let DirectoryOptions { path, mode, storage, .. } = options;
    let failed = |e: io::Error| write_error(path, &e);
    if *mode != Mode::Replace {
        return Ok(Place { path: path.clone(), beside: None });
    }
    // Through a symbolic link the folder it points to is replaced, not the link.
    let real = match storage.kind(path).map_err(failed)? {
        Some(_) => fs::canonicalize(path).map_err(failed)?,
        None => path.clone(),
    };
    let mark = match &run.folder {
        Some(folder) => job_mark(folder),
        None => run.lineage.clone(),
    };
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = |what: &str| real.with_file_name(format!(".{name}.flott-{mark}.{what}"));
    let beside = Some(Beside { new: beside("new"), old: beside("old") });
    Ok(Place { path: real, beside })
}

/// Errors (class Job): the job file says something else now.
pub fn check_same(options: &DirectoryOptions, state: &State) -> Result<()> {
    let path = &state.place.path;
    let same = *path == options.path || fs::canonicalize(&options.path).is_ok_and(|real| real == *path);
    let changed = if !same {
        format!("the checkpoint goes on in {}, and the sink's path is {} now", path.display(), options.path.display())
    } else if state.place.beside.is_some() != (options.mode == Mode::Replace) {
        format!("{} was begun with another mode than the sink has now", path.display())
    } else {
        return Ok(());
    };
    Err(Error::job(changed).note("change it back, give the sink another name, or start over with --fresh"))
}

/// Errors (class External): a part that was being written is not as it was left.
pub fn check_parts(tree: &Tree, state: &State) -> Result<()> {
    let root = state.place.root();
    let failed = |e: io::Error| write_error(root, &e);
    let found = tree.walk(root).map_err(failed)?;
    let since = Since { found: &found, checkpoint: state.checkpoint, lineages: &state.lineages };
    for part in &state.parts {
        if let Some(complaint) = tree.complaint(root, part, &since).map_err(failed)? {
            return Err(Error::external(complaint)
                .note("put it back, resume from another checkpoint, or start over with --fresh"));
        }
    }
    Ok(())
}

/// What tells a run without checkpoints from others, in the order they began.
pub fn lineage_of_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:014x}{:06x}", now.as_micros(), std::process::id())
}
