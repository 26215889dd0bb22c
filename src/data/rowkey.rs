//! Row keys: the key columns of a row as bytes that compare like the row.
//!
//! The encoding, which state files and the placement of keys are built on, column after column:
//!
//! * null: `00`; anything else: `01` and the value, so nulls sort first;
//! * int, timestamp: 8 bytes big-endian with the sign bit flipped; decimal: 16 bytes the same way;
//! * boolean: one byte, 0 or 1;
//! * double: 8 bytes big-endian of the IEEE bits, all flipped if negative, else the sign bit flipped; `-0.0` is
//!   written as `0.0` and every NaN as the one positive quiet NaN, which sorts last;
//! * string, bytes, json: its bytes with `00` written as `00 FF`, ended by `00 00`;
//! * date: 4 bytes big-endian with the sign bit flipped;
//! * interval: its length in microseconds with months of 30 days, 16 bytes as a decimal, then months, days (4 bytes) and
//!   microseconds (8 bytes) as ints: `1mo` and `30d` stand beside each other and are not the same;
//! * list: its items, each behind a `01`, ended by `00`; struct: its fields one after the other.

use std::sync::Arc;

use arrow_array::Array;

use super::{Column, ColumnBuilder, DataType, Interval, fields_of, items_of};

/// Encoded keys of some rows. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowKeys {
    bytes: Arc<Vec<u8>>,
    /// End of each key in `bytes`; a key starts where the one before it ends.
    ends: Arc<Vec<u32>>,
}

impl RowKeys {
    /// The keys of all `rows` rows of `columns`.
    pub fn encode(columns: &[&Column], rows: usize) -> RowKeys {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        encode_into(columns, rows, &mut bytes, &mut ends);
        RowKeys { bytes: Arc::new(bytes), ends: Arc::new(ends) }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.bytes[start..self.ends[row] as usize]
    }

    pub fn take(&self, indices: impl IntoIterator<Item = u32>) -> RowKeys {
        let mut keys = RowKeysBuilder::default();
        for index in indices {
            keys.push(self.get(index as usize));
        }
        keys.finish()
    }
}

/// Collects row keys one by one.
#[derive(Debug, Default)]
pub struct RowKeysBuilder {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl RowKeysBuilder {
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u32);
    }

    pub fn finish(self) -> RowKeys {
        RowKeys { bytes: Arc::new(self.bytes), ends: Arc::new(self.ends) }
    }
}

/// The keys of all `rows` rows of `columns`, one behind the other, and where each one ends. Both are cleared first.
pub fn encode_into(columns: &[&Column], rows: usize, bytes: &mut Vec<u8>, ends: &mut Vec<u32>) {
    bytes.clear();
    bytes.reserve(rows * columns.len() * 9);
    ends.clear();
    ends.reserve(rows);
    for row in 0..rows {
        for column in columns {
            append_value(bytes, column, row);
        }
        ends.push(bytes.len() as u32);
    }
}

/// The columns of types `types` that the row keys `keys` (`rows` of them, made by [`encode_into`]) stand for.
pub fn decode<'a>(keys: impl Iterator<Item = &'a [u8]>, types: &[DataType], rows: usize) -> Vec<Column> {
    let mut columns: Vec<ColumnBuilder> = types.iter().map(|&ty| ColumnBuilder::new(ty, rows)).collect();
    for mut key in keys {
        for column in &mut columns {
            key = decode_value(key, column);
        }
    }
    columns.iter_mut().map(ColumnBuilder::finish).collect()
}

/// Appends the first value of `key` to `column` and returns what follows it.
fn decode_value<'a>(key: &'a [u8], column: &mut ColumnBuilder) -> &'a [u8] {
    fn take<const N: usize>(key: &[u8]) -> ([u8; N], &[u8]) {
        let (value, rest) = key.split_first_chunk::<N>().expect("a row key holds all its columns");
        (*value, rest)
    }
    let ([valid], rest) = take::<1>(key);
    if valid == 0 {
        column.append_null();
        return rest;
    }
    match column {
        ColumnBuilder::Boolean(b) => {
            let ([value], rest) = take::<1>(rest);
            b.append_value(value == 1);
            rest
        }
        ColumnBuilder::Int(b) => {
            let (value, rest) = take::<8>(rest);
            b.append_value(i64::from_be_bytes(value) ^ i64::MIN);
            rest
        }
        ColumnBuilder::Timestamp(b) => {
            let (value, rest) = take::<8>(rest);
            b.append_value(i64::from_be_bytes(value) ^ i64::MIN);
            rest
        }
        ColumnBuilder::Double(b) => {
            let (value, rest) = take::<8>(rest);
            b.append_value(from_ordered_bits(u64::from_be_bytes(value)));
            rest
        }
        ColumnBuilder::Decimal(b, ..) => {
            let (value, rest) = take::<16>(rest);
            b.append_value(i128::from_be_bytes(value) ^ i128::MIN);
            rest
        }
        ColumnBuilder::String(b) | ColumnBuilder::Json(b) => {
            let (text, rest) = take_bytes(rest);
            b.append_value(std::str::from_utf8(&text).expect("a row key holds the text of a string column"));
            rest
        }
        ColumnBuilder::Bytes(b) => {
            let (bytes, rest) = take_bytes(rest);
            b.append_value(bytes);
            rest
        }
        ColumnBuilder::Date(b) => {
            let (value, rest) = take::<4>(rest);
            b.append_value(i32::from_be_bytes(value) ^ i32::MIN);
            rest
        }
        ColumnBuilder::Interval(b) => {
            let (_, rest) = take::<16>(rest);
            let (months, rest) = take::<4>(rest);
            let (days, rest) = take::<4>(rest);
            let (micros, rest) = take::<8>(rest);
            let (months, days) = (i32::from_be_bytes(months) ^ i32::MIN, i32::from_be_bytes(days) ^ i32::MIN);
            b.append_value(Interval { months, days, micros: i64::from_be_bytes(micros) ^ i64::MIN }.to_arrow());
            rest
        }
        ColumnBuilder::List(b) => {
            let mut rest = rest;
            loop {
                let ([more], behind) = take::<1>(rest);
                rest = behind;
                if more == 0 {
                    b.end();
                    return rest;
                }
                rest = decode_value(rest, b.items());
            }
        }
        ColumnBuilder::Struct(b) => {
            let rest = b.fields().iter_mut().fold(rest, |rest, field| decode_value(rest, field));
            b.end();
            rest
        }
    }
}

/// The bytes of a string, and what follows it.
fn take_bytes(key: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    let mut at = 0;
    while key[at..at + 2] != [0, 0] {
        text.push(key[at]);
        at += if key[at] == 0 { 2 } else { 1 };
    }
    (text, &key[at + 2..])
}

/// Appends the encoding of one value.
pub fn append_value(key: &mut Vec<u8>, column: &Column, row: usize) {
    if column.is_null(row) {
        key.push(0);
        return;
    }
    key.push(1);
    match column {
        Column::Boolean(a) => key.push(a.value(row) as u8),
        Column::Int(a) => append_int(key, a.value(row)),
        Column::Timestamp(a) => append_int(key, a.value(row)),
        Column::Double(a) => key.extend_from_slice(&ordered_bits(a.value(row)).to_be_bytes()),
        Column::Decimal(a) => key.extend_from_slice(&(a.value(row) ^ i128::MIN).to_be_bytes()),
        Column::String(a) | Column::Json(a) => append_bytes(key, a.value(row).as_bytes()),
        Column::Bytes(a) => append_bytes(key, a.value(row)),
        Column::Date(a) => key.extend_from_slice(&(a.value(row) ^ i32::MIN).to_be_bytes()),
        Column::Interval(a) => append_interval(key, Interval::from_arrow(a.value(row))),
        Column::List(a) => {
            let items = items_of(a);
            let ends = a.value_offsets();
            for item in ends[row]..ends[row + 1] {
                key.push(1);
                append_value(key, &items, item as usize);
            }
            key.push(0);
        }
        Column::Struct(a) => {
            fields_of(a).iter().for_each(|field| append_value(key, field, row));
        }
    }
}

fn append_bytes(key: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        key.push(byte);
        if byte == 0 {
            key.push(0xFF);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

fn append_interval(key: &mut Vec<u8>, value: Interval) {
    key.extend_from_slice(&(value.length() ^ i128::MIN).to_be_bytes());
    key.extend_from_slice(&(value.months ^ i32::MIN).to_be_bytes());
    key.extend_from_slice(&(value.days ^ i32::MIN).to_be_bytes());
    append_int(key, value.micros);
}

fn append_int(key: &mut Vec<u8>, value: i64) {
    key.extend_from_slice(&(value ^ i64::MIN).to_be_bytes());
}

/// Bits of `value` that compare, as an unsigned number, like the value; NaN is the greatest.
pub fn ordered_bits(value: f64) -> u64 {
    let value = if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }
}

/// The value that [`ordered_bits`] gave these bits for.
pub fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits ^ (1 << 63) } else { !bits })
}

/// Number of the key group that a row key belongs to: `(xxh3-64(key, seed 0) >> 32) mod max_parallelism`.
pub fn key_group(key: &[u8], max_parallelism: u32) -> u32 {
    ((xxhash_rust::xxh3::xxh3_64(key) >> 32) % u64::from(max_parallelism)) as u32
}

/// Calls `give` with every row and its key group. A single int or timestamp column has a loop of its own.
pub fn each_group(columns: &[&Column], rows: usize, max_parallelism: u32, mut give: impl FnMut(u32, u32)) {
    let ints = match columns {
        [Column::Int(a)] if a.null_count() == 0 => Some(a.values()),
        [Column::Timestamp(a)] if a.null_count() == 0 => Some(a.values()),
        _ => None,
    };
    if let Some(values) = ints {
        let mut key = [1u8; 9];
        for (row, &value) in values.iter().enumerate() {
            key[1..].copy_from_slice(&(value ^ i64::MIN).to_be_bytes());
            give(row as u32, key_group(&key, max_parallelism));
        }
        return;
    }
    let mut key = Vec::new();
    for row in 0..rows {
        key.clear();
        columns.iter().for_each(|column| append_value(&mut key, column, row));
        give(row as u32, key_group(&key, max_parallelism));
    }
}

/// Subtask that owns a key group: `group * parallelism / max_parallelism` (Flink's rule).
pub fn subtask_of(group: u32, parallelism: usize, max_parallelism: u32) -> usize {
    group as usize * parallelism / max_parallelism as usize
}

/// Key groups that a subtask owns: those of which [`subtask_of`] says so.
pub fn groups_of(subtask: usize, parallelism: usize, max_parallelism: u32) -> std::ops::Range<u32> {
    let first = |subtask: usize| (subtask * max_parallelism as usize).div_ceil(parallelism) as u32;
    first(subtask)..first(subtask + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_a_subtask_are_those_that_go_to_it() {
        for (parallelism, max) in [(1, 1), (1, 128), (3, 128), (5, 128), (7, 16), (16, 16), (3, 32768)] {
            for subtask in 0..parallelism {
                let mine = (0..max).filter(|&group| subtask_of(group, parallelism, max) == subtask);
                assert_eq!(mine.collect::<Vec<_>>(), Vec::from_iter(groups_of(subtask, parallelism, max)));
            }
        }
    }

    /// The vectors of `docs/state-format.md`: what is on disk depends on them.
    #[test]
    fn keys_and_groups_stay_as_they_are() {
        let text = |text: &str| Column::String([Some(text)].into_iter().collect());
        let int = |value: i64| Column::Int([Some(value)].into_iter().collect());
        let double = |value: f64| Column::Double([Some(value)].into_iter().collect());
        let decimal = Column::Decimal([Some(-1i128)].into_iter().collect());
        let vectors: [(Vec<Column>, &str, u32); 12] = [
            (vec![int(0)], "018000000000000000", 18),
            (vec![int(1)], "018000000000000001", 67),
            (vec![int(-1)], "017fffffffffffffff", 125),
            (vec![int(1_234_567_890_123)], "018000011f71fb04cb", 33),
            (vec![text("")], "010000", 28),
            (vec![text("user_1")], "01757365725f310000", 74),
            (vec![text("a\0b")], "016100ff620000", 79),
            (vec![Column::new_null(DataType::String, 1)], "00", 116),
            (vec![double(1.5)], "01bff8000000000000", 66),
            (vec![Column::Boolean([Some(true)].into_iter().collect())], "0101", 86),
            (vec![decimal], "017fffffffffffffffffffffffffffffff", 75),
            (vec![text("a"), int(7)], "01610000018000000000000007", 74),
        ];
        for (columns, bytes, group) in vectors {
            let columns: Vec<&Column> = columns.iter().collect();
            let key = RowKeys::encode(&columns, 1);
            let hex: String = key.get(0).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((hex.as_str(), key_group(key.get(0), 128)), (bytes, group));
        }
    }
}
