//! A wall around the libraries that read what strangers wrote: a panic in there is a corrupt file, not a bug of the job.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::broken;
use crate::error::Result;

/// Runs `read`. What it leaves behind is not used again after an error, so it does not matter in which state it is.
pub fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(broken("it is corrupt")))
}
