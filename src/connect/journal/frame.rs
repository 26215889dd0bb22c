//! Frames of a journal: what was handed out, as bytes with a checksum.
//!
//! A frame is: length of the description (u32), length of the data (u32), xxh3-64 of both lengths, description and
//! data (u64), all little-endian; then the description as JSON, then the data: whole records.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::connect::{Block, Body};
use crate::error::{Error, Result};
use crate::format::{Header, Years};

const HEAD_BYTES: usize = 16;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    Block(BlockFrame),
    /// Wall time, µs.
    Tick(i64),
    /// The input has ended.
    End,
    /// At the start of a segment: bytes of the one before, which a power cut may have made shorter.
    Begin(u64),
    /// All segments before this one have been synced: they survive a power cut.
    Synced(u64),
}

/// Names and lines of a header.
pub type HeaderFrame = (Vec<String>, u64);

/// A block without its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockFrame {
    pub file: u32,
    pub slot: u32,
    pub slots: u32,
    pub hold: i64,
    pub ends: bool,
    pub idle: bool,
    /// Of the data; `None` for a block without.
    pub offset: Option<u64>,
    /// As those of a block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<i64>,
    /// Once per input and segment: its name, and names and lines of its header.
    pub input: Option<(String, Option<HeaderFrame>)>,
    /// Of the header, which is otherwise that of the whole input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<Years>,
}

impl BlockFrame {
    pub fn of(block: &Block, input: Option<String>) -> BlockFrame {
        let (offset, header) = match &block.body {
            Body::Bytes { offset, header, .. } => (Some(*offset), header.as_ref()),
            _ => (None, None),
        };
        let years = header.and_then(|header| header.years);
        let header = header.map(|header| (header.names.clone(), header.lines));
        let Block { file, slot, slots, hold, ends, idle, line, received, .. } = *block;
        let input = input.map(|name| (name, header));
        BlockFrame { file, slot, slots, hold, ends, idle, offset, line, received, input, years }
    }

    pub fn block(&self, data: Bytes, header: Option<Arc<Header>>) -> Block {
        let years = self.years;
        let header = match years {
            None => header,
            Some(_) => header.map(|header| Arc::new(Header { years, ..Header::clone(&header) })),
        };
        let body = match self.offset {
            Some(offset) => Body::Bytes { data, offset, header },
            None => Body::Empty,
        };
        let BlockFrame { file, slot, slots, hold, ends, idle, line, received, .. } = *self;
        Block { body, file, slot, slots, hold, ends, idle, line, received }
    }
}

/// What is written in front of `data`.
pub fn encode(frame: &Frame, data: &[u8]) -> Result<Vec<u8>> {
    let too_long = |_| Error::data("a block is too long for the journal").note("lower max_record");
    let mut out = vec![0; HEAD_BYTES];
    serde_json::to_writer(&mut out, frame)
        .map_err(|e| Error::internal(format!("a frame of the journal cannot be written: {e}")))?;
    let description = u32::try_from(out.len() - HEAD_BYTES).map_err(too_long)?;
    out[..4].copy_from_slice(&description.to_le_bytes());
    out[4..8].copy_from_slice(&u32::try_from(data.len()).map_err(too_long)?.to_le_bytes());
    let sum = checksum(&out[..8], &out[HEAD_BYTES..], data);
    out[8..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
    Ok(out)
}

/// The frame at `at` of a segment, its data and where the next one starts; `None` if it is torn or damaged.
pub fn decode(segment: &Bytes, at: usize) -> Option<(Frame, Bytes, usize)> {
    let head = segment.get(at..at.checked_add(HEAD_BYTES)?)?;
    let number = |range: std::ops::Range<usize>| Some(u32::from_le_bytes(head[range].try_into().ok()?) as usize);
    let start = at + HEAD_BYTES;
    let middle = start.checked_add(number(0..4)?)?;
    let end = middle.checked_add(number(4..8)?)?;
    let (description, data) = (segment.get(start..middle)?, segment.get(middle..end)?);
    if checksum(&head[..8], description, data).to_le_bytes() != head[8..] {
        return None;
    }
    Some((serde_json::from_slice(description).ok()?, segment.slice(middle..end), end))
}

fn checksum(lengths: &[u8], description: &[u8], data: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(lengths);
    hash.update(description);
    hash.update(data);
    hash.digest()
}
