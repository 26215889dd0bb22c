//! The start of a file or another input, for a look at what is in it.

use std::io::{ErrorKind, Read};
use std::path::Path;

use bytes::Bytes;

use crate::connect::file::raw::Raw;
use crate::connect::file::reason;
use crate::connect::unpack::Unpack;
use crate::error::{Error, Result};
use crate::format::infer::Sample;

/// The first `bytes` of a regular file, decompressed.
///
/// Errors (class Job): it is no regular file, so that what is looked at is gone. (External): it cannot be read.
pub fn sample(path: &Path, bytes: usize) -> Result<Sample> {
    let regular = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    if !regular && path.exists() {
        let error =
            Error::job(format!("{} is no regular file, so a look at it would take its data away", path.display()));
        return Err(error.note("write a schema"));
    }
    let mut raw = Raw::open(path, 0, false, Unpack::Default)?;
    let mut data = vec![0; bytes];
    let filled = raw.fill(&mut data).map_err(|e| raw.read_error(path, &e))?;
    data.truncate(filled);
    Ok(Sample { data: Bytes::from(data), whole: filled < bytes })
}

/// The first `bytes` that `input`, called `name`, has.
///
/// Errors (class External): it cannot be read.
pub fn sample_of(mut input: impl Read, name: &str, bytes: usize) -> Result<Sample> {
    let mut data = Vec::new();
    let mut part = vec![0; 64 << 10];
    while data.len() < bytes {
        let wanted = part.len().min(bytes - data.len());
        match input.read(&mut part[..wanted]) {
            Ok(0) => return Ok(Sample { data: Bytes::from(data), whole: true }),
            Ok(read) => data.extend_from_slice(&part[..read]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::external(format!("cannot read {name}: {}", reason(&e)))),
        }
    }
    Ok(Sample { data: Bytes::from(data), whole: false })
}
