//! A column chunk in the making. Values become pages as they come, so that what is gathered of a row group is
//! compressed already.

use arrow_array::{Array, BooleanArray, UInt32Array};
use parquet::basic::Encoding as FileEncoding;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::ColumnDescPtr;

use super::codec::Packer;
use super::header::{self, Encoding, Sizes};
use super::rle;
use super::shred::{Entry, Levels};
use super::values::Values;
use crate::data::Column;

/// Entries in a page, at most; of lists, a few thousand rows more.
const PAGE_ENTRIES: usize = 20_000;
/// A page ends behind the value with which it has so many plain bytes.
const PAGE_BYTES: usize = 1 << 20;

pub struct Chunk {
    column: ColumnDescPtr,
    values: Values,
    def: LevelRun,
    /// Only in lists.
    rep: LevelRun,
    /// Compressed pages, without that of the dictionary.
    pages: Vec<u8>,
    /// Size of `pages` if they were not compressed.
    plain: usize,
    entries: usize,
    nulls: usize,
    /// Whether there are pages of either encoding.
    with_plain: bool,
    with_places: bool,
    body: Vec<u8>,
}

impl Chunk {
    pub fn new(column: ColumnDescPtr, values: Values) -> Chunk {
        let (def, rep) = (column.max_def_level() as u32, column.max_rep_level() as u32);
        Chunk {
            column,
            values,
            def: LevelRun::new(def),
            rep: LevelRun::new(rep),
            pages: Vec::new(),
            plain: 0,
            entries: 0,
            nulls: 0,
            with_plain: false,
            with_places: false,
            body: Vec::new(),
        }
    }

    /// Bytes in memory.
    pub fn held(&self) -> usize {
        self.pages.capacity() + self.body.capacity() + self.values.held()
    }

    /// Bytes gathered, as they are without compression.
    pub fn gathered(&self) -> usize {
        self.plain + self.values.plain_size(self.def.len())
    }

    /// A column that nothing is around.
    pub fn flat(&mut self, column: &Column, packer: &mut Packer) -> Result<()> {
        let mut at = 0;
        while at < column.len() {
            let most = (column.len() - at).min(PAGE_ENTRIES - self.def.len());
            let rows = self.fitting(column, at, most);
            let part = column.slice(at, rows);
            match part.nulls().filter(|nulls| nulls.null_count() > 0) {
                None => self.def.repeat(1, rows),
                Some(nulls) => {
                    nulls.iter().for_each(|valid| self.def.repeat(valid.into(), 1));
                    self.nulls += nulls.null_count();
                }
            }
            self.take(&part);
            at += rows;
            self.settle(packer)?;
        }
        Ok(())
    }

    /// How many of the rows behind `at` the page has room for: one at least.
    fn fitting(&self, column: &Column, at: usize, most: usize) -> usize {
        let views = match column {
            Column::String(array) | Column::Json(array) => array.views(),
            Column::Bytes(array) => array.views(),
            _ => return most,
        };
        let mut room = PAGE_BYTES.saturating_sub(self.values.plain_size(self.def.len()));
        for (rows, &view) in views[at..at + most].iter().enumerate() {
            // The length is the lower half of a view's first word.
            let len = view as u32 as usize + 4;
            if len >= room {
                return rows + 1;
            }
            room -= len;
        }
        most
    }

    /// A column with something around it. It does not end pages: that is for [`Chunk::settle`].
    pub fn entries(&mut self, column: &Column, entries: &[Entry], around: Levels) {
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let row = entry.row.filter(|&row| !column.is_null(row as usize));
            let def = match (entry.row, row) {
                (None, _) => entry.def,
                (Some(_), None) => around.def,
                (Some(_), Some(_)) => around.def + 1,
            };
            self.def.repeat(def, 1);
            self.nulls += usize::from(row.is_none());
            rows.extend(row);
            if around.rep > 0 {
                self.rep.repeat(entry.rep, 1);
            }
        }
        self.take(&column.take(&UInt32Array::from(rows)));
    }

    /// The values that are not null.
    fn take(&mut self, column: &Column) {
        match (&mut self.values, column) {
            (Values::Boolean { page, bounds }, Column::Boolean(array)) => booleans(page, bounds, array),
            (Values::Int64(out), Column::Int(array)) => out.take(array.values(), array.nulls()),
            (Values::Int64(out), Column::Timestamp(array)) => out.take(array.values(), array.nulls()),
            (Values::Int32(out), Column::Date(array)) => out.take(array.values(), array.nulls()),
            (Values::Double(out), Column::Double(array)) => out.take(array.values(), array.nulls()),
            (Values::Text(out), Column::String(array) | Column::Json(array)) => {
                array.iter().flatten().for_each(|value| out.take(value.as_bytes()));
            }
            (Values::Text(out), Column::Bytes(array)) => array.iter().flatten().for_each(|value| out.take(value)),
            (Values::Text(out), Column::Interval(_)) => {
                let mut text = Vec::new();
                for row in (0..column.len()).filter(|&row| !column.is_null(row)) {
                    text.clear();
                    column.write_text(row, &mut text);
                    out.take(&text);
                }
            }
            // A value fits its precision, and so its bytes.
            (Values::Int32(out), Column::Decimal(array)) => {
                out.dense(&array.iter().flatten().map(|value| value as i32).collect::<Vec<_>>());
            }
            (Values::Int64(out), Column::Decimal(array)) => {
                out.dense(&array.iter().flatten().map(|value| value as i64).collect::<Vec<_>>());
            }
            (Values::Fixed(out), Column::Decimal(array)) => out.take(array.values(), array.nulls()),
            (values, column) => unreachable!("{values:?} does not take {}", column.data_type()),
        }
    }

    /// Ends the page at hand if it is full.
    pub fn settle(&mut self, packer: &mut Packer) -> Result<()> {
        let entries = self.def.len();
        match entries >= PAGE_ENTRIES || self.values.plain_size(entries) >= PAGE_BYTES {
            true => self.page(packer),
            false => Ok(()),
        }
    }

    /// Ends the page at hand, if there is anything in it.
    fn page(&mut self, packer: &mut Packer) -> Result<()> {
        let entries = self.def.len();
        if entries == 0 {
            return Ok(());
        }
        self.body.clear();
        if self.column.max_rep_level() > 0 {
            self.rep.write(&mut self.body);
        }
        self.def.write(&mut self.body);
        let encoding = self.values.write(&mut self.body);
        let packed = packer.pack(&self.body)?;
        let start = self.pages.len();
        header::data_page(sizes(&self.body, packed)?, int(entries)?, encoding, &mut self.pages);
        self.plain += self.pages.len() - start + self.body.len();
        self.pages.extend_from_slice(packed);
        self.entries += entries;
        self.with_plain |= encoding == Encoding::Plain;
        self.with_places |= encoding == Encoding::Dictionary;
        Ok(())
    }

    /// Gives memory back until there is more to write.
    pub fn rest(&mut self) {
        (self.pages, self.body) = (Vec::new(), Vec::new());
    }

    /// Writes the chunk, which begins at `offset` of its file, and begins the next one.
    pub fn finish(&mut self, offset: u64, packer: &mut Packer, out: &mut Vec<u8>) -> Result<ColumnChunkMetaData> {
        self.page(packer)?;
        let start = out.len();
        let mut encodings = vec![FileEncoding::RLE];
        if self.with_places {
            self.body.clear();
            let count = self.values.dictionary(&mut self.body);
            let packed = packer.pack(&self.body)?;
            header::dictionary_page(sizes(&self.body, packed)?, int(count)?, out);
            self.plain += out.len() - start + self.body.len();
            out.extend_from_slice(packed);
            encodings.push(FileEncoding::RLE_DICTIONARY);
        }
        if self.with_plain || self.with_places {
            encodings.push(FileEncoding::PLAIN);
        }
        let data = out.len() - start;
        out.extend_from_slice(&self.pages);
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_encodings(encodings)
            .set_compression(packer.codec())
            .set_num_values(self.entries as i64)
            .set_total_uncompressed_size(self.plain as i64)
            .set_total_compressed_size((out.len() - start) as i64)
            .set_data_page_offset((offset + data as u64) as i64)
            .set_dictionary_page_offset(self.with_places.then_some(offset as i64))
            .set_statistics(self.values.statistics(self.nulls as u64))
            .build()?;
        self.pages.clear();
        self.values.reset();
        (self.plain, self.entries, self.nulls) = (0, 0, 0);
        (self.with_plain, self.with_places) = (false, false);
        Ok(metadata)
    }
}

fn booleans(page: &mut Vec<bool>, bounds: &mut Option<(bool, bool)>, array: &BooleanArray) {
    let from = page.len();
    page.extend(array.iter().flatten());
    for &value in &page[from..] {
        *bounds = Some(bounds.map_or((value, value), |(low, high)| (low & value, high | value)));
    }
}

fn sizes(plain: &[u8], packed: &[u8]) -> Result<Sizes> {
    Ok(Sizes { plain: int(plain.len())?, packed: int(packed.len())? })
}

fn int(value: usize) -> Result<i32> {
    i32::try_from(value).map_err(|_| ParquetError::General("a page is larger than 2 GiB".into()))
}

/// The levels of a page. Most often all are the same.
struct LevelRun {
    bits: u8,
    /// So many of the level `first`; then `all` is empty.
    same: usize,
    first: u32,
    all: Vec<u32>,
}

impl LevelRun {
    fn new(max: u32) -> LevelRun {
        LevelRun { bits: rle::bits_of(max), same: 0, first: 0, all: Vec::new() }
    }

    fn len(&self) -> usize {
        self.same + self.all.len()
    }

    fn repeat(&mut self, level: u32, count: usize) {
        if self.len() == 0 {
            self.first = level;
        }
        if self.all.is_empty() && level == self.first {
            self.same += count;
            return;
        }
        if self.all.is_empty() {
            self.all.resize(std::mem::take(&mut self.same), self.first);
        }
        self.all.resize(self.all.len() + count, level);
    }

    /// Behind their length, and takes them out.
    fn write(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match self.all.is_empty() {
            true => rle::run(self.first, self.same, self.bits, out),
            false => rle::encode(&self.all, self.bits, out),
        }
        let len = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&len.to_le_bytes());
        self.same = 0;
        self.all.clear();
    }
}
