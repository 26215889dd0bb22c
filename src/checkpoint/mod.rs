//! What a checkpoint is on disk: manifests, state files, the folder they lie in. `docs/state-format.md` describes
//! every byte.
//!
//! A checkpoint is a folder with a [`manifest::Manifest`] and state files; a manifest also names files of earlier
//! checkpoints where nothing has changed since. It exists from the moment its manifest has its name: that rename is
//! the single write that commits. A savepoint is the same in a folder that needs no other.
//!
//! Nothing here knows tasks, connectors or clocks.

pub mod home;
pub mod manifest;
