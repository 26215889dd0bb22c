//! A sink that takes everything and keeps nothing, for measuring.

use bytes::Bytes;

use crate::connect::{Writer, Wrote};
use crate::error::Result;

/// Drops what it is given.
#[derive(Debug, Default)]
pub struct Blackhole;

impl Writer for Blackhole {
    fn open(&mut self, _header: Bytes) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        data.clear();
        Ok(Wrote::Done)
    }

    fn flush(&mut self) -> Result<Wrote> {
        Ok(Wrote::Done)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn abort(&mut self) {}
}
