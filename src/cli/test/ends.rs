//! The ends of a job in a test: input that is at hand, output that is kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::connect::blackhole::Blackhole;
use crate::connect::given::{Blocks, Given};
use crate::connect::records::Records;
use crate::connect::{BlockDecoder, Committer, NoCommitter, Source, Writer, Wrote};
use crate::error::{Error, Result};
use crate::observe::JobStats;
use crate::plan::physical::{SinkPlan, SourcePlan};
use crate::runtime::{Connectors, RealConnectors, Waker, Watch, first_time};

/// The ends of the job in a test.
pub struct Ends<'a> {
    pub given: &'a BTreeMap<String, Bytes>,
    pub blocks: Blocks,
    pub kept: &'a [(String, Kept)],
    /// For generators and files.
    pub real: RealConnectors,
}

impl Connectors for Ends<'_> {
    fn source(&mut self, plan: &SourcePlan, waker: Waker) -> Result<Box<dyn Source>> {
        let Some(data) = self.given.get(&plan.name) else { return self.real.source(plan, waker) };
        let records = Records::of(&plan.format, &plan.fields, plan.max_record);
        let name = plan.name.replacen("sources", "input", 1);
        Ok(Box::new(Given::new(&name, data.clone(), records, self.blocks, first_time(plan)?)))
    }

    fn decoder(&self, plan: &SourcePlan) -> Result<Box<dyn BlockDecoder>> {
        self.real.decoder(plan)
    }

    fn writer(&mut self, plan: &SinkPlan, _waker: Waker) -> Result<Box<dyn Writer>> {
        Ok(match self.kept.iter().find(|(path, _)| *path == plan.name) {
            Some((_, kept)) => Box::new(kept.clone()),
            None => Box::new(Blackhole),
        })
    }

    fn committer(&self, _plan: &SinkPlan) -> Result<Box<dyn Committer>> {
        Ok(Box::new(NoCommitter))
    }
}

/// Rows that are kept in memory.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

/// More than anybody wants to compare.
const KEPT_BYTES_MAX: usize = 256 << 20;

impl Kept {
    pub fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, data: &[u8]) -> Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + data.len() > KEPT_BYTES_MAX {
            return Err(Error::external("more rows came out than a test can compare: 256 MiB"));
        }
        kept.extend_from_slice(data);
        Ok(())
    }
}

impl Writer for Kept {
    fn open(&mut self, header: Bytes) -> Result<()> {
        self.add(&header)
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        self.add(data)?;
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

/// Warnings of the run, for tests that fail.
pub struct Notes(pub String);

impl Watch for Notes {
    fn figures(&mut self, _stats: &JobStats) {}

    fn warn(&mut self, warning: &Error) {
        self.0 += &format!("warning: {warning}\n");
    }

    fn say(&mut self, _line: &str) {}
}
