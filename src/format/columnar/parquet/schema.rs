//! The schema of a Parquet file as a tree of nodes with their levels, and the Arrow type of each.
//!
//! A level says how much of a path is there (definition) and which list goes on (repetition); the rules are those of
//! the format's specification, also the ones for lists of older writers.

use std::sync::Arc;

use arrow_schema::{DataType as Arrow, Field, Fields, IntervalUnit, TimeUnit as ArrowUnit};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type;

use crate::data::{DataType, arrow};

/// Groups within groups beyond this are not read.
const DEPTH_MAX: usize = 32;

/// A column or a part of one.
#[derive(Debug, Clone)]
pub struct Node {
    pub field: Field,
    /// Definition level at which the innermost list around it has an element; 0 outside of lists.
    pub slot: i16,
    /// Definition level at which it is not null.
    pub def: i16,
    /// Lists around it.
    pub rep: i16,
    pub kind: NodeKind,
}

#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Number of its column among all leaves.
    Leaf(usize),
    Struct(Vec<Node>),
    /// `element`: definition level at which there is an element.
    List {
        element: i16,
        item: Box<Node>,
    },
}

impl Node {
    /// The leaves of it, in order.
    pub fn leaves(&self, out: &mut Vec<usize>) {
        match &self.kind {
            NodeKind::Leaf(leaf) => out.push(*leaf),
            NodeKind::Struct(fields) => fields.iter().for_each(|field| field.leaves(out)),
            NodeKind::List { item, .. } => item.leaves(out),
        }
    }
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    slot: i16,
    def: i16,
    rep: i16,
}

/// The columns of a file. Those with a type that is not known are left out.
pub fn columns(root: &Type) -> Vec<Node> {
    let mut leaf = 0;
    let nodes = root.get_fields().iter().map(|ty| node(ty, Levels::default(), &mut leaf, 0));
    nodes.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Counts the leaves also of what it cannot read.
fn node(ty: &Type, around: Levels, leaf: &mut usize, depth: usize) -> Option<Node> {
    match ty.get_basic_info().has_repetition().then(|| ty.get_basic_info().repetition()) {
        Some(Repetition::REPEATED) => {
            // Repeated without being marked as a list: a list that is never null.
            let element = around.def + 1;
            let inner = Levels { slot: element, def: element, rep: around.rep + 1 };
            let item = bare(ty, inner, leaf, depth);
            Some(list(ty.name(), false, around, element, item?))
        }
        Some(Repetition::OPTIONAL) => bare(ty, Levels { def: around.def + 1, ..around }, leaf, depth),
        _ => bare(ty, around, leaf, depth),
    }
}

fn list(name: &str, nullable: bool, at: Levels, element: i16, item: Node) -> Node {
    let ty = Arrow::List(Arc::new(item.field.clone()));
    let kind = NodeKind::List { element, item: Box::new(item) };
    Node { field: Field::new(name, ty, nullable), slot: at.slot, def: at.def, rep: at.rep, kind }
}

/// Its own repetition is in `at` already.
fn bare(ty: &Type, at: Levels, leaf: &mut usize, depth: usize) -> Option<Node> {
    let Levels { slot, def, rep } = at;
    let nullable = ty.is_optional();
    if ty.is_primitive() {
        let number = *leaf;
        *leaf += 1;
        let mut field = Field::new(ty.name(), arrow_type(ty)?, nullable);
        let info = ty.get_basic_info();
        if info.logical_type_ref() == Some(&LogicalType::Json) || info.converted_type() == ConvertedType::JSON {
            field = arrow::marked(field, DataType::Json);
        }
        return Some(Node { field, slot, def, rep, kind: NodeKind::Leaf(number) });
    }
    let fields = ty.get_fields();
    if depth >= DEPTH_MAX || fields.is_empty() {
        *leaf += leaves(ty);
        return None;
    }
    let info = ty.get_basic_info();
    let is_list = info.converted_type() == ConvertedType::LIST || info.logical_type_ref() == Some(&LogicalType::List);
    let is_map = matches!(info.converted_type(), ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
        || info.logical_type_ref() == Some(&LogicalType::Map);
    if let ([repeated], true) = (fields, is_list || is_map)
        && repeated.get_basic_info().has_repetition()
        && repeated.get_basic_info().repetition() == Repetition::REPEATED
    {
        let element = def + 1;
        let inner = Levels { slot: element, def: element, rep: rep + 1 };
        let item = match repeated.is_group() && !is_map && wraps(ty, repeated) {
            true => node(&repeated.get_fields()[0], inner, leaf, depth + 1),
            false => bare(repeated, inner, leaf, depth + 1),
        };
        return Some(list(ty.name(), nullable, at, element, item?));
    }
    let parts: Vec<Option<Node>> = fields.iter().map(|field| node(field, at, leaf, depth + 1)).collect();
    let parts: Vec<Node> = parts.into_iter().collect::<Option<_>>()?;
    let names: Fields = parts.iter().map(|part| part.field.clone()).collect();
    let field = Field::new(ty.name(), Arrow::Struct(names), nullable);
    Some(Node { field, slot, def, rep, kind: NodeKind::Struct(parts) })
}

/// Whether the repeated group of a list only wraps its element; of older writers it is the element.
fn wraps(list: &Type, repeated: &Type) -> bool {
    let name = repeated.name();
    repeated.get_fields().len() == 1 && name != "array" && name != format!("{}_tuple", list.name())
}

fn leaves(ty: &Type) -> usize {
    if ty.is_primitive() { 1 } else { ty.get_fields().iter().map(|field| leaves(field)).sum() }
}

/// The Arrow type of a primitive; `None` if it has none that is read.
fn arrow_type(ty: &Type) -> Option<Arrow> {
    let info = ty.get_basic_info();
    if let Some(decimal) = decimal(ty) {
        return Some(decimal);
    }
    let (logical, converted) = (info.logical_type_ref(), info.converted_type());
    Some(match ty.get_physical_type() {
        Physical::BOOLEAN => Arrow::Boolean,
        Physical::INT32 => match (logical, converted) {
            (Some(LogicalType::Integer(int)), _) if !int.is_signed => Arrow::UInt32,
            (_, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32) => Arrow::UInt32,
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Arrow::Date32,
            (Some(LogicalType::Time(_)), _) | (_, ConvertedType::TIME_MILLIS) => Arrow::Time32(ArrowUnit::Millisecond),
            _ => Arrow::Int32,
        },
        Physical::INT64 => match (logical, converted) {
            (Some(LogicalType::Integer(int)), _) if !int.is_signed => Arrow::UInt64,
            (_, ConvertedType::UINT_64) => Arrow::UInt64,
            (Some(LogicalType::Timestamp(stamp)), _) => {
                Arrow::Timestamp(unit(&stamp.unit), stamp.is_adjusted_to_u_t_c.then(|| "UTC".into()))
            }
            (_, ConvertedType::TIMESTAMP_MILLIS) => Arrow::Timestamp(ArrowUnit::Millisecond, Some("UTC".into())),
            (_, ConvertedType::TIMESTAMP_MICROS) => Arrow::Timestamp(ArrowUnit::Microsecond, Some("UTC".into())),
            (Some(LogicalType::Time(time)), _) => Arrow::Time64(unit(&time.unit)),
            (_, ConvertedType::TIME_MICROS) => Arrow::Time64(ArrowUnit::Microsecond),
            _ => Arrow::Int64,
        },
        // Nanoseconds and a day: what Impala and older Spark write for timestamps.
        Physical::INT96 => Arrow::Timestamp(ArrowUnit::Microsecond, None),
        Physical::FLOAT => Arrow::Float32,
        Physical::DOUBLE => Arrow::Float64,
        Physical::BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => Arrow::Utf8View,
            (_, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Arrow::Utf8View,
            _ => Arrow::BinaryView,
        },
        Physical::FIXED_LEN_BYTE_ARRAY => match (logical, converted, length(ty)) {
            (Some(LogicalType::Float16), _, 2) => Arrow::Float16,
            (_, ConvertedType::INTERVAL, 12) => Arrow::Interval(IntervalUnit::MonthDayNano),
            // As text, which is what everybody knows them by.
            (Some(LogicalType::Uuid), _, 16) => Arrow::Utf8View,
            _ => Arrow::BinaryView,
        },
    })
}

fn decimal(ty: &Type) -> Option<Arrow> {
    let info = ty.get_basic_info();
    let (precision, scale) = match info.logical_type_ref() {
        Some(LogicalType::Decimal(decimal)) => (decimal.precision, decimal.scale),
        _ if info.converted_type() == ConvertedType::DECIMAL => (ty.get_precision(), ty.get_scale()),
        _ => return None,
    };
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
    let fits = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
    fits.then_some(Arrow::Decimal128(precision, scale))
}

/// Of values of a fixed length, in bytes.
pub fn length(ty: &Type) -> usize {
    match ty {
        Type::PrimitiveType { type_length, .. } => usize::try_from(*type_length).unwrap_or(0),
        Type::GroupType { .. } => 0,
    }
}

fn unit(unit: &TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::MILLIS => ArrowUnit::Millisecond,
        TimeUnit::MICROS => ArrowUnit::Microsecond,
        TimeUnit::NANOS => ArrowUnit::Nanosecond,
    }
}
