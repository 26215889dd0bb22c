use super::manifest::{Manifest, Snapshot};
use crate::error::Result;
use crate::storage::Storage;
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub struct Store {}
pub struct Written {
    pub path: PathBuf,
    pub bytes_written: u64,
    pub manifest: Manifest,
}
pub struct Found {
    pub checkpoint: Option<(PathBuf, Manifest)>,
    pub skipped: Vec<(PathBuf, String)>,
}
impl Store {
    pub fn open(_s: Arc<dyn Storage>, _f: PathBuf, _r: usize, _p: bool) -> Result<Store> {
        todo!()
    }
    pub fn write(&mut self, _s: Snapshot) -> Result<Written> {
        todo!()
    }
    pub fn newest(&self) -> Result<Found> {
        todo!()
    }
    pub fn oldest(&self) -> Result<Option<Manifest>> {
        todo!()
    }
    pub fn savepoint(&self, _m: &Manifest, _to: &Path) -> Result<()> {
        todo!()
    }
    pub fn clear(&mut self) -> Result<()> {
        todo!()
    }
    pub fn next_number(&self) -> Result<u64> {
        todo!()
    }
    pub fn folder(&self) -> &Path {
        todo!()
    }
}
