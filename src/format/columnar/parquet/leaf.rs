//! The values of one leaf with their levels, and the array of its slots.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, BinaryViewArray, BooleanArray, Decimal128Array, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, IntervalMonthDayNano, NullBuffer};
use arrow_schema::{DataType as Arrow, TimeUnit};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{AsBytes, ByteArray, FixedLenByteArray, Int96};
use parquet::schema::types::ColumnDescriptor;

use super::failed;
use super::schema::Node;
use crate::error::Result;
use crate::format::columnar::broken;

/// Reads a leaf bit by bit.
pub struct Leaf {
    reader: ColumnReader,
    max_def: i16,
    max_rep: i16,
}

/// Some rows of a leaf.
pub struct LeafRows {
    /// A level for each entry: of each value, null and empty list; empty where all is required.
    pub def: Vec<i16>,
    /// As `def`; empty outside of lists.
    pub rep: Vec<i16>,
    pub entries: usize,
    values: Dense,
}

/// Values without nulls.
enum Dense {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Leaf {
    pub fn new(reader: ColumnReader, column: &ColumnDescriptor) -> Leaf {
        Leaf { reader, max_def: column.max_def_level(), max_rep: column.max_rep_level() }
    }

    /// The next `rows` rows. Errors: there are fewer, or they are not what their headers say.
    pub fn read(&mut self, rows: usize) -> Result<LeafRows> {
        let (mut def, mut rep) = (Vec::new(), Vec::new());
        let with_def = (self.max_def > 0).then_some(&mut def);
        let with_rep = (self.max_rep > 0).then_some(&mut rep);
        macro_rules! read {
            ($reader:expr, $kind:ident) => {{
                let mut values = Vec::new();
                let read = $reader.read_records(rows, with_def, with_rep, &mut values).map_err(failed)?;
                (read, Dense::$kind(values))
            }};
        }
        let ((records, _, entries), values) = match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => read!(reader, Boolean),
            ColumnReader::Int32ColumnReader(reader) => read!(reader, Int32),
            ColumnReader::Int64ColumnReader(reader) => read!(reader, Int64),
            ColumnReader::Int96ColumnReader(reader) => read!(reader, Int96),
            ColumnReader::FloatColumnReader(reader) => read!(reader, Float),
            ColumnReader::DoubleColumnReader(reader) => read!(reader, Double),
            ColumnReader::ByteArrayColumnReader(reader) => read!(reader, Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => read!(reader, Fixed),
        };
        if records != rows {
            return Err(broken("a column has fewer rows than its row group"));
        }
        Ok(LeafRows { def, rep, entries, values })
    }
}

impl LeafRows {
    /// Definition levels of the entries with which a slot of a node begins, which has `rep` lists around it, and its
    /// slots from definition level `slot` on.
    pub fn slots(&self, rep: i16, slot: i16) -> impl Iterator<Item = i16> + '_ {
        let level = |entry: usize| self.def.get(entry).copied().unwrap_or(0);
        let begins = move |entry: &usize| self.rep.get(*entry).is_none_or(|&r| r <= rep);
        (0..self.entries).filter(begins).map(level).filter(move |&def| def >= slot)
    }

    /// Which slots of `node` are not null; `None` if all are.
    pub fn valid(&self, node: &Node) -> Option<Vec<bool>> {
        // Without an end in the middle, which would be asked for at each.
        if self.def.iter().fold(i16::MAX, |least, &def| least.min(def)) >= node.def {
            return None;
        }
        let valid = || self.slots(node.rep, node.slot).map(|def| def >= node.def).collect();
        (node.def > node.slot).then(valid)
    }

    /// The array of a leaf.
    pub fn array(self, node: &Node) -> Result<ArrayRef> {
        let valid = self.valid(node).filter(|valid| valid.contains(&false));
        let spread = Spread { valid };
        let ty = node.field.data_type();
        Ok(match (self.values, ty) {
            (Dense::Boolean(values), _) => {
                let (values, nulls) = spread.over(values, Some)?;
                Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
            }
            (Dense::Int32(values), Arrow::Decimal128(p, s)) => spread.decimal(values, |v| Some(v.into()), (*p, *s))?,
            (Dense::Int64(values), Arrow::Decimal128(p, s)) => spread.decimal(values, |v| Some(v.into()), (*p, *s))?,
            (Dense::Bytes(values), Arrow::Decimal128(p, s)) => {
                spread.decimal(values, |v| big_endian(v.data()), (*p, *s))?
            }
            (Dense::Fixed(values), Arrow::Decimal128(p, s)) => {
                spread.decimal(values, |v| big_endian(v.data()), (*p, *s))?
            }
            (Dense::Int32(values), Arrow::UInt32) => spread.primitive::<UInt32Type, _>(values, |v| Some(v as u32))?,
            (Dense::Int32(values), Arrow::Date32) => spread.same::<Date32Type>(values)?,
            (Dense::Int32(values), Arrow::Time32(_)) => spread.primitive::<Time32MillisecondType, _>(values, Some)?,
            (Dense::Int32(values), _) => spread.same::<Int32Type>(values)?,
            (Dense::Int64(values), Arrow::UInt64) => spread.primitive::<UInt64Type, _>(values, |v| Some(v as u64))?,
            (Dense::Int64(values), Arrow::Timestamp(unit, zone)) => spread.timestamp(values, *unit, zone.clone())?,
            (Dense::Int64(values), Arrow::Time64(TimeUnit::Nanosecond)) => {
                spread.primitive::<Time64NanosecondType, _>(values, Some)?
            }
            (Dense::Int64(values), Arrow::Time64(_)) => spread.primitive::<Time64MicrosecondType, _>(values, Some)?,
            (Dense::Int64(values), _) => spread.same::<Int64Type>(values)?,
            (Dense::Int96(values), _) => spread.primitive::<TimestampMicrosecondType, _>(values, micros)?,
            (Dense::Float(values), _) => spread.same::<Float32Type>(values)?,
            (Dense::Double(values), _) => spread.same::<Float64Type>(values)?,
            (Dense::Bytes(values), Arrow::Utf8View) => spread.text(values.iter().map(|value| value.as_bytes()))?,
            (Dense::Bytes(values), _) => spread.bytes(values.iter().map(|value| value.as_bytes()))?,
            (Dense::Fixed(values), Arrow::Float16) => spread.primitive::<Float16Type, _>(values, half)?,
            (Dense::Fixed(values), Arrow::Interval(_)) => {
                spread.primitive::<IntervalMonthDayNanoType, _>(values, interval)?
            }
            (Dense::Fixed(values), Arrow::Utf8View) => {
                let texts: Vec<Vec<u8>> = values.iter().map(uuid).collect();
                spread.text(texts.iter().map(Vec::as_slice))?
            }
            (Dense::Fixed(values), _) => spread.bytes(values.iter().map(|value| value.as_bytes()))?,
        })
    }
}

/// Puts values where slots are not null.
struct Spread {
    /// `None`: no slot is null.
    valid: Option<Vec<bool>>,
}

impl Spread {
    fn over<V, T: Default + Clone>(
        self,
        values: Vec<V>,
        change: impl Fn(V) -> Option<T>,
    ) -> Result<(Vec<T>, Option<NullBuffer>)> {
        let mut values = values.into_iter().map(|value| change(value).ok_or_else(too_large));
        let Some(valid) = self.valid else { return Ok((values.collect::<Result<_>>()?, None)) };
        let next = |valid: &bool| match valid {
            true => values.next().ok_or_else(too_few)?,
            false => Ok(T::default()),
        };
        let out = valid.iter().map(next).collect::<Result<Vec<T>>>()?;
        Ok((out, Some(NullBuffer::from(valid))))
    }

    fn primitive<T: ArrowPrimitiveType, V>(
        self,
        values: Vec<V>,
        change: impl Fn(V) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let (values, nulls) = self.over(values, change)?;
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
    }

    /// Values that the array has as they are.
    fn same<T: ArrowPrimitiveType>(self, values: Vec<T::Native>) -> Result<ArrayRef> {
        match self.valid {
            None => Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), None))),
            Some(_) => self.primitive::<T, _>(values, Some),
        }
    }

    fn decimal<V>(self, values: Vec<V>, change: impl Fn(V) -> Option<i128>, (p, s): (u8, i8)) -> Result<ArrayRef> {
        let (values, nulls) = self.over(values, change)?;
        let array = Decimal128Array::new(values.into(), nulls).with_precision_and_scale(p, s).map_err(broken)?;
        Ok(Arc::new(array))
    }

    fn timestamp(self, values: Vec<i64>, unit: TimeUnit, zone: Option<Arc<str>>) -> Result<ArrayRef> {
        fn of<T: ArrowTimestampType>(spread: Spread, values: Vec<i64>, zone: Option<Arc<str>>) -> Result<ArrayRef> {
            let (values, nulls) = match spread.valid {
                None => (values, None),
                Some(_) => spread.over(values, Some)?,
            };
            Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_timezone_opt(zone)))
        }
        match unit {
            TimeUnit::Second => of::<TimestampSecondType>(self, values, zone),
            TimeUnit::Millisecond => of::<TimestampMillisecondType>(self, values, zone),
            TimeUnit::Microsecond => of::<TimestampMicrosecondType>(self, values, zone),
            TimeUnit::Nanosecond => of::<TimestampNanosecondType>(self, values, zone),
        }
    }

    fn text<'a>(self, values: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
        let text = self.views(values)?.to_string_view();
        text.map(|text| Arc::new(text) as ArrayRef).map_err(|_| not_text())
    }

    fn bytes<'a>(self, values: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
        Ok(Arc::new(self.views(values)?))
    }

    fn views<'a>(self, mut values: impl Iterator<Item = &'a [u8]>) -> Result<BinaryViewArray> {
        let mut builder = BinaryViewBuilder::new();
        match self.valid {
            None => values.for_each(|value| builder.append_value(value)),
            Some(valid) => {
                for valid in valid {
                    match valid {
                        true => builder.append_value(values.next().ok_or_else(too_few)?),
                        false => builder.append_null(),
                    }
                }
            }
        }
        Ok(builder.finish())
    }
}

fn too_few() -> crate::error::Error {
    broken("a column has fewer values than its levels say")
}

fn too_large() -> crate::error::Error {
    broken("a value is larger than its type")
}

fn not_text() -> crate::error::Error {
    broken("a value of a text column is not UTF-8")
}

/// Two's complement, the highest byte first.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let mut wide = [fill; 16];
    let (more, last) = bytes.split_at(bytes.len().saturating_sub(16));
    wide[16 - last.len()..].copy_from_slice(last);
    let value = i128::from_be_bytes(wide);
    (more.iter().all(|&byte| byte == fill) && (value < 0) == negative).then_some(value)
}

/// Nanoseconds of a day and the Julian day.
fn micros(value: Int96) -> Option<i64> {
    const EPOCH: i64 = 2_440_588;
    let &[low, high, day] = value.data() else { return None };
    let nanos = (u64::from(high) << 32 | u64::from(low)) as i64;
    (i64::from(day) - EPOCH).checked_mul(86_400_000_000)?.checked_add(nanos.div_euclid(1_000))
}

fn half(value: FixedLenByteArray) -> Option<half::f16> {
    Some(half::f16::from_le_bytes(value.data().try_into().ok()?))
}

/// Months, days and milliseconds.
fn interval(value: FixedLenByteArray) -> Option<IntervalMonthDayNano> {
    let part = |at: usize| Some(u32::from_le_bytes(value.data().get(at..at + 4)?.try_into().ok()?));
    let (months, days) = (i32::try_from(part(0)?).ok()?, i32::try_from(part(4)?).ok()?);
    Some(IntervalMonthDayNano::new(months, days, i64::from(part(8)?) * 1_000_000))
}

fn uuid(value: &FixedLenByteArray) -> Vec<u8> {
    use std::fmt::Write;
    let mut text = String::with_capacity(36);
    for (at, byte) in value.data().iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into_bytes()
}
