//! Where state is, and which job is meant.

use std::path::{Path, PathBuf};

use super::args::{NamedArgs, StateArgs};
use super::launch::quoted;
use crate::checkpoint::home::StateDir;
use crate::error::{Error, Result};
use crate::spec::{self, suggest};

pub fn place(args: &StateArgs) -> Result<StateDir> {
    StateDir::find(args.state_dir.as_deref(), &|name| std::env::var_os(name).map(PathBuf::from))
}

/// The option that names the state folder, as typed, with a space before it.
pub fn typed(args: &StateArgs) -> String {
    args.state_dir
        .as_ref()
        .map(|dir| format!(" --state-dir {}", quoted(&dir.display().to_string())))
        .unwrap_or_default()
}

/// A job that has run, or runs.
pub struct Known {
    pub name: String,
    pub folder: PathBuf,
}

/// Finds a job by its name or job file.
///
/// Errors (class Usage): it never ran.
pub fn known(args: &NamedArgs) -> Result<Known> {
    find(&place(&args.state)?, &args.job)
}

pub fn find(place: &StateDir, job: &str) -> Result<Known> {
    let name = name(place, job)?;
    let folder = place.folder(&name);
    if is_name(&name) && folder.is_dir() {
        return Ok(Known { name, folder });
    }
    let error = Error::usage(format!("the job {name} never ran, or has left no state in {}", place.path().display()));
    let folders = place.folders()?;
    let names: Vec<&str> = folders.iter().filter_map(|folder| folder.file_name()?.to_str()).collect();
    Err(match suggest(&name, &names) {
        Some(near) => error.note(format!("did you mean `{near}`? `flott list` shows all")),
        None => error.note("`flott list` shows all jobs that ran"),
    })
}

/// The name that is meant: of a job that ran, or that of a job file.
fn name(place: &StateDir, job: &str) -> Result<String> {
    let path = Path::new(job);
    if is_name(job) && place.folder(job).is_dir() || !path.is_file() {
        return Ok(job.to_owned());
    }
    let loaded = spec::load(path, &[]);
    let job = loaded.job.ok_or_else(|| {
        let error = Error::usage(format!("{} is no job file", path.display()));
        error.note(format!("flott check {} says why", quoted(job)))
    })?;
    Ok(job.name)
}

/// It cannot lead out of the folder of all state.
fn is_name(job: &str) -> bool {
    !job.is_empty() && !job.contains('/') && job != "." && job != ".."
}
