//! What a checkpoint is on disk: manifests, state files, the folder they lie in. `docs/state-format.md` describes
//! every byte.
//!
//! A checkpoint is a folder with a [`manifest::Manifest`] and state files; a manifest also names files of earlier
//! checkpoints where nothing has changed since. It exists from the moment its manifest has its name: that rename is
//! the single write that commits. A savepoint is the same in a folder that needs no other.
//!
//! [`store::Store`] writes checkpoints, finds the newest and takes away what nobody needs; [`restore::Checkpoint`]
//! reads one, [`look`] shows what is in it. A table becomes **segments**, rows of neighbouring key groups (`cut`, `segments`), and a segment a record
//! batch of an Arrow file (`arrays`, `file`). [`home::Home`] is the folder around them: whose it is, and who runs the job.
//!
//! Nothing here knows tasks, connectors or clocks.

mod arrays;
mod cut;
mod file;
mod folder;
pub mod home;
pub mod look;
pub mod machine;
pub mod manifest;
pub mod restore;
mod retire;
mod rows;
mod savepoint;
mod segments;
pub mod store;

#[cfg(test)]
mod tests;
