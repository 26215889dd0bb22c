//! An expression as written. Names are not looked up here.

use std::ops::Range;

use super::value::Scalar;
use crate::data::DataType;

/// A piece of an expression. Equal are pieces that say the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Ast {
    pub kind: AstKind,
    /// Bytes of the text.
    pub span: Range<usize>,
}

impl PartialEq for Ast {
    fn eq(&self, other: &Ast) -> bool {
        self.kind == other.kind
    }
}

impl Ast {
    /// How often a child stands in what becomes of this: `greatest(a, b)` compares each with each.
    pub fn repeats(&self, child: &Ast) -> u64 {
        match &self.kind {
            AstKind::Call(call) if matches!(call.name.as_str(), "greatest" | "least") => call.args.len() as u64 + 1,
            AstKind::Call(call) if call.name == "nullif" => 2,
            AstKind::Between(value, ..) if std::ptr::eq(&**value, child) => 2,
            AstKind::Case { operand: Some(value), whens, .. } if std::ptr::eq(&**value, child) => whens.len() as u64,
            _ => 1,
        }
    }

    pub fn children(&self) -> Vec<&Ast> {
        use AstKind::*;
        match &self.kind {
            Column { .. } | Literal(..) | TypedText(..) => Vec::new(),
            Negate(a) | Not(a) | Field(a, ..) | IsNull(a, _) | IsTruth(a, ..) | Cast { value: a, .. } => vec![a],
            And(parts) | Or(parts) => parts.iter().collect(),
            Binary(_, a, b) => vec![a, b],
            In(a, list, _) => std::iter::once(&**a).chain(list).collect(),
            Between(a, low, high, _) => vec![a, low, high],
            Like { value, pattern, .. } | Regex { value, pattern, .. } => vec![value, pattern],
            Case { operand, whens, otherwise } => operand
                .iter()
                .chain(otherwise)
                .map(|part| &**part)
                .chain(whens.iter().flat_map(|(when, then)| [when, then]))
                .collect(),
            Struct(fields) => fields.iter().map(|(_, value)| value).collect(),
            Call(call) => call.args.iter().chain(call.filter.iter().map(|f| &**f)).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum AstKind {
    /// `quoted`: written in double quotes, which other languages use for text.
    Column {
        name: String,
        quoted: bool,
    },
    Literal(Scalar, DataType),
    /// `TIMESTAMP '…'` and `DATE '…'`, not parsed yet.
    TypedText(DataType, String),
    /// `value.name`
    Field(Box<Ast>, String, Range<usize>),
    /// `struct(value AS name, …)`
    Struct(Vec<(String, Ast)>),
    Negate(Box<Ast>),
    Not(Box<Ast>),
    And(Vec<Ast>),
    Or(Vec<Ast>),
    Binary(BinaryOp, Box<Ast>, Box<Ast>),
    /// `IS [NOT] NULL`
    IsNull(Box<Ast>, Negated),
    /// `IS [NOT] TRUE | FALSE`
    IsTruth(Box<Ast>, bool, Negated),
    In(Box<Ast>, Vec<Ast>, Negated),
    Between(Box<Ast>, Box<Ast>, Box<Ast>, Negated),
    Like {
        value: Box<Ast>,
        pattern: Box<Ast>,
        escape: Option<char>,
        ignore_case: bool,
        negated: Negated,
    },
    /// `~` and its kin.
    Regex {
        value: Box<Ast>,
        pattern: Box<Ast>,
        ignore_case: bool,
        negated: Negated,
    },
    Case {
        operand: Option<Box<Ast>>,
        whens: Vec<(Ast, Ast)>,
        otherwise: Option<Box<Ast>>,
    },
    Cast {
        value: Box<Ast>,
        ty: DataType,
        /// What cannot be converted is null.
        try_: bool,
    },
    Call(Call),
}

/// Whether `NOT` stands before the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negated {
    No,
    Yes,
}

impl Negated {
    pub fn from_bool(negated: bool) -> Negated {
        if negated { Negated::Yes } else { Negated::No }
    }
}

#[derive(Debug, Clone)]
pub struct Call {
    /// In lower case.
    pub name: String,
    pub name_span: Range<usize>,
    pub args: Vec<Ast>,
    /// `count(*)`
    pub star: bool,
    pub distinct: bool,
    pub filter: Option<Box<Ast>>,
}

impl PartialEq for Call {
    fn eq(&self, other: &Call) -> bool {
        self.name == other.name
            && self.args == other.args
            && self.star == other.star
            && self.distinct == other.distinct
            && self.filter == other.filter
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Distinct,
    NotDistinct,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Add => "+",
            Subtract => "-",
            Multiply => "*",
            Divide => "/",
            Modulo => "%",
            Concat => "||",
            Equal => "=",
            NotEqual => "<>",
            Less => "<",
            LessEqual => "<=",
            Greater => ">",
            GreaterEqual => ">=",
            Distinct => "IS DISTINCT FROM",
            NotDistinct => "IS NOT DISTINCT FROM",
        }
    }
}

/// An item of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*` and `* EXCEPT (a, b)`, names with their places.
    All { except: Vec<(String, Range<usize>)>, span: Range<usize> },
    /// `expr AS name`, or a column under its own name.
    Expr { ast: Ast, name: String, name_span: Range<usize> },
}

/// An item of an order list. Nulls come first unless said otherwise, or last behind `DESC`: a null is less than
/// any value.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    pub ast: Ast,
    pub descending: bool,
    pub nulls_first: bool,
}
