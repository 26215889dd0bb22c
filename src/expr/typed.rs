//! An expression with settled types: columns by number, functions bound, constants folded.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use super::ast::{BinaryOp, Negated};
use super::function::Kernel;
use super::kernel::like::LikePattern;
use super::value::Scalar;
use crate::data::DataType;

/// An expression over the columns of a batch. Cheap enough to clone per subtask.
#[derive(Debug, Clone)]
pub struct Typed {
    pub ty: DataType,
    pub(crate) node: Node,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Column {
        index: usize,
        name: String,
    },
    Literal(Scalar),
    /// Wall time: that of the block's tick.
    Now,
    /// Operands of the types that the operator's kernel takes.
    Arithmetic(BinaryOp, Box<Typed>, Box<Typed>),
    /// Operands of one type.
    Compare(BinaryOp, Box<Typed>, Box<Typed>),
    Concat(Box<Typed>, Box<Typed>),
    /// A timestamp moved by so many µs.
    Shift(Box<Typed>, i64),
    Negate(Box<Typed>),
    Not(Box<Typed>),
    And(Vec<Typed>),
    Or(Vec<Typed>),
    IsNull(Box<Typed>, Negated),
    IsTruth(Box<Typed>, bool, Negated),
    /// A list of constants, without null, and whether there was a null in it.
    In {
        value: Box<Typed>,
        list: Vec<Scalar>,
        has_null: bool,
        negated: Negated,
    },
    Like(Box<Typed>, LikePattern, Negated),
    Regex(Box<Typed>, Arc<Regex>, Negated),
    Case {
        whens: Vec<(Typed, Typed)>,
        otherwise: Box<Typed>,
    },
    Coalesce(Vec<Typed>),
    Cast {
        value: Box<Typed>,
        try_: bool,
    },
    /// Null where the value fails.
    Try(Box<Typed>),
    /// A part that other expressions have, too, by its number: see [`super::Expressions`].
    Shared(usize, Box<Typed>),
    /// A field of a struct, by its number and name.
    Field(Box<Typed>, usize, String),
    Call {
        name: &'static str,
        args: Vec<Typed>,
        kernel: Kernel,
    },
}

impl Typed {
    pub(crate) fn new(ty: DataType, node: Node) -> Typed {
        Typed { ty, node }
    }

    /// The column `index` of the input.
    pub fn column(index: usize, name: &str, ty: DataType) -> Typed {
        Typed::new(ty, Node::Column { index, name: name.to_owned() })
    }

    pub fn literal(value: Scalar, ty: DataType) -> Typed {
        Typed::new(ty, Node::Literal(value))
    }

    /// The value, if the expression is a constant.
    pub fn as_constant(&self) -> Option<&Scalar> {
        match &self.node {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_constant(&self) -> bool {
        self.as_constant().is_some()
    }

    /// The column's number, if the expression is nothing but a column.
    pub fn as_column(&self) -> Option<usize> {
        match &self.node {
            Node::Column { index, .. } => Some(*index),
            _ => None,
        }
    }

    pub(crate) fn is_null_literal(&self) -> bool {
        self.as_constant().is_some_and(Scalar::is_null)
    }

    /// Numbers of the columns that are read, ascending, each once.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.visit(&mut |typed| columns.extend(typed.as_column()));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Numbers and names of the columns that are read, in the order they are written, each once.
    pub fn named_columns<'a>(&'a self, found: &mut Vec<(usize, &'a str)>) {
        if let Node::Column { index, name } = &self.node
            && !found.iter().any(|(i, _)| i == index)
        {
            found.push((*index, name));
        }
        self.children().into_iter().for_each(|child| child.named_columns(found));
    }

    /// Whether it has `now()` in it, and so needs ticks.
    pub fn uses_now(&self) -> bool {
        let mut found = false;
        self.visit(&mut |typed| found |= matches!(typed.node, Node::Now));
        found
    }

    /// How many parts it has, with itself.
    pub(crate) fn size(&self) -> usize {
        let mut count = 0;
        self.visit(&mut |_| count += 1);
        count
    }

    /// Gives every column a new number, as when unused ones were left out.
    pub fn remap(&mut self, number: &dyn Fn(usize) -> usize) {
        if let Node::Column { index, .. } = &mut self.node {
            *index = number(*index);
        }
        for child in self.children_mut() {
            child.remap(number);
        }
    }

    fn visit(&self, see: &mut dyn FnMut(&Typed)) {
        see(self);
        for child in self.children() {
            child.visit(see);
        }
    }

    pub(crate) fn children(&self) -> Vec<&Typed> {
        match &self.node {
            Node::Column { .. } | Node::Literal(_) | Node::Now => Vec::new(),
            Node::Arithmetic(_, a, b) | Node::Compare(_, a, b) | Node::Concat(a, b) => vec![a, b],
            Node::Shift(a, _)
            | Node::Negate(a)
            | Node::Not(a)
            | Node::IsNull(a, _)
            | Node::IsTruth(a, ..)
            | Node::Like(a, ..)
            | Node::Regex(a, ..)
            | Node::Field(a, ..)
            | Node::Shared(_, a)
            | Node::Try(a) => vec![a],
            Node::In { value, .. } | Node::Cast { value, .. } => vec![value],
            Node::And(parts) | Node::Or(parts) | Node::Coalesce(parts) => parts.iter().collect(),
            Node::Call { args, .. } => args.iter().collect(),
            Node::Case { whens, otherwise } => {
                whens.iter().flat_map(|(when, then)| [when, then]).chain([&**otherwise]).collect()
            }
        }
    }

    pub(crate) fn children_mut(&mut self) -> Vec<&mut Typed> {
        match &mut self.node {
            Node::Column { .. } | Node::Literal(_) | Node::Now => Vec::new(),
            Node::Arithmetic(_, a, b) | Node::Compare(_, a, b) | Node::Concat(a, b) => vec![a, b],
            Node::Shift(a, _)
            | Node::Negate(a)
            | Node::Not(a)
            | Node::IsNull(a, _)
            | Node::IsTruth(a, ..)
            | Node::Like(a, ..)
            | Node::Regex(a, ..)
            | Node::Field(a, ..)
            | Node::Shared(_, a)
            | Node::Try(a) => vec![a],
            Node::In { value, .. } | Node::Cast { value, .. } => vec![value],
            Node::And(parts) | Node::Or(parts) | Node::Coalesce(parts) => parts.iter_mut().collect(),
            Node::Call { args, .. } => args.iter_mut().collect(),
            Node::Case { whens, otherwise } => {
                whens.iter_mut().flat_map(|(when, then)| [when, then]).chain([&mut **otherwise]).collect()
            }
        }
    }
}

/// SQL text with every operand in parentheses that needs them, for plans.
impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negated: Negated| if negated == Negated::Yes { "NOT " } else { "" };
        match &self.node {
            Node::Column { name, .. } => write_name(f, name),
            Node::Literal(value) => f.write_str(&value.display(self.ty)),
            Node::Now => f.write_str("now()"),
            Node::Arithmetic(op, a, b) | Node::Compare(op, a, b) => {
                write!(f, "{} {} {}", Inner(a), op.symbol(), Inner(b))
            }
            Node::Concat(a, b) => write!(f, "{} || {}", Inner(a), Inner(b)),
            Node::Shift(a, micros) => {
                let sign = if *micros < 0 { '-' } else { '+' };
                write!(f, "{} {sign} INTERVAL '{} us'", Inner(a), micros.unsigned_abs())
            }
            // Two signs would begin a comment.
            Node::Negate(a) => match Inner(a).to_string() {
                text if text.starts_with('-') => write!(f, "-({text})"),
                text => write!(f, "-{text}"),
            },
            Node::Not(a) => write!(f, "NOT {}", Inner(a)),
            Node::And(parts) => write_list(f, parts, " AND ", true),
            Node::Or(parts) => write_list(f, parts, " OR ", true),
            Node::IsNull(a, negated) => write!(f, "{} IS {}NULL", Inner(a), not(*negated)),
            Node::IsTruth(a, truth, negated) => {
                write!(f, "{} IS {}{}", Inner(a), not(*negated), if *truth { "TRUE" } else { "FALSE" })
            }
            Node::In { value, list, has_null, negated } => {
                let mut items: Vec<String> = list.iter().map(|v| v.display(value.ty)).collect();
                items.extend(has_null.then(|| "NULL".to_owned()));
                write!(f, "{} {}IN ({})", Inner(value), not(*negated), items.join(", "))
            }
            Node::Like(a, pattern, negated) => write!(f, "{} {}{pattern}", Inner(a), not(*negated)),
            Node::Regex(a, regex, negated) => {
                let sign = if *negated == Negated::Yes { "!~" } else { "~" };
                write!(f, "{} {sign} '{}'", Inner(a), regex.as_str().replace('\'', "''"))
            }
            Node::Case { whens, otherwise } => {
                f.write_str("CASE")?;
                for (when, then) in whens {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                write!(f, " ELSE {otherwise} END")
            }
            Node::Coalesce(parts) => {
                f.write_str("coalesce(")?;
                write_list(f, parts, ", ", false)?;
                f.write_str(")")
            }
            Node::Cast { value, try_ } => {
                write!(f, "{}({value} AS {})", if *try_ { "TRY_CAST" } else { "CAST" }, self.ty)
            }
            Node::Try(a) => write!(f, "TRY({a})"),
            Node::Shared(_, a) => write!(f, "{a}"),
            Node::Field(a, _, name) => {
                write!(f, "{}.", Inner(a))?;
                write_name(f, name)
            }
            Node::Call { name: "struct", args, .. } if let DataType::Struct(fields) = self.ty => {
                f.write_str("struct(")?;
                for (i, (arg, field)) in args.iter().zip(fields).enumerate() {
                    write!(f, "{}{arg} AS ", if i > 0 { ", " } else { "" })?;
                    write_name(f, &field.name)?;
                }
                f.write_str(")")
            }
            Node::Call { name, args, .. } => {
                write!(f, "{name}(")?;
                write_list(f, args, ", ", false)?;
                f.write_str(")")
            }
        }
    }
}

/// An operand: in parentheses unless it stands for itself.
struct Inner<'a>(&'a Typed);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.node {
            Node::Shared(_, a) => write!(f, "{}", Inner(a)),
            Node::Column { .. }
            | Node::Literal(_)
            | Node::Now
            | Node::Call { .. }
            | Node::Coalesce(_)
            | Node::Cast { .. }
            | Node::Try(_)
            | Node::Field(..)
            | Node::Case { .. } => write!(f, "{}", self.0),
            _ => write!(f, "({})", self.0),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, parts: &[Typed], separator: &str, inner: bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        if inner { write!(f, "{}", Inner(part))? } else { write!(f, "{part}")? }
    }
    Ok(())
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.chars().all(|c| c == '_' || c.is_alphanumeric()) && !name.starts_with(|c: char| c.is_numeric());
    if plain { f.write_str(name) } else { write!(f, "\"{}\"", name.replace('"', "\"\"")) }
}
