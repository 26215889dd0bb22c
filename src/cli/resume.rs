//! `flott resume`: a job goes on from a savepoint, a checkpoint, or where its last run ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::ResumeArgs;
use super::launch::{Begin, Launch, quoted};
use super::run;
use super::screen::Screen;
use super::state;
use crate::checkpoint::home::{self, Checkpoint, Owner, StateDir};
use crate::checkpoint::{manifest, restore};
use crate::error::{Error, Result};
use crate::spec;
use crate::storage::RealStorage;

pub fn resume(args: &ResumeArgs) -> u8 {
    run::reported(&args.output, args.color, &args.from, |screen| launch(args, screen))
}

/// State that was asked for.
struct State {
    /// The job as it ran.
    job: manifest::Job,
    begin: Begin,
}

fn launch(args: &ResumeArgs, screen: &Screen) -> Result<Launch> {
    let place = state::place(&args.state);
    let State { job, begin } = find(args, &place)?;
    // Before the directory changes.
    let given = args.job.as_deref().map(absolute).transpose()?;
    let relative = matches!(begin, Begin::Path(_)) && given.is_some();
    if !relative && let Err(error) = std::env::set_current_dir(&job.directory) {
        screen.warning(&no_directory(&job.directory, &error));
    }
    let owner = match (&given, &begin) {
        (None, _) => Owner::Same,
        (Some(_), Begin::Path(_)) => Owner::Was(PathBuf::from(&job.path)),
        (Some(_), _) => Owner::Moved,
    };
    let has_own = given.is_some();
    let typed = quoted(&given.as_deref().unwrap_or(Path::new(&job.path)).display().to_string());
    let (path, loaded, overrides) = match given {
        Some(path) => {
            let mut loaded = spec::load(&path, &args.overrides);
            keep_name(&mut loaded, &path, &job.name, &begin)?;
            (home::job_file(&path).unwrap_or(path), loaded, args.overrides.clone())
        }
        None => {
            let overrides: Vec<String> = job.overrides.iter().chain(&args.overrides).cloned().collect();
            let path = PathBuf::from(&job.path);
            (path.clone(), spec::load_text(&path, &job.text, &overrides), overrides)
        }
    };
    let written = loaded.job.as_ref().and_then(|job| job.parallelism.as_ref()).map(|p| p.value);
    let parallelism = args.parallelism.or(written.filter(|_| has_own)).or(Some(job.parallelism));
    let typed_place = state::typed(&args.state);
    Ok(Launch {
        path,
        loaded,
        overrides,
        parallelism: parallelism.filter(|p| *p > 0),
        place,
        owner,
        begin,
        stored: Some(job),
        allow_non_restored: args.allow_non_restored_state,
        allow_duplicates: args.allow_duplicates,
        rewind_output: args.rewind_output,
        typed: format!("{typed}{typed_place}"),
        typed_place,
    })
}

/// A job file that does not name its job goes on under the name of the state, which the run belongs to.
///
/// Errors (class Usage): it has another name than the job that was asked for.
fn keep_name(loaded: &mut spec::Loaded, path: &Path, name: &str, begin: &Begin) -> Result<()> {
    let Some(job) = &mut loaded.job else { return Ok(()) };
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy() == job.name) {
        job.name = name.to_owned();
    }
    match begin {
        Begin::Latest if job.name != name => {
            let message = format!("{} is the job {}, not {name}", path.display(), job.name);
            Err(Error::usage(message).note(format!("to go on with it as {name}: -D job.name={}", quoted(name))))
        }
        _ => Ok(()),
    }
}

/// The manifest that is asked for. A folder that holds one is meant as such; all else is a job.
fn find(args: &ResumeArgs, place: &Result<StateDir>) -> Result<State> {
    let typed = &args.from;
    let folder = match typed.file_name() {
        Some(name) if name == MANIFEST && typed.is_file() => typed.parent().map(Path::to_owned).unwrap_or_default(),
        _ => typed.clone(),
    };
    if folder.join(MANIFEST).is_file() {
        let folder = absolute(&folder)?;
        return Ok(State { job: stored(&folder)?, begin: Begin::Path(folder) });
    }
    let shown = typed.display().to_string();
    if typed.is_dir() && shown.contains('/') {
        return Err(Error::usage(format!("{shown} is no savepoint: it has no {MANIFEST}"))
            .note("the folder of a savepoint or checkpoint holds one, or was not completed"));
    }
    let job = state::find(place.as_ref().map_err(Clone::clone)?, &shown)?;
    let first = newest(&job.folder)?;
    let none = || {
        Error::usage(format!("the job {} has left nothing to go on from", job.name))
            .note("a run that finishes leaves no checkpoint; `flott run` starts it anew")
    };
    let job = first.ok_or_else(none)?;
    let advice = "no older checkpoint can be read either: resume a savepoint, or `flott run --fresh` starts anew";
    Ok(State { job: job.map_err(|error| error.note(advice))?, begin: Begin::Latest })
}

const MANIFEST: &str = "manifest.json";

/// The job as the newest checkpoint of a state folder has it.
///
/// Which of them is sound is found out by whoever goes on from it; each says what the job was.
fn newest(folder: &Path) -> Result<Option<Result<manifest::Job>>> {
    let all = Checkpoint::all(folder)?.map(|checkpoint| stored(&checkpoint.path));
    Ok(all.reduce(|newer, older| if newer.is_ok() { newer } else { older.or(newer) }))
}

/// The job as an earlier run left it, if it did not finish.
pub fn left(place: &Result<StateDir>, name: &str) -> Option<manifest::Job> {
    newest(&place.as_ref().ok()?.folder(name)).ok()??.ok()
}

/// What a manifest says of the job.
fn stored(folder: &Path) -> Result<manifest::Job> {
    Ok(restore::Checkpoint::open(Arc::new(RealStorage), folder)?.manifest().job.clone())
}

fn no_directory(directory: &str, error: &std::io::Error) -> Error {
    Error::external(format!("the run began in {directory}, which cannot be entered: {error}"))
        .note("relative paths of the job start at the current directory instead")
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::usage(format!("{} is no path: {e}", path.display())))
}
