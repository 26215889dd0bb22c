use super::manifest::Manifest;
use crate::error::Result;
use crate::state::table::Restored;
use crate::storage::Storage;
use std::path::Path;
use std::sync::Arc;
pub struct Checkpoint {}
impl Checkpoint {
    pub fn open(_s: &Arc<dyn Storage>, _p: &Path) -> Result<Checkpoint> {
        todo!()
    }
    pub fn manifest(&self) -> &Manifest {
        todo!()
    }
    pub fn restored(&self, _o: &str, _s: usize, _p: usize) -> Result<Option<Restored>> {
        todo!()
    }
}
