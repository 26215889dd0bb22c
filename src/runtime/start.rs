//! What a run begins with: the state folder, what an earlier run left in it, and the checkpoint to go on from.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::attempt::Watch;
use super::compare;
use super::driver::Clock;
use super::job::Job;
use super::orders::From;
use super::snapshots::{self, Committers};
use super::unconfirmed::Unconfirmed;
use crate::checkpoint::machine::Options;
use crate::checkpoint::manifest::{Inferred, Kind, Manifest};
use crate::checkpoint::restore::Checkpoint;
use crate::checkpoint::store::Store;
use crate::connect::{self, Rewind, Rewound, journal};
use crate::error::{Error, Result};
use crate::plan::physical::{PhysicalPlan, SourcePlan};
use crate::spec::Durability;
use crate::state::table::Restored;
use crate::storage::crash;

/// What the attempts of a job with checkpoints share.
pub struct Life {
    pub lineage: String,
    pub store: Store,
    pub committers: Committers,
    /// Number of the next checkpoint.
    pub next: u64,
    /// There is a checkpoint.
    pub noted: bool,
    /// There is one behind the first that live inputs need, so a failure undoes nothing.
    pub kept: bool,
    pub power: bool,
    pub options: Options,
    /// Of the last attempt.
    pub unconfirmed: Unconfirmed,
}

impl super::deploy::Resume for Checkpoint {
    fn manifest(&self) -> &Manifest {
        Checkpoint::manifest(self)
    }

    fn state(&self, operator: &str, subtask: usize, parallelism: usize) -> Result<Option<Restored>> {
        match Checkpoint::manifest(self).operators.contains_key(operator) {
            true => self.restored(operator, subtask, parallelism).map(Some),
            false => Ok(None),
        }
    }
}

/// What an attempt begins with.
pub struct Start {
    /// `None`: no checkpoints.
    pub life: Option<Life>,
    pub resume: Option<Checkpoint>,
}

impl Start {
    /// Of a process: opens the state folder, and settles what an earlier run left.
    pub fn open(job: &mut Job, watch: &mut dyn Watch) -> Result<Start> {
        let Some((spec, folder)) = job.options.checkpoint.clone().zip(job.options.folder.clone()) else {
            job.connectors.begin(connect::Run::default());
            return Ok(Start { life: None, resume: None });
        };
        job.options.job.schemas = schemas(job.plan);
        job.options.job.inferred = inferred(job.plan);
        let power = spec.durability == Durability::Power;
        let mut store = Store::open(Arc::clone(&job.storage), folder.clone(), spec.retain, power);
        // 0 stands for none.
        let next = store.next_number()?.max(1);
        let mut life = Life {
            lineage: new_lineage(),
            store,
            committers: Committers::new(),
            next,
            noted: false,
            kept: false,
            power,
            options: Options {
                interval: spec.interval,
                min_pause: spec.min_pause,
                timeout: spec.timeout,
                tolerate: spec.tolerate,
            },
            unconfirmed: Unconfirmed::default(),
        };
        let resume = match &job.options.from {
            None => None,
            Some(from) => life.find(from, job, watch)?,
        };
        let newest = life.store.newest()?.map(|found| found.path);
        let goes_back = resume.as_ref().is_some_and(|checkpoint| newest.as_deref() != Some(checkpoint.path()));
        if let Some(checkpoint) = resume.as_ref().filter(|_| !goes_back) {
            life.lineage = checkpoint.manifest().lineage.clone();
        }
        life.begin(job)?;
        let resume = match resume {
            // From here on it is the newest of this folder: whatever happens, the next run goes on from it.
            Some(checkpoint) if goes_back => Some(life.adopt(&checkpoint, job)?),
            other => other,
        };
        match resume {
            None => {
                life.discard(watch)?;
                Ok(Start { life: Some(life), resume: None })
            }
            Some(checkpoint) => life.go_on(checkpoint, job),
        }
    }

    /// Behind a failed attempt: from the newest checkpoint, or from the start.
    pub fn again(self, job: &mut Job, watch: &mut dyn Watch) -> Result<Start> {
        let Some(mut life) = self.life else {
            return Ok(Start { life: None, resume: None });
        };
        if !life.noted {
            life.store.clear()?;
            return Ok(Start { life: Some(life), resume: None });
        }
        match life.find(&From::Latest, job, watch)? {
            Some(checkpoint) => life.go_on(checkpoint, job),
            None => Err(Error::external("the checkpoints of this run are gone from the state folder")),
        }
    }

    /// The job had ended, and only its output was to be put in place: that is done.
    pub fn is_over(&self) -> bool {
        self.resume.as_ref().is_some_and(|checkpoint| checkpoint.manifest().ended)
    }

    pub fn clear(&mut self) -> Result<()> {
        self.life.as_mut().map_or(Ok(()), Life::clear)
    }
}

impl Life {
    /// Removes all there is to go on with.
    pub fn clear(&mut self) -> Result<()> {
        self.store.clear()?;
        crash::point("clear-before-journal");
        journal::clear(self.store.storage(), self.store.folder())
    }

    /// Tells the connectors of the run.
    fn begin(&mut self, job: &mut Job) -> Result<()> {
        let folder = Some(self.store.folder().to_owned());
        job.connectors.begin(connect::Run { lineage: self.lineage.clone(), folder, power: self.power });
        for sink in &job.plan.sinks {
            let committer = job.connectors.committer(sink).map_err(|e| e.at(sink.name.clone()))?;
            self.committers.insert(sink.name.clone(), committer);
        }
        Ok(())
    }

    /// The checkpoint to go on from; `None` if there is none in the state folder.
    fn find(&mut self, from: &From, job: &Job, watch: &mut dyn Watch) -> Result<Option<Checkpoint>> {
        let path = match from {
            From::Path(path) => path.clone(),
            From::Latest => {
                let Some(found) = self.store.newest()? else {
                    return match self.store.list()?.iter().any(|listed| listed.manifest.is_some()) {
                        true => Err(Error::external("no checkpoint of the state folder can be used")
                            .note("flott state verify says what is wrong with each; --fresh starts anew")),
                        false => Ok(None),
                    };
                };
                for (path, why) in &found.skipped {
                    let message = format!("{} cannot be used: {}", path.display(), why.message);
                    watch.warn(&Error::external(message).note("the checkpoint before it is taken"));
                }
                match found.manifest.kind {
                    Kind::Start => return Ok(None),
                    Kind::Checkpoint | Kind::Savepoint => found.path,
                }
            }
        };
        let checkpoint = Checkpoint::open(Arc::clone(&job.storage), &path)?;
        compare::check(checkpoint.manifest(), job.plan, job.options.allow_non_restored)?;
        Ok(Some(checkpoint))
    }

    /// Undoes what a run left that had no checkpoint yet, or that is not to be gone on from. Output that cannot be put in
    /// place or taken back, as it is gone or the job has changed, is left as it is, which is said: the user wants to
    /// be rid of it.
    fn discard(&mut self, watch: &mut dyn Watch) -> Result<()> {
        if let Some(found) = self.store.newest()? {
            for name in found.manifest.sinks.keys() {
                let only = |(sink, _): &(&String, _)| *sink == name;
                let sinks = found.manifest.sinks.iter().filter(only).map(|(sink, state)| (sink.clone(), state.clone()));
                let manifest = Manifest { sinks: sinks.collect(), ..found.manifest.clone() };
                if let Err(error) = self.rewind(&manifest, false, true) {
                    let left = "the new run begins without it: what the earlier one had not finished here is lost";
                    watch.warn(&error.at(name.clone()).note(left));
                }
            }
        }
        crash::point("fresh-before-clear");
        self.store.clear()
    }

    fn adopt(&mut self, checkpoint: &Checkpoint, job: &Job) -> Result<Checkpoint> {
        let path = self.store.adopt(checkpoint, self.next, &self.lineage, Clock::start().now())?;
        self.next += 1;
        Checkpoint::open(Arc::clone(&job.storage), &path)
    }

    fn rewind(&mut self, manifest: &Manifest, force: bool, anyway: bool) -> Result<Vec<(String, String)>> {
        let is_start = manifest.kind == Kind::Start;
        // What the same run wrote behind it, and what it began with.
        let (lineage, number) = match &manifest.origin {
            Some(origin) => (&origin.lineage, origin.checkpoint),
            None => (&manifest.lineage, manifest.checkpoint),
        };
        let of_run: Vec<Manifest> = (self.store.list()?.into_iter())
            .filter_map(|listed| listed.manifest?.ok())
            .filter(|other| other.lineage == *lineage && other.checkpoint != manifest.checkpoint)
            .collect();
        if !is_start {
            snapshots::commit(&mut self.committers, &manifest.sinks)?;
        }
        // All of it is in place now, and nothing came behind it.
        if manifest.ended {
            return Ok(Vec::new());
        }
        // All are asked before anything is cut.
        let mut refused = Vec::new();
        for ask in [true, false] {
            refused.clear();
            for (name, sink) in &manifest.sinks {
                let Some(committer) = self.committers.get_mut(name) else { continue };
                let to = (!is_start).then_some(&sink.state);
                let states = |of: &dyn Fn(&Manifest) -> bool| -> Vec<Value> {
                    of_run.iter().filter(|m| of(m)).filter_map(|m| m.sinks.get(name)).map(|s| s.state.clone()).collect()
                };
                let later = states(&|m| m.kind != Kind::Start && m.checkpoint > number);
                let started = states(&|m| m.kind == Kind::Start);
                let base = if is_start { Some(&sink.state) } else { started.first() };
                let rewound = committer.rewind(&Rewind { to, later: &later, base, force, ask });
                if let Rewound::Refused(why) = rewound.map_err(|e| e.at(name.clone()))? {
                    refused.push((name.clone(), why));
                }
            }
            if !refused.is_empty() && !anyway {
                break;
            }
        }
        Ok(refused)
    }

    /// Brings output to where the checkpoint has it.
    fn go_on(mut self, checkpoint: Checkpoint, job: &Job) -> Result<Start> {
        let manifest = checkpoint.manifest();
        let anyway = job.options.allow_duplicates;
        let refused = self.rewind(manifest, job.options.rewind_output, anyway)?;
        if let Some((name, why)) = refused.first()
            && !anyway
        {
            // What was the newest before is the one to go on from.
            if manifest.origin.is_some() {
                self.store.remove(manifest.checkpoint)?;
            }
            let error = Error::external(why.clone()).at(name.clone());
            let others = refused[1..].iter().map(|(name, why)| format!("{name}: {why}"));
            let error = others.fold(error, Error::note);
            return Err(match job.options.rewind_output {
                true => error.note("it cannot be taken back: put it back as it was, or start anew with --fresh"),
                false => error
                    .note("flott resume --rewind-output takes it back all the same, if it is still there")
                    .note("flott resume --allow-duplicates writes behind what is there: rows come twice"),
            });
        }
        crash::point("resume-after-rewind");
        if manifest.origin.is_some() {
            self.store.keep_only(manifest.checkpoint)?;
        }
        (self.noted, self.kept) = (true, true);
        Ok(Start { life: Some(self), resume: Some(checkpoint) })
    }
}

/// Columns and types of each source.
fn schemas(plan: &PhysicalPlan) -> BTreeMap<String, Vec<(String, String)>> {
    let columns =
        |source: &SourcePlan| source.fields.iter().map(|field| (field.name.clone(), field.ty.to_string())).collect();
    plan.sources.iter().map(|source| (source.name.clone(), columns(source))).collect()
}

fn inferred(plan: &PhysicalPlan) -> BTreeMap<String, Inferred> {
    let inferred = plan.sources.iter().filter_map(|source| Some((source.name.clone(), source.inferred.as_ref()?)));
    inferred.map(|(name, from)| (name, Inferred { file: from.file.clone(), records: from.records })).collect()
}

/// Hexadecimal digits that no other run has, later ones greater: the time in µs, and the process.
fn new_lineage() -> String {
    format!("{:014x}{:04x}", Clock::start().now(), std::process::id() & 0xffff)
}
