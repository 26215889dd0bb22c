//! Sinks that write files, under an imitated engine that is killed anywhere.

mod directory;
mod dying;
mod engine;
mod file;
mod file_back;
