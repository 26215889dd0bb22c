//! The half of a directory sink that acts on what manifests say: making parts visible, and going back.
//!
//! Going back touches files of this job's own runs alone: their names tell.

use std::io;

use serde_json::Value;

use super::DirectoryOptions;
use super::state::{Pending, State};
use super::target::check_replaceable;
use super::tree::{Since, Tree};
use crate::connect::output::{from_json, parent, write_error};
use crate::connect::{Committer, Rewind, Rewound};
use crate::error::{Error, Result};

pub struct DirectoryCommitter {
    tree: Tree,
}

impl DirectoryCommitter {
    pub fn new(options: DirectoryOptions) -> DirectoryCommitter {
        DirectoryCommitter { tree: options.tree() }
    }

    /// What is left at the end.
    fn finish(&self, pending: &Pending) -> Result<()> {
        let Pending { place, lineages, .. } = pending;
        let failed = |e: io::Error| write_error(&place.path, &e);
        let storage = &self.tree.storage;
        let is_there = storage.kind(place.root()).map_err(failed)?.is_some();
        if self.tree.success_file && is_there {
            self.tree.mark_success(place.root(), lineages).map_err(failed)?;
        }
        let Some(beside) = &place.beside else { return Ok(()) };
        if is_there {
            check_replaceable(&self.tree, &place.path)?;
        } else if storage.kind(&place.path).map_err(failed)?.is_none() {
            let (new, path) = (beside.new.display(), place.path.display());
            return Err(Error::external(format!(
                "{new}, which was to become {path}, is gone, and {path} is not there"
            ))
            .note("put it back, or start over with --fresh"));
        }
        self.tree.swap(place, beside).map_err(failed)
    }

    fn to_start(&self, base: &State, lineages: &[String]) -> io::Result<Rewound> {
        let (tree, place) = (&self.tree, &base.place);
        match &place.beside {
            Some(beside) => {
                // Killed between the two renames: the old folder gets its name back.
                if tree.storage.kind(&place.path)?.is_none() && tree.storage.kind(&beside.old)?.is_some() {
                    tree.storage.rename(&beside.old, &place.path)?;
                    tree.storage.sync_folder(parent(&place.path))?;
                }
                tree.remove_tree(&beside.new)?;
            }
            None => {
                self.unmark(base, lineages)?;
                tree.take_back(&place.path, None, lineages)?;
                if base.created {
                    tree.remove_empty(&place.path)?;
                }
            }
        }
        Ok(Rewound::Done)
    }

    fn to_checkpoint(&self, goal: &State, lineages: &[String], rewind: &Rewind) -> io::Result<Rewound> {
        let (tree, place) = (&self.tree, &goal.place);
        let mut root = place.root();
        if let Some(beside) = &place.beside
            && tree.storage.kind(&beside.new)?.is_none()
            && tree.storage.kind(&place.path)?.is_some()
        {
            if !rewind.force {
                return Ok(Rewound::Refused(format!("{} is complete and in place", place.path.display())));
            }
            match rewind.ask {
                true => root = &place.path,
                false => tree.storage.rename(&place.path, &beside.new)?,
            }
        }
        let found = tree.walk(root)?;
        let since = Since { found: &found, checkpoint: goal.checkpoint, lineages };
        for part in &goal.parts {
            if let Some(complaint) = tree.complaint(root, part, &since)? {
                return Ok(Rewound::Refused(complaint));
            }
        }
        if rewind.ask {
            return Ok(Rewound::Done);
        }
        self.unmark(goal, lineages)?;
        tree.take_back(place.root(), Some(goal), lineages)?;
        Ok(Rewound::Done)
    }

    /// Folders that rows are taken from are not complete any more.
    fn unmark(&self, goal: &State, lineages: &[String]) -> io::Result<()> {
        if !self.tree.success_file {
            return Ok(());
        }
        let found = self.tree.walk(goal.place.root())?;
        for success in &found.successes {
            let folder = parent(success);
            let ours = |part: &&super::tree::FoundPart| lineages.contains(&part.named.lineage);
            if found.parts.iter().filter(ours).any(|part| part.path.starts_with(folder)) {
                self.tree.storage.remove(success)?;
                self.tree.storage.sync_folder(folder)?;
            }
        }
        Ok(())
    }
}

impl Committer for DirectoryCommitter {
    /// Errors (class External): a part is neither under its hidden name nor under its visible one.
    fn commit(&mut self, pending: &Value) -> Result<()> {
        let pending: Pending = from_json(pending)?;
        self.tree.rename(&pending)?;
        if pending.end { self.finish(&pending) } else { Ok(()) }
    }

    fn rewind(&mut self, rewind: &Rewind) -> Result<Rewound> {
        let Some(goal) = rewind.to.or(rewind.base).filter(|state| !state.is_null()) else { return Ok(Rewound::Done) };
        let goal: State = from_json(goal)?;
        let mut lineages = goal.lineages.clone();
        lineages.push(goal.mark.clone());
        for later in rewind.later.iter().filter(|state| !state.is_null()) {
            let later: State = from_json(later)?;
            lineages.extend(later.lineages);
            lineages.push(later.mark);
        }
        lineages.sort();
        lineages.dedup();
        let rewound = match rewind.to {
            Some(_) => self.to_checkpoint(&goal, &lineages, rewind),
            None if rewind.ask => Ok(Rewound::Done),
            None => self.to_start(&goal, &lineages),
        };
        rewound.map_err(|e| write_error(&goal.place.path, &e))
    }
}
