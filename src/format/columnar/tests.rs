//! Files of columns: what is written is read back, and what is broken is said to be.

use std::io;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::data::{Column, ColumnBuilder, DataType, Interval};
use crate::format::{Decoded, Format, SourceField};

/// A file in memory.
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.0.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }
}

fn parquet(compression: Compression, row_group: usize) -> Format {
    Format::Parquet(ParquetOptions { compression, row_group })
}

fn formats() -> Vec<Format> {
    let all = [Compression::None, Compression::Snappy, Compression::Zstd, Compression::Gzip, Compression::Lz4];
    let mut formats: Vec<Format> = all.into_iter().map(|how| parquet(how, 50)).collect();
    formats.push(Format::Arrow(ArrowOptions));
    formats
}

/// Every type, and types in types.
fn schema() -> Vec<Field> {
    let inner = DataType::structure(vec![
        Field { name: "a".into(), ty: DataType::Int },
        Field { name: "b c".into(), ty: DataType::list(DataType::String) },
    ]);
    let types = [
        DataType::Boolean,
        DataType::Int,
        DataType::Double,
        DataType::Decimal { precision: 9, scale: 2 },
        DataType::Decimal { precision: 18, scale: 0 },
        DataType::Decimal { precision: 38, scale: 20 },
        DataType::String,
        DataType::Timestamp,
        DataType::Bytes,
        DataType::Date,
        DataType::Interval,
        DataType::Json,
        DataType::list(DataType::Int),
        DataType::list(DataType::list(DataType::Boolean)),
        inner,
        DataType::list(inner),
    ];
    let named = |(i, ty)| Field { name: format!("c{i}"), ty };
    types.into_iter().enumerate().map(named).collect()
}

/// Values from a stream of numbers, so that a seed is enough.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn text(&mut self) -> String {
        let long = ["", "a", "äöü", "a text of more than twelve bytes", "\"quoted\"\n"][self.roll(5) as usize];
        format!("{long}{}", if self.roll(3) == 0 { self.roll(1 << 30).to_string() } else { String::new() })
    }

    fn value(&mut self, builder: &mut ColumnBuilder) {
        if self.roll(5) == 0 {
            return builder.append_null();
        }
        let wide = (self.roll(1 << 30) as i64 - (1 << 29)).wrapping_mul(self.roll(1 << 30) as i64 + 1);
        match builder {
            ColumnBuilder::Boolean(b) => b.append_value(self.roll(2) == 0),
            ColumnBuilder::Int(b) => b.append_value([wide, i64::MIN, i64::MAX, 0][self.roll(4) as usize]),
            ColumnBuilder::Double(b) => b.append_value([wide as f64 / 7.0, -0.0, f64::INFINITY][self.roll(3) as usize]),
            ColumnBuilder::Decimal(b, precision, _) => {
                let limit = 10_i128.pow((*precision).into());
                let value = i128::from(wide).wrapping_mul(i128::from(wide)).wrapping_mul(1_000_003);
                b.append_value([value % limit, limit - 1, 1 - limit, -1][self.roll(4) as usize]);
            }
            ColumnBuilder::String(b) => b.append_value(self.text()),
            ColumnBuilder::Timestamp(b) => b.append_value(wide),
            ColumnBuilder::Bytes(b) => {
                b.append_value([&[0xff, 0, 0x80][..], b"", b"plain bytes, and many"][self.roll(3) as usize])
            }
            ColumnBuilder::Date(b) => b.append_value(wide as i32 / 1000),
            ColumnBuilder::Interval(b) => {
                let value = Interval { months: -3, days: self.roll(50) as i32, micros: wide / 1000 };
                b.append_value(value.to_arrow());
            }
            ColumnBuilder::Json(b) => b.append_value(["{\"a\": [1, null]}", "\"text\"", "12"][self.roll(3) as usize]),
            ColumnBuilder::List(b) => {
                (0..self.roll(4)).for_each(|_| self.value(b.items()));
                b.end();
            }
            ColumnBuilder::Struct(b) => {
                b.fields().iter_mut().for_each(|field| self.value(field));
                b.end();
            }
        }
    }

    fn batch(&mut self, schema: &[Field], rows: usize) -> Batch {
        let column = |field: &Field| {
            let mut builder = ColumnBuilder::new(field.ty, rows);
            (0..rows).for_each(|_| self.value(&mut builder));
            builder.finish()
        };
        let columns = schema.iter().map(column).collect::<Vec<_>>();
        Batch::new(columns, rows)
    }
}

/// A file of these batches; `cuts`: how it is interrupted behind some of them and gone on with.
fn write(format: &Format, schema: &[Field], batches: &[Batch], cuts: &[bool]) -> Vec<u8> {
    let new = || file_encoder(format, schema, true).unwrap();
    let (mut encoder, mut out) = (new(), Vec::new());
    encoder.begin(&mut out).unwrap();
    for (number, batch) in batches.iter().enumerate() {
        encoder.rows(batch, &mut out).unwrap();
        if cuts.get(number).copied().unwrap_or(false) {
            encoder.cut(&mut out).unwrap();
            encoder = new();
            encoder.resume(&Memory(out.clone())).unwrap();
        }
    }
    encoder.finish(&mut out).unwrap();
    out
}

fn open_bytes(format: &Format, bytes: Vec<u8>) -> Result<Arc<dyn Columnar>> {
    open(format, Arc::new(Memory(bytes)))
}

/// All rows of a file, and what is wrong with it.
fn read(file: &Arc<dyn Columnar>, fields: &[SourceField], used: &[usize]) -> (Vec<Decoded>, Option<Error>) {
    let mut decoder = GroupDecoder::new(fields, used);
    let mut parts = Vec::new();
    for index in 0..file.groups().len() {
        let mut decoded = decoder.decode_some(&Group { file: file.clone(), index }, 33);
        loop {
            let (more, failed) = (decoded.more, decoded.failed.take());
            parts.push(decoded);
            match (more, failed) {
                (_, Some(error)) => return (parts, Some(error)),
                (true, None) => decoded = decoder.go_on(),
                (false, None) => break,
            }
        }
    }
    (parts, None)
}

fn rows_of(columns: &[&Column], rows: usize) -> Vec<String> {
    (0..rows).map(|row| columns.iter().map(|column| column.display(row)).collect::<Vec<_>>().join("|")).collect()
}

fn rows_of_batches<'a>(batches: impl Iterator<Item = (&'a [Column], usize)>, used: &[usize]) -> Vec<String> {
    batches.flat_map(|(columns, rows)| rows_of(&used.iter().map(|&i| &columns[i]).collect::<Vec<_>>(), rows)).collect()
}

fn declared(schema: &[Field]) -> Vec<SourceField> {
    schema.iter().map(|field| SourceField::new(&field.name, field.ty, None)).collect()
}

proptest! {
    #![proptest_config(crate::format::fuzz::cases(40))]

    #[test]
    fn what_is_written_is_read_back(
        seed in any::<u64>(),
        sizes in prop::collection::vec(0..120usize, 0..5),
        cuts in prop::collection::vec(any::<bool>(), 5),
        used in prop::collection::vec(0..16usize, 0..6),
    ) {
        let (schema, mut dice) = (schema(), Dice(seed));
        let batches: Vec<Batch> = sizes.iter().map(|&rows| dice.batch(&schema, rows)).collect();
        for format in formats() {
            let bytes = write(&format, &schema, &batches, &cuts);
            let file = open_bytes(&format, bytes).unwrap();
            let fields = declared(&schema);
            check(file.schema(), &fields).unwrap();
            let (parts, failed) = read(&file, &fields, &used);
            prop_assert!(failed.is_none(), "{format:?}: {failed:?}");
            prop_assert!(parts.iter().all(|part| part.bad.is_empty()));
            let all: Vec<usize> = (0..used.len()).collect();
            let got = rows_of_batches(parts.iter().map(|part| (&part.columns[..], part.rows)), &all);
            let expected = rows_of_batches(batches.iter().map(|batch| (&batch.columns[..], batch.rows)), &used);
            prop_assert_eq!(got, expected, "{:?}", format);
            // What is found in the file is what was written, but for intervals, which Parquet has as text.
            let found: Vec<String> = super::fields(file.schema()).iter().map(|f| format!("{} {}", f.name, f.ty)).collect();
            let written = schema.iter().map(|f| format!("{} {}", f.name, f.ty));
            let written: Vec<String> = match &format {
                Format::Parquet(_) => written.map(|text| text.replace("interval", "string")).collect(),
                _ => written.collect(),
            };
            prop_assert_eq!(found, written);
        }
    }

    #[test]
    fn a_broken_file_is_an_error_or_other_rows(
        seed in any::<u64>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (schema, mut dice) = (schema(), Dice(seed));
        let batches = [dice.batch(&schema, 70), dice.batch(&schema, 40)];
        for format in formats() {
            let mut bytes = write(&format, &schema, &batches, &[]);
            if let Some(cut) = &cut {
                let at = cut.index(bytes.len());
                bytes.truncate(at);
            }
            for (place, byte) in &places {
                if !bytes.is_empty() {
                    let at = place.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            if let Ok(file) = open_bytes(&format, bytes) {
                let fields = declared(&schema);
                if check(file.schema(), &fields).is_ok() && file.groups().iter().all(|group| group.rows < 1000) {
                    let used: Vec<usize> = (0..schema.len()).collect();
                    let _ = read(&file, &fields, &used);
                }
            }
        }
    }
}
