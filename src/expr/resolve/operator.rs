//! Types of operators.

use std::ops::Range;

use super::super::ExprError;
use super::super::ast::{Ast, AstKind, BinaryOp};
use super::super::typed::{Node, Typed};
use super::super::types::{DIVISION_SCALE_MIN, PRECISION_MAX, as_decimal, common, digits};
use super::super::value::Scalar;
use super::{Resolver, Result, coerce, coerce_at, fold, type_error};
use crate::data::DataType;

impl Resolver<'_> {
    pub(super) fn negate(&mut self, a: &Ast) -> Result<Typed> {
        let typed = self.resolve(a)?;
        if typed.is_null_literal() {
            return Ok(typed);
        }
        if !typed.ty.is_numeric() {
            return Err(type_error(a, "`-` takes a number", typed.ty, DataType::Double));
        }
        Ok(Typed::new(typed.ty, Node::Negate(Box::new(typed))))
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: &Ast, b: &Ast, span: &Range<usize>) -> Result<Typed> {
        use BinaryOp::*;
        match op {
            Add | Subtract if matches!(a.kind, AstKind::Interval(_)) || matches!(b.kind, AstKind::Interval(_)) => {
                self.shift(op, a, b, span)
            }
            Add | Subtract | Multiply | Divide | Modulo => self.arithmetic(op, a, b, span),
            Concat => self.concat(a, b),
            _ => self.compare(op, a, b),
        }
        .map(fold)
    }

    /// timestamp ± interval.
    fn shift(&mut self, op: BinaryOp, a: &Ast, b: &Ast, span: &Range<usize>) -> Result<Typed> {
        let (value, micros) = match (&a.kind, &b.kind) {
            (_, AstKind::Interval(micros)) if op == BinaryOp::Subtract => (a, -micros),
            (_, AstKind::Interval(micros)) => (a, *micros),
            (AstKind::Interval(micros), _) if op == BinaryOp::Add => (b, *micros),
            _ => {
                return Err(ExprError::new(
                    span.clone(),
                    "a timestamp cannot be subtracted from an interval",
                    "not this way",
                ));
            }
        };
        if matches!(value.kind, AstKind::Interval(_)) {
            return Err(ExprError::new(span.clone(), "two intervals do not make a value", "needs a timestamp")
                .help("add them one after the other to a timestamp"));
        }
        let typed = self.resolve(value)?;
        let typed = coerce_at(typed, DataType::Timestamp, value)?;
        Ok(Typed::new(DataType::Timestamp, Node::Shift(Box::new(typed), micros)))
    }

    fn concat(&mut self, a: &Ast, b: &Ast) -> Result<Typed> {
        let mut sides = [a, b].into_iter().map(|ast| {
            let typed = self.resolve(ast)?;
            coerce(typed, DataType::String)
                .map_err(|typed| type_error(ast, "`||` joins strings", typed.ty, DataType::String))
        });
        let (Some(a), Some(b)) = (sides.next(), sides.next()) else { unreachable!("there are two sides") };
        Ok(Typed::new(DataType::String, Node::Concat(Box::new(a?), Box::new(b?))))
    }

    fn compare(&mut self, op: BinaryOp, a: &Ast, b: &Ast) -> Result<Typed> {
        let (left, right) = (self.resolve(a)?, self.resolve(b)?);
        let is_text = |t: &Typed| t.ty == DataType::String && t.is_constant();
        let ty = if left.is_null_literal() {
            Some(right.ty)
        } else if right.is_null_literal() {
            Some(left.ty)
        } else if left.ty == DataType::Timestamp && is_text(&right) || right.ty == DataType::Timestamp && is_text(&left)
        {
            Some(DataType::Timestamp)
        } else {
            let (l, r) = operand_types(&left, &right);
            common(l, r)
        };
        let Some(ty) = ty else {
            let (l, r) = (left.ty, right.ty);
            let error = ExprError::new(
                a.span.start..b.span.end,
                format!("`{}` compares values of one type, not {l} with {r}", op.symbol()),
                format!("{l} {} {r}", op.symbol()),
            );
            return Err(error.help(compare_help(&left, &right)));
        };
        let (left, right) = match ty {
            // Decimals of one scale compare as they are, whatever their precision.
            DataType::Decimal { scale, .. } if !left.is_null_literal() && !right.is_null_literal() => {
                let (l, r) = operand_types(&left, &right);
                (to_scale(left, l, scale), to_scale(right, r, scale))
            }
            ty => (coerce_at(left, ty, a)?, coerce_at(right, ty, b)?),
        };
        Ok(Typed::new(DataType::Boolean, Node::Compare(op, Box::new(left), Box::new(right))))
    }

    fn arithmetic(&mut self, op: BinaryOp, a: &Ast, b: &Ast, span: &Range<usize>) -> Result<Typed> {
        let (mut left, mut right) = (self.resolve(a)?, self.resolve(b)?);
        if left.is_null_literal() {
            left = Typed::literal(Scalar::Null, if right.ty.is_numeric() { right.ty } else { DataType::Int });
        }
        if right.is_null_literal() {
            right = Typed::literal(Scalar::Null, left.ty);
        }
        if left.ty == DataType::Timestamp || right.ty == DataType::Timestamp {
            return Err(timestamp_arithmetic(op, &left, &right, span));
        }
        for (side, ast) in [(&left, a), (&right, b)] {
            if !side.ty.is_numeric() {
                let error = type_error(ast, &format!("`{}` takes numbers", op.symbol()), side.ty, DataType::Double);
                let plus = op == BinaryOp::Add && side.ty == DataType::String;
                return Err(if plus {
                    error.help("texts are joined with `||`; for a number write CAST(… AS double)")
                } else {
                    error
                });
            }
        }
        let (l, r) = operand_types(&left, &right);
        let ty = match (l, r) {
            (DataType::Int, DataType::Int) => DataType::Int,
            _ => match (as_decimal(l), as_decimal(r)) {
                (Some(l), Some(r)) => decimal_result(op, l, r).ok_or_else(|| {
                    ExprError::new(
                        span.clone(),
                        "the result has more than 38 digits behind the point",
                        "too many digits",
                    )
                    .help("CAST one side to a decimal with fewer digits, or to double")
                })?,
                _ => DataType::Double,
            },
        };
        let (left, right) = match ty {
            DataType::Decimal { scale, .. } if !matches!(op, BinaryOp::Multiply | BinaryOp::Divide) => {
                (to_scale(left, l, scale), to_scale(right, r, scale))
            }
            // Multiplication and division take decimals as they are.
            DataType::Decimal { .. } => (to_decimal(left, l), to_decimal(right, r)),
            ty => (coerce_at(left, ty, a)?, coerce_at(right, ty, b)?),
        };
        Ok(Typed::new(ty, Node::Arithmetic(op, Box::new(left), Box::new(right))))
    }
}

/// The types of both sides; beside a decimal, a constant int is a decimal of just its own digits, so that
/// `amount > 500` does not widen the column.
fn operand_types(left: &Typed, right: &Typed) -> (DataType, DataType) {
    let narrowed = |side: &Typed, other: &Typed| match (side.as_constant(), other.ty) {
        (Some(Scalar::Int(v)), DataType::Decimal { .. }) => {
            DataType::Decimal { precision: digits(i128::from(*v)).max(1), scale: 0 }
        }
        _ => side.ty,
    };
    (narrowed(left, right), narrowed(right, left))
}

fn cast_decimal(typed: Typed, precision: u8, scale: u8) -> Typed {
    let ty = DataType::Decimal { precision, scale };
    if typed.ty == ty { typed } else { fold(Typed::new(ty, Node::Cast { value: Box::new(typed), try_: false })) }
}

fn to_decimal(typed: Typed, ty: DataType) -> Typed {
    let (precision, scale) = as_decimal(ty).unwrap_or((PRECISION_MAX, 0));
    cast_decimal(typed, precision, scale)
}

fn to_scale(typed: Typed, ty: DataType, scale: u8) -> Typed {
    let (p, s) = as_decimal(ty).unwrap_or((PRECISION_MAX, 0));
    cast_decimal(typed, (p - s + scale).min(PRECISION_MAX), scale)
}

fn decimal_result(op: BinaryOp, (p, s): (u8, u8), (q, t): (u8, u8)) -> Option<DataType> {
    let scale = s.max(t);
    let (precision, scale) = match op {
        BinaryOp::Add | BinaryOp::Subtract => ((p - s).max(q - t) + scale + 1, scale),
        BinaryOp::Modulo => ((p - s).max(q - t) + scale, scale),
        BinaryOp::Multiply => (p + q, s + t),
        _ => (PRECISION_MAX, scale.max(DIVISION_SCALE_MIN)),
    };
    (scale <= PRECISION_MAX).then_some(DataType::Decimal { precision: precision.min(PRECISION_MAX), scale })
}

fn timestamp_arithmetic(op: BinaryOp, left: &Typed, right: &Typed, span: &Range<usize>) -> ExprError {
    let (l, r) = (left.ty, right.ty);
    let error = ExprError::new(
        span.clone(),
        format!("there is no {l} {} {r}", op.symbol()),
        format!("{l} {} {r}", op.symbol()),
    );
    if l == r && op == BinaryOp::Subtract {
        return error.help("write epoch_ms(a) - epoch_ms(b) for the milliseconds between two timestamps");
    }
    error.help("a timestamp moves by an interval: x + INTERVAL '5 minutes'")
}

fn compare_help(left: &Typed, right: &Typed) -> String {
    let pair = [left.ty, right.ty];
    if pair.contains(&DataType::String) {
        let other = if left.ty == DataType::String { right.ty } else { left.ty };
        return format!("write CAST(… AS {other}) around the string, or CAST(… AS string) around the {other}");
    }
    if pair.contains(&DataType::Timestamp) {
        return "use to_timestamp_ms(x) around the number, or epoch_ms(x) around the timestamp".to_owned();
    }
    "write CAST(… AS …) around one of them".to_owned()
}
