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

/// An Arrow file of one column of ints, as other tools compress it.
fn packed(how: arrow_ipc::CompressionType) -> Vec<u8> {
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
    let schema = arrow_schema::Schema::new(vec![ArrowField::new("n", arrow_schema::DataType::Int64, false)]);
    let array = arrow_array::Int64Array::from_iter_values((0..5000).map(|n| n / 7));
    let batch = arrow_array::RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(array)]).unwrap();
    let options = IpcWriteOptions::default().try_with_compression(Some(how)).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn compressed_arrow_files() {
    let format = Format::Arrow(ArrowOptions);
    let fields = [SourceField::new("n", DataType::Int, None)];
    for how in [arrow_ipc::CompressionType::LZ4_FRAME, arrow_ipc::CompressionType::ZSTD] {
        let bytes = packed(how);
        let (parts, failed) = read(&open_bytes(&format, bytes.clone()).unwrap(), &fields, &[0]);
        assert!(failed.is_none(), "{how:?}: {failed:?}");
        let rows = rows_of_batches(parts.iter().map(|part| (&part.columns[..], part.rows)), &[0]);
        assert_eq!(rows, (0..5000).map(|n| (n / 7).to_string()).collect::<Vec<_>>(), "{how:?}");
        // The buffer says that it becomes 40,000 bytes; then, that it becomes a petabyte.
        let says = 40_000_i64.to_le_bytes();
        let at = bytes.windows(8).position(|window| window == says).unwrap();
        let mut lying = bytes;
        lying[at..at + 8].copy_from_slice(&(1_i64 << 50).to_le_bytes());
        let (_, failed) = read(&open_bytes(&format, lying).unwrap(), &fields, &[0]);
        let said = failed.unwrap().to_string();
        assert!(said.contains("says that it is larger than it can be"), "{how:?}: {said}");
    }
}

/// Columns by which every way of writing a chunk is gone: with a dictionary, without one, from one to the other. What
/// they have in a row is given as text.
type Way = (&'static str, DataType, fn(usize) -> Option<String>);

const WAYS: [Way; 10] = [
    ("few", DataType::Int, |row| (row % 7 != 0).then(|| (row as i64 * row as i64 % 5 - 2).to_string())),
    ("all", DataType::Int, |row| Some((row as i64 * 7919 - 1_000_000).to_string())),
    ("more", DataType::Int, |row| Some((row * 7919 % 9001).to_string())),
    ("none", DataType::Int, |_| None),
    ("doubles", DataType::Double, |row| (row % 100 < 60).then(|| format!("{}.5", row % 77))),
    ("flag", DataType::Boolean, |row| (row % 5 != 1).then(|| (row % 3 == 0).to_string())),
    ("words", DataType::String, |row| Some(["apple", "", "a pear of more than twelve bytes"][row / 9 % 3].into())),
    ("texts", DataType::String, |row| (row % 4 != 3).then(|| format!("{}{row}", "é".repeat(40)))),
    // Few at first, then all different: the dictionary becomes too large in the middle.
    ("late", DataType::String, |row| Some(if row < 25_000 { format!("{}", row % 50) } else { format!("{row:080}") })),
    ("wide", DataType::Decimal { precision: 30, scale: 2 }, |row| Some(format!("{row}0000000000000000000.17"))),
];

#[test]
fn chunks_of_many_pages_are_read_back() {
    const ROWS: usize = 70_000;
    let fields: Vec<Field> = WAYS.iter().map(|(name, ty, _)| Field { name: (*name).into(), ty: *ty }).collect();
    let column = |(_, ty, value): &Way| {
        let mut builder = ColumnBuilder::new(*ty, ROWS);
        (0..ROWS).for_each(|row| match value(row) {
            Some(text) => builder.append_text(&text).unwrap(),
            None => builder.append_null(),
        });
        builder.finish()
    };
    let columns: Vec<Column> = WAYS.iter().map(column).collect();
    let batch = Batch::new(columns, ROWS);
    for format in [parquet(Compression::Snappy, ROWS), parquet(Compression::None, ROWS / 2)] {
        let bytes = write(&format, &fields, std::slice::from_ref(&batch), &[]);
        // However the rows come, the file is the same.
        let sizes = [5_000, 3, 45_000, 1, 0, 19_996];
        let starts = sizes.iter().scan(0, |at, size| Some(std::mem::replace(at, *at + size)));
        let part = |(start, &size): (usize, &usize)| {
            Batch::new(batch.columns.iter().map(|column| column.slice(start, size)).collect::<Vec<_>>(), size)
        };
        let parts: Vec<Batch> = starts.zip(&sizes).map(part).collect();
        assert!(write(&format, &fields, &parts, &[]) == bytes);
        let file = open_bytes(&format, bytes).unwrap();
        let all: Vec<usize> = (0..fields.len()).collect();
        let (parts, failed) = read(&file, &declared(&fields), &all);
        assert!(failed.is_none(), "{failed:?}");
        let got = rows_of_batches(parts.iter().map(|part| (&part.columns[..], part.rows)), &all);
        let expected = rows_of(&batch.columns.iter().collect::<Vec<_>>(), ROWS);
        assert_eq!(got.len(), ROWS);
        for (row, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "row {row}");
        }
    }
}

#[test]
fn pages_of_lists_end_where_rows_end() {
    const ROWS: usize = 10_000;
    let list = DataType::list(DataType::String);
    let mut builder = ColumnBuilder::new(list, ROWS);
    for row in 0..ROWS {
        let ColumnBuilder::List(lists) = &mut builder else { panic!("a list") };
        (0..row % 13).for_each(|item| lists.items().append_text(&format!("{row} {item}")).unwrap());
        lists.end();
    }
    let batch = Batch::new(vec![builder.finish()], ROWS);
    let fields = [Field { name: "list".into(), ty: list }];
    let format = parquet(Compression::Lz4, ROWS);
    let bytes = write(&format, &fields, std::slice::from_ref(&batch), &[]);
    let file = open_bytes(&format, bytes).unwrap();
    let (parts, failed) = read(&file, &declared(&fields), &[0]);
    assert!(failed.is_none(), "{failed:?}");
    let got = rows_of_batches(parts.iter().map(|part| (&part.columns[..], part.rows)), &[0]);
    assert!(got == rows_of(&[&batch.columns[0]], ROWS));
}

#[test]
fn statistics_of_parquet_are_bounds() {
    use ::parquet::file::metadata::ParquetMetaDataReader;
    let long = "é".repeat(50);
    /// A column's type, its values, and its bounds.
    type Case<'a> = (DataType, Vec<Option<&'a str>>, [&'a str; 2]);
    let columns: [Case<'_>; 7] = [
        (DataType::Int, vec![Some("3"), None, Some("-5"), None], ["-5", "3"]),
        (DataType::Double, vec![Some("1.5"), None, Some("-0.25"), Some("1")], ["-0.25", "1.5"]),
        (DataType::Double, vec![Some("1.5"), None, Some("NaN"), Some("1")], ["", ""]),
        (DataType::Boolean, vec![None, Some("true"), Some("true"), None], ["true", "true"]),
        (DataType::String, vec![Some("b"), Some(&long), None, Some("aa")], ["aa", &long]),
        (DataType::Int, vec![None; 4], ["", ""]),
        (DataType::Decimal { precision: 30, scale: 1 }, vec![Some("-1"), Some("7.5"), None, None], ["-10", "75"]),
    ];
    let build = |(ty, values, _): &Case<'_>| {
        let mut builder = ColumnBuilder::new(*ty, values.len());
        values.iter().for_each(|value| match value {
            Some(text) => builder.append_text(text).unwrap(),
            None => builder.append_null(),
        });
        builder.finish()
    };
    let field = |(number, (ty, ..)): (usize, &Case<'_>)| Field { name: format!("c{number}"), ty: *ty };
    let fields: Vec<Field> = columns.iter().enumerate().map(field).collect();
    let batch = Batch::new(columns.iter().map(build).collect::<Vec<_>>(), 4);
    let bytes = write(&parquet(Compression::Snappy, 100), &fields, &[batch], &[]);
    let tail = bytes.len() - 8;
    let size = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap()) as usize;
    let metadata = ParquetMetaDataReader::decode_metadata(&bytes[tail - size..tail]).unwrap();
    for (number, (ty, values, bounds)) in columns.iter().enumerate() {
        let statistics = metadata.row_group(0).column(number).statistics().unwrap();
        let nulls = values.iter().filter(|value| value.is_none()).count() as u64;
        assert_eq!(statistics.null_count_opt(), Some(nulls), "{ty}");
        let shown = |bytes: Option<&[u8]>| match (bytes, ty) {
            (None, _) => String::new(),
            (Some(bytes), DataType::Int) => i64::from_le_bytes(bytes.try_into().unwrap()).to_string(),
            (Some(bytes), DataType::Double) => f64::from_le_bytes(bytes.try_into().unwrap()).to_string(),
            (Some(bytes), DataType::Boolean) => (bytes == [1]).to_string(),
            (Some(bytes), DataType::String) => String::from_utf8(bytes.to_vec()).unwrap(),
            (Some(bytes), _) => {
                bytes.iter().fold(-i128::from(bytes[0] >> 7), |n, b| n << 8 | i128::from(*b)).to_string()
            }
        };
        let (low, high) = (shown(statistics.min_bytes_opt()), shown(statistics.max_bytes_opt()));
        assert_eq!(low, bounds[0], "{ty}");
        match ty {
            // There is no ASCII in it of which a greater, shorter one could be made.
            DataType::String => assert_eq!((high.as_str(), statistics.max_is_exact()), (bounds[1], true)),
            _ => assert_eq!(high, bounds[1], "{ty}"),
        }
    }
}
