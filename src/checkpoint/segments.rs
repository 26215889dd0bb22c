//! A table as segments: what of it is written, and what stays where it lies.
//!
//! A segment whose key groups and hash equal those of one of the checkpoint before is not written again. Nobody has to
//! remember what was touched: what is equal is found to be equal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, UInt32Array};

use super::arrays;
use super::cut::{self, PLAIN_SEGMENT_ROWS, Sorted};
use super::manifest::{FileInfo, Segment, TableState};
use crate::data::Column;
use crate::error::{Error, Result};
use crate::state::table::TableShape;

/// The checkpoint before, as far as a table may lie there. Files are named as the new manifest names them.
pub struct Before<'a> {
    pub segments: Vec<Segment>,
    /// By the same names.
    pub files: &'a BTreeMap<String, FileInfo>,
}

/// A table ready to be written.
pub struct Cut {
    /// In the order of key groups. Those that are to be written have an empty file name.
    pub segments: Vec<Segment>,
    /// Record batches to be written, in the order of the segments without file.
    pub batches: Vec<Vec<ArrayRef>>,
}

/// What a manifest says of a table that has no segments yet.
pub fn describe(shape: &TableShape) -> TableState {
    let columns = shape.schema.fields.iter().map(|field| (field.name.clone(), field.ty.to_string()));
    TableState { name: shape.name.clone(), columns: columns.collect(), key: shape.key.clone(), segments: Vec::new() }
}

/// Cuts the rows of a table (`columns`, those of all subtasks in their order) into segments.
pub fn cut(shape: &TableShape, columns: &[Column], max_parallelism: u32, before: &Before) -> Result<Cut> {
    let rows = columns.first().map_or(0, Column::len);
    if rows > u32::MAX as usize {
        return Err(Error::external(format!("table {} has {rows} rows: more than one checkpoint holds", shape.name)));
    }
    let sorted = match shape.key.is_empty() {
        true => None,
        false => {
            let key: Vec<&Column> = shape.key.iter().map(|&i| &columns[i]).collect();
            Some(Sorted::new(&key, rows, max_parallelism))
        }
    };
    let gather: Gather = match &sorted {
        Some(sorted) => Box::new(|segment| by_key(columns, sorted, segment.groups)),
        None => Box::new(|segment| plain(columns, segment.batch)),
    };
    let mut segments = match &sorted {
        Some(sorted) => {
            let before: Vec<(u32, u32)> = before.segments.iter().map(|s| s.groups).collect();
            let groups = cut::cut(&sorted.starts, &before).into_iter();
            groups.map(|groups| unwritten(groups, 0, sorted.rows(groups).len())).collect()
        }
        None => plain_segments(rows),
    };
    let mut batches = keep(&mut segments, &gather, before);
    rewrite_sparse(&mut segments, &mut batches, &gather, before.files);
    Ok(Cut { segments, batches: batches.into_values().collect() })
}

/// The arrays of a segment that has no file yet: of a table without key, `batch` says which one it is.
type Gather<'a> = Box<dyn Fn(&Segment) -> Vec<ArrayRef> + 'a>;

fn unwritten(groups: (u32, u32), batch: usize, rows: usize) -> Segment {
    Segment { groups, file: String::new(), batch, rows: rows as u64, hash: String::new() }
}

fn plain_segments(rows: usize) -> Vec<Segment> {
    let starts = (0..rows).step_by(PLAIN_SEGMENT_ROWS).enumerate();
    starts.map(|(batch, start)| unwritten((0, 0), batch, PLAIN_SEGMENT_ROWS.min(rows - start))).collect()
}

fn by_key(columns: &[Column], sorted: &Sorted, groups: (u32, u32)) -> Vec<ArrayRef> {
    let rows = UInt32Array::from(sorted.rows(groups).to_vec());
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(sorted.groups(groups)))];
    arrays.extend(columns.iter().map(|column| arrays::to_array(&column.take(&rows))));
    arrays
}

fn plain(columns: &[Column], number: usize) -> Vec<ArrayRef> {
    let start = number * PLAIN_SEGMENT_ROWS;
    let rows = PLAIN_SEGMENT_ROWS.min(columns[0].len() - start);
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![0; rows]))];
    arrays.extend(columns.iter().map(|column| arrays::to_array(&column.slice(start, rows))));
    arrays
}

/// Hashes all segments and lets those stay that lie in `before`. Gives the arrays of the others, by number of segment.
fn keep(segments: &mut [Segment], gather: &Gather, before: &Before) -> BTreeMap<usize, Vec<ArrayRef>> {
    let known: HashMap<_, _> = before.segments.iter().map(|s| ((s.groups, s.hash.as_str()), s)).collect();
    let mut batches = BTreeMap::new();
    for (number, segment) in segments.iter_mut().enumerate() {
        let arrays = gather(segment);
        segment.hash = arrays::hash(&arrays);
        match known.get(&(segment.groups, segment.hash.as_str())) {
            Some(&same) if same.rows == segment.rows => *segment = same.clone(),
            _ => _ = batches.insert(number, arrays),
        }
    }
    batches
}

/// Writes again what stays in files of which less than half would be needed, so that those can go.
fn rewrite_sparse(
    segments: &mut [Segment],
    batches: &mut BTreeMap<usize, Vec<ArrayRef>>,
    gather: &Gather,
    files: &BTreeMap<String, FileInfo>,
) {
    let mut live: BTreeMap<String, u64> = BTreeMap::new();
    for segment in segments.iter().filter(|s| !s.file.is_empty()) {
        *live.entry(segment.file.clone()).or_default() += segment.rows;
    }
    live.retain(|file, live| files.get(file).is_none_or(|info| *live * 2 < info.rows));
    for (number, segment) in segments.iter_mut().enumerate() {
        if live.contains_key(&segment.file) {
            *segment = Segment { file: String::new(), batch: number, ..segment.clone() };
            batches.insert(number, gather(segment));
        }
    }
}
