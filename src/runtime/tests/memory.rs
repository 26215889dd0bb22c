//! Sources and writers in memory, which wait and fail as they are told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use serde_json::{Value, json};

use super::sim::{Outside, Rng};
use crate::connect::{Block, BlockDecoder, Body, Next, Prepared, Source, Writer, Wrote};
use crate::error::Result;
use crate::format::{self, Decoded, Decoder};
use crate::plan::physical::{SinkPlan, SourcePlan};
use crate::runtime::deploy::Connectors;
use crate::runtime::waker::Waker;

/// What a source hands out.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Whole records each.
    pub blocks: Vec<Bytes>,
    /// Event times that blocks start with, if sources are to be read by them.
    pub times: Vec<i64>,
    /// Begins anew at its end, until it is stopped.
    pub endless: bool,
}

/// What a writer was given.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub data: Vec<u8>,
    pub committed: bool,
    pub aborted: bool,
}

#[derive(Default)]
pub struct Memory {
    /// By node, such as `sources.a`.
    pub inputs: BTreeMap<String, Input>,
    /// By node, such as `sinks.out`.
    pub written: Arc<Mutex<BTreeMap<String, Written>>>,
    /// Blocks handed out by each source.
    pub handed: BTreeMap<String, Arc<AtomicUsize>>,
    pub outside: Outside,
    pub seed: u64,
    /// Sources and writers never wait.
    pub steady: bool,
    /// Writers take nothing while this is locked by the test (blocks the writer's thread).
    pub gate: Option<Arc<Mutex<()>>>,
    /// Writers say `Closed` after so many bytes.
    pub closes_after: Option<usize>,
    /// A block that holds this text makes the decoder panic.
    pub panics_at: Option<&'static str>,
}

struct MemorySource {
    name: String,
    input: Input,
    left: VecDeque<Bytes>,
    offset: u64,
    /// Blocks handed out, also before it was restored.
    taken: u64,
    handed: Arc<AtomicUsize>,
    stopped: bool,
    steady: bool,
    rng: Rng,
    outside: Outside,
    waker: Waker,
}

impl Source for MemorySource {
    fn next(&mut self, now: i64) -> Result<Next> {
        if !self.steady && !self.stopped && self.rng.once_in(5) {
            if self.rng.once_in(2) {
                return Ok(Next::Pending { until: Some(now + self.rng.below(200) as i64) });
            }
            self.outside.lock().unwrap().push(self.waker.clone());
            return Ok(Next::Pending { until: None });
        }
        if self.left.is_empty() && self.input.endless && !self.stopped {
            self.left = self.input.blocks.iter().cloned().collect();
        }
        if self.stopped {
            return Ok(Next::End);
        }
        let Some(data) = self.left.pop_front() else { return Ok(Next::End) };
        self.handed.fetch_add(1, Ordering::SeqCst);
        let offset = self.offset;
        self.offset += data.len() as u64;
        self.taken += 1;
        Ok(Next::Block(Block::single(Body::Bytes { data, offset, header: None })))
    }

    fn next_time(&mut self) -> Result<i64> {
        Ok(self.input.times.get(self.input.blocks.len() - self.left.len()).copied().unwrap_or(i64::MIN))
    }

    fn input_name(&self, _file: u32) -> String {
        format!("{}.txt", self.name.trim_start_matches("sources."))
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.offset, None)
    }

    fn is_live(&self) -> bool {
        false
    }

    /// Blocks handed out.
    fn position(&mut self) -> Result<serde_json::Value> {
        Ok(self.taken.into())
    }

    fn restore(&mut self, position: &serde_json::Value) -> Result<()> {
        let taken = position.as_u64().expect("a number of blocks");
        while self.taken < taken {
            if self.left.is_empty() && self.input.endless {
                self.left = self.input.blocks.iter().cloned().collect();
            }
            let data = self.left.pop_front().expect("the blocks that were handed out");
            self.offset += data.len() as u64;
            self.taken += 1;
        }
        Ok(())
    }
}

struct MemoryWriter {
    name: String,
    written: Arc<Mutex<BTreeMap<String, Written>>>,
    steady: bool,
    gate: Option<Arc<Mutex<()>>>,
    closes_after: Option<usize>,
    rng: Rng,
    outside: Outside,
    waker: Waker,
}

impl MemoryWriter {
    fn change(&self, act: impl FnOnce(&mut Written)) {
        act(self.written.lock().unwrap().entry(self.name.clone()).or_default());
    }

    fn blocks(&mut self) -> bool {
        let blocks = !self.steady && self.rng.once_in(3);
        if blocks {
            self.outside.lock().unwrap().push(self.waker.clone());
        }
        blocks
    }
}

impl Writer for MemoryWriter {
    fn open(&mut self, _header: Bytes) -> Result<()> {
        self.change(|w| *w = Written::default());
        Ok(())
    }

    fn restore(&mut self, state: &Value, _header: Bytes) -> Result<()> {
        let length = state["length"].as_u64().unwrap_or(0) as usize;
        self.change(|w| w.data.truncate(length));
        Ok(())
    }

    fn prepare(&mut self, _checkpoint: u64, _end: bool) -> Result<Prepared> {
        let length = self.written.lock().unwrap()[&self.name].data.len();
        Ok(Prepared { state: json!({ "length": length }), ..Prepared::default() })
    }

    fn write(&mut self, data: &mut Bytes) -> Result<Wrote> {
        if let Some(gate) = &self.gate {
            drop(gate.lock().unwrap());
        }
        let blocks = self.blocks();
        let len = if blocks { self.rng.below(data.len()) } else { data.len() };
        self.change(|w| w.data.extend_from_slice(&data[..len]));
        data.advance(len);
        let all = self.written.lock().unwrap()[&self.name].data.len();
        if self.closes_after.is_some_and(|limit| all >= limit) {
            return Ok(Wrote::Closed);
        }
        Ok(if blocks { Wrote::Blocked } else { Wrote::Done })
    }

    fn flush(&mut self) -> Result<Wrote> {
        Ok(if self.blocks() { Wrote::Blocked } else { Wrote::Done })
    }

    fn commit(&mut self) -> Result<()> {
        self.change(|w| w.committed = true);
        Ok(())
    }

    fn abort(&mut self) {
        self.change(|w| w.aborted = true);
    }
}

struct MemoryDecoder(Box<dyn Decoder>, Option<&'static str>);

impl BlockDecoder for MemoryDecoder {
    fn decode(&mut self, body: &Body, stop_at_bad: bool) -> Decoded {
        let Body::Bytes { data, header, .. } = body else { return Decoded::default() };
        if let Some(text) = self.1 {
            assert!(!String::from_utf8_lossy(data).contains(text), "the decoder met {text}");
        }
        self.0.decode(data, header.as_ref(), stop_at_bad)
    }
}

impl Memory {
    fn rng(&self, name: &str) -> Rng {
        Rng(name.bytes().fold(self.seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }

    /// What the writer of `sink` was given, as text.
    pub fn text(&self, sink: &str) -> String {
        let written = self.written.lock().unwrap();
        written.get(sink).map_or(String::new(), |w| String::from_utf8(w.data.clone()).unwrap())
    }
}

impl Connectors for Memory {
    fn source(&mut self, plan: &SourcePlan, waker: Waker) -> Result<Box<dyn Source>> {
        let input = self.inputs[&plan.name].clone();
        Ok(Box::new(MemorySource {
            name: plan.name.clone(),
            left: input.blocks.iter().cloned().collect(),
            input,
            offset: 0,
            taken: 0,
            handed: self.handed.entry(plan.name.clone()).or_default().clone(),
            stopped: false,
            steady: self.steady,
            rng: self.rng(&plan.name),
            outside: self.outside.clone(),
            waker,
        }))
    }

    fn decoder(&self, plan: &SourcePlan) -> Result<Box<dyn BlockDecoder>> {
        let decoder = format::decoder(&plan.format, &plan.fields, &plan.used, plan.max_record)?;
        Ok(Box::new(MemoryDecoder(decoder, self.panics_at)))
    }

    fn writer(&mut self, plan: &SinkPlan, waker: Waker) -> Result<Box<dyn Writer>> {
        Ok(Box::new(MemoryWriter {
            name: plan.name.clone(),
            written: self.written.clone(),
            steady: self.steady,
            gate: self.gate.clone(),
            closes_after: self.closes_after,
            rng: self.rng(&plan.name),
            outside: self.outside.clone(),
            waker,
        }))
    }

    fn committer(&self, _plan: &SinkPlan) -> Result<Box<dyn crate::connect::Committer>> {
        Ok(Box::new(crate::connect::NoCommitter))
    }
}
