//! What commands to a running job share: they ask, and wait.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::args::NamedArgs;
use super::screen::Screen;
use super::state::{self, Known};
use crate::checkpoint::home::Lock;
use crate::control::client;
use crate::error::{Error, Result};

/// Between the answer to `stop` and the end of the process there is little to do.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// Asks the job of a command; what is done with the answer may fail too. Returns the exit code.
pub fn ask(args: &NamedArgs, path: &str, body: &Value, done: impl FnOnce(&Screen, &Known, Value) -> Result<()>) -> u8 {
    let screen = Screen::plain();
    let asked = state::known(args).and_then(|job| {
        let answer = client::ask(&job.folder, "POST", path, Some(body))?;
        done(&screen, &job, answer)
    });
    match asked {
        Ok(()) => 0,
        Err(error) => screen.refuse(&error),
    }
}

/// Waits until the process that ran the job is gone, so that what is typed next finds the job free.
pub fn wait(job: &Known) -> Result<()> {
    let started = Instant::now();
    while Lock::holder(&job.folder)?.is_some() {
        if started.elapsed() > PATIENCE {
            return Err(Error::external(format!("the job {} has ended, but its process has not", job.name)));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A folder as the running process, which is in another directory, finds it.
///
/// Errors (class Usage): it is no path.
pub fn folder(path: Option<&Path>) -> Result<Option<PathBuf>> {
    let absolute = path.map(std::path::absolute).transpose();
    absolute.map_err(|e| Error::usage(format!("this is no folder for a savepoint: {e}")))
}
