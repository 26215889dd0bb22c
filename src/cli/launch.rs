//! What a run begins with: its state folder, and where in it.

use std::path::PathBuf;

use crate::checkpoint::home::{Checkpoint, Home, Owner, StateDir};
use crate::checkpoint::manifest;
use crate::error::{Class, Error, Result};
use crate::plan;
use crate::plan::logical::LogicalPlan;
use crate::runtime::orders::{From, RunOptions};
use crate::spec::{JobSpec, Loaded};

/// A job that is to run.
pub struct Launch {
    /// The job file: absolute, or as typed if it cannot be found.
    pub path: PathBuf,
    pub loaded: Loaded,
    pub overrides: Vec<String>,
    /// Asked for, or that of the state.
    pub parallelism: Option<usize>,
    pub place: Result<StateDir>,
    pub owner: Owner,
    pub begin: Begin,
    /// The job as the run to go on from had it.
    pub stored: Option<manifest::Job>,
    /// What else resume needs: see [`RunOptions`].
    pub allow_non_restored: bool,
    pub allow_duplicates: bool,
    pub rewind_output: bool,
    /// Behind `flott run`, to start this job again; for messages.
    pub typed: String,
    /// Option for the state folder, with a space before it, for messages.
    pub typed_place: String,
}

/// Where a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// At the start; refused if an earlier run did not finish.
    Anew,
    /// At the start, whatever there is.
    Fresh,
    /// Where an earlier run ended, if one did not finish; else at the start.
    IfLeft,
    /// Where an earlier run ended.
    Latest,
    /// At a savepoint or retained checkpoint.
    Path(PathBuf),
}

impl Launch {
    /// Takes the state folder, unless the job leaves nothing behind.
    ///
    /// Errors: as [`Home::claim`]; an earlier run did not finish (class Unfinished); there is nothing to go on from
    /// (Usage).
    pub fn claim(&self, job: &JobSpec, plan: &LogicalPlan) -> Result<(Option<Home>, Option<From>)> {
        let goes_on = matches!(self.begin, Begin::Latest | Begin::Path(_));
        if plan::is_filter(job, plan) && !goes_on {
            return Ok((None, None));
        }
        let off = plan::checkpoints(job, plan).is_none();
        let place = self.place.as_ref().map_err(Clone::clone);
        let home = match place.and_then(|place| Home::claim(place, &job.name, &self.path, &self.owner)) {
            Ok(home) => home,
            // It needs no folder: without one, it only cannot be listed or spoken to.
            Err(error) if off && !goes_on && matches!(error.class, Class::Usage | Class::External) => {
                return Ok((None, None));
            }
            Err(error) if error.class == Class::External => {
                return Err(
                    error.note("another place: --state-dir DIR; without checkpoints: -D checkpoint.interval=off")
                );
            }
            Err(error) => return Err(error),
        };
        let left = home.unfinished()?;
        if off && (goes_on || left.is_some()) {
            return Err(without_checkpoints(&job.name, &home));
        }
        let from = match (&self.begin, left) {
            (Begin::Anew, Some(left)) => return Err(self.unfinished(&job.name, &left)),
            (Begin::Latest, None) => {
                let error = Error::usage(format!("the job {} has left nothing to go on from", job.name));
                return Err(error.note(format!("to start anew: flott run {}", self.typed)));
            }
            (Begin::Latest | Begin::IfLeft, Some(_)) => Some(From::Latest),
            (Begin::Path(path), _) => Some(From::Path(path.clone())),
            (Begin::Anew | Begin::Fresh | Begin::IfLeft, _) => None,
        };
        Ok((Some(home), from))
    }

    /// Whether an earlier run may have written what lies in the places of outputs.
    pub fn has_before(&self, job: &JobSpec) -> bool {
        let left = || self.place.as_ref().is_ok_and(|place| Checkpoint::any(&place.folder(&job.name)));
        matches!(self.begin, Begin::Latest | Begin::Path(_)) || left()
    }

    /// What the engine is told.
    pub fn options(
        &self,
        job: &JobSpec,
        plan: &LogicalPlan,
        parallelism: usize,
        home: Option<&Home>,
        from: Option<From>,
    ) -> RunOptions {
        let text = |path: &std::path::Path| path.display().to_string();
        RunOptions {
            checkpoint: plan::checkpoints(job, plan),
            restart: job.restart,
            folder: home.map(|home| home.folder().to_owned()),
            job: manifest::Job {
                name: job.name.clone(),
                path: text(&self.path),
                directory: std::env::current_dir().map(|d| text(&d)).unwrap_or_default(),
                text: job.text.text.to_string(),
                overrides: self.overrides.clone(),
                parallelism,
                max_parallelism: job.max_parallelism.value,
                schemas: Default::default(),
                inferred: Default::default(),
            },
            from,
            allow_non_restored: self.allow_non_restored,
            allow_duplicates: self.allow_duplicates,
            rewind_output: self.rewind_output,
        }
    }

    fn unfinished(&self, name: &str, left: &Checkpoint) -> Error {
        let message = format!("an earlier run of the job {name} did not finish: checkpoint {} is there", left.number);
        Error::new(Class::Unfinished, message)
            .note(format!("to go on from it:  flott run {} --resume", self.typed))
            .note(format!("to start anew:     flott run {} --fresh", self.typed))
    }

    /// How to go on with what a run has left.
    pub fn resume_command(&self, name: &str) -> String {
        format!("flott resume {}{}", quoted(name), self.typed_place)
    }
}

/// Who makes no checkpoints cannot tell what is in them.
fn without_checkpoints(name: &str, home: &Home) -> Error {
    Error::new(Class::Unfinished, format!("an earlier run of {name} left checkpoints, and in this run they are off"))
        .note("it can neither go on from them nor undo what they stand for: turn checkpoints on")
        .note(format!("or remove them: rm -r {}", quoted(&home.folder().display().to_string())))
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_copied_into_a_shell() {
        for (word, expect) in
            [("a.b=c", "a.b=c"), ("", "''"), ("my job", "'my job'"), ("it's", r"'it'\''s'"), ("a;rm", "'a;rm'")]
        {
            assert_eq!(quoted(word), expect);
        }
    }
}
